//! The members of the cluster, as the nodes report them.
//!
//! A source's nodes are processes; the configuration in force names the cluster's members. A node may not be a member: not yet, or no
//! longer. Until a configuration is reported every node counts as a voter.

use super::{Node, World};
use crate::view::RaftView;
use raftdeck_raft::{Membership, NodeId};
use std::collections::BTreeSet;

/// The relation of a node to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberStanding {
    /// It votes, in at least one half of a joint configuration.
    Voter,
    /// It gets the log and does not count for a majority.
    Learner,
    /// It does not belong to the cluster.
    Outside,
}

impl World {
    /// The configuration in force: the leader's, else the newest that a running node works with,
    /// else the newest that any had.
    #[must_use]
    pub fn configuration(&self) -> Option<&Membership> {
        let named = |membership: &&Membership| !membership.voters.is_empty();
        let leader = self.leader().and_then(Node::live).and_then(|status| status.membership.get());
        leader
            .filter(named)
            .or_else(|| newest(self.nodes().filter_map(Node::live)))
            .or_else(|| newest(self.nodes().filter_map(Node::raft)))
    }

    /// The relation of a node to the cluster.
    #[must_use]
    pub fn standing(&self, id: NodeId) -> MemberStanding {
        match self.configuration() {
            None => MemberStanding::Voter,
            Some(membership) if membership.is_voter(id) => MemberStanding::Voter,
            Some(membership) if membership.learners.contains(&id) => MemberStanding::Learner,
            Some(_) => MemberStanding::Outside,
        }
    }

    /// All voters.
    #[must_use]
    pub fn voters(&self) -> BTreeSet<NodeId> {
        match self.configuration() {
            Some(membership) => membership.voters.union(&membership.outgoing).copied().collect(),
            None => self.nodes().map(|node| node.id).collect(),
        }
    }

    /// The smallest majority; if the configuration is joint, of the new half.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.configuration().map_or_else(|| self.len(), |membership| membership.voters.len()) / 2 + 1
    }

    /// Whether these are a majority, of both halves if the configuration is joint (paper §6).
    #[must_use]
    pub fn is_majority(&self, of: &BTreeSet<NodeId>) -> bool {
        let most = |voters: &BTreeSet<NodeId>| 2 * voters.intersection(of).count() > voters.len();
        match self.configuration() {
            Some(membership) => {
                most(&membership.voters) && (!membership.is_joint() || most(&membership.outgoing))
            }
            None => 2 * of.len() > self.len(),
        }
    }

    /// Whether the cluster is between two configurations.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        self.configuration().is_some_and(Membership::is_joint)
    }

    /// The node that the leader is handing over to.
    #[must_use]
    pub fn transfer(&self) -> Option<NodeId> {
        self.leader()?.live()?.transfer.some()
    }
}

fn newest<'a>(told: impl Iterator<Item = &'a RaftView>) -> Option<&'a Membership> {
    let known = told.filter_map(|status| Some((status, status.membership.get()?)));
    known
        .filter(|(_, membership)| !membership.voters.is_empty())
        .max_by_key(|(status, _)| (status.membership_index.copied(), status.term))
        .map(|(_, membership)| membership)
}
