//! One Raft member without its I/O: the consensus core, the key-value state machine, and the clients that wait.
//!
//! Like the core it knows no clock, no socket, no file and no thread, and the same calls give the same outputs. The
//! driver feeds a [`Replica`] what arrived and carries out what it asks for in [`Outputs`].

mod image;
mod machine;

pub use image::{ImageError, StateImage};

use machine::Machine;
use raftdeck_protocol::frame;
use raftdeck_protocol::kv::{Action, Command, LoggedTime, SessionWrite};
use raftdeck_protocol::{Answer, Consistency, Failure, Read, ResponseBody, Write};
use raftdeck_raft::{
    ChangeError, Config, ConfigError, Effects, Entry, Envelope, LogId, LogIndex, Membership,
    MembershipChange, Message, NodeId, Payload, Persist, PieceReceived, PieceToSend, ProposeError, Raft,
    ReadError, ReadId, ReadMode, ReadReady, RestoreError, Restored, Role, SnapshotMeta, Status, Ticket,
    Timestamp, TraceEvent, Tuning,
};
use std::collections::{BTreeMap, VecDeque};

/// About as many pairs are read from the map in one go as take a millisecond.
const PAIRS_AT_ONCE: usize = 4096;

/// Names a client's request until it is answered. Chosen by the driver, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestToken(pub u64);

/// What the driver must do, in any order (the order inside each list matters).
#[derive(Debug, Default)]
pub struct Outputs {
    /// Writes for the disk; see [`Persist`].
    pub persist: Vec<Persist>,
    /// Messages that may leave at once.
    pub send: Vec<Envelope>,
    /// Pieces of snapshots to be read from the disk and sent.
    pub pieces_to_send: Vec<PieceToSend>,
    /// Pieces of a snapshot for the disk, in this order; see [`PieceReceived`].
    pub pieces_received: Vec<PieceReceived>,
    /// Answers. Each request gets one, unless it was cancelled.
    pub replies: Vec<(RequestToken, ResponseBody)>,
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
    machine: Machine,
    /// The newest entry that the machine includes.
    applied: LogId,
    /// Writes that wait for their entry to be committed.
    writes: BTreeMap<LogIndex, WaitingWrite>,
    /// Reads that wait for proof of leadership, or for their turn in `granted`.
    reads: BTreeMap<RequestToken, Read>,
    /// Reads that may be answered, in order.
    granted: VecDeque<RequestToken>,
    replies: Vec<(RequestToken, ResponseBody)>,
}

#[derive(Debug)]
struct WaitingWrite {
    id: LogId,
    token: RequestToken,
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
        let (applied, machine) = match image {
            Some(image) => (image.meta.last, image.machine),
            None => (LogId::default(), Machine::default()),
        };
        Ok(Self {
            raft: Raft::new(config, seed, restored, now)?,
            machine,
            applied,
            writes: BTreeMap::new(),
            reads: BTreeMap::new(),
            granted: VecDeque::new(),
            replies: Vec::new(),
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
        self.machine.len()
    }

    /// The number of open client sessions.
    #[must_use]
    pub fn sessions(&self) -> u64 {
        0
    }

    /// The membership in force, which may not be committed yet.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        self.raft.membership()
    }

    /// Whether it is time to take a snapshot.
    #[must_use]
    pub fn snapshot_due(&self) -> bool {
        self.raft.snapshot_due()
    }

    /// The state machine as it is now, to be written to the disk while writes go on.
    #[must_use]
    pub fn image(&self) -> StateImage {
        StateImage { meta: self.raft.snapshot_meta(), machine: self.machine.clone() }
    }

    /// Snapshots that must stay readable on the disk.
    #[must_use]
    pub fn snapshots_in_use(&self) -> Vec<LogId> {
        self.raft.snapshots_in_use()
    }

