//! Changes of the cluster through a client, reads of each consistency, and what only a manager may ask.

mod support;

use raftdeck_client::{ClientError, Transferred};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Consistency, Failure, Manage, Read, RequestBody, ResponseBody};
use raftdeck_raft::{
    ChangeError, LogId, Membership, MembershipChange, NodeId, Role as RaftRole, Term, TransferError,
};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use support::{Act, LONG, SHORT, Scripted, client, done, failed, follower_of, node_status, status};

fn add() -> Vec<MembershipChange> {
    vec![MembershipChange::AddLearner {
        node: NodeId(4),
        address: "127.0.0.1:8083".to_owned(),
        incarnation: None,
    }]
}

fn with_four() -> Membership {
    let mut membership = Membership::of((1..=3).map(NodeId).collect());
    membership.learners.insert(NodeId(4));
    membership
}

fn is_change(body: &RequestBody) -> bool {
    matches!(body, RequestBody::ChangeMembership(_))
}

fn changed() -> Act {
    Act::Say(ResponseBody::MembershipChanged { at: LogId::default(), membership: with_four() })
}

/// The state of a leader with this membership.
fn leading(membership: Membership) -> ResponseBody {
    let mut status = node_status(1);
    status.raft.role = RaftRole::Leader;
    status.raft.has_quorum = true;
    status.raft.membership = membership;
    ResponseBody::Status(Box::new(status))
}

#[tokio::test]
async fn a_change_finds_the_leader_and_gives_the_new_membership() {
    let leader = Scripted::start(1, |_| changed()).await;
    let follower = Scripted::start(2, follower_of(1, Some(leader.address.clone()))).await;
    let changed = client(&[&follower.address]).change_membership(add(), LONG).await.expect("is taken");
    assert_eq!((changed.membership, changed.node), (with_four(), NodeId(1)), "the leader answered");
}

#[tokio::test]
async fn a_change_waits_for_the_one_before_it() {
    let tries = AtomicUsize::new(0);
    let node = Scripted::start(1, move |_| match tries.fetch_add(1, SeqCst) {
        0 => failed(Failure::Change(ChangeError::TooEarly)),
        1 => failed(Failure::Change(ChangeError::InProgress)),
        _ => changed(),
    })
    .await;
    let changed = client(&[&node.address]).change_membership(add(), LONG).await;
    assert_eq!(changed.map(|changed| changed.membership), Ok(with_four()));

    let busy = Scripted::start(1, |_| failed(Failure::Change(ChangeError::InProgress))).await;
    let error = client(&[&busy.address]).change_membership(add(), SHORT).await;
    assert_eq!(error, Err(ClientError::Change(ChangeError::InProgress)));
}

#[tokio::test]
async fn a_change_that_makes_no_sense_is_refused_at_once() {
    let refusal = ChangeError::AlreadyMember { node: NodeId(4) };
    let says = refusal.clone();
    let node = Scripted::start(1, move |_| failed(Failure::Change(says.clone()))).await;
    let error = client(&[&node.address]).change_membership(add(), LONG).await.expect_err("is refused");
    assert_eq!(error, ClientError::Change(refusal));
    assert!(error.to_string().contains("n4 is a member already"), "{error}");
    assert_eq!(node.count(is_change), 1);
}

#[tokio::test]
async fn a_change_in_doubt_is_not_repeated_but_looked_for() {
    let looks = AtomicUsize::new(0);
    let node = Scripted::start(1, move |body| match body {
        RequestBody::Status if looks.fetch_add(1, SeqCst) < 2 => Act::Say(leading(Membership::default())),
        RequestBody::Status => Act::Say(leading(with_four())),
        _ => failed(Failure::Unknown),
    })
    .await;
    let changed = client(&[&node.address]).change_membership(add(), LONG).await;
    assert_eq!(changed.map(|changed| changed.membership), Ok(with_four()));
    assert_eq!(node.count(is_change), 1);
}

#[tokio::test]
async fn a_change_that_no_leader_shows_stays_in_doubt() {
    // A follower that lags behind says nothing about what is committed.
    let node = Scripted::start(1, |body| match body {
        RequestBody::Status => Act::Say(status(1)),
        _ => Act::Close,
    })
    .await;
    let remove = vec![MembershipChange::Remove { node: NodeId(4) }];
    let error = client(&[&node.address]).change_membership(remove, SHORT).await.expect_err("nobody knows");
    assert!(matches!(error, ClientError::MembershipUnknown { .. }) && error.may_have_happened(), "{error}");
    assert_eq!(node.count(is_change), 1);
}

