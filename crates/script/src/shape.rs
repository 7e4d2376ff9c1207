//! Shapes: partitions and bad networks by their names.
//!
//! This module has the names; the rules that they are made of are in [`Shape`].

use crate::links::next_scope_or_all;
use crate::mistake::Mistake;
use crate::names::{all, next_node, node, nodes};
use crate::near::hint;
use crate::phrase::Phrase;
use crate::verb::ShapeVerb;
use raftdeck_model::World;
use raftdeck_model::{Disturbance, REGIONS, Shape, write};
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet};

/// Takes the rest of a shape's line. The resulting rules name nodes, not `leader`, so that their meaning does not change later.
pub(crate) fn shape(verb: ShapeVerb, phrase: &mut Phrase<'_>) -> Result<Disturbance, Mistake> {
    let all = all(phrase.world);
    let shape = match verb {
        ShapeVerb::Isolate => Shape::Isolate(next_node(phrase)?),
        ShapeVerb::Mute => Shape::Mute(next_node(phrase)?),
        ShapeVerb::Deaf => Shape::Deaf(next_node(phrase)?),
        ShapeVerb::Bridge => Shape::Bridge(next_node(phrase)?),
        ShapeVerb::Halves => {
            let (left, right) = halves(phrase, &all)?;
            Shape::Halves(left, right)
        }
        ShapeVerb::OneWay => {
            let (from, to) = one_way(phrase.need("a direction, 1>2")?, phrase.world)?;
            Shape::OneWay(from, to)
        }
        ShapeVerb::Ring => Shape::Ring,
        ShapeVerb::Flaky => Shape::Flaky(next_scope_or_all(phrase)?),
        ShapeVerb::SlowLink => Shape::SlowLink(next_scope_or_all(phrase)?),
        ShapeVerb::Wan => Shape::Wan(regions(phrase, &all)?),
    };
    let rules = shape.rules(&all).map_err(Mistake::new)?;
    Ok(Disturbance::Rules { words: write::shape(&shape), rules })
}

fn one_way(given: &str, world: &World) -> Result<(NodeId, NodeId), Mistake> {
    let no = || Mistake::new(format!("\"{given}\" is not a direction: write 1>2"));
    let (from, to) = given.split_once('>').ok_or_else(no)?;
    let (from, to) = (node(from, world)?, node(to, world)?);
    if from == to {
        return Err(Mistake::new(format!("\"{given}\": a node has no link to itself")));
    }
    Ok((from, to))
}

type Sides = (BTreeSet<NodeId>, BTreeSet<NodeId>);

/// Two sides as given, or the leader with the lesser half and the others: a leader that must step down is most instructive.
fn halves(phrase: &mut Phrase<'_>, all: &BTreeSet<NodeId>) -> Result<Sides, Mistake> {
    if let Some(given) = phrase.next() {
        let no = || Mistake::new(format!("\"{given}\" is not a partition: write 1,2|3,4,5"));
        let (left, right) = given.split_once('|').ok_or_else(no)?;
        let (left, right) = (nodes(left, phrase.world)?, nodes(right, phrase.world)?);
        if let Some(both) = left.intersection(&right).next() {
            return Err(Mistake::new(format!("\"{given}\": {both} cannot be on both sides")));
        }
        if let Some(neither) = all.iter().find(|node| !left.contains(node) && !right.contains(node)) {
            return Err(Mistake::new(format!(
                "\"{given}\": {neither} is on neither side, and would reach both: name all nodes, or use cut {given}"
            )));
        }
        return Ok((left, right));
    }
    if all.len() < 2 {
        return Err(Mistake::new("a partition needs at least two nodes"));
    }
    let first = phrase.world.leader().map(|leader| leader.id);
    let mut order: Vec<NodeId> = all.iter().copied().collect();
    order.sort_by_key(|node| Some(*node) != first);
    let right = order.split_off(all.len() / 2);
    Ok((order.into_iter().collect(), right.into_iter().collect()))
}

/// `eu,us,ap`, given to the nodes in turn, or `1=eu,2=us`.
fn regions(phrase: &mut Phrase<'_>, all: &BTreeSet<NodeId>) -> Result<BTreeMap<NodeId, String>, Mistake> {
    let usual = REGIONS.join(",");
    let given = phrase.next().unwrap_or(&usual);
    let mut placed = BTreeMap::new();
    if given.contains('=') {
        for pair in given.split(',') {
            let no = || Mistake::new(format!("\"{pair}\" does not place a node: write 1=eu"));
            let (at, name) = pair.split_once('=').ok_or_else(no)?;
            if placed.insert(node(at, phrase.world)?, region(name)?).is_some() {
                return Err(Mistake::new(format!("{at} is placed twice")));
            }
        }
    } else {
        let names = given.split(',').map(region).collect::<Result<Vec<_>, _>>()?;
        placed = all.iter().copied().zip(names.into_iter().cycle()).collect();
    }
    if placed.len() < 2 {
        return Err(Mistake::new("a wide area needs at least two nodes: wan 1=eu,2=us"));
    }
    Ok(placed)
}

fn region(given: &str) -> Result<String, Mistake> {
    if REGIONS.contains(&given) {
        return Ok(given.to_owned());
    }
    let hint = hint(given, REGIONS.iter().copied());
    let end = if hint.is_empty() { format!(": there are {}", REGIONS.join(", ")) } else { hint };
    Err(Mistake::new(format!("\"{given}\" is not a region{end}")))
}
