//! The trace as log lines for the reader of a node's log.

use raftdeck_protocol::request::describe;
use raftdeck_raft::{Membership, NodeId, Payload, Role, StepDownReason, TraceEvent};

/// Logs an event of the node `me` at the level it deserves.
pub(crate) fn narrate(me: NodeId, event: &TraceEvent) {
    match event {
        TraceEvent::Started { term, last, .. } => tracing::info!("starts in term {term}, log through {last}"),
        TraceEvent::RoleChanged { to: Role::Leader, term, .. } => tracing::info!("leads in term {term}"),
        TraceEvent::RoleChanged { from, to, term } => tracing::debug!("{from} becomes {to} in term {term}"),
        TraceEvent::SteppedDown { reason: StepDownReason::DiskStalled, term } => {
            tracing::warn!(
                "steps down in term {term}: its disk does not finish its writes, and no other node took over in time"
            );
        }
        TraceEvent::SteppedDown { reason, term } => tracing::info!("steps down in term {term}: {reason:?}"),
        TraceEvent::LeaderChanged { leader: Some(leader), term } => {
            tracing::info!("follows {leader} in term {term}");
        }
        TraceEvent::LeaderChanged { leader: None, term } => tracing::info!("knows no leader in term {term}"),
        TraceEvent::Truncated { from, to } => {
            tracing::info!("removes entries {from} to {to}, which the leader does not have");
        }
        TraceEvent::MembershipChanged { .. }
        | TraceEvent::MembershipCommitted { .. }
        | TraceEvent::CaughtUp { .. }
        | TraceEvent::PromotionGivenUp { .. } => membership(me, event),
        TraceEvent::TransferStarted { .. }
        | TraceEvent::TransferGivenUp { .. }
        | TraceEvent::ToldToCampaign { .. } => transfer(event),
        TraceEvent::SnapshotTaken { .. }
        | TraceEvent::SnapshotSending { .. }
        | TraceEvent::SnapshotInstalled { .. }
        | TraceEvent::Purged { .. } => snapshot(event),
        TraceEvent::DiskSlow { .. }
        | TraceEvent::DiskStalled { .. }
        | TraceEvent::DiskRecovered { .. }
        | TraceEvent::FollowerDiskStalled { .. }
        | TraceEvent::FollowerDiskRecovered { .. } => disk(event),
        TraceEvent::Tuned { tuning } => tracing::info!("its timing was changed: {tuning:?}"),
        TraceEvent::Appended { .. } | TraceEvent::Committed { .. } => tracing::trace!("{event:?}"),
        TraceEvent::StrangerIgnored { .. }
        | TraceEvent::WentBack { .. }
        | TraceEvent::Refilled { .. }
        | TraceEvent::SnapshotRefused { .. } => suspicion(event),
        other => tracing::debug!("{other:?}"),
    }
}

/// Logs what a node that starts knows of its cluster.
pub(crate) fn introduce(me: NodeId, membership: &Membership) {
    if membership.members().is_empty() {
        tracing::info!("waits to be added to a cluster");
    } else {
        tracing::info!("the cluster at the start: {}", in_words(me, membership));
    }
}

fn membership(me: NodeId, event: &TraceEvent) {
    match event {
        TraceEvent::MembershipChanged { index, membership } => {
            tracing::info!("the cluster as of entry {index}: {}", in_words(me, membership));
        }
        TraceEvent::MembershipCommitted { index } => {
            tracing::info!("the configuration of entry {index} is committed");
        }
        TraceEvent::CaughtUp { learner, round, took } => {
            tracing::info!("{learner} caught up in round {round} within {} ms", took.as_millis());
        }
        TraceEvent::PromotionGivenUp { learner } => {
            tracing::warn!("{learner} does not become a voter: it is too slow, or cannot be reached");
        }
        _ => {}
    }
}

/// The members, and what this node is among them if it is no voter.
fn in_words(me: NodeId, membership: &Membership) -> String {
    let members = describe(&Payload::Membership(Box::new(membership.clone())));
    if membership.is_voter(me) {
        members
    } else if membership.learners.contains(&me) {
        format!("{members}; this node is a learner and does not vote")
    } else {
        format!(
            "{members}; this node is not a member: it serves no requests and can be stopped, unless it is to be added"
        )
    }
}

