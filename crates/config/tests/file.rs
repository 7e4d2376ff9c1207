//! What a file may say, and how it is refused: line, name, and what would be right.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use clap::{Arg, ArgAction, Command, value_parser};
use proptest::prelude::*;
use raftdeck_config::{Given, Program};
use std::collections::BTreeMap;

fn program() -> Program {
    let node = Command::new("node")
        .arg(Arg::new("data_dir").long("data-dir").value_name("DIR"))
        .arg(Arg::new("verbose").long("verbose").action(ArgAction::SetTrue))
        .arg(
            Arg::new("cluster")
                .long("cluster")
                .value_name("HOST:PORT")
                .value_delimiter(',')
                .action(ArgAction::Append),
        )
        .arg(
            Arg::new("seed")
                .long("seed")
                .value_name("N")
                .value_parser(value_parser!(u64))
                .action(ArgAction::Set),
        )
        .arg(Arg::new("secret").long("secret").hide(true));
    let client =
        Command::new("client").arg(Arg::new("timeout").long("timeout").value_parser(value_parser!(u64)));
    Program::new(Command::new("raftdeck").subcommand(node).subcommand(client), "deck").foreign(&["elsewhere"])
}

fn says(text: &str) -> (Option<usize>, String) {
    let error = program().check(text.as_bytes()).expect_err("it is refused");
    (error.line(), error.to_string())
}

#[test]
fn values_of_every_type_become_what_one_would_type() {
    let text = "\
[node]
data-dir = \"/data/n 1\"
verbose = true
cluster = [\"a:1\", 'b:2']
seed = 0xffff_ffff_ffff_ffff
[elsewhere]
anything = { goes = 1 }
";
    let file = program().check(text.as_bytes()).unwrap();
    let node = &file.tables["node"];
    let values = |key: &str| match &node[key].given {
        Given::Values(values) => values.clone(),
        Given::Switch(on) => vec![on.to_string()],
    };
    assert_eq!(values("data-dir"), ["/data/n 1"]);
    assert_eq!(values("verbose"), ["true"]);
    assert_eq!(values("cluster"), ["a:1", "b:2"]);
    assert_eq!(values("seed"), [u64::MAX.to_string()]);
    assert_eq!((node["data-dir"].line, node["seed"].line), (2, 5));
    assert!(!file.tables.contains_key("elsewhere"), "that is for its own program");
}

#[test]
fn what_makes_no_sense_is_named_with_its_line_and_what_would_be_right() {
    for (text, line, parts) in [
        ("[node]\nheartbeat = 1\n[node]\n", 3, &["not valid TOML", "duplicate"][..]),
        ("[node]\nseed = \n", 2, &["not valid TOML"]),
        ("\n[nod]\n", 2, &["[nod]", "did you mean node?"]),
        ("[zzz]\n", 1, &["there is client, node, elsewhere"]),
        ("\n\n[node]\nsede = 1\n", 4, &["sede is not an option of [node]", "did you mean seed?"]),
        ("[node]\ndata_dir = 'x'\n", 2, &["did you mean data-dir?"]),
        ("[node]\ntimeout = 1\n", 2, &["it belongs in [client]"]),
        ("[client]\nqqq = 1\n", 2, &["there is timeout"]),
        ("[node]\nsecret = 'x'\n", 2, &["secret is not an option"]),
        ("[node]\nconfig = 'x'\n", 2, &["config is not an option"]),
        ("seed = 1\n", 1, &["seed is outside any table", "[node]"]),
        ("node = 1\n", 1, &["node is outside any table"]),
        ("[node]\nverbose = 'yes'\n", 2, &["verbose of [node] should be true or false, and is a string"]),
        ("[node]\nverbose = 1\n", 2, &["and is a number"]),
        ("[node]\nseed = true\n", 2, &["should be a string or a number (N), and is true or false"]),
        ("[node]\nseed = [1]\n", 2, &["and is a list"]),
        ("[node]\nseed = 2026-01-01\n", 2, &["and is a date"]),
        ("[node.seed]\nx = 1\n", 1, &["and is a table"]),
        ("[node]\ncluster = [['a']]\n", 2, &["a list with something else in it"]),
        ("[[node]]\nseed = 1\n", 1, &["node is outside any table"]),
        ("[node]\nverbose = true\nseed = -1\n", 3, &["seed of [node] cannot be -1", "invalid digit"]),
        ("[client]\ntimeout = 1.5\n", 2, &["timeout of [client] cannot be 1.5"]),
        ("[node]\nseed = 99999999999999999999\n", 2, &["cannot be 99999999999999999999"]),
    ] {
        let (at, said) = says(text);
        assert_eq!(at, Some(line), "{text:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{text:?}: {said:?} does not say {part:?}");
        }
        assert_eq!(said.lines().count(), 1, "{text:?}: {said}");
    }
}

#[test]
fn what_is_no_text_or_far_too_long_is_refused() {
    let error = program().check(b"[node]\nseed = 1\n# \xff\n").unwrap_err();
    assert_eq!(error.line(), Some(3), "{error}");
    let endless = vec![b'#'; raftdeck_config::MAX_FILE + 1];
    assert!(program().check(&endless).unwrap_err().to_string().contains("1024 KiB"));
    let deep = format!("[node]\ncluster = {}", "[".repeat(100_000));
    assert!(program().check(deep.as_bytes()).is_err());
}

#[test]
fn an_empty_file_says_nothing() {
    for text in ["", "\n", "# a comment", "[node]\n[client]\n", "\u{feff}[node]\n"] {
        assert!(
            program().check(text.as_bytes()).unwrap().tables.values().all(BTreeMap::is_empty),
            "{text:?}"
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_can_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = program().check(&bytes);
    }

    #[test]
    fn no_text_can_do_harm(text in "\\[(node|client)\\]\n(([a-z\"'-]{1,8}|seed|cluster) ?= ?[-\\[\\]{}\"'a-z0-9.:_]{0,12}\n){0,4}") {
        if let Err(error) = program().check(text.as_bytes()) {
            prop_assert!(error.line().is_some_and(|line| line <= 1 + text.lines().count()));
            prop_assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
