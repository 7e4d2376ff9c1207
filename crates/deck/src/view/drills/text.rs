//! Lines of text that are put together for a pane of a certain width.

use crate::view::paint::wrap;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// The lines of a pane.
#[derive(Debug)]
pub(in crate::view) struct Text {
    width: usize,
    lines: Vec<Line<'static>>,
}

impl Text {
    pub(in crate::view) fn new(width: u16) -> Self {
        Self { width: width.into(), lines: Vec::new() }
    }

    pub(in crate::view) fn lines(&self) -> &[Line<'static>] {
        &self.lines
    }

    pub(in crate::view) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(in crate::view) fn width(&self) -> usize {
        self.width
    }

    /// An empty line, unless the text has just begun.
    pub(in crate::view) fn blank(&mut self) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
    }

    pub(in crate::view) fn line(&mut self, line: impl Into<Line<'static>>) {
        self.lines.push(line.into());
    }

    pub(in crate::view) fn append(&mut self, other: Self) {
        self.lines.extend(other.lines);
    }

    /// A heading, after an empty line.
    pub(in crate::view) fn heading(&mut self, words: &str, style: Style) {
        self.blank();
        self.line(Line::styled(format!(" {words}"), style));
    }

    /// A text over the whole width on a ground of its own; its further lines are on that ground too.
    pub(in crate::view) fn plate(&mut self, words: &str, style: Style) {
        let indent = " ".repeat(words.len() - words.trim_start().len());
        for line in wrap(words, self.width.saturating_sub(indent.len() + 1)) {
            let padding = self.width.saturating_sub(indent.len() + line.width());
            self.line(Line::styled(format!("{indent}{line}{}", " ".repeat(padding)), style));
        }
    }

    /// Text broken into lines, the first after `lead`, the others below the first.
    pub(in crate::view) fn wrapped(&mut self, lead: &str, words: &str, style: Style) {
        self.led(Span::raw(lead.to_owned()), words, style);
    }

    /// The same with a lead of its own style.
    pub(in crate::view) fn led(&mut self, lead: Span<'static>, words: &str, style: Style) {
        let indent = lead.width();
        let mut lead = Some(lead);
        for line in wrap(words, self.width.saturating_sub(indent + 1)) {
            let lead = lead.take().unwrap_or_else(|| Span::raw(" ".repeat(indent)));
            self.line(Line::from(vec![lead, Span::styled(line, style)]));
        }
    }

    /// Paragraphs: lines of a text belong together until an empty one.
    pub(in crate::view) fn paragraphs(&mut self, lead: &str, text: &str, style: Style) {
        let mut is_first = true;
        for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
            if !is_first {
                self.blank();
            }
            is_first = false;
            self.wrapped(lead, paragraph, style);
        }
    }
}
