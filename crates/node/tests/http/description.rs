//! The description at /openapi.json is true: what it lists is served, and what is served is listed. That real answers are as
//! described is looked at on every exchange of these tests.

use crate::exchange::{Ask, assert_error, description, read_answer};
use crate::support::{Cluster, Launch, QUICK, eventually};
use serde_json::Value;
use std::collections::BTreeSet;

/// Everything in it that refers to something else.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str() {
                    Some(reference) if name == "$ref" => drop(found.insert(reference.to_owned())),
                    _ => references(field, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn each_path_serves_just_the_methods_that_are_described() {
    let cluster = Cluster::start(1, &QUICK);
    let node = cluster.node(1);
    let description = description(node);
    let paths = description["paths"].as_object().expect("paths");
    assert!(paths.len() >= 10);
    for (path, methods) in paths {
        let allowed = Ask::new("OPTIONS", path).of(node);
        assert_eq!((allowed.status, allowed.body.as_str()), (204, ""));
        let allow = allowed.header("allow").expect("an Allow").to_owned();
        let served: BTreeSet<&str> =
            allow.split(", ").filter(|method| !["head", "options"].contains(method)).collect();
        let described: BTreeSet<&str> =
            methods.as_object().expect("methods").keys().map(String::as_str).collect();
        assert_eq!(served, described, "{path}");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH", "TRACE", "BREW"] {
            if !described.contains(method.to_lowercase().as_str()) {
                let refused = Ask::new(method, path).of(node);
                assert_error(&refused, 405, "PUT /set");
                assert_eq!(refused.header("allow"), Some(allow.as_str()));
            }
        }
    }
    for nowhere in ["/", "/set/", "//set", "/SET", "/get/name", "/nothing", "/openapi.yaml", "/%73et"] {
        assert_error(&Ask::new("GET", nowhere).of(node), 404, "GET /openapi.json");
    }
}

#[test]
fn the_description_is_one_and_refers_to_nothing_that_is_missing() {
    let cluster = Cluster::start(1, &QUICK);
    let description = description(cluster.node(1));
    assert_eq!(description["openapi"], "3.1.0");
    assert_eq!(description["servers"], serde_json::json!([{"url": "/"}]), "wherever it was read from");
    let mut found = BTreeSet::new();
    references(&description, &mut found);
    for reference in &found {
        assert!(description.pointer(&reference[1..]).is_some(), "{reference} is missing");
    }
    let components = description["components"].as_object().expect("components");
    // Security schemes are named, not referred to.
    for (kind, parts) in components.iter().filter(|(kind, _)| *kind != "securitySchemes") {
        for name in parts.as_object().expect("parts").keys() {
            let reference = format!("#/components/{kind}/{name}");
            let is_used =
                found.contains(&reference) || ["Change", "NoSuchRoute", "Method"].contains(&name.as_str());
            assert!(is_used, "nothing refers to {reference}");
        }
    }
    for (name, schema) in description["components"]["schemas"].as_object().expect("schemas") {
        let whole = serde_json::json!({"allOf": [schema], "components": description["components"]});
        jsonschema::draft202012::new(&whole).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn head_gives_the_head_of_get() {
    let cluster = Cluster::start(1, &QUICK);
    let node = cluster.node(1);
    eventually("a write", || {
        (node.http("PUT", "/set", r#"{"key":"a","value":"b"}"#).status == 200).then_some(())
    });
    let (get, head) = (Ask::new("GET", "/get?key=a").of(node), Ask::new("HEAD", "/get?key=a").of(node));
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert_eq!(Ask::new("HEAD", "/get?key=none").of(node).status, 404);
    for path in ["/health", "/status", "/metrics", "/openapi.json", "/watch", "/list"] {
        let head = Ask::new("HEAD", path).of(node);
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
    }
}

#[test]
fn who_shows_no_token_is_refused_everywhere_as_described() {
    let dir = tempfile::tempdir().expect("a directory");
    let launch = Launch::new(&["--bind", "127.0.0.1:0"]).args(&QUICK).data(dir.path());
    let node = launch.variable("RAFTDECK_CLIENT_TOKEN", "the-clients-token-01").ready();
    let ask = Ask::new("GET", "/openapi.json").header("authorization", "Bearer the-clients-token-01");
    let description = read_answer(ask.open(&node)).expect("an answer").json();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys().map(|method| method.to_uppercase()) {
            let ask = Ask::new(&method, path);
            let wrong = ask.clone().header("authorization", "Bearer the-clients-token-02");
            for ask in [ask, wrong] {
                let refused = read_answer(ask.open(&node)).expect("an answer");
                assert_error(&refused, 401, "token");
                ask.assert_described(&description, &refused);
            }
        }
    }
}
