//! A member's state at one moment, for people and tools.

use crate::config::Tuning;
use crate::identity::Incarnation;
use crate::log::TermRun;
use crate::membership::Membership;
use crate::message::SnapshotRefusal;
use crate::progress::ReplicationState;
use crate::trace::Role;
use crate::types::{LogId, LogIndex, NodeId, Term};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What a member knows of itself and, as a leader, of its followers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Whose status this is.
    pub id: NodeId,
    /// Its term.
    pub term: Term,
    /// Its role.
    pub role: Role,
    /// Its vote in this term.
    pub vote: Option<NodeId>,
    /// The leader as it knows it.
    pub leader: Option<NodeId>,
    /// The last entry of its log.
    pub last: LogId,
    /// Its log is on its disk through here.
    pub durable: LogIndex,
    /// How long its disk has not finished a write although one waits for it; `None`: none does.
    pub disk_wait: Option<Duration>,
    /// Whether that is too long for it to lead or to campaign.
    pub disk_stalled: bool,
    /// The commit index as it knows it.
    pub committed: LogIndex,
    /// Applied to its state machine through here.
    pub applied: LogIndex,
    /// The membership in force, which may not be committed yet.
    pub membership: Membership,
    /// Where it stands in the log; 0: it is the one that the cluster was started with.
    pub membership_index: LogIndex,
    /// The last entry that its newest snapshot includes; the zero id: it has none.
    pub snapshot: LogId,
    /// The log starts after this index.
    pub purged: LogIndex,
    /// What can be changed while it runs.
    pub tuning: Tuning,
    /// As a leader: the node it is handing over to (thesis §3.10).
    pub transfer: Option<NodeId>,
    /// As a leader: how long it may still serve reads by its lease (thesis §6.4.1); zero without one.
    pub lease: Duration,
    /// The randomised timeout it drew last.
    pub election_timeout: Duration,
    /// The time until it fires: its election timer, or as a leader its CheckQuorum check.
    pub election_remaining: Duration,
    /// The time since its leader was last heard from; for a leader, zero; `None` if it knows no leader.
    pub heartbeat_age: Option<Duration>,
    /// Whether it has a majority behind it: a leader that heard from one within an election timeout, or a
    /// follower of a leader it heard from within one.
    pub has_quorum: bool,
    /// As a candidate or pre-candidate: the voters that answered, and whether they granted the vote.
    pub votes: Vec<(NodeId, bool)>,
    /// As a leader: its followers, in order of id.
    pub peers: Vec<PeerStatus>,
    /// The newest runs of equal terms in its log, oldest first (at most [`Status::MAX_TERM_RUNS`]).
    pub term_runs: Vec<TermRun>,
}

impl Status {
    /// How many runs [`Status::term_runs`] holds at most.
    pub const MAX_TERM_RUNS: usize = 64;
}

/// A follower as its leader sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// The node.
    pub id: NodeId,
    /// The highest index known to be on its disk and equal to the leader's.
    pub matched: LogIndex,
    /// The next index to send.
    pub next: LogIndex,
    /// How entries are sent to it.
    pub state: ReplicationState,
    /// The time since it last answered in this term; `None` if it has not.
    pub last_heard: Option<Duration>,
    /// In the state Snapshot: bytes of it sent and answered, and its size.
    pub snapshot: Option<(u64, u64)>,
    /// Its disk is stalled, as it says itself: how long it has not finished a write.
    pub disk_stalled: Option<Duration>,
    /// The data directory that it last answered from.
    pub incarnation: Option<Incarnation>,
    /// It has lost a part of what it confirmed through here, and does not count until it has that again.
    pub owes: Option<LogIndex>,
    /// It refused the snapshot it was sent, and waits for a newer one.
    pub refused_snapshot: Option<SnapshotRefusal>,
}
