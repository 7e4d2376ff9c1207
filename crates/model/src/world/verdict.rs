//! The state of the cluster as one value: its leader, or why it has none.

use super::{Node, Reach, World};
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
        /// Whom it reaches.
        reach: Reach,
        /// A node that still believes it leads.
        stale: Option<(NodeId, Term)>,
        /// The node it is handing over to.
        transfer: Option<NodeId>,
    },
    /// The only leader reaches no majority, whether or not it knows.
    NoQuorum {
        /// The node.
        leader: NodeId,
        /// In which term.
        term: Term,
        /// Whom it reaches.
        reach: Reach,
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
    /// Too few nodes answer to tell whether one leads.
    Unknown {
        /// How many answer.
        answering: usize,
        /// Of how many members.
        of: usize,
    },
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
    // A node that does not answer here may run all the same.
    let may_run = |node: &&Node| node.is_running() || node.is_unreachable();
    let running = world.nodes().filter(is_voter).filter(may_run).map(|node| node.id).collect();
    let alive = BTreeSet::len(&running);
    let enough = world.is_majority(&running);
    let leading = world
        .leaders()
        .filter(|(_, node)| node.live().is_some_and(|status| !status.lacks_quorum()))
        .map(|(term, node)| (term, node.id, world.reach(node.id, term)))
        .filter(|(.., reach)| reach.is_enough)
        .max_by_key(|(term, leader, _)| (*term, *leader));
    if let Some((term, leader, reach)) = leading.filter(|_| enough) {
        let stale = world.leaders().filter(|(_, n)| n.id != leader).map(|(term, n)| (n.id, term)).min();
        let transfer = world.transfer();
        return Verdict::Leads { leader, term, reach, stale, transfer };
    }
    if world.nodes().filter(is_voter).any(Node::is_unreachable) {
        let answering = world.nodes().filter(is_voter).filter(|node| node.is_running()).count();
        return Verdict::Unknown { answering, of };
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
            let term = node.live().map(|status| status.term).unwrap_or_default();
            Verdict::NoQuorum { leader: node.id, term, reach: world.reach(node.id, term) }
        }
        None => Verdict::Electing { campaign: campaign(world) },
    }
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
