//! The two vocabularies of the lab: what it tells and what it can be told.
//!
//! A screen knows nothing else of a cluster. Every value can be written down (`serde`), so a recording is the
//! stream of updates, and `raftdeck up --json` prints it.

use crate::rule::{ClusterTime, Disturbance, Fault, FaultId, MessageReport, Step, Which};
use raftdeck_protocol::{ClockRate, LogLine, NodeStatus, Notice, Read, RefusalReason, ResponseBody, Write};
use raftdeck_raft::{LogIndex, NodeId, Term, TraceEvent};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Something the lab tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Update {
    /// The lab's nodes, in order of id, and how they were set up. The first update, and again when a node was added
    /// or removed. Which of them belong to the cluster's configuration is theirs to say, in [`Update::Status`].
    Cluster {
        /// All nodes.
        nodes: Vec<NodeId>,
        /// Heartbeat interval in milliseconds.
        heartbeat_ms: u64,
        /// Least and greatest election timeout in milliseconds.
        election_ms: (u64, u64),
        /// Where the nodes' data is; `None`: in a temporary directory that goes with the lab.
        data_dir: Option<String>,
    },
    /// A node's process changed its state.
    Process {
        /// Which node.
        node: NodeId,
        /// What it is now.
        state: ProcessState,
    },
    /// A node is ready to serve, at these addresses.
    Ready {
        /// Which node.
        node: NodeId,
        /// Where it listens.
        addresses: NodeAddresses,
    },
    /// A node's own account of its state. A later one replaces an earlier one.
    Status {
        /// Which node.
        node: NodeId,
        /// Its state.
        status: Box<NodeStatus>,
    },
    /// A node reports something that a person has to do something about, or reports it with another text than before.
    Notice {
        /// Which node reports it.
        node: NodeId,
        /// What.
        notice: Notice,
    },
    /// A node does not report that any more. The end of its process ends all its reports too, and is told as
    /// [`Update::Process`].
    NoticeOver {
        /// Which node reported it.
        node: NodeId,
        /// What, as it was reported last.
        notice: Notice,
    },
    /// No connection comes about between two nodes, because one of them refuses the other; told by one of them, or by both.
    PeerRefused {
        /// Which node tells.
        node: NodeId,
        /// The other node.
        peer: NodeId,
        /// Why. The sentence says what to do.
        reason: RefusalReason,
    },
    /// A node does not report any more that it refuses this one or is refused by it.
    PeerAdmitted {
        /// Which node tells.
        node: NodeId,
        /// The other node.
        peer: NodeId,
    },
    /// Something happened at a node.
    Trace {
        /// Which node.
        node: NodeId,
        /// What.
        trace: TraceEvent,
    },
    /// Events of this node were lost because the lab was too slow.
    Missed {
        /// Which node.
        node: NodeId,
        /// How many.
        count: u64,
    },
    /// A link between two nodes was cut or healed.
    Link {
        /// The sender's side.
        from: NodeId,
        /// The receiver's side.
        to: NodeId,
        /// What it is now.
        state: LinkState,
    },
    /// Messages that passed the links since the last such update (gathered, at most 30 updates a second).
    Frames {
        /// One report for each link, kind and fate that occurred.
        frames: Vec<FrameReport>,
    },
    /// What came of [`Command::Client`].
    Client {
        /// As given in the command.
        id: u64,
        /// What was asked.
        op: ClientOp,
        /// What came of it.
        outcome: ClientOutcome,
        /// How long it took.
        took: Duration,
    },
    /// What came of [`Command::FetchLog`]; empty when the node could not be asked.
    Log {
        /// Which node.
        node: NodeId,
        /// Its entries, in order of index.
        lines: Vec<LogLine>,
    },
    /// A line that a node wrote to its log (standard error).
    Output {
        /// Which node.
        node: NodeId,
        /// How grave.
        level: LogLevel,
        /// The line, without its time stamp and level where these were recognised.
        line: String,
    },
    /// How a change goes that was asked for with [`Command::AddNode`], [`Command::RemoveNode`],
    /// [`Command::ReplaceNode`] or [`Command::Transfer`].
    Change {
        /// The node that is added, removed, replaced or handed the leadership.
        node: NodeId,
        /// How far it is.
        step: ChangeStep,
    },
    /// The figures of the steady workload; while it runs, at most four times a second.
    Workload(WorkloadFigures),
    /// Cluster time passes at another rate than before, or stands still where a step ended.
    Time(ClusterTime),
    /// Messages on the links: each when it is new there and when it changed its state since the last such update
    /// (gathered, at most 30 updates a second). Several changes between two updates are one.
    Messages {
        /// In order of their names.
        messages: Vec<MessageReport>,
        /// How many more there were than are shown here.
        skipped: u64,
    },
    /// Everything that is in force and can be undone, oldest first; whenever it changed.
    InForce {
        /// All of it.
        faults: Vec<Fault>,
    },
    /// What came of [`Command::Sync`]: everything that became of messages before it has been told.
    Synced(u64),
    /// A command could not be carried out: what, and why.
    Refused {
        /// A sentence for a person.
        reason: String,
    },
}

