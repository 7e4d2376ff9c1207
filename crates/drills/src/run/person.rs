//! What a person does in a run: answers, tasks, hints.

use super::Run;
use super::Stage;
use super::steps::StepState;
use crate::outcome::PersonResult;
use raftdeck_model::{Command, CommandId, Order};
use std::time::Duration;

/// Something that a person says to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonInput {
    /// Chooses this option of the question, counted from 0.
    Answer(usize),
    /// Has read what was revealed, and goes on.
    Continue,
    /// Asks for the next hint.
    Hint,
    /// Gives the task up: the drill does it.
    GiveUp,
    /// A key or command was refused.
    WrongKey,
}

/// A task that a person works on.
#[derive(Clone, Debug, Default)]
pub(super) struct TaskProgress {
    /// When it was set, in real time.
    pub(super) set: Duration,
    /// When it was set, and when its time is over, in cluster time.
    pub(super) set_at: Duration,
    pub(super) deadline: Duration,
    /// When the first command that changes something came, in real time.
    pub(super) first_key: Option<Duration>,
    /// The commands that change something.
    pub(super) commands: u32,
    pub(super) refused: u32,
    pub(super) hints: usize,
    pub(super) is_given_up: bool,
}

impl TaskProgress {
    pub(super) fn result(
        &self,
        task: &str,
        needed: u32,
        cost: u32,
        reached: Option<(Duration, Duration)>,
    ) -> PersonResult {
        let wrong_keys = self.refused + self.commands.saturating_sub(needed);
        let points = reached.map_or(0, |(_, at)| points(self, at, wrong_keys, cost));
        PersonResult::Task {
            task: task.to_owned(),
            took: reached.map(|(now, _)| now.saturating_sub(self.set)),
            first_key: self.first_key.map(|first| first.saturating_sub(self.set)),
            deadline: self.deadline.saturating_sub(self.set_at),
            wrong_keys,
            hints: u32::try_from(self.hints).unwrap_or(u32::MAX),
            points,
        }
    }
}

/// Half of the points are for the goal, half for the time that was left; hints and wrong keys cost.
fn points(task: &TaskProgress, reached: Duration, wrong_keys: u32, cost: u32) -> u8 {
    let allowed = task.deadline.saturating_sub(task.set_at).as_millis().max(1);
    let left = task.deadline.saturating_sub(reached).as_millis().min(allowed);
    let for_time = u32::try_from(left * 50 / allowed).unwrap_or(50);
    let points = (50 + for_time).saturating_sub(cost).saturating_sub(wrong_keys.saturating_mul(10));
    u8::try_from(points.min(100)).unwrap_or(100)
}

/// A command of a person in a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastAction {
    id: CommandId,
    /// When the fault was before it.
    fault: Option<Duration>,
    at_fault: Option<usize>,
}

impl Run {
    /// A command that changes something came from a person: in a task it is the fault until a later one is. Time that is slowed down or
    /// frozen to watch more closely is neither a fault nor a wrong key.
    pub(super) fn note_action(&mut self, command: &Command, at: Duration, now: Duration) {
        let Stage::Step(index, StepState::Acting(_, task)) = &mut self.stage else { return };
        if matches!(command.what, Order::SetRate(_) | Order::Step(_)) {
            return;
        }
        task.commands += 1;
        task.first_key.get_or_insert(now);
        let (fault, at_fault) = (self.moments.fault, self.record.at_fault);
        self.last_action = Some(LastAction { id: command.id, fault, at_fault });
        if self.drill.fault_step() == Some(*index) {
            self.fault_at(at);
        }
    }

    /// A command was refused: it changed nothing. That it was a wrong key is said apart ([`PersonInput::WrongKey`]).
    pub(super) fn take_back(&mut self, id: CommandId) {
        let Some(action) = self.last_action.take_if(|action| action.id == id) else { return };
        if let Stage::Step(_, StepState::Acting(_, task)) = &mut self.stage {
            task.commands = task.commands.saturating_sub(1);
            self.moments.fault = action.fault;
            self.record.at_fault = action.at_fault;
        }
    }
}

/// A command of a person in a few words.
pub(super) fn in_words(order: &Order) -> String {
    match order {
        Order::Kill(node) => format!("kill {}", node.0),
        Order::Restart(node) => format!("restart {}", node.0),
        Order::Pause(node) => format!("pause {}", node.0),
        Order::Resume(node) => format!("resume {}", node.0),
        Order::Stop(node) => format!("stop {}", node.0),
        Order::Wipe(node) => format!("wipe {}", node.0),
        Order::Transfer(node) => format!("transfer {}", node.0),
        Order::RemoveNode(node) => format!("remove {}", node.0),
        Order::ReplaceNode(node) => format!("replace {}", node.0),
        Order::Promote(node) => format!("promote {}", node.0),
        Order::Campaign(node) => format!("elect {}", node.0),
        Order::AddNode => "add".to_owned(),
        Order::AddLearner => "add learner".to_owned(),
        Order::Heal => "heal".to_owned(),
        Order::Undo(_) => "undo".to_owned(),
        Order::Disturb(what) => raftdeck_model::write::disturbance(what),
        Order::Cut(links) => format!("cut {} links", links.len()),
        Order::Mend(links) => format!("mend {} links", links.len()),
        Order::SetRate(rate) => format!("rate {rate}"),
        Order::Slow(node, percent) => format!("slow {} {percent}%", node.0),
        Order::FillDisk(node, bytes) => format!("full {} {bytes}B", node.0),
        Order::LoseTail(node, bytes) => format!("lose-tail {} {bytes}B", node.0),
        Order::WipeUnsafe(node) => format!("wipe-unsafe {}", node.0),
        Order::TimeOut(node) => format!("elect {} prevote", node.0),
        Order::SkewClock(node, by) => {
            format!("clock {} skew {}", node.0, raftdeck_model::write::duration(*by))
        }
        Order::Release(_) => "release messages".to_owned(),
        Order::Drop(_) => "drop messages".to_owned(),
        Order::Step(_) => "step".to_owned(),
        Order::Seek(_) => "seek".to_owned(),
        Order::Seed(seed) => format!("seed {seed}"),
        Order::Workload(on) => format!("workload {}", if *on { "on" } else { "off" }),
        Order::Client(_) | Order::OpenSession | Order::Propose(..) => "a request to the store".to_owned(),
        Order::FetchLog { .. } | Order::Refresh => "a look at the cluster".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points_of(task: &TaskProgress, needed: u32, cost: u32, at: u64) -> u8 {
        let at = Duration::from_secs(at);
        match task.result("", needed, cost, Some((at, at))) {
            PersonResult::Task { points, .. } => points,
            PersonResult::Answer { .. } => 0,
        }
    }

    #[test]
    fn time_hints_and_wrong_keys_cost_points_and_points_stay_in_their_range() {
        let task = TaskProgress { deadline: Duration::from_secs(10), commands: 1, ..TaskProgress::default() };
        assert_eq!(points_of(&task, 1, 0, 0), 100);
        assert_eq!(points_of(&task, 1, 0, 10), 50);
        assert_eq!(points_of(&task, 1, 20, 0), 80);
        let clumsy = TaskProgress { commands: 4, refused: 1, ..task.clone() };
        assert_eq!(points_of(&clumsy, 1, 0, 0), 60);
        let hopeless = TaskProgress { commands: 40, ..task };
        assert_eq!(points_of(&hopeless, 1, 0, 0), 0);
    }
}
