//! The configuration file and the environment, as the real program takes them, and that nothing of the command line is left
//! out of them.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use clap::{Arg, ArgAction, Command as Described};
use raftdeck_tui::cli::program;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::alone;
use support::deck::RAFTDECK;

/// Each option with a long name that people are told of, and the command that has it.
fn options(command: &Described, path: &str, found: &mut Vec<(String, Arg)>) {
    let is_asked = |option: &Arg| {
        matches!(
            option.get_action(),
            ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Help | ArgAction::Version
        )
    };
    for option in command.get_arguments().filter(|option| !option.is_hide_set() && !is_asked(option)) {
        if option.get_long().is_some() {
            found.push((path.to_owned(), option.clone()));
        }
    }
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
        options(sub, format!("{path} {}", sub.get_name()).trim(), found);
    }
}

fn all_options() -> Vec<(String, Arg)> {
    let mut command = program().described();
    command.build();
    let mut found = Vec::new();
    options(&command, "", &mut found);
    found
}

fn variable(option: &Arg) -> Option<String> {
    option.get_env().map(|name| name.to_string_lossy().into_owned())
}

/// Those that are called otherwise: one was there before its option, one means two things to two commands, and a token's file
/// is the same to who asks for the token and to who shows it.
const NAMED: [(&str, &str); 3] = [
    ("log-filter", "RAFTDECK_LOG"),
    ("after", "RAFTDECK_WATCH_AFTER"),
    ("token-file", "RAFTDECK_CLIENT_TOKEN_FILE"),
];

#[test]
fn every_option_of_every_command_has_a_variable_after_its_name() {
    let all = all_options();
    assert!(all.len() > 100, "only {} options", all.len());
    for (command, option) in all {
        let long = option.get_long().unwrap();
        let name = variable(&option).unwrap_or_else(|| panic!("--{long} of {command:?} has no variable"));
        let after = |words: &str| format!("RAFTDECK_{}", words.replace(['-', ' '], "_").to_uppercase());
        let own = ["bench", "sim", "drill"].into_iter().find(|own| command.starts_with(own));
        let is_own = own.is_some_and(|own| name == after(&format!("{own} {long}")));
        // Who may come in is the same for a benchmark as for any client, and how the screen is drawn for a drill as for the deck.
        let is_of_all = long.starts_with("tls-")
            || ["config", "ascii", "unicode", "no-mouse", "theme", "reader"].contains(&long);
        let is_common = name == after(long) && (own.is_none() || is_of_all);
        assert!(is_own || is_common || NAMED.contains(&(long, &name)), "{name} of {command:?}");
    }
}

#[test]
fn every_option_of_every_command_has_a_key_in_its_commands_table() {
    let shape = program().shape();
    for (command, option) in all_options() {
        let long = option.get_long().unwrap();
        let table = match command.split(' ').next().unwrap() {
            "" | "up" => "deck",
            first => first,
        };
        let has = shape.tables.get(table).is_some_and(|keys| keys.contains_key(long));
        assert_eq!(has, long != "config", "{long} of [{table}]");
    }
}

/// One export for all programs of a shell: what it says must mean the same to all that hear it.
#[test]
fn a_variable_that_commands_share_takes_the_same_kind_of_value() {
    let mut first_by_name: BTreeMap<String, (String, Arg)> = BTreeMap::new();
    for (command, option) in all_options() {
        let name = variable(&option).unwrap();
        let (other, first) = first_by_name.entry(name.clone()).or_insert((command.clone(), option.clone()));
        let takes = |option: &Arg| (format!("{:?}", option.get_value_names()), option.get_value_delimiter());
        assert_eq!(takes(&option), takes(first), "{name} is of {command:?} and of {other:?}");
    }
}

/// All options are the command's own or inherited: none is between the words of a command, where none could be put.
#[test]
fn only_the_program_itself_has_options_beside_commands() {
    fn check(command: &Described) {
        for sub in command.get_subcommands() {
            let options =
                sub.get_arguments().filter(|option| option.get_long().is_some() && !option.is_global_set());
            let own = options.filter(|option| !["help", "version"].contains(&option.get_id().as_str()));
            assert!(sub.get_subcommands().next().is_none() || own.count() == 0, "{}", sub.get_name());
            check(sub);
        }
    }
    check(&program().described());
}

#[test]
fn raftdeck_node_knows_the_tables_that_are_not_its_own() {
    for table in program().shape().tables.keys().filter(|table| *table != "node") {
        assert!(raftdeck_node::OTHER_TABLES.contains(&table.as_str()), "[{table}]");
    }
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/config.toml")
}

#[test]
fn the_example_is_valid_as_it_is_and_with_all_that_it_shows() {
    let text = fs::read_to_string(example()).unwrap();
    program().check(text.as_bytes()).unwrap();
    let is_shown = |line: &str| {
        line.split_once(" = ").is_some_and(|(key, _)| !key.trim_start_matches("# ").contains(' '))
    };
    let mut shown = 0;
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix("# ").filter(|_| is_shown(line)) {
            Some(line) => {
                shown += 1;
                line
            }
            None => line,
        })
        .collect();
    assert!(shown > 15, "{shown}");
    program()
        .check(uncommented.join("\n").as_bytes())
        .unwrap_or_else(|error| panic!("{:?}: {error}", error.line()));
}

