//! What the events of a consensus core mean.

use super::Meaning;
use raftdeck_model::concepts::Concept;
use raftdeck_raft::{LogIndex, NodeId, Role, StepDownReason, Term, TraceEvent, VoteRefusal};

/// The other node that an event is about.
pub(super) fn other(trace: &TraceEvent) -> Option<NodeId> {
    match trace {
        TraceEvent::VoteGranted { candidate, .. } | TraceEvent::VoteRefused { candidate, .. } => {
            Some(*candidate)
        }
        TraceEvent::VoteReceived { from, .. } | TraceEvent::StrangerIgnored { from, .. } => Some(*from),
        TraceEvent::LeaderChanged { leader, .. } => *leader,
        TraceEvent::ToldToCampaign { leader } => Some(*leader),
        TraceEvent::Conflict { follower, .. }
        | TraceEvent::FollowerDiskStalled { follower, .. }
        | TraceEvent::FollowerDiskRecovered { follower }
        | TraceEvent::WentBack { follower, .. }
        | TraceEvent::Refilled { follower, .. }
        | TraceEvent::SnapshotRefused { follower, .. } => Some(*follower),
        TraceEvent::CaughtUp { learner, .. } | TraceEvent::PromotionGivenUp { learner } => Some(*learner),
        TraceEvent::TransferStarted { to }
        | TraceEvent::TransferGivenUp { to }
        | TraceEvent::SnapshotSending { to, .. } => Some(*to),
        TraceEvent::Started { .. }
        | TraceEvent::TimedOut { .. }
        | TraceEvent::ElectionStarted { .. }
        | TraceEvent::RoleChanged { .. }
        | TraceEvent::SteppedDown { .. }
        | TraceEvent::Appended { .. }
        | TraceEvent::Truncated { .. }
        | TraceEvent::Committed { .. }
        | TraceEvent::MembershipChanged { .. }
        | TraceEvent::MembershipCommitted { .. }
        | TraceEvent::SnapshotTaken { .. }
        | TraceEvent::SnapshotInstalled { .. }
        | TraceEvent::Purged { .. }
        | TraceEvent::Tuned { .. }
        | TraceEvent::Paused
        | TraceEvent::DiskSlow { .. }
        | TraceEvent::DiskStalled { .. }
        | TraceEvent::DiskRecovered { .. } => None,
    }
}

/// The term that an event is about.
pub(super) fn term(trace: &TraceEvent) -> Option<Term> {
    match trace {
        TraceEvent::Started { term, .. }
        | TraceEvent::ElectionStarted { term, .. }
        | TraceEvent::VoteGranted { term, .. }
        | TraceEvent::VoteRefused { term, .. }
        | TraceEvent::RoleChanged { term, .. }
        | TraceEvent::SteppedDown { term, .. }
        | TraceEvent::LeaderChanged { term, .. }
        | TraceEvent::Appended { term, .. } => Some(*term),
        _ => None,
    }
}

/// The entry that an event is about.
pub(super) fn entry(trace: &TraceEvent) -> Option<LogIndex> {
    match trace {
        TraceEvent::Appended { last, .. } | TraceEvent::Truncated { to: last, .. } => Some(*last),
        TraceEvent::Committed { through } => Some(*through),
        TraceEvent::MembershipChanged { index, .. } | TraceEvent::MembershipCommitted { index } => {
            Some(*index)
        }
        TraceEvent::Conflict { next, .. } => Some(*next),
        TraceEvent::SnapshotTaken { last, .. }
        | TraceEvent::SnapshotSending { last, .. }
        | TraceEvent::SnapshotInstalled { last, .. }
        | TraceEvent::SnapshotRefused { last, .. } => Some(last.index),
        _ => None,
    }
}

