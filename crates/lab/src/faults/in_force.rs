//! The ledger of what is in force and can be undone, each thing under a name of its own.
//!
//! It only records and reports every change; the caller that adds an item also applies it, and the caller that removes it undoes it.

use raftdeck_links::Outlet;
use raftdeck_model::{Disturbance, Fault, FaultId, Ledger, News};
use raftdeck_raft::{NodeId, Tuning};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The ledger. Clones share one ledger.
#[derive(Clone)]
pub(crate) struct InForce {
    outlet: Outlet,
    ledger: Arc<Mutex<Ledger>>,
}

impl InForce {
    pub(crate) fn new(outlet: Outlet) -> Self {
        Self { outlet, ledger: Arc::default() }
    }

    /// Enters something under a new name. `None`: the ledger is full.
    pub(crate) fn enter(&self, what: Disturbance) -> Option<FaultId> {
        let id = self.lock().enter(what)?;
        self.tell();
        Some(id)
    }

    /// Replaces the item of this name. Does nothing if there is no such name.
    pub(crate) fn becomes(&self, id: FaultId, what: Disturbance) {
        let is_changed = self.lock().becomes(id, what);
        if is_changed {
            self.tell();
        }
    }

    /// Removes the item of this name.
    pub(crate) fn strike(&self, id: FaultId) -> Option<Disturbance> {
        let what = self.lock().strike(id)?;
        self.tell();
        Some(what)
    }

    /// Removes all items that match; says whether there were any.
    pub(crate) fn strike_all(&self, like: impl Fn(&Disturbance) -> bool) -> bool {
        let changed = self.lock().strike_all(like);
        if changed {
            self.tell();
        }
        changed
    }

    /// The name of what came into force last.
    pub(crate) fn newest(&self) -> Option<FaultId> {
        self.lock().newest()
    }

    /// All of it, oldest first.
    pub(crate) fn all(&self) -> Vec<Fault> {
        self.lock().all()
    }

    /// A node's process is paused or continued, by the lab or by another process.
    pub(crate) fn is_paused(&self, node: NodeId, paused: bool) {
        let entered = self.all().iter().any(|fault| fault.what == Disturbance::Paused(node));
        if paused && !entered {
            self.enter(Disturbance::Paused(node));
        } else if !paused {
            self.strike_all(|what| *what == Disturbance::Paused(node));
        }
    }

    /// A node's process could not be slowed.
    pub(crate) fn is_not_slow(&self, node: NodeId) {
        self.strike_all(|what| matches!(what, Disturbance::Slowed(of, _) if *of == node));
    }

    /// A node's disk could not be filled.
    pub(crate) fn is_not_full(&self, node: NodeId) {
        self.strike_all(|what| matches!(what, Disturbance::DiskFull(of, _) if *of == node));
    }

    /// The node no longer exists.
    pub(crate) fn is_gone(&self, node: NodeId) {
        let is_changed = self.lock().is_gone(node);
        if is_changed {
            self.tell();
        }
    }

    /// Enters it in place of what it replaces, if its position matters ([`Ledger::renew_in_place`]).
    pub(crate) fn renew_in_place(&self, what: &Disturbance, usual: Tuning) -> Option<FaultId> {
        let id = self.lock().renew_in_place(what, usual)?;
        self.tell();
        Some(id)
    }

    /// Ends the settings that were valid only together with timing that has ended.
    pub(crate) fn end_unfit(&self, usual: Tuning) {
        let is_changed = self.lock().end_unfit(usual);
        if is_changed {
            self.tell();
        }
    }

    /// A copy of the ledger as it is now.
    pub(crate) fn now(&self) -> Ledger {
        self.lock().clone()
    }

    /// Reports everything that is in force.
    pub(crate) fn tell(&self) {
        self.outlet.tell(News::InForce { faults: self.all() });
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_links::ClusterClock;
    use raftdeck_model::MAX_IN_FORCE;
    use raftdeck_protocol::{ClockRate, DiskPace};

    const N1: NodeId = NodeId(1);
    const N2: NodeId = NodeId(2);

    fn ledger() -> (InForce, Arc<Mutex<Vec<Vec<u64>>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&told);
        let clock = ClusterClock::start(ClockRate::REAL).reader();
        let outlet = Outlet::new(clock, move |update| {
            let News::InForce { faults } = update.what else { panic!("{update:?}") };
            listener.lock().unwrap().push(faults.iter().map(|fault| fault.id.0).collect());
        });
        (InForce::new(outlet), told)
    }

    #[test]
    fn names_are_never_used_again_and_every_change_is_told() {
        let (ledger, told) = ledger();
        let first = ledger.enter(Disturbance::Slowed(N1, 50)).unwrap();
        let second = ledger.enter(Disturbance::Paused(N2)).unwrap();
        assert_eq!(ledger.newest(), Some(second));
        assert_eq!(ledger.strike(second), Some(Disturbance::Paused(N2)));
        assert_eq!(ledger.strike(second), None);
        let third = ledger.enter(Disturbance::Paused(N2)).unwrap();
        assert!(third > second);
        ledger.becomes(third, Disturbance::Paused(N1));
        ledger.becomes(second, Disturbance::Paused(N1));
        assert_eq!(*told.lock().unwrap(), [vec![1], vec![1, 2], vec![1], vec![1, 3], vec![1, 3]]);
        assert_eq!(ledger.all()[0], Fault { id: first, what: Disturbance::Slowed(N1, 50) });
    }

    #[test]
    fn a_pause_is_entered_once_and_goes_with_the_node() {
        let (ledger, told) = ledger();
        ledger.is_paused(N1, true);
        ledger.is_paused(N1, true);
        ledger.is_paused(N2, false);
        ledger.enter(Disturbance::DiskFull(N1, 0)).unwrap();
        ledger.enter(Disturbance::Disk(N1, DiskPace::Stalled)).unwrap();
        assert_eq!(*told.lock().unwrap(), [vec![1], vec![1, 2], vec![1, 2, 3]]);
        ledger.is_gone(N1);
        assert_eq!(ledger.newest(), None);
    }

    #[test]
    fn the_ledger_has_an_end() {
        let (ledger, _) = ledger();
        for _ in 0..MAX_IN_FORCE {
            assert!(ledger.enter(Disturbance::Paused(N1)).is_some());
        }
        assert_eq!(ledger.enter(Disturbance::Paused(N1)), None);
    }
}
