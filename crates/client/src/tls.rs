//! Mutual TLS 1.3: a process's own certificate, and the certificate authority that it trusts. Files are read once; no
//! connection is opened here.
//!
//! A node's certificate names the node: `n2.raftdeck` beside the hosts by which it is reached. A dialer that expects
//! a certain node verifies this name, so that the node's address does not matter.

use crate::address;
use raftdeck_raft::NodeId;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, InconsistentKeys, RootCertStore};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The three files that TLS takes, in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority's certificates: a certificate that one of them signed is trusted.
    pub ca: PathBuf,
    /// One's own certificate, with those between it and the authority, if there are any.
    pub cert: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
}

/// Why these files cannot be used for TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Some of the files are not named.
    #[error("{missing} is missing: TLS takes --tls-ca, --tls-cert and --tls-key together")]
    Incomplete {
        /// The first that is missing.
        missing: &'static str,
    },
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file lacks the expected content.
    #[error("{} holds no {what} in PEM form, which begins with {begin}", path.display())]
    Nothing {
        /// Which.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
        /// Its first line.
        begin: &'static str,
    },
    /// A file is damaged, or of an unknown kind.
    #[error("{} cannot be used: {why}", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// In words.
        why: String,
    },
    /// The key belongs to another certificate.
    #[error("the key in {} does not belong to the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// Peers would refuse this process's own certificate.
    #[error("the certificate in {} would be refused: {why}", path.display())]
    Unfit {
        /// Its file.
        path: PathBuf,
        /// In words.
        why: String,
    },
}

impl TlsFiles {
    /// All three, or none of them.
    pub fn of(
        ca: Option<PathBuf>,
        cert: Option<PathBuf>,
        key: Option<PathBuf>,
    ) -> Result<Option<Self>, TlsError> {
        let missing = match (ca, cert, key) {
            (Some(ca), Some(cert), Some(key)) => return Ok(Some(Self { ca, cert, key })),
            (None, None, None) => return Ok(None),
            (None, ..) => "--tls-ca",
            (_, None, _) => "--tls-cert",
            (.., None) => "--tls-key",
        };
        Err(TlsError::Incomplete { missing })
    }
}

/// A certificate, its key, and the authority that both sides trust. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    shared: Arc<TlsShared>,
    /// The certificate must name this node; `None`: it must name the host in the address.
    node: Option<NodeId>,
}

struct TlsShared {
    files: TlsFiles,
    authority: Arc<RootCertStore>,
    own: Arc<CertifiedKey>,
    connect: Arc<ClientConfig>,
}

impl Tls {
    /// Reads the files and checks that others would accept the certificate now.
    pub fn from_files(files: TlsFiles) -> Result<Self, TlsError> {
        let mut authority = RootCertStore::empty();
        for certificate in certificates(&files.ca)? {
            authority.add(certificate).map_err(|error| malformed(&files.ca, &error))?;
        }
        let authority = Arc::new(authority);
        let own = Arc::new(own(&files)?);
        let provider = provider();
        let unfit = |why: String| TlsError::Unfit { path: files.cert.clone(), why };
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&authority), Arc::clone(&provider));
        let verifier = verifier.build().map_err(|error| malformed(&files.ca, &error))?;
        if let Some((first, rest)) = own.cert.split_first() {
            let now = UnixTime::now();
            verifier.verify_client_cert(first, rest, now).map_err(|error| unfit(in_words(&error)))?;
        }
        let connect = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| unfit(error.to_string()))?
            .with_root_certificates(Arc::clone(&authority));
        let mut connect =
            connect.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&own))));
        // Every connection is authenticated anew.
        connect.resumption = Resumption::disabled();
        let shared = TlsShared { files, authority, own, connect: Arc::new(connect) };
        Ok(Self { shared: Arc::new(shared), node: None })
    }

    /// The same, for dialing this node at any address: its certificate must name it.
    #[must_use]
    pub fn to_node(&self, node: NodeId) -> Self {
        Self { shared: Arc::clone(&self.shared), node: Some(node) }
    }

    /// Checks that others would accept the own certificate for this node, and for this long.
    pub fn check_names(&self, node: NodeId, within: Duration) -> Result<(), TlsError> {
        let TlsShared { files, authority, own, .. } = &*self.shared;
        let unfit = |why: String| TlsError::Unfit { path: files.cert.clone(), why };
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(authority), provider());
        let verifier = verifier.build().map_err(|error| malformed(&files.ca, &error))?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()) + within);
        let Some((first, rest)) = own.cert.split_first() else { return Ok(()) };
        match verifier.verify_server_cert(first, rest, &node_name(node), &[], now) {
            Ok(_) => Ok(()),
            Err(error) => Err(unfit(in_words(&error))),
        }
    }

    /// The trusted authorities.
    #[must_use]
    pub fn authority(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.shared.authority)
    }

    /// The own certificate and its key, for accepting connections.
    #[must_use]
    pub fn own(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.shared.own)
    }

    /// The cryptography provider.
    #[must_use]
    pub fn provider() -> Arc<CryptoProvider> {
        provider()
    }

    /// The files that it was made from.
    #[must_use]
    pub fn files(&self) -> &TlsFiles {
        &self.shared.files
    }

    pub(crate) fn connect(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.shared.connect)
    }

    /// The peer that a connection to this address must have.
    pub(crate) fn name_at(&self, address: &str) -> Option<ServerName<'static>> {
        if let Some(node) = self.node {
            return Some(node_name(node));
        }
        let (host, _) = address::split(address).ok()?;
        ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).ok()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.shared.files).field("node", &self.node).finish()
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared) && self.node == other.node
    }
}

