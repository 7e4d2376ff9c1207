//! What a log and hard state may look like, judged the same way when they are written and when they are read:
//! what could not be recovered is not written. Keeps the terms and indices alone, never an entry's content.

use raftdeck_raft::{HardState, LogId, LogIndex, NodeId, Persist, Term, TermRun};
use serde::{Deserialize, Serialize};

/// The shape of what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outline {
    hard_state: HardState,
    /// The log starts after this entry; the zero id: it is whole.
    purged: LogId,
    last: LogIndex,
    /// The first index of each term in the log.
    ///
    /// Invariant: indices and terms both strictly increase, and the first index is the one after `purged`.
    runs: Vec<(LogIndex, Term)>,
}

/// How a write contradicts what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteMisfit {
    /// Entries must follow each other.
    #[error("entry {found} is where entry {expected} belongs")]
    Gap {
        /// What belongs there.
        expected: LogIndex,
        /// What is there.
        found: LogIndex,
    },
    /// Terms never go down along a log.
    #[error("entry {index} has term {term}, lower than term {before} of the entry before it")]
    EntryTerm {
        /// The entry.
        index: LogIndex,
        /// Its term.
        term: Term,
        /// The term before it.
        before: Term,
    },
    /// A term is durable no later than its entries.
    #[error("entry {index} has term {term}, above the current term {current}")]
    TermNotDurable {
        /// The entry.
        index: LogIndex,
        /// Its term.
        term: Term,
        /// The term of the hard state.
        current: Term,
    },
    /// Index 0 is before the log.
    #[error("the log cannot be truncated from index 0 on")]
    TruncateAtZero,
    /// Entries that a snapshot replaced can no longer be changed.
    #[error("the log cannot be truncated from index {from} on: it starts after entry {purged}")]
    TruncatePurged {
        /// From where.
        from: LogIndex,
        /// The last entry that is gone.
        purged: LogIndex,
    },
    /// Only what is there can be released.
    #[error("the log cannot be purged through entry {index} of term {term}: it does not hold that entry")]
    PurgeUnknown {
        /// Through where.
        index: LogIndex,
        /// The term it should have.
        term: Term,
    },
    /// A snapshot that takes the log's place is ahead of what was purged.
    #[error("the log cannot start anew after entry {to} of term {term}: entries through {purged} are gone")]
    ResetBack {
        /// The entry before the new start.
        to: LogIndex,
        /// Its term.
        term: Term,
        /// The last entry that is gone.
        purged: LogIndex,
    },
    /// A member's term never goes back.
    #[error("the current term goes back from {from} to {to}")]
    TermBack {
        /// What is stored.
        from: Term,
        /// What should follow.
        to: Term,
    },
    /// A member votes once a term.
    #[error("the vote in term {term}, given to {given}, is taken back or changed")]
    VoteChanged {
        /// The term.
        term: Term,
        /// The candidate that had the vote.
        given: NodeId,
    },
}

impl Outline {
    /// That of an empty log that starts after this entry.
    pub(crate) fn starting(hard_state: HardState, purged: LogId) -> Self {
        Self { hard_state, purged, last: purged.index, runs: Vec::new() }
    }

    /// Takes in all of a write, in the order in which it is stored.
    pub(crate) fn write(&mut self, write: &Persist) -> Result<(), WriteMisfit> {
        if let Some(id) = write.reset {
            self.reset(id)?;
        }
        if let Some(from) = write.truncate {
            self.truncate(from)?;
        }
        if let Some(id) = write.purge {
            self.purge(id)?;
        }
        for entry in &write.entries {
            self.append(entry.id)?;
        }
        if let Some(hard_state) = write.hard_state {
            self.set_hard_state(hard_state)?;
        }
        self.check_terms()
    }

