//! Each way of coming in without permission: refused with a reason, and the node serves on.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use raftdeck_client::{Access, Client, DialError, Options, dial};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Hello, HelloReply, RefusalReason, Secret};
use raftdeck_raft::NodeId;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use support::pki::{Pki, client_config, flags, tls};
use support::tls::{greet, https};
use support::{Launch, Node, PATIENCE, block_on, eventually, own_host, put};

const CLIENT: &str = "the-clients-token-01";
const MANAGER: &str = "the-managers-token-1";
const PEER: &str = "the-peers-token-0001";
const WRONG: &str = "nobodys-token-000001";

/// A cluster of one that knows its peers by certificates and tokens.
struct Fortress {
    pki: Pki,
    host: String,
    node: Node,
}

impl Fortress {
    fn start() -> Self {
        let launch = |launch: Launch| {
            launch
                .variable("RAFTDECK_CLIENT_TOKEN", CLIENT)
                .variable("RAFTDECK_MANAGER_TOKEN", MANAGER)
                .variable("RAFTDECK_PEER_TOKEN", PEER)
        };
        Self::start_with(launch)
    }

    fn start_with(with: impl FnOnce(Launch) -> Launch) -> Self {
        let (pki, host) = (Pki::new(), own_host());
        let files = flags(&pki.node(1, &host));
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let launch = Launch::new(&["--bind", &format!("{host}:0")]).args(&files).args(&support::QUICK);
        let node = with(launch.data(&pki.path("data"))).ready();
        Self { pki, host, node }
    }

    fn access(&self, token: &str) -> Access {
        let tls = Some(tls(self.pki.client("client")));
        Access { token: Some(Secret::new(token).unwrap()), tls }
    }

    fn client(&self) -> Client {
        let options = Options { access: self.access(CLIENT), ..Options::default() };
        Client::new(&[&self.node.addresses().client], options).unwrap()
    }

    /// It does what it is for.
    fn assert_serves(&self, value: &str) {
        block_on(async { self.client().write(put("serves", value), PATIENCE).await.expect("a write") });
    }

    fn assert_logged(&self, part: &str) {
        eventually(&format!("the log says \"{part}\""), || self.node.log().contains(part).then_some(()));
    }
}

fn hello(role: Role) -> Hello {
    Hello::new("raftdeck", role)
}

fn secret(token: &str) -> Secret {
    Secret::new(token).unwrap()
}

fn peer(id: u64) -> Role {
    Role::Peer {
        id: NodeId(id),
        to: NodeId(1),
        client_address: "127.0.0.1:1".to_owned(),
        raft_address: String::new(),
    }
}

fn accepted() -> HelloReply {
    HelloReply::Accepted { id: NodeId(1), cluster: "raftdeck".to_owned() }
}

#[test]
fn certificates_that_prove_nothing_open_no_port() {
    let fortress = Fortress::start();
    let Fortress { pki, host, node } = &fortress;
    let stranger = Pki::new();
    let ca = pki.path("ca.pem");
    let cases = [
        (None, "it shows no certificate"),
        (Some(stranger.node(2, host)), "the authority in --tls-ca has not signed it"),
        (Some(pki.sign("expired", &["n2.raftdeck"], 2020)), "it has expired"),
    ];
    for (shown, why) in &cases {
        let config = client_config(&ca, shown.as_ref());
        for (address, role, token) in
            [(&node.addresses().raft, peer(2), PEER), (&node.addresses().client, Role::Client, CLIENT)]
        {
            let refused = greet(address, &config, &hello(role), Some(&secret(token)));
            let refused = refused.expect_err("is not let in");
            let alert =
                refused.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>);
            assert!(alert, "{why}: it is told so: {refused}");
        }
        fortress.assert_logged(why);
    }
    // HTTP with a token: none is needed, but one that is shown has to be good.
    let config = client_config(&ca, cases[1].0.as_ref());
    let bearer = format!("authorization: Bearer {CLIENT}\r\n");
    https(&node.addresses().http, &config, "GET", "/health", (&bearer, "")).expect_err("is not let in");
    fortress.assert_serves("on");
}

