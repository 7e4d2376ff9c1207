//! Restores a member's directory to an earlier state. It then lacks what it promised and acknowledged since, under an
//! identity that the cluster knows. That cannot be detected in general; so this happens only where the cluster must
//! survive it:
//!
//! - all others met a later start than the copy will show, and refuse it by that (`replica/src/standing.rs`), or
//! - the copy lacks nothing that counts: it has the same term and vote, and all that its log lacks is on the disks of a majority
//!   without it.
//!
//! This module also decides which nodes accept each other, as in handshakes. Runs without such a fault do not need
//! it.

use crate::event::Event;
use crate::fault::{Fault, Planned};
use crate::node::{Doom, MemberFate};
use crate::platter::Platter;
use crate::rare::RareState;
use crate::stall::commits;
use crate::world::World;
use raftdeck_check::Observation;
use raftdeck_raft::{Membership, NodeId, Timestamp};
use raftdeck_replica::NewestStarts;
use raftdeck_storage::fs::{MemoryFs, Survival};

/// A node connects to the others this long after its start, and tries again after the same time.
const CONNECTS_AFTER: u64 = 5000;

/// Whether it matters which nodes have seen which starts of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starts {
    /// No directory is copied, so no node ever meets an older start.
    AllAlike,
    /// Some are.
    Remembered,
}

impl Starts {
    pub(crate) fn of(schedule: &[Planned]) -> Self {
        let copies = schedule.iter().any(|planned| matches!(planned.fault, Fault::Copy { .. }));
        if copies { Self::Remembered } else { Self::AllAlike }
    }
}

/// A copy of a member's directory.
#[derive(Debug)]
pub(crate) struct DirectoryCopy {
    fs: MemoryFs,
    platter: Platter,
    founders: Membership,
    met: NewestStarts,
    /// The number of the newest start that it knows of.
    starts: u64,
}

