//! Nodes: `2`, `n2`, `leader`, `follower`, `1,3`, `1..3`, `all`.

use crate::mistake::Mistake;
use crate::near::hint;
use crate::phrase::Phrase;
use raftdeck_model::{MAX_NODES, Node, World};
use raftdeck_raft::{NodeId, Role};
use std::collections::BTreeSet;

/// One node.
pub(crate) fn node(given: &str, world: &World) -> Result<NodeId, Mistake> {
    if given.eq_ignore_ascii_case("leader") {
        return world.leader().map(|node| node.id).ok_or_else(|| {
            Mistake::new("no node leads at the moment: name a node by its number, or wait leader first")
        });
    }
    if given.eq_ignore_ascii_case("follower") {
        return follower(world).ok_or_else(|| {
            Mistake::new(
                "there is no follower at the moment: name a node by its number, or wait leader first",
            )
        });
    }
    let digits = given.strip_prefix(['n', 'N']).unwrap_or(given);
    let id = digits.parse().ok().filter(|id| *id > 0 && digits.bytes().all(|c| c.is_ascii_digit()));
    let Some(node) = id.map(NodeId) else {
        let hint = hint(given, ["leader", "follower"]);
        let end = if hint.is_empty() { ": a node is 1, n1, leader or follower" } else { &hint };
        return Err(Mistake::new(format!("\"{given}\" is not a node{end}")));
    };
    if !world.is_empty() && world.node(node).is_none() {
        let there = world.nodes().map(|node| node.id.to_string()).collect::<Vec<_>>().join(" ");
        return Err(Mistake::new(format!("there is no {node}: the nodes are {there}")));
    }
    Ok(node)
}

/// The running follower with the lowest id.
fn follower(world: &World) -> Option<NodeId> {
    let follows = |node: &&Node| node.live().is_some_and(|status| status.role == Role::Follower);
    world.nodes().find(follows).map(|node| node.id)
}

/// All nodes.
pub(crate) fn all(world: &World) -> BTreeSet<NodeId> {
    world.nodes().map(|node| node.id).collect()
}

/// Several: `1,3`, `1..3`, `all`.
pub(crate) fn nodes(given: &str, world: &World) -> Result<BTreeSet<NodeId>, Mistake> {
    if given.is_empty() {
        return Err(Mistake::new("a list of nodes is missing: 1, 1,2 or 1..3"));
    }
    if given.eq_ignore_ascii_case("all") {
        return Ok(all(world));
    }
    let mut nodes = BTreeSet::new();
    for part in given.split(',') {
        match part.split_once("..") {
            None => drop(nodes.insert(node(part, world)?)),
            Some((first, last)) => {
                let (first, last) = (node(first, world)?, node(last, world)?);
                if first > last || last.0 - first.0 >= u64::from(MAX_NODES) {
                    return Err(Mistake::new(format!("\"{part}\" is not a range of nodes: write 1..3")));
                }
                let there = (first.0..=last.0).map(NodeId);
                nodes.extend(there.filter(|id| world.is_empty() || world.node(*id).is_some()));
            }
        }
    }
    Ok(nodes)
}

/// The next piece names nodes.
pub(crate) fn next_nodes(phrase: &mut Phrase<'_>) -> Result<BTreeSet<NodeId>, Mistake> {
    nodes(phrase.need("a node, or several, such as 1,2")?, phrase.world)
}

/// The next piece is a node.
pub(crate) fn next_node(phrase: &mut Phrase<'_>) -> Result<NodeId, Mistake> {
    node(phrase.need("a node")?, phrase.world)
}
