//! What a script can wait for: `leader`, `role 2 candidate`, `log 3 4`, `held 2 >1 only VoteReply`, `not leader 2`.

use crate::figures::{duration_range, range, some_duration, whole};
use crate::filters::filters;
use crate::links::next_scope_or_all;
use crate::mistake::Mistake;
use crate::names::{all, next_node, node, nodes};
use crate::near::hint;
use crate::phrase::Phrase;
use raftdeck_model::{Matching, Scope, write};
use raftdeck_raft::{NodeId, Role};
use std::collections::BTreeSet;
use std::fmt;
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
    /// A node's vote in its term went to this one; `None`: it has not voted.
    Vote(NodeId, Option<NodeId>),
    /// So many have voted for a candidate, itself included.
    Votes(NodeId, RangeInclusive<u64>),
    /// A node is a voter of the committed membership, as the leader knows it.
    Voter(NodeId),
    /// Those of the committed membership that are this are just these, as the leader knows it.
    Membership(Membership, BTreeSet<NodeId>),
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
    /// So many such messages are under way, those that are held not counted.
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
    /// So many things are in force that can be undone.
    InForce(RangeInclusive<u64>),
    /// A time without an acknowledged write of the steady workload is so long.
    Gap(Gap, RangeInclusive<Duration>),
    /// Everything that was asked of the store has an outcome.
    Answered,
    /// This is not so.
    Not(Box<Condition>),
    /// One of these is so at least.
    Any(Vec<Condition>),
    /// All of these are so.
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

/// Conditions within conditions.
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

/// Takes a condition.
pub(crate) fn condition(phrase: &mut Phrase<'_>) -> Result<Condition, Mistake> {
    within(phrase, MAX_DEPTH)
}

/// Takes a condition that holds no more than so many within one another.
fn within(phrase: &mut Phrase<'_>, depth: usize) -> Result<Condition, Mistake> {
    if depth == 0 {
        return Err(Mistake::new(format!("{MAX_DEPTH} conditions within one another are the most")));
    }
    if phrase.skip("not") {
        return within(phrase, depth - 1).map(|condition| Condition::Not(Box::new(condition)));
    }
    if phrase.skip("any") {
        return several(phrase, "or", depth).map(Condition::Any);
    }
    if phrase.skip("all") {
        return several(phrase, "and", depth).map(Condition::All);
    }
    simple(phrase)
}

/// Takes `of`, which may be left out, and two conditions or more that are joined by this word.
fn several(phrase: &mut Phrase<'_>, joined: &str, depth: usize) -> Result<Vec<Condition>, Mistake> {
    phrase.skip("of");
    let mut conditions = vec![within(phrase, depth - 1)?];
    while phrase.skip(joined) {
        conditions.push(within(phrase, depth - 1)?);
    }
    if conditions.len() < 2 {
        return Err(phrase.lacks(&format!("{joined} and another condition here")));
    }
    Ok(conditions)
}

/// Whether a piece ends a condition.
fn ends(piece: &str) -> bool {
    matches!(piece, "within" | "or" | "and" | "for")
}

fn simple(phrase: &mut Phrase<'_>) -> Result<Condition, Mistake> {
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
        "snapshot" => figure(phrase, Figure::Snapshot)?,
        "vote" => vote(phrase)?,
        "votes" => {
            let node = next_node(phrase)?;
            Condition::Votes(node, range(phrase.need("a candidate and a number, such as votes 2 2..")?)?)
        }
        "voter" => Condition::Voter(next_node(phrase)?),
        "members" => membership(phrase, Membership::Members)?,
        "voters" => membership(phrase, Membership::Voters)?,
        "learners" => membership(phrase, Membership::Learners)?,
        "learner" => Condition::Learner(next_node(phrase)?),
        "member" => Condition::Member(next_node(phrase)?),
        "wiped" => Condition::Wiped(next_node(phrase)?),
        "up" => Condition::Up(some_nodes(phrase)?),
        "down" => Condition::Down(some_nodes(phrase)?),
        "held" => {
            let (count, scope, matching) = messages(phrase, "a number of messages, such as held 2")?;
            Condition::Held { count, scope, matching }
        }
        "under-way" => {
            let (count, scope, matching) = messages(phrase, "a number of messages, such as under-way 0")?;
            Condition::UnderWay { count, scope, matching }
        }
        "idle" => Condition::Idle,
        "in-force" => Condition::InForce(range(phrase.need("a number, such as in-force 0")?)?),
        "gap" => Condition::Gap(Gap::Present, duration_range(phrase.need("a time, such as gap ..500ms")?)?),
        "longest-gap" => {
            let given = phrase.need("a time, such as longest-gap ..2s")?;
            Condition::Gap(Gap::Longest, duration_range(given)?)
        }
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
        None => Ok(Condition::Leader(None)),
        Some(piece) if ends(piece) => Ok(Condition::Leader(None)),
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

fn vote(phrase: &mut Phrase<'_>) -> Result<Condition, Mistake> {
    let voter = next_node(phrase)?;
    let given = phrase.need("a node and the one it voted for, such as vote 1 2, or none")?;
    let candidate = if given == "none" { None } else { Some(node(given, phrase.world)?) };
    Ok(Condition::Vote(voter, candidate))
}

fn membership(phrase: &mut Phrase<'_>, which: Membership) -> Result<Condition, Mistake> {
    let given = phrase.need(&format!("nodes, such as {} 1,2,3, or none", which.name()))?;
    let wanted = if given == "none" { BTreeSet::new() } else { nodes(given, phrase.world)? };
    Ok(Condition::Membership(which, wanted))
}

/// Takes a number of messages, and which.
fn messages(phrase: &mut Phrase<'_>, what: &str) -> Result<(RangeInclusive<u64>, Scope, Matching), Mistake> {
    let count = range(phrase.need(what)?)?;
    let scope = next_scope_or_all(phrase)?;
    Ok((count, scope, filters(phrase)?))
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
        None => Ok(all(phrase.world)),
        Some(piece) if ends(piece) => Ok(all(phrase.world)),
        Some(given) => {
            phrase.next();
            nodes(given, phrase.world)
        }
    }
}