impl World<'_> {
    pub(crate) fn copy(&mut self, id: NodeId) {
        let node = self.node(id);
        let is_sound = node.fate != MemberFate::Absent && !node.is_flipped && node.perhaps.is_none();
        if !is_sound || node.newer_start.is_some() || node.platter == Platter::default() {
            return;
        }
        let (fs, met) = (node.fs.copy(), node.met.clone());
        let (platter, founders) = (node.platter.clone(), node.founders.clone());
        node.copy = Some(DirectoryCopy { fs, platter, founders, met, starts: node.boot.number });
    }

    pub(crate) fn restore(&mut self, id: NodeId, down: u64) {
        let newer_start = self.refuses_until(id);
        let is_refused = newer_start.is_some();
        if !is_refused && !self.lacks_nothing(id) {
            return;
        }
        let Some(copy) = self.node(id).copy.take() else { return };
        self.crash(id, Doom { effects: 0, survival: Survival::Process, changes: 0, down });
        let at = self.now;
        let node = self.node(id);
        let is_older = copy.platter != node.platter;
        node.newer_start = newer_start;
        node.fs = copy.fs;
        (node.platter, node.founders, node.met) = (copy.platter, copy.founders, copy.met);
        (node.boot.number, node.perhaps, node.is_flipped) = (copy.starts, None, false);
        if node.fate == MemberFate::Lost {
            node.fate = MemberFate::Down;
            let life = node.life;
            self.queue.at(at + down.max(1), Event::Restart { node: id, life });
        }
        if is_refused {
            self.note(RareState::OlderCopy);
        } else if is_older {
            self.note(RareState::CopyBehind);
        }
        let (hard_state, through) = (self.node(id).platter.hard_state, self.node(id).platter.last().index);
        self.judge.observe(at, id, &Observation::DiskReplaced);
        let durable = Observation::Durable { term: hard_state.term, vote: hard_state.vote, through };
        self.judge.observe(at, id, &durable);
    }

    /// Up to which start all others refuse the copy, if they do: what they met is later. The cluster can bear to do without the
    /// member.
    fn refuses_until(&self, id: NodeId) -> Option<u64> {
        let node = self.nodes.iter().find(|node| node.id == id)?;
        let copy = node.copy.as_ref().filter(|_| self.fragile.contains(&id))?;
        let others = self.nodes.iter().filter(|other| {
            other.id != id && other.fate != MemberFate::Absent && other.newer_start.is_none()
        });
        let met = others.map(|other| other.met.to_keep().get(&node.incarnation).map(|boot| boot.number));
        met.min().flatten().filter(|met| *met > copy.starts)
    }

    /// Whether the copy may take the place of what is there without anything being lost that somebody relies on.
    fn lacks_nothing(&self, id: NodeId) -> bool {
        let Some(node) = self.nodes.iter().find(|node| node.id == id) else { return false };
        let Some(copy) = &node.copy else { return false };
        let leader = self.leader().and_then(|leader| self.nodes.iter().find(|node| node.id == leader));
        let Some(process) = leader.and_then(|node| node.process.as_ref()) else { return false };
        let status = process.replica.status(Timestamp::default());
        let membership = &status.membership;
        let last = node.platter.last();
        let holds = |voter: &&NodeId| {
            let other = self.nodes.iter().find(|other| other.id == **voter);
            **voter != id && other.is_some_and(|other| other.platter.holds(last))
        };
        let is_same_start = copy.starts == node.boot.number && copy.met == node.met;
        is_same_start
            && node.newer_start.is_none()
            && node.perhaps.is_none()
            && copy.platter.hard_state == node.platter.hard_state
            && node.platter.holds(copy.platter.last())
            && commits(&status)
            && status.membership_index <= status.committed
            && !membership.is_joint()
            && membership.voters.iter().filter(holds).count() * 2 > membership.voters.len()
    }

    /// Whether a copy takes the place of a member's directory that all refuse. A newcomer has met no other node and would listen to it,
    /// so no other node joins meanwhile.
    pub(crate) fn has_older_copy_but(&self, id: Option<NodeId>) -> bool {
        self.nodes.iter().any(|node| Some(node.id) != id && node.newer_start.is_some())
    }

    /// Whether the one listens to the other and is listened to, by what they have met; then they meet, if both run.
    pub(crate) fn may_talk(&mut self, from: NodeId, to: NodeId) -> bool {
        if self.starts == Starts::AllAlike {
            return true;
        }
        let [one, other] = [from, to].map(|id| self.node(id).standing());
        let is_refused =
            self.node(to).met.check(from, &one).is_err() || self.node(from).met.check(to, &other).is_err();
        if is_refused {
            return false;
        }
        let both_run = [from, to].iter().all(|id| {
            let node = self.node(*id);
            node.process.is_some() && !node.paused
        });
        if both_run {
            for (node, peer, standing) in [(to, from, one), (from, to, other)] {
                let _ = self.node(node).met.meet(peer, &standing);
            }
        }
        true
    }

    /// A node that was started connects to all others.
    pub(crate) fn connects_soon(&mut self, id: NodeId) {
        if self.starts == Starts::Remembered {
            let (at, life) = (self.now + CONNECTS_AFTER, self.node(id).life);
            self.queue.at(at, Event::Connect { node: id, life });
        }
    }

    pub(crate) fn connect(&mut self, id: NodeId, life: u32) {
        if self.process(id, life).is_none() || self.quiet {
            return;
        }
        let at = self.now;
        let mut is_missing = false;
        for peer in self.nodes.iter().map(|node| node.id).filter(|peer| *peer != id).collect::<Vec<_>>() {
            let runs = self.node(peer).process.is_some() && !self.node(peer).paused && !self.node(id).paused;
            let is_cut = self.network.is_cut(id, peer, at) || self.network.is_cut(peer, id, at);
            if runs && !is_cut {
                self.may_talk(id, peer);
            } else {
                is_missing |= self.node(peer).fate != MemberFate::Absent;
            }
        }
        if is_missing {
            self.connects_soon(id);
        }
    }
}
