//! A member's clocks. The steady one may run fast or slow and never goes back; the wall clock may jump anywhere.

use raftdeck_protocol::ClockFactor;
use raftdeck_protocol::kv::LoggedTime;
use raftdeck_raft::Timestamp;

/// A clock that is right.
const TRUE_RATE: u64 = 1_000_000;

#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// At this virtual time the steady clock showed `local`.
    since: u64,
    local: u64,
    /// Microseconds a second.
    rate: u64,
    frozen: bool,
    wall: i64,
}

impl Clock {
    pub(crate) fn new(offset: u64) -> Self {
        Self { since: 0, local: offset, rate: TRUE_RATE, frozen: false, wall: 1_700_000_000_000_000 }
    }

    /// What the steady clock shows.
    pub(crate) fn now(&self, at: u64) -> Timestamp {
        let rate = if self.frozen { 0 } else { self.rate };
        let passed = u128::from(at - self.since) * u128::from(rate) / u128::from(TRUE_RATE);
        Timestamp(self.local + u64::try_from(passed).unwrap_or(u64::MAX / 2))
    }

    /// When, in virtual time, the steady clock will show this.
    pub(crate) fn when(&self, shows: Timestamp, at: u64) -> u64 {
        if shows <= self.now(at) {
            return at;
        }
        let ahead = u128::from(shows.0 - self.local) * u128::from(TRUE_RATE);
        let passed = ahead.div_ceil(u128::from(self.rate));
        self.since.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX / 2))
    }

    /// What the wall clock shows.
    pub(crate) fn wall(&self, at: u64) -> LoggedTime {
        LoggedTime(u64::try_from(self.wall).unwrap_or(0) + self.now(at).0)
    }

    /// From now on it runs off by this many parts in a million.
    pub(crate) fn set_rate(&mut self, off_ppm: i32, at: u64) {
        self.settle(at);
        self.rate = TRUE_RATE.saturating_add_signed(i64::from(off_ppm)).max(1);
    }

    /// From now on it is so fast, in millionths.
    pub(crate) fn set_factor(&mut self, factor: ClockFactor, at: u64) {
        self.settle(at);
        self.rate = factor.millionths().into();
    }

    /// Whether it is so fast.
    pub(crate) fn has_factor(&self, factor: ClockFactor) -> bool {
        self.rate == u64::from(factor.millionths())
    }

    /// It jumps ahead by this many microseconds.
    pub(crate) fn skew(&mut self, by: u64, at: u64) {
        self.settle(at);
        self.local = self.local.saturating_add(by);
    }

    /// Stops, as in a suspended virtual machine, or continues.
    pub(crate) fn freeze(&mut self, frozen: bool, at: u64) {
        self.settle(at);
        self.frozen = frozen;
    }

    /// The wall clock is set.
    pub(crate) fn jump(&mut self, by: i64) {
        self.wall = self.wall.saturating_add(by).max(0);
    }

    fn settle(&mut self, at: u64) {
        self.local = self.now(at).0;
        self.since = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_gains_and_never_goes_back() {
        let mut clock = Clock::new(500);
        clock.set_rate(100_000, 1_000_000);
        assert_eq!(clock.now(2_000_000), Timestamp(500 + 1_000_000 + 1_100_000));
        clock.set_rate(-100_000, 2_000_000);
        assert_eq!(clock.now(2_000_000), Timestamp(500 + 2_100_000));
    }

    #[test]
    fn a_timer_goes_off_when_its_clock_shows_the_time_and_not_before() {
        let mut clock = Clock::new(3);
        clock.set_rate(-333_333, 10);
        let due = Timestamp(1_000_000);
        let at = clock.when(due, 10);
        assert!(clock.now(at) >= due && clock.now(at - 1) < due);
    }

    #[test]
    fn a_frozen_clock_stands_still() {
        let mut clock = Clock::new(0);
        clock.freeze(true, 100);
        assert_eq!(clock.now(5_000), Timestamp(100));
        clock.freeze(false, 5_000);
        assert_eq!(clock.now(5_010), Timestamp(110));
    }
}
