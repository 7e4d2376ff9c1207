//! What is judged in every drill: the safety properties of Raft (paper Figure 3) by the nodes' traces, and linearizability by the
//! history of every client.

use crate::file::Severity;
use crate::outcome::{CheckKind, CheckResult, CheckState};
use raftdeck_check::{
    History, Observation, OpId, Operation, OperationOutcome, Property, SafetyChecker, Verdict,
    check_linearizable,
};
use raftdeck_model::{
    Capabilities, ClientOp, ClientOutcome, ClientRequest, Command, CommandId, Insight, News, Order,
    StoreOutcome, Update,
};
use raftdeck_protocol::{Consistency, Read};
use raftdeck_raft::{LogIndex, NodeId, Role, Term, TraceEvent};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Steps that the search for an order of the operations may take at a key.
const SEARCH: u64 = 2_000_000;

/// The states after this many of the newest indices are kept.
const MAX_STATES: usize = 4096;

/// A violated property: its name, the node that showed it, and what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JudgedViolation {
    pub(super) property: String,
    pub(super) node: Option<NodeId>,
    pub(super) sentence: String,
}

/// The judge of a run.
#[derive(Debug, Default)]
pub(super) struct Judge {
    safety: SafetyChecker,
    /// What the source does not report is not judged, and is not taken for judged.
    capabilities: Capabilities,
    /// The first node that reported to lead each term.
    leaders: BTreeMap<Term, NodeId>,
    history: History,
    open: BTreeMap<CommandId, OpId>,
    /// The numbers of the clients in the history.
    clients: BTreeMap<String, u64>,
    /// The last time that was given to the history, whose times never go back.
    last: Duration,
    /// Nodes whose disk is to be replaced as soon as their process has ended.
    losing: BTreeSet<NodeId>,
    /// The hash of the state machine after the newest indices, and the node that reported it first.
    states: BTreeMap<LogIndex, (u64, NodeId)>,
    /// Events were lost, so that not everything can be judged.
    missed: bool,
    /// Why the history proves nothing, if it does not.
    unproven: Option<&'static str>,
    /// A person switched on the source's own workload, whose writes are not in the history.
    has_other_load: bool,
    violation: Option<JudgedViolation>,
}

impl Judge {
    /// The judge of a source that reports this much.
    pub(super) fn of(capabilities: Capabilities) -> Self {
        Self { capabilities, ..Self::default() }
    }

    /// Takes in what a source reported.
    pub(super) fn hear(&mut self, update: &Update) {
        self.last = self.last.max(update.at);
        match &update.what {
            News::Trace { node, trace } => {
                self.observe(update.at, *node, &Observation::Trace(trace.clone()));
                if let TraceEvent::RoleChanged { to: Role::Leader, term, .. } = trace {
                    self.leads(*node, *term);
                }
            }
            News::Missed { node, .. } => {
                self.missed = true;
                self.observe(update.at, *node, &Observation::Missed);
            }
            News::Process { node, state } if state.is_down() => {
                self.observe(update.at, *node, &Observation::Stopped);
                if self.losing.remove(node) {
                    self.observe(update.at, *node, &Observation::DiskReplaced);
                }
            }
            News::Status { node, status } => {
                if status.raft.role == Role::Leader {
                    self.leads(*node, status.raft.term);
                }
                if let (Some(applied), Some(state_hash)) =
                    (status.raft.applied.copied(), status.state_hash.copied())
                {
                    self.state(*node, applied, state_hash);
                }
            }
            News::Client { id, outcome, .. } => self.ended(*id, outcome),
            News::Refused { id, .. } => {
                if let Some(op) = self.open.remove(id) {
                    self.complete(op, OperationOutcome::Failed);
                }
            }
            // The simulator has a judge of its own, which sees more than is reported.
            News::Trouble { reason } if reason.starts_with("a property is violated") => {
                self.accuse("a property of the simulator", None, reason.clone());
            }
            _ => {}
        }
    }

    /// A command is sent: by the drill, by its load, or by a person.
    pub(super) fn sent(&mut self, command: &Command, now: Duration, is_down: impl Fn(NodeId) -> bool) {
        self.last = self.last.max(now);
        match &command.what {
            Order::Client(request) => self.began(command.id, request),
            Order::Propose(_, write) => self.began(command.id, &ClientOp::Write(write.clone()).into()),
            // A disk that is emptied or loses its end has forgotten what it promised. That is the fault, and not a violation by the node.
            Order::Wipe(node) | Order::WipeUnsafe(node) | Order::LoseTail(node, _) => {
                if is_down(*node) {
                    self.observe(now, *node, &Observation::DiskReplaced);
                } else {
                    self.losing.insert(*node);
                }
            }
            Order::Workload(true) => self.has_other_load = true,
            _ => {}
        }
    }

