//! Certificates and tokens from the command line: made, shown, and kept from those they are not for.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use raftdeck_client::{Access, Client, ClientError, Options, dial};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Hello, Manage, RefusalReason, Secret};
use raftdeck_raft::{MembershipChange, NodeId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use support::nodes::own_host;
use support::{PATIENCE, alone, deck::RAFTDECK, eventually, lines::Lines};

const TOKEN: &str = "a-token-for-the-clients";

fn run(args: &[&str]) -> Output {
    let mut command = Command::new(RAFTDECK);
    command.args(args).stdin(Stdio::null());
    support::output(command)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Processes that end with the test.
struct Ending(Vec<Child>);

impl Drop for Ending {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn certificates_are_made_once_and_open_a_cluster() {
    let (dir, host) = (tempfile::tempdir().unwrap(), own_host());
    let tls = dir.path().join("tls");
    let at = tls.to_str().unwrap();
    let made = run(&["tls", "new", "--dir", at, "--nodes", "3", "--hosts", &host]);
    let said = text(&made.stdout);
    assert!(made.status.success(), "{}", text(&made.stderr));
    for name in ["ca", "n1", "n2", "n3", "client"] {
        let (certificate, key) = (tls.join(format!("{name}.pem")), tls.join(format!("{name}-key.pem")));
        assert!(said.contains(certificate.to_str().unwrap()), "{said}");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600, "{}", key.display());
    }
    assert!(said.contains("--tls-ca") && said.contains("730 days"), "{said}");
    let before = fs::read(tls.join("ca.pem")).unwrap();
    for again in [&["tls", "new", "--dir", at][..], &["tls", "add", "--dir", at, "--node", "2"]] {
        let again = run(again);
        assert_eq!(again.status.code(), Some(1));
        let said = text(&again.stderr);
        assert!(said.contains("already"), "{said}");
    }
    assert_eq!(fs::read(tls.join("ca.pem")).unwrap(), before);
    assert!(run(&["tls", "add", "--dir", at, "--client", "alice"]).status.success());
    assert!(run(&["tls", "add", "--dir", at, "--node", "4", "--hosts", &host]).status.success());
    for wrong in [["--client", "n7"], ["--client", "../x"], ["--node", "0"]] {
        assert_eq!(
            run(&[&["tls", "add", "--dir", at][..], &wrong].concat()).status.code(),
            Some(2),
            "{wrong:?}"
        );
    }
    let another = run(&["tls", "add", "--dir", at, "--node", "5", "--hosts", "N2.raftdeck"]);
    assert!(text(&another.stderr).contains("would let this node impersonate another"), "{another:?}");

    let cluster: Vec<String> = (0..3).map(|nth| format!("{host}:{}", 8080 + nth)).collect();
    let cluster = cluster.join(",");
    let shown = |name: &str| {
        let file = |name: &str| tls.join(name).display().to_string();
        let (cert, key) = (file(&format!("{name}.pem")), file(&format!("{name}-key.pem")));
        ["--tls-ca", &file("ca.pem"), "--tls-cert", &cert, "--tls-key", &key].map(str::to_owned)
    };
    let _nodes = Ending(
        (1..=3)
            .map(|id| {
                let mut node = Command::new(RAFTDECK);
                node.args(["node", "--node-id", &id.to_string(), "--cluster", &cluster, "--data-dir"]);
                node.arg(dir.path().join(format!("data{id}"))).args(shown(&format!("n{id}")));
                node.env("RAFTDECK_CLIENT_TOKEN", TOKEN).stdout(Stdio::null()).stderr(Stdio::null());
                node.spawn().unwrap()
            })
            .collect(),
    );
    let client = |args: &[&str], shown: &[String], token: Option<&str>| {
        let mut client = Command::new(RAFTDECK);
        client.args(["client", "--timeout", "60", "--cluster", &cluster]).args(shown).args(args);
        client.env_remove("RAFTDECK_CLIENT_TOKEN");
        client.envs(token.map(|token| ("RAFTDECK_CLIENT_TOKEN", token)));
        client.stdin(Stdio::null());
        support::output(client)
    };
    let put = client(&["put", "color", "blue"], &shown("client"), Some(TOKEN));
    assert!(put.status.success(), "{}", text(&put.stderr));
    let token = dir.path().join("token");
    write_secret(&token, TOKEN);
    let file = ["--token-file", token.to_str().unwrap(), "get", "color"];
    assert_eq!(text(&client(&file, &shown("alice"), None).stdout), "blue\n");
    let refused = |shown: &[String], token: Option<&str>| {
        let said = client(&["get", "color"], shown, token);
        assert_eq!(said.status.code(), Some(1));
        text(&said.stderr)
    };
    assert!(refused(&[], Some(TOKEN)).contains("--tls-ca"));
    assert!(refused(&shown("client"), None).contains("the token is missing or wrong"));
    assert!(refused(&shown("client")[..4], Some(TOKEN)).contains("--tls-key is missing"));
    let transfer = client(&["transfer", "2"], &shown("client"), Some(TOKEN));
    assert!(text(&transfer.stderr).contains("manager's token"), "{transfer:?}");
}

fn write_secret(path: &Path, token: &str) {
    fs::write(path, token).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A process's command line, or its environment.
fn proc(pid: u64, what: &str) -> String {
    String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/{what}")).unwrap()).into_owned()
}

fn variable(pid: u64, name: &str) -> Option<String> {
    let environment = proc(pid, "environ");
    let prefix = format!("{name}=");
    environment.split('\0').find_map(|variable| variable.strip_prefix(&prefix).map(str::to_owned))
}

#[test]
#[cfg(target_os = "linux")]
fn the_nodes_of_a_deck_have_keys_that_nobody_else_on_the_machine_sees() {
    let (_alone, dir) = (alone(), tempfile::tempdir().unwrap());
    let token = dir.path().join("token");
    write_secret(&token, TOKEN);
    let mut up = Command::new(RAFTDECK);
    // Its writes have five seconds, which elections with short timeouts do not keep on a busy machine.
    up.args([
        "up",
        "--json",
        "--nodes",
        "3",
        "--timing",
        "debug",
        "--client-token-file",
        token.to_str().unwrap(),
    ]);
    up.env("TMPDIR", dir.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut up = Ending(vec![up.spawn().unwrap()]);
    let mut input = up.0[0].stdin.take().unwrap();
    let lines = Lines::of(up.0[0].stdout.take().unwrap());
    // Each node's process and the address of its clients.
    let mut pids: BTreeMap<u64, u64> = BTreeMap::new();
    let mut ready: BTreeMap<u64, Value> = BTreeMap::new();
    lines.wait_for("three ready nodes", |line| {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["event"] == "ready" {
            ready.insert(line["node"].as_u64().unwrap(), line);
        }
        (ready.len() == 3).then_some(())
    });
    for pid in support::processes::children(up.0[0].id()) {
        let line = proc(pid.into(), "cmdline");
        let id = line.split('\0').skip_while(|word| *word != "--node-id").nth(1).unwrap().parse().unwrap();
        pids.insert(id, pid.into());
    }
    let names = ["RAFTDECK_MANAGER_TOKEN", "RAFTDECK_PEER_TOKEN", "RAFTDECK_CLIENT_TOKEN"];
    let keys = |pid: u64| names.map(|name| variable(pid, name).unwrap());
    let [manager, peer, client] = keys(pids[&1]);
    assert!(manager.len() == 64 && peer.len() == 64 && manager != peer && client == TOKEN);
    for pid in pids.values() {
        assert_eq!(keys(*pid), [&manager, &peer, &client].map(Clone::clone), "all have the same");
        let line = proc(*pid, "cmdline");
        assert!(![&manager, &peer, &client].iter().any(|key| line.contains(key.as_str())), "{line}");
        let mode = fs::metadata(format!("/proc/{pid}/environ")).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads it");
    }

    let address = ready[&1]["client"].as_str().unwrap().to_owned();
    let raft = ready[&1]["raft"].as_str().unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let with = |token: &str| {
            let access = Access { token: Some(Secret::new(token).unwrap()), tls: None };
            Client::new(&[&address], Options { access, ..Options::default() }).unwrap()
        };
        let refused = Err(ClientError::Refused { address: address.clone(), reason: RefusalReason::Token });
        let nobody = Client::new(&[&address], Options::default()).unwrap();
        assert_eq!(nobody.manage(&address, Manage::ForgoLeases, PATIENCE).await, refused);
        for client in [&with(TOKEN), &with(&peer)] {
            let distrusted = client.manage(&address, Manage::ForgoLeases, PATIENCE).await;
            assert!(matches!(distrusted, Err(ClientError::Untrusted { .. })), "{distrusted:?}");
        }
        // Whoever adds a member has the others dial it.
        let stranger = MembershipChange::AddLearner {
            node: NodeId(9),
            address: "127.0.0.1:9".to_owned(),
            incarnation: None,
        };
        let added = with(TOKEN).change_membership(vec![stranger], PATIENCE).await;
        assert_eq!(added, Err(ClientError::NotPermitted));
        assert_eq!(with(&manager).manage(&address, Manage::ForgoLeases, PATIENCE).await, Ok(()));
        let role = Role::Peer {
            id: NodeId(2),
            to: NodeId(1),
            client_address: String::new(),
            raft_address: String::new(),
        };
        let forged = dial(&raft, &Hello::new("raftdeck", role), PATIENCE).await;
        assert!(forged.expect_err("is refused").to_string().contains("token"));
    });

    // A node that is started again has the same, and the deck still reaches all of them.
    writeln!(input, "restart n1\nwait leader within 60s\nput color blue\n").unwrap();
    // Whichever comes first: the write may be answered by the others before the node is ready again.
    let (mut is_ready, mut answered) = (false, None);
    let answered = lines.wait_for("the node is ready, and the write is answered", |line| {
        let line: Value = serde_json::from_str(line).unwrap();
        is_ready |= line["event"] == "ready";
        if line["event"] == "client" {
            answered = Some(line);
        }
        if is_ready { answered.take() } else { None }
    });
    let restarted = eventually("it runs again", || {
        let children = support::processes::children(up.0[0].id());
        children.into_iter().map(u64::from).find(|pid| !pids.values().any(|old| old == pid))
    });
    assert_eq!(keys(restarted), [manager, peer, client]);
    assert!(answered["failed"].is_null(), "{answered}");
}
