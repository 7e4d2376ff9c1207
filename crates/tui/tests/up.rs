//! `raftdeck up` and the plain mode: a real cluster told line by line, and its end.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::MutexGuard;
use std::sync::mpsc::channel;
use support::{PATIENCE, alone, deck::RAFTDECK, eventually, lines::Lines, output, output_for, processes};
use tempfile::TempDir;

/// A cluster without a screen, ended with the test.
struct Up {
    child: Child,
    lines: Lines,
    nodes: Vec<u32>,
    // A killed program cannot remove its temporary directory.
    _temporary: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Up {
    fn start(args: &[&str]) -> Self {
        let (mut up, output) = Self::start_unread(args);
        up.lines = Lines::of(output);
        up
    }

    fn start_unread(args: &[&str]) -> (Self, ChildStdout) {
        let alone = alone();
        let temporary = tempfile::tempdir().unwrap();
        let mut command = Command::new(RAFTDECK);
        command.env("TMPDIR", temporary.path());
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let up = Self {
            child,
            lines: Lines::of(std::io::empty()),
            nodes: Vec::new(),
            _temporary: temporary,
            _alone: alone,
        };
        (up, output)
    }

    /// Reads lines until one of them is the one.
    fn wait_for<T>(&self, what: &str, wanted: impl FnMut(&str) -> Option<T>) -> T {
        self.lines.wait_for(what, wanted)
    }

    fn note_nodes(&mut self, count: usize) {
        let pid = self.child.id();
        self.nodes = eventually("the nodes are there", || {
            Some(processes::children(pid)).filter(|children| children.len() == count)
        });
    }

    fn signal(&self, signal: Signal) {
        processes::send(self.child.id(), signal);
    }

    /// Waits for the end of it and of its nodes; the exit status and what was said on standard error.
    fn end(&mut self) -> (Option<i32>, String) {
        let status = eventually("it ends", || self.child.try_wait().unwrap());
        processes::wait_gone(&self.nodes);
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.code(), said)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program runs its nodes as itself, whatever has become of its file.
#[cfg(target_os = "linux")]
#[test]
fn nodes_are_started_again_from_the_program_that_runs_though_its_file_is_another_one_or_gone() {
    use std::io::Write;
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("raftdeck");
    std::fs::copy(RAFTDECK, &program).unwrap();
    let mut command = Command::new(&program);
    command.env("TMPDIR", folder.path()).args(["up", "--nodes", "3"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = Lines::of(child.stdout.take().unwrap());
    lines.wait_for("a leader", |line| line.contains("leads").then_some(()));
    std::fs::write(folder.path().join("other"), "#!/bin/sh\nexit 7\n").unwrap();
    std::fs::rename(folder.path().join("other"), &program).unwrap();
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "restart 2\nwait up 2\nsay replaced").unwrap();
    lines.wait_for("the restart", |line| line.contains("replaced").then_some(()));
    std::fs::remove_file(&program).unwrap();
    writeln!(stdin, "restart 3\nwait up 3\nsay removed").unwrap();
    lines.wait_for("the restart", |line| line.contains("removed").then_some(()));
    let children = processes::children(child.id());
    let called = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert!(children.len() >= 3, "{children:?}");
    for pid in &children {
        assert_eq!(called(pid).trim(), "raftdeck");
    }
    writeln!(stdin, "quit").unwrap();
    let status = eventually("it ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn json_tells_of_ready_nodes_a_leader_and_commits_and_ctrl_c_ends_it_with_0() {
    let mut up = Up::start(&["up", "--json", "--nodes", "3"]);
    let (mut ready, mut committed, mut leader) = (BTreeSet::new(), BTreeSet::new(), None);
    let mut last_at = 0;
    let mut is_first = true;
    up.wait_for("three ready nodes, a leader, and its first entry committed everywhere", |line| {
        let event: Value = serde_json::from_str(line).expect("every line is JSON");
        let at = event["at_ms"].as_u64().expect("every event has its time");
        assert!(at >= last_at, "time goes on: {line}");
        last_at = at;
        let node = event["node"].as_u64();
        match event["event"].as_str().expect("every line names its event") {
            "cluster" => assert!(is_first, "the cluster is introduced first"),
            "ready" => {
                for port in ["raft", "client", "http"] {
                    assert!(event[port].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
                }
                ready.insert(node);
            }
            "role" if event["to"] == "leader" => leader = node,
            "commit" => drop(committed.insert(node)),
            _ => {}
        }
        is_first = false;
        (ready.len() == 3 && committed.len() == 3 && leader.is_some()).then_some(())
    });
    up.note_nodes(3);
    up.signal(Signal::INT);
    assert_eq!(up.end(), (Some(0), String::new()));
}

#[test]
fn words_tell_of_an_election_and_of_a_killed_node() {
    let mut up = Up::start(&["up"]);
    up.wait_for("a leader", |line| line.contains("leads term").then_some(()));
    up.note_nodes(3);
    processes::send(up.nodes[0], Signal::KILL);
    up.wait_for("its end", |line| (line.contains("failed") && line.contains("signal")).then_some(()));
    up.signal(Signal::TERM);
    assert_eq!(up.end(), (Some(143), String::new()));
}

#[test]
fn without_a_terminal_the_deck_is_plain() {
    let mut up = Up::start(&[]);
    let line = up.wait_for("a leader", |line| line.contains("leads term").then(|| line.to_owned()));
    assert!(!line.contains('\x1b'), "{line:?}");
    let (seconds, _) = line.trim_start().split_once("  ").expect("a time stamp and a sentence");
    seconds.parse::<f64>().expect("the time stamp is in seconds");
    up.note_nodes(3);
    up.signal(Signal::INT);
    assert_eq!(up.end(), (Some(0), String::new()));
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let (mut up, output) = Up::start_unread(&["up", "--json"]);
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let (mut output, mut line) = (BufReader::new(output), String::new());
        while !line.contains(r#""to":"leader""#) {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "it ended before there was a leader");
        }
        let _ = tell.send(output);
    });
    let output = told.recv_timeout(PATIENCE).expect("there is a leader");
    up.note_nodes(3);
    drop(output);
    assert_eq!(up.end(), (Some(0), String::new()));
}

#[test]
fn killed_it_leaves_no_node_behind_not_even_a_paused_one() {
    let mut up = Up::start(&["up"]);
    up.wait_for("a leader", |line| line.contains("leads term").then_some(()));
    up.note_nodes(3);
    processes::stop(up.nodes[1]);
    up.signal(Signal::KILL);
    assert_eq!(up.end().0, None);
}

/// Runs it to its end, which comes by itself; the exit status and what was said on standard error.
fn fails(args: &[&str]) -> (Option<i32>, String) {
    let _alone = alone();
    let mut command = Command::new(RAFTDECK);
    command.args(args).stdin(Stdio::null());
    let output = output(command);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_data_directory_in_use_is_named_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    let mut first = Up::start(&["up", "--nodes", "1", "--data-dir", path]);
    first.wait_for("a leader", |line| line.contains("leads term").then_some(()));
    first.note_nodes(1);
    for args in [&["up", "--nodes", "1", "--data-dir", path][..], &["--nodes", "1", "--data-dir", path]] {
        let mut second = Command::new(RAFTDECK);
        second.args(args).stdin(Stdio::null());
        let second = output(second);
        let said = String::from_utf8(second.stderr).unwrap();
        assert_eq!(second.status.code(), Some(1), "{said}");
        assert!(said.starts_with("raftdeck: the data directory") && said.contains(path), "{said}");
        assert!(second.stdout.is_empty());
    }
    first.signal(Signal::INT);
    assert_eq!(first.end(), (Some(0), String::new()));
}

#[test]
fn data_of_a_newer_version_ends_a_cluster_that_cannot_start_with_the_reason() {
    /// The head of a log of format version 9: magic, version, checksum.
    const NEWER: &[u8] =
        &[b'r', b'a', b'f', b't', b'd', b'e', b'c', b'k', 9, 0, 0, 0, 0xdc, 0xa5, 0xe6, 0xd3];
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("n1").join("raft.log");
    std::fs::create_dir(log.parent().unwrap()).unwrap();
    std::fs::write(&log, NEWER).unwrap();
    let (status, said) = fails(&["up", "--nodes", "1", "--data-dir", dir.path().to_str().unwrap()]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.starts_with("raftdeck: no node could be started: n1 failed"), "{said}");
    assert!(said.contains(log.to_str().unwrap()) && said.contains("has format version 9"), "{said}");
    assert_eq!(std::fs::read(&log).unwrap(), NEWER, "it is left as it was");
}

/// Runs a script to its end, which it brings about itself; the exit status, the output and what was said on standard
/// error.
fn carries_out(script: &str) -> (Option<i32>, String, String) {
    let _alone = alone();
    let mut command = Command::new(RAFTDECK);
    command.arg("up");
    let output = output_for(command, script);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_deck_without_a_screen_takes_the_same_commands() {
    let _alone = alone();
    let mut command = Command::new(RAFTDECK);
    command.arg("--plain");
    let output = output_for(command, "wait leader within 30s\nput color blue\nwait answered\nquit\n");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("leads term") && text.contains("put color blue: stored"), "{text}");
    let is_read_aloud = |c: char| c.is_ascii() || c.is_alphanumeric();
    assert!(text.chars().all(is_read_aloud), "no sign that a screen reader spells: {text}");
}

/// Runs a script over the simulator to its end, with these flags; the events.
fn simulated(flags: &[&str], script: &str) -> Vec<Value> {
    let mut command = Command::new(RAFTDECK);
    command.args(["up", "--engine", "sim", "--json"]).args(flags);
    let output = output_for(command, script);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

#[test]
fn messages_are_printed_state_by_state_if_they_are_asked_for() {
    let script = "hold 1>2 only RequestVote,PreVote\nhold 2>1 only RequestVote,PreVote\nwait leader\nquit\n";
    let messages: Vec<Value> =
        simulated(&["--messages"], script).into_iter().filter(|event| event["event"] == "message").collect();
    let kind = |event: &Value| event["kind"].as_str().expect("a kind").to_owned();
    let kinds: BTreeSet<String> = messages.iter().map(kind).collect();
    assert!(kinds.contains("RequestVote") && kinds.contains("VoteReply"), "{kinds:?}");
    let mut states: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for event in &messages {
        let state = event["state"].as_str().expect("a state").to_owned();
        states.entry(event["id"].as_u64().expect("an id")).or_default().push(state);
    }
    let seen = |wanted: &[&str]| states.values().any(|states| states.iter().eq(wanted));
    assert!(seen(&["under_way", "delivered"]) || seen(&["delivered"]), "{states:?}");
    let repeats = states.values().flat_map(|states| states.windows(2)).any(|two| two[0] == two[1]);
    assert!(!repeats, "{states:?}");
    assert!(!simulated(&[], script).iter().any(|event| event["event"] == "message"));
}

#[test]
fn a_script_writes_kills_and_looks_at_the_logs() {
    let (status, told, said) = carries_out(
        "wait leader within 30s  # patience for a busy machine\n\
         put color blue\nwait answered\nkill leader\nwait leader within 30s\nget color\nwait answered\n\
         restart down\nwait up within 30s\nwait commit 1 4 within 30s\nwait commit 2 4 within 30s\nwait commit 3 4 within 30s\nlogs\nstatus\nquit\n",
    );
    assert_eq!((status, said.as_str()), (Some(0), ""), "{told}");
    assert!(told.contains("get color: blue"), "{told}");
    let row = told.lines().find(|line| line.contains("put color blue") && !line.contains(": ")).unwrap();
    assert!(row.trim_start().starts_with("3  1* put color blue"), "{told}");
    assert!(told.contains("n1 running, ") && told.contains("time runs at rate 1"), "{told}");
}

#[test]
fn time_is_slowed_stands_still_and_goes_on_in_steps() {
    let (status, told, said) = carries_out(
        "wait leader within 30s\nrate 1/10\nfreeze\nstep 10ms\nstep timer\nexpect leader\nstep message\n\
         put color blue\nstep commit\nrun\nrate 1\nwait answered\nquit\n",
    );
    assert_eq!((status, said.as_str()), (Some(0), ""), "{told}");
    let at = |line: &str| -> Option<f64> {
        let (_, rest) = line.split_once("time is frozen at ")?;
        rest.strip_suffix(" ms")?.parse().ok()
    };
    let stops: Vec<f64> = told.lines().filter_map(at).collect();
    assert!(stops.len() >= 4, "{told}");
    let step = stops[1] - stops[0];
    assert!((step - 10.0).abs() < 0.0015, "a step of 10 ms took {step} ms: {told}");
    let timer = stops[2] - stops[1];
    assert!(timer > 0.0 && timer < 301.0, "the next timer is a heartbeat's or an election's: {timer}");
    assert!(told.contains("time runs at rate 1/10 from"), "{told}");
    assert!(told.contains("put color blue: stored"), "{told}");
}

#[test]
fn what_comes_into_force_is_told_and_undone() {
    let (status, told, said) = carries_out(
        "wait leader within 30s\nisolate leader\npause 1\nalign\nrules\nundo\nundo #2\nrules\nheal\nrules\nquit\n",
    );
    assert_eq!((status, said.as_str()), (Some(0), ""), "{told}");
    for line in ["pause 1    # undo #2", "align      # undo #3", "# nothing is in force"] {
        assert!(told.lines().any(|told| told == line), "{line}: {told}");
    }
    assert!(told.contains("#3 align is over") && told.contains("#1 isolate "), "{told}");
}

#[test]
fn a_mistake_ends_a_script_with_its_line_and_an_unmet_expectation_with_3() {
    let (status, _, said) = carries_out("# breaks it\n\nklil 1\n");
    let mistake = "raftdeck: up: line 3: \"klil\" is not known: did you mean kill?\n";
    assert_eq!((status, said.as_str()), (Some(1), mistake));
    let (status, _, said) = carries_out("wait up within 30s\nexpect down 2\n");
    let unmet = "raftdeck: up: line 2: not as expected: n2 runs\n";
    assert_eq!((status, said.as_str()), (Some(3), unmet));
    let (status, _, said) = carries_out("say now\nload /nowhere\n");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.starts_with("raftdeck: up: line 2: /nowhere cannot be read"), "{said}");
}

#[test]
fn when_the_clusters_process_is_killed_it_ends_with_the_reason() {
    let mut up = Up::start(&["up", "--nodes", "1"]);
    up.wait_for("a leader", |line| line.contains("leads").then_some(()));
    up.note_nodes(1);
    processes::send(processes::host(up.child.id()).unwrap(), Signal::KILL);
    let (status, said) = up.end();
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("the cluster's process ended (killed by signal 9)"), "{said}");
}
