//! Judges a run: the members' traces and the clients' histories go to `raftdeck-check`; what only a simulation knows,
//! the real content of each disk, is compared here.

use crate::client::{Action, Op, OperationEnd};
use bytes::Bytes;
use raftdeck_check::{
    History, Observation, Operation, OperationOutcome as MemberFate, SafetyChecker, Verdict,
    check_linearizable,
};
use raftdeck_protocol::{Answer, Consistency, Read, Write};
use raftdeck_raft::{LogIndex, NodeId, TraceEvent};
use std::collections::{BTreeMap, BTreeSet};

/// Steps that the search for an order of the operations may take at a key.
const SEARCH: u64 = 2_000_000;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub property: String,
    /// When, in virtual microseconds.
    pub at: u64,
    /// What happened, for people.
    pub sentence: String,
}

#[derive(Debug)]
pub(crate) struct Judge {
    safety: SafetyChecker,
    history: History,
    /// What was ever written to a key.
    written: BTreeMap<Bytes, BTreeSet<Bytes>>,
    violation: Option<Violation>,
    pub(crate) undecided: bool,
    /// Until when a lease read belongs to what must be linearizable.
    trusts_leases: u64,
}

impl Judge {
    pub(crate) fn new(voters: BTreeSet<NodeId>, trusts_leases: u64) -> Self {
        Self {
            safety: SafetyChecker::watching_disks(voters),
            history: History::default(),
            written: BTreeMap::new(),
            violation: None,
            undecided: false,
            trusts_leases,
        }
    }

    /// Whether leases hold now, as far as clocks and settings go.
    pub(crate) fn trusts_leases(&self, at: u64) -> bool {
        at < self.trusts_leases
    }

    pub(crate) fn is_content(&self) -> bool {
        self.violation.is_none()
    }

    pub(crate) fn take(&mut self) -> Option<Violation> {
        self.violation.take()
    }

    /// The first violation counts: what comes after it is not worth following.
    pub(crate) fn accuse(&mut self, property: &str, at: u64, sentence: String) {
        if self.violation.is_none() {
            self.violation = Some(Violation { property: property.to_owned(), at, sentence });
        }
    }

    pub(crate) fn observe(&mut self, at: u64, node: NodeId, observation: &Observation) {
        if let Err(found) = self.safety.observe(at, node, observation) {
            self.accuse(&found.property.to_string(), at, format!("at {node}: {}", found.sentence));
        }
    }

    pub(crate) fn trace(&mut self, at: u64, node: NodeId, event: TraceEvent) {
        self.observe(at, node, &Observation::Trace(event));
    }

    pub(crate) fn state(&mut self, at: u64, node: NodeId, applied: LogIndex, state_hash: u64) {
        self.observe(at, node, &Observation::State { applied, state_hash });
    }

    pub(crate) fn began(&mut self, client: usize, op: &mut Op, at: u64) {
        let operation = match &op.action {
            Action::Write(write) => {
                if let Write::Put { key, value } | Write::CompareAndSet { key, value, .. } = write {
                    self.written.entry(key.clone()).or_default().insert(value.clone());
                }
                Operation::Write(write.clone())
            }
            Action::Read(read, Consistency::Linearizable) => Operation::Read(read.clone()),
            Action::Read(read, Consistency::Lease) if at < self.trusts_leases => {
                Operation::Read(read.clone())
            }
            Action::Read(..) => return,
        };
        op.id = Some(self.history.invoke(client as u64, operation, at));
    }

    pub(crate) fn ended(&mut self, op: &Op, ended: OperationEnd, at: u64) {
        if let (Action::Read(Read::Get { key }, _), OperationEnd::Ok(Answer::Value(Some(value)))) =
            (&op.action, &ended)
            && !self.written.get(key).is_some_and(|written| written.contains(value))
        {
            let sentence = format!("a read of {key:?} was answered {value:?}, which nobody wrote there");
            self.accuse("reads return what was written", at, sentence);
        }
        let Some(id) = op.id else { return };
        let by_lease = matches!(op.action, Action::Read(_, Consistency::Lease));
        let fate = match ended {
            // It relied on leases, which no longer hold.
            _ if by_lease && at >= self.trusts_leases => MemberFate::Failed,
            OperationEnd::Ok(answer) => MemberFate::Ok(answer),
            OperationEnd::Failed => MemberFate::Failed,
            OperationEnd::Unknown => MemberFate::Unknown,
        };
        self.history.complete(id, fate, at);
    }

