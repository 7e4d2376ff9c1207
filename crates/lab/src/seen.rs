//! What a frame says, as far as rules and screens care.
//!
//! Frames are only looked at here. What cannot be decoded is still passed on, but no rule that looks at messages is about it.

use crate::model::FrameKind;
use crate::rule::Matching;
use raftdeck_protocol::{PeerFrame, frame};
use raftdeck_raft::{AppendOutcome, LogId, LogIndex, Message, Term};

/// A message at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) kind: FrameKind,
    pub(crate) term: Term,
    /// For an AppendEntries the last index; for a successful answer the matched index.
    pub(crate) index: Option<LogIndex>,
    /// For an answer: whether it says yes.
    pub(crate) granted: Option<bool>,
    /// How many entries it carries.
    pub(crate) entries: u64,
}

impl Seen {
    /// Whether this message is one of those. Their number is for others to count.
    pub(crate) fn is_among(&self, wanted: &Matching) -> bool {
        let index = |indices: &std::ops::RangeInclusive<LogIndex>| {
            self.index.is_some_and(|index| indices.contains(&index))
        };
        (wanted.kinds.is_empty() || wanted.kinds.contains(&self.kind))
            && wanted.terms.as_ref().is_none_or(|terms| terms.contains(&self.term))
            && wanted.indices.as_ref().is_none_or(index)
    }
}

/// The message in a frame, if it is one.
pub(crate) fn message(content: &[u8]) -> Option<Message> {
    frame::decode::<PeerFrame>("peer", content).ok().map(|frame| frame.message)
}

/// Looks at a message.
pub(crate) fn glance(message: &Message) -> Seen {
    let plain = |kind| Seen { kind, term: message.term(), index: None, granted: None, entries: 0 };
    match message {
        Message::PreVote(_) => plain(FrameKind::PreVote),
        Message::RequestVote(_) => plain(FrameKind::RequestVote),
        Message::PreVoteReply(reply) => Seen { granted: Some(reply.granted), ..plain(FrameKind::PreVoteReply) },
        Message::VoteReply(reply) => Seen { granted: Some(reply.granted), ..plain(FrameKind::VoteReply) },
        Message::AppendEntries(append) => {
            let entries = append.entries.len() as u64;
            let kind = if entries == 0 { FrameKind::Heartbeat } else { FrameKind::AppendEntries };
            let last = LogIndex(append.prev.index.0.saturating_add(entries));
            Seen { index: Some(last), entries, ..plain(kind) }
        }
        Message::AppendReply(reply) => {
            let matched = match reply.outcome {
                AppendOutcome::Matched { through } => Some(through),
                AppendOutcome::Conflict { .. } => None,
            };
            Seen { index: matched, granted: Some(matched.is_some()), ..plain(FrameKind::AppendReply) }
        }
        Message::TimeoutNow(_) => plain(FrameKind::TimeoutNow),
        Message::InstallSnapshot(install) => {
            Seen { index: Some(install.meta.last.index), ..plain(FrameKind::InstallSnapshot) }
        }
        Message::SnapshotReply(reply) => {
            // An answer to any but the last piece says neither yes nor no.
            let granted = reply.installed.then_some(true);
            Seen { index: Some(reply.last.index), granted, ..plain(FrameKind::SnapshotReply) }
        }
    }
}

/// What a glance does not show, in words.
pub(crate) fn fields(message: &Message) -> String {
    match message {
        Message::PreVote(request) | Message::RequestVote(request) => {
            let asked = if request.transfer { ", asked for by the leader" } else { "" };
            format!("last {}{asked}", place(request.last))
        }
        Message::AppendEntries(append) => {
            format!("prev {}, commit {}", place(append.prev), append.commit)
        }
        Message::AppendReply(reply) => match reply.outcome {
            AppendOutcome::Matched { .. } => String::new(),
            AppendOutcome::Conflict { refused, hint } => match hint.term {
                Some(term) => format!("refused {refused}, its term {term} begins at {}", hint.first),
                None => format!("refused {refused}, its log goes on at {}", hint.first),
            },
        },
        Message::InstallSnapshot(piece) => {
            let end = piece.offset + piece.data.len() as u64;
            format!("bytes {} to {end} of {}", piece.offset, piece.size)
        }
        Message::SnapshotReply(reply) if reply.installed => "installed".to_owned(),
        Message::SnapshotReply(reply) => format!("next byte {}", reply.next_offset),
        Message::PreVoteReply(_) | Message::VoteReply(_) | Message::TimeoutNow(_) => String::new(),
    }
}

fn place(id: LogId) -> String {
    if id.index == LogIndex::ZERO { "0".to_owned() } else { format!("{} in term {}", id.index, id.term) }
}
