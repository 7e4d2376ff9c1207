//! Rare states: those in which a guard matters at all. A guard for a state that is never reached is not tested, so a
//! run counts how often it reached each. Observes, and changes nothing.

use crate::client::MemberRequest;
use crate::node::{Node, Process};
use crate::rules::Story;
use crate::world::World;
use raftdeck_protocol::{Answer, Consistency, Failure, ResponseBody};
use raftdeck_raft::{
    Entry, LogId, LogIndex, Membership, NodeId, Restored, Role, Status, StepDownReason, Term, TraceEvent,
    VoteRefusal,
};
use std::collections::BTreeSet;
use std::ops::AddAssign;

macro_rules! rare_states {
    ($($(#[doc = $doc:literal])+ $name:ident = $words:literal,)+) => {
        /// A state that is rare and in which a guard matters.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RareState {
            $($(#[doc = $doc])+ $name,)+
        }

        impl RareState {
            /// All of them, in the order of the report.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What it is called in a report.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $words,)+
                }
            }
        }
    };
}

rare_states! {
    /// A leader is elected in a joint configuration.
    JointElection = "joint election",
    /// A candidate has a majority of one half of a joint configuration and not of the other.
    HalfElection = "candidate with one half of a joint configuration",
    /// A leader of a joint configuration ends or steps down.
    JointLeaderLost = "leader lost in a joint configuration",
    /// A membership that was not committed is taken back.
    MembershipTakenBack = "uncommitted membership taken back",
    /// A removed leader leaves office.
    LeaderRemoved = "leader removed",
    /// A promotion is given up.
    PromotionGivenUp = "promotion given up",
    /// A learner grants a vote.
    LearnerVotes = "vote of a learner",
    /// A leader steps down because it lost its majority.
    QuorumLost = "leader without a majority steps down",
    /// A vote is refused because the candidate's log is behind.
    StaleLogRefused = "vote refused for a stale log",
    /// A vote is refused because it was given to another.
    SecondVoteRefused = "second vote of a term refused",
    /// A restarted member, which has heard no leader in this life, refuses its vote because of what it promised before.
    PromiseAfterRestart = "promise kept after a restart",
    /// A member that has forgotten its leader refuses its vote because of what it promised.
    PromiseWithoutLeader = "promise kept after the leader was forgotten",
    /// The same, and the term came to it before the request did.
    PromiseInTerm = "promise kept in a term that came before its candidate",
    /// A member whose disk is stalled refuses its vote.
    StalledVote = "vote refused by a stalled disk",
    /// A member's disk is replaced by an empty one.
    Wiped = "disk lost",
    /// A member's directory is replaced by a copy whose original was started again since.
    OlderCopy = "directory replaced by a copy that all refuse",
    /// A member's directory is replaced by a copy of the same start, which lacks entries.
    CopyBehind = "directory replaced by a copy that lacks entries",
    /// A node without any membership is asked for its vote.
    NewcomerAsked = "vote asked of a node without a membership",
    /// A member that the cluster knows on another disk is asked for its vote.
    OtherDiskAsked = "vote asked of a member on another disk",
    /// An answer of a node that is no member, or on another disk than the member, arrives.
    StrangerIgnored = "answer of a stranger ignored",
    /// A follower's log is behind what it once confirmed.
    WentBack = "follower that lost what it confirmed",
    /// A transfer is given up.
    TransferGivenUp = "transfer given up",
    /// A word to campaign arrives after the leader has given up the transfer.
    LateWord = "word to campaign after a transfer was given up",
    /// A read by lease comes to a leader that has given up a transfer.
    LeaseAfterTransfer = "read by lease after a transfer was given up",
    /// A linearizable read comes while earlier ones wait for their round.
    ReadDuringRound = "read that comes while a round is under way",
    /// A leader steps down with reads that wait.
    ReadsRefused = "reads refused at a step-down",
    /// A client is told that the leader is busy.
    Busy = "busy leader",
    /// A write's session was forgotten.
    SessionExpired = "session expired",
    /// Uncommitted entries are overwritten.
    Overwritten = "uncommitted entries overwritten",
    /// Entries that were overwritten meanwhile come back from the disk, and the log is as long again.
    StaleReadBack = "overwritten entries read back",
    /// A completion of a write arrives long after a later one.
    LateCompletion = "late completion of a write",
    /// A snapshot takes the place of a log that conflicts with it.
    SnapshotOverConflict = "snapshot over a conflict",
    /// A snapshot keeps the log behind it.
    SnapshotKeepsLog = "snapshot within a matching log",
    /// A member starts from a snapshot and a log that conflicts with it.
    ConflictAtStart = "log that conflicts with the snapshot at a start",
    /// A member starts from a snapshot and a log that ends before it.
    ShortLogAtStart = "log that ends before the snapshot at a start",
    /// A write that a crash left half written is cut off.
    TornTail = "torn write at a start",
    /// A member refuses to start from a damaged disk.
    RefusedStart = "start refused",
}

/// How often each rare state was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(Vec<u64>);

impl Coverage {
    /// How often this one was reached.
    #[must_use]
    pub fn of(&self, state: RareState) -> u64 {
        self.0.get(state as usize).copied().unwrap_or(0)
    }

    /// Each state and how often it was reached.
    pub fn iter(&self) -> impl Iterator<Item = (RareState, u64)> + '_ {
        RareState::ALL.iter().map(|state| (*state, self.of(*state)))
    }

    pub(crate) fn count(&mut self, state: RareState) {
        self.0.resize(RareState::ALL.len(), 0);
        self.0[state as usize] += 1;
    }
}

