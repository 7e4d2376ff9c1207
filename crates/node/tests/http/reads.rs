//! Lists, compare-and-set, consistency, bytes that are no text, and what a node says of itself.

use crate::exchange::{Ask, assert_error};
use crate::support::{Cluster, Node, QUICK, STEADY, eventually};
use serde_json::{Value, json};

#[track_caller]
fn set(node: &Node, pair: &Value) {
    let stored = Ask::new("PUT", "/set").body(&pair.to_string()).of(node);
    assert_eq!(stored.status, 200, "{stored:?}");
}

#[track_caller]
fn list(node: &Node, query: &str) -> Value {
    let answered = Ask::new("GET", &format!("/list?{query}")).of(node);
    assert_eq!(answered.status, 200, "{answered:?}");
    answered.json()
}

#[test]
fn a_list_is_read_page_by_page_on_any_node() {
    let cluster = Cluster::start(3, &STEADY);
    cluster.leader();
    let keys = ["a", "b/1", "b/2", "b/3", "b + c", "é"];
    for key in keys {
        set(cluster.node(1), &json!({"key": key, "value": format!("v {key}")}));
    }
    for node in cluster.running() {
        let all = list(node, "");
        let found: Vec<&str> =
            all["pairs"].as_array().unwrap().iter().map(|pair| pair["key"].as_str().unwrap()).collect();
        assert_eq!(found, ["a", "b + c", "b/1", "b/2", "b/3", "é"], "in the order of their bytes");
        assert_eq!(
            (&all["ok"], &all["more"], &all["pairs"][1]["value"]),
            (&true.into(), &false.into(), &"v b + c".into())
        );
        let committed = node.health().unwrap()["commitIndex"].as_u64();
        assert!(
            all["index"].as_u64() >= Some(6) && all["index"].as_u64() <= committed.max(all["index"].as_u64())
        );
        let page = list(node, "prefix=b%2F&limit=2");
        assert_eq!(
            page["pairs"],
            json!([{"key": "b/1", "value": "v b/1"}, {"key": "b/2", "value": "v b/2"}])
        );
        assert_eq!(page["more"], true);
        let rest = list(node, "prefix=b%2f&limit=2&after=b/2");
        assert_eq!((&rest["pairs"][0]["key"], &rest["more"]), (&"b/3".into(), &false.into()));
        assert_eq!(list(node, "prefix=b+%2B")["pairs"][0]["key"], "b + c");
        assert_eq!(list(node, "prefixBase64=w6k%3D")["pairs"][0]["key"], "é");
        assert_eq!(list(node, "prefix=zzz")["pairs"], json!([]));
    }
}

