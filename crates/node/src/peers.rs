//! Messages between members: one connection out to each peer for this node's own messages, one in from each for
//! theirs. Messages may be lost here, which Raft expects: what cannot be sent now is dropped, and kept for later only for a moment
//! while the first connection is being made.
//!
//! What several peers get alike is encoded once. All that one read brings goes to the driver together, and all that waits for
//! a connection goes out with one write.

use crate::arrivals::{ArrivalError, Arrivals, Arriving};
use crate::book::{Book, Introduction};
use crate::driver::PeerInput;
use crate::lane::{Lane, SendOutcome};
use crate::listen::{AdmittedConnection, HANDSHAKE, Wire};
use crate::memory::StartMemory;
use crate::refusals;
use crate::trust::Trust;
use bytes::{Bytes, BytesMut};
use raftdeck_client::{Access, Backoff, DialError, Tls, Transport};
use raftdeck_protocol::frame::{self, FrameError};
use raftdeck_protocol::handshake::{Challenge, Role};
use raftdeck_protocol::{PeerFrame, RefusedPeer, shared};
use raftdeck_raft::{
    AppendEntries, Envelope, Incarnation, LogId, LogIndex, Membership, Message, NodeId, Term,
};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Messages wait this long for a connection that is being made.
const CONNECTS_WITHIN: Duration = Duration::from_millis(200);

/// The same for the first connection, over several attempts: what the members of a cluster say to each other when they start is
/// not lost because one of them started a moment later.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// One read brings at most about this many bytes.
const READ: usize = 256 << 10;

const LEAST_PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSE: Duration = Duration::from_millis(200);

/// What a peer needs to know of this node.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) id: NodeId,
    /// Its data directory.
    pub(crate) incarnation: Incarnation,
    pub(crate) client_address: String,
    pub(crate) raft_address: String,
    /// What it shows.
    pub(crate) trust: Trust,
    /// Where starts that were met are kept.
    pub(crate) memory: StartMemory,
    pub(crate) tls: Option<Tls>,
}

/// The driver's end of all outgoing connections: one to each member, and to a non-member that is answered while it is
/// connected itself (a member may lag several configurations behind).
#[derive(Debug)]
pub(crate) struct Outgoing {
    me: Sender,
    book: Book,
    post: Arc<PeerSenders>,
    /// The frame of entries that was encoded last.
    newest: Option<(Content, Bytes)>,
    scratch: BytesMut,
}

/// What two messages of this node, sent by one call of the core, have in common if they are the same: entries of one log
/// that stand in the same places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Content {
    term: Term,
    prev: LogId,
    last: LogId,
    commit: LogIndex,
    round: u64,
}

impl Content {
    fn of(append: &AppendEntries) -> Option<Self> {
        let AppendEntries { term, prev, commit, round, .. } = *append;
        append.entries.last().map(|last| Self { term, prev, last: last.id, commit, round })
    }
}

/// The end of a lane that closes it.
#[derive(Debug)]
struct Dialed {
    address: String,
    lane: Arc<Lane>,
}

impl Drop for Dialed {
    fn drop(&mut self) {
        self.lane.close();
    }
}

/// The connections themselves, shared with other senders than the driver: the disk thread sends what had to wait for
/// it. Only the driver opens and closes them.
#[derive(Debug)]
pub(crate) struct PeerSenders {
    me: (NodeId, Incarnation),
    lanes: Mutex<BTreeMap<NodeId, Dialed>>,
}

impl PeerSenders {
    /// Sends messages, those for one peer that follow each other in one piece. Returns the receivers to which nothing
    /// has been sent yet.
    pub(crate) fn send(&self, envelopes: Vec<Envelope>) -> Vec<Envelope> {
        let mut left = Vec::new();
        let mut piece: Option<(NodeId, Arc<Lane>, BytesMut)> = None;
        for Envelope { to, message } in envelopes {
            if piece.as_ref().is_none_or(|(last, ..)| *last != to) {
                flush(piece.take());
                let lane = self.lane(to);
                piece = lane.map(|lane| (to, lane, BytesMut::new()));
            }
            match &mut piece {
                Some((.., frames)) => {
                    let (from, incarnation) = self.me;
                    frame::put(&PeerFrame { from, incarnation, message }, frames);
                }
                None => left.push(Envelope { to, message }),
            }
        }
        flush(piece);
        left
    }

