//! Garbage, lies and silence on each of the ports: closed with a reason, and the cluster serves on.

mod support;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use raftdeck_client::{DialError, Dialed, dial};
use raftdeck_protocol::handshake::{MAGIC, Role, VERSION};
use raftdeck_protocol::{
    Hello, HelloReply, PeerFrame, RefusalReason, Request, RequestBody, Response, ResponseBody, frame,
};
use raftdeck_raft::{Message, NodeId, Term, VoteReply};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;
use support::{Cluster, Node, PATIENCE, QUICK, STEADY, block_on, eventually};

/// Sends bytes, says that there are no more, and gives back what comes until the node closes.
fn send(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the node accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("is not zero");
    // The node may close before it has taken all of it.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn framed(content: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(content.len()).expect("is short").to_be_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes
}

/// The node's answer to a first frame.
fn reply_to(address: &str, first: &[u8]) -> HelloReply {
    let answer = send(address, first);
    assert!(answer.len() > 4, "the node says why before it closes");
    frame::decode("handshake reply", &answer[4..]).expect("is a reply")
}

fn peer(id: u64, to: u64) -> Role {
    Role::Peer { id: NodeId(id), to: NodeId(to), client_address: "127.0.0.1:1".to_owned() }
}

fn both_ports(node: &Node) -> [String; 2] {
    [node.addresses().raft.clone(), node.addresses().client.clone()]
}

/// A connection past its handshake.
async fn enter(address: &str, role: Role) -> Dialed {
    dial(address, &Hello::new("raftdeck", role), PATIENCE).await.expect("is let in")
}

/// Waits until the node closes the connection.
async fn assert_closes(mut dialed: Dialed) {
    let closed = async { while let Some(Ok(_)) = dialed.frames.next().await {} };
    tokio::time::timeout(PATIENCE, closed).await.expect("the node closes the connection");
}

#[test]
fn garbage_on_any_port_is_refused_and_the_cluster_serves_on() {
    let cluster = Cluster::start(3, &STEADY);
    let (leader, term) = cluster.leader();
    let noise: Vec<u8> = (0..20_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    for node in cluster.running() {
        for address in both_ports(node) {
            let cases: [&[u8]; 6] = [
                b"GET / HTTP/1.1\r\n\r\n",
                &noise,
                &[0xff; 64],
                &framed(b"hello"),
                &framed(b""),
                &framed(&noise[..4096]),
            ];
            for bytes in cases {
                assert_eq!(reply_to(&address, bytes), HelloReply::Refused(RefusalReason::NotRaftdeck));
            }
            // Nothing, and half a frame: there is nobody to answer.
            for bytes in [&[][..], &[0, 0], &framed(b"hello")[..6]] {
                send(&address, bytes);
            }
        }
        for bytes in [
            &noise[..],
            &framed(b"hello"),
            b"GET /get?key=a HTT",
            b"PUT /set HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n",
        ] {
            send(&node.addresses().http, bytes);
        }
    }
    assert_eq!(cluster.leader(), (leader, term), "nobody lost the leadership over it");
    cluster.assert_serves("unharmed");
}

#[test]
fn wrong_handshakes_are_told_why() {
    let cluster = Cluster::start(3, &QUICK);
    cluster.leader();
    let one = cluster.node(1).addresses().clone();
    let hello = |cluster: &str, role: Role| framed(&frame::encode(&Hello::new(cluster, role)));
    let newer = {
        let mut hello = Hello::new("raftdeck", Role::Client);
        hello.version = VERSION + 1;
        assert_eq!(hello.magic, MAGIC);
        framed(&frame::encode(&hello))
    };
    let cluster_refusal =
        |theirs: &str| RefusalReason::Cluster { ours: "raftdeck".to_owned(), theirs: theirs.to_owned() };
    let cases = [
        (&one.raft, newer.clone(), RefusalReason::Version { ours: VERSION, theirs: VERSION + 1 }),
        (&one.client, newer, RefusalReason::Version { ours: VERSION, theirs: VERSION + 1 }),
        (&one.raft, hello("other", peer(2, 1)), cluster_refusal("other")),
        (&one.raft, hello("", peer(2, 1)), cluster_refusal("")),
        (&one.client, hello("other", Role::Client), cluster_refusal("other")),
        (
            &one.raft,
            hello("raftdeck", peer(1, 2)),
            RefusalReason::WrongNode { ours: NodeId(1), wanted: NodeId(2) },
        ),
        (&one.raft, hello("raftdeck", peer(9, 1)), RefusalReason::UnknownPeer { id: NodeId(9) }),
        (&one.raft, hello("raftdeck", peer(1, 1)), RefusalReason::UnknownPeer { id: NodeId(1) }),
        (&one.raft, hello("raftdeck", Role::Client), RefusalReason::WrongPort),
        (&one.client, hello("raftdeck", peer(2, 1)), RefusalReason::WrongPort),
    ];
    for (address, first, reason) in cases {
        assert_eq!(reply_to(address, &first), HelloReply::Refused(reason.clone()));
        eventually("the reason is in the log too", || {
            cluster.node(1).log().contains(&reason.to_string()).then_some(())
        });
    }
    block_on(async {
        let refused = dial(&one.raft, &Hello::new("raftdeck", Role::Client), PATIENCE).await;
        assert!(matches!(refused, Err(DialError::Refused { reason: RefusalReason::WrongPort, .. })));
    });
    cluster.assert_serves("told");
}

#[test]
fn after_the_handshake_garbage_and_oversized_frames_close_only_their_connection() {
    let cluster = Cluster::start(3, &STEADY);
    let (leader, term) = cluster.leader();
    let victim = cluster.node(leader);
    let another = (1..=3).find(|id| *id != leader).unwrap();
    let (raft, client) = (&victim.addresses().raft, &victim.addresses().client);
    block_on(async {
        for (address, role) in [(raft, peer(another, leader)), (client, Role::Client)] {
            let mut garbage = enter(address, role.clone()).await;
            garbage.frames.send(Bytes::from(vec![0xee; 300])).await.unwrap();
            assert_closes(garbage).await;
            let oversized = enter(address, role).await;
            let mut stream = oversized.frames.into_inner();
            tokio::io::AsyncWriteExt::write_all(&mut stream, &(9u32 << 20).to_be_bytes()).await.unwrap();
            let mut rest = Vec::new();
            let end = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest);
            tokio::time::timeout(PATIENCE, end).await.expect("the node closes the connection").ok();
        }
    });
    cluster.assert_serves("closed");
    assert_eq!(cluster.leader(), (leader, term), "the peers are back before anybody misses them");
}

