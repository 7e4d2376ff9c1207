//! The log: of all of it the terms, and of its newest part the entries. Its beginning may have been released, and earlier
//! entries may be on the disk only. Knows indices and terms, not what is durable or committed.

use crate::mutants::{Mutant, is_active};
use crate::types::{Entry, HardState, LogId, LogIndex, Term};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::collections::vec_deque;

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
/// **Invariant:** `base <= evicted <= last`. Entry i stands at `entries[i - evicted - 1]`; terms never fall, from `base`
/// on; `runs` covers exactly the entries after `base`, be they in memory or not; `bytes` is what those in memory cost.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The entry before the first one. Of what was released only this is known; the zero id: nothing was.
    base: LogId,
    /// The entry before the first one in memory. From `base` to here they are on the disk only.
    evicted: LogIndex,
    entries: VecDeque<Entry>,
    runs: Vec<TermRun>,
    bytes: usize,
}

/// Why entries do not make a log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LogFlaw {
    Gap { expected: LogIndex, found: LogIndex },
    Term { index: LogIndex },
}

impl Log {
    /// Takes a log read from disk, checked against the hard state beside it: a term is durable before any entry of that
    /// term. Of the entries before `entries` only the runs were read.
    pub(crate) fn restore(
        base: LogId,
        on_disk: &[TermRun],
        entries: Vec<Entry>,
        hard_state: HardState,
    ) -> Result<Self, LogFlaw> {
        let mut log = Self { base, evicted: base.index, ..Self::default() };
        if base.term > hard_state.term {
            return Err(LogFlaw::Term { index: base.index });
        }
        let check = |log: &Self, LogId { term, index }| {
            let (expected, last_term) = (log.last().index.next(), log.last().term);
            if index != expected {
                return Err(LogFlaw::Gap { expected, found: index });
            }
            if term < last_term || term > hard_state.term { Err(LogFlaw::Term { index }) } else { Ok(()) }
        };
        for TermRun { term, first, last } in on_disk.iter().copied() {
            check(&log, LogId { term, index: first })?;
            if last < first {
                return Err(LogFlaw::Gap { expected: first, found: last });
            }
            log.extend_runs(term, first, last);
            log.evicted = last;
        }
        for entry in entries {
            check(&log, entry.id)?;
            log.push(entry);
        }
        Ok(log)
    }

    /// The entry before the first one; the zero id: the log is whole.
    pub(crate) fn base(&self) -> LogId {
        self.base
    }

    /// The index of the first entry, or of the next one if there is none.
    pub(crate) fn first(&self) -> LogIndex {
        self.base.index.next()
    }

    /// The index of the first entry in memory, or of the next one if there is none.
    pub(crate) fn first_in_memory(&self) -> LogIndex {
        self.evicted.next()
    }

    /// The last entry's id; of an empty log, the base.
    pub(crate) fn last(&self) -> LogId {
        self.runs.last().map_or(self.base, |run| LogId { term: run.term, index: run.last })
    }