    fn lane(&self, to: NodeId) -> Option<Arc<Lane>> {
        self.lanes().get(&to).map(|dialed| Arc::clone(&dialed.lane))
    }

    fn lanes(&self) -> MutexGuard<'_, BTreeMap<NodeId, Dialed>> {
        // Nothing that holds this lock can panic half-way through a change.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn flush(piece: Option<(NodeId, Arc<Lane>, BytesMut)>) {
    if let Some((to, lane, frames)) = piece {
        say_if_full(to, lane.send(frames.freeze()));
    }
}

fn say_if_full(to: NodeId, taken: SendOutcome) {
    if taken == SendOutcome::FullNow {
        tracing::warn!("{to} does not read its messages: dropping messages to it");
    }
}

impl Outgoing {
    /// Knows where others are, and has dialed none yet.
    pub(crate) fn new(me: Sender, book: Book) -> Self {
        let post = Arc::new(PeerSenders { me: (me.id, me.incarnation), lanes: Mutex::default() });
        Self { me, book, post, newest: None, scratch: BytesMut::new() }
    }

    /// For senders other than the driver.
    pub(crate) fn post(&self) -> Arc<PeerSenders> {
        Arc::clone(&self.post)
    }

    /// What handshakes are judged by.
    pub(crate) fn trust(&self) -> &Trust {
        &self.me.trust
    }

    /// The nodes that cannot be connected, because one side refuses the other.
    pub(crate) fn refused(&self) -> Vec<RefusedPeer> {
        self.me.trust.all_refused()
    }

    /// This node's own id.
    pub(crate) fn me(&self) -> NodeId {
        self.me.id
    }

    /// Another membership is in force: connects to its members, and closes the connections to others once their
    /// pending messages are sent.
    pub(crate) fn follow(&mut self, membership: &Membership) {
        self.book.follow(self.me.id, membership);
        let members = self.book.members();
        self.post.lanes().retain(|node, _| members.contains(node));
        for node in self.book.members().clone() {
            self.connect(node);
        }
    }

    /// Reaches a node at this address from now on, overriding other sources. `false`: too many nodes are overridden already.
    pub(crate) fn set_address(&mut self, node: NodeId, address: String) -> bool {
        let set = self.book.set(node, address);
        self.reconnect(node);
        set
    }

    /// It connected, and says this of itself.
    pub(crate) fn arrived(&mut self, node: NodeId, introduction: Introduction) {
        self.book.arrived(node, introduction);
        self.reconnect(node);
        if let Some(lane) = self.post.lane(node) {
            lane.hurry();
        }
    }

    /// This connection of it ended. Whether it has no newer one.
    pub(crate) fn left(&mut self, node: NodeId, connection: u64) -> bool {
        let is_newest = self.book.is_newest(node, connection);
        if self.book.left(node, connection) {
            self.post.lanes().remove(&node);
        }
        is_newest
    }

    /// Whether a node has a connection to this one.
    pub(crate) fn is_connected(&self, node: NodeId) -> bool {
        self.book.is_connected(node)
    }

    /// Where a node is dialed, if that is known.
    pub(crate) fn address(&self, node: NodeId) -> Option<&str> {
        self.book.address(node)
    }

    /// Where programs reach the members, this node included, as far as that is known.
    pub(crate) fn members(&self) -> BTreeMap<NodeId, String> {
        let others = self.book.members().iter();
        let others = others.filter_map(|node| Some((*node, self.book.public_address(*node)?.to_owned())));
        others.chain([(self.me.id, self.me.client_address.clone())]).collect()
    }

    /// Where a node serves clients, if that is known.
    pub(crate) fn client_address(&self, node: NodeId) -> Option<String> {
        let own = || (node == self.me.id).then(|| self.me.client_address.clone());
        own().or_else(|| self.book.client_address(node).map(str::to_owned))
    }

