//! The last lines that a host wrote to its standard error, for the case that it ends unexpectedly.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::thread::{Builder, JoinHandle};

/// This many lines are kept.
const KEPT: usize = 20;

/// The longest line that is kept whole, in bytes.
const LONGEST: usize = 500;

/// Reads until the end.
#[derive(Debug)]
pub(super) struct LastWords(JoinHandle<VecDeque<String>>);

impl LastWords {
    pub(super) fn of(stderr: impl Read + Send + 'static) -> std::io::Result<Self> {
        let read = move || {
            let mut kept = VecDeque::new();
            let mut input = BufReader::new(stderr);
            let mut line = Vec::new();
            while input.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                line.truncate(LONGEST);
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                if !text.is_empty() {
                    kept.push_back(text);
                }
                if kept.len() > KEPT {
                    kept.pop_front();
                }
            }
            kept
        };
        Builder::new().name("last words".to_owned()).spawn(read).map(Self)
    }

    /// The lines, once the host has ended.
    pub(super) fn end(self) -> Vec<String> {
        self.0.join().map(Vec::from).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_and_long_ones_are_cut() {
        let mut lines: Vec<String> = (0..100).map(|line| format!("line {line}")).collect();
        lines.push("x".repeat(100_000));
        let text = lines.join("\n");
        let kept = LastWords::of(std::io::Cursor::new(text)).unwrap().end();
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept[KEPT - 2], "line 99");
        assert_eq!(kept[KEPT - 1].len(), LONGEST);
    }
}
