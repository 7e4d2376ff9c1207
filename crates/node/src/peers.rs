//! Messages between members: one connection out to each peer for this node's own messages, one in from each for
//! theirs. Messages may be lost here, which Raft expects: what cannot be sent now is dropped, never kept for later.

use crate::driver::PeerInput;
use crate::listen::{Guest, HANDSHAKE};
use futures::stream::SplitSink;
use futures::{SinkExt, StreamExt};
use raftdeck_client::{Backoff, Frames, dial};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Hello, PeerFrame, frame};
use raftdeck_raft::{Envelope, Message, NodeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Messages that wait for one peer's connection; what comes on top is dropped.
const QUEUE: usize = 1024;

/// The same in bytes. Above the core's window for one peer, so that a full window never drops its own messages.
const QUEUE_BYTES: usize = 24 << 20;

const LEAST_PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSE: Duration = Duration::from_millis(200);

/// What a peer needs to know of this node.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) id: NodeId,
    pub(crate) cluster: String,
    pub(crate) client_address: String,
    /// Empty if it is not known under which name the others reach it.
    pub(crate) raft_address: String,
}

/// The driver's end of all outgoing connections.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    lanes: BTreeMap<NodeId, Lane>,
}

#[derive(Debug)]
struct Lane {
    queue: mpsc::Sender<Message>,
    state: Arc<LaneState>,
    /// Whether the last message was dropped because the queue was full.
    full: bool,
}

#[derive(Debug, Default)]
struct LaneState {
    connected: AtomicBool,
    bytes: AtomicUsize,
}

impl Outgoing {
    /// Starts to dial each of `peers`.
    pub(crate) fn start(me: &Sender, peers: impl Iterator<Item = (NodeId, String)>) -> Self {
        let lanes = peers.map(|(to, address)| {
            let (queue, messages) = mpsc::channel(QUEUE);
            let state = Arc::new(LaneState::default());
            tokio::spawn(keep_connected(me.clone(), to, address, messages, Arc::clone(&state)));
            (to, Lane { queue, state, full: false })
        });
        Self { lanes: lanes.collect() }
    }

    /// Sends a message, or drops it if there is no connection or too much waits already. Never waits.
    pub(crate) fn send(&mut self, envelope: Envelope) {
        let Some(lane) = self.lanes.get_mut(&envelope.to) else { return };
        if !lane.state.connected.load(Relaxed) {
            return;
        }
        let bytes = size(&envelope.message);
        let fits = lane.state.bytes.load(Relaxed) + bytes <= QUEUE_BYTES;
        let kind = envelope.message.name();
        let full = !fits || lane.queue.try_send(envelope.message).is_err();
        if !full {
            lane.state.bytes.fetch_add(bytes, Relaxed);
        } else if !lane.full {
            tracing::warn!("{} takes nothing in: dropping messages to it, first {kind}", envelope.to);
        }
        lane.full = full;
    }
}

/// Roughly what a message takes up.
fn size(message: &Message) -> usize {
    let entries = match message {
        Message::AppendEntries(append) => append.entries.as_slice(),
        _ => &[],
    };
    64 + entries.iter().map(|entry| 16 + entry.payload.size()).sum::<usize>()
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
        let why = match dial(&address, &hello, HANDSHAKE).await {
            Ok(dialed) => {
                tracing::debug!("connected to {to} at {address}");
                pauses.reset();
                state.connected.store(true, Relaxed);
                let why = send_all(me.id, dialed.frames, &mut messages, &state).await;
                state.connected.store(false, Relaxed);
                // What waited is stale by the time there is a connection again.
                while messages.try_recv().is_ok() {}
                state.bytes.store(0, Relaxed);
                format!("lost the connection to {to}: {why}")
            }
            Err(error) => format!("cannot reach {to}: {error}"),
        };
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
    newest: Mutex<HashMap<NodeId, CancellationToken>>,
}

impl Incoming {
    /// Takes in one peer's messages until its connection ends, breaks a rule, or a newer one replaces it.
    pub(crate) async fn serve(self: Arc<Self>, guest: Guest, driver: mpsc::Sender<PeerInput>) {
        let Role::Peer { id, client_address, .. } = guest.role else { return };
        let replaced = self.replace(id);
        let mut frames = guest.frames;
        tokio::select! {
            () = replaced.cancelled() => tracing::debug!("a newer connection of {id} replaces an older one"),
            why = receive(id, client_address, &mut frames, &driver) => {
                tracing::debug!("the connection from {id} at {} ended: {why}", guest.address);
            }
        }
    }

    fn replace(&self, id: NodeId) -> CancellationToken {
        let token = CancellationToken::new();
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(older) = newest.insert(id, token.clone()) {
            older.cancel();
        }
        token
    }
}

async fn receive(
    id: NodeId,
    client_address: String,
    frames: &mut Frames,
    driver: &mpsc::Sender<PeerInput>,
) -> String {
    let stops = || "this node stops".to_owned();
    if driver.send(PeerInput::Address(id, client_address)).await.is_err() {
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