/// In the words that it is said in.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader(None) => write!(f, "leader"),
            Self::Leader(Some(node)) => write!(f, "leader {}", node.0),
            Self::NoLeader => write!(f, "leader none"),
            Self::Role(node, role) => {
                let name = ROLES.iter().find(|(_, named)| named == role).map_or("", |(name, _)| name);
                write!(f, "role {} {name}", node.0)
            }
            Self::Figure(node, figure, wanted) => {
                write!(f, "{} {} {}", figure.name(), node.0, write::range(wanted))
            }
            Self::Terms(node, terms) if terms.is_empty() => write!(f, "terms {} none", node.0),
            Self::Terms(node, terms) => {
                let terms: Vec<String> = terms.iter().map(u64::to_string).collect();
                write!(f, "terms {} {}", node.0, terms.join(","))
            }
            Self::Vote(node, None) => write!(f, "vote {} none", node.0),
            Self::Vote(node, Some(candidate)) => write!(f, "vote {} {}", node.0, candidate.0),
            Self::Votes(node, count) => write!(f, "votes {} {}", node.0, write::range(count)),
            Self::Voter(node) => write!(f, "voter {}", node.0),
            Self::Learner(node) => write!(f, "learner {}", node.0),
            Self::Member(node) => write!(f, "member {}", node.0),
            Self::Membership(which, nodes) if nodes.is_empty() => write!(f, "{} none", which.name()),
            Self::Membership(which, nodes) => write!(f, "{} {}", which.name(), write::nodes(nodes)),
            Self::Wiped(node) => write!(f, "wiped {}", node.0),
            Self::Up(nodes) => write!(f, "up {}", write::nodes(nodes)),
            Self::Down(nodes) => write!(f, "down {}", write::nodes(nodes)),
            Self::Held { count, scope, matching } => of_messages(f, "held", (count, scope, matching)),
            Self::UnderWay { count, scope, matching } => {
                of_messages(f, "under-way", (count, scope, matching))
            }
            Self::Idle => write!(f, "idle"),
            Self::InForce(count) => write!(f, "in-force {}", write::range(count)),
            Self::Gap(Gap::Present, wanted) => write!(f, "gap {}", write::durations(wanted)),
            Self::Gap(Gap::Longest, wanted) => write!(f, "longest-gap {}", write::durations(wanted)),
            Self::Answered => write!(f, "answered"),
            Self::Not(condition) => write!(f, "not {condition}"),
            Self::Any(conditions) => write!(f, "any of {}", joined(conditions, " or ")),
            Self::All(conditions) => write!(f, "all of {}", joined(conditions, " and ")),
        }
    }
}

fn of_messages(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    (count, scope, matching): (&RangeInclusive<u64>, &Scope, &Matching),
) -> fmt::Result {
    write!(f, "{name} {} {}{}", write::range(count), write::scope(scope), write::matching(matching))
}

fn joined(conditions: &[Condition], by: &str) -> String {
    conditions.iter().map(Condition::to_string).collect::<Vec<_>>().join(by)
}

#[cfg(test)]
mod tests;
