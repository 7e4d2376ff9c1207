//! Networks that are broken in a way that has a name, as rules.
//!
//! How people write a shape down is the grammar's affair.

use crate::rule::{Rule, Scope};
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// A shape by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nobody reaches this node, and it reaches nobody.
    Isolate(NodeId),
    /// Two parts that do not reach each other. Both empty: the lower and the upper half of the nodes, the greater part last.
    Halves(BTreeSet<NodeId>, BTreeSet<NodeId>),
    /// Messages pass from the first to the second and not back.
    OneWay(NodeId, NodeId),
    /// Two halves that do not reach each other, and this node, which both of them reach.
    Bridge(NodeId),
    /// Every node reaches a majority, and no two reach the same one.
    Ring,
    /// The node can hear but not send.
    Mute(NodeId),
    /// The node can send but not hear.
    Deaf(NodeId),
    /// Some messages are lost, some late, some come twice.
    Flaky(Scope),
    /// Messages take long, and there is little room.
    SlowLink(Scope),
    /// Nodes far from each other, by region ([`REGIONS`]).
    Wan(BTreeMap<NodeId, String>),
}

/// The regions of a wide-area network.
pub const REGIONS: &[&str] = &["eu", "us", "ap"];

impl Shape {
    /// The rules that give a cluster of these nodes this shape, or a sentence that says why it cannot have it.
    pub fn rules(&self, _nodes: &BTreeSet<NodeId>) -> Result<Vec<Rule>, String> {
        Ok(Vec::new())
    }
}
