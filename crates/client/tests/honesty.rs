//! What a client does about a write whose answer is lost, and what it says when its fate stays unknown.

mod support;

use raftdeck_client::ClientError;
use raftdeck_protocol::kv::{LimitError, MAX_VALUE};
use raftdeck_protocol::{Failure, Read, RequestBody, Write};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use support::{
    Act, LONG, PATIENCE, SHORT, Scripted, client, done, failed, follower_of, hasty, leader, opened, status,
};

fn put() -> Write {
    Write::Put { key: "color".into(), value: "blue".into() }
}

fn get() -> Read {
    Read::Get { key: "color".into() }
}

#[tokio::test]
async fn a_write_whose_fate_is_unknown_is_asked_again_under_the_same_number() {
    let tries = AtomicUsize::new(0);
    let node = Scripted::start(1, move |_| match tries.fetch_add(1, SeqCst) {
        0 => failed(Failure::Unknown),
        _ => Act::Say(done()),
    })
    .await;
    client(&[&node.address]).write(put(), LONG).await.expect("is answered in the end");
    assert_eq!(node.numbers_heard(), [(1, 1, 0), (1, 1, 0)], "so that it is applied once");
}

#[tokio::test]
async fn a_write_under_which_the_connection_breaks_is_asked_elsewhere_under_the_same_number() {
    let breaks = Scripted::start(1, |_| Act::Close).await;
    let other = Scripted::start(2, leader).await;
    let done = client(&[&breaks.address, &other.address]).write(put(), LONG).await.expect("is answered");
    assert_eq!(done.node.0, 2);
    assert_eq!(breaks.numbers_heard(), other.numbers_heard());
}

#[tokio::test]
async fn a_write_that_never_gets_an_answer_is_told_as_unknown() {
    let node = Scripted::start(1, |_| failed(Failure::Unknown)).await;
    let error = client(&[&node.address]).write(put(), SHORT).await.expect_err("its fate is unknown");
    assert!(error.may_have_happened(), "{error}");
    assert!(node.writes_heard() > 1);
}

#[tokio::test]
async fn answers_are_acknowledged_with_the_next_write() {
    let node = Scripted::start(1, leader).await;
    let client = client(&[&node.address]);
    for _ in 0..3 {
        client.write(put(), LONG).await.expect("is taken");
    }
    assert_eq!(node.numbers_heard(), [(1, 1, 0), (1, 2, 1), (1, 3, 2)]);
}

#[tokio::test]
async fn writes_at_the_same_time_share_one_session() {
    let node = Scripted::start(1, leader).await;
    let client = client(&[&node.address]);
    let writes = (0..50).map(|_| client.write(put(), LONG));
    for written in futures::future::join_all(writes).await {
        written.expect("is taken");
    }
    assert_eq!(node.count(|body| matches!(body, RequestBody::OpenSession)), 1);
    let mut sequences: Vec<u64> = node.numbers_heard().iter().map(|numbers| numbers.1).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=50).collect::<Vec<u64>>(), "each number once");
}

