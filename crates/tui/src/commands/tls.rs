//! `raftdeck tls`: a small certificate authority and the certificates that it signs, for clusters without an authority of their own.
//! Writes files, never overwrites one, and opens no connection.

use clap::{Args, Subcommand};
use color_eyre::eyre::{Result, WrapErr, bail, ensure};
use raftdeck_lab::node_count;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use time::{Duration, OffsetDateTime};

/// How long the certificates of an authority, and those that it signs, are valid, in days.
const AUTHORITY_DAYS: i64 = 3650;
const LEAF_DAYS: i64 = 730;

/// Certificates are valid from a little before they are made, because clocks differ.
const BEFORE: Duration = Duration::hours(1);

/// The end of `raftdeck tls new --help`.
const NEW_HELP: &str = "\
Examples:
  raftdeck tls new
  raftdeck tls new --dir tls --nodes 5 --hosts localhost,127.0.0.1,kv.example

Makes ca.pem and ca-key.pem, n1.pem and n1-key.pem and so on for the nodes, client.pem and client-key.pem.
Each node gets ca.pem and its own two files, each client ca.pem and a client's two. ca-key.pem signs more
of them: keep it where no node runs. No file is overwritten.";

/// The end of `raftdeck tls add --help`.
const ADD_HELP: &str = "\
Examples:
  raftdeck tls add --node 4 --hosts localhost,127.0.0.1
  raftdeck tls add --client alice";

/// `raftdeck tls ...`
#[derive(Debug, Subcommand)]
pub(crate) enum TlsArgs {
    /// Make a certificate authority, and certificates for nodes and a client
    #[command(after_help = NEW_HELP)]
    New(NewArgs),
    /// Make one more certificate with the authority that tls new made
    #[command(after_help = ADD_HELP)]
    Add(AddArgs),
}

#[derive(Args, Debug)]
pub(crate) struct NewArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// For how many nodes
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = node_count)]
    nodes: u8,
    /// The name of the client's files
    #[arg(long, value_name = "NAME", default_value = "client", value_parser = client_name)]
    client: String,
}

#[derive(Args, Debug)]
#[group(id = "who", required = true, args = ["node", "client"])]
pub(crate) struct AddArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// A node's id
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(u64).range(1..))]
    node: Option<u64>,
    /// A client's name, which is what its files are called
    #[arg(long, value_name = "NAME", value_parser = client_name)]
    client: Option<String>,
}

#[derive(Args, Debug)]
struct PlaceArgs {
    /// The directory of the files
    #[arg(long, value_name = "DIR", default_value = "raftdeck-tls")]
    dir: PathBuf,
    /// The hosts and addresses by which clients reach the nodes; node-to-node connections need none
    #[arg(long, value_name = "HOST,…", value_delimiter = ',', default_value = "localhost,127.0.0.1,::1")]
    hosts: Vec<String>,
}

/// Makes what is requested, and says how to use it.
pub(crate) fn run(args: TlsArgs) -> Result<String> {
    match args {
        TlsArgs::New(args) => new(&args),
        TlsArgs::Add(args) => add(&args),
    }
}

fn new(NewArgs { place, nodes, client }: &NewArgs) -> Result<String> {
    let dir = &place.dir;
    ensure!(
        !dir.join("ca.pem").exists() && !dir.join("ca-key.pem").exists(),
        "{dir} holds an authority already: raftdeck tls add --dir {dir} makes one more certificate, or name another --dir",
        dir = dir.display()
    );
    let (authority, key) = authority()?;
    let issuer = Issuer::new(authority.params, key);
    let mut pairs = vec![Pair::new("ca", &authority.certificate, issuer.key())];
    for id in 1..=u64::from(*nodes) {
        pairs.push(node(id, &place.hosts, &issuer)?);
    }
    pairs.push(self::client(client, &issuer)?);
    write_all(dir, &pairs)?;
    let mut said = told(dir, &pairs);
    let at = |name: &str| dir.join(name).display().to_string();
    let (ca, key) = (at("ca.pem"), at("ca-key.pem"));
    write!(
        said,
        "\nThe authority is valid for {AUTHORITY_DAYS} days, the others for {LEAF_DAYS} days.\n\
         {key} signs more of them (raftdeck tls add): keep it where no node runs.\n\n\
         A node:\n  raftdeck node --node-id 1 --cluster HOST:8080,HOST:8080,HOST:8080 --tls-ca {ca} \\\n    \
         --tls-cert {} --tls-key {}\n\
         A client:\n  raftdeck client --cluster HOST:8080 --tls-ca {ca} --tls-cert {} --tls-key {} status\n\
         HTTP:\n  curl --cacert {ca} --cert {} --key {} https://HOST:11080/health\n",
        at("n1.pem"),
        at("n1-key.pem"),
        at(&format!("{client}.pem")),
        at(&format!("{client}-key.pem")),
        at(&format!("{client}.pem")),
        at(&format!("{client}-key.pem")),
    )?;
    Ok(said)
}

