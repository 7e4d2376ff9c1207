//! The house's walls: which room may import which, and what the pure rooms must never know.

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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
    ("sim", &["replica", "storage", "check", "protocol", "raft"]),
    ("lab", &["client", "sim", "storage", "check", "protocol", "raft"]),
    // It measures as a client does; the cluster is the lab's.
    ("bench", &["lab", "client", "protocol", "raft"]),
    // The node, because the one executable starts its children by running itself as `raftdeck node`.
    ("tui", &["bench", "lab", "client", "config", "node", "sim", "protocol", "raft"]),
    // It throws bytes at all that reads bytes; nothing is built from it.
    ("fuzz", &["tui", "node", "lab", "storage", "config", "protocol", "raft"]),
];

/// No clock, no randomness but a seed, no thread, no socket, no file.
const PURE: &[&str] = &["raft", "replica", "check"];

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

/// Everything that a room is built from, its own package left out.
fn built_from(metadata: &Metadata, name: &str) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().expect("a resolved workspace");
    let package = metadata.packages.iter().find(|p| room(&p.name) == Some(name)).expect("a room's package");
    let mut open = vec![package.id.clone()];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        let node = resolve.nodes.iter().find(|n| n.id == id).expect("a resolved package");
        for dependency in &node.deps {
            let is_built_in = dependency.dep_kinds.iter().any(|k| k.kind == DependencyKind::Normal);
            if is_built_in && seen.insert(dependency.pkg.clone()) {
                open.push(dependency.pkg.clone());
            }
        }
    }
    metadata.packages.iter().filter(|p| seen.contains(&p.id)).map(|p| p.name.to_string()).collect()
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
    for (path, text) in sources(room) {
        for word in words {
            assert!(!text.contains(word), "{} names {word}: {instead}", path.display());
        }
    }
}

#[test]
fn rooms_import_only_what_they_may() {
    for package in metadata().workspace_packages() {
        let name = room(&package.name).expect("packages are named raftdeck-ROOM");
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
    let metadata = metadata();
    for name in PURE {
        for found in built_from(&metadata, name) {
            assert!(!IMPURE_CRATES.contains(&found.as_str()), "{name} is built from {found}");
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
    let built_from = built_from(&metadata(), "sim");
    for other in ["tokio", "async-std", "smol", "mio", "getrandom"] {
        assert!(!built_from.contains(other), "sim is built from {other}");
    }
    let words = ["Instant", "SystemTime", "std::thread::", "std::fs", "std::net", "HashMap", "HashSet"];
    assert_names_none_of("sim", &words, "time is virtual, and everything is decided by the seed");
}

#[test]
fn the_screen_opens_no_socket_and_starts_no_process() {
    let words = ["std::net", "tokio::net", "TcpStream", "UnixStream", "process::Command", "CommandExt"];
    assert_names_none_of("tui", &words, "ask the lab");
}

#[test]
fn the_lab_never_reaches_inside_a_node() {
    let built_from = built_from(&metadata(), "lab");
    // The store's crate is there to look at a node's files, which are its outside as well: only that knows where a log ends.
    for other in ["raftdeck-node", "raftdeck-replica"] {
        assert!(!built_from.contains(other), "the lab is built from {other}");
    }
}

#[test]
fn a_node_has_no_fault_injection() {
    let words = ["LinkState", "raftdeck_lab", "drop_rate", "FrameFate"];
    assert_names_none_of("node", &words, "faults live in the lab's links");
}
