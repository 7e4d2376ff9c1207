//! What the Data view shows: the keys and values, and the last writes.

use std::time::Duration;

/// The Data view's state.
#[derive(Clone, Debug, Default)]
pub struct Data {}

impl Data {
    /// When the view next changes without any message.
    #[must_use]
    pub fn next_change(&self, _now: Duration) -> Option<Duration> {
        None
    }
}
