//! Who goes first: the command line, the environment, the file, the default; also where options exclude each other.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use raftdeck_config::{Program, Refusal, Section, StandIn, as_json, as_table};
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

fn switch(name: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue)
}

fn number(name: &'static str) -> Arg {
    Arg::new(name).long(name).value_parser(value_parser!(u64))
}

fn program() -> Program {
    let node = Command::new("node")
        .args([
            switch("fast"),
            switch("slow"),
            switch("verbose"),
            number("seed").default_value("7"),
            number("id"),
        ])
        .group(ArgGroup::new("mode").args(["fast", "slow"]))
        .arg(number("trace").requires("id"))
        .arg(Arg::new("filter").long("filter").env("RAFTDECK_LOG"))
        .arg(Arg::new("peers").long("peers").value_delimiter(',').action(ArgAction::Append));
    let put = Command::new("put")
        .arg(Arg::new("key").required(true))
        .arg(Arg::new("value").allow_hyphen_values(true).required_unless_present("from"))
        .arg(Arg::new("from").long("from").conflicts_with("value"));
    let client = Command::new("client")
        .arg(number("timeout").global(true))
        .arg(Arg::new("token").long("token").global(true))
        .arg(switch("json").global(true))
        .arg(switch("quiet").global(true).conflicts_with("json"))
        .subcommand(put);
    let bench = Command::new("bench").arg(number("rate"));
    let up = Command::new("up").arg(number("nodes"));
    let all = Command::new("raftdeck").arg(number("nodes")).args_conflicts_with_subcommands(true);
    Program::new(all.subcommands([node, client, bench, up]), "deck")
        .shared(&[("up", "deck")])
        .stand_ins(&[StandIn { table: "node", option: "id", variable: "NODE_ID", is_secret: false }])
        .stand_ins(&[StandIn { table: "client", option: "token", variable: "TOKEN", is_secret: true }])
}

/// A file that is gone with the test.
struct Written(PathBuf);

impl Written {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("raftdeck-config-{}-{name}.toml", std::process::id()));
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        Self(path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn parse(line: &str, environment: &[(&str, &str)]) -> Result<ArgMatches, Refusal> {
    let words = std::iter::once("raftdeck").chain(line.split_whitespace()).map(OsString::from).collect();
    let lookup = |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    };
    program().parse(words, &lookup)
}

/// The command's own part.
fn read(line: &str, environment: &[(&str, &str)]) -> ArgMatches {
    let mut matches = parse(line, environment).unwrap_or_else(|refusal| panic!("{line}: {refusal:?}"));
    while let Some((_, sub)) = matches.remove_subcommand() {
        matches = sub;
    }
    matches
}

fn number_of(matches: &ArgMatches, name: &str) -> Option<u64> {
    matches.get_one(name).copied()
}

fn refused(line: &str, environment: &[(&str, &str)]) -> String {
    match parse(line, environment).expect_err("it is refused") {
        Refusal::Usage(error, notes) => format!("{error}{}", notes.join("\n")),
        Refusal::Config(error) => error.to_string(),
    }
}

#[test]
fn the_command_line_goes_before_the_environment_before_the_file_before_the_default() {
    let file = Written::new("order", "[node]\nseed = 3\n");
    let path = file.0.to_str().unwrap();
    let in_file = format!("node --config {path}");
    let both = [("RAFTDECK_SEED", "2")];
    assert_eq!(number_of(&read(&format!("{in_file} --seed 1"), &both), "seed"), Some(1));
    assert_eq!(number_of(&read(&in_file, &both), "seed"), Some(2));
    assert_eq!(number_of(&read(&in_file, &[]), "seed"), Some(3));
    assert_eq!(number_of(&read("node", &[]), "seed"), Some(7));
    assert_eq!(number_of(&read("node", &[("RAFTDECK_CONFIG", path)]), "seed"), Some(3));
    assert_eq!(number_of(&read(&in_file, &[("RAFTDECK_SEED", " ")]), "seed"), Some(3), "empty says nothing");
}

#[test]
fn a_list_is_replaced_and_not_added_to() {
    let file = Written::new("list", "[node]\npeers = ['a', 'b']\n");
    let path = file.0.to_str().unwrap();
    let peers = |line: &str, environment: &[(&str, &str)]| -> Vec<String> {
        let matches = read(&format!("node --config {path}{line}"), environment);
        matches.get_many::<String>("peers").unwrap().cloned().collect()
    };
    assert_eq!(peers("", &[]), ["a", "b"]);
    assert_eq!(peers("", &[("RAFTDECK_PEERS", "c,d,e")]), ["c", "d", "e"]);
    assert_eq!(peers(" --peers f", &[("RAFTDECK_PEERS", "c,d,e")]), ["f"]);
}

