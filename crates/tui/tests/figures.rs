//! The scripts under `examples/` do what they say, over real processes and over the simulator: each is run as its own head says, and
//! ends well only if every state that it waits for and expects comes about.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use assert_cmd::Command;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Runs `examples/NAME` by the command in its head, and gives what it printed.
fn run_with(more: &[&str], name: &str) -> String {
    let script = root().join("examples").join(name);
    let text = std::fs::read_to_string(&script).unwrap();
    let command =
        text.lines().find_map(|line| line.strip_prefix("#   raftdeck ")).expect("a command in its head");
    let (args, file) = command.split_once(" --script ").expect("it names its script");
    assert_eq!(file, format!("examples/{name}"));
    let done = Command::new(env!("CARGO_BIN_EXE_raftdeck"))
        .args(args.split(' '))
        .current_dir(root())
        .args(["--script", file])
        .args(more)
        .timeout(Duration::from_secs(100))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{}: {}\n{said}", done.status, String::from_utf8_lossy(&done.stderr));
    said
}

/// What it prints over real processes, and over the simulator, where it prints the same each time.
fn run(name: &str) -> [String; 2] {
    let simulated = run_with(&["--engine", "sim"], name);
    assert_eq!(simulated, run_with(&["--engine", "sim"], name));
    [run_with(&[], name), simulated]
}

/// The rows of what `logs` printed, the last time or this many times before, with single blanks and without marks of commitment.
fn logs(said: &str, from_end: usize) -> Vec<String> {
    let lines: Vec<&str> = said.lines().collect();
    let heads: Vec<usize> =
        (0..lines.len()).filter(|&at| lines[at].trim_start().starts_with("entry ")).collect();
    let head = heads[heads.len() - 1 - from_end];
    let is_row =
        |line: &&&str| line.split_whitespace().next().is_some_and(|word| word.parse::<u64>().is_ok());
    let rows = lines[head + 1..].iter().take_while(is_row);
    rows.map(|row| row.replace('*', "").split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn figure_7_is_brought_about_and_mended() {
    for said in run("figure-7.txt") {
        let picture = logs(&said, 1);
        assert_eq!(picture.len(), 12, "{said}");
        assert_eq!(picture[3], "4 4 no-op 4 no-op 4 no-op 4 no-op 4 no-op 4 no-op 2 no-op");
        assert_eq!(picture[11], "12 7 put x 16");
        let mended = logs(&said, 0);
        assert_eq!(mended.len(), 11, "{said}");
        assert_eq!(mended[10], format!("11{}", " 8 no-op".repeat(7)));
    }
}

#[test]
fn figure_8_an_entry_of_an_earlier_term_on_a_majority_is_replaced() {
    for said in run("figure-8.txt") {
        assert_eq!(
            logs(&said, 1),
            [
                // The first entry of a cluster says which cluster it is.
                format!("1{}", " 1 members n1 n2 n3 n4 n5".repeat(4)),
                "2 2 no-op 2 no-op 2 no-op".to_owned(),
                "3 4 no-op".to_owned(),
            ]
        );
        assert_eq!(logs(&said, 0)[1], "2 3 no-op 3 no-op 3 no-op 3 no-op");
    }
}

#[test]
fn figure_8_e_an_entry_of_the_own_term_on_a_majority_stays() {
    for said in run("figure-8-e.txt") {
        assert_eq!(logs(&said, 0)[2], "3 4 no-op 4 no-op");
    }
}

#[test]
fn a_leader_whose_disk_stands_still_hands_over_and_comes_back() {
    for said in run("stalled-leader.txt") {
        for sentence in [
            "n1's disk is stalled: it has not finished a write for",
            "n1 starts to hand the leadership to",
            "n1's disk has finished a write again, after",
        ] {
            assert!(said.contains(sentence), "{sentence:?} is not in\n{said}");
        }
        // A read that the new leader answers while the disk is stalled, and one from n1 itself in the end.
        let is_read_from = |node: &str| {
            said.lines().any(|line| line.contains("get color: ") && line.contains(&format!("({node}, ")))
        };
        assert!(
            (is_read_from("n2") || is_read_from("n3")) && said.contains("get color: green (n1"),
            "{said}"
        );
    }
}

#[test]
fn a_client_whose_answer_is_lost_does_not_know_whether_its_write_happened() {
    for said in run("in-doubt.txt") {
        for sentence in [
            "alice: create lock alice: stored (entry",
            "alice: put color blue: the write may or may not have happened: ",
            "bob: create lock bob: not stored, the value is alice (",
            "carol: put color green: carol reaches no node that is ready; nothing was changed",
            "get color stale at 1: blue (n1",
            "bob: get color: red (n",
        ] {
            assert_eq!(said.matches(sentence).count(), 1, "{sentence:?} is not once in\n{said}");
        }
        assert!(
            said.lines().any(|line| line.contains("get color at 1: ") && !line.contains("blue")),
            "{said}"
        );
        assert!(!said.contains("put color green\n"), "it is in no log: {said}");
    }
}

#[test]
fn a_wiped_node_is_replaced_and_leads() {
    for said in run("wiped-node.txt") {
        for sentence in [
            "n3 is back with an empty disk and does not vote until it is replaced",
            "n3 is being replaced",
            "n3 waits to be added as a learner",
            "n3 catches up as a learner",
            "n3 has joined the cluster and votes from now on",
        ] {
            assert_eq!(said.matches(sentence).count(), 1, "{sentence:?} is not once in\n{said}");
        }
        assert!(said.lines().any(|line| line.contains("get color: blue (n3")), "{said}");
    }
}

#[test]
fn leaders_fail_under_load_and_come_back_as_followers() {
    for said in run("failover.txt") {
        for round in 1..=3 {
            assert_eq!(said.matches(&format!("round {round}\n")).count(), 1, "{said}");
        }
        assert!(said.matches(" leads term ").count() >= 4, "{said}");
    }
}

/// What a script says of itself is right: it can be read before a cluster is started.
#[test]
fn every_script_can_be_checked() {
    for file in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let checked = Command::new(env!("CARGO_BIN_EXE_raftdeck"))
            .args(["check", "--nodes", "7"])
            .arg(&path)
            .timeout(Duration::from_secs(100))
            .output()
            .unwrap();
        let flaws = String::from_utf8_lossy(&checked.stdout);
        assert!(checked.status.success() && flaws.is_empty(), "{flaws}");
    }
}

/// Runs `raftdeck check` in a folder: its exit status and what it printed.
fn check(folder: &Path, args: &[&str]) -> (Option<i32>, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_raftdeck"));
    let command = command.current_dir(folder).arg("check").args(args).timeout(Duration::from_secs(100));
    let done = command.output().unwrap();
    let lines = std::str::from_utf8(&done.stdout).unwrap().lines().map(str::to_owned);
    (done.status.code(), lines.collect())
}

#[test]
fn a_script_with_mistakes_is_checked_with_the_files_that_it_loads() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.txt", "wait leader\nlet x = 2\nload b.txt\nload c.txt\nkill 5\n");
    write("b.txt", "add\nkill 4\nklil $x\n");
    let (status, flaws) = check(folder.path(), &["a.txt"]);
    assert_eq!(status, Some(1));
    assert!(flaws[0].starts_with("a.txt:4:1: c.txt cannot be read: No such file"), "{flaws:?}");
    assert_eq!(flaws[1], "a.txt:5:6: there is no n5: the nodes are n1 n2 n3 n4");
    assert_eq!(flaws[2], "b.txt:3:1: \"klil\" is not known: did you mean kill?");
    assert_eq!(flaws.len(), 3);
    assert_eq!(check(folder.path(), &["--nodes", "4", "a.txt"]).1.len(), 2);
}