#[tokio::test]
async fn a_transfer_gives_the_term_in_which_the_target_leads() {
    let node = Scripted::start(1, |body| match body {
        RequestBody::TransferLeadership { to } => {
            Act::Say(ResponseBody::Transferred { leader: *to, term: Term(7) })
        }
        _ => Act::Nothing,
    })
    .await;
    let transferred = client(&[&node.address]).transfer(NodeId(2), LONG).await;
    assert_eq!(transferred, Ok(Transferred { leader: NodeId(2), term: Term(7), node: NodeId(1) }));
}

#[tokio::test]
async fn a_transfer_that_fails_says_why() {
    let refusal = TransferError::NotAVoter { node: NodeId(4) };
    let learner = Scripted::start(1, move |_| failed(Failure::Transfer(refusal))).await;
    let error = client(&[&learner.address]).transfer(NodeId(4), LONG).await.expect_err("is refused");
    assert!(error.to_string().contains("n4 is not a voter"), "{error}");

    let slow = Scripted::start(1, |_| failed(Failure::TransferGivenUp)).await;
    let error = client(&[&slow.address]).transfer(NodeId(2), LONG).await;
    assert_eq!(error, Err(ClientError::TransferGivenUp));
}

#[tokio::test]
async fn a_transfer_in_doubt_is_looked_for_at_the_target() {
    let old = Scripted::start(2, |body| match body {
        RequestBody::Status => Act::Say(status(2)),
        _ => Act::Close,
    })
    .await;
    let new = Scripted::start(1, |body| match body {
        RequestBody::Status => Act::Say(leading(Membership::default())),
        _ => Act::Nothing,
    })
    .await;
    let client = client(&[&old.address, &new.address]);
    let transferred = client.transfer(NodeId(1), LONG).await;
    assert_eq!(transferred, Ok(Transferred { leader: NodeId(1), term: Term(1), node: NodeId(1) }));
}

fn get() -> Read {
    Read::Get { key: "color".into() }
}

fn asks(consistency: Consistency) -> impl Fn(&RequestBody) -> bool {
    move |body| matches!(body, RequestBody::ReadWith { consistency: asked, .. } if *asked == consistency)
}

#[tokio::test]
async fn a_stale_read_is_answered_by_any_node_and_makes_it_no_leader() {
    let follower = Scripted::start(2, |body| match body {
        RequestBody::ReadWith { consistency: Consistency::Stale, .. } => Act::Say(done()),
        body => follower_of(1, None)(body),
    })
    .await;
    let leader = Scripted::start(1, support::leader).await;
    let client = client(&[&follower.address, &leader.address]);
    assert_eq!(client.read_with(get(), Consistency::Stale, LONG).await.expect("is answered").node.0, 2);
    assert_eq!(client.read(get(), LONG).await.expect("is answered").node.0, 1);
    assert_eq!(client.stale_at(&follower.address, get(), LONG).await.expect("is answered").node.0, 2);
    assert_eq!(client.read_with(get(), Consistency::Lease, LONG).await.expect("is answered").node.0, 1);
    assert_eq!(follower.count(asks(Consistency::Stale)), 2);
    assert_eq!(leader.count(asks(Consistency::Lease)), 1);
}

#[tokio::test]
async fn what_a_manager_asks_is_asked_as_a_manager() {
    let roles = Arc::<Mutex<Vec<Role>>>::default();
    let seen = Arc::clone(&roles);
    let door = move |hello: &raftdeck_protocol::Hello| {
        seen.lock().expect("no panic").push(hello.role.clone());
        None
    };
    let node = Scripted::start_on(support::free_port().await, 1, door, |body| match body {
        RequestBody::Manage(Manage::Campaign) => Act::Say(ResponseBody::Managed),
        _ => failed(Failure::NotManaged),
    });
    let client = client(&[&node.address]);
    assert_eq!(client.manage(&node.address, Manage::Campaign, LONG).await, Ok(()));
    let error = client.manage(&node.address, Manage::TakeSnapshot, LONG).await.expect_err("is refused");
    assert!(error.to_string().contains("only the process that manages this node"), "{error}");
    assert!(roles.lock().expect("no panic").iter().all(|role| *role == Role::Manager));
}

#[tokio::test]
async fn a_leader_known_from_a_hint_is_found_when_the_given_nodes_are_gone() {
    let leader = Scripted::start(3, support::leader).await;
    let given = Scripted::start(2, follower_of(3, Some(leader.address.clone()))).await;
    let client = client(&[&given.address]);
    client.read(get(), LONG).await.expect("the hint leads to it");
    given.stop();
    for _ in 0..3 {
        assert_eq!(client.read(get(), LONG).await.expect("is answered").node.0, 3);
    }
}
