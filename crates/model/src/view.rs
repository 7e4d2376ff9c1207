//! A node as its source knows it.
//!
//! raftdeck's own nodes report all of it ([`NodeStatus`]). What another engine or a remote cluster does not report is
//! [`Known::Unknown`], and the screen, scripts and verdicts say so. A source that does not even know a node's term and role reports
//! no view of it.

use crate::known::Known;
use raftdeck_protocol::{ClockRate, NodeStatus, Notice, RefusedPeer};
use raftdeck_raft::{
    ClusterId, Incarnation, LogId, LogIndex, Membership, NodeId, PeerStatus, ReplicationState, Role,
    SnapshotRefusal, Status, Term, TermRun, Tuning,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A node's state at one moment, as far as its source knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeView {
    /// The consensus core's part.
    pub raft: RaftView,
    /// How many keys the state machine holds.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub keys: Known<u64>,
    /// A hash over the state machine's content: equal applied indices must have equal hashes.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub state_hash: Known<u64>,
    /// The time since the node started, in microseconds of its own clock.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub uptime_micros: Known<u64>,
    /// The newest fsync's duration in microseconds.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub fsync_micros: Known<u64>,
    /// How many client sessions are open.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub sessions: Known<u64>,
    /// The rate of its clock.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub clock_rate: Known<ClockRate>,
    /// The time until the consensus core's next timer goes off, in microseconds of the node's own clock.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub next_timer_micros: Known<u64>,
    /// How many times it has made its log durable since it started: one write and one sync each.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub fsyncs: Known<u64>,
    /// The nodes that this one refuses, or is refused by, at the moment; by id.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub refused: Known<Vec<RefusedPeer>>,
    /// The node's data directory; `None`: it reports none.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub incarnation: Known<Option<Incarnation>>,
    /// The cluster that it belongs to, once it knows that.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub cluster: Known<Option<ClusterId>>,
    /// Where other nodes reach this one; empty: it reports none.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub address: Known<String>,
    /// Conditions that need an operator; at most [`NodeStatus::MAX_NOTICES`].
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub notices: Known<Vec<Notice>>,
}

/// What is known of a node's consensus core.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaftView {
    /// The node that this is about.
    pub id: NodeId,
    /// Its term.
    pub term: Term,
    /// Its role.
    pub role: Role,
    /// Its vote in this term.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub vote: Known<Option<NodeId>>,
    /// The leader as it knows it.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub leader: Known<Option<NodeId>>,
    /// The last entry of its log.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub last: Known<LogId>,
    /// Its log is on its disk through here.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub durable: Known<LogIndex>,
    /// How long its disk has not finished a write that is waiting; `None`: no write waits.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub disk_wait: Known<Option<Duration>>,
    /// Whether that is too long for it to lead or to campaign.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub disk_stalled: Known<bool>,
    /// The commit index as it knows it.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub committed: Known<LogIndex>,
    /// Applied to its state machine through here.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub applied: Known<LogIndex>,
    /// The membership in force, which may not be committed yet.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub membership: Known<Membership>,
    /// Its index in the log; 0: it is the one that the cluster was started with.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub membership_index: Known<LogIndex>,
    /// The last entry that its newest snapshot includes; the zero id: it has none.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub snapshot: Known<LogId>,
    /// The log starts after this index.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub purged: Known<LogIndex>,
    /// The settings that can be changed while it runs.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub tuning: Known<Tuning>,
    /// As a leader: the node it is handing over to (thesis §3.10).
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub transfer: Known<Option<NodeId>>,
    /// As a leader: how long it may still serve reads by its lease (thesis §6.4.1); zero without a lease.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub lease: Known<Duration>,
    /// The randomised timeout it drew last.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub election_timeout: Known<Duration>,
    /// The time until it fires: its election timer, or as a leader its CheckQuorum check.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub election_remaining: Known<Duration>,
    /// The time since its leader was last heard from; for a leader, zero; `None` if it knows no leader.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub heartbeat_age: Known<Option<Duration>>,
    /// Whether it has a majority: a leader that heard from a majority within an election timeout, or a follower that heard from its
    /// leader within one.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub has_quorum: Known<bool>,
    /// As a candidate or pre-candidate: the voters that answered, and whether they granted the vote.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub votes: Known<Vec<(NodeId, bool)>>,
    /// As a leader: its followers, in order of id.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub peers: Known<Vec<PeerView>>,
    /// The newest runs of equal terms in its log, oldest first (at most [`Status::MAX_TERM_RUNS`](raftdeck_raft::Status::MAX_TERM_RUNS)).
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub term_runs: Known<Vec<TermRun>>,
}

