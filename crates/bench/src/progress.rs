//! The progress of a benchmark, on the terminal. Drawn by the measuring thread itself when it polls anyway, and not at all if
//! standard error is not a terminal.

use crate::figures;
use crate::load::SharedLoad;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How often a load is observed.
const TICK: Duration = Duration::from_millis(100);

const STYLE: &str = "  {prefix:<12} {bar:36.cyan/dim} {msg:.dim}";

/// One line that shows the progress. Removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    line: ProgressLine,
}

/// The progress line itself.
#[derive(Clone, Debug)]
pub(crate) struct ProgressLine(ProgressBar);

impl ProgressLine {
    fn at(&self, step: u64, message: String) {
        let Self(bar) = self;
        bar.set_message(message);
        bar.set_position(step);
        bar.tick();
    }
}

impl Progress {
    pub(crate) fn new() -> Self {
        let shown = io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        let style = ProgressStyle::with_template(STYLE).expect("invariant: the template is well-formed");
        bar.set_style(style.progress_chars("━╸─"));
        Self { line: ProgressLine(bar) }
    }

    /// A new part begins, of this many steps.
    pub(crate) fn begin(&self, what: &str, steps: u64) {
        let ProgressLine(bar) = &self.line;
        bar.set_length(steps.max(1));
        bar.set_prefix(what.to_owned());
        self.line.at(0, String::new());
    }

    pub(crate) fn at(&self, step: u64, message: String) {
        self.line.at(step, message);
    }

    pub(crate) fn line(&self) -> ProgressLine {
        self.line.clone()
    }

    pub(crate) fn end(self) {
        drop(self);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let ProgressLine(bar) = &self.line;
        bar.finish_and_clear();
    }
}

/// Operations acknowledged in each tenth of a second, one slice after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct OverTime(Arc<Mutex<Vec<f64>>>);

impl OverTime {
    /// Observes a load until the task is stopped; the line continues from `from`, in milliseconds.
    pub(crate) fn follow(&self, shared: Arc<SharedLoad>, line: ProgressLine, from: u64) -> JoinHandle<()> {
        let Self(samples) = self.clone();
        tokio::spawn(async move {
            let begun = Instant::now();
            let (mut then, mut done) = (begun, 0);
            let mut ticks = tokio::time::interval_at((begun + TICK).into(), TICK);
            loop {
                ticks.tick().await;
                let (now, all) = (Instant::now(), shared.done());
                let rate = (all - done) as f64 / (now - then).as_secs_f64();
                samples.lock().unwrap_or_else(PoisonError::into_inner).push(rate);
                let so_far = u64::try_from((now - begun).as_millis()).unwrap_or(u64::MAX);
                line.at(from + so_far, figures::rate(rate));
                (then, done) = (now, all);
            }
        })
    }

    pub(crate) fn samples(&self) -> Vec<f64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
