//! The lines that a program prints, each waited for with a deadline.

use super::PATIENCE;
use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, channel};

/// What a program prints, line by line.
pub(crate) struct Lines(Receiver<String>);

impl Lines {
    /// Reads on until the output ends or nobody wants its lines any more.
    pub(crate) fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.all(|line| sender.send(line).is_ok())
        });
        Self(lines)
    }

    /// Waits for a line that gives something.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, what: &str, mut wanted: impl FnMut(&str) -> Option<T>) -> T {
        let mut seen = Vec::new();
        loop {
            let Ok(line) = self.0.recv_timeout(PATIENCE) else {
                panic!("waited in vain: {what}; the lines:\n{}", seen.join("\n"));
            };
            if let Some(found) = wanted(&line) {
                return found;
            }
            seen.push(line);
        }
    }
}
