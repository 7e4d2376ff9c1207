//! What the environment says of the terminal. A function of the environment, so that a test can say what that is.

use raftdeck_deck::theme::ColourDepth;
use std::ffi::OsString;

/// Looks a variable up.
type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TerminalTraits {
    /// How many colours it has.
    pub(super) depth: ColourDepth,
    /// Whether its user wants no colours (<https://no-color.org>: any value but an empty one).
    pub(super) no_colour: bool,
    /// Whether only ASCII can be expected to be shown: the locale has another encoding than UTF-8.
    pub(super) ascii: bool,
    /// Whether it cannot place text, so that no screen can be drawn.
    pub(super) dumb: bool,
}

/// Terminals that have all colours, whatever `COLORTERM` says.
const WITH_ALL_COLOURS: [&str; 6] = ["kitty", "alacritty", "foot", "ghostty", "wezterm", "direct"];

/// Terminals that have sixteen colours, or may.
const WITH_FEW_COLOURS: [&str; 10] =
    ["", "linux", "xterm", "xterm-color", "screen", "tmux", "rxvt", "ansi", "cygwin", "dumb"];

impl TerminalTraits {
    /// Those of this environment.
    pub(super) fn of(environment: Environment<'_>) -> Self {
        let said = |name: &str| {
            environment(name)
                .map(|value| value.to_string_lossy().into_owned())
                .filter(|value| !value.is_empty())
        };
        let term = said("TERM").unwrap_or_default();
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(said);
        let dumb = term == "dumb";
        Self {
            depth: depth(&term, said("COLORTERM").as_deref()),
            no_colour: said("NO_COLOR").is_some(),
            ascii: dumb || locale.is_some_and(|locale| !is_utf_8(&locale)),
            dumb,
        }
    }
}

fn depth(term: &str, colorterm: Option<&str>) -> ColourDepth {
    if matches!(colorterm, Some("truecolor" | "24bit"))
        || WITH_ALL_COLOURS.iter().any(|name| term.contains(name))
    {
        ColourDepth::True
    } else if WITH_FEW_COLOURS.contains(&term) || term.starts_with("vt") || term.ends_with("-16color") {
        ColourDepth::Sixteen
    } else {
        ColourDepth::Indexed
    }
}

/// Such as `en_GB.UTF-8@euro`, `C.utf8`, and `UTF-8` alone, which macOS sets.
fn is_utf_8(locale: &str) -> bool {
    let locale = locale.split('@').next().unwrap_or_default();
    let charset = locale.rsplit('.').next().unwrap_or_default();
    matches!(charset.to_ascii_lowercase().as_str(), "utf-8" | "utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(variables: &[(&str, &str)]) -> TerminalTraits {
        TerminalTraits::of(&|name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn the_number_of_colours_is_what_the_terminal_says() {
        for (variables, depth) in [
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")][..], ColourDepth::True),
            (&[("TERM", "xterm"), ("COLORTERM", "24bit")], ColourDepth::True),
            (&[("TERM", "xterm-kitty")], ColourDepth::True),
            (&[("TERM", "xterm-direct")], ColourDepth::True),
            (&[("TERM", "xterm-256color")], ColourDepth::Indexed),
            (&[("TERM", "tmux-256color"), ("COLORTERM", "yes")], ColourDepth::Indexed),
            (&[("TERM", "linux")], ColourDepth::Sixteen),
            (&[("TERM", "xterm")], ColourDepth::Sixteen),
            (&[("TERM", "vt220")], ColourDepth::Sixteen),
            (&[], ColourDepth::Sixteen),
        ] {
            assert_eq!(traits(variables).depth, depth, "{variables:?}");
        }
    }

    #[test]
    fn a_locale_with_another_encoding_has_ascii_only() {
        for (variables, ascii) in [
            (&[("LANG", "en_GB.UTF-8")][..], false),
            (&[("LANG", "C.utf8")], false),
            (&[("LC_CTYPE", "UTF-8")], false),
            (&[("LANG", "de_DE.UTF-8@euro")], false),
            (&[("LANG", "C")], true),
            (&[("LANG", "POSIX")], true),
            (&[("LANG", "en_GB")], true),
            (&[("LANG", "de_DE.ISO-8859-15@euro")], true),
            (&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")], true),
            (&[("LC_ALL", "en_GB.UTF-8"), ("LC_CTYPE", "C")], false),
            (&[("LC_ALL", ""), ("LC_CTYPE", "C"), ("LANG", "en_GB.UTF-8")], true),
            // Nothing is said, and most terminals of today show UTF-8.
            (&[], false),
        ] {
            assert_eq!(traits(variables).ascii, ascii, "{variables:?}");
        }
    }

    #[test]
    fn a_dumb_terminal_has_no_screen_and_an_empty_no_color_says_nothing() {
        let dumb = traits(&[("TERM", "dumb"), ("LANG", "en_GB.UTF-8")]);
        assert!(dumb.dumb && dumb.ascii);
        assert!(!traits(&[("TERM", "xterm")]).dumb);
        assert!(traits(&[("NO_COLOR", "1")]).no_colour);
        assert!(!traits(&[("NO_COLOR", "")]).no_colour);
    }
}
