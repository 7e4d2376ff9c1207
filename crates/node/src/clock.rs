//! The node's time. The only place that reads the system's clocks for the consensus core and for the log.
//!
//! The core's time has a rate, which the process that manages a node may set, down to standing still. What belongs to
//! the world outside, such as the pace of telemetry and the patience with clients, goes by real time and not by this.

use raftdeck_protocol::kv::LoggedTime;
use raftdeck_protocol::{ClockFactor, ClockRate};
use raftdeck_raft::Timestamp;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// No timer is set further ahead than this.
const FAR: Duration = Duration::from_hours(1);

/// Counts from the node's start, at its rate. Never goes back, and never jumps unless it is told to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    rate: ClockRate,
    /// How fast it is by the time that passes at that rate.
    factor: ClockFactor,
    /// It showed this,
    base: Duration,
    /// when this much real time had passed.
    since: Duration,
    /// It is frozen when it shows this.
    until: Option<Duration>,
}

impl Clock {
    /// Starts now.
    pub(crate) fn start(rate: ClockRate) -> Self {
        Self { rate, factor: ClockFactor::TRUE, base: Duration::ZERO, since: elapsed(), until: None }
    }

    pub(crate) fn now(&self) -> Timestamp {
        stamp(self.shows_when(elapsed()))
    }

    /// The rate at which it runs now.
    pub(crate) fn rate(&self) -> ClockRate {
        if self.is_over(elapsed()) { ClockRate::FROZEN } else { self.rate }
    }

    /// From now on it runs at this rate; if `run_for` is given, only until this much time has passed, by a clock that is right.
    pub(crate) fn set(&mut self, rate: ClockRate, run_for: Option<Duration>) {
        self.set_when(elapsed(), rate, run_for);
    }

    /// From now on it is so fast. A run that it is on ends when it would have ended.
    pub(crate) fn set_factor(&mut self, factor: ClockFactor) {
        self.set_factor_when(elapsed(), factor);
    }

    /// It jumps ahead.
    pub(crate) fn jump(&mut self, by: Duration) {
        self.base = self.base.saturating_add(by);
        self.until = self.until.map(|until| until.saturating_add(by));
    }

    /// How long it takes by a clock that is right until this one has gone so far.
    pub(crate) fn takes(&self, gone: Duration) -> Duration {
        self.factor.takes(gone)
    }

    /// When a timer for this time must go off: no earlier than that, and at most an hour ahead. It may never come to that
    /// time.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        Instant::now() + self.ahead(elapsed(), Duration::from_micros(at.0))
    }

    /// What it will show then, as things are.
    pub(crate) fn at(&self, instant: Instant) -> Timestamp {
        stamp(self.shows_when(elapsed() + instant.saturating_duration_since(Instant::now())))
    }

    /// When the run it is on ends.
    pub(crate) fn run_ends(&self) -> Option<Instant> {
        self.until.map(|until| Instant::now() + self.ahead(elapsed(), until))
    }

    /// Takes note that a run has ended; says whether one has.
    pub(crate) fn end_run(&mut self) -> bool {
        let now = elapsed();
        let over = self.is_over(now);
        if over {
            self.set_when(now, ClockRate::FROZEN, None);
        }
        over
    }

    fn shows_when(&self, elapsed: Duration) -> Duration {
        let passed = self.rate.passes_in(elapsed.saturating_sub(self.since));
        let shows = self.base.saturating_add(self.factor.passes_in(passed));
        self.until.map_or(shows, |until| shows.min(until))
    }

    fn is_over(&self, elapsed: Duration) -> bool {
        self.until.is_some_and(|until| self.shows_when(elapsed) >= until)
    }

    fn set_when(&mut self, elapsed: Duration, rate: ClockRate, run_for: Option<Duration>) {
        let base = self.shows_when(elapsed);
        let until = run_for.map(|run_for| base.saturating_add(self.factor.passes_in(run_for)));
        *self = Self { rate, base, since: elapsed, until, ..*self };
    }

    fn set_factor_when(&mut self, elapsed: Duration, factor: ClockFactor) {
        let base = self.shows_when(elapsed);
        let left = self.until.map(|until| self.factor.takes(until.saturating_sub(base)));
        let until = left.map(|left| base.saturating_add(factor.passes_in(left)));
        *self = Self { factor, base, since: elapsed, until, ..*self };
    }

    /// How much real time it takes until it shows this.
    fn ahead(&self, elapsed: Duration, shows: Duration) -> Duration {
        let left = shows.saturating_sub(self.shows_when(elapsed));
        let comes = left.is_zero() || self.until.is_none_or(|until| shows <= until);
        self.rate.takes(self.factor.takes(left)).filter(|_| comes).unwrap_or(FAR).min(FAR)
    }
}

fn stamp(shows: Duration) -> Timestamp {
    Timestamp::default() + shows
}

/// A monotonic clock that continues while the machine sleeps: a leader that slept has lost its lease (thesis §6.4.1).
#[cfg(target_os = "linux")]
fn elapsed() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::Boottime);
    let positive = |part: i64| u64::try_from(part).unwrap_or(0);
    Duration::from_secs(positive(time.tv_sec)) + Duration::from_nanos(positive(time.tv_nsec))
}

/// A monotonic clock; elsewhere there is none that is known to continue while the machine sleeps.
#[cfg(not(target_os = "linux"))]
fn elapsed() -> Duration {
    use std::sync::LazyLock;
    static ORIGIN: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
    ORIGIN.elapsed()
}

