//! `raftdeck client` on real nodes that come, lead and go.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use serde_json::Value;
use std::time::{Duration, Instant};
use support::nodes::{Cluster, ask};

/// How long a condition may take to come true on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_node_joins_learns_votes_leads_and_leaves_by_the_command_line() {
    let mut cluster = Cluster::start();
    cluster.does(&["put", "color", "blue"]);
    assert!(cluster.does(&["member", "list"]).contains("n3 voter"));

    cluster.join(4);
    let fourth = cluster.address(4);
    let members = cluster.does(&["member", "add", "4", &fourth]);
    assert!(members.contains(&format!("n4 learner {fourth}")), "{members}");
    eventually("the learner has the value", || {
        let read = ask(&fourth, &["get", "color", "--consistency", "stale"]);
        read.stdout == b"blue\n"
    });
    let refused = cluster.fails(&["transfer", "n4"]);
    assert!(refused.contains("n4 is not a voter"), "{refused}");

    let promoted: Value =
        serde_json::from_str(&cluster.does(&["--json", "member", "promote", "n4"])).unwrap();
    let standing = |nth: usize| promoted["members"][nth]["standing"].as_str().unwrap().to_owned();
    assert_eq!((standing(0), standing(3)), ("voter".to_owned(), "voter".to_owned()), "{promoted}");
    let transferred = cluster.does(&["transfer", "n4"]);
    assert!(transferred.starts_with("n4 leads in term "), "{transferred}");
    cluster.does(&["put", "color", "green"]);

    let left = cluster.does(&["member", "remove", "n4"]);
    assert!(!left.contains("n4"), "{left}");
    assert_eq!(cluster.does(&["get", "color"]), "green\n");
    assert_eq!(cluster.does(&["get", "color", "--consistency", "lease"]), "green\n");
    eventually("the others know their leader", || cluster.does(&["member", "list"]).contains("leader"));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence_and_changes_nothing() {
    let cluster = Cluster::start();
    cluster.does(&["cas", "color", "--absent", "blue"]);
    assert!(cluster.fails(&["cas", "color", "--absent", "red"]).contains("the value is blue"));
    let before = cluster.does(&["member", "list"]);
    for (args, says) in [
        (&["member", "add", "1", "127.0.0.1:9"][..], "n1 is a member already"),
        (&["member", "promote", "1"], "n1 is a voter already"),
        (&["member", "promote", "7"], "n7 is not a member"),
        (&["member", "remove", "7"], "n7 is not a member"),
        (&["transfer", "7"], "n7 is not a voter"),
    ] {
        let said = cluster.fails(args);
        assert!(said.contains(says) && said.starts_with("raftdeck: "), "{args:?}: {said}");
    }
    assert_eq!(cluster.does(&["member", "list"]), before);
}
