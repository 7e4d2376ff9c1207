//! One member: its state, its calls, and what holds after each of them.

mod admission;
mod durability;
mod election;
mod founding;
mod getters;
mod lease;
mod membership;
mod read;
mod read_back;
mod replication;
mod snapshot;
mod stall;
mod tally;
mod transfer;

use crate::config::{Config, ConfigError, Timing, Tuning};
use crate::effect::{Effects, ReadReady, Ticket};
use crate::identity::Sender;
use crate::log::{Log, LogFlaw, TermRun};
use crate::membership::{ChangeError, Membership};
use crate::memberships::Memberships;
use crate::message::{Envelope, Message};
use crate::mutants::{Mutant, is_active};
use crate::progress::Progress;
use crate::quorum;
use crate::trace::{Role, StepDownReason, TraceEvent};
use crate::types::{Entry, HardState, LogId, LogIndex, NodeId, ReadId, SnapshotMeta, Term, Timestamp};
use admission::Strangers;
use bytes::Bytes;
use durability::Durability;
use election::Campaign;
pub use founding::FoundError;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use snapshot::IncomingSnapshot;
use stall::DiskWatch;
pub(crate) use stall::StallReport;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tally::Tally;

/// What the disk held at start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Term and vote.
    pub hard_state: HardState,
    /// What the newest snapshot includes, and its size in bytes.
    pub snapshot: Option<(SnapshotMeta, u64)>,
    /// The log starts after this entry; the zero id: it is whole.
    pub purged: LogId,
    /// The runs of equal terms of those entries that come first in the log and stay on the disk: from there on, without
    /// gaps. Empty: `entries` is the whole log.
    pub on_disk: Vec<TermRun>,
    /// The memberships among those, in order, with their places.
    pub memberships_on_disk: Vec<(LogIndex, Membership)>,
    /// The log after them, without gaps.
    pub entries: Vec<Entry>,
}

/// What to do with a member whose disk has lost something: it forgot votes and entries that it acknowledged.
const REPLACE: &str = "leave the other members running, empty this member's data directory, start it again, and run \
                       `raftdeck client member replace ID` with its id, if a majority of the members still has its disks \
                       (docs/members.md)";

/// Why a member could not start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RestoreError {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log has a gap or does not start where it should.
    #[error("the log has index {found} where {expected} belongs")]
    Gap {
        /// What belongs there.
        expected: LogIndex,
        /// What is there.
        found: LogIndex,
    },
    /// An entry's term is lower than the one before it, or above the hard state's.
    #[error("the log's entry {index} has an impossible term")]
    Term {
        /// Where.
        index: LogIndex,
    },
    /// The log's beginning was released, and no snapshot replaces it.
    #[error(
        "the log starts after entry {purged} and there is no snapshot of what came before: restore the snapshot file, or {REPLACE}"
    )]
    NoSnapshot {
        /// The last entry released.
        purged: LogIndex,
    },
    /// Between the newest snapshot and the log entries are missing.
    #[error(
        "the log starts after entry {purged}, but the newest snapshot ends with entry {snapshot}: restore the newer snapshot \
         file, or {REPLACE}"
    )]
    OldSnapshot {
        /// The last entry released.
        purged: LogIndex,
        /// The last entry that the newest snapshot includes.
        snapshot: LogIndex,
    },
}

impl From<LogFlaw> for RestoreError {
    fn from(flaw: LogFlaw) -> Self {
        match flaw {
            LogFlaw::Gap { expected, found } => Self::Gap { expected, found },
            LogFlaw::Term { index } => Self::Term { index },
        }
    }
}

/// Why a proposal was not taken. In each case nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Only the leader takes proposals.
    #[error("not the leader")]
    NotLeader {
        /// The leader, if known.
        leader: Option<NodeId>,
    },
    /// The cap on uncommitted bytes is reached, or the leadership is being handed over.
    #[error("too many uncommitted bytes, or the leadership is being handed over")]
    Busy,
    /// Its disk does not finish its writes ([`Config::disk_stall`]).
    #[error("the disk has not finished a write for {} ms", waited.as_millis())]
    DiskStalled {
        /// For how long, as of its last look at the clock.
        waited: Duration,
    },
}

/// Why a read was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Only the leader serves reads.
    #[error("not the leader")]
    NotLeader {
        /// The leader, if known.
        leader: Option<NodeId>,
    },
}

