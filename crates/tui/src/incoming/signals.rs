//! Signals and the end of the terminal or pipe, reported to the inbox.
//!
//! No work is done in a signal handler: a thread waits for signals as it would for a key.

use crate::incoming::inbox::{EndReason, Inbox};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How long the orderly end may take before the process ends without it. A terminal that accepts no more output can block the deck
/// forever; the nodes notice the end of their parent on their own.
const PATIENCE: Duration = Duration::from_secs(3);

/// The exit status after a panic, the same as Rust's.
pub const PANICKED: u8 = 101;

/// The exit status after a signal: 0 for Ctrl-C, which is the usual way to end a deck, else 128 plus the signal's number, as in a shell.
#[must_use]
pub fn exit_status(signal: i32) -> u8 {
    if signal == SIGINT { 0 } else { u8::try_from(128 + signal).unwrap_or(1) }
}

/// The exit status of a deck that was made to end. A closed terminal counts as a hang-up.
#[must_use]
pub fn end_status(end: EndReason) -> u8 {
    match end {
        EndReason::Signal(signal) => exit_status(signal),
        EndReason::Closed => exit_status(SIGHUP),
        EndReason::Panicked => PANICKED,
    }
}

/// From now on SIGINT, SIGTERM, SIGHUP and SIGQUIT end the deck in an orderly way, and SIGCONT redraws the screen. A SIGHUP that the
/// process was started to ignore stays ignored.
pub fn watch(inbox: &Arc<Inbox>) -> io::Result<()> {
    let mut signals = Signals::new([vec![SIGINT, SIGCONT], endings()].concat())?;
    let inbox = Arc::clone(inbox);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGCONT {
                inbox.continued();
            } else {
                inbox.end(EndReason::Signal(signal));
            }
        }
    })?;
    Ok(())
}

/// The signals, besides that of Ctrl-C, that request an orderly end.
#[must_use]
pub fn endings() -> Vec<i32> {
    let mut endings = vec![SIGTERM, SIGQUIT];
    if !is_ignored(SIGHUP) {
        endings.push(SIGHUP);
    }
    endings
}

/// Whether the process was started with this signal ignored, as `nohup` does for SIGHUP. Known only on Linux.
fn is_ignored(signal: i32) -> bool {
    let ignored = std::fs::read_to_string("/proc/self/status").ok().and_then(|status| {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    });
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Once the inbox was asked to end, the process ends within `PATIENCE`, in an orderly way or not, with the `status` for it.
pub fn insist(inbox: &Arc<Inbox>, status: fn(EndReason) -> u8) -> io::Result<()> {
    insist_within(inbox, PATIENCE, status)
}

/// The same within this time.
pub fn insist_within(inbox: &Arc<Inbox>, patience: Duration, status: fn(EndReason) -> u8) -> io::Result<()> {
    let inbox = Arc::clone(inbox);
    thread::Builder::new().name("patience".to_owned()).spawn(move || {
        let end = inbox.ended();
        thread::sleep(patience);
        std::process::exit(i32::from(status(end)));
    })?;
    Ok(())
}

/// Reports to the inbox when the other side of `file` is gone: a closed terminal, a pipe without a reader. Regular files have no
/// other side.
pub fn watch_closing(file: impl AsFd + Send + 'static, inbox: &Arc<Inbox>) -> io::Result<()> {
    let inbox = Arc::clone(inbox);
    thread::Builder::new().name("closing".to_owned()).spawn(move || {
        loop {
            match closed_within(&file, None) {
                Ok(true) => return inbox.end(EndReason::Closed),
                Ok(false) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    })?;
    Ok(())
}

/// Whether the other side of `file` is gone.
pub fn is_closed(file: &impl AsFd) -> bool {
    closed_within(file, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap_or(false)
}

fn closed_within(file: &impl AsFd, time: Option<&Timespec>) -> Result<bool, Errno> {
    // No events are requested: errors and hang-ups are always reported.
    let mut files = [PollFd::new(file, PollFlags::empty())];
    poll(&mut files, time)?;
    Ok(files[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_becomes_the_status_a_shell_would_show() {
        assert_eq!(exit_status(SIGINT), 0);
        assert_eq!(exit_status(SIGTERM), 143);
        assert_eq!(exit_status(SIGHUP), 129);
    }

    #[test]
    fn a_pipe_that_nobody_reads_ends_the_deck() {
        let inbox = Arc::new(Inbox::default());
        let (reader, writer) = io::pipe().unwrap();
        assert!(!is_closed(&writer));
        watch_closing(writer, &inbox).unwrap();
        drop(reader);
        assert_eq!(inbox.wait(None).end, Some(EndReason::Closed));
    }
}
