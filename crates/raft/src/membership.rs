//! The cluster's membership, and its changes (thesis ch. 4; joint consensus: paper §6, thesis §4.3).
//!
//! Values only: which membership is in force, and when, is decided by the member that holds them.

use crate::identity::{ClusterId, Incarnation};
use crate::mutants::{Mutant, is_active};
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
    /// Members that receive the log and do not vote (thesis §4.2.1).
    pub learners: BTreeSet<NodeId>,
    /// Where members are reached, opaque to this crate. Members that are missing here are known to the drivers.
    pub addresses: BTreeMap<NodeId, String>,
    /// The cluster's identity, made at its founding. `None`: a cluster of an old release, or of a test, that has none yet.
    pub cluster: Option<ClusterId>,
    /// The data directories of its members. A member without one here is not known yet: it was a member of an old release,
    /// or is a learner that was not reached so far. What is known never changes as long as it is a member.
    pub incarnations: BTreeMap<NodeId, Incarnation>,
}

/// One step of a change. Several steps together make one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MembershipChange {
    /// Add a learner.
    AddLearner {
        /// The node.
        node: NodeId,
        /// Where it is reached.
        address: String,
        /// Its data directory. `None`: not known yet; the leader finds out when it reaches it.
        incarnation: Option<Incarnation>,
    },
    /// Make a learner a voter, as soon as it has caught up (thesis §4.2.1).
    Promote {
        /// The node.
        node: NodeId,
    },
    /// Remove a voter or learner.
    Remove {
        /// The node.
        node: NodeId,
    },
    /// Fill in identities that are not known yet. What is known stays; voters and learners stay too, so no joint
    /// configuration is needed.
    Identify {
        /// The cluster's.
        cluster: Option<ClusterId>,
        /// Those of its members' data directories.
        incarnations: BTreeMap<NodeId, Incarnation>,
    },
}

/// Why a change of the membership was not started, or not finished. The membership is as before, with one exception: a
/// change that had been started and ends with [`ChangeError::NotLeader`] may still be brought to its end by the next
/// leader. A node that was to be added and promoted in one change, and did not catch up, stays a learner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ChangeError {
    /// Only the leader takes changes.
    #[error("not the leader")]
    NotLeader {
        /// The leader, if known.
        leader: Option<NodeId>,
    },
    /// Another change, or a transfer of the leadership, is under way: one at a time (thesis §4.1).
    #[error("another membership change is under way: wait until it is done")]
    InProgress,
    /// The leader has not committed an entry of its own term yet (Ongaro's correction to thesis §4.1).
    #[error("the leader is new and has not committed an entry of its term yet: try again in a moment")]
    TooEarly,
    /// Too many uncommitted bytes, or the leader's disk is stalled.
    #[error(
        "too many uncommitted bytes, or the leader's disk does not finish its writes: try again in a moment"
    )]
    Busy,
    /// It is a member already.
    #[error("{node} is a member already")]
    AlreadyMember {
        /// The node.
        node: NodeId,
    },
    /// It is not a member.
    #[error("{node} is not a member")]
    NotMember {
        /// The node.
        node: NodeId,
    },
    /// Only learners are promoted.
    #[error("{node} is a voter already")]
    AlreadyVoter {
        /// The node.
        node: NodeId,
    },
    /// No voter would be left.
    #[error("the last voter cannot be removed")]
    LastVoter,
    /// Ids start at 1.
    #[error("a node id of 0 is not allowed: ids start at 1")]
    ZeroId,
    /// Nothing was asked for.
    #[error("the change is empty")]
    Empty,
    /// In a cluster with an identity only a member whose data directory is known can vote.
    #[error("{node} has not connected yet, so its data directory is not known: start it, then try again")]
    NotIdentified {
        /// Which.
        node: NodeId,
    },
    /// What is known of a cluster or a data directory cannot be replaced by something else.
    #[error("{} has another identity already: nothing was changed", of_whom(node.as_ref()))]
    AlreadyIdentified {
        /// Which member; `None`: the cluster itself.
        node: Option<NodeId>,
    },
    /// The learner did not catch up within the allowed rounds (thesis §4.2.1).
    #[error("{node} does not catch up: it is too slow, or cannot be reached")]
    NotCaughtUp {
        /// The node.
        node: NodeId,
    },
}

