//! A member's log as far as it can be seen from outside: which term stands at which index.

use raftdeck_raft::{LogId, LogIndex, Term, TermRun};

/// Runs of terms behind a start.
///
/// **Invariant:** the runs follow each other without a gap from the index after `start` on, and their terms rise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Log {
    /// The entry before the first one that is known; the zero id: the log is whole.
    start: LogId,
    runs: Vec<TermRun>,
}

/// Where a new run begins: the first entry of its term, and the entry before.
pub(crate) struct RunOrigin {
    pub(crate) term: Term,
    pub(crate) first: LogIndex,
    pub(crate) before: LogId,
}

impl Log {
    /// A log that starts after this entry; nothing if the runs are none of a log.
    pub(crate) fn new(start: LogId, runs: &[TermRun]) -> Option<Self> {
        let mut log = Self { start, runs: Vec::new() };
        for run in runs {
            let last = log.last();
            if run.first != last.index.next() || run.term < last.term || run.last < run.first {
                return None;
            }
            log.push(*run);
        }
        Some(log)
    }

    /// The entry before the first one that is known.
    pub(crate) fn start(&self) -> LogId {
        self.start
    }

    /// The last entry; of an empty log what it starts after.
    pub(crate) fn last(&self) -> LogId {
        self.runs.last().map_or(self.start, |run| LogId { term: run.term, index: run.last })
    }

    /// The term at an index, if it is known.
    pub(crate) fn term(&self, index: LogIndex) -> Option<Term> {
        if index == self.start.index {
            return Some(self.start.term);
        }
        let next = self.runs.partition_point(|run| run.last < index);
        self.runs.get(next).filter(|run| run.first <= index).map(|run| run.term)
    }

    /// The parts of runs within these bounds.
    pub(crate) fn runs_within(&self, first: LogIndex, last: LogIndex) -> impl Iterator<Item = TermRun> + '_ {
        let from = self.runs.partition_point(|run| run.last < first);
        self.runs[from..].iter().take_while(move |run| run.first <= last).map(move |run| TermRun {
            first: run.first.max(first),
            last: run.last.min(last),
            ..*run
        })
    }

    /// The first entry of each term, where it is known.
    pub(crate) fn origins(&self) -> impl Iterator<Item = RunOrigin> + '_ {
        let before = std::iter::once(self.start)
            .chain(self.runs.iter().map(|run| LogId { term: run.term, index: run.last }));
        self.runs
            .iter()
            .zip(before)
            .filter(|(run, before)| run.term > before.term)
            .map(|(run, before)| RunOrigin { term: run.term, first: run.first, before })
    }

    /// Appends entries. Gives back the origin if a new term begins with them; nothing can be said of entries that
    /// do not fit.
    pub(crate) fn append(&mut self, run: TermRun) -> Result<Option<RunOrigin>, LogMisfit> {
        let before = self.last();
        if run.first != before.index.next() || run.last < run.first {
            return Err(LogMisfit::Gap);
        }
        if run.term < before.term {
            return Err(LogMisfit::TermFalls);
        }
        self.push(run);
        Ok((run.term > before.term).then_some(RunOrigin { term: run.term, first: run.first, before }))
    }

    fn push(&mut self, run: TermRun) {
        match self.runs.last_mut() {
            Some(last) if last.term == run.term => last.last = run.last,
            _ => self.runs.push(run),
        }
    }

    /// Removes this entry and all after it.
    pub(crate) fn truncate(&mut self, from: LogIndex) {
        self.runs.retain(|run| run.first < from);
        if let Some(run) = self.runs.last_mut() {
            run.last = run.last.min(from.previous());
        }
    }

    /// Releases the entries through this one.
    pub(crate) fn purge(&mut self, through: LogId) {
        if through.index <= self.start.index {
            return;
        }
        self.runs.retain(|run| run.last > through.index);
        if let Some(run) = self.runs.first_mut() {
            run.first = run.first.max(through.index.next());
        }
        self.start = through;
    }
}

/// Why entries do not follow a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogMisfit {
    Gap,
    TermFalls,
}
