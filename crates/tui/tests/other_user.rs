//! Another user of the same machine, who has a shell and nothing else: can neither read, stop, slow down nor change a cluster that
//! was started with no option about security. Needs root, to become another user; skipped with a reason elsewhere.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.
#![cfg(target_os = "linux")]

mod support;

use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use support::lines::Lines;
use support::nodes::{ask, own_host};
use support::{alone, deck::RAFTDECK, eventually};
use tempfile::TempDir;

/// The user `nobody`, who owns nothing.
const STRANGER: &str = "65534";

/// A shell of another user. It has a copy of the program, as anybody can have one.
struct Stranger {
    home: TempDir,
}

impl Stranger {
    /// `None`, with the reason on the output, where this test cannot become another user.
    fn new() -> Option<Self> {
        let becomes = Command::new("setpriv").args(["--reuid", STRANGER, "true"]).output();
        if !becomes.is_ok_and(|output| output.status.success()) {
            println!("skipped: this test must run as root with setpriv(1), to become another user");
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let program = home.path().join("raftdeck");
        fs::copy(RAFTDECK, &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Some(Self { home })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", STRANGER, "--regid", STRANGER, "--clear-groups", "--", program]);
        command.current_dir(self.home.path()).env("HOME", self.home.path()).stdin(Stdio::null());
        command
    }

    fn shell(&self, script: &str) -> Output {
        self.command("bash").args(["-c", script]).output().unwrap()
    }

    /// Runs a script until the value is dropped.
    fn keeps_running(&self, script: &str) -> Running {
        Running(self.command("bash").args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap())
    }

    fn raftdeck(&self) -> Command {
        self.command(&self.home.path().join("raftdeck").display().to_string())
    }

    fn client(&self, addresses: &str, args: &[&str]) -> Output {
        let mut client = self.raftdeck();
        client.args(["client", "--timeout", "3", "--cluster", addresses]).args(args).output().unwrap()
    }

    /// What HTTP answers to a stranger's curl.
    fn curl(&self, args: &[&str]) -> String {
        let mut curl = self.command("curl");
        let output = curl.args(["-s", "-m", "10", "-w", " %{http_code}"]).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a cluster that is attacked can be reached, and what it is made of.
struct Target {
    raft: Vec<String>,
    client: Vec<String>,
    http: Vec<String>,
    processes: Vec<u32>,
    data: Vec<PathBuf>,
}

impl Target {
    fn addresses(&self) -> String {
        self.client.join(",")
    }

    /// What its own user reads by the command line.
    fn own(&self, args: &[&str]) -> String {
        let output = ask(&self.addresses(), args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Term and leader, as soon as every node names the same.
    fn leadership(&self) -> (u64, String) {
        eventually("all nodes follow one leader", || {
            let said = self.health_of_all()?;
            let (term, leader) = (said[0]["term"].as_u64()?, said[0]["leaderId"].as_str()?.to_owned());
            let agreed = |one: &Value| one["term"] == term && one["leaderId"] == *leader;
            said.iter().all(agreed).then_some((term, leader))
        })
    }

    fn health_of_all(&self) -> Option<Vec<Value>> {
        let ask = |http: &String| {
            let curl =
                Command::new("curl").args(["-s", "-m", "10", &format!("http://{http}/health")]).output();
            serde_json::from_slice(&curl.ok()?.stdout).ok()
        };
        self.http.iter().map(ask).collect()
    }
}

fn assert_refused(output: &Output, what: &str) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{what} was permitted: {said}");
    assert!(!said.contains("blue"), "{what}: {said}");
}

/// All that a stranger can try, in turn.
fn attack(stranger: &Stranger, target: &Target) {
    target.own(&["put", "color", "blue"]);
    let before = target.leadership();
    reads_and_writes(stranger, target);
    files(stranger, target);
    signals(stranger, target);
    speaks_as_a_member(stranger, target);
    crowds(stranger, target);
    assert_eq!(target.own(&["get", "color"]), "blue\n");
    assert_eq!(target.leadership(), before, "nobody lost the leadership");
}

fn reads_and_writes(stranger: &Stranger, target: &Target) {
    for http in &target.http {
        let set =
            ["-X", "PUT", "-H", "content-type: application/json", "-d", r#"{"key":"color","value":"red"}"#];
        let asked = [
            stranger.curl(&[&format!("http://{http}/get?key=color")]),
            stranger.curl(&[&format!("http://{http}/status")]),
            stranger.curl(&[&format!("http://{http}/metrics")]),
            stranger.curl(&[&set[..], &[&format!("http://{http}/set")]].concat()),
        ];
        for answer in asked {
            assert!(answer.ends_with(" 403") && answer.contains("--client-token-file"), "{answer}");
        }
    }
    for args in [
        &["get", "color"][..],
        &["put", "color", "red"],
        &["list"],
        &["status"],
        &["member", "remove", "1"],
        &["transfer", "2"],
    ] {
        assert_refused(&stranger.client(&target.addresses(), args), &args.join(" "));
    }
}

fn files(stranger: &Stranger, target: &Target) {
    for dir in &target.data {
        let at = dir.display();
        assert_refused(&stranger.shell(&format!("ls {at}")), "listing the data directory");
        assert_refused(&stranger.shell(&format!("exec 9<{at}/LOCK")), "opening the lock");
        for file in files_below(dir) {
            assert_refused(
                &stranger.shell(&format!("cat '{}'", file.display())),
                &file.display().to_string(),
            );
        }
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn signals(stranger: &Stranger, target: &Target) {
    for process in &target.processes {
        for signal in ["STOP", "KILL"] {
            assert_refused(&stranger.shell(&format!("kill -{signal} {process}")), signal);
        }
    }
}

/// A node of the stranger's own, under the id of a member and with the same addresses, is a member of nothing.
fn speaks_as_a_member(stranger: &Stranger, target: &Target) {
    let bind = format!("{}:0", own_host());
    let data = stranger.home.path().join("forged").display().to_string();
    let mut forged = stranger.raftdeck();
    forged.args(["node", "--join", "--node-id", "2", "--bind", &bind, "--data-dir", &data]);
    forged.args(["--cluster", &target.raft.join(",")]).stdout(Stdio::null()).stderr(Stdio::null());
    let _forged = Running(forged.spawn().unwrap());
    for raft in &target.raft {
        let (host, port) = raft.rsplit_once(':').unwrap();
        let garbage =
            format!("exec 3<>/dev/tcp/{host}/{port}; head -c 65536 /dev/urandom >&3; timeout 2 cat <&3");
        stranger.shell(&garbage);
    }
}

/// Many connections that say nothing, at every port, keep nobody out.
fn crowds(stranger: &Stranger, target: &Target) {
    let ports = [&target.raft, &target.client, &target.http];
    let silent: Vec<Running> = ports
        .into_iter()
        .flatten()
        .map(|address| {
            let (host, port) = address.rsplit_once(':').unwrap();
            let open = format!("exec {{fd}}<>/dev/tcp/{host}/{port}");
            let script =
                format!("for i in $(seq 300); do {open} 2>/dev/null || true; done; echo open; sleep 600");
            stranger.keeps_running(&script)
        })
        .collect();
    for nth in 0..20 {
        target.own(&["put", "crowd", &nth.to_string()]);
    }
    assert_eq!(target.own(&["get", "crowd"]), "19\n");
    drop(silent);
}

#[test]
fn another_user_can_neither_read_nor_stop_nor_slow_nor_change_a_default_headless_cluster() {
    let Some(stranger) = Stranger::new() else { return };
    let _alone = alone();
    let (dir, host) = (tempfile::tempdir().unwrap(), own_host());
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let raft: Vec<String> = (0..3).map(|nth| format!("{host}:{}", 8080 + nth)).collect();
    let http: Vec<String> = (0..3).map(|nth| format!("{host}:{}", 11080 + nth)).collect();
    let data: Vec<PathBuf> = (1..=3).map(|id| dir.path().join(format!("data{id}"))).collect();
    let nodes: Vec<Running> = (1..=3)
        .map(|id| {
            let mut node = Command::new(RAFTDECK);
            node.args(["node", "--node-id", &id.to_string(), "--cluster", &raft.join(",")]);
            node.args(["--debug-mode", "--http", &http[id - 1], "--data-dir"]).arg(&data[id - 1]);
            node.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            Running(node.spawn().unwrap())
        })
        .collect();
    let processes = nodes.iter().map(|node| node.0.id()).collect();
    let client = (0..3).map(|nth| format!("{host}:{}", 9080 + nth)).collect();
    attack(&stranger, &Target { raft, client, http, processes, data });
}

#[test]
fn another_user_can_neither_read_nor_stop_nor_slow_nor_change_a_decks_cluster() {
    let Some(stranger) = Stranger::new() else { return };
    let _alone = alone();
    let temporary = tempfile::tempdir().unwrap();
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let mut up = Command::new(RAFTDECK);
    // On a busy machine a leader may be late too, by less than this.
    up.args(["up", "--json", "--timing", "debug"]).env("TMPDIR", temporary.path());
    // Its end ends the cluster, so it stays open.
    up.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut up = Running(up.spawn().unwrap());
    let said = Lines::of(up.0.stdout.take().unwrap());
    let nodes: Vec<Value> = (0..3)
        .map(|_| {
            said.wait_for("each node says where it serves", |line| {
                serde_json::from_str::<Value>(line).ok().filter(|line| line["event"] == "ready")
            })
        })
        .collect();
    let at = |what: &str| nodes.iter().map(|node| node[what].as_str().unwrap().to_owned()).collect();
    let deck = up.0.id();
    let host = support::processes::host(deck).unwrap();
    let mut processes = support::processes::children(deck);
    processes.extend([deck, host]);
    let data = fs::read_dir(temporary.path()).unwrap().map(|entry| entry.unwrap().path());
    let data = data.filter(|path| path.is_dir()).collect();
    up.0.stdin.as_mut().unwrap().write_all(b"wait leader\nput color blue\nput color blue\n").unwrap();
    said.wait_for("the deck's own client writes", |line| line.contains(r#""event":"client""#).then_some(()));
    let ports = listening(host);
    // Relays between nodes, and those between the deck's client and the nodes.
    assert!(ports.len() > 6, "{ports:?}");
    for port in ports {
        let address = format!("127.0.0.1:{port}");
        let mut client = stranger.raftdeck();
        let read = client.args(["client", "--timeout", "1", "--cluster", &address, "get", "color"]).output();
        assert_refused(&read.unwrap(), &format!("a read at {address}"));
    }
    attack(&stranger, &Target { raft: at("raft"), client: at("client"), http: at("http"), processes, data });
}

/// The ports at which a process listens on IPv4's loopback.
fn listening(process: u32) -> Vec<u16> {
    let ends = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let sockets: Vec<String> = ends
        .filter_map(|end| fs::read_link(end.unwrap().path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = fs::read_to_string(format!("/proc/{process}/net/tcp")).unwrap();
    let port = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_listening = columns[3] == "0A" && sockets.iter().any(|socket| socket == columns[9]);
        let port = columns[1].strip_prefix("0100007F:").filter(|_| is_listening)?;
        u16::from_str_radix(port, 16).ok()
    };
    table.lines().skip(1).filter_map(port).collect()
}
