//! What the nodes wrote to their logs: bounded, filtered by node and by level.

use raftdeck_model::LogLevel;
use raftdeck_protocol::printable::is_unsafe;
use raftdeck_raft::NodeId;
use std::collections::VecDeque;

/// The most lines kept.
pub const MAX_LINES: usize = 5000;

/// The longest line kept, in characters.
const MAX_LINE: usize = 1000;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputLine {
    /// The node that wrote it.
    pub node: NodeId,
    /// Its level.
    pub level: LogLevel,
    /// The line, without control characters.
    pub text: String,
}

/// The nodes' output and what of it is shown.
#[derive(Clone, Debug)]
pub struct Output {
    lines: VecDeque<OutputLine>,
    /// Only the selected node's lines.
    pub only_selected: bool,
    /// Lines up to this level.
    pub level: LogLevel,
    /// How many of the newest shown lines are scrolled out of sight.
    back: usize,
}

impl Default for Output {
    fn default() -> Self {
        Self { lines: VecDeque::new(), only_selected: false, level: LogLevel::Info, back: 0 }
    }
}

impl Output {
    /// Takes a line.
    pub fn tell(&mut self, node: NodeId, level: LogLevel, line: &str, selected: Option<NodeId>) {
        let text = line.chars().take(MAX_LINE).map(|c| if is_unsafe(c) { ' ' } else { c }).collect();
        let line = OutputLine { node, level, text };
        if self.back > 0 && self.shows(&line, selected) {
            self.back += 1;
        }
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        self.back = self.back.min(MAX_LINES);
    }

    fn shows(&self, line: &OutputLine, selected: Option<NodeId>) -> bool {
        line.level <= self.level && (!self.only_selected || Some(line.node) == selected)
    }

    /// The lines that pass the filters, newest first.
    pub fn newest_first(&self, selected: Option<NodeId>) -> impl Iterator<Item = &OutputLine> {
        self.lines.iter().rev().filter(move |line| self.shows(line, selected))
    }

    /// How many of the newest are out of sight.
    #[must_use]
    pub fn back(&self) -> usize {
        self.back
    }

    /// Towards older lines.
    pub fn scroll_back(&mut self, by: usize, selected: Option<NodeId>) {
        let most = self.newest_first(selected).count().saturating_sub(1);
        self.back = self.back.saturating_add(by).min(most);
    }

    /// Towards newer lines.
    pub fn scroll_on(&mut self, by: usize) {
        self.back = self.back.saturating_sub(by);
    }

    /// Scrolls to the newest, and stays there.
    pub fn to_end(&mut self) {
        self.back = 0;
    }

    /// All nodes' lines, or the selected one's only.
    pub fn toggle_node_filter(&mut self) {
        self.only_selected = !self.only_selected;
        self.to_end();
    }

    /// The next level: each shows more than the one before; the first follows the last.
    pub fn next_level(&mut self) {
        self.level = match self.level {
            LogLevel::Error => LogLevel::Warn,
            LogLevel::Warn => LogLevel::Info,
            LogLevel::Info => LogLevel::Debug,
            LogLevel::Debug => LogLevel::Trace,
            LogLevel::Trace => LogLevel::Error,
        };
        self.to_end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_filtered_by_node_and_level_and_free_of_control_characters() {
        let mut output = Output::default();
        for n in 0..MAX_LINES {
            output.tell(NodeId(1 + n as u64 % 2), LogLevel::Info, "a\x1b[31mb\tc", None);
        }
        output.tell(NodeId(2), LogLevel::Debug, "quiet", None);
        assert_eq!(output.lines.len(), MAX_LINES);
        assert_eq!(output.newest_first(None).next().map(|l| l.text.as_str()), Some("a [31mb c"));
        output.next_level();
        assert_eq!(output.newest_first(None).next().map(|l| l.text.as_str()), Some("quiet"));
        output.toggle_node_filter();
        assert!(output.newest_first(Some(NodeId(1))).all(|l| l.node == NodeId(1)));
    }

    #[test]
    fn what_is_being_read_stays_in_place_when_lines_arrive() {
        let mut output = Output::default();
        for _ in 0..10 {
            output.tell(NodeId(1), LogLevel::Info, "line", None);
        }
        output.scroll_back(4, None);
        output.tell(NodeId(1), LogLevel::Info, "line", None);
        output.tell(NodeId(1), LogLevel::Debug, "not shown", None);
        assert_eq!(output.back(), 5);
        output.scroll_back(500, None);
        assert_eq!(output.back(), 10);
    }
}
