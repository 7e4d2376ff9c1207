//! The verdict, and all that is said with it.

use super::figures::{Measurements, gaps, with_consequences};
use super::status::LiveCheck;
use super::{Decision, Run, Stage};
use crate::awaited::{Awaited, Look};
use crate::bound::{Bound, Measured, Millis, Unit};
use crate::file::{Assert, Drill, Severity, world_of};
use crate::measure::Measure;
use crate::outcome::{
    CheckKind, CheckResult, CheckState, Gap, Moments, OUTCOME_SCHEMA, Outcome, RequestPoint, Timeline,
    Verdict, ViolationReport,
};
use crate::score::score;
use raftdeck_model::World;
use std::time::Duration;

/// The messages of the decisive moment that are kept: about as many as a page can show.
const MAX_MESSAGES: usize = 400;

/// The newest messages that are listed with a violation.
const LAST_MESSAGES: usize = 40;

/// The conditions that are timed.
pub(super) fn timed(drill: &Drill) -> Vec<(Awaited, Option<Duration>)> {
    let condition = |assert: &Assert| match Measure::parse(assert.expr.text()) {
        Ok(Some(Measure::TimeTo(condition))) => Some((Awaited::new(&condition), None)),
        _ => None,
    };
    drill.asserts.iter().filter_map(condition).collect()
}

impl Run {
    /// Ends the run: what was measured, what holds, the verdict, the score.
    pub(super) fn finish(&mut self, now: Duration, world: &World) {
        let at = self.clock.at(now);
        if self.moments.ended.is_zero() {
            self.moments.ended = at;
        }
        let points = self.load.as_mut().map(|load| {
            load.give_up(at);
            std::mem::take(&mut load.points)
        });
        let has_load = points.is_some();
        let mut points = points.unwrap_or_default();
        points.sort_by_key(|point| point.due);
        self.moments = with_consequences(self.moments, &self.record, &points);
        let measurements = self.measurements(&points, self.moments);
        let requests = has_load.then(|| measurements.requests());
        let mut checks = self.assertions(&measurements, world);
        let decided = self.decided.as_ref().map(|decision| decision.verdict);
        if let Some(verdict @ (Verdict::Aborted | Verdict::Inconclusive)) = decided {
            // What a run did not come to says nothing about the cluster.
            for check in &mut checks {
                check.state = CheckState::Unknown(format!("not judged: the run is {verdict}"));
            }
        }
        checks.extend(self.probes.iter().map(super::ProbeState::result));
        checks.extend(self.judge.checks());
        let (verdict, reason) = self.verdict(&checks, world);
        let not_judged = self.judge.not_judged();
        let judged: Vec<CheckResult> =
            checks.iter().filter(|check| is_judged(check, &not_judged)).cloned().collect();
        let score = score(verdict, self.drill.score, &judged, &self.person);
        let timeline = self.timeline(points);
        let drill = &self.drill;
        let outcome = Outcome {
            schema: OUTCOME_SCHEMA,
            id: drill.id.clone(),
            title: drill.title.clone(),
            description: drill.description.trim().to_owned(),
            paper: drill.paper.clone(),
            verdict,
            reason,
            score,
            context: self.options.context.clone(),
            moments: self.moments,
            requests,
            checks,
            person: std::mem::take(&mut self.person),
            steps: std::mem::take(&mut self.steps),
            violation: self.violation_report(&timeline),
            timeline,
            left: self.left(world),
            worst_lateness: self.worst_lateness,
            debrief: drill.debrief.text.trim().to_owned(),
            links: drill.debrief.links.clone(),
        };
        self.stage = Stage::Over;
        self.outcome = Some(Box::new(outcome));
    }

    /// When what happened so far.
    pub(super) fn moments_so_far(&self) -> Moments {
        with_consequences(self.moments, &self.record, self.points())
    }

    fn points(&self) -> &[RequestPoint] {
        self.load.as_ref().map_or(&[], |load| &load.points)
    }

    /// What is asserted, with what is measured at this real time. It looks at every request so far, so it is asked for only where it is
    /// shown.
    #[must_use]
    pub fn live_checks(&self, now: Duration) -> Vec<LiveCheck> {
        let mut moments = self.moments_so_far();
        if moments.ended.is_zero() {
            moments.ended = self.clock.at(now);
        }
        let measurements = self.measurements(self.points(), moments);
        let world = world_of(self.t);
        let live = |assert: &Assert, measure: Option<Measure>, measured: Option<Measured>| {
            let bound = assert.bound.as_ref().map(|bound| bound.text().to_owned());
            let parsed = measure
                .zip(bound.as_ref())
                .and_then(|(measure, bound)| Bound::parse(bound, measure.unit(), &world).ok());
            LiveCheck {
                name: assert.name.clone(),
                expr: assert.expr.text().to_owned(),
                holds: parsed.zip(measured).map(|(bound, measured)| bound.holds(measured)),
                bound,
                measured,
            }
        };
        // Before the fault there is nothing to measure from.
        self.of_asserts(moments.fault.map(|_| &measurements), live)
    }