impl ChangeError {
    /// Whether the obstacle passes without intervention, or with its leader.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(
            self,
            Self::NotLeader { .. }
                | Self::InProgress
                | Self::TooEarly
                | Self::NotIdentified { .. }
                | Self::Busy
        )
    }

    /// Whether the requested state already holds, as after an attempt whose answer was lost.
    #[must_use]
    pub fn is_so_already(&self) -> bool {
        matches!(self, Self::AlreadyMember { .. } | Self::AlreadyVoter { .. } | Self::NotMember { .. })
    }
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

    /// Whether messages of a node that runs on this data directory can be a member's. That of a member whose directory is
    /// not known can be, and so can that of a node that is no member: whether that is heard is decided elsewhere.
    #[must_use]
    pub fn knows_as(&self, node: NodeId, incarnation: Option<Incarnation>) -> bool {
        self.incarnations.get(&node).is_none_or(|known| incarnation == Some(*known))
    }

    /// All members, in order of id.
    #[must_use]
    pub fn members(&self) -> BTreeSet<NodeId> {
        self.voters.iter().chain(&self.outgoing).chain(&self.learners).copied().collect()
    }

    /// Whether it is valid: it has a voter, no member is both voter and learner, ids start at 1.
    pub(crate) fn is_sound(&self) -> bool {
        !self.voters.is_empty()
            && !self.contains(NodeId(0))
            && !self.learners.iter().any(|learner| self.is_voter(*learner))
    }

    /// The configuration that starts this change: a joint one if the voters change, else directly the new one, as
    /// learners decide nothing (thesis §4.3, §4.2.1).
    pub fn enter(&self, changes: &[MembershipChange]) -> Result<Self, ChangeError> {
        if self.is_joint() && !is_active(Mutant::ChangesOverlap) {
            return Err(ChangeError::InProgress);
        }
        let mut next = self.clone();
        for change in changes {
            next.take_step(change, self)?;
        }
        if next.voters.is_empty() {
            return Err(ChangeError::LastVoter);
        }
        if next.voters != self.voters {
            next.outgoing.clone_from(&self.voters);
        }
        next.forget_strangers();
        if next == *self { Err(ChangeError::Empty) } else { Ok(next) }
    }

    fn take_step(&mut self, change: &MembershipChange, before: &Self) -> Result<(), ChangeError> {
        match change {
            MembershipChange::AddLearner { node: NodeId(0), .. } => Err(ChangeError::ZeroId),
            // Also one that this very change removes: no member is a voter of one half and a learner of the other.
            MembershipChange::AddLearner { node, .. } if before.contains(*node) || self.contains(*node) => {
                Err(ChangeError::AlreadyMember { node: *node })
            }
            MembershipChange::AddLearner { node, address, incarnation } => {
                self.learners.insert(*node);
                self.addresses.insert(*node, address.clone());
                self.incarnations.extend(incarnation.map(|incarnation| (*node, incarnation)));
                Ok(())
            }
            MembershipChange::Promote { node } if self.voters.contains(node) => {
                Err(ChangeError::AlreadyVoter { node: *node })
            }
            MembershipChange::Promote { node }
                if self.learners.contains(node)
                    && self.cluster.is_some()
                    && !self.incarnations.contains_key(node) =>
            {
                Err(ChangeError::NotIdentified { node: *node })
            }
            MembershipChange::Promote { node } if self.learners.remove(node) => {
                self.voters.insert(*node);
                Ok(())
            }
            MembershipChange::Remove { node } if self.voters.remove(node) || self.learners.remove(node) => {
                Ok(())
            }
            MembershipChange::Promote { node } | MembershipChange::Remove { node } => {
                Err(ChangeError::NotMember { node: *node })
            }
            MembershipChange::Identify { cluster, incarnations } => self.identify(*cluster, incarnations),
        }
    }

    /// Fills in what is not known. To name again what is known is no change.
    fn identify(
        &mut self,
        cluster: Option<ClusterId>,
        incarnations: &BTreeMap<NodeId, Incarnation>,
    ) -> Result<(), ChangeError> {
        if self.cluster.is_some() && cluster.is_some() && self.cluster != cluster {
            return Err(ChangeError::AlreadyIdentified { node: None });
        }
        self.cluster = self.cluster.or(cluster);
        for (node, incarnation) in incarnations {
            if !self.contains(*node) {
                return Err(ChangeError::NotMember { node: *node });
            }
            if self.incarnations.insert(*node, *incarnation).is_some_and(|known| known != *incarnation) {
                return Err(ChangeError::AlreadyIdentified { node: Some(*node) });
            }
        }
        Ok(())
    }

    /// The configuration that a joint one leads to: the new half alone.
    #[must_use]
    pub fn leave(&self) -> Self {
        let mut next = Self { outgoing: BTreeSet::new(), ..self.clone() };
        next.forget_strangers();
        next
    }

    fn forget_strangers(&mut self) {
        let members = self.members();
        self.addresses.retain(|node, _| members.contains(node));
        self.incarnations.retain(|node, _| members.contains(node));
    }
}

