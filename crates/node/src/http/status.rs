//! The shape of a node's whole status as JSON. Written by hand, so that internal changes do not break scripts that
//! rely on it.

use crate::http::about::names;
use raftdeck_protocol::{NodeStatus, Notice, NoticeKind, RefusedPeer};
use raftdeck_raft::{
    self as raft, LogIndex, Membership, PeerStatus, ReplicationState, TermRun, Timing, Tuning,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// All that a node knows of itself and, as a leader, of its followers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    id: String,
    version: &'static str,
    state: String,
    term: u64,
    voted_for: Option<String>,
    leader_id: Option<String>,
    has_quorum: bool,
    /// As a leader: the node it is handing over to.
    transfer_to: Option<String>,
    /// As a candidate or pre-candidate.
    votes: Vec<Vote>,
    log: Log,
    snapshot: Option<LogId>,
    membership: Members,
    timers: Timers,
    pre_vote: bool,
    check_quorum: bool,
    /// As a leader.
    peers: Vec<Peer>,
    keys: u64,
    sessions: u64,
    /// The nodes that no connection comes about with, because one side refuses the other.
    refused: Vec<Refused>,
    /// Sixteen hexadecimal digits: as a number it would be too great for many readers of JSON.
    state_hash: String,
    fsyncs: u64,
    last_fsync_micros: u64,
    disk: Disk,
    clock_rate: f64,
    uptime_ms: u64,
    /// The data directory: 32 hexadecimal digits.
    incarnation: Option<String>,
    /// The cluster's identity, once it is known: 32 hexadecimal digits.
    cluster: Option<String>,
    /// Where other nodes reach this one.
    raft_address: String,
    notices: Vec<NoticeText>,
}

/// One thing that somebody has to do something about.
#[derive(Serialize)]
pub(super) struct NoticeText {
    /// The node that it is about.
    about: String,
    kind: &'static str,
    message: String,
}

