//! What a program that uses this crate relies on: it connects at once or hears why not, connections are shared, a dropped
//! future leaves nothing behind but what it says it leaves.

mod support;

use futures::{FutureExt, TryStreamExt};
use raftdeck_client::{Bytes, Client, ClientError, CompareAndSet, ConnectError, Options};
use raftdeck_protocol::{Answer, Failure, Read, RequestBody, ResponseBody, Write};
use raftdeck_raft::LogId;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Act, LONG, NOBODY, SHORT, Scripted, client, done, failed, follower_of, leader};
use tokio::net::TcpListener;

fn put(key: &str) -> Write {
    Write::Put { key: key.to_owned().into(), value: "blue".into() }
}

fn get(key: &str) -> Read {
    Read::Get { key: key.to_owned().into() }
}

fn answer(answer: Answer) -> Act {
    Act::Say(ResponseBody::Done { answer, at: LogId::default() })
}

/// Waits for a condition that other tasks bring about.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LONG, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn connecting_takes_one_node_and_no_leader() {
    let follower = Scripted::start(2, follower_of(9, None)).await;
    let start = Instant::now();
    let client =
        Client::connect(&[NOBODY, &follower.address], Options::default()).await.expect("one is there");
    assert!(start.elapsed() < LONG);
    assert_eq!(follower.connections(), 1);
    client.status(&follower.address, LONG).await.expect("on the same connection");
    assert_eq!(follower.connections(), 1);
}

#[tokio::test]
async fn connecting_to_nobody_fails_at_once_and_says_what_each_address_met() {
    let closing = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closing.local_addr().unwrap().to_string();
    tokio::spawn(async move { while closing.accept().await.is_ok() {} });
    let options = Options { deadline: LONG, ..Options::default() };
    let start = Instant::now();
    let error = Client::connect(&[NOBODY, &address], options).await.expect_err("nobody lets it in");
    assert!(start.elapsed() < LONG / 2, "it does not wait for its deadline");
    let said = error.to_string();
    assert!(said.contains("127.0.0.1:1 refuses connections (is a node running there?)"), "{said}");
    assert!(said.contains(&format!("{address} closed the connection during the handshake")), "{said}");

    let mistake = Client::connect(&["nowhere"], Options::default()).await.expect_err("is no address");
    assert!(matches!(mistake, ConnectError::Address(_)), "{mistake}");
}

#[tokio::test]
async fn connecting_to_who_says_nothing_ends_at_the_deadline() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = Options { deadline: SHORT, ..Options::default() };
    let start = Instant::now();
    let address = mute.local_addr().unwrap().to_string();
    let error = Client::connect(&[address], options).await.expect_err("says nothing");
    assert!(error.to_string().contains("does not answer within 800 ms"), "{error}");
    assert!(start.elapsed() >= SHORT && start.elapsed() < LONG, "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_operation_that_reached_nobody_says_what_each_address_met() {
    let client = client(&[NOBODY, "127.0.0.1:2"]);
    let error = client.write(put("a"), SHORT).await.expect_err("nobody is there");
    assert_eq!(
        error.to_string(),
        "no node could be reached within 800 ms: 127.0.0.1:1 and 127.0.0.1:2 refuse connections (are nodes running \
         there?); nothing was changed"
    );
}

