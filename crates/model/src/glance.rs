//! What a message is about, as far as rules and screens need it.

use crate::message::FrameKind;
use crate::rule::Matching;
use raftdeck_raft::{AppendOutcome, ConflictHint, LogId, LogIndex, Message, Term, VoteRequest};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A message at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glance {
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
    /// The rest.
    pub detail: Detail,
}

/// What a message says beside its kind, term and index. Written in words: `prev 4 in term 2, commit 3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing.
    None,
    /// A candidate's request.
    Candidate {
        /// Its last entry.
        last: LogId,
        /// Its leader has ordered it to campaign.
        transfer: bool,
    },
    /// An AppendEntries.
    Append {
        /// The entry before the first one that it carries.
        prev: LogId,
        /// The leader's commit index.
        commit: LogIndex,
    },
    /// An AppendEntries was refused.
    Conflict {
        /// Its `prev` index.
        refused: LogIndex,
        /// Where the leader is to continue.
        hint: ConflictHint,
    },
    /// A piece of a snapshot, in bytes.
    Piece {
        /// Where it begins.
        offset: u64,
        /// Where the next one begins.
        end: u64,
        /// The size of the whole snapshot.
        size: u64,
    },
    /// The next piece of a snapshot is to begin at this byte.
    NextPiece(u64),
    /// A snapshot is installed.
    Installed,
    /// For how long the disk has finished no write.
    Stalled(Duration),
    /// The sender's commit index, in a message that carries nothing else.
    Commit(LogIndex),
    /// A snapshot in one message; the last entry that it covers.
    Snapshot(LogId),
}

impl Glance {
    /// A message with a kind and a term, and no further details.
    #[must_use]
    pub fn new(kind: FrameKind, term: Term) -> Self {
        Self { kind, term, index: None, granted: None, entries: 0, detail: Detail::None }
    }

    /// Takes the glance of a decoded message.
    #[must_use]
    pub fn of(message: &Message) -> Self {
        let plain = |kind| Self::new(kind, message.term());
        match message {
            Message::PreVote(request) => plain(FrameKind::PreVote).candidate(request),
            Message::RequestVote(request) => plain(FrameKind::RequestVote).candidate(request),
            Message::PreVoteReply(reply) => {
                Self { granted: Some(reply.granted), ..plain(FrameKind::PreVoteReply) }
            }
            Message::VoteReply(reply) => Self { granted: Some(reply.granted), ..plain(FrameKind::VoteReply) },
            Message::AppendEntries(append) => {
                let entries = append.entries.len() as u64;
                let kind = if entries == 0 { FrameKind::Heartbeat } else { FrameKind::AppendEntries };
                let index = Some(LogIndex(append.prev.index.0.saturating_add(entries)));
                let detail = Detail::Append { prev: append.prev, commit: append.commit };
                Self { index, entries, detail, ..plain(kind) }
            }
            Message::AppendReply(reply) => {
                let (index, detail) = match reply.outcome {
                    AppendOutcome::Matched { through } => (Some(through), Detail::None),
                    AppendOutcome::Conflict { refused, hint } => (None, Detail::Conflict { refused, hint }),
                };
                Self { index, granted: Some(index.is_some()), detail, ..plain(FrameKind::AppendReply) }
            }
            Message::TimeoutNow(_) => plain(FrameKind::TimeoutNow),
            Message::InstallSnapshot(piece) => {
                let end = piece.offset + piece.data.len() as u64;
                let detail = Detail::Piece { offset: piece.offset, end, size: piece.size };
                Self { index: Some(piece.meta.last.index), detail, ..plain(FrameKind::InstallSnapshot) }
            }
            Message::SnapshotReply(reply) => {
                // An answer to any but the last piece neither grants nor refuses.
                let (granted, detail) = if reply.installed {
                    (Some(true), Detail::Installed)
                } else {
                    (None, Detail::NextPiece(reply.next_offset))
                };
                Self { index: Some(reply.last.index), granted, detail, ..plain(FrameKind::SnapshotReply) }
            }
            Message::DiskStalled(report) => {
                Self { detail: Detail::Stalled(report.waited), ..plain(FrameKind::DiskStalled) }
            }
        }
    }

    fn candidate(self, request: &VoteRequest) -> Self {
        Self { detail: Detail::Candidate { last: request.last, transfer: request.transfer }, ..self }
    }

