//! `/watch`: committed changes as server-sent events.

use crate::exchange::{Ask, assert_error};
use crate::support::{Cluster, Node, PATIENCE, QUICK, STEADY, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// One block of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Event {
    id: Option<u64>,
    name: String,
    data: Option<Value>,
    comment: bool,
}

/// An open stream.
struct Watching {
    lines: BufReader<TcpStream>,
}

impl Watching {
    #[track_caller]
    fn open(node: &Node, path: &str) -> Self {
        Self::ask(node, &Ask::new("GET", path))
    }

    #[track_caller]
    fn ask(node: &Node, ask: &Ask<'_>) -> Self {
        let mut lines = BufReader::new(ask.open(node));
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(lines.read_line(&mut head).expect("the head arrives"), 0, "{head}");
        }
        let head = head.to_ascii_lowercase();
        assert!(
            head.starts_with("http/1.1 200 ") && head.contains("content-type: text/event-stream"),
            "{head}"
        );
        assert!(head.contains("x-request-id: ") && head.contains("cache-control: no-"), "{head}");
        assert!(
            head.contains("x-accel-buffering: no"),
            "a proxy that gathers answers lets it through: {head}"
        );
        Self { lines }
    }

    /// The next block, whatever it is; `None` at the end. The sizes of the chunks that it came in are passed over.
    fn block(&mut self) -> Option<Event> {
        let mut event = Event::default();
        let mut is_empty = true;
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).expect("in time") == 0 {
                return None;
            }
            let is_framing = line.ends_with("\r\n");
            let line = line.trim_end_matches(['\r', '\n']);
            match line.split_once(':') {
                _ if is_framing => {
                    if line == "0" {
                        return None;
                    }
                }
                Some(("id", id)) => event.id = Some(id.trim().parse().expect("a number")),
                Some(("event", name)) => name.trim().clone_into(&mut event.name),
                Some(("data", data)) => event.data = Some(serde_json::from_str(data).expect("JSON")),
                Some(("", _)) => event.comment = true,
                Some(("retry", _)) => {}
                None if line.is_empty() && is_empty => {}
                None if line.is_empty() => return Some(event),
                _ => panic!("{line:?} is no part of an event"),
            }
            is_empty &= is_framing || line.is_empty();
        }
    }

    /// The next event with data.
    #[track_caller]
    fn next(&mut self) -> Option<Event> {
        std::iter::from_fn(|| self.block()).find(|event| event.data.is_some())
    }
}

#[track_caller]
fn done(node: &Node, method: &str, path: &str, body: &Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    eventually("a write", || (node.http(method, path, &body).status == 200).then_some(()));
}

fn put(key: &str, value: &str) -> Value {
    json!({"key": key, "value": value})
}

#[test]
fn a_watch_from_beyond_the_log_is_refused_on_every_node_and_says_where_the_log_ends() {
    let cluster = Cluster::start(3, &STEADY);
    cluster.leader();
    done(cluster.node(1), "PUT", "/set", &put("a", "b"));
    for node in cluster.running() {
        let refused = Ask::new("GET", "/watch?after=1000000").of(node);
        assert_error(&refused, 410, "the log ends at index");
        let newest = refused.json()["newest"].as_u64().expect("where the log ends");
        assert!((2..1_000_000).contains(&newest), "{newest}");
        let mut stream = Watching::open(node, &format!("/watch?after={newest}"));
        assert_eq!(stream.block().and_then(|first| first.id), None, "it only says when to come back");
    }
}

