//! Links: `1>3`, `1-3`, `2`, `2>`, `>2`, `*`, `1,2|3,4,5`, and several of them joined by `+`.

use crate::condition::ends;
use crate::mistake::Mistake;
use crate::names::nodes;
use crate::phrase::Phrase;
use crate::table::is_filter;
use raftdeck_model::World;
use raftdeck_model::{Scope, pairs};
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;

/// The forms of links, for sentences.
pub(crate) const FORMS: &str = "1>3 (one way), 1-3 (both ways), 2 (all of n2's), 2> (all it sends), >2 (all it gets), \
                                1,2|3 (between the two sides) or * (all)";

/// Parses a piece that names links.
pub(crate) fn scope(given: &str, world: &World) -> Result<Scope, Mistake> {
    if !given.contains('+') {
        return one(given, world);
    }
    let mut all = BTreeSet::new();
    for part in given.split('+') {
        match one(part, world)? {
            Scope::Links(links) => all.extend(links),
            Scope::Between { from: Some(from), to: Some(to) } => all.extend(pairs(&from, &to)),
            Scope::All | Scope::Of(_) | Scope::Between { .. } => {
                return Err(Mistake::new(format!(
                    "\"{given}\": + joins single links like 1>3 and 1-3, and {part} is a group of links: write two rules"
                )));
            }
        }
    }
    Ok(Scope::Links(all))
}

fn one(given: &str, world: &World) -> Result<Scope, Mistake> {
    if matches!(given, "*" | "all") {
        return Ok(Scope::All);
    }
    let side = |side: &str| nodes(side, world);
    let open = |given: &str| if given.is_empty() { Ok(None) } else { side(given).map(Some) };
    let Some(at) = given.find(['>', '-', '|']) else { return links_of(given, world) };
    let (left, right) = (&given[..at], &given[at + 1..]);
    if right.contains(['>', '-', '|']) {
        return Err(Mistake::new(format!("\"{given}\" is not a link: links are {FORMS}")));
    }
    if &given[at..=at] == ">" {
        if left.is_empty() && right.is_empty() {
            return Ok(Scope::All);
        }
        let (from, to) = (open(left)?, open(right)?);
        if let (Some(from), Some(to)) = (&from, &to) {
            has_links(given, &pairs(from, to))?;
        }
        return Ok(Scope::Between { from, to });
    }
    if left.is_empty() || right.is_empty() {
        return Err(Mistake::new(format!("\"{given}\" has one side only: links are {FORMS}")));
    }
    let (left, right) = (side(left)?, side(right)?);
    let links: BTreeSet<_> = pairs(&left, &right).into_iter().chain(pairs(&right, &left)).collect();
    has_links(given, &links)?;
    Ok(Scope::Links(links))
}

fn links_of(given: &str, world: &World) -> Result<Scope, Mistake> {
    let looks_like_nodes = given.contains(',') || given.starts_with(|c: char| c.is_ascii_digit());
    nodes(given, world).map(Scope::Of).map_err(|mistake| {
        let is_missing = mistake.to_string().starts_with("there is no") || given == "leader";
        if is_missing || looks_like_nodes {
            mistake
        } else {
            Mistake::new(format!("\"{given}\" names no links: links are {FORMS}"))
        }
    })
}

fn has_links(given: &str, links: &BTreeSet<(NodeId, NodeId)>) -> Result<(), Mistake> {
    if links.is_empty() {
        return Err(Mistake::new(format!("\"{given}\": a node has no link to itself")));
    }
    Ok(())
}

/// The next piece names links.
pub(crate) fn next_scope(phrase: &mut Phrase<'_>) -> Result<Scope, Mistake> {
    match phrase.peek() {
        Some(piece) if !is_filter(piece) => {
            phrase.next();
            scope(piece, phrase.world)
        }
        _ => Err(phrase.lacks(&format!("links, {FORMS}"))),
    }
}

/// The next piece names links; if it does not, all links are meant.
pub(crate) fn next_scope_or_all(phrase: &mut Phrase<'_>) -> Result<Scope, Mistake> {
    match phrase.peek() {
        Some(piece) if !is_filter(piece) && !ends(piece) => {
            phrase.next();
            scope(piece, phrase.world)
        }
        _ => Ok(Scope::All),
    }
}
