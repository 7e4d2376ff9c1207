//! Messages between members: one connection out to each peer for this node's own messages, one in from each for
//! theirs. Messages may be lost here, which Raft expects: what cannot be sent now is dropped, never kept for later.

use crate::book::{Book, Introduction};
use crate::driver::PeerInput;
use crate::listen::{Guest, HANDSHAKE};
use futures::stream::SplitSink;
use futures::{SinkExt, StreamExt};
use raftdeck_client::{Backoff, Frames, dial};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Hello, PeerFrame, frame};
use raftdeck_raft::{Envelope, Membership, Message, NodeId};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Messages that wait for one peer's connection; what comes on top is dropped.
const QUEUE: usize = 1024;

/// The same in bytes. Above the core's window for one peer, so that a full window never drops its own messages.
const QUEUE_BYTES: usize = 24 << 20;

/// Messages wait so long for a connection that is being made.
const CONNECTS_WITHIN: Duration = Duration::from_millis(200);

const LEAST_PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSE: Duration = Duration::from_millis(200);

/// What a peer needs to know of this node.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) id: NodeId,
    pub(crate) cluster: String,
    pub(crate) client_address: String,
    pub(crate) raft_address: String,
}

/// The driver's end of all outgoing connections: one to each member, and to a stranger who is answered while it is connected
/// itself (a member may lag several configurations behind).
#[derive(Debug)]
pub(crate) struct Outgoing {
    me: Sender,
    book: Book,
    lanes: BTreeMap<NodeId, Lane>,
}

#[derive(Debug)]
struct Lane {
    address: String,
    queue: mpsc::Sender<Message>,
    state: Arc<LaneState>,
    /// Whether the last message was dropped because the queue was full.
    full: bool,
}

#[derive(Debug, Default)]
struct LaneState {
    /// Whether there is a connection, or will be at once.
    accepts: AtomicBool,
    bytes: AtomicUsize,
}

impl Outgoing {
    /// Knows where others are, and dials nobody yet.
    pub(crate) fn new(me: Sender, book: Book) -> Self {
        Self { me, book, lanes: BTreeMap::new() }
    }

    /// This node's own id.
    pub(crate) fn me(&self) -> NodeId {
        self.me.id
    }

    /// Another membership is in force: connects to who belongs to it now, and closes the connections to who does not, once
    /// what waits there has been sent.
    pub(crate) fn follow(&mut self, membership: &Membership) {
        self.book.follow(self.me.id, membership);
        self.lanes.retain(|node, _| self.book.members().contains(node));
        for node in self.book.members().clone() {
            self.connect(node);
        }
    }

    /// Reaches a node at this address from now on, whatever anybody else says. `false`: that is said of too many already.
    pub(crate) fn set_address(&mut self, node: NodeId, address: String) -> bool {
        let set = self.book.set(node, address);
        self.reconnect(node);
        set
    }

    /// It connected, and says this of itself.
    pub(crate) fn arrived(&mut self, node: NodeId, introduction: Introduction) {
        self.book.arrived(node, introduction);
        self.reconnect(node);
    }

    /// This connection of it ended.
    pub(crate) fn left(&mut self, node: NodeId, connection: u64) {
        if self.book.left(node, connection) {
            self.lanes.remove(&node);
        }
    }

    /// Where a node serves clients, if that is known.
    pub(crate) fn client_address(&self, node: NodeId) -> Option<String> {
        let own = || (node == self.me.id).then(|| self.me.client_address.clone());
        own().or_else(|| self.book.client_address(node).map(str::to_owned))
    }

