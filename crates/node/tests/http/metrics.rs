//! `/metrics`: the exposition format of Prometheus, read strictly, and what is in it.
#![allow(clippy::float_cmp, reason = "what is compared are whole numbers, which no format rounds")]

use crate::exchange::{Ask, assert_error};
use crate::support::{Cluster, Node, STEADY, eventually};
use std::collections::{BTreeMap, BTreeSet};

/// A metric with all its series.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    /// Name and labels as they are written, and the value.
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

fn is_name(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// Labels without escapes, as all of these are.
fn labels(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for label in text.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=').expect("a label has a value");
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect("is quoted");
        assert!(is_name(name) && !value.contains(['"', '\\']), "{label}");
        assert_eq!(found.insert(name.to_owned(), value.to_owned()), None, "{name} is there twice");
    }
    found
}

/// Reads the text format (version 0.0.4), and accepts nothing that is not in it.
fn parse(text: &str) -> BTreeMap<String, Family> {
    assert!(text.ends_with('\n'));
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let mut seen = BTreeSet::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a help has a text");
            let family = Family { help: help.to_owned(), ..Family::default() };
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} is there twice");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            let family = families.get_mut(name).unwrap_or_else(|| panic!("{name} has no help"));
            assert!(family.kind.is_empty() && is_name(name), "{line}");
            kind.clone_into(&mut family.kind);
            name.clone_into(&mut current);
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a sample has a value");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
            assert!(value.is_finite() && seen.insert(series.to_owned()), "{line}");
            let (name, rest) = series.split_once('{').unwrap_or((series, "}"));
            let labels = labels(rest.strip_suffix('}').expect("the labels end"));
            let family = families.get_mut(&current).expect("a type goes before its samples");
            let suffix =
                name.strip_prefix(current.as_str()).unwrap_or_else(|| panic!("{line} is out of place"));
            let suffixes: &[&str] =
                if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.contains(&suffix), "{line}");
            family.samples.push((name.to_owned(), labels, value));
        }
    }
    for (name, family) in &families {
        assert!(!family.kind.is_empty() && family.help.ends_with('.'), "{name}: {family:?}");
        assert_eq!(family.kind == "counter", name.ends_with("_total"), "{name}");
        if family.kind == "histogram" {
            assert_buckets(name, family);
        }
    }
    families
}

/// The buckets of each series grow up to its count.
fn assert_buckets(name: &str, family: &Family) {
    let mut reached: BTreeMap<String, f64> = BTreeMap::new();
    for (sample, labels, value) in &family.samples {
        let mut of = labels.clone();
        of.remove("le");
        let of = format!("{of:?}");
        if sample.ends_with("_bucket") {
            assert!(labels.contains_key("le") && reached.get(&of).is_none_or(|less| less <= value), "{name}");
            reached.insert(of, *value);
        } else if sample.ends_with("_count") {
            assert_eq!(reached.get(&of), Some(value), "{name}");
        }
    }
    assert!(
        family.samples.iter().any(|(_, labels, _)| labels.get("le").is_some_and(|le| le == "+Inf")),
        "{name}"
    );
}

