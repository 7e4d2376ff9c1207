//! Links that are cut, refused or opened together, as one line.

use super::plural::names;
use super::{MAX_ENTRIES, TOGETHER};
use raftdeck_model::LinkState;
use raftdeck_raft::NodeId;
use std::time::Duration;

/// Links that changed together.
#[derive(Clone, Debug)]
pub(super) struct LinkGroup {
    state: LinkState,
    /// Whether all of them were closed before.
    again: bool,
    since: Duration,
    links: Vec<(NodeId, NodeId)>,
}

impl LinkGroup {
    pub(super) fn new(link: (NodeId, NodeId), state: LinkState, again: bool, since: Duration) -> Self {
        Self { state, again, since, links: vec![link] }
    }

    /// Whether a link that changes now belongs to it.
    pub(super) fn joins(&self, state: LinkState, again: bool, now: Duration) -> bool {
        (self.state, self.again) == (state, again)
            && now.saturating_sub(self.since) < TOGETHER
            && self.links.len() < MAX_ENTRIES
    }

    pub(super) fn with(mut self, from: NodeId, to: NodeId) -> Self {
        if !self.links.contains(&(from, to)) {
            self.links.push((from, to));
        }
        self
    }

    pub(super) fn words(&self) -> String {
        let is_both_ways = |(from, to): &(NodeId, NodeId)| self.links.contains(&(*to, *from));
        let hub = self.hub().filter(|_| self.links.iter().all(is_both_ways));
        let others = |hub| names(&self.others(hub));
        let again = if self.again { " again" } else { "" };
        let links = self.links.len();
        match (self.state, &self.links[..], hub) {
            (LinkState::Cut, [(from, to)], _) => format!("the link from {from} to {to} is cut"),
            (LinkState::Cut, _, Some(hub)) => format!("{hub} is cut off from {}", others(hub)),
            (LinkState::Cut, _, None) => format!("{links} links are cut"),
            (LinkState::Refused, [(from, to)], _) => format!("connections from {from} to {to} are refused"),
            (LinkState::Refused, _, Some(hub)) => {
                format!("connections between {hub} and {} are refused", others(hub))
            }
            (LinkState::Refused, _, None) => format!("connections on {links} links are refused"),
            (LinkState::Open, [(from, to)], _) => format!("the link from {from} to {to} is open{again}"),
            (LinkState::Open, _, Some(hub)) => {
                format!("the links between {hub} and {} are open{again}", others(hub))
            }
            (LinkState::Open, _, None) => format!("{links} links are open{again}"),
        }
    }

    /// A node at one end of each link. Of two such nodes, the one that was named first.
    fn hub(&self) -> Option<NodeId> {
        let &(first, second) = self.links.first()?;
        [first, second].into_iter().find(|end| self.links.iter().all(|(a, b)| a == end || b == end))
    }

    fn others(&self, one: NodeId) -> Vec<NodeId> {
        let other =
            |(from, to): &(NodeId, NodeId)| (*from == one).then_some(*to).or((*to == one).then_some(*from));
        let mut others: Vec<NodeId> = self.links.iter().filter_map(other).collect();
        others.sort_unstable();
        others.dedup();
        others
    }
}