impl AddAssign<&Self> for Coverage {
    fn add_assign(&mut self, other: &Self) {
        self.0.resize(RareState::ALL.len(), 0);
        for (sum, more) in self.0.iter_mut().zip(&other.0) {
            *sum += more;
        }
    }
}

/// What of a process's life is remembered to know a rare state.
#[derive(Debug, Default)]
pub(crate) struct RareMemory {
    leader: Option<NodeId>,
    /// It has followed a leader in this life.
    followed: bool,
    /// As a leader: it gave up a transfer in this term.
    gave_up: Option<Term>,
    membership_at: LogIndex,
    /// Its cluster knew it on another disk, or not at all, when its last turn was over.
    pub(crate) was_on_another_disk: bool,
    /// As a leader: a linearizable read came since the last one was answered.
    reads_wait: bool,
}

impl RareMemory {
    /// What this event shows; before the story takes it in.
    fn sees(&mut self, event: &TraceEvent, story: &Story) -> Option<RareState> {
        match event {
            TraceEvent::LeaderChanged { leader, .. } => {
                self.leader = *leader;
                self.followed |= leader.is_some();
                None
            }
            TraceEvent::RoleChanged { to: Role::Leader, .. } => {
                self.reads_wait = false;
                story.is_joint.then_some(RareState::JointElection)
            }
            TraceEvent::RoleChanged { from: Role::Leader, .. } => {
                let waited = std::mem::take(&mut self.reads_wait);
                let lost_reads = waited.then_some(RareState::ReadsRefused);
                if story.is_joint { Some(RareState::JointLeaderLost) } else { lost_reads }
            }
            TraceEvent::SteppedDown { reason: StepDownReason::Removed, .. } => Some(RareState::LeaderRemoved),
            TraceEvent::SteppedDown { reason: StepDownReason::QuorumLost, .. } => Some(RareState::QuorumLost),
            TraceEvent::StrangerIgnored { .. } => Some(RareState::StrangerIgnored),
            TraceEvent::WentBack { .. } => Some(RareState::WentBack),
            TraceEvent::PromotionGivenUp { .. } => Some(RareState::PromotionGivenUp),
            TraceEvent::VoteGranted { pre_vote: false, .. } if story.learns => Some(RareState::LearnerVotes),
            TraceEvent::VoteRefused { term, pre_vote, reason, .. } => {
                self.refusal(*term, *pre_vote, *reason, story)
            }
            TraceEvent::TransferGivenUp { .. } => {
                self.gave_up = Some(story.term);
                Some(RareState::TransferGivenUp)
            }
            TraceEvent::Truncated { .. } => Some(RareState::Overwritten),
            TraceEvent::MembershipChanged { index, .. } => {
                let before = std::mem::replace(&mut self.membership_at, *index);
                (*index < before).then_some(RareState::MembershipTakenBack)
            }
            TraceEvent::SnapshotInstalled { kept_log: true, .. } => Some(RareState::SnapshotKeepsLog),
            TraceEvent::SnapshotInstalled { last, .. } if story.last() >= last.index => {
                Some(RareState::SnapshotOverConflict)
            }
            _ => None,
        }
    }

    fn refusal(&self, asked: Term, pre: bool, reason: VoteRefusal, story: &Story) -> Option<RareState> {
        match reason {
            VoteRefusal::StaleLog => Some(RareState::StaleLogRefused),
            VoteRefusal::AlreadyVoted => Some(RareState::SecondVoteRefused),
            VoteRefusal::LeaderAlive if self.leader.is_some() || story.role == Role::Leader => None,
            VoteRefusal::LeaderAlive if !self.followed => Some(RareState::PromiseAfterRestart),
            VoteRefusal::LeaderAlive if !pre && asked == story.term => Some(RareState::PromiseInTerm),
            VoteRefusal::LeaderAlive => Some(RareState::PromiseWithoutLeader),
            VoteRefusal::DiskStalled => Some(RareState::StalledVote),
            VoteRefusal::NoMembership => Some(RareState::NewcomerAsked),
            VoteRefusal::OtherDisk => Some(RareState::OtherDiskAsked),
            VoteRefusal::OldTerm => None,
        }
    }
}

