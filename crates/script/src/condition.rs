//! What a script can wait for: `leader`, `role 2 candidate`, `log 3 4`, `held 2 >1 only VoteReply`, `idle`.

use crate::figures::{range, some_duration, whole};
use crate::filters::filters;
use crate::links::next_scope_or_all;
use crate::mistake::Mistake;
use crate::names::{all, next_node, node, nodes};
use crate::near::hint;
use crate::phrase::Phrase;
use raftdeck_model::{Matching, Scope};
use raftdeck_raft::{NodeId, Role};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// How long `wait` waits if nothing else is said.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(10);

/// Something that is so or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Some node leads, or this one does: it is the leader of the highest term.
    Leader(Option<NodeId>),
    /// No node that runs says that it leads.
    NoLeader,
    /// A node has this role.
    Role(NodeId, Role),
    /// A figure of a node is one of these.
    Figure(NodeId, Figure, RangeInclusive<u64>),
    /// A node's log holds entries of just these terms, the first entry's first.
    Terms(NodeId, Vec<u64>),
    /// A node is a voter of the committed membership, as the leader knows it.
    Voter(NodeId),
    /// A node is a learner of the committed membership, as the leader knows it.
    Learner(NodeId),
    /// A node is one or the other.
    Member(NodeId),
    /// Another node reports that this one is back with an empty disk.
    Wiped(NodeId),
    /// These nodes are ready and not paused.
    Up(BTreeSet<NodeId>),
    /// These nodes have no process.
    Down(BTreeSet<NodeId>),
    /// So many such messages are held.
    Held {
        /// How many.
        count: RangeInclusive<u64>,
        /// On which links.
        scope: Scope,
        /// Which.
        matching: Matching,
    },
    /// No message is under way; those that are held may be.
    Idle,
    /// Everything that was asked of the store has an outcome.
    Answered,
}

/// What of a node is compared.
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
}

/// The first words of conditions.
pub(crate) const CONDITIONS: [&str; 16] = [
    "leader", "role", "term", "log", "terms", "commit", "applied", "voter", "learner", "member", "wiped",
    "up", "down", "held", "idle", "answered",
];

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
        }
    }
}

/// Takes a condition.
pub(crate) fn condition(phrase: &mut Phrase<'_>) -> Result<Condition, Mistake> {
    let first = phrase.need("something to be so, such as leader or log 2 4")?;
    Ok(match first {
        "leader" => leader(phrase)?,
        "role" => {
            let node = next_node(phrase)?;
            Condition::Role(node, role(phrase.need("a role, such as candidate")?)?)
        }
        "term" => figure(phrase, Figure::Term)?,
        "log" => figure(phrase, Figure::Log)?,
        "commit" => figure(phrase, Figure::Commit)?,
        "applied" => figure(phrase, Figure::Applied)?,
        "terms" => {
            let node = next_node(phrase)?;
            Condition::Terms(node, terms(phrase.need("the terms of its entries, such as 1,1,2")?)?)
        }
        "voter" => Condition::Voter(next_node(phrase)?),
        "learner" => Condition::Learner(next_node(phrase)?),
        "member" => Condition::Member(next_node(phrase)?),
        "wiped" => Condition::Wiped(next_node(phrase)?),
        "up" => Condition::Up(some_nodes(phrase)?),
        "down" => Condition::Down(some_nodes(phrase)?),
        "held" => {
            let count = range(phrase.need("a number of messages, such as held 2")?)?;
            let scope = next_scope_or_all(phrase)?;
            Condition::Held { count, scope, matching: filters(phrase)? }
        }
        "idle" => Condition::Idle,
        "answered" => Condition::Answered,
        other => {
            let hint = hint(other, CONDITIONS);
            let known = CONDITIONS.join(", ");
            return Err(Mistake::new(if hint.is_empty() {
                format!("\"{other}\" is nothing to wait for: there are {known}")
            } else {
                format!("\"{other}\" is nothing to wait for{hint}")
            }));
        }
    })
}

/// Takes `within 5s`, if it follows.
pub(crate) fn asked_patience(phrase: &mut Phrase<'_>) -> Result<Option<Duration>, Mistake> {
    if phrase.skip("within") {
        some_duration(phrase.need("a time, such as within 5s")?).map(Some)
    } else {
        Ok(None)
    }
}

/// The same, or how long a wait waits.
pub(crate) fn patience(phrase: &mut Phrase<'_>) -> Result<Duration, Mistake> {
    Ok(asked_patience(phrase)?.unwrap_or(DEFAULT_PATIENCE))
}

fn leader(phrase: &mut Phrase<'_>) -> Result<Condition, Mistake> {
    match phrase.peek() {
        None | Some("within") => Ok(Condition::Leader(None)),
        Some("none") => {
            phrase.next();
            Ok(Condition::NoLeader)
        }
        Some(given) => {
            phrase.next();
            node(given, phrase.world).map(|node| Condition::Leader(Some(node)))
        }
    }
}

fn figure(phrase: &mut Phrase<'_>, figure: Figure) -> Result<Condition, Mistake> {
    let node = next_node(phrase)?;
    let wanted = range(phrase.need(&format!("a node and a number, such as {} 2 5", figure.name()))?)?;
    Ok(Condition::Figure(node, figure, wanted))
}

fn role(given: &str) -> Result<Role, Mistake> {
    if let Some((_, role)) = ROLES.iter().find(|(name, _)| name.eq_ignore_ascii_case(given)) {
        return Ok(*role);
    }
    Err(Mistake::new(format!("\"{given}\" is no role: follower, pre-candidate, candidate or leader")))
}

fn terms(given: &str) -> Result<Vec<u64>, Mistake> {
    if given == "none" {
        return Ok(Vec::new());
    }
    let terms: Option<Vec<u64>> = given.split(',').map(whole).collect();
    let ascending = |terms: &Vec<u64>| terms.is_sorted() && terms.first().is_none_or(|first| *first > 0);
    terms.filter(ascending).ok_or_else(|| {
        Mistake::new(format!(
            "\"{given}\" cannot be the terms of a log: say 1,1,2, never falling, or none for an empty log"
        ))
    })
}

fn some_nodes(phrase: &mut Phrase<'_>) -> Result<BTreeSet<NodeId>, Mistake> {
    match phrase.peek() {
        None | Some("within") => Ok(all(phrase.world)),
        Some("all") => {
            phrase.next();
            Ok(all(phrase.world))
        }
        Some(given) => {
            phrase.next();
            nodes(given, phrase.world)
        }
    }
}
