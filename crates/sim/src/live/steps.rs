//! How cluster time passes: its rate, and the steps of a frozen world.

use super::Live;
use super::agenda::AgendaItem;
use crate::options::micros;
use raftdeck_model::{ClusterTime, CommandId, News, Step};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{NodeId, TraceEvent};

/// The shortest run: a timer may be due at this very moment, and still needs time to pass to go off.
const LEAST_RUN: u64 = 1;

/// What is said of a step that another one, or another rate, comes before.
const OVERTAKEN: &str = "the step was interrupted: another command changed time";

/// What a step runs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StepGoal {
    /// The step's time has passed.
    End,
    /// A node changes its role.
    Role,
    /// A node's commit index advances.
    Commit,
}

/// A step under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stepping {
    command: CommandId,
    number: u64,
    until: StepGoal,
    is_reached: bool,
}

impl Live {
    /// Tells how late it is and how fast time passes.
    pub(super) fn tell_time(&mut self) {
        let time = ClusterTime { rate: self.rate, now: self.now() };
        self.tell(News::Time(time));
    }

    /// Time passes at this rate from now on. A step under way ends.
    pub(super) fn set_rate(&mut self, rate: ClockRate) {
        self.overtake();
        self.let_pass(rate);
        self.tell_time();
    }

    /// Nobody may rely on a clock that was set by hand.
    fn let_pass(&mut self, rate: ClockRate) {
        self.rate = rate;
        if !rate.is_frozen() {
            self.last_rate = rate;
            // Processes work in real time, however slowly their clocks run.
            self.world.pace = rate.millionths();
        }
        for node in self.kept.keys().copied().collect::<Vec<_>>() {
            self.act(node, |replica, _| replica.forgo_leases());
        }
    }

    /// A step that is under way comes to nothing.
    fn overtake(&mut self) {
        if let Some(Stepping { command, .. }) = self.stepping.take() {
            self.answer(command, Err(OVERTAKEN.to_owned()));
        }
    }

    /// `None`: the step is under way, and answered when it has ended.
    pub(super) fn step(&mut self, command: CommandId, step: Step) -> Option<Result<(), String>> {
        self.overtake();
        match step {
            Step::Message => {
                self.freeze();
                let now = self.now();
                if self.traffic.deliver_oldest(now) {
                    self.tell_time();
                    self.settle();
                    return Some(Ok(()));
                }
                self.step_to_timer(command)
            }
            Step::Timer => self.step_to_timer(command),
            Step::For(time) => self.run(command, StepGoal::End, Some(micros(time))),
            Step::Role => self.run(command, StepGoal::Role, None),
            Step::Commit => self.run(command, StepGoal::Commit, None),
        }
    }

    fn step_to_timer(&mut self, command: CommandId) -> Option<Result<(), String>> {
        self.freeze();
        let now = self.world.now;
        let timers = self.kept.keys().copied().collect::<Vec<NodeId>>();
        let timer = timers.into_iter().filter_map(|node| self.world.timer_of(node)).min();
        let message = self.traffic.next_due().map(super::message_due);
        let Some(next) = [timer, message].into_iter().flatten().min() else {
            self.tell_time();
            return Some(Err("no running node has a timer, and no message is under way".to_owned()));
        };
        self.run(command, StepGoal::End, Some(next.saturating_sub(now).max(LEAST_RUN)))
    }

    fn run(&mut self, command: CommandId, until: StepGoal, time: Option<u64>) -> Option<Result<(), String>> {
        let number = self.number();
        self.stepping = Some(Stepping { command, number, until, is_reached: false });
        self.let_pass(self.last_rate);
        self.tell_time();
        if let Some(time) = time {
            self.agenda.at(self.world.now.saturating_add(time), AgendaItem::StepEnd(number));
        }
        None
    }

    fn freeze(&mut self) {
        if !self.is_frozen() {
            self.let_pass(ClockRate::FROZEN);
            self.settle();
        }
    }

    /// Whether this is what the step under way runs to.
    pub(super) fn note_milestone(&mut self, event: &TraceEvent) {
        if let Some(stepping) = &mut self.stepping {
            stepping.is_reached |= match stepping.until {
                StepGoal::Role => matches!(event, TraceEvent::RoleChanged { .. }),
                StepGoal::Commit => matches!(event, TraceEvent::Committed { .. }),
                StepGoal::End => false,
            };
        }
    }

    pub(super) fn end_milestone(&mut self) {
        if let Some(stepping) = self.stepping.filter(|stepping| stepping.is_reached) {
            self.step_is_over(stepping.number);
        }
    }

    pub(super) fn step_is_over(&mut self, number: u64) {
        let Some(Stepping { command, .. }) = self.stepping.take_if(|stepping| stepping.number == number)
        else {
            return;
        };
        self.rate = ClockRate::FROZEN;
        self.tell_time();
        self.settle();
        self.answer(command, Ok(()));
    }
}

impl crate::world::World<'_> {
    /// When a member's next timer goes off, if it runs and is not stopped.
    fn timer_of(&mut self, id: NodeId) -> Option<u64> {
        let at = self.now;
        let node = self.node(id);
        let process = node.process.as_ref().filter(|_| !node.paused)?;
        Some(node.clock.when(process.replica.next_deadline(), at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::LiveOptions;
    use raftdeck_model::{Command, Order, SEEK_NEEDS_RECORDING};
    use std::time::Duration;

    fn frozen() -> Live {
        Live::new(LiveOptions { rate: ClockRate::FROZEN, ..LiveOptions::new(3, 1) })
    }

    #[test]
    fn only_a_recording_can_be_gone_through() {
        let mut live = frozen();
        live.take();
        live.send(Command { id: CommandId(1), what: Order::Seek(Duration::from_secs(9)) });
        let told = live.take().into_iter().map(|update| update.what).collect::<Vec<_>>();
        let reason = SEEK_NEEDS_RECORDING.to_owned();
        assert_eq!(told, [News::Refused { id: CommandId(1), reason }]);
        assert_eq!(live.now(), Duration::ZERO);
    }

    #[test]
    fn a_step_ends_just_when_it_should() {
        let mut live = frozen();
        live.send(Command { id: CommandId(1), what: Order::Step(Step::For(Duration::from_millis(7))) });
        live.run_until(Duration::from_secs(5));
        assert_eq!(live.now(), Duration::from_millis(7));
        assert_eq!(live.next(), None, "time is frozen again");
    }
}
