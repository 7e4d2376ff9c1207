//! What the core asks its driver to do.

use crate::message::Envelope;
use crate::trace::TraceEvent;
use crate::types::{Entry, HardState, LogId, LogIndex, ReadId};

/// Everything that one or more calls decided, to be carried out by the driver.
///
/// The fields are independent of each other: a driver may send `send` while `persist` is still being written
/// (thesis §10.2.1, a leader writes to its disk in parallel with its followers). What must wait for the disk is
/// inside [`Persist::then_send`].
#[derive(Debug, Default)]
pub struct Effects {
    /// Writes for the disk, in this order.
    pub persist: Vec<Persist>,
    /// Messages that may leave at once.
    pub send: Vec<Envelope>,
    /// Committed entries for the state machine, in order, each exactly once.
    pub apply: Vec<Entry>,
    /// Reads that were decided. A granted read is served once everything in `apply` has been applied.
    pub reads: Vec<ReadReady>,
    /// What happened, in order.
    pub trace: Vec<TraceEvent>,
}

impl Effects {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.persist.is_empty()
            && self.send.is_empty()
            && self.apply.is_empty()
            && self.reads.is_empty()
            && self.trace.is_empty()
    }
}

/// One write, and the messages that may leave only when it, and every write before it, is durable.
///
/// All of it is made durable as a unit, in the order: truncate, entries, hard state. A `Persist` that changes
/// nothing is a barrier: it is durable as soon as those before it are. When it is durable the driver sends
/// `then_send` and calls [`Raft::handle_persisted`](crate::Raft::handle_persisted) with `ticket`. If it fails,
/// the process must stop and acknowledge nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persist {
    /// Names this write in the completion.
    pub ticket: Ticket,
    /// The new term and vote, if they changed.
    pub hard_state: Option<HardState>,
    /// Remove this entry and all after it before anything is appended.
    pub truncate: Option<LogIndex>,
    /// Append these.
    pub entries: Vec<Entry>,
    /// Send these when durable.
    pub then_send: Vec<Envelope>,
}

impl Persist {
    /// Whether there is nothing to write: the messages only wait for earlier writes.
    #[must_use]
    pub fn is_barrier(&self) -> bool {
        self.hard_state.is_none() && self.truncate.is_none() && self.entries.is_empty()
    }
}

/// Names a [`Persist`]. Carries the log's end at that write, so that a completion for entries that were
/// overwritten meanwhile is recognised by its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    /// Counts up from 1 in the order of the writes.
    pub seq: u64,
    /// The last entry of the log as of this write.
    pub last: LogId,
}

/// The fate of a linearizable read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadReady {
    /// Which read.
    pub id: ReadId,
    /// `true`: the state machine may be read now. `false`: leadership was lost meanwhile, ask the next leader.
    pub granted: bool,
}
