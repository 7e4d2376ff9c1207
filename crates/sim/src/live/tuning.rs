//! The nodes' timing and their switches: what is in force of them holds at every node.
//!
//! Leases rest on equal timing and on CheckQuorum at all members, so all nodes forgo them before the first one is set apart.

use super::Live;
use raftdeck_raft::{NodeId, Tuning};

impl Live {
    /// What every node works with by itself.
    pub(super) fn usual(&self) -> Tuning {
        Tuning { timing: self.options.timing, pre_vote: true, check_quorum: true }
    }

    /// Has what is in force hold at every node.
    pub(super) fn set_timing(&mut self) {
        let usual = self.usual();
        self.ledger.end_unfit(usual);
        let nodes: Vec<NodeId> = self.kept.keys().copied().collect();
        if !self.forgo_leases && nodes.iter().any(|node| self.ledger.tuning_of(*node, usual) != usual) {
            self.let_all_forgo_leases();
        }
        for node in nodes {
            self.set_timing_of(node);
        }
    }

    /// No node serves a read by a lease any more, nor does one that is started later.
    pub(super) fn let_all_forgo_leases(&mut self) {
        self.forgo_leases = true;
        for node in self.kept.keys().copied().collect::<Vec<_>>() {
            self.act(node, |replica, _| replica.forgo_leases());
        }
    }

    /// The same at one node, if it can hear of it: one that stands still hears when it goes on, one that is down when it starts.
    pub(super) fn set_timing_of(&mut self, node: NodeId) {
        let usual = self.usual();
        let tuning = self.ledger.tuning_of(node, usual);
        let nodes: Vec<NodeId> = self.kept.keys().copied().collect();
        let timeout = self.ledger.fixed_timeout_of(node, &nodes, usual.timing);
        let member = self.world.node(node);
        let Some(process) = member.process.as_mut().filter(|_| !member.paused) else { return };
        let is_tuned = process.tuning != tuning;
        let is_timed = timeout.is_some() || process.is_timeout_fixed;
        process.tuning = tuning;
        process.is_timeout_fixed = timeout.is_some();
        if is_tuned {
            self.act(node, |replica, now| {
                // It makes sense, or it would not be in force.
                let _ = replica.tune(tuning, now);
            });
        }
        if is_timed {
            self.act(node, |replica, now| {
                // It is never under the least one.
                let _ = replica.set_election_timeout(timeout, now);
            });
        }
    }
}
