//! Opens a connection and shakes hands. After this the frames are the caller's; nothing is sent or read here but
//! the handshake's frames.

use crate::access::Access;
use crate::proof::{nonce, prove};
use crate::tls::{Tls, in_words, tls_failure};
use crate::transport::{Transport, prepare};
use futures::{SinkExt, StreamExt};
use raftdeck_protocol::frame::{self, MAX_FRAME, MAX_HELLO_REPLY};
use raftdeck_protocol::handshake::{Challenge, Confirmation, MAX_PROOFS, Proof, Side, Standing};
use raftdeck_protocol::{Hello, HelloReply, Ports, RefusalReason, Secret};
use raftdeck_raft::NodeId;
use rustls::AlertDescription;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsConnector, TlsStream};
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// The codec that cuts a connection into frames: 4-byte big-endian length, at most `max` bytes a frame. A longer
/// one is an error before any of it is read into memory.
#[must_use]
pub fn codec(max: usize) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().length_field_length(4).max_frame_length(max).new_codec()
}

/// A connection that carries frames.
pub type Frames = Framed<Transport, LengthDelimitedCodec>;

/// A connection whose handshake is done.
#[derive(Debug)]
pub struct Dialed {
    /// Carries frames of up to [`MAX_FRAME`] bytes.
    pub frames: Frames,
    /// Which node answered.
    pub node: NodeId,
    /// Its cluster.
    pub cluster: String,
    /// Its data directory and start, if it says so.
    pub standing: Option<Standing>,
    /// Whether both sides have proved that they know the token.
    pub is_proved: bool,
}

/// Why there is no connection. In each case nothing but the handshake was sent.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name cannot be resolved, or nothing listens on the port.
    #[error(
        "{}",
        if source.kind() == io::ErrorKind::ConnectionRefused {
            format!("{address} refuses connections (is a node running there?)")
        } else {
            format!("cannot connect to {address}: {source}")
        }
    )]
    Connect {
        /// As given.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// The connection attempt timed out.
    #[error("{address} does not answer within {} ms", within.as_millis())]
    Silent {
        /// As given.
        address: String,
        /// How long it was waited for.
        within: Duration,
    },
    /// The other side closed the connection before it answered.
    #[error("{address} closed the connection during the handshake")]
    Closed {
        /// As given.
        address: String,
    },
    /// The other side does not speak this protocol.
    #[error("{address} does not answer as a raftdeck node: another program, or another release, serves it")]
    Foreign {
        /// As given.
        address: String,
    },
    /// The other side refused, and said why.
    #[error("{address} refuses the connection: {reason}")]
    Refused {
        /// As given.
        address: String,
        /// Its reason.
        reason: RefusalReason,
        /// If it is the wrong port: which are the right ones, if it says so.
        ports: Option<Box<Ports>>,
    },
    /// This side refuses the other one, and told it the reason.
    #[error("{address} is not trusted: {reason}")]
    Distrusted {
        /// As given.
        address: String,
        /// What is wrong with it.
        reason: RefusalReason,
    },
    /// The other side answers a TLS handshake with something else.
    #[error("{address} does not speak TLS: is it started with --tls-ca, --tls-cert and --tls-key?")]
    NoTls {
        /// As given.
        address: String,
    },
    /// The other side's certificate is invalid, or does not name what it must.
    #[error("the certificate of {address} is not accepted: {why}")]
    Untrusted {
        /// As given.
        address: String,
        /// In words.
        why: String,
    },
    /// The other side does not accept this side's certificate.
    #[error("{address} does not accept this certificate: {why}")]
    Unaccepted {
        /// As given.
        address: String,
        /// In words.
        why: String,
    },
}

/// Connects to `address` (`HOST:PORT`, names allowed) and shakes hands, all within `within`, in plain text and without a token;
/// [`Access::dial`] has both. The hello's challenge is filled in here.
pub async fn dial(address: &str, hello: &Hello, within: Duration) -> Result<Dialed, DialError> {
    dial_with(address, hello, within, &Access::default(), |_| Ok(())).await
}

/// The same with a token and with TLS, where there are any. `judge` may refuse the node that answers.
pub(crate) async fn dial_with(
    address: &str,
    hello: &Hello,
    within: Duration,
    access: &Access,
    judge: impl Fn(&Challenge) -> Result<(), RefusalReason>,
) -> Result<Dialed, DialError> {
    match timeout(within, shake_hands(address, hello, access, judge)).await {
        Ok(result) => result,
        Err(_) => Err(DialError::Silent { address: address.to_owned(), within }),
    }
}

