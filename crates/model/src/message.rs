//! Messages between nodes, as links see them.

use crate::known::Known;
use raftdeck_raft::{LogIndex, NodeId, Term};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whether a link carries messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// It does.
    #[default]
    Open,
    /// All of them are lost, and the nodes do not notice.
    Cut,
    /// All of them are lost, and connections for them are closed: the nodes notice.
    Refused,
}

/// What passed one link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameReport {
    /// The sender.
    pub from: NodeId,
    /// The receiving node.
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
    /// What happened to them.
    pub fate: FrameFate,
    /// How many such messages.
    pub count: u64,
    /// How many entries they carried in all.
    pub entries: u64,
    /// How many bytes they were in all.
    #[serde(default, skip_serializing_if = "Known::is_unknown")]
    pub bytes: Known<u64>,
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
    /// The answer to a heartbeat that is a message of its own (etcd).
    HeartbeatReply,
    /// A follower forwards a proposal to its leader (etcd).
    Propose,
    /// A follower asks its leader which index a linearizable read has to wait for (etcd).
    ReadIndex,
    /// The answer.
    ReadIndexReply,
    /// A follower forwards a request to hand over the leadership to its leader (etcd).
    TransferLeader,
}

impl FrameKind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::PreVote,
        Self::PreVoteReply,
        Self::RequestVote,
        Self::VoteReply,
        Self::Heartbeat,
        Self::AppendEntries,
        Self::AppendReply,
        Self::TimeoutNow,
        Self::InstallSnapshot,
        Self::SnapshotReply,
        Self::DiskStalled,
        Self::HeartbeatReply,
        Self::Propose,
        Self::ReadIndex,
        Self::ReadIndexReply,
        Self::TransferLeader,
    ];

    /// Its name, as in the grammar and in what is serialized.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PreVote => "PreVote",
            Self::PreVoteReply => "PreVoteReply",
            Self::RequestVote => "RequestVote",
            Self::VoteReply => "VoteReply",
            Self::Heartbeat => "Heartbeat",
            Self::AppendEntries => "AppendEntries",
            Self::AppendReply => "AppendReply",
            Self::TimeoutNow => "TimeoutNow",
            Self::InstallSnapshot => "InstallSnapshot",
            Self::SnapshotReply => "SnapshotReply",
            Self::DiskStalled => "DiskStalled",
            Self::HeartbeatReply => "HeartbeatReply",
            Self::Propose => "Propose",
            Self::ReadIndex => "ReadIndex",
            Self::ReadIndexReply => "ReadIndexReply",
            Self::TransferLeader => "TransferLeader",
        }
    }
}

/// The fate of a message on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FrameFate {
    /// Handed to the receiver.
    Delivered,
    /// Lost on a cut link.
    Lost,
}

/// The name of one message that passed a link, for as long as the lab runs. Counts up in the order in which the links took messages in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MessageId(pub u64);

/// One message on a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageReport {
    /// Its name.
    pub id: MessageId,
    /// The sender.
    pub from: NodeId,
    /// The receiving node.
    pub to: NodeId,
    /// What it is.
    pub kind: FrameKind,
    /// Its term.
    pub term: Term,
    /// For an AppendEntries the last index; for a successful answer the matched index.
    pub index: Option<LogIndex>,
    /// For an answer: whether it says yes.
    pub granted: Option<bool>,
    /// How many entries it carries.
    pub entries: u64,
    /// Its other fields in words: `prev 4 in term 2, commit 3`.
    pub fields: String,
    /// When the link took it in, in cluster time.
    pub sent: Duration,
    /// Where it is.
    pub state: MessageState,
}

/// Where a message is. Times are cluster time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum MessageState {
    /// On its way until this time.
    UnderWay {
        /// When.
        due: Duration,
    },
    /// Held until it is released.
    Held,
    /// The receiver has it.
    Delivered {
        /// When it was handed over.
        at: Duration,
    },
    /// Lost.
    Lost {
        /// When.
        at: Duration,
    },
}

impl MessageState {
    /// Whether the state is final.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Delivered { .. } | Self::Lost { .. })
    }
}