    fn measurements<'a>(&'a self, points: &'a [RequestPoint], moments: Moments) -> Measurements<'a> {
        Measurements { record: &self.record, points, moments, within: self.within() }
    }

    /// What `make` makes of each assertion, its measure and the value of that. `measurements`: `None`, if nothing is measured yet.
    fn of_asserts<T>(
        &self,
        measurements: Option<&Measurements<'_>>,
        make: impl Fn(&Assert, Option<Measure>, Option<Measured>) -> T,
    ) -> Vec<T> {
        // In the order of the assertions that time a condition.
        let mut timed = self.timed.iter().map(|(_, held)| *held);
        let of = |assert: &Assert| {
            let measure = Measure::parse(assert.expr.text()).ok().flatten();
            let measured = match &measure {
                Some(Measure::TimeTo(_)) => {
                    let held = timed.next().flatten().zip(self.moments.fault);
                    held.map(|(held, fault)| Measured::Time(held.saturating_sub(fault)))
                }
                Some(measure) => measurements.and_then(|measurements| measurements.of(measure)),
                None => None,
            };
            make(assert, measure, measured)
        };
        self.drill.asserts.iter().map(of).collect()
    }

    fn within(&self) -> Duration {
        self.drill.workload.as_ref().map_or(Duration::ZERO, |load| super::in_t(&load.within, self.t))
    }

    fn verdict(&self, checks: &[CheckResult], world: &World) -> (Verdict, String) {
        if let Some(Decision { verdict, reason, is_about_time }) = &self.decided {
            if *is_about_time && self.is_too_busy() {
                return (Verdict::Inconclusive, format!("{}; {reason}", self.too_busy()));
            }
            return (*verdict, reason.clone());
        }
        let must = |check: &&CheckResult| check.severity == Severity::Must;
        let broken: Vec<&CheckResult> =
            checks.iter().filter(must).filter(|check| matches!(check.state, CheckState::Broken(_))).collect();
        let not_judged = self.judge.not_judged();
        let unknown = checks
            .iter()
            .filter(must)
            .find(|check| matches!(check.state, CheckState::Unknown(_)) && is_judged(check, &not_judged));
        let is_time =
            |check: &CheckResult| matches!(check.measured, Some(Measured::Time(_) | Measured::Percent(_)));
        if !broken.is_empty() && self.is_too_busy() && broken.iter().all(|check| is_time(check)) {
            return (Verdict::Inconclusive, self.too_busy());
        }
        if let Some(first) = broken.first() {
            let more =
                if broken.len() > 1 { format!(" (and {} more)", broken.len() - 1) } else { String::new() };
            return (Verdict::Failed, format!("{}: {}{more}", first.name, why(first)));
        }
        if let Some(check) = unknown {
            return (Verdict::Inconclusive, format!("{}: {}", check.name, why(check)));
        }
        if let Some(failure) = &self.heal_failure {
            return (Verdict::Failed, format!("a line of the heal failed: {failure}"));
        }
        let left = self.left(world);
        if let Some(first) = left.first() {
            return (Verdict::Failed, format!("it could not be healed: {first}"));
        }
        let reason = "everything that must hold did";
        (
            Verdict::Passed,
            match not_judged.as_slice() {
                [] => reason.to_owned(),
                names => format!("{reason}, as far as it is known; not judged here: {}", names.join(", ")),
            },
        )
    }

    fn too_busy(&self) -> String {
        let late = Millis(self.worst_lateness);
        format!("the machine was too busy to judge times: this program was woken up to {late} late")
    }

    /// Whether this program was called so late that times cannot be judged.
    fn is_too_busy(&self) -> bool {
        self.worst_lateness > self.t / 2
    }

    fn assertions(&self, measurements: &Measurements<'_>, world: &World) -> Vec<CheckResult> {
        let has_fault = self.moments.fault.is_some();
        self.of_asserts(Some(measurements), |assert, measure, value| match measure {
            Some(measure) => match measure.needs().map(|needed| self.options.capabilities.tells(needed)) {
                Some(Err(untold)) => result(assert, None, CheckState::Unknown(untold.to_string())),
                _ => measured(assert, measure.unit(), value, has_fault, world),
            },
            None => self.at_the_end(assert, world),
        })
    }

