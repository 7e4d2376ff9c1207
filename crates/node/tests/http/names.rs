//! `Idempotency-Key`: a write that has one is carried out once, however often and through whichever node it comes.

use crate::exchange::{Ask, assert_error};
use crate::support::{Answered, Cluster, Node, STEADY};

fn named(node: &Node, name: &str, method: &str, path: &str, body: &str) -> Answered {
    Ask::new(method, path).header("idempotency-key", name).body(body).of(node)
}

#[test]
fn a_repeated_write_is_answered_as_the_first_time_through_any_node_and_not_carried_out_again() {
    let mut cluster = Cluster::start(3, &STEADY);
    let (leader, _) = cluster.leader();
    let put = |node: &Node| named(node, "put-1", "PUT", "/set", r#"{"key":"a","value":"first"}"#);
    let delete = |node: &Node| named(node, "delete-1", "DELETE", "/delete?key=gone", "");
    let swap =
        |node: &Node| named(node, "cas-1", "POST", "/cas", r#"{"key":"c","expected":null,"value":"1"}"#);
    let fails =
        |node: &Node| named(node, "cas-2", "POST", "/cas", r#"{"key":"a","expected":"x","value":"y"}"#);
    let node = cluster.node(1);
    assert_eq!(Ask::new("PUT", "/set").body(r#"{"key":"gone","value":"1"}"#).of(node).status, 200);
    let first =
        [put(node), delete(node), swap(node), fails(node)].map(|answered| (answered.status, answered.body));
    assert_eq!(first.each_ref().map(|(status, _)| *status), [200, 200, 200, 409]);
    assert_eq!(Ask::new("PUT", "/set").body(r#"{"key":"a","value":"second"}"#).of(node).status, 200);
    let again = |node: &Node| {
        [put(node), delete(node), swap(node), fails(node)].map(|answered| (answered.status, answered.body))
    };
    for node in cluster.running() {
        assert_eq!(again(node), first);
        assert_eq!(
            Ask::new("GET", "/get?key=a").of(node).json()["value"],
            "second",
            "it was not stored again"
        );
    }
    cluster.kill(leader);
    cluster.leader_without(Some(leader));
    let left = cluster.running().next().expect("two are left");
    assert_eq!(again(left), first, "the next leader knows the names too");
    assert_eq!(Ask::new("GET", "/get?key=a").of(left).json()["value"], "second");
}

#[test]
fn a_name_is_for_one_write() {
    let cluster = Cluster::start(3, &STEADY);
    cluster.leader();
    let one = cluster.node(1);
    let longest = "~".repeat(255);
    for name in ["order-17", &longest] {
        assert_eq!(named(one, name, "PUT", "/set", r#"{"key":"a","value":"b"}"#).status, 200);
        for node in cluster.running() {
            let other = named(node, name, "PUT", "/set", r#"{"key":"a","value":"c"}"#);
            assert_error(&other, 422, "another write");
            assert_error(&named(node, name, "DELETE", "/delete?key=a", ""), 422, "another write");
        }
    }
    assert_eq!(Ask::new("GET", "/get?key=a").of(one).json()["value"], "b");
}

#[test]
fn a_name_that_is_none_is_refused_before_anything_happens() {
    let cluster = Cluster::start(1, &STEADY);
    cluster.assert_serves("warm");
    let node = cluster.node(1);
    let too_long = "x".repeat(256);
    for name in ["", " ", "a b", "é", "a\tb", &too_long] {
        assert_error(
            &named(node, name, "PUT", "/set", r#"{"key":"a","value":"b"}"#),
            400,
            "1 to 255 visible",
        );
        assert_error(&named(node, name, "DELETE", "/delete?key=a", ""), 400, "Idempotency-Key");
    }
    let twice = Ask::new("PUT", "/set").header("idempotency-key", "a").header("Idempotency-Key", "b");
    assert_error(&twice.body(r#"{"key":"a","value":"b"}"#).of(node), 400, "twice");
    assert_eq!(Ask::new("GET", "/get?key=a").of(node).status, 404);
}
