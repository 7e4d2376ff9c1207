//! Entries that are no longer in memory: which may leave it, what needs them again, and what happens to them when
//! they come back from the disk. The log, which knows the terms of all entries, says whether they are still valid.

use super::{Raft, RoleState};
use crate::effect::EntriesToRead;
use crate::log::bytes_of;
use crate::mutants::{Mutant, is_active};
use crate::types::{Entry, LogIndex};

/// The most committed entries that come out in one batch: to apply them takes the driver's time, and messages wait meanwhile.
const APPLY_AT_ONCE: usize = 4096;

/// Reads under way at most: one for each follower and one for the state machine, and a few that lost their meaning.
const READS: usize = 32;

impl Raft {
    /// Hands committed entries to the state machine, in order, or asks for them.
    pub(super) fn apply_committed(&mut self) {
        let first = self.applied.next();
        if first > self.committed {
            return;
        }
        if first < self.log.first_in_memory() {
            let last = self.committed.min(self.log.first_in_memory().previous());
            self.read_back(first, last);
            return;
        }
        let waiting = usize::try_from(self.committed.0 - self.applied.0).unwrap_or(usize::MAX);
        let entries = self.log.slice(first, waiting.min(APPLY_AT_ONCE));
        for entry in entries.clone() {
            self.tally.add(entry.id.index, bytes_of(entry));
        }
        self.effects.apply.extend(entries.cloned());
        self.was_applied();
    }

    /// The last of [`Effects::apply`](crate::Effects::apply) is the newest entry applied.
    fn was_applied(&mut self) {
        let Some(last) = self.effects.apply.last() else { return };
        assert!(last.id.index <= self.committed, "only what is committed is applied");
        self.applied = last.id.index;
        self.memberships.compact(self.applied);
    }

    /// Asks for entries, unless they are on their way.
    pub(super) fn read_back(&mut self, first: LogIndex, last: LogIndex) {
        if self.reading.len() < READS && self.reading.insert(first) {
            let max_bytes = self.config.max_append_bytes;
            self.effects.entries_to_read.push(EntriesToRead { first, last, max_bytes });
        }
    }

    /// Entries that were asked for by [`Effects::entries_to_read`](crate::Effects::entries_to_read), from the disk. What
    /// was removed from the log or overwritten meanwhile is recognised and ignored.
    ///
    /// # Panics
    /// As all methods do, where an invariant is broken.
    pub fn handle_entries_read(&mut self, mut entries: Vec<Entry>) {
        let Some(first) = entries.first().map(|entry| entry.id.index) else { return };
        if !self.reading.remove(&first) {
            return;
        }
        let mut next = first;
        let sound = entries.iter().take_while(|entry| {
            let in_order = entry.id.index == next;
            next = next.next();
            let by_index = entry.id.index <= self.log.last().index && is_active(Mutant::ReadBackByIndex);
            // The term tells it from an entry that took its place (Log Matching, paper §5.3).
            in_order && (self.log.contains(entry.id) || by_index)
        });
        let sound = sound.count();
        entries.truncate(sound);
        if !entries.is_empty() {
            self.send_read_back(&entries);
            if first == self.applied.next() {
                self.apply_read_back(entries);
            }
        }
        self.assert_invariants();
    }

    fn apply_read_back(&mut self, mut entries: Vec<Entry>) {
        let committed = entries.iter().take_while(|entry| entry.id.index <= self.committed).count();
        entries.truncate(committed);
        for entry in &entries {
            self.tally.add(entry.id.index, bytes_of(entry));
        }
        self.effects.apply.extend(entries);
        self.was_applied();
    }

    /// Lets entries leave the memory that are of little use there. What is not durable yet has nowhere to be read back
    /// from. What was not applied stays too, unless what comes before it is on the disk only: then it has to wait anyway,
    /// and may be much.
    pub(super) fn evict(&mut self) {
        let is_behind = self.applied.next() < self.log.first_in_memory();
        let needless = if is_behind { self.committed } else { self.applied };
        self.log.evict(needless.min(self.durability.log()), self.config.log_cache_bytes);
    }

    /// Sends these entries to the followers that need them next.
    fn send_read_back(&mut self, entries: &[Entry]) {
        let RoleState::Leader(leadership) = &self.role else { return };
        let first = entries[0].id.index;
        let waiting = leadership.peers.iter().filter(|(_, progress)| progress.next == first);
        let waiting: Vec<_> = waiting.map(|(peer, _)| *peer).collect();
        for peer in waiting {
            self.send_entries(peer, entries.to_vec());
        }
    }
}
