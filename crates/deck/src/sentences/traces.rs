//! What happens at a member, event by event, as sentences. Each claims only what its own event says: what it takes to say more, such as
//! the number of votes, is remembered by [`Teller`](super::Teller).

use super::{Sentence, Weight, bytes, ids};
use crate::times::span;
use raftdeck_raft::{
    LogIndex, Membership, NodeId, Role, StepDownReason, Term, TraceEvent, Tuning, VoteRefusal,
};

/// What a member's event says; `None`: another event says the same.
pub(super) fn sentence(node: NodeId, trace: &TraceEvent) -> Option<Sentence> {
    use Weight::{Detail, Major, Minor};
    let (weight, text) = match trace {
        TraceEvent::Started { term, last, .. } => {
            let log = if *last == LogIndex::ZERO {
                "with an empty log".to_owned()
            } else {
                format!("with a log through entry {last}")
            };
            (Minor, format!("{node} starts in term {term} {log}"))
        }
        TraceEvent::TimedOut { waited } => (Minor, format!("{node} heard no leader for {}", span(*waited))),
        TraceEvent::ElectionStarted { term, pre_vote: true } => {
            (Minor, format!("{node} asks for pre-votes in term {term}"))
        }
        TraceEvent::ElectionStarted { term, pre_vote: false } => {
            (Minor, format!("{node} asks for votes in term {term}"))
        }
        TraceEvent::VoteGranted { candidate, term, pre_vote } => {
            (Minor, granted(node, *candidate, *term, *pre_vote))
        }
        TraceEvent::VoteRefused { candidate, term, pre_vote, reason } => {
            (Minor, refused(node, *candidate, *term, *pre_vote, *reason))
        }
        TraceEvent::VoteReceived { from, granted, pre_vote, votes, needed } => {
            let kind = if *pre_vote { "pre-vote" } else { "vote" };
            let answer = if *granted { "yes" } else { "no" };
            (
                Detail,
                format!("{node} hears {answer} from {from} and has {votes} of the {needed} {kind}s it needs"),
            )
        }
        TraceEvent::RoleChanged { to, from, term } => return role_changed(node, *from, *to, *term),
        TraceEvent::SteppedDown { reason, term } => stepped_down(node, *reason, *term),
        // If it leads itself, its change of role has the sentence.
        TraceEvent::LeaderChanged { leader: Some(leader), .. } if *leader == node => return None,
        TraceEvent::LeaderChanged { leader: Some(leader), term } => {
            (Minor, format!("{node} follows {leader} in term {term}"))
        }
        TraceEvent::LeaderChanged { leader: None, term } => {
            (Detail, format!("{node} knows no leader in term {term}"))
        }
        TraceEvent::Appended { first, last, term } => {
            (Detail, format!("{node} appends {} in term {term}", entries(*first, *last)))
        }
        TraceEvent::Truncated { from, to } => {
            (Major, format!("{node} removed {}, which conflicted with the leader's", entries(*from, *to)))
        }
        TraceEvent::Committed { through } => {
            (Detail, format!("{node} has committed entries through {through}"))
        }
        TraceEvent::Conflict { follower, next } => (
            Minor,
            format!(
                "{node} moves the next index of {follower} back to {next}: the log of {follower} is shorter or different"
            ),
        ),
        TraceEvent::MembershipChanged { membership, .. } if membership.voters.is_empty() => {
            (Detail, format!("{node} belongs to no cluster yet"))
        }
        TraceEvent::MembershipChanged { membership, .. } => (Minor, works_with(node, membership)),
        TraceEvent::MembershipCommitted { index } => {
            (Detail, format!("{node} knows that the configuration of entry {index} is committed"))
        }
        TraceEvent::CaughtUp { learner, round, took } => {
            (Minor, format!("{node} sees {learner} catch up: round {round} took {}", span(*took)))
        }
        TraceEvent::PromotionGivenUp { learner } => {
            (Major, format!("{node} does not promote {learner}: it is too slow or cannot be reached"))
        }
        TraceEvent::TransferStarted { to } => {
            (Major, format!("{node} starts to hand the leadership to {to} and accepts no writes meanwhile"))
        }
        TraceEvent::TransferGivenUp { to } => {
            (Major, format!("{node} stays leader: {to} did not take over in time"))
        }
        TraceEvent::ToldToCampaign { leader } => {
            (Minor, format!("{node} campaigns at once: {leader} hands over the leadership (TimeoutNow)"))
        }
        TraceEvent::Purged { through } => {
            (Detail, format!("{node} compacts its log through entry {}", through.index))
        }
        TraceEvent::Tuned { tuning } => (Minor, tuned(node, *tuning)),
        TraceEvent::Paused => {
            (Minor, format!("{node} notices that it was stopped, or that its clock jumped"))
        }
        TraceEvent::SnapshotTaken { .. }
        | TraceEvent::SnapshotSending { .. }
        | TraceEvent::SnapshotInstalled { .. }
        | TraceEvent::SnapshotRefused { .. } => return snapshot_sentence(node, trace),
        TraceEvent::StrangerIgnored { .. } | TraceEvent::WentBack { .. } | TraceEvent::Refilled { .. } => {
            return distrust_sentence(node, trace);
        }
        TraceEvent::DiskSlow { .. }
        | TraceEvent::DiskStalled { .. }
        | TraceEvent::DiskRecovered { .. }
        | TraceEvent::FollowerDiskStalled { .. }
        | TraceEvent::FollowerDiskRecovered { .. } => return disk_sentence(node, trace),
    };
    Some(Sentence::new(weight, Some(node), text))
}

