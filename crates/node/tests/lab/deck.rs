//! A lab with real nodes, and the newest that it has told. Waits are for what is told, with a deadline that only a
//! failure meets.

use raftdeck_client::{Client, Options};
use raftdeck_lab::{Lab, LabOptions};
use raftdeck_model::{
    ChangeStep, ClientOp, ClientOutcome, ClientRequest, Command, CommandId, FrameReport, LinkState,
    MessageId, MessageReport, MessageState, News, NodeAddresses, NodeView, Order, ProcessState, Source as _,
    Update, WorkloadFigures,
};
use raftdeck_protocol::{Answer, LogLine, NodeStatus, Notice, Read, ResponseBody, Write};
use raftdeck_raft::{LogIndex, NodeId, Role, Term, TraceEvent};
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(30);

/// The newest of everything.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) processes: BTreeMap<NodeId, ProcessState>,
    pub(crate) addresses: BTreeMap<NodeId, NodeAddresses>,
    pub(crate) statuses: BTreeMap<NodeId, NodeStatus>,
    pub(crate) outcomes: BTreeMap<CommandId, ClientOutcome>,
    pub(crate) logs: BTreeMap<NodeId, Vec<LogLine>>,
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) changes: Vec<(NodeId, ChangeStep)>,
    pub(crate) workload: Option<WorkloadFigures>,
    pub(crate) refusals: Vec<String>,
    /// What nodes report that a person has to do something about: which node, and what. All that was ever told.
    pub(crate) notices: Vec<(NodeId, Notice)>,
    /// What happened at each node in its present life, and how much of that was not told.
    pub(crate) traces: BTreeMap<NodeId, Vec<TraceEvent>>,
    pub(crate) missed: BTreeMap<NodeId, u64>,
    /// All of them; a test takes out what it has seen.
    pub(crate) frames: Vec<FrameReport>,
    /// Messages that are held.
    pub(crate) held: BTreeMap<MessageId, MessageReport>,
    /// What happened to messages that are not on the links any more.
    pub(crate) over: BTreeMap<MessageId, MessageState>,
    /// Those that ended by themselves, and their last words.
    pub(crate) failures: Vec<(NodeId, String)>,
    /// What a screen knows.
    pub(crate) known: raftdeck_model::World,
    /// What commands were answered; `Ok`: they are done.
    pub(crate) answers: BTreeMap<CommandId, Result<(), String>>,
    /// Links that were cut or mended.
    pub(crate) links: BTreeMap<(NodeId, NodeId), LinkState>,
    /// The newest updates but the commonest, for the message of a failed test.
    recent: VecDeque<String>,
}

pub(crate) struct Deck {
    lab: Option<Lab>,
    updates: Receiver<Update>,
    pub(crate) world: World,
    sent: Cell<u64>,
}

pub(crate) fn options(nodes: u8) -> LabOptions {
    LabOptions::new(env!("CARGO_BIN_EXE_raftdeck-node"), &[], nodes)
}

impl Deck {
    pub(crate) fn start(options: LabOptions) -> Self {
        let (sender, updates) = channel();
        let lab = Lab::start(options, move |update| drop(sender.send(update))).expect("a lab that starts");
        Self { lab: Some(lab), updates, world: World::default(), sent: Cell::new(0) }
    }

    /// A cluster with a leader that all follow.
    pub(crate) fn settled(nodes: u8) -> (Self, NodeId) {
        let mut deck = Self::start(options(nodes));
        let leader = deck.wait("a first leader", |world| world.agreed(usize::from(nodes)));
        (deck, leader)
    }

    pub(crate) fn send(&self, what: Order) -> CommandId {
        let id = CommandId(self.sent.get() + 1);
        self.sent.set(id.0);
        self.lab.as_ref().expect("a running lab").send(Command { id, what });
        id
    }

    pub(crate) fn stop(&mut self) {
        self.lab.take().expect("a running lab").stop();
    }

    /// Lets go of the lab without a word.
    pub(crate) fn drop_lab(&mut self) {
        self.lab = None;
    }

