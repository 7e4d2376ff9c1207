//! Waits for cluster time to pass, and checks meanwhile whether a condition still holds.
//!
//! Every update carries the cluster time. When no update comes for a long time, the newest state is requested at the expected end.

use crate::{Condition, Unmet};
use raftdeck_model::{CommandId, World};
use raftdeck_protocol::ClockRate;
use std::time::Duration;

/// The shortest pause before the next request.
const LEAST_PAUSE: Duration = Duration::from_millis(1);

#[derive(Clone, Debug)]
pub(super) struct PassingTime {
    time: Duration,
    condition: Option<Condition>,
    /// When it ends, in cluster time; `None`: it has not begun.
    end: Option<Duration>,
    /// The request in progress.
    asked: Option<CommandId>,
    /// The basis of the expected end: the cluster time and its rate.
    told: Option<(Duration, ClockRate)>,
    /// The expected end, in real time.
    due: Option<Duration>,
}

/// The next action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StayCheck {
    /// The time has passed.
    Over,
    /// A condition that should hold throughout does not hold.
    Broken(Unmet),
    /// The newest state is to be requested.
    Ask,
    /// Something has to happen first.
    Wait,
}

impl PassingTime {
    /// This much cluster time is to pass, from the time of the newest state, which is requested first.
    pub(super) fn new(time: Duration, condition: Option<Condition>) -> Self {
        Self { time, condition, end: None, asked: None, told: None, due: None }
    }

    /// The newest state was requested by this command.
    pub(super) fn asks(&mut self, id: CommandId) {
        self.asked = Some(id);
        self.told = None;
        self.due = None;
    }

    /// A command is answered.
    pub(super) fn answered(&mut self, id: CommandId) {
        self.asked = self.asked.filter(|asked| *asked != id);
    }

    /// When to check again if no update comes before, in real time.
    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }

    pub(super) fn look(&mut self, now: Duration, world: &World, unanswered: usize) -> StayCheck {
        if self.end.is_none() && self.asked.is_some() {
            return StayCheck::Wait;
        }
        if let Some(Err(why)) = self.condition.as_ref().map(|condition| condition.holds(world, unanswered)) {
            return StayCheck::Broken(why);
        }
        let end = *self.end.get_or_insert(world.now().saturating_add(self.time));
        if world.now() >= end {
            return StayCheck::Over;
        }
        if self.asked.is_some() {
            return StayCheck::Wait;
        }
        let told = (world.now(), world.time().rate);
        if self.told.replace(told) != Some(told) {
            let left = told.1.takes(end.saturating_sub(told.0));
            self.due = left.map(|left| now.saturating_add(left.max(LEAST_PAUSE)));
        }
        if self.due.is_some_and(|due| now >= due) { StayCheck::Ask } else { StayCheck::Wait }
    }
}
