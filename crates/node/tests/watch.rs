//! Watching keys: every committed change once and in order, from whichever node, and nobody else feels it.

mod support;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use raftdeck_client::{Changes, Client, ClientError, Dialed, Options, Watch, dial};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{
    Answer, Change, Failure, Hello, Read, Request, RequestBody, Response, ResponseBody, Write, frame,
};
use rustix::process::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use support::wire::status;
use support::{Cluster, PATIENCE, QUICK, STEADY, block_on, eventually, put};

/// So large that not many of them are kept.
const LARGE: usize = 512 << 10;

async fn next(watch: &mut Watch) -> Changes {
    let next = tokio::time::timeout(PATIENCE, watch.next()).await;
    next.expect("something comes").expect("a watch has no end").expect("and meets no error")
}

/// Changes until one of this entry, or a later one, is told.
async fn changes_through(watch: &mut Watch, index: u64) -> Vec<Change> {
    let (mut told, mut through) = (Vec::new(), 0);
    while through < index {
        let next = next(watch).await;
        told.extend(next.changes);
        through = next.through;
    }
    told
}

async fn error_of(watch: &mut Watch) -> ClientError {
    let end = async {
        loop {
            if let Err(error) = watch.next().await.expect("an error before the end") {
                return error;
            }
        }
    };
    tokio::time::timeout(PATIENCE, end).await.expect("it ends")
}

/// The client of one node.
fn client_of(cluster: &Cluster, ids: &[u64]) -> Client {
    let addresses: Vec<String> = ids.iter().map(|id| cluster.node(*id).addresses().raft.clone()).collect();
    Client::new(&addresses, Options::default()).expect("addresses")
}

async fn write_large(client: &Client, key: &str, count: usize) {
    for _ in 0..count {
        let write = Write::Put { key: key.to_owned().into(), value: vec![b'v'; LARGE].into() };
        client.write(write, PATIENCE).await.expect("the cluster takes writes");
    }
}

#[test]
fn what_changes_is_told_in_the_order_of_the_log_and_nothing_else() {
    let cluster = Cluster::start(3, &STEADY);
    let (leader, _) = cluster.leader();
    block_on(async {
        let client = cluster.client();
        let mut all = client.watch(Bytes::new(), Some(0));
        let mut of_prefix = client.watch("a/".into(), None);
        let begins = next(&mut of_prefix).await;
        assert_eq!(begins.changes, []);
        let cas = |expected: &'static str, value: &'static str| Write::CompareAndSet {
            key: "a/1".into(),
            expected: Some(expected.into()),
            value: value.into(),
        };
        let delete = |key: &'static str| Write::Delete { key: key.into() };
        let mut expected = Vec::new();
        for (write, value) in [
            (put("a/1", "1"), Some(Some("1"))),
            (put("b", "1"), Some(Some("1"))),
            (cas("2", "3"), None),
            (cas("1", "2"), Some(Some("2"))),
            (delete("none"), None),
            (delete("a/1"), Some(None)),
        ] {
            let done = client.write(write.clone(), PATIENCE).await.unwrap();
            expected.extend(value.map(|value| Change {
                index: done.at.index.0,
                key: write.key().clone(),
                value: value.map(Into::into),
            }));
        }
        // A repeated write changes nothing.
        for _ in 0..2 {
            client.write_named("once".into(), put("a/2", ""), PATIENCE).await.unwrap();
        }
        let last = client.write(put("a/3", "end"), PATIENCE).await.unwrap().at.index.0;
        let told = changes_through(&mut all, last).await;
        assert_eq!(told[..4], expected);
        let keys: Vec<&[u8]> = told.iter().map(|change| &change.key[..]).collect();
        assert_eq!(keys[4..], [&b"a/2"[..], b"a/3"]);
        let told: Vec<u64> = changes_through(&mut of_prefix, last).await.iter().map(|c| c.index).collect();
        let rest = expected.iter().filter(|change| change.key != "b").map(|change| change.index);
        assert_eq!(told[..3], rest.collect::<Vec<_>>());
        assert_eq!(told.len(), 5);
        // Any node tells the same.
        for id in 1..=3 {
            let address = &cluster.node(id).addresses().client;
            let mut there = client.watch_at(address, Bytes::new(), Some(0));
            let told = changes_through(&mut there, last).await;
            assert_eq!(told[..4], expected, "n{id}, n{leader} leads");
            assert_eq!(there.node().map(|node| node.0), Some(id));
        }
    });
}

