//! The house's walls: which room may import which, and what the pure rooms must never know.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Room by room, what it may import of the others.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("raft", &[]),
    ("protocol", &["raft"]),
    ("config", &[]),
    ("storage", &["raft"]),
    ("replica", &["protocol", "raft"]),
    ("check", &["protocol", "raft"]),
    ("client", &["protocol", "raft"]),
    ("node", &["replica", "storage", "client", "config", "protocol", "raft"]),
    ("sim", &["model", "replica", "storage", "check", "protocol", "raft"]),
    ("model", &["protocol", "raft"]),
    ("record", &["model", "protocol", "raft"]),
    ("script", &["model", "protocol", "raft"]),
    ("drills", &["check", "script", "model", "protocol", "raft"]),
    // A drill is run beside the screen, by the state machine that runs it everywhere.
    ("deck", &["drills", "model", "script", "protocol", "raft"]),
    ("links", &["model", "protocol", "raft"]),
    ("etcd", &["model", "protocol", "raft"]),
    ("source", &["links", "model", "client", "protocol", "raft"]),
    ("lab", &["links", "source", "etcd", "model", "client", "storage", "protocol", "raft"]),
    ("attach", &["links", "source", "model", "client", "protocol", "raft"]),
    // It measures as a client does; the cluster is the lab's.
    ("bench", &["lab", "model", "client", "protocol", "raft"]),
    // The node, because the one executable starts its children by running itself as `raftdeck node`.
    (
        "tui",
        &[
            "attach", "bench", "deck", "drills", "lab", "model", "script", "client", "config", "node",
            "record", "sim", "protocol", "raft",
        ],
    ),
    // It throws bytes at all that reads bytes; nothing is built from it.
    (
        "fuzz",
        &[
            "tui", "node", "drills", "etcd", "links", "model", "record", "script", "storage", "config",
            "protocol", "raft",
        ],
    ),
    // It asks `cargo` for what it needs of the others, so that it is built in seconds.
    ("xtask", &[]),
];

/// No clock, no randomness but a seed, no thread, no socket, no file.
const PURE: &[&str] = &["raft", "replica", "check", "model", "script", "drills", "deck"];

/// Neither a pure room nor anything below it may bring one of these.
const IMPURE_CRATES: &[&str] = &["tokio", "async-std", "smol", "mio", "getrandom", "rustix", "libc"];

/// Nor may a pure room's own code name one of these.
const IMPURE_NAMES: &[&str] = &[
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "from_os_rng",
    "thread_rng",
];

fn metadata() -> Metadata {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).exec().expect("cargo describes the workspace")
}

fn room(package: &str) -> Option<&str> {
    package.strip_prefix("raftdeck-")
}

/// Everything that a room is built from when it is built alone. What other rooms switch on in a crate that they share with it, it
/// cannot have asked for, and so does not call.
fn built_from(name: &str) -> BTreeSet<String> {
    let package = format!("raftdeck-{name}");
    let tree =
        ["tree", "--locked", "--edges", "normal", "--target", "all", "--prefix", "none", "--format", "{p}"];
    let cargo = Command::new(env!("CARGO"))
        .args(tree)
        .args(["--package", &package])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let lines = String::from_utf8(cargo.stdout).expect("names are text");
    let names = lines.lines().filter_map(|line| line.split(' ').next());
    let found: BTreeSet<String> = names.filter(|found| *found != package).map(str::to_owned).collect();
    assert!(found.contains("serde"), "every room has something to say: {found:?}");
    found
}

fn sources(room: &str) -> Vec<(PathBuf, String)> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(room).join("src")];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a room has a src folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a readable source file");
                files.push((path, text));
            }
        }
    }
    assert!(!files.is_empty(), "{room} has sources");
    files
}

fn assert_names_none_of(room: &str, words: &[&str], instead: &str) {
    assert_names_none_of_but(room, words, instead, &[]);
}

fn assert_names_none_of_but(room: &str, words: &[&str], instead: &str, exempt: &[&str]) {
    for (path, text) in sources(room) {
        if exempt.iter().any(|file| path.ends_with(file)) {
            continue;
        }
        for word in words {
            assert!(!text.contains(word), "{} names {word}: {instead}", path.display());
        }
    }
}

#[test]
fn rooms_import_only_what_they_may() {
    for package in metadata().workspace_packages() {
        let name = match package.name.as_str() {
            // `cargo xtask` is what people expect.
            "xtask" => "xtask",
            named => room(named).expect("packages are named raftdeck-ROOM"),
        };
        let (_, allowed) =
            MAY_IMPORT.iter().find(|(room, _)| *room == name).expect("every room is in the table of imports");
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            if let Some(other) = room(&dependency.name) {
                assert!(allowed.contains(&other), "{name} must not import {other}");
            }
        }
    }
}

#[test]
fn the_pure_rooms_are_built_from_nothing_impure() {
    for name in PURE {
        // The names of keys come from the crate that also reads them from terminals; the deck names none of that crate's doors.
        let may_have: &[&str] = if *name == "deck" { &["mio", "getrandom", "rustix", "libc"] } else { &[] };
        for found in built_from(name) {
            let is_impure = IMPURE_CRATES.contains(&found.as_str()) && !may_have.contains(&found.as_str());
            assert!(!is_impure, "{name} is built from {found}");
        }
    }
}

