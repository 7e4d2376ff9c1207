//! What a message is about, as far as rules and screens care.

use raftdeck_model::{FrameKind, Matching};
use raftdeck_raft::{ConflictHint, LogId, LogIndex, Term};
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
        /// Its leader has told it to campaign.
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
        /// Where the leader is to look next.
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
}

impl Glance {
    /// A message with a kind and a term, and nothing else to tell.
    #[must_use]
    pub fn new(kind: FrameKind, term: Term) -> Self {
        Self { kind, term, index: None, granted: None, entries: 0, detail: Detail::None }
    }

    /// Whether this message is one of those. Their number is for others to count.
    pub(crate) fn is_among(&self, wanted: &Matching) -> bool {
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
                write!(f, "last {}{}", Place(last), if transfer { ", on order" } else { "" })
            }
            Self::Append { prev, commit } => write!(f, "prev {}, commit {commit}", Place(prev)),
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
        }
    }
}

/// A place in a log, in words.
struct Place(LogId);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(LogId { term, index }) = self;
        if *index == LogIndex::ZERO { f.write_str("0") } else { write!(f, "{index} in term {term}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn at(index: u64) -> LogId {
        LogId { term: Term(3), index: LogIndex(index) }
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
}