async fn shake_hands(
    address: &str,
    hello: &Hello,
    access: &Access,
    judge: impl Fn(&Challenge) -> Result<(), RefusalReason>,
) -> Result<Dialed, DialError> {
    let connect = |source| DialError::Connect { address: address.to_owned(), source };
    let hello = Hello { challenge: nonce().map_err(connect)?, ..hello.clone() };
    let stream = TcpStream::connect(address).await.map_err(connect)?;
    prepare(&stream).map_err(connect)?;
    let transport = match &access.tls {
        Some(tls) => encrypt(address, stream, tls).await?,
        None => Transport::Plain(stream),
    };
    let mut frames = Framed::new(transport, codec(MAX_HELLO_REPLY));
    let said = frame::encode(&hello);
    // If it cannot be sent, the reason may stand in an answer.
    let _ = frames.send(said.clone()).await;
    let challenge = match read_reply(address, &mut frames).await? {
        HelloReply::Challenge(challenge) => challenge,
        HelloReply::Refused(reason @ RefusalReason::WrongPort) => {
            let ports = read_ports(&mut frames).await.map(Box::new);
            return Err(DialError::Refused { address: address.to_owned(), reason, ports });
        }
        HelloReply::Refused(reason) => return Err(refused(address, reason)),
        // It accepts any client and proves nothing, which no node does.
        HelloReply::Accepted { .. } => return Err(DialError::Foreign { address: address.to_owned() }),
    };
    let judged = check(&hello, &said, &challenge, access.token.as_ref())
        .and_then(|proof| judge(&challenge).map(|()| proof));
    let confirmation = match &judged {
        Ok(proof) => Confirmation::Proof(*proof),
        Err(reason) => Confirmation::Refused(reason.clone()),
    };
    let sent = frames.send(frame::encode(&confirmation)).await;
    let proof = judged.map_err(|reason| DialError::Distrusted { address: address.to_owned(), reason })?;
    match read_reply(address, &mut frames).await? {
        HelloReply::Accepted { id, cluster } if id == challenge.id => {
            sent.map_err(|_| DialError::Closed { address: address.to_owned() })?;
            frames.codec_mut().set_max_frame_length(MAX_FRAME);
            let Challenge { standing, .. } = challenge;
            Ok(Dialed { frames, node: id, cluster, standing, is_proved: proof.is_some() })
        }
        HelloReply::Refused(reason) => Err(refused(address, reason)),
        _ => Err(DialError::Foreign { address: address.to_owned() }),
    }
}

fn refused(address: &str, reason: RefusalReason) -> DialError {
    DialError::Refused { address: address.to_owned(), reason, ports: None }
}

/// Verifies that the listener is the expected node and knows the token; gives this side's proof.
fn check(
    hello: &Hello,
    said: &[u8],
    challenge: &Challenge,
    token: Option<&Secret>,
) -> Result<Option<Proof>, RefusalReason> {
    if let Some(wanted) = hello.wanted().filter(|wanted| *wanted != challenge.id) {
        return Err(RefusalReason::WrongNode { ours: challenge.id, wanted });
    }
    let Some(token) = token else { return Ok(None) };
    let theirs = prove(token, said, challenge, Side::Listener);
    if !challenge.proofs.iter().take(MAX_PROOFS).any(|proof| *proof == theirs) {
        return Err(RefusalReason::Unproven);
    }
    Ok(Some(prove(token, said, challenge, Side::Dialer)))
}

async fn encrypt(address: &str, stream: TcpStream, tls: &Tls) -> Result<Transport, DialError> {
    let Some(name) = tls.name_at(address) else {
        let why = "its host is not a name that a certificate can contain".to_owned();
        return Err(DialError::Untrusted { address: address.to_owned(), why });
    };
    match TlsConnector::from(tls.connect()).connect(name, stream).await {
        Ok(stream) => Ok(Transport::Tls(Box::new(TlsStream::Client(stream)))),
        Err(error) => Err(untrusted(address, &error)),
    }
}

/// What ended a TLS connection before anything was said on it. With TLS 1.3 a client has finished its part of the handshake
/// before the other side looks at its certificate.
fn untrusted(address: &str, error: &io::Error) -> DialError {
    let address = address.to_owned();
    match error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidMessage(_)) => DialError::NoTls { address },
        // As a node without TLS says it.
        Some(rustls::Error::AlertReceived(AlertDescription::HandshakeFailure)) => {
            DialError::NoTls { address }
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            DialError::Unaccepted { address, why: format!("it sent the alert {alert:?}") }
        }
        Some(error) => DialError::Untrusted { address, why: in_words(error) },
        None => DialError::Closed { address },
    }
}

/// The frame after a refusal for the wrong port, if there is one.
async fn read_ports(frames: &mut Frames) -> Option<Ports> {
    frame::decode("ports", &frames.next().await?.ok()?).ok()
}

async fn read_reply(address: &str, frames: &mut Frames) -> Result<HelloReply, DialError> {
    let foreign = || DialError::Foreign { address: address.to_owned() };
    match frames.next().await {
        Some(Ok(bytes)) => frame::decode("handshake reply", &bytes).map_err(|_| foreign()),
        Some(Err(error)) if tls_failure(&error).is_some() => Err(untrusted(address, &error)),
        // The codec calls a length over the limit invalid data; all else is the connection's end.
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Err(foreign()),
        Some(Err(_)) | None => Err(DialError::Closed { address: address.to_owned() }),
    }
}
