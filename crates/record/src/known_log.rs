//! What is known of one node's log from the updates about it. Entries come in any parts and in any order of parts;
//! what was removed from the log is forgotten when that is reported, or when another entry replaces it.

use raftdeck_model::RaftView;
use raftdeck_protocol::LogLine;
use raftdeck_raft::{LogIndex, Term, TraceEvent};
use std::collections::BTreeMap;

/// Entries by index, each with its term and what is kept of it.
#[derive(Clone, Debug)]
pub(crate) struct KnownLog<T>(BTreeMap<LogIndex, (Term, T)>);

impl<T> Default for KnownLog<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> KnownLog<T> {
    /// Takes note of entries that were told, in order of index.
    pub(crate) fn learn(&mut self, lines: &[LogLine], keep: impl Fn(&LogLine) -> T) {
        for line in lines {
            let (index, term) = (line.id.index, line.id.term);
            if self.0.get(&index).is_some_and(|(known, _)| *known != term) {
                self.cut(index);
            }
            self.0.insert(index, (term, keep(line)));
        }
    }

    /// Takes note of what happened to the log.
    pub(crate) fn hear(&mut self, trace: &TraceEvent) {
        match trace {
            TraceEvent::Truncated { from, .. } => self.cut(*from),
            TraceEvent::Started { last, .. } => self.cut(after(*last)),
            TraceEvent::SnapshotInstalled { kept_log: false, .. } => self.cut(LogIndex(0)),
            _ => {}
        }
    }

    /// Forgets entries in whose place the node has others. Entries of the same index and term are the same, and so are all before
    /// them (paper §5.3).
    pub(crate) fn agree(&mut self, status: &RaftView) {
        let Some(last) = status.last_index() else { return };
        while let Some((&index, &(term, _))) = self.0.range(..=last).next_back()
            && status.term_at(index).is_some_and(|told| told != term)
        {
            self.cut(index);
        }
    }

    /// Keeps only this many of the newest.
    pub(crate) fn keep_newest(&mut self, most: usize) {
        while self.0.len() > most {
            self.0.pop_first();
        }
    }

    /// The last entry's index.
    pub(crate) fn last(&self) -> Option<LogIndex> {
        self.0.last_key_value().map(|(index, _)| *index)
    }

    /// The entries from this index on.
    pub(crate) fn from(&self, first: LogIndex) -> impl Iterator<Item = &T> {
        self.0.range(first..).map(|(_, (_, kept))| kept)
    }

    fn cut(&mut self, from: LogIndex) {
        self.0.split_off(&from);
    }
}

/// The index after this one, which may come from a file and be any.
pub(crate) fn after(index: LogIndex) -> LogIndex {
    LogIndex(index.0.saturating_add(1))
}
