//! What rules do to real members.

use crate::cluster::Cluster;
use raftdeck_model::{Effect, FrameKind, MessageReport, MessageSelection, MessageState, Scope};
use raftdeck_raft::{NodeId, Term};

const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

fn both_ways(node: NodeId) -> Scope {
    let others = ALL.into_iter().filter(|&other| other != node);
    Scope::Links(others.flat_map(|other| [(node, other), (other, node)]).collect())
}

#[tokio::test]
async fn members_behind_links_lose_messages_and_nothing_else() {
    let mut cluster = Cluster::start(1, 3, &[]).await;
    let leader = cluster.leader(&ALL).await;
    let [follower, other] = [1, 2].map(|step| NodeId((leader.0 - 1 + step) % 3 + 1));

    // A lost AppendEntries is sent again, and nothing behind it is misunderstood.
    cluster.put(leader, 5).await;
    cluster.disturb(
        1,
        Scope::Links([(leader, follower)].into()),
        Some(FrameKind::AppendEntries),
        Some(2),
        Effect::Cut,
    );
    cluster.put(leader, 5).await;
    let lost = |state| matches!(state, MessageState::Lost { .. });
    cluster.told("a lost message", |told| told.kind == FrameKind::AppendEntries && lost(told.state)).await;
    cluster.agree().await;

    // A member that is cut off is left behind, and catches up.
    cluster.disturb(2, both_ways(follower), None, None, Effect::Cut);
    cluster.put(leader, 5).await;
    cluster.undo(2);
    cluster.agree().await;

    // So does one that was killed.
    cluster.kill(other).await;
    let leader = cluster.leader(&[leader, follower]).await;
    cluster.put(leader, 5).await;
    cluster.launch(other, &ALL, "new");
    cluster.agree().await;
}

#[tokio::test]
async fn a_leader_does_not_notice_a_cut_and_knows_at_once_that_its_connections_are_refused() {
    let mut cluster = Cluster::start(5, 3, &[]).await;
    let leader = cluster.leader(&ALL).await;
    let follower = NodeId(leader.0 % 3 + 1);
    let between = || Scope::Links([(leader, follower), (follower, leader)].into());
    cluster.put(leader, 1).await;
    cluster.progresses(leader, follower, "StateReplicate").await;

    cluster.disturb(1, between(), None, None, Effect::Cut);
    cluster.put(leader, 1).await;
    let is_lost = |state| matches!(state, MessageState::Lost { .. });
    let append = |told: &MessageReport| told.kind == FrameKind::AppendEntries && told.to == follower;
    cluster.told("a lost message", |told| append(told) && is_lost(told.state)).await;
    assert_eq!(cluster.progress(leader, follower).await, "StateReplicate");
    cluster.undo(1);
    cluster.agree().await;
    cluster.progresses(leader, follower, "StateReplicate").await;

    cluster.disturb(2, between(), None, None, Effect::Refuse);
    cluster.progresses(leader, follower, "StateProbe").await;
    cluster.put(leader, 5).await;
    cluster.undo(2);
    cluster.agree().await;
    cluster.progresses(leader, follower, "StateReplicate").await;
}

#[tokio::test]
async fn an_election_is_held_and_released_message_by_message() {
    let mut cluster = Cluster::start(2, 3, &[]).await;
    let old = cluster.leader(&ALL).await;
    let new = NodeId(old.0 % 3 + 1);
    cluster.put(old, 1).await;
    let term = Term(cluster.term(old).await);
    cluster.disturb(1, Scope::All, Some(FrameKind::RequestVote), None, Effect::Hold);
    let (frame, glance) = cluster.wire.timeout_now((old, new), term).unwrap();
    assert!(cluster.links.traffic().put_in((old, new), frame, glance));
    let delivered = |state| matches!(state, MessageState::Delivered { .. });
    cluster.told("the order", |told| told.kind == FrameKind::TimeoutNow && delivered(told.state)).await;
    let asked = cluster.held(FrameKind::RequestVote).await;
    assert_eq!(cluster.links.traffic().release(&MessageSelection::Message(asked)), 1);
    let reply =
        cluster.told("a vote", |told| told.kind == FrameKind::VoteReply && told.granted == Some(true)).await;
    assert_eq!((reply.to, reply.term), (new, Term(term.0 + 1)));
    cluster.undo(1);
    assert_eq!(cluster.leader(&ALL).await, new);
    cluster.put(new, 1).await;
    cluster.agree().await;
}
