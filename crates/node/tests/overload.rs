//! More than a store can take: it says "busy", its memory has a bound, and nobody loses the leadership over it.
//!
//! `RAFTDECK_OVERLOAD_SECS=60 cargo test --release -p raftdeck-node --test overload` keeps it up for a minute.

mod support;

use bytes::{Bytes, BytesMut};
use raftdeck_client::{Frames, dial};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Failure, Hello, NodeStatus, Request, RequestBody, Response, ResponseBody, frame};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use support::{Cluster, Node, PATIENCE, block_on_for, wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

/// Each has as many requests under way as a connection may have: together twice as many as may wait at a node, over and over.
const CONNECTIONS: u64 = 16;
const IN_FLIGHT: u64 = 1024;

/// The keys that are written, over and over: the state stays small, the log does not.
const KEYS: u64 = 1000;
const VALUE: usize = 1024;

/// What a node may take up meanwhile, in bytes: 64 MiB of the log in memory as far as it is not committed, 32 MiB as far as it
/// is, 24 MiB under way to each peer, 64 MiB of a snapshot's log, and what it takes besides.
const MAX_RESIDENT: u64 = 256 << 20;

#[derive(Debug, Default)]
struct Told {
    done: AtomicU64,
    busy: AtomicU64,
    other: AtomicU64,
    over: AtomicBool,
}

/// Asks as much as may be under way, and again for each answer, until it is over and all is answered.
async fn flood(address: String, told: &Told, seed: u64) {
    let hello = Hello::new("raftdeck", Role::Client);
    let frames: Frames = dial(&address, &hello, PATIENCE).await.expect("is let in").frames;
    let parts = frames.into_parts();
    let mut buffer = parts.read_buf;
    let (mut reader, mut writer) = tokio::io::split(parts.io);
    let value = Bytes::from(vec![b'x'; VALUE]);
    let (mut asked, mut answered) = (0, 0);
    let mut requests = BytesMut::new();
    loop {
        while asked < answered + IN_FLIGHT && !told.over.load(Relaxed) {
            let key = format!("key-{}", (seed + asked) % KEYS).into();
            let write = raftdeck_protocol::Write::Put { key, value: value.clone() };
            frame::put(&Request { id: asked, body: RequestBody::Write(write) }, &mut requests);
            asked += 1;
        }
        if asked == answered {
            return;
        }
        tokio::select! {
            sent = writer.write_buf(&mut requests), if !requests.is_empty() => drop(sent.expect("the node reads")),
            read = reader.read_buf(&mut buffer) => assert!(read.expect("the node answers") > 0, "it is open"),
        }
        while let Some(content) = frame::take(&mut buffer, frame::MAX_FRAME).expect("frames") {
            let response: Response = frame::decode("response", &content).expect("a response");
            answered += 1;
            let count = match response.body {
                ResponseBody::Done { .. } => &told.done,
                ResponseBody::Failed(Failure::Busy) => &told.busy,
                other => {
                    eprintln!("{other:?}");
                    &told.other
                }
            };
            count.fetch_add(1, Relaxed);
        }
    }
}

/// What a process has in memory now, in bytes; `None` where the system does not say.
fn resident(node: &Node) -> Option<u64> {
    let pid = node.pid().as_raw_nonzero();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

/// The node's status, which a starved machine may give late, but gives.
async fn status_meanwhile(address: &str) -> Box<NodeStatus> {
    let until = Instant::now() + PATIENCE;
    loop {
        match wire::try_ask(address, Role::Client, RequestBody::Status).await {
            Some(ResponseBody::Status(status)) => return status,
            None => assert!(Instant::now() < until, "no status within {PATIENCE:?}"),
            Some(other) => panic!("not a status: {other:?}"),
        }
    }
}

#[test]
fn a_store_that_is_asked_too_much_says_so_and_keeps_its_leader_and_its_bounds() {
    let span = std::env::var("RAFTDECK_OVERLOAD_SECS").ok().and_then(|secs| secs.parse().ok()).unwrap_or(8);
    // Room for a machine that is busy with other work; on an idle one, `--election 150..300` holds as well.
    let cluster = Cluster::start(3, &["--heartbeat", "50", "--election", "5000..7000"]);
    let (leader, term) = cluster.leader();
    let address = cluster.node(leader).addresses().client.clone();
    let told = std::sync::Arc::new(Told::default());
    let limit = Duration::from_secs(span) + 3 * PATIENCE;
    block_on_for(limit, async {
        let mut crowd = JoinSet::new();
        for nth in 0..CONNECTIONS {
            let (address, told) = (address.clone(), std::sync::Arc::clone(&told));
            crowd.spawn(async move { flood(address, &told, nth * 61).await });
        }
        let start = Instant::now();
        let (until, at_last) =
            (start + Duration::from_secs(span), start + Duration::from_secs(span) + PATIENCE);
        // On a starved machine it takes longer until the crowd has asked more than the node can hold.
        let is_flooded = || told.done.load(Relaxed) > 0 && told.busy.load(Relaxed) > 0;
        while Instant::now() < until || (!is_flooded() && Instant::now() < at_last) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            // A request that needs no turn is answered meanwhile.
            let status = status_meanwhile(&address).await;
            assert_eq!((status.raft.leader.map(|id| id.0), status.raft.term.0), (Some(leader), term));
        }
        told.over.store(true, Relaxed);
        while let Some(flood) = crowd.join_next().await {
            flood.expect("every request is answered");
        }
    });
    let [done, busy, other] = [&told.done, &told.busy, &told.other].map(|count| count.load(Relaxed));
    eprintln!("{done} done, {busy} busy, {other} otherwise, in {span} s");
    assert!(done > 0 && busy > 0, "it takes in what it can, and says so of the rest");
    assert_eq!(other, 0);
    assert_eq!(cluster.leader(), (leader, term), "nobody campaigned");
    cluster.await_equal();
    for node in cluster.running() {
        let resident = resident(node);
        eprintln!("{}: {} MiB at most", node.id(), resident.unwrap_or_default() >> 20);
        assert!(resident.is_none_or(|bytes| bytes < MAX_RESIDENT));
    }
}
