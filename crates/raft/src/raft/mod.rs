//! One member: its state, its calls, and what holds after each of them.

mod durability;
mod election;
mod read;
mod replication;
mod snapshot;

use crate::config::{Config, ConfigError, Timing, Tuning};
use crate::effect::{Effects, ReadReady, Ticket};
use crate::log::{Flaw, Log};
use crate::membership::{ChangeError, Membership, MembershipChange};
use crate::message::{Envelope, Message};
use crate::progress::Progress;
use crate::quorum;
use crate::status::{PeerStatus, Status};
use crate::trace::{Role, StepDownReason, TraceEvent};
use crate::types::{Entry, HardState, LogId, LogIndex, NodeId, ReadId, SnapshotMeta, Term, Timestamp};
use bytes::Bytes;
use durability::Durability;
use election::Campaign;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use snapshot::Incoming;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the disk held at start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Term and vote.
    pub hard_state: HardState,
    /// What the newest snapshot stands for, and its size in bytes.
    pub snapshot: Option<(SnapshotMeta, u64)>,
    /// The log starts after this entry; the zero id: it is whole.
    pub purged: LogId,
    /// The log from there on, without gaps.
    pub entries: Vec<Entry>,
}

/// Why a member could not start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RestoreError {
    /// The configuration makes no sense.
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
    #[error("the log's entry {index} has a term that cannot be there")]
    Term {
        /// Where.
        index: LogIndex,
    },
    /// The log's beginning was released, and nothing stands for it.
    #[error(
        "the log starts after entry {purged} and there is no snapshot of what came before: \
         restore the snapshot file, or remove the data directory and let the member join anew"
    )]
    NoSnapshot {
        /// The last entry released.
        purged: LogIndex,
    },
    /// Between the newest snapshot and the log entries are missing.
    #[error(
        "the log starts after entry {purged}, but the newest snapshot ends with entry {snapshot}: \
         restore the newer snapshot file, or remove the data directory and let the member join anew"
    )]
    OldSnapshot {
        /// The last entry released.
        purged: LogIndex,
        /// The last entry that the newest snapshot includes.
        snapshot: LogIndex,
    },
}

impl From<Flaw> for RestoreError {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Gap { expected, found } => Self::Gap { expected, found },
            Flaw::Term { index } => Self::Term { index },
        }
    }
}

/// Why a proposal was not taken. In each case nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Only the leader takes proposals.
    #[error("not the leader")]
    NotLeader {
        /// Who is, if known.
        leader: Option<NodeId>,
    },
    /// The cap on uncommitted bytes is reached.
    #[error("too many uncommitted bytes")]
    Busy,
}

/// Why a read was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Only the leader serves reads.
    #[error("not the leader")]
    NotLeader {
        /// Who is, if known.
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
        /// Who is, if known.
        leader: Option<NodeId>,
    },
    /// Only a voter can lead.
    #[error("{node} is not a voter, so it cannot lead")]
    NotAVoter {
        /// Who.
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
///   [`handle_persisted`](Self::handle_persisted), [`handle_deadline`](Self::handle_deadline), and the
///   `handle_snapshot_*` for what the disk did with snapshots;
/// - *commands*: [`propose`](Self::propose), [`read`](Self::read);
/// - [`take_effects`](Self::take_effects), the one place where decisions come out.
///
/// A driver makes any number of calls, then takes the effects and carries them out, then looks at
/// `next_deadline`. Calls that are made before one `take_effects` share one disk write and one message a peer.
///
/// **Invariant**, asserted after every call: `purged <= snapshot <= applied <= committed <= last`,
/// `durable <= last`, and for each follower of a leader `match < next`.
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
    durability: Durability,
    committed: LogIndex,
    /// Handed out in [`Effects::apply`] through here.
    applied: LogIndex,
    /// Bytes in the log past `committed`; kept across terms, so that the cap survives an election.
    uncommitted_bytes: usize,
    /// What the newest durable snapshot stands for, and its size in bytes.
    snapshot: Option<(SnapshotMeta, u64)>,
    /// Bytes applied since that snapshot.
    bytes_applied: usize,
    /// A snapshot that the leader is sending.
    incoming: Option<Incoming>,
    role: RoleState,
    leader: Option<NodeId>,
    /// When `leader` was last heard from.
    leader_heard: Timestamp,
    timer_started: Timestamp,
    election_timeout: Duration,
    effects: Effects,
}

#[derive(Debug)]
enum RoleState {
    Follower,
    PreCandidate(Campaign),
    Candidate(Campaign),
    Leader(Leadership),
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
}

