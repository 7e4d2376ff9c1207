//! Printing: answers to the standard output, everything else to the standard error.

use super::manner::Manner;
use super::reply::Reply;
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_protocol::printable;
use std::io::{self, Write};

/// Prints the notes of an answer.
pub(super) fn tell_notes(reply: &Reply, manner: Manner) {
    reply.notes.iter().for_each(|note| say(note));
    if let Some(source) = reply.source.as_ref().filter(|_| manner.verbose) {
        say(source);
    }
}

/// Prints a message for the user, on the standard error.
pub(super) fn say(what: &str) {
    // If standard error is closed, the message cannot be shown.
    let _ = writeln!(io::stderr(), "{}", printable::lines(what));
}

/// A reader that closes the output early is not a failure.
pub(crate) fn print(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).wrap_err("the output cannot be written")
        }
        _ => Ok(()),
    }
}
