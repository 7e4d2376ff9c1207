//! Where the entries of the log are, roughly: enough to know which segments are no longer needed, and where to start
//! reading. Holds one place for some KiB of log, never an entry.

use crate::outline::Outline;
use crate::segment::FramePosition;
use raftdeck_raft::{LogIndex, Persist};
use std::collections::VecDeque;

/// At least this many bytes are between two marks in a segment.
const SPACING: u64 = 16 << 10;

/// Places in the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marks {
    /// An index and a frame.
    ///
    /// **Invariant:** both strictly increase, and an entry of the log at that index or behind it is in that frame or
    /// behind it. The first mark covers the whole log.
    marks: VecDeque<(LogIndex, FramePosition)>,
}

impl Marks {
    /// Takes in a write that is in this frame; `outline` has taken it in already.
    pub(crate) fn write(&mut self, write: &Persist, frame: FramePosition, outline: &Outline) {
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

    /// The entry of this index is in this frame, behind all other entries of the log.
    pub(crate) fn append(&mut self, index: LogIndex, frame: FramePosition) {
        let is_near =
            |last: &FramePosition| frame.segment == last.segment && frame.offset - last.offset < SPACING;
        if !self.marks.back().is_some_and(|(_, last)| is_near(last)) {
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

    /// This frame, or one behind it, has the entry of this index.
    pub(crate) fn at(&self, index: LogIndex) -> Option<FramePosition> {
        let behind = self.marks.partition_point(|(first, _)| *first <= index);
        self.marks.get(behind.checked_sub(1)?).map(|(_, place)| *place)
    }

    /// No entry of the log is before this frame; `None`: there are no entries.
    pub(crate) fn start(&self) -> Option<FramePosition> {
        self.marks.front().map(|(_, place)| *place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(offset: u64) -> FramePosition {
        FramePosition { segment: 1, offset }
    }

    /// Entries 1 to 9, each in a frame of its own, far from the next.
    fn marks() -> Marks {
        let mut marks = Marks::default();
        for index in 1..10 {
            marks.append(LogIndex(index), place(index * SPACING));
        }
        marks
    }

    #[test]
    fn a_purge_moves_the_start_to_the_first_entry_that_is_left() {
        let mut marks = marks();
        assert_eq!(marks.start(), Some(place(SPACING)));
        marks.purge(LogIndex(3), LogIndex(9));
        assert_eq!(marks.start(), Some(place(4 * SPACING)));
        marks.purge(LogIndex(9), LogIndex(9));
        assert_eq!(marks.start(), None);
    }

    #[test]
    fn entries_that_were_written_anew_are_found_where_they_are_now() {
        let mut marks = marks();
        marks.truncate(LogIndex(4));
        marks.append(LogIndex(4), place(20 * SPACING));
        marks.append(LogIndex(5), place(21 * SPACING));
        assert_eq!(marks.at(LogIndex(3)), Some(place(3 * SPACING)));
        assert_eq!(marks.at(LogIndex(4)), Some(place(20 * SPACING)));
        marks.purge(LogIndex(4), LogIndex(5));
        assert_eq!(marks.start(), Some(place(21 * SPACING)));
        assert_eq!(marks.at(LogIndex(4)), None);
    }

    #[test]
    fn an_entry_without_a_mark_is_behind_the_mark_before_it() {
        let mut marks = Marks::default();
        for index in 1..100 {
            marks.append(LogIndex(index), place(index * SPACING / 10));
        }
        assert_eq!(marks.marks.len(), 10);
        marks.purge(LogIndex(57), LogIndex(99));
        assert!(marks.start().unwrap() <= place(58 * SPACING / 10));
        assert!(marks.start().unwrap() > place(40 * SPACING / 10));
    }

    #[test]
    fn each_segment_has_a_mark_of_its_own() {
        let mut marks = Marks::default();
        for segment in 1..10 {
            marks.append(LogIndex(segment), FramePosition { segment, offset: 500 - segment });
        }
        assert_eq!(marks.marks.len(), 9);
        marks.purge(LogIndex(5), LogIndex(9));
        assert_eq!(marks.start(), Some(FramePosition { segment: 6, offset: 494 }));
    }
}
