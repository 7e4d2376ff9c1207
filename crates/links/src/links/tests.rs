//! Links between fake nodes on real sockets. Waits are for conditions, with a deadline that only a failure meets.

use super::*;
use crate::reports::Reports;
use crate::time::ClusterClock;
use crate::whereabouts::Presence;
use crate::wire::RaftdeckWire;
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, SinkExt, StreamExt};
use raftdeck_model::{
    Delay, Effect, FaultId, FrameFate, FrameKind, FrameReport, Matching, MessageId, MessageState, News, Rule,
    Scope, Which,
};
use raftdeck_protocol::frame::{self, MAX_FRAME, encode};
use raftdeck_protocol::handshake::{Challenge, Confirmation, Nonce};
use raftdeck_protocol::{ClockRate, Hello, HelloReply, PeerFrame, RefusalReason, Role};
use raftdeck_raft::{
    AppendEntries, Boot, Entry, Incarnation, LogId, LogIndex, Message, Payload, Standing, Term,
};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);

const CUT: FaultId = FaultId(99);
const FIRST: FaultId = FaultId(1);

fn rule((from, to): Pair, effect: Effect) -> Rule {
    Rule { scope: Scope::Links([(from, to)].into()), matching: Matching::default(), effect }
}

type Connection = Framed<TcpStream, LengthDelimitedCodec>;

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Two fake nodes, and the links between them.
struct Rig {
    clock: ClusterClock,
    links: Links<RaftdeckWire>,
    addresses: BTreeMap<Pair, SocketAddr>,
    presences: BTreeMap<NodeId, Presence>,
    ports: BTreeMap<NodeId, TcpListener>,
    counted: Vec<FrameReport>,
    told: Vec<News>,
}

impl Rig {
    /// Both nodes serve.
    async fn new() -> Self {
        let listeners = Listeners::bind(&[N1, N2]).unwrap();
        let pairs = [(N1, N2), (N2, N1)];
        let (mut places, mut presences) = (Places::new(), BTreeMap::new());
        for node in [N1, N2] {
            let presence = Presence::default();
            places.insert(node, presence.watch());
            presences.insert(node, presence);
        }
        let clock = ClusterClock::start(ClockRate::REAL);
        let outlet = Outlet::new(clock.reader(), |_| {});
        let links = Links::open(RaftdeckWire, listeners, &places, clock.reader(), outlet).unwrap();
        let addresses = pairs.into_iter().map(|pair| (pair, links.address(pair).unwrap())).collect();
        let mut rig = Self {
            clock,
            links,
            addresses,
            presences,
            ports: BTreeMap::new(),
            counted: Vec::new(),
            told: Vec::new(),
        };
        for node in [N1, N2] {
            rig.presences[&node].starting();
            rig.serve(node).await;
        }
        rig
    }

    /// The node listens, on a new port.
    async fn serve(&mut self, node: NodeId) {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = port.local_addr().unwrap();
        self.presences[&node].serving(address, address);
        self.ports.insert(node, port);
    }

    async fn dial(&self, pair: Pair) -> Connection {
        framed(TcpStream::connect(self.addresses[&pair]).await.unwrap())
    }

    async fn accept(&self, node: NodeId) -> Connection {
        framed(within("a connection", self.ports[&node].accept()).await.unwrap().0)
    }

    /// A connection after its handshake: the sender's end and the receiver's.
    async fn connect(&self, (from, to): Pair) -> (Connection, Connection) {
        let mut sender = self.dial((from, to)).await;
        sender.send(hello(from, to)).await.unwrap();
        let receiver = self.welcome(&mut sender, (from, to)).await;
        (sender, receiver)
    }