/// What the disk holds at a start, as far as it is rare.
pub(crate) fn at_start(restored: &Restored) -> Option<RareState> {
    let last = restored.snapshot.as_ref().map(|(meta, _)| meta.last)?;
    if last.index <= restored.purged.index {
        return None;
    }
    let on_disk = restored.on_disk.iter().find(|run| (run.first..=run.last).contains(&last.index));
    let term = on_disk.map(|run| run.term).or_else(|| {
        restored.entries.iter().find(|entry| entry.id.index == last.index).map(|entry| entry.id.term)
    });
    match term {
        None => Some(RareState::ShortLogAtStart),
        Some(term) => (term != last.term).then_some(RareState::ConflictAtStart),
    }
}

impl World<'_> {
    pub(crate) fn note(&mut self, state: RareState) {
        self.stats.rare.count(state);
    }

    /// Called before the event is reported elsewhere.
    pub(crate) fn note_rare(&mut self, id: NodeId, event: &TraceEvent) {
        let at = self.now;
        let Node { process, clock, .. } = self.node(id);
        let Some(process) = process.as_deref_mut() else { return };
        let Process { memory, story, replica, .. } = process;
        let seen = memory.sees(event, story);
        let is_half = match event {
            TraceEvent::VoteReceived { pre_vote: false, .. } if story.is_joint => {
                has_one_half(&replica.status(clock.now(at)))
            }
            _ => false,
        };
        let is_late = match event {
            TraceEvent::ToldToCampaign { leader } => self.has_given_up(*leader),
            _ => false,
        };
        let found =
            [seen, is_half.then_some(RareState::HalfElection), is_late.then_some(RareState::LateWord)];
        found.into_iter().flatten().for_each(|state| self.note(state));
    }

    /// Whether this leader has given up a transfer in its term.
    fn has_given_up(&self, leader: NodeId) -> bool {
        let node = self.nodes.iter().find(|node| node.id == leader);
        node.and_then(|node| node.process.as_deref()).is_some_and(Process::has_given_up)
    }

    /// Before a member takes this in.
    pub(crate) fn note_asked(&mut self, id: NodeId, ask: &MemberRequest) {
        let Some(process) = self.node(id).process.as_deref_mut() else { return };
        let leads = process.story.role == Role::Leader;
        let state = match ask {
            MemberRequest::Read(_, Consistency::Lease) if process.has_given_up() => {
                RareState::LeaseAfterTransfer
            }
            MemberRequest::Read(_, Consistency::Linearizable) if leads => {
                let waits = std::mem::replace(&mut process.memory.reads_wait, true);
                if !waits {
                    return;
                }
                RareState::ReadDuringRound
            }
            _ => return,
        };
        self.note(state);
    }

    /// What a client is told.
    pub(crate) fn note_answer(&mut self, id: NodeId, body: &ResponseBody) {
        let state = match body {
            ResponseBody::Done { answer: Answer::Value(_), .. } => {
                if let Some(process) = &mut self.node(id).process {
                    process.memory.reads_wait = false;
                }
                return;
            }
            ResponseBody::Failed(Failure::Busy) => RareState::Busy,
            ResponseBody::Failed(Failure::SessionExpired) => RareState::SessionExpired,
            _ => return,
        };
        self.note(state);
    }

    pub(crate) fn note_read_back(&mut self, id: NodeId, entries: &[Entry]) {
        let at = self.now;
        let Node { process, clock, .. } = self.node(id);
        let Some(process) = process else { return };
        let status = process.replica.status(clock.now(at));
        if replaced(&status, entries).next().is_some() {
            self.note(RareState::StaleReadBack);
        }
    }
}

impl Process {
    pub(crate) fn has_given_up(&self) -> bool {
        self.story.role == Role::Leader && self.memory.gave_up == Some(self.story.term)
    }
}

/// Those in whose places the log has others.
pub(crate) fn replaced(status: &Status, entries: &[Entry]) -> impl Iterator<Item = LogId> {
    entries.iter().map(|entry| entry.id).filter(|id| is_replaced(status, *id))
}

/// Whether the log has another entry in this one's place.
fn is_replaced(status: &Status, id: LogId) -> bool {
    let run = status.term_runs.iter().find(|run| (run.first..=run.last).contains(&id.index));
    run.is_some_and(|run| run.term != id.term)
}

fn has_one_half(status: &Status) -> bool {
    let yes: BTreeSet<NodeId> =
        status.votes.iter().filter(|(_, granted)| *granted).map(|(id, _)| *id).collect();
    let agrees = |half: &BTreeSet<NodeId>| 2 * half.intersection(&yes).count() > half.len();
    let Membership { voters, outgoing, .. } = &status.membership;
    status.role == Role::Candidate && agrees(voters) != agrees(outgoing)
}
