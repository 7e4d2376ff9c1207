//! Waits for cluster time to pass, and checks meanwhile whether a condition still holds.
//!
//! Every update carries the cluster time. When no update comes for long, the newest one is requested at the expected
//! end.

use crate::Condition;
use raftdeck_model::{CommandId, World};
use raftdeck_protocol::ClockRate;
use std::time::Duration;

/// Asked for again no sooner than after so long.
const LEAST_PAUSE: Duration = Duration::from_millis(1);

#[derive(Clone, Debug)]
pub(super) struct PassingTime {
    time: Duration,
    condition: Option<Condition>,
    /// When it is over, in cluster time; `None`: it has not begun.
    end: Option<Duration>,
    /// What is asked for.
    asked: Option<CommandId>,
    /// What that is reckoned from: how late it was in the cluster, and how fast time passed.
    told: Option<(Duration, ClockRate)>,
    /// When it should be over, in real time.
    due: Option<Duration>,
}

/// The next action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StayCheck {
    /// So much time has passed.
    Over,
    /// What should stay so is not so.
    Broken(String),
    /// The newest is to be asked for.
    Ask,
    /// Something has to happen first.
    Wait,
}

impl PassingTime {
    /// So much cluster time is to pass, from when the newest is known that is asked for first.
    pub(super) fn new(time: Duration, condition: Option<Condition>) -> Self {
        Self { time, condition, end: None, asked: None, told: None, due: None }
    }

    /// The newest was asked for by this command.
    pub(super) fn asks(&mut self, id: CommandId) {
        self.asked = Some(id);
        self.told = None;
        self.due = None;
    }

    /// A command is answered.
    pub(super) fn answered(&mut self, id: CommandId) {
        self.asked = self.asked.filter(|asked| *asked != id);
    }

    /// When to look again if nothing is told before, in real time.
    pub(super) fn due(&self) -> Option<Duration> {
        self.due
    }

    pub(super) fn look(&mut self, now: Duration, world: &World, unanswered: usize) -> StayCheck {
        if self.end.is_none() && self.asked.is_some() {
            return StayCheck::Wait;
        }
        if let Some(Err(why)) = self.condition.as_ref().map(|condition| condition.holds(world, unanswered)) {
            return StayCheck::Broken(why.to_string());
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