#[test]
fn a_peer_that_speaks_in_anothers_name_is_closed() {
    // The only one of three that runs: the real n2 would take the liar's place.
    let dir = tempfile::tempdir().unwrap();
    let host = support::own_host();
    let cluster = format!("{host}:8080,{host}:8081,{host}:8082");
    let node = support::Launch::new(&["--node-id", "1", "--cluster", &cluster]).data(dir.path()).ready();
    block_on(async {
        let mut liar = enter(&node.addresses().raft, peer(2, 1)).await;
        let message = Message::VoteReply(VoteReply { term: Term(1000), granted: true });
        let lie = frame::encode(&PeerFrame { from: NodeId(3), message });
        liar.frames.send(lie).await.unwrap();
        assert_closes(liar).await;
    });
    eventually("it says so", || node.log().contains("in the name of n3").then_some(()));
    let term = node.health().expect("answers")["term"].as_u64().unwrap();
    assert!(term < 1000, "what it said was believed: term {term}");
}

#[test]
fn a_newer_connection_of_the_same_peer_replaces_the_older() {
    // A cluster of two that never has its second member, so that nobody else speaks for it.
    let dir = tempfile::tempdir().unwrap();
    let host = support::own_host();
    let cluster = format!("{host}:8080,{host}:8081");
    let node = support::Launch::new(&["--node-id", "1", "--cluster", &cluster]).data(dir.path()).ready();
    let raft = &node.addresses().raft;
    block_on(async {
        let older = enter(raft, peer(2, 1)).await;
        let mut newer = enter(raft, peer(2, 1)).await;
        assert_closes(older).await;
        let message = Message::VoteReply(VoteReply { term: Term(7), granted: false });
        newer.frames.send(frame::encode(&PeerFrame { from: NodeId(2), message })).await.unwrap();
    });
    eventually("the newer one is heard", || (node.health()?["term"].as_u64()? >= 7).then_some(()));
}

#[test]
fn who_says_nothing_is_let_go() {
    let cluster = Cluster::start(1, &QUICK);
    for address in both_ports(cluster.node(1)) {
        let mut silent = TcpStream::connect(&address).unwrap();
        silent.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut nothing = [0; 1];
        assert_eq!(silent.read(&mut nothing).unwrap(), 0, "the node closes the connection");
    }
}

#[test]
fn a_flood_of_http_connections_leaves_the_other_ports_their_sockets() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("before");
    let http = cluster.node(1).addresses().http.clone();
    let flood: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(&http).unwrap()).collect();
    // Those that come when all places are taken are closed, instead of each keeping a socket for as long as it likes.
    let mut last = flood.last().unwrap();
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(last.read(&mut [0; 1]).unwrap(), 0, "the node turns it away");
    block_on(async {
        cluster.client().write(support::put("a", "b"), PATIENCE).await.expect("others are served")
    });
    drop(flood);
    eventually("HTTP is served again", || cluster.node(1).health());
}

#[test]
fn a_client_that_reads_no_answers_is_felt_by_nobody() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("before");
    let address = cluster.node(1).addresses().client.clone();
    block_on(async {
        let mut deaf = enter(&address, Role::Client).await;
        // More answers than a connection and its queue can hold: at some point the node reads no further.
        let flood = async {
            for id in 0..200_000 {
                let request = Request { id, body: RequestBody::Log { first: 1, limit: 512 } };
                deaf.frames.feed(frame::encode(&request)).await.unwrap();
            }
            SinkExt::<Bytes>::flush(&mut deaf.frames).await.unwrap();
        };
        let stuck = tokio::time::timeout(Duration::from_secs(2), flood).await;
        let client = cluster.client();
        client.write(support::put("a", "b"), PATIENCE).await.expect("others are served");
        drop(stuck);
        // It is closed for nothing: once it reads, its answers are there.
        let first = deaf.frames.next().await.unwrap().unwrap();
        let response: Response = frame::decode("response", &first).unwrap();
        assert_eq!(response.id, 0);
        assert!(matches!(response.body, ResponseBody::Log(_)));
    });
}