#[test]
fn a_peer_speaks_only_as_the_node_that_it_proved_to_be() {
    let fortress = Fortress::start();
    let Fortress { pki, host, node } = &fortress;
    let ca = pki.path("ca.pem");
    let second = client_config(&ca, Some(&pki.node(2, host)));
    let client = client_config(&ca, Some(&pki.client("alice")));
    let raft = &node.addresses().raft;
    let cases = [
        (&client, peer(2), Some(PEER), RefusalReason::Certificate { id: NodeId(2) }),
        (&second, peer(3), Some(PEER), RefusalReason::Certificate { id: NodeId(3) }),
        (&second, peer(2), None, RefusalReason::Token),
        (&second, peer(2), Some(WRONG), RefusalReason::Token),
        (&second, peer(2), Some(CLIENT), RefusalReason::Token),
        (&second, peer(2), Some(MANAGER), RefusalReason::Token),
    ];
    for (config, role, token, reason) in cases {
        let said = greet(raft, config, &hello(role), token.map(secret).as_ref()).expect("an answer");
        assert_eq!(said, HelloReply::Refused(reason.clone()));
        fortress.assert_logged(&reason.to_string());
    }
    assert_eq!(greet(raft, &second, &hello(peer(2)), Some(&secret(PEER))).unwrap(), accepted());
    fortress.assert_serves("on");
}

#[test]
fn each_role_needs_its_token() {
    let fortress = Fortress::start();
    let config = client_config(&fortress.pki.path("ca.pem"), Some(&fortress.pki.client("alice")));
    let client = &fortress.node.addresses().client;
    for (role, token, is_let_in) in [
        (Role::Client, None, false),
        (Role::Client, Some(WRONG), false),
        (Role::Client, Some(PEER), false),
        (Role::Client, Some(CLIENT), true),
        (Role::Client, Some(MANAGER), true),
        (Role::Manager, None, false),
        (Role::Manager, Some(WRONG), false),
        (Role::Manager, Some(CLIENT), false),
        (Role::Manager, Some(MANAGER), true),
    ] {
        let said = greet(client, &config, &hello(role.clone()), token.map(secret).as_ref());
        let said = said.expect("an answer");
        let expected = if is_let_in { accepted() } else { HelloReply::Refused(RefusalReason::Token) };
        assert_eq!(said, expected, "{role:?} with {token:?}");
    }
    let log = fortress.node.log();
    assert!([WRONG, PEER, CLIENT, MANAGER].iter().all(|token| !log.contains(token)), "none is logged");
}

#[test]
fn tokens_count_without_encryption_too() {
    let (host, dir) = (own_host(), tempfile::tempdir().unwrap());
    let node = Launch::new(&["--bind", &format!("{host}:0")])
        .data(dir.path())
        .variable("RAFTDECK_PEER_TOKEN", PEER)
        .variable("RAFTDECK_MANAGER_TOKEN", MANAGER)
        .ready();
    let refused = |address: &str, role: Role, token: Option<&str>| {
        let access = Access { token: token.map(secret), tls: None };
        match block_on(access.dial(address, &hello(role), PATIENCE)) {
            Ok(_) => false,
            Err(DialError::Refused { reason: RefusalReason::Token, .. }) => true,
            Err(other) => panic!("not refused for its token: {other}"),
        }
    };
    let addresses = node.addresses();
    assert!(refused(&addresses.raft, peer(2), None));
    assert!(!refused(&addresses.raft, peer(2), Some(PEER)));
    assert!(refused(&addresses.client, Role::Manager, None), "nobody else sets its clock");
    assert!(!refused(&addresses.client, Role::Client, None), "keys are open, as no token is set for them");
}

