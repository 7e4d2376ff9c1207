//! `raftdeck client` for scripts: what it prints in each form, where values come from, and its exit status.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::deck::RAFTDECK;
use support::nodes::{Cluster, ask, client};

fn with_input(cluster: &Cluster, args: &[&str], input: &[u8]) -> Output {
    let mut command = client(&cluster.addresses(3));
    command.args(args);
    support::output_for(command, input)
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Every line of the output as JSON, without what differs from run to run.
fn objects(output: &Output) -> Vec<Value> {
    let text = str::from_utf8(&output.stdout).unwrap();
    let mut objects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for object in &mut objects {
        let fields = object.as_object_mut().unwrap();
        for differs in ["node", "term", "index"] {
            fields.remove(differs);
        }
    }
    objects
}

#[test]
fn every_command_has_json_for_jq_and_an_exit_status() {
    let cluster = Cluster::start();
    let first = cluster.address(1);
    for (args, status, shape) in [
        (&["put", "color", "blue"][..], 0, json!({ "key": "color", "stored": true })),
        (&["get", "color"], 0, json!({ "key": "color", "found": true, "value": "blue" })),
        (&["get", "shape"], 1, json!({ "key": "shape", "found": false, "value": null })),
        (&["cas", "color", "blue", "green"], 0, json!({ "key": "color", "stored": true })),
        (&["cas", "color", "blue", "red"], 1, json!({ "key": "color", "stored": false, "current": "green" })),
        (&["cas", "shape", "blue", "red"], 1, json!({ "key": "shape", "stored": false, "current": null })),
        (&["put", "cold", "-1"], 0, json!({ "key": "cold", "stored": true })),
        (
            &["list", "co", "--limit", "1"],
            0,
            json!({ "prefix": "co", "pairs": [{ "key": "cold", "value": "-1" }], "more": true }),
        ),
        (
            &["list", "--after", "cold"],
            0,
            json!({ "prefix": "", "pairs": [{ "key": "color", "value": "green" }], "more": false }),
        ),
        (&["delete", "color"], 0, json!({ "key": "color", "deleted": true })),
        (&["delete", "color"], 1, json!({ "key": "color", "deleted": false })),
        (
            &["get", ""],
            1,
            json!({ "error": "get : the key is empty: a key has at least one byte", "may_have_happened": false }),
        ),
    ] {
        let output = ask(&cluster.addresses(3), &[&["--json"], args].concat());
        assert_eq!((code(&output), objects(&output)), (status, vec![shape]), "{args:?}: {}", said(&output));
        assert_eq!(said(&output).starts_with("raftdeck: "), status == 1, "{args:?}");
    }
    let statuses = objects(&ask(&cluster.addresses(3), &["--json", "status"]));
    assert_eq!((statuses.len(), &statuses[0]["address"]), (3, &json!(first)));
    assert!(statuses.iter().all(|status| status["role"].is_string() && status["applied"].is_u64()));
    let listed = objects(&ask(&cluster.addresses(3), &["--json", "member", "list"]));
    assert_eq!((listed.len(), listed[0]["members"].as_array().unwrap().len()), (1, 3));
    let refused = ask(&cluster.addresses(3), &["--json", "member", "remove", "7"]);
    assert_eq!((code(&refused), &objects(&refused)[0]["may_have_happened"]), (1, &json!(false)));
    let next = cluster.leader() % 3 + 1;
    let transferred = ask(&cluster.addresses(3), &["--json", "transfer", &next.to_string()]);
    assert_eq!((code(&transferred), &objects(&transferred)[0]["leader"]), (0, &json!(next)));
}

#[test]
fn values_come_and_go_byte_for_byte() {
    let cluster = Cluster::start();
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("value");
    fs::write(&file, &bytes).unwrap();
    let path = file.to_str().unwrap();

    assert_eq!(code(&with_input(&cluster, &["put", "piped", "-"], &bytes)), 0);
    cluster.does(&["put", "filed", "--from-file", path]);
    cluster.does(&["put", "named", path]);
    assert_eq!(code(&with_input(&cluster, &["put", "hyphen", "-"], b"-")), 0);
    assert_eq!(code(&with_input(&cluster, &["cas", "new", "--absent", "-"], b"a\n")), 0);
    cluster.does(&["cas", "new", "a\n", "--from-file", path]);
    for (key, value) in [
        ("piped", &bytes[..]),
        ("filed", &bytes),
        ("new", &bytes),
        ("named", path.as_bytes()),
        ("hyphen", b"-"),
    ] {
        let read = ask(&cluster.addresses(3), &["get", key, "--quiet"]);
        assert!(read.stdout == value, "{key} is not what was stored");
    }
    let plain = ask(&cluster.addresses(3), &["get", "hyphen"]);
    assert_eq!(plain.stdout, b"-\n");

    let large = vec![b'x'; (1 << 20) + 1];
    fs::write(&file, &large).unwrap();
    for (output, says) in [
        (
            with_input(&cluster, &["put", "large", "-"], &large),
            "the standard input holds more than 1048576 bytes",
        ),
        (ask(&cluster.addresses(3), &["put", "large", "--from-file", path]), "holds more than 1048576 bytes"),
        (ask(&cluster.addresses(3), &["put", "large", "--from-file", "/nowhere"]), "/nowhere cannot be read"),
        (ask(&cluster.addresses(3), &["put", "large", "--from-file", "/"]), "the file / cannot be read"),
        (ask(&cluster.addresses(3), &["put", &"k".repeat(4097), "v"]), "the key has 4097 bytes"),
    ] {
        let line = said(&output);
        assert_eq!((code(&output), line.lines().count()), (1, 1), "{line}");
        assert!(line.contains(says), "{line}");
    }
    assert!(cluster.fails(&["get", "large"]).contains("no such key"));
}

#[test]
fn quiet_says_what_was_asked_for_and_verbose_who_said_it() {
    let cluster = Cluster::start();
    let quiet = |args: &[&str]| {
        let output = ask(&cluster.addresses(3), &[&["--quiet"], args].concat());
        assert_eq!(said(&output), "", "{args:?}");
        (code(&output), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(quiet(&["put", "color", "blue"]), (0, String::new()));
    assert_eq!(quiet(&["get", "color"]), (0, "blue".to_owned()));
    assert_eq!(quiet(&["get", "shape"]), (1, String::new()));
    assert_eq!(quiet(&["delete", "shape"]), (1, String::new()));
    assert_eq!(quiet(&["cas", "color", "red", "green"]), (1, String::new()));
    assert_eq!(quiet(&["list"]), (0, "color\n".to_owned()));
    assert_eq!(quiet(&["member", "list"]), (0, "n1\nn2\nn3\n".to_owned()));
    assert_eq!(quiet(&["status"]), (0, format!("n{}\n", cluster.leader())));

    let leader = cluster.leader();
    for args in [&["get", "color", "--verbose"][..], &["put", "color", "blue", "--verbose", "--json"]] {
        let output = ask(&cluster.addresses(3), args);
        let source = said(&output);
        assert!(source.starts_with(&format!("n{leader} answered, term ")), "{args:?}: {source}");
        assert!(source.contains(", index ") && !output.stdout.is_empty(), "{args:?}: {source}");
    }
}

#[test]
fn any_address_of_a_node_leads_to_the_same_cluster() {
    let cluster = Cluster::start();
    cluster.does(&["put", "color", "blue"]);
    for id in 1..=3 {
        let raft = cluster.address(id);
        let (host, port) = raft.rsplit_once(':').unwrap();
        let above = |by: u16| format!("{host}:{}", port.parse::<u16>().unwrap() + by);
        for address in [&raft, &above(1000), &above(3000)] {
            assert_eq!(ask(address, &["get", "color"]).stdout, b"blue\n", "{address}");
            assert_eq!(code(&ask(address, &["status"])), 0, "{address}");
        }
    }
}

/// `raftdeck` with this file of contexts.
fn with_contexts(file: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(RAFTDECK);
    command.args(args).env("RAFTDECK_CONTEXTS", file).stdin(Stdio::null());
    support::output(command)
}

#[test]
fn a_context_names_a_cluster_until_it_is_removed() {
    let cluster = Cluster::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("contexts.toml");
    let raftdeck = |args: &[&str]| with_contexts(&file, args);
    let added = raftdeck(&["context", "add", "test", &cluster.addresses(3)]);
    assert_eq!(code(&added), 0, "{}", said(&added));
    assert_eq!(raftdeck(&["client", "--context", "test", "put", "color", "blue"]).stdout, b"stored\n");
    assert_eq!(raftdeck(&["client", "--context", "test", "get", "color"]).stdout, b"blue\n");
    let kv = ["context", "add", "kv", "https://127.0.0.1:2379", "--engine", "etcd"];
    assert_eq!(code(&raftdeck(&kv)), 0);
    let list = String::from_utf8(raftdeck(&["context", "list"]).stdout).unwrap();
    assert!(list.starts_with("* test  raftdeck") && list.contains("\n  kv    etcd"), "{list}");
    assert_eq!(code(&raftdeck(&["context", "use", "kv"])), 0);
    let shown = raftdeck(&["context", "show", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&shown.stdout).unwrap()["name"], json!("kv"));
    for (args, status, says) in [
        (&["client", "--context", "tset", "status"][..], 1, "no context called tset; did you mean test?"),
        (&["client", "--context", "kv", "status"], 1, "kv is a cluster of etcd"),
        (&["client", "--context", "test", "--cluster", "a:1", "status"], 2, "cannot be used with"),
        (&["context", "add", "test", "a:1"], 1, "there is a context called test already"),
        (&["context", "add", "a b", "a:1"], 2, "a context's name has letters"),
        (&["context", "add", "a", "b"], 2, "is not an address"),
        (&["context", "add", "a", "a:1", "--client-token-file", "t", "--engine", "etcd"], 2, "no meaning"),
    ] {
        let output = raftdeck(args);
        assert_eq!(code(&output), status, "{args:?}: {}", said(&output));
        assert!(said(&output).contains(says), "{args:?}: {}", said(&output));
    }
    assert_eq!(code(&raftdeck(&["context", "remove", "test"])), 0);
    assert!(said(&raftdeck(&["client", "--context", "test", "status"])).contains("there is kv"));
}

/// A script: what it prints, what it says, its exit status.
fn script(cluster: &Cluster, text: &[u8]) -> (String, String, i32) {
    let output = with_input(cluster, &[], text);
    (String::from_utf8(output.stdout.clone()).unwrap(), said(&output), code(&output))
}

#[test]
fn commands_on_the_input_are_carried_out_without_prompts() {
    let cluster = Cluster::start();
    let text = b"# a session\nput key1 value1\nget key1\nput key2 'two words'\nlist\n\ndelete key1\nget key1\nquit\nput key1 no\n";
    let (out, said, status) = script(&cluster, text);
    assert_eq!(out, "stored\nvalue1\nstored\nkey1\tvalue1\nkey2\ttwo words\ndeleted\n");
    assert_eq!((said.as_str(), status), ("line 8: get key1: no such key\n", 0));
    assert!(cluster.fails(&["get", "key1"]).contains("no such key"), "nothing follows quit");
    let (out, said, status) = script(&cluster, b"put raw \"\\xff\\x00\"\nget raw --json");
    assert!(out.contains("\"value_hex\":\"ff00\""), "{out}{said}");
    assert_eq!(status, 0);
}

#[test]
fn a_script_goes_on_after_what_makes_no_sense_and_ends_with_1() {
    let cluster = Cluster::start();
    let key = "k".repeat(4097);
    for (line, says) in [
        (b"dance"[..].to_vec(), "\"dance\" is not a command"),
        (b"put color".to_vec(), "<VALUE>"),
        (b"put color 'blue".to_vec(), "a ' is missing"),
        (b"get \xff".to_vec(), "not UTF-8"),
        (b"get ''".to_vec(), "the key is empty"),
        (format!("get {key}").into_bytes(), "the key has 4097 bytes"),
        (b"put a --from-file /nowhere".to_vec(), "/nowhere cannot be read"),
        (b"put a --from-file /dev/stdin".to_vec(), "not a regular file"),
        (b"status --watch".to_vec(), "works only on the command line"),
        (b"watch".to_vec(), "watch runs until Ctrl-C"),
        (b"member remove 7".to_vec(), "n7 is not a member"),
        (b"transfer 7".to_vec(), "n7 is not a voter"),
        (vec![b'x'; (8 << 20) + 5], "longer than"),
    ] {
        let text = [&b"\n"[..], &line, b"\nput after it\n"].concat();
        let (out, said, status) = script(&cluster, &text);
        assert!(said.starts_with("line 2: ") && said.contains(says), "{says}: {said}");
        assert_eq!((out.as_str(), status), ("stored\n", 1), "{says}");
    }
}
