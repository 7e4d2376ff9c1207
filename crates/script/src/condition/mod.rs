//! What a script can wait for and expect: `leader`, `role 2 candidate`, `log 3 4`, `held 2 >1 only VoteReply`, `not leader 2`.

mod holds;
mod parse;
mod text;

pub use holds::Unmet;
pub(crate) use parse::{asked_patience, condition, ends, patience};

use raftdeck_model::{Matching, Scope};
use raftdeck_raft::{NodeId, Role};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long `wait` waits by default.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(10);

/// Something that holds or does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Some node leads, or this one does: it is the leader of the highest term.
    Leader(Option<NodeId>),
    /// No running node reports that it leads.
    NoLeader,
    /// A node has this role.
    Role(NodeId, Role),
    /// A figure of a node is one of these.
    Figure(NodeId, Figure, RangeInclusive<u64>),
    /// A node's log holds entries of just these terms, the first entry's first.
    Terms(NodeId, Vec<u64>),
    /// A node's vote in its term went to this one; `None`: it has not voted.
    Vote(NodeId, Option<NodeId>),
    /// This many have voted for a candidate, itself included.
    Votes(NodeId, RangeInclusive<u64>),
    /// A node is a voter of the committed membership, as the leader knows it.
    Voter(NodeId),
    /// Exactly these nodes have this standing in the committed membership, as the leader knows it.
    Membership(Membership, BTreeSet<NodeId>),
    /// A node is a learner of the committed membership, as the leader knows it.
    Learner(NodeId),
    /// A node is a voter or a learner.
    Member(NodeId),
    /// Another node reports that this one is back with an empty disk.
    Wiped(NodeId),
    /// These nodes are ready and not paused.
    Up(BTreeSet<NodeId>),
    /// These nodes have no process.
    Down(BTreeSet<NodeId>),
    /// This many such messages are held.
    Held {
        /// How many.
        count: RangeInclusive<u64>,
        /// On which links.
        scope: Scope,
        /// Which.
        matching: Matching,
    },
    /// This many such messages are under way, those that are held not counted.
    UnderWay {
        /// How many.
        count: RangeInclusive<u64>,
        /// On which links.
        scope: Scope,
        /// Which.
        matching: Matching,
    },
    /// No message is under way; those that are held may be.
    Idle,
    /// This many things are in force that can be undone.
    InForce(RangeInclusive<u64>),
    /// A time without an acknowledged write of the steady workload is in this range.
    Gap(Gap, RangeInclusive<Duration>),
    /// Every request to the store has an outcome.
    Answered,
    /// This does not hold.
    Not(Box<Condition>),
    /// At least one of these holds.
    Any(Vec<Condition>),
    /// All of these hold.
    All(Vec<Condition>),
}

/// A part of the membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// Voters and learners.
    Members,
    /// Those that vote.
    Voters,
    /// Those that get the log and do not vote.
    Learners,
}

/// A time without an acknowledged write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The present one.
    Present,
    /// The longest since the workload was switched on, the present one included.
    Longest,
}

/// The figure of a node that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Its term.
    Term,
    /// The index of its last entry.
    Log,
    /// Its commit index.
    Commit,
    /// Its last applied index.
    Applied,
    /// The last index that its newest snapshot includes; 0: it has none.
    Snapshot,
}

/// The first words of conditions.
pub(crate) const CONDITIONS: [&str; 29] = [
    "leader",
    "role",
    "term",
    "log",
    "terms",
    "commit",
    "applied",
    "snapshot",
    "vote",
    "votes",
    "voter",
    "learner",
    "member",
    "voters",
    "learners",
    "members",
    "wiped",
    "up",
    "down",
    "held",
    "under-way",
    "idle",
    "in-force",
    "gap",
    "longest-gap",
    "answered",
    "not",
    "any",
    "all",
];

/// The deepest nesting of conditions.
const MAX_DEPTH: usize = 8;

/// The roles by name.
pub(crate) const ROLES: [(&str, Role); 4] = [
    ("follower", Role::Follower),
    ("pre-candidate", Role::PreCandidate),
    ("candidate", Role::Candidate),
    ("leader", Role::Leader),
];

impl Figure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Term => "term",
            Self::Log => "log",
            Self::Commit => "commit",
            Self::Applied => "applied",
            Self::Snapshot => "snapshot",
        }
    }
}

impl Membership {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Voters => "voters",
            Self::Learners => "learners",
        }
    }
}

#[cfg(test)]
mod tests;
