//! Each promise: a short story that breaks it, and what the checker says; and stories that break none.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cursors;
mod disks;
mod figure_3;
mod gaps;

use raftdeck_check::{Observation, Property, SafetyChecker, Violation, observations_of};
use raftdeck_protocol::{ClockRate, NodeStatus};
use raftdeck_raft::{
    Config, Entry, HardState, LogId, LogIndex, Membership, NodeId, Payload, PeerStatus, Raft,
    ReplicationState, Restored, Role, StepDownReason, Term, TermRun, Timestamp, Timing, TraceEvent,
};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// A checker with three new members, fed by short words.
struct Story {
    checker: SafetyChecker,
    at: u64,
    broken: Option<Violation>,
}

impl Story {
    fn new() -> Self {
        Self::with(SafetyChecker::default())
    }

    fn watching_disks() -> Self {
        Self::with(SafetyChecker::watching_disks([N1, N2, N3].into()))
    }

    fn with(checker: SafetyChecker) -> Self {
        let mut story = Self { checker, at: 0, broken: None };
        for node in [N1, N2, N3] {
            story.starts(node, 0, None, &[]);
        }
        story
    }

    fn see(&mut self, node: NodeId, observation: &Observation) {
        assert_eq!(self.broken, None, "a story ends with its violation");
        self.at += 1;
        self.broken = self.checker.observe(self.at, node, observation).err();
    }

    fn trace(&mut self, node: NodeId, event: TraceEvent) {
        self.see(node, &Observation::Trace(event));
    }

    fn starts(&mut self, node: NodeId, term: u64, vote: Option<NodeId>, terms: &[u64]) {
        self.starts_after(node, term, vote, id(0, 0), terms);
    }

    fn starts_after(&mut self, node: NodeId, term: u64, vote: Option<NodeId>, purged: LogId, terms: &[u64]) {
        let mut runs: Vec<TermRun> = Vec::new();
        for (term, index) in terms.iter().zip(purged.index.0 + 1..) {
            match runs.last_mut() {
                Some(run) if run.term == Term(*term) => run.last = LogIndex(index),
                _ => runs.push(TermRun { term: Term(*term), first: LogIndex(index), last: LogIndex(index) }),
            }
        }
        let last = LogIndex(purged.index.0 + terms.len() as u64);
        self.trace(node, TraceEvent::Started { term: Term(term), last, vote, purged, runs });
    }

    fn campaigns(&mut self, node: NodeId, term: u64) {
        self.trace(node, TraceEvent::ElectionStarted { term: Term(term), pre_vote: false });
    }

    fn leads(&mut self, node: NodeId, term: u64) {
        self.trace(
            node,
            TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term: Term(term) },
        );
    }

    fn steps_down(&mut self, node: NodeId, term: u64) {
        self.trace(
            node,
            TraceEvent::RoleChanged { from: Role::Leader, to: Role::Follower, term: Term(term) },
        );
        let reason = StepDownReason::HigherTerm;
        self.trace(node, TraceEvent::SteppedDown { reason, term: Term(term) });
    }

    fn votes(&mut self, node: NodeId, term: u64, candidate: NodeId) {
        self.trace(node, TraceEvent::VoteGranted { candidate, term: Term(term), pre_vote: false });
    }

    fn counts(&mut self, node: NodeId, from: NodeId) {
        let event = TraceEvent::VoteReceived { from, granted: true, pre_vote: false, votes: 2, needed: 2 };
        self.trace(node, event);
    }

    fn appends(&mut self, node: NodeId, term: u64, first: u64, last: u64) {
        let (first, last) = (LogIndex(first), LogIndex(last));
        self.trace(node, TraceEvent::Appended { first, last, term: Term(term) });
    }

    fn truncates(&mut self, node: NodeId, from: u64, to: u64) {
        self.trace(node, TraceEvent::Truncated { from: LogIndex(from), to: LogIndex(to) });
    }

    fn commits(&mut self, node: NodeId, through: u64) {
        self.trace(node, TraceEvent::Committed { through: LogIndex(through) });
    }

    fn durable(&mut self, node: NodeId, term: u64, vote: Option<NodeId>, through: u64) {
        self.see(node, &Observation::Durable { term: Term(term), vote, through: LogIndex(through) });
    }

    fn state(&mut self, node: NodeId, applied: u64, state_hash: u64) {
        self.see(node, &Observation::State { applied: LogIndex(applied), state_hash });
    }

    fn breaks(self, property: Property, words: &str) {
        let violation = self.broken.unwrap_or_else(|| panic!("{property} was to be broken"));
        assert_eq!(violation.property, property, "{violation}");
        assert!(violation.sentence.contains(words), "'{words}' in: {violation}");
    }

    fn breaks_nothing(self) {
        assert_eq!(self.broken, None);
    }
}

fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

/// n1 leads term 1 and commits entry 1 with n2.
fn first_commit(story: &mut Story) {
    story.campaigns(N1, 1);
    story.durable(N1, 1, Some(N1), 0);
    story.votes(N2, 1, N1);
    story.durable(N2, 1, Some(N1), 0);
    story.counts(N1, N2);
    story.leads(N1, 1);
    story.appends(N1, 1, 1, 1);
    story.appends(N2, 1, 1, 1);
    story.durable(N2, 1, Some(N1), 1);
    story.durable(N1, 1, Some(N1), 1);
    story.commits(N1, 1);
}

/// n1 has committed `committed` of 9 entries of term 1.
fn with_snapshot_source(committed: u64) -> Story {
    let mut story = Story::new();
    story.appends(N1, 1, 1, 9);
    story.commits(N1, committed);
    story.trace(N1, TraceEvent::SnapshotTaken { last: id(1, 5), size: 1 });
    story.trace(N1, TraceEvent::Purged { through: id(1, 5) });
    story
}
