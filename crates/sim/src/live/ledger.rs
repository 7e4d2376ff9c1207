//! The ledger of what is in force and can be undone, each thing under a name of its own. It only keeps account.

use raftdeck_model::{Disturbance, Fault, FaultId};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;

/// The most things in force at a time.
pub(super) const MAX_IN_FORCE: usize = 256;

/// What is in force, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    faults: BTreeMap<FaultId, Disturbance>,
    last: u64,
    /// It is another than it was told last.
    is_news: bool,
}

impl Ledger {
    /// Enters something under a new name. `None`: the ledger is full.
    pub(super) fn enter(&mut self, what: Disturbance) -> Option<FaultId> {
        if self.faults.len() >= MAX_IN_FORCE {
            return None;
        }
        self.last += 1;
        self.faults.insert(FaultId(self.last), what);
        self.is_news = true;
        Some(FaultId(self.last))
    }

    /// What has this name is something else from now on.
    pub(super) fn becomes(&mut self, id: FaultId, what: Disturbance) {
        if let Some(was) = self.faults.get_mut(&id) {
            *was = what;
            self.is_news = true;
        }
    }

    /// Strikes out what has this name.
    pub(super) fn strike(&mut self, id: FaultId) -> Option<Disturbance> {
        let what = self.faults.remove(&id)?;
        self.is_news = true;
        Some(what)
    }

    /// Strikes out all that is like that.
    pub(super) fn strike_all(&mut self, like: impl Fn(&Disturbance) -> bool) {
        let before = self.faults.len();
        self.faults.retain(|_, what| !like(what));
        self.is_news |= self.faults.len() < before;
    }

    /// A node does not stand still any more.
    pub(super) fn is_not_paused(&mut self, node: NodeId) {
        self.strike_all(|what| *what == Disturbance::Paused(node));
    }

    /// There is no such node any more.
    pub(super) fn is_gone(&mut self, node: NodeId) {
        self.strike_all(|what| match what {
            Disturbance::Paused(of)
            | Disturbance::Slowed(of, _)
            | Disturbance::DiskFull(of, _)
            | Disturbance::Disk(of, _) => *of == node,
            Disturbance::Rules { .. }
            | Disturbance::Watch(_)
            | Disturbance::Timers(_)
            | Disturbance::ClientAt(_) => false,
        });
    }

    /// The name of what came into force last.
    pub(super) fn newest(&self) -> Option<FaultId> {
        self.faults.keys().next_back().copied()
    }

    /// All of it, oldest first.
    pub(super) fn all(&self) -> Vec<Fault> {
        self.faults.iter().map(|(&id, what)| Fault { id, what: what.clone() }).collect()
    }

    /// What is in force, if that was not told yet.
    pub(super) fn news(&mut self) -> Option<Vec<Fault>> {
        std::mem::take(&mut self.is_news).then(|| self.all())
    }

    /// It is told anew, though nothing has changed.
    pub(super) fn renew(&mut self) {
        self.is_news = true;
    }
}
