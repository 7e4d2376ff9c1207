//! Shapes: partitions and bad networks by their names.
//!
//! Here is what people call them; the rules that they are made of are in `shape_rules`.

use super::known::Known;
use super::links::{next_scope_or_all, pairs};
use super::mistake::Mistake;
use super::names::{next_node, node, nodes};
use super::near::hint;
use super::phrase::Phrase;
use super::shape_rules as shapes;
use super::write;
use crate::rule::{Disturbance, Rule};
use raftdeck_raft::NodeId;
use shapes::{REGIONS, Region};
use std::collections::{BTreeMap, BTreeSet};

/// Takes the rest of a shape's line. The words of what comes of it name nodes, not `leader`, so that they mean the same later.
pub(super) fn shape(phrase: &mut Phrase<'_>) -> Result<Disturbance, Mistake> {
    let name = phrase.word.name;
    let all = phrase.known.nodes.clone();
    let (what, rules): (String, Vec<Rule>) = match name {
        "isolate" => one(phrase, |node| shapes::isolate(node))?,
        "mute" => one(phrase, |node| shapes::mute(node))?,
        "deaf" => one(phrase, |node| shapes::deaf(node))?,
        "bridge" => {
            enough(&all, 3, "a bridge")?;
            one(phrase, |node| shapes::bridge(node, &all))?
        }
        "halves" => {
            let (left, right) = halves(phrase, &all)?;
            (format!("{}|{}", write::nodes(&left), write::nodes(&right)), shapes::halves(&left, &right))
        }
        "one-way" => {
            let (from, to) =
                sides(phrase.need("a direction, 1>2")?, '>', "a direction: say 1>2", phrase.known)?;
            (format!("{}>{}", write::nodes(&from), write::nodes(&to)), shapes::one_way(&from, &to))
        }
        "ring" => {
            enough(&all, 4, "a ring of majorities")?;
            (String::new(), shapes::ring(&all))
        }
        "flaky" => {
            let scope = next_scope_or_all(phrase)?;
            (write::scope(&scope), shapes::flaky(&scope))
        }
        "slow-link" => {
            let scope = next_scope_or_all(phrase)?;
            (write::scope(&scope), shapes::slow_link(&scope))
        }
        _ => {
            let placed = regions(phrase, &all)?;
            let written = |(node, region): (&NodeId, &Region)| format!("{}={}", node.0, region.name());
            (placed.iter().map(written).collect::<Vec<_>>().join(","), shapes::wan(&placed))
        }
    };
    let words = if what.is_empty() { name.to_owned() } else { format!("{name} {what}") };
    Ok(Disturbance::Rules { words, rules })
}

fn one(phrase: &mut Phrase<'_>, rules: impl Fn(NodeId) -> Vec<Rule>) -> Result<(String, Vec<Rule>), Mistake> {
    let node = next_node(phrase)?;
    Ok((node.0.to_string(), rules(node)))
}

fn enough(all: &BTreeSet<NodeId>, least: usize, what: &str) -> Result<(), Mistake> {
    if all.len() < least {
        return Err(Mistake::new(format!(
            "{what} needs at least {least} nodes, and there are {}",
            all.len()
        )));
    }
    Ok(())
}

type Sides = (BTreeSet<NodeId>, BTreeSet<NodeId>);

fn sides(given: &str, between: char, right: &str, known: &Known) -> Result<Sides, Mistake> {
    let no = || Mistake::new(format!("\"{given}\" is no {right}"));
    let (a, b) = given.split_once(between).ok_or_else(no)?;
    let (a, b) = (nodes(a, known)?, nodes(b, known)?);
    if let Some(both) = a.intersection(&b).next() {
        return Err(Mistake::new(format!("\"{given}\": {both} cannot be on both sides")));
    }
    Ok((a, b))
}

/// Two sides as said, or the leader with the lesser half and the others: a leader that must step down shows most.
fn halves(phrase: &mut Phrase<'_>, all: &BTreeSet<NodeId>) -> Result<Sides, Mistake> {
    if let Some(given) = phrase.next() {
        return sides(given, '|', "partition: say 1,2|3,4,5", phrase.known);
    }
    enough(all, 2, "a partition")?;
    let first = phrase.known.leader().filter(|leader| all.contains(leader));
    let mut order: Vec<NodeId> = all.iter().copied().collect();
    order.sort_by_key(|node| Some(*node) != first);
    let right = order.split_off(all.len() / 2);
    Ok((order.into_iter().collect(), right.into_iter().collect()))
}

/// `eu,us,ap`, given to the nodes in turn, or `1=eu,2=us`.
fn regions(phrase: &mut Phrase<'_>, all: &BTreeSet<NodeId>) -> Result<BTreeMap<NodeId, Region>, Mistake> {
    let given = phrase.next().unwrap_or("eu,us,ap");
    let mut placed = BTreeMap::new();
    if given.contains('=') {
        for pair in given.split(',') {
            let no = || Mistake::new(format!("\"{pair}\" places no node: say 1=eu"));
            let (at, name) = pair.split_once('=').ok_or_else(no)?;
            if placed.insert(node(at, phrase.known)?, region(name)?).is_some() {
                return Err(Mistake::new(format!("{at} is placed twice")));
            }
        }
    } else {
        let names = given.split(',').map(region).collect::<Result<Vec<_>, _>>()?;
        placed = all.iter().copied().zip(names.into_iter().cycle()).collect();
    }
    if pairs(&placed.keys().copied().collect(), &placed.keys().copied().collect()).is_empty() {
        return Err(Mistake::new("a wide area needs at least two nodes: wan 1=eu,2=us"));
    }
    Ok(placed)
}

fn region(given: &str) -> Result<Region, Mistake> {
    REGIONS.into_iter().find(|region| region.name() == given).ok_or_else(|| {
        let names = REGIONS.map(Region::name);
        let hint = hint(given, names);
        let end = if hint.is_empty() { format!(": there are {}", names.join(", ")) } else { hint };
        Mistake::new(format!("\"{given}\" is no region{end}"))
    })
}