    /// The same from a sender on this data directory.
    async fn connect_as(&self, (from, to): Pair, disk: Option<Incarnation>) -> (Connection, Connection) {
        let boot = Boot { number: 1, nonce: 1 };
        let standing = disk.map(|incarnation| Standing { incarnation, boot, cluster: None, named_at: None });
        let mut hello: Hello = frame::decode("hello", &hello(from, to)).unwrap();
        hello.standing = standing;
        let mut sender = self.dial((from, to)).await;
        sender.send(encode(&hello)).await.unwrap();
        let mut receiver = self.accept(to).await;
        received(&mut receiver).await;
        receiver.send(challenge(to)).await.unwrap();
        received(&mut sender).await;
        sender.send(confirmation()).await.unwrap();
        received(&mut receiver).await;
        receiver.send(accepted(to)).await.unwrap();
        received(&mut sender).await;
        (sender, receiver)
    }

    /// The receiver's end of a connection that gets as far as the challenge. Others may wait before it.
    async fn challenge_any(&self, sender: &mut Connection) -> Connection {
        loop {
            let mut receiver = self.accept(N2).await;
            if let Some(Ok(_)) = within("a hello", receiver.next()).await
                && receiver.send(challenge(N2)).await.is_ok()
                && let Ok(heard) = tokio::time::timeout(Duration::from_millis(500), sender.next()).await
            {
                assert_eq!(heard.unwrap().unwrap(), challenge(N2));
                return receiver;
            }
        }
    }

    /// The rest of the handshake of a sender that has said hello; the receiver's end.
    async fn welcome(&self, sender: &mut Connection, (from, to): Pair) -> Connection {
        let mut receiver = self.challenge(sender, (from, to)).await;
        sender.send(confirmation()).await.unwrap();
        assert_eq!(received(&mut receiver).await, confirmation());
        receiver.send(accepted(to)).await.unwrap();
        assert_eq!(received(sender).await, accepted(to));
        receiver
    }

    /// The first half of it.
    async fn challenge(&self, sender: &mut Connection, (from, to): Pair) -> Connection {
        let mut receiver = self.accept(to).await;
        assert_eq!(received(&mut receiver).await, hello(from, to));
        receiver.send(challenge(to)).await.unwrap();
        assert_eq!(received(sender).await, challenge(to));
        receiver
    }

    /// Waits until so many messages were told of that are somewhere like that; says which.
    async fn told(&mut self, count: usize, like: impl Fn(MessageState) -> bool) -> Vec<MessageId> {
        let mut found = Vec::new();
        while found.len() < count {
            within("a report", self.reports().news()).await;
            self.told.extend(self.reports().take());
            for update in self.told.drain(..) {
                if let News::Messages { messages, .. } = update {
                    found.extend(
                        messages.iter().filter(|message| like(message.state)).map(|message| message.id),
                    );
                }
            }
        }
        found
    }

    fn reports(&self) -> &Reports {
        &self.links.traffic.reports
    }

    async fn held(&mut self, count: usize) -> Vec<MessageId> {
        self.told(count, |state| state == MessageState::Held).await
    }

    async fn under_way(&mut self, count: usize) -> Vec<MessageId> {
        self.told(count, |state| matches!(state, MessageState::UnderWay { .. })).await
    }

    /// Cuts, under the name that [`Rig::mend`] undoes.
    fn cut(&self, pair: Pair) {
        self.links.traffic.disturb(CUT, vec![rule(pair, Effect::Cut)]);
    }

    fn mend(&self) {
        assert!(self.links.traffic.undo(CUT));
    }

    /// Waits until so many frames of this fate were counted on the link.
    async fn counts(&mut self, (from, to): Pair, fate: FrameFate, count: u64) {
        loop {
            for update in self.reports().take() {
                match update {
                    News::Frames { frames } => self.counted.extend(frames),
                    other => self.told.push(other),
                }
            }
            let of_link = self
                .counted
                .iter()
                .filter(|report| (report.from, report.to, report.fate) == (from, to, fate));
            let sum = of_link.map(|report| report.count).sum::<u64>();
            assert!(sum <= count, "{sum} frames were counted as {fate:?}, more than {count}");
            if sum == count {
                return;
            }
            within("a report", self.reports().news()).await;
        }
    }
}

