//! What links do with each kind of request between etcd's members, shown with members that only speak as etcd does. Waits are for
//! conditions, with a deadline that only a failure meets.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use raftdeck_links::{ClusterClock, EtcdWire, Links, Listeners, Outlet, Pair, Places, Presence};
use raftdeck_model::{
    Effect, FaultId, FrameKind, Matching, MessageReport, MessageSelection, MessageState, News, Probability,
    Rule, Scope, Update,
};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{NodeId, Term};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const THERE: Pair = (N1, N2);
const FAULT: FaultId = FaultId(1);
const TAKEN: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
const STREAM: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Two members, and the links between them.
struct Rig {
    links: Links<EtcdWire>,
    wire: EtcdWire,
    /// Kept: a node whose owner is gone is taken for dead.
    _presences: Vec<Presence>,
    ports: BTreeMap<NodeId, TcpListener>,
    updates: mpsc::UnboundedReceiver<Update>,
    _clock: ClusterClock,
}

impl Rig {
    async fn new() -> Self {
        let (mut places, mut presences, mut ports) = (Places::new(), Vec::new(), BTreeMap::new());
        for node in [N1, N2] {
            let presence = Presence::default();
            places.insert(node, presence.watch());
            let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = port.local_addr().unwrap();
            presence.starting();
            presence.serving(address, address);
            presences.push(presence);
            ports.insert(node, port);
        }
        let clock = ClusterClock::start(ClockRate::REAL);
        let (told, updates) = mpsc::unbounded_channel();
        // At the end of a test nobody listens any more.
        let outlet = Outlet::new(clock.reader(), move |update| drop(told.send(update)));
        let (wire, listeners) = (EtcdWire::default(), Listeners::bind_members(&[N1, N2]).unwrap());
        wire.learn(N1, 0xa1);
        wire.learn(N2, 0xa2);
        let links = Links::open(wire.clone(), listeners, &places, clock.reader(), outlet).unwrap();
        let traffic = links.traffic().clone();
        tokio::spawn(async move { traffic.tell_all().await });
        Self { links, wire, _presences: presences, ports, updates, _clock: clock }
    }

    /// A connection to a member's entrance, on which this was said.
    async fn dial(&self, to: NodeId, said: &[u8]) -> TcpStream {
        let mut connection = TcpStream::connect(self.links.entrance(to).unwrap()).await.unwrap();
        connection.write_all(said).await.unwrap();
        connection
    }

    async fn accept(&self, node: NodeId) -> TcpStream {
        within("a connection", self.ports[&node].accept()).await.unwrap().0
    }

    /// A stream on which the first member sends to the second: the sender's end, and the receiver's.
    async fn stream(&self) -> (TcpStream, TcpStream) {
        let mut receiver = self.dial(N1, get("/raft/stream/message/a2", 0xa2).as_bytes()).await;
        let mut sender = self.accept(N1).await;
        assert!(head(&mut sender).await.starts_with("GET /raft/stream/message/a2 HTTP/1.1\r\n"));
        sender.write_all(STREAM.as_bytes()).await.unwrap();
        assert!(head(&mut receiver).await.starts_with("HTTP/1.1 200 OK\r\n"));
        (sender, receiver)
    }

    fn disturb(&self, effect: Effect) {
        let scope = Scope::Links([THERE].into());
        self.links.traffic().disturb(FAULT, vec![Rule { scope, matching: Matching::default(), effect }]);
    }

    fn undo(&self) {
        assert!(self.links.traffic().undo(FAULT));
    }

    /// The next message that is told of and is in such a state.
    async fn told(&mut self, like: impl Fn(MessageState) -> bool) -> MessageReport {
        loop {
            let update = within("a report", self.updates.recv()).await.unwrap();
            if let News::Messages { messages, .. } = update.what
                && let Some(found) = messages.into_iter().find(|message| like(message.state))
            {
                return found;
            }
        }
    }
}

fn is_lost(state: MessageState) -> bool {
    matches!(state, MessageState::Lost { .. })
}

fn get(path: &str, from: u64) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: etcd\r\nX-Server-From: {from:x}\r\nX-Etcd-Cluster-Id: c\r\n\r\n")
}

/// A request of the first member with this body.
fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: etcd\r\nX-Server-From: a1\r\nX-Etcd-Cluster-Id: c\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A message with the length before it, as on a stream and in a snapshot's request.
fn long(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u64).to_be_bytes(), message].concat()
}

