//! The owner's side of a hosted cluster: a [`Source`] like any other.

use super::host::HOST_COMMAND;
use super::last_words::LastWords;
use super::lines::{self, HostStart, HostedCluster};
use super::timers::{LastStatuses, Told};
use crate::source::SourceEvent;
use color_eyre::eyre::{Result, WrapErr, eyre};
use raftdeck_model::{
    Capabilities, Command, CommandId, News, ProcessState, Source, Update, WorkloadFigures, World,
};
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, JoinHandle};
use std::time::{Duration, Instant};

/// The most commands that wait for the host, which takes them at once.
const MAX_COMMANDS: usize = 1024;

/// How long the host may take to end in order; then it is killed, and its nodes with it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes what the source has to say.
type Sink = Arc<dyn Fn(SourceEvent) + Send + Sync>;

/// A cluster of processes, in a process of its own. Dropped, it ends.
pub(crate) struct HostedLab {
    capabilities: Capabilities,
    /// `None`: the host is to end.
    commands: Option<SyncSender<Command>>,
    writer: Option<JoinHandle<()>>,
    reader: Option<JoinHandle<()>>,
    host: Arc<Host>,
    sink: Sink,
}

/// What both threads know of the host.
struct Host {
    child: Mutex<Child>,
    /// Its end is wanted.
    is_leaving: AtomicBool,
    /// The newest update's time, for what the source says itself.
    at: Mutex<Duration>,
    /// The commands that were not answered yet; `None`: the host has ended and takes no more.
    unanswered: Mutex<Option<BTreeSet<CommandId>>>,
}

impl HostedLab {
    /// Starts the host and, in it, the cluster.
    pub(crate) fn start(
        cluster: &HostedCluster,
        sink: impl Fn(SourceEvent) + Send + Sync + 'static,
    ) -> Result<Self> {
        const NO_THREAD: &str = "a thread cannot be started";
        let (child, pipes) =
            spawn(cluster.executable()).wrap_err("the cluster's process cannot be started")?;
        let (mut stdin, stdout, stderr) = pipes;
        let words = LastWords::of(stderr).wrap_err(NO_THREAD)?;
        let mut output = BufReader::with_capacity(1 << 16, stdout);
        let told = lines::write(&mut stdin, cluster).and_then(|()| lines::read(&mut output, &mut Vec::new()));
        let host = Host {
            child: Mutex::new(child),
            is_leaving: false.into(),
            at: Mutex::default(),
            unanswered: Mutex::new(Some(BTreeSet::new())),
        };
        let capabilities = match told {
            Ok(Some(HostStart::Started(capabilities))) => capabilities,
            Ok(Some(HostStart::Failed(why))) => {
                let _ = host.end();
                return Err(eyre!(why));
            }
            Ok(None) | Err(_) => return Err(eyre!(ended(host.end(), &words.end()))),
        };
        let (host, sink): (_, Sink) = (Arc::new(host), Arc::new(sink));
        let (commands, orders) = sync_channel(MAX_COMMANDS);
        let write = move || write_all(&orders, stdin);
        let writer = Builder::new().name("host commands".to_owned()).spawn(write).wrap_err(NO_THREAD)?;
        let read = {
            let (host, sink) = (Arc::clone(&host), Arc::clone(&sink));
            move || read_all(output, &host, &sink, words)
        };
        let reader = Builder::new().name("host updates".to_owned()).spawn(read).wrap_err(NO_THREAD)?;
        let (writer, reader) = (Some(writer), Some(reader));
        Ok(Self { capabilities, commands: Some(commands), writer, reader, host, sink })
    }
}

impl Source for HostedLab {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn send(&self, command: Command) {
        let id = command.id;
        let is_sent = self.host.expect_answer(id)
            && self.commands.as_ref().is_some_and(|commands| commands.try_send(command).is_ok());
        if !is_sent {
            self.host.answered(id);
            (self.sink)(SourceEvent::Updates(vec![self.host.says(refused(id))]));
        }
    }
}

impl Drop for HostedLab {
    fn drop(&mut self) {
        self.host.is_leaving.store(true, Ordering::Release);
        // The host's input ends, and so does the host; what it still says is read meanwhile, so that it cannot wait for that.
        self.commands = None;
        // Whether it could be waited for or not, nothing more can be done about it.
        let _ = self.host.end();
        for thread in [self.writer.take(), self.reader.take()].into_iter().flatten() {
            // A panic of the thread has been printed by its hook.
            let _ = thread.join();
        }
    }
}

impl Host {
    fn says(&self, what: News) -> Update {
        Update { at: *self.at.lock().unwrap_or_else(PoisonError::into_inner), seq: 0, what }
    }

