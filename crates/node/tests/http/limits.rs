//! What is too large, too slow or too much, and ids for all of it.

use crate::exchange::{Ask, assert_error, read_answer};
use crate::support::{Cluster, Node, PATIENCE, QUICK, eventually};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Sends bytes as they are and reads until the node closes.
fn raw(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("the node accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("is not zero");
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn an_id_is_taken_over_or_made_and_is_in_every_answer_and_in_the_log() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    let node = cluster.node(1);
    let cases = [
        ("GET", "/get?key=secret", 404),
        ("GET", "/nowhere", 404),
        ("PATCH", "/set", 405),
        ("PUT", "/set", 400),
        ("GET", "/get?key=%", 400),
    ];
    for (nth, (method, path, status)) in cases.into_iter().enumerate() {
        let mine = format!("mine-{nth}");
        let answered = Ask::new(method, path).header("x-request-id", &mine).of(node);
        assert_eq!((answered.status, answered.header("x-request-id")), (status, Some(mine.as_str())));
        let path = path.split('?').next().expect("a path");
        eventually("its line is in the log", || {
            let line = format!(
                "request{{id=\"{mine}\"}}: answered method={method} path={path} status={status} micros="
            );
            node.log().contains(&line).then_some(())
        });
    }
    assert!(!node.log().contains("secret"), "keys are not logged");
    assert!(!node.log().contains("path=/health"), "nor are probes");
    let long = "x".repeat(129);
    for unfit in ["", "a b", "\u{e9}", &long] {
        let made = Ask::new("GET", "/health").header("x-request-id", unfit).of(node);
        assert_eq!(made.header("x-request-id").map(str::len), Some(36), "{made:?}");
    }
}

/// What no route ever sees is answered like everything else: as JSON, with an id, which is in the log.
#[track_caller]
fn assert_refused(node: &Node, answer: &str, status: u16) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {answer:?}"));
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{answer}");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert!(body["ok"] == false && body["message"].is_string(), "{answer}");
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).expect("an id");
    eventually("the log says so", || node.log().contains(id).then_some(()));
}

#[test]
fn a_head_over_the_limits_is_refused_and_its_connection_closed() {
    let cluster = Cluster::start(1, &QUICK);
    let node = cluster.node(1);
    let address = &node.addresses().http;
    let large = format!("GET /health HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: y\r\n".repeat(100));
    for head in [large, many] {
        assert_refused(node, &raw(address, head.as_bytes()), 431);
    }
    for garbage in [&b"hello\r\n\r\n"[..], b"GET /health\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"] {
        assert_refused(node, &raw(address, garbage), 400);
    }
    assert!(node.health().is_some());
}

#[test]
fn a_body_over_the_limit_is_refused_also_when_its_length_is_not_told() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    let node = cluster.node(1);
    let told = format!("PUT /set HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", 1u64 << 40);
    let answer = raw(&node.addresses().http, told.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("over the limit"), "{answer}");
    let chunk = [b"100000\r\n".to_vec(), vec![b'x'; 1 << 20], b"\r\n".to_vec()].concat();
    let mut stream = TcpStream::connect(&node.addresses().http).expect("the node accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("is not zero");
    stream
        .write_all(b"PUT /set HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
        .expect("is taken");
    for _ in 0..9 {
        let _ = stream.write_all(&chunk);
    }
    let refused = read_answer(stream).expect("an answer");
    assert_error(&refused, 413, "over the limit of 7340032 bytes");
}

#[test]
fn who_does_not_read_its_answer_is_dropped_and_others_are_served() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    let node = cluster.node(1);
    let value = "v".repeat(1 << 20);
    for nth in 0..4 {
        let body = format!(r#"{{"key":"big{nth}","value":"{value}"}}"#);
        assert_eq!(Ask::new("PUT", "/set").body(&body).of(node).status, 200);
    }
    let mut deaf = TcpStream::connect(&node.addresses().http).expect("the node accepts");
    deaf.set_write_timeout(Some(PATIENCE)).expect("is not zero");
    // More than the system's buffers hold, however large they are.
    let ask = b"GET /list HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(40);
    deaf.write_all(&ask).expect("is taken");
    assert_eq!(Ask::new("GET", "/get?key=big0").of(node).status, 200, "others are served");
    eventually("the node drops it", || {
        deaf.set_nonblocking(true).expect("can be set");
        let taken = deaf.write(b"x");
        taken.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock).then_some(())
    });
    let mut rest = Vec::new();
    deaf.set_nonblocking(false).expect("can be set");
    let _ = deaf.read_to_end(&mut rest);
    assert!(rest.len() < 40 * (4 << 20), "it did not get all of it: {}", rest.len());
}
