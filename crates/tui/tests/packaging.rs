//! What the program tells other programs of itself: completions, pages for man, paths.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::process::Output;
use std::time::Duration;

/// How long a program may take that comes to its end by itself.
const LIMIT: Duration = Duration::from_mins(1);

fn raftdeck(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftdeck"));
    command.args(args).env("XDG_STATE_HOME", "/state").timeout(LIMIT);
    command.output().unwrap()
}

fn told(args: &[&str]) -> String {
    let output = raftdeck(args);
    assert!(output.status.success() && output.stderr.is_empty(), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = told(&["completions", shell]);
        for word in ["transfer", "from-file", "consistency", "completions"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}

#[test]
fn bash_completes_with_its_script() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("raftdeck");
    fs::write(&script, told(&["completions", "bash"])).unwrap();
    let completes = format!(
        "source {}; COMP_WORDS=(raftdeck client tra); COMP_CWORD=2; _raftdeck raftdeck tra client; echo \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let output = Command::new("bash").args(["--norc", "-c", &completes]).timeout(LIMIT).output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "transfer\n",
        "{:?}",
        String::from_utf8(output.stderr)
    );
}

#[test]
fn there_is_a_page_for_man_and_one_for_each_command() {
    let page = told(&["man"]);
    assert!(page.contains(".TH raftdeck 1") && page.contains("raftdeck\\-client(1)"), "{page}");
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("made/man1");
    assert_eq!(told(&["man", "--dir", into.to_str().unwrap()]), "");
    for (name, says) in [
        ("raftdeck", "raftdeck \\-\\-nodes 5"),
        ("raftdeck-client", "raftdeck client put color blue"),
        ("raftdeck-client-put", "\\-\\-from\\-file"),
        ("raftdeck-client-member-add", "member add 4"),
        ("raftdeck-sim-run", "seed"),
        ("raftdeck-paths", "raftdeck paths"),
    ] {
        let page = fs::read_to_string(into.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")) && page.contains(says), "{name}: {page}");
        assert!(page.contains(".SH EXAMPLES\n.nf\n") && page.is_ascii(), "{name}: {page}");
    }
    // What is for the program's own use is not described.
    assert!(!into.join("raftdeck-bench-floor.1").exists());
    let output = raftdeck(&["man", "--dir", "/dev/null/x"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("/dev/null/x"), "{said}");
}

#[test]
fn paths_are_told_to_people_and_programs() {
    let plain = told(&["paths"]);
    assert!(plain.contains("client history  /state/raftdeck/client-history\n"), "{plain}");
    let json: Value = serde_json::from_str(&told(&["paths", "--json"])).unwrap();
    assert_eq!(json["client_history"], "/state/raftdeck/client-history");
    assert_eq!(json["state"], "/state/raftdeck");
}
