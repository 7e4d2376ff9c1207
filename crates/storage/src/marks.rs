//! Where in the file the entries of the log are, roughly: enough to know how much of the file is of no use any more, and
//! where to start reading the rest. Holds one position for about a KiB of log, never an entry.

use crate::outline::Outline;
use raftdeck_raft::{LogIndex, Persist};
use std::collections::VecDeque;

/// At least so many bytes are between two marks.
const SPACING: u64 = 1 << 10;

/// Positions in the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// An index and where a frame starts.
    ///
    /// **Invariant:** both strictly increase, and an entry of the log at that index or behind it is in that frame or
    /// behind it. The first mark stands for the whole log.
    marks: VecDeque<(LogIndex, u64)>,
}

impl Marks {
    /// Takes in a write that is in the frame at this offset; `outline` has taken it in already.
    pub(crate) fn write(&mut self, write: &Persist, frame: u64, outline: &Outline) {
        if write.reset.is_some() {
            self.reset();
        }
        if let Some(from) = write.truncate {
            self.truncate(from);
        }
        if let Some(entry) = write.entries.first() {
            self.append(entry.id.index, frame);
        }
        if write.purge.is_some() {
            self.purge(outline.purged().index, outline.last());
        }
    }

    /// The entry of this index is in the frame at this offset, behind all other entries of the log.
    pub(crate) fn append(&mut self, index: LogIndex, frame: u64) {
        if self.marks.back().is_none_or(|(_, last)| last + SPACING <= frame) {
            self.marks.push_back((index, frame));
        }
    }

    /// The entries from `from` on are gone; they will be written anew, further back.
    pub(crate) fn truncate(&mut self, from: LogIndex) {
        while self.marks.back().is_some_and(|(index, _)| *index >= from) {
            self.marks.pop_back();
        }
    }

    /// The log starts after `through` and ends with `last`.
    pub(crate) fn purge(&mut self, through: LogIndex, last: LogIndex) {
        if through >= last {
            self.marks.clear();
        }
        while self.marks.get(1).is_some_and(|(index, _)| *index <= through.next()) {
            self.marks.pop_front();
        }
    }

    /// The log is empty.
    pub(crate) fn reset(&mut self) {
        self.marks.clear();
    }

    /// The frame at this offset, or one behind it, has the entry of this index.
    pub(crate) fn at(&self, index: LogIndex) -> Option<u64> {
        let behind = self.marks.partition_point(|(first, _)| *first <= index);
        self.marks.get(behind.checked_sub(1)?).map(|(_, offset)| *offset)
    }

    /// No entry of the log is before this offset; `None`: there are no entries.
    pub(crate) fn start(&self) -> Option<u64> {
        self.marks.front().map(|(_, offset)| *offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entries 1 to 9, each in a frame of its own, far from the next.
    fn marks() -> Marks {
        let mut marks = Marks::default();
        for index in 1..10 {
            marks.append(LogIndex(index), index * SPACING);
        }
        marks
    }

    #[test]
    fn a_purge_moves_the_start_to_the_first_entry_that_is_left() {
        let mut marks = marks();
        assert_eq!(marks.start(), Some(SPACING));
        marks.purge(LogIndex(3), LogIndex(9));
        assert_eq!(marks.start(), Some(4 * SPACING));
        marks.purge(LogIndex(9), LogIndex(9));
        assert_eq!(marks.start(), None);
    }

    #[test]
    fn entries_that_were_written_anew_are_found_where_they_are_now() {
        let mut marks = marks();
        marks.truncate(LogIndex(4));
        marks.append(LogIndex(4), 20 * SPACING);
        marks.append(LogIndex(5), 21 * SPACING);
        marks.purge(LogIndex(4), LogIndex(5));
        assert_eq!(marks.start(), Some(21 * SPACING));
    }

    #[test]
    fn an_entry_without_a_mark_is_behind_the_mark_before_it() {
        let mut marks = Marks::default();
        for index in 1..100 {
            marks.append(LogIndex(index), index * SPACING / 10);
        }
        assert_eq!(marks.marks.len(), 10);
        marks.purge(LogIndex(57), LogIndex(99));
        assert!(marks.start().unwrap() <= 58 * SPACING / 10);
        assert!(marks.start().unwrap() > 40 * SPACING / 10);
    }
}
