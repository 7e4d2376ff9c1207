//! How a node starts, refuses to, and ends: sentences and exit codes.

mod support;

use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Failure, RequestBody, ResponseBody};
use rustix::process::Signal;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use support::wire::try_ask;
use support::{Launch, a_file_in, block_on, eventually, own_host, put};

/// A node alone on free ports.
fn alone(dir: &Path) -> Launch {
    Launch::new(&["--bind", "127.0.0.1:0", "--heartbeat", "30", "--election", "150..300"]).data(dir)
}

#[track_caller]
fn assert_fails(launch: &Launch, code: i32, parts: &[&str]) {
    let (exit, log) = launch.fails();
    assert_eq!(exit, Some(code), "{log}");
    for part in parts {
        assert!(log.contains(part), "{log:?} does not say {part:?}");
    }
}

#[test]
fn a_locked_data_directory_is_refused_by_name_and_free_after_sigkill() {
    let dir = tempfile::tempdir().unwrap();
    let first = alone(dir.path()).ready();
    assert_fails(&alone(dir.path()), 1, &[&dir.path().display().to_string(), "ERROR"]);
    first.kill();
    alone(dir.path()).ready();
}

#[test]
fn a_data_directory_that_cannot_be_made_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let inside_a_file = a_file_in(dir.path()).join("data");
    assert_fails(&alone(&inside_a_file), 1, &[&inside_a_file.display().to_string()]);
}

#[test]
fn a_data_directory_of_a_newer_version_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    alone(dir.path()).ready().kill();
    // The version follows the eight bytes that say what the file is; a checksum of both follows the version.
    let path = dir.path().join("raft.log");
    let mut log = fs::read(&path).unwrap();
    log[8..12].copy_from_slice(&7u32.to_le_bytes());
    let sum = crc32c::crc32c(&log[..12]);
    log[12..16].copy_from_slice(&sum.to_le_bytes());
    fs::write(&path, log).unwrap();
    assert_fails(&alone(dir.path()), 1, &["version 7", &path.display().to_string()]);
}

#[test]
fn another_members_data_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host();
    let cluster = format!("{host}:8080,{host}:8081");
    let member = |id: &str| Launch::new(&["--node-id", id, "--cluster", &cluster]).data(dir.path());
    member("1").ready().kill();
    assert_fails(&member("2"), 1, &["n1", "n2"]);
}

#[test]
fn an_address_in_use_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host();
    for (port, what) in [(8080, "peers"), (9080, "clients"), (11080, "HTTP")] {
        let _taken = TcpListener::bind((host.as_str(), port)).unwrap();
        let launch = Launch::new(&["--bind", &format!("{host}:8080")]).data(&dir.path().join(what));
        assert_fails(&launch, 1, &[&format!("{host}:{port}"), what, "another node"]);
    }
}

#[test]
fn a_command_line_that_makes_no_sense_exits_with_2() {
    let trio = "127.0.0.1:8080,127.0.0.1:8081,127.0.0.1:8082";
    let cases: [(&[&str], &str); 14] = [
        (&["--no-such-flag"], "--no-such-flag"),
        (&["--node-id", "0"], "--node-id"),
        (&["--cluster", trio, "--node-id", "1", "--bind", "127.0.0.1:8081"], "n2's address"),
        (&["--cluster", trio, "--node-id", "9"], "1 to 3"),
        (&["--fast-mode", "--demo-mode"], "--demo-mode"),
        (&["--heartbeat", "500"], "heartbeat"),
        (&["--election", "300..150"], "range"),
        (&["--bind", "0.0.0.0:0"], "--insecure"),
        (&["--snapshot-entries", "0"], "at least 1"),
        (&["--pre-vote", "maybe"], "on or off"),
        (&["--join"], "--join needs --node-id"),
        (&["--join", "--node-id", "4"], "--join needs --bind"),
        (&["--peer-address", "127.0.0.1:8083"], "ID=HOST:PORT"),
        (&["--peer-address", "2=nowhere"], "write HOST:PORT"),
    ];
    for (args, part) in cases {
        assert_fails(&Launch::new(args), 2, &[part]);
    }
    assert_fails(&Launch::default().variable("RAFTDECK_LOG", "raftdeck_node=loud"), 2, &["RAFTDECK_LOG"]);
    assert_fails(
        &Launch::default()
            .variable("PORT", "8083")
            .variable("NODE_ID", "1")
            .variable("PEERS", "http://localhost:8081"),
        2,
        &["NODE_ID=n2", "--cluster"],
    );
}

#[test]
fn sigterm_and_sigint_end_a_node_in_order() {
    let dir = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT] {
        let mut node = alone(dir.path()).ready();
        eventually("a write", || {
            (node.http("PUT", "/set", r#"{"key":"a","value":"b"}"#).status == 200).then_some(())
        });
        node.signal(signal);
        assert_eq!(node.wait().code(), Some(0), "{}", node.log());
        assert!(!node.log().contains("ERROR"), "{}", node.log());
    }
    let node = alone(dir.path()).ready();
    assert_eq!(node.http("GET", "/get?key=a", "").json()["value"], "b");
}

#[test]
fn a_write_that_waits_when_the_node_stops_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host();
    let cluster = format!("{host}:8080,{host}:8081");
    // With long times a leader without a majority takes a while to notice.
    let times = ["--heartbeat", "100", "--election", "8000..9000"];
    let member = |id: &str| {
        Launch::new(&["--node-id", id, "--cluster", &cluster]).args(&times).data(&dir.path().join(id))
    };
    let mut nodes = vec![member("1").ready(), member("2").ready()];
    let leader = eventually("a leader that has committed in its term", || {
        nodes.iter().position(|node| {
            node.health().is_some_and(|health| health["state"] == "leader" && health["commitIndex"] == 1)
        })
    });
    let mut leader = nodes.swap_remove(leader);
    drop(nodes);
    let address = leader.addresses().client.clone();
    // By hand: the client would ask again elsewhere, and here only what this node says matters.
    let writing = std::thread::spawn(move || {
        block_on(try_ask(&address, Role::Client, RequestBody::Write(put("a", "b"))))
    });
    eventually("the write is in the leader's log", || {
        let health = leader.health()?;
        (health["lastLogIndex"].as_u64()? > health["commitIndex"].as_u64()?).then_some(())
    });
    leader.signal(Signal::TERM);
    assert_eq!(leader.wait().code(), Some(0), "{}", leader.log());
    let answer = writing.join().unwrap();
    assert_eq!(answer, Some(ResponseBody::Failed(Failure::Unknown)), "nobody could acknowledge it");
}

#[test]
fn a_managed_node_ends_with_its_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let mut managed = alone(dir.path()).args(&["--managed"]).ready();
    managed.close_stdin();
    assert!(managed.wait().success());
    // Without --managed, standard input means nothing.
    let mut free = alone(dir.path()).ready();
    free.close_stdin();
    eventually("it still serves", || free.health().map(|_| ()));
    assert!(free.is_running());
}

#[test]
fn log_lines_begin_with_their_level_when_a_program_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    let node = alone(dir.path()).ready();
    eventually("a line that says who leads", || {
        node.log().lines().any(|line| line.starts_with("INFO raftdeck_node")).then_some(())
    });
}
