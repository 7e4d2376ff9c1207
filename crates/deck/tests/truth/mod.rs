//! All that a simulated cluster told, without a gap, and questions about it: the truth that sentences are held against.

use raftdeck_model::{News, Order, ProcessState, Update};
use raftdeck_raft::{Membership, NodeId, Role, Term, TraceEvent};
use std::collections::BTreeSet;

/// What happened, and what was ordered: each order with the number of updates before it.
pub(crate) struct History {
    pub(crate) updates: Vec<Update>,
    pub(crate) orders: Vec<(usize, Order)>,
}

/// The truth at the moment of one update, which is the newest.
#[derive(Clone, Copy)]
pub(crate) struct Truth<'a> {
    pub(crate) history: &'a History,
    pub(crate) newest: usize,
}

impl<'a> Truth<'a> {
    pub(crate) fn now(self) -> &'a News {
        &self.history.updates[self.newest].what
    }

    fn until_now(self) -> &'a [Update] {
        &self.history.updates[..=self.newest]
    }

    /// The events of a node before the newest update and in the same life of its process, newest first.
    pub(crate) fn events_before(self, node: NodeId) -> impl Iterator<Item = (usize, &'a TraceEvent)> {
        let before = self.history.updates[..self.newest].iter().enumerate().rev();
        let is_in_life = move |(_, update): &(usize, &Update)| {
            !matches!(&update.what, News::Process { node: other, state }
                if *other == node && (state.is_down() || matches!(state, ProcessState::Starting { .. })))
        };
        before.take_while(is_in_life).filter_map(move |(at, update)| match &update.what {
            News::Trace { node: other, trace } if *other == node => Some((at, trace)),
            _ => None,
        })
    }

    /// What happened at a node before its campaign: the newest event but for those that belong to the campaign.
    pub(crate) fn cause(self, node: NodeId) -> Option<&'a TraceEvent> {
        let of_campaign = |trace: &TraceEvent| {
            matches!(trace, TraceEvent::RoleChanged { .. } | TraceEvent::LeaderChanged { .. })
        };
        self.events_before(node).map(|(_, trace)| trace).find(|trace| !of_campaign(trace))
    }

    /// Whether a campaign of this node was ordered since its last one.
    pub(crate) fn was_ordered_to_campaign(self, node: NodeId) -> bool {
        let is_campaign =
            |trace: &TraceEvent| matches!(trace, TraceEvent::ElectionStarted { pre_vote: false, .. });
        let last = self.events_before(node).find(|(_, trace)| is_campaign(trace)).map_or(0, |(at, _)| at);
        let orders = self.history.orders.iter();
        orders
            .filter(|(at, _)| (last..=self.newest).contains(at))
            .any(|(_, order)| *order == Order::Campaign(node))
    }

    /// The nodes that gave this candidate their vote, itself included.
    pub(crate) fn voters_for(self, candidate: NodeId, term: Term) -> BTreeSet<NodeId> {
        let gave = |update: &Update| match &update.what {
            News::Trace {
                node,
                trace: TraceEvent::VoteGranted { candidate: to, term: of, pre_vote: false },
            } if (*to, *of) == (candidate, term) => Some(*node),
            _ => None,
        };
        self.until_now().iter().filter_map(gave).chain([candidate]).collect()
    }

    /// Whether a node has led this term.
    pub(crate) fn has_led(self, node: NodeId, term: Term) -> bool {
        self.until_now().iter().any(|update| match &update.what {
            News::Trace {
                node: other,
                trace: TraceEvent::RoleChanged { to: Role::Leader, term: of, .. },
            } => (*other, *of) == (node, term),
            _ => false,
        })
    }

    /// The role that a node left with its newest event but one.
    pub(crate) fn left(self, node: NodeId) -> Option<Role> {
        self.events_before(node).next().and_then(|(_, trace)| match trace {
            TraceEvent::RoleChanged { from, .. } => Some(*from),
            _ => None,
        })
    }

    pub(crate) fn membership(self, node: NodeId) -> Option<&'a Membership> {
        self.events_before(node).find_map(|(_, trace)| match trace {
            TraceEvent::MembershipChanged { membership, .. } => Some(membership),
            _ => None,
        })
    }

    /// Whether it leads, by its own last change of role.
    pub(crate) fn leads(self, node: NodeId) -> bool {
        let role = self.events_before(node).find_map(|(_, trace)| match trace {
            TraceEvent::RoleChanged { to, .. } => Some(*to),
            _ => None,
        });
        role == Some(Role::Leader)
    }

    /// The states that a link had, newest first, the present one included.
    pub(crate) fn link(self, link: (NodeId, NodeId)) -> impl Iterator<Item = raftdeck_model::LinkState> {
        self.until_now().iter().rev().filter_map(move |update| match update.what {
            News::Link { from, to, state } if (from, to) == link => Some(state),
            _ => None,
        })
    }

    /// The states that a node's process had, newest first, the present one included.
    pub(crate) fn process(self, node: NodeId) -> impl Iterator<Item = &'a ProcessState> {
        self.until_now().iter().rev().filter_map(move |update| match &update.what {
            News::Process { node: other, state } if *other == node => Some(state),
            _ => None,
        })
    }

    /// The figures of the present run of the workload, newest first, with the times when they were told.
    pub(crate) fn workload(
        self,
    ) -> impl Iterator<Item = (std::time::Duration, &'a raftdeck_model::WorkloadFigures)> {
        let figures = self.until_now().iter().rev().filter_map(|update| match &update.what {
            News::Workload(figures) => Some((update.at, figures)),
            _ => None,
        });
        let mut is_newest = true;
        figures.take_while(move |(_, figures)| std::mem::take(&mut is_newest) || figures.running)
    }
}
