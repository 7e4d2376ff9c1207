//! Links that are cut or opened together, as one line.

use super::plural::names;
use super::{MAX_ENTRIES, TOGETHER};
use raftdeck_model::LinkState;
use raftdeck_raft::NodeId;
use std::time::Duration;

/// Links that changed together.
#[derive(Clone, Debug)]
pub(super) struct LinkGroup {
    state: LinkState,
    /// Whether all of them were cut before.
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
        let (verb, again) = match self.state {
            LinkState::Cut => ("cut", ""),
            LinkState::Open => ("open", if self.again { " again" } else { "" }),
        };
        if let [(from, to)] = self.links[..] {
            return format!("the link from {from} to {to} is {verb}{again}");
        }
        let is_both_ways = |(from, to): &(NodeId, NodeId)| self.links.contains(&(*to, *from));
        match self.hub().filter(|_| self.links.iter().all(is_both_ways)) {
            Some(hub) if self.state == LinkState::Cut => {
                format!("{hub} is cut off from {}", names(&self.others(hub)))
            }
            Some(hub) => format!("the links between {hub} and {} are open{again}", names(&self.others(hub))),
            None => format!("{} links are {verb}{again}", self.links.len()),
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
