//! What members say to each other. Every message is one-way: a reply is a message of its own, and any message may
//! be lost, delayed, repeated or overtaken.

use crate::types::{Entry, LogId, LogIndex, NodeId, Term};
use serde::{Deserialize, Serialize};

/// A message on its way to one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Who shall get it.
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
    /// What became of the entries.
    pub outcome: AppendOutcome,
}

/// What became of an [`AppendEntries`].
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
