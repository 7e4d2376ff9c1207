//! Many operations in one run: at a prompt, with history and completion, or from a script on the standard input. A failure is
//! printed, and the next line is read: only quit, the end of the input or of the terminal ends it.

mod complete;
mod ending;
mod line;
mod tokens;

use super::carry_out::carry_out;
use super::cluster::Cluster;
use super::manner::Manner;
use super::operation::{Input, Task};
use super::output::{print, say, tell_notes};
use super::reply::Form;
use super::watch::{WatchEnd, WatchTarget};
use crate::commands::paths;
use color_eyre::eyre::{Result, WrapErr, eyre};
use complete::Completion;
use line::{CommandLine, LineMeaning, Word};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};
use std::io::{self, BufRead, IsTerminal, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

const PROMPT: &str = "raftdeck> ";

/// The most lines that are remembered.
const MOST_REMEMBERED: usize = 1000;

/// How long the search for the members' addresses may take.
const LEARNS_WITHIN: Duration = Duration::from_secs(2);

/// The longest line of a script: a value at its limit, each byte written as `\xNN`, fits.
const MAX_LINE: u64 = 8 << 20;

/// Takes commands until there are no more; returns the exit status.
pub(super) fn run(cluster: Cluster, manner: Manner) -> Result<u8> {
    let background = Background::start().wrap_err("the client cannot be started")?;
    let on_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let runner = Runner { cluster, manner, runtime: background.handle.clone(), has_learned: Arc::default() };
    runner.learn();
    if on_terminal { at_prompt(&runner) } else { script(&runner, io::stdin().lock()) }
}

/// A runtime that runs while a line is typed: connections notice when they are closed.
struct Background {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        // It ends when the sender is dropped.
        let run = move || _ = runtime.block_on(ended);
        let thread = thread::Builder::new().name("client".to_owned()).spawn(run)?;
        Ok(Self { handle, end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was printed when it happened.
            let _ = thread.join();
        }
    }
}

/// The result of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineResult {
    Done,
    /// It was invalid, or could not be carried out.
    Failed,
    /// The user interrupted the wait.
    Cancelled,
    Quit,
}

/// Interrupts from a moment on. They arrive a little after they were sent; one that was sent before this moment does not count,
/// however late it arrives.
struct Interrupts {
    arrive: Signal,
    /// Set immediately when one is sent.
    is_sent: Arc<AtomicBool>,
}

impl Interrupts {
    /// The next one; `None`: there will be none.
    async fn next(&mut self) -> Option<()> {
        loop {
            self.arrive.recv().await?;
            if self.is_sent.load(SeqCst) {
                return Some(());
            }
        }
    }
}

/// Carries out lines.
struct Runner {
    cluster: Cluster,
    manner: Manner,
    runtime: Handle,
    /// Whether the members' addresses are known, or are being requested.
    has_learned: Arc<AtomicBool>,
}

impl Runner {
    /// Requests the members' addresses in the background, if they are not known yet: the session uses them when the named nodes are gone.
    fn learn(&self) {
        if self.has_learned.swap(true, SeqCst) {
            return;
        }
        let (client, has_learned) = (self.cluster.client.clone(), Arc::clone(&self.has_learned));
        self.runtime.spawn(async move {
            if client.members(LEARNS_WITHIN).await.is_err() {
                has_learned.store(false, SeqCst);
            }
        });
    }

    /// Interrupts from now on.
    fn interrupts(&self, is_sent: &Arc<AtomicBool>) -> Result<Interrupts> {
        let _entered = self.runtime.enter();
        let arrive = signal(SignalKind::interrupt()).wrap_err("signals cannot be received")?;
        is_sent.store(false, SeqCst);
        Ok(Interrupts { arrive, is_sent: Arc::clone(is_sent) })
    }

    /// Carries out one line. `place` names it, for messages; an interrupt, if there can be one, ends the wait for an answer. An error
    /// means that printing is no longer possible.
    fn line(&self, line: &str, place: &str, interrupts: Option<&mut Interrupts>) -> Result<LineResult> {
        match line::read(line) {
            LineMeaning::Nothing => Ok(LineResult::Done),
            LineMeaning::Help(text) => {
                print(format!("{text}\n").as_bytes())?;
                Ok(LineResult::Done)
            }
            LineMeaning::Mistake(what) => {
                say(&format!("{place}{what}"));
                Ok(LineResult::Failed)
            }
            LineMeaning::Command(CommandLine { word: Word::Quit | Word::Help { .. }, .. }) => {
                Ok(LineResult::Quit)
            }
            LineMeaning::Command(CommandLine { word: Word::Operation(operation), manner }) => {
                match operation.task(Input::Commands) {
                    Ok(task) => self.task(task, manner.or(self.manner), place, interrupts),
                    Err(failure) => {
                        say(&format!("{place}{}", failure.sentence));
                        Ok(LineResult::Failed)
                    }
                }
            }
        }
    }

