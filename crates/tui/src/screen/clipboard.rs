//! The clipboard, by OSC 52: the terminal is asked to take a text, which also works over ssh. Where it cannot, a file takes it.

use crate::commands::paths;
use crate::files;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use raftdeck_deck::app::copy::CopyTarget;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

/// The most bytes of the encoded text: what xterm and others take at least.
const MAX_ENCODED: usize = 74_994;

/// What stands between this program and the clipboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    /// Only the terminal.
    Nothing,
    /// tmux.
    Tmux,
    /// GNU screen.
    Screen,
    /// A terminal without a clipboard.
    NoClipboard,
}

/// Copies a text: what is to be written to the terminal, and where the text is then.
pub(crate) fn copy(text: &str) -> (Vec<u8>, Result<CopyTarget, String>) {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match sequence(text, between(variable)) {
        Some(bytes) => (bytes, Ok(CopyTarget::Terminal)),
        None => (Vec::new(), keep(text).map(CopyTarget::File)),
    }
}

fn between(variable: impl Fn(&str) -> Option<String>) -> Between {
    let term = variable("TERM").unwrap_or_default();
    match term.as_str() {
        "" | "dumb" | "linux" => Between::NoClipboard,
        _ if variable("TMUX").is_some() => Between::Tmux,
        _ if variable("STY").is_some() => Between::Screen,
        _ => Between::Nothing,
    }
}

/// What asks the terminal to take a text; `None`: it cannot, or not so long a one.
fn sequence(text: &str, between: Between) -> Option<Vec<u8>> {
    let encoded = STANDARD.encode(text);
    if encoded.len() > MAX_ENCODED {
        return None;
    }
    let plain = format!("\x1b]52;c;{encoded}\x07");
    match between {
        Between::NoClipboard => None,
        Between::Nothing => Some(plain.into_bytes()),
        // tmux takes it itself (set-clipboard on) or hands it through to the terminal (allow-passthrough on).
        Between::Tmux => {
            Some(format!("{plain}\x1bPtmux;{}\x1b\\", plain.replace('\x1b', "\x1b\x1b")).into_bytes())
        }
        Between::Screen => Some(in_pieces(&plain)),
    }
}

/// GNU screen hands through strings of limited length.
fn in_pieces(plain: &str) -> Vec<u8> {
    const PIECE: usize = 512;
    let wrapped = |piece: &[u8]| [b"\x1bP", piece, b"\x1b\\"].concat();
    plain.as_bytes().chunks(PIECE).flat_map(wrapped).collect()
}

/// Writes it to a file that only this user can read; its path.
fn keep(text: &str) -> Result<String, String> {
    let file = paths::clipboard().ok_or("there is no home directory for the file with it")?;
    let name = file.display().to_string();
    let written = file
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| files::replace(&file, text))
        .and_then(|()| fs::set_permissions(&file, Permissions::from_mode(0o600)));
    written.map(|()| name.clone()).map_err(|error| format!("{name} cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Between {
        between(|name| variables.iter().find(|(is, _)| *is == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn the_terminal_is_asked_and_what_stands_between_hands_it_through() {
        let to = |between| String::from_utf8(sequence("n1", between).unwrap()).unwrap();
        assert_eq!(to(Between::Nothing), "\x1b]52;c;bjE=\x07");
        assert_eq!(to(Between::Tmux), "\x1b]52;c;bjE=\x07\x1bPtmux;\x1b\x1b]52;c;bjE=\x07\x1b\\");
        assert_eq!(to(Between::Screen), "\x1bP\x1b]52;c;bjE=\x07\x1b\\");
    }

    #[test]
    fn a_terminal_without_a_clipboard_and_a_text_that_is_too_long_are_known() {
        assert_eq!(sequence("n1", Between::NoClipboard), None);
        assert_eq!(sequence(&"x".repeat(60_000), Between::Nothing), None);
        assert_eq!(of(&[("TERM", "linux")]), Between::NoClipboard);
        assert_eq!(of(&[]), Between::NoClipboard);
        assert_eq!(of(&[("TERM", "xterm-256color")]), Between::Nothing);
        assert_eq!(of(&[("TERM", "tmux-256color"), ("TMUX", "/tmp/tmux-0/default,1,0")]), Between::Tmux);
        assert_eq!(of(&[("TERM", "screen"), ("STY", "1.pts")]), Between::Screen);
    }
}
