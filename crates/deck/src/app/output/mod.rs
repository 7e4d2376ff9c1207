//! What the nodes and the deck's own parts wrote to their logs: bounded, with the levels that are captured and shown of each target,
//! and the text that lines must contain to be shown.
//!
//! The lines are drawn by tui-logger, which keeps them in the state of the process. So what is shown goes there too, as
//! [`LogChange`]s that the program carries out ([`OutputLog`](crate::output_log::OutputLog)). Nothing here ever reads it back: the same
//! messages give the same state and effects, whatever tui-logger holds.

mod flood;
mod handle;
mod target;

pub(crate) use handle::{LogHandle, Steered, Turn};
pub use target::{Levels, log_level, node_target};

use crate::app::find::Find;
use crate::app::output::flood::Flood;
use crate::app::{App, View};
use raftdeck_model::LogLevel;
use raftdeck_protocol::printable;
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tui_logger::LevelFilter;

/// The most lines kept.
pub const MAX_LINES: usize = 5000;

/// The longest line kept, in characters.
const MAX_LINE: usize = 1000;

/// The most targets. Lines of further ones have [`OTHERS`] as theirs.
const MAX_TARGETS: usize = 300;

/// The target of lines beyond the bound.
const OTHERS: &str = "others";

/// The deck's own target.
const DECK: &str = "deck";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputLine {
    /// Lines are numbered in the order in which they came.
    pub number: u32,
    /// When it came, in cluster time.
    pub time: Duration,
    /// What wrote it.
    pub target: String,
    /// Its level.
    pub level: LogLevel,
    /// The line, with nothing in it that a terminal would obey.
    pub text: String,
}

/// A change of what tui-logger holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogChange {
    /// One more line.
    Line(OutputLine),
    /// These lines instead of all that it holds.
    Refill(Vec<OutputLine>),
    /// From now on, lines of this target are captured up to this level.
    Capture(String, LevelFilter),
}

/// A line, and whether it contains the text that is searched for.
#[derive(Clone, Debug)]
struct KeptLine {
    line: OutputLine,
    matches: bool,
}

/// The lines alone.
#[derive(Clone, Debug, Default)]
pub(super) struct OutputLines {
    lines: VecDeque<KeptLine>,
    next: u32,
    flood: Flood,
}

/// The lines and what of them is shown.
#[derive(Debug)]
pub struct Output {
    lines: VecDeque<KeptLine>,
    next: u32,
    targets: BTreeMap<String, Levels>,
    selected: Option<String>,
    /// Only the selected target's lines.
    pub(crate) is_focused: bool,
    /// Whether the list of targets is hidden.
    pub(crate) hides_targets: bool,
    find: Find,
    flood: Flood,
    changes: Vec<LogChange>,
    pub(crate) handle: LogHandle,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            lines: VecDeque::new(),
            next: 0,
            targets: BTreeMap::from([(DECK.to_owned(), Levels::default())]),
            selected: None,
            is_focused: false,
            hides_targets: false,
            find: Find::default(),
            flood: Flood::default(),
            changes: Vec::new(),
            handle: LogHandle::default(),
        }
    }
}

impl Output {
    /// Makes a node a target before it has written anything.
    pub fn know(&mut self, node: NodeId) {
        self.levels_of(node_target(node));
    }

    /// Takes a line. `now` is the deck's time, `time` the cluster's.
    pub fn tell(&mut self, target: &str, level: LogLevel, text: &str, (now, time): (Duration, Duration)) {
        self.settle(now, time);
        let (target, levels) = self.levels_of(target.to_owned());
        if log_level(level) > levels.captured {
            return;
        }
        if self.flood.admits(now) {
            self.keep(target, level, text, time);
        }
    }

    /// Lines were lost before they came here.
    pub fn lose(&mut self, count: u64) {
        self.flood.lose(count);
    }

