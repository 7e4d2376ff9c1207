//! Which commit a build says it is, for each way in which a checkout may lie on the disk.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

#[allow(dead_code)] // Its main is cargo's to call.
#[path = "../build.rs"]
mod build;

use build::Checkout;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A directory with these files.
fn tree(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    root
}

fn commit(root: &Path) -> Option<String> {
    Checkout::at(root)?.commit()
}

#[test]
fn a_branch_names_its_commit() {
    let line = format!("{COMMIT}\n");
    let root = tree(&[(".git/HEAD", "ref: refs/heads/main\n"), (".git/refs/heads/main", &line)]);
    assert_eq!(commit(root.path()).as_deref(), Some("0123456789ab"));
    let files = Checkout::at(root.path()).unwrap().files();
    assert_eq!(files.len(), 2, "what is not there would have it built each time: {files:?}");
}

#[test]
fn a_packed_branch_and_a_bare_commit_do_so_too() {
    let packed =
        format!("# pack-refs with: peeled\n{} refs/heads/other\n{COMMIT} refs/heads/main\n", "f".repeat(40));
    let root = tree(&[(".git/HEAD", "ref: refs/heads/main\n"), (".git/packed-refs", &packed)]);
    assert_eq!(commit(root.path()).as_deref(), Some("0123456789ab"));
    let root = tree(&[(".git/HEAD", COMMIT)]);
    assert_eq!(commit(root.path()).as_deref(), Some("0123456789ab"));
}

#[test]
fn a_second_work_tree_has_its_own_head_and_the_others_branches() {
    let root = tree(&[
        ("main/.git/HEAD", "ref: refs/heads/main\n"),
        ("main/.git/refs/heads/side", COMMIT),
        ("main/.git/worktrees/side/HEAD", "ref: refs/heads/side\n"),
        ("main/.git/worktrees/side/commondir", "../..\n"),
        ("side/.git", "gitdir: ../main/.git/worktrees/side\n"),
    ]);
    assert_eq!(commit(&root.path().join("side")).as_deref(), Some("0123456789ab"));
}

#[test]
fn no_checkout_is_no_commit() {
    let root = tree(&[(".git/HEAD", COMMIT), ("unpacked/Cargo.toml", "")]);
    assert_eq!(commit(&root.path().join("unpacked")), None, "somebody else's repository does not count");
    for head in ["", "ref: refs/heads/unborn\n", "0123", "not a commit at all\n"] {
        assert_eq!(commit(tree(&[(".git/HEAD", head)]).path()), None, "{head:?}");
    }
    assert_eq!(commit(tree(&[(".git", "gitdir: /nowhere/at/all\n")]).path()), None);
}

/// What a program prints of itself is one object, with these members and no others.
#[test]
fn a_node_says_which_build_it_is() {
    let said = std::process::Command::new(env!("CARGO_BIN_EXE_raftdeck-node"))
        .args(["--version", "--json"])
        .output()
        .unwrap();
    assert!(said.status.success() && said.stderr.is_empty());
    let line = String::from_utf8(said.stdout).unwrap();
    let info: serde_json::Value = serde_json::from_str(&line).unwrap();
    let mut names: Vec<&String> = info.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["commit", "features", "name", "profile", "protocol", "rustc", "target", "version"]);
    assert_eq!(
        (&info["name"], &info["version"]),
        (&"raftdeck-node".into(), &env!("CARGO_PKG_VERSION").into())
    );
    assert_eq!(info["protocol"], raftdeck_protocol::handshake::VERSION);
    assert!(info["target"].as_str().unwrap().contains('-') && !info["profile"].as_str().unwrap().is_empty());
    assert!(info["rustc"].as_str().unwrap().starts_with("1."));
    assert_eq!(line.lines().count(), 1);
}
