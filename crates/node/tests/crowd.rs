//! Many at once, over real sockets: what a crowd may take up of a node's memory, places, time and log, and that those who have
//! something to say are served beside it.

mod support;

use bytes::{BufMut, Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use raftdeck_client::{Dialed, Transport, dial};
use raftdeck_protocol::frame::{self, MAX_FRAME};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Hello, Request, RequestBody, Response, ResponseBody, Write as Change};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;
use support::{Cluster, Node, PATIENCE, QUICK, STEADY, block_on, eventually, get, put};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// As many clients as a port serves from one address.
const PER_ADDRESS: usize = 256;

/// What a node may take up beside a crowd, in bytes: 64 MiB of unfinished frames, and what it takes up otherwise, with room for
/// what the allocator keeps.
const MAX_RESIDENT: u64 = 200 << 20;

/// What a process has in memory now, in bytes; `None` where the system does not say.
fn resident(node: &Node) -> Option<u64> {
    let pid = node.pid().as_raw_nonzero();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}

/// A client past its handshake; `None`: it was turned away.
async fn guest(address: &str) -> Option<Dialed> {
    dial(address, &Hello::new("raftdeck", Role::Client), PATIENCE).await.ok()
}

async fn ask(dialed: &mut Dialed, id: u64, body: RequestBody) {
    dialed.frames.send(frame::encode(&Request { id, body })).await.expect("the node reads");
}

async fn hear(dialed: &mut Dialed) -> ResponseBody {
    let heard = timeout(PATIENCE, dialed.frames.next()).await.expect("in time");
    let content = heard.expect("is open").expect("a frame");
    frame::decode::<Response>("response", &content).expect("a response").body
}

fn plain(dialed: Dialed) -> tokio::net::TcpStream {
    match dialed.frames.into_parts().io {
        Transport::Plain(stream) => stream,
        Transport::Tls(_) => unreachable!("there is no TLS here"),
    }
}

async fn is_closed(stream: &mut tokio::net::TcpStream) -> bool {
    let end = async { while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {} };
    timeout(PATIENCE * 2, end).await.is_ok()
}

#[test]
fn a_crowd_of_unfinished_frames_takes_up_no_more_than_its_budget() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("before");
    let node = cluster.node(1);
    block_on(async {
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let mut stream = plain(guest(&node.addresses().client).await.expect("is let in"));
            crowd.spawn(async move {
                let mut begun = BytesMut::new();
                begun.put_u32(u32::try_from(MAX_FRAME).expect("fits"));
                begun.resize(MAX_FRAME, 0);
                // Some are closed while they send.
                let _ = stream.write_all(&begun).await;
                stream
            });
        }
        let crowd = crowd.join_all().await;
        eventually("the log says so", || node.log().contains("unfinished frames use more").then_some(()));
        if let Some(bytes) = resident(node) {
            assert!(bytes < MAX_RESIDENT, "{} MiB", bytes >> 20);
        }
        cluster.client().write(put("beside", "b"), PATIENCE).await.expect("others are served");
        drop(crowd);
    });
    eventually("it is given back", || (resident(node).unwrap_or_default() < MAX_RESIDENT).then_some(()));
    cluster.assert_serves("after");
}

#[test]
fn a_frame_that_is_never_finished_ends_its_connection() {
    let cluster = Cluster::start(1, &QUICK);
    let node = cluster.node(1);
    block_on(async {
        let mut idle = guest(&node.addresses().client).await.expect("is let in");
        let mut stream = plain(guest(&node.addresses().client).await.expect("is let in"));
        stream.write_all(&[0, 0]).await.expect("the node reads");
        let began = Instant::now();
        assert!(is_closed(&mut stream).await, "after {:?}", began.elapsed());
        eventually("the log says so", || node.log().contains("a frame was not complete").then_some(()));
        // Whoever has begun none may wait.
        ask(&mut idle, 1, RequestBody::Status).await;
        assert!(matches!(hear(&mut idle).await, ResponseBody::Status(_)));
    });
}

/// An HTTP connection that is kept, after one request.
fn keep_alive(address: &str) -> Option<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).expect("the system accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("is not zero");
    let mut lines = BufReader::new(stream);
    asks_again(&mut lines).then_some(lines)
}

/// Whether one more request is answered with 200.
fn asks_again(lines: &mut BufReader<TcpStream>) -> bool {
    let sent = lines.get_mut().write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut status = String::new();
    if sent.is_err() || !lines.read_line(&mut status).is_ok_and(|read| read > 0) {
        return false;
    }
    let mut length = 0;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).expect("the head arrives");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().expect("a number");
        }
        if line == "\r\n" {
            break;
        }
    }
    lines.read_exact(&mut vec![0; length]).expect("the body arrives");
    status.starts_with("HTTP/1.1 200 ")
}

