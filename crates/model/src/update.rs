//! What a source reports.

use crate::client::{ClientOutcome, ClientRequest};
use crate::command::CommandId;
use crate::known::Known;
use crate::message::{FrameReport, LinkState, MessageReport};
use crate::rule::Fault;
use crate::view::NodeView;
use crate::workload::WorkloadFigures;
use raftdeck_protocol::{ClockRate, LogLine, Notice, RefusalReason};
use raftdeck_raft::{NodeId, TraceEvent};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most nodes that a source has.
pub const MAX_NODES: u8 = 15;

/// Something a source reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// When it was reported, in cluster time.
    pub at: Duration,
    /// Counts up by one from 1, so that a gap shows that something was lost on the way.
    pub seq: u64,
    /// What is reported.
    pub what: News,
}

/// What is reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum News {
    /// The lab's nodes, in order of id, and how they were set up. The first update, and sent again when a node was added or removed.
    /// [`News::Status`] shows which of them belong to the cluster's configuration.
    Cluster {
        /// All nodes.
        nodes: Vec<NodeId>,
        /// Heartbeat interval in milliseconds.
        heartbeat_ms: u64,
        /// Least and greatest election timeout in milliseconds.
        election_ms: (u64, u64),
        /// Where the nodes' data is; `None`: in a temporary directory that is removed with the cluster. Unknown if something else runs the
        /// nodes.
        #[serde(default, skip_serializing_if = "Known::is_unknown")]
        data_dir: Known<Option<String>>,
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
    /// A node's state, by its own account or as far as the source knows it. A later one replaces an earlier one.
    Status {
        /// Which node.
        node: NodeId,
        /// Its state.
        status: Box<NodeView>,
    },
    /// A node reports a condition that needs an operator, or reports it with a changed text.
    Notice {
        /// Which node reports it.
        node: NodeId,
        /// What.
        notice: Notice,
    },
    /// A node no longer reports that. The end of its process ends all its reports too, and is reported as [`News::Process`].
    NoticeOver {
        /// Which node reported it.
        node: NodeId,
        /// The condition, as it was reported last.
        notice: Notice,
    },
    /// There is no connection between two nodes, because one of them refuses the other; reported by one of them, or
    /// by both.
    PeerRefused {
        /// The node that reports it.
        node: NodeId,
        /// The other node.
        peer: NodeId,
        /// Why. The sentence says what to do.
        reason: RefusalReason,
    },
    /// A node no longer reports that it refuses this one or is refused by it.
    PeerAdmitted {
        /// The node that reports it.
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
    /// The outcome of [`Order::Client`](crate::Order::Client) or [`Order::Propose`](crate::Order::Propose).
    Client {
        /// The command.
        id: CommandId,
        /// The request: what was asked, by which client, of which node.
        #[serde(flatten)]
        request: ClientRequest,
        /// Its outcome.
        outcome: ClientOutcome,
        /// How long it took.
        took: Duration,
    },
    /// The outcome of [`Order::FetchLog`](crate::Order::FetchLog).
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
        /// Its level.
        level: LogLevel,
        /// The line, without its time stamp and level where these were recognised.
        line: String,
    },
    /// The progress of a change that was requested with [`Order::AddNode`](crate::Order::AddNode),
    /// [`Order::AddLearner`](crate::Order::AddLearner), [`Order::Promote`](crate::Order::Promote),
    /// [`Order::RemoveNode`](crate::Order::RemoveNode), [`Order::ReplaceNode`](crate::Order::ReplaceNode) or
    /// [`Order::Transfer`](crate::Order::Transfer).
    Change {
        /// The node that is added, promoted, removed, replaced or handed the leadership.
        node: NodeId,
        /// How far it is.
        step: ChangeStep,
    },
    /// The figures of the steady workload; while it runs, at most four times a second.
    Workload(WorkloadFigures),
    /// Cluster time passes at a new rate, or was frozen at the end of a step.
    Time(ClusterTime),
    /// Messages on the links: each one that is new or has changed its state since the last such update (gathered, at most 30 updates
    /// a second). Several changes between two updates are reported as one.
    Messages {
        /// In order of their names.
        messages: Vec<MessageReport>,
        /// How many more there were that are not listed here.
        skipped: u64,
    },
    /// Everything that is in force and can be undone, oldest first; sent whenever it changes.
    InForce {
        /// All of it.
        faults: Vec<Fault>,
    },
    /// A command is carried out: its effect is in force, and was reported before this.
    Done {
        /// Which command.
        id: CommandId,
    },
    /// A command is not carried out, or not completely.
    Refused {
        /// Which command.
        id: CommandId,
        /// A sentence for a person.
        reason: String,
    },
    /// An error that no command caused.
    Trouble {
        /// A sentence for a person.
        reason: String,
    },
}

