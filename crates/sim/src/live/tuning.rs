//! The nodes' clocks, their timing and their switches: what is in force of them holds at every node.
//!
//! Leases rest on clocks that run alike, on equal timing and on CheckQuorum at all members, so all nodes forgo them before the first one is set apart.

use super::Live;
use crate::options::micros;
use raftdeck_protocol::ClockFactor;
use raftdeck_raft::{NodeId, Tuning};
use std::time::Duration;

impl Live {
    /// What every node uses by default.
    pub(super) fn usual(&self) -> Tuning {
        Tuning { timing: self.options.timing, pre_vote: true, check_quorum: true }
    }

    /// Has what is in force hold at every node.
    pub(super) fn set_timing(&mut self) {
        let usual = self.usual();
        self.ledger.end_unfit(usual);
        let nodes: Vec<NodeId> = self.kept.keys().copied().collect();
        let is_apart = |node: &NodeId| {
            self.ledger.tuning_of(*node, usual) != usual || self.ledger.clock_of(*node) != ClockFactor::TRUE
        };
        if !self.forgo_leases && nodes.iter().any(is_apart) {
            self.let_all_forgo_leases();
        }
        for node in nodes {
            self.set_timing_of(node);
        }
    }

    /// No node serves reads by a lease from now on, including nodes that start later.
    pub(super) fn let_all_forgo_leases(&mut self) {
        self.forgo_leases = true;
        for node in self.kept.keys().copied().collect::<Vec<_>>() {
            self.act(node, |replica, _| replica.forgo_leases());
        }
    }

    /// The same at one node, if it can hear of it: a stopped one when it continues, one that is down when it starts.
    pub(super) fn set_timing_of(&mut self, node: NodeId) {
        let usual = self.usual();
        let tuning = self.ledger.tuning_of(node, usual);
        let nodes: Vec<NodeId> = self.kept.keys().copied().collect();
        self.set_clock_of(node);
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

    fn set_clock_of(&mut self, node: NodeId) {
        let (factor, at) = (self.ledger.clock_of(node), self.world.now);
        let clock = &mut self.world.node(node).clock;
        if !clock.has_factor(factor) {
            clock.set_factor(factor, at);
            // Its timers are due at another time now.
            self.act(node, |_, _| {});
        }
    }

    /// A node's clock jumps ahead.
    pub(super) fn skew(&mut self, node: NodeId, by: Duration) -> Result<(), String> {
        let member = self.world.node(node);
        if member.process.is_none() {
            return Err(format!("{node} is not running, and neither is its clock"));
        }
        if member.paused {
            return Err(format!("the clock of {node} cannot be set: it does not answer"));
        }
        self.let_all_forgo_leases();
        let at = self.world.now;
        self.world.node(node).clock.skew(micros(by), at);
        self.world.turn_soon(node);
        Ok(())
    }
}