fn stepped_down(node: NodeId, reason: StepDownReason, term: Term) -> (Weight, String) {
    use Weight::{Major, Minor};
    match reason {
        // Whether it led is known to who heard of its change of role.
        StepDownReason::HigherTerm => (Minor, format!("{node} becomes a follower: it saw term {term}")),
        StepDownReason::OtherLeader => {
            (Minor, format!("{node} gives up its campaign: term {term} has a leader"))
        }
        StepDownReason::Removed => (Major, format!("{node} steps down: it is no longer a voter")),
        StepDownReason::QuorumLost => {
            (Major, format!("{node} steps down: no majority answered it for an election timeout"))
        }
        StepDownReason::DiskStalled => {
            (Major, format!("{node} steps down: its disk does not finish its writes"))
        }
    }
}

fn snapshot_sentence(node: NodeId, trace: &TraceEvent) -> Option<Sentence> {
    use Weight::{Major, Minor};
    let (weight, text) = match trace {
        TraceEvent::SnapshotTaken { last, size } => {
            (Minor, format!("{node} took a snapshot through entry {} ({})", last.index, bytes(*size)))
        }
        TraceEvent::SnapshotSending { to, last } => (
            Minor,
            format!("{node} sends {to} a snapshot through entry {} instead of log entries", last.index),
        ),
        TraceEvent::SnapshotInstalled { last, kept_log } => {
            let log = if *kept_log { " and keeps the log after it" } else { "" };
            (Major, format!("{node} installs a snapshot through entry {}{log}", last.index))
        }
        TraceEvent::SnapshotRefused { follower, last, reason } => {
            (Major, format!("{follower} refuses the snapshot through entry {}: {reason}", last.index))
        }
        _ => return None,
    };
    Some(Sentence::new(weight, Some(node), text))
}

/// Sentences about nodes that are not those that the cluster knows, or that have lost their data.
fn distrust_sentence(node: NodeId, trace: &TraceEvent) -> Option<Sentence> {
    use Weight::{Major, Minor};
    let (weight, text) = match trace {
        TraceEvent::StrangerIgnored { from, expected: Some(expected), .. } => {
            (Major, format!("{node} ignores {from}: its disk is not {expected}, the one in the membership"))
        }
        TraceEvent::StrangerIgnored { from, expected: None, .. } => {
            (Minor, format!("{node} ignores {from}, which is not a member"))
        }
        TraceEvent::WentBack { follower, confirmed, found } => (
            Major,
            format!(
                "{follower} lost entries that it had acknowledged (it had {confirmed}, now at most {found}): {node} no longer counts it"
            ),
        ),
        TraceEvent::Refilled { follower, through } => {
            (Major, format!("{follower} has its log through {through} again: {node} counts it again"))
        }
        _ => return None,
    };
    Some(Sentence::new(weight, Some(node), text))
}

