//! One child process: started, listened to, signalled, ended.
//!
//! The child is controlled by its pipes as well as by signals: it ends when its standard input closes, and the kernel closes it even
//! if the lab dies. Signals go only to a child that has not been reaped, so never to another process that was given its id.

use crate::faults::file_limit::limit_files;
use crate::processes::kind::ProcessKind;
use crate::processes::lines::PipeLines;
use crate::setup::program::Program;
use raftdeck_protocol::Secret;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{self, SignalKind};
use tokio::time::{Instant, sleep_until, timeout};

/// How long a child may take to say that it is ready before that is worth a warning.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// How long an ended child's pipes may stay open: another process may hold them.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// How long a child may take to end after SIGTERM.
const GRACE: Duration = Duration::from_millis(300);

/// How many of the last lines are kept.
const LAST_WORDS: usize = 20;

/// How a child is started, again and again.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// What to run.
    pub(crate) program: Arc<Program>,
    /// The arguments.
    pub(crate) args: Vec<OsString>,
    /// Variables for this process only: other users can read a command line.
    pub(crate) secrets: Vec<(&'static str, Secret)>,
    /// What kind of process it is.
    pub(crate) kind: Arc<dyn ProcessKind>,
}

/// What a child does.
pub(crate) enum Happening {
    /// It wrote to its standard output.
    Said(Vec<String>),
    /// It wrote to its standard error.
    Logged(Vec<String>),
    /// It has not reported readiness within the limit.
    Late,
    /// It was stopped (SIGSTOP), by any process.
    Stopped,
    /// It was continued (SIGCONT).
    Continued,
    /// It has ended, and it is reaped.
    Ended(ExitStatus),
}

/// A child that has not been reaped.
pub(crate) struct Process {
    child: Child,
    pid: u32,
    /// Held, not written to: closing it tells the child to end.
    _stdin: Option<ChildStdin>,
    stdout: PipeLines<ChildStdout>,
    stderr: PipeLines<ChildStderr>,
    last_words: LastWords,
    ready_by: Option<Instant>,
    /// SIGCHLD: some child was stopped, was continued or has ended.
    children: unix::Signal,
}