impl From<Notice> for NoticeText {
    fn from(Notice { about, kind, text }: Notice) -> Self {
        let kind = match kind {
            NoticeKind::Founding => "founding",
            NoticeKind::EmptyDisk { .. } => "empty_disk",
            NoticeKind::Removed => "removed",
        };
        Self { about: about.to_string(), kind, message: text }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Disk {
    /// It has not finished a write for so long that the node neither leads, if others can, nor campaigns.
    stalled: bool,
    /// How long it has not finished a write although one waits for it.
    wait_ms: Option<f64>,
}

#[derive(Serialize)]
struct Vote {
    id: String,
    granted: bool,
}

#[derive(Serialize)]
struct LogId {
    index: u64,
    term: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    last_index: u64,
    last_term: u64,
    durable_index: u64,
    commit_index: u64,
    last_applied: u64,
    /// The log starts after this index.
    purged_index: u64,
    /// The newest runs of equal terms.
    terms: Vec<Run>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    term: u64,
    first_index: u64,
    last_index: u64,
}

#[derive(Serialize)]
struct Members {
    /// Where it stands in the log; 0: it is the one that the cluster was started with.
    index: u64,
    committed: bool,
    voters: Vec<String>,
    /// The voters of the old half while a change is under way.
    outgoing: Vec<String>,
    learners: Vec<String>,
    addresses: BTreeMap<String, String>,
}

/// In the node's own time.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the unit is part of what is read")]
#[serde(rename_all = "camelCase")]
struct Timers {
    heartbeat_ms: f64,
    election_min_ms: f64,
    election_max_ms: f64,
    /// The one that was drawn last.
    election_timeout_ms: f64,
    election_remaining_ms: f64,
    next_timer_ms: f64,
    last_heartbeat_ago_ms: Option<f64>,
    /// How long it may still serve reads by its lease, as a leader; zero without one.
    lease_ms: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refused {
    id: String,
    /// A sentence that says what to do.
    reason: String,
    since_unix_ms: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    id: String,
    match_index: u64,
    next_index: u64,
    /// How many entries it lacks of this node's log.
    lag: u64,
    state: &'static str,
    last_heard_ago_ms: Option<f64>,
    snapshot: Option<Sending>,
    /// Its disk is stalled, as it says itself: how long it has not finished a write.
    disk_stalled_ms: Option<f64>,
    /// The data directory it answers from.
    disk: Option<String>,
    /// It lost a part of what it confirmed through here, and does not count until it has that again.
    lost_before_index: Option<u64>,
    /// Why it refuses the snapshot that it was sent.
    snapshot_refused: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sending {
    sent_bytes: u64,
    total_bytes: u64,
}

impl Status {
    pub(super) fn of(status: NodeStatus) -> Self {
        // Nothing is left out by accident.
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
        let next_timer = Duration::from_micros(next_timer_micros);
        Self {
            id: raft.id.to_string(),
            version: env!("CARGO_PKG_VERSION"),
            state: raft.role.to_string(),
            term: raft.term.0,
            voted_for: raft.vote.map(|node| node.to_string()),
            leader_id: raft.leader.map(|node| node.to_string()),
            has_quorum: raft.has_quorum,
            transfer_to: raft.transfer.map(|node| node.to_string()),
            votes: raft
                .votes
                .iter()
                .map(|(id, granted)| Vote { id: id.to_string(), granted: *granted })
                .collect(),
            log: Log::of(&raft),
            snapshot: (raft.snapshot.index > LogIndex(0))
                .then_some(LogId { index: raft.snapshot.index.0, term: raft.snapshot.term.0 }),
            membership: Members::of(&raft),
            timers: Timers::of(&raft, next_timer),
            pre_vote: raft.tuning.pre_vote,
            check_quorum: raft.tuning.check_quorum,
            peers: raft.peers.iter().map(|peer| Peer::of(peer, raft.last.index)).collect(),
            refused: refused
                .into_iter()
                .map(|RefusedPeer { id, reason, since_unix_ms }| Refused {
                    id: id.to_string(),
                    reason: reason.to_string(),
                    since_unix_ms,
                })
                .collect(),
            keys,
            sessions,
            state_hash: format!("{state_hash:016x}"),
            fsyncs,
            last_fsync_micros: fsync_micros,
            disk: Disk { stalled: raft.disk_stalled, wait_ms: raft.disk_wait.map(ms) },
            clock_rate: f64::from(clock_rate.millionths()) / 1e6,
            uptime_ms: uptime_micros / 1000,
            incarnation: incarnation.map(|incarnation| format!("{incarnation:x}")),
            cluster: cluster.map(|cluster| format!("{cluster:x}")),
            raft_address: address,
            notices: notices.into_iter().map(NoticeText::from).collect(),
        }
    }
}

impl Log {
    fn of(raft: &raft::Status) -> Self {
        let run = |run: &TermRun| Run { term: run.term.0, first_index: run.first.0, last_index: run.last.0 };
        Self {
            last_index: raft.last.index.0,
            last_term: raft.last.term.0,
            durable_index: raft.durable.0,
            commit_index: raft.committed.0,
            last_applied: raft.applied.0,
            purged_index: raft.purged.0,
            terms: raft.term_runs.iter().map(run).collect(),
        }
    }
}

impl Members {
    fn of(raft: &raft::Status) -> Self {
        let Membership { voters, outgoing, learners, addresses, .. } = &raft.membership;
        Self {
            index: raft.membership_index.0,
            committed: raft.membership_index <= raft.committed,
            voters: names(voters),
            outgoing: names(outgoing),
            learners: names(learners),
            addresses: addresses.iter().map(|(id, address)| (id.to_string(), address.clone())).collect(),
        }
    }
}

impl Timers {
    fn of(raft: &raft::Status, next_timer: Duration) -> Self {
        let Tuning { timing: Timing { heartbeat, election_min, election_max }, .. } = raft.tuning;
        Self {
            heartbeat_ms: ms(heartbeat),
            election_min_ms: ms(election_min),
            election_max_ms: ms(election_max),
            election_timeout_ms: ms(raft.election_timeout),
            election_remaining_ms: ms(raft.election_remaining),
            next_timer_ms: ms(next_timer),
            last_heartbeat_ago_ms: raft.heartbeat_age.map(ms),
            lease_ms: ms(raft.lease),
        }
    }
}

impl Peer {
    fn of(peer: &PeerStatus, last: LogIndex) -> Self {
        Self {
            id: peer.id.to_string(),
            match_index: peer.matched.0,
            next_index: peer.next.0,
            lag: last.0.saturating_sub(peer.matched.0),
            state: match peer.state {
                ReplicationState::Probe => "probe",
                ReplicationState::Replicate => "replicate",
                ReplicationState::Snapshot => "snapshot",
            },
            last_heard_ago_ms: peer.last_heard.map(ms),
            snapshot: peer.snapshot.map(|(sent_bytes, total_bytes)| Sending { sent_bytes, total_bytes }),
            disk_stalled_ms: peer.disk_stalled.map(ms),
            disk: peer.incarnation.map(|incarnation| format!("{incarnation:x}")),
            lost_before_index: peer.owes.map(|confirmed| confirmed.0),
            snapshot_refused: peer.refused_snapshot.map(|reason| reason.to_string()),
        }
    }
}

/// Milliseconds with three digits behind the point.
fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