    /// The term at an index: 0 at index 0, `None` past the end and before the base. What was released is unknown,
    /// which is not the same as 0: nothing matches it.
    pub(crate) fn term(&self, index: LogIndex) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        if index < self.base.index {
            return is_active(Mutant::CompactedTermIsZero).then_some(Term(0));
        }
        let newest = self.runs.last()?;
        if index > newest.last {
            return None;
        }
        // Nearly always the newest run is asked for.
        if index >= newest.first {
            return Some(newest.term);
        }
        let run = self.runs.partition_point(|run| run.last < index);
        self.runs.get(run).map(|run| run.term)
    }

    /// Whether this entry, or the base, is in the log.
    pub(crate) fn contains(&self, id: LogId) -> bool {
        self.term(id.index) == Some(id.term)
    }

    /// Appends one entry.
    ///
    /// # Panics
    /// If it is not the next one or its term falls: the caller has checked.
    pub(crate) fn push(&mut self, entry: Entry) {
        let LogId { term, index } = entry.id;
        let last = self.last();
        assert_eq!(index, last.index.next(), "the log has no gaps");
        assert!(term >= last.term, "terms never fall along a log");
        self.extend_runs(term, index, index);
        self.bytes += in_memory(&entry);
        self.entries.push_back(entry);
    }

    fn extend_runs(&mut self, term: Term, first: LogIndex, last: LogIndex) {
        match self.runs.last_mut() {
            Some(run) if run.term == term => run.last = last,
            _ => self.runs.push(TermRun { term, first, last }),
        }
    }

    /// Removes `from` and everything after it.
    ///
    /// # Panics
    /// If `from` was released: it is committed.
    pub(crate) fn truncate(&mut self, from: LogIndex) {
        assert!(from > self.base.index, "what was released is committed and stays");
        while let Some(entry) = self.entries.pop_back_if(|entry| entry.id.index >= from) {
            self.bytes -= in_memory(&entry);
        }
        self.evicted = self.evicted.min(from.previous());
        self.runs.retain(|run| run.first < from);
        if let Some(run) = self.runs.last_mut() {
            run.last = run.last.min(from.previous());
        }
    }

    /// Releases the entries through `through`, memory included.
    ///
    /// # Panics
    /// If there is no such entry.
    pub(crate) fn purge(&mut self, through: LogIndex) {
        let term = self.term(through).expect("only entries of the log are released");
        self.base = LogId { term, index: through };
        while self.entries.front().is_some_and(|entry| entry.id.index <= through) {
            self.evict_first();
        }
        if self.entries.capacity() / 4 > self.entries.len() {
            self.entries.shrink_to(2 * self.entries.len());
        }
        self.evicted = self.evicted.max(through);
        let gone = self.runs.partition_point(|run| run.last <= through);
        self.runs.drain(..gone);
        if let Some(run) = self.runs.first_mut() {
            run.first = run.first.max(through.next());
        }
    }

    /// Leaves entries to the disk, the oldest first and none after `through`, until those in memory fit into `limit`
    /// bytes.
    pub(crate) fn evict(&mut self, through: LogIndex, limit: usize) {
        while self.bytes > limit && self.evicted < through && !self.entries.is_empty() {
            self.evict_first();
        }
    }

    fn evict_first(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= in_memory(&entry);
            self.evicted = entry.id.index;
        }
    }

    /// Forgets everything: the log continues after `base`.
    pub(crate) fn reset(&mut self, base: LogId) {
        *self = Self { base, evicted: base.index, ..Self::default() };
    }

    /// Entries from `first` on, at most `limit`; none if `first` is not in memory.
    pub(crate) fn slice(&self, first: LogIndex, limit: usize) -> vec_deque::Iter<'_, Entry> {
        if first <= self.evicted {
            return self.entries.range(..0);
        }
        let start =
            usize::try_from(first.0 - self.evicted.0 - 1).unwrap_or(usize::MAX).min(self.entries.len());
        let end = start.saturating_add(limit).min(self.entries.len());
        self.entries.range(start..end)
    }

    /// Entries after `after`, through `through`, that are in memory.
    pub(crate) fn between(&self, after: LogIndex, through: LogIndex) -> vec_deque::Iter<'_, Entry> {
        let after = after.max(self.evicted);
        let count = usize::try_from(through.0.saturating_sub(after.0)).unwrap_or(usize::MAX);
        self.slice(after.next(), count)
    }

    /// Entries from `first` on while they fit into `max_bytes`, and their bytes; always at least one if there is one.
    pub(crate) fn slice_bytes(
        &self,
        first: LogIndex,
        max_bytes: usize,
    ) -> (vec_deque::Iter<'_, Entry>, usize) {
        let (mut count, mut bytes) = (0, 0);
        for entry in self.slice(first, usize::MAX) {
            let more = bytes + bytes_of(entry);
            if more > max_bytes && count > 0 {
                break;
            }
            (count, bytes) = (count + 1, more);
        }
        (self.slice(first, count), bytes)
    }

    /// The runs of equal terms, oldest first.
    pub(crate) fn runs(&self) -> &[TermRun] {
        &self.runs
    }

    /// The run of this term, if the log has entries of it.
    pub(crate) fn run_of(&self, term: Term) -> Option<&TermRun> {
        self.runs.binary_search_by_key(&term, |run| run.term).ok().map(|i| &self.runs[i])
    }

    /// The last index of this term that is known, if any is: the base counts too.
    pub(crate) fn last_of(&self, term: Term) -> Option<LogIndex> {
        let at_base = || (self.base.term == term).then_some(self.base.index);
        self.run_of(term).map(|run| run.last).or_else(at_base)
    }
}

