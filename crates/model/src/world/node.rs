//! A node as it is known.

use crate::update::{NodeAddresses, ProcessState};
use crate::view::{NodeView, PeerView, RaftView};
use raftdeck_raft::{NodeId, Role, Term};
use std::sync::Arc;
use std::time::Duration;

/// A node as it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its process; `None` until the source reports something about it.
    pub process: Option<ProcessState>,
    /// Where it listens.
    pub addresses: Option<NodeAddresses>,
    /// Its last status.
    pub status: Option<Arc<NodeView>>,
    /// When that status came, in cluster time.
    pub status_at: Duration,
    /// Whether that status is from the process that runs now.
    pub(super) is_current: bool,
    /// Whether that status came since the process was last started or resumed.
    pub(super) is_fresh: bool,
}

/// The state of a node, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its process is not ready yet, or has not reported anything.
    Starting,
    /// It runs, in this role.
    Running(Role),
    /// Its process is stopped.
    Paused,
    /// Its process was killed.
    Killed,
    /// Its process was told to end, and ended.
    Stopped,
    /// Its process ended unexpectedly or never started.
    Failed,
    /// It does not answer, and nothing is known of its process.
    Unreachable,
}

impl Node {
    pub(super) fn new(id: NodeId) -> Self {
        let status_at = Duration::ZERO;
        Self {
            id,
            process: None,
            addresses: None,
            status: None,
            status_at,
            is_current: false,
            is_fresh: false,
        }
    }

    pub(super) fn set_process(&mut self, state: ProcessState) {
        if !matches!(state, ProcessState::Running { .. } | ProcessState::Paused { .. }) {
            self.is_current = false;
        }
        if !matches!(state, ProcessState::Running { .. }) {
            self.is_fresh = false;
        }
        self.process = Some(state);
    }

    /// Says whether anything but timers changed.
    pub(super) fn set_status(&mut self, status: &NodeView, at: Duration) -> bool {
        let (phase, leads) = (self.phase(), self.leads());
        let same = self.status.as_ref().is_some_and(|old| {
            same_but_for_timers(&old.raft, &status.raft)
                && (&old.notices, &old.refused) == (&status.notices, &status.refused)
        });
        // The last status of a process that has just ended is worth keeping, but is not of a running process.
        self.is_current = !self.is_down();
        self.is_fresh = self.is_current && !self.is_paused();
        self.status = Some(Arc::new(status.clone()));
        self.status_at = at;
        !same || (self.phase(), self.leads()) != (phase, leads)
    }

    /// Its present state.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match (&self.process, self.raft()) {
            (Some(ProcessState::Killed), _) => Phase::Killed,
            (Some(ProcessState::Stopped), _) => Phase::Stopped,
            (Some(ProcessState::Failed { .. }), _) => Phase::Failed,
            (Some(ProcessState::Unreachable { .. }), _) => Phase::Unreachable,
            (Some(ProcessState::Paused { .. }), _) => Phase::Paused,
            (Some(ProcessState::Running { .. }), Some(raft)) if self.is_current => Phase::Running(raft.role),
            _ => Phase::Starting,
        }
    }

    /// The consensus part of its last status, however old.
    #[must_use]
    pub fn raft(&self) -> Option<&RaftView> {
        self.status.as_ref().map(|status| &status.raft)
    }

    /// The same, if it is of the present process, paused or not.
    #[must_use]
    pub fn current(&self) -> Option<&RaftView> {
        self.raft().filter(|_| self.is_current)
    }

    /// The same, if it is of the present process and that process runs.
    #[must_use]
    pub fn live(&self) -> Option<&RaftView> {
        matches!(self.phase(), Phase::Running(_)).then(|| self.raft()).flatten()
    }

    /// The term in which it considers itself leader: its process runs, and has reported so since it was last started or resumed.
    #[must_use]
    pub fn leads(&self) -> Option<Term> {
        let status = self.live().filter(|_| self.is_fresh)?;
        (status.role == Role::Leader).then_some(status.term)
    }

    /// Whether it may have changed since it last reported: its process runs or starts, and has not reported its state since it
    /// started or resumed.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        !self.is_fresh && !self.is_down() && !self.is_paused()
    }

    /// Whether its process runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.process, Some(ProcessState::Running { .. }))
    }

    /// Whether there is no process.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.process.as_ref().is_some_and(ProcessState::is_down)
    }

    /// Whether its process is stopped.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        matches!(self.process, Some(ProcessState::Paused { .. }))
    }

    /// Whether it does not answer, so that nothing is known of its process.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self.process, Some(ProcessState::Unreachable { .. }))
    }

    /// Its process id, if it has one that is known.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(ProcessState::pid)
    }
}

fn same_but_for_timers(old: &RaftView, new: &RaftView) -> bool {
    let peers = |s: &RaftView| {
        s.peers.items().iter().map(|p| (p.id, p.matched, p.next, p.state, percent(p))).collect::<Vec<_>>()
    };
    old.term == new.term
        && old.role == new.role
        && old.vote == new.vote
        && old.leader == new.leader
        && old.last == new.last
        && old.durable == new.durable
        && old.committed == new.committed
        && old.applied == new.applied
        && old.has_quorum == new.has_quorum
        && old.votes == new.votes
        && old.term_runs == new.term_runs
        && old.membership_index == new.membership_index
        && old.membership == new.membership
        && old.snapshot == new.snapshot
        && old.purged == new.purged
        && old.transfer == new.transfer
        && old.disk_stalled == new.disk_stalled
        && peers(old) == peers(new)
}

/// How much of a snapshot a follower has, in percent, while it receives one.
#[must_use]
pub fn percent(peer: &PeerView) -> Option<u64> {
    let (sent, size) = peer.snapshot.some()?;
    Some(sent.min(size).saturating_mul(100).checked_div(size).unwrap_or(0))
}