/// A file for one test.
fn written(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn raftdeck(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(RAFTDECK);
    command.args(args).envs(environment.iter().copied()).stdin(Stdio::null());
    support::output(command)
}

fn told(args: &[&str], environment: &[(&str, &str)]) -> String {
    let output = raftdeck(args, environment);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_in_force_is_shown_with_where_it_comes_from() {
    let file = written("[node]\nheartbeat = 40\ncluster = ['a:1', 'b:2']\n[client]\ntimeout = 9\n");
    let path = file.path().to_str().unwrap();
    let environment = [("RAFTDECK_HEARTBEAT", "60"), ("PORT", "8081"), ("RAFTDECK_LOG", "warn")];
    let table = told(&["config", "show", "node", "--config", path], &environment);
    let row = |option: &str| -> Vec<String> {
        let line = table.lines().find(|line| line.split_whitespace().next() == Some(option)).unwrap();
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    assert_eq!(row("heartbeat"), ["60", "RAFTDECK_HEARTBEAT"]);
    assert_eq!(row("cluster"), ["a:1,b:2", &format!("{path}:3")]);
    assert_eq!(row("http"), ["8081", "PORT"]);
    assert_eq!(row("log-filter"), ["warn", "RAFTDECK_LOG"]);
    assert_eq!(row("cluster-name"), ["raftdeck", "default"]);
    let json = told(&["config", "show", "--json"], &[("RAFTDECK_CONFIG", path)]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["raftdeck client"]["timeout"]["line"], 5);
    assert_eq!(json["raftdeck node"]["cluster"]["value"], serde_json::json!(["a:1", "b:2"]));
    assert_eq!(json["raftdeck up"]["nodes"]["source"], "default");
}

#[test]
fn mistakes_in_files_and_variables_end_every_command_with_2_and_a_sentence() {
    let wrong = |text: &str| (written(text), text.to_owned());
    for ((file, text), says) in [
        (
            wrong("[node]\nheartbaet = 1\n"),
            ":2: heartbaet is not an option of [node]; did you mean heartbeat?",
        ),
        (wrong("[nodes]\n"), ":1: [nodes] is not a command with options; did you mean node?"),
        (
            wrong("[node]\nfast-mode = 'yes'\n"),
            ":2: fast-mode of [node] should be true or false, and is a string",
        ),
        (wrong("[client]\n\ntimeout = 0\n"), ":3: timeout of [client] cannot be 0: 0 is not in 1..=3600"),
        (
            wrong("[deck]\ntiming = 'slow'\n"),
            ":2: timing of [deck] cannot be slow: use one of fast, debug, demo",
        ),
        (wrong("[node]\ndata-dir = \n"), ":2: the file is not valid TOML"),
    ] {
        let path = file.path().to_str().unwrap();
        for command in [&["node"][..], &["client", "get", "x"], &["up"], &["config", "show"], &["paths"]] {
            let output = raftdeck(command, &[("RAFTDECK_CONFIG", path)]);
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{command:?} {text}: {said}");
            assert!(said.contains(&format!("{path}{says}")), "{command:?} {text}: {said}");
            assert!(output.stdout.is_empty(), "{command:?} {text}");
        }
    }
    for (environment, args, says) in [
        (("RAFTDECK_TIMEOUT", "soon"), &["client", "get", "x"][..], "RAFTDECK_TIMEOUT=soon is invalid"),
        (
            ("RAFTDECK_FAST_MODE", "maybe"),
            &["node"],
            "RAFTDECK_FAST_MODE=maybe is invalid: use true or false",
        ),
        (("RAFTDECK_NODES", "0"), &["up"], "RAFTDECK_NODES=0 is invalid: a cluster has 1 to 15 nodes"),
        (
            ("RAFTDECK_CONFIG", "/nowhere.toml"),
            &["paths"],
            "/nowhere.toml cannot be read: there is no such file",
        ),
        (("RAFTDECK_CONFIG", "/"), &["paths"], "it is a directory"),
    ] {
        let output = raftdeck(args, &[environment]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{environment:?}: {said}");
        assert!(said.contains(says), "{environment:?}: {said}");
    }
    let output = raftdeck(&["config", "show", "nodes"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is attach, bench, check, client"));
}

/// They are told everything on the command line: else all would take one port from the deck's surroundings.
#[test]
fn a_cluster_takes_its_options_and_its_nodes_take_nothing_of_what_is_meant_for_others() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("nodes.log");
    let file = written(
        "[deck]\nnodes = 1\ntiming = 'fast'\n[node]\nhttp = '127.0.0.1:1'\nnode-id = 7\nlog-format = 'json'\n",
    );
    let mut command = Command::new(RAFTDECK);
    command.args(["up", "--json"]);
    command.env("RAFTDECK_CONFIG", file.path()).env("TMPDIR", dir.path());
    command.envs([("RAFTDECK_LOG_FORMAT", "json"), ("RAFTDECK_HTTP", "127.0.0.1:1"), ("PORT", "1")]);
    command.env("RAFTDECK_LOG_FILE", &log);
    let output = support::output_for(command, "wait leader\nlogs\nquit\n");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cluster = lines.iter().find(|line| line["event"] == "cluster").unwrap();
    assert_eq!(cluster["nodes"], serde_json::json!([1]), "the file says one node");
    assert!(lines.iter().any(|line| line["event"] == "leader" && line["leader"] == 1), "{text}");
    assert!(!log.exists());
}

#[test]
fn a_client_finds_its_cluster_in_the_file() {
    let file = written("[client]\ncluster = ['127.0.0.1:1']\ntimeout = 1\n");
    let output = raftdeck(&["client", "get", "x", "--config", file.path().to_str().unwrap()], &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("no node could be reached within 1000 ms") && said.contains("127.0.0.1:1"),
        "{said}"
    );
}
