//! The nodes' clocks, timing and switches: the settings in force are sent to every node.
//!
//! Leases rest on clocks of equal rate, equal timing and CheckQuorum at all members, so all nodes forgo them before the first one is
//! set apart.

use super::Raftdeck;
use crate::nodes::Nodes;
use crate::raftdeck::stepper::ANSWER;
use raftdeck_protocol::ClockFactor;
use raftdeck_raft::{NodeId, Tuning};
use raftdeck_source::Receipt;
use std::collections::BTreeMap;

impl Nodes<Raftdeck> {
    /// Applies what is in force at every node, and answers when all reachable nodes have confirmed it.
    pub(super) fn set_timing_for(&mut self, receipt: Receipt) {
        self.in_force.end_unfit(self.engine.options.tuning());
        if self.set_timing() {
            return self.done_when_settled(receipt);
        }
        self.forgo_leases();
        let paused = self.paused();
        let settled = self.engine.stepper.tempo().settled(ANSWER, &paused);
        self.engine.forgoing.spawn(async move {
            settled.await;
            receipt
        });
    }

    pub(super) fn leases_are_forgone(&mut self, receipt: Receipt) {
        self.engine.leases_forgone = true;
        self.set_timing_for(receipt);
    }

    /// No node serves reads by a lease from now on, nor does one that is started later.
    pub(super) fn forgo_leases(&mut self) {
        if !std::mem::replace(&mut self.engine.forgo_leases, true) {
            self.renew_launches();
        }
        self.engine.stepper.tempo().forgo_leases();
    }

    /// Sends what is in force to every node. `false`: leases have to be forgone first.
    pub(super) fn set_timing(&mut self) -> bool {
        let (in_force, usual) = (self.in_force.now(), self.engine.options.tuning());
        let nodes = self.ids();
        let tunings: Vec<_> = nodes.iter().map(|&node| (node, in_force.tuning_of(node, usual))).collect();
        let is_apart = |&(node, tuning): &(NodeId, Tuning)| {
            tuning != usual || in_force.clock_of(node) != ClockFactor::TRUE
        };
        if !self.engine.leases_forgone && tunings.iter().any(is_apart) {
            return false;
        }
        for (node, tuning) in tunings {
            self.engine.stepper.tempo().set_factor(node, in_force.clock_of(node));
            self.engine.stepper.tempo().set_tuning(node, tuning, usual);
        }
        let timeout = |&node: &NodeId| Some((node, in_force.fixed_timeout_of(node, &nodes, usual.timing)?));
        self.engine
            .stepper
            .tempo()
            .set_timeouts(nodes.iter().filter_map(timeout).collect::<BTreeMap<_, _>>());
        true
    }
}