    /// Removes the entry at `from` and all behind it. There may be none: then there is nothing to remove.
    pub(crate) fn truncate(&mut self, from: LogIndex) -> Result<(), WriteMisfit> {
        if from == LogIndex::ZERO {
            return Err(WriteMisfit::TruncateAtZero);
        }
        if from <= self.purged.index {
            return Err(WriteMisfit::TruncatePurged { from, purged: self.purged.index });
        }
        if from <= self.last {
            self.last = from.previous();
            self.runs.retain(|(first, _)| *first < from);
        }
        Ok(())
    }

    /// Forgets the whole log; the next entry is the one after `id`.
    pub(crate) fn reset(&mut self, id: LogId) -> Result<(), WriteMisfit> {
        let purged = self.purged;
        if id.index == LogIndex::ZERO || id.index < purged.index || id.term < purged.term {
            return Err(WriteMisfit::ResetBack { to: id.index, term: id.term, purged: purged.index });
        }
        self.purged = id;
        self.last = id.index;
        self.runs.clear();
        Ok(())
    }

    /// Releases the entries through `id`. They may be gone already.
    pub(crate) fn purge(&mut self, id: LogId) -> Result<(), WriteMisfit> {
        if id.index <= self.purged.index {
            return Ok(());
        }
        if !self.contains(id) {
            return Err(WriteMisfit::PurgeUnknown { index: id.index, term: id.term });
        }
        self.purged = id;
        let gone = self.runs.partition_point(|(first, _)| *first <= id.index);
        // The last of these may reach beyond.
        self.runs.drain(..gone);
        let next = id.index.next();
        if next <= self.last && self.runs.first().is_none_or(|(first, _)| *first > next) {
            self.runs.insert(0, (next, id.term));
        }
        Ok(())
    }

    pub(crate) fn append(&mut self, id: LogId) -> Result<(), WriteMisfit> {
        let expected = self.last.next();
        if id.index != expected {
            return Err(WriteMisfit::Gap { expected, found: id.index });
        }
        let before = self.last_term();
        if id.term < before {
            return Err(WriteMisfit::EntryTerm { index: id.index, term: id.term, before });
        }
        if self.runs.is_empty() || id.term > before {
            self.runs.push((id.index, id.term));
        }
        self.last = id.index;
        Ok(())
    }

    pub(crate) fn set_hard_state(&mut self, to: HardState) -> Result<(), WriteMisfit> {
        let from = self.hard_state;
        if to.term < from.term {
            return Err(WriteMisfit::TermBack { from: from.term, to: to.term });
        }
        // paper §5.2: at most one vote a term, and a step-down within the term does not free it.
        if let Some(given) = from.vote
            && to.term == from.term
            && to.vote != from.vote
        {
            return Err(WriteMisfit::VoteChanged { term: to.term, given });
        }
        self.hard_state = to;
        Ok(())
    }

    /// Whether the current term is at least that of every entry, which holds between writes but not inside one.
    pub(crate) fn check_terms(&self) -> Result<(), WriteMisfit> {
        let (term, current) = (self.last_term(), self.hard_state.term);
        if term > current {
            return Err(WriteMisfit::TermNotDurable { index: self.last, term, current });
        }
        Ok(())
    }

    pub(crate) fn hard_state(&self) -> HardState {
        self.hard_state
    }

    pub(crate) fn purged(&self) -> LogId {
        self.purged
    }

    pub(crate) fn last(&self) -> LogIndex {
        self.last
    }

    /// Whether this entry is in the log. By its id it is known (Log Matching, paper §5.3).
    pub(crate) fn contains(&self, id: LogId) -> bool {
        self.term(id.index) == Some(id.term)
    }

    /// The term of an entry in the log.
    fn term(&self, index: LogIndex) -> Option<Term> {
        if index <= self.purged.index || index > self.last {
            return None;
        }
        let behind = self.runs.partition_point(|(first, _)| *first <= index);
        self.runs[..behind].last().map(|(_, term)| *term)
    }

