//! What every pane draws with: clipped text on a buffer, so that no pane can draw outside the screen.

use crate::actions::{Action, ActionId};
use crate::app::App;
use crate::app::timers::Timers;
use crate::theme::{Glyphs, Theme};
use crate::view::landed::{Landed, Target};
use raftdeck_model::Node;
use raftdeck_protocol::printable;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::borrow::Cow;
use std::time::Duration;

/// One painting of the screen.
pub(crate) struct Paint<'a> {
    /// What is painted.
    pub(crate) app: &'a App,
    /// The theme.
    pub(crate) theme: Theme,
    /// The deck's time, for what is the person's.
    pub(crate) real: Duration,
    /// The deck's time when this was the present: the same, unless the past is shown.
    pub(crate) now: Duration,
    /// When, in cluster time.
    pub(crate) time: Duration,
    /// The buffer to paint on.
    pub(crate) buf: &'a mut Buffer,
    /// Where things landed so far.
    pub(crate) landed: Landed,
    /// Where the terminal's cursor is to be.
    pub(crate) cursor: Option<Position>,
}

impl Paint<'_> {
    /// A node's timers: on one screen they are everywhere the same.
    pub(crate) fn timers(&self, node: &Node) -> Timers {
        self.landed.timers(node.id).unwrap_or_else(|| self.app.timers(node, self.now))
    }

    pub(crate) fn glyphs(&self) -> &'static Glyphs {
        self.theme.glyphs()
    }

    /// Writes a line on a row of an area, cut at its right edge. Rows outside the area are left out.
    pub(crate) fn row(&mut self, area: Rect, row: u16, line: &Line<'_>) {
        if row < area.height {
            self.at(Rect { y: area.y + row, height: 1, ..area }, line);
        }
    }

    /// Writes a line at the left of an area. Whatever came from outside without having been made visible is made so here.
    pub(crate) fn at(&mut self, area: Rect, line: &Line<'_>) {
        let area = area.intersection(self.buf.area);
        if area.is_empty() {
            return;
        }
        let shows_itself = |span: &Span<'_>| matches!(self.visible(&span.content), Cow::Borrowed(_));
        if line.iter().all(shows_itself) {
            self.buf.set_line(area.x, area.y, line, area.width);
        } else {
            let mut shown = line.clone();
            for span in &mut shown.spans {
                span.content = Cow::Owned(self.visible(&span.content).into_owned());
            }
            self.buf.set_line(area.x, area.y, &shown, area.width);
        }
    }

    /// Writes a line in the middle of an area's row.
    pub(crate) fn centred(&mut self, area: Rect, row: u16, line: &Line<'_>) {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
        self.row(Rect { x: area.x + (area.width - width) / 2, width, ..area }, row, line);
    }

    /// Writes a line at the right of an area's row, if there is room for all of it.
    pub(crate) fn right(&mut self, area: Rect, row: u16, line: &Line<'_>) -> bool {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
        if row >= area.height || width > area.width {
            return false;
        }
        self.at(Rect { x: area.right() - width, y: area.y + row, width, height: 1 }, line);
        true
    }

    /// Gives an area a style.
    pub(crate) fn fill(&mut self, area: Rect, style: Style) {
        self.buf.set_style(area.intersection(self.buf.area), style);
    }

    /// Empties an area.
    pub(crate) fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buf.area);
        for position in area.positions() {
            if let Some(cell) = self.buf.cell_mut(position) {
                cell.reset();
            }
        }
    }

    /// Draws a rule with a title, over a row of an area.
    pub(crate) fn rule(&mut self, area: Rect, row: u16, title: &str) {
        let rule = self.glyphs().rule.repeat(usize::from(area.width));
        let faint = self.theme.faint();
        self.row(area, row, &Line::styled(rule, faint));
        let title = Line::from(Span::styled(format!(" {title} "), self.theme.strong()));
        if row < area.height && area.width > 4 {
            let place = Rect { x: area.x + 2, y: area.y + row, width: area.width - 4, height: 1 };
            let width = u16::try_from(title.width()).unwrap_or(u16::MAX).min(place.width);
            // Nothing of the rule's colour stays in the title.
            self.clear(Rect { width, ..place });
            self.at(place, &title);
        }
    }

    /// Marks an area for the mouse.
    pub(crate) fn mark(&mut self, area: Rect, target: Target) {
        let area = area.intersection(self.buf.area);
        if !area.is_empty() {
            self.landed.mark(area, target);
        }
    }

    /// The key of an action in the present view, as text; `None`: it has none here, or the names of keys are hidden.
    pub(crate) fn key(&self, id: ActionId) -> Option<String> {
        if self.app.presenter.hides_keys {
            return None;
        }
        self.app.keymap().key(Action::of(id)?, self.app.view).map(|key| key.to_string())
    }

    /// Text from outside with nothing in it that a terminal would obey: that is made visible, in ASCII where the screen is.
    pub(crate) fn visible<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.app.settings.ascii { printable::visible_in_ascii(text) } else { printable::visible(text) }
    }

    /// Text cut to a width, with a mark where it was cut.
    pub(crate) fn cut(&self, text: &str, width: usize) -> String {
        cut(&self.visible(text), width, self.glyphs().ellipsis)
    }
}

/// Text cut to a width, with a mark where it was cut.
pub(crate) fn cut(text: &str, width: usize, sign: &str) -> String {
    use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(sign.width());
    let mut used = 0;
    let mut kept = String::new();
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > room {
            break;
        }
        kept.push(c);
    }
    if width >= sign.width() {
        kept.push_str(sign);
    }
    kept
}

/// Breaks text at blanks into lines of at most `width` columns; a longer word is broken where necessary.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if line.width() + c.width().unwrap_or(0) > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns_and_the_cut_is_shown() {
        assert_eq!(cut("abcdef", 6, "…"), "abcdef");
        assert_eq!(cut("abcdef", 4, "…"), "abc…");
        assert_eq!(cut("日本語", 4, "…"), "日…");
        assert_eq!(cut("abc", 0, "…"), "");
    }

    #[test]
    fn text_is_wrapped_at_blanks_and_long_words_are_broken() {
        assert_eq!(wrap("n2 leads term 3", 9), ["n2 leads", "term 3"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("日本", 1), ["日", "本"]);
    }
}
