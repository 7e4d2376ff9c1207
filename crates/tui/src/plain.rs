//! A cluster without a screen: one line per event, in plain words or as JSON, until a signal or the end of the
//! output. For terminals that are none, for screen readers, for scripts. Commands are taken from the standard input.

use crate::files;
use crate::inbox::{End, Inbox};
use crate::signals;
use crate::up::JsonLines;
use crate::words::{Teller, Told, Weight};
use color_eyre::eyre::{Result, WrapErr, bail};
use raftdeck_lab::{Lab, LabOptions};
use raftdeck_model::{News, Node, ProcessState, World};
use raftdeck_node::open_files;
use raftdeck_protocol::printable;
use raftdeck_script::{Deed, Script};
use std::collections::VecDeque;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What the lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Plain sentences with the seconds since the start.
    Words,
    /// JSON, see [`crate::up`].
    Json,
}

/// Runs a cluster with a script and prints what happens; returns the exit status.
pub fn run(options: LabOptions, format: Format, script: Script) -> Result<u8> {
    open_files::allow(options.open_files())?;
    let inbox = Arc::new(Inbox::default());
    signals::watch(&inbox).wrap_err("signals cannot be received")?;
    signals::watch_closing(io::stdout(), &inbox).wrap_err("the output cannot be watched")?;
    signals::insist(&inbox, end_status).wrap_err("a thread cannot be started")?;
    let started = Instant::now();
    let lab = Lab::start(options, {
        let inbox = Arc::clone(&inbox);
        move |update| inbox.update(update)
    })?;
    read_commands(&inbox).wrap_err("a thread cannot be started")?;
    let result = run_all(&inbox, &lab, started, format, script);
    lab.stop();
    result
}

/// The exit status when a `wait`, an `expect` or a step of a script failed.
const UNMET: u8 = 3;

/// Reads lines until the input ends, which ends nothing else. A terminal that belongs to somebody else is left alone:
/// reading from it would stop a program in the background.
fn read_commands(inbox: &Arc<Inbox>) -> io::Result<()> {
    let stdin = io::stdin();
    let is_ours =
        || rustix::termios::tcgetpgrp(&stdin).is_ok_and(|group| group == rustix::process::getpgrp());
    if stdin.is_terminal() && !is_ours() {
        return Ok(());
    }
    let inbox = Arc::clone(inbox);
    std::thread::Builder::new().name("commands".to_owned()).spawn(move || {
        let mut input = io::stdin().lock();
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            if !inbox.line(std::mem::take(&mut line)) {
                return;
            }
        }
    })?;
    Ok(())
}

/// A reader that has read enough is no failure.
fn end_status(end: End) -> u8 {
    match end {
        End::Closed => 0,
        other => signals::end_status(other),
    }
}

fn run_all(inbox: &Inbox, lab: &Lab, started: Instant, format: Format, mut script: Script) -> Result<u8> {
    let mut lines = Lines::new(format);
    let mut world = World::default();
    // Somebody who types is told of his mistake and types again; a script that goes wrong ends.
    let typed = io::stdin().is_terminal();
    loop {
        let due = [lines.next_due(), script.next_due()].into_iter().flatten().min();
        let batch = inbox.wait(due.map(|due| started + due));
        let now = started.elapsed();
        let mut text = String::new();
        for update in &batch.updates {
            lines.add(&update.what, now, &mut text);
            world.fold(update);
            script.hear(&update.what);
        }
        lines.add_due(now, &mut text);
        batch.lines.iter().for_each(|line| script.add(line));
        let ending = carry_out(&mut script, now, (&world, lab), typed, |to, answer| {
            lines.answer(to, &answer, now, &mut text);
        });
        if let Err(error) = print(&text) {
            return match error.kind() {
                io::ErrorKind::BrokenPipe => Ok(0),
                _ => Err(error).wrap_err("the output cannot be written"),
            };
        }
        if let Some(end) = batch.end {
            return Ok(end_status(end));
        }
        if let Some(status) = ending? {
            return Ok(status);
        }
        if let Some(reason) = all_failed(&world) {
            bail!("no node could be started: {reason}");
        }
    }
}

