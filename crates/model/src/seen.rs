//! What a message says, as far as rules and screens care.

use crate::message::FrameKind;
use crate::rule::Matching;
use raftdeck_raft::{AppendOutcome, LogId, LogIndex, Message, Term};

/// A message at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
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
}

impl Seen {
    /// Whether this message is one of those. Their number is for others to count.
    #[must_use]
    pub fn is_among(&self, wanted: &Matching) -> bool {
        let index = |indices: &std::ops::RangeInclusive<LogIndex>| {
            self.index.is_some_and(|index| indices.contains(&index))
        };
        (wanted.kinds.is_empty() || wanted.kinds.contains(&self.kind))
            && wanted.terms.as_ref().is_none_or(|terms| terms.contains(&self.term))
            && wanted.indices.as_ref().is_none_or(index)
    }
}

/// Looks at a message.
#[must_use]
pub fn glance(message: &Message) -> Seen {
    let plain = |kind| Seen { kind, term: message.term(), index: None, granted: None, entries: 0 };
    match message {
        Message::PreVote(_) => plain(FrameKind::PreVote),
        Message::RequestVote(_) => plain(FrameKind::RequestVote),
        Message::PreVoteReply(reply) => {
            Seen { granted: Some(reply.granted), ..plain(FrameKind::PreVoteReply) }
        }
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
        Message::DiskStalled(_) => plain(FrameKind::DiskStalled),
    }
}

/// What a glance does not show, in words.
#[must_use]
pub fn fields(message: &Message) -> String {
    match message {
        Message::PreVote(request) | Message::RequestVote(request) => {
            let asked = if request.transfer { ", on order" } else { "" };
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
        Message::DiskStalled(report) => format!("no write finished for {} ms", report.waited.as_millis()),
        Message::PreVoteReply(_) | Message::VoteReply(_) | Message::TimeoutNow(_) => String::new(),
    }
}

fn place(id: LogId) -> String {
    if id.index == LogIndex::ZERO { "0".to_owned() } else { format!("{} in term {}", id.index, id.term) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use raftdeck_raft::{
        AppendEntries, AppendReply, ConflictHint, Entry, InstallSnapshot, Payload, SnapshotMeta,
        SnapshotReply, TimeoutNow, VoteReply, VoteRequest,
    };
    use std::collections::BTreeSet;

    fn id(index: u64) -> LogId {
        LogId { term: Term(3), index: LogIndex(index) }
    }

    fn append(prev: u64, entries: u64) -> Message {
        let entries = (1..=entries).map(|n| Entry { id: id(prev + n), payload: Payload::Noop }).collect();
        let message = AppendEntries { term: Term(3), prev: id(prev), entries, commit: LogIndex(2), round: 1 };
        Message::AppendEntries(message)
    }

    fn piece(index: u64) -> Message {
        let meta = SnapshotMeta { last: id(index), ..SnapshotMeta::default() };
        let data = Bytes::from_static(b"piece");
        Message::InstallSnapshot(InstallSnapshot {
            term: Term(3),
            meta,
            offset: 5,
            data,
            done: false,
            size: 20,
            round: 1,
        })
    }

    fn piece_reply(installed: bool) -> Message {
        Message::SnapshotReply(SnapshotReply {
            term: Term(3),
            round: 1,
            last: id(30),
            next_offset: 10,
            installed,
            refused: None,
        })
    }

    #[test]
    fn each_kind_is_told_apart() {
        let request = VoteRequest { term: Term(3), last: id(7), transfer: false };
        let vote = |granted| VoteReply { term: Term(3), granted };
        let reply =
            |outcome| Message::AppendReply(AppendReply { term: Term(3), round: 1, outcome, stands_by: true });
        let hint = ConflictHint { term: None, first: LogIndex(2) };
        let conflict = AppendOutcome::Conflict { refused: LogIndex(5), hint };
        let matched = AppendOutcome::Matched { through: LogIndex(9) };
        for (content, kind, index, granted, entries) in [
            ((Message::PreVote(request)), FrameKind::PreVote, None, None, 0),
            ((Message::PreVoteReply(vote(true))), FrameKind::PreVoteReply, None, Some(true), 0),
            ((Message::RequestVote(request)), FrameKind::RequestVote, None, None, 0),
            ((Message::VoteReply(vote(false))), FrameKind::VoteReply, None, Some(false), 0),
            (append(4, 0), FrameKind::Heartbeat, Some(LogIndex(4)), None, 0),
            (append(4, 3), FrameKind::AppendEntries, Some(LogIndex(7)), None, 3),
            (reply(matched), FrameKind::AppendReply, Some(LogIndex(9)), Some(true), 0),
            (reply(conflict), FrameKind::AppendReply, None, Some(false), 0),
            ((Message::TimeoutNow(TimeoutNow { term: Term(3) })), FrameKind::TimeoutNow, None, None, 0),
            (piece(30), FrameKind::InstallSnapshot, Some(LogIndex(30)), None, 0),
            (piece_reply(false), FrameKind::SnapshotReply, Some(LogIndex(30)), None, 0),
            (piece_reply(true), FrameKind::SnapshotReply, Some(LogIndex(30)), Some(true), 0),
        ] {
            let report = glance(&content);
            assert_eq!(report.term, Term(3));
            assert_eq!((report.kind, report.index), (kind, index));
            assert_eq!((report.granted, report.entries), (granted, entries));
        }
    }

    #[test]
    fn what_a_glance_does_not_show_is_said_in_words() {
        let request = VoteRequest { term: Term(3), last: id(7), transfer: true };
        let refusal = |term, first| {
            let hint = ConflictHint { term, first: LogIndex(first) };
            let outcome = AppendOutcome::Conflict { refused: LogIndex(5), hint };
            Message::AppendReply(AppendReply { term: Term(3), round: 1, outcome, stands_by: true })
        };
        for (message, said) in [
            (append(0, 1), "prev 0, commit 2"),
            (append(4, 0), "prev 4 in term 3, commit 2"),
            (Message::PreVote(request), "last 7 in term 3, on order"),
            (refusal(Some(Term(2)), 3), "refused 5, its term 2 begins at 3"),
            (refusal(None, 3), "refused 5, its log goes on at 3"),
            (piece(30), "bytes 5 to 10 of 20"),
            (piece_reply(false), "next byte 10"),
        ] {
            assert_eq!(fields(&message), said);
        }
    }

    #[test]
    fn a_message_is_sought_by_kind_term_and_index() {
        let seen = glance(&append(4, 3));
        let any = Matching::default;
        let kinds = |kind| Matching { kinds: BTreeSet::from([kind]), ..any() };
        let terms = |first, last| Matching { terms: Some(Term(first)..=Term(last)), ..any() };
        let indices = |first, last| Matching { indices: Some(LogIndex(first)..=LogIndex(last)), ..any() };
        for wanted in [any(), kinds(FrameKind::AppendEntries), terms(2, 3), indices(7, 7)] {
            assert!(seen.is_among(&wanted), "{wanted:?}");
        }
        for wanted in [kinds(FrameKind::Heartbeat), terms(4, 9), indices(5, 6), indices(8, 9)] {
            assert!(!seen.is_among(&wanted), "{wanted:?}");
        }
        let vote = glance(&Message::VoteReply(VoteReply { term: Term(3), granted: true }));
        assert!(!vote.is_among(&indices(0, 99)), "a vote has no index");
    }
}
