//! Cluster time as the deck shows it: what the lab last reported, continued at the reported rate.
//!
//! Everything that belongs to the cluster (timers, messages, events) is shown in cluster time. What belongs to the user (how long a
//! notice stays, how long an answer is waited for) uses the deck's own time.

use raftdeck_model::ClusterTime;
use raftdeck_protocol::ClockRate;
use std::time::Duration;

/// The clock of the cluster. Until the lab reports otherwise, it starts with the deck and runs in real time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    told: ClusterTime,
    since: Duration,
    /// The rate that was asked for last, and when, while the lab has not confirmed it.
    asked: Option<(ClockRate, Duration)>,
}

/// How long the lab may take to confirm a rate that it was asked for.
const TOLD_WITHIN: Duration = Duration::from_millis(500);

impl Clock {
    /// The lab reported the cluster time and its rate, at `now`.
    pub fn tell(&mut self, told: ClusterTime, now: Duration) {
        let asked = self.asked.filter(|(rate, _)| *rate != told.rate);
        *self = Self { told, since: now, asked };
    }

    /// The lab was asked for this rate, at `now`.
    pub fn ask(&mut self, rate: ClockRate, now: Duration) {
        self.asked = Some((rate, now));
    }

    /// The rate once all requests have been carried out: keys that come faster than the lab's answers count too.
    #[must_use]
    pub fn wished(&self, now: Duration) -> ClockRate {
        match self.asked {
            Some((rate, at)) if now.saturating_sub(at) < TOLD_WITHIN => rate,
            _ => self.told.rate,
        }
    }

    /// The cluster time at `now`.
    #[must_use]
    pub fn at(&self, now: Duration) -> Duration {
        self.told.after(now.saturating_sub(self.since))
    }

    /// When the cluster reaches this time; `None`: never, at this rate.
    #[must_use]
    pub fn when(&self, time: Duration) -> Option<Duration> {
        self.since.checked_add(self.told.until(time)?)
    }

    /// The rate of cluster time.
    #[must_use]
    pub fn rate(&self) -> ClockRate {
        self.told.rate
    }

    /// Whether it is frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.told.rate.is_frozen()
    }

    /// Whether it passes more slowly than real time, or not at all.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.told.rate < ClockRate::REAL
    }

    /// The step in which the header counts, so that it changes a few times a second at most.
    #[must_use]
    pub fn step(&self) -> Duration {
        Duration::from_millis(match self.rate().millionths() {
            0..10_000 => 1,
            10_000..100_000 => 10,
            100_000..500_000 => 100,
            _ => 1000,
        })
    }

    /// The cluster time in the header's steps: `0:12`, `0:12.3`, `1:12.345`.
    #[must_use]
    pub fn shown(&self, now: Duration) -> String {
        let at = self.at(now);
        let (minutes, seconds, millis) = (at.as_secs() / 60, at.as_secs() % 60, at.subsec_millis());
        let fraction = match self.step().as_millis() {
            1 => format!(".{millis:03}"),
            10 => format!(".{:02}", millis / 10),
            100 => format!(".{}", millis / 100),
            _ => String::new(),
        };
        format!("{minutes}:{seconds:02}{fraction}")
    }

    /// When the header's figure next changes without any input, at most five times a second.
    #[must_use]
    pub fn next_change(&self, now: Duration) -> Option<Duration> {
        const OFTEN: Duration = Duration::from_millis(200);
        let step = self.step();
        let steps = u32::try_from(self.at(now).as_nanos() / step.as_nanos()).ok()?;
        let next = step.checked_mul(steps.checked_add(1)?)?;
        Some(self.when(next)?.max(now.saturating_add(OFTEN)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn rate(millionths: u32) -> ClockRate {
        ClockRate::from_millionths(millionths).unwrap()
    }

    #[test]
    fn cluster_time_goes_on_at_the_rate_that_was_told() {
        let mut clock = Clock::default();
        assert_eq!((clock.at(ms(700)), clock.rate()), (ms(700), ClockRate::REAL));
        clock.tell(ClusterTime { rate: rate(10_000), now: ms(1000) }, ms(1100));
        assert_eq!(clock.at(ms(2100)), ms(1010));
        assert_eq!(clock.when(ms(1010)), Some(ms(2100)));
        assert_eq!(clock.shown(ms(2100)), "0:01.01");
        clock.tell(ClusterTime { rate: ClockRate::FROZEN, now: ms(1012) }, ms(2300));
        assert_eq!(clock.at(ms(9000)), ms(1012));
        assert_eq!((clock.when(ms(1013)), clock.next_change(ms(9000))), (None, None));
        assert_eq!(clock.shown(ms(9000)), "0:01.012");
    }

    #[test]
    fn what_was_asked_for_counts_until_the_lab_answers_or_does_not() {
        let mut clock = Clock::default();
        clock.ask(rate(500_000), ms(0));
        clock.ask(rate(200_000), ms(1));
        clock.tell(ClusterTime { rate: rate(500_000), now: ms(2) }, ms(2));
        assert_eq!(clock.wished(ms(3)), rate(200_000));
        clock.tell(ClusterTime { rate: rate(200_000), now: ms(3) }, ms(3));
        clock.tell(ClusterTime { rate: ClockRate::FROZEN, now: ms(4) }, ms(4));
        assert_eq!(clock.wished(ms(5)), ClockRate::FROZEN, "somebody else's");
        clock.ask(rate(1000), ms(6));
        assert_eq!(clock.wished(ms(600)), ClockRate::FROZEN, "it was not done");
    }

    #[test]
    fn the_header_counts_at_most_five_times_a_second_at_any_rate() {
        for millionths in [1, 1000, 9_999, 10_000, 50_000, 100_000, 200_000, 500_000, 1_000_000] {
            let mut clock = Clock::default();
            clock.tell(ClusterTime { rate: rate(millionths), now: ms(5) }, ms(10));
            let next = clock.next_change(ms(10));
            assert!(next.is_some_and(|next| next >= ms(210)), "{millionths}: {next:?}");
        }
    }
}
