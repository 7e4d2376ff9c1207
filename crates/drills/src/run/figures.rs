//! Measured values, from what was recorded.

use super::record::{Fact, Record};
use crate::bound::Measured;
use crate::measure::{Measure, Phase, Quantile};
use crate::outcome::{Gap, Moments, PhaseFigures, RequestEnd, RequestFigures, RequestPoint};
use std::ops::Range;
use std::time::Duration;

/// A part of a run, in cluster time.
pub(super) type Window = (Duration, Duration);

/// All that values are made from.
pub(super) struct Measurements<'a> {
    pub(super) record: &'a Record,
    pub(super) points: &'a [RequestPoint],
    pub(super) moments: Moments,
    pub(super) within: Duration,
}

/// The moments after the fault that follow from what was recorded.
pub(super) fn with_consequences(moments: Moments, record: &Record, points: &[RequestPoint]) -> Moments {
    let Some(fault) = moments.fault else { return moments };
    let term = record.term_at_end_of(record.at_fault.unwrap_or_default());
    let later = record.facts_of(Phase::Since);
    let detect = later.iter().find(|fact| matches!(fact.fact, Fact::Campaign { .. })).map(|fact| fact.at);
    let lead = later
        .iter()
        .find(|fact| matches!(fact.fact, Fact::Follows { term: led, .. } if led > term))
        .map(|fact| fact.at);
    let from = lead.unwrap_or(fault);
    let writes = points.iter().filter(|point| !point.reads && point.end == RequestEnd::Acknowledged);
    let write = writes.map(|point| point.ended).filter(|ended| *ended > from).min();
    Moments { detect, lead, write, ..moments }
}

impl Measurements<'_> {
    /// The value of a measure. `None`: what it counts from or to did not happen. [`Measure::TimeTo`] is measured while the run goes.
    pub(super) fn of(&self, measure: &Measure) -> Option<Measured> {
        let moments = &self.moments;
        match measure {
            Measure::Takeover => moments.takeover().map(Measured::Time),
            Measure::Detect => moments.to_detect().map(Measured::Time),
            Measure::FirstWrite => moments.to_write().map(Measured::Time),
            Measure::Healing => Some(Measured::Time(moments.healed?.saturating_sub(moments.heal?))),
            Measure::Gap(phase) => longest_gap(self.points, self.window(*phase)?).map(Measured::Time),
            Measure::Availability(phase) => self.phase(*phase)?.availability().map(Measured::Percent),
            Measure::Latency(quantile, phase) => latency(self.phase(*phase)?, *quantile).map(Measured::Time),
            Measure::Slowdown(quantile) => {
                let before = latency(self.phase(Phase::Before)?, *quantile)?.as_secs_f64();
                let during = latency(self.phase(Phase::During)?, *quantile)?.as_secs_f64();
                (before > 0.0).then(|| Measured::Percent(during * 100.0 / before))
            }
            Measure::Acknowledged(phase) => Some(Measured::Count(self.phase(*phase)?.acknowledged)),
            Measure::InDoubt(phase) => Some(Measured::Count(self.phase(*phase)?.in_doubt)),
            Measure::Terms(phase) => self.terms(*phase),
            Measure::Elections(phase) => {
                self.count(*phase, |fact| matches!(fact, Fact::Campaign { pre_vote: false }))
            }
            Measure::Leaders(phase) => self.count(*phase, |fact| matches!(fact, Fact::Leads { .. })),
            Measure::Snapshots(phase) => self.count(*phase, |fact| matches!(fact, Fact::SnapshotInstalled)),
            Measure::TimeTo(_) => None,
        }
    }

    fn count(&self, phase: Phase, counts: impl Fn(Fact) -> bool) -> Option<Measured> {
        self.window(phase)?;
        let facts = self.record.facts_of(phase).iter();
        Some(Measured::Count(facts.filter(|fact| counts(fact.fact)).count() as u64))
    }

    fn terms(&self, phase: Phase) -> Option<Measured> {
        self.window(phase)?;
        let Range { start, end } = self.record.range_of(phase);
        let term = |facts| self.record.term_at_end_of(facts).0;
        Some(Measured::Count(term(end).saturating_sub(term(start))))
    }

    /// From when to when a part of the run lasts. `None`: it did not begin.
    fn window(&self, phase: Phase) -> Option<Window> {
        let Moments { steady, fault, heal, ended, .. } = self.moments;
        Some(match phase {
            Phase::Before => (steady?, fault.or(heal).unwrap_or(ended)),
            Phase::During => (fault?, heal.unwrap_or(ended)),
            Phase::After => (heal?, ended),
            Phase::Since => (fault?, ended),
        })
    }

    fn phase(&self, phase: Phase) -> Option<PhaseFigures> {
        self.window(phase).map(|window| figures(self.points, window, self.within))
    }

    /// The requests in numbers.
    pub(super) fn requests(&self) -> RequestFigures {
        RequestFigures {
            before: self.phase(Phase::Before).unwrap_or_default(),
            during: self.phase(Phase::During).unwrap_or_default(),
            after: self.phase(Phase::After).unwrap_or_default(),
            within: self.within,
            longest_gap: self.window(Phase::Since).and_then(|window| longest_gap(self.points, window)),
        }
    }
}

