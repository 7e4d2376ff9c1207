//! What must be on a member's disk, kept beside it as ids alone: each write that was reported durable, whole, and of
//! the one under way all or nothing. What a start finds is held against it.

use raftdeck_raft::{HardState, LogId, LogIndex, Persist, Restored};

/// What is durable at one member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Platter {
    pub(crate) hard_state: HardState,
    /// The log begins after this entry: a snapshot took the place of all before.
    base: LogId,
    /// The entries after `base`.
    ids: Vec<LogId>,
    /// A start may find the log from here on only.
    released: LogIndex,
}

impl Platter {
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

    /// Whether a start may find this.
    pub(crate) fn allows(&self, restored: &Restored) -> bool {
        let purged = restored.purged.index;
        let kept = self.ids.iter().filter(|id| id.index > purged);
        restored.hard_state == self.hard_state
            && purged >= self.base.index
            && purged <= self.released
            && kept.eq(restored.entries.iter().map(|entry| &entry.id))
    }
}

/// For people.
pub(crate) fn describe(restored: &Restored) -> String {
    let last = restored.entries.last().map_or(restored.purged, |entry| entry.id);
    format!(
        "term {}, vote {:?}, entries after {} through {} of term {}",
        restored.hard_state.term, restored.hard_state.vote, restored.purged.index, last.index, last.term
    )
}