    /// The runs of equal terms before this entry.
    pub(crate) fn runs_before(&self, end: LogIndex) -> Vec<TermRun> {
        let last = self.last.min(end.previous());
        let ends = self.runs.iter().skip(1).map(|(first, _)| first.previous()).chain([last]);
        let runs = self.runs.iter().zip(ends).take_while(|((first, _), _)| *first <= last);
        runs.map(|((first, term), end)| TermRun { term: *term, first: *first, last: end.min(last) }).collect()
    }

    /// Whether one that was read could have come about.
    pub(crate) fn is_consistent(&self) -> bool {
        let first = self.runs.first();
        self.runs.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1)
            && first.is_none_or(|(index, term)| {
                index.0 == self.purged.index.0.saturating_add(1) && *term >= self.purged.term
            })
            && first.is_none() == (self.last == self.purged.index)
            && self.runs.last().is_none_or(|(index, _)| *index <= self.last)
            && self.check_terms().is_ok()
    }

    /// The term of the last entry, also if that is gone.
    fn last_term(&self) -> Term {
        self.runs.last().map_or(self.purged.term, |(_, term)| *term)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(term: u64, index: u64) -> LogId {
        LogId { term: Term(term), index: LogIndex(index) }
    }

    fn outline() -> Outline {
        let mut outline = Outline::default();
        outline.set_hard_state(HardState { term: Term(3), vote: Some(NodeId(2)) }).unwrap();
        for entry in [id(1, 1), id(1, 2), id(3, 3)] {
            outline.append(entry).unwrap();
        }
        outline
    }

    #[test]
    fn a_gap_and_a_repetition_are_misfits() {
        for found in [3, 5] {
            let misfit = WriteMisfit::Gap { expected: LogIndex(4), found: LogIndex(found) };
            assert_eq!(outline().append(id(3, found)), Err(misfit));
        }
    }

    #[test]
    fn terms_go_up_along_the_log_also_after_a_truncation() {
        let mut outline = outline();
        assert!(matches!(outline.append(id(2, 4)), Err(WriteMisfit::EntryTerm { .. })));
        outline.truncate(LogIndex(3)).unwrap();
        assert!(matches!(outline.append(id(0, 3)), Err(WriteMisfit::EntryTerm { .. })));
        outline.append(id(2, 3)).unwrap();
    }

    #[test]
    fn truncating_behind_the_end_removes_nothing() {
        let mut outline = outline();
        outline.truncate(LogIndex(9)).unwrap();
        outline.append(id(3, 4)).unwrap();
        assert_eq!(outline.truncate(LogIndex::ZERO), Err(WriteMisfit::TruncateAtZero));
    }

    #[test]
    fn a_purge_keeps_the_terms_of_what_is_left() {
        for through in [id(1, 1), id(1, 2), id(3, 3)] {
            let mut outline = outline();
            outline.purge(through).unwrap();
            // Once more, and through less, changes nothing.
            outline.purge(through).unwrap();
            outline.purge(id(1, 1)).unwrap();
            assert_eq!((outline.purged(), outline.last()), (through, LogIndex(3)));
            let kept = [id(1, 1), id(1, 2), id(3, 3)].map(|entry| outline.contains(entry));
            assert_eq!(kept, [1, 2, 3].map(|index| LogIndex(index) > through.index));
            assert!(matches!(outline.append(id(2, 4)), Err(WriteMisfit::EntryTerm { .. })));
            outline.append(id(3, 4)).unwrap();
        }
    }

    #[test]
    fn only_what_the_log_holds_is_purged() {
        for unknown in [id(2, 2), id(3, 4)] {
            let misfit = WriteMisfit::PurgeUnknown { index: unknown.index, term: unknown.term };
            assert_eq!(outline().purge(unknown), Err(misfit));
        }
    }

    #[test]
    fn what_is_purged_cannot_be_truncated() {
        let mut outline = outline();
        outline.purge(id(1, 2)).unwrap();
        let misfit = WriteMisfit::TruncatePurged { from: LogIndex(2), purged: LogIndex(2) };
        assert_eq!(outline.truncate(LogIndex(2)), Err(misfit));
        outline.truncate(LogIndex(3)).unwrap();
        outline.append(id(1, 3)).unwrap();
    }

    #[test]
    fn a_reset_starts_the_log_anew_and_never_further_back() {
        let mut outline = outline();
        outline.reset(id(2, 9)).unwrap();
        assert_eq!((outline.purged(), outline.last()), (id(2, 9), LogIndex(9)));
        assert!(matches!(outline.append(id(3, 4)), Err(WriteMisfit::Gap { .. })));
        assert!(matches!(outline.append(id(1, 10)), Err(WriteMisfit::EntryTerm { .. })));
        outline.append(id(3, 10)).unwrap();
        outline.reset(id(2, 9)).unwrap();
        assert_eq!(outline.last(), LogIndex(9));
        for back in [id(2, 8), id(1, 10), LogId::default()] {
            assert!(matches!(outline.reset(back), Err(WriteMisfit::ResetBack { .. })));
        }
        outline.reset(id(4, 12)).unwrap();
        assert!(matches!(outline.check_terms(), Err(WriteMisfit::TermNotDurable { .. })));
    }

    #[test]
    fn an_entry_above_the_durable_term_is_a_misfit() {
        let mut outline = outline();
        outline.append(id(4, 4)).unwrap();
        assert!(matches!(outline.check_terms(), Err(WriteMisfit::TermNotDurable { .. })));
        outline.set_hard_state(HardState { term: Term(4), vote: None }).unwrap();
        assert_eq!(outline.check_terms(), Ok(()));
    }

    #[test]
    fn a_vote_is_given_once_a_term_and_terms_never_go_back() {
        let mut outline = outline();
        let changed = Err(WriteMisfit::VoteChanged { term: Term(3), given: NodeId(2) });
        assert_eq!(outline.set_hard_state(HardState { term: Term(3), vote: None }), changed);
        assert_eq!(outline.set_hard_state(HardState { term: Term(3), vote: Some(NodeId(1)) }), changed);
        let back = Err(WriteMisfit::TermBack { from: Term(3), to: Term(2) });
        assert_eq!(outline.set_hard_state(HardState { term: Term(2), vote: None }), back);
        outline.set_hard_state(HardState { term: Term(4), vote: None }).unwrap();
        outline.set_hard_state(HardState { term: Term(4), vote: Some(NodeId(1)) }).unwrap();
    }

    /// Each of these is wrong in one respect alone.
    #[test]
    fn an_outline_that_no_writes_can_lead_to_is_inconsistent() {
        let consistent = |purged, last, runs: &[(u64, u64)]| {
            let runs = runs.iter().map(|(first, term)| (LogIndex(*first), Term(*term))).collect();
            let outline = Outline { purged, last: LogIndex(last), runs, ..outline() };
            outline.is_consistent()
        };
        let none = LogId::default();
        assert!(outline().is_consistent() && Outline::default().is_consistent());
        assert!(consistent(none, 3, &[(1, 1), (3, 3)]) && consistent(id(2, 4), 4, &[]));
        assert!(consistent(id(2, 4), 5, &[(5, 2)]));
        assert!(!consistent(none, 3, &[(1, 1), (1, 3)]), "two terms of one entry");
        assert!(!consistent(none, 3, &[(1, 1), (3, 1)]), "a term that does not go up");
        assert!(!consistent(none, 3, &[(2, 1), (3, 3)]), "nothing at the beginning");
        assert!(!consistent(id(2, 4), 5, &[(5, 1)]), "a term that goes down after what is purged");
        assert!(!consistent(none, 3, &[]), "entries without a term");
        assert!(!consistent(none, 3, &[(1, 1), (4, 3)]), "a term behind the end");
        assert!(!consistent(none, 3, &[(1, 1), (3, 4)]), "a term above the current one");
    }
}
