//! What must be on a member's disk, kept beside it as ids alone: each write that was reported durable, whole, and of
//! the one under way all or nothing. What a start finds is held against it.

use raftdeck_raft::{HardState, LogId, LogIndex, Persist, Restored};

/// What is durable at one member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Platter {
    pub(crate) hard_state: HardState,
    /// The log begins after this entry: a snapshot replaced everything before.
    base: LogId,
    /// The entries after `base`.
    ids: Vec<LogId>,
    /// A start may find the log from here on only.
    released: LogIndex,
}

impl Platter {
    /// The content after an external change.
    pub(crate) fn of(restored: &Restored) -> Self {
        let ids = runs(restored).chain(restored.entries.iter().map(|entry| entry.id)).collect();
        let Restored { hard_state, purged, .. } = restored;
        Self { hard_state: *hard_state, base: *purged, ids, released: purged.index }
    }

    pub(crate) fn write(&mut self, persist: &Persist) {
        if let Some(base) = persist.reset {
            (self.base, self.released) = (base, base.index);
            self.ids.clear();
        }
        if let Some(from) = persist.truncate {
            self.ids.retain(|id| id.index < from);
        }
        if let Some(through) = persist.purge {
            self.released = self.released.max(through.index);
        }
        self.ids.extend(persist.entries.iter().map(|entry| entry.id));
        self.hard_state = persist.hard_state.unwrap_or(self.hard_state);
    }

    /// The end of the log.
    pub(crate) fn last(&self) -> LogId {
        self.ids.last().copied().unwrap_or(self.base)
    }

    /// Whether the log goes through this entry, or had a snapshot beyond it.
    pub(crate) fn holds(&self, id: LogId) -> bool {
        let behind = usize::try_from(id.index.0.saturating_sub(self.base.index.0)).unwrap_or(usize::MAX);
        behind == 0 || self.ids.get(behind - 1) == Some(&id)
    }

    /// Whether a start may find this.
    pub(crate) fn allows(&self, restored: &Restored) -> bool {
        let purged = restored.purged.index;
        let kept = self.ids.iter().filter(|id| id.index > purged).copied();
        restored.hard_state == self.hard_state
            && purged >= self.base.index
            && purged <= self.released
            && kept.eq(runs(restored).chain(restored.entries.iter().map(|entry| entry.id)))
    }
}

/// The entries that are on the disk only.
fn runs(restored: &Restored) -> impl Iterator<Item = LogId> + '_ {
    restored.on_disk.iter().flat_map(|run| {
        (run.first.0..=run.last.0).map(|index| LogId { term: run.term, index: LogIndex(index) })
    })
}

/// For people.
pub(crate) fn describe(restored: &Restored) -> String {
    let last = restored.entries.last().map_or(restored.purged, |entry| entry.id);
    format!(
        "term {}, vote {:?}, entries after {} through {} of term {}",
        restored.hard_state.term, restored.hard_state.vote, restored.purged.index, last.index, last.term
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::{Entry, Payload, Term, Ticket};

    fn id(index: u64) -> LogId {
        LogId { term: Term(1), index: LogIndex(index) }
    }

    fn entries(range: std::ops::RangeInclusive<u64>) -> Vec<Entry> {
        range.map(|index| Entry { id: id(index), payload: Payload::Noop }).collect()
    }

    fn persist() -> Persist {
        Persist {
            ticket: Ticket { seq: 1, last: id(0) },
            hard_state: None,
            reset: None,
            truncate: None,
            purge: None,
            entries: Vec::new(),
            then_send: Vec::new(),
        }
    }

    fn restored(purged: u64, through: u64, term: u64) -> Restored {
        Restored {
            hard_state: HardState { term: Term(term), vote: None },
            purged: if purged == 0 { LogId::default() } else { id(purged) },
            entries: entries(purged + 1..=through),
            ..Restored::default()
        }
    }

    #[test]
    fn a_start_must_find_every_durable_write_and_nothing_more() {
        let mut platter = Platter::default();
        let hard_state = Some(HardState { term: Term(1), vote: None });
        platter.write(&Persist { hard_state, entries: entries(1..=5), ..persist() });
        assert!(platter.allows(&restored(0, 5, 1)));
        assert!(!platter.allows(&restored(0, 4, 1)), "an entry is missing");
        assert!(!platter.allows(&restored(0, 6, 1)), "an entry came from nowhere");
        assert!(!platter.allows(&restored(0, 5, 0)), "the term is missing");
        assert!(!platter.allows(&restored(2, 5, 1)), "nothing was released");
    }

    #[test]
    fn what_was_released_may_be_gone_and_what_was_replaced_must_be() {
        let mut platter = Platter::default();
        platter.write(&Persist { entries: entries(1..=9), ..persist() });
        platter.write(&Persist { purge: Some(id(4)), ..persist() });
        assert!((0..=4).all(|purged| platter.allows(&restored(purged, 9, 0))));
        assert!(!platter.allows(&restored(5, 9, 0)));
        platter.write(&Persist { reset: Some(id(20)), entries: entries(21..=22), ..persist() });
        assert!(platter.allows(&restored(20, 22, 0)) && !platter.allows(&restored(4, 9, 0)));
        assert_eq!(platter.last(), id(22));
    }
}