#[test]
fn polite_http_connections_that_are_kept_make_room_for_others() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("before");
    let node = cluster.node(1);
    let mut kept: Vec<_> =
        (0..192).map(|_| keep_alive(&node.addresses().http).expect("there is room")).collect();
    let mut closed = 0;
    for _ in 0..3 {
        for _ in 0..4 {
            let other = node.http("GET", "/health", "");
            assert_eq!(other.status, 200, "{other:?}");
        }
        // Most of them ask again, and so are not let go for their silence. Those that were let go connect anew.
        for connection in &mut kept {
            if !asks_again(connection) {
                closed += 1;
                *connection = keep_alive(&node.addresses().http).expect("there is room for it again");
            }
        }
    }
    assert!(closed > 0, "nobody made room");
}

#[test]
fn idle_clients_make_room_for_others_and_a_client_of_the_crate_does_not_notice() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("before");
    let address = &cluster.node(1).addresses().client;
    block_on(async {
        let early = cluster.client();
        early.write(put("early", "1"), PATIENCE).await.expect("is served");
        let mut crowd = Vec::new();
        for nth in 0..PER_ADDRESS + 50 {
            crowd.push(guest(address).await.unwrap_or_else(|| panic!("the {nth}th is turned away")));
        }
        // Its connection was the first to go, and it was told nothing of it.
        early.write(put("early", "2"), PATIENCE).await.expect("is served");
        let late = cluster.client();
        late.write(put("late", "1"), PATIENCE).await.expect("is served");
    });
    assert_eq!(cluster.node(1).http("GET", "/get?key=early", "").json()["value"], "2");
}

#[test]
fn whoever_watches_keeps_its_place_and_whoever_never_reads_does_not() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("before");
    let node = cluster.node(1);
    let address = &node.addresses().client;
    block_on(async {
        let large = Change::Put { key: "large".into(), value: vec![7; 1 << 20].into() };
        cluster.client().write(large, PATIENCE).await.expect("is served");
        let mut deaf = plain(guest(address).await.expect("there is room"));
        let mut requests = BytesMut::new();
        for id in 0..64 {
            frame::put(&Request { id, body: RequestBody::Read(get("large")) }, &mut requests);
        }
        deaf.write_all(&requests).await.expect("the node reads");
        deaf.read_u8().await.expect("it answers, and is not heard any further");
        let mut watching = Vec::new();
        // The node's own connections are idle, and make room too.
        while let Some(mut watcher) = guest(address).await {
            ask(&mut watcher, 1, RequestBody::Watch { prefix: Bytes::new(), after: None }).await;
            assert!(matches!(hear(&mut watcher).await, ResponseBody::Watching { .. }));
            watching.push(watcher);
            assert!(watching.len() < PER_ADDRESS, "all of them listen");
        }
        assert!(watching.len() > PER_ADDRESS / 2, "{} watch", watching.len());
        eventually("the log says so", || node.log().contains("the Client port already serves").then_some(()));
        // Those who wait try again until the one that takes nothing has made room.
        let until = Instant::now() + PATIENCE;
        while guest(address).await.is_none() {
            assert!(Instant::now() < until, "nobody made room");
        }
        for mut watcher in watching {
            ask(&mut watcher, 2, RequestBody::Status).await;
        }
    });
}

#[test]
fn a_flood_of_connections_to_the_raft_port_stops_nobody_and_fills_no_log() {
    let cluster = Cluster::start(3, &STEADY);
    let (leader, term) = cluster.leader();
    let node = cluster.node(leader);
    let first = {
        let mut bytes = BytesMut::new();
        bytes.put_u32(5);
        bytes.put_slice(b"hello");
        bytes
    };
    let mut count = 0;
    // Until the node says that it has counted the rest.
    eventually("a summary", || {
        for _ in 0..2000 {
            if let Ok(mut stream) = TcpStream::connect(&node.addresses().raft) {
                let _ = stream.write_all(&first);
            }
            count += 1;
        }
        cluster.assert_serves(&format!("beside-{count}"));
        node.log().contains(" more connections from 1 address in the last 10 s").then_some(())
    });
    assert_eq!(cluster.leader(), (leader, term), "nobody campaigned");
    let log = node.log();
    let refused =
        log.lines().filter(|line| line.contains("refused") || line.contains("dropped a connection"));
    let refused = refused.count();
    assert!(refused < 200, "{refused} lines for {count} connections");
    assert!(
        log.contains("on the Raft port: it connects too often") || log.contains(" more connections"),
        "{log}"
    );
}
