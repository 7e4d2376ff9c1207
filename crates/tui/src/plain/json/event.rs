//! The shapes of the events, field by field. The names of variants and fields are the contract; `mod.rs` shows a line of each.

use raftdeck_model::{ChangeStep, FrameKind, Known, LinkState, NodeAddresses};
use raftdeck_raft::{LogIndex, NodeId, Term};
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event<'a> {
    Cluster {
        nodes: &'a [NodeId],
        heartbeat_ms: u64,
        election_ms: (u64, u64),
        #[serde(skip_serializing_if = "Known::is_unknown")]
        data_dir: Known<&'a Option<String>>,
    },
    Process {
        node: NodeId,
        #[serde(flatten)]
        state: ProcessEvent<'a>,
    },
    Ready {
        node: NodeId,
        #[serde(flatten)]
        addresses: &'a NodeAddresses,
    },
    Started {
        node: NodeId,
        term: Term,
        last: LogIndex,
    },
    Timeout {
        node: NodeId,
        waited_ms: u64,
    },
    Election {
        node: NodeId,
        term: Term,
        pre_vote: bool,
    },
    Vote {
        node: NodeId,
        candidate: NodeId,
        term: Term,
        pre_vote: bool,
        granted: bool,
    },
    Role {
        node: NodeId,
        from: &'static str,
        to: &'static str,
        term: Term,
    },
    StepDown {
        node: NodeId,
        reason: &'static str,
        term: Term,
    },
    Leader {
        node: NodeId,
        leader: Option<NodeId>,
        term: Term,
    },
    Commit {
        node: NodeId,
        index: LogIndex,
    },
    Truncate {
        node: NodeId,
        from: LogIndex,
        to: LogIndex,
    },
    Membership {
        node: NodeId,
        index: LogIndex,
        voters: &'a BTreeSet<NodeId>,
        outgoing: &'a BTreeSet<NodeId>,
        learners: &'a BTreeSet<NodeId>,
    },
    MembershipCommitted {
        node: NodeId,
        index: LogIndex,
    },
    CaughtUp {
        node: NodeId,
        learner: NodeId,
        round: u32,
        took_ms: u64,
    },
    PromotionGivenUp {
        node: NodeId,
        learner: NodeId,
    },
    Transfer {
        node: NodeId,
        to: NodeId,
    },
    TransferGivenUp {
        node: NodeId,
        to: NodeId,
    },
    ToldToCampaign {
        node: NodeId,
        leader: NodeId,
    },
    SnapshotTaken {
        node: NodeId,
        last: LogIndex,
        size: u64,
    },
    SnapshotSending {
        node: NodeId,
        to: NodeId,
        last: LogIndex,
    },
    SnapshotInstalled {
        node: NodeId,
        last: LogIndex,
        kept_log: bool,
    },
    Purge {
        node: NodeId,
        through: LogIndex,
    },
    Tuned {
        node: NodeId,
        heartbeat_ms: u64,
        election_ms: (u64, u64),
        pre_vote: bool,
        check_quorum: bool,
    },
    Paused {
        node: NodeId,
    },
    DiskSlow {
        node: NodeId,
        waited_ms: u64,
    },
    DiskStalled {
        node: NodeId,
        waited_ms: u64,
    },
    DiskRecovered {
        node: NodeId,
        waited_ms: u64,
    },
    FollowerDiskStalled {
        node: NodeId,
        follower: NodeId,
        waited_ms: u64,
    },
    FollowerDiskRecovered {
        node: NodeId,
        follower: NodeId,
    },
    StrangerIgnored {
        node: NodeId,
        from: NodeId,
        disk: Option<String>,
        expected: Option<String>,
    },
    WentBack {
        node: NodeId,
        follower: NodeId,
        confirmed: LogIndex,
        found: LogIndex,
    },
    Refilled {
        node: NodeId,
        follower: NodeId,
        through: LogIndex,
    },
    SnapshotRefused {
        node: NodeId,
        follower: NodeId,
        last: LogIndex,
        reason: String,
    },
    Notice {
        node: NodeId,
        about: NodeId,
        kind: &'static str,
        text: &'a str,
    },
    NoticeOver {
        node: NodeId,
        about: NodeId,
        kind: &'static str,
    },
    PeerRefused {
        node: NodeId,
        peer: NodeId,
        reason: String,
    },
    PeerAdmitted {
        node: NodeId,
        peer: NodeId,
    },
    Change {
        node: NodeId,
        step: ChangeStep,
    },
    Link {
        from: NodeId,
        to: NodeId,
        state: LinkState,
    },
    Missed {
        node: NodeId,
        count: u64,
    },
    Time {
        rate: f64,
        now_us: u64,
    },
    InForce {
        faults: Vec<InForce>,
    },
    Message {
        id: u64,
        from: NodeId,
        to: NodeId,
        kind: FrameKind,
        term: Term,
        #[serde(skip_serializing_if = "Option::is_none")]
        index: Option<LogIndex>,
        #[serde(skip_serializing_if = "Option::is_none")]
        granted: Option<bool>,
        entries: u64,
        fields: &'a str,
        sent_us: u64,
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        then_us: Option<u64>,
    },
    MessagesSkipped {
        count: u64,
    },
    Client {
        id: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        client: Option<&'a str>,
        asked: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<NodeId>,
        #[serde(skip_serializing_if = "Option::is_none")]
        consistency: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<NodeId>,
        #[serde(flatten)]
        outcome: RequestOutcome,
        #[serde(skip_serializing_if = "Option::is_none")]
        fate: Option<&'static str>,
    },
    Refused {
        id: u64,
        reason: &'a str,
    },
    Trouble {
        reason: &'a str,
    },
    Answer {
        to: &'a str,
        lines: &'a [String],
    },
}

#[derive(Debug, Serialize)]
pub(super) struct InForce {
    pub(super) id: u64,
    pub(super) words: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RequestOutcome {
    Answer(String),
    Failed(String),
}

#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum ProcessEvent<'a> {
    Starting {
        #[serde(skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
    },
    Running {
        #[serde(skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
    },
    Paused {
        #[serde(skip_serializing_if = "Option::is_none")]
        pid: Option<u32>,
    },
    Killed,
    Stopped,
    Failed {
        how: &'a str,
        last_words: &'a [String],
    },
    Unreachable {
        why: &'a str,
    },
}