/// The progress of a change of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeStep {
    /// A new process is started, which the cluster does not know yet.
    Starting,
    /// It is ready, and the leader is asked to add it as a learner.
    Joining,
    /// It is a learner and is catching up; the leader is asked to make it a voter.
    Promoting,
    /// It is a voter. The end of an addition, of a promotion, and of a replacement.
    Joined,
    /// It came back with an empty disk, and the leader is asked to remove it with its old one. Then it joins like an added node.
    Replacing,
    /// The leader is asked to remove it.
    Leaving,
    /// It is no longer a member, its process has ended and its data is gone. The end of a removal.
    Left,
    /// The leader is asked to transfer the leadership to it.
    HandingOver,
    /// It leads. The end of a transfer.
    HandedOver,
    /// It was given up; an [`News::Refused`] says why.
    GivenUp,
    /// It is a learner and stays one. The end of an addition as a learner.
    Learning,
}

impl ChangeStep {
    /// Whether this is the last step.
    #[must_use]
    pub fn is_last(self) -> bool {
        matches!(self, Self::Joined | Self::Learning | Self::Left | Self::HandedOver | Self::GivenUp)
    }
}

/// A node's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "process", rename_all = "snake_case")]
pub enum ProcessState {
    /// Started, not ready yet.
    Starting {
        /// Its process id; `None`: it has none (a simulated node), or the source does not know it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
    },
    /// Serving.
    Running {
        /// Its process id; `None`: it has none (a simulated node), or the source does not know it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
    },
    /// Stopped by SIGSTOP.
    Paused {
        /// Its process id; `None`: it has none (a simulated node), or the source does not know it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
    },
    /// Killed on request.
    Killed,
    /// Ended in an orderly way on request.
    Stopped,
    /// Ended without a request, or never started.
    Failed {
        /// How: exit status or signal, in words.
        how: String,
        /// The last lines it wrote, oldest first, without their levels.
        last_words: Vec<String>,
    },
    /// Whether there is a process is not known: the node does not answer.
    Unreachable {
        /// Why, as far as that is known.
        why: String,
    },
}

impl ProcessState {
    /// Its process id, if it has one that is known.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self {
            Self::Starting { pid } | Self::Running { pid } | Self::Paused { pid } => *pid,
            Self::Killed | Self::Stopped | Self::Failed { .. } | Self::Unreachable { .. } => None,
        }
    }

    /// Whether there is no process.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(self, Self::Killed | Self::Stopped | Self::Failed { .. })
    }
}

/// Where a node listens, each `HOST:PORT`; empty: unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddresses {
    /// For its peers.
    pub raft: String,
    /// For clients.
    pub client: String,
    /// For HTTP.
    pub http: String,
}

/// The level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something broke.
    Error,
    /// Something is unusual.
    Warn,
    /// Something worth knowing happened.
    Info,
    /// For debugging.
    Debug,
    /// Everything.
    Trace,
}

/// The rate of cluster time, and the present time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterTime {
    /// How fast it passes.
    pub rate: ClockRate,
    /// The present time: since the lab started.
    pub now: Duration,
}

impl ClusterTime {
    /// The cluster time this much real time later, if the rate stays as it is.
    #[must_use]
    pub fn after(self, real: Duration) -> Duration {
        self.now.saturating_add(self.rate.passes_in(real))
    }

    /// How much real time it takes until this cluster time, if the rate stays as it is; `None`: time is frozen.
    #[must_use]
    pub fn until(self, time: Duration) -> Option<Duration> {
        self.rate.takes(time.saturating_sub(self.now))
    }
}