/// How a linearizable read is made sure of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// By a round of heartbeats (ReadIndex, thesis §6.4).
    Index,
    /// By the leader's lease, without a message, as long as clocks run at about the same rate (thesis §6.4.1). A leader
    /// without a lease falls back to [`ReadMode::Index`].
    Lease,
}

/// Why a transfer of the leadership was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum TransferError {
    /// Only the leader hands over.
    #[error("not the leader")]
    NotLeader {
        /// The leader, if known.
        leader: Option<NodeId>,
    },
    /// Only a voter can lead.
    #[error("{node} is not a voter, so it cannot lead")]
    NotAVoter {
        /// The node.
        node: NodeId,
    },
    /// A transfer, or a change of the membership, is under way.
    #[error("a transfer or a change of the cluster is under way: wait until it is done")]
    InProgress,
}

/// One member of a Raft cluster.
///
/// Its methods come in four kinds:
///
/// - *getters*: [`id`](Self::id), [`status`](Self::status), [`entries`](Self::entries),
///   [`next_deadline`](Self::next_deadline);
/// - `handle_*`, for what arrives from outside: [`handle_message`](Self::handle_message),
///   [`handle_persisted`](Self::handle_persisted), [`handle_deadline`](Self::handle_deadline),
///   [`handle_entries_read`](Self::handle_entries_read), [`handle_disconnected`](Self::handle_disconnected), and the
///   `handle_snapshot_*` for what the disk did with snapshots;
/// - *commands*: [`propose`](Self::propose), [`read`](Self::read), [`change_membership`](Self::change_membership),
///   [`transfer_leadership`](Self::transfer_leadership), [`campaign`](Self::campaign), [`tune`](Self::tune),
///   [`set_election_timeout`](Self::set_election_timeout);
/// - [`take_effects`](Self::take_effects), the one place where decisions come out.
///
/// A driver makes any number of calls, then takes the effects and carries them out, then looks at
/// `next_deadline`. Calls that are made before one `take_effects` share one disk write and one message a peer.
///
/// **Invariant**, asserted after every call: `purged <= snapshot <= applied <= committed <= last`, `durable <= last`, and,
/// before anything comes out, for each follower of a leader `match < next`.
///
/// # Panics
/// Any method panics when it finds the invariant, or a safety property of the paper's Figure 3, broken: going
/// on could lose acknowledged data.
#[derive(Debug)]
pub struct Raft {
    config: Config,
    rng: ChaCha8Rng,
    hard_state: HardState,
    log: Log,
    /// In force as soon as they are in the log. Those before `committed` are forgotten, except the one that holds there.
    memberships: Memberships,
    durability: Durability,
    disk_watch: DiskWatch,
    committed: LogIndex,
    /// Handed out in [`Effects::apply`] through here. Behind `committed` while entries are read back from the disk, and
    /// where there are very many at once.
    applied: LogIndex,
    /// Where entries begin that are being read back from the disk.
    reading: BTreeSet<LogIndex>,
    /// Bytes in the log past `committed`, as far as it is in memory; kept across terms, so that the cap survives an
    /// election.
    uncommitted_bytes: usize,
    /// What the newest durable snapshot includes, and its size in bytes.
    snapshot: Option<(SnapshotMeta, u64)>,
    /// Bytes applied.
    tally: Tally,
    /// A snapshot that the leader is sending.
    incoming: Option<IncomingSnapshot>,
    role: RoleState,
    leader: Option<NodeId>,
    /// When `leader` was last heard from.
    leader_heard: Timestamp,
    /// Having answered a leader, it votes for no other member until then, not even itself: a lease may rest on that.
    stands_by_until: Timestamp,
    /// A candidate with an older log has asked for the vote since a leader was last known.
    is_counted_on: bool,
    /// Its leader's connection was lost: until then it does not wait for long.
    hurries_until: Option<Timestamp>,
    timer_started: Timestamp,
    election_timeout: Duration,
    /// Every election timeout is this long instead of random.
    fixed_timeout: Option<Duration>,
    /// Whether it serves no read by a lease.
    forgoes_leases: bool,
    /// Senders that were ignored under the membership in force.
    strangers: Strangers,
    effects: Effects,
}

#[derive(Debug)]
enum RoleState {
    Follower,
    PreCandidate(Campaign),
    Candidate(Campaign),
    Leader(Box<Leadership>),
}

impl RoleState {
    fn role(&self) -> Role {
        match self {
            Self::Follower => Role::Follower,
            Self::PreCandidate(_) => Role::PreCandidate,
            Self::Candidate(_) => Role::Candidate,
            Self::Leader(_) => Role::Leader,
        }
    }
}

