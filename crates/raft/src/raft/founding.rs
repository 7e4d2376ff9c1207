//! The founding: a member without a membership is given the first one, and the first leader puts that into the log.
//! The founding members are agreed before.

use super::Raft;
use crate::membership::Membership;
use crate::memberships::Memberships;
use crate::types::{LogId, LogIndex, NodeId, Payload, Timestamp};

/// Why a founding membership was not taken. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoundError {
    /// It belongs to a cluster, or has entries of one.
    #[error("{id} belongs to a cluster already")]
    AlreadyMember {
        /// This member.
        id: NodeId,
    },
    /// The membership is invalid, or this member does not vote in it with its data directory.
    #[error("the founding membership does not name {id} as a voter with its data directory")]
    NotAFounder {
        /// This member.
        id: NodeId,
    },
}

impl Raft {
    /// Gives a member without a membership, whose log is empty, the one that its cluster starts with. The same again is
    /// taken as done. After a restart it comes from [`Config::membership`](crate::Config::membership).
    pub fn found(&mut self, membership: Membership, now: Timestamp) -> Result<(), FoundError> {
        let id = self.config.id;
        let (since, current) = self.memberships.latest();
        if since == LogIndex::ZERO && *current == membership && membership.is_sound() {
            return Ok(());
        }
        let is_new = *current == Membership::default()
            && self.log.last() == LogId::default()
            && self.snapshot.is_none();
        if !is_new {
            return Err(FoundError::AlreadyMember { id });
        }
        let names_this = membership.is_voter(id) && membership.knows_as(id, self.config.incarnation);
        if !membership.is_sound() || membership.is_joint() || !names_this {
            return Err(FoundError::NotAFounder { id });
        }
        self.config.membership = membership.clone();
        self.memberships = Memberships::new(membership);
        self.membership_changed();
        self.restart_election_timer(now);
        self.assert_invariants();
        Ok(())
    }

    /// What a new leader's first entry carries. The membership of a cluster with an identity that is not in the log
    /// yet: so a later member learns from the log which cluster this is. Else nothing.
    pub(super) fn first_payload(&self) -> Payload {
        let (since, membership) = self.memberships.latest();
        if since == LogIndex::ZERO && membership.cluster.is_some() {
            Payload::Membership(Box::new(membership.clone()))
        } else {
            Payload::Noop
        }
    }
}
