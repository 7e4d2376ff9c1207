//! How a client finds the leader: from any address, by hints, and past nodes that are not there.

mod support;

use raftdeck_client::{AddressError, Client, ClientError, Options};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Read, RefusalReason, RequestBody, Write};
use std::time::{Duration, Instant};
use support::{Act, LONG, PATIENCE, Scripted, client, done, follower_of, hasty, leader, status};
use tokio::net::TcpListener;

fn put(key: &str) -> Write {
    Write::Put { key: key.to_owned().into(), value: "blue".into() }
}

#[tokio::test]
async fn a_hint_leads_to_the_leader_and_is_remembered() {
    let leading = Scripted::start(1, leader).await;
    let follower = Scripted::start(2, follower_of(1, Some(leading.address.clone()))).await;
    let client = client(&[&follower.address]);
    for _ in 0..5 {
        assert_eq!(client.write(put("a"), LONG).await.expect("is taken").node.0, 1);
    }
    assert_eq!((follower.writes_heard(), leading.writes_heard()), (1, 5));
}

#[tokio::test]
async fn a_node_known_by_its_id_is_preferred_to_the_address_in_a_hint() {
    // Nodes may know each other by addresses that a client cannot reach.
    let leading = Scripted::start(1, leader).await;
    let follower = Scripted::start(2, follower_of(1, Some("127.0.0.1:1".to_owned()))).await;
    let client = client(&[&leading.address, &follower.address]);
    client.write(put("a"), LONG).await.expect("is taken");
    client.set_leader_hint(&follower.address).unwrap();
    let start = Instant::now();
    assert_eq!(client.write(put("b"), LONG).await.expect("is taken").node.0, 1);
    assert!(start.elapsed() < LONG / 2);
    assert_eq!(follower.writes_heard(), 1);
}

#[tokio::test]
async fn without_hints_everybody_is_asked() {
    let first = Scripted::start(1, follower_of(9, None)).await;
    let second = Scripted::start(2, follower_of(9, None)).await;
    let leading = Scripted::start(3, leader).await;
    let client = client(&[&first.address, &second.address, &leading.address]);
    assert_eq!(client.write(put("a"), LONG).await.expect("is taken").node.0, 3);
}

