//! A cluster without a screen: one line per event, in plain words or as JSON, until a signal or the end of the
//! output. For terminals that are none, for screen readers, for scripts.

use crate::inbox::{End, Inbox};
use crate::signals;
use crate::up::JsonLines;
use crate::words::{Teller, Weight};
use color_eyre::eyre::{Result, WrapErr, bail};
use raftdeck_lab::{Lab, LabOptions, ProcessState, Update};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::io::{self, Write};
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

/// Runs a cluster and prints what happens; returns the exit status.
pub fn run(options: LabOptions, format: Format) -> Result<u8> {
    let inbox = Arc::new(Inbox::default());
    signals::watch(&inbox).wrap_err("signals cannot be received")?;
    signals::watch_closing(io::stdout(), &inbox).wrap_err("the output cannot be watched")?;
    signals::insist(&inbox, end_status).wrap_err("a thread cannot be started")?;
    let started = Instant::now();
    let lab = Lab::start(options, {
        let inbox = Arc::clone(&inbox);
        move |update| inbox.update(update)
    })?;
    let result = print_all(&inbox, started, format);
    lab.stop();
    result
}

/// A reader that has read enough is no failure.
fn end_status(end: End) -> u8 {
    match end {
        End::Closed => 0,
        other => signals::end_status(other),
    }
}

fn print_all(inbox: &Inbox, started: Instant, format: Format) -> Result<u8> {
    let mut lines = Lines::new(format);
    let mut births = Births::default();
    loop {
        let batch = inbox.wait(lines.next_due().map(|due| started + due));
        let now = started.elapsed();
        let mut text = String::new();
        for update in &batch.updates {
            lines.add(update, now, &mut text);
            births.note(update);
        }
        lines.add_due(now, &mut text);
        if let Err(error) = print(&text) {
            return match error.kind() {
                io::ErrorKind::BrokenPipe => Ok(0),
                _ => Err(error).wrap_err("the output cannot be written"),
            };
        }
        if let Some(end) = batch.end {
            return Ok(end_status(end));
        }
        if let Some(reason) = births.all_failed() {
            bail!("no node could be started: {reason}");
        }
    }
}

/// Whether any node came up. Later on a dead cluster is a state to be watched; one that never lived is an error.
#[derive(Debug, Default)]
struct Births {
    members: usize,
    came_up: bool,
    failed: BTreeMap<NodeId, String>,
}

impl Births {
    fn note(&mut self, update: &Update) {
        match update {
            Update::Cluster { nodes, .. } => self.members = nodes.len(),
            Update::Ready { .. } => self.came_up = true,
            Update::Process { node, state: ProcessState::Failed { how, last_words } } if !self.came_up => {
                let words = last_words.last().map_or_else(|| how.clone(), |words| format!("{how}: {words}"));
                self.failed.insert(*node, format!("{node} failed, {words}"));
            }
            _ => {}
        }
    }

    /// The first node's reason, if none came up.
    fn all_failed(&self) -> Option<&str> {
        let none = !self.came_up && self.members > 0 && self.failed.len() == self.members;
        self.failed.values().next().filter(|_| none).map(String::as_str)
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Updates in, lines out.
#[derive(Debug)]
enum Lines {
    Words(Teller),
    Json(JsonLines),
}

impl Lines {
    fn new(format: Format) -> Self {
        match format {
            Format::Words => Self::Words(Teller::default()),
            Format::Json => Self::Json(JsonLines::default()),
        }
    }

    fn add(&mut self, update: &Update, now: Duration, text: &mut String) {
        match self {
            Self::Words(teller) => {
                if let Some(sentence) = teller.tell(update).filter(|said| said.weight >= Weight::Minor) {
                    push_line(text, &format!("{:9.3}  {}", now.as_secs_f64(), sentence.text));
                }
            }
            Self::Json(json) => json.tell(update, now).iter().for_each(|line| push_line(text, line)),
        }
    }

    fn add_due(&mut self, now: Duration, text: &mut String) {
        if let Self::Json(json) = self {
            json.due_lines(now).iter().for_each(|line| push_line(text, line));
        }
    }

    fn next_due(&self) -> Option<Duration> {
        match self {
            Self::Words(_) => None,
            Self::Json(json) => json.next_due(),
        }
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
