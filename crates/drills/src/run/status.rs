//! What a run is doing, for a screen.

use super::steps::StepState;
use super::{Run, Stage};
use crate::file::Hint;
use crate::outcome::{Moments, StepResult};
use std::time::Duration;

/// The parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StageName {
    /// It waits for the steady state before the fault.
    Steady,
    /// Its steps are carried out.
    Steps,
    /// It heals.
    Healing,
    /// It waits for the steady state after the heal.
    SteadyAgain,
    /// It is judged.
    Judging,
    /// It is over.
    Over,
}

/// What a run is doing at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct RunStatus<'a> {
    /// Which part.
    pub stage: StageName,
    /// What it waits for, in words; empty: for nothing in particular.
    pub waits_for: String,
    /// The steps, as far as they are.
    pub steps: &'a [StepResult],
    /// The present step, counted from 0.
    pub present: Option<usize>,
    /// A question that waits for an answer, or for being read.
    pub ask: Option<AskStatus<'a>>,
    /// A task that waits for the person.
    pub act: Option<ActStatus<'a>>,
    /// When what happened so far.
    pub moments: Moments,
    /// The present cluster time.
    pub now: Duration,
    /// One T: the least election timeout.
    pub t: Duration,
}

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub struct AskStatus<'a> {
    /// The question and its options.
    pub ask: &'a crate::file::Ask,
    /// The option that was chosen.
    pub chosen: Option<usize>,
}

/// A task.
#[derive(Clone, Debug, PartialEq)]
pub struct ActStatus<'a> {
    /// The task.
    pub act: &'a crate::file::Act,
    /// The cluster time that is left.
    pub left: Duration,
    /// The whole cluster time.
    pub allowed: Duration,
    /// The hints that were taken.
    pub hints: &'a [Hint],
}

/// An assertion while the run goes.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveCheck {
    /// Its name.
    pub name: String,
    /// What is measured.
    pub expr: String,
    /// The bound, as the file says it.
    pub bound: Option<String>,
    /// The value so far.
    pub measured: Option<crate::bound::Measured>,
    /// Whether it is within the bound so far; `None`: that is not known yet.
    pub holds: Option<bool>,
}

impl Run {
    /// What it is doing at this real time.
    #[must_use]
    pub fn status(&self, now: Duration) -> RunStatus<'_> {
        let at = self.clock.at(now);
        let (stage, present) = match &self.stage {
            Stage::Steady(_) => (StageName::Steady, None),
            Stage::Step(index, _) => {
                (StageName::Steps, Some(*index).filter(|index| *index < self.steps.len()))
            }
            Stage::Healing(_) => (StageName::Healing, None),
            Stage::SteadyAgain(_) => (StageName::SteadyAgain, None),
            Stage::Observing(_) | Stage::Draining { .. } => (StageName::Judging, None),
            Stage::Over => (StageName::Over, None),
        };
        RunStatus {
            stage,
            waits_for: self.waits_for(),
            steps: &self.steps,
            present,
            ask: self.asks(),
            act: self.acts(at),
            moments: self.moments_so_far(),
            now: at,
            t: self.t,
        }
    }

    /// The question and the task that wait for the person at this real time: a part of [`Run::status`] that costs next to nothing.
    #[must_use]
    pub fn waits_for_person(&self, now: Duration) -> (Option<AskStatus<'_>>, Option<ActStatus<'_>>) {
        (self.asks(), self.acts(self.clock.at(now)))
    }

    fn waits_for(&self) -> String {
        match &self.stage {
            Stage::Steady(wait) | Stage::SteadyAgain(wait) => wait.unmet().to_owned(),
            Stage::Step(_, StepState::Condition { condition, .. }) => condition.text().to_owned(),
            Stage::Step(_, StepState::Lines) => self.script.line().unwrap_or_default(),
            _ => String::new(),
        }
    }

    fn asks(&self) -> Option<AskStatus<'_>> {
        let Stage::Step(index, StepState::Asking { chosen }) = &self.stage else { return None };
        let ask = self.drill.steps.get(*index)?.ask.as_ref()?;
        Some(AskStatus { ask, chosen: *chosen })
    }

    fn acts(&self, at: Duration) -> Option<ActStatus<'_>> {
        let Stage::Step(index, StepState::Acting(_, task)) = &self.stage else { return None };
        let act = self.drill.steps.get(*index)?.act.as_ref()?;
        Some(ActStatus {
            act,
            left: task.deadline.saturating_sub(at),
            allowed: task.deadline.saturating_sub(task.set_at),
            hints: act.hints.get(..task.hints).unwrap_or_default(),
        })
    }
}
