//! What writes lines, as tui-logger names it, and the levels of it that are captured and shown.

use raftdeck_model::LogLevel;
use raftdeck_raft::NodeId;
use tui_logger::LevelFilter;

/// A node's target. Targets are listed in the order of their names: the blanks put n2 before n10, and both before the deck's parts.
#[must_use]
pub fn node_target(node: NodeId) -> String {
    format!("{:>4}", node.to_string())
}

/// A line's level, as a bound.
#[must_use]
pub fn log_level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warn => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
        LogLevel::Trace => LevelFilter::Trace,
    }
}

/// Which levels of a target count. **Invariant:** no level is shown that is not captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Levels {
    /// Lines up to this level are shown.
    pub shown: LevelFilter,
    /// Lines up to this level are kept at all.
    pub captured: LevelFilter,
}

impl Default for Levels {
    fn default() -> Self {
        Self { shown: LevelFilter::Info, captured: LevelFilter::Debug }
    }
}

impl Levels {
    pub(super) fn show(&mut self, more: bool) {
        self.shown = step(self.shown, more).min(self.captured);
    }

    pub(super) fn capture(&mut self, more: bool) {
        self.captured = step(self.captured, more);
        self.shown = self.shown.min(self.captured);
    }
}

fn step(level: LevelFilter, more: bool) -> LevelFilter {
    if more { level.increment_severity() } else { level.decrement_severity() }
}