/// What an event means.
pub(super) fn meaning(trace: &TraceEvent) -> Meaning {
    match trace {
        TraceEvent::Started { .. } => (
            Some(Concept::Kill),
            "Term, vote and log come from its disk, so a restart cannot make it vote twice.",
        ),
        TraceEvent::TimedOut { .. } => (
            Some(Concept::ElectionTimeout),
            "Silence is all that a follower sees of a leader that crashed, is paused or is cut off.",
        ),
        TraceEvent::ElectionStarted { pre_vote: true, .. } => {
            (Some(Concept::PreVote), "It keeps its term until a majority says that it could win.")
        }
        TraceEvent::ElectionStarted { pre_vote: false, .. } => (
            Some(Concept::Candidate),
            "It has begun this term and voted for itself; a majority of votes makes it the leader.",
        ),
        TraceEvent::VoteGranted { pre_vote: true, .. } => (
            Some(Concept::PreVote),
            "A pre-vote promises nothing and is not stored: it only says what the node would do.",
        ),
        TraceEvent::VoteGranted { pre_vote: false, .. } => (
            Some(Concept::Vote),
            "A vote that is given is on disk; no other candidate of the term can have it.",
        ),
        TraceEvent::VoteRefused { reason, .. } => refused(*reason),
        TraceEvent::VoteReceived { .. } => {
            (Some(Concept::Quorum), "The candidate leads as soon as a majority has voted for it.")
        }
        TraceEvent::RoleChanged { to, .. } => became(*to),
        TraceEvent::SteppedDown { reason, .. } => stepped_down(*reason),
        TraceEvent::LeaderChanged { leader: Some(_), .. } => (
            Some(Concept::Follower),
            "A follower takes entries from its leader, and starts its election timeout anew with each message from it.",
        ),
        TraceEvent::LeaderChanged { leader: None, .. } => {
            (Some(Concept::ElectionTimeout), "It knows no leader of its term at the moment.")
        }
        TraceEvent::Appended { .. } => (
            Some(Concept::Entry),
            "The entries are in its log; whether they are committed is another question.",
        ),
        TraceEvent::Truncated { .. } => (
            Some(Concept::Conflict),
            "These entries were never committed. The leader's log decides, so they had to go.",
        ),
        TraceEvent::Committed { .. } => {
            (Some(Concept::CommitIndex), "It knows that a majority has these entries, and applies them.")
        }
        TraceEvent::Conflict { .. } => (
            Some(Concept::NextIndex),
            "The follower does not have the entry before: the leader looks for the last one that both have.",
        ),
        TraceEvent::ToldToCampaign { .. } => (
            Some(Concept::LeadershipTransfer),
            "TimeoutNow lets it campaign without waiting for its election timeout.",
        ),
        TraceEvent::TransferStarted { .. } | TraceEvent::TransferGivenUp { .. } => (
            Some(Concept::LeadershipTransfer),
            "If the target has not taken over within an election timeout, the leader goes on.",
        ),
        TraceEvent::MembershipChanged { .. } | TraceEvent::MembershipCommitted { .. } => (
            Some(Concept::Membership),
            "A node uses the newest membership in its log, whether it is committed or not.",
        ),
        TraceEvent::CaughtUp { .. } | TraceEvent::PromotionGivenUp { .. } => {
            (Some(Concept::Learner), "A learner becomes a voter only if it keeps up with the leader's log.")
        }
        TraceEvent::Tuned { .. } => (
            Some(Concept::ElectionTimeout),
            "A heartbeat must come several times within an election timeout.",
        ),
        TraceEvent::Paused => (
            Some(Concept::Pause),
            "It gives its leader a whole election timeout before it judges it; a leader's lease ends.",
        ),
        TraceEvent::StrangerIgnored { .. } | TraceEvent::WentBack { .. } | TraceEvent::Refilled { .. } => {
            (Some(Concept::LostDisk), "What a node confirmed counts only while its disk still has it.")
        }
        TraceEvent::SnapshotTaken { .. }
        | TraceEvent::SnapshotSending { .. }
        | TraceEvent::SnapshotInstalled { .. }
        | TraceEvent::SnapshotRefused { .. }
        | TraceEvent::Purged { .. } => (
            Some(Concept::Snapshot),
            "A snapshot stands for all entries before it, so the log can begin after it.",
        ),
        TraceEvent::DiskSlow { .. }
        | TraceEvent::DiskStalled { .. }
        | TraceEvent::DiskRecovered { .. }
        | TraceEvent::FollowerDiskStalled { .. }
        | TraceEvent::FollowerDiskRecovered { .. } => (
            Some(Concept::StalledDisk),
            "A vote or an entry counts only once it is on disk, so a slow disk delays both.",
        ),
    }
}

fn refused(reason: VoteRefusal) -> Meaning {
    match reason {
        VoteRefusal::OldTerm => {
            (Some(Concept::Term), "A request of an older term is refused; the answer tells the newer term.")
        }
        VoteRefusal::AlreadyVoted => {
            (Some(Concept::Vote), "A node gives one vote a term: so there is at most one leader.")
        }
        VoteRefusal::StaleLog => (
            Some(Concept::LeaderCompleteness),
            "Its last entry is newer, by term or by index. So no leader lacks a committed entry.",
        ),
        VoteRefusal::LeaderAlive => {
            (Some(Concept::PreVote), "A node that hears a leader does not help to depose it.")
        }
        VoteRefusal::DiskStalled => {
            (Some(Concept::StalledDisk), "A vote that cannot be stored must not be given.")
        }
        VoteRefusal::NoMembership | VoteRefusal::OtherDisk => (
            Some(Concept::LostDisk),
            "Only a member on its own disk may vote, for its earlier votes are there.",
        ),
    }
}

fn became(role: Role) -> Meaning {
    match role {
        Role::Leader => (
            Some(Concept::Leader),
            "A majority voted for it. It sends heartbeats at once, so that the others do not campaign.",
        ),
        Role::Follower => (
            Some(Concept::Follower),
            "It answers a leader and candidates, and waits for its election timeout.",
        ),
        Role::Candidate => (Some(Concept::Candidate), "It has raised its term and asks all voters."),
        Role::PreCandidate => (Some(Concept::PreCandidate), "It asks first whether it could win."),
    }
}

fn stepped_down(reason: StepDownReason) -> Meaning {
    match reason {
        StepDownReason::HigherTerm => {
            (Some(Concept::Term), "Whoever sees a newer term becomes a follower of that term.")
        }
        StepDownReason::OtherLeader => {
            (Some(Concept::ElectionSafety), "A term has one leader: a candidate that hears from it has lost.")
        }
        StepDownReason::QuorumLost => (
            Some(Concept::CheckQuorum),
            "A leader without a majority can commit nothing, so it does not keep its clients waiting.",
        ),
        StepDownReason::Removed => {
            (Some(Concept::Membership), "A leader that is removed leads until its own removal is committed.")
        }
        StepDownReason::DiskStalled => (
            Some(Concept::StalledDisk),
            "No other node took over in time, so it gives up the leadership itself.",
        ),
    }
}
