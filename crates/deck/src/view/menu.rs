//! A menu over whatever is on the screen.

use crate::app::finding::{self, List};
use crate::app::menu::{Menu, MenuKind};
use crate::view::found;
use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect, menu: &Menu) {
    let app = paint.app;
    let rows = menu.rows(app);
    let at = menu.at(app);
    let words_width = rows.iter().map(|row| row.words.chars().count()).max().unwrap_or(0);
    let about_width = rows.iter().map(|row| row.about.chars().count()).max().unwrap_or(0);
    let (title, hint) = match menu.kind {
        MenuKind::Faults => (
            format!("on the links {}", menu.links()),
            " Left Right: links   Enter: do it   / filters   : changes the words   Tab: in force ",
        ),
        MenuKind::InForce => {
            ("in force".to_owned(), " Enter: undo it   ?: explain   / filters   Tab: faults   Esc ")
        }
    };
    let find = finding::find(app, List::Menu);
    let place = finding::place(app, List::Menu)
        .map_or_else(String::new, |place| format!(" {} {place}", paint.glyphs().dot));
    let title = format!(" {title}{}{place} ", found::title(find));
    let width = (words_width + about_width + 8).max(hint.len() + 4).min(usize::from(area.width));
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    let height = u16::try_from(rows.len().max(1) + 2).unwrap_or(u16::MAX).min(area.height);
    let page =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    paint.clear(page);
    let block = Block::bordered()
        .border_set(paint.glyphs().border)
        .title(Line::styled(title, paint.theme.strong()))
        .title_bottom(Line::styled(hint, paint.theme.faint()));
    let inner = block.inner(page);
    block.render(page, paint.buf);
    paint.mark(area, Target::Pane(Pane::Feed));
    paint.mark(page, Target::Pane(Pane::Menu));
    let shown = usize::from(inner.height);
    let first = (at + 1).saturating_sub(shown);
    if first + shown < rows.len() {
        let top = Rect { height: 1, width: page.width.saturating_sub(1), ..page };
        paint.right(top, 0, &Line::styled(" Down: more ", paint.theme.strong()));
    }
    if rows.is_empty() {
        let text =
            if find.is_empty() { " Nothing is in force." } else { " No row has that: Esc shows all again." };
        paint.row(inner, 0, &Line::styled(text, paint.theme.faint()));
    }
    for (place, row) in rows.iter().enumerate().skip(first).take(shown) {
        let y = u16::try_from(place - first).unwrap_or(0);
        let style = match (place == at, row.is_able) {
            (true, _) => paint.theme.selected(),
            (false, true) => paint.theme.text(),
            (false, false) => paint.theme.faint(),
        };
        let mark = if place == at { paint.glyphs().selected } else { " " };
        let name = row.fault.map_or_else(String::new, |fault| format!("#{:<3} ", fault.0));
        let words = paint.cut(&row.words, usize::from(inner.width).saturating_sub(8));
        let used = 3 + name.len() + words_width.max(words.chars().count());
        let room = usize::from(inner.width).saturating_sub(used);
        let mut spans = vec![Span::raw(format!(" {mark} ")), Span::styled(name, style)];
        spans.extend(found::spans(find, &format!("{words:<words_width$}"), style));
        let about = paint.cut(&format!("  {}", row.about), room);
        spans.extend(found::spans(find, &about, paint.theme.faint()));
        paint.row(inner, y, &Line::from(spans));
        paint.mark(Rect { y: inner.y + y, height: 1, ..inner }, Target::MenuRow(place));
    }
}
