//! `raftdeck client status`: whom it finds, what it says of those that do not answer, and the watch.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use support::deck::RAFTDECK;
use support::eventually;
use support::lines::Lines;
use support::nodes::{Cluster, Watch, ask, client, own_host};

fn rows(addresses: &str) -> (Option<i32>, Vec<Value>, String) {
    let output = ask(addresses, &["--json", "status"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (output.status.code(), rows, String::from_utf8(output.stderr).unwrap())
}

fn row(rows: &[Value], node: u64) -> Option<&Value> {
    rows.iter().find(|row| row["node"] == json!(node))
}

#[test]
fn one_address_is_enough_to_find_all_members() {
    let mut cluster = Cluster::start();
    let leader = cluster.leader();
    cluster.join(4);
    cluster.does(&["member", "add", "4", &cluster.address(4)]);
    let (follower, other) = match leader {
        1 => (2, 3),
        2 => (1, 3),
        _ => (1, 2),
    };
    eventually("the follower knows all four", || {
        let (status, rows, said) = rows(&cluster.address(follower));
        let answers = |node: u64| Some(row(&rows, node)?["role"].is_string());
        let members = [u64::from(follower), leader as u64, other, 4];
        let known = members.into_iter().all(|node| answers(node) == Some(true));
        (status == Some(0) && known && rows.len() == 4 && said.is_empty()).then_some(())
    });
    let all = cluster.addresses(3);
    eventually("named, they come in the order of their names, and the others behind them", || {
        let (status, rows, _) = rows(&all);
        let nodes: Vec<_> = rows.iter().map(|row| row["node"].as_u64()).collect();
        (status == Some(0) && nodes == [Some(1), Some(2), Some(3), Some(4)]).then_some(())
    });
    assert!(cluster.does(&["status"]).contains("n4: follower"));
}

/// A session at which lines are typed, and what it prints.
struct Session {
    child: Child,
    input: ChildStdin,
    lines: Lines,
}

impl Session {
    fn start(address: &str) -> Self {
        let mut command = client(address);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, lines: Lines::of(output) }
    }

    fn asks(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    fn end(mut self) {
        drop(self.input);
        eventually("the session ends", || self.child.try_wait().unwrap());
    }
}

#[test]
fn a_session_that_was_given_one_address_goes_on_when_that_node_is_gone() {
    let mut cluster = Cluster::start();
    let leader = cluster.leader();
    let host = cluster.address(1).rsplit_once(':').unwrap().0.to_owned();
    // Its HTTP address, which is none of those that clients connect to.
    let mut session = Session::start(&format!("{host}:{}", 11_079 + leader));
    session.asks("put color blue");
    session.lines.wait_for("it is stored", |line| line.contains("stored").then_some(()));
    eventually("the session knows all three", || {
        session.asks("--json status");
        let mut rows = Vec::new();
        session.lines.wait_for("the rows", |line| {
            rows.push(serde_json::from_str::<Value>(line).unwrap());
            let is_whole = rows.len() == 3 || rows.iter().any(|row| row["error"].is_string());
            is_whole.then_some(())
        });
        rows.iter().all(|row| row["role"].is_string()).then_some(())
    });
    cluster.kill(leader);
    session.asks("set color green");
    session.lines.wait_for("it is stored at another one", |line| line.contains("stored").then_some(()));
    session.asks("--json status");
    let mut answered = 0;
    session.lines.wait_for("the two others are asked too", |line| {
        let row: Value = serde_json::from_str(line).unwrap();
        answered += usize::from(row["role"].is_string());
        (answered == 2).then_some(())
    });
    session.asks("--quiet member list");
    for node in 1..=3 {
        session.lines.wait_for("the members", |line| (line == format!("n{node}")).then_some(()));
    }
    session.end();
}

#[test]
fn a_node_that_is_not_there_is_said_to_refuse_connections() {
    let mut cluster = Cluster::start();
    let leader = cluster.leader();
    cluster.kill(leader);
    let address = cluster.address(u16::try_from(leader).unwrap());
    let (status, rows, said) = rows(&cluster.addresses(3));
    assert_eq!(status, Some(1));
    let refuses = format!("{address} refuses connections (is a node running there?)");
    let silent = rows.iter().find(|row| row["address"] == json!(address)).unwrap();
    assert_eq!(silent["error"], json!(refuses));
    assert_eq!(said, format!("{refuses}\n"), "once, and nobody is said to be nowhere");
    assert_eq!(rows.len(), 3);

    let nobody = format!("{}:1,{}:2", own_host(), own_host());
    let mut failed = Command::new(RAFTDECK);
    failed.args(["client", "--timeout", "1", "--cluster", &nobody, "put", "color", "blue"]);
    let failed = support::output(failed);
    let said = String::from_utf8(failed.stderr).unwrap();
    assert!(said.contains("refuse connections (are nodes running there?)"), "{said}");
    assert!(said.contains("nothing was changed") && said.lines().count() == 1, "{said}");
}

#[test]
fn a_member_with_an_empty_disk_is_in_the_words_and_in_json_until_it_is_replaced() {
    let mut cluster = Cluster::start();
    let leader = cluster.leader();
    let wiped: u16 = if leader == 3 { 2 } else { 3 };
    cluster.wipe(wiped);
    let all = cluster.addresses(3);
    eventually("the leader and the other member report it", || {
        let (_, rows, _) = rows(&all);
        let begin = format!("n{wiped} is back with an empty disk");
        let is_it = |notice: &Value| notice.as_str().is_some_and(|text| text.starts_with(&begin));
        let reports = |row: &&Value| row["notices"].as_array().is_some_and(|all| all.iter().any(is_it));
        let reports = rows.iter().filter(reports).count() == 2;
        let its = row(&rows, leader as u64)?;
        let refused = its["refused"].as_array()?.first()?;
        let is_refused = refused["node"] == json!(wiped) && refused["reason"].is_string();
        (reports && is_refused && its["disk"] == json!({ "stalled": false, "wait_ms": null })).then_some(())
    });
    let said = cluster.does(&["status"]);
    assert!(said.contains(&format!("\n    n{wiped} is back with an empty disk")), "{said}");
    let about = format!("no connection with n{wiped}");
    assert!(!said.contains(&about), "the notice has said it: {said}");
    cluster.does(&["member", "replace", &wiped.to_string()]);
    eventually("nobody reports anything", || {
        let (_, rows, _) = rows(&all);
        let is_well = |row: &Value| row["notices"] == json!([]) && row["refused"] == json!([]);
        (rows.len() == 3 && rows.iter().all(is_well)).then_some(())
    });
}

#[test]
fn a_watch_prints_a_line_when_another_leads() {
    let mut cluster = Cluster::start();
    let old = cluster.leader();
    let mut plain = Watch::start(&cluster.addresses(3), &["status", "--watch"]);
    let mut json = Watch::start(&cluster.addresses(3), &["--json", "status", "--watch"]);
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
    let mut watch = Watch { child, lines: Lines::of(std::io::empty()) };
    let status = eventually("the watch ends", || watch.child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

/// A node that is told nothing but three variables.
struct Bare(Child);

impl Bare {
    fn start(home: &Path, host: &str, id: u16) -> Self {
        let peers: Vec<String> =
            (1..=3).filter(|peer| *peer != id).map(|peer| format!("http://{host}:{}", 8080 + peer)).collect();
        let mut command = Command::new(RAFTDECK);
        for (name, _) in std::env::vars() {
            if name.starts_with("RAFTDECK_") || name == "KVSTORE_PORT" {
                command.env_remove(name);
            }
        }
        command.arg("node").current_dir(home);
        command
            .env("NODE_ID", format!("n{id}"))
            .env("PORT", (8080 + id).to_string())
            .env("PEERS", peers.join(","));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn three_variables_make_a_cluster_and_the_watch_shows_its_leader_all_the_time() {
    let home = tempfile::tempdir().unwrap();
    let host = own_host();
    let mut nodes: Vec<Bare> = (1..=3).map(|id| Bare::start(home.path(), &host, id)).collect();
    // Raft is served 10000 above HTTP.
    let addresses: Vec<String> = (1..=3).map(|id| format!("{host}:{}", 18080 + id)).collect();
    let all = addresses.join(",");
    let stored = ask(&all, &["put", "color", "blue"]);
    assert!(stored.status.success(), "{}", String::from_utf8_lossy(&stored.stderr));

    let mut watch = Watch::start(&all, &["--json", "status", "--watch"]);
    let shown = |line: &str| -> Option<(u64, u64, usize)> {
        let object: Value = serde_json::from_str(line).unwrap();
        let answering = object["answering"].as_array().unwrap().len();
        Some((object["leader"].as_u64()?, object["term"].as_u64()?, answering))
    };
    let (leader, term, _) =
        watch.wait_for("a leader of three", |line| shown(line).filter(|shown| shown.2 == 3));
    assert!((1..=3).contains(&leader));
    let at = usize::try_from(leader - 1).unwrap();
    nodes[at].kill();
    let (next, later, _) = watch.wait_for("another", |line| shown(line).filter(|shown| shown.1 > term));
    assert_ne!(next, leader);
    nodes[at] = Bare::start(home.path(), &host, u16::try_from(leader).unwrap());
    watch.wait_for("all three, and a leader", |line| {
        shown(line).filter(|shown| shown.2 == 3 && shown.1 >= later)
    });
    assert_eq!(ask(&all, &["get", "color"]).stdout, b"blue\n");
    assert_eq!(watch.end(), 0);
}
