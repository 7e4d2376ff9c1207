//! The log in memory. Knows indices and terms, not what is durable or committed.

use crate::types::{Entry, HardState, LogId, LogIndex, Term};
use serde::{Deserialize, Serialize};

/// A run of neighbouring entries of one term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermRun {
    /// Their term.
    pub term: Term,
    /// The first.
    pub first: LogIndex,
    /// The last.
    pub last: LogIndex,
}

/// The log.
///
/// **Invariant:** entry i stands at `entries[i - 1]`; terms never fall; `runs` covers exactly the entries.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    runs: Vec<TermRun>,
}

/// Why entries do not make a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Gap { expected: LogIndex, found: LogIndex },
    Term { index: LogIndex },
}

impl Log {
    /// Takes a log read from disk, checked against the hard state beside it: a term is durable
    /// before any entry of that term.
    pub(crate) fn restore(entries: Vec<Entry>, hard_state: HardState) -> Result<Self, Flaw> {
        let mut log = Self::default();
        for entry in entries {
            let (expected, found) = (log.last().index.next(), entry.id.index);
            if found != expected {
                return Err(Flaw::Gap { expected, found });
            }
            if entry.id.term < log.last().term || entry.id.term > hard_state.term {
                return Err(Flaw::Term { index: found });
            }
            log.push(entry);
        }
        Ok(log)
    }

    /// The last entry's id; of an empty log, the zero id.
    pub(crate) fn last(&self) -> LogId {
        self.entries.last().map_or(LogId::default(), |entry| entry.id)
    }

    /// The term at an index: 0 at index 0, `None` past the end.
    pub(crate) fn term(&self, index: LogIndex) -> Option<Term> {
        if index == LogIndex::ZERO {
            return Some(Term(0));
        }
        self.entries.get(slot(index)).map(|entry| entry.id.term)
    }

    /// Whether this entry, or the zero id, is in the log.
    pub(crate) fn contains(&self, id: LogId) -> bool {
        self.term(id.index) == Some(id.term)
    }

    /// Appends one entry.
    ///
    /// # Panics
    /// If it is not the next one or its term falls: the caller has checked.
    pub(crate) fn push(&mut self, entry: Entry) {
        let LogId { term, index } = entry.id;
        assert_eq!(index, self.last().index.next(), "the log has no gaps");
        assert!(term >= self.last().term, "terms never fall along a log");
        match self.runs.last_mut() {
            Some(run) if run.term == term => run.last = index,
            _ => self.runs.push(TermRun { term, first: index, last: index }),
        }
        self.entries.push(entry);
    }

    /// Removes `from` and everything after it.
    pub(crate) fn truncate(&mut self, from: LogIndex) {
        self.entries.truncate(slot(from));
        self.runs.retain(|run| run.first < from);
        if let Some(run) = self.runs.last_mut() {
            run.last = run.last.min(from.previous());
        }
    }

    /// Entries from `first` on, at most `limit`.
    pub(crate) fn slice(&self, first: LogIndex, limit: usize) -> &[Entry] {
        let start = slot(first.max(LogIndex(1))).min(self.entries.len());
        let end = start.saturating_add(limit).min(self.entries.len());
        &self.entries[start..end]
    }

    /// Entries from `first` on while they fit into `max_bytes`; always at least one if there is one.
    pub(crate) fn slice_bytes(&self, first: LogIndex, max_bytes: usize) -> &[Entry] {
        let rest = self.slice(first, usize::MAX);
        let mut bytes = 0;
        let fit = rest
            .iter()
            .take_while(|entry| {
                bytes += entry.payload.size() + ENTRY_OVERHEAD;
                bytes <= max_bytes
            })
            .count();
        &rest[..fit.max(1).min(rest.len())]
    }

    /// The runs of equal terms, oldest first.
    pub(crate) fn runs(&self) -> &[TermRun] {
        &self.runs
    }

    /// The run of this term, if the log has entries of it.
    pub(crate) fn run_of(&self, term: Term) -> Option<&TermRun> {
        self.runs.binary_search_by_key(&term, |run| run.term).ok().map(|i| &self.runs[i])
    }
}

/// What an entry costs besides its payload, roughly: its id and lengths on the wire. Keeps a flood of empty
/// commands from making one endless message.
pub(crate) const ENTRY_OVERHEAD: usize = 16;

fn slot(index: LogIndex) -> usize {
    usize::try_from(index.0.saturating_sub(1)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Payload;
    use proptest::prelude::*;

    fn entry(term: u64, index: u64) -> Entry {
        Entry { id: LogId { term: Term(term), index: LogIndex(index) }, payload: Payload::Noop }
    }

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        for (term, index) in terms.iter().zip(1..) {
            log.push(entry(*term, index));
        }
        log
    }

    #[test]
    fn an_unknown_index_has_no_term() {
        let log = log(&[1, 1, 2]);
        assert_eq!(log.term(LogIndex(0)), Some(Term(0)));
        assert_eq!(log.term(LogIndex(3)), Some(Term(2)));
        assert_eq!(log.term(LogIndex(4)), None);
    }

    #[test]
    fn a_slice_by_bytes_holds_at_least_one_entry() {
        let log = log(&[1, 1, 1]);
        assert_eq!(log.slice_bytes(LogIndex(2), 0).len(), 1);
        assert_eq!(log.slice_bytes(LogIndex(1), 2 * ENTRY_OVERHEAD).len(), 2);
        assert_eq!(log.slice_bytes(LogIndex(4), 100).len(), 0);
    }

    #[test]
    fn a_log_with_a_gap_or_an_impossible_term_is_refused() {
        let hard_state = HardState { term: Term(2), vote: None };
        let refused = |entries| Log::restore(entries, hard_state).unwrap_err();
        assert_eq!(
            refused(vec![entry(1, 1), entry(1, 3)]),
            Flaw::Gap { expected: LogIndex(2), found: LogIndex(3) }
        );
        assert_eq!(refused(vec![entry(2, 1), entry(1, 2)]), Flaw::Term { index: LogIndex(2) });
        assert_eq!(refused(vec![entry(3, 1)]), Flaw::Term { index: LogIndex(1) });
    }

    proptest! {
        /// Runs are bookkeeping: they must always say what the entries say.
        #[test]
        fn runs_describe_the_entries(steps in prop::collection::vec((0_u64..3, 0_u64..4), 0..40)) {
            let mut log = Log::default();
            for (raise, cut) in steps {
                let last = log.last();
                log.push(entry(last.term.0.max(1) + raise, last.index.0 + 1));
                if cut == 0 {
                    log.truncate(LogIndex(log.last().index.0.saturating_sub(2).max(1)));
                }
                let from_runs: Vec<_> = log.runs().iter()
                    .flat_map(|run| (run.first.0..=run.last.0).map(|i| (run.term, LogIndex(i))))
                    .collect();
                let from_entries: Vec<_> = log.slice(LogIndex(1), usize::MAX).iter()
                    .map(|e| (e.id.term, e.id.index)).collect();
                prop_assert_eq!(from_runs, from_entries);
                prop_assert!(log.runs().windows(2).all(|w| w[0].term < w[1].term));
            }
        }
    }
}