/// Writes one key after the other until it is told to end; gives the index and the key of each write that was acknowledged.
fn write_on(client: Client, over: Arc<AtomicBool>) -> JoinHandle<Vec<(u64, Bytes)>> {
    thread::spawn(move || {
        block_on(async {
            let mut written = Vec::new();
            for nth in 0.. {
                let key = format!("w/{nth:06}");
                let done = client.write_named(key.clone().into(), put(&key, "value"), PATIENCE).await;
                let at = done.expect("a named write is repeated until it is done").at;
                written.push((at.index.0, key.into()));
                if over.load(SeqCst) {
                    break;
                }
            }
            written
        })
    })
}

/// The index and the key of each change until it is enough, judged by who told the last one and by all so far.
async fn told_until(
    watch: &mut Watch,
    told: &mut Vec<(u64, Bytes)>,
    is_enough: impl Fn(u64, &[(u64, Bytes)]) -> bool,
) {
    let until = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < until, "not within {PATIENCE:?}; told {} changes", told.len());
        let changes = next(watch).await.changes;
        told.extend(changes.into_iter().map(|change| (change.index, change.key)));
        let node = watch.node().expect("somebody told it").0;
        if !told.is_empty() && is_enough(node, told) {
            return;
        }
    }
}

#[test]
fn a_watch_goes_on_without_a_gap_or_a_repetition_when_the_node_that_told_it_is_killed() {
    let mut cluster = Cluster::start(3, &QUICK);
    let (leader, _) = cluster.leader();
    let over = Arc::new(AtomicBool::new(false));
    // Named by its addresses, which outlive a node's process.
    let (first, client) =
        (client_of(&cluster, &[leader, leader % 3 + 1, (leader + 1) % 3 + 1]), cluster.client());
    let writer = write_on(client, Arc::clone(&over));
    let mut watch = first.watch("w/".into(), Some(0));
    let mut told = Vec::new();
    block_on(async {
        // The leader first, and then whoever tells it next.
        for _ in 0..4 {
            told_until(&mut watch, &mut told, |_, _| true).await;
            let teller = watch.node().expect("somebody told it").0;
            let killed_at = told.len();
            cluster.kill(teller);
            // What it had sent before comes still.
            told_until(&mut watch, &mut told, |node, told| node != teller && told.len() > killed_at + 20)
                .await;
            cluster.restart(teller);
        }
        over.store(true, SeqCst);
        let written = thread::spawn(|| writer.join().expect("the writer ends")).join().expect("so does this");
        let (last, _) = *written.last().expect("it wrote");
        told_until(&mut watch, &mut told, |_, told| told.last().is_some_and(|(index, _)| *index >= last))
            .await;
        assert!(told == written, "told {} changes of {}", told.len(), written.len());
    });
}

#[test]
fn a_node_that_gives_no_sign_of_life_is_left_for_another_one() {
    let cluster = Cluster::start(3, &QUICK);
    let (leader, _) = cluster.leader();
    let follower = leader % 3 + 1;
    block_on(async {
        let client = client_of(&cluster, &[follower, leader]);
        let mut watch = client.watch(Bytes::new(), None);
        next(&mut watch).await;
        assert_eq!(watch.node().map(|node| node.0), Some(follower));
        cluster.node(follower).pause();
        let writer = client_of(&cluster, &[leader]);
        let at = writer.write(put("color", "blue"), PATIENCE).await.unwrap().at.index.0;
        let told = changes_through(&mut watch, at).await;
        assert_eq!((told.len(), watch.node().map(|node| node.0)), (1, Some(leader)));
        cluster.node(follower).signal(Signal::CONT);
    });
}

#[test]
fn a_node_that_knows_no_leader_is_left() {
    let mut cluster = Cluster::start(3, &QUICK);
    let (leader, _) = cluster.leader();
    let left = leader % 3 + 1;
    block_on(async {
        let address = cluster.node(left).addresses().client.clone();
        let mut watch = cluster.client().watch_at(&address, Bytes::new(), None);
        next(&mut watch).await;
        (1..=3).filter(|id| *id != left).for_each(|id| cluster.kill(id));
        let error = error_of(&mut watch).await;
        assert!(
            matches!(&error, ClientError::Broken { why, .. } if why.contains("does not answer")),
            "{error}"
        );
    });
}