    /// Sends a message, or drops it if there is no connection or too much waits already. Never waits.
    pub(crate) fn send(&mut self, envelope: Envelope) {
        if !self.lanes.contains_key(&envelope.to) {
            self.connect(envelope.to);
        }
        let Some(lane) = self.lanes.get_mut(&envelope.to) else { return };
        if !lane.state.accepts.load(Relaxed) {
            return;
        }
        let bytes = size(&envelope.message);
        let fits = lane.state.bytes.load(Relaxed) + bytes <= QUEUE_BYTES;
        let kind = envelope.message.name();
        // Counted before the other side can take it out again.
        lane.state.bytes.fetch_add(bytes, Relaxed);
        let full = !fits || lane.queue.try_send(envelope.message).is_err();
        if full {
            lane.state.bytes.fetch_sub(bytes, Relaxed);
            if !lane.full {
                tracing::warn!("{} takes nothing in: dropping messages to it, first {kind}", envelope.to);
            }
        }
        lane.full = full;
    }

    /// A member's address, or a stranger's who is being answered, may have changed.
    fn reconnect(&mut self, node: NodeId) {
        if self.lanes.contains_key(&node) || self.book.members().contains(&node) {
            self.connect(node);
        }
    }

    /// Sees to it that a node is dialed where it is, if that is known.
    fn connect(&mut self, node: NodeId) {
        let Some(address) = self.book.address(node).filter(|_| node != self.me.id) else { return };
        if self.lanes.get(&node).is_some_and(|lane| lane.address == address) {
            return;
        }
        let (queue, messages) = mpsc::channel(QUEUE);
        let state = Arc::new(LaneState::default());
        let lane = Lane { address: address.to_owned(), queue, state: Arc::clone(&state), full: false };
        tokio::spawn(keep_connected(self.me.clone(), node, address.to_owned(), messages, state));
        self.lanes.insert(node, lane);
    }
}

/// Roughly what a message takes up.
fn size(message: &Message) -> usize {
    64 + match message {
        Message::AppendEntries(append) => {
            append.entries.iter().map(|entry| 16 + entry.payload.size()).sum::<usize>()
        }
        Message::InstallSnapshot(piece) => piece.data.len(),
        _ => 0,
    }
}

impl LaneState {
    /// Nothing can be sent now: what waits is stale by the time that can be.
    fn give_up(&self, messages: &mut mpsc::Receiver<Message>) {
        self.accepts.store(false, Relaxed);
        while messages.try_recv().is_ok() {}
        self.bytes.store(0, Relaxed);
    }
}

/// Dials, sends what there is to send, and dials again when the connection breaks, for ever.
async fn keep_connected(
    me: Sender,
    to: NodeId,
    address: String,
    mut messages: mpsc::Receiver<Message>,
    state: Arc<LaneState>,
) {
    let role = Role::Peer { id: me.id, to, client_address: me.client_address, raft_address: me.raft_address };
    let hello = Hello::new(me.cluster, role);
    let mut pauses = Backoff::new(LEAST_PAUSE, MOST_PAUSE);
    let mut said = String::new();
    while !messages.is_closed() {
        // Whoever has just started, or has just been connected anew, is heard: its first words wait a little.
        state.accepts.store(true, Relaxed);
        let mut dialing = pin!(dial(&address, &hello, HANDSHAKE));
        let dialed = if let Ok(dialed) = timeout(CONNECTS_WITHIN, dialing.as_mut()).await {
            dialed
        } else {
            state.give_up(&mut messages);
            dialing.await
        };
        let why = match dialed {
            Ok(dialed) => {
                tracing::debug!("connected to {to} at {address}");
                pauses.reset();
                state.accepts.store(true, Relaxed);
                let why = send_all(me.id, dialed.frames, &mut messages, &state).await;
                format!("lost the connection to {to}: {why}")
            }
            Err(error) => format!("cannot reach {to}: {error}"),
        };
        state.give_up(&mut messages);
        if why != said && !messages.is_closed() {
            tracing::info!("{why}");
            said = why;
        }
        sleep(pauses.pause()).await;
    }
}

