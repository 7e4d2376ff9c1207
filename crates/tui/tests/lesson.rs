//! `raftdeck lesson`, `teach`, `learn`, `museum` and `paper` where there is no terminal: what is printed, and the exit statuses.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::deck::RAFTDECK;
use support::output;
use tempfile::TempDir;

/// A lesson of two chapters. The second has a step that waits for its condition.
const SHORT: &str = r#"schema = 1
id = "short"
title = "Short"
description = "The leader is killed."
minutes = 2
[[chapter]]
id = "first"
title = "First"
minutes = 1
[[chapter.step]]
caption = "There is a leader."
wait = "leader"
[[chapter]]
id = "second"
title = "Second"
minutes = 1
[[chapter.step]]
caption = "The leader is killed."
do = """
let old = leader
kill $old
"""
wait = "not leader $old"
[[chapter.step]]
[chapter.step.ask]
question = "Who leads next?"
options = [
    { text = "A follower whose timer ran out", right = true, because = "It asks for votes." },
    { text = "The node with the smallest number", misconception = "smallest-id-wins", because = "Numbers play no part." },
    { text = "Nobody", misconception = "majority-of-the-living", because = "Two of three are a majority." },
]
[chapter.step.reveal]
wait = "leader"
explain = "A majority voted for it (paper §5.2)."
"#;

fn raftdeck(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(RAFTDECK);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.env("XDG_STATE_HOME", folder.join("state")).env("XDG_CONFIG_HOME", folder.join("config"));
    output(command)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What is printed by a command that works.
fn does(args: &[&str], folder: &Path) -> String {
    let output = raftdeck(args, folder);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(text(&output.stderr), "", "{args:?}");
    text(&output.stdout)
}

/// The exit status of a command that fails, and what it says on its standard error.
fn fails(args: &[&str], folder: &Path) -> (i32, String) {
    let output = raftdeck(args, folder);
    assert_eq!(text(&output.stdout), "", "{args:?}");
    (output.status.code().expect("it ends by itself"), text(&output.stderr))
}

/// Checks this lesson in a file: the exit status and what is printed.
fn check(lesson: &str) -> (i32, String) {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("short.toml"), lesson).unwrap();
    let output = raftdeck(&["lesson", "check", "short.toml"], folder.path());
    assert_eq!(text(&output.stderr), "");
    (output.status.code().expect("it ends by itself"), text(&output.stdout))
}

#[test]
fn lessons_are_listed_with_how_far_somebody_is() {
    let folder = TempDir::new().unwrap();
    let listed = does(&["lesson", "list"], folder.path());
    let line = |listed: &str, id: &str| {
        let line = listed.lines().find(|line| line.split_whitespace().next() == Some(id));
        line.unwrap_or_else(|| panic!("{id} in:\n{listed}")).to_owned()
    };
    assert!(line(&listed, "tour").contains("1 questions  A tour of the deck"), "{listed}");
    assert!(line(&listed, "raft-in-30-minutes").contains("30 min"), "{listed}");

    let state = folder.path().join("state/raftdeck");
    fs::create_dir_all(&state).unwrap();
    let known = r#"{ "tour": { "chapter": "tour", "step": 7, "is_finished": true, "answered": [] },
        "raft-in-30-minutes": { "chapter": "partition", "step": 2, "is_finished": false, "answered": [] } }"#;
    fs::write(state.join("lessons.json"), known).unwrap();
    let listed = does(&["lesson", "list"], folder.path());
    assert!(line(&listed, "tour").ends_with("A tour of the deck  done"), "{listed}");
    assert!(line(&listed, "raft-in-30-minutes").ends_with("Raft in 30 minutes  at partition"), "{listed}");
}

#[test]
fn the_list_and_the_schema_are_json_for_programs() {
    let folder = TempDir::new().unwrap();
    let listed = does(&["lesson", "list", "--json"], folder.path());
    let lessons: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tour = lessons.iter().find(|lesson| lesson["id"] == "tour").unwrap();
    assert_eq!((&tour["minutes"], &tour["questions"]), (&Value::from(5), &Value::from(1)));
    assert_eq!(tour["chapters"][0]["id"], "tour");
    let schema: Value = serde_json::from_str(&does(&["lesson", "schema"], folder.path())).unwrap();
    assert_eq!(schema["title"], "A raftdeck lesson");
    assert!(schema["properties"]["chapter"].is_object(), "{schema}");
}

#[test]
fn a_lesson_is_described_without_its_answers() {
    let folder = TempDir::new().unwrap();
    let shown = does(&["lesson", "show", "raft-in-30-minutes"], folder.path());
    assert!(shown.starts_with("Raft in 30 minutes (30 minutes)\n"), "{shown}");
    assert!(shown.contains("\n4. Partition (4 minutes)\n"), "{shown}");
    assert!(shown.contains("   asks: The network heals. What becomes of red in the logs of n1 and n2?\n"));
    assert!(!shown.contains("The new leader's entries replace it"), "{shown}");
    let tour = does(&["lesson", "show", "tour"], folder.path());
    assert!(tour.contains("   task: Kill the leader"), "{tour}");
    // The source of a built-in lesson is one that can be changed and played.
    fs::write(folder.path().join("mine.toml"), does(&["lesson", "show", "tour", "--source"], folder.path()))
        .unwrap();
    assert_eq!(does(&["lesson", "show", "mine.toml"], folder.path()), tour);
}

