//! The real program with real nodes: in a pseudo-terminal with someone at the keyboard ([`deck::Deck`]), and the
//! processes it starts, as the system sees them ([`processes`]); and nodes that run without a deck ([`nodes`]).
//!
//! Tests wait for what they can see, never for a time; [`PATIENCE`] only bounds how long.
#![allow(dead_code)] // Each test binary uses a part of it.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

pub(crate) mod deck;
pub(crate) mod nodes;
pub(crate) mod processes;
pub(crate) mod table;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Whole clusters run one at a time: side by side they would take each other's processor and miss heartbeats.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until `condition` gives something; panics with `what` if it does not.
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
