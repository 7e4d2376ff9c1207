//! What a node writes, cut into lines. It is untrusted: long lines are cut, and control characters are made visible.

use raftdeck_protocol::printable::visible;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest line that is passed on, in bytes. The rest of a longer one is left out.
const MAX_LINE: usize = 4 << 10;

/// Bytes read at a time.
const CHUNK: usize = 4 << 10;

/// A pipe that is read line by line.
pub(crate) struct PipeLines<R> {
    pipe: R,
    chunk: Box<[u8]>,
    splitter: Splitter,
    ended: bool,
}

impl<R: AsyncRead + Unpin> PipeLines<R> {
    pub(crate) fn new(pipe: R) -> Self {
        Self { pipe, chunk: vec![0; CHUNK].into(), splitter: Splitter::default(), ended: false }
    }

    /// Whether all holders of the other end have closed it.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// The lines that the next read completes: possibly none. A read error counts as the end. Nothing is lost when
    /// the call is cancelled.
    pub(crate) async fn next(&mut self) -> Vec<String> {
        let read = self.pipe.read(&mut self.chunk).await.unwrap_or(0);
        if read == 0 {
            self.ended = true;
            return self.splitter.rest().into_iter().collect();
        }
        self.splitter.split(&self.chunk[..read])
    }
}

/// Cuts bytes into lines of text.
#[derive(Default)]
struct Splitter {
    /// The line so far, at most [`MAX_LINE`] bytes of it.
    begun: Vec<u8>,
    /// Whether a part of it was left out.
    cut: bool,
}

impl Splitter {
    fn split(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut parts = bytes.split(|&byte| byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = MAX_LINE - self.begun.len();
            self.cut |= part.len() > room;
            self.begun.extend_from_slice(&part[..part.len().min(room)]);
            if parts.peek().is_some() {
                lines.push(self.line());
            }
        }
        lines
    }

    /// The last line, if it did not end in a line break.
    fn rest(&mut self) -> Option<String> {
        (!self.begun.is_empty()).then(|| self.line())
    }

    fn line(&mut self) -> String {
        let begun = std::mem::take(&mut self.begun);
        // A terminal must never obey what a node wrote.
        let mut line = visible(String::from_utf8_lossy(&begun).trim_end()).into_owned();
        if std::mem::take(&mut self.cut) {
            line.push('…');
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_survive_any_cut_of_the_bytes() {
        let written = "one\nzwölf\r\n\nlast".as_bytes();
        for at in 0..=written.len() {
            let mut splitter = Splitter::default();
            let mut lines = splitter.split(&written[..at]);
            lines.extend(splitter.split(&written[at..]));
            lines.extend(splitter.rest());
            assert_eq!(lines, ["one", "zwölf", "", "last"], "cut at {at}");
        }
    }

    #[tokio::test]
    async fn an_endless_line_is_cut_and_the_next_one_is_whole() {
        let mut written = vec![b'x'; 3 * MAX_LINE];
        written.extend_from_slice(b"\nnext\n");
        let mut lines = PipeLines::new(&written[..]);
        let mut got = Vec::new();
        while !lines.ended() {
            got.extend(lines.next().await);
        }
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].chars().count(), MAX_LINE + 1);
        assert!(got[0].ends_with('…'));
        assert_eq!(got[1], "next");
    }

    #[test]
    fn control_characters_and_bytes_that_are_no_text_are_made_visible() {
        let lines = Splitter::default().split(b"\x1b[31mred\x07 \xff\n");
        assert_eq!(lines, ["␛[31mred␇ \u{fffd}"]);
    }
}
