//! Whoever comes to the wrong port, or speaks the wrong language there: an answer in that language which says where to go.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use raftdeck_client::{Access, Client, Options, dial};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Hello, RefusalReason};
use raftdeck_raft::NodeId;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use support::pki::{Pki, flags, tls};
use support::{Launch, Node, PATIENCE, QUICK, block_on, eventually, http, own_host, put};

/// A node alone on free ports, so that none follows from another.
fn alone(dir: &Path) -> Node {
    let bind = format!("{}:0", own_host());
    Launch::new(&["--bind", &bind, "--http", "0"]).args(&QUICK).data(dir).ready()
}

fn encrypted(pki: &Pki) -> Node {
    let host = own_host();
    let files = flags(&pki.node(1, &host));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let bind = format!("{host}:0");
    Launch::new(&["--bind", &bind]).args(&files).args(&QUICK).data(&pki.path("data")).ready()
}

/// All that is answered to these bytes until the node closes.
fn answer(address: &str, sent: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(sent).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn http_on_the_raft_and_the_client_port_is_told_where_http_is() {
    let dir = tempfile::tempdir().unwrap();
    let node = alone(dir.path());
    let at = node.addresses();
    for (port, name) in [(&at.raft, "Raft"), (&at.client, "Client")] {
        for (method, path, body) in [("GET", "/health", ""), ("PUT", "/set", r#"{"key":"a","value":"b"}"#)] {
            let answered = http(port, method, path, body).expect("an answer");
            assert_eq!(answered.status, 421, "{answered:?}");
            assert!(answered.head.contains("connection: close"), "{answered:?}");
            assert!(
                answered.head.contains(&format!("content-length: {}", answered.body.len())),
                "{answered:?}"
            );
            let json = answered.json();
            assert_eq!(json["ok"], false);
            let message = json["message"].as_str().unwrap();
            assert!(message.contains(&format!("http://{}", at.http)) && message.contains(name), "{message}");
        }
        let head = answer(port, b"HEAD /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
        assert!(head.starts_with(b"HTTP/1.1 421 ") && head.ends_with(b"\r\n\r\n"));
    }
    eventually("the log says so", || node.log().contains("on the Raft port: it speaks HTTP").then_some(()));
}

#[test]
fn a_tls_hello_where_none_is_spoken_gets_an_alert_and_a_bounded_number_of_lines() {
    let dir = tempfile::tempdir().unwrap();
    let node = alone(dir.path());
    let at = node.addresses();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03raftdeckraftdeckraftdeckraftdeck";
    for port in [&at.raft, &at.client, &at.http] {
        for _ in 0..30 {
            assert_eq!(answer(port, hello), [0x15, 3, 3, 0, 2, 2, 40], "a fatal alert: handshake failure");
        }
    }
    // A period may end meanwhile.
    let lines = node.log().lines().filter(|line| line.contains("start the node with --tls-cert")).count();
    assert!((3..=120).contains(&lines) && lines != 90, "{lines} lines for 90 connections\n{}", node.log());
    let pki = Pki::new();
    for port in [&at.raft, &at.client, &at.http] {
        let access = Access { token: None, tls: Some(tls(pki.client("client"))) };
        let error = block_on(access.dial(port, &Hello::new("", Role::Client), PATIENCE)).expect_err("no TLS");
        assert!(error.to_string().contains("does not speak TLS"), "{error}");
    }
}

#[test]
fn plain_http_on_every_port_that_speaks_tls_is_told_so_and_so_is_a_plain_handshake() {
    let pki = Pki::new();
    let node = encrypted(&pki);
    let at = node.addresses();
    for (port, status) in [(&at.raft, 421), (&at.client, 421), (&at.http, 400)] {
        let answered = http(port, "GET", "/health", "").expect("an answer");
        assert_eq!((answered.status, &answered.json()["ok"]), (status, &false.into()), "{answered:?}");
        assert!(answered.body.contains("https://"), "{answered:?}");
    }
    let refused = block_on(dial(&at.http, &Hello::new("", Role::Client), PATIENCE)).expect_err("it is plain");
    assert!(refused.to_string().contains(&RefusalReason::TlsNeeded.to_string()), "{refused}");
}

#[test]
fn http_2_is_told_that_http_1_is_required() {
    let dir = tempfile::tempdir().unwrap();
    let node = alone(dir.path());
    let at = node.addresses();
    let request = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(),
        &[0, 0, 0, 4, 0, 0, 0, 0, 0],
        // GET / of http, on stream 1.
        &[0, 0, 3, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84],
    ];
    for port in [&at.raft, &at.client, &at.http] {
        let answered = answer(port, &request.concat());
        let reset = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0xd];
        assert!(answered.windows(reset.len()).any(|words| words == reset), "{answered:?}");
    }
    node.http("GET", "/health", "");
}

#[test]
fn a_client_finds_its_port_from_any_address_of_a_node() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), Pki::new());
    let access = Access { token: None, tls: Some(tls(pki.client("client"))) };
    for (node, access) in [(alone(dir.path()), Access::default()), (encrypted(&pki), access)] {
        let at = node.addresses();
        for address in [&at.raft, &at.client, &at.http] {
            block_on(async {
                let options = Options { access: access.clone(), ..Options::default() };
                let client = Client::connect(&[address], options).await.expect(address);
                client.write(put("a", address), PATIENCE).await.expect(address);
                assert_eq!(client.status(address, PATIENCE).await.expect(address).raft.id, NodeId(1));
                let mut watch = client.watch("a".into(), Some(0));
                let told = futures::TryStreamExt::try_next(&mut watch).await.expect(address);
                assert!(told.is_some());
            });
        }
    }
}

#[test]
fn a_client_that_was_given_one_address_goes_on_when_that_node_is_gone() {
    let mut cluster = support::Cluster::start(3, &QUICK);
    let (leader, _) = cluster.leader();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = Options { deadline: PATIENCE, ..Options::default() };
    let given = cluster.node(leader).addresses().http.clone();
    let clients = (1..=3).map(|id| (NodeId(id), cluster.node(id).addresses().client.clone())).collect();
    let client = runtime.block_on(async {
        let client = Client::connect(&[given], options).await.unwrap();
        client.put("a", "1").await.unwrap();
        // A follower's connection may still have to come about.
        let all_known = async {
            while client.members(PATIENCE).await.unwrap() != clients {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, all_known).await.expect("the nodes meet");
        client
    });
    cluster.kill(leader);
    runtime.block_on(async {
        client.put("a", "2").await.expect("the others elect another leader");
        assert_eq!(client.get("a").await.unwrap().as_deref(), Some(&b"2"[..]));
    });
    assert_eq!(client.known_nodes().len(), 3);
}
