//! `raftdeck client watch`: a line per change, in each form, whoever ends meanwhile.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use serde_json::{Value, json};
use std::process::{Command, Stdio};
use support::deck::RAFTDECK;
use support::eventually;
use support::lines::Lines;
use support::nodes::{Cluster, Watch, client};

#[test]
fn a_watch_of_keys_prints_a_line_per_change_and_goes_on_when_a_node_ends() {
    let mut cluster = Cluster::start();
    cluster.does(&["put", "user/0", "before"]);
    let mut plain = Watch::start(&cluster.addresses(3), &["watch", "user/", "--after", "0"]);
    let mut json = Watch::start(&cluster.addresses(3), &["--json", "watch", "--after", "0"]);
    let mut quiet = Watch::start(&cluster.addresses(3), &["--quiet", "watch", "user/", "--after", "0"]);
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
    let mut watch = Watch { child, lines: Lines::of(std::io::empty()) };
    let status = eventually("the watch ends", || watch.child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));

    let mut command = Command::new(RAFTDECK);
    let args = ["client", "--cluster", "127.0.0.1:1", "--timeout", "1", "--json", "watch", "user/"];
    command.args(args);
    let nobody = support::output(command);
    assert_eq!(
        (nobody.status.code(), str::from_utf8(&nobody.stderr).unwrap()),
        (Some(1), "raftdeck: watch user/: no node answered within 1 s\n")
    );
    let failure: Value = serde_json::from_slice(&nobody.stdout).unwrap();
    assert_eq!(failure["may_have_happened"], false);
}