fn metrics(node: &Node) -> BTreeMap<String, Family> {
    let answered = Ask::new("GET", "/metrics").of(node);
    assert_eq!(answered.status, 200, "{answered:?}");
    assert_eq!(answered.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    parse(&answered.body)
}

/// The value of the one series with these labels among its own.
#[track_caller]
fn value(metrics: &BTreeMap<String, Family>, name: &str, wanted: &[(&str, &str)]) -> Option<f64> {
    let family = metrics.get(name).or_else(|| metrics.get(name.strip_suffix("_count")?))?;
    let has = |labels: &BTreeMap<String, String>| {
        wanted.iter().all(|(name, value)| labels.get(*name).is_some_and(|found| found == value))
    };
    let mut found = family.samples.iter().filter(|(sample, labels, _)| sample == name && has(labels));
    let value = found.next().map(|(_, _, value)| *value);
    assert!(found.next().is_none(), "{name} {wanted:?} is no single series: {family:?}");
    value
}

#[test]
fn the_metrics_are_well_formed_and_say_what_health_says() {
    let cluster = Cluster::start(3, &STEADY);
    let (leader, term) = cluster.leader();
    for nth in 0..5 {
        let body = format!(r#"{{"key":"k{nth}","value":"v"}}"#);
        assert_eq!(cluster.node(leader).http("PUT", "/set", &body).status, 200);
    }
    cluster.await_equal();
    for node in cluster.running() {
        let is_leader = node.id() == leader;
        let (health, metrics) = (node.health().expect("answers"), metrics(node));
        let one = |name| value(&metrics, name, &[]).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(one("raftdeck_term"), f64::from(u32::try_from(term).expect("is small")));
        assert_eq!(one("raftdeck_is_leader"), f64::from(u8::from(is_leader)));
        for (metric, field) in [
            ("raftdeck_commit_index", "commitIndex"),
            ("raftdeck_applied_index", "lastApplied"),
            ("raftdeck_last_log_index", "lastLogIndex"),
            ("raftdeck_keys", "keys"),
        ] {
            assert_eq!(Some(one(metric)), health[field].as_f64(), "{metric}");
        }
        let state = health["state"].as_str().expect("a role");
        assert_eq!(value(&metrics, "raftdeck_role", &[("role", state)]), Some(1.0));
        let roles: f64 = metrics["raftdeck_role"].samples.iter().map(|(_, _, value)| value).sum();
        assert_eq!((roles, metrics["raftdeck_role"].samples.len()), (1.0, 4));
        assert!(one("raftdeck_leader_changes_total") >= 1.0);
        assert!(one("raftdeck_fsync_seconds_count") >= 1.0 && one("raftdeck_client_requests_total") >= 1.0);
        assert!(one("raftdeck_sessions") >= 1.0 && metrics.contains_key("raftdeck_elections_total"));
        if cfg!(target_os = "linux") {
            assert!(one("process_resident_memory_bytes") > 1e6 && one("process_open_fds") > 3.0);
        }
        let peers = metrics.get("raftdeck_peer_match_index").map_or(0, |family| family.samples.len());
        assert_eq!(peers, if is_leader { 2 } else { 0 });
    }
    let of_leader = metrics(cluster.node(leader));
    assert!(value(&of_leader, "raftdeck_elections_total", &[]) >= Some(1.0));
    for peer in (1..=3).filter(|id| *id != leader).map(|id| format!("n{id}")) {
        let matched = value(&of_leader, "raftdeck_peer_match_index", &[("peer", &peer)]);
        assert_eq!(matched, value(&of_leader, "raftdeck_last_log_index", &[]));
        assert_eq!(value(&of_leader, "raftdeck_peer_lag_entries", &[("peer", &peer)]), Some(0.0));
    }
}

#[test]
fn requests_are_counted_by_route_method_and_status() {
    let cluster = Cluster::start(1, &STEADY);
    cluster.assert_serves("warm");
    let node = cluster.node(1);
    let of = |status: &'static str| [("route", "/get"), ("method", "GET"), ("status", status)];
    let counted =
        |status| value(&metrics(node), "raftdeck_http_requests_total", &of(status)).unwrap_or_default();
    let before = counted("404");
    for _ in 0..3 {
        assert_error(&Ask::new("GET", "/get?key=none").of(node), 404, "none");
    }
    assert_eq!(counted("404"), before + 3.0);
    assert_error(&Ask::new("GET", "/get").of(node), 400, "?key=");
    assert_eq!(counted("400"), 1.0);
    let metrics = metrics(node);
    let times =
        value(&metrics, "raftdeck_http_request_seconds_count", &[("route", "/get"), ("method", "GET")]);
    let all: f64 = metrics["raftdeck_http_requests_total"]
        .samples
        .iter()
        .filter(|(_, labels, _)| labels["route"] == "/get" && labels["method"] == "GET")
        .map(|(_, _, value)| value)
        .sum();
    assert_eq!(times, Some(all));
}

#[test]
fn what_a_leader_said_of_its_followers_is_gone_when_it_leads_no_more() {
    let mut cluster = Cluster::start(3, &crate::support::QUICK);
    let (leader, _) = cluster.leader();
    assert!(metrics(cluster.node(leader)).contains_key("raftdeck_peer_match_index"));
    for other in (1..=3).filter(|id| *id != leader) {
        cluster.kill(other);
    }
    let left = cluster.node(leader);
    eventually("it leads no more", || (left.health()?["state"] != "leader").then_some(()));
    assert!(!metrics(left).contains_key("raftdeck_peer_match_index"));
}
