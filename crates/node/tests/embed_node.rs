//! The example for programs that embed nodes, run as a person would.

mod support;

use std::process::Command;
use support::own_host;

#[test]
fn the_example_does_what_it_says() {
    // Cargo builds the examples of a package with its tests, beside them.
    let test = std::env::current_exe().expect("a test has a file");
    let target = test.parent().and_then(|deps| deps.parent()).expect("it lies in the target directory");
    let file = target.join("examples").join("embed_node");
    assert!(file.exists(), "build it first: cargo build -p raftdeck-node --examples");
    let host = own_host();
    let addresses: Vec<String> = (8080..8083).map(|port| format!("{host}:{port}")).collect();
    let output = Command::new(file).arg(addresses.join(",")).output().expect("it runs");
    let (said, failed) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{said}{failed}");
    for line in [
        "n3 serves peers at",
        " leads",
        "color is blue",
        " is stopped",
        "color is green, says n",
        "the watch saw blue, then green",
        "all are stopped",
    ] {
        assert!(said.contains(line), "{line:?} is not in:\n{said}");
    }
    assert!(failed.is_empty(), "nodes that nobody logs say nothing: {failed}");
}
