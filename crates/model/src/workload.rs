//! The figures of the steady workload, and how they are counted: in one way, in real processes and in the simulator alike.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// The outcome of the steady workload's writes since it was switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadFigures {
    /// Whether it is on.
    pub running: bool,
    /// Writes acknowledged in the last second.
    pub per_second: u64,
    /// Writes acknowledged.
    pub acknowledged: u64,
    /// Writes that certainly did not happen.
    pub failed: u64,
    /// Writes with an unknown outcome.
    pub unknown: u64,
    /// The time since the last acknowledgement, in milliseconds.
    pub gap_ms: u64,
    /// The longest time without an acknowledgement, in milliseconds, the present one included.
    pub longest_gap_ms: u64,
    /// How long the writes took that were acknowledged since the figures before; `None`: there was none, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// The longest time without an acknowledgement that ended since the figures before; `None`: none ended, or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_gap: Option<EndedGap>,
}

/// How long some writes took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// The median, in microseconds.
    pub p50_micros: u64,
    /// 99 % of them took at most this long, in microseconds.
    pub p99_micros: u64,
}

/// A time between two acknowledgements, or between the beginning and the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedGap {
    /// How long it was, in microseconds.
    pub length_micros: u64,
    /// How long ago it ended, in microseconds.
    pub ago_micros: u64,
}

/// Counts the writes of one run of the workload. Times are cluster time.
#[derive(Debug)]
pub struct WorkloadTally {
    acknowledged: u64,
    failed: u64,
    unknown: u64,
    /// When the last write was acknowledged, or when the workload began.
    last: Duration,
    longest_gap: Duration,
    /// The acknowledgements of the last second.
    recent: VecDeque<Duration>,
    /// How long the writes took that were acknowledged since the last figures, in microseconds.
    took: Vec<u64>,
    /// The longest gap that ended since the last figures: its length, and its end.
    ended: Option<(Duration, Duration)>,
}

impl WorkloadTally {
    /// A run that begins now.
    #[must_use]
    pub fn new(now: Duration) -> Self {
        Self {
            acknowledged: 0,
            failed: 0,
            unknown: 0,
            last: now,
            longest_gap: Duration::ZERO,
            recent: VecDeque::new(),
            took: Vec::new(),
            ended: None,
        }
    }

    /// A write was acknowledged, after this long.
    pub fn acknowledged(&mut self, took: Duration, now: Duration) {
        self.acknowledged += 1;
        // Acknowledgements may be counted in another order than they came.
        let now = now.max(self.last);
        let gap = now.saturating_sub(self.last);
        self.longest_gap = self.longest_gap.max(gap);
        if self.ended.is_none_or(|(longest, _)| gap > longest) {
            self.ended = Some((gap, now));
        }
        self.last = now;
        self.recent.push_back(now);
        self.took.push(micros(took));
        self.forget(now);
    }

    /// A write certainly did not happen.
    pub fn failed(&mut self) {
        self.failed += 1;
    }

    /// The outcome of a write is unknown.
    pub fn unknown(&mut self) {
        self.unknown += 1;
    }

    /// It is switched off: up to here it was a gap, whatever is acknowledged later.
    pub fn end(&mut self, now: Duration) {
        self.longest_gap = self.longest_gap.max(now.saturating_sub(self.last));
    }

    fn forget(&mut self, now: Duration) {
        while self.recent.front().is_some_and(|at| now.saturating_sub(*at) > Duration::from_secs(1)) {
            self.recent.pop_front();
        }
    }

    /// The figures now; the next ones count from here.
    pub fn figures(&mut self, running: bool, now: Duration) -> WorkloadFigures {
        self.forget(now);
        // When it has ended, the time that follows is not a gap.
        let gap = if running { now.saturating_sub(self.last) } else { Duration::ZERO };
        let ended_gap = self.ended.take().map(|(length, end)| EndedGap {
            length_micros: micros(length),
            ago_micros: micros(now.saturating_sub(end)),
        });
        WorkloadFigures {
            running,
            per_second: self.recent.len() as u64,
            acknowledged: self.acknowledged,
            failed: self.failed,
            unknown: self.unknown,
            gap_ms: millis(gap),
            longest_gap_ms: millis(self.longest_gap.max(gap)),
            latency: latency(std::mem::take(&mut self.took)),
            ended_gap,
        }
    }
}

/// The percentiles of these times, by the nearest rank.
fn latency(mut took: Vec<u64>) -> Option<Latency> {
    took.sort_unstable();
    let rank = |percent: usize| took.get((took.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    Some(Latency { p50_micros: rank(50)?, p99_micros: rank(99)? })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_longest_gap_includes_the_present_one_and_ends_with_the_workload() {
        let mut tally = WorkloadTally::new(ms(1_000));
        tally.acknowledged(ms(3), ms(1_100));
        tally.acknowledged(ms(3), ms(1_400));
        tally.failed();
        tally.unknown();
        let figures = tally.figures(true, ms(1_600));
        assert_eq!((figures.acknowledged, figures.failed, figures.unknown), (2, 1, 1));
        assert_eq!((figures.gap_ms, figures.longest_gap_ms, figures.per_second), (200, 300, 2));
        let figures = tally.figures(true, ms(2_350));
        assert_eq!((figures.gap_ms, figures.longest_gap_ms, figures.per_second), (950, 950, 1));
        let figures = tally.figures(false, ms(10_000));
        assert_eq!((figures.gap_ms, figures.longest_gap_ms, figures.per_second), (0, 300, 0));
        tally.end(ms(2_350));
        let figures = tally.figures(false, ms(10_000));
        let reason = "the last gap counts until it was switched off";
        assert_eq!((figures.gap_ms, figures.longest_gap_ms), (0, 950), "{reason}");
    }

    #[test]
    fn latencies_and_the_longest_ended_gap_are_of_the_time_since_the_figures_before() {
        let mut tally = WorkloadTally::new(ms(0));
        assert_eq!(tally.figures(true, ms(0)).latency, None, "nothing was acknowledged yet");
        for (took, at) in [(4, 20), (5, 40), (90, 340), (6, 350)] {
            tally.acknowledged(ms(took), ms(at));
        }
        let figures = tally.figures(true, ms(400));
        assert_eq!(figures.latency, Some(Latency { p50_micros: 5_000, p99_micros: 90_000 }));
        assert_eq!(figures.ended_gap, Some(EndedGap { length_micros: 300_000, ago_micros: 60_000 }));
        let figures = tally.figures(true, ms(500));
        assert_eq!((figures.latency, figures.ended_gap), (None, None), "nothing is told twice");
    }

    #[test]
    fn the_99th_of_a_hundred_is_the_99th() {
        let latency = latency((1..=200).rev().collect()).unwrap();
        assert_eq!((latency.p50_micros, latency.p99_micros), (100, 198));
    }

    #[test]
    fn figures_of_an_earlier_recording_lack_what_was_not_counted_then() {
        let json = r#"{"running":true,"per_second":50,"acknowledged":7,"failed":0,"unknown":0,"gap_ms":1,"longest_gap_ms":9}"#;
        let figures: WorkloadFigures = serde_json::from_str(json).expect("figures");
        assert_eq!((figures.latency, figures.ended_gap, figures.acknowledged), (None, None, 7));
        assert_eq!(serde_json::to_string(&figures).expect("JSON"), json);
    }
}