fn of_whom(node: Option<&NodeId>) -> String {
    node.map_or_else(|| "the cluster".to_owned(), |node| format!("the data directory of {node}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ids: &[u64]) -> BTreeSet<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    fn add(node: u64) -> MembershipChange {
        let address = format!("host{node}:1");
        MembershipChange::AddLearner { node: NodeId(node), address, incarnation: None }
    }

    fn promote(node: u64) -> MembershipChange {
        MembershipChange::Promote { node: NodeId(node) }
    }

    fn remove(node: u64) -> MembershipChange {
        MembershipChange::Remove { node: NodeId(node) }
    }

    fn three_and_a_learner() -> Membership {
        Membership::of(set(&[1, 2, 3])).enter(&[add(4)]).unwrap()
    }

    #[test]
    fn a_learner_comes_and_goes_in_one_step() {
        let with = three_and_a_learner();
        assert_eq!((&with.voters, &with.learners, with.is_joint()), (&set(&[1, 2, 3]), &set(&[4]), false));
        assert_eq!(with.addresses[&NodeId(4)], "host4:1");
        assert_eq!(with.enter(&[remove(4)]).unwrap(), Membership::of(set(&[1, 2, 3])));
    }

    #[test]
    fn a_change_of_voters_goes_through_both_halves() {
        let joint = three_and_a_learner().enter(&[promote(4), remove(1)]).unwrap();
        assert_eq!((&joint.voters, &joint.outgoing), (&set(&[2, 3, 4]), &set(&[1, 2, 3])));
        assert!(joint.learners.is_empty() && joint.is_sound());
        let after = joint.leave();
        assert_eq!((&after.voters, after.is_joint()), (&set(&[2, 3, 4]), false));
        assert!(!after.contains(NodeId(1)));
    }

    #[test]
    fn an_address_stays_as_long_as_its_member() {
        let four = three_and_a_learner().enter(&[promote(4)]).unwrap().leave();
        let joint = four.enter(&[remove(4)]).unwrap();
        assert!(joint.addresses.contains_key(&NodeId(4)), "it still votes in the old half");
        assert!(joint.leave().addresses.is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_says_why() {
        let now = three_and_a_learner();
        let refused = |changes: &[MembershipChange]| now.enter(changes).unwrap_err();
        assert_eq!(refused(&[]), ChangeError::Empty);
        assert_eq!(refused(&[add(5), remove(5)]), ChangeError::Empty);
        assert_eq!(refused(&[add(0)]), ChangeError::ZeroId);
        assert_eq!(refused(&[add(2)]), ChangeError::AlreadyMember { node: NodeId(2) });
        assert_eq!(refused(&[add(4)]), ChangeError::AlreadyMember { node: NodeId(4) });
        assert_eq!(refused(&[remove(1), add(1)]), ChangeError::AlreadyMember { node: NodeId(1) });
        assert_eq!(refused(&[promote(1)]), ChangeError::AlreadyVoter { node: NodeId(1) });
        assert_eq!(refused(&[promote(7)]), ChangeError::NotMember { node: NodeId(7) });
        assert_eq!(refused(&[remove(7)]), ChangeError::NotMember { node: NodeId(7) });
        assert_eq!(refused(&[remove(1), remove(2), remove(3)]), ChangeError::LastVoter);
        let joint = now.enter(&[remove(3)]).unwrap();
        assert_eq!(joint.enter(&[remove(4)]).unwrap_err(), ChangeError::InProgress);
    }

    #[test]
    fn some_refusals_pass_by_themselves_and_some_say_that_it_is_so_already() {
        let node = NodeId(4);
        let passing = [
            ChangeError::NotLeader { leader: None },
            ChangeError::InProgress,
            ChangeError::TooEarly,
            ChangeError::NotIdentified { node },
            ChangeError::Busy,
        ];
        let done = [
            ChangeError::AlreadyMember { node },
            ChangeError::AlreadyVoter { node },
            ChangeError::NotMember { node },
        ];
        let others = [
            ChangeError::LastVoter,
            ChangeError::ZeroId,
            ChangeError::Empty,
            ChangeError::AlreadyIdentified { node: Some(node) },
            ChangeError::NotCaughtUp { node },
        ];
        let kinds = |error: &ChangeError| (error.passes(), error.is_so_already());
        assert!(passing.iter().all(|error| kinds(error) == (true, false)));
        assert!(done.iter().all(|error| kinds(error) == (false, true)));
        assert!(others.iter().all(|error| kinds(error) == (false, false)));
        let texts = [None, Some(node)].map(|node| ChangeError::AlreadyIdentified { node }.to_string());
        assert_eq!(
            texts,
            [
                "the cluster has another identity already: nothing was changed",
                "the data directory of n4 has another identity already: nothing was changed"
            ]
        );
    }
}
