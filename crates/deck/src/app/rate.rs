//! A rate that changes at most once a second, so that showing it is cheap.

use raftdeck_raft::LogIndex;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(1);

/// Counts events and returns how many the last full second had.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    start: Duration,
    counting: u64,
    last: u64,
}

impl Rate {
    /// Adds this many events.
    pub(crate) fn add(&mut self, count: u64, now: Duration) {
        let windows = now.saturating_sub(self.start).as_secs();
        if windows > 0 {
            self.last = if windows == 1 { self.counting } else { 0 };
            self.counting = 0;
            self.start += Duration::from_secs(windows);
        }
        self.counting = self.counting.saturating_add(count);
    }

    /// How many events the last full second had, in steps of five from twenty on.
    #[must_use]
    pub(crate) fn per_second(&self, now: Duration) -> u64 {
        let exact = match now.saturating_sub(self.start).as_secs() {
            0 => self.last,
            1 => self.counting,
            _ => 0,
        };
        if exact < 20 { exact } else { (exact.saturating_add(2)) / 5 * 5 }
    }

    /// When the figure changes even if nothing more is counted.
    #[must_use]
    pub(crate) fn next_change(&self, now: Duration) -> Option<Duration> {
        let shown = self.per_second(now);
        (1..=2).map(|n| self.start + WINDOW * n).find(|at| *at > now && self.per_second(*at) != shown)
    }
}

/// How many entries are committed a second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CommitRate {
    rate: Rate,
    /// The highest commit index that was heard of; `None`: none was.
    known: Option<LogIndex>,
}

impl CommitRate {
    /// Everything up to here is committed. What was committed before the first call is not counted.
    pub(crate) fn tell(&mut self, committed: LogIndex, now: Duration) {
        let known = self.known.unwrap_or(committed);
        self.rate.add(committed.0.saturating_sub(known.0), now);
        self.known = Some(committed.max(known));
    }

    /// How many the last full second had.
    pub(crate) fn per_second(&self, now: Duration) -> u64 {
        self.rate.per_second(now)
    }

    /// When the figure changes even if nothing more is committed.
    pub(crate) fn next_change(&self, now: Duration) -> Option<Duration> {
        self.rate.next_change(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_rate_is_that_of_the_last_full_second_and_falls_to_zero_without_news() {
        let mut rate = Rate::default();
        for at in (0..1000).step_by(50) {
            rate.add(2, ms(at));
        }
        assert_eq!(rate.per_second(ms(990)), 0, "the first second is not over");
        assert_eq!(rate.next_change(ms(990)), Some(ms(1000)));
        assert_eq!(rate.per_second(ms(1500)), 40);
        assert_eq!(rate.next_change(ms(1500)), Some(ms(2000)));
        assert_eq!(rate.per_second(ms(2500)), 0);
        assert_eq!(rate.next_change(ms(2500)), None);
    }

    #[test]
    fn what_was_committed_before_is_not_counted() {
        let second = Duration::from_secs(1);
        let mut rate = CommitRate::default();
        rate.tell(LogIndex(1_000_000), Duration::ZERO);
        rate.tell(LogIndex(1_000_007), second / 2);
        rate.tell(LogIndex(1_000_005), second / 2);
        assert_eq!(rate.per_second(second), 7);
        assert_eq!(rate.per_second(second * 3), 0);
    }
}
