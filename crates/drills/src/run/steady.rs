//! The steady state: its conditions all hold at once, and the workload is answered, for some time without a break.

use super::load::Load;
use super::steps::StepState;
use super::{LOAD_OFFSET, Run, RunEffect, Stage, in_t};
use crate::awaited::Awaited;
use crate::bound::Millis;
use crate::file::{Drill, WorkloadSpec};
use crate::outcome::Verdict;
use raftdeck_model::{CommandId, World};
use std::time::Duration;

/// The steady state lasts this long, in T, before it counts.
const LASTS: u32 = 2;

/// How long it may take by default, in T.
const WITHIN: u32 = 40;

/// After the heal it is observed for this long, in T.
const OBSERVED: u32 = 4;

/// Processes may take this long to start, in real time, whatever the file says.
pub(super) const STARTING: Duration = Duration::from_secs(15);

/// The wait for a steady state.
#[derive(Debug, Default)]
pub(super) struct SteadyWait {
    checks: Vec<(String, Awaited)>,
    /// Since when all holds, in cluster time.
    since: Option<Duration>,
    /// What does not hold at present, and how things are.
    unmet: String,
    /// When it is given up, in cluster time.
    deadline: Duration,
    /// When it is given up at the earliest, in real time.
    earliest: Option<Duration>,
    lasts: Duration,
    /// When it is given up whatever cluster time does, in real time.
    latest: Option<Duration>,
}

impl SteadyWait {
    /// Waits from this cluster time. `started`: the real time at which the cluster was started, if it was started for this.
    pub(super) fn begin(drill: &Drill, t: Duration, at: Duration, started: Option<Duration>) -> Self {
        let usual = ("a leader, and all nodes up".to_owned(), Awaited::new("all of leader and up"));
        let of_drill = drill.steady.iter().map(|check| (check.name.clone(), Awaited::new(check.expr.text())));
        let mut checks: Vec<_> = of_drill.collect();
        if checks.is_empty() {
            checks.push(usual);
        }
        let usual_within = t * WITHIN;
        let within = drill
            .steady
            .iter()
            .map(|check| check.within.as_ref().map_or(usual_within, |given| in_t(given, t)));
        let within = within.max().unwrap_or(usual_within);
        Self {
            checks,
            since: None,
            unmet: String::new(),
            deadline: at + within,
            earliest: started.map(|started| started + STARTING),
            lasts: t * LASTS,
            latest: None,
        }
    }

    /// Waits after the heal, no longer than until this real time.
    pub(super) fn again(drill: &Drill, t: Duration, at: Duration, latest: Option<Duration>) -> Self {
        Self { latest, ..Self::begin(drill, t, at, None) }
    }

    pub(super) fn next_due(&self) -> Option<Duration> {
        self.since.map(|since| since + self.lasts).or((self.earliest.is_none()).then_some(self.deadline))
    }

    pub(super) fn next_due_real(&self) -> Option<Duration> {
        self.earliest.filter(|_| self.since.is_none()).or(self.latest)
    }

    /// What it waits for, in words.
    pub(super) fn unmet(&self) -> &str {
        &self.unmet
    }
}

/// Whether it is steady.
enum SteadyLook {
    Steady,
    Waits,
    /// It took too long: what does not hold.
    TooLate(String),
}

impl Run {
    fn steady(&mut self, wait: &mut SteadyWait, now: Duration, world: &World) -> SteadyLook {
        let at = self.clock.at(now);
        let (bindings, unanswered) = (self.script.bindings(), self.script.unanswered());
        let unmet = wait.checks.iter_mut().find_map(|(name, condition)| {
            let why = condition.look(world, bindings, unanswered).unmet()?;
            Some(format!("{name}: {why}"))
        });
        if unmet.is_none() && self.load.is_none() {
            // Requests to a cluster that is not ready would only measure how it starts.
            let first = CommandId(self.options.first.0 + LOAD_OFFSET);
            let begin = |spec: &WorkloadSpec| Load::new(spec, self.t, in_t(&spec.within, self.t), first, at);
            self.load = self.drill.workload.as_ref().map(begin);
        }
        let is_answered = self.load.as_ref().is_none_or(Load::is_answered);
        let unmet = unmet.or_else(|| {
            (!is_answered).then(|| "the workload's requests are not answered in time".to_owned())
        });
        wait.unmet = unmet.clone().unwrap_or_default();
        match unmet {
            None => {
                let since = *wait.since.get_or_insert(at);
                if at >= since + wait.lasts { SteadyLook::Steady } else { SteadyLook::Waits }
            }
            Some(why) => {
                wait.since = None;
                wait.earliest = wait.earliest.filter(|earliest| now < *earliest);
                let is_stuck = wait.latest.is_some_and(|latest| now >= latest);
                if is_stuck || at >= wait.deadline && wait.earliest.is_none() {
                    SteadyLook::TooLate(why)
                } else {
                    SteadyLook::Waits
                }
            }
        }
    }

    pub(super) fn steady_before(
        &mut self,
        mut wait: SteadyWait,
        now: Duration,
        world: &World,
        effects: &mut Vec<RunEffect>,
    ) -> bool {
        let at = self.clock.at(now);
        match self.steady(&mut wait, now, world) {
            SteadyLook::Waits => self.stay(Stage::Steady(wait)),
            SteadyLook::Steady => {
                self.moments.steady = Some(at);
                self.record.at_steady = Some(self.record.facts.len());
                effects.push(self.tell(at, "steady: the cluster is ready for the fault"));
                self.edge(false, at, world);
                self.go_to(Stage::Step(0, StepState::begin(self.drill.steps.first(), at, at, self.t)))
            }
            SteadyLook::TooLate(why) => {
                self.stage = Stage::Steady(wait);
                self.decide(Verdict::Inconclusive, format!("the cluster did not become steady: {why}"));
                true
            }
        }
    }

    pub(super) fn steady_after(
        &mut self,
        mut wait: SteadyWait,
        now: Duration,
        world: &World,
        effects: &mut Vec<RunEffect>,
    ) -> bool {
        let at = self.clock.at(now);
        match self.steady(&mut wait, now, world) {
            SteadyLook::Waits => return self.stay(Stage::SteadyAgain(wait)),
            SteadyLook::Steady => {
                let healed = wait.since.unwrap_or(at);
                self.moments.healed = Some(healed);
                let took = healed.saturating_sub(self.moments.heal.unwrap_or(healed));
                effects.push(self.tell(at, &format!("steady again, {} after the heal", Millis(took))));
                self.edge(true, at, world);
            }
            SteadyLook::TooLate(why) => {
                self.decide_late(format!("the cluster did not become steady again after the heal: {why}"));
                return self.stop_load(now);
            }
        }
        self.go_to(Stage::Observing(at + self.t * OBSERVED))
    }

    fn edge(&mut self, is_end: bool, at: Duration, world: &World) {
        let (bindings, unanswered) = (self.script.bindings(), self.script.unanswered());
        for probe in &mut self.probes {
            probe.edge(is_end, at, world, bindings, unanswered);
        }
    }

    /// A line for whoever watches.
    pub(super) fn tell(&self, at: Duration, what: &str) -> RunEffect {
        let since = at.saturating_sub(self.moments.begun);
        RunEffect::Tell(format!("{:8.3}  {what}", since.as_secs_f64()))
    }
}
