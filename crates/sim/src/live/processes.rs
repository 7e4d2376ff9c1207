//! The nodes' processes: starts, ends, pauses and lost disks. The texts are those of the lab.

use super::Live;
use super::agenda::AgendaItem;
use super::telemetry::Publisher;
use crate::disk::data_dir;
use crate::node::{DiskJob, Doom, MemberFate};
use crate::world::World;
use raftdeck_check::Observation;
use raftdeck_model::{ChangeStep, LogLevel, News, NodeAddresses, ProcessState};
use raftdeck_raft::NodeId;
use raftdeck_storage::fs::Survival;
use std::time::Duration;

/// As many changes of files as there may be: none is interrupted.
const ALL: u64 = 1 << 20;

/// The length of one stop and one run of a slow node together.
const PERIOD: Duration = Duration::from_millis(100);

/// One node.
#[derive(Debug)]
pub(super) struct LiveNode {
    pub(super) state: ProcessState,
    pub(super) publisher: Publisher,
    slow: Option<Slow>,
}

/// The rhythm of a node that is stopped for a part of the time.
#[derive(Clone, Copy, Debug)]
struct Slow {
    percent: u8,
    is_halted: bool,
    /// Which rhythm: an earlier one no longer counts.
    number: u64,
}

impl World<'_> {
    /// Whether a member's process runs, or is stopped.
    pub(crate) fn serves(&mut self, id: NodeId) -> bool {
        id.0 > 0 && id.0 <= self.nodes.len() as u64 && self.node(id).process.is_some()
    }
}

impl World<'_> {
    /// What a process has given to its disk is written though the process ends, as the system keeps it; unless the disk is full.
    fn hand_to_disk(&mut self, id: NodeId) {
        let node = self.node(id);
        let Some(process) = node.process.as_mut().filter(|_| node.room.is_none()) else { return };
        let jobs = std::mem::take(&mut process.jobs);
        process.writing.extend(jobs.into_iter().filter_map(DiskJob::write));
    }
}

/// Where a node would listen.
pub(super) fn address(node: NodeId) -> String {
    format!("simulated:{}", node.0)
}

impl Live {
    /// There is one more node, which does not run yet.
    pub(super) fn keep(&mut self, node: NodeId) {
        for &other in self.kept.keys() {
            self.traffic.open((node, other));
            self.traffic.open((other, node));
        }
        let kept = LiveNode { state: ProcessState::Stopped, publisher: Publisher::default(), slow: None };
        self.kept.insert(node, kept);
    }

    /// Puts away what is left of a node that has left the cluster.
    pub(super) fn dismiss(&mut self, node: NodeId) {
        if !self.kept.contains_key(&node) {
            return;
        }
        if self.world.serves(node) {
            self.end(node, ProcessState::Stopped);
        }
        self.kept.remove(&node);
        let now = self.now();
        let of_node = |(from, to): &(NodeId, NodeId)| *from == node || *to == node;
        for pair in self.traffic.pairs().filter(of_node).collect::<Vec<_>>() {
            self.traffic.close(pair, now);
        }
        self.ledger.is_gone(node);
        self.set_timing();
        self.place_clients();
        self.world.node(node).fate = MemberFate::Absent;
        self.tell(News::Change { node, step: ChangeStep::Left });
        self.introduce();
    }

    fn tell_process(&mut self, node: NodeId, state: ProcessState) {
        if let Some(kept) = self.kept.get_mut(&node) {
            kept.state = state.clone();
            self.tell(News::Process { node, state });
        }
    }