fn framed(stream: TcpStream) -> Connection {
    Framed::new(stream, LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_codec())
}

fn hello(from: NodeId, to: NodeId) -> Bytes {
    encode(&Hello::new(
        "",
        Role::Peer { id: from, to, client_address: "127.0.0.1:1".to_owned(), raft_address: String::new() },
    ))
}

fn challenge(id: NodeId) -> Bytes {
    let (challenge, proofs) = (Nonce::default(), Vec::new());
    encode(&HelloReply::Challenge(Challenge { id, standing: None, challenge, proofs }))
}

fn confirmation() -> Bytes {
    encode(&Confirmation::Proof(None))
}

fn accepted(id: NodeId) -> Bytes {
    encode(&HelloReply::Accepted { id, cluster: String::new() })
}

/// An AppendEntries with one entry of this index and size.
fn append(from: NodeId, index: u64, size: usize) -> Bytes {
    let id = |index| LogId { term: Term(1), index: LogIndex(index) };
    let entry = Entry { id: id(index), payload: Payload::Command(vec![7; size].into()) };
    let message = AppendEntries {
        term: Term(1),
        prev: id(index - 1),
        entries: vec![entry],
        commit: LogIndex(0),
        round: index,
    };
    encode(&PeerFrame {
        from,
        incarnation: raftdeck_raft::Incarnation([7; 16]),
        message: Message::AppendEntries(message),
    })
}

async fn received(connection: &mut Connection) -> BytesMut {
    within("a frame", connection.next()).await.expect("an open connection").expect("a whole frame")
}

/// Waits until the other side has closed or reset the connection.
async fn closed(connection: &mut Connection) {
    while let Some(Ok(_)) = within("the end of the connection", connection.next()).await {}
}

#[tokio::test]
async fn frames_arrive_whole_and_in_order_and_each_is_counted_once() {
    let mut rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    let frames: Vec<Bytes> =
        (1..=500).map(|index| append(N1, index, usize::try_from(index * 97).unwrap())).collect();
    let sent = frames.clone();
    let sending = tokio::spawn(async move {
        for frame in sent {
            sender.send(frame).await.unwrap();
        }
        sender
    });
    for frame in &frames {
        assert!(received(&mut receiver).await == *frame, "a frame was changed or out of order");
    }
    drop(sending.await.unwrap());
    rig.counts((N1, N2), FrameFate::Delivered, 500).await;
    closed(&mut receiver).await;
    let newest = rig.counted.last().unwrap();
    assert_eq!((newest.kind, newest.index), (FrameKind::AppendEntries, Some(LogIndex(500))));
    assert_eq!(rig.counted.iter().map(|report| report.entries).sum::<u64>(), 500);
}

#[tokio::test]
async fn a_cut_link_loses_frames_one_way_only_and_keeps_its_connection() {
    let mut rig = Rig::new().await;
    let (mut there, mut there_end) = rig.connect((N1, N2)).await;
    let (mut back, mut back_end) = rig.connect((N2, N1)).await;
    rig.cut((N1, N2));
    for index in 1..=20 {
        there.send(append(N1, index, 10)).await.unwrap();
        back.send(append(N2, index, 10)).await.unwrap();
        assert_eq!(received(&mut back_end).await, append(N2, index, 10));
    }
    rig.counts((N1, N2), FrameFate::Lost, 20).await;
    rig.counts((N2, N1), FrameFate::Delivered, 20).await;
    rig.mend();
    there.send(append(N1, 21, 10)).await.unwrap();
    assert_eq!(received(&mut there_end).await, append(N1, 21, 10), "lost frames stay lost");
    rig.counts((N1, N2), FrameFate::Delivered, 1).await;
}

