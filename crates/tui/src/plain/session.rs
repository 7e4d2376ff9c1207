//! A cluster and its script as lines of text: updates and the time go in, commands and lines come out.

use super::format::Format;
use super::json::{self, JsonLines};
use crate::files;
use crate::incoming::inbox::EndReason;
use crate::incoming::signals;
use crate::source::tape::Tape;
use color_eyre::eyre::{Result, WrapErr, bail};
use raftdeck_deck::sentences::{Teller, Weight};
use raftdeck_model::{Command, News, Update, World};
use raftdeck_protocol::printable;
use raftdeck_script::{Script, ScriptEffect};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::Duration;

/// The exit status when a `wait`, an `expect` or a step of a script failed, or a command was refused.
const UNMET: u8 = 3;

/// The known state, the script, and the pending output.
#[derive(Debug)]
pub(super) struct PlainSession {
    pub(super) world: World,
    pub(super) script: Script,
    /// Whether a user types the lines of the script.
    pub(super) is_typed: bool,
    tape: Option<Tape>,
    lines: LineWriter,
    /// Lines that are not printed yet.
    text: String,
}

/// The outcome of printing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PrintOutcome {
    /// They were written.
    Yes,
    /// The reader has closed the output, which is not a failure.
    NobodyReads,
}

impl PlainSession {
    pub(super) fn new(format: Format, script: Script, tape: Option<Tape>) -> Self {
        let (world, lines, text) = (World::default(), LineWriter::new(format), String::new());
        Self { world, script, is_typed: false, tape, lines, text }
    }

    /// Takes in updates. Returns the commands that a recording needs to send to the source.
    pub(super) fn take_in(&mut self, mut updates: Vec<Update>, now: Duration) -> Result<Vec<Command>> {
        let commands = self.tape.as_mut().map(|tape| tape.note(&mut updates)).transpose()?;
        for update in &updates {
            self.lines.add(update, now, &mut self.text);
            self.world.fold(update);
            self.script.hear(&update.what);
        }
        self.lines.add_due(now, &mut self.text);
        Ok(commands.unwrap_or_default())
    }

    /// Ends the recording, if there is one. If it cannot be completed, that error is the result.
    pub(super) fn end(&mut self, ended: Result<u8>) -> Result<u8> {
        let written = self.tape.take().map_or(Ok(()), Tape::finish);
        ended.and_then(|status| written.map(|()| status))
    }

    /// When the next action or output is due without any update.
    pub(super) fn next_due(&self) -> Option<Duration> {
        [self.lines.next_due(), self.script.next_due()].into_iter().flatten().min()
    }

    /// Carries out the script. Returns its end, if it has ended, as an exit status or a mistake.
    pub(super) fn go_on(&mut self, now: Duration, mut send: impl FnMut(Command)) -> Result<Option<u8>> {
        let mut deeds = VecDeque::from(self.script.go_on(now, &self.world));
        while let Some(deed) = deeds.pop_front() {
            match deed {
                ScriptEffect::Send(command) => send(command),
                ScriptEffect::Answer(to, lines) => self.lines.answer(to, &lines, now, &mut self.text),
                ScriptEffect::Read(file) => {
                    self.script.loaded(files::read(&file));
                    deeds.extend(self.script.go_on(now, &self.world));
                }
                ScriptEffect::Write { file, text } => {
                    self.script.written(files::write(&file, &text));
                    deeds.extend(self.script.go_on(now, &self.world));
                }
                ScriptEffect::Mistake(what) | ScriptEffect::Unmet(_, what) if self.is_typed => {
                    self.lines.answer("mistake", &[what], now, &mut self.text);
                }
                ScriptEffect::Mistake(what) => bail!("up: {what}"),
                ScriptEffect::Unmet(_, what) => {
                    // If standard error is closed, the message cannot be shown.
                    let _ = writeln!(io::stderr(), "raftdeck: up: {}", printable::lines(&what));
                    return Ok(Some(UNMET));
                }
                ScriptEffect::Quit => return Ok(Some(0)),
            }
        }
        Ok(None)
    }

    /// Prints the pending output.
    pub(super) fn print(&mut self) -> Result<PrintOutcome> {
        let text = std::mem::take(&mut self.text);
        match print(&text) {
            Ok(()) => Ok(PrintOutcome::Yes),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(PrintOutcome::NobodyReads),
            Err(error) => Err(error).wrap_err("the output cannot be written"),
        }
    }
}

fn print(text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Updates in, lines out.
#[derive(Debug)]
enum LineWriter {
    Words(Box<Teller>),
    Json(JsonLines),
}

impl LineWriter {
    fn new(format: Format) -> Self {
        match format {
            Format::Words => Self::Words(Box::default()),
            Format::Json { messages: false } => Self::Json(JsonLines::default()),
            Format::Json { messages: true } => Self::Json(JsonLines::with_messages()),
        }
    }

    fn add(&mut self, update: &Update, now: Duration, text: &mut String) {
        match self {
            Self::Words(teller) => {
                // Nothing else shows what is in force here, or how fast time passes.
                let is_shown_elsewhere = !matches!(update.what, News::Time(_) | News::InForce { .. });
                for sentence in teller.tell(update) {
                    if sentence.weight >= Weight::Minor || !is_shown_elsewhere {
                        push_line(text, &format!("{:9.3}  {}", now.as_secs_f64(), sentence.text));
                    }
                }
            }
            Self::Json(json) => json.tell(&update.what, now).iter().for_each(|line| push_line(text, line)),
        }
    }

    fn answer(&mut self, to: &str, answer: &[String], now: Duration, text: &mut String) {
        match self {
            Self::Words(_) => answer.iter().for_each(|line| push_line(text, line)),
            Self::Json(_) => push_line(text, &json::answer(to, answer, now)),
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

/// The exit status after the end that was requested. A reader that closes the output early is not a failure.
pub(super) fn end_status(end: EndReason) -> u8 {
    match end {
        EndReason::Closed => 0,
        other => signals::end_status(other),
    }
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(&printable::line(line));
    text.push('\n');
}
