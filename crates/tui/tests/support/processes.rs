//! Processes as `/proc` shows them.

use super::eventually;
use raftdeck_tui::source::hosted::HOST_COMMAND;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;

/// A process's state letter (`R`, `S`, `T`, `Z`, …) and its parent; `None` if there is no such process.
fn look_at(pid: u32) -> Option<(char, u32)> {
    read(Path::new(&format!("/proc/{pid}/stat")))
}

/// The state letter and the parent that a `stat` file of a process or a thread tells.
fn read(stat: &Path) -> Option<(char, u32)> {
    let stat = fs::read_to_string(stat).ok()?;
    // The name in parentheses may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// The process that hosts the cluster of a program.
pub(crate) fn host(program: u32) -> Option<u32> {
    children_of(program).into_iter().find(|pid| has_word(*pid, HOST_COMMAND))
}

/// The living children of a process, without the one that stands by to remove its folder; and instead of the one that hosts its
/// cluster, that one's children.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let (hosts, mut found): (Vec<u32>, _) =
        children_of(parent).into_iter().partition(|pid| has_word(*pid, HOST_COMMAND));
    found.extend(hosts.into_iter().flat_map(children_of));
    found.sort_unstable();
    found
}

fn children_of(parent: u32) -> Vec<u32> {
    let mut found: Vec<u32> = fs::read_dir("/proc")
        .expect("/proc can be read")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| look_at(*pid).is_some_and(|(state, of)| of == parent && state != 'Z'))
        .filter(|pid| !has_word(*pid, raftdeck_lab::STAND_BY))
        .collect();
    found.sort_unstable();
    found
}

/// Whether this is one of the words that it was started with.
fn has_word(pid: u32, wanted: &str) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|word| word == wanted.as_bytes())
}

/// Whether it is there and not a mere entry that nobody has collected.
pub(crate) fn is_alive(pid: u32) -> bool {
    look_at(pid).is_some_and(|(state, _)| state != 'Z')
}

/// Whether it was stopped by a signal.
pub(crate) fn is_stopped(pid: u32) -> bool {
    look_at(pid).is_some_and(|(state, _)| state == 'T')
}

/// Stops a process, and waits until none of its threads runs any more: one that is in a system call, as `fsync`, may first
/// end it, and until the signal is taken the others go on.
pub(crate) fn stop(pid: u32) {
    send(pid, Signal::STOP);
    eventually("every thread is stopped", || {
        let mut threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        threads
            .all(|thread| {
                thread.is_ok_and(|thread| {
                    read(&thread.path().join("stat")).is_some_and(|(state, _)| state == 'T')
                })
            })
            .then_some(())
    });
}

/// Sends a signal.
pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Waits until all of them are gone.
pub(crate) fn wait_gone(pids: &[u32]) {
    assert!(!pids.is_empty(), "nobody is watched");
    eventually("every process is gone", || pids.iter().all(|pid| !is_alive(*pid)).then_some(()));
}
