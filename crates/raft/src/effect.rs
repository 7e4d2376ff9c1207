//! What the core asks its driver to do.

use crate::membership::ChangeError;
use crate::message::{Envelope, InstallSnapshot, Message};
use crate::trace::TraceEvent;
use crate::types::{Entry, HardState, LogId, LogIndex, NodeId, ReadId, SnapshotMeta, Term};
use bytes::Bytes;

/// Everything that one or more calls decided, to be carried out by the driver.
///
/// The fields are independent of each other: a driver may send `send` while `persist` is still being written
/// (thesis §10.2.1, a leader writes to its disk in parallel with its followers). What must wait for the disk is
/// inside [`Persist::then_send`].
#[derive(Debug, Default)]
pub struct Effects {
    /// Writes for the disk, in this order.
    pub persist: Vec<Persist>,
    /// Messages that may be sent immediately.
    pub send: Vec<Envelope>,
    /// Committed entries for the state machine, in order, each exactly once.
    pub apply: Vec<Entry>,
    /// Reads that were decided. A granted read is served once everything in `apply` has been applied.
    pub reads: Vec<ReadReady>,
    /// Pieces of snapshots to be read from the disk and sent.
    pub pieces_to_send: Vec<PieceToSend>,
    /// Pieces of a snapshot that arrived, for the disk, in this order.
    pub pieces_received: Vec<PieceReceived>,
    /// Entries to be read back from the disk.
    pub entries_to_read: Vec<EntriesToRead>,
    /// The outcome of [`Raft::change_membership`](crate::Raft::change_membership): the new membership is committed at
    /// this entry, or it failed. At most one is under way.
    pub change: Option<Result<LogId, ChangeError>>,
    /// What happened, in order.
    pub trace: Vec<TraceEvent>,
}

/// One write, and the messages that may leave only when it, and every write before it, is durable.
///
/// All of it is made durable as a unit, in the order: reset, truncate, purge, entries, hard state. A `Persist` that changes
/// nothing is a barrier: it is durable as soon as those before it are. When it is durable the driver sends
/// `then_send` and calls [`Raft::handle_persisted`](crate::Raft::handle_persisted) with `ticket`. If it fails,
/// the process must stop and acknowledge nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persist {
    /// Names this write in the completion.
    pub ticket: Ticket,
    /// The new term and vote, if they changed.
    pub hard_state: Option<HardState>,
    /// Forget the whole log: a snapshot that ends with this entry, and is durable already, takes its place. The
    /// next entry is the one after it.
    pub reset: Option<LogId>,
    /// Remove this entry and all after it before anything is appended.
    pub truncate: Option<LogIndex>,
    /// Entries through this one are no longer needed: a durable snapshot includes them. When their space is
    /// given back is up to the store; after a restart the log may start earlier, never later.
    pub purge: Option<LogId>,
    /// Append these.
    pub entries: Vec<Entry>,
    /// Send these when durable.
    pub then_send: Vec<Envelope>,
}

impl Persist {
    /// Whether there is nothing to write: the messages only wait for earlier writes.
    #[must_use]
    pub fn is_barrier(&self) -> bool {
        self.hard_state.is_none()
            && self.reset.is_none()
            && self.truncate.is_none()
            && self.purge.is_none()
            && self.entries.is_empty()
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

/// Entries that are needed and no longer in memory. The driver reads them from the log on its disk and gives them to
/// [`Raft::handle_entries_read`](crate::Raft::handle_entries_read): those from `first` on, without gaps, at least one,
/// as many as fit into `max_bytes`, and none after `last`.
///
/// The disk serves it in order with the writes: after all that came out before it or with it, and before all that comes
/// out later. So what is asked for is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntriesToRead {
    /// The first.
    pub first: LogIndex,
    /// The last useful one.
    pub last: LogIndex,
    /// How many bytes of payloads at most; one entry is always read, however large.
    pub max_bytes: usize,
}

/// The fate of a linearizable read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadReady {
    /// Which read.
    pub id: ReadId,
    /// `true`: the state machine may be read now. `false`: leadership was lost meanwhile, ask the next leader.
    pub granted: bool,
}

/// A piece of a snapshot that the driver reads from its disk and sends with [`PieceToSend::fill`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PieceToSend {
    /// The receiving node.
    pub to: NodeId,
    /// The leader's term.
    pub term: Term,
    /// Its heartbeat round.
    pub round: u64,
    /// Which snapshot.
    pub meta: SnapshotMeta,
    /// Where the piece starts, in bytes.
    pub offset: u64,
    /// How many bytes at most.
    pub max_bytes: usize,
    /// The size of the whole snapshot in bytes.
    pub size: u64,
}

impl PieceToSend {
    /// The message with these bytes, read from `offset` on.
    #[must_use]
    pub fn fill(self, data: Bytes) -> Envelope {
        let Self { to, term, round, meta, offset, size, .. } = self;
        let done = offset.saturating_add(data.len() as u64) >= size;
        Envelope {
            to,
            message: Message::InstallSnapshot(InstallSnapshot {
                term,
                meta,
                offset,
                data,
                done,
                size,
                round,
            }),
        }
    }
}

/// A piece of a snapshot that arrived, in order, without gaps. After the last one the driver makes the whole durable,
/// checks it, and calls [`Raft::handle_snapshot_received`](crate::Raft::handle_snapshot_received) or, if it is
/// damaged, [`Raft::handle_snapshot_discarded`](crate::Raft::handle_snapshot_discarded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PieceReceived {
    /// Of which snapshot.
    pub meta: SnapshotMeta,
    /// Where it starts, in bytes. 0 starts the snapshot anew, whatever was there before.
    pub offset: u64,
    /// The piece.
    pub data: Bytes,
    /// Whether it is the last.
    pub done: bool,
}
