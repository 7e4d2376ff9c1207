//! How a run is shown while it goes: as lines, as one line on a terminal, or not at all.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use raftdeck_drills::{Millis, Run, RunStatus, StageName};
use raftdeck_protocol::printable;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// The parts of a run besides its steps: steady, heal, steady again, verdict.
const PARTS: u64 = 4;

/// How a run is shown.
#[derive(Debug)]
pub(super) enum Progress {
    /// Each line as it is told.
    Lines,
    /// One line on the terminal, drawn anew.
    Bar(ProgressBar),
    /// Not at all.
    Silent,
}

impl Progress {
    /// Lines if that was asked for or there is no terminal; nothing if the output is for a program.
    pub(super) fn new(plain: bool, json: bool) -> Self {
        match (json, plain || !io::stderr().is_terminal()) {
            (true, _) => Self::Silent,
            (false, true) => Self::Lines,
            (false, false) => Self::Bar(bar()),
        }
    }

    /// The same where many runs follow each other: their lines are not shown.
    pub(super) fn of_many(plain: bool, json: bool, runs: u64) -> Self {
        let progress = Self::new(plain, json);
        if let Self::Bar(bar) = &progress {
            bar.set_length(runs);
            return progress;
        }
        Self::Silent
    }

    /// A line that the run tells.
    pub(super) fn tell(&self, line: &str) -> io::Result<()> {
        if let Self::Lines = self {
            writeln!(io::stdout().lock(), "{}", printable::line(line))?;
        }
        Ok(())
    }

    /// The run is so far.
    pub(super) fn at(&self, run: &Run, now: Duration) {
        let Self::Bar(bar) = self else { return };
        let status = run.status(now);
        let steps = status.steps.len() as u64;
        bar.set_length(steps + PARTS);
        bar.set_position(position(&status, steps));
        bar.set_prefix(run.drill().id.clone());
        bar.set_message(printable::line(&words(&status)).into_owned());
    }

    /// So many of many runs are done.
    pub(super) fn done(&self, runs: u64, what: &str) {
        let Self::Bar(bar) = self else { return };
        bar.set_position(runs);
        bar.set_prefix(what.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("  {prefix:<16} {bar:24.cyan/dim} {wide_msg:.dim}");
    bar.set_style(style.expect("invariant: the template is well-formed").progress_chars("━╸─"));
    bar
}

fn position(status: &RunStatus<'_>, steps: u64) -> u64 {
    match status.stage {
        StageName::Steady => 0,
        StageName::Steps => 1 + status.present.map_or(steps, |present| present as u64),
        StageName::Healing => 1 + steps,
        StageName::SteadyAgain => 2 + steps,
        StageName::Judging => 3 + steps,
        StageName::Over => PARTS + steps,
    }
}

fn words(status: &RunStatus<'_>) -> String {
    let what = match status.stage {
        StageName::Steady => "waiting for the steady state".to_owned(),
        StageName::Steps => {
            let step = status.present.and_then(|present| status.steps.get(present));
            step.map_or_else(String::new, |step| step.caption.clone().unwrap_or_else(|| step.text.clone()))
        }
        StageName::Healing => "healing".to_owned(),
        StageName::SteadyAgain => "waiting for the steady state again".to_owned(),
        StageName::Judging => "observing the steady state".to_owned(),
        StageName::Over => "over".to_owned(),
    };
    match status.moments.takeover() {
        Some(takeover) => format!("{what} · D {}", Millis(takeover)),
        None => what,
    }
}