#[test]
fn every_node_tells_committed_changes_in_order() {
    let cluster = Cluster::start(3, &STEADY);
    cluster.leader();
    let mut streams: Vec<Watching> =
        cluster.running().map(|node| Watching::open(node, "/watch?prefix=a%2F")).collect();
    let node = cluster.node(1);
    done(node, "PUT", "/set", &put("a/1", "one"));
    done(node, "PUT", "/set", &put("b/1", "not this"));
    done(node, "POST", "/cas", &json!({"key": "a/1", "expected": "one", "value": "two"}));
    assert_eq!(
        Ask::new("POST", "/cas").body(r#"{"key":"a/1","expected":"x","value":"y"}"#).of(node).status,
        409
    );
    done(node, "PUT", "/set", &json!({"keyBase64": "YS//", "valueBase64": "/w=="}));
    done(node, "DELETE", "/delete?key=a/1", &Value::Null);
    assert_eq!(Ask::new("DELETE", "/delete?key=a/1").of(node).status, 404);
    done(node, "PUT", "/set", &put("a/last", "line\nbreak"));
    let expected = [
        ("put", json!({"key": "a/1", "value": "one"})),
        ("put", json!({"key": "a/1", "value": "two"})),
        ("put", json!({"keyBase64": "YS//", "valueBase64": "/w=="})),
        ("delete", json!({"key": "a/1"})),
        ("put", json!({"key": "a/last", "value": "line\nbreak"})),
    ];
    let mut all = Vec::new();
    for stream in &mut streams {
        let mut last = 0;
        let mut told = Vec::new();
        for (name, content) in &expected {
            let event = stream.next().expect("an event");
            let mut data = event.data.clone().expect("data");
            let index = data.as_object_mut().expect("an object").remove("index").and_then(|i| i.as_u64());
            assert_eq!((event.name.as_str(), &data, index), (*name, content, event.id));
            assert!(event.id > Some(last), "indices grow: {event:?}");
            last = event.id.expect("an id");
            told.push(event);
        }
        all.push(told);
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "all nodes tell the same: {all:#?}");
}

#[test]
fn a_stream_goes_on_where_it_was_on_another_node() {
    let mut cluster = Cluster::start(3, &STEADY);
    let (leader, _) = cluster.leader();
    let mut stream = Watching::open(cluster.node(leader), "/watch");
    done(cluster.node(1), "PUT", "/set", &put("a", "1"));
    let first = stream.next().expect("an event");
    done(cluster.node(1), "PUT", "/set", &put("b", "2"));
    done(cluster.node(1), "DELETE", "/delete?key=a", &Value::Null);
    cluster.await_equal();
    cluster.kill(leader);
    while stream.next().is_some() {}
    cluster.leader_without(Some(leader));
    let seen = first.id.expect("an id").to_string();
    for node in cluster.running() {
        let by_header = Ask::new("GET", "/watch?after=0").header("last-event-id", &seen);
        let by_query = format!("/watch?after={seen}");
        for ask in [by_header, Ask::new("GET", &by_query)] {
            let mut again = Watching::ask(node, &ask);
            let names = [again.next(), again.next()].map(|event| event.expect("an event").name);
            assert_eq!(names, ["put", "delete"], "what came after the first");
        }
    }
}

#[test]
fn a_list_and_a_watch_from_its_index_miss_nothing() {
    let cluster = Cluster::start(1, &QUICK);
    let node = cluster.node(1);
    done(node, "PUT", "/set", &put("a", "1"));
    let listed = Ask::new("GET", "/list").of(node).json();
    done(node, "PUT", "/set", &put("a", "2"));
    let mut stream = Watching::open(node, &format!("/watch?after={}", listed["index"]));
    assert_eq!(stream.next().expect("an event").data.expect("data")["value"], "2");
}

#[test]
fn a_quiet_stream_says_how_far_it_has_come_and_that_it_lives() {
    let cluster = Cluster::start(1, &QUICK);
    let node = cluster.node(1);
    done(node, "PUT", "/set", &put("a", "1"));
    let mut stream = Watching::open(node, "/watch?prefix=nothing");
    let begin = std::iter::from_fn(|| stream.block()).find_map(|event| event.id).expect("where it begins");
    done(node, "PUT", "/set", &put("a", "2"));
    let until = Instant::now() + PATIENCE;
    let further = std::iter::from_fn(|| stream.block())
        .take_while(|_| Instant::now() < until)
        .find(|event| event.id > Some(begin))
        .expect("it comes further without an event");
    assert_eq!((further.name.as_str(), further.data), ("", None));
}

#[test]
fn what_is_forgotten_at_the_start_is_answered_with_what_is_kept() {
    let cluster = Cluster::start(1, &QUICK);
    let node = cluster.node(1);
    let value = "v".repeat(1 << 20);
    // More than a node keeps.
    for nth in 0..20 {
        done(node, "PUT", "/set", &put(&format!("k{nth}"), &value));
    }
    let refused = Ask::new("GET", "/watch?after=0").of(node);
    assert_error(&refused, 410, "list the keys");
    let oldest = refused.json()["oldest"].as_u64().expect("an index");
    let event = Watching::open(node, &format!("/watch?after={oldest}")).next().expect("an event");
    assert!(event.id > Some(oldest) && event.name == "put");
}

#[test]
fn a_node_that_stops_ends_its_streams_in_order() {
    let mut cluster = Cluster::start(1, &QUICK);
    let node = cluster.nodes[0].as_mut().expect("it runs");
    done(node, "PUT", "/set", &put("a", "1"));
    let mut streams: Vec<Watching> = (0..5).map(|_| Watching::open(node, "/watch")).collect();
    let asked = Instant::now();
    node.signal(Signal::TERM);
    assert_eq!(node.wait().code(), Some(0), "{}", node.log());
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
    assert!(!node.log().contains("did not receive their last"), "{}", node.log());
    for stream in &mut streams {
        assert_eq!(std::iter::from_fn(|| stream.block()).filter(|event| event.data.is_some()).count(), 0);
    }
}

#[test]
fn streams_are_bounded_in_number_and_leave_room_for_requests() {
    let cluster = Cluster::start(1, &QUICK);
    let node = cluster.node(1);
    done(node, "PUT", "/set", &put("a", "1"));
    let mut streams: Vec<Watching> = (0..48).map(|_| Watching::open(node, "/watch")).collect();
    let refused = Ask::new("GET", "/watch").of(node);
    assert_error(&refused, 503, "48");
    assert_eq!(refused.header("retry-after"), Some("1"));
    for nth in 0..20 {
        done(node, "PUT", "/set", &put("a", &nth.to_string()));
    }
    assert!(Ask::new("GET", "/metrics").of(node).body.contains("raftdeck_http_watches 48"));
    for stream in &mut streams {
        assert_eq!(stream.next().expect("an event").data.expect("data")["value"], "0");
    }
    streams.pop();
    eventually("a place is free again", || (node.http("HEAD", "/watch", "").status == 200).then_some(()));
}

#[test]
fn what_cannot_be_watched_is_refused_with_a_sentence() {
    let cluster = Cluster::start(1, &QUICK);
    let node = cluster.node(1);
    let long = "k".repeat(5000);
    for (query, status, part) in [
        ("after=-1", 400, "whole number"),
        ("after=1.5", 400, "whole number"),
        ("after=", 400, "whole number"),
        ("after=99999999999999999999", 400, "whole number"),
        ("from=1", 400, "no parameter from"),
        ("prefix=a&prefixBase64=YQ==", 400, "both prefix"),
        (&format!("prefix={long}"), 413, "4096"),
    ] {
        assert_error(&Ask::new("GET", &format!("/watch?{query}")).of(node), status, part);
    }
    let bad = Ask::new("GET", "/watch").header("last-event-id", "new");
    assert_error(&bad.of(node), 400, "Last-Event-ID");
}
