//! What the program says to wrong usage and to what cannot work, and with which exit status.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use assert_cmd::Command;
use std::net::TcpListener;
use std::time::Duration;

fn raftdeck(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftdeck"));
    command.args(args).timeout(Duration::from_mins(1));
    command
}

/// The exit status and what was said on standard error.
fn fails(args: &[&str]) -> (i32, String) {
    let output = raftdeck(args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().expect("it ends by itself"), said)
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_right() {
    for (args, says) in [
        (&["--nodes", "0"][..], "a cluster has 1 to 15 nodes"),
        (&["--nodes", "100"], "a cluster has 1 to 15 nodes"),
        (&["up", "--nodes", "many"], "a cluster has 1 to 15 nodes"),
        (&["--timing", "slow"], "fast, debug, demo"),
        (&["--base-port", "0"], "1..=65535"),
        (&["--base-port", "70000"], "65535"),
        (&["--seed", "x"], "--seed"),
        (&["--disk-stall", "0"], "a whole number of milliseconds, at least 1"),
        (&["up", "--disk-stall", "1s"], "a whole number of milliseconds, at least 1"),
        (&["--unknown"], "--unknown"),
        (&["dance"], "dance"),
        (&["--plain", "up"], "up"),
        (&["--script", "examples/figure-8.txt"], "raftdeck up --script FILE"),
        (&["--plain", "--script", "x"], "--script"),
        (&["client", "dance"], "dance"),
        (&["client", "put", "color"], "VALUE"),
        (&["client", "put", "color", "blue", "green"], "green"),
        (&["client", "put", "color", "blue", "--from-file", "x"], "--from-file"),
        (&["client", "get", "color", "--json", "--quiet"], "--quiet"),
        (&["client", "status", "--watch=1"], "--watch"),
        (&["client", "--timeout", "0", "get", "color"], "1..=3600"),
        (&["client", "list", "--limit", "1001"], "1..=1000"),
        (&["client", "get", "color", "--consistency", "eventual"], "linearizable, lease, stale"),
        (&["client", "cas", "color"], "VALUE"),
        (&["client", "cas", "color", "blue"], "VALUE"),
        (&["client", "cas", "color", "blue", "green", "--absent", "red"], "--absent"),
        (&["client", "cas", "color", "--absent", "red", "--from-file", "x"], "--absent"),
        (&["client", "member"], "promote"),
        (&["client", "member", "add", "4"], "HOST:PORT"),
        (&["client", "member", "add", "four", "127.0.0.1:8083"], "written 4 or n4"),
        (&["client", "member", "add", "n0", "127.0.0.1:8083"], "a number, at least 1"),
        (&["client", "member", "add", "4", "127.0.0.1"], "HOST:PORT"),
        (&["client", "member", "add", "4", "127.0.0.1:0"], "a port other than 0"),
        (&["client", "member", "remove", "-1"], "-1"),
        (&["client", "transfer"], "ID"),
        (&["client", "transfer", "leader"], "written 4 or n4"),
        (&["client", "--cluster", "nowhere", "get", "color"], "HOST:PORT"),
        (&["client", "--cluster", "", "get", "color"], "HOST:PORT"),
        (&["client", "--cluster", ",", "get", "color"], "HOST:PORT"),
        (&["client", "--cluster", "127.0.0.1:99999", "get", "color"], "HOST:PORT"),
        (&["client", "--cluster", "[::1:8080", "get", "color"], "HOST:PORT"),
        (&["client", "--cluster", "127.0.0.1:8080,nowhere", "get", "color"], "HOST:PORT"),
        (&["client", "--timeout=-1", "get", "color"], "--timeout"),
        (&["client", "--timeout", "99999999999999999999", "get", "color"], "--timeout"),
        (&["client", "list", "--limit", "0"], "1..=1000"),
        (&["client", "list", "--limit", "-1"], "-1"),
        (&["client", "transfer", "n99999999999999999999"], "n99999999999999999999"),
        (&["client", "get", "color", "--consistency", ""], "linearizable, lease, stale"),
        (&["client", "get", "color", "--consistency", "STALE"], "linearizable, lease, stale"),
        (&["node", "--node-id", "0"], "id"),
        (&["completions"], "SHELL"),
        (&["completions", "cmd"], "bash, elvish, fish, powershell, zsh"),
        (&["man", "put"], "put"),
        (&["paths", "--all"], "--all"),
        (&["sim"], "run"),
        (&["sim", "run", "--nodes", "10"], "1 to 9 nodes"),
        (
            &["sim", "run", "--faults", "crash,fire"],
            "\"fire\" is not a kind of fault: give all, none, or a comma-separated list of crash,",
        ),
        (&["sim", "run", "--secs", "0"], "1..=3600"),
        (&["sim", "run", "--seeds", "0"], "1.."),
        (&["sim", "run", "--trace", "x"], "--seed"),
        (&["sim", "run", "--seeds", "3", "--trace", "x"], "--seeds"),
        (&["sim", "run", "--seed", "1", "--seeds", "5"], "--seeds"),
        (&["bench"], "failover"),
        (&["bench", "write", "--clients", "0"], "a number from 1 to 1000000"),
        (&["bench", "write", "--secs", "0"], "at least a millisecond"),
        (&["bench", "write", "--value-size", "2000000"], "a value has 0 to 1048576 bytes"),
        (&["bench", "write", "--sync-delay", "2"], "for example 2ms or 500us"),
        (&["bench", "write", "--cluster", "127.0.0.1:8080", "--nodes", "3"], "--nodes"),
        (&["bench", "write", "--cluster", "nowhere"], "HOST:PORT"),
        (&["bench", "write", "--rate", "1000", "--floor"], "--floor"),
        (&["bench", "write", "--heartbeat", "200"], "this timing is invalid"),
        (&["bench", "read", "--consistency", "eventual"], "linearizable, lease, stale"),
        (&["bench", "mixed", "--reads", "100"], "1..=99"),
        (&["bench", "failover", "--nodes", "2"], "at least 3 nodes"),
        (&["bench", "failover", "--election", "300..150"], "for example 150..300"),
    ] {
        let (status, said) = fails(args);
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.contains(says), "{args:?} should name {says:?}: {said}");
    }
}

