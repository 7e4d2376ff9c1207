//! One Raft member without its I/O: the consensus core, the key-value state machine, and the clients that wait.
//!
//! Like the core it knows no clock, no socket, no file and no thread, and the same calls give the same outputs. The
//! driver feeds a [`Replica`] what arrived and carries out what it asks for in [`Outputs`].

mod catching_up;
mod changed;
pub mod founding;
mod image;
mod key;
mod machine;
mod names;
mod session;
mod sessions;
mod standing;
mod state;
mod value;
mod waiting;

pub use changed::Changed;
pub use image::{ImageError, StateImage};
pub use standing::{ClusterView, NewestStarts, Objection};

use catching_up::CatchingUp;
use changed::ChangeRange;
use raftdeck_protocol::kv::{Action, Command, CommandOf, LoggedTime, NamedWrite, SessionWrite};
use raftdeck_protocol::{Answer, Consistency, Failure, Read, ResponseBody, Write};
use raftdeck_raft::mutants::{Mutant, is_active};
use raftdeck_raft::{
    ChangeError, Config, ConfigError, Effects, EntriesToRead, Entry, Envelope, FoundError, LogId, LogIndex,
    Membership, MembershipChange, Message, NodeId, Payload, Persist, PieceReceived, PieceToSend,
    ProposeError, Raft, ReadError, ReadMode, ReadReady, RestoreError, Restored, Sender, SnapshotMeta,
    SnapshotRefusal, Status, Ticket, Timestamp, TraceEvent, TransferError, Tuning,
};
use state::ReplicatedState;
use std::time::Duration;
use waiting::WaitingRequests;

/// The pairs that are read from the map in one go: they take about a millisecond.
const PAIRS_AT_ONCE: usize = 4096;

/// Names a client's request until it is answered. Chosen by the driver, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestToken(pub u64);

/// What the driver must do, in any order (the order inside each list matters).
#[derive(Debug, Default)]
pub struct Outputs {
    /// Writes for the disk; see [`Persist`].
    pub persist: Vec<Persist>,
    /// Messages that may be sent immediately.
    pub send: Vec<Envelope>,
    /// Pieces of snapshots to be read from the disk and sent.
    pub pieces_to_send: Vec<PieceToSend>,
    /// Pieces of a snapshot for the disk, in this order; see [`PieceReceived`].
    pub pieces_received: Vec<PieceReceived>,
    /// Entries to be read back from the disk, in order with the writes; see [`EntriesToRead`].
    pub entries_to_read: Vec<EntriesToRead>,
    /// Answers. Each request gets one, unless it was cancelled.
    pub replies: Vec<(RequestToken, ResponseBody)>,
    /// What the entries that were applied changed, in order, through [`Replica::applied`].
    pub changes: Vec<Changed>,
    /// What happened.
    pub trace: Vec<TraceEvent>,
}

/// One member without its I/O.
///
/// # Panics
/// Any method panics where the core does ([`Raft`]), and when a committed command cannot be read, which means that
/// a newer release wrote it: skipping it would let this member's state differ from the others'.
#[derive(Debug)]
pub struct Replica {
    raft: Raft,
    state: ReplicatedState,
    /// The newest entry that the state includes.
    applied: LogId,
    catching_up: CatchingUp,
    waiting: WaitingRequests,
}

impl Replica {
    /// Starts a member with what its disk held. The state machine starts from `image`, the content of
    /// `restored.snapshot`, and is rebuilt from there as the log is committed again.
    pub fn new(
        config: Config,
        seed: u64,
        restored: Restored,
        image: Option<StateImage>,
        now: Timestamp,
    ) -> Result<Self, RestoreError> {
        let raft = Raft::new(config, seed, restored, now)?;
        let (applied, state) = match image {
            Some(image) => (image.meta.last, image.state),
            None => Default::default(),
        };
        Ok(Self {
            raft,
            state,
            applied,
            catching_up: CatchingUp::default(),
            waiting: WaitingRequests::default(),
        })
    }

