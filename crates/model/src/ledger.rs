//! The ledger of what is in force and can be undone, each item with its own id. It only records.

use crate::rule::{Disturbance, Fault, FaultId};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;

/// The most things in force at a time.
pub const MAX_IN_FORCE: usize = 256;

/// What is in force, oldest first. The caller that adds an item also applies it, and the caller that removes it
/// undoes it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    faults: BTreeMap<FaultId, Disturbance>,
    last: u64,
    /// Whether it has changed since it was last reported.
    is_news: bool,
}

impl Ledger {
    /// Enters something under a new name. `None`: the ledger is full.
    pub fn enter(&mut self, what: Disturbance) -> Option<FaultId> {
        if self.faults.len() >= MAX_IN_FORCE {
            return None;
        }
        self.last += 1;
        self.faults.insert(FaultId(self.last), what);
        self.is_news = true;
        Some(FaultId(self.last))
    }

    /// Replaces the item of this name. Says whether there is such a name.
    pub fn becomes(&mut self, id: FaultId, what: Disturbance) -> bool {
        let Some(was) = self.faults.get_mut(&id) else { return false };
        *was = what;
        self.is_news = true;
        true
    }

    /// Removes the item of this name.
    pub fn strike(&mut self, id: FaultId) -> Option<Disturbance> {
        let what = self.faults.remove(&id)?;
        self.is_news = true;
        Some(what)
    }

    /// Removes all items that match. Says whether there were any.
    pub fn strike_all(&mut self, like: impl Fn(&Disturbance) -> bool) -> bool {
        let before = self.faults.len();
        self.faults.retain(|_, what| !like(what));
        let is_changed = self.faults.len() < before;
        self.is_news |= is_changed;
        is_changed
    }

    /// A node is no longer stopped.
    pub fn is_not_paused(&mut self, node: NodeId) {
        self.strike_all(|what| *what == Disturbance::Paused(node));
    }

    /// The node no longer exists. Says whether that ended or changed any item.
    pub fn is_gone(&mut self, node: NodeId) -> bool {
        let is_left = self.leave_out(node);
        self.strike_all(|what| match what {
            Disturbance::Paused(of)
            | Disturbance::Slowed(of, _)
            | Disturbance::DiskFull(of, _)
            | Disturbance::Disk(of, _)
            | Disturbance::Timeouts(of, ..)
            | Disturbance::Heartbeat(of, _)
            | Disturbance::Clock(of, _) => *of == node,
            Disturbance::PreVote(of, _) | Disturbance::CheckQuorum(of, _) => *of == Some(node),
            Disturbance::Rules { .. } | Disturbance::Watch(_) | Disturbance::Timers(_) => false,
            Disturbance::ClientAt(_, nodes) | Disturbance::ClientLinks(_, nodes, _) => nodes.is_empty(),
        }) || is_left
    }

    /// Removes a node from items about clients and several nodes. Says whether it was in any.
    fn leave_out(&mut self, node: NodeId) -> bool {
        let mut is_changed = false;
        for what in self.faults.values_mut() {
            if let Disturbance::ClientAt(_, nodes) | Disturbance::ClientLinks(_, nodes, _) = what {
                is_changed |= nodes.remove(&node);
            }
        }
        self.is_news |= is_changed;
        is_changed
    }

    /// The name of what came into force last.
    #[must_use]
    pub fn newest(&self) -> Option<FaultId> {
        self.faults.keys().next_back().copied()
    }

    /// All of it, oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Fault> {
        self.faults.iter().map(|(&id, what)| Fault { id, what: what.clone() }).collect()
    }

    /// What is in force, if it has not been reported yet.
    pub fn news(&mut self) -> Option<Vec<Fault>> {
        std::mem::take(&mut self.is_news).then(|| self.all())
    }

    /// Marks it to be reported again, although nothing has changed.
    pub fn renew(&mut self) {
        self.is_news = true;
    }
}
