//! The last step before a log line leaves the process: untrusted text in it must not control the terminal that shows
//! it. Tracing escapes ASCII's control characters in what is logged, and writes those of its colours itself; this
//! does the same for all others.

use raftdeck_protocol::printable::{self, is_unsafe};
use std::borrow::Cow;
use std::io::{self, Write};

/// A writer that is given whole lines.
pub(super) struct CleanedLines<W> {
    pub(super) inner: W,
    pub(super) is_json: bool,
}

impl<W: Write> Write for CleanedLines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        self.inner.write_all(washed(&text, self.is_json).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

fn washed(text: &str, is_json: bool) -> Cow<'_, str> {
    let is_hidden = |c: char| !c.is_ascii() && is_unsafe(c);
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut washed = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if is_hidden(c) && is_json => washed.push_str(&printable::json(c.encode_utf8(&mut [0; 4]))),
            c if is_hidden(c) => washed.push_str(&printable::line(c.encode_utf8(&mut [0; 4]))),
            c => washed.push(c),
        }
    }
    Cow::Owned(washed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_keeps_its_colours_and_nothing_of_a_strangers() {
        let line = "\u{1b}[32mINFO\u{1b}[0m it says \u{202e}evil\u{9b}2J\n";
        assert_eq!(washed(line, false), "\u{1b}[32mINFO\u{1b}[0m it says \\u{202e}evil\\u{9b}2J\n");
        assert_eq!(washed("{\"a\":\"\u{85}\"}\n", true), "{\"a\":\"\\u0085\"}\n");
    }
}
