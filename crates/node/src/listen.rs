//! Accepts and authenticates connections. Their number, the size of their first frame and the time until they are
//! authenticated are bounded. What happens on them afterwards is handled elsewhere.

use crate::http2;
use crate::memory::StartMemory;
use crate::ports::{BoundedPort, Bounds, Seat};
use crate::refusals;
use crate::speech::{NO_TLS, Signpost, Speech};
use crate::tls::{self, TlsOpening};
use crate::trust::{Proved, Trust};
use bytes::BytesMut;
use futures::{SinkExt, StreamExt};
use raftdeck_client::{Frames, LocalUsers, Transport, prepare, tls_failure};
use raftdeck_protocol::frame::{self, MAX_HANDSHAKE};
use raftdeck_protocol::handshake::{Confirmation, Role, Standing, decode_hello};
use raftdeck_protocol::{Hello, HelloReply, RefusalReason};
use raftdeck_raft::NodeId;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::codec::Framed;

/// The time in which a handshake must be done, on either side of it.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(2);

/// This node's identity for connecting peers and clients, and what it requires of them.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) id: NodeId,
    pub(crate) trust: Trust,
    /// Which users of this machine are served without a proof.
    pub(crate) local_users: LocalUsers,
    /// Where starts that were met are kept.
    pub(crate) memory: StartMemory,
    /// `None`: nothing is encrypted.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Where connections to the wrong port are directed.
    pub(crate) signpost: Signpost,
}

/// Which of the two ports that shake hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakePort {
    Raft,
    Client,
}

impl HandshakePort {
    /// What the log calls its port.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Raft => "Raft",
            Self::Client => "Client",
        }
    }
}

/// An authenticated connection. Its slot is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct AdmittedConnection {
    pub(crate) wire: Wire,
    pub(crate) role: Role,
    /// Of a node: its data directory, and which start of it.
    pub(crate) standing: Option<Standing>,
    pub(crate) proved: Proved,
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
    door: HandshakePort,
    identity: Arc<Identity>,
    bounds: Bounds,
    admitted: impl Fn(AdmittedConnection) -> F + Clone + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut port = BoundedPort::new(listener, door.name(), bounds);
    loop {
        let (stream, address, place) = port.accept().await;
        let identity = Arc::clone(&identity);
        let admitted = admitted.clone();
        tokio::spawn(async move {
            let greeted = tokio::select! {
                greeted = greet(stream, address, door, &identity, &place) => greeted,
                () = place.ousted() => None,
            };
            if let Some((wire, ProvenDialer { role, standing, proved })) = greeted {
                admitted(AdmittedConnection { wire, role, standing, proved, address, place }).await;
            }
        });
    }
}

/// What a dialer said of itself, and has proved.
#[derive(Debug)]
struct ProvenDialer {
    role: Role,
    standing: Option<Standing>,
    proved: Proved,
}

/// How a handshake can end, if the connection lasts until then.
enum HandshakeEnd {
    In(Wire, ProvenDialer),
    Refused(Frames, RefusalReason),
    /// The same of a process that says that it is this node.
    Peer(NodeId, Frames, RefusalReason),
    /// The dialer does not continue, for this reason; which node it says that it is.
    Declined(Option<NodeId>, RefusalReason),
    /// One of the sides does not take the other's certificate.
    Failed(io::Error, TcpStream),
    /// It speaks something else.
    Foreign(Transport, BytesMut, Speech),
    /// There is no room left.
    Full,
}

/// Does the handshake. `None`: refused, which was logged and, where anybody listens, said.
async fn greet(
    stream: TcpStream,
    address: SocketAddr,
    door: HandshakePort,
    identity: &Identity,
    place: &Seat,
) -> Option<(Wire, ProvenDialer)> {
    let until = Instant::now() + HANDSHAKE;
    match timeout_at(until, shake_hands(stream, door, identity, place)).await {
        Ok(Ok(HandshakeEnd::In(wire, greeted))) => return Some((wire, greeted)),
        Ok(Ok(HandshakeEnd::Full)) => {}
        Ok(Ok(HandshakeEnd::Peer(id, frames, reason))) => {
            if identity.trust.refused(id, &reason) {
                refusals::log(door.name(), address.ip(), format_args!("refused {id} at {address}: {reason}"));
            }
            let _ = timeout_at(until, refuse(frames, reason)).await;
        }
        Ok(Ok(HandshakeEnd::Refused(frames, reason))) => {
            let told = format!("refused {address} on the {door:?} port: {reason}");
            // A client that was given the Raft address connects to the client port automatically.
            if door == HandshakePort::Raft && reason == RefusalReason::WrongPort {
                tracing::debug!("{told}");
            } else {
                refusals::log(door.name(), address.ip(), told);
            }
            // Nothing more can be done if the other side is already gone.
            let told = async {
                match reason {
                    RefusalReason::WrongPort => {
                        say(frames.into_inner(), &identity.signpost.to_raftdeck()).await
                    }
                    reason => refuse(frames, reason).await,
                }
            };
            let _ = timeout_at(until, told).await;
        }
        Ok(Ok(HandshakeEnd::Foreign(transport, read, speech))) => {
            let told = foreign(speech, door, &identity.signpost);
            refusals::log(
                door.name(),
                address.ip(),
                format_args!("refused {address} on the {door:?} port: {told}"),
            );
            let _ = timeout_at(until, turn_away(transport, read, speech, door, &identity.signpost)).await;
        }
        Ok(Ok(HandshakeEnd::Declined(Some(id), reason))) => {
            if identity.trust.refused(id, &reason) {
                refusals::log(
                    door.name(),
                    address.ip(),
                    format_args!("{id} at {address} refuses this node: {reason}"),
                );
            }
        }
        Ok(Ok(HandshakeEnd::Declined(None, reason))) => {
            refusals::log(
                door.name(),
                address.ip(),
                format_args!("{address} connected to the {door:?} port and declined: {reason}"),
            );
        }
        Ok(Ok(HandshakeEnd::Failed(error, mut stream))) => {
            tls::tell(&error, address, door.name());
            let _ = timeout_at(until, tls::drain(&mut stream)).await;
        }
        // A probe of whether the port is open: nothing to report.
        Ok(Err(error)) => {
            tracing::debug!("{address} left the {door:?} port during the handshake: {error}");
        }
        Err(_) => {
            let within = HANDSHAKE.as_millis();
            refusals::log(
                door.name(),
                address.ip(),
                format_args!(
                    "refused {address} on the {door:?} port: it did not identify itself within {within} ms"
                ),
            );
        }
    }
    None
}