/// How far a change of the cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeStep {
    /// A new process is started, which nobody knows yet.
    Starting,
    /// It is ready, and the leader is asked to take it in as a learner.
    Joining,
    /// It is a learner and catches up; the leader is asked to make it a voter.
    Promoting,
    /// It is a voter. The end of an addition, and of a replacement.
    Joined,
    /// It came back with an empty disk, and the leader is asked to remove it with its old one. Then it joins, as one that is added.
    Replacing,
    /// The leader is asked to remove it.
    Leaving,
    /// It is not a member any more, its process has ended and its data is gone. The end of a removal.
    Left,
    /// The leader is asked to hand over to it.
    HandingOver,
    /// It leads. The end of a transfer.
    HandedOver,
    /// It was given up; an [`Update::Refused`] says why.
    GivenUp,
}

impl ChangeStep {
    /// Whether nothing follows.
    #[must_use]
    pub fn is_last(self) -> bool {
        matches!(self, Self::Joined | Self::Left | Self::HandedOver | Self::GivenUp)
    }
}

/// What came of the steady workload's writes since it was switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadFigures {
    /// Whether it is on.
    pub running: bool,
    /// Writes acknowledged in the last second.
    pub per_second: u64,
    /// Writes acknowledged.
    pub acknowledged: u64,
    /// Writes that certainly did not happen.
    pub failed: u64,
    /// Writes of which nobody knows whether they happened.
    pub unknown: u64,
    /// The time since the last acknowledgement, in milliseconds.
    pub gap_ms: u64,
    /// The longest time without an acknowledgement, in milliseconds, the present one included.
    pub longest_gap_ms: u64,
}

/// A node's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "process", rename_all = "snake_case")]
pub enum ProcessState {
    /// Started, not ready yet.
    Starting {
        /// Its process id.
        pid: u32,
    },
    /// Serving.
    Running {
        /// Its process id.
        pid: u32,
    },
    /// Stopped by SIGSTOP.
    Paused {
        /// Its process id.
        pid: u32,
    },
    /// Killed on request.
    Killed,
    /// Ended in an orderly way on request.
    Stopped,
    /// Ended by itself, or never started.
    Failed {
        /// How: exit status or signal, in words.
        how: String,
        /// The last lines it wrote, oldest first, without their levels.
        last_words: Vec<String>,
    },
}

impl ProcessState {
    /// Whether there is no process.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Killed | Self::Stopped | Self::Failed { .. })
    }
}

/// Where a node listens, each `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddresses {
    /// For its peers.
    pub raft: String,
    /// For clients.
    pub client: String,
    /// For HTTP.
    pub http: String,
}

/// Whether a link carries messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It does.
    Open,
    /// All of them are lost.
    Cut,
}

/// What passed one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameReport {
    /// Who sent.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// The newest such message's kind: `AppendEntries`, `RequestVote`, … as the paper calls it; an AppendEntries
    /// without entries is `Heartbeat`.
    pub kind: FrameKind,
    /// The newest such message's term.
    pub term: Term,
    /// For an AppendEntries, the newest such message's last index; for a successful answer, the matched index.
    pub index: Option<LogIndex>,
    /// For an answer: whether it says yes.
    pub granted: Option<bool>,
    /// What became of them.
    pub fate: FrameFate,
    /// How many such messages.
    pub count: u64,
    /// How many entries they carried in all.
    pub entries: u64,
}

/// A message's kind, as people tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FrameKind {
    /// "Would you vote for me?"
    PreVote,
    /// The answer.
    PreVoteReply,
    /// "Vote for me."
    RequestVote,
    /// The answer.
    VoteReply,
    /// AppendEntries without entries.
    Heartbeat,
    /// AppendEntries with entries.
    AppendEntries,
    /// The answer to both.
    AppendReply,
    /// "Campaign now": the leadership is handed over.
    TimeoutNow,
    /// A piece of a snapshot.
    InstallSnapshot,
    /// The answer.
    SnapshotReply,
    /// "My disk is stalled", instead of the answer to a heartbeat.
    DiskStalled,
}

