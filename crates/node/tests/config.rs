//! `raftdeck-node` and the file that it shares with `raftdeck`.

mod support;

use std::fs;
use std::path::Path;
use support::{Launch, own_host};

/// A file with these words in its table for nodes, and others beside it.
fn written(dir: &Path, node: &str) -> String {
    let path = dir.join("raftdeck.toml");
    let text =
        format!("[deck]\nnodes = 5\n[client]\ntimeout = 9\n[bench]\nanything = true\n[node]\n{node}\n");
    fs::write(&path, text).expect("can be written");
    path.display().to_string()
}

#[test]
fn a_node_starts_with_what_the_file_says_and_the_environment_goes_first() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host();
    let data = dir.path().join("data");
    let node = format!(
        "node-id = 2\ncluster = ['{host}:8080', '{host}:8081']\nhttp = 7002\ndata-dir = '{}'\nheartbeat = 30",
        data.display()
    );
    let file = written(dir.path(), &node);
    let serves = |launch: Launch| {
        let node = launch.ready();
        let at = node.addresses();
        (node.id(), at.raft.clone(), at.http.clone())
    };
    let at = |port: u16| format!("{host}:{port}");
    assert_eq!(serves(Launch::new(&["--config", &file])), (2, at(8081), at(7002)));
    assert!(data.exists());
    fs::remove_dir_all(&data).unwrap();
    let by_variables = Launch::default().variable("RAFTDECK_CONFIG", &file).variable("RAFTDECK_HTTP", "7003");
    assert_eq!(
        serves(by_variables.variable("PORT", "7004").variable("NODE_ID", "n1")),
        (1, at(8080), at(7003))
    );
    fs::remove_dir_all(&data).unwrap();
    let by_port = Launch::new(&["--config", &file]).variable("PORT", "7004");
    assert_eq!(
        serves(by_port),
        (2, at(8081), at(7004)),
        "what stands in for a variable goes before the file, too"
    );
}

#[test]
fn a_file_that_makes_no_sense_is_refused_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    for (node, says) in [
        ("hartbeat = 50", "raftdeck.toml:8: hartbeat is not an option of [node]; did you mean heartbeat?"),
        (
            "heartbeat = 'soon'",
            "raftdeck.toml:8: heartbeat of [node] cannot be soon: a time is a whole number",
        ),
        ("managed = true", "managed is not an option of [node]"),
        ("[nod]", "raftdeck.toml:8: [nod] is not a command with options; did you mean node?"),
        ("fast-mode = true\ndemo-mode = true", "cannot be used with"),
    ] {
        let file = written(dir.path(), node);
        let (code, said) = Launch::new(&["--bind", "127.0.0.1:0", "--config", &file]).fails();
        assert!(code == Some(2) && said.contains(says), "{node}: {said}");
    }
    let (code, said) = Launch::new(&["--config", "/nowhere.toml"]).fails();
    assert!(
        code == Some(2) && said.contains("/nowhere.toml cannot be read: there is no such file"),
        "{said}"
    );
}