    pub(crate) fn operations(&self) -> usize {
        self.history.len()
    }

    /// Could one map have given all these answers?
    pub(crate) fn judge_history(&mut self, at: u64) {
        if self.violation.is_some() {
            return;
        }
        match check_linearizable(&self.history, SEARCH) {
            Verdict::Ok => {}
            Verdict::Undecided { .. } => self.undecided = true,
            Verdict::Violation { sentence, picture, .. } => {
                self.accuse("linearizability", at, format!("{sentence}\n{picture}"));
            }
        }
    }
}

/// Every promise that a run is held against, by the names that a [`Violation`] gives them.
#[must_use]
pub fn properties() -> Vec<String> {
    let safety = raftdeck_check::Property::ALL.iter().map(ToString::to_string);
    safety.chain(crate::rules::ALL.iter().chain(&OWN).map(|name| (*name).to_owned())).collect()
}

/// What is judged here and not by the members' story alone.
const OWN: [&str; 8] = [
    "linearizability",
    "reads return what was written",
    "durable writes survive",
    "a disk with honest crashes can be read",
    "writes fit the log",
    "frames arrive as they were sent",
    "no member panics",
    "liveness",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn op(action: Action) -> Op {
        Op { action, name: None, id: None, begun: 0, open: false }
    }

    fn put(value: &'static str) -> Op {
        op(Action::Write(Write::Put { key: "k".into(), value: value.into() }))
    }

    fn get(consistency: Consistency) -> Op {
        op(Action::Read(Read::Get { key: "k".into() }, consistency))
    }

    /// Two writes one after the other, and then a read that sees the first.
    fn stale_read(consistency: Consistency, trusts_leases: u64) -> Option<Violation> {
        let mut judge = Judge::new(BTreeSet::from([NodeId(1)]), trusts_leases);
        for (at, value) in [(0, "old"), (10, "new")] {
            let mut write = put(value);
            judge.began(1, &mut write, at);
            judge.ended(&write, OperationEnd::Ok(Answer::Stored), at + 5);
        }
        let mut read = get(consistency);
        judge.began(2, &mut read, 20);
        judge.ended(&read, OperationEnd::Ok(Answer::Value(Some("old".into()))), 30);
        judge.judge_history(40);
        judge.take()
    }

    #[test]
    fn a_stale_answer_to_a_linearizable_read_is_a_violation() {
        let violation = stale_read(Consistency::Linearizable, u64::MAX).expect("it is stale");
        assert_eq!(violation.property, "linearizability");
    }

    #[test]
    fn a_stale_answer_by_a_lease_is_one_only_where_leases_are_trusted() {
        assert!(stale_read(Consistency::Lease, 31).is_some());
        for until in [0, 20, 30] {
            assert_eq!(stale_read(Consistency::Lease, until), None);
        }
        assert_eq!(stale_read(Consistency::Stale, u64::MAX), None);
    }

    #[test]
    fn an_answer_that_nobody_wrote_is_a_violation_even_of_a_stale_read() {
        let mut judge = Judge::new(BTreeSet::from([NodeId(1)]), u64::MAX);
        let mut read = get(Consistency::Stale);
        judge.began(1, &mut read, 0);
        judge.ended(&read, OperationEnd::Ok(Answer::Value(Some("ghost".into()))), 1);
        assert_eq!(judge.take().expect("nobody wrote it").property, "reads return what was written");
    }

    #[test]
    fn a_story_that_breaks_a_promise_is_a_violation() {
        let mut judge = Judge::new((1..=3).map(NodeId).collect(), u64::MAX);
        for node in 1..=2 {
            let (term, runs) = (raftdeck_raft::Term(0), Vec::new());
            let purged = raftdeck_raft::LogId::default();
            let started = TraceEvent::Started { term, last: LogIndex::ZERO, vote: None, purged, runs };
            judge.trace(0, NodeId(node), started);
            for (from, to) in [(Role::Follower, Role::Candidate), (Role::Candidate, Role::Leader)] {
                let term = raftdeck_raft::Term(1);
                judge.trace(1, NodeId(node), TraceEvent::RoleChanged { from, to, term });
            }
        }
        assert!(judge.take().is_some(), "two leaders of a term, or votes that are on no disk");
    }

    use raftdeck_raft::Role;
}
