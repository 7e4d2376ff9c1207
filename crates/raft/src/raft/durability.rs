//! Outstanding and completed disk writes. Decides when a message may leave.

use crate::effect::{Effects, Persist, Ticket};
use crate::log::Log;
use crate::message::Envelope;
use crate::mutants::{Mutant, is_active};
use crate::types::{Entry, HardState, LogId, LogIndex, Timestamp};
use std::time::Duration;

/// The disk as the core sees it.
///
/// **Invariant:** `durable <= written <= last index of the log`; `completed < next_seq`.
#[derive(Debug)]
pub(super) struct Durability {
    /// The ticket number of the next write.
    next_seq: u64,
    /// All writes up to this number are durable.
    completed: u64,
    /// The log is durable through here.
    durable: LogIndex,
    /// The log was handed to the disk through here.
    written: LogIndex,
    /// The newest write that removes entries from the log's end, or all of them.
    /// Completions of earlier writes no longer say anything about the log, even if a removed entry has come back since.
    last_truncation: u64,
    /// Collected for the next write.
    reset: Option<LogId>,
    truncate: Option<LogIndex>,
    purge: Option<LogId>,
    hard_state_changed: bool,
    then_send: Vec<Envelope>,
    /// Since when the disk has not finished a write although one waits for it: since it last finished one, or since it was
    /// handed the oldest one that waits.
    waiting_since: Option<Timestamp>,
}

impl Durability {
    /// After a start: everything up to `last` was read from the disk.
    pub(super) fn new(last: LogIndex) -> Self {
        Self {
            next_seq: 1,
            completed: 0,
            durable: last,
            written: last,
            last_truncation: 0,
            reset: None,
            truncate: None,
            purge: None,
            hard_state_changed: false,
            then_send: Vec::new(),
            waiting_since: None,
        }
    }

    /// The log is durable through here.
    pub(super) fn log(&self) -> LogIndex {
        self.durable
    }

    /// The log was handed to the disk through here.
    pub(super) fn written(&self) -> LogIndex {
        self.written
    }

    /// The number that the next write will have; what is decided now is durable when this is completed.
    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Whether the write with this number is durable.
    pub(super) fn is_completed(&self, seq: u64) -> bool {
        self.completed >= seq
    }

    pub(super) fn hard_state_changed(&mut self) {
        self.hard_state_changed = true;
    }

    /// `from` and all after it were removed from the log.
    pub(super) fn truncated(&mut self, from: LogIndex) {
        if from <= self.written {
            self.truncate = Some(self.truncate.map_or(from, |earlier| earlier.min(from)));
            self.last_truncation = self.next_seq;
            self.written = from.previous();
        }
        self.durable = self.durable.min(from.previous());
    }

    /// A durable snapshot that ends with `last` replaced the whole log. Durable through there immediately: until
    /// the write is done, a restart finds the snapshot and does the same.
    pub(super) fn reset(&mut self, last: LogId) {
        self.reset = Some(last);
        self.truncate = None;
        self.purge = None;
        self.last_truncation = self.next_seq;
        self.written = last.index;
        self.durable = last.index;
    }

    /// The log through `through` was released.
    ///
    /// # Panics
    /// If the disk was not given these entries yet: it cannot release what it never had.
    pub(super) fn purged(&mut self, through: LogId) {
        assert!(through.index <= self.written, "only what was handed to the disk is released");
        self.purge = Some(through);
    }

    pub(super) fn waiting_since(&self) -> Option<Timestamp> {
        self.waiting_since
    }

    /// The disk is given as much time again.
    pub(super) fn restart_wait(&mut self, now: Timestamp) {
        self.waiting_since = self.waiting_since.map(|_| now);
    }

    /// Send this when everything decided so far is durable.
    pub(super) fn then_send(&mut self, envelope: Envelope) {
        self.then_send.push(envelope);
    }

    /// Turns what was collected into one write, if there is any need for one.
    pub(super) fn hand_out(
        &mut self,
        log: &Log,
        hard_state: HardState,
        effects: &mut Effects,
        now: Timestamp,
    ) {
        assert!(log.first_in_memory() <= self.written.next(), "what is not written yet is in memory");
        let entries: Vec<Entry> = log.slice(self.written.next(), usize::MAX).cloned().collect();
        // The term is durable before, or together with, any entry of it.
        let with_hard_state =
            self.hard_state_changed && (entries.is_empty() || !is_active(Mutant::EntryBeforeTerm));
        self.hard_state_changed &= !with_hard_state;
        let persist = Persist {
            ticket: Ticket { seq: self.next_seq, last: log.last() },
            hard_state: with_hard_state.then_some(hard_state),
            reset: self.reset.take(),
            truncate: self.truncate.take(),
            purge: self.purge.take(),
            entries,
            then_send: std::mem::take(&mut self.then_send),
        };
        if persist.is_barrier() && self.is_completed(self.next_seq - 1) {
            // Nothing to wait for.
            effects.send.extend(persist.then_send);
        } else if !persist.is_barrier() || !persist.then_send.is_empty() {
            self.written = log.last().index;
            self.next_seq += 1;
            self.waiting_since.get_or_insert(now);
            effects.persist.push(persist);
        }
    }

    /// The write with this ticket, and all before it, are durable. Returns for how long the disk had not finished one, or
    /// `None` if this is no news.
    pub(super) fn completed(&mut self, ticket: Ticket, log: &Log, now: Timestamp) -> Option<Duration> {
        assert!(ticket.seq < self.next_seq, "only a write that was handed out can complete");
        let is_news = ticket.seq > self.completed;
        self.completed = self.completed.max(ticket.seq);
        let waited = self.waiting_since.filter(|_| is_news).map(|since| now.since(since));
        if is_news {
            self.waiting_since = (self.completed + 1 < self.next_seq).then_some(now);
        }
        // The term tells an entry from the one that was overwritten at its index. What was released is committed, and
        // nothing overwrote it.
        let unchanged = log.contains(ticket.last) || ticket.last.index < log.base().index;
        let ignores_truncation =
            is_active(Mutant::CompletionIgnoresTruncation) && ticket.last.index <= log.last().index;
        if ticket.seq >= self.last_truncation && unchanged || ignores_truncation {
            self.durable = self.durable.max(ticket.last.index);
        }
        waited
    }
}
