//! Cluster time as a run knows it: what was last reported, continued at the reported rate.

use raftdeck_model::{ClusterTime, News, Update};
use std::time::Duration;

/// The clock of a run. Until something is reported it runs in real time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RunClock {
    told: ClusterTime,
    since: Duration,
    /// The time of the newest update: cluster time is at least that.
    newest: Duration,
}

impl RunClock {
    pub(crate) fn hear(&mut self, update: &Update, now: Duration) {
        self.newest = self.newest.max(update.at);
        if let News::Time(told) = update.what {
            self.told = told;
            self.since = now;
        }
    }

    /// The cluster time at this real time.
    pub(crate) fn at(&self, now: Duration) -> Duration {
        self.told.after(now.saturating_sub(self.since)).max(self.newest)
    }

    /// The real time at which the cluster reaches this time; `None`: never, at this rate.
    pub(crate) fn when(&self, time: Duration) -> Option<Duration> {
        self.since.checked_add(self.told.until(time)?)
    }

    pub(crate) fn rate(&self) -> raftdeck_protocol::ClockRate {
        self.told.rate
    }
}