/// What only a leader knows (paper Figure 2, "volatile state on leaders").
#[derive(Debug)]
struct Leadership {
    peers: BTreeMap<NodeId, Progress>,
    /// When it became leader.
    since: Timestamp,
    heartbeat_due: Timestamp,
    /// Heartbeats are numbered; an answer names the number (thesis §6.4).
    round: u64,
    reads: read::PendingReads,
    lease: lease::Lease,
    /// A change of the membership that was asked for, until its end.
    change: Option<membership::MembershipInProgress>,
    /// The former member, and the last round that it still gets.
    farewells: BTreeMap<NodeId, u64>,
    transfer: Option<transfer::Transfer>,
}

/// The id picks the stream: members that are given the same seed share no row of numbers, else two of them could time
/// out together forever.
fn own_chance(seed: u64, id: NodeId) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(id.0);
    rng
}

impl Raft {
    /// Starts a member as a follower with what its disk held. `seed` and the id decide its election timeouts. If there is a
    /// snapshot, the driver starts with the state machine that it holds.
    pub fn new(config: Config, seed: u64, restored: Restored, now: Timestamp) -> Result<Self, RestoreError> {
        config.validate()?;
        let id = config.id;
        let Restored { mut hard_state, snapshot, purged, on_disk, memberships_on_disk, entries } = restored;
        let durable_state = hard_state;
        let log = Log::restore(purged, &on_disk, entries, hard_state)?;
        let meta = snapshot.as_ref().map(|(meta, _)| meta);
        let (log, replaced) = snapshot::settle(log, meta, &mut hard_state)?;
        let applied = meta.map_or(LogIndex::ZERO, |meta| meta.last.index);
        let memberships = membership::restore(&config, meta, memberships_on_disk, &log);
        // It may have answered a leader just before it stopped; the lease that rests on that answer is still valid.
        let election_min = config.tuning.timing.election_min;
        let forgets = is_active(Mutant::RestartForgetsPromise);
        let stood_by = hard_state.term > Term(0) && config.tuning.check_quorum && !forgets;
        let stands_by_until = if stood_by { now + election_min } else { now };
        let started = TraceEvent::Started {
            term: hard_state.term,
            last: log.last().index,
            vote: hard_state.vote,
            purged: log.base(),
            runs: log.runs().to_vec(),
        };
        let mut raft = Self {
            durability: Durability::new(log.last().index),
            disk_watch: DiskWatch::default(),
            uncommitted_bytes: log.between(applied, LogIndex(u64::MAX)).map(|e| e.payload.size()).sum(),
            snapshot,
            tally: Tally::new(applied, config.snapshot_bytes),
            reading: BTreeSet::new(),
            incoming: None,
            config,
            rng: own_chance(seed, id),
            hard_state,
            log,
            memberships,
            committed: applied,
            applied,
            role: RoleState::Follower,
            leader: None,
            leader_heard: now,
            stands_by_until,
            is_counted_on: false,
            hurries_until: None,
            timer_started: now,
            election_timeout: Duration::ZERO,
            fixed_timeout: None,
            forgoes_leases: false,
            strangers: Strangers::new(),
            effects: Effects::default(),
        };
        if replaced {
            raft.durability.reset(raft.log.base());
        }
        if hard_state != durable_state {
            raft.durability.hard_state_changed();
        }
        raft.restart_election_timer(now);
        raft.trace(started);
        raft.release_log();
        raft.assert_invariants();
        Ok(raft)
    }

    /// A message arrived. Messages that contradict themselves are ignored. Requests from nodes that are no members are not:
    /// this member may be several changes of the membership behind (thesis §4.2.4). Answers are, and so are answers from a
    /// member's former life, on another disk.
    pub fn handle_message(&mut self, sender: Sender, message: Message, now: Timestamp) {
        let from = sender.id;
        if from == self.config.id || !self.believes(sender, &message) {
            return;
        }
        match message {
            Message::PreVote(request) => self.handle_pre_vote(from, request, now),
            Message::PreVoteReply(reply) => self.handle_pre_vote_reply(from, reply, now),
            Message::RequestVote(request) => self.handle_request_vote(from, request, now),
            Message::VoteReply(reply) => self.handle_vote_reply(from, reply, now),
            Message::AppendEntries(append) => self.handle_append_entries(from, append, now),
            Message::AppendReply(reply) => self.handle_append_reply(sender, reply, now),
            Message::InstallSnapshot(piece) => self.handle_install_snapshot(from, piece, now),
            Message::SnapshotReply(reply) => self.handle_snapshot_reply(sender, reply, now),
            Message::TimeoutNow(request) => self.handle_timeout_now(from, request, now),
            Message::DiskStalled(report) => self.handle_disk_stalled(from, report, now),
        }
        self.assert_invariants();
    }

