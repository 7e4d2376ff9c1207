//! How many lines are taken in a moment: so many as a person could never read, and so few that keys do not wait for them.

use std::time::Duration;

/// The moment.
const MOMENT: Duration = Duration::from_millis(100);

/// The most lines taken in a moment: 20,000 a second.
const MOST: usize = 2000;

/// Counts lines, and those that were dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Flood {
    since: Duration,
    taken: usize,
    dropped: u64,
}

impl Flood {
    /// Whether one more line is taken; if not, it is counted.
    pub(super) fn admits(&mut self, now: Duration) -> bool {
        if now >= self.over() {
            (self.since, self.taken) = (now, 0);
        }
        if self.taken < MOST {
            self.taken += 1;
            return true;
        }
        self.dropped += 1;
        false
    }

    /// Counts lines that were dropped elsewhere.
    pub(super) fn lose(&mut self, count: u64) {
        self.dropped = self.dropped.saturating_add(count);
    }

    /// How many were dropped, once the moment is over.
    pub(super) fn settle(&mut self, now: Duration) -> Option<u64> {
        let is_due = self.due().is_some_and(|due| due <= now);
        is_due.then(|| std::mem::take(&mut self.dropped))
    }

    /// When there is something to be said.
    pub(super) fn due(&self) -> Option<Duration> {
        (self.dropped > 0).then(|| self.over())
    }

    fn over(&self) -> Duration {
        self.since.saturating_add(MOMENT)
    }
}
