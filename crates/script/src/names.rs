//! Nodes: `2`, `n2`, `leader`, `1,3`.

use crate::known::Known;
use crate::mistake::Mistake;
use crate::phrase::Phrase;
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;

/// One node.
pub(crate) fn node(given: &str, known: &Known) -> Result<NodeId, Mistake> {
    if given.eq_ignore_ascii_case("leader") {
        return known.leader().ok_or_else(|| {
            Mistake::new("no node leads at the moment: name a node by its number, or wait leader first")
        });
    }
    let digits = given.strip_prefix(['n', 'N']).unwrap_or(given);
    let id = digits.parse().ok().filter(|id| *id > 0 && digits.bytes().all(|c| c.is_ascii_digit()));
    let Some(node) = id.map(NodeId) else {
        return Err(Mistake::new(format!("\"{given}\" is no node: a node is 1, n1 or leader")));
    };
    if !known.nodes.is_empty() && !known.nodes.contains(&node) {
        let there = known.nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        return Err(Mistake::new(format!("there is no {node}: the nodes are {there}")));
    }
    Ok(node)
}

/// Several, separated by commas.
pub(crate) fn nodes(given: &str, known: &Known) -> Result<BTreeSet<NodeId>, Mistake> {
    if given.is_empty() {
        return Err(Mistake::new("a list of nodes is missing: 1 or 1,2"));
    }
    given.split(',').map(|one| node(one, known)).collect()
}

/// The next piece is a node.
pub(crate) fn next_node(phrase: &mut Phrase<'_>) -> Result<NodeId, Mistake> {
    node(phrase.need("a node")?, phrase.known)
}
