//! The heal: the lines of the file, then everything that came into force during the drill is undone, and the nodes that it took down
//! are started again. What was in force before stays.

use super::steady::SteadyWait;
use super::{Run, RunEffect, Stage};
use raftdeck_model::{CommandId, FaultId, Order, World};
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;
use std::time::Duration;

/// The lines of the file may take this long, in T and in real time at least.
const LINES: (u32, Duration) = (60, Duration::from_secs(10));

/// What is undone may take this long, in real time.
const UNDOING: Duration = Duration::from_secs(10);

/// The steady state may take this long to return, in real time, where nobody plays: cluster time may be frozen.
const STEADY: Duration = Duration::from_mins(5);

/// Rounds of looking what is still in force: what is undone may reveal more, such as a node whose process has ended.
const ROUNDS: u32 = 4;

/// How far a heal is.
#[derive(Debug)]
pub(super) struct Healing {
    part: HealingPart,
    /// Commands that are not answered.
    open: BTreeSet<CommandId>,
    /// When this part is given up, in real time.
    until: Duration,
    rounds: u32,
    sent: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HealingPart {
    Lines,
    Undoing,
}

impl Healing {
    pub(super) fn next_due(&self) -> Duration {
        self.until
    }

    /// Whether lines of the file are carried out.
    pub(super) fn has_lines(&self) -> bool {
        self.part == HealingPart::Lines
    }

    /// The id of the next command, which is waited for.
    pub(super) fn number(&mut self, first: CommandId) -> CommandId {
        let id = CommandId(first.0 + self.sent);
        self.sent += 1;
        self.open.insert(id);
        id
    }
}

impl Run {
    /// Whether the drill has changed anything that has to be healed.
    pub(super) fn has_begun_anything(&self, world: &World) -> bool {
        !self.in_force(world).is_empty()
            || !self.down(world).is_empty()
            || self.clock.rate() != self.before.rate
    }

    /// What came into force during the drill, newest first.
    fn in_force(&self, world: &World) -> Vec<FaultId> {
        let ids = world.in_force().iter().rev().map(|fault| fault.id);
        ids.filter(|id| !self.before.in_force.contains(id)).collect()
    }

    /// The nodes that have no process since the drill began.
    fn down(&self, world: &World) -> Vec<NodeId> {
        world.down().into_iter().filter(|node| !self.before.down.contains(node)).collect()
    }

    /// What is still in force, in words.
    pub(super) fn left(&self, world: &World) -> Vec<String> {
        let ids = self.in_force(world);
        let faults = world.in_force().iter().filter(|fault| ids.contains(&fault.id));
        let faults = faults.map(|fault| raftdeck_model::write::disturbance(&fault.what));
        faults.chain(self.down(world).into_iter().map(|node| format!("{node} is down"))).collect()
    }

    pub(super) fn begin_heal(&mut self, now: Duration, world: &World, effects: &mut Vec<RunEffect>) {
        let at = self.clock.at(now);
        self.moments.heal = Some(at);
        self.record.at_heal = Some(self.record.facts.len());
        effects.push(self.tell(at, "heal"));
        self.script.abandon();
        let mut part = HealingPart::Undoing;
        if let Some(lines) = self.drill.heal.lines.clone().filter(|_| self.moments.fault.is_some()) {
            effects.extend(lines.lines().map(|line| self.tell(at, line)));
            self.script.append("heal", lines.text().as_bytes());
            part = HealingPart::Lines;
        }
        let until = now + if part == HealingPart::Lines { LINES.1.max(self.t * LINES.0) } else { UNDOING };
        self.stage = Stage::Healing(Healing { part, open: BTreeSet::new(), until, rounds: 0, sent: 0 });
        if part == HealingPart::Undoing {
            self.undo(now, world, effects);
        }
    }

    pub(super) fn heal_answered(&mut self, id: CommandId) {
        if let Stage::Healing(healing) = &mut self.stage {
            healing.open.remove(&id);
        }
    }

    /// Goes on with the heal. The stage was taken out.
    pub(super) fn heal(
        &mut self,
        mut healing: Healing,
        now: Duration,
        world: &World,
        effects: &mut Vec<RunEffect>,
    ) -> bool {
        if healing.part == HealingPart::Lines {
            let failed = self.run_lines(false, now, world, effects).err();
            if failed.is_none() && !self.script.is_over() && now < healing.until {
                return self.stay(Stage::Healing(healing));
            }
            if let Some((_, why)) = failed {
                effects.push(self.tell(self.clock.at(now), &format!("a line of the heal failed: {why}")));
                self.heal_failure.get_or_insert(why);
            }
            self.script.abandon();
            healing.part = HealingPart::Undoing;
            healing.until = now + UNDOING;
            self.stage = Stage::Healing(healing);
            self.undo(now, world, effects);
            return true;
        }
        if !healing.open.is_empty() && now < healing.until {
            return self.stay(Stage::Healing(healing));
        }
        let is_clean = !self.has_begun_anything(world);
        if !is_clean && healing.rounds < ROUNDS && now < healing.until {
            self.stage = Stage::Healing(healing);
            self.undo(now, world, effects);
            return true;
        }
        if self.decided.is_some() {
            // What is under way is not waited for.
            self.moments.ended = self.clock.at(now);
            self.judge_and_finish(now, world, effects);
            return true;
        }
        let latest = (!self.options.attended).then_some(now + STEADY);
        let wait = SteadyWait::again(&self.drill, self.t, self.clock.at(now), latest);
        self.go_to(Stage::SteadyAgain(wait))
    }

    /// Undoes what is in force, and starts what is down.
    fn undo(&mut self, now: Duration, world: &World, effects: &mut Vec<RunEffect>) {
        let mut orders: Vec<Order> =
            self.in_force(world).into_iter().map(|id| Order::Undo(Some(id))).collect();
        if self.clock.rate() != self.before.rate {
            orders.push(Order::SetRate(self.before.rate));
        }
        if world.workload().is_some_and(|figures| figures.running) && !self.before.has_workload {
            orders.push(Order::Workload(false));
        }
        orders.extend(self.down(world).into_iter().map(Order::Restart));
        for order in orders {
            let effect = self.send(order, now, world);
            effects.push(effect);
        }
        if let Stage::Healing(healing) = &mut self.stage {
            healing.rounds += 1;
        }
    }
}
