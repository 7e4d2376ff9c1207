//! Not one, but many at once: those who say nothing, those who ask and do not listen, and those who listen to everything.

use crate::row::{connect, enter, framed, hello};
use crate::support::{Cluster, eventually, http};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Request, RequestBody, frame};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// This many connections in all are idle.
const IDLE: usize = 10_000;

/// What a test's process needs besides.
const SPARE: u64 = 500;

/// Many at once.
pub(crate) struct Crowd {
    pub(crate) name: &'static str,
    pub(crate) come: fn(&Cluster),
}

pub(crate) fn all() -> Vec<Crowd> {
    vec![
        Crowd { name: "ten thousand that say nothing", come: idle },
        Crowd { name: "a hundred that subscribe and never listen", come: deaf_to_telemetry },
        Crowd { name: "one that subscribes without end", come: subscribes_again },
        Crowd { name: "a hundred that watch and never listen", come: deaf_to_changes },
        Crowd { name: "two hundred that watch over HTTP and never listen", come: deaf_to_events },
    ]
}

/// As many files as the system lets this process have; in waves if these are too few.
fn room() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(most.saturating_sub(SPARE)).unwrap_or(IDLE).max(100)
}

/// They come to all ports of all nodes. Who has something to say is served while they are there.
fn idle(cluster: &Cluster) {
    let ports: Vec<String> = cluster
        .running()
        .flat_map(|node| {
            let node = node.addresses();
            [node.raft.clone(), node.client.clone(), node.http.clone()]
        })
        .collect();
    let room = room();
    let mut left = IDLE;
    while left > 0 {
        let wave = left.min(room);
        // Some are turned away at once, which is the node's right.
        let crowd: Vec<TcpStream> =
            (0..wave).filter_map(|nth| TcpStream::connect(&ports[nth % ports.len()]).ok()).collect();
        assert!(crowd.len() > wave / 2, "only {} of {wave} connected", crowd.len());
        cluster.assert_serves(&format!("beside-a-crowd-of-{left}"));
        drop(crowd);
        left -= wave;
    }
}

fn ask(stream: &mut TcpStream, id: u64, body: RequestBody) {
    // A node may have closed it: that is an answer too.
    let _ = stream.write_all(&framed(&frame::encode(&Request { id, body })));
}

fn deaf_to_telemetry(cluster: &Cluster) {
    let deaf: Vec<TcpStream> = (0..99)
        .map(|nth| {
            let mut stream = enter(&cluster.node(nth % 3 + 1).addresses().client, Role::Client);
            ask(&mut stream, 1, RequestBody::Subscribe);
            stream
        })
        .collect();
    busy(cluster);
    drop(deaf);
}

/// A subscription takes the place of the one before.
fn subscribes_again(cluster: &Cluster) {
    let mut stream = connect(&cluster.node(1).addresses().client);
    stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    stream.write_all(&hello(Role::Client)).unwrap();
    let again = framed(&frame::encode(&Request { id: 1, body: RequestBody::Subscribe }));
    // At some point the node reads no further, as nobody listens.
    for _ in 0..1000 {
        if stream.write_all(&again.repeat(100)).is_err() {
            break;
        }
    }
}

fn deaf_to_changes(cluster: &Cluster) {
    let deaf: Vec<TcpStream> = (0..99)
        .map(|nth| {
            let mut stream = enter(&cluster.node(nth % 3 + 1).addresses().client, Role::Client);
            ask(&mut stream, 1, RequestBody::Watch { prefix: bytes::Bytes::new(), after: None });
            stream
        })
        .collect();
    busy(cluster);
    drop(deaf);
}

/// More than a node tells changes to: those who come too late are told so, and who asks for something else is served.
fn deaf_to_events(cluster: &Cluster) {
    let address = &cluster.node(1).addresses().http;
    let mut deaf: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = connect(address);
            stream.write_all(b"GET /watch HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            stream
        })
        .collect();
    eventually("no more are told", || {
        let answered = http(address, "GET", "/watch?after=x", "")?;
        assert_eq!(answered.status, 400, "{answered:?}");
        let mut late = connect(address);
        late.write_all(b"GET /watch HTTP/1.1\r\nhost: localhost\r\n\r\n").ok()?;
        let mut head = [0; 12];
        late.read_exact(&mut head).ok()?;
        if head == *b"HTTP/1.1 503" {
            return Some(());
        }
        // It has the place of one that was asked to leave, as those are that have read nothing for long.
        deaf.push(late);
        None
    });
    busy(cluster);
    drop(deaf);
}

/// Large values are written, so that there is much to tell.
fn busy(cluster: &Cluster) {
    let body = serde_json::json!({"key": "large", "value": "v".repeat(256 << 10)}).to_string();
    for _ in 0..60 {
        let node = cluster.node(1);
        assert_eq!(node.http("PUT", "/set", &body).status, 200);
    }
}