    /// The write with this ticket, and all before it, are durable. Completions may come in any order.
    pub fn handle_persisted(&mut self, ticket: Ticket, now: Timestamp) {
        if let Some(waited) = self.durability.completed(ticket, &self.log, now) {
            self.disk_progressed(waited, now);
        }
        self.count_own_vote(now);
        self.advance_commit();
        self.assert_invariants();
    }

    /// The time given by [`next_deadline`](Self::next_deadline) has come. Calling early is harmless.
    pub fn handle_deadline(&mut self, now: Timestamp) {
        if now < self.next_deadline() {
            return;
        }
        self.watch_disk(now);
        match &self.role {
            RoleState::Leader(leadership) => {
                let contact = self.quorum_contact(leadership);
                let heartbeat_is_due = now >= leadership.heartbeat_due;
                if self.config.tuning.check_quorum
                    && now.since(contact) >= self.config.tuning.timing.election_max
                {
                    let term = self.hard_state.term;
                    self.step_down(term, StepDownReason::QuorumLost, now);
                } else {
                    if heartbeat_is_due {
                        self.heartbeat(now);
                    }
                    self.yield_leadership(now);
                }
            }
            _ if now < self.timer_started + self.election_timeout => {}
            _ if self.may_campaign() => self.time_out(now),
            _ => self.restart_election_timer(now),
        }
        self.assert_invariants();
    }

    /// Appends a command at the leader. It is committed when an entry with the returned id comes out in
    /// [`Effects::apply`]; if another entry comes out at that index, it never will be.
    pub fn propose(&mut self, command: Bytes) -> Result<LogId, ProposeError> {
        let id = self.append_command(command)?;
        self.assert_invariants();
        Ok(id)
    }

    /// Starts a linearizable read at the leader (thesis §6.4). It comes out in [`Effects::reads`] exactly once. `id`
    /// must not be in use.
    pub fn read(&mut self, id: ReadId, mode: ReadMode, now: Timestamp) -> Result<(), ReadError> {
        let leader = self.leader;
        let by_lease = mode == ReadMode::Lease && !self.lease(now).is_zero();
        let committed = self.committed;
        let RoleState::Leader(leadership) = &mut self.role else {
            return Err(ReadError::NotLeader { leader });
        };
        if by_lease {
            leadership.reads.confirm(id, committed);
        } else {
            leadership.reads.add(id);
        }
        Ok(())
    }

    /// The driver was stopped for a while, or its clock stepped: a lease ends, and a follower grants its leader a
    /// whole timeout before it judges it.
    pub fn handle_pause(&mut self, now: Timestamp) {
        self.trace(TraceEvent::Paused);
        // The disk stood still as well.
        self.durability.restart_wait(now);
        match &mut self.role {
            RoleState::Leader(leadership) => leadership.lease.forget_rounds(),
            _ => self.restart_election_timer(now),
        }
    }

    /// Times out immediately, as if no leader had been heard from. Does nothing at a leader and at a member that may not campaign:
    /// it has no vote, or its disk is stalled. A member that stands by a leader at the moment does not vote for itself either.
    pub fn campaign(&mut self, now: Timestamp) {
        if !matches!(self.role, RoleState::Leader(_)) && self.may_campaign() {
            self.time_out(now);
        }
        self.assert_invariants();
    }

    /// Campaigns immediately, even if there is a leader: without a pre-vote, and its voters may vote although they hear a
    /// leader. Does nothing at a leader and at a member without a vote. A lease does not hold against that: every
    /// member must have been told to [forgo leases](Self::forgo_leases) before.
    pub fn campaign_against_leader(&mut self, now: Timestamp) {
        if !matches!(self.role, RoleState::Leader(_)) && self.may_campaign() {
            self.stands_by_until = now;
            self.become_candidate(now, true);
        }
        self.assert_invariants();
    }

    /// From now on every read takes a round: this member's clock, or the others' promises, are not to be relied on.
    pub fn forgo_leases(&mut self) {
        self.forgoes_leases = true;
    }

