//! What a program leaves behind when it is killed, what it makes that others could read, and what it says when it may open too
//! few files: on the real program, with a folder for temporary files of its own.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![cfg(target_os = "linux")]

mod support;

use rustix::process::Signal;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use support::{alone, eventually, processes};
use tempfile::TempDir;

const RAFTDECK: &str = env!("CARGO_BIN_EXE_raftdeck");

/// How often a program is killed.
const KILLS: u64 = 100;

fn program(temporary: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(RAFTDECK);
    command.args(args).env("TMPDIR", temporary).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn names(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Starts a cluster and waits until it has something to say of its nodes.
fn running(temporary: &Path) -> Child {
    let mut child = program(temporary, &["up", "--nodes", "1"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.any(|line| line.is_ok_and(|line| line.contains("leader")));
    assert!(ready, "it ended before it had a leader");
    // Somebody goes on to read.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

/// Ends it in order.
fn end(mut child: Child) {
    processes::send(child.id(), Signal::TERM);
    eventually("it ends", || child.try_wait().unwrap());
}

/// `SplitMix64` (Steele, Lea and Flood 2014).
fn draw(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Each start removes what the killed one before it left, or is killed while it does so.
#[test]
fn a_hundred_kills_at_random_moments_leave_nothing_after_the_next_start() {
    let _alone = alone();
    let temporary = TempDir::new().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = std::env::var("SEED").map_or(now.as_secs(), |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    for number in 0..KILLS {
        let args: &[&str] =
            if number % 4 == 3 { &["bench", "write", "--nodes", "1"] } else { &["up", "--nodes", "1"] };
        let mut child = program(temporary.path(), args).stdout(Stdio::null()).spawn().unwrap();
        let moment = Instant::now() + Duration::from_micros(draw(seed, number) % 300_000);
        std::thread::sleep(moment - Instant::now());
        child.kill().unwrap();
        child.wait().unwrap();
        // Half of the processes that stand by are killed too: then the next start is all there is.
        for folder in names(temporary.path()).iter().filter(|_| number % 2 == 0) {
            for pid in guards(folder) {
                processes::send(pid, Signal::KILL);
            }
        }
    }
    end(running(temporary.path()));
    let left = || names(temporary.path());
    eventually("nothing is left", || left().is_empty().then_some(()));
}

/// The processes that stand by for a folder.
fn guards(folder: &Path) -> Vec<u32> {
    let is_one = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<_> = line.split(|byte| *byte == 0).collect();
        words.contains(&raftdeck_lab::STAND_BY.as_bytes())
            && words.contains(&folder.as_os_str().as_encoded_bytes())
            && processes::is_alive(*pid)
    };
    let all =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    all.filter(is_one).collect()
}

#[test]
fn what_a_killed_cluster_left_goes_at_once_and_needs_no_other_start() {
    let _alone = alone();
    let temporary = TempDir::new().unwrap();
    let mut child = running(temporary.path());
    assert_eq!(names(temporary.path()).len(), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("its folder is gone", || names(temporary.path()).is_empty().then_some(()));
}

/// etcd watches nobody: that its members end is the work of what started them.
#[test]
fn members_of_etcd_and_their_data_go_with_a_killed_cluster() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join("etcd").is_file()) {
        eprintln!("skipped: there is no etcd in PATH");
        return;
    }
    let _alone = alone();
    let temporary = TempDir::new().unwrap();
    let up = ["up", "--engine", "etcd", "--nodes", "3"];
    let mut child = program(temporary.path(), &up).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.contains("leads term"))), "it has no leader");
    std::thread::spawn(move || lines.for_each(drop));
    let members = processes::children(child.id());
    assert_eq!(members.len(), 3);
    child.kill().unwrap();
    child.wait().unwrap();
    let is_gone =
        || members.iter().all(|pid| !processes::is_alive(*pid)) && names(temporary.path()).is_empty();
    eventually("its members and its folder are gone", || is_gone().then_some(()));
}

/// Everything below a directory.
fn below(dir: &Path) -> Vec<PathBuf> {
    let mut all = vec![dir.to_owned()];
    for path in names(dir) {
        all.extend(if path.is_dir() { below(&path) } else { vec![path] });
    }
    all
}

#[test]
fn nothing_that_a_cluster_keeps_is_open_to_others() {
    let _alone = alone();
    let temporary = TempDir::new().unwrap();
    // So that others get as far as the folder.
    fs::set_permissions(temporary.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let child = running(temporary.path());
    let all = below(&names(temporary.path())[0]);
    assert!(all.iter().any(|path| path.ends_with("n1/LOCK")), "{all:?}");
    for path in &all {
        let metadata = fs::symlink_metadata(path).unwrap();
        let expected = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.mode() & 0o777, expected, "{}", path.display());
    }
    let lock = all.iter().find(|path| path.ends_with("n1/LOCK")).unwrap();
    let mut theirs = Command::new("cat");
    theirs.arg(lock).uid(65534).gid(65534).stdout(Stdio::null()).stderr(Stdio::null());
    match theirs.status() {
        Ok(status) => assert!(!status.success(), "another user can open {}", lock.display()),
        Err(error) => println!("skipped: only root can try as another user ({error})"),
    }
    end(child);
}

/// The program in a shell that sets this limit first; its exit status and what it says.
fn limited(limit: &str, args: &str) -> (Option<i32>, String) {
    let temporary = TempDir::new().unwrap();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit {limit}; exec '{RAFTDECK}' {args}"));
    let output = support::output({
        shell.env("TMPDIR", temporary.path()).current_dir(temporary.path());
        shell
    });
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn too_few_open_files_are_an_error_that_says_how_many_are_needed() {
    let _alone = alone();
    for (args, needed) in [
        ("node --node-id 1 --bind 127.0.0.1:0 --data-dir data", 64),
        ("up --nodes 3", 106),
        ("bench write --nodes 1", 256),
    ] {
        let (status, said) = limited("-n 16", args);
        assert_eq!(status, Some(1), "{args}: {said}");
        let sentence = format!(
            "this process may have 16 files and connections open at once and needs {needed}: raise the limit, with `ulimit -n {needed}`"
        );
        assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(&sentence), "{args}: {said}");
    }
}

#[test]
fn a_limit_that_may_be_raised_is_raised() {
    let _alone = alone();
    let temporary = TempDir::new().unwrap();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!(
        "ulimit -S -n 16; exec '{RAFTDECK}' node --node-id 1 --bind 127.0.0.1:0 --data-dir data"
    ));
    shell.current_dir(temporary.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut node = shell.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(node.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("\"ready\""), "{line}");
    processes::send(node.id(), Signal::TERM);
    eventually("it ends", || node.try_wait().unwrap());
}
