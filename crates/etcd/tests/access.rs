//! Real members that let in only whom they know: by certificates, and by users.

mod etcd;

use crate::etcd::{Cluster, DEADLINE, ask};
use raftdeck_etcd::{CallError, CertificateFiles, Etcd, EtcdAccess, EtcdUser, Refusal};
use raftdeck_model::{ClientOp, ClientOutcome, RequestFate};
use raftdeck_protocol::{Answer, Failure, Read, ResponseBody, Write};
use raftdeck_raft::NodeId;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn put() -> ClientOp {
    ClientOp::Write(Write::Put { key: "color".into(), value: "blue".into() })
}

fn get() -> ClientOp {
    ClientOp::Read(Read::Get { key: "color".into() })
}

/// An authority, and one certificate that it signed for both a server and a client on this machine.
struct Certificates {
    ca: PathBuf,
    own: CertificateFiles,
}

impl Certificates {
    fn make(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
        let authority = authority.expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        let write = |kind: &str, text: String| {
            let path = folder.join(format!("{name}-{kind}.pem"));
            std::fs::write(&path, text).expect("written");
            path
        };
        let ca = write("ca", authority.pem());
        let own = CertificateFiles {
            cert: write("cert", certificate.pem()),
            key: write("key", key.serialize_pem()),
        };
        Self { ca, own }
    }
}

#[tokio::test]
async fn a_client_with_a_certificate_is_let_in_and_knows_whom_it_trusts() {
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Certificates::make(folder.path(), "ours");
    let others = Certificates::make(folder.path(), "others");
    let flag = |name: &str, path: &Path| format!("{name}={}", path.display());
    let flags = [
        flag("--cert-file", &ours.own.cert),
        flag("--key-file", &ours.own.key),
        flag("--trusted-ca-file", &ours.ca),
        "--client-cert-auth".to_owned(),
    ];
    let access = EtcdAccess { ca: Some(ours.ca.clone()), certificate: Some(ours.own.clone()), user: None };
    let cluster = Cluster::launch(1, "https", access.clone(), &flags);
    cluster.leader().await;
    assert_eq!(ask(&cluster.etcd, put()).await, Answer::Stored);
    let endpoint = cluster.etcd.node(NodeId(1)).expect("it is known");
    assert!(endpoint.metrics(DEADLINE).await.expect("figures").fsyncs > 0);

    let ask_with = async |access: EtcdAccess| {
        let etcd = Etcd::new(access).expect("usable files");
        etcd.endpoint(endpoint.url().clone()).status(DEADLINE).await
    };
    let distrusting = ask_with(EtcdAccess { ca: Some(others.ca.clone()), ..access.clone() }).await;
    assert!(matches!(distrusting, Err(CallError::Unreached { .. })), "{distrusting:?}");
    for certificate in [None, Some(others.own)] {
        let stranger = ask_with(EtcdAccess { certificate, ..access.clone() }).await;
        assert!(stranger.is_err(), "{stranger:?}");
    }
}

/// One request of etcd's JSON gateway, which makes users.
fn gateway(cluster: &Cluster, path: &str, json: &str) {
    let url = cluster.etcd.node(NodeId(1)).expect("it is known").url().clone();
    let mut stream = TcpStream::connect((url.host(), url.port())).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("set");
    let length = json.len();
    write!(stream, "POST /v3/auth/{path} HTTP/1.1\r\nHost: etcd\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{json}")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
}

#[tokio::test]
async fn a_user_is_let_in_also_after_the_token_is_lost() {
    let user = |name: &str, password: &str| EtcdAccess {
        user: Some(EtcdUser { name: name.to_owned(), password: password.to_owned() }),
        ..EtcdAccess::default()
    };
    let mut cluster = Cluster::launch(1, "http", user("root", "secret"), &[]);
    cluster.leader().await;
    assert_eq!(ask(&cluster.etcd, put()).await, Answer::Stored, "no authentication is in force yet");
    gateway(&cluster, "user/add", r#"{"name":"root","password":"secret"}"#);
    gateway(&cluster, "role/add", r#"{"name":"root"}"#);
    gateway(&cluster, "user/grant", r#"{"user":"root","role":"root"}"#);
    gateway(&cluster, "user/add", r#"{"name":"guest","password":"guest"}"#);
    gateway(&cluster, "enable", "{}");

    assert_eq!(ask(&cluster.etcd, put()).await, Answer::Stored);
    // Tokens are in a member's memory.
    cluster.kill(0);
    cluster.run(0);
    assert_eq!(ask(&cluster.etcd, get()).await, Answer::Value(Some("blue".into())));

    let url = cluster.etcd.node(NodeId(1)).expect("it is known").url().clone();
    let outcome = async |access: EtcdAccess, op: ClientOp| {
        let etcd = Etcd::new(access).expect("no files");
        etcd.set_member(NodeId(1), url.clone(), None);
        etcd.ask(&op.into(), Duration::from_secs(2)).await
    };
    for (access, op) in [
        (user("root", "wrong"), put()),
        (user("guest", "guest"), put()),
        (user("guest", "guest"), get()),
        (EtcdAccess::default(), put()),
    ] {
        let refused = outcome(access.clone(), op).await;
        let ClientOutcome::Answered { body: ResponseBody::Failed(Failure::Invalid(why)), .. } = &refused
        else {
            panic!("{access:?}: {refused:?}");
        };
        assert!(why.starts_with("etcdserver: "), "{why}");
    }
    let endpoint = Etcd::new(user("root", "wrong")).expect("no files").endpoint(url);
    let error = endpoint.members(true, DEADLINE).await.expect_err("it is refused");
    assert_eq!((error.refusal(), error.fate()), (Some(Refusal::Denied), RequestFate::NothingChanged));
}
