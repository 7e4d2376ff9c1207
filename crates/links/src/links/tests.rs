//! Links between fake nodes on real sockets. Waits are for conditions, with a deadline that only a failure meets.

use super::*;
use crate::reports::Reports;
use crate::time::ClusterClock;
use crate::whereabouts::Presence;
use crate::wire::RaftdeckWire;
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, SinkExt, StreamExt};
use raftdeck_model::{
    Delay, Effect, FaultId, FrameFate, FrameKind, FrameReport, Matching, MessageId, MessageSelection,
    MessageState, News, Rule, Scope,
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

mod connections;
mod messages;

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

    /// The receiver's end of a connection that gets as far as the challenge. Other connections may have to be accepted before it.
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

    /// Waits until this many messages of that state were reported; says which.
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

    /// Refuses connections, under the same name.
    fn refuse(&self, pair: Pair) {
        self.links.traffic.disturb(CUT, vec![rule(pair, Effect::Refuse)]);
    }

    fn mend(&self) {
        assert!(self.links.traffic.undo(CUT));
    }

    /// Waits until this many frames of this fate were counted on the link.
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
