//! `raftdeck attach`: a cluster that something else runs is found, followed and used, and goes on when nobody looks any more.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use serde_json::Value;
use std::io::Write;
use std::process::{Child, ChildStdin, Command, Stdio};
use support::deck::RAFTDECK;
use support::eventually;
use support::lines::Lines;
use support::nodes::{Cluster, own_host};

/// `raftdeck attach --json`, its lines, and its input.
struct Attached {
    child: Child,
    lines: Lines,
    input: ChildStdin,
}

impl Attached {
    fn to(addresses: &str) -> Self {
        let mut command = Command::new(RAFTDECK);
        command.args(["attach", addresses, "--json"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (lines, input) = (Lines::of(child.stdout.take().unwrap()), child.stdin.take().unwrap());
        Self { child, lines, input }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Waits for an event that gives something.
    fn wait_for<T>(&self, what: &str, mut wanted: impl FnMut(&Value) -> Option<T>) -> T {
        self.lines.wait_for(what, |line| wanted(&serde_json::from_str(line).ok()?))
    }

    /// Waits until a node is in this state; gives why.
    fn state(&self, node: u64, state: &str) -> String {
        self.wait_for(&format!("n{node} is {state}"), |event| {
            let is = event["event"] == "process" && event["node"] == node && event["state"] == state;
            is.then(|| event["why"].as_str().unwrap_or_default().to_owned())
        })
    }

    fn nodes(&self, wanted: &[u64]) {
        self.wait_for(&format!("the nodes are {wanted:?}"), |event| {
            let nodes: Vec<u64> = event["nodes"].as_array()?.iter().filter_map(Value::as_u64).collect();
            (event["event"] == "cluster" && nodes == wanted).then_some(())
        });
    }

    fn end(mut self) -> i32 {
        self.say("quit");
        let child = &mut self.child;
        eventually("it ends", || child.try_wait().unwrap()).code().expect("it ends by itself")
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_cluster_is_found_from_one_node_used_and_left_as_it_is() {
    let cluster = Cluster::start();
    cluster.leader();
    let mut attached = Attached::to(&cluster.address(2));
    attached.nodes(&[1, 2, 3]);
    attached.say("wait leader");
    attached.say("put color blue");
    attached.wait_for("the write is stored", |event| {
        (event["event"] == "client" && event["answer"].as_str()?.contains("stored")).then_some(())
    });
    for (line, why) in [
        ("kill 1", "were started by something else"),
        ("cut 1>2", "do not pass through this program"),
        ("rate 0", "never changed"),
        ("transfer 2", "--manager-token-file"),
        ("remove 3", "--manager-token-file"),
    ] {
        attached.say(&format!("try {line}"));
        attached.wait_for(line, |event| {
            (event["event"] == "refused" && event["reason"].as_str()?.contains(why)).then_some(())
        });
    }
    assert_eq!(attached.end(), 0);
    assert_eq!(cluster.does(&["get", "color"]), "blue\n", "the cluster goes on");
}

#[test]
fn nodes_that_die_join_and_leave_are_followed() {
    let mut cluster = Cluster::start();
    let leader = cluster.leader();
    let victim = u16::try_from(leader % 3 + 1).unwrap();
    let attached = Attached::to(&cluster.address(u16::try_from(leader).unwrap()));
    attached.state(u64::from(victim), "running");
    cluster.wipe(victim);
    let why = attached.state(u64::from(victim), "unreachable");
    assert!(!why.is_empty());
    attached.state(u64::from(victim), "running");
    cluster.join(4);
    cluster.does(&["member", "add", "4", &cluster.address(4)]);
    attached.nodes(&[1, 2, 3, 4]);
    attached.state(4, "running");
    cluster.does(&["member", "remove", "4"]);
    attached.nodes(&[1, 2, 3]);
    assert_eq!(attached.end(), 0);
}

#[test]
fn what_does_not_answer_is_named_with_its_reason() {
    let address = format!("{}:8080", own_host());
    let mut command = Command::new(RAFTDECK);
    command.args(["attach", &address, "--plain"]).stdin(Stdio::null());
    let output = support::output(command);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no node of the cluster answers") && said.contains(&address), "{said}");
}
