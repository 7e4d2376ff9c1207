//! The chapters of the lesson, to go to any of them.

use crate::app::lessons::PlayedLesson;
use crate::view::drills::text::Text;
use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

/// The widest that the box is.
const WIDEST: u16 = 64;

/// Draws it over the view.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect, at: usize) {
    let Some(played) = paint.app.lessons.playing() else { return };
    let width = area.width.min(WIDEST);
    let text = rows(paint, played, at, width.saturating_sub(2));
    let height = u16::try_from(text.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let page =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    paint.clear(page);
    let block = Block::bordered()
        .border_set(paint.glyphs().border)
        .title(Line::styled(format!(" {} ", played.lesson().title), paint.theme.strong()))
        .title_bottom(Line::styled(" Enter: go there, on a fresh cluster   Esc ", paint.theme.faint()));
    let inner = block.inner(page);
    block.render(page, paint.buf);
    paint.mark(area, Target::Pane(Pane::Menu));
    let shown = usize::from(inner.height);
    let first = (at + 1).saturating_sub(shown);
    for (row, line) in (0..inner.height).zip(text.lines().iter().skip(first)) {
        paint.row(inner, row, line);
    }
}

fn rows(paint: &Paint<'_>, played: &PlayedLesson, at: usize, width: u16) -> Text {
    let (theme, glyphs) = (paint.theme, paint.glyphs());
    let mut text = Text::new(width);
    for (place, chapter) in played.lesson().chapters.iter().enumerate() {
        let is_selected = place == at;
        let mark = if is_selected { glyphs.selected } else { " " };
        let here = if place == played.chapter_number() { "  you are here" } else { "" };
        let style = if is_selected { theme.selected() } else { theme.text() };
        let title = format!("{:>2} {}", place + 1, chapter.title);
        let title = paint.cut(&title, usize::from(width).saturating_sub(26));
        text.line(Line::from(vec![
            Span::raw(format!(" {mark} ")),
            Span::styled(title, style),
            Span::styled(format!("  {} min{here}", chapter.minutes), theme.faint()),
        ]));
    }
    text
}
