//! What is printed: answers on the standard output, all else on the standard error.

use super::manner::Manner;
use super::reply::Reply;
use color_eyre::eyre::{Result, WrapErr};
use raftdeck_protocol::printable;
use std::io::{self, Write};

/// Says what is beside the answer.
pub(super) fn tell_notes(reply: &Reply, manner: Manner) {
    reply.notes.iter().for_each(|note| say(note));
    if let Some(source) = reply.source.as_ref().filter(|_| manner.verbose) {
        say(source);
    }
}

/// Says something to the person, on the standard error.
pub(super) fn say(what: &str) {
    // Where nobody listens there is nobody else to tell.
    let _ = writeln!(io::stderr(), "{}", printable::lines(what));
}

/// A reader that has read enough is no failure.
pub(crate) fn print(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).wrap_err("the output cannot be written")
        }
        _ => Ok(()),
    }
}
