//! Every command of `raftdeck client` can be piped into jq: under --json each line of its output is an object, whatever comes
//! of it.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use clap::{Args, Command as Described};
use raftdeck_tui::commands::client::ClientArgs;
use serde_json::Value;
use std::collections::BTreeSet;
use support::nodes::{Cluster, Watch, ask};

/// Each command with a use of it that works and one that fails, as far as it can, and a filter of jq with what it gives.
const USES: &[(&str, &[&str], &str, &str)] = &[
    ("put", &["put", "color", "blue"], ".stored", "true"),
    ("put", &["put", "", "blue"], ".may_have_happened", "false"),
    ("get", &["get", "color"], ".value", "\"blue\""),
    ("get", &["get", "nothing"], ".found", "false"),
    ("cas", &["cas", "color", "blue", "green"], ".stored", "true"),
    ("cas", &["cas", "color", "blue", "red"], ".current", "\"green\""),
    ("list", &["list", "co"], ".pairs[].key", "\"color\""),
    ("list", &["list", "", "--consistency", "stale"], ".more", "false"),
    ("delete", &["delete", "color"], ".deleted", "true"),
    ("delete", &["delete", "color"], ".deleted", "false"),
    ("status", &["status"], ".address | type", "\"string\""),
    ("member list", &["member", "list"], ".members | length", "3"),
    ("member add", &["member", "add", "4", "127.0.0.1:9"], ".members[3].standing", "\"learner\""),
    ("member promote", &["member", "promote", "1"], ".error | type", "\"string\""),
    (
        "member remove",
        &["member", "remove", "4"],
        "[.node, .term, .index] | map(type) | unique",
        "[\"number\"]",
    ),
    ("member remove", &["member", "remove", "4"], ".may_have_happened", "false"),
    ("member replace", &["member", "replace", "9"], ".error | type", "\"string\""),
    ("transfer", &["transfer", "1"], ".leader", "1"),
    ("transfer", &["transfer", "9"], ".error | type", "\"string\""),
];

/// Those that go on until somebody ends them: what they print first is looked at.
const ENDLESS: &[(&str, &[&str])] =
    &[("status", &["status", "--watch"]), ("watch", &["watch", "color", "--after", "0"])];

fn commands(of: &Described, path: &str, into: &mut BTreeSet<String>) {
    for command in of.get_subcommands().filter(|command| !command.is_hide_set()) {
        let path = format!("{path} {}", command.get_name()).trim().to_owned();
        if command.has_subcommands() { commands(command, &path, into) } else { _ = into.insert(path) }
    }
}

/// What jq makes of a text; `None`: there is no jq here.
fn jq(filter: &str, text: &[u8]) -> Option<Vec<String>> {
    let mut jq = assert_cmd::Command::new("jq");
    let output = jq.args(["-c", filter]).timeout(support::LIMIT).write_stdin(text).output().ok()?;
    assert!(output.status.success(), "jq {filter}");
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

#[test]
fn every_command_is_used_here() {
    let mut known = BTreeSet::new();
    commands(&ClientArgs::augment_args(Described::new("client")), "", &mut known);
    let used = USES.iter().map(|(name, ..)| *name).chain(ENDLESS.iter().map(|(name, _)| *name));
    assert_eq!(known, used.map(str::to_owned).collect());
}

#[test]
fn every_line_of_every_command_is_an_object_for_jq() {
    let cluster = Cluster::start();
    cluster.leader();
    for (_, args, filter, gives) in USES {
        let output = ask(&cluster.addresses(3), &[&["--json"], *args].concat());
        let text = str::from_utf8(&output.stdout).unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(text.ends_with('\n') && !text.starts_with('\n'), "{args:?}: {text:?} {said}");
        for line in text.lines() {
            assert!(serde_json::from_str::<Value>(line).unwrap().is_object(), "{args:?}: {line}");
        }
        if let Some(given) = jq(filter, &output.stdout) {
            assert!(
                !given.is_empty() && given.iter().all(|line| line == gives),
                "{args:?}: {given:?}, {said}"
            );
        }
    }
    for (_, args) in ENDLESS {
        let watch = Watch::start(&cluster.addresses(3), &[&["--json"], *args].concat());
        let line = watch.wait_for("its first line", |line| Some(line.to_owned()));
        assert!(serde_json::from_str::<Value>(&line).unwrap().is_object(), "{args:?}: {line}");
    }
}
