//! When a run is to be called, how late it was, and its budgets.

use super::load::Load;
use super::probes::ProbePart;
use super::steps::StepState;
use super::{Run, Stage, in_t, steady};
use crate::outcome::Verdict;
use std::time::Duration;

impl Run {
    /// When [`Run::go_on`] is to be called if nothing happens before, in real time.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        if self.is_over() {
            return None;
        }
        if self.begun.is_none() {
            return Some(self.called.map_or(Duration::ZERO, |called| called + steady::STARTING));
        }
        let cluster = [self.load.as_ref().and_then(Load::next_due), self.stage_due(), self.probe_due()];
        let cluster = cluster.into_iter().flatten().filter_map(|at| self.clock.when(at));
        let real = [self.script_due(), self.stage_due_real(), self.wall_end()];
        cluster.chain(real.into_iter().flatten()).min()
    }

    pub(super) fn check_limits(&mut self, now: Duration) {
        if self.decided.is_some() {
            return;
        }
        if self.wall_end().is_some_and(|end| now >= end) {
            let reason = format!("it took longer than its budget of {} of real time", self.drill.budget.wall);
            self.decide(Verdict::Aborted, reason);
        }
        let budget = in_t(&self.drill.budget.cluster, self.t);
        if let (Some(steady), None) = (self.moments.steady, self.moments.heal)
            && !self.options.attended
            && self.clock.at(now) > steady + budget
        {
            let reason =
                format!("it took longer than its budget of {} of cluster time", self.drill.budget.cluster);
            self.decide(Verdict::Aborted, reason);
        }
    }

    /// When its budget of real time is used up. A person's time is not limited.
    fn wall_end(&self) -> Option<Duration> {
        let budget = in_t(&self.drill.budget.wall, self.t);
        let begun = self.begun.filter(|_| !self.options.attended && self.moments.heal.is_none())?;
        Some(begun + budget)
    }

    /// How late it is called, from the fault on: times are judged there.
    pub(super) fn note_lateness(&mut self, now: Duration) {
        if !self.options.is_real || !matches!(self.part(), ProbePart::During | ProbePart::After) {
            return;
        }
        let cluster = [self.load.as_ref().and_then(Load::next_due), self.stage_due()];
        let cluster = cluster.into_iter().flatten().filter_map(|due| self.clock.when(due));
        // A line that can begin at once is due at time 0, which says nothing.
        let lines = self.script_due().filter(|due| !due.is_zero());
        if let Some(due) = cluster.chain(lines).min() {
            self.worst_lateness = self.worst_lateness.max(now.saturating_sub(due));
        }
    }

    fn probe_due(&self) -> Option<Duration> {
        let part = self.part();
        self.probes.iter().filter_map(|probe| probe.next_due(part)).min()
    }

    /// Only lines that are carried out go on by themselves.
    fn script_due(&self) -> Option<Duration> {
        let has_lines = match &self.stage {
            Stage::Step(_, state) => matches!(state, StepState::Lines),
            Stage::Healing(healing) => healing.has_lines(),
            _ => false,
        };
        self.script.next_due().filter(|_| has_lines)
    }

    /// When the present part goes on by itself, in cluster time.
    fn stage_due(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Steady(wait) | Stage::SteadyAgain(wait) => wait.next_due(),
            Stage::Step(_, state) => state.next_due(),
            Stage::Observing(until) => Some(*until),
            Stage::Healing(_) | Stage::Draining { .. } | Stage::Over => None,
        }
    }

    /// The same in real time.
    fn stage_due_real(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Healing(healing) => Some(healing.next_due()),
            Stage::Draining { until, .. } => Some(*until),
            Stage::Steady(wait) | Stage::SteadyAgain(wait) => wait.next_due_real(),
            Stage::Step(..) | Stage::Observing(_) | Stage::Over => None,
        }
    }
}