fn transfer(event: &TraceEvent) {
    match event {
        TraceEvent::TransferStarted { to } => tracing::info!("hands the leadership to {to}"),
        TraceEvent::TransferGivenUp { to } => {
            tracing::warn!("{to} did not take over in time: this node stays leader");
        }
        TraceEvent::ToldToCampaign { leader } => tracing::info!("is to take over from {leader}"),
        _ => {}
    }
}

fn disk(event: &TraceEvent) {
    match event {
        TraceEvent::DiskSlow { waited } => {
            tracing::warn!("the disk is slow: it has not finished a write for {} ms", waited.as_millis());
        }
        TraceEvent::DiskStalled { waited } => tracing::error!(
            "the disk is stalled: it has not finished a write for {} ms; until it has, this node does not campaign, and hands \
             over or steps down if it leads",
            waited.as_millis()
        ),
        TraceEvent::DiskRecovered { waited } => {
            tracing::info!("the disk has finished a write again, after {} ms", waited.as_millis());
        }
        TraceEvent::FollowerDiskStalled { follower, waited } => {
            tracing::warn!(
                "{follower} reports that its disk has not finished a write for {} ms",
                waited.as_millis()
            );
        }
        TraceEvent::FollowerDiskRecovered { follower } => {
            tracing::info!("{follower} answers again: its disk has finished its writes");
        }
        _ => {}
    }
}

/// What makes a node distrust another one.
fn suspicion(event: &TraceEvent) {
    match event {
        TraceEvent::StrangerIgnored { from, incarnation, expected } => {
            let disk =
                |disk: &Option<_>| disk.map_or_else(|| "no disk".to_owned(), |disk| format!("disk {disk}"));
            let shown = disk(incarnation);
            if let Some(expected) = expected {
                tracing::warn!(
                    "ignores answers of {from} from {shown}: the membership lists disk {expected}. If that disk is lost, run \
                     `raftdeck client member replace {from}`"
                );
            } else {
                tracing::warn!("ignores answers of {from} from {shown}: it is not a member");
            }
        }
        TraceEvent::WentBack { follower, confirmed, found } => tracing::error!(
            "{follower} acknowledged its log through {confirmed} and has it through {found} at most: its disk \
             was restored from a copy, or lost its tail. It does not count for commits until it has all of these \
             entries again. If its data directory was \
             restored, empty it and run `raftdeck client member replace {follower}`"
        ),
        TraceEvent::Refilled { follower, through } => {
            tracing::info!("{follower} has its log through {through} again and counts for commits again");
        }
        TraceEvent::SnapshotRefused { follower, last, reason } => tracing::error!(
            "{follower} refuses the snapshot through entry {}: {reason}. It is sent the next one; until then it stays behind",
            last.index
        ),
        _ => {}
    }
}

fn snapshot(event: &TraceEvent) {
    match event {
        TraceEvent::SnapshotTaken { last, size } => {
            tracing::info!("took a snapshot through entry {}: {size} bytes", last.index);
        }
        TraceEvent::SnapshotSending { to, last } => {
            tracing::info!("sends {to} the snapshot through entry {}", last.index);
        }
        TraceEvent::SnapshotInstalled { last, kept_log } => {
            let log = if *kept_log { "keeps the log after it" } else { "starts its log after it" };
            tracing::info!("installed the leader's snapshot through entry {}, and {log}", last.index);
        }
        TraceEvent::Purged { through } => {
            tracing::debug!("compacted the log through entry {}", through.index);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_does_not_belong_to_the_cluster_says_so() {
        let mut membership = Membership::of([NodeId(1), NodeId(2)].into());
        membership.learners.insert(NodeId(3));
        assert_eq!(in_words(NodeId(1), &membership), "members n1 n2, learning n3");
        assert!(in_words(NodeId(3), &membership).contains("does not vote"));
        assert!(in_words(NodeId(4), &membership).contains("this node is not a member"));
    }
}