/// Does what the script says. Its end, if it is over, as an exit status or a mistake.
fn carry_out(
    script: &mut Script,
    now: Duration,
    (world, lab): (&World, &Lab),
    typed: bool,
    mut answer: impl FnMut(&str, Vec<String>),
) -> Result<Option<u8>> {
    let mut deeds = VecDeque::from(script.go_on(now, world));
    while let Some(deed) = deeds.pop_front() {
        match deed {
            Deed::Send(command) => lab.send(command),
            Deed::Answer(to, lines) => answer(to, lines),
            Deed::Read(file) => {
                script.loaded(files::read(&file));
                deeds.extend(script.go_on(now, world));
            }
            Deed::Write { file, text } => {
                script.written(files::write(&file, &text));
                deeds.extend(script.go_on(now, world));
            }
            Deed::Mistake(what) | Deed::Unmet(what) if typed => answer("mistake", vec![what]),
            Deed::Mistake(what) => bail!("up: {what}"),
            Deed::Unmet(what) => {
                // There is nobody else to tell.
                let _ = writeln!(io::stderr(), "raftdeck: up: {}", printable::lines(&what));
                return Ok(Some(UNMET));
            }
            Deed::Quit => return Ok(Some(0)),
        }
    }
    Ok(None)
}

/// The first node's reason, if none ever came up. Later on a dead cluster is a state to be watched; one that never lived is an
/// error.
fn all_failed(world: &World) -> Option<String> {
    let reason = |node: &Node| match &node.process {
        Some(ProcessState::Failed { how, last_words }) if node.addresses.is_none() => {
            let words = last_words.last().map_or_else(|| how.clone(), |words| format!("{how}: {words}"));
            Some(format!("{} failed, {words}", node.id))
        }
        _ => None,
    };
    let reasons: Option<Vec<String>> = world.nodes().map(reason).collect();
    reasons?.into_iter().next()
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Updates in, lines out.
#[derive(Debug)]
enum Lines {
    Words(Box<Teller>, Told),
    Json(JsonLines),
}

impl Lines {
    fn new(format: Format) -> Self {
        match format {
            Format::Words => Self::Words(Box::default(), Told::default()),
            Format::Json => Self::Json(JsonLines::default()),
        }
    }

    fn add(&mut self, news: &News, now: Duration, text: &mut String) {
        match self {
            Self::Words(teller, told) => {
                let mut say = |what: &str| push_line(text, &format!("{:9.3}  {what}", now.as_secs_f64()));
                for sentence in told.tell(news) {
                    say(&sentence);
                }
                if let Some(sentence) = teller.tell(news).filter(|said| said.weight >= Weight::Minor) {
                    say(&sentence.text);
                }
            }
            Self::Json(json) => json.tell(news, now).iter().for_each(|line| push_line(text, line)),
        }
    }

    fn answer(&mut self, to: &str, answer: &[String], now: Duration, text: &mut String) {
        match self {
            Self::Words(..) => answer.iter().for_each(|line| push_line(text, line)),
            Self::Json(_) => push_line(text, &crate::up::answer(to, answer, now)),
        }
    }

    fn add_due(&mut self, now: Duration, text: &mut String) {
        if let Self::Json(json) = self {
            json.due_lines(now).iter().for_each(|line| push_line(text, line));
        }
    }

    fn next_due(&self) -> Option<Duration> {
        match self {
            Self::Words(..) => None,
            Self::Json(json) => json.next_due(),
        }
    }
}

/// A line of words, or of JSON, which has no unsafe characters by now.
fn push_line(text: &mut String, line: &str) {
    text.push_str(&printable::line(line));
    text.push('\n');
}
