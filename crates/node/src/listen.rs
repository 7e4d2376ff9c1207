//! Accepting: who may connect to which port. Every connection is bounded in number, in the size of its first frame
//! and in the time it may take to prove who it is; what is done with it afterwards is others' business.

use crate::ports::{BoundedPort, Bounds, Seat};
use crate::tls::{self, Opened, RECORD};
use crate::tokens::Tokens;
use bytes::BytesMut;
use futures::{SinkExt, StreamExt};
use raftdeck_client::{Frames, Transport, prepare, tls_failure};
use raftdeck_protocol::frame::{self, MAX_HANDSHAKE};
use raftdeck_protocol::handshake::{Role, decode_hello};
use raftdeck_protocol::{Hello, HelloReply, RefusalReason};
use raftdeck_raft::NodeId;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::Framed;

/// The time in which a handshake must be done, on either side of it.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(2);

/// Who this node is to those who connect, and what it asks of them.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) id: NodeId,
    pub(crate) cluster: String,
    pub(crate) tokens: Tokens,
    /// `None`: nothing is encrypted.
    pub(crate) tls: Option<TlsAcceptor>,
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
    /// Whether it may change who belongs to the cluster and who leads it.
    pub(crate) governs: bool,
    pub(crate) address: SocketAddr,
    pub(crate) place: Seat,
}

/// A connection past its handshake.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) stream: Transport,
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
    bounds: Bounds,
    admitted: impl Fn(Guest) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut port = BoundedPort::new(listener, &format!("{door:?}"), bounds);
    loop {
        let (stream, address, place) = port.accept().await;
        let identity = Arc::clone(&identity);
        let admitted = admitted.clone();
        tokio::spawn(async move {
            let greeted = tokio::select! {
                greeted = greet(stream, address, door, &identity, &place) => greeted,
                () = place.ousted() => None,
            };
            if let Some((wire, Standing { role, governs })) = greeted {
                admitted(Guest { wire, role, governs, address, place }).await;
            }
        });
    }
}

/// Who somebody has proved to be.
#[derive(Debug)]
struct Standing {
    role: Role,
    governs: bool,
}

/// How a handshake can end, if the connection lasts until then.
enum Shaken {
    In(Wire, Standing),
    Refused(Frames, RefusalReason),
    /// One of the sides does not take the other's certificate.
    Failed(io::Error, TcpStream),
    /// There is no more room.
    Full,
}

/// Does the handshake. `None`: refused, which was logged and, where anybody listens, said.
async fn greet(
    stream: TcpStream,
    address: SocketAddr,
    door: Door,
    identity: &Identity,
    place: &Seat,
) -> Option<(Wire, Standing)> {
    let until = Instant::now() + HANDSHAKE;
    match timeout_at(until, shake_hands(stream, door, identity, place)).await {
        Ok(Ok(Shaken::In(wire, standing))) => return Some((wire, standing)),
        Ok(Ok(Shaken::Full)) => {}
        Ok(Ok(Shaken::Refused(frames, reason))) => {
            let told = format!("refused {address} on the {door:?} port: {reason}");
            // A client that was given the Raft address goes on to its own port by itself.
            if door == Door::Raft && reason == RefusalReason::WrongPort {
                tracing::debug!("{told}");
            } else {
                tracing::warn!("{told}");
            }
            // Nothing more can be done if the other side is not there any more to hear it.
            let _ = timeout_at(until, refuse(frames, reason)).await;
        }
        Ok(Ok(Shaken::Failed(error, mut stream))) => {
            tls::tell(&error, address, &format!("{door:?}"));
            let _ = timeout_at(until, tls::drain(&mut stream)).await;
        }
        // Somebody looked whether the port is open: nothing to report.
        Ok(Err(error)) => {
            tracing::debug!("{address} left the {door:?} port during the handshake: {error}");
        }
        Err(_) => {
            tracing::info!(
                "{address} did not say who it is on the {door:?} port within {} ms",
                HANDSHAKE.as_millis()
            );
        }
    }
    None
}

async fn shake_hands(stream: TcpStream, door: Door, identity: &Identity, place: &Seat) -> io::Result<Shaken> {
    prepare(&stream)?;
    let over = |transport| Framed::new(transport, raftdeck_client::codec(MAX_HANDSHAKE));
    let transport = match &identity.tls {
        None => Transport::Plain(stream),
        Some(acceptor) => match tls::open(stream, acceptor).await? {
            Opened::Tls(transport) => transport,
            Opened::Plain(stream) => {
                return Ok(Shaken::Refused(over(Transport::Plain(stream)), RefusalReason::TlsNeeded));
            }
            Opened::Failed(error, stream) => return Ok(Shaken::Failed(error, stream)),
        },
    };
    let mut frames = over(transport);
    let hello = match frames.next().await {
        Some(Ok(bytes)) => decode_hello(&bytes),
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData && tls_failure(&error).is_none() => {
            if frames.read_buffer().first() == Some(&RECORD) {
                tracing::warn!("somebody speaks TLS to the {door:?} port, which does not: --tls-cert would");
            }
            Err(RefusalReason::NotRaftdeck)
        }
        Some(Err(error)) => return Err(error),
        None => return Err(io::ErrorKind::UnexpectedEof.into()),
    };
    match hello.and_then(|hello| judge(hello, door, identity, frames.get_ref())) {
        Ok(_) if !place.admit() => Ok(Shaken::Full),
        Ok(standing) => {
            let reply = HelloReply::Accepted { id: identity.id, cluster: identity.cluster.clone() };
            frames.send(frame::encode(&reply)).await?;
            Ok(Shaken::In(frames.into(), standing))
        }
        Err(reason) => Ok(Shaken::Refused(frames, reason)),
    }
}

/// Whether this one may come in here. Who has no token learns nothing but that; the port itself is no secret, as addresses are
/// often given for the other one.
fn judge(
    hello: Hello,
    door: Door,
    identity: &Identity,
    transport: &Transport,
) -> Result<Standing, RefusalReason> {
    let Identity { tokens, .. } = identity;
    let shown = hello.token.as_ref();
    let is_admitted = match (&hello.role, door) {
        (Role::Peer { .. }, Door::Raft) => tokens.admit_peer(shown),
        (Role::Client, Door::Client) => tokens.admit_client(shown),
        (Role::Manager, Door::Client) => tokens.admit_manager(shown),
        _ => return Err(RefusalReason::WrongPort),
    };
    if !is_admitted {
        return Err(RefusalReason::Token);
    }
    let any_cluster = hello.cluster.is_empty() && door == Door::Client;
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
        if identity.tls.is_some() && !transport.proved(id) {
            return Err(RefusalReason::Certificate { id });
        }
    }
    Ok(Standing { governs: tokens.lets_govern(shown), role: hello.role })
}

async fn refuse(mut frames: Frames, reason: RefusalReason) -> io::Result<()> {
    frames.send(frame::encode(&HelloReply::Refused(reason))).await?;
    tls::drain(&mut frames.into_inner()).await
}
