//! The part of the store that was read last: one page of it around the selected key, and which page to read next.
//!
//! The store lists its keys forwards only. So the beginnings of the pages before the present one are remembered, for the way back.

use bytes::Bytes;
use raftdeck_raft::{LogIndex, NodeId};
use std::time::Duration;

/// The most beginnings of pages that are remembered; beyond it every second one is forgotten.
const MAX_STARTS: usize = 4096;

/// Which state of the store an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// The newest entry that it includes; 0: the source does not tell entries.
    pub index: LogIndex,
    /// The node that answered.
    pub node: NodeId,
    /// When, in cluster time.
    pub when: Duration,
}

/// Some keys and their values, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// It begins with the first key after this one; `None`: with the first of all.
    pub start: Option<Bytes>,
    /// Keys and values, in the order of the keys.
    pub pairs: Vec<(Bytes, Bytes)>,
    /// Whether there are more keys after the last one.
    pub more: bool,
    /// Which state this is.
    pub as_of: AsOf,
}

impl Page {
    /// Whether it begins with the first key and ends with the last.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.start.is_none() && !self.more
    }

    /// The place of a key, or where it would be.
    pub(super) fn place(&self, key: &[u8]) -> Result<usize, usize> {
        self.pairs.binary_search_by(|(other, _)| other[..].cmp(key))
    }

    /// The value of a key.
    pub(super) fn value(&self, key: &[u8]) -> Option<&Bytes> {
        self.place(key).ok().map(|place| &self.pairs[place].1)
    }
}

/// Which page is read next, seen from the present one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The same again.
    Stay,
    /// One further on, which begins after this key.
    On(Bytes),
    /// The one before.
    Back,
}

/// The beginnings of the pages up to the present one; the first page has none.
#[derive(Clone, Debug, Default)]
pub(super) struct Starts(Vec<Bytes>);

impl Starts {
    /// Where the page after this turn begins.
    pub(super) fn after(&self, turn: &Turn) -> Option<Bytes> {
        match turn {
            Turn::Stay => self.0.last().cloned(),
            Turn::On(key) => Some(key.clone()),
            Turn::Back => self.0.len().checked_sub(2).map(|place| self.0[place].clone()),
        }
    }

    /// The page after this turn is there.
    pub(super) fn turn(&mut self, turn: Turn) {
        match turn {
            Turn::Stay => {}
            Turn::On(key) => self.0.push(key),
            Turn::Back => drop(self.0.pop()),
        }
        if self.0.len() > MAX_STARTS {
            let mut keep = false;
            self.0.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    /// Back to the first page.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether the present page is the first one.
    pub(super) fn is_first(&self) -> bool {
        self.0.is_empty()
    }

    /// The turn that brings the selected key and as many others around it as the screen has rows onto one page; `None`: they are on
    /// the present one. After a turn the key is far enough from both ends that the next step does not turn back.
    pub(super) fn wanted(&self, page: &Page, selected: Option<&Bytes>, rows: usize) -> Option<Turn> {
        let len = page.pairs.len();
        let place = selected.map_or(0, |key| page.place(key).unwrap_or_else(|place| place));
        if page.more && place + rows.min(len / 2) >= len {
            let before = place.checked_sub(1 + rows.min(len / 4))?;
            return Some(Turn::On(page.pairs[before].0.clone()));
        }
        let is_near_start = place < (rows / 2).min(len / 4).max(1);
        (is_near_start && !self.is_first()).then_some(Turn::Back)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn key(n: usize) -> Bytes {
        format!("k{n:06}").into()
    }

    /// What a store with this many keys answers.
    pub(crate) fn answer(of: usize, start: Option<&Bytes>, limit: usize) -> Page {
        let keys = (0..of).map(key).filter(|key| start.is_none_or(|start| key > start));
        let pairs: Vec<(Bytes, Bytes)> = keys.take(limit).map(|key| (key, "v".into())).collect();
        let more = pairs.last().is_some_and(|(last, _)| *last < key(of - 1));
        let as_of = AsOf { index: LogIndex(1), node: NodeId(1), when: Duration::ZERO };
        Page { start: start.cloned(), pairs, more, as_of }
    }

    /// Turns pages until the key is in sight; says how often.
    fn turn_to(starts: &mut Starts, page: &mut Page, selected: usize, rows: usize, limit: usize) -> usize {
        for turns in 0..100 {
            let Some(turn) = starts.wanted(page, Some(&key(selected)), rows) else { return turns };
            *page = answer(10_000, starts.after(&turn).as_ref(), limit);
            starts.turn(turn);
        }
        panic!("it turns forever at {selected} with {rows} rows and pages of {limit}");
    }

    #[test]
    fn one_walks_through_many_keys_and_back_with_the_selected_one_always_on_the_page() {
        for (rows, limit) in [(1, 64), (16, 64), (60, 240), (40, 4), (16, 5)] {
            let mut starts = Starts::default();
            let mut page = answer(10_000, None, limit);
            let walk: Vec<usize> = (0..700).chain((0..700).rev()).collect();
            let mut turned = 0;
            for selected in walk {
                turned += turn_to(&mut starts, &mut page, selected, rows, limit);
                assert!(page.value(&key(selected)).is_some(), "{selected} {rows} {limit}");
            }
            assert!(turned < 1400, "{turned} turns with {rows} rows and pages of {limit}");
            assert!(starts.is_first());
        }
    }

    #[test]
    fn the_beginnings_are_bounded_and_the_way_back_still_leads_to_the_first_page() {
        let mut starts = Starts::default();
        for n in 0..3 * MAX_STARTS {
            starts.turn(Turn::On(key(n)));
            assert!(starts.0.len() <= MAX_STARTS);
        }
        while !starts.is_first() {
            starts.turn(Turn::Back);
        }
        assert_eq!(starts.after(&Turn::Stay), None);
    }
}
