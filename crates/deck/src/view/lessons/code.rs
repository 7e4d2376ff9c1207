//! How phones join: the QR code, the address, the code, and how many are there.

use crate::actions::ActionId;
use crate::sentences::counted;
use crate::view::paint::Paint;
use crate::view::qr;
use ratatui::layout::Rect;
use ratatui::text::Line;

/// Draws it over the view.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let Some(link) = paint.app.lessons.audience.clone() else { return };
    let theme = paint.theme;
    paint.clear(area);
    let mut lines = vec![
        Line::styled("Join with your phone", theme.strong()),
        Line::styled(link.url.clone(), theme.key()),
        Line::styled(format!("{} joined", counted(link.joined.into(), "phone")), theme.text()),
    ];
    if !link.note.is_empty() {
        lines.push(Line::styled(link.note.clone(), theme.faint()));
    }
    if let Some(key) = paint.key(ActionId::LessonNext) {
        lines.push(Line::styled(format!("{key} begins"), theme.faint()));
    }
    let code = if paint.app.settings.ascii { None } else { qr::lines(&link.url) }.unwrap_or_default();
    let beside = u16::try_from(code.len()).unwrap_or(u16::MAX).saturating_add(6) > area.height;
    let rows = if beside { code.len().max(lines.len()) } else { code.len() + 1 + lines.len() };
    let top = area.height.saturating_sub(u16::try_from(rows).unwrap_or(u16::MAX)) / 2;
    if beside {
        // A small screen has no rows for both.
        let width = u16::try_from(code.first().map_or(0, Line::width)).unwrap_or(area.width).min(area.width);
        let left = Rect { width, ..area };
        for (row, line) in (top..).zip(&code) {
            paint.row(left, row, line);
        }
        let right = Rect { x: area.x + width, width: area.width - width, ..area };
        let first = area.height.saturating_sub(u16::try_from(lines.len() * 2).unwrap_or(u16::MAX)) / 2;
        for (row, line) in (first..).step_by(2).zip(&lines) {
            paint.centred(right, row, line);
        }
        return;
    }
    for (row, line) in (top..).zip(code.iter().chain([&Line::default()]).chain(&lines)) {
        paint.centred(area, row, line);
    }
}