fn add(AddArgs { place, node: id, client }: &AddArgs) -> Result<String> {
    let dir = &place.dir;
    let read = |name: &str| {
        let path = dir.join(name);
        fs::read_to_string(&path).wrap_err_with(|| {
            format!("the authority cannot be read: {}; raftdeck tls new makes one", path.display())
        })
    };
    let (certificate, key) = (read("ca.pem")?, read("ca-key.pem")?);
    let unfit = || format!("the authority in {} cannot be used", dir.display());
    let key = KeyPair::from_pem(&key).wrap_err_with(unfit)?;
    let issuer = Issuer::from_ca_cert_pem(&certificate, key).wrap_err_with(unfit)?;
    let pair = match (id, client) {
        (Some(id), None) => node(*id, &place.hosts, &issuer)?,
        (None, Some(name)) => self::client(name, &issuer)?,
        _ => bail!("give either --node or --client"),
    };
    let pairs = [pair];
    write_all(dir, &pairs)?;
    Ok(told(dir, &pairs) + &format!("\nValid for {LEAF_DAYS} days.\n"))
}

/// A certificate and its key in written form, with the name of their files.
struct Pair {
    name: String,
    certificate: String,
    key: String,
}

impl Pair {
    fn new(name: &str, certificate: &Certificate, key: &KeyPair) -> Self {
        Self { name: name.to_owned(), certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn files(&self, dir: &Path) -> [PathBuf; 2] {
        [dir.join(format!("{}.pem", self.name)), dir.join(format!("{}-key.pem", self.name))]
    }
}

struct Authority {
    params: CertificateParams,
    certificate: Certificate,
}

fn authority() -> Result<(Authority, KeyPair)> {
    let mut params = params(&[], "raftdeck authority", AUTHORITY_DAYS)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().wrap_err("no key can be made")?;
    let certificate = params.self_signed(&key).wrap_err("no authority can be made")?;
    Ok((Authority { params, certificate }, key))
}

fn node(id: u64, hosts: &[String], issuer: &Issuer<'_, KeyPair>) -> Result<Pair> {
    // Both: it accepts connections and dials its peers.
    let purposes = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    if let Some(host) = hosts.iter().find(|host| host.to_ascii_lowercase().ends_with(".raftdeck")) {
        bail!(
            "{host} would let this node impersonate another: --hosts takes the names by which clients reach it"
        );
    }
    let names: Vec<String> =
        std::iter::once(format!("n{id}.raftdeck")).chain(hosts.iter().map(|host| bare(host))).collect();
    signed(&format!("n{id}"), &names, purposes, issuer)
}

fn client(name: &str, issuer: &Issuer<'_, KeyPair>) -> Result<Pair> {
    signed(name, &[], vec![ExtendedKeyUsagePurpose::ClientAuth], issuer)
}

fn signed(
    name: &str,
    names: &[String],
    purposes: Vec<ExtendedKeyUsagePurpose>,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<Pair> {
    let mut params = params(names, name, LEAF_DAYS)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = purposes;
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().wrap_err("no key can be made")?;
    let certificate = params.signed_by(&key, issuer).wrap_err("no certificate can be made")?;
    Ok(Pair::new(name, &certificate, &key))
}

fn params(names: &[String], common: &str, days: i64) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names.to_vec())
        .wrap_err_with(|| format!("a certificate cannot contain the name {}", names.join(", ")))?;
    for (name, known_as) in names.iter().zip(&params.subject_alt_names) {
        let is_fit = matches!(known_as, SanType::IpAddress(_)) || is_name(name);
        ensure!(is_fit, "\"{name}\" is no host: give names and addresses such as kv.example,10.0.0.1");
    }
    params.distinguished_name.push(DnType::OrganizationName, "raftdeck");
    params.distinguished_name.push(DnType::CommonName, common);
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - BEFORE, now + Duration::days(days));
    Ok(params)
}

/// An address as a certificate names it: without the brackets that precede a port.
fn bare(host: &str) -> String {
    host.trim().trim_matches(['[', ']']).to_owned()
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// A name that is valid for a file, and does not collide with another file's.
fn client_name(given: &str) -> Result<String, String> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let digits = given.strip_prefix('n').unwrap_or_default();
    let is_nodes = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if given.is_empty() || given.len() > 64 || !given.bytes().all(is_fit) {
        return Err("a client's name has 1 to 64 letters, digits, - and _".to_owned());
    }
    if is_nodes || given == "ca" || given.ends_with("-key") {
        return Err(format!("{given} is reserved for another file: choose another name"));
    }
    Ok(given.to_owned())
}

/// Writes all of them, or none if one exists already.
fn write_all(dir: &Path, pairs: &[Pair]) -> Result<()> {
    if let Some(there) = pairs.iter().flat_map(|pair| pair.files(dir)).find(|file| file.exists()) {
        bail!("{} exists already, and no file is overwritten: move it away first", there.display());
    }
    make_dir(dir).wrap_err_with(|| format!("{} cannot be made", dir.display()))?;
    for pair in pairs {
        let [certificate, key] = pair.files(dir);
        write(&key, &pair.key, true)?;
        write(&certificate, &pair.certificate, false)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str, secret: bool) -> Result<()> {
    create(path, secret)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .wrap_err_with(|| format!("{} cannot be written", path.display()))
}

#[cfg(unix)]
fn create(path: &Path, secret: bool) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let mode = if secret { 0o600 } else { 0o644 };
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path, _secret: bool) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn make_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn make_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

fn told(dir: &Path, pairs: &[Pair]) -> String {
    let mut said = String::new();
    for pair in pairs {
        let [certificate, key] = pair.files(dir);
        let _ = writeln!(said, "{}  {}", certificate.display(), key.display());
    }
    said
}
