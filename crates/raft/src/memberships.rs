//! Which membership is in force at which index of the log (thesis §4.1: a configuration is in force as soon as it is
//! appended). Knows indices only; whether an entry is committed, and what follows from a change, is decided
//! elsewhere.

use crate::membership::Membership;
use crate::types::{LogIndex, SnapshotMeta};
use std::collections::VecDeque;

/// The memberships of the log, and the one before them.
///
/// **Invariant:** never empty; indices rise. The first one held already where the known part begins.
#[derive(Debug)]
pub(crate) struct Memberships(VecDeque<(LogIndex, Membership)>);

impl Memberships {
    /// That of a cluster whose log says nothing about it.
    pub(crate) fn new(bootstrap: Membership) -> Self {
        Self(VecDeque::from([(LogIndex::ZERO, bootstrap)]))
    }

    /// The entry at this index brings another membership.
    pub(crate) fn push(&mut self, index: LogIndex, membership: Membership) {
        assert!(index > self.latest().0, "the log grows at its end");
        self.0.push_back((index, membership));
    }

    /// The entries from `from` on were removed. Says whether another membership is in force now.
    pub(crate) fn truncate(&mut self, from: LogIndex) -> bool {
        let before = self.0.len();
        while self.0.len() > 1 && self.latest().0 >= from {
            self.0.pop_back();
        }
        self.0.len() < before
    }

    /// Nothing before `through` will be asked for again.
    pub(crate) fn compact(&mut self, through: LogIndex) {
        while self.0.get(1).is_some_and(|(index, _)| *index <= through) {
            self.0.pop_front();
        }
    }

    /// A snapshot replaced the log up to the snapshot's last entry. Its membership holds there, whatever the log said
    /// (trap 26). The rest of the log is unchanged if `log_is_kept`, and otherwise gone.
    pub(crate) fn reset(&mut self, meta: &SnapshotMeta, log_is_kept: bool) {
        self.0.retain(|(index, _)| log_is_kept && *index > meta.last.index);
        self.0.push_front((meta.membership_index, meta.membership.clone()));
    }

    /// The one that holds at `index`, and where it stands.
    pub(crate) fn at(&self, index: LogIndex) -> (LogIndex, &Membership) {
        let place = self.0.iter().rposition(|(since, _)| *since <= index).unwrap_or(0);
        (self.0[place].0, &self.0[place].1)
    }

    /// The one in force, and where it stands.
    pub(crate) fn latest(&self) -> (LogIndex, &Membership) {
        let (index, membership) = self.0.back().expect("invariant: never empty");
        (*index, membership)
    }

    /// Where the oldest one that is known stands.
    pub(crate) fn oldest(&self) -> LogIndex {
        self.0.front().map_or(LogIndex::ZERO, |(index, _)| *index)
    }

    /// The one that holds at `index`, and all after it.
    pub(crate) fn since(&self, index: LogIndex) -> impl DoubleEndedIterator<Item = &(LogIndex, Membership)> {
        let place = self.0.iter().rposition(|(since, _)| *since <= index).unwrap_or(0);
        self.0.range(place..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{LogId, NodeId, Term};

    fn of(ids: &[u64]) -> Membership {
        Membership::of(ids.iter().copied().map(NodeId).collect())
    }

    fn history() -> Memberships {
        let mut memberships = Memberships::new(of(&[1]));
        memberships.push(LogIndex(3), of(&[1, 2]));
        memberships.push(LogIndex(7), of(&[1, 2, 3]));
        memberships
    }

    #[test]
    fn a_membership_holds_from_its_entry_on() {
        let memberships = history();
        assert_eq!(memberships.at(LogIndex(0)), (LogIndex(0), &of(&[1])));
        assert_eq!(memberships.at(LogIndex(2)), (LogIndex(0), &of(&[1])));
        assert_eq!(memberships.at(LogIndex(3)), (LogIndex(3), &of(&[1, 2])));
        assert_eq!(memberships.latest(), (LogIndex(7), &of(&[1, 2, 3])));
    }

    #[test]
    fn those_since_an_entry_begin_with_the_one_that_holds_there() {
        let memberships = history();
        let since = |index| memberships.since(LogIndex(index)).map(|(index, _)| index.0).collect::<Vec<_>>();
        assert_eq!((since(0), since(2)), (vec![0, 3, 7], vec![0, 3, 7]));
        assert_eq!((since(3), since(9)), (vec![3, 7], vec![7]));
    }

    #[test]
    fn what_is_truncated_is_not_in_force_any_more() {
        let mut memberships = history();
        assert!(!memberships.truncate(LogIndex(8)));
        assert!(memberships.truncate(LogIndex(7)));
        assert_eq!(memberships.latest(), (LogIndex(3), &of(&[1, 2])));
        assert!(memberships.truncate(LogIndex(1)));
        assert_eq!(memberships.latest(), (LogIndex(0), &of(&[1])));
    }

    #[test]
    fn compaction_keeps_what_holds() {
        let mut memberships = history();
        memberships.compact(LogIndex(5));
        assert_eq!(memberships.at(LogIndex(5)), (LogIndex(3), &of(&[1, 2])));
        memberships.compact(LogIndex(9));
        assert_eq!(memberships.since(LogIndex::ZERO).count(), 1);
        assert_eq!(memberships.oldest(), LogIndex(7));
        assert!(!memberships.truncate(LogIndex(5)), "there is always one");
        assert_eq!(memberships.latest(), (LogIndex(7), &of(&[1, 2, 3])));
    }

    #[test]
    fn a_snapshot_replaces_what_came_before_its_end_and_keeps_a_log_that_matches() {
        let meta = SnapshotMeta {
            last: LogId { term: Term(1), index: LogIndex(5) },
            membership: of(&[1, 9]),
            membership_index: LogIndex(4),
        };
        let mut kept = history();
        kept.reset(&meta, true);
        assert_eq!(kept.at(LogIndex(5)), (LogIndex(4), &of(&[1, 9])));
        assert_eq!(kept.latest(), (LogIndex(7), &of(&[1, 2, 3])));
        let mut gone = history();
        gone.reset(&meta, false);
        assert_eq!(gone.latest(), (LogIndex(4), &of(&[1, 9])));
        // One that ends with a membership brings just that one.
        let last = LogId { term: Term(1), index: LogIndex(7) };
        let mut same = history();
        let membership = of(&[1, 2, 3]);
        same.reset(&SnapshotMeta { last, membership, membership_index: LogIndex(7) }, true);
        assert_eq!(same.since(LogIndex::ZERO).count(), 1);
    }
}