/// A follower as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerView {
    /// The node.
    pub id: NodeId,
    /// The highest index known to be on its disk and equal to the leader's.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub matched: Known<LogIndex>,
    /// The next index to send.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub next: Known<LogIndex>,
    /// How entries are sent to it.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub state: Known<ReplicationState>,
    /// The time since it last answered in this term; `None` if it has not.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub last_heard: Known<Option<Duration>>,
    /// In the state Snapshot: how many bytes of it are sent and acknowledged, and its size.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub snapshot: Known<Option<(u64, u64)>>,
    /// Its disk is stalled, by its own report: how long it has not finished a write.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub disk_stalled: Known<Option<Duration>>,
    /// The data directory that it last answered from.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub incarnation: Known<Option<Incarnation>>,
    /// It has lost a part of what it confirmed up to this index, and does not count until it has that again.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub owes: Known<Option<LogIndex>>,
    /// It refused the snapshot it was sent, and waits for a newer one.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub refused_snapshot: Known<Option<SnapshotRefusal>>,
}

impl PeerView {
    /// A follower of which nothing else is known.
    #[must_use]
    pub fn new(id: NodeId) -> Self {
        Self {
            id,
            matched: Known::Unknown,
            next: Known::Unknown,
            state: Known::Unknown,
            last_heard: Known::Unknown,
            snapshot: Known::Unknown,
            disk_stalled: Known::Unknown,
            incarnation: Known::Unknown,
            owes: Known::Unknown,
            refused_snapshot: Known::Unknown,
        }
    }
}

impl NodeView {
    /// Of a node of which nothing else is known.
    #[must_use]
    pub fn new(raft: RaftView) -> Self {
        Self {
            raft,
            keys: Known::Unknown,
            state_hash: Known::Unknown,
            uptime_micros: Known::Unknown,
            fsync_micros: Known::Unknown,
            sessions: Known::Unknown,
            clock_rate: Known::Unknown,
            next_timer_micros: Known::Unknown,
            fsyncs: Known::Unknown,
            refused: Known::Unknown,
            incarnation: Known::Unknown,
            cluster: Known::Unknown,
            address: Known::Unknown,
            notices: Known::Unknown,
        }
    }
}

impl RaftView {
    /// Of a node of which nothing else is known.
    #[must_use]
    pub fn new(id: NodeId, term: Term, role: Role) -> Self {
        Self {
            id,
            term,
            role,
            vote: Known::Unknown,
            leader: Known::Unknown,
            last: Known::Unknown,
            durable: Known::Unknown,
            disk_wait: Known::Unknown,
            disk_stalled: Known::Unknown,
            committed: Known::Unknown,
            applied: Known::Unknown,
            membership: Known::Unknown,
            membership_index: Known::Unknown,
            snapshot: Known::Unknown,
            purged: Known::Unknown,
            tuning: Known::Unknown,
            transfer: Known::Unknown,
            lease: Known::Unknown,
            election_timeout: Known::Unknown,
            election_remaining: Known::Unknown,
            heartbeat_age: Known::Unknown,
            has_quorum: Known::Unknown,
            votes: Known::Unknown,
            peers: Known::Unknown,
            term_runs: Known::Unknown,
        }
    }