#[test]
fn the_pure_rooms_name_nothing_impure() {
    for name in PURE {
        assert_names_none_of(name, IMPURE_NAMES, "everything is passed in");
    }
}

#[test]
fn a_simulation_knows_neither_runtime_nor_clock_nor_thread() {
    // The virtual disk stands beside the real one, whose crate names the system's.
    let built_from = built_from("sim");
    for other in ["tokio", "async-std", "smol", "mio", "getrandom"] {
        assert!(!built_from.contains(other), "sim is built from {other}");
    }
    let words = ["Instant", "SystemTime", "std::thread::", "std::fs", "std::net", "HashMap", "HashSet"];
    assert_names_none_of("sim", &words, "time is virtual, and everything is decided by the seed");
}

#[test]
fn the_screen_opens_nothing_and_starts_nothing() {
    let words =
        ["crossterm::terminal", "crossterm::execute", "crossterm::queue", "event::read", "event::poll"];
    assert_names_none_of("deck", &words, "the program reads the keys and writes the screen");
}

/// The files of the deck that name tui-logger, whose log is the process's. `update` is in none of them: `app/output` has the names of levels,
/// and a handle that can be told and not asked.
const NAME_THE_LOG: &[&str] = &[
    "actions/output.rs",
    "app/output/handle.rs",
    "app/output/mod.rs",
    "app/output/target.rs",
    "output_log.rs",
    "view/output/lines.rs",
    "view/output/targets.rs",
];

#[test]
fn the_log_of_the_process_is_filled_by_one_file_and_drawn_by_one_view() {
    for (path, text) in sources("deck") {
        let path = path.display().to_string();
        let may_name = |files: &[&str]| files.iter().any(|file| path.ends_with(&format!("src/{file}")));
        assert!(!text.contains("tui_logger::") || may_name(NAME_THE_LOG), "{path} names tui-logger");
        for fills in ["move_events(", "Drain::", "set_buffer_depth(", "tui_logger::set_", "OutputLog::new("] {
            assert!(!text.contains(fills) || may_name(&["output_log.rs"]), "{path} fills the log: {fills}");
        }
        for reads in ["TuiLoggerWidget", "TuiLoggerTargetWidget", "ExtLogRecord"] {
            let is_view = path.contains("src/view/output/");
            assert!(!text.contains(reads) || is_view, "{path} reads the log: {reads}");
        }
        assert!(!text.contains("init_logger("), "{path} starts tui-logger's thread");
    }
}

#[test]
fn a_recording_is_bytes_and_times_that_are_handed_in() {
    for found in built_from("record") {
        assert!(!IMPURE_CRATES.contains(&found.as_str()), "record is built from {found}");
    }
    let words = IMPURE_NAMES.iter().filter(|word| **word != "std::io").copied();
    assert_names_none_of("record", &words.collect::<Vec<_>>(), "it reads and writes what it is given");
}

/// One source starts a process: the one that runs the lab in it. The server for a class's phones has sockets, and knows no node.
#[test]
fn the_program_reaches_nodes_through_a_source_alone() {
    let words = [
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "ToSocketAddrs",
        "tokio::net",
        "UnixStream",
        "process::Command",
        "CommandExt",
    ];
    let serve_phones = ["src/audience/address.rs", "src/audience/mod.rs", "src/audience/port.rs"];
    let exempt = [&["src/source/hosted/owner.rs"][..], &serve_phones].concat();
    assert_names_none_of_but("tui", &words, "ask the source", &exempt);
    for (path, text) in
        sources("tui").iter().filter(|(path, _)| path.to_string_lossy().contains("src/audience/"))
    {
        for word in [
            "crate::source",
            "raftdeck_lab",
            "raftdeck_client",
            "raftdeck_node",
            "raftdeck_sim",
            "TcpStream::connect",
        ] {
            assert!(!text.contains(word), "{} names {word}: phones reach the deck alone", path.display());
        }
    }
}

#[test]
fn the_lab_never_reaches_inside_a_node() {
    let built_from = built_from("lab");
    // The store's crate is there to look at a node's files, which are its outside as well: only that knows where a log ends.
    for other in ["raftdeck-node", "raftdeck-replica"] {
        assert!(!built_from.contains(other), "the lab is built from {other}");
    }
}

#[test]
fn a_relay_starts_no_process_and_knows_no_engine() {
    let built_from = built_from("links");
    for other in ["raftdeck-client", "raftdeck-node", "raftdeck-replica", "raftdeck-storage"] {
        assert!(!built_from.contains(other), "links is built from {other}");
    }
    let words = ["process::Command", "std::fs", "std::thread"];
    assert_names_none_of("links", &words, "processes, files and threads are the lab's");
}

#[test]
fn a_cluster_of_etcd_is_seen_from_outside_alone() {
    let built_from = built_from("etcd");
    for other in ["raftdeck-links", "raftdeck-client", "raftdeck-node", "raftdeck-storage"] {
        assert!(!built_from.contains(other), "etcd is built from {other}");
    }
    let words = ["process::Command", "std::thread", "TcpListener"];
    assert_names_none_of("etcd", &words, "processes and listeners are the lab's");
}

#[test]
fn a_node_has_no_fault_injection() {
    let words = ["LinkState", "raftdeck_lab", "raftdeck_links", "drop_rate", "FrameFate"];
    assert_names_none_of("node", &words, "faults live in the links");
}