    /// Sends messages that the core gave out together, or drops those without a connection or with too much pending.
    /// Never waits.
    pub(crate) fn send(&mut self, envelopes: Vec<Envelope>) {
        for Envelope { to, message } in envelopes {
            let lane = self.post.lane(to).or_else(|| {
                self.connect(to);
                self.post.lane(to)
            });
            if let Some(lane) = lane.filter(|lane| lane.accepts()) {
                say_if_full(to, lane.send(self.encode(message)));
            }
        }
        self.newest = None;
    }

    fn encode(&mut self, message: Message) -> Bytes {
        let content = match &message {
            Message::AppendEntries(append) => Content::of(append),
            _ => None,
        };
        if let (Some(content), Some((newest, frame))) = (content, &self.newest)
            && content == *newest
        {
            return frame.clone();
        }
        self.scratch.reserve(size(&message));
        let (from, incarnation) = (self.me.id, self.me.incarnation);
        frame::put(&PeerFrame { from, incarnation, message }, &mut self.scratch);
        let frame = self.scratch.split().freeze();
        self.newest = content.map(|content| (content, frame.clone()));
        frame
    }

    /// The address of a member, or of a non-member that is being answered, may have changed.
    fn reconnect(&mut self, node: NodeId) {
        if self.post.lanes().contains_key(&node) || self.book.members().contains(&node) {
            self.connect(node);
        }
    }

    /// Ensures that a node is dialed at its address, if that is known.
    fn connect(&mut self, node: NodeId) {
        let Some(address) = self.book.address(node).filter(|_| node != self.me.id) else { return };
        let mut lanes = self.post.lanes();
        if lanes.get(&node).is_some_and(|dialed| dialed.address == address) {
            return;
        }
        let lane = Arc::new(Lane::default());
        lane.expect_connection();
        tokio::spawn(serve_lane(self.me.clone(), node, address.to_owned(), Arc::clone(&lane)));
        lanes.insert(node, Dialed { address: address.to_owned(), lane });
    }
}

/// Roughly what a message takes up.
fn size(message: &Message) -> usize {
    64 + match message {
        Message::AppendEntries(append) => {
            append.entries.iter().map(|entry| 24 + entry.payload.size()).sum::<usize>()
        }
        Message::InstallSnapshot(piece) => piece.data.len(),
        _ => 0,
    }
}

/// Keeps a lane connected until it is closed, and then until all is sent that waited, or the peer has not taken it in time.
async fn serve_lane(me: Sender, to: NodeId, address: String, lane: Arc<Lane>) {
    tokio::select! {
        () = keep_connected(me, to, address, Arc::clone(&lane)) => {}
        () = lane.expired() => {
            tracing::debug!("{to} has not received its last messages");
            lane.give_up();
        }
    }
}

/// Dials, sends what there is to send, and dials again when the connection breaks, forever.
async fn keep_connected(me: Sender, to: NodeId, address: String, lane: Arc<Lane>) {
    let role = Role::Peer { id: me.id, to, client_address: me.client_address, raft_address: me.raft_address };
    // Whatever is there has to be this peer; where that is does not matter.
    let tls = me.tls.map(|tls| tls.to_node(to));
    let mut pauses = Backoff::new(LEAST_PAUSE, MOST_PAUSE);
    let mut said = String::new();
    let mut is_first = true;
    while !lane.is_closed() {
        // Whoever has just started, or has just been connected anew, is heard: its first words wait a little.
        lane.expect_connection();
        let (hello, token) = me.trust.hello(role.clone());
        let access = Access { token, tls: tls.clone() };
        // The listener's proof is checked before this is asked.
        let is_proved = access.token.is_some() || tls.is_some();
        let judge = |challenge: &Challenge| me.trust.judge(to, challenge.standing.as_ref(), is_proved);
        let mut dialing = pin!(access.dial_judged(&address, &hello, HANDSHAKE, judge));
        let dialed = loop {
            match timeout(CONNECTS_WITHIN, dialing.as_mut()).await {
                Ok(dialed) => break dialed,
                Err(_) => not_reached(&lane, is_first),
            }
        };
        let why = match dialed {
            Ok(dialed) => {
                tracing::debug!("connected to {to} at {address}");
                if me.trust.welcomed(to) {
                    me.memory.keep_met(&me.trust).await;
                }
                pauses.reset();
                is_first = false;
                let why = send_all(dialed.frames.into(), &lane).await;
                lane.give_up();
                format!("lost the connection to {to}: {why}")
            }
            Err(error) => {
                if let DialError::Refused { reason, .. } | DialError::Distrusted { reason, .. } = &error {
                    me.trust.refused(to, reason);
                }
                not_reached(&lane, is_first);
                format!("cannot reach {to}: {error}")
            }
        };
        if why != said && !lane.is_closed() {
            tracing::info!("{why}");
            said = why;
        }
        lane.pause(pauses.pause()).await;
    }
}