/// What an entry costs besides its payload, roughly: its id and lengths on the wire. Keeps a flood of empty
/// commands from making one endless message.
const ENTRY_OVERHEAD: usize = 16;

/// The same in memory.
const OVERHEAD_IN_MEMORY: usize = 64;

/// The bytes of an entry that count toward a limit.
pub(crate) fn bytes_of(entry: &Entry) -> usize {
    entry.payload.size() + ENTRY_OVERHEAD
}

fn in_memory(entry: &Entry) -> usize {
    entry.payload.size() + OVERHEAD_IN_MEMORY
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

    /// Trap 21.
    #[test]
    fn the_term_of_a_released_entry_is_unknown_and_that_of_the_base_is_not() {
        let mut log = log(&[1, 1, 2, 2]);
        log.purge(LogIndex(2));
        assert_eq!(log.term(LogIndex(0)), None);
        assert_eq!(log.term(LogIndex(1)), None);
        assert_eq!(log.term(LogIndex(2)), Some(Term(1)));
        assert_eq!(log.term(LogIndex(3)), Some(Term(2)));
        assert!(!log.contains(LogId::default()), "the beginning is not there any more");
        assert!(log.contains(log.base()));
    }

    #[test]
    fn a_slice_that_starts_before_the_base_is_empty() {
        let mut log = log(&[1, 1, 2, 2]);
        log.purge(LogIndex(2));
        assert_eq!(log.slice(LogIndex(2), usize::MAX).len(), 0);
        assert_eq!(log.slice_bytes(LogIndex(1), 1000).0.len(), 0);
        assert!(log.slice(log.first(), usize::MAX).eq(&[entry(2, 3), entry(2, 4)]));
    }

    #[test]
    fn a_log_that_was_released_to_its_end_goes_on_there() {
        let mut log = log(&[1, 2]);
        log.purge(LogIndex(2));
        assert_eq!((log.last(), log.first()), (LogId { term: Term(2), index: LogIndex(2) }, LogIndex(3)));
        log.push(entry(2, 3));
        assert_eq!(log.runs(), [TermRun { term: Term(2), first: LogIndex(3), last: LogIndex(3) }]);
    }

    #[test]
    fn the_last_index_of_a_term_may_be_the_base() {
        let mut log = log(&[1, 2, 2, 4]);
        log.purge(LogIndex(3));
        assert_eq!(log.last_of(Term(1)), None);
        assert_eq!(log.last_of(Term(2)), Some(LogIndex(3)));
        assert_eq!(log.last_of(Term(3)), None);
        assert_eq!(log.last_of(Term(4)), Some(LogIndex(4)));
    }

    #[test]
    fn released_entries_give_their_memory_back() {
        let mut log = log(&vec![1; 10_000]);
        log.purge(LogIndex(9_990));
        assert!(log.entries.capacity() <= 100, "{} slots for ten entries", log.entries.capacity());
    }

    #[test]
    fn a_slice_by_bytes_holds_at_least_one_entry() {
        let log = log(&[1, 1, 1]);
        assert_eq!(log.slice_bytes(LogIndex(2), 0).0.len(), 1);
        assert_eq!(log.slice_bytes(LogIndex(1), 2 * ENTRY_OVERHEAD).0.len(), 2);
        assert_eq!(log.slice_bytes(LogIndex(4), 100).0.len(), 0);
    }

    #[test]
    fn a_log_with_a_gap_or_an_impossible_term_is_refused() {
        let hard_state = HardState { term: Term(2), vote: None };
        let refused = |entries| Log::restore(LogId::default(), &[], entries, hard_state).unwrap_err();
        assert_eq!(
            refused(vec![entry(1, 1), entry(1, 3)]),
            LogFlaw::Gap { expected: LogIndex(2), found: LogIndex(3) }
        );
        assert_eq!(refused(vec![entry(2, 1), entry(1, 2)]), LogFlaw::Term { index: LogIndex(2) });
        assert_eq!(refused(vec![entry(3, 1)]), LogFlaw::Term { index: LogIndex(1) });
    }

    #[test]
    fn a_log_on_disk_goes_on_after_its_base() {
        let hard_state = HardState { term: Term(2), vote: None };
        let base = LogId { term: Term(1), index: LogIndex(7) };
        let log = Log::restore(base, &[], vec![entry(1, 8), entry(2, 9)], hard_state).unwrap();
        assert_eq!((log.first(), log.last().index), (LogIndex(8), LogIndex(9)));
        let gap = Log::restore(base, &[], vec![entry(1, 1)], hard_state).unwrap_err();
        assert_eq!(gap, LogFlaw::Gap { expected: LogIndex(8), found: LogIndex(1) });
        let falling = Log::restore(base, &[], vec![entry(0, 8)], hard_state).unwrap_err();
        assert_eq!(falling, LogFlaw::Term { index: LogIndex(8) });
        let future = LogId { term: Term(3), index: LogIndex(7) };
        assert_eq!(
            Log::restore(future, &[], vec![], hard_state).unwrap_err(),
            LogFlaw::Term { index: LogIndex(7) }
        );
    }

    #[test]
    fn a_log_whose_beginning_stays_on_disk_knows_its_terms() {
        let hard_state = HardState { term: Term(3), vote: None };
        let run =
            |term, first, last| TermRun { term: Term(term), first: LogIndex(first), last: LogIndex(last) };
        let on_disk = [run(1, 1, 4), run(2, 5, 6)];
        let restore =
            |on_disk: &[TermRun], entries| Log::restore(LogId::default(), on_disk, entries, hard_state);
        let mut log = restore(&on_disk, vec![entry(2, 7), entry(3, 8)]).unwrap();
        assert_eq!(log.runs(), [run(1, 1, 4), run(2, 5, 7), run(3, 8, 8)]);
        assert_eq!((log.first(), log.first_in_memory()), (LogIndex(1), LogIndex(7)));
        assert_eq!(
            (1..=8).map(|i| log.term(LogIndex(i)).unwrap().0).collect::<Vec<_>>(),
            [1, 1, 1, 1, 2, 2, 2, 3]
        );
        assert_eq!(log.slice(LogIndex(6), 10).len(), 0);
        log.truncate(LogIndex(6));
        assert_eq!(
            (log.last(), log.first_in_memory()),
            (LogId { term: Term(2), index: LogIndex(5) }, LogIndex(6))
        );
        let flaw = |on_disk: &[TermRun], entries| restore(on_disk, entries).unwrap_err();
        assert_eq!(flaw(&[run(1, 2, 3)], vec![]), LogFlaw::Gap { expected: LogIndex(1), found: LogIndex(2) });
        let backwards = [run(1, 1, 1), run(2, 2, 1)];
        assert_eq!(flaw(&backwards, vec![]), LogFlaw::Gap { expected: LogIndex(2), found: LogIndex(1) });
        let single = restore(&[run(1, 1, 1)], vec![]).unwrap();
        assert_eq!((single.runs(), single.first_in_memory()), (&[run(1, 1, 1)][..], LogIndex(2)));
        assert_eq!(
            flaw(&on_disk, vec![entry(2, 8)]),
            LogFlaw::Gap { expected: LogIndex(7), found: LogIndex(8) }
        );
        assert_eq!(flaw(&on_disk, vec![entry(1, 7)]), LogFlaw::Term { index: LogIndex(7) });
        assert_eq!(flaw(&[run(4, 1, 1)], vec![]), LogFlaw::Term { index: LogIndex(1) });
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push { raise: u64 },
        Truncate { back: u64 },
        Purge { ahead: u64 },
        Reset { ahead: u64 },
        Evict { ahead: u64, limit: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            12 => (0_u64..3).prop_map(|raise| Step::Push { raise }),
            3 => (0_u64..4).prop_map(|back| Step::Truncate { back }),
            3 => (0_u64..4).prop_map(|ahead| Step::Purge { ahead }),
            1 => (0_u64..4).prop_map(|ahead| Step::Reset { ahead }),
            3 => (0_u64..9, 0_usize..300).prop_map(|(ahead, limit)| Step::Evict { ahead, limit }),
        ]
    }

    proptest! {
        /// Against a log that remembers everything; runs are bookkeeping and must always say what the entries say.
        #[test]
        fn it_agrees_with_a_log_that_is_never_released(steps in prop::collection::vec(step(), 0..60)) {
            let mut log = Log::default();
            // Terms by index from 1 on; of a reset the skipped ones are never asked for.
            let (mut terms, mut base) = (Vec::new(), 0_u64);
            for step in steps {
                let last = terms.len() as u64;
                let term = terms.last().copied().unwrap_or(0);
                match step {
                    Step::Push { raise } => {
                        terms.push(term.max(1) + raise);
                        log.push(entry(term.max(1) + raise, last + 1));
                    }
                    Step::Truncate { back } => {
                        let from = (last + 1).saturating_sub(back).max(base + 1);
                        terms.truncate(usize::try_from(from - 1).unwrap());
                        log.truncate(LogIndex(from));
                    }
                    Step::Purge { ahead } => {
                        base = (base + ahead).min(last);
                        log.purge(LogIndex(base));
                    }
                    Step::Evict { ahead, limit } => {
                        let through = LogIndex((log.evicted.0 + ahead).min(last));
                        log.evict(through, limit);
                        prop_assert!(log.evicted >= through || log.bytes <= limit);
                    }
                    Step::Reset { ahead } => {
                        base = last + ahead;
                        terms.resize(usize::try_from(base).unwrap(), term + 1);
                        let term = terms.last().copied().unwrap_or(0);
                        log.reset(LogId { term: Term(term), index: LogIndex(base) });
                    }
                }
                for index in 0..=terms.len() as u64 + 1 {
                    let known = index >= base && index <= terms.len() as u64;
                    let term = usize::try_from(index).unwrap().checked_sub(1).map_or(0, |i| terms.get(i).copied().unwrap_or(0));
                    prop_assert_eq!(log.term(LogIndex(index)), known.then_some(Term(term)), "at {}", index);
                }
                let from_runs: Vec<_> = log.runs().iter()
                    .flat_map(|run| (run.first.0..=run.last.0).map(|i| (run.term, LogIndex(i))))
                    .collect();
                prop_assert_eq!(from_runs.len() as u64, terms.len() as u64 - base);
                let from_entries: Vec<_> = log.slice(log.first_in_memory(), usize::MAX)
                    .map(|e| (e.id.term, e.id.index)).collect();
                prop_assert!(from_runs.ends_with(&from_entries));
                prop_assert_eq!(log.first_in_memory().0 - 1 + from_entries.len() as u64, terms.len() as u64);
                prop_assert!(log.first_in_memory() >= log.first());
                prop_assert_eq!(log.bytes, log.entries.iter().map(in_memory).sum::<usize>());
                prop_assert!(log.runs().windows(2).all(|w| w[0].term < w[1].term));
                prop_assert_eq!(log.last().index, LogIndex(terms.len() as u64));
            }
        }
    }
}