#[test]
fn a_switch_is_on_or_off_from_everywhere() {
    let file = Written::new("switch", "[node]\nverbose = true\n");
    let with_file = format!("node --config {}", file.0.display());
    let verbose = |line: &str, environment: &[(&str, &str)]| read(line, environment).get_flag("verbose");
    assert!(verbose(&with_file, &[]));
    assert!(!verbose(&with_file, &[("RAFTDECK_VERBOSE", "false")]), "the environment takes precedence");
    assert!(verbose("node", &[("RAFTDECK_VERBOSE", "1")]));
    assert!(verbose("node --verbose", &[("RAFTDECK_VERBOSE", "0")]));
    let said = refused("node", &[("RAFTDECK_VERBOSE", "maybe")]);
    assert!(said.contains("RAFTDECK_VERBOSE=maybe is invalid: use true or false"), "{said}");
}

#[test]
fn what_excludes_something_of_a_higher_rank_is_left_out() {
    let file = Written::new("exclude", "[node]\nslow = true\n");
    let with_file = format!("node --config {}", file.0.display());
    let modes = |line: &str, environment: &[(&str, &str)]| {
        let matches = read(line, environment);
        (matches.get_flag("fast"), matches.get_flag("slow"))
    };
    assert_eq!(modes(&with_file, &[]), (false, true));
    assert_eq!(modes(&format!("{with_file} --fast"), &[]), (true, false));
    assert_eq!(modes(&with_file, &[("RAFTDECK_FAST", "true")]), (true, false));
    assert_eq!(modes(&with_file, &[("RAFTDECK_FAST", "false")]), (false, true));
    assert_eq!(modes("node --slow", &[("RAFTDECK_FAST", "true")]), (false, true));
    // Of one rank, neither can give way.
    let said = refused("node", &[("RAFTDECK_FAST", "1"), ("RAFTDECK_SLOW", "1")]);
    assert!(
        said.contains("cannot be used with") && said.contains("--slow comes from RAFTDECK_SLOW"),
        "{said}"
    );
}

#[test]
fn what_excludes_an_option_of_all_commands_below_is_left_out_wherever_that_stands() {
    let file = Written::new("exclude-global", "[client]\njson = true\n");
    let with_file = format!("client --config {}", file.0.display());
    let form = |line: &str, environment: &[(&str, &str)]| {
        let matches = read(line, environment);
        (matches.get_flag("json"), matches.get_flag("quiet"))
    };
    for line in ["--quiet put k v", "put --quiet k v", "put k v --quiet"] {
        assert_eq!(form(&format!("{with_file} {line}"), &[]), (false, true), "{line}");
        assert_eq!(form(&format!("client {line}"), &[("RAFTDECK_JSON", "1")]), (false, true), "{line}");
    }
    assert_eq!(form("client --json put k v", &[("RAFTDECK_QUIET", "1")]), (true, false));
    assert_eq!(form(&format!("{with_file} put k v"), &[("RAFTDECK_QUIET", "1")]), (false, true));
}

#[test]
fn what_needs_something_finds_it_wherever_it_comes_from() {
    let file = Written::new("needs", "[node]\ntrace = 1\n");
    let with_file = format!("node --config {}", file.0.display());
    let said = refused(&with_file, &[]);
    assert!(said.contains("--id"), "{said}");
    assert_eq!(number_of(&read(&with_file, &[("RAFTDECK_ID", "2")]), "id"), Some(2));
    let put = read("client put color", &[("RAFTDECK_FROM", "a.txt")]);
    assert_eq!(put.get_one::<String>("from").map(String::as_str), Some("a.txt"));
    let said = refused("client put", &[("RAFTDECK_FROM", "a.txt")]);
    assert!(said.contains("<key>"), "{said}");
}

#[test]
fn values_that_look_like_options_and_commands_stay_values() {
    let environment = [("RAFTDECK_TIMEOUT", "9")];
    for line in ["client put put -5", "client put key -- --x", "client --config /dev/null put client -x"] {
        let matches = read(line, &environment);
        assert_eq!(number_of(&matches, "timeout"), Some(9), "{line}");
        assert!(matches.get_one::<String>("value").is_some_and(|value| value.starts_with('-')), "{line}");
    }
    assert_eq!(number_of(&read("client --timeout 3 put a b", &environment), "timeout"), Some(3));
    assert_eq!(number_of(&read("client put a b --timeout 4", &environment), "timeout"), Some(4));
}

#[test]
fn commands_that_mean_something_else_by_a_word_have_variables_of_their_own() {
    let environment = [("RAFTDECK_RATE", "1"), ("RAFTDECK_BENCH_RATE", "2"), ("RAFTDECK_LOG", "info")];
    assert_eq!(number_of(&read("bench", &environment), "rate"), Some(2));
    let named = read("node", &environment);
    assert_eq!(named.get_one::<String>("filter").map(String::as_str), Some("info"));
}