#[test]
fn plain_text_where_tls_is_spoken_and_the_other_way_round_is_told_so() {
    let fortress = Fortress::start();
    let addresses = fortress.node.addresses();
    for (address, role) in [(&addresses.raft, peer(2)), (&addresses.client, Role::Client)] {
        let dialed = block_on(dial(address, &hello(role), PATIENCE));
        assert!(
            matches!(dialed, Err(DialError::Refused { reason: RefusalReason::TlsNeeded, .. })),
            "{dialed:?}"
        );
    }
    let answered = fortress.node.http("GET", "/health", "");
    assert_eq!((answered.status, &answered.json()["ok"]), (400, &false.into()), "{answered:?}");
    assert!(answered.body.contains("https://"));

    let dir = tempfile::tempdir().unwrap();
    let plain = Launch::new(&["--bind", &format!("{}:0", own_host())]).data(dir.path()).ready();
    for address in [&plain.addresses().raft, &plain.addresses().client] {
        let access = fortress.access(CLIENT);
        let hello = Hello::new("", Role::Client);
        let dialed = access.dial(address, &hello, PATIENCE);
        let error = block_on(dialed).expect_err("it speaks no TLS");
        assert!(error.to_string().contains("does not speak TLS"), "{error}");
    }
    eventually("the log says so", || plain.log().contains("which does not use TLS").then_some(()));
    fortress.assert_serves("on");
}

#[test]
fn a_node_is_believed_only_where_its_certificate_says() {
    let fortress = Fortress::start();
    let port = fortress.node.addresses().client.rsplit_once(':').unwrap().1.to_owned();
    // The same node by a name that its certificate does not have.
    let relay = relay(&fortress.node.addresses().client);
    let elsewhere = relay.address.replace("127.0.0.1", "localhost");
    let dialed = block_on(fortress.access(CLIENT).dial(&elsewhere, &Hello::new("", Role::Client), PATIENCE));
    let error = dialed.expect_err("is not believed").to_string();
    assert!(error.contains("it must name localhost and names") && error.contains("n1.raftdeck"), "{error}");
    // Who asks for the node finds it wherever it is; who asks for another one does not.
    let Access { token, tls } = fortress.access(CLIENT);
    for (id, is_there) in [(1, true), (2, false)] {
        let tls = tls.as_ref().map(|tls| tls.to_node(NodeId(id)));
        let access = Access { token: token.clone(), tls };
        let dialed = block_on(access.dial(&elsewhere, &Hello::new("", Role::Client), PATIENCE));
        assert_eq!(dialed.is_ok(), is_there, "n{id} at port {port}: {dialed:?}");
    }
}

/// Passes bytes on, and keeps what the client says on its first connection.
struct Relay {
    address: String,
    said: mpsc::Receiver<Vec<u8>>,
}

fn relay(to: &str) -> Relay {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, said) = mpsc::channel();
    let to = to.to_owned();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut node) = (client.unwrap(), TcpStream::connect(&to).unwrap());
            let (mut answers, mut back) = (node.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || {
                let _ = std::io::copy(&mut answers, &mut back);
                let _ = back.shutdown(Shutdown::Both);
            });
            let (mut all, mut part) = (Vec::new(), [0; 4096]);
            while let Ok(count @ 1..) = client.read(&mut part) {
                all.extend_from_slice(&part[..count]);
                if node.write_all(&part[..count]).is_err() {
                    break;
                }
            }
            let _ = node.shutdown(Shutdown::Both);
            let _ = tell.send(all);
        }
    });
    Relay { address, said }
}