    fn at_the_end(&self, assert: &Assert, world: &World) -> CheckResult {
        let mut condition = Awaited::new(assert.expr.text());
        let look = condition.look(world, self.script.bindings(), self.script.unanswered());
        let state = match look {
            Look::Holds => CheckState::Holds,
            Look::Broken(why) => CheckState::Broken(why),
            Look::Unknown(why) | Look::Untold(why) => CheckState::Unknown(why),
        };
        result(assert, None, state)
    }

    fn timeline(&self, requests: Vec<RequestPoint>) -> Timeline {
        let (from, until) = (self.moments.steady.unwrap_or(self.moments.begun), self.moments.ended);
        let interval = self.drill.workload.as_ref().map(|load| self.t / u32::from(load.rate.max(1)));
        let least = interval.map_or(self.t, |interval| self.t.max(interval * 5));
        let gaps: Vec<Gap> = gaps(&requests, (from, until)).filter(|gap| gap.length() >= least).collect();
        let gaps = if requests.is_empty() { Vec::new() } else { gaps };
        let violated = self.judge.violation().is_some();
        let begin =
            if violated { until.saturating_sub(self.t * 4) } else { self.moments.fault.unwrap_or(until) };
        let end = if violated { until } else { self.moments.lead.unwrap_or(begin + self.t * 2) + self.t / 2 };
        let mut messages = self.record.messages(begin.saturating_sub(self.t / 4), end);
        let excess = messages.len().saturating_sub(MAX_MESSAGES);
        if violated {
            messages.drain(..excess);
        } else {
            messages.truncate(MAX_MESSAGES);
        }
        Timeline {
            nodes: self.record.bands(until),
            injected: self.record.injected.clone(),
            observed: self
                .record
                .observed
                .iter()
                .filter(|seen| seen.at >= self.moments.begun)
                .cloned()
                .collect(),
            requests,
            gaps,
            messages,
            messages_skipped: self.record.messages_skipped + excess as u64,
        }
    }

    fn violation_report(&self, timeline: &Timeline) -> Option<ViolationReport> {
        let violation = self.judge.violation()?;
        let skip = timeline.messages.len().saturating_sub(LAST_MESSAGES);
        let last = timeline.messages.iter().skip(skip);
        Some(ViolationReport {
            property: violation.property.clone(),
            node: violation.node,
            at: self.moments.ended,
            sentence: violation.sentence.clone(),
            last_messages: last.map(|message| (message.from, message.to, message.kind)).collect(),
        })
    }
}

/// Whether a check counts for the verdict and the score: these cannot be judged here.
fn is_judged(check: &CheckResult, not_judged: &[&str]) -> bool {
    check.kind != CheckKind::Always || !not_judged.contains(&check.name.as_str())
}

fn why(check: &CheckResult) -> &str {
    match &check.state {
        CheckState::Holds => "",
        CheckState::Broken(why) | CheckState::Unknown(why) => why,
    }
}

/// A measure against its bound. A value that was not measured after the fault cannot be within any bound: what it counts to did not
/// happen. Without a fault it is unknown.
fn measured(
    assert: &Assert,
    unit: Unit,
    value: Option<Measured>,
    has_fault: bool,
    world: &World,
) -> CheckResult {
    let given = assert.bound.as_ref().map_or("", |bound| bound.text());
    let state = match (Bound::parse(given, unit, world), value) {
        (Err(why), _) => CheckState::Unknown(why),
        (Ok(_), None) if !has_fault => CheckState::Unknown("there was no fault to measure from".to_owned()),
        (Ok(_), None) => CheckState::Broken(format!("{} was not seen: it did not happen", assert.expr)),
        (Ok(bound), Some(value)) if bound.holds(value) => CheckState::Holds,
        (Ok(_), Some(value)) => {
            CheckState::Broken(format!("{} is {value}, and the bound is {given}", assert.expr))
        }
    };
    result(assert, value, state)
}

fn result(assert: &Assert, measured: Option<Measured>, state: CheckState) -> CheckResult {
    CheckResult {
        name: assert.name.clone(),
        kind: CheckKind::Assertion,
        expr: assert.expr.text().to_owned(),
        bound: assert.bound.as_ref().map(|bound| bound.text().to_owned()),
        measured,
        severity: assert.severity,
        state,
    }
}
