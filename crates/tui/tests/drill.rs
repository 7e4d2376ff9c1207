//! `raftdeck drill` over real processes and over the simulator: verdicts as exit statuses, files, and what is left behind.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::deck::RAFTDECK;
use support::{alone, eventually, output, processes};
use tempfile::TempDir;

/// A drill that takes a few seconds over real processes.
const SHORT: &str = r#"schema = 1
id = "short"
title = "Short"
description = "The leader is killed."
[workload]
[[step]]
after = "4T"
do = """
let old = leader
kill $old
"""
verify = "down $old"
[[step]]
wait = "all of leader and not leader $old"
within = "100T"
[[step]]
do = "sleep 2T"
[[assert]]
name = "another leader"
expr = "D"
bound = "..100T"
"#;

fn drill(args: &[&str]) -> Command {
    let mut command = Command::new(RAFTDECK);
    command.arg("drill").args(args).stdin(Stdio::null());
    command
}

/// A file in a folder of its own.
fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("short.toml");
    fs::write(&file, text).unwrap();
    (folder, file)
}

fn run(text: &str, args: &[&str]) -> Output {
    let (_folder, file) = file(text);
    let mut command = drill(&["run"]);
    command.arg(file).args(args);
    output(command)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_leader_that_is_killed_has_a_successor_whose_delay_is_printed() {
    let _alone = alone();
    let output = run(SHORT, &["--plain"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(said.contains("PASSED") && said.contains("verified: down"), "{said}");
    let takeover = said.lines().find(|line| line.trim_start().starts_with("D, new leader")).unwrap();
    assert!(takeover.contains(" ms (") || takeover.contains(" s ("), "{takeover}");
}

#[test]
fn each_verdict_has_its_exit_status() {
    let simulated = |good: &str, instead: &str| {
        assert!(SHORT.contains(good));
        run(&SHORT.replacen(good, instead, 1), &["--engine", "sim", "--plain"])
    };
    for (good, instead, status) in [
        ("short", "short", 0),
        ("..100T", "..1ms", 3),
        (
            "[workload]",
            "[[steady]]\nname = \"no leader\"\nexpr = \"leader none\"\nwithin = \"2T\"\n[workload]",
            4,
        ),
        ("kill $old", "say nothing", 4),
        ("[[assert]]", "[[abort]]\nexpr = \"down $old\"\nreason = \"enough\"\n[[assert]]", 5),
        ("kill $old", "klil $old", 2),
    ] {
        let output = simulated(good, instead);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{instead}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
    let unknown = output(drill(&["run", "leader-kil"]));
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("did you mean leader-kill?"), "{}", text(&unknown.stderr));
}

#[test]
fn a_mistake_is_said_with_file_line_and_column() {
    let (_folder, file) = file(&SHORT.replacen("kill $old", "klil $old", 1));
    let mut command = drill(&["check"]);
    command.arg(&file);
    let output = output(command);
    assert_eq!(output.status.code(), Some(2));
    let expected = format!("{}:10:1: \"klil\" is not known: did you mean kill?\n", file.display());
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn ctrl_c_aborts_a_drill_and_leaves_no_process_and_no_folder() {
    let _alone = alone();
    let temporary = TempDir::new().unwrap();
    let (_folder, file) = file(&SHORT.replacen("sleep 2T", "sleep 1000T within 10m", 1));
    let mut command = drill(&["run"]);
    command.arg(file).arg("--plain").env("TMPDIR", temporary.path());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let is_in_force = lines.by_ref().any(|line| line.contains("sleep 1000T"));
    assert!(is_in_force, "it ended before its last step");
    let nodes = processes::children(child.id());
    assert_eq!(nodes.len(), 2, "one of three is killed");
    processes::send(child.id(), Signal::INT);
    let said: Vec<String> = lines.collect();
    let status = eventually("it ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(5), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("ABORTED")), "{said:#?}");
    assert!(said.iter().any(|line| line.ends_with("heal")), "{said:#?}");
    processes::wait_gone(&nodes);
    eventually("its folder is gone", || {
        fs::read_dir(temporary.path()).unwrap().next().is_none().then_some(())
    });
}

#[test]
fn a_repeated_drill_gives_a_table_with_the_same_seeds_the_same() {
    let table = || run(SHORT, &["--engine", "sim", "--repeat", "4", "--seed", "7"]);
    let (first, second) = (table(), table());
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert_eq!(text(&first.stdout), text(&second.stdout));
    assert!(text(&first.stdout).contains("4 passed"), "{}", text(&first.stdout));
}

#[test]
fn outcomes_and_reports_are_written_as_asked() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (html, junit, table) = (path("drill.html"), path("drill.xml"), path("drill.md"));
    let history = path("history.txt");
    let files = ["--report", &html, "--junit", &junit, "--table", &table, "--history", &history];
    let output = run(SHORT, &[["--engine", "sim", "--json"].as_slice(), &files].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&outcome["verdict"], &outcome["id"]), (&Value::from("passed"), &Value::from("short")));
    assert!(outcome["moments"]["lead"].as_u64() > outcome["moments"]["fault"].as_u64());
    let read = |file: &str| fs::read_to_string(Path::new(file)).unwrap();
    assert!(read(&html).starts_with("<!DOCTYPE html>") && !read(&html).contains("<script"));
    assert!(read(&junit).contains("<testcase") && read(&junit).contains("another leader"));
    assert!(read(&table).contains("| short |"), "{}", read(&table));
    assert_is_history(&read(&history));
}

/// Whether these are a history's lines as porcupine reads them, with requests that were answered.
#[track_caller]
fn assert_is_history(history: &str) {
    let event = |line: &str| line.starts_with("{:process ") && line.ends_with('}');
    assert!(history.lines().all(|line| event(line) || line.starts_with(";;")), "{history}");
    for part in [":type :invoke, :f :put, :key \"drill-000\"", ":type :ok, :f :get, :key"] {
        assert!(history.contains(part), "{part} in {history}");
    }
}

#[test]
fn a_recording_of_a_drill_can_be_played() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let recording = folder.path().join("drill.rec").display().to_string();
    let output = run(SHORT, &["--json", "--record", &recording]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut replay = Command::new(RAFTDECK);
    replay.args(["replay", "--plain", &recording]).stdin(Stdio::null());
    let played = support::output(replay);
    assert!(text(&played.stdout).contains("killed"), "{}", text(&played.stdout));
    let history = folder.path().join("history.txt");
    let mut write = Command::new(RAFTDECK);
    write.args(["replay", "--history"]).arg(&history).arg(&recording).stdin(Stdio::null());
    assert_eq!(support::output(write).status.code(), Some(0));
    assert_is_history(&fs::read_to_string(history).unwrap());
}

#[test]
fn a_new_drill_runs_as_it_is_and_is_never_written_over_another() {
    let folder = TempDir::new().unwrap();
    let new = || {
        let mut command = drill(&["new", "my-own"]);
        command.current_dir(folder.path());
        output(command)
    };
    assert_eq!(new().status.code(), Some(0));
    let again = new();
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("my-own.toml exists already"), "{}", text(&again.stderr));
    let mut run = drill(&["run", "my-own.toml", "--engine", "sim"]);
    run.current_dir(folder.path());
    assert_eq!(output(run).status.code(), Some(0));
}

#[test]
fn what_has_no_effect_is_refused_and_results_are_not_lost_with_their_file() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let refused = run(SHORT, &["--engine", "sim", "--record", &path("drill.rec")]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("--record is for one run over real processes"));
    let unwritable = run(SHORT, &["--engine", "sim", "--report", &path("none/drill.html")]);
    assert_eq!(unwritable.status.code(), Some(1));
    assert!(text(&unwritable.stdout).contains("PASSED"), "{}", text(&unwritable.stdout));
    assert!(text(&unwritable.stderr).contains("cannot be written"), "{}", text(&unwritable.stderr));
}

#[test]
fn repeated_runs_have_different_seeds_also_where_the_file_names_the_engine() {
    let simulated = SHORT.replacen("[workload]", "[cluster]\nengine = \"sim\"\n[workload]", 1);
    let output = run(&simulated, &["--repeat", "3", "--json"]);
    let said = text(&output.stdout);
    let seeds: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["context"]["seed"].clone())
        .collect();
    assert_eq!(seeds, [1, 2, 3]);
}

#[test]
fn engines_are_compared_side_by_side() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("compared.md");
    let (_folder, file) = file(SHORT);
    let compare = |args: &[&str]| {
        let mut command = drill(&["compare"]);
        command.arg(&file).args(args);
        output(command)
    };
    let output = compare(&["--engines", "sim", "--repeat", "3", "--out", &out.display().to_string()]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", text(&output.stderr));
    assert!(said.contains("3 passed") && said.contains("D, new leader"), "{said}");
    assert!(fs::read_to_string(&out).unwrap().contains("| verdicts | 3 passed |"));
    let json = compare(&["--engines", "sim", "--json"]);
    let figures: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&figures["id"], &figures["engines"][0]["runs"]), (&Value::from("short"), &Value::from(5)));
    let twice = compare(&["--engines", "sim,sim"]);
    assert_eq!(twice.status.code(), Some(2));
    assert!(text(&twice.stderr).contains("names an engine twice"), "{}", text(&twice.stderr));
}
