//! The node's time. The only place that reads the system's clocks for the consensus core and for the log.

use raftdeck_protocol::kv::LoggedTime;
use raftdeck_raft::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// No timer is set further ahead than this.
const FAR: Duration = Duration::from_hours(1);

/// Counts from the node's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Duration,
}

impl Clock {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self { start: elapsed() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::default() + elapsed().saturating_sub(self.start)
    }

    /// When a timer for this time must go off: no earlier than that, and at most an hour ahead.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        Instant::now() + at.since(self.now()).min(FAR)
    }
}

/// A monotonic clock that goes on while the machine sleeps: a leader that slept has lost its lease (thesis §6.4.1).
#[cfg(target_os = "linux")]
fn elapsed() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::Boottime);
    let positive = |part: i64| u64::try_from(part).unwrap_or(0);
    Duration::from_secs(positive(time.tv_sec)) + Duration::from_nanos(positive(time.tv_nsec))
}

/// A monotonic clock; elsewhere there is none that is known to go on while the machine sleeps.
#[cfg(not(target_os = "linux"))]
fn elapsed() -> Duration {
    use std::sync::LazyLock;
    static ORIGIN: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    ORIGIN.elapsed()
}

/// The wall clock, as it goes into the log with a proposal. It may be wrong or step: whoever reads the log takes care that
/// its time never goes back.
pub(crate) fn wall_clock() -> LoggedTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    LoggedTime(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}
