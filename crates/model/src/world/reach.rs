//! Whom a leader reaches: whether anything can be committed, by one definition for all observers.

use super::{Concern, Node, World};
use crate::known::Known;
use crate::view::RaftView;
use raftdeck_raft::{NodeId, Term};
use std::collections::BTreeSet;
use std::time::Duration;

/// Which voters a leader reaches, itself included, and how many it needs to commit an entry.
///
/// A voter counts while its process runs, no link between the two is cut in either direction, it has its disk, and it has answered
/// within the greatest election timeout. After that the leader itself gives up (CheckQuorum, thesis §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// How many voters it reaches. Unknown if the source does not tell that of each voter.
    pub reached: Known<usize>,
    /// How many it needs: a majority; while the configuration is joint, of the new half.
    pub needed: usize,
    /// How many voters there are.
    pub of: usize,
    /// Whether those it reaches, and those of which nothing is known, are a majority (of both halves of a joint configuration).
    pub is_enough: bool,
}

impl World {
    /// Whom a node reaches that leads this term.
    #[must_use]
    pub fn reach(&self, leader: NodeId, term: Term) -> Reach {
        let voters = self.voters();
        let mut reached = BTreeSet::new();
        let mut unknown = BTreeSet::new();
        for voter in &voters {
            match self.reaches(leader, term, *voter) {
                Known::Is(true) => drop(reached.insert(*voter)),
                Known::Is(false) => {}
                Known::Unknown => drop(unknown.insert(*voter)),
            }
        }
        let count = if unknown.is_empty() { Known::Is(reached.len()) } else { Known::Unknown };
        reached.append(&mut unknown);
        let is_enough = self.is_majority(&reached);
        Reach { reached: count, needed: self.majority(), of: voters.len(), is_enough }
    }

    /// Whether a node that leads this term reaches another one, and hears its answers.
    #[must_use]
    pub fn reaches(&self, leader: NodeId, term: Term, id: NodeId) -> Known<bool> {
        if self.node(id).is_some_and(Node::is_unreachable) {
            return self.answers_of_unreachable(leader, id);
        }
        let Some(status) = self.node(id).and_then(Node::live) else { return Known::Is(false) };
        if id == leader {
            return Known::Is(true);
        }
        let is_cut = self.is_cut(leader, id) || self.is_cut(id, leader);
        let has_lost = status.lacks_quorum() && status.leader.is(|of| of.is_none_or(|of| of == leader));
        if is_cut || has_lost || matches!(self.concern(id), Some(Concern::EmptyDisk { .. })) {
            return Known::Is(false);
        }
        match self.last_answer(leader, id) {
            Known::Is(Some(age)) => Known::Is(age <= self.election.1),
            // A majority has just voted for the leader, and each has been sent a heartbeat. Until one is silent for long, nothing speaks
            // against it.
            Known::Is(None) => Known::Is(true),
            Known::Unknown if status.term == term && stands_with(status, leader) => Known::Is(true),
            Known::Unknown => Known::Unknown,
        }
    }

    /// Of a node that does not answer here, only the leader knows whether it answers there.
    fn answers_of_unreachable(&self, leader: NodeId, id: NodeId) -> Known<bool> {
        match self.last_answer(leader, id) {
            Known::Is(Some(age)) => Known::Is(age <= self.election.1),
            Known::Is(None) | Known::Unknown => Known::Unknown,
        }
    }

    /// The time since a leader heard from another node in its term.
    fn last_answer(&self, leader: NodeId, id: NodeId) -> Known<Option<Duration>> {
        let peers = self.node(leader).and_then(Node::live).map(|status| &status.peers);
        let Some(peers) = peers.and_then(Known::get) else { return Known::Unknown };
        peers.iter().find(|peer| peer.id == id).map_or(Known::Is(None), |peer| peer.last_heard)
    }
}

fn stands_with(status: &RaftView, leader: NodeId) -> bool {
    status.leader == Some(leader) || status.vote == Some(leader)
}