    /// Says how many lines were dropped, when the moment in which that happened is over. Whether it said so.
    pub fn settle(&mut self, now: Duration, time: Duration) -> bool {
        let Some(count) = self.flood.settle(now) else { return false };
        self.keep(DECK.to_owned(), LogLevel::Warn, &dropped(count), time);
        true
    }

    /// When [`settle`](Self::settle) has something to say.
    #[must_use]
    pub fn next_change(&self) -> Option<Duration> {
        self.flood.due()
    }

    fn keep(&mut self, target: String, level: LogLevel, text: &str, time: Duration) {
        let cut: String = text.chars().take(MAX_LINE).collect();
        let text = printable::visible(&cut).into_owned();
        let line = OutputLine { number: self.next, time, target, level, text };
        self.next = self.next.wrapping_add(1);
        let matches = fits(&line, &self.find);
        if matches {
            self.changes.push(LogChange::Line(line.clone()));
        }
        if self.lines.len() == MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(KeptLine { line, matches });
    }

    fn levels_of(&mut self, target: String) -> (String, Levels) {
        let is_new = !self.targets.contains_key(&target);
        let target = if is_new && self.targets.len() >= MAX_TARGETS { OTHERS.to_owned() } else { target };
        let levels = *self.targets.entry(target.clone()).or_default();
        (target, levels)
    }

    /// Shows only lines in which this is found.
    pub fn look_for(&mut self, find: Find) {
        self.find = find;
        let mut shown = Vec::new();
        for kept in &mut self.lines {
            kept.matches = fits(&kept.line, &self.find);
            if kept.matches {
                shown.push(kept.line.clone());
            }
        }
        self.refill(shown);
    }

    /// What is looked for.
    #[must_use]
    pub fn find_text(&self) -> &Find {
        &self.find
    }

    /// How many lines are shown, in sight or not.
    #[must_use]
    pub fn found(&self) -> usize {
        let (selected, _) = self.selected();
        self.lines.iter().filter(|kept| self.shows(kept, selected)).count()
    }

