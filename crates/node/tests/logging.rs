//! What a node logs, how and where, and what happens to a log that cannot be written.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Launch, eventually};

fn alone(dir: &Path) -> Launch {
    Launch::new(&["--bind", "127.0.0.1:0", "--heartbeat", "30", "--election", "150..300"])
        .data(&dir.join("data"))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// The log file and those put aside.
fn files(log: &Path) -> Vec<PathBuf> {
    let name = log.file_name().unwrap().to_string_lossy().into_owned();
    let all = fs::read_dir(log.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with(&name)).collect()
}

/// Every line is an object of the promised shape.
#[track_caller]
fn assert_json(text: &str) {
    assert!(!text.is_empty());
    for line in text.lines() {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for key in ["time", "level", "target", "message"] {
            assert!(object[key].is_string(), "{key} of {line}");
        }
        assert!(object["fields"].is_object(), "{line}");
        assert!(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&object["level"].as_str().unwrap()));
        let time = object["time"].as_str().unwrap();
        let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "RFC 3339");
    }
}

#[test]
fn json_is_an_object_a_line_on_standard_error_and_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("n1.log");
    let launch = alone(dir.path()).args(&["--log-format", "json", "--verbose", "--log-file", path(&log)]);
    let mut node = launch.ready();
    eventually("a leader", || (node.health()?["state"] == "leader").then_some(()));
    node.signal(rustix::process::Signal::TERM);
    assert_eq!(node.wait().code(), Some(0));
    let said = node.log();
    assert_json(&said);
    let written = fs::read_to_string(&log).unwrap();
    assert_json(&written);
    let messages = |text: &str| -> Vec<String> {
        text.lines().map(|line| line[line.find("\"level\"").unwrap()..].to_owned()).collect()
    };
    assert_eq!(messages(&said), messages(&written), "both have all of it");
}

#[test]
fn a_log_file_has_times_and_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("n1.log");
    for starts in 1..=2 {
        let mut node = alone(dir.path()).args(&["--log-file", path(&log)]).ready();
        node.signal(rustix::process::Signal::TERM);
        node.wait();
        let text = fs::read_to_string(&log).unwrap();
        assert_eq!(text.matches("stopping on SIGTERM").count(), starts, "{text}");
        assert!(
            text.lines().all(|line| line.starts_with("20") && line.contains("Z  INFO raftdeck_node")),
            "{text}"
        );
    }
}

#[test]
fn a_log_file_is_put_aside_when_it_is_full_and_the_oldest_goes() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("n1.log");
    let bounds = ["--log-file-size", "4096", "--log-file-count", "3", "--log-filter", "trace"];
    let launch = alone(dir.path()).args(&bounds).args(&["--log-file", path(&log), "--log-format", "json"]);
    let node = launch.ready();
    eventually("three full files", || {
        node.http("PUT", "/set", r#"{"key":"a","value":"b"}"#);
        (files(&log).len() == 3).then_some(())
    });
    for _ in 0..50 {
        node.http("PUT", "/set", r#"{"key":"a","value":"b"}"#);
        let files = files(&log);
        assert!(files.len() <= 3, "{files:?}");
        for file in files {
            // It may be put aside between the two looks.
            assert!(fs::metadata(&file).map_or(0, |file| file.len()) <= 4096, "{}", file.display());
        }
    }
    drop(node);
    for file in files(&log) {
        assert_json(&fs::read_to_string(file).unwrap());
    }
}

#[test]
fn a_filter_says_what_is_logged_wherever_it_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    let has = |launch: &Launch, level: &str| {
        let mut node = launch.ready();
        node.http("PUT", "/set", r#"{"key":"a","value":"b"}"#);
        node.signal(rustix::process::Signal::TERM);
        node.wait();
        node.log().lines().any(|line| line.starts_with(level))
    };
    let usual = alone(dir.path());
    assert!(has(&usual, "INFO") && !has(&usual, "DEBUG"));
    assert!(has(&alone(dir.path()).args(&["--verbose"]), "DEBUG raftdeck_node"));
    assert!(has(&alone(dir.path()).args(&["--log-filter", "raftdeck_node=debug"]), "DEBUG raftdeck_node"));
    assert!(has(&alone(dir.path()).variable("RAFTDECK_LOG", "debug"), "DEBUG"));
    let flag_first =
        alone(dir.path()).variable("RAFTDECK_LOG", "debug").args(&["--log-filter", "warn", "-v"]);
    assert!(!has(&flag_first, "DEBUG") && !has(&flag_first, "INFO"));
}

#[test]
fn a_log_that_cannot_be_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    for (args, status, says) in [
        (&["--log-filter", "raftdeck_node=loud"][..], 2, "is not a log filter"),
        (&["--log-format", "xml"], 2, "human, json"),
        (&["--log-file-size", "100"], 2, "4096"),
        (&["--log-file-count", "0"], 2, "1..=1000"),
        (
            &["--log-file", "/nowhere/at/all/n1.log"],
            1,
            "/nowhere/at/all/n1.log cannot be written: No such file",
        ),
        (&["--log-file", "/"], 1, "the log file / cannot be written: Is a directory"),
        (&["--log-file", "/dev/null"], 1, "it is not a regular file"),
    ] {
        let (code, said) = alone(dir.path()).args(args).fails();
        assert_eq!(code, Some(status), "{args:?}: {said}");
        assert!(said.contains(says) && !said.contains("panicked"), "{args:?}: {said}");
    }
    let log = dir.path().join("n1.log");
    let _first = alone(dir.path()).args(&["--log-file", path(&log)]).ready();
    let other = Launch::new(&["--bind", "127.0.0.1:0"]).data(&dir.path().join("other"));
    let (code, said) = other.args(&["--log-file", path(&log)]).fails();
    assert!(code == Some(1) && said.contains("another node writes to it"), "{said}");
}

#[test]
fn a_log_that_cannot_be_written_any_more_stops_no_node() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("logs/n1.log");
    fs::create_dir(dir.path().join("logs")).unwrap();
    let bounds = ["--log-file-size", "4096", "--log-filter", "trace"];
    let node = alone(dir.path()).args(&bounds).args(&["--log-file", path(&log)]).ready();
    fs::remove_dir_all(dir.path().join("logs")).unwrap();
    for _ in 0..100 {
        eventually("a write", || {
            (node.http("PUT", "/set", r#"{"key":"a","value":"b"}"#).status == 200).then_some(())
        });
    }
    assert!(!log.exists());
    // Where it can be written again, it is.
    fs::create_dir(dir.path().join("logs")).unwrap();
    eventually("the log is there again", || {
        node.http("PUT", "/set", r#"{"key":"a","value":"b"}"#);
        log.exists().then_some(())
    });
}
