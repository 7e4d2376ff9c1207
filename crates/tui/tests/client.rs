//! `raftdeck client` for scripts: what it prints in each form, where values come from, and its exit status.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use support::deck::RAFTDECK;
use support::nodes::{Cluster, ask, client};
use support::{eventually, processes};

fn with_input(cluster: &Cluster, args: &[&str], input: &[u8]) -> Output {
    let mut command = client(&cluster.addresses(3));
    let child =
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    // It may end before it has read all.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
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
fn raft_addresses_and_client_addresses_lead_to_the_same_cluster() {
    let cluster = Cluster::start();
    cluster.does(&["put", "color", "blue"]);
    for id in 1..=3 {
        let raft = cluster.address(id);
        let (host, port) = raft.rsplit_once(':').unwrap();
        let door = format!("{host}:{}", port.parse::<u16>().unwrap() + 1000);
        for address in [&raft, &door] {
            assert_eq!(ask(address, &["get", "color"]).stdout, b"blue\n", "{address}");
            assert_eq!(code(&ask(address, &["status"])), 0, "{address}");
        }
    }
}

/// A client that goes on, and the lines it prints.
struct Watch {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Watch {
    fn start(cluster: &Cluster, args: &[&str]) -> Self {
        let mut command = client(&cluster.addresses(3));
        let mut child = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).take_while(|line| sender.send(line.clone()).is_ok()).count()
        });
        Self { child, lines }
    }

    /// Waits for a line that gives something.
    fn wait_for<T>(&self, what: &str, mut wanted: impl FnMut(&str) -> Option<T>) -> T {
        let mut seen = Vec::new();
        loop {
            let line = self.lines.recv_timeout(support::PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("waited in vain: {what}; seen: {seen:?}"));
            if let Some(found) = wanted(&line) {
                return found;
            }
            seen.push(line);
        }
    }

    fn end(&mut self) -> i32 {
        processes::send(self.child.id(), rustix::process::Signal::INT);
        let child = &mut self.child;
        eventually("the watch ends", || child.try_wait().unwrap()).code().expect("it ends by itself")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_watch_prints_a_line_when_another_leads() {
    let mut cluster = Cluster::start();
    let old = cluster.leader();
    let mut plain = Watch::start(&cluster, &["status", "--watch"]);
    let mut json = Watch::start(&cluster, &["--json", "status", "--watch"]);
    let leads = |line: &str| {
        let object: Value = serde_json::from_str(line).unwrap();
        Some((object["leader"].as_u64()?, object["term"].as_u64()?))
    };
    let (_, term) = json.wait_for("a leader", |line| leads(line).filter(|(leader, _)| *leader == old as u64));
    plain.wait_for("the same in words", |line| line.contains(&format!("n{old} leads in term")).then_some(()));
    cluster.kill(old);
    let (next, later) = json.wait_for("another one", |line| leads(line).filter(|(_, later)| *later > term));
    assert_ne!(next, old as u64);
    plain.wait_for("the same in words", |line| {
        line.contains(&format!("n{next} leads in term {later}")).then_some(())
    });
    assert_eq!((plain.end(), json.end()), (0, 0));
}

#[test]
fn a_watch_that_nobody_reads_ends() {
    let cluster = Cluster::start();
    let mut command = client(&cluster.addresses(3));
    let mut child = command.args(["status", "--watch"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut watch = Watch { child, lines: std::sync::mpsc::channel().1 };
    let status = eventually("the watch ends", || watch.child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_watch_of_keys_prints_a_line_per_change_and_goes_on_when_a_node_ends() {
    let mut cluster = Cluster::start();
    cluster.does(&["put", "user/0", "before"]);
    let mut plain = Watch::start(&cluster, &["watch", "user/", "--after", "0"]);
    let mut json = Watch::start(&cluster, &["--json", "watch", "--after", "0"]);
    let mut quiet = Watch::start(&cluster, &["--quiet", "watch", "user/", "--after", "0"]);
    let ends_with = |end: &'static str| move |line: &str| line.ends_with(end).then(|| line.to_owned());
    let first = plain.wait_for("what was before", ends_with("\tput\tuser/0\tbefore"));
    let index: u64 = first.split('\t').next().unwrap().parse().unwrap();
    cluster.kill(cluster.leader());
    cluster.does(&["put", "other", "x"]);
    cluster.does(&["put", "user/1", "two\nlines"]);
    cluster.does(&["delete", "user/0"]);
    assert!(cluster.fails(&["delete", "user/0"]).contains("no such key"));
    cluster.does(&["put", "user/2", "end"]);
    plain.wait_for("a value in one line", ends_with("\tput\tuser/1\ttwo\\nlines"));
    plain.wait_for("a deletion", ends_with("\tdelete\tuser/0"));
    let last = plain.wait_for("the next one", ends_with("\tput\tuser/2\tend"));
    assert!(last.split('\t').next().unwrap().parse::<u64>().unwrap() >= index + 4);
    let mut objects = Vec::new();
    json.wait_for("the last one", |line| {
        objects.push(serde_json::from_str::<Value>(line).unwrap());
        (objects.last().unwrap()["key"] == "user/2").then_some(())
    });
    let shapes: Vec<Value> = objects
        .iter()
        .map(|object| json!([object["change"], object["key"], object["value"], object["index"].is_u64()]))
        .collect();
    assert_eq!(
        shapes,
        [
            json!(["put", "user/0", "before", true]),
            json!(["put", "other", "x", true]),
            json!(["put", "user/1", "two\nlines", true]),
            json!(["delete", "user/0", null, true]),
            json!(["put", "user/2", "end", true])
        ]
    );
    let mut keys = Vec::new();
    quiet.wait_for("keys alone", |line| {
        keys.push(line.to_owned());
        (keys.len() == 4).then_some(())
    });
    assert_eq!(keys, ["user/0", "user/1", "user/0", "user/2"]);
    assert_eq!((plain.end(), json.end(), quiet.end()), (0, 0, 0));
}

#[test]
fn a_watch_of_keys_that_nobody_reads_ends_and_so_does_one_that_nobody_answers() {
    let cluster = Cluster::start();
    cluster.leader();
    let mut command = client(&cluster.addresses(3));
    let mut child = command.args(["watch"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut watch = Watch { child, lines: std::sync::mpsc::channel().1 };
    let status = eventually("the watch ends", || watch.child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));

    let mut command = Command::new(RAFTDECK);
    let args = ["client", "--cluster", "127.0.0.1:1", "--timeout", "1", "--json", "watch", "user/"];
    let nobody = command.args(args).output().unwrap();
    assert_eq!(
        (code(&nobody), said(&nobody).as_str()),
        (1, "raftdeck: watch user/: nobody answered within 1 s\n")
    );
    assert_eq!(objects(&nobody)[0]["may_have_happened"], false);
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
        (b"dance"[..].to_vec(), "\"dance\" is no command"),
        (b"put color".to_vec(), "<VALUE>"),
        (b"put color 'blue".to_vec(), "a ' is missing"),
        (b"get \xff".to_vec(), "not UTF-8"),
        (b"get ''".to_vec(), "the key is empty"),
        (format!("get {key}").into_bytes(), "the key has 4097 bytes"),
        (b"put a --from-file /nowhere".to_vec(), "/nowhere cannot be read"),
        (b"put a --from-file /dev/stdin".to_vec(), "no regular file"),
        (b"status --watch".to_vec(), "is for the command line"),
        (b"watch".to_vec(), "watch ends with Ctrl-C alone"),
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
