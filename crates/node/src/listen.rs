//! Accepting: who may connect to which port. Every connection is bounded in number, in the size of its first frame
//! and in the time it may take to say who it is; what is done with it afterwards is others' business.

use bytes::BytesMut;
use futures::{SinkExt, StreamExt};
use raftdeck_client::Frames;
use raftdeck_protocol::frame::{self, MAX_HANDSHAKE};
use raftdeck_protocol::handshake::{Role, decode_hello};
use raftdeck_protocol::{Hello, HelloReply, RefusalReason};
use raftdeck_raft::NodeId;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::codec::Framed;

/// The time in which a handshake must be done, on either side of it.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(2);

/// A refused connection's unread bytes are read away, up to here: closing over them would take back the refusal.
const MAX_DRAIN: u64 = 64 << 10;

/// Accepting pauses this long when the system has no more sockets to give.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// The same complaint is logged at most this often.
const COMPLAINT: Duration = Duration::from_secs(1);

/// Who this node is to those who connect.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) id: NodeId,
    pub(crate) cluster: String,
}

/// Which of the two ports that shake hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Raft,
    Client,
}

/// A connection that is let in. Its place among the connections is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) wire: Wire,
    pub(crate) role: Role,
    pub(crate) address: SocketAddr,
    pub(crate) place: OwnedSemaphorePermit,
}

/// A connection past its handshake.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    /// What was read already and belongs to the frames that follow.
    pub(crate) read: BytesMut,
}

impl From<Frames> for Wire {
    fn from(frames: Frames) -> Self {
        let parts = frames.into_parts();
        Self { stream: parts.io, read: parts.read_buf }
    }
}

/// Accepts connections until the listener is dropped, and starts `admitted` for each that gets past the handshake.
pub(crate) async fn accept<F>(
    listener: TcpListener,
    door: Door,
    identity: Arc<Identity>,
    most: usize,
    admitted: impl Fn(Guest) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut port = BoundedPort::new(listener, format!("{door:?}"), most);
    loop {
        let (stream, address, place) = port.accept().await;
        let identity = Arc::clone(&identity);
        let admitted = admitted.clone();
        tokio::spawn(async move {
            if let Some((wire, role)) = greet(stream, address, door, &identity).await {
                admitted(Guest { wire, role, address, place }).await;
            }
        });
    }
}

/// A port that serves only so many connections at a time.
#[derive(Debug)]
pub(crate) struct BoundedPort {
    listener: TcpListener,
    name: String,
    most: usize,
    places: Arc<Semaphore>,
    complaint: Complaint,
}

impl BoundedPort {
    /// `name` is what the log calls it.
    pub(crate) fn new(listener: TcpListener, name: String, most: usize) -> Self {
        let places = Arc::new(Semaphore::new(most));
        Self { listener, name, most, places, complaint: Complaint::default() }
    }

    /// The next connection that there is a place for; the place is free again when the permit is dropped.
    /// Cancel-safe.
    pub(crate) async fn accept(&mut self) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        let Self { name, most, .. } = self;
        loop {
            let (stream, address) = match self.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.complaint.say(&format!("cannot accept connections on the {name} port: {error}"));
                    sleep(EXHAUSTED).await;
                    continue;
                }
            };
            if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
                return (stream, address, place);
            }
            self.complaint.say(&format!("turned away a connection: the {name} port already serves {most}"));
        }
    }
}

/// Something that could be said for every connection, and is said once in a while.
#[derive(Debug, Default)]
struct Complaint {
    last: Option<Instant>,
}

impl Complaint {
    fn say(&mut self, sentence: &str) {
        if self.last.is_none_or(|last| last.elapsed() >= COMPLAINT) {
            self.last = Some(Instant::now());
            tracing::warn!("{sentence}");
        }
    }
}

/// Does the handshake. `None`: refused, which was logged and, where anybody listens, said.
async fn greet(
    stream: TcpStream,
    address: SocketAddr,
    door: Door,
    identity: &Identity,
) -> Option<(Wire, Role)> {
    let shaken = timeout(HANDSHAKE, shake_hands(stream, door, identity)).await;
    match shaken {
        Ok(Ok(Ok(admitted))) => Some(admitted),
        Ok(Ok(Err(reason))) => {
            tracing::warn!("refused {address} on the {door:?} port: {reason}");
            None
        }
        // Somebody looked whether the port is open: nothing to report.
        Ok(Err(error)) => {
            tracing::debug!("{address} left the {door:?} port during the handshake: {error}");
            None
        }
        Err(_) => {
            tracing::info!("{address} said nothing on the {door:?} port for {} ms", HANDSHAKE.as_millis());
            None
        }
    }
}

async fn shake_hands(
    stream: TcpStream,
    door: Door,
    identity: &Identity,
) -> io::Result<Result<(Wire, Role), RefusalReason>> {
    stream.set_nodelay(true)?;
    let mut frames = Framed::new(stream, raftdeck_client::codec(MAX_HANDSHAKE));
    let hello = match frames.next().await {
        Some(Ok(bytes)) => decode_hello(&bytes),
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Err(RefusalReason::NotRaftdeck),
        Some(Err(error)) => return Err(error),
        None => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    match hello.and_then(|hello| judge(hello, door, identity)) {
        Ok(role) => {
            let reply = HelloReply::Accepted { id: identity.id, cluster: identity.cluster.clone() };
            frames.send(frame::encode(&reply)).await?;
            Ok(Ok((frames.into(), role)))
        }
        Err(reason) => {
            // The reason matters here even if the other side is not there any more to hear it.
            let _ = refuse(frames, reason.clone()).await;
            Ok(Err(reason))
        }
    }
}

/// Whether this one may come in here.
fn judge(hello: Hello, door: Door, identity: &Identity) -> Result<Role, RefusalReason> {
    let any_cluster = hello.cluster.is_empty() && door == Door::Client;
    match (&hello.role, door) {
        (Role::Peer { .. }, Door::Raft) | (Role::Client | Role::Manager, Door::Client) => {}
        _ => return Err(RefusalReason::WrongPort),
    }
    if hello.cluster != identity.cluster && !any_cluster {
        return Err(RefusalReason::Cluster { ours: identity.cluster.clone(), theirs: hello.cluster });
    }
    if let Role::Peer { id, to, .. } = hello.role {
        if to != identity.id {
            return Err(RefusalReason::WrongNode { ours: identity.id, wanted: to });
        }
        // Who belongs to the cluster is for the core to know: a member may lag several changes behind.
        if id == identity.id || id == NodeId(0) {
            return Err(RefusalReason::UnknownPeer { id });
        }
    }
    Ok(hello.role)
}

async fn refuse(mut frames: Frames, reason: RefusalReason) -> io::Result<()> {
    frames.send(frame::encode(&HelloReply::Refused(reason))).await?;
    let mut stream = frames.into_inner();
    stream.shutdown().await?;
    tokio::io::copy(&mut (&mut stream).take(MAX_DRAIN), &mut tokio::io::sink()).await?;
    Ok(())
}