impl Raft {
    /// Starts a member as a follower with what its disk held. `seed` decides its election timeouts. If there is a
    /// snapshot, the driver starts with the state machine that it holds.
    pub fn new(
        mut config: Config,
        seed: u64,
        restored: Restored,
        now: Timestamp,
    ) -> Result<Self, RestoreError> {
        config.validate()?;
        let Restored { mut hard_state, snapshot, purged, entries } = restored;
        let durable_state = hard_state;
        let log = Log::restore(purged, entries, hard_state)?;
        let meta = snapshot.as_ref().map(|(meta, _)| meta);
        let (log, replaced) = snapshot::settle(log, meta, &mut hard_state)?;
        let applied = meta.map_or(LogIndex::ZERO, |meta| meta.last.index);
        if let Some(meta) = meta {
            config.membership = meta.membership.clone();
        }
        let started = TraceEvent::Started {
            term: hard_state.term,
            last: log.last().index,
            vote: hard_state.vote,
            purged: log.base(),
            runs: log.runs().to_vec(),
        };
        let mut raft = Self {
            durability: Durability::new(log.last().index),
            uncommitted_bytes: log.slice(applied.next(), usize::MAX).iter().map(|e| e.payload.size()).sum(),
            snapshot,
            bytes_applied: 0,
            incoming: None,
            config,
            rng: ChaCha8Rng::seed_from_u64(seed),
            hard_state,
            log,
            committed: applied,
            applied,
            role: RoleState::Follower,
            leader: None,
            leader_heard: now,
            timer_started: now,
            election_timeout: Duration::ZERO,
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

    /// This member's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// Entries of the log from `first` on, committed or not, at most `limit` of them. If `first` was released they
    /// begin with the first one that is left.
    #[must_use]
    pub fn entries(&self, first: LogIndex, limit: usize) -> &[Entry] {
        self.log.slice(first.max(self.log.first()), limit)
    }

    /// When [`handle_deadline`](Self::handle_deadline) wants to be called.
    #[must_use]
    pub fn next_deadline(&self) -> Timestamp {
        let timer = self.timer_started + self.election_timeout;
        match &self.role {
            RoleState::Leader(leadership) if self.checks_quorum() => leadership
                .heartbeat_due
                .min(Self::quorum_contact(leadership) + self.config.tuning.timing.election_max),
            RoleState::Leader(leadership) => leadership.heartbeat_due,
            _ => timer,
        }
    }

    /// This member's state.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        let election_remaining = match &self.role {
            RoleState::Leader(leadership) => {
                (Self::quorum_contact(leadership) + self.config.tuning.timing.election_max).since(now)
            }
            _ => (self.timer_started + self.election_timeout).since(now),
        };
        let heartbeat_age = match self.leader {
            Some(leader) if leader == self.config.id => Some(Duration::ZERO),
            Some(_) => Some(now.since(self.leader_heard)),
            None => None,
        };
        let runs = self.log.runs();
        Status {
            id: self.config.id,
            term: self.hard_state.term,
            role: self.role.role(),
            vote: self.hard_state.vote,
            leader: self.leader,
            last: self.log.last(),
            durable: self.durability.log(),
            committed: self.committed,
            applied: self.applied,
            membership: self.membership().clone(),
            membership_index: LogIndex::ZERO,
            snapshot: self.snapshot_last(),
            purged: self.log.base().index,
            tuning: self.config.tuning,
            transfer: None,
            lease: Duration::ZERO,
            election_timeout: self.election_timeout,
            election_remaining,
            heartbeat_age,
            has_quorum: self.has_quorum(now),
            votes: match &self.role {
                RoleState::PreCandidate(campaign) | RoleState::Candidate(campaign) => campaign.answers(),
                _ => Vec::new(),
            },
            peers: match &self.role {
                RoleState::Leader(leadership) => peer_statuses(leadership, now),
                _ => Vec::new(),
            },
            term_runs: runs[runs.len().saturating_sub(Status::MAX_TERM_RUNS)..].to_vec(),
        }
    }

    /// A message arrived. Messages from strangers and messages that contradict themselves are ignored.
    pub fn handle_message(&mut self, from: NodeId, message: Message, now: Timestamp) {
        if from == self.config.id || !self.config.membership.voters.contains(&from) {
            return;
        }
        match message {
            Message::PreVote(request) => self.handle_pre_vote(from, request, now),
            Message::PreVoteReply(reply) => self.handle_pre_vote_reply(from, reply, now),
            Message::RequestVote(request) => self.handle_request_vote(from, request, now),
            Message::VoteReply(reply) => self.handle_vote_reply(from, reply, now),
            Message::AppendEntries(append) => self.handle_append_entries(from, append, now),
            Message::AppendReply(reply) => self.handle_append_reply(from, reply, now),
            Message::InstallSnapshot(piece) => self.handle_install_snapshot(from, piece, now),
            Message::SnapshotReply(reply) => self.handle_snapshot_reply(from, reply, now),
            Message::TimeoutNow(_) => {}
        }
        self.assert_invariants();
    }

    /// The write with this ticket, and all before it, are durable. Completions may come in any order.
    pub fn handle_persisted(&mut self, ticket: Ticket, now: Timestamp) {
        self.durability.completed(ticket, &self.log);
        self.count_own_vote(now);
        self.advance_commit();
        self.assert_invariants();
    }

