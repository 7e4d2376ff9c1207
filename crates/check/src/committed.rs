//! What was ever committed, by anyone, and the leaders that must have it.

use crate::log::Log;
use raftdeck_raft::{LogId, LogIndex, NodeId, Term, TermRun};
use std::collections::BTreeMap;

/// The logs of this many newest leaders, as they were at their election, are kept.
const LEADERS: usize = 64;

/// Committed entries and elected leaders across all time.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    /// By first index: the last index and the term. There are gaps where no member was watched.
    runs: BTreeMap<LogIndex, (LogIndex, Term)>,
    /// From which term on leaders must have what: index and the term in which it was committed, both rising.
    marks: Vec<(LogIndex, Term)>,
    leaders: BTreeMap<Term, (NodeId, Log)>,
}

/// Another entry than the committed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) index: LogIndex,
    pub(crate) committed: Term,
    /// Nothing: the log ends before it.
    pub(crate) found: Option<Term>,
}

/// A leader whose log misses a committed entry.
pub(crate) struct Incomplete {
    pub(crate) leader: NodeId,
    pub(crate) term: Term,
    pub(crate) difference: Difference,
}

impl Committed {
    /// The highest index known to be committed.
    pub(crate) fn last(&self) -> LogIndex {
        self.runs.last_key_value().map_or(LogIndex::ZERO, |(_, (last, _))| *last)
    }

    /// A member says that these entries are committed.
    pub(crate) fn add(&mut self, run: TermRun) -> Result<(), Difference> {
        let mut first = run.first;
        let known: Vec<_> = self.overlaps(run.first, run.last).collect();
        let mut missing = Vec::new();
        for known in known {
            if known.term != run.term {
                let index = known.first.max(run.first);
                return Err(Difference { index, committed: known.term, found: Some(run.term) });
            }
            if first < known.first {
                missing.push((first, known.first.previous()));
            }
            first = first.max(known.last.next());
        }
        if first <= run.last {
            missing.push((first, run.last));
        }
        for (first, last) in missing {
            self.insert(first, last, run.term);
        }
        Ok(())
    }

    fn insert(&mut self, first: LogIndex, last: LogIndex, term: Term) {
        if let Some((_, before)) = self.runs.range_mut(..first).next_back()
            && *before == (first.previous(), term)
        {
            before.0 = last;
            return;
        }
        self.runs.insert(first, (last, term));
    }

    /// Known runs that touch these bounds, in order.
    fn overlaps(&self, first: LogIndex, last: LogIndex) -> impl Iterator<Item = TermRun> + '_ {
        let from = self.runs.range(..=first).next_back().map_or(first, |(start, _)| *start);
        self.runs
            .range(from..=last.max(from))
            .map(|(start, (end, term))| TermRun { term: *term, first: *start, last: *end })
            .filter(move |run| run.last >= first && run.first <= last)
    }

    /// Everything through here was known to be committed in this term.
    pub(crate) fn mark(&mut self, through: LogIndex, term: Term) -> Result<(), Incomplete> {
        if self.marks.last().is_some_and(|(known, _)| *known >= through) {
            return Ok(());
        }
        let first = self.marks.last().map_or(LogIndex(1), |(known, _)| known.next());
        // Terms rise with the marks: what a later term committed is asked of fewer leaders, never of more.
        let term = self.marks.last().map_or(term, |(_, known)| term.max(*known));
        self.marks.push((through, term));
        for (leader_term, (leader, log)) in self.leaders.range(term.next()..) {
            self.lacks(log, first, through).map_or(Ok(()), |difference| {
                Err(Incomplete { leader: *leader, term: *leader_term, difference })
            })?;
        }
        Ok(())
    }

    /// A member became the leader of a term with this log: it must have all that earlier terms committed.
    pub(crate) fn elected(&mut self, leader: NodeId, term: Term, log: &Log) -> Result<(), Difference> {
        let earlier = self.marks.partition_point(|(_, committed_in)| *committed_in < term);
        let through = earlier.checked_sub(1).map_or(LogIndex::ZERO, |newest| self.marks[newest].0);
        if let Some(difference) = self.lacks(log, LogIndex(1), through) {
            return Err(difference);
        }
        self.leaders.insert(term, (leader, log.clone()));
        if self.leaders.len() > LEADERS {
            self.leaders.pop_first();
        }
        Ok(())
    }

    /// The first committed entry within these bounds that a log does not have, though it should.
    fn lacks(&self, log: &Log, first: LogIndex, last: LogIndex) -> Option<Difference> {
        let first = first.max(log.start().index.next());
        if first > last {
            return None;
        }
        self.overlaps(first, last).find_map(|run| differs(log, run, first, last))
    }

    /// Whether another entry was committed at this index.
    pub(crate) fn contradicts(&self, id: LogId) -> Option<Difference> {
        let known = self.overlaps(id.index, id.index).next()?;
        (known.term != id.term).then_some(Difference {
            index: id.index,
            committed: known.term,
            found: Some(id.term),
        })
    }
}

/// Where a log differs from a committed run within these bounds.
fn differs(log: &Log, run: TermRun, first: LogIndex, last: LogIndex) -> Option<Difference> {
    let (first, last) = (run.first.max(first), run.last.min(last));
    let mut expected = first;
    for found in log.runs_within(first, last) {
        if found.term != run.term {
            return Some(Difference { index: found.first, committed: run.term, found: Some(found.term) });
        }
        expected = found.last.next();
    }
    (expected <= last).then_some(Difference { index: expected, committed: run.term, found: None })
}