#[test]
fn who_asks_for_what_is_forgotten_is_told_what_is_kept() {
    let cluster = Cluster::start(1, &STEADY);
    cluster.leader();
    block_on(async {
        let client = cluster.client();
        write_large(&client, "large", 40).await;
        let error = error_of(&mut client.watch(Bytes::new(), Some(0))).await;
        let ClientError::Forgotten { oldest } = error else { panic!("{error}") };
        let mut kept = client.watch(Bytes::new(), Some(oldest));
        assert_eq!(next(&mut kept).await.through, oldest);
        // As the error says: list the keys, and watch from there.
        let list = Read::List { prefix: Bytes::new(), after: None, limit: 10 };
        let listed = client.read(list, PATIENCE).await.unwrap();
        let mut watch = client.watch(Bytes::new(), Some(listed.at.index.0));
        let at = client.write(put("color", "blue"), PATIENCE).await.unwrap().at.index.0;
        assert_eq!(changes_through(&mut watch, at).await.len(), 1);
    });
}

#[test]
fn a_node_that_skipped_entries_by_a_snapshot_does_not_know_what_changed_in_them() {
    let args = [&STEADY[..], &["--snapshot-entries", "50"]].concat();
    let mut cluster = Cluster::start(3, &args);
    let (leader, _) = cluster.leader();
    let away = leader % 3 + 1;
    let client = client_of(&cluster, &[leader]);
    let write = |key: &str, value: &str| {
        block_on(client.write(put(key, value), PATIENCE)).expect("it is done").at.index.0
    };
    let early = write("early", "");
    cluster.kill(away);
    block_on(async {
        for nth in 0..400 {
            client.write(put(&format!("{}", nth % 10), &"v".repeat(100)), PATIENCE).await.unwrap();
        }
    });
    eventually("the leader releases what the other lacks", || {
        (status(cluster.node(leader))?.raft.purged.0 > early + 10).then_some(())
    });
    cluster.restart(away);
    let at = write("late", "");
    eventually("it has caught up", || (status(cluster.node(away))?.raft.applied.0 >= at).then_some(()));
    block_on(async {
        let there = cluster.node(away).addresses().client.clone();
        let error = error_of(&mut client.watch_at(&there, Bytes::new(), Some(early))).await;
        assert!(matches!(error, ClientError::Forgotten { oldest } if oldest > early), "{error}");
        // Others know: a client that may ask them is told everything.
        let mut watch = client_of(&cluster, &[away, leader]).watch(Bytes::new(), Some(early));
        assert_eq!(changes_through(&mut watch, at).await.len(), 401);
        assert_eq!(watch.node().map(|node| node.0), Some(leader));
    });
}

async fn connect(cluster: &Cluster, id: u64) -> Dialed {
    let hello = Hello::new("raftdeck", Role::Client);
    dial(&cluster.node(id).addresses().client, &hello, PATIENCE).await.expect("it lets clients in")
}

async fn ask(dialed: &mut Dialed, id: u64, body: RequestBody) {
    dialed.frames.send(frame::encode(&Request { id, body })).await.expect("it listens");
}

async fn hear(dialed: &mut Dialed) -> Response {
    let heard = tokio::time::timeout(PATIENCE, dialed.frames.next()).await.expect("it says something");
    frame::decode("response", &heard.expect("it is there").expect("the connection holds"))
        .expect("a response")
}

#[test]
fn watches_and_requests_share_a_connection() {
    let cluster = Cluster::start(1, &STEADY);
    cluster.leader();
    block_on(async {
        let mut dialed = connect(&cluster, 1).await;
        for (id, prefix) in [(1, "a"), (2, "b"), (3, "")] {
            ask(&mut dialed, id, RequestBody::Watch { prefix: prefix.into(), after: None }).await;
            assert!(
                matches!(hear(&mut dialed).await, Response { id: of, body: ResponseBody::Watching { .. } } if of == id)
            );
        }
        for (nth, key) in (0..300_u64).zip(["a", "b", "c"].into_iter().cycle()) {
            ask(&mut dialed, 100 + nth, RequestBody::Write(put(key, "value"))).await;
        }
        let (mut told, mut done) = ([0, 0, 0], 0);
        while done < 300 || told != [100, 100, 300] {
            match hear(&mut dialed).await {
                Response { id, body: ResponseBody::Changes { changes, .. } } => {
                    told[usize::try_from(id - 1).unwrap()] += changes.len();
                }
                Response { body: ResponseBody::Done { .. }, .. } => done += 1,
                other => panic!("{other:?}"),
            }
        }
    });
}

