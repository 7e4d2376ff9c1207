//! The typed trace: every transition of a member, in order. The screen, the checkers and the logs read this.

use crate::types::{LogIndex, NodeId, Term};
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
}

/// Why a vote was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VoteRefusal {
    /// The request's term is behind.
    OldTerm,
    /// The vote of this term went to someone else.
    AlreadyVoted,
    /// The candidate's log is behind (paper §5.4.1).
    StaleLog,
    /// A leader was heard from less than an election timeout ago (thesis §4.2.3).
    LeaderAlive,
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
        /// To whom.
        candidate: NodeId,
        /// For which term.
        term: Term,
        /// Whether this is only a pre-vote.
        pre_vote: bool,
    },
    /// It refused its vote.
    VoteRefused {
        /// To whom.
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
        /// Whose.
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
    /// It learned who leads.
    LeaderChanged {
        /// The leader, or none.
        leader: Option<NodeId>,
        /// The term.
        term: Term,
    },
    /// Entries were appended to its log.
    Appended {
        /// The first.
        first: LogIndex,
        /// The last.
        last: LogIndex,
        /// The term of the last.
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
        /// Whose.
        follower: NodeId,
        /// The index tried next.
        next: LogIndex,
    },
}