    /// A node reports that it leads this term. Where nodes report nothing else, this alone shows that there is one leader in a term.
    fn leads(&mut self, node: NodeId, term: Term) {
        let first = *self.leaders.entry(term).or_insert(node);
        if first != node {
            let sentence = format!("{node} leads term {term}, which {first} led already");
            self.accuse(&Property::ElectionSafety.to_string(), Some(node), sentence);
        }
    }

    /// Statuses come by several ways and overtake one another and the traces. So only what does not depend on their order is judged:
    /// equal applied indices have equal states.
    fn state(&mut self, node: NodeId, applied: LogIndex, state_hash: u64) {
        if self.capabilities.tells(Insight::StateHashes).is_err() {
            return;
        }
        let (first_hash, first) = *self.states.entry(applied).or_insert((state_hash, node));
        if self.states.len() > MAX_STATES {
            self.states.pop_first();
        }
        if first_hash != state_hash {
            let sentence = format!("{node}'s state after entry {applied} is not the same as {first}'s");
            self.accuse(&Property::EqualStates.to_string(), Some(node), sentence);
        }
    }

    fn began(&mut self, id: CommandId, request: &ClientRequest) {
        let operation = match &request.op {
            ClientOp::Write(write) => Operation::Write(write.clone()),
            ClientOp::Read(read) if request.consistency == Consistency::Linearizable => {
                Operation::Read(read.clone())
            }
            ClientOp::Read(_) => return,
        };
        if self.has_other_load && is_of_other_load(&operation) {
            return;
        }
        let next = self.clients.len() as u64;
        let client = *self.clients.entry(request.client.prefix()).or_insert(next);
        let op = self.history.invoke(client, operation, micros(self.last));
        self.open.insert(id, op);
    }

    fn ended(&mut self, id: CommandId, outcome: &ClientOutcome) {
        let Some(op) = self.open.remove(&id) else { return };
        self.complete(
            op,
            match outcome.judged() {
                StoreOutcome::Done(answer) => OperationOutcome::Ok(answer.clone()),
                StoreOutcome::Refused(_) => OperationOutcome::Failed,
                StoreOutcome::InDoubt(_) => OperationOutcome::Unknown,
            },
        );
    }

    fn complete(&mut self, op: OpId, outcome: OperationOutcome) {
        self.history.complete(op, outcome, micros(self.last));
    }

    fn observe(&mut self, at: Duration, node: NodeId, observation: &Observation) {
        // A part of a trace contradicts itself where a whole one does not.
        if self.violation.is_some() || self.capabilities.tells(Insight::Changes).is_err() {
            return;
        }
        if let Err(found) = self.safety.observe(micros(at), node, observation) {
            self.accuse(&found.property.to_string(), Some(found.node), found.sentence);
        }
    }

    /// The first violation counts: what comes after it is not worth following.
    fn accuse(&mut self, property: &str, node: Option<NodeId>, sentence: String) {
        if self.violation.is_none() {
            self.violation = Some(JudgedViolation { property: property.to_owned(), node, sentence });
        }
    }

    /// What clients asked and were answered.
    pub(super) fn history(&self) -> &History {
        &self.history
    }

    /// Not every key could be read at the end.
    pub(super) fn note_unread(&mut self) {
        self.unproven = Some("not every key could be read at the end");
    }

    /// The violation, if one was found.
    pub(super) fn violation(&self) -> Option<&JudgedViolation> {
        self.violation.as_ref()
    }

    /// Judges the history of the clients, which is complete.
    pub(super) fn judge_history(&mut self) {
        match check_linearizable(&self.history, SEARCH) {
            Verdict::Ok => {}
            Verdict::Undecided { .. } => self.unproven = Some("the history is too long to be judged"),
            Verdict::Violation { sentence, picture, .. } => {
                self.accuse(LINEARIZABLE, None, format!("{sentence}\n{picture}"));
            }
        }
    }

    /// What is judged in every drill, as checks.
    pub(super) fn checks(&self) -> Vec<CheckResult> {
        ALWAYS.iter().map(|always| self.check(always)).collect()
    }