#[tokio::test]
async fn a_handshake_is_held_while_the_link_is_cut_and_passed_when_it_is_mended() {
    let mut rig = Rig::new().await;
    rig.cut((N1, N2));
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    // The other way round is open, and what is sent later there arrives: the hello has been read by then.
    rig.connect((N2, N1)).await;
    assert!(rig.ports[&N2].accept().now_or_never().is_none(), "nothing reaches the receiver");
    rig.mend();
    let mut receiver = rig.challenge(&mut sender, (N1, N2)).await;
    // The link is cut in the middle of it.
    rig.cut((N1, N2));
    sender.send(confirmation()).await.unwrap();
    rig.connect((N2, N1)).await;
    assert!(receiver.next().now_or_never().is_none(), "nothing reaches the receiver");
    rig.mend();
    assert_eq!(received(&mut receiver).await, confirmation());
    receiver.send(accepted(N2)).await.unwrap();
    assert_eq!(received(&mut sender).await, accepted(N2));
    sender.send(append(N1, 2, 10)).await.unwrap();
    assert_eq!(received(&mut receiver).await, append(N1, 2, 10));
    rig.counts((N1, N2), FrameFate::Delivered, 1).await;
}

#[tokio::test]
async fn a_held_handshake_ends_with_its_sender() {
    let rig = Rig::new().await;
    rig.cut((N1, N2));
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    // Half a close: the sender can still see that the link lets go as well.
    sender.get_mut().shutdown().await.unwrap();
    closed(&mut sender).await;
}

#[tokio::test]
async fn a_connection_to_a_node_that_is_starting_is_held_until_it_serves() {
    let mut rig = Rig::new().await;
    rig.presences[&N2].down();
    rig.presences[&N2].starting();
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    rig.serve(N2).await;
    let mut receiver = rig.welcome(&mut sender, (N1, N2)).await;
    sender.send(append(N1, 1, 10)).await.unwrap();
    assert_eq!(received(&mut receiver).await, append(N1, 1, 10));
}

#[tokio::test]
async fn a_dead_receiver_closes_the_dialer_and_its_next_life_gets_the_connection_that_waits() {
    let mut rig = Rig::new().await;
    let (mut sender, receiver) = rig.connect((N1, N2)).await;
    // Both ends of the receiver's side are still there, as with a process that is killed while it is stopped.
    rig.presences[&N2].down();
    closed(&mut sender).await;
    drop(receiver);
    let mut waiting = rig.dial((N1, N2)).await;
    waiting.send(hello(N1, N2)).await.unwrap();
    rig.presences[&N2].starting();
    rig.serve(N2).await;
    let mut receiver = rig.welcome(&mut waiting, (N1, N2)).await;
    waiting.send(append(N1, 2, 10)).await.unwrap();
    assert_eq!(received(&mut receiver).await, append(N1, 2, 10));
}

#[tokio::test]
async fn a_receiver_that_restarts_unseen_closes_the_connections_to_its_former_life() {
    let mut rig = Rig::new().await;
    let (mut sender, _receiver) = rig.connect((N1, N2)).await;
    // All three changes happen before the link gets to see the first.
    rig.presences[&N2].down();
    rig.presences[&N2].starting();
    rig.serve(N2).await;
    closed(&mut sender).await;
    rig.connect((N1, N2)).await;
}

#[tokio::test]
async fn a_dead_sender_closes_the_connection_to_the_receiver() {
    let rig = Rig::new().await;
    let (_sender, mut receiver) = rig.connect((N1, N2)).await;
    rig.presences[&N1].down();
    closed(&mut receiver).await;
}

#[tokio::test]
async fn a_receiver_that_closes_closes_the_sender_after_its_last_answer() {
    let rig = Rig::new().await;
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    let mut receiver = rig.accept(N2).await;
    received(&mut receiver).await;
    receiver.send(Bytes::from_static(b"go away")).await.unwrap();
    drop(receiver);
    assert_eq!(received(&mut sender).await, b"go away"[..]);
    closed(&mut sender).await;
}

#[tokio::test]
async fn a_receiver_that_refuses_the_connection_closes_the_sender() {
    let mut rig = Rig::new().await;
    // The port is closed, and the news has not come yet.
    drop(rig.ports.remove(&N2));
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    closed(&mut sender).await;
}

