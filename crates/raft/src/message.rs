//! Messages between members. Every message is one-way: a reply is a message of its own, and any message may be lost,
//! delayed, duplicated or reordered.

use crate::types::{Entry, LogId, LogIndex, NodeId, SnapshotMeta, Term};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A message on its way to one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The receiver.
    pub to: NodeId,
    /// What it says.
    pub message: Message,
}

/// What one member says to another. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// "Would you vote for me?" Changes nothing durable at either side (thesis §9.6).
    PreVote(VoteRequest),
    /// The answer to [`Message::PreVote`].
    PreVoteReply(VoteReply),
    /// "Vote for me" (paper §5.2).
    RequestVote(VoteRequest),
    /// The answer to [`Message::RequestVote`].
    VoteReply(VoteReply),
    /// Entries, or none as a heartbeat (paper §5.3).
    AppendEntries(AppendEntries),
    /// The answer to [`Message::AppendEntries`].
    AppendReply(AppendReply),
    /// "Campaign now": the leader hands over (thesis §3.10).
    TimeoutNow(TimeoutNow),
    /// One piece of a snapshot (paper §7).
    InstallSnapshot(InstallSnapshot),
    /// The answer to [`Message::InstallSnapshot`].
    SnapshotReply(SnapshotReply),
    /// "My disk is stalled": what a follower says instead of answering a heartbeat, which would have to wait for the disk.
    DiskStalled(DiskStalled),
}

impl Message {
    /// The name the paper gives it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::PreVote(_) => "PreVote",
            Self::PreVoteReply(_) => "PreVoteReply",
            Self::RequestVote(_) => "RequestVote",
            Self::VoteReply(_) => "VoteReply",
            Self::AppendEntries(_) => "AppendEntries",
            Self::AppendReply(_) => "AppendReply",
            Self::TimeoutNow(_) => "TimeoutNow",
            Self::InstallSnapshot(_) => "InstallSnapshot",
            Self::SnapshotReply(_) => "SnapshotReply",
            Self::DiskStalled(_) => "DiskStalled",
        }
    }

    /// The term it carries. For a PreVote this is the term its sender would campaign in, which it has not
    /// entered yet.
    #[must_use]
    pub fn term(&self) -> Term {
        match self {
            Self::PreVote(m) | Self::RequestVote(m) => m.term,
            Self::PreVoteReply(m) | Self::VoteReply(m) => m.term,
            Self::AppendEntries(m) => m.term,
            Self::AppendReply(m) => m.term,
            Self::TimeoutNow(m) => m.term,
            Self::InstallSnapshot(m) => m.term,
            Self::SnapshotReply(m) => m.term,
            Self::DiskStalled(m) => m.term,
        }
    }
}

/// A candidate's, or a pre-candidate's, request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteRequest {
    /// The term campaigned for.
    pub term: Term,
    /// The sender's last entry, compared by [`LogId`]'s order (paper §5.4.1).
    pub last: LogId,
    /// The leader itself asked for this campaign ([`TimeoutNow`]): voters need not stand by it (thesis §4.2.3).
    pub transfer: bool,
}

/// An answer to a [`VoteRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteReply {
    /// If granted, the term asked for; if refused, the refuser's own term, which may teach a higher one.
    pub term: Term,
    /// Whether the vote is given.
    pub granted: bool,
}

/// Log replication and heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntries {
    /// The leader's term.
    pub term: Term,
    /// The entry just before `entries`.
    pub prev: LogId,
    /// The entries, in order, possibly none.
    pub entries: Vec<Entry>,
    /// The leader's commit index.
    pub commit: LogIndex,
    /// The leader's heartbeat round; the reply returns it. A reply to round r proves that its sender still
    /// followed this leader after round r began (thesis §6.4).
    pub round: u64,
}

/// An answer to [`AppendEntries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendReply {
    /// The answering member's term.
    pub term: Term,
    /// The round of the request; 0 if the request was refused for its old term.
    pub round: u64,
    /// What happened to the entries.
    pub outcome: AppendOutcome,
    /// Its sender stands by the leader for the least election timeout from now on: a lease may rest on that (thesis §6.4.1).
    /// Not so with [`Config::detect_crash`](crate::Config::detect_crash).
    pub stands_by: bool,
}

/// What happened to an [`AppendEntries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppendOutcome {
    /// The logs agree through this index (`prev + entries`, never the follower's last), and that part is durable.
    Matched {
        /// The last index known to agree.
        through: LogIndex,
    },
    /// `prev` is not in the follower's log.
    Conflict {
        /// The `prev` index that was refused, so that late refusals can be told from new ones.
        refused: LogIndex,
        /// Where to look next.
        hint: ConflictHint,
    },
}

/// Lets a leader go back a whole term in one round (paper §5.3, end).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictHint {
    /// The term of the follower's entry at the refused index, or `None` if its log ends before it.
    pub term: Option<Term>,
    /// The first index of that term in the follower's log; without a term, the index after its last.
    pub first: LogIndex,
}

/// The leader's permission for the receiver to campaign immediately (thesis §3.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeoutNow {
    /// The leader's term.
    pub term: Term,
}

/// A follower's report to its leader that its disk is stalled. It acknowledges nothing, so it need not wait for the disk. It
/// does not count as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskStalled {
    /// The follower's term, which may not be on its disk yet.
    pub term: Term,
    /// The round of the heartbeat.
    pub round: u64,
    /// How long the disk has not finished a write.
    pub waited: Duration,
}

/// One piece of a snapshot. Pieces are sent in order, one at a time; the answer says where to continue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshot {
    /// The leader's term.
    pub term: Term,
    /// Which snapshot.
    pub meta: SnapshotMeta,
    /// Where `data` starts, in bytes.
    pub offset: u64,
    /// The piece.
    pub data: Bytes,
    /// Whether it is the last.
    pub done: bool,
    /// The size of the whole snapshot in bytes.
    pub size: u64,
    /// As in [`AppendEntries`].
    pub round: u64,
}

/// An answer to [`InstallSnapshot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotReply {
    /// The answering member's term.
    pub term: Term,
    /// As in [`AppendReply`].
    pub round: u64,
    /// Which snapshot.
    pub last: LogId,
    /// The piece to send next starts here.
    pub next_offset: u64,
    /// The member has everything up to `last`, durably, be it from this snapshot or not.
    pub installed: bool,
    /// It has all pieces, and cannot use them.
    pub refused: Option<SnapshotRefusal>,
}

/// Why a member cannot use a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotRefusal {
    /// The pieces do not match their checksums: damaged on the way, or where they come from.
    Damaged,
    /// They are sound, and cannot be decoded: a newer release made them.
    Undecodable,
}

impl std::fmt::Display for SnapshotRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Damaged => "it arrived damaged",
            Self::Undecodable => "it cannot be decoded: a newer release made it",
        })
    }
}