    /// A hash over the state machine's content.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        self.machine.hash()
    }

    /// The log from `first` on, committed or not, at most `limit` entries.
    #[must_use]
    pub fn entries(&self, first: LogIndex, limit: usize) -> &[Entry] {
        self.raft.entries(first, limit)
    }

    /// When [`Replica::handle_deadline`] wants to be called.
    #[must_use]
    pub fn next_deadline(&self) -> Timestamp {
        self.raft.next_deadline()
    }

    /// A message arrived.
    pub fn handle_message(&mut self, from: NodeId, message: Message, now: Timestamp) {
        self.raft.handle_message(from, message, now);
    }

    /// The write with this ticket, and all before it, are durable.
    pub fn handle_persisted(&mut self, ticket: Ticket, now: Timestamp) {
        self.raft.handle_persisted(ticket, now);
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
            self.applied = image.meta.last;
            self.machine = image.machine;
        }
    }

    /// The pieces of this snapshot that arrived are of no use.
    pub fn handle_snapshot_discarded(&mut self, last: LogId) {
        self.raft.handle_snapshot_discarded(last);
    }

    /// Times out at once, as if no leader had been heard from.
    pub fn campaign(&mut self, now: Timestamp) {
        self.raft.campaign(now);
    }

    /// Changes timing, PreVote and CheckQuorum.
    pub fn tune(&mut self, tuning: Tuning, now: Timestamp) -> Result<(), ConfigError> {
        self.raft.tune(tuning, now)
    }

    /// Changes the membership. Answered like a write.
    pub fn change_membership(&mut self, token: RequestToken, changes: &[MembershipChange], now: Timestamp) {
        if let Err(error) = self.raft.change_membership(changes, now) {
            self.fail(token, change_failure(error));
        }
    }

    /// Hands the leadership over. Answered when `to` leads, or does not.
    pub fn transfer_leadership(&mut self, token: RequestToken, to: NodeId, now: Timestamp) {
        if let Err(error) = self.raft.transfer_leadership(to, now) {
            self.fail(token, Failure::Transfer(error));
        }
    }

    /// A client opens a session. Answered like a write.
    pub fn open_session(&mut self, token: RequestToken, at: LoggedTime) {
        self.propose(token, &Command { at, action: Action::OpenSession });
    }

    /// A client's write within a session. Answered like a write.
    pub fn session_write(&mut self, token: RequestToken, write: SessionWrite, at: LoggedTime) {
        if let Err(limit) = write.write.check() {
            return self.fail(token, Failure::Limit(limit));
        }
        self.propose(token, &Command { at, action: Action::SessionWrite(write) });
    }

    /// A client's write; `at` is the driver's wall clock. Answered exactly once in [`Outputs::replies`], unless it is
    /// cancelled. The driver fills in the `address` of a [`Failure::NotLeader`].
    ///
    /// # Panics
    /// If the core gives an index to two writes of one leadership.
    pub fn write(&mut self, token: RequestToken, write: Write, at: LoggedTime) {
        if let Err(limit) = write.check() {
            return self.fail(token, Failure::Limit(limit));
        }
        self.propose(token, &Command { at, action: Action::Write(write) });
    }

    fn propose(&mut self, token: RequestToken, command: &Command) {
        match self.raft.propose(frame::encode(command)) {
            Ok(id) => {
                let earlier = self.writes.insert(id.index, WaitingWrite { id, token });
                assert!(earlier.is_none(), "a step-down has answered what waited for an index before");
            }
            Err(ProposeError::NotLeader { leader }) => {
                self.fail(token, Failure::NotLeader { leader, address: None });
            }
            Err(ProposeError::Busy) => self.fail(token, Failure::Busy),
        }
    }

    /// A client's read. Answered exactly once in [`Outputs::replies`], unless it is cancelled.
    pub fn read(&mut self, token: RequestToken, read: Read, consistency: Consistency, now: Timestamp) {
        if let Err(limit) = read.check() {
            return self.fail(token, Failure::Limit(limit));
        }
        let mode = match consistency {
            Consistency::Linearizable => ReadMode::Index,
            Consistency::Lease => ReadMode::Lease,
            Consistency::Stale => {
                self.reads.insert(token, read);
                return self.granted.push_back(token);
            }
        };
        match self.raft.read(ReadId(token.0), mode, now) {
            Ok(()) => {
                self.reads.insert(token, read);
            }
            Err(ReadError::NotLeader { leader }) => {
                self.fail(token, Failure::NotLeader { leader, address: None });
            }
        }
    }

    /// The client went away or gave up: no answer will be produced. A write may still be carried out.
    pub fn cancel(&mut self, token: RequestToken) {
        self.writes.retain(|_, waiting| waiting.token != token);
        self.reads.remove(&token);
        self.replies.retain(|(answered, _)| *answered != token);
    }

    /// Whether there is more to take: long reads are answered a few at a time, so that a flood of them does not keep
    /// the driver from messages and deadlines.
    #[must_use]
    pub fn has_more(&self) -> bool {
        !self.granted.is_empty()
    }

    /// Takes everything decided since the last call, but for answers to reads that have to wait for the next one
    /// ([`Replica::has_more`]).
    pub fn take_outputs(&mut self, now: Timestamp) -> Outputs {
        let Effects { persist, send, apply, reads, pieces_to_send, pieces_received, trace, .. } =
            self.raft.take_effects(now);
        for entry in apply {
            self.apply(entry);
        }
        for ready in reads {
            self.finish_read(ready);
        }
        self.answer_reads();
        let lost_leadership =
            |event: &TraceEvent| matches!(event, TraceEvent::RoleChanged { from: Role::Leader, .. });
        if trace.iter().any(lost_leadership) {
            self.give_up_writes();
        }
        let replies = std::mem::take(&mut self.replies);
        Outputs { persist, send, pieces_to_send, pieces_received, replies, trace }
    }

    fn fail(&mut self, token: RequestToken, failure: Failure) {
        self.replies.push((token, ResponseBody::Failed(failure)));
    }

    fn apply(&mut self, entry: Entry) {
        assert_eq!(entry.id.index, self.applied.index.next(), "entries are applied in order, each once");
        self.applied = entry.id;
        let answer = match entry.payload {
            Payload::Noop | Payload::Membership(_) => None,
            Payload::Command(command) => {
                let command = frame::decode::<Command>("command", &command)
                    .unwrap_or_else(|error| panic!("entry {} cannot be applied: {error}", entry.id.index));
                match command.action {
                    Action::Write(write) | Action::SessionWrite(SessionWrite { write, .. }) => {
                        Some(self.machine.apply(write))
                    }
                    Action::OpenSession => None,
                }
            }
        };
        let Some(waiting) = self.writes.remove(&entry.id.index) else { return };
        self.replies.push((waiting.token, written(waiting.id, entry.id, answer)));
    }

    fn finish_read(&mut self, ready: ReadReady) {
        let token = RequestToken(ready.id.0);
        if ready.granted {
            self.granted.push_back(token);
        } else if self.reads.remove(&token).is_some() {
            self.fail(token, Failure::NotLeader { leader: None, address: None });
        }
    }

    /// Answers granted reads until [`PAIRS_AT_ONCE`] is reached. Later is as good as now: what was granted once stays
    /// so (thesis §6.4), and the map only becomes newer.
    fn answer_reads(&mut self) {
        let mut pairs = 0;
        while pairs < PAIRS_AT_ONCE
            && let Some(token) = self.granted.pop_front()
        {
            let Some(read) = self.reads.remove(&token) else { continue };
            let answer = self.machine.read(&read);
            pairs += match &answer {
                Answer::Page { pairs, .. } => pairs.len().max(1),
                _ => 1,
            };
            self.replies.push((token, ResponseBody::Done { answer, at: self.applied }));
        }
    }

    /// A step-down answers every waiting write. Their entries may still be committed by the next leader.
    fn give_up_writes(&mut self) {
        for waiting in std::mem::take(&mut self.writes).into_values() {
            self.fail(waiting.token, Failure::Unknown);
        }
    }
}

fn change_failure(error: ChangeError) -> Failure {
    match error {
        ChangeError::NotLeader { leader } => Failure::NotLeader { leader, address: None },
        ChangeError::Busy => Failure::Busy,
        error => Failure::Change(error),
    }
}

/// The answer to a write for which `applied` came out at its index.
fn written(proposed: LogId, applied: LogId, answer: Option<Answer>) -> ResponseBody {
    match answer {
        Some(answer) if proposed == applied => ResponseBody::Done { answer, at: applied },
        // Another entry was committed in its place, so this one never will be.
        _ => ResponseBody::Failed(Failure::NotLeader { leader: None, address: None }),
    }
}