#[test]
fn a_command_may_share_the_table_of_another() {
    let file = Written::new("shared", "[deck]\nnodes = 5\n");
    let path = file.0.display();
    assert_eq!(number_of(&read(&format!("up --config {path}"), &[]), "nodes"), Some(5));
    assert_eq!(number_of(&read(&format!("--config {path}"), &[]), "nodes"), Some(5));
}

#[test]
fn mistakes_of_files_and_variables_are_told_with_their_place() {
    let file = Written::new("mistake", "\n[node]\nseed = 'x'\n");
    let path = file.0.display();
    let said = refused(&format!("up --config {path}"), &[]);
    assert!(said.starts_with(&format!("{path}:3: seed of [node] cannot be x: invalid digit")), "{said}");
    let said = refused("node", &[("RAFTDECK_SEED", "y")]);
    assert!(said.starts_with("RAFTDECK_SEED=y is invalid: invalid digit"), "{said}");
    for (path, why) in [("/nowhere/at/all.toml", "no such file"), ("/", "a directory")] {
        let said = refused(&format!("node --config {path}"), &[]);
        assert!(said.contains(path) && said.contains(why), "{said}");
    }
    // A mistake on the command line is clap's to tell.
    assert!(refused("node --sed 1", &[("RAFTDECK_SEED", "1")]).contains("--sed"));
}

fn shown(below: &[&str], environment: &[(&str, &str)], path: &str) -> Vec<Section> {
    let words = ["raftdeck", "--config", path].map(OsString::from).to_vec();
    let lookup = |name: &str| {
        environment.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    };
    let program = program();
    let matches = program.parse(words, &lookup).unwrap();
    let below: Vec<String> = below.iter().map(|&word| word.to_owned()).collect();
    program.in_force(&below, &matches, &lookup).unwrap()
}

#[test]
fn each_value_is_shown_with_where_it_comes_from() {
    let file = Written::new("shown", "[node]\nseed = 3\nslow = true\npeers = ['a', 'b']\n");
    let path = file.0.to_str().unwrap();
    let environment = [("RAFTDECK_FAST", "yes"), ("NODE_ID", "n2")];
    let sections = shown(&["node"], &environment, path);
    let table = as_table("raftdeck", &sections);
    for line in [
        "raftdeck node  [node]".to_owned(),
        "  fast     true   RAFTDECK_FAST".to_owned(),
        "  slow     false  default".to_owned(),
        "  verbose  false  default".to_owned(),
        format!("  seed     3      {path}:2"),
        "  id       n2     NODE_ID".to_owned(),
        "  trace    -      default".to_owned(),
        format!("  peers    a,b    {path}:4"),
    ] {
        assert!(table.lines().any(|other| other == line), "{line:?} is not in\n{table}");
    }
    let json = as_json("raftdeck", &sections);
    let node = &json["raftdeck node"];
    assert_eq!(
        node["fast"],
        serde_json::json!({"value": true, "source": "environment", "variable": "RAFTDECK_FAST"})
    );
    assert_eq!(node["peers"]["value"], serde_json::json!(["a", "b"]));
    assert_eq!((&node["seed"]["line"], &node["seed"]["value"]), (&2.into(), &"3".into()));
    assert_eq!(node["trace"], serde_json::json!({"value": null, "source": "default"}));
}

#[test]
fn what_stands_in_for_an_option_goes_before_the_file_and_a_secret_is_not_shown() {
    let file = Written::new("secret", "[client]\ntoken = 'token.txt'\n");
    let path = file.0.to_str().unwrap();
    let environment = [("TOKEN", "hidden-treasure")];
    let client = read(&format!("client --config {path} put a b"), &environment);
    assert_eq!(client.get_one::<String>("token"), None, "the command reads the variable by itself");
    let table = as_table("raftdeck", &shown(&["client"], &environment, path));
    assert!(table.contains("(secret)") && table.contains("TOKEN") && !table.contains("treasure"), "{table}");
}

#[test]
fn all_commands_are_shown_each_option_once() {
    let sections = shown(&[], &[], "/dev/null");
    let names: Vec<String> = sections.iter().map(|section| section.path.join(" ")).collect();
    assert_eq!(names, ["", "node", "client", "client put", "bench", "up"]);
    let put = sections.iter().find(|section| section.path.len() == 2).unwrap();
    assert_eq!(put.rows.iter().map(|row| row.option.as_str()).collect::<Vec<_>>(), ["from"]);
    assert_eq!(shown(&["deck"], &[], "/dev/null").len(), 2, "the deck and up share a table");
}

#[test]
fn help_names_the_variable_and_not_what_it_is_set_to() {
    let Refusal::Usage(help, _) = parse("node --help", &[("RAFTDECK_SEED", "5")]).unwrap_err() else {
        panic!("help is clap's")
    };
    let help = help.to_string();
    assert!(help.contains("[env: RAFTDECK_SEED]") && help.contains("[env: RAFTDECK_LOG]"), "{help}");
    assert!(help.contains("--config <FILE>"), "{help}");
}