    /// The names of those that cannot be judged here, as the source does not report what they are judged by.
    pub(super) fn not_judged(&self) -> Vec<&'static str> {
        let untold = |always: &&Always| self.violation.is_none() && self.untold(always).is_some();
        ALWAYS.iter().filter(untold).map(|always| always.name).collect()
    }

    /// Why it cannot be judged here.
    fn untold(&self, always: &Always) -> Option<String> {
        let Always { needs: Some(insight), .. } = always else { return None };
        self.capabilities.tells(*insight).err().map(|lacking| lacking.to_string())
    }

    fn check(&self, always: &Always) -> CheckResult {
        let Always { name, properties, .. } = always;
        let is_history = properties.is_empty();
        let is_this = |violation: &JudgedViolation| {
            if is_history {
                violation.property == LINEARIZABLE
            } else {
                properties.iter().any(|property| property.to_string() == violation.property)
            }
        };
        let state = match &self.violation {
            Some(violation) if is_this(violation) => CheckState::Broken(violation.sentence.clone()),
            Some(_) => CheckState::Unknown("not judged after the violation".to_owned()),
            None if is_history && self.unproven.is_some() => {
                CheckState::Unknown(self.unproven.unwrap_or_default().to_owned())
            }
            None if !is_history && self.missed => {
                CheckState::Unknown("some events of the nodes were lost on the way to the judge".to_owned())
            }
            None => self.untold(always).map_or(CheckState::Holds, CheckState::Unknown),
        };
        let expr = match always.needs {
            None if is_history => format!("{} requests of all clients", self.history.len()),
            None if self.capabilities.tells(Insight::Changes).is_err() => {
                "leaders that nodes report".to_owned()
            }
            _ => "traces of all nodes".to_owned(),
        };
        CheckResult {
            name: (*name).to_owned(),
            kind: CheckKind::Always,
            expr,
            bound: None,
            measured: None,
            severity: Severity::Must,
            state,
        }
    }
}

/// Whether an operation is about keys of the source's own workload.
fn is_of_other_load(operation: &Operation) -> bool {
    match operation {
        Operation::Write(write) => write.key().starts_with(OTHER_LOAD),
        Operation::Read(Read::Get { key }) => key.starts_with(OTHER_LOAD),
        Operation::Read(_) => true,
    }
}

/// How the keys of the source's own workload begin.
const OTHER_LOAD: &[u8] = b"load-";

const LINEARIZABLE: &str = "linearizability";

/// What is judged in every drill.
struct Always {
    name: &'static str,
    /// By which properties; none: by the history of the clients.
    properties: &'static [Property],
    /// What the source has to report for it; `None`: nothing but leaders and answers.
    needs: Option<Insight>,
}

