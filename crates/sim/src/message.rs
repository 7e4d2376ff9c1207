//! A message as a trace shows it: every field by name, payloads left out.

use raftdeck_raft::{AppendOutcome, LogId, Message};
use serde::Serialize;

/// A message. Fields that its kind does not have are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MessageRecord {
    /// The name that the paper gives it.
    pub kind: &'static str,
    /// Its term.
    pub term: u64,
    /// `PreVote`, `RequestVote`: the sender's last entry. `InstallSnapshot`, `SnapshotReply`: the snapshot's last entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<LogPosition>,
    /// `PreVote`, `RequestVote`: whether the leader itself asked for the campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<bool>,
    /// `PreVoteReply`, `VoteReply`: whether the vote is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<bool>,
    /// `AppendEntries`: the entry before those that it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<LogPosition>,
    /// `AppendEntries`: the entries, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<Vec<LogPosition>>,
    /// `AppendEntries`: the leader's commit index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<u64>,
    /// The heartbeat round, of messages that have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<u64>,
    /// `AppendReply`: the logs agree through this index.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<u64>,
    /// `AppendReply`: this index was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<u64>,
    /// `AppendReply`, refused: where the follower's entries of the term in conflict begin; without such a term (0), the
    /// index after its last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<LogPosition>,
    /// `InstallSnapshot`: where the piece starts. `SnapshotReply`: where the next one shall start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// `InstallSnapshot`: the bytes of the piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// `InstallSnapshot`: the bytes of the whole snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// `SnapshotReply`: whether the member has everything that the snapshot includes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed: Option<bool>,
}

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LogPosition {
    /// The index.
    pub index: u64,
    /// The term of the entry there.
    pub term: u64,
}

impl From<LogId> for LogPosition {
    fn from(id: LogId) -> Self {
        Self { index: id.index.0, term: id.term.0 }
    }
}

impl MessageRecord {
    pub(crate) fn new(message: &Message) -> Self {
        let said = Self { kind: message.name(), term: message.term().0, ..Self::default() };
        match message {
            Message::PreVote(ask) | Message::RequestVote(ask) => {
                Self { last: Some(ask.last.into()), transfer: Some(ask.transfer), ..said }
            }
            Message::PreVoteReply(reply) | Message::VoteReply(reply) => {
                Self { granted: Some(reply.granted), ..said }
            }
            Message::AppendEntries(append) => Self {
                prev: Some(append.prev.into()),
                entries: Some(append.entries.iter().map(|entry| entry.id.into()).collect()),
                commit: Some(append.commit.0),
                round: Some(append.round),
                ..said
            },
            Message::AppendReply(reply) => {
                let said = Self { round: Some(reply.round), ..said };
                match reply.outcome {
                    AppendOutcome::Matched { through } => Self { matched: Some(through.0), ..said },
                    AppendOutcome::Conflict { refused, hint } => {
                        let hint =
                            LogPosition { index: hint.first.0, term: hint.term.map_or(0, |term| term.0) };
                        Self { refused: Some(refused.0), hint: Some(hint), ..said }
                    }
                }
            }
            Message::TimeoutNow(_) => said,
            Message::InstallSnapshot(piece) => Self {
                last: Some(piece.meta.last.into()),
                offset: Some(piece.offset),
                bytes: Some(piece.data.len() as u64),
                size: Some(piece.size),
                round: Some(piece.round),
                ..said
            },
            Message::DiskStalled(report) => Self { round: Some(report.round), ..said },
            Message::SnapshotReply(reply) => Self {
                last: Some(reply.last.into()),
                offset: Some(reply.next_offset),
                installed: Some(reply.installed),
                round: Some(reply.round),
                ..said
            },
        }
    }
}