fn not_reached(lane: &Lane, is_first: bool) {
    if is_first {
        lane.drop_stale(FIRST_WITHIN);
    } else {
        lane.give_up();
    }
}

/// Sends until the connection ends, and says how it did.
async fn send_all(Wire { stream, read }: Wire, lane: &Lane) -> String {
    let ended = |sent: io::Result<()>| {
        sent.err().map_or_else(|| "the node stops".to_owned(), |error| error.to_string())
    };
    if !read.is_empty() {
        return SPOKE.to_owned();
    }
    match stream {
        Transport::Plain(stream) => {
            let stream = Arc::new(stream);
            tokio::select! {
                why = end_of(&stream) => why,
                sent = lane.serve(Arc::clone(&stream)) => ended(sent),
            }
        }
        Transport::Tls(stream) => {
            let (mut reader, writer) = tokio::io::split(stream);
            tokio::select! {
                heard = reader.read_u8() => match heard {
                    Ok(_) => SPOKE.to_owned(),
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => CLOSED.to_owned(),
                    Err(error) => error.to_string(),
                },
                sent = lane.serve_alone(writer) => ended(sent),
            }
        }
    }
}

const CLOSED: &str = "the peer closed it";
const SPOKE: &str = "the peer spoke on a one-way connection";

/// Nothing is ever said here in this direction; what can be heard is the end.
async fn end_of(stream: &TcpStream) -> String {
    loop {
        let heard = match stream.readable().await {
            Ok(()) => stream.try_read(&mut [0]),
            Err(error) => Err(error),
        };
        match heard {
            Ok(0) => return CLOSED.to_owned(),
            Ok(_) => return SPOKE.to_owned(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return error.to_string(),
        }
    }
}

/// The incoming connections: at most one from each peer, the newest.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    arrivals: Arc<Arrivals>,
    newest: Mutex<HashMap<NodeId, NewestConnection>>,
    count: AtomicU64,
}

#[derive(Debug)]
struct NewestConnection {
    connection: u64,
    replaced: CancellationToken,
}

impl Incoming {
    /// Takes in one peer's messages until its connection ends, breaks a rule, or a newer one replaces it.
    /// Also until it is expelled.
    pub(crate) async fn serve(
        self: Arc<Self>,
        guest: AdmittedConnection,
        driver: mpsc::Sender<PeerInput>,
        expelled: impl Future<Output = ()>,
    ) {
        let Role::Peer { id, client_address, raft_address, .. } = guest.role else { return };
        let disk = guest.standing.map(|standing| standing.incarnation);
        let connection = self.count.fetch_add(1, Relaxed);
        let replaced = self.replace(id, connection);
        let from = guest.address.ip();
        let introduction = Introduction {
            connection,
            client_address: seen_from(from, client_address),
            raft_address: seen_from(from, raft_address),
        };
        let Wire { stream, read } = guest.wire;
        let arriving = Arriving::new(&self.arrivals, read, READ);
        tokio::select! {
            () = replaced.cancelled() => tracing::debug!("a newer connection of {id} replaces an older one"),
            () = expelled => tracing::debug!("closed the connection of {id}: it is not authenticated, and the cluster has a secret now"),
            end = receive((id, disk), introduction, stream, arriving, &driver) => {
                if let ReceiveEnd::Broken(why) = &end {
                    refusals::log("Raft", from, format_args!("closed the connection from {id}: {why}"));
                }
                tracing::debug!("the connection from {id} at {} ended: {end}", guest.address);
            }
        }
        self.forget(id, connection);
        // An error only says that the node stops.
        let _ = driver.send(PeerInput::Left(id, connection)).await;
    }

