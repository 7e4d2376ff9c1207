//! What a client shows to be let in, and whom it trusts: TLS and a user. Files are read once; no connection is opened here.

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a client shows to be let in, and whom it trusts. The default is enough for a cluster without TLS and users.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdAccess {
    /// The certificates of the authorities that sign members' certificates, in PEM form. `None`: those that this system trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The client's own certificate and its key, in PEM form, for members that ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateFiles>,
    /// The user, for a cluster with authentication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<EtcdUser>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFiles {
    /// The certificate, with those between it and the authority, if there are any.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// A user of an etcd cluster.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdUser {
    /// The user's name.
    pub name: String,
    /// The password. Never shown.
    pub password: String,
}

/// Why these files cannot be used for TLS.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A file cannot be read, or has not what it should have.
    #[error("{} cannot be used: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// In words.
        why: String,
    },
    /// The certificate and its key do not belong together.
    #[error("the certificate in {} cannot be used with the key in {}: {why}", files.cert.display(), files.key.display())]
    Certificate {
        /// Both.
        files: CertificateFiles,
        /// In words.
        why: String,
    },
    /// The authorities that this system trusts cannot be read.
    #[error("the certificates that this system trusts cannot be read: {why}; name the cluster's authority")]
    NoRoots {
        /// In words.
        why: String,
    },
}

impl fmt::Debug for EtcdAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ca, certificate, user } = self;
        let mut shown = f.debug_struct("EtcdAccess");
        shown.field("ca", ca).field("certificate", certificate).field("user", user).finish()
    }
}

impl fmt::Debug for EtcdUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdUser").field("name", &self.name).finish_non_exhaustive()
    }
}

/// An application protocol that is agreed on in the TLS handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Alpn {
    /// For gRPC.
    Http2,
    /// For `/debug/vars` and its like.
    Http1,
}

impl EtcdAccess {
    /// How TLS is spoken with members.
    pub(crate) fn tls(&self, alpn: Alpn) -> Result<Arc<ClientConfig>, AccessError> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("invariant: ring has what every version needs")
            .with_root_certificates(self.roots()?);
        let mut config = match &self.certificate {
            None => config.with_no_client_auth(),
            Some(files) => {
                let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?);
                let key = key.map_err(|error| unusable(&files.key, &error))?;
                config.with_client_auth_cert(certificates(&files.cert)?, key).map_err(|error| {
                    AccessError::Certificate { files: files.clone(), why: error.to_string() }
                })?
            }
        };
        config.alpn_protocols = vec![match alpn {
            Alpn::Http2 => b"h2".to_vec(),
            Alpn::Http1 => b"http/1.1".to_vec(),
        }];
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<RootCertStore, AccessError> {
        let mut roots = RootCertStore::empty();
        let Some(ca) = &self.ca else {
            let found = rustls_native_certs::load_native_certs();
            let (usable, _) = roots.add_parsable_certificates(found.certs);
            if usable == 0 {
                let why =
                    found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
                return Err(AccessError::NoRoots { why });
            }
            return Ok(roots);
        };
        for certificate in certificates(ca)? {
            roots.add(certificate).map_err(|error| unusable(ca, &error))?;
        }
        Ok(roots)
    }
}

/// The certificates in a file, at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, AccessError> {
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| unusable(path, &error))?;
    if found.is_empty() {
        return Err(unusable(path, &"it holds no certificate in PEM form"));
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, AccessError> {
    std::fs::read(path).map_err(|error| unusable(path, &error))
}

fn unusable(path: &Path, why: &dyn fmt::Display) -> AccessError {
    AccessError::File { path: path.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let user = EtcdUser { name: "root".to_owned(), password: "very secret".to_owned() };
        let shown = format!("{:?}", EtcdAccess { user: Some(user), ..EtcdAccess::default() });
        assert!(shown.contains("root") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, "nothing").expect("written");
        let access = EtcdAccess { ca: Some(ca.clone()), ..EtcdAccess::default() };
        let error = access.tls(Alpn::Http2).expect_err("there is none").to_string();
        assert!(error.starts_with(&ca.display().to_string()), "{error}");
    }
}
