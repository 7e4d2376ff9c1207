//! The examples that people run: the tour and the three nodes do what they say and leave nobody behind, and the service is one
//! that systemd takes.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use raftdeck_tui::cli::program;
use rustix::process::Signal;
use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use support::deck::RAFTDECK;
use support::{LIMIT, PATIENCE, alone, eventually, eventually_within, processes};
use tempfile::TempDir;

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// A script of the examples, at an address of this test's own.
struct Script {
    child: Child,
    host: String,
    temporary: TempDir,
}

impl Script {
    fn start(name: &str, nth: u8) -> Self {
        let pid = std::process::id();
        let host = if cfg!(target_os = "linux") {
            format!("127.{}.{}.{nth}", 1 + (pid >> 8) % 250, pid & 0xff)
        } else {
            "127.0.0.1".to_owned()
        };
        let temporary = tempfile::tempdir().unwrap();
        let mut command = Command::new("bash");
        command
            .arg(example(name))
            .env("RAFTDECK", RAFTDECK)
            .env("HOST", &host)
            .env("TMPDIR", temporary.path());
        // A leader stays where it is, also on a busy machine.
        command.env("RAFTDECK_DEBUG_MODE", "true");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().unwrap(), host, temporary }
    }

    /// Waits for its end, which comes by itself.
    fn end(&mut self) -> ExitStatus {
        eventually_within(LIMIT, "the script ends", || self.child.try_wait().unwrap())
    }

    fn serves(&self) -> bool {
        (8080..=8082).all(|port| TcpStream::connect((self.host.as_str(), port)).is_ok())
    }

    #[track_caller]
    fn assert_left_nothing(&self) {
        for port in 8080..=8082 {
            assert!(TcpStream::connect((self.host.as_str(), port)).is_err(), "somebody serves {port} still");
        }
        assert_eq!(fs::read_dir(self.temporary.path()).unwrap().count(), 0, "its data is there still");
    }
}

/// All that a program says until it closes its output.
fn all_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(std::io::read_to_string(output).unwrap()));
    told
}

#[test]
fn the_tour_sets_gets_deletes_and_survives_its_leader() {
    let _alone = alone();
    let mut script = Script::start("tour.sh", 241);
    let out = all_of(script.child.stdout.take().unwrap());
    let err = all_of(script.child.stderr.take().unwrap());
    let status = script.end();
    let all = |output: Receiver<String>| output.recv_timeout(PATIENCE).expect("nobody holds its output open");
    let (text, said) = (all(out), all(err));
    assert!(status.success(), "{text}\n{said}");
    for part in [
        r#"{"ok":true,"message":"stored","key":"name"}"#,
        r#"{"ok":true,"key":"name","value":"luffy"}"#,
        r#"{"ok":true,"message":"deleted","key":"boat"}"#,
        "(404)",
        "comes back, as a follower",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // Asked for once, got twice.
    assert_eq!(text.matches(r#""value":"luffy""#).count(), 3, "{text}");
    let (before, after) = text.split_once("It is killed").unwrap();
    assert_eq!(before.matches(r#""state":"leader""#).count(), 1, "{before}");
    assert_eq!(before.matches(r#""state":"follower""#).count(), 2, "{before}");
    assert_eq!(after.matches(r#""state":"leader""#).count(), 1, "{after}");
    script.assert_left_nothing();
}

#[test]
fn the_three_nodes_end_with_their_script() {
    let _alone = alone();
    for (signal, status, nth) in [(Signal::TERM, 143, 242), (Signal::HUP, 129, 243)] {
        let mut script = Script::start("three-nodes.sh", nth);
        eventually("three nodes", || script.serves().then_some(()));
        processes::send(script.child.id(), signal);
        assert_eq!(script.end().code(), Some(status));
        script.assert_left_nothing();
    }
}

/// The lines of the unit that are in force.
fn unit() -> String {
    let text = fs::read_to_string(example("raftdeck-node.service")).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_service_starts_the_node_with_options_that_it_has() {
    let unit = unit();
    // Also those that it only shows.
    let all = fs::read_to_string(example("raftdeck-node.service")).unwrap();
    let shape = program().shape();
    for option in all.split_whitespace().filter_map(|word| word.strip_prefix("--")) {
        assert!(option == "config" || shape.tables["node"].contains_key(option), "--{option}");
    }
    for line in ["NoNewPrivileges=yes", "ProtectSystem=strict", "DynamicUser=yes", "Restart=on-failure"] {
        assert!(unit.lines().any(|other| other == line), "{line}");
    }
}

/// Where systemd is at hand, it says so itself.
#[test]
fn the_service_is_one_that_systemd_takes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("raftdeck-node.service");
    fs::write(&path, unit().replace("/usr/local/bin/raftdeck-node", RAFTDECK)).unwrap();
    let mut verify = assert_cmd::Command::new("systemd-analyze");
    let Ok(verified) = verify.arg("verify").arg(&path).timeout(LIMIT).output() else { return };
    let said = String::from_utf8(verified.stderr).unwrap();
    assert!(verified.status.success() && !said.contains("raftdeck-node.service"), "{said}");
}