    fn replace(&self, id: NodeId, connection: u64) -> CancellationToken {
        let replaced = CancellationToken::new();
        let newest = NewestConnection { connection, replaced: replaced.clone() };
        if let Some(older) = self.newest().insert(id, newest) {
            older.replaced.cancel();
        }
        replaced
    }

    fn forget(&self, id: NodeId, connection: u64) {
        let mut newest = self.newest();
        if newest.get(&id).is_some_and(|newest| newest.connection == connection) {
            newest.remove(&id);
        }
    }

    fn newest(&self) -> MutexGuard<'_, HashMap<NodeId, NewestConnection>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An address that a node gives as its own. If it listens everywhere and knows no name for itself, it is where it comes from.
fn seen_from(from: IpAddr, address: String) -> String {
    match address.parse::<SocketAddr>() {
        Ok(everywhere) if everywhere.ip().is_unspecified() => {
            SocketAddr::new(from.to_canonical(), everywhere.port()).to_string()
        }
        _ => address,
    }
}

/// Why no more is received from a peer.
#[derive(Debug, thiserror::Error)]
enum ReceiveEnd {
    #[error("{CLOSED}")]
    Closed,
    #[error("this node stops")]
    Stops,
    #[error("{0}")]
    Broken(String),
}

impl From<ArrivalError> for ReceiveEnd {
    fn from(error: ArrivalError) -> Self {
        match error {
            // TLS says so when the connection's end was not announced. Frames are whole or not, so nothing depends on it.
            ArrivalError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            error => Self::Broken(error.to_string()),
        }
    }
}

async fn receive(
    (id, disk): (NodeId, Option<Incarnation>),
    introduction: Introduction,
    mut stream: Transport,
    mut arriving: Arriving,
    driver: &mpsc::Sender<PeerInput>,
) -> ReceiveEnd {
    if driver.send(PeerInput::Arrived(id, introduction)).await.is_err() {
        return ReceiveEnd::Stops;
    }
    loop {
        let mut messages = Vec::new();
        let taken = take_messages((id, disk), &mut arriving, &mut messages);
        if !messages.is_empty() && driver.send(PeerInput::Messages(messages)).await.is_err() {
            return ReceiveEnd::Stops;
        }
        if let Err(why) = taken {
            return ReceiveEnd::Broken(why);
        }
        match arriving.read(&mut stream).await {
            Ok(0) => return ReceiveEnd::Closed,
            Ok(_) => {}
            Err(error) => return error.into(),
        }
    }
}

/// Takes all messages that have arrived.
fn take_messages(
    (id, disk): (NodeId, Option<Incarnation>),
    arriving: &mut Arriving,
    messages: &mut Vec<(raftdeck_raft::Sender, Message)>,
) -> Result<(), String> {
    let said = |error: FrameError| error.to_string();
    while let Some(content) = arriving.take().map_err(said)? {
        // A copy, so that an entry that stays does not keep a buffer full of other messages.
        let framed = shared::peer_frame(&Bytes::copy_from_slice(&content)).map_err(said)?;
        if framed.from != id {
            return Err(format!("it sent a message as {}", framed.from));
        }
        if let Some(disk) = disk.filter(|disk| *disk != framed.incarnation) {
            let other = framed.incarnation;
            return Err(format!("it runs on disk {disk} and sent a message as disk {other}"));
        }
        framed.check().map_err(|error| error.to_string())?;
        messages.push((framed.sender(), framed.message));
    }
    Ok(())
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