#[test]
fn a_value_is_swapped_only_for_the_expected_one() {
    let cluster = Cluster::start(3, &STEADY);
    cluster.leader();
    for node in cluster.running() {
        let key = format!("k{}", node.id());
        let cas =
            |rest: &str| Ask::new("POST", "/cas").body(&format!(r#"{{"key":"{key}",{rest}}}"#)).of(node);
        let missing = cas(r#""expected":"a","value":"b""#);
        assert_error(&missing, 409, "no such key");
        assert!(missing.body.ends_with(r#","current":null}"#), "{missing:?}");
        let created = cas(r#""expected":null,"value":"a""#);
        let shape = format!(r#"{{"ok":true,"message":"stored","key":"{key}"}}"#);
        assert_eq!((created.status, &created.body), (200, &shape));
        let exists = cas(r#""expected":null,"value":"b""#);
        assert_error(&exists, 409, "nothing was changed");
        assert!(exists.body.ends_with(r#","current":"a"}"#), "{exists:?}");
        assert_eq!(cas(r#""expectedBase64":"YQ==","valueBase64":"/w==""#).status, 200);
        let bytes = cas(r#""expected":"a","value":"c""#);
        assert_error(&bytes, 409, "another value");
        assert!(bytes.body.ends_with(r#","currentBase64":"/w=="}"#), "{bytes:?}");
    }
}

#[test]
fn bytes_that_are_no_text_come_back_as_they_were() {
    let cluster = Cluster::start(3, &STEADY);
    cluster.leader();
    for (nth, node) in cluster.running().enumerate() {
        let key = ["/w==", "//8=", "//4A"][nth];
        let query = key.replace('+', "%2B");
        let stored = Ask::new("PUT", "/set")
            .body(&format!(r#"{{"keyBase64":"{key}","valueBase64":"AP8="}}"#))
            .of(node);
        assert_eq!(stored.body, format!(r#"{{"ok":true,"message":"stored","keyBase64":"{key}"}}"#));
        let got = Ask::new("GET", &format!("/get?keyBase64={query}")).of(node);
        assert_eq!(got.body, format!(r#"{{"ok":true,"keyBase64":"{key}","valueBase64":"AP8="}}"#));
        assert_eq!(list(node, &format!("prefixBase64={query}"))["pairs"][0]["valueBase64"], "AP8=");
        let deleted = Ask::new("DELETE", &format!("/delete?keyBase64={query}")).of(node);
        assert_eq!(deleted.body, format!(r#"{{"ok":true,"message":"deleted","keyBase64":"{key}"}}"#));
        let gone = Ask::new("GET", &format!("/get?keyBase64={query}")).of(node);
        assert_error(&gone, 404, "\\xff");
        // What is text is answered as text, however it was asked for.
        set(node, &json!({"keyBase64": "bmFtZQ==", "valueBase64": "bHVmZnk="}));
        let text = Ask::new("GET", "/get?keyBase64=bmFtZQ%3D%3D").of(node);
        assert_eq!(text.body, r#"{"ok":true,"key":"name","value":"luffy"}"#);
    }
}

#[test]
fn a_stale_read_is_the_asked_nodes_own_and_needs_no_leader() {
    let mut cluster = Cluster::start(3, &QUICK);
    cluster.leader();
    eventually("a write", || {
        (cluster.node(1).http("PUT", "/set", r#"{"key":"a","value":"b"}"#).status == 200).then_some(())
    });
    cluster.await_equal();
    for consistency in ["linearizable", "lease", "stale"] {
        for node in cluster.running() {
            let got = Ask::new("GET", &format!("/get?key=a&consistency={consistency}")).of(node);
            assert_eq!(got.json()["value"], "b", "{consistency}: {got:?}");
            assert_eq!(list(node, &format!("consistency={consistency}"))["pairs"][0]["value"], "b");
        }
    }
    cluster.kill(2);
    cluster.kill(3);
    let left = cluster.node(1);
    eventually("it knows no leader", || left.health()?["leaderId"].is_null().then_some(()));
    assert_eq!(Ask::new("GET", "/get?key=a&consistency=stale").of(left).json()["value"], "b");
    assert_eq!(list(left, "consistency=stale")["pairs"][0]["value"], "b");
    for query in ["/get?key=a&consistency=lease", "/list?consistency=linearizable", "/list"] {
        let refused = Ask::new("GET", query).of(left);
        assert_error(&refused, 503, "no leader");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
}

#[test]
fn a_node_that_has_just_started_refuses_stale_reads_until_it_knows_what_is_committed() {
    let mut cluster = Cluster::start(3, &QUICK);
    cluster.leader();
    eventually("a write", || {
        (cluster.node(1).http("PUT", "/set", r#"{"key":"a","value":"b"}"#).status == 200).then_some(())
    });
    cluster.await_equal();
    cluster.kill_all();
    // Alone it cannot know: the write is in its log, and nobody says that it is committed.
    cluster.restart(1);
    for query in ["/get?key=a&consistency=stale", "/list?consistency=stale"] {
        let refused = Ask::new("GET", query).of(cluster.node(1));
        assert_error(&refused, 503, "does not know the commit index yet");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    cluster.restart(2);
    for node in [1, 2].map(|id| cluster.node(id)) {
        eventually("the value", || {
            let got = Ask::new("GET", "/get?key=a&consistency=stale").of(node);
            assert!([200, 503].contains(&got.status), "never as if there were no such key: {got:?}");
            (got.status == 200).then(|| assert_eq!(got.json()["value"], "b"))
        });
    }
}

#[test]
fn the_status_says_of_each_node_what_it_knows() {
    let cluster = Cluster::start(3, &STEADY);
    let (leader, term) = cluster.leader();
    set(cluster.node(1), &json!({"key": "a", "value": "b"}));
    cluster.await_equal();
    let mut hashes = Vec::new();
    for node in cluster.running() {
        let answered = Ask::new("GET", "/status").of(node);
        let status = answered.json();
        assert_eq!(status["id"], format!("n{}", node.id()));
        assert_eq!((&status["term"], &status["leaderId"]), (&term.into(), &format!("n{leader}").into()));
        assert_eq!(status["membership"]["voters"], json!(["n1", "n2", "n3"]));
        assert_eq!((&status["timers"]["heartbeatMs"], &status["keys"]), (&100.0.into(), &1.into()));
        assert_eq!(status["log"]["commitIndex"], status["log"]["lastApplied"]);
        hashes.push(status["stateHash"].clone());
        let peers = status["peers"].as_array().unwrap();
        assert_eq!(peers.len(), if node.id() == leader { 2 } else { 0 });
        for peer in peers {
            assert_eq!(
                (&peer["state"], &peer["matchIndex"]),
                (&"replicate".into(), &status["log"]["lastIndex"])
            );
        }
        assert_eq!(status["state"] == "leader", node.id() == leader);
    }
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");
}