fn latency(figures: PhaseFigures, quantile: Quantile) -> Option<Duration> {
    match quantile {
        Quantile::P50 => figures.p50,
        Quantile::P99 => figures.p99,
        Quantile::Max => figures.max,
    }
}

/// The requests that were due in a part of the run.
fn figures(points: &[RequestPoint], (from, until): Window, within: Duration) -> PhaseFigures {
    let mut figures = PhaseFigures::default();
    let mut latencies = Vec::new();
    for point in points.iter().filter(|point| point.due >= from && point.due < until) {
        figures.due += 1;
        let latency = point.ended.saturating_sub(point.due);
        match point.end {
            RequestEnd::Acknowledged => {
                figures.acknowledged += 1;
                figures.in_time += u64::from(latency <= within);
                latencies.push(latency);
            }
            RequestEnd::Failed | RequestEnd::NotSent => figures.failed += 1,
            RequestEnd::InDoubt => figures.in_doubt += 1,
        }
    }
    latencies.sort_unstable();
    // The nearest rank: the least value that this share of the values does not exceed.
    let rank =
        |percent: usize| latencies.get((latencies.len() * percent).div_ceil(100).saturating_sub(1)).copied();
    PhaseFigures { p50: rank(50), p99: rank(99), max: latencies.last().copied(), ..figures }
}

/// The longest time without an acknowledged request in a part of the run. `None`: no request was due in it.
fn longest_gap(points: &[RequestPoint], window: Window) -> Option<Duration> {
    let is_due = points.iter().any(|point| point.due >= window.0 && point.due < window.1);
    let longest = gaps(points, window).map(|gap| gap.length()).max();
    longest.filter(|_| is_due)
}

/// The times between acknowledgements in a part of the run, from its beginning to its end.
pub(super) fn gaps(points: &[RequestPoint], (from, until): Window) -> impl Iterator<Item = Gap> {
    let acknowledged = points.iter().filter(|point| point.end == RequestEnd::Acknowledged);
    let mut ends: Vec<Duration> =
        acknowledged.map(|point| point.ended).filter(|ended| *ended > from && *ended < until).collect();
    ends.sort_unstable();
    let begins: Vec<Duration> = std::iter::once(from).chain(ends.iter().copied()).collect();
    begins.into_iter().zip(ends.into_iter().chain([until])).map(|(from, until)| Gap { from, until })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn point(due: u64, latency: u64, end: RequestEnd) -> RequestPoint {
        RequestPoint { due: ms(due), ended: ms(due + latency), reads: false, end }
    }

    /// A request every 10 ms; those from 100 to 300 ms are acknowledged at 300 ms only.
    fn points() -> Vec<RequestPoint> {
        let latency = |due| if (100..300).contains(&due) { 300 - due } else { 2 };
        (0..50).map(|n| n * 10).map(|due| point(due, latency(due), RequestEnd::Acknowledged)).collect()
    }

    fn moments() -> Moments {
        let at = |at| Some(ms(at));
        Moments {
            steady: at(0),
            fault: at(100),
            heal: at(350),
            healed: at(400),
            ended: ms(500),
            ..Moments::default()
        }
    }

    #[test]
    fn what_is_acknowledged_late_is_not_available_and_ends_the_gap() {
        let (record, points) = (Record::default(), points());
        let measurements =
            Measurements { record: &record, points: &points, moments: moments(), within: ms(50) };
        let of = |given: &str| measurements.of(&Measure::parse(given).unwrap().unwrap());
        assert_eq!(of("gap"), Some(Measured::Time(ms(200))));
        assert_eq!(of("gap before"), Some(Measured::Time(ms(10))));
        assert_eq!(of("availability before"), Some(Measured::Percent(100.0)));
        assert_eq!(of("availability during"), Some(Measured::Percent(40.0)), "10 of 25");
        assert_eq!(of("acknowledged during"), Some(Measured::Count(25)));
        assert_eq!(of("latency p50 before"), Some(Measured::Time(ms(2))));
        assert_eq!(of("latency max during"), Some(Measured::Time(ms(200))));
        assert_eq!(of("healing"), Some(Measured::Time(ms(50))));
        assert_eq!(of("D"), None, "there was no election");
    }

    #[test]
    fn requests_that_never_end_well_are_counted_and_availability_is_at_most_all_of_them() {
        let mut points = points();
        points.push(point(495, 1, RequestEnd::NotSent));
        points.push(point(496, 1, RequestEnd::InDoubt));
        let (record, moments) = (Record::default(), moments());
        let measurements = Measurements { record: &record, points: &points, moments, within: ms(500) };
        let after = measurements.requests().after;
        assert_eq!((after.due, after.acknowledged, after.failed, after.in_doubt), (17, 15, 1, 1));
        assert!(after.availability().is_some_and(|availability| availability < 100.0));
        assert!(measurements.requests().during.availability() <= Some(100.0));
    }

    #[test]
    fn without_requests_nothing_is_known_of_them() {
        let record = Record::default();
        let measurements = Measurements { record: &record, points: &[], moments: moments(), within: ms(50) };
        for given in ["gap", "availability", "latency p99", "slowdown p99", "first-write"] {
            assert_eq!(measurements.of(&Measure::parse(given).unwrap().unwrap()), None, "{given}");
        }
    }
}