    fn unanswered(&self) -> MutexGuard<'_, Option<BTreeSet<CommandId>>> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A command is about to be sent. `false`: there is nobody to answer it.
    fn expect_answer(&self, id: CommandId) -> bool {
        self.unanswered().as_mut().map(|waiting| waiting.insert(id)).is_some()
    }

    fn answered(&self, id: CommandId) {
        if let Some(waiting) = self.unanswered().as_mut() {
            waiting.remove(&id);
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the end of a host that is about to end; one that takes too long is killed.
    fn end(&self) -> io::Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(status) = self.child().try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                self.child().kill()?;
                return self.child().wait();
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}

type Pipes = (ChildStdin, std::process::ChildStdout, ChildStderr);

/// This program as a host, in a process group of its own: the terminal's signals are not for it.
fn spawn(executable: &Path) -> io::Result<(Child, Pipes)> {
    let mut command = std::process::Command::new(program(executable)?);
    command.arg0("raftdeck").arg(HOST_COMMAND).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok((child, (stdin, stdout, stderr))),
        _ => Err(io::Error::other("internal invariant violated: a piped stream is there")),
    }
}

/// The program that can be a host: the one that can be a node. If that is this program, it is taken as it runs, even if its file was
/// replaced meanwhile.
fn program(executable: &Path) -> io::Result<PathBuf> {
    let is_own = cfg!(target_os = "linux") && std::env::current_exe()? == executable;
    Ok(if is_own { PathBuf::from("/proc/self/exe") } else { executable.to_owned() })
}

fn write_all(orders: &Receiver<Command>, mut stdin: impl Write) {
    // A host that takes nothing more has ended, which its reader tells.
    let _ = orders.iter().try_for_each(|command| lines::write(&mut stdin, &command));
}

/// Passes updates on until the host ends. An end that nobody wanted is told: its nodes have ended with it.
fn read_all(mut output: impl BufRead, host: &Host, sink: &Sink, words: LastWords) {
    let mut line = Vec::new();
    let mut world = World::default();
    let mut statuses = LastStatuses::default();
    while let Ok(Some(told)) = lines::read::<Vec<Told>>(&mut output, &mut line) {
        let updates: Vec<Update> = told.into_iter().filter_map(|told| statuses.restore(told)).collect();
        if let Some(last) = updates.last() {
            *host.at.lock().unwrap_or_else(PoisonError::into_inner) = last.at;
        }
        for update in &updates {
            match &update.what {
                News::Done { id } | News::Refused { id, .. } => host.answered(*id),
                News::Cluster { .. } | News::Workload(_) => drop(world.fold(update)),
                _ => {}
            }
        }
        sink(SourceEvent::Updates(updates));
    }
    // It has ended, or has said something that cannot be read: then it is of no more use.
    drop(output);
    let status = host.end();
    if host.is_leaving.load(Ordering::Acquire) {
        return;
    }
    let words = words.end();
    let why = ended(status, &words);
    let unanswered = host.unanswered().take().unwrap_or_default();
    let mut news = end_of(&world, &why, &words);
    news.extend(unanswered.into_iter().map(refused));
    let news = news.into_iter().map(|what| host.says(what)).collect();
    sink(SourceEvent::Updates(news));
    sink(SourceEvent::Ended(why));
}

/// The answer to a command that no host takes.
fn refused(id: CommandId) -> News {
    let reason = "the cluster's process takes no more commands: if it has ended, start raftdeck again";
    News::Refused { id, reason: reason.to_owned() }
}

/// What the end of the host means for those who watch the cluster.
fn end_of(world: &World, why: &str, words: &[String]) -> Vec<News> {
    let failed = |node| News::Process {
        node,
        state: ProcessState::Failed {
            how: "ended with the cluster's process".to_owned(),
            last_words: words.to_vec(),
        },
    };
    let mut news: Vec<News> = world.ids().into_iter().map(failed).collect();
    if let Some(figures) = world.workload() {
        news.push(News::Workload(WorkloadFigures { running: false, ..figures }));
    }
    news.push(News::InForce { faults: Vec::new() });
    news.push(News::Trouble { reason: why.to_owned() });
    news
}

/// Says how the host ended, and its last words.
fn ended(status: io::Result<ExitStatus>, words: &[String]) -> String {
    let how = match status {
        Ok(status) => match (status.signal(), status.code()) {
            (Some(signal), _) => format!("killed by signal {signal}"),
            (None, Some(code)) => format!("exit status {code}"),
            (None, None) => "in an unknown way".to_owned(),
        },
        Err(error) => format!("in an unknown way: {error}"),
    };
    // Of a panic, what it says; it goes on with where.
    let of_panic = words.iter().find(|words| words.starts_with("Message:"));
    let words = of_panic.or(words.last()).map(|words| format!("; it said last: {words}")).unwrap_or_default();
    format!("the cluster's process ended ({how}){words}")
}
