//! A second wire, to show that a relay knows nothing of the first one: a frame is text up to a mark. Its connections are of two kinds, as those
//! of servers that speak HTTP to each other: on one the dialer sends, on the other the listener does. What
//! rules do is the same on both. Waits are for conditions, with a deadline that only a failure meets.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use bytes::{BufMut, Bytes, BytesMut};
use raftdeck_links::wire::{ConnectionPurpose, HandshakeStep, Session, Side};
use raftdeck_links::{ClusterClock, Entrance, Links, Listeners, Outlet, Pair, Places, Presence, Wire};
use raftdeck_model::glance::Glance;
use raftdeck_model::{
    Delay, Effect, FaultId, FrameKind, Matching, MessageReport, MessageSelection, MessageState, News, Rule,
    Scope, Update,
};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::{LogIndex, NodeId, Term};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::codec::{Decoder, Encoder};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const FAULT: FaultId = FaultId(1);
const MOST: usize = 100;

/// `push` or `pull`, answered by `ok`, each on a line; then `TERM INDEX;` for each message.
#[derive(Clone)]
struct MarkWire;

#[derive(Default)]
struct MarkSession {
    dialer: Option<NodeId>,
    pulls: bool,
    is_agreed: bool,
}

/// Frames that end with this.
struct MarkCodec {
    end: u8,
}

impl Wire for MarkWire {
    type Session = MarkSession;

    fn session(&self, entrance: Entrance, _source: SocketAddr) -> MarkSession {
        MarkSession { dialer: entrance.dialer(), ..MarkSession::default() }
    }

    fn glance(&self, frame: &[u8]) -> Option<Glance> {
        let (term, index) = std::str::from_utf8(frame).ok()?.split_once(' ')?;
        let (term, index) = (Term(term.parse().ok()?), LogIndex(index.parse().ok()?));
        Some(Glance { index: Some(index), ..Glance::new(FrameKind::AppendEntries, term) })
    }
}

impl Session for MarkSession {
    type Decoder = MarkCodec;
    type Encoder = MarkCodec;

    fn decoder(&self, _from: Side) -> MarkCodec {
        MarkCodec { end: if self.is_agreed { b';' } else { b'\n' } }
    }

    fn encoder(&self, to: Side) -> MarkCodec {
        self.decoder(to)
    }

    fn heard(&mut self, from: Side, frame: &[u8]) -> HandshakeStep {
        self.is_agreed = from == Side::Listener && frame == b"ok";
        match (from, frame) {
            (Side::Dialer, b"push" | b"pull") => {
                self.pulls = frame == b"pull";
                HandshakeStep::Speaks(Side::Listener)
            }
            (Side::Listener, b"ok") => {
                let from = if self.pulls { Side::Listener } else { Side::Dialer };
                HandshakeStep::Messages { from, origin: None }
            }
            _ => HandshakeStep::Refused,
        }
    }

    fn dialer(&self) -> Option<NodeId> {
        self.dialer
    }

    fn purpose(&self) -> ConnectionPurpose {
        if self.pulls { ConnectionPurpose::Stream } else { ConnectionPurpose::Member }
    }
}

impl Decoder for MarkCodec {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        match buffer.iter().position(|&byte| byte == self.end) {
            Some(end) => {
                let line = buffer.split_to(end + 1);
                Ok(Some(line.freeze().slice(..end)))
            }
            None if buffer.len() > MOST => Err(io::Error::other("a frame is too long")),
            None => Ok(None),
        }
    }
}

impl Encoder<Bytes> for MarkCodec {
    type Error = io::Error;