#[test]
fn help_and_version_go_to_standard_output_with_status_0() {
    for (args, example) in [
        (&["--help"][..], "raftdeck --nodes 5 --timing demo"),
        (&["up", "--help"], "raftdeck up --nodes 3 --json"),
        (&["node", "--help"], "raftdeck node --node-id 1 --cluster"),
        (&["client", "--help"], "raftdeck client put color blue"),
        (&["bench", "--help"], "raftdeck bench write --clients 256 --secs 5 --floor"),
        (&["bench", "failover", "--help"], "raftdeck bench failover --detect-crash"),
        (&["bench", "recovery", "--help"], "raftdeck bench recovery --entries 1000000"),
        (&["client", "get", "--help"], "--consistency stale"),
        (&["client", "cas", "--help"], "cas color --absent blue"),
        (&["client", "member", "--help"], "raftdeck client member promote 4"),
        (&["client", "transfer", "--help"], "raftdeck client transfer n2"),
        (&["client", "status", "--help"], "raftdeck client status --watch"),
        (&["completions", "--help"], "raftdeck completions zsh"),
        (&["man", "--help"], "raftdeck man --dir"),
        (&["paths", "--help"], "raftdeck paths --json"),
    ] {
        let output = raftdeck(args).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains(example), "{args:?}");
    }
    let version = raftdeck(&["--version"]).output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let commit = version.strip_prefix(concat!("raftdeck ", env!("CARGO_PKG_VERSION"))).unwrap().trim_end();
    let digits = commit.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')'));
    let is_commit =
        digits.is_some_and(|digits| digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    assert!(commit.is_empty() || is_commit, "{version}");
    assert_eq!(version.lines().count(), 1);
}