/// Sends until the connection ends, and says how it did.
async fn send_all(
    from: NodeId,
    frames: Frames,
    messages: &mut mpsc::Receiver<Message>,
    state: &LaneState,
) -> String {
    let (mut sink, mut stream) = frames.split();
    tokio::select! {
        // Nothing is ever said here in this direction; what can be heard is the end.
        heard = stream.next() => match heard {
            None => "the peer closed it".to_owned(),
            Some(Ok(_)) => "the peer spoke on a one-way connection".to_owned(),
            Some(Err(error)) => error.to_string(),
        },
        error = pump(from, &mut sink, messages, state) => {
            error.map_or_else(|| "the node stops".to_owned(), |error| error.to_string())
        }
    }
}

/// Drains all that waits, then flushes once.
async fn pump(
    from: NodeId,
    sink: &mut SplitSink<Frames, bytes::Bytes>,
    messages: &mut mpsc::Receiver<Message>,
    state: &LaneState,
) -> Option<std::io::Error> {
    while let Some(first) = messages.recv().await {
        let mut next = Some(first);
        while let Some(message) = next {
            state.bytes.fetch_sub(size(&message), Relaxed);
            if let Err(error) = sink.feed(frame::encode(&PeerFrame { from, message })).await {
                return Some(error);
            }
            next = messages.try_recv().ok();
        }
        if let Err(error) = sink.flush().await {
            return Some(error);
        }
    }
    None
}

/// The incoming connections: at most one from each peer, the newest.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    newest: Mutex<HashMap<NodeId, Newest>>,
    count: AtomicU64,
}

#[derive(Debug)]
struct Newest {
    connection: u64,
    replaced: CancellationToken,
}

impl Incoming {
    /// Takes in one peer's messages until its connection ends, breaks a rule, or a newer one replaces it.
    pub(crate) async fn serve(self: Arc<Self>, guest: Guest, driver: mpsc::Sender<PeerInput>) {
        let Role::Peer { id, client_address, raft_address, .. } = guest.role else { return };
        let connection = self.count.fetch_add(1, Relaxed);
        let replaced = self.replace(id, connection);
        let from = guest.address.ip();
        let introduction = Introduction {
            connection,
            client_address: seen_from(from, client_address),
            raft_address: seen_from(from, raft_address),
        };
        let mut frames = guest.frames;
        tokio::select! {
            () = replaced.cancelled() => tracing::debug!("a newer connection of {id} replaces an older one"),
            why = receive(id, introduction, &mut frames, &driver) => {
                tracing::debug!("the connection from {id} at {} ended: {why}", guest.address);
            }
        }
        self.forget(id, connection);
        // An error only says that the node stops.
        let _ = driver.send(PeerInput::Left(id, connection)).await;
    }

    fn replace(&self, id: NodeId, connection: u64) -> CancellationToken {
        let replaced = CancellationToken::new();
        let newest = Newest { connection, replaced: replaced.clone() };
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

    fn newest(&self) -> MutexGuard<'_, HashMap<NodeId, Newest>> {
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

async fn receive(
    id: NodeId,
    introduction: Introduction,
    frames: &mut Frames,
    driver: &mpsc::Sender<PeerInput>,
) -> String {
    let stops = || "this node stops".to_owned();
    if driver.send(PeerInput::Arrived(id, introduction)).await.is_err() {
        return stops();
    }
    loop {
        let bytes = match frames.next().await {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => {
                tracing::warn!("closed the connection from {id}: {error}");
                return error.to_string();
            }
            None => return "the peer closed it".to_owned(),
        };
        let message = match read_message(id, &bytes) {
            Ok(message) => message,
            Err(why) => {
                tracing::warn!("closed the connection from {id}: {why}");
                return why;
            }
        };
        if driver.send(PeerInput::Message(id, message)).await.is_err() {
            return stops();
        }
    }
}

fn read_message(id: NodeId, bytes: &[u8]) -> Result<Message, String> {
    let PeerFrame { from, message } = frame::decode("peer", bytes).map_err(|error| error.to_string())?;
    if from == id { Ok(message) } else { Err(format!("it sent a message in the name of {from}")) }
}

#[cfg(test)]
#[path = "peers_tests.rs"]
mod tests;
