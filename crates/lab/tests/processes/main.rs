//! The lab and its child processes, with a shell script for a node: what is started, told, signalled and ended.
//! Waits are for updates, with a deadline that only a failure meets.

mod commands;
mod end;
mod life;

use raftdeck_lab::{Lab, LabError, LabOptions};
use raftdeck_model::{
    ClientOp, ClientOutcome, Command, CommandId, Disturbance, FaultId, LinkState, LogLevel, News, Order,
    ProcessState, Source as _, Step,
};
use raftdeck_protocol::{ClockRate, Read};
use raftdeck_raft::{LogIndex, NodeId};
use raftdeck_storage::fs::DiskFs;
use raftdeck_storage::{LogStore, log_end};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

/// Says that it is ready, at ports on which nothing listens, and lives until its standard input ends.
/// `$3` is the value of `--node-id`, the lab's second argument.
const NODE: &str = r#"
echo "INFO fake: started with $*" >&2
echo "{\"event\":\"ready\",\"id\":$3,\"raft\":\"127.0.0.1:1\",\"client\":\"127.0.0.1:1\",\"http\":\"127.0.0.1:1\"}"
exec cat"#;

struct Deck {
    lab: Option<Lab>,
    sent: AtomicU64,
    updates: Receiver<News>,
}

fn options(script: &str, nodes: u8) -> LabOptions {
    LabOptions::new("/bin/sh", &["-c", script, "node"], nodes)
}

impl Deck {
    fn start(options: LabOptions) -> Self {
        let (sender, updates) = channel();
        let lab = Lab::start(options, move |update| drop(sender.send(update.what)));
        let lab = lab.expect("a lab that starts");
        Self { lab: Some(lab), sent: AtomicU64::new(0), updates }
    }

    fn send(&self, what: Order) -> CommandId {
        let id = CommandId(self.sent.fetch_add(1, Ordering::Relaxed) + 1);
        self.lab.as_ref().expect("a running lab").send(Command { id, what });
        id
    }

    fn stop(&mut self) {
        self.lab.take().expect("a running lab").stop();
    }

    /// The first update from now on of which `wanted` makes something; what comes before it is passed over.
    fn wait<T>(&self, what: &str, mut wanted: impl FnMut(&News) -> Option<T>) -> T {
        let until = Instant::now() + Duration::from_secs(20);
        let mut passed_over = Vec::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.updates.recv_timeout(left) {
                Ok(update) => match wanted(&update) {
                    Some(found) => return found,
                    None => passed_over.push(update),
                },
                Err(error) => panic!("waited in vain for {what} ({error}), after {passed_over:#?}"),
            }
        }
    }

    /// The next state of a node's process.
    fn next_state(&self, of: NodeId) -> ProcessState {
        self.wait("a process state", |update| match update {
            News::Process { node, state } if *node == of => Some(state.clone()),
            _ => None,
        })
    }

    fn running(&self, node: NodeId) -> u32 {
        let starting = self.next_state(node);
        assert!(matches!(starting, ProcessState::Starting { .. }), "{starting:?}");
        match self.next_state(node) {
            ProcessState::Running { pid: Some(pid) } => pid,
            other => panic!("{node} should run: {other:?}"),
        }
    }

    /// What a command was answered: `Ok`, it is done.
    fn answer(&self, of: CommandId) -> Result<(), String> {
        self.wait("an answer", |update| match update {
            News::Done { id } if *id == of => Some(Ok(())),
            News::Refused { id, reason } if *id == of => Some(Err(reason.clone())),
            _ => None,
        })
    }

    fn refusal(&self) -> String {
        self.wait("a refusal", |update| match update {
            News::Refused { reason, .. } => Some(reason.clone()),
            _ => None,
        })
    }

    fn output(&self) -> (LogLevel, String) {
        self.wait("output", |update| match update {
            News::Output { level, line, .. } => Some((*level, line.clone())),
            _ => None,
        })
    }
}

/// The state letter of a process in `/proc`; `None` when it is gone and reaped.
fn process_letter(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// Signals are carried out by the kernel in its own time.
fn wait_for_letter(pid: u32, wanted: char) {
    let until = Instant::now() + Duration::from_secs(20);
    while process_letter(pid) != Some(wanted) {
        assert!(Instant::now() < until, "process {pid} is still {:?}", process_letter(pid));
        std::thread::yield_now();
    }
}