/// The wall clock, as it goes into the log with a proposal. It may be wrong or jump: the readers of the log ensure
/// that its time never goes back.
pub(crate) fn wall_clock() -> LoggedTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    LoggedTime(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HUNDREDTH: ClockRate = ClockRate::from_millionths(10_000).unwrap();

    fn started(rate: ClockRate) -> Clock {
        let (base, since) = (Duration::ZERO, Duration::from_secs(500));
        Clock { rate, factor: ClockFactor::TRUE, base, since, until: None }
    }

    fn after(millis: u64) -> Duration {
        Duration::from_secs(500) + Duration::from_millis(millis)
    }

    #[test]
    fn a_change_of_the_rate_is_no_jump() {
        let mut clock = started(ClockRate::REAL);
        assert_eq!(clock.shows_when(after(200)), Duration::from_millis(200));
        clock.set_when(after(200), HUNDREDTH, None);
        assert_eq!(clock.shows_when(after(200)), Duration::from_millis(200));
        assert_eq!(clock.shows_when(after(1200)), Duration::from_millis(210));
        clock.set_when(after(1200), ClockRate::FROZEN, None);
        assert_eq!(clock.shows_when(after(99_000)), Duration::from_millis(210));
        clock.set_when(after(99_000), ClockRate::REAL, None);
        assert_eq!(clock.shows_when(after(99_001)), Duration::from_millis(211));
        assert_eq!(clock.shows_when(Duration::ZERO), Duration::from_millis(210), "it never goes back");
    }

    #[test]
    fn timers_go_off_at_the_rate_and_never_too_early() {
        let clock = started(HUNDREDTH);
        assert_eq!(clock.ahead(after(0), Duration::from_millis(3)), Duration::from_millis(300));
        assert_eq!(clock.ahead(after(100), Duration::from_millis(3)), Duration::from_millis(200));
        assert_eq!(clock.ahead(after(900), Duration::from_millis(3)), Duration::ZERO);
        assert_eq!(clock.ahead(after(0), Duration::MAX), FAR);
        let third = started(ClockRate::from_millionths(333_333).unwrap());
        let shows = Duration::from_micros(7001);
        assert!(third.shows_when(after(0) + third.ahead(after(0), shows)) >= shows);
        assert_eq!(started(ClockRate::FROZEN).ahead(after(0), Duration::from_nanos(1)), FAR);
    }

    #[test]
    fn a_run_ends_exactly_where_it_should_and_stays_there() {
        let mut clock = started(ClockRate::FROZEN);
        let run = Duration::from_micros(12_345);
        clock.set_when(after(70), HUNDREDTH, Some(run));
        assert!(!clock.is_over(after(70)));
        assert_eq!(clock.ahead(after(70), run), run * 100);
        assert_eq!(clock.ahead(after(70), run + Duration::from_micros(1)), FAR, "it does not come to that");
        assert!(!clock.is_over(after(1300)));
        assert!(clock.is_over(after(1305)));
        assert_eq!(clock.shows_when(after(60_000)), run);
        clock.set_when(after(60_000), ClockRate::REAL, None);
        assert_eq!(clock.shows_when(after(60_001)), run + Duration::from_millis(1));
    }

    #[test]
    fn a_clock_that_drifts_runs_on_from_what_it_shows_and_a_run_ends_for_all_clocks_alike() {
        let [double, half] =
            [2_000_000, 500_000].map(|millionths| ClockFactor::from_millionths(millionths).unwrap());
        let mut clock = started(ClockRate::REAL);
        clock.set_factor_when(after(100), double);
        assert_eq!(clock.shows_when(after(150)), Duration::from_millis(200));
        assert_eq!(clock.ahead(after(150), Duration::from_millis(300)), Duration::from_millis(50));
        clock.set_when(after(150), HUNDREDTH, Some(Duration::from_millis(10)));
        assert_eq!(clock.shows_when(after(650)), Duration::from_millis(210));
        clock.set_factor_when(after(650), half);
        assert!(!clock.is_over(after(1149)) && clock.is_over(after(1150)));
        assert_eq!(clock.shows_when(after(9000)), Duration::from_micros(212_500));
        assert_eq!(clock.takes(Duration::from_millis(3)), Duration::from_millis(6));
    }

    #[test]
    fn a_jump_goes_ahead_and_shortens_no_run() {
        let mut clock = started(ClockRate::REAL);
        clock.set_when(after(0), ClockRate::REAL, Some(Duration::from_millis(10)));
        clock.jump(Duration::from_secs(1));
        assert_eq!(clock.shows_when(after(4)), Duration::from_millis(1004));
        assert!(!clock.is_over(after(9)) && clock.is_over(after(10)));
    }

    /// A manager asks for the time until the next timer in whole microseconds, and runs for just that.
    #[test]
    fn a_run_to_a_timer_reaches_it() {
        let mut clock = started(ClockRate::from_millionths(777_777).unwrap());
        clock.set_when(after(33), ClockRate::FROZEN, None);
        let deadline = Timestamp(40_000);
        let left = deadline.since(stamp(clock.shows_when(after(50))));
        clock.set_when(after(50), ClockRate::REAL, Some(left));
        assert_eq!(
            stamp(clock.shows_when(after(50) + clock.ahead(after(50), Duration::from_micros(deadline.0)))),
            deadline
        );
        assert_eq!(stamp(clock.shows_when(after(9000))), deadline);
    }

    #[test]
    fn the_running_clock_says_its_rate() {
        let mut clock = Clock::start(HUNDREDTH);
        assert_eq!(clock.rate(), HUNDREDTH);
        clock.set(ClockRate::REAL, Some(Duration::ZERO));
        assert_eq!(clock.rate(), ClockRate::FROZEN);
        assert!(clock.run_ends().is_some_and(|end| end <= Instant::now()));
        assert!(clock.end_run());
        assert!(!clock.end_run(), "only once");
        assert_eq!(clock.run_ends(), None);
    }
}
