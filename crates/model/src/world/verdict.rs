//! The state of the cluster as one value: its leader, or why it has none.

use super::{Node, World};
use crate::view::RaftView;
use raftdeck_raft::{NodeId, Role, Term};
use std::collections::BTreeSet;

/// The state of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not every node has come up yet, and none leads.
    Starting {
        /// How many are up.
        ready: usize,
        /// Of how many.
        of: usize,
    },
    /// A leader with a majority.
    Leads {
        /// The node.
        leader: NodeId,
        /// In which term.
        term: Term,
        /// How many voters follow it, itself included if it votes.
        following: usize,
        /// How many voters there are.
        of: usize,
        /// A node that still believes it leads.
        stale: Option<(NodeId, Term)>,
        /// The node it is handing over to.
        transfer: Option<NodeId>,
    },
    /// The only leader has no majority.
    NoQuorum {
        /// The node.
        leader: NodeId,
        /// In which term.
        term: Term,
    },
    /// No node leads; a majority is alive.
    Electing {
        /// The candidate whose campaign is furthest.
        campaign: Option<Campaign>,
    },
    /// Too few nodes run for any decision.
    NoMajority {
        /// How many run.
        alive: usize,
        /// How many it takes.
        needed: usize,
        /// How many members there are.
        of: usize,
    },
    /// No node runs.
    AllDown,
}

/// A campaign under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// The node.
    pub node: NodeId,
    /// For which term.
    pub term: Term,
    /// Votes so far, its own included.
    pub votes: usize,
    /// Votes needed.
    pub needed: usize,
    /// Whether it only asks whether a campaign could succeed.
    pub pre_vote: bool,
}

impl World {
    /// Judges the state of the cluster.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        verdict(self)
    }
}

fn verdict(world: &World) -> Verdict {
    let voters = world.voters();
    let of = voters.len();
    let needed = world.majority();
    let is_voter = |node: &&Node| voters.contains(&node.id);
    let running =
        world.nodes().filter(is_voter).filter(|node| node.is_running()).map(|node| node.id).collect();
    let alive = BTreeSet::len(&running);
    let enough = world.is_majority(&running);
    let leading = world
        .leaders()
        .filter_map(|(term, node)| node.live().filter(|s| !s.lacks_quorum()).map(|_| (term, node.id)))
        .max();
    if let Some((term, leader)) = leading.filter(|_| enough) {
        let with = |status: &&RaftView| stands_with(world, status, leader, term);
        let following = world.nodes().filter(is_voter).filter_map(Node::live).filter(with).count();
        let stale = world.leaders().filter(|(_, n)| n.id != leader).map(|(term, n)| (n.id, term)).min();
        let transfer = world.transfer();
        return Verdict::Leads { leader, term, following, of, stale, transfer };
    }
    let coming = world.nodes().filter(is_voter).any(|n| !n.is_down() && !n.is_paused() && n.live().is_none());
    let live = world.nodes().filter(is_voter).filter(|n| n.live().is_some()).count();
    if of == 0 || (coming && live < needed) {
        return Verdict::Starting { ready: live, of };
    }
    if !world.nodes().any(Node::is_running) {
        return Verdict::AllDown;
    }
    if !enough {
        return Verdict::NoMajority { alive, needed, of };
    }
    match world.leader() {
        Some(node) => {
            Verdict::NoQuorum { leader: node.id, term: node.live().map(|s| s.term).unwrap_or_default() }
        }
        None => Verdict::Electing { campaign: campaign(world) },
    }
}

fn stands_with(world: &World, status: &RaftView, leader: NodeId, term: Term) -> bool {
    status.id == leader
        || (answers(world, leader, status.id)
            && status.term == term
            && status.leader == Some(leader)
            && !status.lacks_quorum()
            && !world.is_cut(leader, status.id)
            && !world.is_cut(status.id, leader))
}

/// Whether the leader has heard from a member lately. A member whose process hangs cannot report that itself.
fn answers(world: &World, leader: NodeId, id: NodeId) -> bool {
    let peers =
        world.node(leader).and_then(Node::live).map(|status| status.peers.items()).unwrap_or_default();
    let heard = peers.iter().find(|peer| peer.id == id).and_then(|peer| peer.last_heard.some());
    heard.is_none_or(|age| age <= world.election.0)
}

fn campaign(world: &World) -> Option<Campaign> {
    let campaigns = world.nodes().filter_map(|node| {
        let status = node.live()?;
        let pre_vote = match status.role {
            Role::Candidate => false,
            Role::PreCandidate => true,
            Role::Follower | Role::Leader => return None,
        };
        let granted = status.votes.items().iter().filter(|(id, yes)| *yes && *id != status.id).count();
        Some(Campaign {
            node: node.id,
            // A pre-candidate asks about the term after its own (thesis §9.6).
            term: Term(status.term.0.saturating_add(pre_vote.into())),
            votes: granted + 1,
            needed: world.majority(),
            pre_vote,
        })
    });
    campaigns.max_by_key(|c| (!c.pre_vote, c.term, c.votes, std::cmp::Reverse(c.node)))
}