/// Opens sessions 1, 2, ..., and does as told about the writes in each.
async fn expiring(write: impl Fn(u64, usize) -> Act + Send + Sync + 'static) -> Scripted {
    let (sessions, writes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    Scripted::start_bare(1, move |body| match body {
        RequestBody::OpenSession => Act::Say(opened(sessions.fetch_add(1, SeqCst) as u64 + 1)),
        RequestBody::SessionWrite(asked) => write(asked.session.0, writes.fetch_add(1, SeqCst)),
        _ => Act::Say(status(1)),
    })
    .await
}

#[tokio::test]
async fn a_write_that_did_not_happen_in_a_forgotten_session_happens_in_a_new_one() {
    let node = expiring(|session, _| match session {
        1 => failed(Failure::SessionExpired),
        _ => Act::Say(done()),
    })
    .await;
    client(&[&node.address]).write(put(), LONG).await.expect("is taken");
    assert_eq!(node.numbers_heard(), [(1, 1, 0), (2, 1, 0)]);
}

#[tokio::test]
async fn a_write_in_doubt_is_not_repeated_in_another_session() {
    let node = expiring(|_, attempt| match attempt {
        0 => failed(Failure::Unknown),
        _ => failed(Failure::SessionExpired),
    })
    .await;
    let error = client(&[&node.address]).write(put(), LONG).await.expect_err("nobody knows");
    assert!(error.may_have_happened(), "{error}");
    assert_eq!(node.numbers_heard(), [(1, 1, 0), (1, 1, 0)]);
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_read_only_costs_another_try() {
    let breaks = Scripted::start(1, |_| Act::Close).await;
    let other = Scripted::start(2, leader).await;
    let read = client(&[&breaks.address, &other.address]).read(get(), LONG).await.expect("is answered");
    assert_eq!(read.node.0, 2);
}

#[tokio::test]
async fn a_write_that_is_not_answered_in_time_is_unknown() {
    let node = Scripted::start(1, |body| match body {
        RequestBody::Status => Act::Say(status(1)),
        _ => Act::Nothing,
    })
    .await;
    let error = client(&[&node.address]).write(put(), SHORT).await.expect_err("no answer");
    assert!(error.may_have_happened(), "{error}");
    let error = client(&[&node.address]).read(get(), SHORT).await.expect_err("no answer");
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error}");
}

#[tokio::test]
async fn a_write_whose_answer_makes_no_sense_is_unknown() {
    let node = Scripted::start(1, |_| Act::Say(status(1))).await;
    let error = client(&[&node.address]).write(put(), SHORT).await.expect_err("that is no answer");
    assert!(error.may_have_happened(), "{error}");
}

#[tokio::test]
async fn a_refused_write_is_sent_again_until_it_is_taken() {
    let tries = AtomicUsize::new(0);
    let node = Scripted::start(1, move |_| match tries.fetch_add(1, SeqCst) {
        0 => failed(Failure::Busy),
        1 => failed(Failure::NotLeader { leader: None, address: None }),
        2 => failed(Failure::Stopping),
        _ => Act::Say(done()),
    })
    .await;
    client(&[&node.address]).write(put(), LONG).await.expect("is taken in the end");
    assert_eq!(node.writes_heard(), 4);
}

#[tokio::test]
async fn what_certainly_did_not_happen_is_said_so() {
    let busy = Scripted::start(1, |_| failed(Failure::Busy)).await;
    let error = client(&[&busy.address]).write(put(), SHORT).await.expect_err("busy");
    assert_eq!(error, ClientError::Busy);
    assert!(!error.may_have_happened());

    let leaderless = Scripted::start(1, |_| failed(Failure::NotLeader { leader: None, address: None })).await;
    let error = client(&[&leaderless.address]).write(put(), SHORT).await.expect_err("no leader");
    assert!(matches!(error, ClientError::NoLeader { .. }), "{error}");
    assert!(!error.may_have_happened());

    let error = client(&[support::NOBODY]).write(put(), SHORT).await.expect_err("nobody is there");
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    assert!(!error.may_have_happened());
}

#[tokio::test]
async fn what_is_outside_the_limits_is_not_even_sent() {
    let node = Scripted::start(1, leader).await;
    let client = client(&[&node.address]);
    let long = Write::Put { key: "a".into(), value: vec![0; MAX_VALUE + 1].into() };
    let error = client.write(long, LONG).await.expect_err("too long");
    assert_eq!(error, ClientError::Limit(LimitError::ValueTooLong { len: MAX_VALUE + 1 }));
    let error = client.read(Read::Get { key: "".into() }, LONG).await.expect_err("empty");
    assert_eq!(error, ClientError::Limit(LimitError::EmptyKey));
    assert_eq!(node.connections(), 0);
}

#[tokio::test]
async fn a_leader_that_falls_silent_costs_a_write_its_patience_and_not_its_deadline() {
    // It answers once, then stays connected and says nothing, as a paused process does.
    let asked = AtomicUsize::new(0);
    let paused = Scripted::start(1, move |_| match asked.fetch_add(1, SeqCst) {
        0 => Act::Say(done()),
        _ => Act::Nothing,
    })
    .await;
    let next = Scripted::start(2, leader).await;
    let client = hasty(&[&paused.address, &next.address]);
    assert_eq!(client.write(put(), LONG).await.expect("it answers").node.0, 1);
    let begun = std::time::Instant::now();
    let done = client.write(put(), LONG).await.expect("the next one answers");
    assert_eq!(done.node.0, 2);
    assert!(begun.elapsed() < LONG / 2);
    assert_eq!(paused.numbers_heard().last(), Some(&(1, 2, 1)));
    assert_eq!(next.numbers_heard(), [(1, 2, 1)], "if the paused one goes on, it is applied once");
}

#[tokio::test]
async fn a_silent_leader_costs_a_read_its_patience_and_not_its_deadline() {
    let paused = Scripted::start(1, |_| Act::Nothing).await;
    let follower = Scripted::start(2, follower_of(1, Some(paused.address.clone()))).await;
    let next = Scripted::start(3, leader).await;
    let client = hasty(&[&paused.address, &follower.address, &next.address]);
    let read = client.read(get(), LONG).await.expect("somebody answers");
    assert_eq!(read.node.0, 3);
    assert_eq!(paused.reads_heard(), 1, "the follower's hint does not lead back into silence");
}

#[tokio::test]
async fn a_slow_answer_is_waited_for_while_the_node_lives() {
    let slow = Scripted::start(1, |body| match body {
        RequestBody::Status => Act::Say(status(1)),
        _ => Act::SayAfter(PATIENCE * 5, done()),
    })
    .await;
    let other = Scripted::start(2, follower_of(1, None)).await;
    let client = hasty(&[&slow.address, &other.address]);
    assert_eq!(client.read(get(), LONG).await.expect("is answered").node.0, 1);
    assert_eq!(client.write(put(), LONG).await.expect("is answered").node.0, 1);
    assert_eq!((slow.reads_heard(), slow.writes_heard()), (1, 1));
}

/// A stopped process reads nothing, and after a while the system takes nothing more in for it.
#[tokio::test]
async fn a_node_that_reads_nothing_costs_nobody_the_deadline() {
    let deaf = support::free_port().await;
    let address = deaf.local_addr().unwrap().to_string();
    let accepted = tokio::spawn(async move { support::let_in(deaf).await });
    let client = hasty(&[&address]);
    let long = || Read::List { prefix: vec![b'k'; 4096].into(), after: None, limit: 1 };
    let begun = std::time::Instant::now();
    let reads = (0..4000).map(|_| client.read(long(), SHORT));
    for read in futures::future::join_all(reads).await {
        assert!(
            matches!(read, Err(ClientError::TimedOut { .. } | ClientError::Unreachable { .. })),
            "{read:?}"
        );
    }
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    drop(accepted);
}