    fn encode(&mut self, frame: Bytes, buffer: &mut BytesMut) -> io::Result<()> {
        buffer.put_slice(&frame);
        buffer.put_u8(self.end);
        Ok(())
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// One node's end of a connection.
struct End {
    stream: BufReader<TcpStream>,
    /// Where frames end.
    end: u8,
}

impl End {
    fn new(stream: TcpStream) -> Self {
        Self { stream: BufReader::new(stream), end: b'\n' }
    }

    async fn say(&mut self, bytes: &str) {
        self.stream.get_mut().write_all(bytes.as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> String {
        let mut frame = Vec::new();
        within("a frame", self.stream.read_until(self.end, &mut frame)).await.unwrap();
        assert_eq!(frame.pop(), Some(self.end), "the connection was closed");
        String::from_utf8(frame).unwrap()
    }

    /// Waits until the other side has closed the connection, without another word.
    async fn closed(&mut self) {
        let mut rest = String::new();
        within("the end", self.stream.read_to_string(&mut rest)).await.unwrap();
        assert_eq!(rest, "");
    }
}

/// Two nodes, and the links between them.
struct Rig {
    clock: ClusterClock,
    links: Links<MarkWire>,
    /// Kept: a node whose owner is gone is taken for dead.
    _presences: Vec<Presence>,
    ports: BTreeMap<NodeId, TcpListener>,
    updates: mpsc::UnboundedReceiver<Update>,
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
        let listeners = Listeners::bind(&[N1, N2]).unwrap();
        let links = Links::open(MarkWire, listeners, &places, clock.reader(), outlet).unwrap();
        let traffic = links.traffic().clone();
        tokio::spawn(async move { traffic.tell_all().await });
        Self { clock, links, _presences: presences, ports, updates }
    }

    /// A connection for messages from the first to the second: the sender's end and the receiver's.
    async fn connect(&self, (from, to): Pair, kind: &str) -> (End, End) {
        let (dialer, listener) = if kind == "pull" { (to, from) } else { (from, to) };
        let address = self.links.address((dialer, listener)).unwrap();
        let mut near = End::new(TcpStream::connect(address).await.unwrap());
        near.say(&format!("{kind}\n")).await;
        let far = within("a connection", self.ports[&listener].accept()).await.unwrap().0;
        let mut far = End::new(far);
        assert_eq!(far.hear().await, kind);
        far.say("ok\n").await;
        assert_eq!(near.hear().await, "ok");
        (near.end, far.end) = (b';', b';');
        if kind == "pull" { (far, near) } else { (near, far) }
    }

    fn disturb(&self, (from, to): Pair, effect: Effect) {
        let scope = Scope::Links([(from, to)].into());
        self.links.traffic().disturb(FAULT, vec![Rule { scope, matching: Matching::default(), effect }]);
    }

    fn undo(&self) {
        assert!(self.links.traffic().undo(FAULT));
    }

    /// The next message that is told of and is like that.
    async fn told(&mut self, like: impl Fn(&MessageReport) -> bool) -> MessageReport {
        loop {
            let update = within("a report", self.updates.recv()).await.unwrap();
            if let News::Messages { messages, .. } = update.what
                && let Some(found) = messages.into_iter().find(&like)
            {
                return found;
            }
        }
    }
}

fn is_of(index: u64) -> impl Fn(&MessageReport) -> bool {
    move |message| message.index == Some(LogIndex(index))
}

const KINDS: [&str; 2] = ["push", "pull"];

#[tokio::test]
async fn a_frame_is_cut_held_and_delayed_alike_whoever_has_dialed() {
    for kind in KINDS {
        let mut rig = Rig::new().await;
        let (mut sender, mut receiver) = rig.connect((N1, N2), kind).await;
        sender.say("1 1;").await;
        assert_eq!(receiver.hear().await, "1 1", "{kind}");
        let told = rig.told(is_of(1)).await;
        assert_eq!((told.from, told.to, told.term), (N1, N2, Term(1)));

        rig.disturb((N1, N2), Effect::Cut);
        sender.say("1 2;").await;
        assert!(matches!(rig.told(is_of(2)).await.state, MessageState::Lost { .. }), "{kind}");
        rig.undo();

        rig.disturb((N1, N2), Effect::Hold);
        sender.say("1 3;").await;
        let held = rig.told(is_of(3)).await;
        assert_eq!(held.state, MessageState::Held);
        assert_eq!(rig.links.traffic().release(&MessageSelection::Message(held.id)), 1);
        assert_eq!(receiver.hear().await, "1 3", "{kind}: what was cut before it is lost");
        rig.undo();

        rig.clock.set(ClockRate::FROZEN, None);
        rig.disturb((N1, N2), Effect::Delay(Delay::Fixed(Duration::from_secs(1))));
        sender.say("1 4;").await;
        let MessageState::UnderWay { due } = rig.told(is_of(4)).await.state else { panic!("{kind}") };
        rig.clock.set(ClockRate::REAL, Some(Duration::from_secs(1)));
        assert_eq!(receiver.hear().await, "1 4", "{kind}");
        assert!(rig.clock.reader().now() >= due, "{kind}");
    }
}

#[tokio::test]
async fn a_refusal_closes_the_connections_of_its_way_and_every_new_one_until_it_is_undone() {
    for kind in KINDS {
        let rig = Rig::new().await;
        let (mut there, mut there_end) = rig.connect((N1, N2), kind).await;
        let (mut back, mut back_end) = rig.connect((N2, N1), kind).await;
        rig.disturb((N1, N2), Effect::Refuse);
        there.closed().await;
        there_end.closed().await;
        back.say("1 1;").await;
        assert_eq!(back_end.hear().await, "1 1", "{kind}: the way back is another one");
        let dialed = if kind == "pull" { (N2, N1) } else { (N1, N2) };
        let mut refused = End::new(TcpStream::connect(rig.links.address(dialed).unwrap()).await.unwrap());
        refused.say(&format!("{kind}\n")).await;
        refused.closed().await;
        rig.undo();
        let (mut again, mut again_end) = rig.connect((N1, N2), kind).await;
        again.say("1 2;").await;
        assert_eq!(again_end.hear().await, "1 2", "{kind}");
    }
}

#[tokio::test]
async fn a_rule_is_about_the_way_of_a_message_and_not_about_who_has_dialed() {
    for kind in KINDS {
        let mut rig = Rig::new().await;
        let (mut there, mut there_end) = rig.connect((N1, N2), kind).await;
        let (mut back, mut back_end) = rig.connect((N2, N1), kind).await;
        rig.disturb((N1, N2), Effect::Cut);
        there.say("1 1;").await;
        assert!(matches!(rig.told(is_of(1)).await.state, MessageState::Lost { .. }), "{kind}");
        back.say("1 2;").await;
        assert_eq!(back_end.hear().await, "1 2", "{kind}");
        rig.undo();
        there.say("1 3;").await;
        assert_eq!(there_end.hear().await, "1 3", "{kind}");
    }
}

#[tokio::test]
async fn what_is_held_arrives_on_the_newest_connection_of_either_kind() {
    let mut rig = Rig::new().await;
    let (mut pushing, pushed) = rig.connect((N1, N2), "push").await;
    rig.disturb((N1, N2), Effect::Hold);
    pushing.say("1 1;").await;
    assert_eq!(rig.told(is_of(1)).await.state, MessageState::Held);
    let (_pulled, mut pulling) = rig.connect((N1, N2), "pull").await;
    drop(pushed);
    pushing.closed().await;
    rig.undo();
    assert_eq!(pulling.hear().await, "1 1");
}

#[tokio::test]
async fn a_receiver_is_heard_also_on_a_cut_link() {
    let rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.connect((N1, N2), "pull").await;
    rig.disturb((N1, N2), Effect::Cut);
    receiver.say("done;").await;
    assert_eq!(sender.hear().await, "done");
}

#[tokio::test]
async fn a_frame_that_comes_in_parts_is_one_message_and_one_without_end_closes_its_connection() {
    let mut rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.connect((N1, N2), "push").await;
    sender.say("1 1;1 2").await;
    assert_eq!(receiver.hear().await, "1 1");
    sender.say("3;").await;
    assert_eq!(receiver.hear().await, "1 23");
    assert_eq!(rig.told(is_of(23)).await.term, Term(1));
    sender.say(&"x".repeat(MOST + 1)).await;
    receiver.closed().await;
}

#[tokio::test]
async fn a_dialer_that_the_listener_refuses_hears_all_that_it_has_to_say() {
    let rig = Rig::new().await;
    let address = rig.links.address((N1, N2)).unwrap();
    let mut dialed = End::new(TcpStream::connect(address).await.unwrap());
    dialed.say("push\n").await;
    let mut accepted = End::new(rig.ports[&N2].accept().await.unwrap().0);
    assert_eq!(accepted.hear().await, "push");
    accepted.say("no\nnever\n").await;
    assert_eq!((dialed.hear().await, dialed.hear().await), ("no".to_owned(), "never".to_owned()));
    drop(accepted);
    dialed.closed().await;
}
