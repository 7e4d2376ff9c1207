//! Causes before effects: puts the nodes' events in an order that can be explained.
//!
//! Each node's events come over a connection of their own, so a vote may arrive here before the campaign that it
//! answers. Such an event waits for its cause, but only a moment: the cause may have died with its node. The events
//! of one node never change places among themselves, and none is lost or changed. Knows no clock and no socket.

use raftdeck_raft::{LogId, LogIndex, NodeId, Role, StepDownReason, Term, TraceEvent};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// How long an event waits for its cause.
pub(crate) const PATIENCE: Duration = Duration::from_millis(50);

/// The most events of one node that wait. Beyond this number the oldest is passed on without its cause.
const MAX_HELD: usize = 1024;

/// Puts events in order.
#[derive(Debug, Default)]
pub(crate) struct Causes {
    nodes: BTreeMap<NodeId, NodeHistory>,
    /// Events that wait, each with the end of its wait. No queue is empty.
    held: BTreeMap<NodeId, VecDeque<(Instant, TraceEvent)>>,
}

/// What was reported of a node that may cause something at another.
#[derive(Debug, Default)]
struct NodeHistory {
    /// The terms of its last pre-vote and of its last campaign.
    asked: [Term; 2],
    /// The last term that it led.
    led: Term,
    /// Whether it leads.
    leads: bool,
    /// The index of the newest membership that it reported, and of the newest that it knows to be committed.
    membership: [LogIndex; 2],
    /// The node it transfers the leadership to.
    hands_over_to: Option<NodeId>,
    /// The snapshots it sent, by receiver.
    sent: BTreeMap<NodeId, LogId>,
    /// The last terms in which it answered, by the node that asked and whether it was a pre-vote.
    answered: BTreeMap<(NodeId, bool), Term>,
}

impl Causes {
    /// Takes an event of a node; returns the events that may be reported now.
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

    /// The events that may be reported now.
    pub(crate) fn release(&mut self, now: Instant) -> Vec<(NodeId, TraceEvent)> {
        let mut released = Vec::new();
        // Each round reports at least one event, so this ends.
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

    /// When the first wait ends.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.held.values().filter_map(|queue| queue.front()).map(|(until, _)| *until).min()
    }

