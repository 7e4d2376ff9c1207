//! The HTTP door: the shapes that it promises, and every error as JSON.

use crate::exchange::assert_error;
use crate::support::{Cluster, PATIENCE, QUICK, STEADY, eventually};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

#[test]
fn every_node_answers_in_the_promised_shapes() {
    let cluster = Cluster::start(3, &STEADY);
    let (leader, term) = cluster.leader();
    for node in cluster.running() {
        let set = node.http("PUT", "/set", r#"{"key":"name","value":"luffy"}"#);
        assert_eq!((set.status, set.body.as_str()), (200, r#"{"ok":true,"message":"stored","key":"name"}"#));
        let get = node.http("GET", "/get?key=name", "");
        assert_eq!((get.status, get.body.as_str()), (200, r#"{"ok":true,"key":"name","value":"luffy"}"#));
        let delete = node.http("DELETE", "/delete?key=name", "");
        assert_eq!(
            (delete.status, delete.body.as_str()),
            (200, r#"{"ok":true,"message":"deleted","key":"name"}"#)
        );
        assert_error(&node.http("GET", "/get?key=name", ""), 404, "\"name\"");
        assert_error(&node.http("DELETE", "/delete?key=name", ""), 404, "\"name\"");
        let health = node.health().expect("answers");
        let id = format!("n{}", node.id());
        assert_eq!(health["id"], id);
        assert_eq!(health["state"], if node.id() == leader { "leader" } else { "follower" });
        assert_eq!((&health["leaderId"], &health["term"]), (&format!("n{leader}").into(), &term.into()));
        assert_eq!(health["voters"], serde_json::json!(["n1", "n2", "n3"]));
        assert_eq!(health["learners"], serde_json::json!([]));
        for field in ["commitIndex", "lastApplied", "lastHeartbeatAgoMs"] {
            assert!(health[field].is_u64(), "{field} in {health}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_in_json() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    let node = cluster.node(1);
    for body in
        ["", "{", "[]", r#"{"key":"a"}"#, r#"{"key":"a","value":1}"#, r#"{"key":"a","value":"b","c":1}"#]
    {
        assert_error(&node.http("PUT", "/set", body), 400, "JSON");
    }
    assert_error(&node.http("PUT", "/set", r#"{"key":"","value":"b"}"#), 400, "empty");
    assert_error(&node.http("GET", "/get", ""), 400, "?key=");
    assert_error(&node.http("GET", "/get?key=", ""), 400, "empty");
    assert_error(&node.http("GET", "/nothing", ""), 404, "/health");
    let wrong_method = node.http("POST", "/set", "{}");
    assert_error(&wrong_method, 405, "PUT /set");
    assert!(wrong_method.head.contains("allow: put"), "{wrong_method:?}");
    let long_key = "k".repeat(5000);
    assert_error(&node.http("GET", &format!("/get?key={long_key}"), ""), 413, "4096");
    let long_value = format!(r#"{{"key":"a","value":"{}"}}"#, "v".repeat((1 << 20) + 1));
    assert_error(&node.http("PUT", "/set", &long_value), 413, "1048576");
    assert_error(&node.http("PUT", "/set", &"v".repeat(8 << 20)), 413, "over the limit");
}

#[test]
fn the_longest_value_fits_however_it_is_written() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    let node = cluster.node(1);
    let escaped = format!(r#"{{"key":"a","value":"{}"}}"#, "\\u0001".repeat(1 << 20));
    assert_eq!(node.http("PUT", "/set", &escaped).status, 200);
    let value = node.http("GET", "/get?key=a", "").json();
    assert_eq!(value["value"].as_str().map(str::len), Some(1 << 20));
}

#[test]
fn a_body_that_does_not_arrive_changes_nothing_and_is_told_so() {
    let cluster = Cluster::start(1, &QUICK);
    let mut half = TcpStream::connect(&cluster.node(1).addresses().http).unwrap();
    half.set_read_timeout(Some(PATIENCE)).unwrap();
    half.write_all(b"PUT /set HTTP/1.1\r\nhost: localhost\r\ncontent-length: 25\r\n\r\n{\"key\":").unwrap();
    let mut answer = [0; 1024];
    let length = half.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("nothing was changed"), "{answer}");
}

#[test]
fn without_a_leader_health_is_answered_and_writes_are_refused_for_now() {
    let mut cluster = Cluster::start(3, &QUICK);
    cluster.leader();
    cluster.kill(2);
    cluster.kill(3);
    eventually("it knows no leader", || cluster.node(1).health()?["leaderId"].is_null().then_some(()));
    let answered = cluster.node(1).http("PUT", "/set", r#"{"key":"a","value":"b"}"#);
    assert_error(&answered, 503, "no leader");
    assert!(answered.head.contains("retry-after: "), "{answered:?}");
    assert_error(&cluster.node(1).http("GET", "/get?key=a", ""), 503, "no leader");
}
