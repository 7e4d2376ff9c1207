//! The typed trace: every transition of a member, in order. The screen, the checkers and the logs read this.

use crate::config::Tuning;
use crate::identity::Incarnation;
use crate::log::TermRun;
use crate::membership::Membership;
use crate::message::SnapshotRefusal;
use crate::types::{LogId, LogIndex, NodeId, Term};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What a member is at the moment (paper §5.1; pre-candidate: thesis §9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Answers leaders and candidates.
    Follower,
    /// Asks whether a campaign could succeed, before it raises its term.
    PreCandidate,
    /// Campaigns.
    Candidate,
    /// Replicates.
    Leader,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Follower => "follower",
            Self::PreCandidate => "pre-candidate",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
        })
    }
}

/// Why a leader or candidate became a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepDownReason {
    /// A message carried a higher term (paper §5.1).
    HigherTerm,
    /// A leader of the same term exists (paper §5.2).
    OtherLeader,
    /// CheckQuorum: no majority answered for an election timeout (thesis §6.2).
    QuorumLost,
    /// The leader's removal from the membership is committed (thesis §4.2.2).
    Removed,
    /// Its disk has not finished a write for too long, and no other member took over in time.
    DiskStalled,
}

/// Why a vote was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VoteRefusal {
    /// The request's term is behind.
    OldTerm,
    /// The vote of this term went to another candidate.
    AlreadyVoted,
    /// The candidate's log is behind (paper §5.4.1).
    StaleLog,
    /// A leader was heard from less than an election timeout ago (thesis §4.2.3).
    LeaderAlive,
    /// A pre-vote only: the vote itself would wait for a disk that is stalled.
    DiskStalled,
    /// The refusing node belongs to no cluster yet.
    NoMembership,
    /// The cluster knows the refusing node on another disk, which has its votes.
    OtherDisk,
}