#[test]
fn a_captured_connection_is_worth_nothing_later() {
    let fortress = Fortress::start();
    let address = &fortress.node.addresses().client;
    let relay = relay(address);
    block_on(async {
        let Access { token, tls } = fortress.access(CLIENT);
        let access = Access { token, tls: tls.map(|tls| tls.to_node(NodeId(1))) };
        let client =
            Client::new(&[&relay.address], Options { access, confined: true, ..Options::default() }).unwrap();
        client.write(put("account", "100"), PATIENCE).await.expect("a write");
    });
    let captured = relay.said.recv_timeout(PATIENCE).expect("it was overheard");
    assert!(captured.len() > 500, "a handshake and a write: {} bytes", captured.len());
    assert!(
        !captured.windows(CLIENT.len()).any(|part| part == CLIENT.as_bytes()),
        "the token cannot be read"
    );
    block_on(async { fortress.client().write(put("account", "0"), PATIENCE).await.expect("a write") });

    let mut again = TcpStream::connect(address).unwrap();
    again.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = again.write_all(&captured);
    let mut answer = Vec::new();
    let _ = again.read_to_end(&mut answer);
    fortress.assert_logged("on the Client port: ");
    block_on(async {
        let read = fortress.client().read(support::get("account"), PATIENCE).await.expect("a read");
        assert_eq!(format!("{:?}", read.answer), "Value(Some(b\"0\"))", "the old write was not done again");
    });
}

#[test]
fn http_asks_for_the_token_or_the_certificate() {
    let fortress = Fortress::start();
    let ca = fortress.pki.path("ca.pem");
    let nobody = client_config(&ca, None);
    let http = &fortress.node.addresses().http;
    let bearer = |token: &str| format!("authorization: Bearer {token}\r\n");
    let shown = [
        (String::new(), 401, "a token is required"),
        (bearer(WRONG), 401, "the token is wrong"),
        (bearer(PEER), 401, "the token is wrong"),
        (bearer(CLIENT) + &bearer(CLIENT), 401, "the token is wrong"),
        (format!("authorization: Basic {CLIENT}\r\n"), 401, "the token is wrong"),
        (bearer(CLIENT).replace("Bearer", "bearer"), 200, ""),
        (bearer(MANAGER), 200, ""),
    ];
    for (headers, status, message) in &shown {
        for path in ["/health", "/metrics", "/get?key=a", "/nowhere"] {
            let answered = https(http, &nobody, "GET", path, (headers, "")).expect("HTTPS");
            if *status == 401 {
                assert_eq!(answered.status, 401, "{path} {headers:?} {answered:?}");
                assert!(
                    answered.head.contains("www-authenticate: bearer realm=\"raftdeck\""),
                    "{answered:?}"
                );
                assert_eq!(answered.json()["ok"], false);
                assert!(answered.json()["message"].as_str().unwrap().contains(message), "{answered:?}");
            } else {
                assert_ne!(answered.status, 401, "{path} {headers:?}");
            }
        }
    }
    // Without a token the certificate is what lets in.
    let sealed = Fortress::start_with(|launch| launch);
    let http = &sealed.node.addresses().http;
    let ca = sealed.pki.path("ca.pem");
    https(http, &client_config(&ca, None), "GET", "/health", ("", "")).expect_err("is not let in");
    let known = client_config(&ca, Some(&sealed.pki.client("alice")));
    assert_eq!(https(http, &known, "GET", "/health", ("", "")).expect("HTTPS").status, 200);
}

#[test]
fn a_page_whose_name_was_made_to_lead_here_reads_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let node =
        Launch::new(&["--bind", &format!("{}:0", own_host())]).args(&support::QUICK).data(dir.path()).ready();
    let address = &node.addresses().http;
    let ask = |request: &str, host: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let body = r#"{"key":"a","value":"1"}"#;
        let length = body.len();
        let origin = format!("origin: http://{host}\r\nhost: {host}\r\n");
        let head =
            format!("{request} HTTP/1.1\r\n{origin}connection: close\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all((head + body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    for request in ["GET /list", "GET /watch", "HEAD /health", "PUT /set", "GET /nowhere"] {
        // A name without a dot is answered for by whoever runs the local network.
        for host in ["evil.example:11080", "evil:11080"] {
            let answer = ask(request, host);
            assert!(answer.starts_with("HTTP/1.1 403"), "{request} of {host}: {answer}");
        }
    }
    for own in [address, "localhost:11080"] {
        let answer = ask("PUT /set", own);
        assert!(answer.starts_with("HTTP/1.1 200"), "{own}: {answer}");
    }
}
