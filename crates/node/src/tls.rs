//! TLS on the accepting side: a client certificate of the authority is required, and a port with TLS accepts nothing
//! else. The name in the certificate is checked by the callers, which know the expected one.

use crate::refusals;
use crate::speech::{ENOUGH, Speech};
use raftdeck_client::{Tls, TlsError, Transport, tls_failure};
use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::TLS13;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsStream};

/// The unread bytes of a connection that is refused are read away, up to here: closing over them would take back what was
/// said last.
pub(crate) const MAX_DRAIN: u64 = 64 << 10;

/// Both ways of accepting connections with TLS.
#[derive(Clone)]
pub(crate) struct Acceptors {
    /// On the ports for peers and clients.
    pub(crate) raftdeck: TlsAcceptor,
    pub(crate) http: TlsAcceptor,
}

/// What a connection to a port that speaks TLS turned out to be.
pub(crate) enum TlsOpening {
    Tls(Transport),
    /// It begins with something else. What it began with is still to be read.
    Plain(TcpStream, Speech),
    /// One of the sides does not take what the other one shows; why was sent.
    Failed(io::Error, TcpStream),
}

impl Acceptors {
    /// `http_by_token`: HTTP requires a token, and with the token no certificate.
    pub(crate) fn new(tls: &Tls, http_by_token: bool) -> Result<Self, TlsError> {
        Ok(Self { raftdeck: acceptor(tls, false, &[])?, http: acceptor(tls, http_by_token, &[b"http/1.1"])? })
    }
}

fn acceptor(tls: &Tls, without_certificate: bool, protocols: &[&[u8]]) -> Result<TlsAcceptor, TlsError> {
    let malformed = |why: String| TlsError::Malformed { path: tls.files().ca.clone(), why };
    let verifier = WebPkiClientVerifier::builder_with_provider(tls.authority(), Tls::provider());
    let verifier = if without_certificate { verifier.allow_unauthenticated() } else { verifier };
    let verifier = verifier.build().map_err(|error| malformed(error.to_string()))?;
    let mut config = ServerConfig::builder_with_provider(Tls::provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| malformed(error.to_string()))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(tls.own())));
    // Every connection is authenticated anew: there is no session ticket to reuse later.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Does the TLS handshake, if the other side speaks TLS.
pub(crate) async fn open(stream: TcpStream, acceptor: &TlsAcceptor) -> io::Result<TlsOpening> {
    let mut first = [0; ENOUGH];
    let speech = match stream.peek(&mut first).await? {
        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
        some => Speech::of(&first[..some]),
    };
    if speech != Speech::Tls {
        return Ok(TlsOpening::Plain(stream, speech));
    }
    match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => Ok(TlsOpening::Tls(Transport::Tls(Box::new(TlsStream::Server(stream))))),
        Err((error, stream)) => Ok(TlsOpening::Failed(error, stream)),
    }
}

/// Logs why there was no TLS.
pub(crate) fn tell(error: &io::Error, address: SocketAddr, port: &str) {
    if let Some(why) = tls_failure(error) {
        refusals::log(port, address.ip(), format_args!("refused {address} on the {port} port: {why}"));
    } else {
        tracing::debug!("{address} left the {port} port during the handshake: {error}");
    }
}

/// Says that nothing more is said, and reads away what the other side still says.
pub(crate) async fn drain(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(MAX_DRAIN), &mut tokio::io::sink()).await?;
    Ok(())
}
