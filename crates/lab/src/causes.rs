//! Causes before effects: the nodes' events in an order that can be explained.
//!
//! Each node's events come over a connection of their own, so a vote may arrive here before the campaign that it
//! answers. Such an event waits for its cause, but only a moment: the cause may have died with its node. The events
//! of one node never change places among themselves, and none is lost or changed. Knows no clock and no socket.

use raftdeck_raft::{NodeId, Role, Term, TraceEvent};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How long an event waits for its cause.
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);

/// The most events of one node that wait. Over it the oldest goes on without its cause.
const MAX_HELD: usize = 1024;

/// Puts events in order.
#[derive(Debug, Default)]
pub(crate) struct Causes {
    nodes: BTreeMap<NodeId, Told>,
    /// Events that wait, each with the end of its patience. No queue is empty.
    held: BTreeMap<NodeId, VecDeque<(Instant, TraceEvent)>>,
}

/// What was told of a node that may cause something at another.
#[derive(Debug, Default)]
struct Told {
    /// The terms of its last pre-vote and of its last campaign.
    asked: [Term; 2],
    /// The last term that it led.
    led: Term,
    /// The last terms in which it answered: whom, and whether it was a pre-vote.
    answered: BTreeMap<(NodeId, bool), Term>,
}

impl Causes {
    /// Takes an event of a node; gives what may be told now.
    pub(crate) fn take(
        &mut self,
        node: NodeId,
        event: TraceEvent,
        now: Instant,
    ) -> Vec<(NodeId, TraceEvent)> {
        if self.held.is_empty() && self.is_due(node, &event) {
            self.note(node, &event);
            return vec![(node, event)];
        }
        self.held.entry(node).or_default().push_back((now + PATIENCE, event));
        self.release(now)
    }

    /// What may be told now.
    pub(crate) fn release(&mut self, now: Instant) -> Vec<(NodeId, TraceEvent)> {
        let mut released = Vec::new();
        // Each round tells at least one event, so this ends.
        while let Some(node) = self.held.keys().copied().find(|node| self.goes_on(*node, now)) {
            let Some(queue) = self.held.get_mut(&node) else { break };
            let Some((_, event)) = queue.pop_front() else { break };
            if queue.is_empty() {
                self.held.remove(&node);
            }
            self.note(node, &event);
            released.push((node, event));
        }
        released
    }

    /// When the first patience ends.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.held.values().filter_map(|queue| queue.front()).map(|(until, _)| *until).min()
    }

    /// A node's life is over: nothing more is told of it.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.held.remove(&node);
    }

    fn goes_on(&self, node: NodeId, now: Instant) -> bool {
        self.held.get(&node).is_some_and(|queue| {
            let first = |(until, event): &(Instant, TraceEvent)| *until <= now || self.is_due(node, event);
            queue.len() > MAX_HELD || queue.front().is_some_and(first)
        })
    }

    /// Whether everything that must come before an event was told.
    fn is_due(&self, node: NodeId, event: &TraceEvent) -> bool {
        let told = |node: &NodeId| self.nodes.get(node);
        let asked = |node: &NodeId, pre_vote: bool| {
            told(node).map_or(Term::default(), |told| told.asked[usize::from(pre_vote)])
        };
        match event {
            TraceEvent::VoteGranted { candidate, term, pre_vote }
            | TraceEvent::VoteRefused { candidate, term, pre_vote, .. } => {
                asked(candidate, *pre_vote) >= *term
            }
            TraceEvent::VoteReceived { from, pre_vote, .. } => {
                let answered = told(from).and_then(|told| told.answered.get(&(node, *pre_vote)));
                answered.is_some_and(|term| *term >= asked(&node, *pre_vote))
            }
            TraceEvent::LeaderChanged { leader: Some(leader), term } if *leader != node => {
                told(leader).is_some_and(|told| told.led >= *term)
            }
            _ => true,
        }
    }

    fn note(&mut self, node: NodeId, event: &TraceEvent) {
        let told = self.nodes.entry(node).or_default();
        match event {
            TraceEvent::ElectionStarted { term, pre_vote } => told.asked[usize::from(*pre_vote)] = *term,
            TraceEvent::VoteGranted { candidate, term, pre_vote }
            | TraceEvent::VoteRefused { candidate, term, pre_vote, .. } => {
                told.answered.insert((*candidate, *pre_vote), *term);
            }
            TraceEvent::RoleChanged { to: Role::Leader, term, .. } => told.led = *term,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N1: NodeId = NodeId(1);
    const N2: NodeId = NodeId(2);
    const TERM: Term = Term(4);

    fn asks() -> TraceEvent {
        TraceEvent::ElectionStarted { term: TERM, pre_vote: false }
    }

    fn votes() -> TraceEvent {
        TraceEvent::VoteGranted { candidate: N1, term: TERM, pre_vote: false }
    }

    fn hears() -> TraceEvent {
        TraceEvent::VoteReceived { from: N2, granted: true, pre_vote: false, votes: 2, needed: 2 }
    }

    fn leads() -> TraceEvent {
        TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term: TERM }
    }

    fn follows() -> TraceEvent {
        TraceEvent::LeaderChanged { leader: Some(N1), term: TERM }
    }

    #[test]
    fn an_election_is_told_in_order_however_its_events_arrive() {
        let first = [(N1, asks()), (N1, hears()), (N1, leads())];
        let second = [(N2, votes()), (N2, follows())];
        let in_order = [(N1, asks()), (N2, votes()), (N1, hears()), (N1, leads()), (N2, follows())].to_vec();
        // Every way to shuffle the two connections into each other.
        for picks in 0_u32..32 {
            if picks.count_ones() != 2 {
                continue;
            }
            let (mut first, mut second) = (first.iter(), second.iter());
            let arriving =
                (0..5).filter_map(|n| if picks >> n & 1 == 1 { second.next() } else { first.next() });
            let (mut causes, now) = (Causes::default(), Instant::now());
            let told: Vec<_> =
                arriving.cloned().flat_map(|(node, event)| causes.take(node, event, now)).collect();
            assert_eq!(told, in_order, "{picks:05b}");
            assert_eq!(causes.next(), None);
        }
    }

    #[test]
    fn what_never_comes_is_waited_for_but_a_moment() {
        let (mut causes, now) = (Causes::default(), Instant::now());
        assert_eq!(causes.take(N2, votes(), now), []);
        assert_eq!(causes.take(N2, follows(), now), [], "its own events keep their order");
        let due = causes.next().expect("an end of the patience");
        assert_eq!(causes.release(due), [(N2, votes()), (N2, follows())]);
        assert_eq!(causes.next(), None);
    }

    #[test]
    fn a_life_that_is_over_is_told_of_no_more() {
        let (mut causes, now) = (Causes::default(), Instant::now());
        assert_eq!(causes.take(N2, votes(), now), []);
        causes.forget(N2);
        assert_eq!(causes.take(N1, asks(), now), [(N1, asks())]);
        assert_eq!(causes.next(), None);
    }

    #[test]
    fn no_more_than_so_many_wait() {
        let (mut causes, now) = (Causes::default(), Instant::now());
        let told: usize = (0..MAX_HELD + 10).map(|_| causes.take(N2, votes(), now).len()).sum();
        assert_eq!(told, 10);
    }
}