    /// A node's life has ended: nothing more is reported of it.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.held.remove(&node);
    }

    fn goes_on(&self, node: NodeId, now: Instant) -> bool {
        self.held.get(&node).is_some_and(|queue| {
            let first = |(until, event): &(Instant, TraceEvent)| *until <= now || self.is_due(node, event);
            queue.len() > MAX_HELD || queue.front().is_some_and(first)
        })
    }

    /// Whether everything that must precede an event was reported.
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
            // A message of that term made it step down: from a candidate or a leader.
            TraceEvent::SteppedDown { reason: StepDownReason::HigherTerm, term } => self
                .others(node)
                .any(|told| told.asked.iter().any(|asked| asked >= term) || told.led >= *term),
            TraceEvent::ToldToCampaign { leader } => {
                told(leader).is_some_and(|told| told.hands_over_to == Some(node))
            }
            // A follower learns it from the leader.
            TraceEvent::MembershipChanged { index, .. } => {
                self.leader_told(node, |told| told.membership[0] >= *index)
            }
            TraceEvent::MembershipCommitted { index } => {
                self.leader_told(node, |told| told.membership[1] >= *index)
            }
            TraceEvent::SnapshotInstalled { last, .. } => {
                self.others(node).any(|told| told.sent.get(&node).is_some_and(|sent| sent >= last))
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
            TraceEvent::RoleChanged { to, term, .. } => {
                told.leads = *to == Role::Leader;
                if told.leads {
                    told.led = *term;
                    // Not cleared when it steps down: it may have handed over just before, as a removed leader does.
                    told.hands_over_to = None;
                }
            }
            TraceEvent::TransferStarted { to } => told.hands_over_to = Some(*to),
            TraceEvent::MembershipChanged { index, .. } => told.membership[0] = *index,
            TraceEvent::MembershipCommitted { index } => told.membership[1] = *index,
            TraceEvent::SnapshotSending { to, last } => drop(told.sent.insert(*to, *last)),
            _ => {}
        }
    }

    fn others(&self, node: NodeId) -> impl Iterator<Item = &NodeHistory> {
        self.nodes.iter().filter(move |(other, _)| **other != node).map(|(_, told)| told)
    }

    /// Whether this node leads, or another node has reported that already.
    fn leader_told(&self, node: NodeId, told: impl Fn(&NodeHistory) -> bool) -> bool {
        self.nodes.get(&node).is_some_and(|told| told.leads) || self.others(node).any(told)
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
    fn a_transfer_is_told_from_the_leaders_word_to_its_stepping_down_however_its_events_arrive() {
        let hands_over = || TraceEvent::TransferStarted { to: N2 };
        let steps_down = || TraceEvent::SteppedDown { reason: StepDownReason::HigherTerm, term: TERM };
        let told = || TraceEvent::ToldToCampaign { leader: N1 };
        let first = [(N1, hands_over()), (N1, steps_down())];
        let second = [(N2, told()), (N2, asks())];
        let in_order = [(N1, hands_over()), (N2, told()), (N2, asks()), (N1, steps_down())].to_vec();
        for picks in 0_u32..16 {
            if picks.count_ones() != 2 {
                continue;
            }
            let (mut first, mut second) = (first.iter(), second.iter());
            let arriving =
                (0..4).filter_map(|n| if picks >> n & 1 == 1 { second.next() } else { first.next() });
            let (mut causes, now) = (Causes::default(), Instant::now());
            let told: Vec<_> =
                arriving.cloned().flat_map(|(node, event)| causes.take(node, event, now)).collect();
            assert_eq!(told, in_order, "{picks:04b}");
        }
    }

    #[test]
    fn a_removed_leader_has_told_its_successor_however_early_it_steps_down() {
        let (mut causes, now) = (Causes::default(), Instant::now());
        let hands_over = TraceEvent::TransferStarted { to: N2 };
        let follows = TraceEvent::RoleChanged { from: Role::Leader, to: Role::Follower, term: TERM };
        let steps_down = TraceEvent::SteppedDown { reason: StepDownReason::Removed, term: TERM };
        let told = TraceEvent::ToldToCampaign { leader: N1 };
        for event in [leads(), hands_over, follows, steps_down] {
            assert_eq!(causes.take(N1, event.clone(), now), [(N1, event)]);
        }
        assert_eq!(causes.take(N2, told.clone(), now), [(N2, told.clone())]);
        // As leader again, it has not told any node to campaign.
        assert_eq!(causes.take(N1, leads(), now), [(N1, leads())]);
        assert_eq!(causes.take(N2, told, now), []);
    }

    #[test]
    fn a_follower_has_a_membership_from_its_leader() {
        let (mut causes, now) = (Causes::default(), Instant::now());
        let changed = |index| TraceEvent::MembershipChanged {
            index: LogIndex(index),
            membership: raftdeck_raft::Membership::default(),
        };
        assert_eq!(causes.take(N1, leads(), now), [(N1, leads())]);
        assert_eq!(causes.take(N2, changed(7), now), []);
        assert_eq!(causes.take(N1, changed(7), now), [(N1, changed(7)), (N2, changed(7))]);
        assert_eq!(causes.take(N2, changed(5), now), [(N2, changed(5))], "one that was removed again");
    }

    #[test]
    fn a_snapshot_is_sent_before_it_is_installed() {
        let (mut causes, now) = (Causes::default(), Instant::now());
        let last = LogId { term: TERM, index: LogIndex(100) };
        let (sends, takes) = (
            TraceEvent::SnapshotSending { to: N2, last },
            TraceEvent::SnapshotInstalled { last, kept_log: false },
        );
        assert_eq!(causes.take(N2, takes.clone(), now), []);
        assert_eq!(causes.take(N1, sends.clone(), now), [(N1, sends), (N2, takes)]);
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