#[test]
fn programs_are_told_which_build_this_is_in_json() {
    let output = raftdeck(&["--json", "--version"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let info: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&info["name"], &info["version"]), (&"raftdeck".into(), &env!("CARGO_PKG_VERSION").into()));
    let line = raftdeck(&["--version"]).output().unwrap().stdout;
    let commit = info["commit"].as_str().map(|commit| format!(" ({commit})")).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(String::from_utf8(line).unwrap(), format!("raftdeck {version}{commit}\n"));
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/install.md");
    let page = std::fs::read_to_string(page).unwrap();
    let told = page.lines().find(|line| line.starts_with('{')).expect("the page shows one");
    let told: serde_json::Value = serde_json::from_str(told).unwrap();
    let names = |of: &serde_json::Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&told), names(&info), "docs/install.md shows what is printed");
    assert_eq!((&told["version"], &told["protocol"]), (&info["version"], &info["protocol"]));
}

#[test]
fn a_port_in_use_is_named_before_anything_starts() {
    // Below the ports that the system gives out, the second node's Raft port is taken, and nobody else's is.
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port));
    let (base, _taken) = (20_000..29_000)
        .step_by(10)
        .find_map(|base| {
            let needed =
                [0, 1000, 3000].into_iter().flat_map(|offset| (0..3).map(move |node| base + offset + node));
            needed.map(free).collect::<Result<Vec<_>, _>>().ok()?;
            Some((base, free(base + 1).ok()?))
        })
        .expect("nine ports are free");
    let port = base + 1;
    let base = base.to_string();
    for args in [&["--base-port", &base][..], &["up", "--base-port", &base]] {
        let (status, said) = fails(args);
        assert_eq!(status, 1, "{said}");
        assert!(said.starts_with(&format!("raftdeck: port {port}, which n2 needs")), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let (status, said) = fails(&["--data-dir", path]);
    assert_eq!(status, 1, "{said}");
    assert!(said.starts_with("raftdeck: the data directory") && said.contains(path), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_client_without_a_cluster_gives_up_with_a_sentence() {
    // Nobody is given this port, and no system of today serves it.
    let nobody = "127.0.0.1:1";
    let cluster = ["client", "--timeout", "1", "--cluster", nobody];
    // Each takes its whole second.
    std::thread::scope(|scope| {
        for operation in [
            &["get", "color"][..],
            &["put", "color", "blue"],
            &["member", "add", "n4", "127.0.0.1:8083"],
            &["member", "remove", "n1"],
            &["transfer", "n2"],
        ] {
            scope.spawn(move || {
                let (status, said) = fails(&[&cluster[..], operation].concat());
                assert_eq!(status, 1, "{said}");
                assert!(said.contains(&operation.join(" ")), "{said}");
                assert!(said.contains("no node could be reached"), "{said}");
            });
        }
    });
    for operation in [&["status"][..], &["member", "list"]] {
        let (status, said) = fails(&[&cluster[..], operation].concat());
        assert_eq!(status, 1, "{said}");
        assert!(said.contains(nobody), "{said}");
    }
}

#[test]
fn what_is_outside_the_limits_is_refused_without_asking_anybody() {
    let dir = tempfile::tempdir().unwrap();
    let in_dir = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (long, missing, long_key) = (in_dir("long"), in_dir("missing"), "k".repeat(4097));
    std::fs::write(&long, vec![b'v'; (1 << 20) + 1]).unwrap();
    for (args, says) in [
        (&["get", ""][..], "the key is empty"),
        (&["delete", ""], "the key is empty"),
        (&["put", "", "blue"], "the key is empty"),
        (&["cas", "", "blue", "green"], "the key is empty"),
        (&["get", &long_key], "over the limit of 4096"),
        (&["put", &long_key, "blue"], "over the limit of 4096"),
        (&["list", &long_key], "over the limit of 4096"),
        (&["put", "color", "--from-file", &long], "1048576"),
        (&["put", "color", "--from-file", &missing], &missing),
        (&["put", "color", "--from-file", dir.path().to_str().unwrap()], "directory"),
    ] {
        let (status, said) = fails(&[&["client"], args].concat());
        assert_eq!(status, 1, "{said}");
        assert!(said.contains(says) && !said.contains("could be reached"), "{says:?} is not in {said}");
    }
}
