//! What the Charts view shows: figures over time.

use std::time::Duration;

/// The Charts view's state.
#[derive(Clone, Debug, Default)]
pub struct Charts {}

impl Charts {
    /// When the charts next change without any message.
    #[must_use]
    pub fn next_change(&self, _now: Duration) -> Option<Duration> {
        None
    }
}