/// Something that happened at one member. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TraceEvent {
    /// The member started, or started again, from what its disk held.
    Started {
        /// Its term.
        term: Term,
        /// Its last log index.
        last: LogIndex,
        /// Its vote in this term.
        vote: Option<NodeId>,
        /// The entry before the first one of its log; the zero id if the log is whole.
        purged: LogId,
        /// The runs of equal terms in its log, oldest first.
        runs: Vec<TermRun>,
    },
    /// No leader was heard from for an election timeout.
    TimedOut {
        /// How long it waited.
        waited: Duration,
    },
    /// It asks for pre-votes or votes.
    ElectionStarted {
        /// The term campaigned for.
        term: Term,
        /// Whether this is only the PreVote.
        pre_vote: bool,
    },
    /// It gave its vote.
    VoteGranted {
        /// The receiving node.
        candidate: NodeId,
        /// For which term.
        term: Term,
        /// Whether this is only a pre-vote.
        pre_vote: bool,
    },
    /// It refused its vote.
    VoteRefused {
        /// The receiving node.
        candidate: NodeId,
        /// For which term.
        term: Term,
        /// Whether this is only a pre-vote.
        pre_vote: bool,
        /// Why.
        reason: VoteRefusal,
    },
    /// A vote, for or against, arrived at the candidate.
    VoteReceived {
        /// The node.
        from: NodeId,
        /// Whether it was granted.
        granted: bool,
        /// Whether this is only a pre-vote.
        pre_vote: bool,
        /// Votes it has now, its own included.
        votes: usize,
        /// Votes it needs.
        needed: usize,
    },
    /// The role changed.
    RoleChanged {
        /// What it was.
        from: Role,
        /// What it is.
        to: Role,
        /// In which term.
        term: Term,
    },
    /// It became a follower, and why.
    SteppedDown {
        /// Why.
        reason: StepDownReason,
        /// Its term afterwards.
        term: Term,
    },
    /// It learned of the leader.
    LeaderChanged {
        /// The leader, or none.
        leader: Option<NodeId>,
        /// The term.
        term: Term,
    },
    /// Entries of one term were appended to its log.
    Appended {
        /// The first.
        first: LogIndex,
        /// The last.
        last: LogIndex,
        /// Their term.
        term: Term,
    },
    /// Entries that conflicted with the leader's were removed.
    Truncated {
        /// The first removed.
        from: LogIndex,
        /// The last removed.
        to: LogIndex,
    },
    /// The commit index advanced.
    Committed {
        /// To here.
        through: LogIndex,
    },
    /// A follower's log did not match and the leader goes back.
    Conflict {
        /// The node.
        follower: NodeId,
        /// The index tried next.
        next: LogIndex,
    },
    /// Another membership is in force: it was appended, an uncommitted one was removed, or a snapshot brought it.
    MembershipChanged {
        /// Where it stands in the log; 0: it is the one that the cluster was started with.
        index: LogIndex,
        /// The membership in force.
        membership: Membership,
    },
    /// The membership in force is committed.
    MembershipCommitted {
        /// Where it stands in the log.
        index: LogIndex,
    },
    /// A round of catching up ended: the learner has what the leader had when the round began (thesis §4.2.1).
    CaughtUp {
        /// The node.
        learner: NodeId,
        /// Which round; the first is 1.
        round: u32,
        /// How long it took.
        took: Duration,
    },
    /// The promotion was given up: the learner is too slow or cannot be reached.
    PromotionGivenUp {
        /// The node.
        learner: NodeId,
    },
    /// The leader hands over (thesis §3.10).
    TransferStarted {
        /// The receiving node.
        to: NodeId,
    },
    /// The hand-over did not happen within an election timeout: the leader stays leader.
    TransferGivenUp {
        /// The receiving node.
        to: NodeId,
    },
    /// Told by its leader to campaign immediately.
    ToldToCampaign {
        /// The sending node.
        leader: NodeId,
    },
    /// A snapshot of the state machine is durable.
    SnapshotTaken {
        /// The last entry that it includes.
        last: LogId,
        /// Its size in bytes.
        size: u64,
    },
    /// The leader begins to send a snapshot.
    SnapshotSending {
        /// The receiving node.
        to: NodeId,
        /// The last entry that it includes.
        last: LogId,
    },
    /// A snapshot from the leader replaced the state machine: everything through its end is committed and
    /// applied by it. If the log was not kept, all of it is gone and the next entry is the one after `last`.
    SnapshotInstalled {
        /// The last entry that it includes.
        last: LogId,
        /// Whether the log behind it was kept, as it matches.
        kept_log: bool,
    },
    /// The log's beginning was released.
    Purged {
        /// Through here.
        through: LogId,
    },
    /// Timing, PreVote or CheckQuorum were changed.
    Tuned {
        /// The new values.
        tuning: Tuning,
    },
    /// The driver noticed that it had been stopped, or that its clock had stepped.
    Paused,
    /// Its disk has not finished a write for a while, and one waits for it.
    DiskSlow {
        /// For how long.
        waited: Duration,
    },
    /// Its disk is stalled: it has not finished a write for too long, so the member does not lead or campaign
    /// ([`Config::disk_stall`](crate::Config::disk_stall)).
    DiskStalled {
        /// For how long.
        waited: Duration,
    },
    /// Its disk has finished a write again, after it was slow or stalled.
    DiskRecovered {
        /// After how long.
        waited: Duration,
    },
    /// A follower said that its own disk is stalled.
    FollowerDiskStalled {
        /// Which.
        follower: NodeId,
        /// For how long when it said so.
        waited: Duration,
    },
    /// That follower answers again.
    FollowerDiskRecovered {
        /// Which.
        follower: NodeId,
    },
    /// An answer came from a node that is no member, or that runs on another disk than the member does. It was ignored, as
    /// will be all others from there under this membership.
    StrangerIgnored {
        /// As which node.
        from: NodeId,
        /// On which disk.
        incarnation: Option<Incarnation>,
        /// The disk of the member of this id; `None`: there is no such member.
        expected: Option<Incarnation>,
    },
    /// A follower's log is behind what it once confirmed in this term: its disk was restored from a copy, or lost its
    /// end. It does not count until it has all of these entries again.
    WentBack {
        /// Which.
        follower: NodeId,
        /// It confirmed its log through here.
        confirmed: LogIndex,
        /// Where its log can end at most.
        found: LogIndex,
    },
    /// A follower that went back again has all that it once confirmed, and counts.
    Refilled {
        /// Which.
        follower: NodeId,
        /// Through here.
        through: LogIndex,
    },
    /// A follower cannot use a snapshot. It is not sent again; a newer one will be.
    SnapshotRefused {
        /// Which.
        follower: NodeId,
        /// The last entry that the snapshot includes.
        last: LogId,
        /// Why.
        reason: SnapshotRefusal,
    },
}