    /// Forgets all lines: another cluster is in place of the one that wrote them. The targets stay, with their levels.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.flood = Flood::default();
        self.refill(Vec::new());
    }

    /// A copy of the lines.
    pub(super) fn copy_lines(&self) -> OutputLines {
        OutputLines { lines: self.lines.clone(), next: self.next, flood: self.flood.clone() }
    }

    /// Puts these lines in place of those that are kept, and returns those.
    pub(super) fn put_lines(&mut self, put: OutputLines) -> OutputLines {
        let lines = std::mem::replace(&mut self.lines, put.lines);
        let next = std::mem::replace(&mut self.next, put.next);
        let flood = std::mem::replace(&mut self.flood, put.flood);
        OutputLines { lines, next, flood }
    }

    /// Has the whole log drawn anew.
    pub(super) fn draw_anew(&mut self) {
        self.look_for(self.find.clone());
    }

    /// What tui-logger is to be told so that it holds this and nothing else: the log of another cluster was in its place.
    pub(crate) fn all_anew(&mut self) -> Vec<LogChange> {
        self.changes.clear();
        self.draw_anew();
        let captured = self.targets.iter().map(|(name, levels)| (name.clone(), levels.captured));
        let mut changes: Vec<LogChange> =
            captured.map(|(name, level)| LogChange::Capture(name, level)).collect();
        changes.append(&mut self.changes);
        changes
    }

    fn refill(&mut self, lines: Vec<OutputLine>) {
        // What was to be added before is among the lines, or is not to be shown.
        self.changes.retain(|change| matches!(change, LogChange::Capture(..)));
        self.changes.push(LogChange::Refill(lines));
        self.handle.turn(Turn::Newest);
    }

    /// What tui-logger is to be told since the last call.
    pub fn take_changes(&mut self) -> Vec<LogChange> {
        std::mem::take(&mut self.changes)
    }

    /// The targets in their order.
    pub fn targets(&self) -> impl ExactSizeIterator<Item = (&str, Levels)> {
        self.targets.iter().map(|(name, levels)| (name.as_str(), *levels))
    }

    /// The place of the selected target among all.
    #[must_use]
    pub fn place(&self) -> usize {
        let selected = self.selected.as_deref().unwrap_or_default();
        self.targets.keys().position(|name| name == selected).unwrap_or(0)
    }

    /// The selected target: the first if none has been selected.
    #[must_use]
    pub fn selected(&self) -> (&str, Levels) {
        self.targets().nth(self.place()).unwrap_or((DECK, Levels::default()))
    }

    /// Selects a node's target.
    pub fn select_node(&mut self, node: NodeId) {
        self.selected = Some(self.levels_of(node_target(node)).0);
    }

    /// Selects the target at this place.
    pub fn select_place(&mut self, place: usize) {
        self.selected = self.targets.keys().nth(place).cloned();
    }

    /// The place of the target after or before the selected one.
    #[must_use]
    pub fn neighbour(&self, on: bool) -> usize {
        let last = self.targets.len().saturating_sub(1);
        let place = self.place();
        if on { (place + 1).min(last) } else { place.saturating_sub(1) }
    }

    fn change(&mut self, change: impl FnOnce(&mut Levels)) -> (String, Levels) {
        let name = self.selected().0.to_owned();
        let levels = self.targets.entry(name.clone()).or_default();
        change(levels);
        (name, *levels)
    }

    /// Shows more or less of the selected target's lines: one level.
    pub fn show(&mut self, more: bool) {
        self.change(|levels| levels.show(more));
    }

    /// Captures more or less of what the selected target writes: one level.
    pub fn capture(&mut self, more: bool) {
        let (name, levels) = self.change(|levels| levels.capture(more));
        self.changes.push(LogChange::Capture(name, levels.captured));
    }

    fn shows(&self, kept: &KeptLine, selected: &str) -> bool {
        let levels = self.targets.get(&kept.line.target).copied().unwrap_or_default();
        kept.matches
            && log_level(kept.line.level) <= levels.shown
            && (!self.is_focused || kept.line.target == selected)
    }

    /// The newest line that is shown, if any is.
    #[must_use]
    pub fn newest(&self) -> Option<&OutputLine> {
        let (selected, _) = self.selected();
        self.lines.iter().rev().find(|kept| self.shows(kept, selected)).map(|kept| &kept.line)
    }

    /// The oldest line that is shown, if any is.
    #[must_use]
    pub fn oldest(&self) -> Option<&OutputLine> {
        let (selected, _) = self.selected();
        self.lines.iter().find(|kept| self.shows(kept, selected)).map(|kept| &kept.line)
    }

    /// How many lines are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether no line is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// Goes on after a message: the node that is selected now is the target too, if another one was `selected` before.
pub(super) fn go_on(app: &mut App, selected: Option<NodeId>, now: Duration) {
    if let Some(node) = app.selected.filter(|node| selected != Some(*node)) {
        app.output.select_node(node);
    }
    let said = app.output.settle(now, app.clock.at(now));
    app.mark_changed_if(said && app.view == View::Output);
}

/// Selects a target, and the node if it is one's.
pub(super) fn choose(app: &mut App, place: usize) {
    app.output.select_place(place);
    let (name, _) = app.output.selected();
    if let Some(node) = app.world.ids().into_iter().find(|node| node_target(*node) == name) {
        app.selected = Some(node);
    }
}

/// Whether what is looked for is found in a line's text, its target or its level.
fn fits(line: &OutputLine, find: &Find) -> bool {
    find.fits(&[line.target.trim_start(), log_level(line.level).as_str(), &line.text])
}

fn dropped(count: u64) -> String {
    match count {
        1 => "1 line was dropped because it arrived faster than it could be kept".to_owned(),
        _ => format!(
            "{} lines were dropped because they arrived faster than they could be kept",
            grouped(count)
        ),
    }
}

/// A number with its thousands set apart: `2,140`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests;