    /// The time given by [`next_deadline`](Self::next_deadline) has come. Calling early is harmless.
    pub fn handle_deadline(&mut self, now: Timestamp) {
        if now < self.next_deadline() {
            return;
        }
        match &self.role {
            RoleState::Leader(leadership) => {
                let contact = Self::quorum_contact(leadership);
                let heartbeat_is_due = now >= leadership.heartbeat_due;
                if self.checks_quorum() && now.since(contact) >= self.config.tuning.timing.election_max {
                    let term = self.hard_state.term;
                    self.step_down(term, StepDownReason::QuorumLost, now);
                } else if heartbeat_is_due {
                    self.heartbeat(now);
                }
            }
            _ => self.time_out(now),
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
    pub fn read(&mut self, id: ReadId, _mode: ReadMode, _now: Timestamp) -> Result<(), ReadError> {
        let leader = self.leader;
        let RoleState::Leader(leadership) = &mut self.role else {
            return Err(ReadError::NotLeader { leader });
        };
        leadership.reads.add(id);
        Ok(())
    }

    /// The membership in force, which may not be committed yet.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.config.membership
    }

    /// The driver was stopped for a while, or its clock stepped: a lease ends, and a follower grants its leader a
    /// whole timeout before it judges it.
    pub fn handle_pause(&mut self, _now: Timestamp) {}

    /// Starts a change of the membership at the leader. Its end comes out in [`Effects::change`], once.
    pub fn change_membership(
        &mut self,
        _changes: &[MembershipChange],
        _now: Timestamp,
    ) -> Result<(), ChangeError> {
        Err(ChangeError::NotLeader { leader: self.leader })
    }

    /// Hands the leadership to `to`: takes no proposals until it leads, or until an election timeout has passed
    /// (thesis §3.10). The trace tells how it ends.
    pub fn transfer_leadership(&mut self, _to: NodeId, _now: Timestamp) -> Result<(), TransferError> {
        Err(TransferError::NotLeader { leader: self.leader })
    }

    /// Times out at once, as if no leader had been heard from. Does nothing at a leader and at who has no vote.
    pub fn campaign(&mut self, _now: Timestamp) {}

    /// Changes timing, PreVote and CheckQuorum from now on.
    pub fn tune(&mut self, _tuning: Tuning, _now: Timestamp) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Takes everything decided since the last call.
    #[must_use]
    pub fn take_effects(&mut self, now: Timestamp) -> Effects {
        // The end of a round is what the reads that came meanwhile wait for; a single member's round ends at once.
        self.serve_reads();
        self.start_read_round(now);
        self.serve_reads();
        self.replicate(now);
        self.durability.hand_out(&self.log, self.hard_state, &mut self.effects);
        self.assert_invariants();
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

    fn others(&self) -> Vec<NodeId> {
        self.config.membership.voters.iter().copied().filter(|id| *id != self.config.id).collect()
    }

    fn set_role(&mut self, role: RoleState) {
        let (from, to) = (self.role.role(), role.role());
        let refused = match std::mem::replace(&mut self.role, role) {
            RoleState::Leader(leadership) => leadership.reads.into_ids(),
            _ => Vec::new(),
        };
        // A step-down answers every waiting read.
        self.effects.reads.extend(refused.into_iter().map(|id| ReadReady { id, granted: false }));
        if from != to {
            self.trace(TraceEvent::RoleChanged { from, to, term: self.hard_state.term });
        }
    }

    fn set_leader(&mut self, leader: Option<NodeId>) {
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

    fn restart_election_timer(&mut self, now: Timestamp) {
        let Timing { election_min: min, election_max: max, .. } = self.config.tuning.timing;
        let range = max.checked_sub(min).expect("invariant: `validate` has checked the range");
        let micros = u64::try_from(range.as_micros()).unwrap_or(u64::MAX).max(1);
        self.election_timeout = min + Duration::from_micros(self.rng.next_u64() % micros);
        self.timer_started = now;
    }

    fn assert_invariants(&self) {
        let last = self.log.last();
        let snapshot = self.snapshot_last().index;
        assert!(self.log.base().index <= snapshot, "purged <= snapshot");
        assert!(snapshot <= self.applied, "snapshot <= applied");
        assert!(self.applied <= self.committed, "applied <= committed");
        assert!(self.committed <= last.index, "committed <= last");
        assert!(self.durability.log() <= last.index, "durable <= last");
        assert!(last.term <= self.hard_state.term, "no entry is of a later term than this");
        if let RoleState::Leader(leadership) = &self.role {
            assert_eq!(self.leader, Some(self.config.id), "a leader knows itself");
            for (peer, progress) in &leadership.peers {
                assert!(progress.matched < progress.next, "match < next for {peer}");
                assert!(progress.matched <= last.index, "match <= last for {peer}");
            }
        }
    }
}

fn peer_statuses(leadership: &Leadership, now: Timestamp) -> Vec<PeerStatus> {
    let peers = leadership.peers.iter();
    peers
        .map(|(id, progress)| PeerStatus {
            id: *id,
            matched: progress.matched,
            next: progress.next,
            state: progress.state,
            last_heard: progress.last_heard.map(|heard| now.since(heard)),
            snapshot: progress.snapshot_progress(),
        })
        .collect()
}
