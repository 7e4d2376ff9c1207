//! Lies, crowds and silence, as far as a node alone shows what happens to them. What is answered to what is in the table of
//! `bad_input`.

mod support;

use bytes::{Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use raftdeck_client::{DialError, Dialed, dial};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{
    Hello, HelloReply, PeerFrame, RefusalReason, Request, RequestBody, Response, ResponseBody, frame,
};
use raftdeck_raft::{Message, NodeId, Term, VoteReply};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::time::Duration;
use support::{Cluster, Launch, Node, PATIENCE, QUICK, STEADY, block_on, eventually, own_host};

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
    // Behind a refusal for the wrong port stands which ones there are.
    let whole = frame::take(&mut BytesMut::from(&answer[..]), frame::MAX_FRAME).expect("is a frame");
    frame::decode("handshake reply", &whole.expect("all of it is there")).expect("is a reply")
}

fn peer(id: u64, to: u64) -> Role {
    Role::Peer {
        id: NodeId(id),
        to: NodeId(to),
        client_address: "127.0.0.1:1".to_owned(),
        raft_address: String::new(),
    }
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
fn why_somebody_is_refused_is_in_the_log_too() {
    let cluster = Cluster::start(1, &QUICK);
    let one = cluster.node(1).addresses().clone();
    let hello = |cluster: &str, role: Role| framed(&frame::encode(&Hello::new(cluster, role)));
    let cases = [
        (&one.raft, framed(b"hello"), RefusalReason::NotRaftdeck),
        (
            &one.raft,
            hello("raftdeck", peer(1, 2)),
            RefusalReason::WrongNode { ours: NodeId(1), wanted: NodeId(2) },
        ),
        (&one.raft, hello("raftdeck", peer(0, 1)), RefusalReason::UnknownPeer { id: NodeId(0) }),
        (&one.client, hello("raftdeck", peer(2, 1)), RefusalReason::WrongPort),
    ];
    for (address, first, reason) in cases {
        assert_eq!(reply_to(address, &first), HelloReply::Refused(reason.clone()));
        eventually("the reason is in the log", || {
            cluster.node(1).log().contains(&reason.to_string()).then_some(())
        });
    }
    block_on(async {
        let refused = dial(&one.raft, &Hello::new("raftdeck", Role::Client), PATIENCE).await;
        assert!(matches!(refused, Err(DialError::Refused { reason: RefusalReason::WrongPort, .. })));
    });
}

/// The first of two members; the second never comes, so that nobody else speaks for it.
fn half_a_cluster(dir: &Path) -> Node {
    let host = own_host();
    let cluster = format!("{host}:8080,{host}:8081");
    Launch::new(&["--node-id", "1", "--cluster", &cluster]).data(dir).ready()
}

/// A message of another node in the name of this one.
fn lie() -> Bytes {
    frame::encode(&PeerFrame {
        from: NodeId(1),
        incarnation: raftdeck_raft::Incarnation([7; 16]),
        message: Message::VoteReply(VoteReply { term: Term(1000), granted: false }),
    })
}

#[test]
fn a_peer_that_speaks_in_anothers_name_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let node = half_a_cluster(dir.path());
    block_on(async {
        let mut liar = enter(&node.addresses().raft, peer(2, 1)).await;
        liar.frames.send(lie()).await.unwrap();
        assert_closes(liar).await;
    });
    eventually("the log says why", || node.log().contains("it sent a message as n1").then_some(()));
    assert!(node.health().unwrap()["term"].as_u64() < Some(1000), "what it said was not believed");
}

#[test]
fn a_stranger_of_the_right_cluster_is_let_in_and_forgotten_when_it_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let node = half_a_cluster(dir.path());
    block_on(async {
        // One after the other: a node that remembered each would serve no more at some point.
        for id in 10..200 {
            drop(enter(&node.addresses().raft, peer(id, 1)).await);
        }
    });
    eventually("it still serves", || node.health().map(|_| ()));
}

#[test]
fn a_newer_connection_of_the_same_peer_replaces_the_older() {
    let dir = tempfile::tempdir().unwrap();
    let node = half_a_cluster(dir.path());
    block_on(async {
        let raft = &node.addresses().raft;
        let older = enter(raft, peer(2, 1)).await;
        let mut newer = enter(raft, peer(2, 1)).await;
        assert_closes(older).await;
        // What a node does not believe shows that it listens.
        newer.frames.send(lie()).await.unwrap();
        assert_closes(newer).await;
    });
    eventually("the newer one is heard", || node.log().contains("it sent a message as n1").then_some(()));
}

#[test]
fn a_crowd_that_says_nothing_keeps_nobody_out() {
    let cluster = Cluster::start(3, &STEADY);
    let (leader, term) = cluster.leader();
    let node = cluster.node(leader);
    let addresses = node.addresses();
    let crowd: Vec<TcpStream> = (0..300)
        .flat_map(|_| [&addresses.raft, &addresses.client, &addresses.http])
        .map(|address| TcpStream::connect(address).expect("the system accepts"))
        .collect();
    eventually("the log says so", || {
        let log = node.log();
        let said = |port| log.contains(&format!("to the {port} port that had not identified itself"));
        ["Raft", "Client", "HTTP"].into_iter().all(said).then_some(())
    });
    // While all of them are there.
    cluster.assert_serves("beside");
    drop(crowd);
    assert_eq!(cluster.leader(), (leader, term));
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
