//! An authority for tests, and what it signs: also what nobody should take.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use raftdeck_client::{Tls, TlsFiles};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An authority with a directory for its files.
pub(crate) struct Pki {
    pub(crate) dir: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { dir, issuer }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Signs a certificate with these names, valid until the end of this year.
    pub(crate) fn sign(&self, name: &str, names: &[&str], until: i32) -> TlsFiles {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = date_time_ymd(until, 12, 31);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = TlsFiles {
            ca: self.path("ca.pem"),
            cert: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}-key.pem")),
        };
        std::fs::write(&files.cert, certificate.pem()).unwrap();
        write_secret(&files.key, &key.serialize_pem());
        files
    }

    /// A node's, reached by this host.
    pub(crate) fn node(&self, id: u64, host: &str) -> TlsFiles {
        self.sign(&format!("n{id}"), &[&format!("n{id}.raftdeck"), host], 2099)
    }

    pub(crate) fn client(&self, name: &str) -> TlsFiles {
        self.sign(name, &[], 2099)
    }
}

pub(crate) fn tls(files: TlsFiles) -> Tls {
    Tls::from_files(files).expect("files that fit")
}

pub(crate) fn write_secret(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The arguments that name the files.
pub(crate) fn flags(files: &TlsFiles) -> Vec<String> {
    let named = [("--tls-ca", &files.ca), ("--tls-cert", &files.cert), ("--tls-key", &files.key)];
    named.iter().flat_map(|(flag, path)| [(*flag).to_owned(), path.display().to_string()]).collect()
}

/// A TLS client that trusts this authority and shows whatever it is given, fit or not.
pub(crate) fn client_config(ca: &Path, shown: Option<&TlsFiles>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Tls::provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let Some(files) = shown else { return Arc::new(config.with_no_client_auth()) };
    let chain = CertificateDer::pem_file_iter(&files.cert).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
    Arc::new(config.with_client_auth_cert(chain, key).unwrap())
}
