//! The real program with real nodes: in a pseudo-terminal with someone at the keyboard ([`deck::Deck`]), and the
//! processes it starts, as the system sees them ([`processes`]); and nodes that run without a deck ([`nodes`]).
//!
//! Tests wait for what they can see, never for a time; [`PATIENCE`] only bounds how long.
#![allow(dead_code)] // Each test binary uses a part of it.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

pub(crate) mod band;
pub(crate) mod deck;
pub(crate) mod lines;
pub(crate) mod nodes;
pub(crate) mod processes;
pub(crate) mod table;

use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// How long a program may take that comes to its end by itself.
pub(crate) const LIMIT: Duration = Duration::from_secs(100);

/// Whole clusters run one at a time: side by side they would take each other's processor and miss heartbeats.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a program to its end. One that does not end within [`LIMIT`] is killed, which its exit status tells.
pub(crate) fn output(command: Command) -> Output {
    assert_cmd::Command::from_std(command).timeout(LIMIT).output().unwrap()
}

/// The same with this on its standard input, which then ends.
pub(crate) fn output_for(command: Command, input: impl Into<Vec<u8>>) -> Output {
    assert_cmd::Command::from_std(command).timeout(LIMIT).write_stdin(input).output().unwrap()
}

/// Waits until `condition` gives something; panics with `what` if it does not.
pub(crate) fn eventually<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, condition)
}

pub(crate) fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
