//! Requests to real clusters whose members die, stop and change.

mod etcd;

use crate::etcd::{Cluster, DEADLINE, answer, ask};
use raftdeck_etcd::{Beside, CallError, ClientUrl, DiscoveryError, Etcd, EtcdAccess, Refusal, node_view};
use raftdeck_model::{ClientOp, ClientOutcome, ClientRequest, Known, RequestFate};
use raftdeck_protocol::{Answer, Consistency, Failure, Read, ResponseBody, Write};
use raftdeck_raft::{LogIndex, NodeId, Role};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const SHORT: Duration = Duration::from_millis(400);

fn put(value: &'static str) -> ClientOp {
    ClientOp::Write(Write::Put { key: "color".into(), value: value.into() })
}

fn get() -> ClientOp {
    ClientOp::Read(Read::Get { key: "color".into() })
}

fn at(node: NodeId, op: ClientOp, consistency: Consistency) -> ClientRequest {
    ClientRequest { at: Some(node), consistency, ..op.into() }
}

fn value(text: &'static str) -> Answer {
    Answer::Value(Some(text.into()))
}

/// Asks until the outcome is so.
async fn until(cluster: &Cluster, request: &ClientRequest, is_so: impl Fn(&ClientOutcome) -> bool) {
    let end = Instant::now() + DEADLINE;
    loop {
        let outcome = cluster.etcd.ask(request, SHORT).await;
        if is_so(&outcome) {
            return;
        }
        assert!(Instant::now() < end, "{request:?}: still {outcome:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

fn is_stored(outcome: &ClientOutcome) -> bool {
    matches!(outcome, ClientOutcome::Answered { body: ResponseBody::Done { answer: Answer::Stored, .. }, .. })
}

fn index(node: NodeId) -> usize {
    usize::try_from(node.0 - 1).expect("few")
}

#[tokio::test]
async fn members_tell_their_state_and_hand_the_leadership_over() {
    let cluster = Cluster::start(3).await;
    let etcd = &cluster.etcd;
    ask(etcd, put("blue")).await;
    let leader = cluster.leader().await;
    let other = NodeId(leader.0 % 3 + 1);
    assert_eq!(answer(etcd.ask(&at(other, get(), Consistency::Linearizable), DEADLINE).await), value("blue"));

    let endpoint = etcd.node(leader).expect("it is known");
    let raft = endpoint.raft_status(DEADLINE).await.expect("a state");
    let status = endpoint.status(DEADLINE).await.expect("a status");
    let metrics = endpoint.metrics(DEADLINE).await.expect("figures");
    let (_, members) = endpoint.members(true, DEADLINE).await.expect("members");
    let beside = Beside {
        status: Some(&status),
        metrics: Some(&metrics),
        members: Some(&members),
        ..Beside::default()
    };
    let view = node_view(leader, &raft, &etcd.ids(), beside);
    assert_eq!((view.raft.role, view.raft.leader), (Role::Leader, Known::Is(Some(leader))));
    assert_eq!(view.raft.peers.items().len(), 2);
    assert!(view.raft.last.is(|last| last.index >= LogIndex(4)), "{view:?}");
    let membership = view.raft.membership.get().expect("it is known");
    assert_eq!(membership.voters, [1, 2, 3].map(NodeId).into());

    let follower = etcd.node(other).expect("it is known");
    let view = node_view(
        other,
        &follower.raft_status(DEADLINE).await.expect("a state"),
        &etcd.ids(),
        Beside::default(),
    );
    assert_eq!(
        (view.raft.role, view.raft.last, view.raft.leader),
        (Role::Follower, Known::Unknown, Known::Is(Some(leader)))
    );

    let to = etcd.ids().member(other).expect("it is known");
    let error = follower.move_leader(to, DEADLINE).await.expect_err("it does not lead");
    assert_eq!(error.refusal(), Some(Refusal::NotLeader));
    endpoint.move_leader(to, DEADLINE).await.expect("it leads");
    assert_eq!(cluster.leader().await, other);

    let mut hashes = Vec::new();
    for node in [1, 2, 3].map(NodeId) {
        // A linearizable read at a member shows that it has applied everything.
        answer(etcd.ask(&at(node, get(), Consistency::Linearizable), DEADLINE).await);
        let hash = etcd.node(node).expect("it is known").hash_kv(DEADLINE).await.expect("a hash");
        hashes.push((hash.hash, hash.by.revision));
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
}

#[tokio::test]
async fn all_members_are_found_from_one_that_answers() {
    let mut cluster = Cluster::start(3).await;
    let url = |nth: usize| cluster.members[nth].client_url.parse::<ClientUrl>().expect("a URL");
    let urls = [url(0), url(1), url(1)];
    cluster.kill(0);
    let etcd = Etcd::new(EtcdAccess::default()).expect("no files");
    let members = etcd.find_members(&urls, DEADLINE).await.expect("one answers");
    assert_eq!(members.len(), 3);
    // They are named as nodes are, so that they are numbered alike.
    assert_eq!(etcd.ids(), cluster.etcd.ids());
    assert_eq!(
        etcd.node(NodeId(3)).map(|endpoint| endpoint.url().to_string()),
        Some(cluster.members[2].client_url.clone())
    );

    let nobody = etcd.find_members(&urls[..1], DEADLINE).await;
    assert!(matches!(nobody, Err(DiscoveryError::NoAnswer(CallError::Unreached { .. }))), "{nobody:?}");
    assert_eq!(etcd.find_members(&[], DEADLINE).await, Err(DiscoveryError::NoUrl));
    let other = Cluster::start(1).await;
    let two = [urls[1].clone(), other.members[0].client_url.parse().expect("a URL")];
    let error = etcd.find_members(&two, DEADLINE).await;
    assert!(matches!(error, Err(DiscoveryError::SeveralClusters { .. })), "{error:?}");
}

#[tokio::test]
async fn a_member_that_dies_and_comes_back_is_asked_again() {
    let mut cluster = Cluster::start(3).await;
    ask(&cluster.etcd, put("blue")).await;
    let leader = cluster.leader().await;
    cluster.etcd.ask_first(leader);
    cluster.kill(index(leader));

    // While the end of the connection is not noticed, a write may have gone out on it.
    until(&cluster, &at(leader, put("red"), Consistency::Linearizable), |outcome| {
        let ClientOutcome::Failed { fate, reason } = outcome else { panic!("it is dead: {outcome:?}") };
        *fate == RequestFate::NothingChanged && reason.contains("is not reached")
    })
    .await;
    // It is asked first, in vain. The others forward writes to it until they notice, and what becomes of those is not known.
    until(&cluster, &put("green").into(), is_stored).await;
    assert_eq!(ask(&cluster.etcd, get()).await, value("green"));

    cluster.run(index(leader));
    let again = at(leader, get(), Consistency::Linearizable);
    until(&cluster, &again, |outcome| {
        matches!(outcome, ClientOutcome::Answered { node, body: ResponseBody::Done { .. } } if *node == leader)
    })
    .await;
    assert_eq!(answer(cluster.etcd.ask(&again, DEADLINE).await), value("green"));
}

#[tokio::test]
async fn what_became_of_a_write_without_a_majority_is_told_rightly() {
    let cluster = Cluster::start(3).await;
    ask(&cluster.etcd, put("blue")).await;
    let leader = cluster.leader().await;
    for node in [1, 2, 3].map(NodeId).into_iter().filter(|node| *node != leader) {
        cluster.signal(index(node), "-STOP");
    }
    // The leader steps down when it notices, and refuses at once.
    let no_leader = |outcome: &ClientOutcome| {
        let failed = ResponseBody::Failed(Failure::NotLeader { leader: None, address: None });
        matches!(outcome, ClientOutcome::Answered { body, .. } if *body == failed)
    };
    until(&cluster, &at(leader, get(), Consistency::Linearizable), no_leader).await;
    until(&cluster, &at(leader, put("green"), Consistency::Linearizable), no_leader).await;
    let stale = cluster.etcd.ask(&at(leader, get(), Consistency::Stale), DEADLINE).await;
    assert_eq!(answer(stale), value("blue"));

    // A stopped member takes connections and answers nothing.
    let other = NodeId(leader.0 % 3 + 1);
    let outcome = cluster.etcd.ask(&at(other, put("green"), Consistency::Linearizable), SHORT / 4).await;
    assert!(matches!(outcome, ClientOutcome::Failed { fate: RequestFate::InDoubt, .. }), "{outcome:?}");
    let outcome = cluster.etcd.ask(&at(other, get(), Consistency::Stale), SHORT / 4).await;
    assert!(
        matches!(outcome, ClientOutcome::Failed { fate: RequestFate::NothingChanged, .. }),
        "{outcome:?}"
    );

    for node in [1, 2, 3].map(NodeId).into_iter().filter(|node| *node != leader) {
        cluster.signal(index(node), "-CONT");
    }
    until(&cluster, &put("yellow").into(), is_stored).await;
}

#[tokio::test]
async fn a_learner_is_added_promoted_and_removed() {
    // Otherwise a change is refused as long as some member was connected for less than five seconds.
    let flags = ["--strict-reconfig-check=false".to_owned()];
    let mut cluster = Cluster::launch(1, "http", EtcdAccess::default(), &flags);
    cluster.leader().await;
    ask(&cluster.etcd, put("blue")).await;
    let learner = cluster.add_learner().await;
    let stale = at(learner, get(), Consistency::Stale);
    until(&cluster, &stale, |outcome| {
        matches!(outcome, ClientOutcome::Answered { body: ResponseBody::Done { answer, .. }, .. } if *answer == value("blue"))
    })
    .await;
    let endpoint = cluster.etcd.node(learner).expect("it is known");
    assert!(endpoint.status(DEADLINE).await.expect("a status").is_learner);
    let write = cluster.etcd.ask(&at(learner, put("red"), Consistency::Linearizable), DEADLINE).await;
    let ClientOutcome::Answered { body: ResponseBody::Failed(Failure::Invalid(why)), .. } = write else {
        panic!("a learner takes no writes: {write:?}");
    };
    assert!(why.contains("learner"), "{why}");

    let leader = cluster.etcd.node(NodeId(1)).expect("it is known");
    let id = cluster.etcd.ids().member(learner).expect("it is known");
    let end = Instant::now() + DEADLINE;
    while let Err(error) = leader.promote_member(id, DEADLINE).await {
        assert_eq!(error.refusal(), Some(Refusal::LearnerNotReady), "{error}");
        assert!(Instant::now() < end, "{error}");
        sleep(Duration::from_millis(50)).await;
    }
    let (_, members) = leader.members(true, DEADLINE).await.expect("members");
    assert_eq!(cluster.etcd.ids().membership(&members).voters, [NodeId(1), learner].into());

    let left = leader.remove_member(id, DEADLINE).await.expect("it is removed");
    assert_eq!(left.len(), 1);
    let error = leader.remove_member(id, DEADLINE).await.expect_err("it is gone");
    assert!(matches!(error, CallError::Refused { refusal: Refusal::NotMember, .. }), "{error}");
}