    fn task(
        &self,
        task: Task,
        manner: Manner,
        place: &str,
        interrupts: Option<&mut Interrupts>,
    ) -> Result<LineResult> {
        match task {
            Task::WatchStatus => {
                say(&format!(
                    "{place}--watch works only on the command line: raftdeck client status --watch"
                ));
                return Ok(LineResult::Failed);
            }
            Task::Watch(watched) => return self.watch(watched, manner, place, interrupts),
            _ => {}
        }
        let changes = !matches!(&task, Task::Status | Task::Keys(raftdeck_model::ClientOp::Read(_), _));
        let form = manner.form();
        let asked = carry_out(&self.cluster, task, manner.deadline(), form);
        let interrupted = async { interrupts?.next().await };
        let answered = self.runtime.block_on(async {
            tokio::select! {
                answered = asked => Some(answered),
                Some(()) = interrupted => None,
            }
        });
        let reply = match answered {
            None => {
                let doubt = if changes { ": it may have happened, or may happen yet" } else { "" };
                say(&format!("{place}cancelled{doubt}"));
                return Ok(LineResult::Cancelled);
            }
            Some(Err(failure)) => {
                if form == Form::Json {
                    print(&failure.line())?;
                }
                say(&format!("{place}{}", failure.sentence));
                return Ok(LineResult::Failed);
            }
            Some(Ok(reply)) => reply,
        };
        self.learn();
        print(&reply.out)?;
        if reply.out.last().is_some_and(|last| *last != b'\n') {
            print(b"\n")?;
        }
        tell_notes(&reply, manner);
        if let Some(miss) = reply.miss.filter(|_| form != Form::Quiet) {
            say(&format!("{place}{miss}"));
        }
        Ok(if reply.incomplete { LineResult::Failed } else { LineResult::Done })
    }

    /// Shows changes until an interrupt.
    fn watch(
        &self,
        watched: WatchTarget,
        manner: Manner,
        place: &str,
        interrupts: Option<&mut Interrupts>,
    ) -> Result<LineResult> {
        let Some(interrupts) = interrupts else {
            say(&format!("{place}watch runs until Ctrl-C: use it at the prompt or on the command line"));
            return Ok(LineResult::Failed);
        };
        let interrupted = async { _ = interrupts.next().await };
        match self.runtime.block_on(watched.print(&self.cluster, manner, interrupted))? {
            WatchEnd::Stopped => Ok(LineResult::Cancelled),
            WatchEnd::Failed(failure) => {
                if manner.form() == Form::Json {
                    print(&failure.line())?;
                }
                say(&format!("{place}{}", failure.sentence));
                Ok(LineResult::Failed)
            }
        }
    }
}

/// Takes lines from a user at the prompt.
fn at_prompt(runner: &Runner) -> Result<u8> {
    ending::restores_the_terminal().wrap_err("the prompt cannot be set up")?;
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .max_history_size(MOST_REMEMBERED)
        .wrap_err("the prompt cannot be set up")?
        .build();
    let mut editor: Editor<Completion, FileHistory> =
        Editor::with_config(config).wrap_err("the prompt cannot be set up")?;
    editor.set_helper(Some(Completion::new(runner.cluster.clone(), runner.runtime.clone())));
    let history = remembered(&mut editor);
    // From here on the signal ends nothing, even between two lines, when the terminal sends it for Ctrl-C.
    let interrupted = Arc::default();
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted))
        .wrap_err("signals cannot be received")?;
    say(&format!(
        "raftdeck {}, asking {}. help lists the commands, Ctrl-D leaves.",
        raftdeck_node::VERSION,
        runner.cluster.addresses.join(", ")
    ));
    loop {
        match editor.readline(PROMPT) {
            Ok(line) => {
                let mut interrupts = runner.interrupts(&interrupted)?;
                remember(&mut editor, &line, history.as_deref());
                // Pasted lines arrive as one.
                for line in line.lines() {
                    match runner.line(line, "", Some(&mut interrupts))? {
                        LineResult::Done | LineResult::Failed => {}
                        LineResult::Cancelled => break,
                        LineResult::Quit => return Ok(0),
                    }
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => return Ok(0),
            Err(error) => return Err(eyre!("the terminal cannot be read: {error}")),
        }
    }
}

/// Loads what was typed in earlier runs; returns the path of the history, if it can be kept.
fn remembered(editor: &mut Editor<Completion, FileHistory>) -> Option<PathBuf> {
    let history = paths::client_history()?;
    // What was typed may be private.
    let made = history.parent().map(|dir| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir));
    let loaded = match made {
        Some(Err(error)) => Err(ReadlineError::Io(error)),
        _ if !history.exists() => Ok(()),
        _ if !history.is_file() => Err(ReadlineError::Io(std::io::Error::other("it is not a regular file"))),
        _ => editor.load_history(&history),
    };
    match loaded {
        Ok(()) => Some(history),
        Err(error) => {
            say(&format!("there is no history: {} cannot be used: {error}", history.display()));
            None
        }
    }
}

/// Written immediately, not at the end: that may come without a warning.
fn remember(editor: &mut Editor<Completion, FileHistory>, line: &str, history: Option<&Path>) {
    let is_new = editor.add_history_entry(line).unwrap_or(false);
    if let Some(history) = history.filter(|_| is_new) {
        // A history that cannot be kept is not worth an error.
        let _ = editor.append_history(history);
    }
}

/// Takes lines from a file or a pipe. A mistake is reported with the line's number.
fn script(runner: &Runner, mut input: impl BufRead) -> Result<u8> {
    let mut status = 0;
    for number in 1_u64.. {
        let mut line = Vec::new();
        let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if read.wrap_err("the standard input cannot be read")? == 0 {
            break;
        }
        let place = format!("line {number}: ");
        let is_cut = line.len() as u64 == MAX_LINE && line.last() != Some(&b'\n');
        let after = if is_cut {
            input.skip_until(b'\n').wrap_err("the standard input cannot be read")?;
            say(&format!("{place}it is longer than {MAX_LINE} bytes"));
            LineResult::Failed
        } else if let Ok(text) = str::from_utf8(&line) {
            runner.line(text, &place, None)?
        } else {
            say(&format!("{place}it is not UTF-8; between double quotes \\xNN writes any byte"));
            LineResult::Failed
        };
        match after {
            LineResult::Done => {}
            LineResult::Failed | LineResult::Cancelled => status = 1,
            LineResult::Quit => break,
        }
    }
    Ok(status)
}
