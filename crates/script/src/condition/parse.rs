//! The parser of conditions.

use super::{CONDITIONS, Condition, DEFAULT_PATIENCE, Figure, Gap, MAX_DEPTH, Membership, ROLES};
use crate::figures::{duration_range, range, some_duration, whole};
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

/// Takes a condition.
pub(crate) fn condition(phrase: &mut Phrase<'_>) -> Result<Condition, Mistake> {
    within(phrase, MAX_DEPTH)
}

/// Takes a condition with at most this many levels of nesting.
fn within(phrase: &mut Phrase<'_>, depth: usize) -> Result<Condition, Mistake> {
    if depth == 0 {
        return Err(Mistake::new(format!("conditions can be nested at most {MAX_DEPTH} deep")));
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
pub(crate) fn ends(piece: &str) -> bool {
    matches!(piece, "within" | "or" | "and" | "for")
}

fn simple(phrase: &mut Phrase<'_>) -> Result<Condition, Mistake> {
    let first = phrase.need("a condition, such as leader or log 2 4")?;
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
        "gap" => Condition::Gap(
            Gap::Present,
            duration_range(phrase.need("a time, such as gap ..500ms")?, phrase.world)?,
        ),
        "longest-gap" => {
            let given = phrase.need("a time, such as longest-gap ..2s")?;
            Condition::Gap(Gap::Longest, duration_range(given, phrase.world)?)
        }
        "answered" => Condition::Answered,
        other => {
            let hint = hint(other, CONDITIONS);
            let known = CONDITIONS.join(", ");
            return Err(Mistake::new(if hint.is_empty() {
                format!("\"{other}\" is not a condition: there are {known}")
            } else {
                format!("\"{other}\" is not a condition{hint}")
            }));
        }
    })
}

/// Takes `within 5s`, if it follows.
pub(crate) fn asked_patience(phrase: &mut Phrase<'_>) -> Result<Option<Duration>, Mistake> {
    if phrase.skip("within") {
        some_duration(phrase.need("a time, such as within 5s")?, phrase.world).map(Some)
    } else {
        Ok(None)
    }
}

/// The same, or the default of a wait.
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

/// Takes a number of messages, and the filters for them.
fn messages(phrase: &mut Phrase<'_>, what: &str) -> Result<(RangeInclusive<u64>, Scope, Matching), Mistake> {
    let count = range(phrase.need(what)?)?;
    let scope = next_scope_or_all(phrase)?;
    let matching = filters(phrase)?;
    if matching.next.is_some() {
        return Err(Mistake::new(
            "next counts messages as they pass: here the number comes first, such as held 2",
        ));
    }
    Ok((count, scope, matching))
}

fn role(given: &str) -> Result<Role, Mistake> {
    if let Some((_, role)) = ROLES.iter().find(|(name, _)| name.eq_ignore_ascii_case(given)) {
        return Ok(*role);
    }
    Err(Mistake::new(format!("\"{given}\" is not a role: follower, pre-candidate, candidate or leader")))
}

fn terms(given: &str) -> Result<Vec<u64>, Mistake> {
    if given == "none" {
        return Ok(Vec::new());
    }
    let terms: Option<Vec<u64>> = given.split(',').map(whole).collect();
    let ascending = |terms: &Vec<u64>| terms.is_sorted() && terms.first().is_none_or(|first| *first > 0);
    terms.filter(ascending).ok_or_else(|| {
        Mistake::new(format!(
            "\"{given}\" cannot be the terms of a log: write 1,1,2, never falling, or none for an empty log"
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