    /// The core's state.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        self.raft.status(now)
    }

    /// The number of keys.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.state.machine.len()
    }

    /// The number of open client sessions.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        self.state.sessions.len() as u64
    }

    /// The membership in force, which may not be committed yet.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        self.raft.membership()
    }

    /// The place in the log of the membership in force ([`Raft::membership_place`]).
    #[must_use]
    pub fn membership_place(&self) -> LogId {
        self.raft.membership_place()
    }

    /// The same, if this member belongs to the cluster by that membership ([`Raft::named_at`]).
    #[must_use]
    pub fn named_at(&self) -> Option<LogId> {
        self.raft.named_at()
    }

    /// Whether a snapshot can be taken ([`Raft::may_snapshot`]).
    #[must_use]
    pub fn may_snapshot(&self) -> bool {
        self.raft.may_snapshot()
    }

    /// Whether it is time to take a snapshot.
    #[must_use]
    pub fn snapshot_due(&self) -> bool {
        self.raft.snapshot_due()
    }

    /// The state as it is now, to be written to the disk while writes continue. To be saved, it has to be taken when the
    /// outputs of all calls so far have been taken.
    #[must_use]
    pub fn image(&self) -> StateImage {
        let meta = SnapshotMeta { last: self.applied, ..self.raft.snapshot_meta() };
        StateImage { meta, state: self.state.clone() }
    }

    /// Snapshots that must stay readable on the disk ([`Raft::snapshots_in_use`]).
    #[must_use]
    pub fn snapshots_in_use(&self) -> Vec<LogId> {
        self.raft.snapshots_in_use()
    }

    /// A hash over the pairs, the sessions, the names of writes and the logged time.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        self.state.hash()
    }

    /// The newest entry that the state includes.
    #[must_use]
    pub fn applied(&self) -> LogId {
        self.applied
    }

    /// Whether it knows what was committed before it started. Until then its state may lack what was acknowledged long ago.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.catching_up.is_done()
    }

    /// The log from `first` on, committed or not, at most `limit` entries; only what is in memory.
    #[must_use]
    pub fn entries(
        &self,
        first: LogIndex,
        limit: usize,
    ) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.raft.entries(first, limit)
    }

    /// When [`Replica::handle_deadline`] is to be called.
    #[must_use]
    pub fn next_deadline(&self) -> Timestamp {
        self.raft.next_deadline()
    }

    /// A message arrived.
    pub fn handle_message(&mut self, from: Sender, message: Message, now: Timestamp) {
        let said = self.catching_up.said_in(&message);
        self.raft.handle_message(from, message, now);
        if let Some((term, commit)) = said {
            let Status { term: current, leader, .. } = self.raft.status(now);
            if (term, Some(from.id)) == (current, leader) {
                self.catching_up.learn(term, commit);
            }
        }
    }

    /// The cluster is founded with this membership ([`Raft::found`]).
    pub fn found(&mut self, membership: Membership, now: Timestamp) -> Result<(), FoundError> {
        self.raft.found(membership, now)
    }

    /// The write with this ticket, and all before it, are durable.
    pub fn handle_persisted(&mut self, ticket: Ticket, now: Timestamp) {
        self.raft.handle_persisted(ticket, now);
    }

    /// Entries from the disk that were asked for ([`Outputs::entries_to_read`]).
    pub fn handle_entries_read(&mut self, entries: Vec<Entry>) {
        self.raft.handle_entries_read(entries);
    }

    /// The connection to a peer was lost ([`Raft::handle_disconnected`]).
    pub fn handle_disconnected(&mut self, peer: NodeId, now: Timestamp) {
        self.raft.handle_disconnected(peer, now);
    }

    /// The time given by [`Replica::next_deadline`] has come. Calling early is harmless.
    pub fn handle_deadline(&mut self, now: Timestamp) {
        self.raft.handle_deadline(now);
    }

    /// The driver was stopped for a while, or its clock stepped.
    pub fn handle_pause(&mut self, now: Timestamp) {
        self.raft.handle_pause(now);
    }

    /// A snapshot made from [`Replica::image`] is durable, and has this size in bytes.
    pub fn handle_snapshot_saved(&mut self, meta: SnapshotMeta, size: u64) {
        self.raft.handle_snapshot_saved(meta, size);
    }

    /// All pieces of a snapshot arrived, are durable, and gave this image; on the disk it has this size in bytes.
    pub fn handle_snapshot_received(&mut self, image: StateImage, size: u64, now: Timestamp) {
        if self.raft.handle_snapshot_received(image.meta.clone(), size, now) {
            self.waiting.skip_writes(image.meta.last.index);
            self.applied = image.meta.last;
            self.state = image.state;
        }
    }

    /// The complete snapshot is invalid.
    pub fn handle_snapshot_discarded(&mut self, last: LogId, why: SnapshotRefusal) {
        self.raft.handle_snapshot_discarded(last, why);
    }

    /// Times out immediately, as if no leader had been heard from.
    pub fn campaign(&mut self, now: Timestamp) {
        self.raft.campaign(now);
    }

    /// Campaigns immediately, even if there is a leader ([`Raft::campaign_against_leader`]).
    pub fn campaign_against_leader(&mut self, now: Timestamp) {
        self.raft.campaign_against_leader(now);
    }

    /// No longer serves reads by a lease.
    pub fn forgo_leases(&mut self) {
        self.raft.forgo_leases();
    }

    /// Changes timing, PreVote and CheckQuorum.
    pub fn tune(&mut self, tuning: Tuning, now: Timestamp) -> Result<(), ConfigError> {
        self.raft.tune(tuning, now)
    }

    /// Fixes the election timeout, or makes it random again.
    pub fn set_election_timeout(
        &mut self,
        timeout: Option<Duration>,
        now: Timestamp,
    ) -> Result<(), ConfigError> {
        self.raft.set_election_timeout(timeout, now)
    }

    /// Changes the membership. Answered when the new one is committed, or the change has failed.
    pub fn change_membership(&mut self, token: RequestToken, changes: &[MembershipChange], now: Timestamp) {
        // The core tells the end of a change without a name: there must be only one that it can be the end of.
        let started = if self.waiting.is_changing() && !is_active(Mutant::ChangesOverlap) {
            Err(ChangeError::InProgress)
        } else {
            self.raft.change_membership(changes, now)
        };
        match started {
            Ok(()) => self.waiting.await_change(token),
            Err(ChangeError::NotLeader { leader }) => self.not_leader(token, leader),
            Err(ChangeError::Busy) => self.waiting.fail(token, Failure::Busy),
            Err(error) => self.waiting.fail(token, Failure::Change(error)),
        }
    }

    /// Hands the leadership over. Answered when `to` leads, or does not.
    pub fn transfer_leadership(&mut self, token: RequestToken, to: NodeId, now: Timestamp) {
        // As above: the trace does not say whose transfer it was.
        let started = if self.waiting.is_transferring() {
            Err(TransferError::InProgress)
        } else {
            self.raft.transfer_leadership(to, now)
        };
        match started {
            Ok(()) if to == self.raft.id() => {
                let term = self.raft.status(now).term;
                self.waiting.reply(token, ResponseBody::Transferred { leader: to, term });
            }
            Ok(()) => self.waiting.await_transfer(token, to),
            Err(TransferError::NotLeader { leader }) => self.not_leader(token, leader),
            Err(error) => self.waiting.fail(token, Failure::Transfer(error)),
        }
    }

    /// A client opens a session. Answered like a write.
    pub fn open_session(&mut self, token: RequestToken, at: LoggedTime) {
        self.propose(token, &Command { at, action: Action::OpenSession });
    }

    /// A client's write within a session. Answered like a write.
    pub fn session_write(&mut self, token: RequestToken, write: SessionWrite, at: LoggedTime) {
        if let Err(limit) = write.write.check() {
            return self.waiting.fail(token, Failure::Limit(limit));
        }
        self.propose(token, &Command { at, action: Action::SessionWrite(write) });
    }

    /// A client's write under a name. Answered like a write.
    pub fn named_write(&mut self, token: RequestToken, write: NamedWrite, at: LoggedTime) {
        if let Err(limit) = write.check() {
            return self.waiting.fail(token, Failure::Limit(limit));
        }
        self.propose(token, &Command { at, action: Action::NamedWrite(write) });
    }

    /// A client's write; `at` is the driver's wall clock. Answered exactly once in [`Outputs::replies`], unless it is
    /// cancelled. The driver fills in the `address` of a [`Failure::NotLeader`].
    ///
    /// # Panics
    /// If the core gives an index to two writes of one leadership.
    pub fn write(&mut self, token: RequestToken, write: Write, at: LoggedTime) {
        if let Err(limit) = write.check() {
            return self.waiting.fail(token, Failure::Limit(limit));
        }
        self.propose(token, &Command { at, action: Action::Write(write) });
    }

    fn propose(&mut self, token: RequestToken, command: &Command) {
        match self.raft.propose(command.encode()) {
            Ok(id) => self.waiting.await_write(token, id),
            Err(ProposeError::NotLeader { leader }) => self.not_leader(token, leader),
            Err(ProposeError::Busy) => self.waiting.fail(token, Failure::Busy),
            Err(ProposeError::DiskStalled { waited }) => {
                self.waiting.fail(token, Failure::DiskStalled { waited });
            }
        }
    }

    /// Whether this member leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.raft.leads()
    }

    /// A client's read. Answered exactly once in [`Outputs::replies`], unless it is cancelled. A stale read is refused
    /// until this member is caught up ([`Replica::is_caught_up`]).
    pub fn read(&mut self, token: RequestToken, read: Read, consistency: Consistency, now: Timestamp) {
        if let Err(limit) = read.check() {
            return self.waiting.fail(token, Failure::Limit(limit));
        }
        let mode = match consistency {
            Consistency::Linearizable => ReadMode::Index,
            Consistency::Lease => ReadMode::Lease,
            Consistency::Stale if !self.catching_up.is_done() => {
                return self.waiting.fail(token, Failure::NotCaughtUp);
            }
            Consistency::Stale => return self.waiting.grant(token, read),
        };
        match self.raft.read(self.waiting.next_read_id(), mode, now) {
            Ok(()) => self.waiting.await_read(token, read),
            Err(ReadError::NotLeader { leader }) => self.not_leader(token, leader),
        }
    }

    /// The client went away or gave up: no answer will be produced. A write may still be carried out.
    pub fn cancel(&mut self, token: RequestToken) {
        self.waiting.cancel(token);
    }

    /// Whether there is more to take: long reads are answered, and very many entries applied, a few at a time, so that a
    /// flood of them does not keep the driver from messages and deadlines.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.raft.has_more() || self.waiting.has_granted_reads()
    }

    /// Takes everything decided since the last call, but for answers to reads that have to wait for the next one
    /// ([`Replica::has_more`]).
    pub fn take_outputs(&mut self, now: Timestamp) -> Outputs {
        let Effects {
            persist,
            send,
            apply,
            reads,
            pieces_to_send,
            pieces_received,
            entries_to_read,
            change,
            trace,
        } = self.raft.take_effects(now);
        self.waiting.expect_replies(apply.len(), reads.len());
        let mut changes = Vec::with_capacity(apply.len());
        for entry in apply {
            changes.extend(self.apply(entry));
        }
        for ReadReady { id, granted } in reads {
            self.waiting.decide_read(id, granted);
        }
        self.answer_reads();
        // Before the trace: a change that is done was done before the leadership was lost.
        if let Some(end) = change {
            let end = end.map(|at| (at, self.membership_at(at)));
            self.waiting.finish_change(end);
        }
        for event in &trace {
            self.waiting.observe(event);
            self.catching_up.observe(event);
        }
        if self.raft.leads_without_disk() {
            // They wait for the disk for an unknown time, and occupy places that others need.
            self.waiting.give_up_writes();
        }
        self.catching_up.applied(self.applied);
        let replies = self.waiting.take_replies();
        Outputs { persist, send, pieces_to_send, pieces_received, entries_to_read, replies, changes, trace }
    }

    fn not_leader(&mut self, token: RequestToken, leader: Option<NodeId>) {
        self.waiting.fail(token, Failure::NotLeader { leader, address: None });
    }

    /// The membership that this entry holds; the one in force if the entry is gone from the log.
    fn membership_at(&self, at: LogId) -> Membership {
        match self.raft.entries(at.index, 1).next() {
            Some(Entry { id, payload: Payload::Membership(membership) }) if *id == at => {
                (**membership).clone()
            }
            _ => self.raft.membership().clone(),
        }
    }

    /// What it changed, if it did.
    fn apply(&mut self, entry: Entry) -> Option<Changed> {
        assert_eq!(entry.id.index, self.applied.index.next(), "entries are applied in order, each once");
        self.applied = entry.id;
        let Payload::Command(content) = entry.payload else {
            self.waiting.finish_write(entry.id, None);
            return None;
        };
        let command = CommandOf::decode(&content)
            .unwrap_or_else(|error| panic!("entry {} cannot be applied: {error}", entry.id.index));
        let outcome = self.state.apply(entry.id, &command);
        let place = ChangeRange::of(&content, &command, entry.id, &outcome);
        self.waiting.finish_write(entry.id, Some(outcome));
        place.map(|place| Changed::new(entry.id.index, content, place))
    }

    /// Answers granted reads until [`PAIRS_AT_ONCE`] is reached. Later is as good as now: what was granted once stays
    /// so (thesis §6.4), and the map only becomes newer.
    fn answer_reads(&mut self) {
        let mut pairs = 0;
        while pairs < PAIRS_AT_ONCE
            && let Some((token, read)) = self.waiting.next_read()
        {
            let answer = self.state.machine.read(&read);
            pairs += match &answer {
                Answer::Page { pairs, .. } => pairs.len().max(1),
                _ => 1,
            };
            self.waiting.reply(token, ResponseBody::Done { answer, at: self.applied });
        }
    }
}