async fn head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("a head", connection.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

async fn exactly(connection: &mut TcpStream, expected: &[u8]) {
    let mut heard = vec![0; expected.len()];
    within("what was sent", connection.read_exact(&mut heard)).await.unwrap();
    assert_eq!(heard, expected);
}

/// The next message on a stream. The link's signs of life may come at any time, and are skipped.
async fn on_stream(receiver: &mut TcpStream, message: &[u8]) {
    let sign = sign_of_life();
    loop {
        let mut heard = vec![0; sign.len()];
        within("what was sent", receiver.read_exact(&mut heard)).await.unwrap();
        if heard != sign {
            let expected = chunk(&long(message));
            assert_eq!(heard, expected[..sign.len()]);
            return exactly(receiver, &expected[sign.len()..]).await;
        }
    }
}

fn sign_of_life() -> Vec<u8> {
    chunk(&long(&[8, 8]))
}

/// All that is still said, up to the end of the connection.
async fn rest(mut connection: TcpStream) -> String {
    let mut rest = String::new();
    within("the end", connection.read_to_string(&mut rest)).await.unwrap();
    rest
}

/// A message of the first member to the second.
fn message(rig: &Rig) -> Vec<u8> {
    rig.wire.timeout_now(THERE, Term(3)).unwrap().0.to_vec()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

#[tokio::test]
async fn a_posted_message_is_answered_whatever_becomes_of_it_and_arrives_as_it_can() {
    let mut rig = Rig::new().await;
    let frame = message(&rig);
    rig.disturb(Effect::Cut);
    assert_eq!(rest(rig.dial(N2, &post("/raft", &frame)).await).await, TAKEN);
    let lost = rig.told(is_lost).await;
    assert_eq!((lost.kind, lost.term, lost.from, lost.to), (FrameKind::TimeoutNow, Term(3), N1, N2));
    rig.undo();

    // In a request of its own, as long as there is no stream.
    assert_eq!(rest(rig.dial(N2, &post("/raft", &frame)).await).await, TAKEN);
    let mut receiver = rig.accept(N2).await;
    let said = head(&mut receiver).await;
    assert!(said.starts_with("POST /raft HTTP/1.1\r\n") && said.contains("X-Server-From: a1\r\n"), "{said}");
    exactly(&mut receiver, &frame).await;
    receiver.write_all(TAKEN.as_bytes()).await.unwrap();

    // What is held arrives on the stream that has come meanwhile.
    rig.disturb(Effect::Hold);
    assert_eq!(rest(rig.dial(N2, &post("/raft", &frame)).await).await, TAKEN);
    rig.told(|state| state == MessageState::Held).await;
    let (_sender, mut receiver) = rig.stream().await;
    rig.undo();
    on_stream(&mut receiver, &frame).await;
}

#[tokio::test]
async fn a_stream_outlives_a_cut_and_is_given_signs_of_life() {
    let mut rig = Rig::new().await;
    let frame = message(&rig);
    let (mut sender, mut receiver) = rig.stream().await;
    rig.disturb(Effect::Cut);
    // The sender's own sign of life is for the link.
    let sign = sign_of_life();
    sender.write_all(&[&sign[..], &chunk(&long(&frame))].concat()).await.unwrap();
    rig.told(is_lost).await;
    exactly(&mut receiver, &sign).await;
    exactly(&mut receiver, &sign).await;
    rig.undo();
    sender.write_all(&chunk(&long(&frame))).await.unwrap();
    on_stream(&mut receiver, &frame).await;
}

#[tokio::test]
async fn a_proposal_never_comes_twice() {
    let rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.stream().await;
    rig.disturb(Effect::Duplicate(Probability(1_000_000)));
    let (proposal, other) = ([8, 2, 0x20, 3], message(&rig));
    sender.write_all(&[chunk(&long(&proposal)), chunk(&long(&other))].concat()).await.unwrap();
    on_stream(&mut receiver, &proposal).await;
    on_stream(&mut receiver, &other).await;
    on_stream(&mut receiver, &other).await;
}

#[tokio::test]
async fn a_message_that_is_put_in_arrives_as_if_it_had_been_sent() {
    let mut rig = Rig::new().await;
    let (_sender, mut receiver) = rig.stream().await;
    let (frame, glance) = rig.wire.timeout_now(THERE, Term(7)).unwrap();
    assert!(rig.links.traffic().put_in(THERE, frame.clone(), glance));
    on_stream(&mut receiver, &frame).await;
    let told = rig.told(MessageState::is_over).await;
    assert_eq!((told.kind, told.term), (FrameKind::TimeoutNow, Term(7)));
    assert!(!rig.links.traffic().put_in((N1, NodeId(9)), frame, glance));
}

#[tokio::test]
async fn a_snapshot_flows_when_it_arrives_and_is_dropped_when_it_is_lost() {
    let mut rig = Rig::new().await;
    let metadata = [0x10, 9, 0x18, 4];
    let snapshot = [&[8, 7, 0x20, 5, 0x4a, 6, 0x12, 4][..], &metadata].concat();
    let body = [long(&snapshot), vec![7; 16 << 20]].concat();
    rig.disturb(Effect::Hold);
    let request = post("/raft/snapshot", &body);
    let (mut dialer, mut link) = rig.dial(N2, &[]).await.into_split();
    let writing = tokio::spawn(async move { link.write_all(&request).await.map(|()| link) });
    let held = rig.told(|state| state == MessageState::Held).await;
    assert_eq!(
        (held.kind, held.term, held.fields.as_str()),
        (FrameKind::InstallSnapshot, Term(5), "last 9 in term 4")
    );
    // The link has read no more than it must, and the rest has no room on the way.
    assert!(!writing.is_finished());
    assert_eq!(rig.links.traffic().release(&MessageSelection::Message(held.id)), 1);
    let mut receiver = rig.accept(N2).await;
    assert!(head(&mut receiver).await.starts_with("POST /raft/snapshot HTTP/1.1\r\n"));
    exactly(&mut receiver, &body).await;
    receiver.write_all(b"HTTP/1.1 500 No Room\r\n\r\n").await.unwrap();
    drop(receiver);
    let mut answer = String::new();
    within("the answer", dialer.read_to_string(&mut answer)).await.unwrap();
    assert_eq!(answer, "HTTP/1.1 500 No Room\r\n\r\n");
    drop(writing.await.unwrap().unwrap());
    rig.undo();

    rig.disturb(Effect::Cut);
    assert_eq!(rest(rig.dial(N2, &post("/raft/snapshot", &body)).await).await, TAKEN);
    rig.told(is_lost).await;
}

#[tokio::test]
async fn other_requests_pass_untouched_and_a_cut_holds_those_whose_sender_is_known() {
    let rig = Rig::new().await;
    let sources: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
    let known = Arc::clone(&sources);
    rig.wire.ask_for_owner(move |source| known.lock().unwrap().contains(&source).then_some(N1));
    rig.disturb(Effect::Cut);
    let anonymous = rig.dial(N2, b"GET /version HTTP/1.1\r\n\r\n").await;
    let mut receiver = rig.accept(N2).await;
    assert_eq!(head(&mut receiver).await, "GET /version HTTP/1.1\r\nConnection: close\r\n\r\n");
    receiver.write_all(b"HTTP/1.1 200 OK\r\n\r\n{}").await.unwrap();
    drop(receiver);
    assert_eq!(rest(anonymous).await, "HTTP/1.1 200 OK\r\n\r\n{}");

    let mut own = rig.dial(N2, b"").await;
    sources.lock().unwrap().push(own.local_addr().unwrap());
    own.write_all(b"GET /members HTTP/1.1\r\n\r\n").await.unwrap();
    // What passes behind it shows that it is held.
    let other = rig.dial(N2, b"GET /version HTTP/1.1\r\n\r\n").await;
    assert!(head(&mut rig.accept(N2).await).await.starts_with("GET /version"));
    drop(other);
    rig.undo();
    assert!(head(&mut rig.accept(N2).await).await.starts_with("GET /members"));
}

#[tokio::test]
async fn a_member_that_the_links_do_not_know_hears_a_refusal_and_sends_nothing() {
    let rig = Rig::new().await;
    for (answer, heard) in
        [("HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone", Some("gone")), (STREAM, None)]
    {
        let mut stranger = rig.dial(N1, get("/raft/stream/msgapp/b", 0xb).as_bytes()).await;
        let mut sender = rig.accept(N1).await;
        head(&mut sender).await;
        sender.write_all(answer.as_bytes()).await.unwrap();
        head(&mut stranger).await;
        drop(sender);
        assert_eq!(rest(stranger).await, heard.unwrap_or_default());
    }
    let request = post("/raft", b"x").escape_ascii().to_string().replace("a1", "b");
    let request = request.replace("\\r\\n", "\r\n");
    assert_eq!(rest(rig.dial(N2, request.as_bytes()).await).await, "");
}
