//! Carries out faults on disks, links, clocks and members. The schedule says when.

use crate::client::ClientFocus;
use crate::disk::data_dir;
use crate::event::Event;
use crate::fault::{Fault, MembershipStep, Who};
use crate::node::{Doom, Input, MemberFate, Requester};
use crate::rare::RareState;
use crate::record::What;
use crate::stall::commits;
use crate::world::World;
use raftdeck_check::Observation;
use raftdeck_raft::{LogId, Membership, MembershipChange, NodeId, Tuning};
use raftdeck_storage::fs::{FileSystem, Survival};
use raftdeck_storage::log_end;
use std::path::PathBuf;

impl World<'_> {
    pub(crate) fn go_wrong(&mut self, number: usize) {
        let schedule = self.schedule;
        let fault = &schedule[number].fault;
        self.stats.faults[fault.kind().index()] += 1;
        self.show(None, || What::Fault { what: fault.to_string() });
        let at = self.now;
        match fault {
            Fault::Crash { who, effects, survival, changes, down } => {
                if let Some(id) = self.whom(*who) {
                    let doom =
                        Doom { effects: *effects, survival: *survival, changes: *changes, down: *down };
                    self.doom(id, doom);
                }
            }
            Fault::PowerCut { survival, down } => {
                for id in self.ids() {
                    self.doom(id, Doom { effects: 0, survival: *survival, changes: id.0, down: *down });
                }
            }
            Fault::FailSync { who, after } => {
                self.with(*who, |world, id| {
                    if world.is_up(id) {
                        world.node(id).fs.fail_sync_after(*after);
                    }
                });
            }
            Fault::FillDisk { who, spare } => self.with(*who, |world, id| world.fill_disk(id, *spare)),
            Fault::SlowDisk { who, sync, lasts } => {
                self.with(*who, |world, id| world.node(id).slow = (*sync, at + lasts));
            }
            Fault::StallDisk { who, lasts } => self.with(*who, |world, id| world.stall(id, *lasts)),
            Fault::FlipBit { who, pick, down } => {
                self.with(*who, |world, id| world.flip_bit(id, *pick, *down));
            }
            Fault::Shorten { who, pick, down } => {
                self.with(*who, |world, id| world.shorten(id, *pick, *down));
            }
            Fault::Wipe { who, down } => self.with(*who, |world, id| world.wipe(id, *down)),
            Fault::Copy { who } => self.with(*who, Self::copy),
            Fault::Restore { who, down } => self.with(*who, |world, id| world.restore(id, *down)),
            Fault::Cut { cut, lasts } => {
                let leader = self.leader();
                self.network.cut(cut, leader, at + lasts);
            }
            Fault::Weather { from, to, weather, lasts } => {
                let [from, to] = [from, to].map(|who| who.map(|who| self.whom(who).unwrap_or(NodeId(0))));
                self.network.change(from, to, *weather, at + lasts);
            }
            Fault::Replay { pick, count } => {
                for (from, to, message) in self.network.recall(*pick, *count) {
                    let at = at + self.rng.below(30_000);
                    self.queue.at(at, Event::Deliver { from, to, message: Box::new(message) });
                }
            }
            Fault::Disconnect { who, peer } => self.with(*who, |world, id| world.disconnect(id, *peer)),
            Fault::Pause { who, lasts, frozen } => {
                self.with(*who, |world, id| world.pause(id, *lasts, *frozen));
            }
            Fault::Drift { who, ppm } => {
                self.with(*who, |world, id| {
                    world.node(id).clock.set_rate(*ppm, at);
                    world.turn_soon(id);
                });
            }
            Fault::WallJump { who, by } => self.with(*who, |world, id| world.node(id).clock.jump(*by)),
            Fault::Change(steps) => self.change_membership(steps),
            Fault::Transfer { to } => {
                self.with(Who::Leader, |world, id| world.give(id, Input::Transfer(*to)));
            }
            Fault::Campaign { who } => self.with(*who, |world, id| world.give(id, Input::Campaign)),
            Fault::Snapshot { who } => self.with(*who, |world, id| world.give(id, Input::TakeSnapshot)),
            Fault::Tune { who, pre_vote, check_quorum } => {
                let ids = who.map_or_else(|| self.ids(), |who| self.whom(who).into_iter().collect());
                let timing = self.setup.config.tuning.timing;
                let tuning = Tuning { timing, pre_vote: *pre_vote, check_quorum: *check_quorum };
                for id in ids {
                    self.give(id, Input::Tune(tuning));
                }
            }
            Fault::Rush { count, readers } => {
                for client in 0..self.setup.clients {
                    if self.clients[client].mostly_reads() != *readers {
                        continue;
                    }
                    self.clients[client].rush = *count;
                    self.hurry(client);
                }
            }
            Fault::Loyalty { who, writers, lasts } => {
                self.with(*who, |world, id| world.ask_only(id, *writers, *lasts));
            }
            Fault::Hush { lasts } => {
                let care = ClientFocus { until: at + lasts, only: None, reads: true };
                let regulars = self.setup.clients;
                self.clients[..regulars].iter_mut().for_each(|client| client.care = Some(care));
            }
            Fault::Visit { who, gap, lasts } => {
                self.with(*who, |world, id| world.visit(id, *gap, *lasts));
            }
            Fault::Impatience { patience, lasts } => self.impatience = (*patience, at + lasts),
        }
    }

    fn ask_only(&mut self, id: NodeId, writers: bool, lasts: u64) {
        let until = self.now + lasts;
        let regulars = self.setup.clients;
        let loyal = if writers { regulars } else { (regulars / 2).max(1) };
        for client in 0..regulars {
            let care = ClientFocus {
                until,
                only: (client < loyal).then_some(id),
                reads: client < loyal && !writers,
            };
            self.clients[client].care = Some(care);
            self.hurry(client);
        }
    }

    /// The guests are the clients behind those that are always there.
    fn visit(&mut self, id: NodeId, gap: u64, lasts: u64) {
        let care = ClientFocus { until: self.now + lasts, only: Some(id), reads: true };
        let mut at = self.now;
        for client in self.setup.clients..self.clients.len() {
            self.clients[client].care = Some(care);
            if !self.clients[client].is_busy() {
                let attempt = self.clients[client].attempt;
                self.queue.at(at, Event::Client { client, attempt });
            }
            at += gap;
        }
    }

    fn ids(&self) -> Vec<NodeId> {
        self.nodes.iter().map(|node| node.id).collect()
    }

    fn whom(&self, who: Who) -> Option<NodeId> {
        match who {
            Who::Node(id) if id.0 <= self.nodes.len() as u64 => Some(id),
            Who::Node(_) => None,
            Who::Leader => self.leader(),
        }
    }

    fn with(&mut self, who: Who, act: impl FnOnce(&mut Self, NodeId)) {
        if let Some(id) = self.whom(who) {
            act(self, id);
        }
    }

    /// A process is going to end; one that is stopped, or is asked for no more effects, ends immediately.
    fn doom(&mut self, id: NodeId, doom: Doom) {
        let node = self.node(id);
        let paused = node.paused;
        let Some(process) = &mut node.process else { return };
        if paused || doom.effects == 0 {
            self.crash(id, doom);
        } else {
            process.doom = Some(doom);
        }
    }

    /// A member's connections to this peer, or to all, are lost, and both ends learn of it where anything gets through.
    pub(crate) fn disconnect(&mut self, id: NodeId, peer: Option<NodeId>) {
        let at = self.now;
        let peers =
            self.ids().into_iter().filter(|other| *other != id && peer.is_none_or(|peer| peer == *other));
        for peer in peers.collect::<Vec<_>>() {
            for (node, from) in [(id, peer), (peer, id)] {
                if self.is_driven() || !self.network.is_cut(from, node, at) {
                    let at = at + self.rng.between(30, 3000);
                    let life = self.node(node).life;
                    self.queue.at(at, Event::Disconnected { node, life, peer: from });
                }
            }
        }
    }

    pub(crate) fn disconnected(&mut self, id: NodeId, life: u32, peer: NodeId) {
        if self.process(id, life).is_some() {
            self.give(id, Input::Disconnected(peer));
        }
    }

    fn fill_disk(&mut self, id: NodeId, spare: usize) {
        if !self.is_up(id) {
            return;
        }
        let fs = &self.node(id).fs;
        let files = fs.list(data_dir()).unwrap_or_default();
        let used: usize = files.iter().filter_map(|file| fs.contents(file)).map(|bytes| bytes.len()).sum();
        fs.set_capacity(Some(used + spare));
    }

    /// A file of one whose loss the cluster can bear, and which had nothing half written, ends too early.
    fn shorten(&mut self, id: NodeId, pick: u64, down: u64) {
        if !self.stop_idle(id, down) {
            return;
        }
        let node = self.node(id);
        let files = node.fs.list(data_dir()).unwrap_or_default();
        let pick = usize::try_from(pick).unwrap_or(0);
        let Some(file) = files.get(pick % files.len().max(1)) else { return };
        let Some(bytes) = node.fs.contents(file).filter(|bytes| !bytes.is_empty()) else { return };
        node.fs.put(file, &bytes[..pick / 7 % bytes.len()]);
        node.is_flipped = true;
    }

    /// Stops a process whose disk may be damaged for good, if nothing is being written. Says whether it did.
    fn stop_idle(&mut self, id: NodeId, down: u64) -> bool {
        let is_fragile = self.fragile.contains(&id);
        let node = self.node(id);
        let is_idle = node.process.as_ref().is_some_and(|process| {
            process.writing.is_empty() && process.filing.is_none() && node.platter.last() != LogId::default()
        });
        if is_fragile && is_idle {
            let doom = Doom { effects: 0, survival: Survival::Process, changes: 0, down };
            self.crash(id, doom);
        }
        is_fragile && is_idle
    }

    fn wipe(&mut self, id: NodeId, down: u64) {
        let is_absent = self.node(id).fate == MemberFate::Absent;
        if is_absent || !self.may_lose_disk(id) || self.has_older_copy_but(Some(id)) {
            return;
        }
        self.crash(id, Doom { effects: 0, survival: Survival::Process, changes: 0, down });
        let (seed, at) = (self.seed, self.now);
        let node = self.node(id);
        node.lose_disk(seed);
        if node.fate == MemberFate::Lost {
            node.fate = MemberFate::Down;
            let life = node.life;
            self.queue.at(at + down.max(1), Event::Restart { node: id, life });
        }
        self.note(RareState::Wiped);
        self.judge.observe(at, id, &Observation::DiskReplaced);
    }

    /// Whether nothing that was acknowledged can be gone with this disk: it is one of those that are too few for that, or it
    /// has no vote.
    fn may_lose_disk(&self, id: NodeId) -> bool {
        self.fragile.contains(&id) || self.has_no_vote(id)
    }

    /// Whether it votes in no membership that may still count, and is not about to: the leader is not being asked for a change,
    /// which could promote it. Between its last answer and its promotion no member can know that its disk is gone, so that would
    /// be one lost voter more than the cluster was said to bear.
    fn has_no_vote(&self, id: NodeId) -> bool {
        let leader = self.leader().and_then(|leader| self.nodes.iter().find(|node| node.id == leader));
        let Some(process) = leader.and_then(|node| node.process.as_ref()) else { return false };
        let is_asked = process.waiting.values().any(|waiting| *waiting == Requester::Operator)
            || process.inbox.iter().any(|input| matches!(input, Input::Change(_)));
        let status = process.replica.status(raftdeck_raft::Timestamp::default());
        !is_asked
            // Memberships that earlier leaders left in some log are past once something of this term is committed.
            && commits(&status)
            && status.membership_index <= status.committed
            && !status.membership.is_voter(id)
    }

    /// Only at those whose loss the cluster can bear, and only where everything that was written is sealed: a flip in
    /// what was never synced cannot be told from a torn write.
    fn flip_bit(&mut self, id: NodeId, pick: u64, down: u64) {
        if !self.stop_idle(id, down) {
            return;
        }
        let node = self.node(id);
        let mut files = node.fs.list(data_dir()).unwrap_or_default();
        // What lies ready for the log, and the room behind its end, hold nothing that counts.
        files.retain(|file| !file.to_string_lossy().contains("spare"));
        let end = log_end(&node.fs, data_dir()).ok().flatten();
        let used = |file: &PathBuf| match &end {
            Some(end) if end.file == *file => usize::try_from(end.end).ok(),
            _ => node.fs.contents(file).map(|bytes| bytes.len()),
        };
        let files: Vec<(PathBuf, usize)> =
            files.into_iter().filter_map(|file| used(&file).map(|bytes| (file, bytes * 8))).collect();
        let mut bit =
            usize::try_from(pick).unwrap_or(0) % files.iter().map(|(_, bits)| bits).sum::<usize>().max(1);
        for (file, bits) in files {
            if bit < bits {
                node.fs.flip_bit(&file, bit);
                node.is_flipped = true;
                return;
            }
            bit -= bits;
        }
    }

    fn pause(&mut self, id: NodeId, lasts: u64, frozen: bool) {
        if let Some(pause) = self.halt(id, frozen) {
            self.queue.at(self.now + lasts, Event::Resume { node: id, pause });
        }
    }

    /// A process is stopped, for an unknown time. Which of its pauses it is; `None`: there is none, or it does
    /// already.
    pub(crate) fn halt(&mut self, id: NodeId, frozen: bool) -> Option<u32> {
        let at = self.now;
        let node = self.node(id);
        if node.process.is_none() || node.paused {
            return None;
        }
        node.paused = true;
        node.pauses += 1;
        node.clock.freeze(frozen, at);
        Some(node.pauses)
    }

    pub(crate) fn resume(&mut self, id: NodeId, pause: u32) {
        let at = self.now;
        let node = self.node(id);
        if !node.paused || node.pauses != pause {
            return;
        }
        node.paused = false;
        node.clock.freeze(false, at);
        let life = node.life;
        if let Some(process) = &mut node.process {
            process.turn_due = true;
            if process.is_disk_busy() {
                self.queue.at(at + 5, Event::Disk { node: id, life });
            }
            self.queue.at(at + 5, Event::Files { node: id, life });
            self.queue.at(at + 10, Event::Turn { node: id, life });
        }
    }

    /// Asks the leader, unless enough voters could then be lost that no leader could be elected.
    fn change_membership(&mut self, steps: &[MembershipStep]) {
        let Some(leader) = self.leader() else { return };
        let Some(process) = &self.node(leader).process else { return };
        let mut after = process.replica.membership().clone();
        let changes: Vec<_> = steps.iter().map(|step| self.change(*step, leader)).collect();
        for change in &changes {
            apply(&mut after, change);
        }
        let fragile = after.voters.intersection(&self.fragile).count();
        if fragile * 2 >= after.voters.len() && fragile > 0 {
            return;
        }
        let comes = |change: &MembershipChange| {
            matches!(change, MembershipChange::AddLearner { node, .. }
            if self.nodes.iter().any(|other| other.id == *node && other.fate == MemberFate::Absent))
        };
        if self.has_older_copy_but(None) && changes.iter().any(comes) {
            return;
        }
        for change in &changes {
            if let MembershipChange::AddLearner { node, .. } = change
                && self.node(*node).fate == MemberFate::Absent
            {
                self.node(*node).fate = MemberFate::Down;
                let life = self.node(*node).life;
                self.restart(*node, life);
            }
        }
        self.give(leader, Input::Change(changes));
    }

    fn change(&mut self, step: MembershipStep, leader: NodeId) -> MembershipChange {
        match step {
            MembershipStep::Add(node) => MembershipChange::AddLearner {
                node,
                address: format!("simulated:{}", node.0),
                incarnation: Some(self.node(node).incarnation),
            },
            MembershipStep::Promote(node) => MembershipChange::Promote { node },
            MembershipStep::Remove(Who::Node(node)) => MembershipChange::Remove { node },
            MembershipStep::Remove(Who::Leader) => MembershipChange::Remove { node: leader },
        }
    }

    /// From now on there are no more faults: all is repaired, except what is lost for good.
    pub(crate) fn become_quiet(&mut self) {
        self.quiet = true;
        self.show(None, || What::Quiet);
        self.network.heal();
        self.impatience = (0, 0);
        // Also of those that start later: without these two a removed member that does not know it deposes every leader (thesis
        // 4.2.3), and nothing comes to rest.
        let tuning = Tuning { pre_vote: true, check_quorum: true, ..self.setup.config.tuning };
        self.setup.config.tuning = tuning;
        let at = self.now;
        for id in self.ids() {
            let node = self.node(id);
            node.slow = (0, 0);
            self.let_disks_go(id);
            self.late_reads_come(id);
            let node = self.node(id);
            node.fs.set_capacity(None);
            // Syncs no longer fail.
            node.fs.fail_sync_after(u64::MAX / 2);
            node.clock.set_rate(0, at);
            let (life, pause) = (node.life, node.pauses);
            if let Some(process) = &mut node.process {
                process.doom = None;
                self.resume(id, pause);
                self.give(id, Input::Tune(tuning));
            } else if self.node(id).fate == MemberFate::Down {
                self.queue.at(at + 1000, Event::Restart { node: id, life });
            }
        }
        for client in &mut self.clients {
            client.wishes = Some(if client.is_guest { 0 } else { 2 });
            client.care = None;
        }
        for client in 0..self.clients.len() {
            self.hurry(client);
        }
        self.queue.at(at + 100_000, Event::Look);
    }
}

/// What the change would make of the voters, as far as the choice of expendable members depends on it.
fn apply(membership: &mut Membership, change: &MembershipChange) {
    match change {
        MembershipChange::AddLearner { .. } | MembershipChange::Identify { .. } => {}
        MembershipChange::Promote { node } => {
            membership.voters.insert(*node);
        }
        MembershipChange::Remove { node } => {
            membership.voters.remove(node);
        }
    }
}