    /// Whether this message matches. Counting them is the caller's task.
    #[must_use]
    pub fn is_among(&self, wanted: &Matching) -> bool {
        let index =
            |indices: &RangeInclusive<LogIndex>| self.index.is_some_and(|index| indices.contains(&index));
        (wanted.kinds.is_empty() || wanted.kinds.contains(&self.kind))
            && wanted.terms.as_ref().is_none_or(|terms| terms.contains(&self.term))
            && wanted.indices.as_ref().is_none_or(index)
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::None => Ok(()),
            Self::Candidate { last, transfer } => {
                write!(f, "last {}{}", LogPosition(last), if transfer { ", on order" } else { "" })
            }
            Self::Append { prev, commit } => write!(f, "prev {}, commit {commit}", LogPosition(prev)),
            Self::Conflict { refused, hint: ConflictHint { term: Some(term), first } } => {
                write!(f, "refused {refused}, its term {term} begins at {first}")
            }
            Self::Conflict { refused, hint: ConflictHint { term: None, first } } => {
                write!(f, "refused {refused}, its log goes on at {first}")
            }
            Self::Piece { offset, end, size } => write!(f, "bytes {offset} to {end} of {size}"),
            Self::NextPiece(byte) => write!(f, "next byte {byte}"),
            Self::Installed => f.write_str("installed"),
            Self::Stalled(time) => write!(f, "no write finished for {} ms", time.as_millis()),
            Self::Commit(commit) => write!(f, "commit {commit}"),
            Self::Snapshot(last) => write!(f, "last {}", LogPosition(last)),
        }
    }
}

/// A position in a log, in words.
struct LogPosition(LogId);

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(LogId { term, index }) = self;
        if *index == LogIndex::ZERO { f.write_str("0") } else { write!(f, "{index} in term {term}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use raftdeck_raft::{
        AppendEntries, AppendReply, Entry, InstallSnapshot, Payload, SnapshotMeta, SnapshotReply, TimeoutNow,
        VoteReply,
    };
    use std::collections::BTreeSet;

    fn at(index: u64) -> LogId {
        LogId { term: Term(3), index: LogIndex(index) }
    }

    fn append(prev: u64, entries: u64) -> Message {
        let entries = (1..=entries).map(|n| Entry { id: at(prev + n), payload: Payload::Noop }).collect();
        let message = AppendEntries { term: Term(3), prev: at(prev), entries, commit: LogIndex(2), round: 1 };
        Message::AppendEntries(message)
    }

    fn piece(index: u64) -> Message {
        let meta = SnapshotMeta { last: at(index), ..SnapshotMeta::default() };
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
            last: at(30),
            next_offset: 10,
            installed,
            refused: None,
        })
    }

    #[test]
    fn what_a_glance_does_not_show_is_said_in_words() {
        let conflict = |term, first| Detail::Conflict {
            refused: LogIndex(5),
            hint: ConflictHint { term, first: LogIndex(first) },
        };
        let append = |prev| Detail::Append { prev, commit: LogIndex(2) };
        for (detail, said) in [
            (Detail::None, ""),
            (append(LogId::default()), "prev 0, commit 2"),
            (append(at(4)), "prev 4 in term 3, commit 2"),
            (Detail::Candidate { last: at(7), transfer: false }, "last 7 in term 3"),
            (Detail::Candidate { last: at(7), transfer: true }, "last 7 in term 3, on order"),
            (conflict(Some(Term(2)), 3), "refused 5, its term 2 begins at 3"),
            (conflict(None, 3), "refused 5, its log goes on at 3"),
            (Detail::Piece { offset: 5, end: 10, size: 20 }, "bytes 5 to 10 of 20"),
            (Detail::NextPiece(10), "next byte 10"),
            (Detail::Installed, "installed"),
            (Detail::Stalled(Duration::from_millis(1500)), "no write finished for 1500 ms"),
            (Detail::Commit(LogIndex(9)), "commit 9"),
            (Detail::Snapshot(at(7)), "last 7 in term 3"),
        ] {
            assert_eq!(detail.to_string(), said);
        }
    }

    #[test]
    fn a_message_is_sought_by_kind_term_and_index() {
        let append = Glance { index: Some(LogIndex(7)), ..Glance::new(FrameKind::AppendEntries, Term(3)) };
        let any = Matching::default;
        let kinds = |kind| Matching { kinds: BTreeSet::from([kind]), ..any() };
        let terms = |first, last| Matching { terms: Some(Term(first)..=Term(last)), ..any() };
        let indices = |first, last| Matching { indices: Some(LogIndex(first)..=LogIndex(last)), ..any() };
        for wanted in [any(), kinds(FrameKind::AppendEntries), terms(2, 3), indices(7, 7)] {
            assert!(append.is_among(&wanted), "{wanted:?}");
        }
        for wanted in [kinds(FrameKind::Heartbeat), terms(4, 9), indices(5, 6), indices(8, 9)] {
            assert!(!append.is_among(&wanted), "{wanted:?}");
        }
        let vote = Glance::new(FrameKind::VoteReply, Term(3));
        assert!(!vote.is_among(&indices(0, 99)), "a vote has no index");
    }

    #[test]
    fn each_kind_is_told_apart() {
        let request = VoteRequest { term: Term(3), last: at(7), transfer: false };
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
            let report = Glance::of(&content);
            assert_eq!(report.term, Term(3));
            assert_eq!((report.kind, report.index), (kind, index));
            assert_eq!((report.granted, report.entries), (granted, entries));
        }
    }

    #[test]
    fn what_else_a_message_says_is_in_its_detail() {
        let request = VoteRequest { term: Term(3), last: at(7), transfer: true };
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
            assert_eq!(Glance::of(&message).detail.to_string(), said);
        }
    }
}