    /// Whether it is known to have no majority. A leader of which nothing else is known counts as having one.
    #[must_use]
    pub fn lacks_quorum(&self) -> bool {
        self.has_quorum == false
    }

    /// The index of the last entry of its log, if it is known.
    #[must_use]
    pub fn last_index(&self) -> Option<LogIndex> {
        self.last.get().map(|last| last.index)
    }

    /// The term of the entry at an index of its log, as far as it is known.
    #[must_use]
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        let runs = self.term_runs.items();
        runs.iter().rev().find(|run| run.first <= index && index <= run.last).map(|run| run.term)
    }
}

impl From<NodeStatus> for NodeView {
    fn from(status: NodeStatus) -> Self {
        let NodeStatus {
            raft,
            keys,
            state_hash,
            uptime_micros,
            fsync_micros,
            sessions,
            clock_rate,
            next_timer_micros,
            fsyncs,
            refused,
            incarnation,
            cluster,
            address,
            notices,
        } = status;
        Self {
            raft: raft.into(),
            keys: Known::Is(keys),
            state_hash: Known::Is(state_hash),
            uptime_micros: Known::Is(uptime_micros),
            fsync_micros: Known::Is(fsync_micros),
            sessions: Known::Is(sessions),
            clock_rate: Known::Is(clock_rate),
            next_timer_micros: Known::Is(next_timer_micros),
            fsyncs: Known::Is(fsyncs),
            refused: Known::Is(refused),
            incarnation: Known::Is(incarnation),
            cluster: Known::Is(cluster),
            address: Known::Is(address),
            notices: Known::Is(notices),
        }
    }
}

impl From<Status> for RaftView {
    fn from(status: Status) -> Self {
        let Status {
            id,
            term,
            role,
            vote,
            leader,
            last,
            durable,
            disk_wait,
            disk_stalled,
            committed,
            applied,
            membership,
            membership_index,
            snapshot,
            purged,
            tuning,
            transfer,
            lease,
            election_timeout,
            election_remaining,
            heartbeat_age,
            has_quorum,
            votes,
            peers,
            term_runs,
        } = status;
        Self {
            id,
            term,
            role,
            vote: Known::Is(vote),
            leader: Known::Is(leader),
            last: Known::Is(last),
            durable: Known::Is(durable),
            disk_wait: Known::Is(disk_wait),
            disk_stalled: Known::Is(disk_stalled),
            committed: Known::Is(committed),
            applied: Known::Is(applied),
            membership: Known::Is(membership),
            membership_index: Known::Is(membership_index),
            snapshot: Known::Is(snapshot),
            purged: Known::Is(purged),
            tuning: Known::Is(tuning),
            transfer: Known::Is(transfer),
            lease: Known::Is(lease),
            election_timeout: Known::Is(election_timeout),
            election_remaining: Known::Is(election_remaining),
            heartbeat_age: Known::Is(heartbeat_age),
            has_quorum: Known::Is(has_quorum),
            votes: Known::Is(votes),
            peers: Known::Is(peers.into_iter().map(PeerView::from).collect()),
            term_runs: Known::Is(term_runs),
        }
    }
}

impl From<PeerStatus> for PeerView {
    fn from(status: PeerStatus) -> Self {
        let PeerStatus {
            id,
            matched,
            next,
            state,
            last_heard,
            snapshot,
            disk_stalled,
            incarnation,
            owes,
            refused_snapshot,
        } = status;
        Self {
            id,
            matched: Known::Is(matched),
            next: Known::Is(next),
            state: Known::Is(state),
            last_heard: Known::Is(last_heard),
            snapshot: Known::Is(snapshot),
            disk_stalled: Known::Is(disk_stalled),
            incarnation: Known::Is(incarnation),
            owes: Known::Is(owes),
            refused_snapshot: Known::Is(refused_snapshot),
        }
    }
}

impl From<Status> for NodeView {
    /// Of a raftdeck member that reports nothing else.
    fn from(raft: Status) -> Self {
        NodeStatus::from(raft).into()
    }
}