    /// Waits until the world is as wanted.
    pub(crate) fn wait<T>(&mut self, what: &str, wanted: impl Fn(&World) -> Option<T>) -> T {
        let until = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = wanted(&self.world) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.updates.recv_timeout(left) {
                Ok(update) => self.world.take_in(update),
                Err(error) => panic!("waited in vain for {what} ({error}): {:#?}", self.world),
            }
        }
    }

    /// Takes in what was told and not looked at yet.
    #[allow(dead_code, reason = "each test binary uses a part of it")]
    pub(crate) fn take_in_news(&mut self) {
        self.updates.try_iter().for_each(|update| self.world.take_in(update));
    }

    /// Takes in the next news. `false`: there is none until then.
    #[allow(dead_code, reason = "each test binary uses a part of it")]
    pub(crate) fn take_in_next(&mut self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let news = self.updates.recv_timeout(left);
        news.map(|update| self.world.take_in(update)).is_ok()
    }

    /// Waits until the lab has begun all that it was told, and has told what happened to messages until then.
    pub(crate) fn sync(&mut self) {
        let id = self.send(Order::Refresh);
        self.answer(id).expect("whoever answers is asked");
    }

    /// Waits for the answer to a command.
    pub(crate) fn answer(&mut self, id: CommandId) -> Result<(), String> {
        self.wait("an answer", |world| world.answers.get(&id).cloned())
    }

    /// Asks the cluster.
    pub(crate) fn ask(&mut self, request: impl Into<ClientRequest>) -> CommandId {
        self.send(Order::Client(request.into()))
    }

    pub(crate) fn outcome(&mut self, id: CommandId) -> ClientOutcome {
        self.wait("an outcome", |world| world.outcomes.get(&id).cloned())
    }

    /// Stores a value, and says which node answered.
    pub(crate) fn put(&mut self, key: &str, value: &str) -> NodeId {
        let id = self.ask(put(key, value));
        match self.outcome(id) {
            ClientOutcome::Answered { node, body: ResponseBody::Done { answer: Answer::Stored, .. } } => node,
            other => panic!("put {key} {value}: {other:?}"),
        }
    }

    pub(crate) fn get(&mut self, key: &str) -> Option<String> {
        let id = self.ask(ClientOp::Read(Read::Get { key: key.to_owned().into() }));
        match self.outcome(id) {
            ClientOutcome::Answered {
                body: ResponseBody::Done { answer: Answer::Value(value), .. }, ..
            } => value.map(|value| String::from_utf8_lossy(&value).into_owned()),
            other => panic!("get {key}: {other:?}"),
        }
    }

    /// The nodes' logs from the first entry, fetched until they are equal and as long as the commit index.
    pub(crate) fn equal_logs(&mut self, nodes: &[NodeId]) -> Vec<LogLine> {
        let until = Instant::now() + DEADLINE;
        loop {
            self.world.logs.clear();
            for &node in nodes {
                self.send(Order::FetchLog { node, first: LogIndex(1), limit: 500 });
            }
            let count = nodes.len();
            let logs = self.wait("logs", |world| (world.logs.len() == count).then(|| world.logs.clone()));
            let first = &logs[&nodes[0]];
            if !first.is_empty() && logs.values().all(|log| log == first) {
                return first.clone();
            }
            assert!(Instant::now() < until, "the logs differ: {logs:#?}");
        }
    }
}

pub(crate) fn put(key: &str, value: &str) -> ClientOp {
    ClientOp::Write(Write::Put { key: key.to_owned().into(), value: value.to_owned().into() })
}

/// What a node says of itself at this moment, not through the lab: news there may be a moment late.
pub(crate) fn asked(world: &World, node: NodeId) -> NodeStatus {
    let address = world.addresses[&node].client.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = Client::new(std::slice::from_ref(&address), Options::default()).expect("an address");
        client.status(&address, DEADLINE).await.expect("a node that answers")
    })
}

/// Every directed pair between a node and the others.
pub(crate) fn around(node: NodeId, nodes: &[NodeId]) -> Vec<(NodeId, NodeId)> {
    nodes.iter().filter(|&&other| other != node).flat_map(|&other| [(node, other), (other, node)]).collect()
}

/// A node's status, of which it leaves nothing unknown.
fn told_in_full(view: &NodeView) -> NodeStatus {
    let json = serde_json::to_value(view).expect("it can be written");
    serde_json::from_value(json).expect("a node of raftdeck tells everything")
}