const ALWAYS: [Always; 5] = [
    Always {
        name: "one leader in a term",
        properties: &[Property::ElectionSafety, Property::OneVoteATerm],
        needs: None,
    },
    Always {
        name: "logs match",
        properties: &[
            Property::LogMatching,
            Property::LeaderAppendOnly,
            Property::CursorOrder,
            Property::Monotony,
        ],
        needs: Some(Insight::Changes),
    },
    Always {
        name: "what is committed stays",
        properties: &[
            Property::CommittedForEver,
            Property::LeaderCompleteness,
            Property::StateMachineSafety,
            Property::Durability,
            Property::DurableBeforeCounted,
        ],
        needs: Some(Insight::Changes),
    },
    Always {
        name: "state machines agree",
        properties: &[Property::EqualStates],
        needs: Some(Insight::StateHashes),
    },
    Always { name: "linearizable, and no acknowledged write is lost", properties: &[], needs: None },
];

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::{NodeView, ProcessState, RaftView};
    use raftdeck_protocol::{Answer, ResponseBody, Write};
    use raftdeck_raft::LogId;

    fn update(what: News) -> Update {
        Update { at: Duration::from_millis(1), seq: 1, what }
    }

    fn leads(node: u64) -> Update {
        let trace = TraceEvent::RoleChanged { from: Role::Candidate, to: Role::Leader, term: Term(2) };
        update(News::Trace { node: NodeId(node), trace })
    }

    fn states(judge: &Judge) -> Vec<CheckState> {
        judge.checks().into_iter().map(|check| check.state).collect()
    }

    fn request(judge: &mut Judge, id: u64, op: ClientOp, answer: Answer) {
        let id = CommandId(id);
        let request = ClientRequest::from(op);
        judge.sent(&Command { id, what: Order::Client(request.clone()) }, Duration::ZERO, |_| false);
        let body = ResponseBody::Done { answer, at: LogId::default() };
        let outcome = ClientOutcome::Answered { node: NodeId(1), body };
        judge.hear(&update(News::Client { id, request, outcome, took: Duration::ZERO }));
    }

    fn put(value: &'static str) -> ClientOp {
        ClientOp::Write(Write::Put { key: "k".into(), value: value.into() })
    }

    #[test]
    fn two_leaders_of_a_term_are_a_violation_and_one_is_none() {
        let mut judge = Judge::default();
        judge.hear(&leads(1));
        assert_eq!(judge.violation(), None);
        assert!(states(&judge).iter().all(|state| *state == CheckState::Holds));
        judge.hear(&leads(2));
        assert_eq!(judge.violation().map(|violation| violation.node), Some(Some(NodeId(2))));
        assert!(matches!(states(&judge)[0], CheckState::Broken(_)));
        assert!(matches!(states(&judge)[1], CheckState::Unknown(_)), "the rest is not judged any more");
    }

    #[test]
    fn an_acknowledged_write_that_is_not_read_again_is_a_violation() {
        let mut judge = Judge::default();
        request(&mut judge, 1, put("a"), Answer::Stored);
        request(&mut judge, 2, put("b"), Answer::Stored);
        request(
            &mut judge,
            3,
            ClientOp::Read(Read::Get { key: "k".into() }),
            Answer::Value(Some("a".into())),
        );
        judge.judge_history();
        assert!(matches!(states(&judge)[4], CheckState::Broken(_)));
    }

    #[test]
    fn lost_events_leave_the_properties_unknown_and_the_history_judged() {
        let mut judge = Judge::default();
        judge.hear(&update(News::Missed { node: NodeId(1), count: 3 }));
        judge.judge_history();
        let states = states(&judge);
        assert!(states[..4].iter().all(|state| matches!(state, CheckState::Unknown(_))));
        assert_eq!(states[4], CheckState::Holds);
    }

    #[test]
    fn what_a_source_does_not_report_is_not_judged_and_the_rest_is() {
        let untold = |insight| Capabilities::all().untold(insight, "it is not reported");
        let mut judge = Judge::of(untold(Insight::Changes).untold(Insight::StateHashes, "no hashes"));
        judge.hear(&leads(1));
        judge.judge_history();
        let states = states(&judge);
        assert_eq!((&states[0], &states[4]), (&CheckState::Holds, &CheckState::Holds));
        assert_eq!(states[1], CheckState::Unknown("it is not reported".to_owned()));
        assert_eq!(states[3], CheckState::Unknown("no hashes".to_owned()));
        let names = ["logs match", "what is committed stays", "state machines agree"];
        assert_eq!(judge.not_judged(), names);
    }

    #[test]
    fn a_second_leader_of_a_term_is_found_by_what_nodes_say_of_themselves() {
        let mut judge = Judge::of(Capabilities::all().untold(Insight::Changes, "it is not reported"));
        let says = |node, term| {
            let view = NodeView::new(RaftView::new(NodeId(node), Term(term), Role::Leader));
            update(News::Status { node: NodeId(node), status: Box::new(view) })
        };
        judge.hear(&says(1, 2));
        judge.hear(&says(2, 3));
        judge.hear(&says(1, 2));
        assert_eq!(judge.violation(), None, "a deposed leader may not know it yet");
        judge.hear(&says(2, 2));
        assert!(judge.violation().is_some_and(|violation| violation.sentence.contains("leads term 2")));
    }

    #[test]
    fn a_disk_that_was_emptied_on_purpose_has_broken_no_promise() {
        let started = |term, vote| {
            let runs = Vec::new();
            let purged = LogId::default();
            let trace = TraceEvent::Started { term: Term(term), last: purged.index, vote, purged, runs };
            update(News::Trace { node: NodeId(1), trace })
        };
        let killed = || update(News::Process { node: NodeId(1), state: ProcessState::Killed });
        let voted = |candidate| {
            let trace =
                TraceEvent::VoteGranted { candidate: NodeId(candidate), term: Term(3), pre_vote: false };
            update(News::Trace { node: NodeId(1), trace })
        };
        let mut judge = Judge::default();
        let wipe = Command { id: CommandId(1), what: Order::Wipe(NodeId(1)) };
        judge.hear(&started(1, None));
        judge.hear(&voted(2));
        judge.sent(&wipe, Duration::ZERO, |_| false);
        judge.hear(&killed());
        judge.hear(&started(0, None));
        judge.hear(&voted(3));
        assert_eq!(judge.violation(), None);
    }
}
