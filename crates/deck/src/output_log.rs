//! Fills tui-logger, which draws the Output view: the one part of this crate with an effect on more than its arguments. The program
//! calls it to carry out [`Effect::Log`](crate::app::Effect::Log); `update` and `view` never do.
//!
//! tui-logger has one log for the whole process, with the lines in two buffers: [`settle`](OutputLog::settle) moves what was added
//! from the one that takes lines quickly to the one that is drawn. The library has a thread for that, which looks every 10 ms, but
//! only `tui_logger::init_logger` starts it. That is never called: lines are given to the log by a `Drain`, which needs no more than
//! the buffers, and the program's loop settles them before it draws. So a deck that shows nothing new does nothing.

use crate::app::output::{Levels, LogChange, MAX_LINES, OutputLine, log_level};
use crate::view::stamp;
use log::Record;
use tui_logger::Drain;

/// The most lines that wait to be settled. The buffer for them has room for a thousand, and forgets older ones beyond that.
const MAX_WAITING: usize = 400;

/// The log of this process, as the deck fills it.
#[derive(Debug, Default)]
pub struct OutputLog {
    waiting: usize,
}

impl OutputLog {
    /// An empty log. There is one in a process: another one's lines are gone.
    #[must_use]
    pub fn new() -> Self {
        tui_logger::set_default_level(Levels::default().captured);
        tui_logger::set_buffer_depth(MAX_LINES);
        Self::default()
    }

    /// Carries out a change.
    pub fn carry_out(&mut self, change: LogChange) {
        match change {
            LogChange::Line(line) => self.add(&line),
            LogChange::Refill(lines) => {
                self.settle();
                tui_logger::set_buffer_depth(MAX_LINES);
                for line in &lines {
                    self.add(line);
                }
            }
            LogChange::Capture(target, level) => tui_logger::set_level_for_target(&target, level),
        }
    }

    /// Has what was added drawn from now on.
    pub fn settle(&mut self) {
        tui_logger::move_events();
        self.waiting = 0;
    }

    fn add(&mut self, line: &OutputLine) {
        let Some(level) = log_level(line.level).to_level() else { return };
        // A record is stamped with the time of the wall when it is added. What is shown is cluster time.
        let time = stamp(line.time);
        Drain::new().log(
            &Record::builder()
                .args(format_args!("{}", line.text))
                .level(level)
                .target(&line.target)
                .file(Some(&time))
                .line(Some(line.number))
                .build(),
        );
        self.waiting += 1;
        if self.waiting >= MAX_WAITING {
            self.settle();
        }
    }
}