#[tokio::test]
async fn garbage_is_passed_on_untouched_and_not_counted() {
    let mut rig = Rig::new().await;
    let garbage: [&'static [u8]; 4] =
        [b"GET / HTTP/1.1", b"", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\0"];
    // For a handshake: the receiver says why not.
    for frame in garbage {
        let mut sender = rig.dial((N1, N2)).await;
        sender.send(Bytes::from_static(frame)).await.unwrap();
        let mut receiver = rig.accept(N2).await;
        assert_eq!(received(&mut receiver).await, frame);
        drop(receiver);
        closed(&mut sender).await;
    }
    // From a member.
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    for frame in garbage {
        sender.send(Bytes::from_static(frame)).await.unwrap();
    }
    sender.send(append(N1, 1, 10)).await.unwrap();
    for frame in garbage {
        assert_eq!(received(&mut receiver).await, frame);
    }
    assert_eq!(received(&mut receiver).await, append(N1, 1, 10));
    rig.counts((N1, N2), FrameFate::Delivered, 1).await;
}

#[tokio::test]
async fn a_frame_of_a_sender_that_was_not_accepted_is_no_message_whenever_it_comes() {
    let mut rig = Rig::new().await;
    let (mut member, mut member_end) = rig.connect((N1, N2)).await;
    let forged = || append(N1, 999, 10);
    // Behind the hello, before any answer.
    let mut early = rig.dial((N1, N2)).await;
    early.send(hello(N1, N2)).await.unwrap();
    early.send(forged()).await.unwrap();
    closed(&mut early).await;
    // Behind a confirmation that the receiver refuses.
    let mut refused = rig.dial((N1, N2)).await;
    refused.send(hello(N1, N2)).await.unwrap();
    let mut end = rig.challenge_any(&mut refused).await;
    refused.send(confirmation()).await.unwrap();
    assert_eq!(received(&mut end).await, confirmation());
    end.send(encode(&HelloReply::Refused(RefusalReason::Token))).await.unwrap();
    received(&mut refused).await;
    refused.send(forged()).await.unwrap();
    let heard = tokio::time::timeout(Duration::from_millis(300), end.next()).await;
    assert!(heard.is_err(), "a refused sender is heard no more: {heard:?}");
    drop(end);
    closed(&mut refused).await;
    // A half of a frame, and a whole one without a hello.
    let mut half = rig.dial((N1, N2)).await;
    half.get_mut().write_all(&forged()[..10]).await.unwrap();
    half.get_mut().shutdown().await.unwrap();
    closed(&mut half).await;
    member.send(append(N1, 1, 10)).await.unwrap();
    assert_eq!(received(&mut member_end).await, append(N1, 1, 10), "the member's own and no other");
    rig.counts((N1, N2), FrameFate::Delivered, 1).await;
}

#[tokio::test]
async fn a_frame_out_of_turn_while_the_receiver_is_down_closes_the_connection() {
    let rig = Rig::new().await;
    rig.presences[&N2].down();
    let mut sender = rig.dial((N1, N2)).await;
    sender.send(hello(N1, N2)).await.unwrap();
    sender.send(append(N1, 1, 10)).await.unwrap();
    closed(&mut sender).await;
    let waiting = rig.reports().take();
    assert!(!waiting.iter().any(|update| matches!(update, News::Frames { .. })), "it is nobody's message");
}

#[tokio::test]
async fn a_crowd_of_strangers_takes_no_place_from_a_member() {
    let rig = Rig::new().await;
    let (mut member, mut member_end) = rig.connect((N1, N2)).await;
    let mut crowd = Vec::new();
    for _ in 0..4 * crate::link::MAX_STRANGERS {
        crowd.push(rig.dial((N1, N2)).await);
    }
    // The oldest of them have made way by then.
    closed(&mut crowd[0]).await;
    member.send(append(N1, 1, 10)).await.unwrap();
    assert_eq!(received(&mut member_end).await, append(N1, 1, 10));
}

#[tokio::test]
async fn a_message_travels_on_a_connection_of_the_data_directory_that_sent_it_and_of_no_other() {
    let mut rig = Rig::new().await;
    let (mut old, old_end) = rig.connect_as((N1, N2), Some(Incarnation([1; 16]))).await;
    rig.links.traffic.disturb(FIRST, vec![rule((N1, N2), Effect::Hold)]);
    old.send(append(N1, 1, 10)).await.unwrap();
    rig.held(1).await;
    // The sender's next life runs on another disk; the receiver lets go of the former one.
    let (mut new, mut new_end) = rig.connect_as((N1, N2), Some(Incarnation([2; 16]))).await;
    drop(old_end);
    closed(&mut old).await;
    assert!(rig.links.traffic.undo(FIRST));
    rig.counts((N1, N2), FrameFate::Lost, 1).await;
    new.send(append(N1, 2, 10)).await.unwrap();
    assert_eq!(received(&mut new_end).await, append(N1, 2, 10));
}

#[tokio::test]
async fn a_message_outlives_the_process_that_sent_it_on_the_connection_of_the_next_one() {
    let mut rig = Rig::new().await;
    let disk = Some(Incarnation([1; 16]));
    let (mut old, old_end) = rig.connect_as((N1, N2), disk).await;
    rig.links.traffic.disturb(FIRST, vec![rule((N1, N2), Effect::Hold)]);
    old.send(append(N1, 1, 10)).await.unwrap();
    rig.held(1).await;
    let (_new, mut new_end) = rig.connect_as((N1, N2), disk).await;
    drop(old_end);
    closed(&mut old).await;
    assert!(rig.links.traffic.undo(FIRST));
    assert_eq!(received(&mut new_end).await, append(N1, 1, 10));
}

#[tokio::test]
async fn an_oversized_frame_closes_its_connection_and_harms_no_other() {
    let rig = Rig::new().await;
    let (mut good, mut good_end) = rig.connect((N1, N2)).await;
    let (mut bad, mut bad_end) = rig.connect((N1, N2)).await;
    bad.get_mut().write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    closed(&mut bad).await;
    closed(&mut bad_end).await;
    good.send(append(N1, 1, 10)).await.unwrap();
    assert_eq!(received(&mut good_end).await, append(N1, 1, 10));
}

#[tokio::test]
async fn the_oldest_of_too_many_connections_makes_way() {
    let rig = Rig::new().await;
    let (mut oldest, _oldest_end) = rig.connect((N1, N2)).await;
    let mut others = Vec::new();
    for _ in 0..crate::link::MAX_CONNECTIONS {
        others.push(rig.connect((N1, N2)).await);
    }
    closed(&mut oldest).await;
    let (newest, newest_end) = others.last_mut().unwrap();
    newest.send(append(N1, 1, 10)).await.unwrap();
    assert_eq!(received(newest_end).await, append(N1, 1, 10));
}

#[tokio::test]
async fn a_receiver_that_does_not_read_stops_the_sender_and_a_cut_frees_it() {
    const FRAMES: u64 = 1024;
    let mut rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    let (progress, mut sent) = watch::channel(0);
    let sending = tokio::spawn(async move {
        for index in 1..=FRAMES {
            sender.send(append(N1, index, 128 << 10)).await.unwrap();
            progress.send_replace(index);
        }
        sender
    });
    // The sender is stuck when it makes no progress. On a slow machine this may be believed too early, which makes
    // the test weaker and never wrong.
    while tokio::time::timeout(Duration::from_millis(300), sent.changed()).await.is_ok() {
        assert!(*sent.borrow() < FRAMES, "128 MiB went into the buffers of a link");
    }
    rig.cut((N1, N2));
    let sender = within("the sender is free", sending).await.unwrap();
    drop(sender);
    // What went in before the cut comes out whole and in order; then the connection ends.
    let mut delivered = 0;
    while let Some(frame) = within("a frame", receiver.next()).await {
        delivered += 1;
        assert!(
            frame.unwrap() == append(N1, delivered, 128 << 10),
            "frame {delivered} was changed or out of order"
        );
    }
    rig.counts((N1, N2), FrameFate::Delivered, delivered).await;
    rig.counts((N1, N2), FrameFate::Lost, FRAMES - delivered).await;
}

#[tokio::test]
async fn a_delayed_message_outlives_its_sender_and_one_that_was_not_read_yet_dies_with_its_receiver() {
    let mut rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    rig.links.traffic.disturb(FIRST, vec![rule((N1, N2), Effect::Hold)]);
    sender.send(append(N1, 1, 10)).await.unwrap();
    let held = rig.held(1).await;
    rig.presences[&N1].down();
    closed(&mut sender).await;
    assert_eq!(rig.links.traffic.release(&Which::Message(held[0])), 1);
    assert_eq!(received(&mut receiver).await, append(N1, 1, 10));
    closed(&mut receiver).await;

    rig.presences[&N1].starting();
    rig.serve(N1).await;
    let (mut sender, receiver) = rig.connect((N1, N2)).await;
    sender.send(append(N1, 2, 10)).await.unwrap();
    rig.held(1).await;
    rig.presences[&N2].down();
    rig.counts((N1, N2), FrameFate::Lost, 1).await;
    drop(receiver);
}

#[tokio::test]
async fn what_was_held_before_its_sender_restarted_arrives_on_its_new_connection() {
    let mut rig = Rig::new().await;
    let (mut sender, _former) = rig.connect((N1, N2)).await;
    rig.links.traffic.disturb(FIRST, vec![rule((N1, N2), Effect::Hold)]);
    sender.send(append(N1, 1, 10)).await.unwrap();
    rig.held(1).await;
    rig.presences[&N1].down();
    closed(&mut sender).await;
    rig.presences[&N1].starting();
    rig.serve(N1).await;
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    assert!(rig.links.traffic.undo(FIRST));
    assert_eq!(received(&mut receiver).await, append(N1, 1, 10));
    sender.send(append(N1, 2, 10)).await.unwrap();
    assert_eq!(received(&mut receiver).await, append(N1, 2, 10));
}

#[tokio::test]
async fn handshakes_pass_in_a_frozen_world_and_messages_do_not() {
    let mut rig = Rig::new().await;
    rig.clock.set(ClockRate::FROZEN, None);
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    sender.send(append(N1, 1, 10)).await.unwrap();
    sender.send(append(N1, 2, 10)).await.unwrap();
    let (mut other, mut other_end) = rig.connect((N2, N1)).await;
    other.send(append(N2, 1, 10)).await.unwrap();
    rig.under_way(3).await;
    assert!(receiver.next().now_or_never().is_none());
    assert!(rig.links.traffic.deliver_oldest().is_some());
    assert_eq!(received(&mut receiver).await, append(N1, 1, 10));
    rig.clock.set(ClockRate::REAL, None);
    assert_eq!(received(&mut receiver).await, append(N1, 2, 10));
    assert_eq!(received(&mut other_end).await, append(N2, 1, 10));
}

#[tokio::test]
async fn a_delay_takes_as_long_as_asked() {
    const DELAY: Duration = Duration::from_millis(40);
    let rig = Rig::new().await;
    let (mut sender, mut receiver) = rig.connect((N1, N2)).await;
    rig.links.traffic.disturb(FIRST, vec![rule((N1, N2), Effect::Delay(Delay::Fixed(DELAY)))]);
    let mut late = Vec::new();
    for index in 1..=15 {
        let sent = std::time::Instant::now();
        sender.send(append(N1, index, 10)).await.unwrap();
        received(&mut receiver).await;
        let took = sent.elapsed();
        late.push(took.checked_sub(DELAY).expect("nothing arrives too early"));
    }
    // A busy machine is late at times, never early.
    let least = late.iter().min().unwrap();
    assert!(*least < Duration::from_millis(1), "late by {late:?}");
}