    /// Changes timing, PreVote and CheckQuorum from now on. Leases rest on equal timing and on CheckQuorum at all
    /// members: while these differ, reads by lease are not safe.
    pub fn tune(&mut self, tuning: Tuning, now: Timestamp) -> Result<(), ConfigError> {
        tuning.validate()?;
        self.config.tuning = tuning;
        self.trace(TraceEvent::Tuned { tuning });
        let Timing { heartbeat, election_min, .. } = tuning.timing;
        match &mut self.role {
            RoleState::Leader(leadership) => {
                leadership.heartbeat_due = leadership.heartbeat_due.min(now + heartbeat);
                leadership.lease.least = leadership.lease.least.min(election_min);
            }
            _ => self.restart_election_timer(now),
        }
        self.assert_invariants();
        Ok(())
    }

    /// Takes everything decided since the last call.
    #[must_use]
    pub fn take_effects(&mut self, now: Timestamp) -> Effects {
        self.advance_membership(now);
        self.advance_transfer(now);
        self.apply_committed();
        // The end of a round is what the reads that came meanwhile wait for; a single member's round ends immediately.
        self.serve_reads();
        self.start_read_round(now);
        self.serve_reads();
        self.replicate(now);
        self.durability.hand_out(&self.log, self.hard_state, &mut self.effects, now);
        self.evict();
        self.assert_invariants();
        self.assert_followers();
        std::mem::take(&mut self.effects)
    }

    fn trace(&mut self, event: TraceEvent) {
        self.effects.trace.push(event);
    }

    fn send(&mut self, to: NodeId, message: Message) {
        self.effects.send.push(Envelope { to, message });
    }

    /// Sends a message once everything decided so far is durable.
    fn send_when_durable(&mut self, to: NodeId, message: Message) {
        self.durability.then_send(Envelope { to, message });
    }

    fn set_role(&mut self, role: RoleState) {
        let (from, to) = (self.role.role(), role.role());
        if let RoleState::Leader(leadership) = std::mem::replace(&mut self.role, role) {
            self.refuse_what_waits(*leadership);
        }
        if from != to {
            self.trace(TraceEvent::RoleChanged { from, to, term: self.hard_state.term });
        }
    }

    /// A step-down answers every waiting read and membership change.
    fn refuse_what_waits(&mut self, leadership: Leadership) {
        if !is_active(Mutant::DropReadsOnStepDown) {
            let refused = leadership.reads.into_ids().into_iter();
            self.effects.reads.extend(refused.map(|id| ReadReady { id, granted: false }));
        }
        if leadership.change.is_some() {
            self.effects.change = Some(Err(ChangeError::NotLeader { leader: None }));
        }
    }

    fn set_leader(&mut self, leader: Option<NodeId>) {
        if leader.is_some() {
            self.is_counted_on = false;
        }
        if self.leader != leader {
            self.leader = leader;
            self.trace(TraceEvent::LeaderChanged { leader, term: self.hard_state.term });
        }
    }

    /// Enters a higher term, in which it has not voted (paper §5.1).
    fn enter_term(&mut self, term: Term) {
        assert!(term > self.hard_state.term, "terms only rise");
        self.hard_state = HardState { term, vote: None };
        self.durability.hard_state_changed();
    }

    fn assert_invariants(&self) {
        let last = self.log.last();
        let snapshot = self.snapshot_last().index;
        assert!(self.log.base().index <= snapshot, "purged <= snapshot");
        assert!(snapshot <= self.applied, "snapshot <= applied");
        assert!(self.applied <= self.committed, "applied <= committed");
        assert!(self.committed <= last.index, "committed <= last");
        assert!(self.durability.log() <= last.index, "durable <= last");
        assert!(self.memberships.oldest() <= self.applied, "the membership of what was applied is known");
        assert!(last.term <= self.hard_state.term, "no entry is of a later term than this");
    }

    /// Those of the followers, which are many: looked at before anything that was decided comes out.
    fn assert_followers(&self) {
        let last = self.log.last();
        if let RoleState::Leader(leadership) = &self.role {
            assert_eq!(self.leader, Some(self.config.id), "a leader knows itself");
            let Membership { voters, outgoing, learners, .. } = self.membership();
            for id in voters.iter().chain(outgoing).chain(learners).filter(|id| **id != self.config.id) {
                assert!(leadership.peers.contains_key(id), "a leader replicates to {id}");
            }
            for (peer, progress) in &leadership.peers {
                assert!(progress.matched < progress.next, "match < next for {peer}");
                assert!(progress.matched <= last.index, "match <= last for {peer}");
            }
        }
    }
}