impl Process {
    /// Starts a child. It must be called on a thread that lives as long as the child may, because the child ends with that thread
    /// (its parent-death signal is the thread's, not the process's).
    pub(crate) fn start(launch: &Launch) -> io::Result<Self> {
        let mut command = Command::new(launch.program.executable()?);
        command
            .arg0(launch.program.name())
            .args(&launch.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its own group: Ctrl-C and Ctrl-Z at the terminal are for the deck alone.
            .process_group(0)
            .kill_on_drop(true);
        for (name, _) in std::env::vars_os().filter(|(name, _)| configures_a_node(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command.envs(launch.secrets.iter().map(|(name, secret)| (name, secret.reveal())));
        let children = unix::signal(SignalKind::child())?;
        let mut child = command.spawn()?;
        let pid = child.id().ok_or_else(|| io::Error::other("the child ended at once"))?;
        // Taken out of the child, whose `wait` would close it.
        let stdin = child.stdin.take();
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(io::Error::other("the child has no pipes"));
        };
        Ok(Self {
            child,
            pid,
            _stdin: stdin,
            stdout: PipeLines::new(stdout),
            stderr: PipeLines::new(stderr),
            last_words: LastWords { kind: Arc::clone(&launch.kind), lines: VecDeque::new() },
            ready_by: Some(Instant::now() + READY_WITHIN),
            children,
        })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The last lines it wrote, oldest first.
    pub(crate) fn last_words(&self) -> Vec<String> {
        self.last_words.lines.iter().cloned().collect()
    }

    /// It has reported readiness: no warning will follow.
    pub(crate) fn is_ready(&mut self) {
        self.ready_by = None;
    }

    /// Waits for the next thing it does. Nothing is lost when the call is cancelled.
    pub(crate) async fn next(&mut self) -> Happening {
        let ready_by = self.ready_by;
        let late = async {
            match ready_by {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            lines = self.stdout.next(), if !self.stdout.ended() => {
                self.last_words.remember(&lines);
                Happening::Said(lines)
            }
            lines = self.stderr.next(), if !self.stderr.ended() => {
                self.last_words.remember(&lines);
                Happening::Logged(lines)
            }
            status = self.child.wait() => Happening::Ended(status.unwrap_or_default()),
            happening = stopped_or_continued(&mut self.children, self.pid) => happening,
            () = late => {
                self.ready_by = None;
                Happening::Late
            }
        }
    }

    /// What an ended child wrote to its standard error last.
    pub(crate) async fn last_output(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let drained = timeout(LAST_OUTPUT, async {
            while !self.stderr.ended() {
                lines.extend(self.stderr.next().await);
            }
        });
        // Time ran out: what was read so far has to suffice.
        let _ = drained.await;
        self.last_words.remember(&lines);
        lines
    }

    /// The process to signal, until it is reaped: afterwards another process may have its id.
    fn alive(&self) -> Option<Pid> {
        // `id` returns a value until `wait` has reaped the child, and both need this one owner.
        self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw)
    }

    /// Lets none of its files grow beyond this many bytes; `None`: without such a limit.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) -> io::Result<()> {
        self.alive().map_or(Ok(()), |pid| limit_files(pid, bytes))
    }

    /// Sends a signal, unless the child has ended and is reaped.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let Some(pid) = self.alive() else { return Ok(()) };
        // A stop takes effect a moment after its signal. Until then, untaken news of an earlier continuation would
        // be mistaken for the answer to it.
        let _ = stop_or_continuation(self.pid);
        Ok(kill_process(pid, signal)?)
    }

    /// Ends it immediately, stopped or not, and reaps it.
    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Ends it in an orderly way if it is quick, else by force, and reaps it.
    pub(crate) async fn end(&mut self) -> io::Result<()> {
        self.signal(Signal::TERM)?;
        // A stopped process takes the signal when it runs again.
        self.signal(Signal::CONT)?;
        match timeout(GRACE, self.child.wait()).await {
            Ok(ended) => ended.map(|_| ()),
            Err(_) => self.kill().await,
        }
    }
}

/// Waits until this child is stopped or continued. Does not reap it.
async fn stopped_or_continued(children: &mut unix::Signal, pid: u32) -> Happening {
    while children.recv().await.is_some() {
        // Otherwise the signal was about another child, or about this one's end.
        if let Some(happening) = stop_or_continuation(pid) {
            return happening;
        }
    }
    std::future::pending().await
}

/// Takes the event that a child was stopped or continued, if there is one.
fn stop_or_continuation(pid: u32) -> Option<Happening> {
    let changes = WaitIdOptions::STOPPED | WaitIdOptions::CONTINUED | WaitIdOptions::NOHANG;
    let child = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let change = waitid(WaitId::Pid(child), changes).ok().flatten()?;
    if change.stopped() {
        Some(Happening::Stopped)
    } else {
        change.continued().then_some(Happening::Continued)
    }
}

/// Whether an environment variable is an argument to a node, of raftdeck or of etcd. Those in the lab's own environment do not apply to its children, which
/// would all take the same port from it. The log settings are an exception.
fn configures_a_node(name: &str) -> bool {
    let about_logs = ["RAFTDECK_LOG", "RAFTDECK_VERBOSE"].contains(&name);
    let names_one = ["NODE_ID", "KVSTORE_PORT", "PORT", "PEERS"].contains(&name);
    names_one || name.starts_with("RAFTDECK_") && !about_logs || name.starts_with("ETCD_")
}

/// The newest lines that may explain why a process ended.
struct LastWords {
    kind: Arc<dyn ProcessKind>,
    lines: VecDeque<String>,
}

impl LastWords {
    fn remember(&mut self, lines: &[String]) {
        let telling = lines.iter().filter(|line| !line.trim().is_empty());
        self.lines.extend(telling.filter_map(|line| self.kind.last_words(line)));
        let surplus = self.lines.len().saturating_sub(LAST_WORDS);
        self.lines.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raftdeck::output::RaftdeckProcess;

    fn last_words() -> LastWords {
        LastWords { kind: Arc::new(RaftdeckProcess), lines: VecDeque::new() }
    }

    #[test]
    fn children_do_not_inherit_what_would_make_them_one_and_the_same_node() {
        for name in [
            "PORT",
            "NODE_ID",
            "ETCD_NAME",
            "RAFTDECK_HTTP",
            "RAFTDECK_DATA_DIR",
            "RAFTDECK_CONFIG",
            "RAFTDECK_CLIENT_TOKEN",
            "RAFTDECK_LOG_FILE",
            "RAFTDECK_LOG_FORMAT",
            "RAFTDECK_CLIENT_TOKEN",
        ] {
            assert!(configures_a_node(name), "{name}");
        }
        for name in ["PATH", "HOME", "RUST_BACKTRACE", "RAFTDECK_LOG", "IMPORT"] {
            assert!(!configures_a_node(name), "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_child_that_never_gets_ready_is_late_once() {
        let args = ["-c", "exec cat"].map(OsString::from).to_vec();
        let program = Arc::new(Program::at("/bin/sh".as_ref()));
        let mut process =
            Process::start(&Launch { program, args, secrets: Vec::new(), kind: Arc::new(RaftdeckProcess) })
                .unwrap();
        let begun = Instant::now();
        assert!(matches!(process.next().await, Happening::Late));
        assert!(begun.elapsed() >= READY_WITHIN);
        process.signal(Signal::KILL).unwrap();
        loop {
            match process.next().await {
                Happening::Ended(_) => break,
                Happening::Late => panic!("it is late a second time"),
                Happening::Said(_) | Happening::Logged(_) | Happening::Stopped | Happening::Continued => {}
            }
        }
    }

    #[test]
    fn the_ready_line_is_not_among_the_last_words() {
        let ready =
            r#"{"event":"ready","id":2,"raft":"127.0.0.1:1","client":"127.0.0.1:2","http":"127.0.0.1:3"}"#;
        let mut last_words = last_words();
        last_words.remember(&[ready.to_owned(), "the disk is full".to_owned()]);
        assert_eq!(last_words.lines, ["the disk is full"]);
    }

    #[test]
    fn the_last_words_are_the_newest_and_not_blank() {
        let mut last_words = last_words();
        for n in 0..30 {
            last_words.remember(&[n.to_string(), " ".to_owned()]);
        }
        let lines = last_words.lines;
        assert_eq!(lines.len(), LAST_WORDS);
        assert_eq!((lines[0].as_str(), lines[19].as_str()), ("10", "29"));
    }
}