/// What became of a message on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameFate {
    /// Handed to the receiver.
    Delivered,
    /// Lost on a cut link.
    Lost,
}

/// How grave a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something broke.
    Error,
    /// Something is odd.
    Warn,
    /// Something worth knowing happened.
    Info,
    /// For those who look for a mistake.
    Debug,
    /// Everything.
    Trace,
}

/// What a person at the deck may ask of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientOp {
    /// Change something.
    Write(Write),
    /// Ask something.
    Read(Read),
}

/// What came of a [`ClientOp`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientOutcome {
    /// The cluster answered.
    Answered {
        /// Which node.
        node: NodeId,
        /// What: `Done` or `Failed`.
        body: ResponseBody,
    },
    /// It did not: no leader was found in time, or the connection broke. A sentence that says so, and whether a
    /// write may have happened.
    Failed {
        /// The sentence.
        reason: String,
    },
}

/// Something the lab can be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// SIGKILL the node's process.
    Kill(NodeId),
    /// Start it again with its data kept. Kills it first if it runs.
    Restart(NodeId),
    /// SIGSTOP.
    Pause(NodeId),
    /// SIGCONT.
    Resume(NodeId),
    /// Cut these directed links, `(from, to)`.
    Cut(Vec<(NodeId, NodeId)>),
    /// Heal these directed links.
    Mend(Vec<(NodeId, NodeId)>),
    /// Heal every link and resume every paused process.
    Heal,
    /// Do this in the store; the outcome comes as [`Update::Client`] with the same id.
    Client {
        /// Returned with the outcome.
        id: u64,
        /// What to do.
        op: ClientOp,
    },
    /// Hand this write to this node, once and outside of any session: as the leader it appends one entry for it, and else it
    /// refuses. The outcome comes as [`Update::Client`] with id 0.
    Propose(NodeId, Write),
    /// Ask a node for entries of its log; they come as [`Update::Log`].
    FetchLog {
        /// Which node.
        node: NodeId,
        /// The first index.
        first: LogIndex,
        /// At most this many.
        limit: u32,
    },
    /// Start one more node, with the next id, and make it a voter: a new process that joins as a learner, catches up
    /// and is promoted. How it goes comes as [`Update::Change`].
    AddNode,
    /// Take a node out of the cluster, end its process and wipe its data: its id is not used again. It may be down.
    /// How it goes comes as [`Update::Change`].
    RemoveNode(NodeId),
    /// Take a node that came back with an empty disk out of the cluster and in again as a learner with its new disk, and promote it
    /// when it has caught up. How it goes comes as [`Update::Change`].
    ReplaceNode(NodeId),
    /// Have the leader hand over to this node (thesis §3.10). How it goes comes as [`Update::Change`].
    Transfer(NodeId),
    /// Have this node campaign at once, whoever leads. All nodes forgo leases first, for good.
    Campaign(NodeId),
    /// Switch a steady workload of small writes on or off; its figures come as [`Update::Workload`].
    Workload(bool),
    /// SIGTERM: the node ends in an orderly way.
    Stop(NodeId),
    /// Pause and resume the node's process again and again, so that it stands still for so many percent of the time; 0: no more.
    Slow(NodeId, u8),
    /// Kill the node if it runs, wipe its data, and start it again: it comes back on another disk, does not vote, and has to be
    /// replaced.
    Wipe(NodeId),
    /// The same, but the disk keeps its identity, as in a system without identities: the node has forgotten its votes and its log,
    /// and nobody notices. Unsafe: for lessons.
    WipeUnsafe(NodeId),
    /// Let the node write only so many bytes more to each of its files, until that is undone (Linux).
    FillDisk(NodeId, u64),
    /// Take so many bytes from the end of a stopped node's log, as if they had never been synced.
    LoseTail(NodeId, u64),
    /// Make something undoable in force: rules, a watch, timers, the place of the deck's own client.
    Disturb(Disturbance),
    /// Undo what has this name, or what came into force last.
    Undo(Option<FaultId>),
    /// Let held messages go on, or any messages that are under way arrive at once.
    Release(Which),
    /// Lose messages that are held or under way.
    Drop(Which),
    /// Cluster time passes at this rate from now on.
    SetRate(ClockRate),
    /// Go on a little, then stand still.
    Step(Step),
    /// From now on the rules that leave things to chance decide by this seed.
    Seed(u64),
    /// Tell at once what became of messages, and then [`Update::Synced`] with this number.
    Sync(u64),
}