#[test]
fn what_is_unknown_is_answered_with_the_nearest() {
    let folder = TempDir::new().unwrap();
    for (args, says) in [
        (&["lesson", "show", "tuor"][..], "there is no lesson \"tuor\": did you mean tour?"),
        (&["lesson", "run", "raft-in-30-minuts"], "did you mean raft-in-30-minutes?"),
        (&["teach", "raft-in-30-minuts"], "did you mean raft-in-30-minutes?"),
        (&["lesson", "run", "dance"], "there is no lesson \"dance\": raftdeck lesson list shows all of them"),
        (&["lesson", "run", "none.toml"], "none.toml cannot be read"),
        (
            &["lesson", "run", "raft-in-30-minutes", "--chapter", "elektion"],
            "its chapters are election, replication",
        ),
        (&["teach", "tour", "--chapter", "9"], "tour has no chapter \"9\""),
        (&["paper", "3"], "paper has no chapter \"figure-3\": its chapters are figure-2, figure-5"),
        (&["museum", "two-vots"], "there is no exhibit \"two-vots\": did you mean two-votes?"),
        (&["museum", "dance"], "there is no exhibit \"dance\": raftdeck museum lists them"),
    ] {
        let (status, said) = fails(args, folder.path());
        assert!(said.contains(says), "{args:?}: {said}");
        assert_eq!(status, 2, "{args:?}: {said}");
    }
}

#[test]
fn what_is_shown_on_the_deck_says_that_it_needs_a_terminal() {
    let folder = TempDir::new().unwrap();
    for args in [
        &["lesson", "run", "tour"][..],
        &["teach", "tour"],
        &["teach", "tour", "--audience"],
        &["learn"],
        &["paper"],
        &["paper", "8"],
        &["museum", "two-votes"],
    ] {
        let (status, said) = fails(args, folder.path());
        assert!(said.contains("terminal"), "{args:?}: {said}");
        assert_eq!(status, 2, "{args:?}: {said}");
    }
    assert!(!folder.path().join("state").exists(), "nothing was begun");
}

#[test]
fn the_exhibits_are_listed() {
    let folder = TempDir::new().unwrap();
    let listed = does(&["museum"], folder.path());
    let line = listed.lines().find(|line| line.starts_with("two-votes ")).unwrap();
    assert!(line.contains("Election Safety") && line.ends_with("Two votes in one term"), "{line}");
}

#[test]
fn a_lesson_without_mistakes_is_played_and_nothing_is_said() {
    assert_eq!(check(SHORT), (0, String::new()));
}

#[test]
fn mistakes_are_said_with_file_line_and_column() {
    let wrong = |good: &str, instead: &str| {
        assert!(SHORT.contains(good), "{good}");
        check(&SHORT.replacen(good, instead, 1))
    };
    let (status, said) = wrong("kill $old", "klil $old");
    assert_eq!(said, "short.toml:21:1: \"klil\" is not known: did you mean kill?\n");
    assert_eq!(status, 2);
    let (status, said) = wrong("wait = \"leader\"\n", "wate = \"leader\"\n");
    assert!(said.starts_with("short.toml:12:1: ") && said.contains("wate"), "{said}");
    assert_eq!(status, 2);
    let (status, said) = wrong("smallest-id-wins", "smallest-wins");
    assert!(said.starts_with("short.toml:29:") && said.contains("smallest-wins"), "{said}");
    assert_eq!(status, 2);
}

#[test]
fn a_step_that_does_not_come_about_is_named() {
    // Nobody can win without a majority.
    let (status, said) = check(&SHORT.replacen("wait = \"not leader $old\"", "wait = \"leader $old\"", 1));
    assert_eq!(status, 3, "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3, "one for each seed: {said}");
    for (line, seed) in lines.iter().zip(1..) {
        let expected = format!(
            "short.toml: chapter second with seed {seed}: step 1: leader $old was waited for in vain: "
        );
        assert!(line.starts_with(&expected), "{line}");
    }
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_mistakes_of_another() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("short.toml"), SHORT.replacen("kill $old", "klil $old", 1)).unwrap();
    let output = raftdeck(&["lesson", "check", "none.toml", "short.toml"], folder.path());
    assert!(text(&output.stderr).contains("none.toml cannot be read"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("short.toml:21:1: "), "{}", text(&output.stdout));
    assert_eq!(output.status.code(), Some(2));
    let output = raftdeck(&["lesson", "check", "none.toml"], folder.path());
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_new_lesson_passes_its_check_and_is_never_written_over_another() {
    let folder = TempDir::new().unwrap();
    let said = does(&["lesson", "new", "my-own"], folder.path());
    assert!(said.starts_with("my-own.toml is written."), "{said}");
    assert_eq!(does(&["lesson", "check", "my-own.toml"], folder.path()), "");
    assert!(
        does(&["lesson", "show", "my-own.toml"], folder.path()).contains("1. Who leads next? (5 minutes)")
    );
    let (status, said) = fails(&["lesson", "new", "my-own"], folder.path());
    assert!(said.contains("my-own.toml exists already"), "{said}");
    assert_eq!(status, 1);
    let (status, said) = fails(&["lesson", "new", "My own"], folder.path());
    assert!(said.contains("lower-case"), "{said}");
    assert_eq!(status, 2);
    assert!(!folder.path().join("My own.toml").exists());
}
