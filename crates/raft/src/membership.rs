//! Who belongs to the cluster, and how that changes (thesis ch. 4; joint consensus: paper §6, thesis §4.3).
//!
//! Values only: which membership is in force, and when, is decided by the member that holds them.

use crate::types::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A cluster configuration in the paper's sense. It takes effect when it is *appended* to a log, committed or not.
///
/// **Invariant:** a node is a voter (of either half) or a learner, never both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The voters. In a joint configuration: those of the new half.
    pub voters: BTreeSet<NodeId>,
    /// In a joint configuration the voters of the old half, whose majority every decision needs too; otherwise empty.
    pub outgoing: BTreeSet<NodeId>,
    /// Members that get the log and count for nothing (thesis §4.2.1).
    pub learners: BTreeSet<NodeId>,
    /// Where members are reached, opaque to this crate. Members that are missing here are known to the drivers.
    pub addresses: BTreeMap<NodeId, String>,
}

/// One step of a change. Several steps together make one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MembershipChange {
    /// Add a learner.
    AddLearner {
        /// Who.
        node: NodeId,
        /// Where it is reached.
        address: String,
    },
    /// Make a learner a voter, as soon as it has caught up (thesis §4.2.1).
    Promote {
        /// Who.
        node: NodeId,
    },
    /// Remove a voter or learner.
    Remove {
        /// Who.
        node: NodeId,
    },
}

/// Why a change of the membership was not started, or not finished. In each case the membership is as before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ChangeError {
    /// Only the leader takes changes.
    #[error("not the leader")]
    NotLeader {
        /// Who is, if known.
        leader: Option<NodeId>,
    },
    /// Another change, or a transfer of the leadership, is under way: one at a time (thesis §4.1).
    #[error("another change of the cluster is under way: wait until it is done")]
    InProgress,
    /// The leader has not committed an entry of its own term yet (Ongaro's correction to thesis §4.1).
    #[error("the leader is new and has not committed an entry of its own term yet: try again in a moment")]
    TooEarly,
    /// Too many uncommitted bytes.
    #[error("too many uncommitted bytes")]
    Busy,
    /// It is a member already.
    #[error("{node} is a member already")]
    AlreadyMember {
        /// Who.
        node: NodeId,
    },
    /// It is not a member.
    #[error("{node} is not a member")]
    NotMember {
        /// Who.
        node: NodeId,
    },
    /// Only learners are promoted.
    #[error("{node} is a voter already")]
    AlreadyVoter {
        /// Who.
        node: NodeId,
    },
    /// Nobody would be left to vote.
    #[error("the last voter cannot be removed")]
    LastVoter,
    /// Ids start at 1.
    #[error("a node id of 0 is not allowed: ids start at 1")]
    ZeroId,
    /// Nothing was asked for.
    #[error("the change is empty")]
    Empty,
    /// The learner did not catch up within the allowed rounds (thesis §4.2.1).
    #[error("{node} does not catch up: it is too slow, or cannot be reached")]
    NotCaughtUp {
        /// Who.
        node: NodeId,
    },
}

impl Membership {
    /// A plain configuration of these voters, with addresses that the drivers know.
    #[must_use]
    pub fn of(voters: BTreeSet<NodeId>) -> Self {
        Self { voters, ..Self::default() }
    }

    /// Whether a change is half done: decisions need both majorities.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Whether it votes, in either half.
    #[must_use]
    pub fn is_voter(&self, node: NodeId) -> bool {
        self.voters.contains(&node) || self.outgoing.contains(&node)
    }

    /// Whether it belongs to the cluster, as voter or learner.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.is_voter(node) || self.learners.contains(&node)
    }

    /// All members, in order of id.
    #[must_use]
    pub fn members(&self) -> BTreeSet<NodeId> {
        self.voters.iter().chain(&self.outgoing).chain(&self.learners).copied().collect()
    }
}
