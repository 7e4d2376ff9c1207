//! The node's time. The only place that reads the system's clock for the consensus core.

use raftdeck_raft::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// No timer is set further ahead than this.
const FAR: Duration = Duration::from_hours(1);

/// Counts from the node's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::default() + self.start.elapsed()
    }

    /// When a timer for this time must go off: no earlier than that, and at most an hour ahead.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        Instant::now() + at.since(self.now()).min(FAR)
    }
}