#[test]
fn a_script_that_cannot_be_read_hides_no_mistake_of_the_others() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("b.txt"), "klil 2\n").unwrap();
    let (status, flaws) = check(folder.path(), &["a.txt", "b.txt", "."]);
    assert_eq!((status, flaws.len()), (Some(1), 3), "{flaws:?}");
    assert!(flaws[0].starts_with("a.txt:1:1: a.txt cannot be read: No such file"), "{flaws:?}");
    assert_eq!(flaws[1], "b.txt:1:1: \"klil\" is not known: did you mean kill?");
    assert_eq!(flaws[2], ".:1:1: . cannot be read: it is not a regular file");
}

#[test]
fn scripts_that_load_themselves_are_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("x")).unwrap();
    let text = "load x/../y.txt\n".repeat(20) + "klil 2\n";
    std::fs::write(folder.path().join("y.txt"), text).unwrap();
    let (status, flaws) = check(folder.path(), &["y.txt"]);
    assert_eq!((status, flaws.len()), (Some(1), 2), "{flaws:?}");
    assert!(flaws[0].starts_with("y.txt:1:1: x/../x/../"), "{flaws:?}");
    assert!(flaws[0].ends_with("y.txt is not loaded: 8 files load one another already"), "{flaws:?}");
    assert_eq!(flaws[1], "y.txt:21:1: \"klil\" is not known: did you mean kill?");
}
