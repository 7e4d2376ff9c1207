//! The program's error messages.

use clap::error::ErrorKind;
use raftdeck_protocol::printable;
use std::error::Error;
use std::fmt;
use std::io::{self, Write};

/// A command line that can be parsed, but requests something impossible.
#[derive(Debug)]
pub(crate) struct WrongUsage {
    pub(crate) kind: ErrorKind,
    pub(crate) why: String,
}

impl WrongUsage {
    pub(crate) fn new(kind: ErrorKind, why: impl fmt::Display) -> Self {
        Self { kind, why: why.to_string() }
    }
}

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Error for WrongUsage {}

/// Prints it on the standard error.
pub(crate) fn complain(what: &str) {
    // If standard error is closed, the message cannot be shown.
    let _ = writeln!(io::stderr(), "raftdeck: {}", printable::lines(what));
}

/// An error with its causes, each stated once.
pub(crate) fn sentence(error: &color_eyre::Report) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once() {
        let inner = color_eyre::eyre::eyre!("the disk is full");
        let error = inner.wrap_err("no log: the disk is full").wrap_err("n1 cannot start");
        assert_eq!(sentence(&error), "n1 cannot start: no log: the disk is full");
    }
}