impl World {
    fn take_in(&mut self, update: Update) {
        self.known.fold(&update);
        let Update { what: update, .. } = update;
        let common = matches!(
            update,
            News::Status { .. } | News::Frames { .. } | News::Messages { .. } | News::Log { .. }
        );
        if !common {
            self.recent.push_back(format!("{update:?}"));
            let surplus = self.recent.len().saturating_sub(200);
            self.recent.drain(..surplus);
        }
        match update {
            News::Process { node, state } => {
                if let ProcessState::Failed { how, last_words } = &state {
                    self.failures.push((node, format!("{how}: {}", last_words.join(" | "))));
                }
                if !matches!(state, ProcessState::Running { .. } | ProcessState::Paused { .. }) {
                    self.statuses.remove(&node);
                    self.traces.remove(&node);
                    self.missed.remove(&node);
                }
                self.processes.insert(node, state);
            }
            News::Ready { node, addresses } => drop(self.addresses.insert(node, addresses)),
            News::Status { node, status } => drop(self.statuses.insert(node, told_in_full(&status))),
            News::Client { id, outcome, .. } => drop(self.outcomes.insert(id, outcome)),
            News::Log { node, lines } => drop(self.logs.insert(node, lines)),
            News::Frames { frames } => self.frames.extend(frames),
            News::Cluster { nodes, .. } => {
                self.statuses.retain(|node, _| nodes.contains(node));
                self.nodes = nodes;
            }
            News::Link { from, to, state } => drop(self.links.insert((from, to), state)),
            News::Messages { messages, .. } => {
                for message in messages {
                    if message.state == MessageState::Held {
                        self.held.insert(message.id, message);
                    } else {
                        self.held.remove(&message.id);
                        if message.state.is_over() {
                            self.over.insert(message.id, message.state);
                        }
                    }
                }
            }
            News::Done { id } => drop(self.answers.insert(id, Ok(()))),
            News::Change { node, step } => self.changes.push((node, step)),
            News::Workload(figures) => self.workload = Some(figures),
            News::Refused { id, reason } => {
                self.refusals.push(reason.clone());
                self.answers.insert(id, Err(reason));
            }
            News::Trouble { reason } => self.refusals.push(reason),
            News::Notice { node, notice } => self.notices.push((node, notice)),
            News::Trace { node, trace } => self.traces.entry(node).or_default().push(trace),
            News::Missed { node, count } => *self.missed.entry(node).or_default() += count,
            _ => {}
        }
    }

    pub(crate) fn is(&self, node: NodeId, role: Role) -> bool {
        self.statuses.get(&node).is_some_and(|status| status.raft.role == role)
    }

    pub(crate) fn term(&self, node: NodeId) -> Term {
        self.statuses.get(&node).map_or(Term(0), |status| status.raft.term)
    }

    /// The leader that this many nodes, and no other, are or follow in one term with equal commit indices.
    pub(crate) fn agreed(&self, count: usize) -> Option<NodeId> {
        let mut members = self.statuses.values().filter(|status| status.raft.leader.is_some());
        let first = &members.next()?.raft;
        let same = members
            .filter(|status| {
                let raft = &status.raft;
                (raft.leader, raft.term, raft.committed) == (first.leader, first.term, first.committed)
            })
            .count();
        let leader = first.leader?;
        let leaders = self.statuses.values().filter(|status| status.raft.role == Role::Leader).count();
        (same + 1 == count
            && leaders == 1
            && self.is(leader, Role::Leader)
            && first.committed > LogIndex::ZERO)
            .then_some(leader)
    }

    /// A node other than `old` that leads in a term above `term`.
    pub(crate) fn successor(&self, old: NodeId, term: Term) -> Option<NodeId> {
        let leads = |status: &NodeStatus| status.raft.role == Role::Leader && status.raft.term > term;
        self.statuses.iter().find(|(node, status)| **node != old && leads(status)).map(|(node, _)| *node)
    }

    pub(crate) fn pid(&self, node: NodeId) -> Option<u32> {
        self.processes.get(&node)?.pid()
    }
}

/// Whether a process is there, even as a zombie.
pub(crate) fn exists(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}
