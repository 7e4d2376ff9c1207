//! What clients ask and what nodes answer. Many requests may be under way on one connection; `id` matches them.

use crate::kv::{Answer, LimitError, Read, Write};
use crate::telemetry::{NodeStatus, Telemetry};
use raftdeck_raft::{LogId, NodeId, Payload};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A client's question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the client, returned in the answer.
    pub id: u64,
    /// What it asks.
    pub body: RequestBody,
}

/// What a client may ask. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestBody {
    /// Change something. Answered when committed and applied.
    Write(Write),
    /// A linearizable read (ReadIndex, thesis §6.4).
    Read(Read),
    /// The node's own state. Any node answers.
    Status,
    /// The node's own log, committed or not. Any node answers.
    Log {
        /// The first index.
        first: u64,
        /// At most this many entries, at most [`MAX_LOG_LINES`].
        limit: u32,
    },
    /// From now on send telemetry on this connection, as responses with this request's id.
    Subscribe,
}

/// The most entries one [`RequestBody::Log`] returns.
pub const MAX_LOG_LINES: u32 = 512;

/// A node's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The request's id.
    pub id: u64,
    /// What it says.
    pub body: ResponseBody,
}

/// What a node may answer. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseBody {
    /// A write or read was carried out.
    Done {
        /// What came of it.
        answer: Answer,
        /// For a write its entry; for a read the newest entry that the answer includes.
        at: LogId,
    },
    /// It was not, or nobody knows.
    Failed(Failure),
    /// To [`RequestBody::Status`].
    Status(Box<NodeStatus>),
    /// To [`RequestBody::Log`]: entries in order of index.
    Log(Vec<LogLine>),
    /// To [`RequestBody::Subscribe`], again and again.
    Telemetry(Box<Telemetry>),
}

/// One entry of a node's log, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The entry's id.
    pub id: LogId,
    /// What it carries, as text (see [`describe`]).
    pub text: String,
}

/// An entry's payload as text: `no-op`, `put color blue`, or `? (N bytes)` for what cannot be read.
#[must_use]
pub fn describe(payload: &Payload) -> String {
    match payload {
        Payload::Noop => "no-op".to_owned(),
        Payload::Command(bytes) => crate::frame::decode::<Write>("command", bytes)
            .map_or_else(|_| format!("? ({} bytes)", bytes.len()), |write| write.to_string()),
    }
}

/// Why a request was not carried out. Says whether a write may have happened: only [`Failure::Unknown`] leaves
/// it open; all others mean that this attempt changed nothing and never will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// Ask the leader.
    NotLeader {
        /// Who that is, if known.
        leader: Option<NodeId>,
        /// Its client address, if known.
        address: Option<String>,
    },
    /// Leadership was lost, or time ran out, while the write was under way: it may still happen, or not.
    Unknown,
    /// Too much is waiting already; try again later.
    Busy,
    /// Outside the limits; do not try again.
    Limit(LimitError),
    /// The node is shutting down.
    Stopping,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader { leader: Some(leader), .. } => {
                write!(f, "this node is not the leader, {leader} is")
            }
            Self::NotLeader { leader: None, .. } => {
                write!(f, "this node is not the leader and knows none")
            }
            Self::Unknown => write!(
                f,
                "the leader changed or time ran out while the write was under way: it may have happened, read the key to find out"
            ),
            Self::Busy => write!(f, "busy: too many writes are waiting, try again"),
            Self::Limit(limit) => limit.fmt(f),
            Self::Stopping => write!(f, "the node is shutting down"),
        }
    }
}
