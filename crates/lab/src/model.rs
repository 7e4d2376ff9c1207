//! The two vocabularies of the lab: what it tells and what it can be told.
//!
//! A screen knows nothing else of a cluster. Every value can be written down (`serde`), so a recording is the
//! stream of updates, and `raftdeck up --json` prints it.

use raftdeck_protocol::{LogLine, NodeStatus, Read, ResponseBody, Write};
use raftdeck_raft::{LogIndex, NodeId, Term, TraceEvent};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Something the lab tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Update {
    /// The cluster's members, in order of id, and how it was set up. The first update, and again when it changes.
    Cluster {
        /// All members.
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
    /// A command could not be carried out: what, and why.
    Refused {
        /// A sentence for a person.
        reason: String,
    },
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
    /// Ended by itself, or never started.
    Failed {
        /// How: exit status or signal, in words.
        how: String,
        /// The last lines it wrote, oldest first, without their levels.
        last_words: Vec<String>,
    },
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
    /// Ask a node for entries of its log; they come as [`Update::Log`].
    FetchLog {
        /// Which node.
        node: NodeId,
        /// The first index.
        first: LogIndex,
        /// At most this many.
        limit: u32,
    },
}