    /// Starts a process. That it could not be started is told as its state, too.
    pub(super) fn start(&mut self, node: NodeId) -> Result<(), String> {
        self.tell_process(node, ProcessState::Starting { pid: None });
        let world = &mut self.world;
        world.node(node).fate = MemberFate::Down;
        let life = world.node(node).life;
        self.guarded(|world| world.restart(node, life));
        if !self.world.serves(node) {
            // Why is told by the world, if its disk cannot be read.
            self.drain();
            self.has_ended(node, "its disk does not hold what it wrote".to_owned());
            return Err(match self.kept.get(&node).map(|kept| &kept.state) {
                Some(ProcessState::Failed { how, .. }) => how.clone(),
                _ => "it has ended".to_owned(),
            });
        }
        self.tell_process(node, ProcessState::Running { pid: None });
        let [raft, client, http] = [(); 3].map(|()| address(node));
        self.tell(News::Ready { node, addresses: NodeAddresses { raft, client, http } });
        if self.forgo_leases {
            self.act(node, |replica, _| replica.forgo_leases());
        }
        self.set_timing_of(node);
        let number = self.number();
        if let Some(kept) = self.kept.get_mut(&node) {
            kept.publisher = Publisher::default();
            if let Some(slow) = &mut kept.slow {
                (slow.is_halted, slow.number) = (false, number);
                self.agenda.at(self.world.now, AgendaItem::Slow(node, number));
            }
        }
        self.stir(node);
        Ok(())
    }

    /// Has a member do something now, with all that follows from it.
    pub(super) fn act(
        &mut self,
        node: NodeId,
        act: impl FnOnce(&mut raftdeck_replica::Replica, raftdeck_raft::Timestamp),
    ) {
        self.guarded(|world| {
            world.act(node, act);
        });
    }

    /// Ends a process by command.
    fn end(&mut self, node: NodeId, state: ProcessState) {
        self.tell_process(node, state);
        self.world.hand_to_disk(node);
        self.world.crash(node, Doom { effects: 0, survival: Survival::Process, changes: ALL, down: 0 });
        self.is_down(node);
    }

    fn is_down(&mut self, node: NodeId) {
        let now = self.now();
        self.traffic.bury(node, now);
        self.ledger.is_not_paused(node);
        self.break_held(node);
    }

    /// A process has ended; on its own, unless that was commanded.
    pub(super) fn has_ended(&mut self, node: NodeId, why: String) {
        if self.kept.get(&node).is_none_or(|kept| kept.state.is_down()) {
            return;
        }
        self.tell_process(node, ProcessState::Failed { how: why, last_words: Vec::new() });
        self.is_down(node);
    }

    fn runs(&mut self, node: NodeId, verb: &str) -> Result<(), String> {
        if self.world.serves(node) {
            return Ok(());
        }
        self.ledger.is_not_paused(node);
        Err(format!("{node} is not running, so there is nothing to {verb}"))
    }

    pub(super) fn kill(&mut self, node: NodeId) -> Result<(), String> {
        self.runs(node, "kill")?;
        self.end(node, ProcessState::Killed);
        Ok(())
    }

    pub(super) fn stop(&mut self, node: NodeId) -> Result<(), String> {
        self.runs(node, "stop")?;
        self.end(node, ProcessState::Stopped);
        Ok(())
    }

    fn kill_if_running(&mut self, node: NodeId) {
        if self.world.serves(node) {
            self.end(node, ProcessState::Killed);
            self.drain();
        }
    }

    pub(super) fn restart(&mut self, node: NodeId) -> Result<(), String> {
        self.kill_if_running(node);
        self.start(node)
    }

