//! Writes that wait for their log entries. Entries are appended and applied in log order, so an entry's index says where
//! to look. Sends no answers itself.

use crate::RequestToken;
use raftdeck_raft::{LogId, LogIndex, Term};
use std::collections::VecDeque;

/// **Invariant:** at `i` is the client that waits for the entry `first + i`; the first and the last one are not
/// `None`.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    first: LogIndex,
    waiting: VecDeque<Option<(RequestToken, Term)>>,
}

impl Writes {
    /// At least the number that wait: entries without a waiting client count if they are between others.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn tokens(&self) -> impl Iterator<Item = RequestToken> {
        self.waiting.iter().flatten().map(|(token, _)| *token)
    }

    /// Waits for an entry, which comes after all that were waited for before.
    pub(crate) fn push(&mut self, token: RequestToken, id: LogId) {
        if self.waiting.is_empty() {
            self.first = id.index;
        }
        let next = self.first.0 + self.waiting.len() as u64;
        assert!(id.index.0 >= next, "a step-down has answered what waited for an index before");
        // A leader's own entries: a configuration now and then.
        self.waiting.extend((next..id.index.0).map(|_| None));
        self.waiting.push_back(Some((token, id.term)));
    }

    /// Removes and returns the client that waits for the entry at this index, and its term.
    pub(crate) fn take(&mut self, index: LogIndex) -> Option<(RequestToken, Term)> {
        let place = usize::try_from(index.0.checked_sub(self.first.0)?).ok()?;
        let taken = self.waiting.get_mut(place)?.take();
        self.trim();
        taken
    }

    /// The client that waits for the first entry, if it is not after `through`.
    pub(crate) fn pop(&mut self, through: LogIndex) -> Option<RequestToken> {
        if self.waiting.is_empty() || self.first > through {
            return None;
        }
        let (token, _) = self.take(self.first)?;
        Some(token)
    }

    fn trim(&mut self) {
        while let Some(None) = self.waiting.front() {
            self.waiting.pop_front();
            self.first = self.first.next();
        }
        while let Some(None) = self.waiting.back() {
            self.waiting.pop_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: u64) -> LogId {
        LogId { term: Term(2), index: LogIndex(index) }
    }

    #[test]
    fn each_waits_for_its_entry_and_nobody_for_the_others() {
        let mut writes = Writes::default();
        writes.push(RequestToken(1), id(7));
        writes.push(RequestToken(2), id(10));
        assert_eq!(writes.take(LogIndex(6)), None);
        assert_eq!(writes.take(LogIndex(8)), None);
        assert_eq!(writes.take(LogIndex(11)), None);
        assert_eq!(writes.tokens().collect::<Vec<_>>(), [RequestToken(1), RequestToken(2)]);
        assert_eq!(writes.take(LogIndex(7)), Some((RequestToken(1), Term(2))));
        assert_eq!((writes.take(LogIndex(7)), writes.len()), (None, 1), "whom nobody waits for is not kept");
        assert_eq!(writes.take(LogIndex(10)), Some((RequestToken(2), Term(2))));
        assert_eq!(writes.len(), 0);
        // After a change of leaders the same index again.
        writes.push(RequestToken(3), id(8));
        assert_eq!(writes.take(LogIndex(8)), Some((RequestToken(3), Term(2))));
    }

    #[test]
    fn those_through_an_entry_are_taken_in_order() {
        let mut writes = Writes::default();
        for index in [7, 9, 10] {
            writes.push(RequestToken(index), id(index));
        }
        assert_eq!(writes.pop(LogIndex(6)), None);
        assert_eq!(writes.pop(LogIndex(9)), Some(RequestToken(7)));
        assert_eq!(writes.pop(LogIndex(9)), Some(RequestToken(9)));
        assert_eq!(writes.pop(LogIndex(9)), None);
        assert_eq!(writes.pop(LogIndex(u64::MAX)), Some(RequestToken(10)));
        assert_eq!(writes.pop(LogIndex(u64::MAX)), None);
    }

    #[test]
    #[should_panic(expected = "a step-down has answered")]
    fn an_index_is_waited_for_by_one() {
        let mut writes = Writes::default();
        writes.push(RequestToken(1), id(7));
        writes.push(RequestToken(2), id(7));
    }
}
