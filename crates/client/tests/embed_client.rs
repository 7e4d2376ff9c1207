//! The example for programs that use a cluster, run as a person would, against a real node.

use raftdeck_node::{Node, NodeId, NodeOptions};
use std::path::PathBuf;
use std::process::{Command, Output};

/// Cargo builds the examples of a package with its tests, beside them.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a file");
    let target = test.parent().and_then(|deps| deps.parent()).expect("it lies in the target directory");
    let file = target.join("examples").join("embed_client");
    assert!(file.exists(), "build it first: cargo build -p raftdeck-client --examples");
    file
}

fn run(addresses: &str) -> Output {
    Command::new(example()).arg(addresses).output().expect("it runs")
}

#[test]
fn the_example_does_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(NodeOptions::new(NodeId(1), &["127.0.0.1:0"], dir.path())).unwrap();
    let output = run(&format!("127.0.0.1:1,{}", node.addresses().client));
    let (said, failed) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{said}{failed}");
    for line in [
        "color is blue",
        "color was blue and is green",
        "the watch saw blue, then green",
        "the numbers add up to 4950",
        "n1 has seen all up to index",
        "refused: the key is empty",
        "all gone: true",
    ] {
        assert!(said.contains(line), "{line:?} is not in:\n{said}");
    }
}

#[test]
fn the_example_says_what_it_met_where_nobody_is() {
    let output = run("127.0.0.1:1");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("127.0.0.1:1 refuses connections (is a node running there?)"), "{said}");
    assert_eq!(run("nowhere").status.code(), Some(2));
}