fn disk_sentence(node: NodeId, trace: &TraceEvent) -> Option<Sentence> {
    use Weight::{Major, Minor};
    let (weight, text) = match trace {
        TraceEvent::DiskSlow { waited } => {
            (Minor, format!("{node}'s disk is slow: it has not finished a write for {}", span(*waited)))
        }
        TraceEvent::DiskStalled { waited } => {
            (Major, format!("{node}'s disk is stalled: it has not finished a write for {}", span(*waited)))
        }
        TraceEvent::DiskRecovered { waited } => {
            (Minor, format!("{node}'s disk has finished a write again, after {}", span(*waited)))
        }
        TraceEvent::FollowerDiskStalled { follower, .. } => {
            (Minor, format!("{node} hears from {follower} that its disk is stalled"))
        }
        TraceEvent::FollowerDiskRecovered { follower } => {
            (Minor, format!("{node} gets answers from {follower} again"))
        }
        _ => return None,
    };
    Some(Sentence::new(weight, Some(node), text))
}

fn works_with(node: NodeId, membership: &Membership) -> String {
    let text = if membership.is_joint() {
        let (old, new) = (ids(&membership.outgoing), ids(&membership.voters));
        format!("{node} uses a joint configuration: it needs a majority of {old} and one of {new}")
    } else {
        format!("{node} uses the configuration with voters {}", ids(&membership.voters))
    };
    match membership.learners.len() {
        0 => text,
        1 => format!("{text}; {} learns", ids(&membership.learners)),
        _ => format!("{text}; {} learn", ids(&membership.learners)),
    }
}

fn tuned(node: NodeId, tuning: Tuning) -> String {
    let Tuning { timing, pre_vote, check_quorum } = tuning;
    let on = |on: bool| if on { "on" } else { "off" };
    format!(
        "{node} is set to a heartbeat of {}, an election timeout of {} to {}, PreVote {}, CheckQuorum {}",
        span(timing.heartbeat),
        span(timing.election_min),
        span(timing.election_max),
        on(pre_vote),
        on(check_quorum)
    )
}

fn granted(node: NodeId, candidate: NodeId, term: Term, pre_vote: bool) -> String {
    match (pre_vote, node == candidate) {
        (true, true) => format!("{node} would vote for itself in term {term} (pre-vote)"),
        (true, false) => format!("{node} would vote for {candidate} in term {term} (pre-vote)"),
        (false, true) => format!("{node} votes for itself in term {term}"),
        (false, false) => format!("{node} votes for {candidate} in term {term}"),
    }
}

fn refused(node: NodeId, candidate: NodeId, term: Term, pre_vote: bool, reason: VoteRefusal) -> String {
    let why = match reason {
        // A pre-vote is for the term after the candidate's own, and refused if this node has reached that term.
        VoteRefusal::OldTerm if pre_vote => format!("it is already in term {term} or a later one"),
        VoteRefusal::OldTerm => "it is in a later term".to_owned(),
        VoteRefusal::AlreadyVoted => "its vote went to another".to_owned(),
        VoteRefusal::StaleLog => format!("the log of {candidate} is behind its own"),
        VoteRefusal::LeaderAlive => "it still stands by a leader".to_owned(),
        VoteRefusal::DiskStalled => "its disk is stalled, and a vote must be on disk".to_owned(),
        VoteRefusal::NoMembership => "it belongs to no cluster yet".to_owned(),
        VoteRefusal::OtherDisk => "the membership lists another disk for it".to_owned(),
    };
    if pre_vote {
        format!("{node} would not vote for {candidate} in term {term} (pre-vote): {why}")
    } else {
        format!("{node} refuses {candidate} its vote in term {term}: {why}")
    }
}

fn role_changed(node: NodeId, from: Role, to: Role, term: Term) -> Option<Sentence> {
    let (weight, text) = match (from, to) {
        (_, Role::Leader) => (Weight::Major, format!("{node} leads term {term}")),
        (_, Role::Follower) => (Weight::Detail, format!("{node} is a follower in term {term}")),
        // The campaign's own event reports it, with its cause.
        (_, Role::PreCandidate | Role::Candidate) => return None,
    };
    Some(Sentence::new(weight, Some(node), text))
}

fn entries(first: LogIndex, last: LogIndex) -> String {
    if first == last { format!("entry {first}") } else { format!("entries {first} to {last}") }
}