#[test]
fn one_connection_has_few_watches_and_what_it_asks_too_much_is_refused() {
    let cluster = Cluster::start(1, &STEADY);
    cluster.leader();
    block_on(async {
        let mut dialed = connect(&cluster, 1).await;
        for id in 0..100 {
            ask(&mut dialed, id, RequestBody::Watch { prefix: Bytes::new(), after: None }).await;
        }
        ask(&mut dialed, 100, RequestBody::Watch { prefix: vec![b'k'; 5000].into(), after: None }).await;
        let (mut watching, mut refused) = (0, 0);
        while watching + refused < 101 {
            match hear(&mut dialed).await.body {
                ResponseBody::Watching { .. } => watching += 1,
                ResponseBody::Failed(Failure::Invalid(_) | Failure::Limit(_)) => refused += 1,
                ResponseBody::Changes { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((watching, refused), (16, 85));
    });
}

#[test]
fn a_watcher_that_reads_nothing_slows_nobody_and_is_told_what_it_missed() {
    let cluster = Cluster::start(1, &STEADY);
    cluster.leader();
    block_on(async {
        let mut deaf = Vec::new();
        for id in 0..4 {
            let mut dialed = connect(&cluster, 1).await;
            ask(&mut dialed, id, RequestBody::Watch { prefix: Bytes::new(), after: Some(0) }).await;
            deaf.push(dialed);
        }
        // More than the ring and the sockets hold.
        let client = cluster.client();
        write_large(&client, "large", 100).await;
        for dialed in &mut deaf {
            let mut through = 0;
            let oldest = loop {
                match hear(dialed).await.body {
                    ResponseBody::Watching { after } => assert_eq!(after, 0),
                    ResponseBody::Changes { changes, through: told } => {
                        assert!(changes.iter().all(|change| change.index > through));
                        through = told;
                    }
                    ResponseBody::Failed(Failure::Forgotten { oldest }) => break oldest,
                    other => panic!("{other:?}"),
                }
            };
            assert!(oldest > through, "told through {through}, kept after {oldest}");
            // The connection is as good as before.
            ask(dialed, 9, RequestBody::Read(support::get("none"))).await;
            let answered = hear(dialed).await.body;
            assert!(
                matches!(answered, ResponseBody::Done { answer: Answer::Value(None), .. }),
                "{answered:?}"
            );
        }
    });
}

#[test]
fn a_watch_that_is_dropped_closes_its_connection() {
    let cluster = Cluster::start(1, &STEADY);
    cluster.leader();
    block_on(async {
        let client = cluster.client();
        // More of them, one after the other, than a node has connections.
        for _ in 0..600 {
            let mut watch = client.watch(Bytes::new(), None);
            next(&mut watch).await;
        }
    });
}

#[test]
fn a_watch_that_can_reach_nobody_waits_for_somebody() {
    let mut cluster = Cluster::start(1, &STEADY);
    cluster.leader();
    block_on(async {
        let client = cluster.client();
        cluster.kill(1);
        let mut watch = client.watch(Bytes::new(), Some(0));
        assert!(tokio::time::timeout(Duration::from_millis(500), watch.next()).await.is_err());
        cluster.restart(1);
        cluster.leader();
        let at = client.write(put("color", "blue"), PATIENCE).await.unwrap().at.index.0;
        assert_eq!(changes_through(&mut watch, at).await.len(), 1);
    });
}

#[test]
fn a_watch_from_beyond_the_log_ends_with_where_the_log_ends() {
    let cluster = Cluster::start(3, &STEADY);
    cluster.leader();
    let client = cluster.client();
    block_on(async {
        let at = client.write(support::put("a", "b"), PATIENCE).await.expect("is taken").at.index.0;
        let addresses: Vec<String> = cluster.running().map(|node| node.addresses().client.clone()).collect();
        let watches = addresses.iter().map(|address| client.watch_at(address, Bytes::new(), Some(u64::MAX)));
        for mut watch in watches.chain([client.watch(Bytes::new(), Some(1 << 40))]) {
            let first = tokio::time::timeout(PATIENCE, watch.next()).await.expect("it is not silent");
            assert!(
                matches!(first, Some(Err(ClientError::BeyondLog { newest })) if newest >= at),
                "{first:?}"
            );
            assert!(watch.next().await.is_none(), "nothing follows an error");
        }
    });
}