impl Eq for Tls {}

/// Whether a certificate names a node.
pub(crate) fn names(certificate: &CertificateDer<'_>, node: NodeId) -> bool {
    let parsed = ParsedCertificate::try_from(certificate);
    parsed.is_ok_and(|parsed| verify_server_name(&parsed, &node_name(node)).is_ok())
}

/// Why a connection that ended with this error was refused by one of the sides, if TLS is the reason: in words.
#[must_use]
pub fn tls_failure(error: &io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::AlertReceived(alert) => Some(format!("the other side sent the alert {alert:?}")),
        rustls::Error::NoCertificatesPresented => Some("it shows no certificate".to_owned()),
        error @ rustls::Error::InvalidCertificate(_) => {
            Some(format!("its certificate is not accepted: {}", in_words(error)))
        }
        error => Some(error.to_string()),
    }
}

/// A certificate error as text for people.
pub(crate) fn in_words(error: &rustls::Error) -> String {
    use CertificateError as Wrong;
    let rustls::Error::InvalidCertificate(wrong) = error else { return error.to_string() };
    let said = match wrong {
        Wrong::Expired | Wrong::ExpiredContext { .. } => "it has expired",
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            "it is not valid yet: compare the machine's clock"
        }
        Wrong::UnknownIssuer | Wrong::BadSignature => "the authority in --tls-ca has not signed it",
        Wrong::NotValidForNameContext { expected, presented } => {
            let presented = if presented.is_empty() { "nobody".to_owned() } else { presented.join(", ") };
            return format!("it must name {} and names {presented}", expected.to_str());
        }
        Wrong::InvalidPurpose | Wrong::InvalidPurposeContext { .. } => {
            "it does not permit this use: a node's certificate is for servers and clients, a client's for clients"
        }
        other => return other.to_string(),
    };
    said.to_owned()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// `n2.raftdeck`
fn node_name(node: NodeId) -> ServerName<'static> {
    ServerName::try_from(format!("{node}.raftdeck")).expect("invariant: a number makes a valid name")
}

fn own(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&files.cert)?;
    let key = match PrivateKeyDer::from_pem_slice(&read(&files.key)?) {
        Ok(key) => key,
        Err(pem::Error::NoItemsFound) => {
            let (what, begin) = ("private key", "-----BEGIN PRIVATE KEY-----");
            return Err(TlsError::Nothing { path: files.key.clone(), what, begin });
        }
        Err(error) => return Err(malformed(&files.key, &error)),
    };
    // Looked at first: an error of the certificate must not be taken for one of the key.
    ParsedCertificate::try_from(&chain[0]).map_err(|error| malformed(&files.cert, &error))?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::Mismatch { cert: files.cert.clone(), key: files.key.clone() }
        }
        other => malformed(&files.key, &other),
    })
}

/// The certificates in a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| malformed(path, &error))?;
    if found.is_empty() {
        let (what, begin) = ("certificate", "-----BEGIN CERTIFICATE-----");
        return Err(TlsError::Nothing { path: path.to_owned(), what, begin });
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn malformed(path: &Path, why: &dyn fmt::Display) -> TlsError {
    TlsError::Malformed { path: path.to_owned(), why: why.to_string() }
}