    pub(super) fn pause(&mut self, node: NodeId) -> Result<(), String> {
        self.runs(node, "pause")?;
        self.world.halt(node, false);
        if !matches!(self.kept.get(&node).map(|kept| &kept.state), Some(ProcessState::Paused { .. })) {
            self.tell_process(node, ProcessState::Paused { pid: None });
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, node: NodeId) -> Result<(), String> {
        self.runs(node, "resume")?;
        self.ledger.is_not_paused(node);
        if matches!(self.kept.get(&node).map(|kept| &kept.state), Some(ProcessState::Paused { .. })) {
            self.tell_process(node, ProcessState::Running { pid: None });
            self.tell_anew(node);
            self.go_on(node);
            self.slow_anew(node);
        }
        Ok(())
    }

    /// The same for what may not be paused.
    pub(super) fn resume_if_paused(&mut self, node: NodeId) {
        if matches!(self.kept.get(&node).map(|kept| &kept.state), Some(ProcessState::Paused { .. })) {
            // It is there.
            let _ = self.resume(node);
        }
    }

    /// The process continues after a halt, and applies the settings that changed meanwhile.
    fn go_on(&mut self, node: NodeId) {
        let pause = self.world.node(node).pauses;
        self.world.resume(node, pause);
        if self.forgo_leases {
            self.act(node, |replica, _| replica.forgo_leases());
        }
        self.set_timing_of(node);
        self.stir(node);
    }

    /// The node is stopped for this percentage of the time; 0: no longer.
    pub(super) fn slow(&mut self, node: NodeId, percent: u8) -> Result<(), String> {
        if percent > 99 {
            self.ledger
                .strike_all(|what| matches!(what, raftdeck_model::Disturbance::Slowed(of, _) if *of == node));
            return Err(format!(
                "{node} cannot be stopped for {percent} % of the time: choose 1 to 99, or pause it"
            ));
        }
        let Some(kept) = self.kept.get_mut(&node) else { return Ok(()) };
        let before = kept.slow.take();
        if before.is_some_and(|slow| slow.is_halted) && matches!(kept.state, ProcessState::Running { .. }) {
            self.go_on(node);
        }
        if percent > 0
            && let Some(kept) = self.kept.get_mut(&node)
        {
            kept.slow = Some(Slow { percent, is_halted: false, number: 0 });
            self.slow_anew(node);
        }
        Ok(())
    }

    fn slow_anew(&mut self, node: NodeId) {
        let number = self.number();
        if let Some(slow) = self.kept.get_mut(&node).and_then(|kept| kept.slow.as_mut()) {
            (slow.is_halted, slow.number) = (false, number);
            self.agenda.at(self.world.now, AgendaItem::Slow(node, number));
        }
    }

    /// From a halt to a run, or back. That is no news: it is what a slow node does.
    pub(super) fn turn_slow(&mut self, node: NodeId, rhythm: u64) {
        let Some(kept) = self.kept.get_mut(&node) else { return };
        let is_running = matches!(kept.state, ProcessState::Running { .. });
        let Some(slow) = kept.slow.as_mut().filter(|slow| slow.number == rhythm && is_running) else {
            return;
        };
        slow.is_halted = !slow.is_halted;
        let Slow { percent, is_halted, .. } = *slow;
        let part = if is_halted { percent } else { 100 - percent };
        let lasts = crate::options::micros(PERIOD) * u64::from(part) / 100;
        if is_halted {
            self.world.halt(node, false);
        } else {
            self.go_on(node);
        }
        self.agenda.at(self.world.now + lasts.max(1), AgendaItem::Slow(node, rhythm));
    }

    pub(super) fn wipe(&mut self, node: NodeId) -> Result<(), String> {
        self.kill_if_running(node);
        let (seed, at) = (self.world.seed, self.world.now);
        self.world.node(node).lose_disk(seed);
        self.world.judge.observe(at, node, &Observation::DiskReplaced);
        self.start(node)
    }

    pub(super) fn wipe_unsafe(&mut self, node: NodeId) -> Result<(), String> {
        self.kill_if_running(node);
        self.output(
            node,
            "its disk is emptied and keeps its identity (wipe-unsafe): the cluster assumes that it has all the \
             entries it acknowledged, and acknowledged writes can be lost",
        );
        let emptied = raftdeck_storage::forget(&self.world.node(node).fs, data_dir());
        emptied.map_err(|error| format!("the data of {node} cannot be wiped: {error}"))?;
        self.is_altered(node);
        self.start(node)
    }

    pub(super) fn lose_tail(&mut self, node: NodeId, bytes: u64) -> Result<(), String> {
        if self.world.serves(node) {
            return Err(format!("{node} is running: stop or kill it, then its log can lose its tail"));
        }
        let left = raftdeck_storage::lose_tail(&self.world.node(node).fs, data_dir(), bytes)
            .map_err(|error| format!("the log of {node} cannot be shortened: {error}"))?
            .ok_or_else(|| format!("{node} has no log that could lose its tail"))?;
        self.is_altered(node);
        self.output(node, &format!("its log has lost its tail and ends after {left} bytes"));
        Ok(())
    }

    /// Its disk is not what its member left there.
    fn is_altered(&mut self, node: NodeId) {
        let at = self.world.now;
        let altered = self.world.node(node);
        altered.is_altered = true;
        altered.perhaps = None;
        self.world.judge.observe(at, node, &Observation::DiskReplaced);
    }

    fn output(&mut self, node: NodeId, line: &str) {
        self.tell(News::Output { node, level: LogLevel::Warn, line: format!("sim: {line}") });
    }
}