async fn shake_hands(
    stream: TcpStream,
    door: HandshakePort,
    identity: &Identity,
    place: &Seat,
) -> io::Result<HandshakeEnd> {
    prepare(&stream)?;
    let from = identity.local_users.check(stream.peer_addr()?, stream.local_addr()?);
    let over = |transport| Framed::new(transport, raftdeck_client::codec(MAX_HANDSHAKE));
    let transport = match &identity.tls {
        None => Transport::Plain(stream),
        Some(acceptor) => match tls::open(stream, acceptor).await? {
            TlsOpening::Tls(transport) => transport,
            TlsOpening::Plain(stream, speech @ (Speech::Http { .. } | Speech::Http2)) => {
                return Ok(HandshakeEnd::Foreign(Transport::Plain(stream), BytesMut::new(), speech));
            }
            TlsOpening::Plain(stream, _) => {
                return Ok(HandshakeEnd::Refused(over(Transport::Plain(stream)), RefusalReason::TlsNeeded));
            }
            TlsOpening::Failed(error, stream) => return Ok(HandshakeEnd::Failed(error, stream)),
        },
    };
    converse(over(transport), door, identity, from, place).await
}

/// The handshake's frames. `from` says whether the connecting user needs no proof.
async fn converse(
    mut frames: Frames,
    door: HandshakePort,
    identity: &Identity,
    from: Result<(), RefusalReason>,
    place: &Seat,
) -> io::Result<HandshakeEnd> {
    let Some(said) = first_frame(&mut frames).await? else {
        let speech = Speech::of(frames.read_buffer());
        if speech == Speech::Unknown {
            return Ok(HandshakeEnd::Refused(frames, RefusalReason::NotRaftdeck));
        }
        let parts = frames.into_parts();
        return Ok(HandshakeEnd::Foreign(parts.io, parts.read_buf, speech));
    };
    let hello = match decode_hello(&said).and_then(|hello| look(hello, door, identity, frames.get_ref())) {
        Ok(hello) => hello,
        Err(reason) => return Ok(HandshakeEnd::Refused(frames, reason)),
    };
    let question = identity.trust.question(&hello, &said)?;
    let is_wrong_cluster = || wrong_cluster(&hello, door, &identity.trust);
    // Where nothing is asked, the name of the cluster is no secret.
    if let Some(reason) = is_wrong_cluster().filter(|_| question.asks_nothing()) {
        return Ok(HandshakeEnd::Refused(frames, reason));
    }
    frames.send(frame::encode(&HelloReply::Challenge(question.challenge.clone()))).await?;
    let shown = match confirmation(&mut frames).await? {
        Some(Confirmation::Proof(shown)) => shown,
        Some(Confirmation::Refused(reason)) => {
            return Ok(HandshakeEnd::Declined(node_of(&hello.role), reason));
        }
        None => return Ok(HandshakeEnd::Refused(frames, RefusalReason::NotRaftdeck)),
    };
    let judged = question.judge(shown).and_then(|proved| {
        if let Err(reason) = from
            && !proved.is_proved
        {
            return Err(reason);
        }
        is_wrong_cluster().map_or(Ok(()), Err)?;
        // Any founder is told how far this node is.
        if let Role::Peer { id, .. } = hello.role {
            let is_proved = proved.is_proved || identity.tls.is_some();
            identity.trust.judge(id, hello.standing.as_ref(), is_proved)?;
        }
        Ok(proved)
    });
    let proved = match (judged, &hello.role) {
        (Ok(proved), _) => proved,
        (Err(reason), Role::Peer { id, .. }) => return Ok(HandshakeEnd::Peer(*id, frames, reason)),
        (Err(reason), _) => return Ok(HandshakeEnd::Refused(frames, reason)),
    };
    if !place.admit().await {
        return Ok(HandshakeEnd::Full);
    }
    if let Role::Peer { id, .. } = hello.role
        && identity.trust.welcomed(id)
    {
        identity.memory.keep_met(&identity.trust).await;
    }
    let reply = HelloReply::Accepted { id: identity.id, cluster: identity.trust.cluster() };
    frames.send(frame::encode(&reply)).await?;
    Ok(HandshakeEnd::In(frames.into(), ProvenDialer { role: hello.role, standing: hello.standing, proved }))
}

