//! How many bytes the applied entries have, by where they stand: says when a snapshot is worth its cost, and how much of
//! the log before it is kept. Remembers sums at a few places only, as the entries themselves may be gone from memory.

use crate::types::LogIndex;
use std::collections::VecDeque;

/// This many sums are remembered for as many bytes as a snapshot waits for.
const MARKS: usize = 64;

/// Sums of bytes, exact to a part of what a snapshot waits for.
///
/// **Invariant:** never empty; indices rise, and so do sums.
#[derive(Debug)]
pub(super) struct Tally {
    /// Where a sum was remembered, and the sum through there.
    marks: VecDeque<(LogIndex, u64)>,
    /// The sum through the newest entry.
    total: u64,
    /// Sums are remembered as far apart as this.
    grain: u64,
}

impl Tally {
    /// Nothing is known of what was applied through `start`; it counts as nothing.
    pub(super) fn new(start: LogIndex, snapshot_bytes: usize) -> Self {
        let grain = (snapshot_bytes / MARKS).max(1) as u64;
        Self { marks: VecDeque::from([(start, 0)]), total: 0, grain }
    }

    /// The entry at `index`, which has this many bytes, was applied.
    pub(super) fn add(&mut self, index: LogIndex, bytes: usize) {
        self.total += bytes as u64;
        if self.total - self.marks[self.marks.len() - 1].1 >= self.grain {
            self.marks.push_back((index, self.total));
        }
    }

    /// The sum through `index`, rounded down.
    fn through(&self, index: LogIndex) -> u64 {
        let after = self.marks.partition_point(|(mark, _)| *mark <= index);
        self.marks[after.saturating_sub(1)].1
    }

    /// The bytes of what was applied after `index`.
    pub(super) fn since(&self, index: LogIndex) -> u64 {
        self.total - self.through(index)
    }

    /// Of the entries after `first` and through `end`, the last ones that have no more than `limit` bytes begin after
    /// this index.
    pub(super) fn fit(&self, first: LogIndex, end: LogIndex, limit: u64) -> LogIndex {
        let sum = self.through(end);
        if sum - self.through(first).min(sum) <= limit {
            return first;
        }
        let from = self.marks.partition_point(|(mark, total)| *mark <= first || sum > total + limit);
        self.marks.get(from).map_or(end, |(mark, _)| (*mark).min(end))
    }

    /// Nothing before `index` will be asked for again.
    pub(super) fn forget(&mut self, index: LogIndex) {
        while self.marks.get(1).is_some_and(|(mark, _)| *mark <= index) {
            self.marks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        let mut tally = Tally::new(LogIndex(10), 640);
        (11..=30).for_each(|index| tally.add(LogIndex(index), 10));
        tally
    }

    #[test]
    fn bytes_are_counted_from_any_entry_on() {
        let tally = tally();
        assert_eq!([10, 20, 29, 30, 99].map(|index| tally.since(LogIndex(index))), [200, 100, 10, 0, 0]);
        assert_eq!(tally.since(LogIndex(3)), 200, "what came before counts as nothing");
    }

    #[test]
    fn the_last_part_that_fits_is_found() {
        let tally = tally();
        let fit = |first, end, limit| tally.fit(LogIndex(first), LogIndex(end), limit).0;
        assert_eq!([fit(12, 30, 180), fit(12, 30, 179), fit(12, 30, 25), fit(12, 30, 0)], [12, 13, 28, 30]);
        assert_eq!([fit(12, 20, 50), fit(3, 9, 0), fit(3, 20, 40)], [15, 3, 16]);
    }

    #[test]
    fn sums_are_few_however_many_entries_there_are() {
        let mut tally = Tally::new(LogIndex(0), 6400);
        (1..=10_000).for_each(|index| tally.add(LogIndex(index), 10));
        assert_eq!(tally.marks.len(), 1001);
        assert!(tally.since(LogIndex(9_005)) >= 9_950 && tally.since(LogIndex(9_005)) < 9_950 + 100);
        tally.forget(LogIndex(9_005));
        assert_eq!(tally.marks.len(), 101);
        assert_eq!(tally.since(LogIndex(9_500)), 5000);
    }
}
