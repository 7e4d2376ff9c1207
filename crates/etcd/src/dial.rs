//! Opening a connection to a member: TCP, then TLS where the URL says so.

use crate::access::{AccessError, Alpn, EtcdAccess};
use crate::address::ClientUrl;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::{Arc, OnceLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Opens connections with one access. TLS is prepared once, when the first `https` URL is dialed.
pub(crate) struct Dialer {
    access: EtcdAccess,
    http2: OnceLock<Arc<ClientConfig>>,
    http1: OnceLock<Arc<ClientConfig>>,
}

/// A connection to a member, with TLS or without.
pub(crate) type Stream = Box<dyn ReadWrite>;

pub(crate) trait ReadWrite: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ReadWrite for T {}

impl Dialer {
    pub(crate) fn new(access: EtcdAccess) -> Self {
        Self { access, http2: OnceLock::new(), http1: OnceLock::new() }
    }

    /// Prepares TLS now, so that files that cannot be used are noticed.
    pub(crate) fn prepare(&self) -> Result<(), AccessError> {
        self.tls(Alpn::Http2)?;
        self.tls(Alpn::Http1).map(|_| ())
    }

    pub(crate) fn access(&self) -> &EtcdAccess {
        &self.access
    }

    /// Opens a connection. The error says in words what failed.
    pub(crate) async fn dial(&self, url: &ClientUrl, alpn: Alpn) -> Result<Stream, String> {
        let tcp = TcpStream::connect((url.host(), url.port())).await.map_err(|error| in_words(&error))?;
        // A request is one small write, which must not wait for the answer to an earlier one.
        tcp.set_nodelay(true).map_err(|error| in_words(&error))?;
        if !url.is_tls() {
            return Ok(Box::new(tcp));
        }
        let config = self.tls(alpn).map_err(|error| error.to_string())?;
        let name = ServerName::try_from(url.host().to_owned())
            .map_err(|_| format!("{} is no name that a certificate can have", url.host()))?;
        match TlsConnector::from(config).connect(name, tcp).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(in_words(&error)),
        }
    }

    fn tls(&self, alpn: Alpn) -> Result<Arc<ClientConfig>, AccessError> {
        let cell = match alpn {
            Alpn::Http2 => &self.http2,
            Alpn::Http1 => &self.http1,
        };
        if let Some(config) = cell.get() {
            return Ok(Arc::clone(config));
        }
        let config = self.access.tls(alpn)?;
        Ok(Arc::clone(cell.get_or_init(|| config)))
    }
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection was closed in the TLS handshake".to_owned(),
        _ => error.to_string(),
    }
}