/// What a dialer answers to a challenge; `None`: what arrives is no such answer.
async fn confirmation(frames: &mut Frames) -> io::Result<Option<Confirmation>> {
    match frames.next().await {
        Some(Ok(bytes)) => Ok(frame::decode("confirmation", &bytes).ok()),
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        Some(Err(error)) => Err(error),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The first frame; `None`: what arrives is none.
async fn first_frame(frames: &mut Frames) -> io::Result<Option<BytesMut>> {
    match frames.next().await {
        Some(Ok(bytes)) => Ok(Some(bytes)),
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData && tls_failure(&error).is_none() => {
            Ok(None)
        }
        Some(Err(error)) => Err(error),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Whether this hello may be answered with a challenge. What is refused here is refused to all: ports and ids are no
/// secrets, as addresses are often given for another port or another node.
fn look(
    hello: Hello,
    door: HandshakePort,
    identity: &Identity,
    transport: &Transport,
) -> Result<Hello, RefusalReason> {
    let id = match (&hello.role, door) {
        (Role::Peer { id, .. } | Role::Founder { id, .. }, HandshakePort::Raft) => Some(*id),
        (Role::Client | Role::Manager, HandshakePort::Client) => None,
        _ => return Err(RefusalReason::WrongPort),
    };
    if let Some(wanted) = hello.wanted().filter(|wanted| *wanted != identity.id) {
        return Err(RefusalReason::WrongNode { ours: identity.id, wanted });
    }
    match id {
        // The core decides which nodes belong to the cluster: a member may lag several changes behind.
        Some(id) if id == identity.id || id == NodeId(0) => Err(RefusalReason::UnknownPeer { id }),
        Some(id) if identity.tls.is_some() && !transport.proved(id) => Err(RefusalReason::Certificate { id }),
        _ => Ok(hello),
    }
}

/// Which node a dialer says that it is.
fn node_of(role: &Role) -> Option<NodeId> {
    match role {
        Role::Peer { id, .. } | Role::Founder { id, .. } => Some(*id),
        Role::Client | Role::Manager => None,
    }
}

/// Clients may leave the name of the cluster open.
fn wrong_cluster(hello: &Hello, door: HandshakePort, trust: &Trust) -> Option<RefusalReason> {
    let any_cluster = hello.cluster.is_empty() && door == HandshakePort::Client;
    let ours = trust.cluster();
    let is_wrong = hello.cluster != ours && !any_cluster;
    is_wrong.then(|| RefusalReason::Cluster { ours, theirs: hello.cluster.clone() })
}

async fn refuse(mut frames: Frames, reason: RefusalReason) -> io::Result<()> {
    frames.send(frame::encode(&HelloReply::Refused(reason))).await?;
    tls::drain(&mut frames.into_inner()).await
}

/// What the log says of a connection that speaks something else.
fn foreign(speech: Speech, door: HandshakePort, signpost: &Signpost) -> String {
    match speech {
        Speech::Tls => format!(
            "a TLS connection reached the {door:?} port, which does not use TLS: start the node with --tls-cert"
        ),
        Speech::Http { .. } | Speech::Http2 => {
            format!("it speaks HTTP, which is served at {}", signpost.ports.http)
        }
        Speech::Raftdeck | Speech::Unknown => RefusalReason::NotRaftdeck.to_string(),
    }
}

/// Says where to go, in the language that was spoken.
async fn turn_away(
    mut transport: Transport,
    read: BytesMut,
    speech: Speech,
    door: HandshakePort,
    signpost: &Signpost,
) -> io::Result<()> {
    match speech {
        Speech::Tls => say(transport, &NO_TLS).await,
        Speech::Http { has_body } => {
            let answer = signpost.to_http(door.name(), has_body);
            say(transport, &answer).await
        }
        Speech::Http2 => {
            http2::refuse(&mut transport, read).await?;
            tls::drain(&mut transport).await
        }
        Speech::Raftdeck | Speech::Unknown => {
            let over = Framed::new(transport, raftdeck_client::codec(MAX_HANDSHAKE));
            refuse(over, RefusalReason::NotRaftdeck).await
        }
    }
}

/// The last words on a connection.
async fn say(mut transport: Transport, words: &[u8]) -> io::Result<()> {
    transport.write_all(words).await?;
    tls::drain(&mut transport).await
}
