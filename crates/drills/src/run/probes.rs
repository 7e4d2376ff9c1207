//! Probes: conditions that are checked while a drill runs.

use crate::awaited::{Awaited, Look};
use crate::bound::Millis;
use crate::file::{Probe, ProbeMode, Severity};
use crate::outcome::{CheckKind, CheckResult, CheckState};
use raftdeck_model::World;
use raftdeck_script::Bindings;
use std::time::Duration;

/// A probe and its result so far.
#[derive(Clone, Debug)]
pub(super) struct ProbeState {
    name: String,
    condition: Awaited,
    mode: ProbeMode,
    severity: Severity,
    every: Option<Duration>,
    last: Option<Duration>,
    /// How often it was judged.
    looks: u64,
    broken: Option<String>,
    /// Why it was not known at the last look at which it was not.
    unknown: Option<String>,
}

/// Which part of the drill it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProbePart {
    /// Before the steady state, or after the verdict.
    Outside,
    /// Between the steady state and the fault.
    Before,
    /// From the fault to the heal.
    During,
    /// From the heal to the end.
    After,
}

impl ProbeState {
    pub(super) fn new(probe: &Probe, every: Option<Duration>) -> Self {
        Self {
            name: probe.name.clone(),
            condition: Awaited::new(probe.expr.text()),
            mode: probe.mode,
            severity: probe.severity,
            every,
            last: None,
            looks: 0,
            broken: None,
            unknown: None,
        }
    }

    /// Something happened, or time has passed, in this part of the drill.
    pub(super) fn look(
        &mut self,
        part: ProbePart,
        at: Duration,
        world: &World,
        bindings: &Bindings,
        unanswered: usize,
    ) {
        let is_due = match (self.every, self.last) {
            (Some(every), Some(last)) => at >= last + every,
            _ => true,
        };
        if self.is_on(part) && is_due {
            self.judge(at, world, bindings, unanswered);
        }
    }

    /// Whether it is checked all the time in this part of the drill.
    fn is_on(&self, part: ProbePart) -> bool {
        match self.mode {
            ProbeMode::Continuous => part != ProbePart::Outside,
            ProbeMode::During => part == ProbePart::During,
            ProbeMode::Start | ProbeMode::End | ProbeMode::Edge => false,
        }
    }

    /// The steady state before the fault, or after the heal, is reached.
    pub(super) fn edge(
        &mut self,
        is_end: bool,
        at: Duration,
        world: &World,
        bindings: &Bindings,
        unanswered: usize,
    ) {
        let is_on = match self.mode {
            ProbeMode::Start => !is_end,
            ProbeMode::End => is_end,
            ProbeMode::Edge | ProbeMode::Continuous => true,
            ProbeMode::During => false,
        };
        if is_on {
            self.judge(at, world, bindings, unanswered);
        }
    }

    /// When it is to be checked next without an update.
    pub(super) fn next_due(&self, part: ProbePart) -> Option<Duration> {
        self.every
            .zip(self.last)
            .map(|(every, last)| last + every)
            .filter(|_| self.is_on(part) && self.broken.is_none())
    }

    fn judge(&mut self, at: Duration, world: &World, bindings: &Bindings, unanswered: usize) {
        if self.broken.is_some() {
            return;
        }
        self.last = Some(at);
        match self.condition.look(world, bindings, unanswered) {
            Look::Holds => self.looks += 1,
            Look::Broken(why) => self.broken = Some(format!("at {}: {why}", Millis(at))),
            // What is not known proves nothing.
            Look::Unknown(why) | Look::Untold(why) => self.unknown = Some(why),
        }
    }

    /// Its result.
    pub(super) fn result(&self) -> CheckResult {
        let state = match (&self.broken, self.looks) {
            (Some(why), _) => CheckState::Broken(why.clone()),
            (None, 0) => CheckState::Unknown(match &self.unknown {
                Some(why) => format!("it was never known: {why}"),
                None => "it was never checked: the run did not get so far".to_owned(),
            }),
            (None, _) => CheckState::Holds,
        };
        CheckResult {
            name: self.name.clone(),
            kind: CheckKind::Probe,
            expr: self.condition.text().to_owned(),
            bound: None,
            measured: None,
            severity: self.severity,
            state,
        }
    }
}
