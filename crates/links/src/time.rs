//! Cluster time: what the nodes' and the links' clocks show, at whatever rate it passes.
//!
//! One clock for the links and the screen. The nodes have clocks of their own, which are set to the same rate.

use crate::alarm::wake_at;
use raftdeck_model::ClusterTime;
use raftdeck_protocol::ClockRate;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How cluster time passes from a moment of real time on.
#[derive(Clone, Copy, Debug)]
struct ClockPace {
    rate: ClockRate,
    /// The cluster time
    base: Duration,
    /// at this moment.
    since: Instant,
    /// The cluster time at which it freezes.
    until: Option<Duration>,
}

impl ClockPace {
    fn at(&self, instant: Instant) -> Duration {
        let now = self.base + self.rate.passes_in(instant.saturating_duration_since(self.since));
        self.until.map_or(now, |until| now.min(until))
    }

    fn is_over(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}

/// The writable side of the clock.
#[derive(Debug)]
pub struct ClusterClock(watch::Sender<ClockPace>);

/// The read-only side of the clock.
#[derive(Clone, Debug)]
pub struct ClockReader(watch::Receiver<ClockPace>);

impl ClusterClock {
    /// Starts now, at this rate.
    #[must_use]
    pub fn start(rate: ClockRate) -> Self {
        Self(watch::Sender::new(ClockPace { rate, base: Duration::ZERO, since: Instant::now(), until: None }))
    }

    /// For readers.
    #[must_use]
    pub fn reader(&self) -> ClockReader {
        ClockReader(self.0.subscribe())
    }

    /// From now on time passes at this rate: until this much has passed, or without end.
    pub fn set(&self, rate: ClockRate, run_for: Option<Duration>) {
        let since = Instant::now();
        self.0.send_modify(|pace| {
            let base = pace.at(since);
            *pace = ClockPace { rate, base, since, until: run_for.map(|run_for| base + run_for) };
        });
    }
}

impl ClockReader {
    /// The cluster time, and how fast it passes now.
    #[must_use]
    pub fn time(&self) -> ClusterTime {
        let pace = *self.0.borrow();
        let now = pace.at(Instant::now());
        let rate = if pace.is_over(now) { ClockRate::FROZEN } else { pace.rate };
        ClusterTime { rate, now }
    }

    /// The cluster time.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.0.borrow().at(Instant::now())
    }

    /// Waits until this cluster time. Never returns while time is frozen before it. Cancel-safe.
    pub async fn sleep_until(&mut self, time: Duration) {
        self.wait(time, sleep_until).await;
    }

    /// The same, as precisely as the system can. Not for tests in virtual time.
    pub(crate) async fn wake_at(&mut self, time: Duration) {
        self.wait(time, wake_at).await;
    }

    async fn wait(&mut self, time: Duration, sleep: impl AsyncFn(Instant)) {
        loop {
            let pace = *self.0.borrow_and_update();
            let reached = pace.until.is_none_or(|until| time <= until);
            let left = time.saturating_sub(pace.base);
            let wakes =
                pace.rate.takes(left).filter(|_| reached).and_then(|real| pace.since.checked_add(real));
            tokio::select! {
                changed = self.0.changed() => if changed.is_err() {
                    // The clock can no longer be set: the owner of the cluster has ended.
                    return std::future::pending().await;
                },
                () = async {
                    match wakes {
                        Some(at) => sleep(at).await,
                        None => std::future::pending().await,
                    }
                } => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const HUNDREDTH: Option<ClockRate> = ClockRate::from_millionths(10_000);

    #[tokio::test(start_paused = true)]
    async fn time_passes_at_the_rate_and_never_jumps() {
        let clock = ClusterClock::start(ClockRate::REAL);
        let reader = clock.reader();
        advance(Duration::from_millis(5)).await;
        assert_eq!(reader.now(), Duration::from_millis(5));
        clock.set(HUNDREDTH.unwrap(), None);
        advance(Duration::from_secs(1)).await;
        assert_eq!(reader.now(), Duration::from_millis(15));
        clock.set(ClockRate::FROZEN, None);
        advance(Duration::from_hours(1)).await;
        assert_eq!(reader.now(), Duration::from_millis(15));
    }

    #[tokio::test(start_paused = true)]
    async fn it_stands_still_after_a_run() {
        let clock = ClusterClock::start(ClockRate::FROZEN);
        let mut reader = clock.reader();
        clock.set(HUNDREDTH.unwrap(), Some(Duration::from_millis(10)));
        assert_eq!(reader.time().rate, HUNDREDTH.unwrap());
        reader.sleep_until(Duration::from_millis(10)).await;
        advance(Duration::from_secs(5)).await;
        assert_eq!(reader.time(), ClusterTime { rate: ClockRate::FROZEN, now: Duration::from_millis(10) });
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleeper_follows_every_change_of_the_rate() {
        let clock = ClusterClock::start(ClockRate::REAL);
        let mut reader = clock.reader();
        let start = Instant::now();
        let sleeper = tokio::spawn(async move { reader.sleep_until(Duration::from_millis(100)).await });
        advance(Duration::from_millis(50)).await;
        clock.set(ClockRate::FROZEN, None);
        advance(Duration::from_secs(10)).await;
        assert!(!sleeper.is_finished());
        clock.set(HUNDREDTH.unwrap(), None);
        sleeper.await.unwrap();
        let took = start.elapsed();
        assert!((15_050..15_060).contains(&took.as_millis()), "{took:?}");
    }
}