#[tokio::test]
async fn all_clones_and_operations_share_one_connection() {
    let node = Scripted::start(1, |body| match body {
        // All of them are under way at the same time.
        RequestBody::SessionWrite(_) => Act::SayAfter(Duration::from_millis(20), done()),
        body => leader(body),
    })
    .await;
    let client = client(&[&node.address]);
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..200 {
        let client = client.clone();
        tasks.spawn(async move {
            client.write(put(&format!("key{nth}")), LONG).await.expect("is taken");
            client.read(get("key"), LONG).await.expect("is answered");
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("no panic");
    }
    client.status(&node.address, LONG).await.expect("answers");
    assert_eq!(node.connections(), 1);
    assert_eq!(node.count(|body| matches!(body, RequestBody::OpenSession)), 1, "and one session");
}

#[tokio::test]
async fn a_dropped_write_is_never_sent_again_and_disturbs_nobody() {
    let first = AtomicBool::new(true);
    let node = Scripted::start(1, move |body| match body {
        RequestBody::SessionWrite(_) if first.swap(false, SeqCst) => Act::Nothing,
        body => leader(body),
    })
    .await;
    let client = client(&[&node.address]);
    let write = tokio::spawn({
        let client = client.clone();
        async move { client.write(put("a"), LONG).await }
    });
    until("the write is sent", || node.writes_heard() == 1).await;
    write.abort();
    assert!(write.await.expect_err("was dropped").is_cancelled());
    for _ in 0..3 {
        client.write(put("b"), LONG).await.expect("is taken");
    }
    // Its number is acknowledged, so the cluster lets go of it as well.
    assert_eq!(node.numbers_heard(), [(1, 1, 0), (1, 2, 1), (1, 3, 2), (1, 4, 3)]);
    assert_eq!(node.connections(), 1);
}

#[tokio::test]
async fn a_write_that_is_dropped_before_it_is_sent_never_will_be() {
    let leads = Arc::new(AtomicBool::new(false));
    let node = Scripted::start(1, {
        let leads = Arc::clone(&leads);
        move |body| if leads.load(SeqCst) { leader(body) } else { follower_of(9, None)(body) }
    })
    .await;
    let client = client(&[&node.address]);
    let dropped = client.write(put("dropped"), LONG);
    assert!(tokio::time::timeout(Duration::from_millis(50), dropped).await.is_err(), "no node leads");
    leads.store(true, SeqCst);
    client.write(put("kept"), LONG).await.expect("is taken");
    let is_dropped = |body: &RequestBody| matches!(body, RequestBody::SessionWrite(write) if write.write == put("dropped"));
    let before = node.count(is_dropped);
    client.read(get("kept"), LONG).await.expect("is answered");
    assert_eq!(
        (node.count(is_dropped), before),
        (before, node.count(is_dropped)),
        "nothing more of it is sent"
    );
}

#[tokio::test]
async fn a_future_that_is_never_polled_does_nothing() {
    let node = Scripted::start(1, leader).await;
    let client = client(&[&node.address]);
    drop(client.write(put("a"), LONG));
    assert!(client.put("a", "b").now_or_never().is_none(), "the first poll does not wait");
    assert_eq!(node.writes_heard(), 0);
}

#[tokio::test]
async fn the_short_forms_have_the_deadline_of_the_options() {
    let node = Scripted::start(1, |body| match body {
        RequestBody::Status => Act::Say(support::status(1)),
        _ => Act::Nothing,
    })
    .await;
    let options = Options { deadline: SHORT, ..Options::default() };
    let client = Client::new(&[&node.address], options).unwrap();
    let start = Instant::now();
    let read = client.get("a").await.expect_err("no answer");
    assert!(matches!(read, ClientError::TimedOut { after: SHORT, .. }), "{read}");
    let write = client.put("a", "b").await.expect_err("no answer");
    assert!(write.may_have_happened(), "{write}");
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
}

#[tokio::test]
async fn the_short_forms_give_what_was_asked_for() {
    let node = Scripted::start(1, |body| match body {
        RequestBody::Read(Read::Get { key }) if key == "none" => answer(Answer::Value(None)),
        RequestBody::Read(Read::Get { .. }) => answer(Answer::Value(Some("blue".into()))),
        RequestBody::SessionWrite(write) => match &write.write {
            Write::Put { .. } | Write::CompareAndSet { expected: None, .. } => answer(Answer::Stored),
            Write::Delete { key } => answer(Answer::Deleted { existed: key != "none" }),
            Write::CompareAndSet { .. } => answer(Answer::Mismatch { current: Some("blue".into()) }),
        },
        _ => Act::Nothing,
    })
    .await;
    let client = client(&[&node.address]);
    assert_eq!(client.get("a").await, Ok(Some("blue".into())));
    assert_eq!(client.get(String::from("none")).await, Ok(None));
    assert_eq!(client.put(vec![1, 2], "b").await, Ok(()));
    assert_eq!((client.delete("a").await, client.delete("none").await), (Ok(true), Ok(false)));
    assert_eq!(client.compare_and_set("a", None, "b").await, Ok(CompareAndSet::Stored));
    let differs = client.compare_and_set("a", Some("red".into()), "b").await;
    assert_eq!(differs, Ok(CompareAndSet::Mismatch { current: Some("blue".into()) }));
}

#[tokio::test]
async fn an_answer_to_something_else_leaves_a_write_in_doubt() {
    let node = Scripted::start(1, |_| answer(Answer::Value(None))).await;
    let client = client(&[&node.address]);
    assert!(client.put("a", "b").await.expect_err("is no answer").may_have_happened());
    assert!(client.delete("a").await.expect_err("is no answer").may_have_happened());
}

/// A leader with keys `k0` to `k9`, three on a page.
async fn paging(fails_at: usize) -> Scripted {
    let asked = AtomicUsize::new(0);
    Scripted::start(1, move |body| {
        let RequestBody::Read(Read::List { after, .. }) = body else { return Act::Nothing };
        if asked.fetch_add(1, SeqCst) == fails_at {
            return failed(Failure::Invalid("enough".to_owned()));
        }
        let from = after.as_ref().map_or(0, |after| after[1] - b'0' + 1);
        let pair = |n: u8| (Bytes::from(format!("k{n}")), Bytes::from(n.to_string()));
        let pairs = (from..10).take(3).map(pair).collect();
        answer(Answer::Page { pairs, more: from + 3 < 10 })
    })
    .await
}

#[tokio::test]
async fn a_list_turns_its_pages_by_itself() {
    let node = paging(usize::MAX).await;
    let pairs: Vec<_> = client(&[&node.address]).list("k").try_collect().await.expect("all of them");
    let keys: Vec<_> = pairs.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys, (0..10).map(|n| Bytes::from(format!("k{n}"))).collect::<Vec<_>>());
    assert_eq!(node.reads_heard(), 4);
}

#[tokio::test]
async fn a_list_asks_for_a_page_only_when_it_is_wanted_and_ends_after_an_error() {
    let node = paging(1).await;
    let mut list = client(&[&node.address]).list("k");
    for n in 0..3 {
        assert_eq!(list.try_next().await.expect("is there").expect("is there").0, format!("k{n}"));
    }
    assert_eq!(node.reads_heard(), 1);
    let error = list.try_next().await.expect_err("the second page fails");
    assert!(matches!(error, ClientError::Rejected { .. }), "{error}");
    assert_eq!(list.try_next().await, Ok(None));
}

#[tokio::test]
async fn who_leads_is_found_and_where_from_a_hint() {
    let leading = Scripted::start(1, leader).await;
    let follower = Scripted::start(2, follower_of(1, Some(leading.address.clone()))).await;
    let client = client(&[&follower.address]);
    assert_eq!(client.addresses(), std::slice::from_ref(&follower.address));
    let found = client.find_leader(LONG).await.expect("is found");
    assert_eq!((found.node.0, &found.address), (1, &leading.address));
    assert_eq!(client.addresses(), [follower.address.clone(), leading.address.clone()]);
}

#[tokio::test]
async fn rounds_that_bring_nothing_are_some_way_apart() {
    let asked = Arc::<Mutex<Vec<Instant>>>::default();
    let times = Arc::clone(&asked);
    let node = Scripted::start_bare(1, move |body| {
        times.lock().expect("no panic").push(Instant::now());
        follower_of(9, None)(body)
    })
    .await;
    client(&[&node.address]).read(get("a"), SHORT).await.expect_err("no node leads");
    let asked = asked.lock().expect("no panic").len();
    assert!((8..=80).contains(&asked), "asked {asked} times in {SHORT:?}, 10 to 100 ms apart");
}

#[tokio::test]
async fn a_deadline_may_be_as_long_as_can_be_written() {
    let node = Scripted::start(1, leader).await;
    let options = Options { patience: Duration::MAX, deadline: Duration::MAX, ..Options::default() };
    let client = Client::connect(&[&node.address], options).await.expect("is there");
    client.write(put("a"), Duration::MAX).await.expect("is taken");
    client.status(&node.address, Duration::MAX).await.expect("is answered");
}