#[tokio::test]
async fn an_address_where_nobody_answers_costs_little() {
    // One refuses connections, one accepts them and never says a word.
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let leading = Scripted::start(3, leader).await;
    let client = hasty(&[support::NOBODY, &mute.local_addr().unwrap().to_string(), &leading.address]);
    let start = Instant::now();
    assert_eq!(client.write(put("a"), LONG).await.expect("is taken").node.0, 3);
    assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_raft_address_leads_to_the_client_port() {
    // The two ports belong together, so the pair has to be looked for.
    let wrong_port = |_: &raftdeck_protocol::Hello| Some(RefusalReason::WrongPort);
    let (raft, clients) = loop {
        let raft = support::free_port().await;
        let Some(port) = raft.local_addr().unwrap().port().checked_add(1000) else { continue };
        if let Ok(clients) = TcpListener::bind(("127.0.0.1", port)).await {
            break (raft, clients);
        }
    };
    let raft = Scripted::start_on(raft, 1, wrong_port, leader);
    let _serves = Scripted::start_on(clients, 1, |_| None, leader);
    let client = client(&[&raft.address]);
    client.write(put("a"), LONG).await.expect("is taken");
    client.write(put("b"), LONG).await.expect("is taken");
    assert_eq!(raft.connections(), 1, "found once, remembered");
    assert_eq!(client.status(&raft.address, LONG).await.expect("answers").raft.id.0, 1);
}

#[tokio::test]
async fn a_cluster_of_another_name_is_refused_at_once() {
    let other = Scripted::start_on(
        support::free_port().await,
        1,
        |hello| {
            assert_eq!(hello.role, Role::Client);
            let theirs = hello.cluster.clone();
            (theirs != "raftdeck").then(|| RefusalReason::Cluster { ours: "raftdeck".to_owned(), theirs })
        },
        leader,
    );
    let options = Options { cluster: "mine".to_owned(), ..Options::default() };
    let client = Client::new(std::slice::from_ref(&other.address), options).unwrap();
    let start = Instant::now();
    let error = client.write(put("a"), LONG).await.expect_err("is refused");
    assert!(matches!(error, ClientError::Refused { reason: RefusalReason::Cluster { .. }, .. }), "{error}");
    assert!(start.elapsed() < LONG / 2, "another try would meet the same");
}

#[tokio::test]
async fn one_connection_carries_many_requests_answered_in_any_order() {
    // Later questions are answered earlier; each gets its own answer all the same.
    let node = Scripted::start(1, |body| match body {
        RequestBody::Status => Act::Say(status(1)),
        RequestBody::Read(Read::Get { key }) => {
            let nth: u64 = std::str::from_utf8(key).unwrap().parse().unwrap();
            let answer = raftdeck_protocol::Answer::Value(Some(key.clone()));
            let raftdeck_protocol::ResponseBody::Done { at, .. } = done() else { unreachable!() };
            Act::SayAfter(
                Duration::from_millis(60 - nth),
                raftdeck_protocol::ResponseBody::Done { answer, at },
            )
        }
        _ => Act::Nothing,
    })
    .await;
    let client = client(&[&node.address]);
    let reads = (0..50).map(|nth: u64| {
        let client = client.clone();
        async move {
            let key = bytes::Bytes::from(nth.to_string());
            let done = client.read(Read::Get { key: key.clone() }, LONG).await.expect("is answered");
            assert_eq!(done.answer, raftdeck_protocol::Answer::Value(Some(key)));
        }
    });
    futures::future::join_all(reads).await;
    assert_eq!(node.connections(), 1);
    assert_eq!(node.reads_heard(), 50);
}

#[tokio::test]
async fn whoever_knows_better_can_say_who_leads() {
    let first = Scripted::start(1, leader).await;
    let second = Scripted::start(2, leader).await;
    let client = client(&[&first.address]);
    assert_eq!(client.write(put("a"), LONG).await.expect("is taken").node.0, 1);
    client.set_leader_hint(&second.address).unwrap();
    assert_eq!(client.write(put("a"), LONG).await.expect("is taken").node.0, 2);
}

#[tokio::test]
async fn one_nodes_own_state_comes_from_that_node_or_from_nobody() {
    let node = Scripted::start(7, |_| Act::Say(status(7))).await;
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(&[&node.address]);
    assert_eq!(client.status(&node.address, LONG).await.expect("answers").raft.id.0, 7);
    let nowhere = mute.local_addr().unwrap().to_string();
    assert!(client.status(&nowhere, PATIENCE).await.is_err());
    assert!(matches!(client.log(&node.address, 1, 10, LONG).await, Err(ClientError::Broken { .. })));
}

#[tokio::test]
async fn one_node_that_is_too_busy_is_called_so() {
    let busy = |_: &_| Act::Say(raftdeck_protocol::ResponseBody::Failed(raftdeck_protocol::Failure::Busy));
    let node = Scripted::start(7, busy).await;
    let client = client(&[&node.address]);
    let read = Read::Get { key: "a".into() };
    assert_eq!(client.stale_at(&node.address, read, LONG).await, Err(ClientError::Busy));
    assert_eq!(client.log(&node.address, 1, 10, LONG).await, Err(ClientError::Busy));
}

#[test]
fn addresses_are_checked_before_anything_is_tried() {
    let made = |addresses: &[&str]| {
        let addresses: Vec<String> = addresses.iter().map(|address| (*address).to_owned()).collect();
        Client::new(&addresses, Options::default()).map(|_| ())
    };
    assert_eq!(made(&[]), Err(AddressError::None));
    assert!(matches!(made(&["127.0.0.1:1", "nonsense"]), Err(AddressError::Form { .. })));
}

#[test]
fn a_client_outlives_the_runtime_in_which_it_was_used() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let serving = runtime();
    let node = serving.block_on(Scripted::start(1, leader));
    std::thread::scope(|scope| {
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        scope.spawn(|| serving.block_on(ended));
        let client = client(&[&node.address]);
        for _ in 0..2 {
            runtime().block_on(client.write(put("a"), LONG)).expect("is taken");
        }
        drop(end);
    });
    assert_eq!(node.connections(), 2, "each runtime has its own");
}
