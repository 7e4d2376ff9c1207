//! Nodes: `2`, `n2`, `leader`, `1,3`.

use crate::mistake::Mistake;
use crate::phrase::Phrase;
use raftdeck_model::World;
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;

/// One node.
pub(crate) fn node(given: &str, world: &World) -> Result<NodeId, Mistake> {
    if given.eq_ignore_ascii_case("leader") {
        return world.leader().map(|node| node.id).ok_or_else(|| {
            Mistake::new("no node leads at the moment: name a node by its number, or wait leader first")
        });
    }
    let digits = given.strip_prefix(['n', 'N']).unwrap_or(given);
    let id = digits.parse().ok().filter(|id| *id > 0 && digits.bytes().all(|c| c.is_ascii_digit()));
    let Some(node) = id.map(NodeId) else {
        return Err(Mistake::new(format!("\"{given}\" is no node: a node is 1, n1 or leader")));
    };
    if !world.is_empty() && world.node(node).is_none() {
        let there = world.nodes().map(|node| node.id.to_string()).collect::<Vec<_>>().join(" ");
        return Err(Mistake::new(format!("there is no {node}: the nodes are {there}")));
    }
    Ok(node)
}

/// All nodes.
pub(crate) fn all(world: &World) -> BTreeSet<NodeId> {
    world.nodes().map(|node| node.id).collect()
}

/// Several, separated by commas.
pub(crate) fn nodes(given: &str, world: &World) -> Result<BTreeSet<NodeId>, Mistake> {
    if given.is_empty() {
        return Err(Mistake::new("a list of nodes is missing: 1 or 1,2"));
    }
    given.split(',').map(|one| node(one, world)).collect()
}

/// The next piece is a node.
pub(crate) fn next_node(phrase: &mut Phrase<'_>) -> Result<NodeId, Mistake> {
    node(phrase.need("a node")?, phrase.world)
}
