//! The deck for a screen reader on a terminal: lines that are added at the bottom, and below them the line that is being typed. The
//! cursor never goes up, nothing is drawn over, and no screen is taken over.

use super::terminal;
use raftdeck_deck::app::App;
use raftdeck_deck::reader::{Announcer, typed};
use raftdeck_protocol::printable;
use std::fmt::Write as _;
use std::io;
use std::time::Duration;

/// What was said, and what stands on the line of the cursor.
#[derive(Debug, Default)]
pub(super) struct Voice {
    announcer: Announcer,
    /// The line that is being typed, and how many of its characters are before the cursor.
    typed: Option<(String, usize)>,
}

impl Voice {
    /// Says what is new.
    pub(super) fn say(&mut self, app: &App, now: Duration) -> io::Result<()> {
        let lines = self.announcer.announce(app, now);
        let now_typed = typed(app).map(|(text, before)| (printable::line(&text).into_owned(), before));
        let bytes = bytes(&lines, self.typed.as_ref(), now_typed.as_ref());
        self.typed = now_typed;
        if bytes.is_empty() { Ok(()) } else { terminal::write(bytes.as_bytes()) }
    }

    /// When there will be something to say if nothing happens until then.
    pub(super) fn next_change(&self, app: &App) -> Option<Duration> {
        self.announcer.next_change(app)
    }
}

/// The bytes that add these lines, and turn the line that was being typed into the present one. A character at the end is only
/// written, or wiped out, so that a reader says that character and not the line.
fn bytes(lines: &[String], was: Option<&(String, usize)>, is: Option<&(String, usize)>) -> String {
    if lines.is_empty() && was == is {
        return String::new();
    }
    let at_end = |line: Option<&(String, usize)>| {
        line.filter(|(text, before)| text.chars().count() == *before).cloned()
    };
    if lines.is_empty()
        && let (Some((was, _)), Some((is, _))) = (at_end(was), at_end(is))
    {
        if let Some(added) = is.strip_prefix(&was) {
            return added.to_owned();
        }
        if let Some(removed) = was.strip_prefix(&is) {
            return "\x08 \x08".repeat(removed.chars().count());
        }
    }
    let mut bytes = if was.is_some() { "\r\x1b[K".to_owned() } else { String::new() };
    for line in lines {
        bytes.push_str(&printable::line(line));
        bytes.push_str("\r\n");
    }
    if let Some((text, before)) = is {
        bytes.push_str(text);
        match text.chars().count().saturating_sub(*before) {
            0 => {}
            after => {
                let _ = write!(bytes, "\x1b[{after}D");
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, before: usize) -> (String, usize) {
        (text.to_owned(), before)
    }

    #[test]
    fn a_typed_character_is_written_alone_and_a_line_comes_above_what_is_typed() {
        let (one, two) = (line("write: p", 8), line("write: pu", 9));
        assert_eq!(bytes(&[], Some(&one), Some(&two)), "u");
        assert_eq!(bytes(&[], Some(&two), Some(&one)), "\x08 \x08");
        assert_eq!(bytes(&[], Some(&one), Some(&one)), "");
        let news = ["n1 was killed.".to_owned()];
        assert_eq!(bytes(&news, Some(&one), Some(&one)), "\r\x1b[Kn1 was killed.\r\nwrite: p");
        assert_eq!(bytes(&[], Some(&two), Some(&line("write: pu", 7))), "\r\x1b[Kwrite: pu\x1b[2D");
        assert_eq!(bytes(&news, None, None), "n1 was killed.\r\n");
        assert_eq!(bytes(&[], Some(&one), None), "\r\x1b[K");
    }
}
