//! The telemetry of a node.

use crate::handshake::RefusalReason;
use crate::rate::ClockRate;
use raftdeck_raft::{ClusterId, Incarnation, NodeId, Status, TraceEvent};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A node's state at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    /// The consensus core's part.
    pub raft: Status,
    /// How many keys the state machine holds.
    pub keys: u64,
    /// A hash over the state machine's content: equal applied indices must have equal hashes.
    pub state_hash: u64,
    /// The time since the node started, in microseconds of its own clock.
    pub uptime_micros: u64,
    /// The newest fsync's duration in microseconds.
    pub fsync_micros: u64,
    /// How many client sessions are open.
    pub sessions: u64,
    /// The rate of its clock.
    pub clock_rate: ClockRate,
    /// The time until the consensus core's next timer fires, in microseconds of the node's own clock.
    pub next_timer_micros: u64,
    /// How many times it has made its log durable since it started: one write and one sync each.
    pub fsyncs: u64,
    /// The nodes that this one refuses, or is refused by, at the moment; by id.
    pub refused: Vec<RefusedPeer>,
    /// The node's data directory; `None`: it does not tell.
    pub incarnation: Option<Incarnation>,
    /// The cluster that it belongs to, once it knows that.
    pub cluster: Option<ClusterId>,
    /// Where other nodes reach this one; empty: it does not tell.
    pub address: String,
    /// Conditions that need an operator; at most [`NodeStatus::MAX_NOTICES`].
    pub notices: Vec<Notice>,
}

impl NodeStatus {
    /// The same without what changes by the mere passing of time, or with every heartbeat.
    #[must_use]
    pub fn without_ages(&self) -> Self {
        let mut status = self.clone();
        status.uptime_micros = 0;
        status.next_timer_micros = 0;
        status.raft.election_timeout = Duration::ZERO;
        status.raft.election_remaining = Duration::ZERO;
        status.raft.heartbeat_age = None;
        status.raft.disk_wait = None;
        // Whether there is a lease matters, not how long it is at the moment.
        status.raft.lease = if status.raft.lease.is_zero() { Duration::ZERO } else { Duration::MAX };
        for peer in &mut status.raft.peers {
            peer.last_heard = None;
            peer.disk_stalled = peer.disk_stalled.map(|_| Duration::ZERO);
        }
        status
    }
}

impl From<Status> for NodeStatus {
    /// Of a member that tells nothing else: an empty state machine, and a clock that keeps real time.
    fn from(raft: Status) -> Self {
        Self {
            raft,
            keys: 0,
            state_hash: 0,
            uptime_micros: 0,
            fsync_micros: 0,
            sessions: 0,
            clock_rate: ClockRate::REAL,
            next_timer_micros: 0,
            fsyncs: 0,
            refused: Vec::new(),
            incarnation: None,
            cluster: None,
            address: String::new(),
            notices: Vec::new(),
        }
    }
}

/// A node without a connection to this one, because one of the two sides refuses the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedPeer {
    /// Which node, as it says itself.
    pub id: NodeId,
    /// Why. The sentence says what to do.
    pub reason: RefusalReason,
    /// Since when, in milliseconds since 1970.
    pub since_unix_ms: u64,
}

/// A condition that needs an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The node that it concerns.
    pub about: NodeId,
    /// What it is.
    pub kind: NoticeKind,
    /// A sentence that says what is wrong and what to do.
    pub text: String,
}

/// The subject of a [`Notice`]. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoticeKind {
    /// The cluster is not founded yet, or this node cannot take part in it.
    Founding,
    /// A member is back with another disk than the membership lists.
    EmptyDisk {
        /// The disk that it has now.
        disk: Incarnation,
        /// Where it is reached.
        address: String,
    },
    /// This node is no longer a member of the cluster.
    Removed,
}

/// One telemetry frame. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Telemetry {
    /// The state; sent when it changed, at most 30 times a second. A later one replaces an earlier one.
    Status(Box<NodeStatus>),
    /// Something happened.
    Event {
        /// Counts up by one from 1, so that a gap shows what the subscriber missed: earlier events, unless it was the
        /// first one and subscribed soon after the start.
        seq: u64,
        /// When, in microseconds of the node's own clock.
        at_micros: u64,
        /// What.
        event: TraceEvent,
    },
    /// The subscriber was too slow: this many events were left out here.
    Missed {
        /// How many.
        count: u64,
    },
}

impl NodeStatus {
    /// The most status frames a second.
    pub const MAX_PER_SECOND: u32 = 30;

    /// The most notices.
    pub const MAX_NOTICES: usize = 16;
}
