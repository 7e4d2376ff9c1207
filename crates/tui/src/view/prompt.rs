//! The line above the keys: the write prompt, a notice, or what came of the last operation.

use crate::app::USAGE;
use crate::app::operations::Outcome;
use crate::view::paint::Paint;
use crate::words::asked;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

/// Draws it. Says whether there was anything to draw. Where the line is shared with the keys, a result makes room for
/// them after a while, and an error takes the prompt's place until the next key.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect, shared: bool) -> bool {
    let app = paint.app;
    if app.prompt.is_open() && shared && app.prompt.error().is_some() {
        hint(paint, area);
    } else if app.prompt.is_open() {
        prompt(paint, area);
    } else if let Some(notice) = app.notice.as_ref().filter(|notice| notice.stands(paint.now)) {
        let style = paint.theme.trouble_plate();
        let text = paint.cut(&format!(" {} ", notice.text), usize::from(area.width));
        paint.row(area, 0, &Line::from(Span::styled(text, style)));
    } else {
        return operation(paint, area, shared);
    }
    true
}

fn prompt(paint: &mut Paint<'_>, area: Rect) {
    let prompt = &paint.app.prompt;
    paint.clear(area);
    let label = " write > ";
    paint.row(area, 0, &Line::from(Span::styled(label, paint.theme.selected())));
    let indent = u16::try_from(label.len() + 1).unwrap_or(0).min(area.width);
    let field = Rect { x: area.x + indent, width: area.width - indent, ..area };
    let room = usize::from(field.width);
    // The line scrolls so that the cursor is in sight, with some of what is before it.
    let before: usize = prompt.line()[..prompt.cursor()].iter().map(|c| c.width().unwrap_or(0)).sum();
    let mut hidden = 0;
    let mut start = 0;
    while before - hidden >= room.max(1) {
        hidden += prompt.line()[start].width().unwrap_or(0);
        start += 1;
    }
    let shown: String = prompt.line()[start..].iter().collect();
    if prompt.line().is_empty() {
        paint.row(field, 0, &Line::styled(USAGE, paint.theme.faint()));
    } else {
        paint.row(field, 0, &Line::raw(shown));
    }
    let x = field.x + u16::try_from(before - hidden).unwrap_or(0);
    if x < area.right() {
        paint.cursor = Some(Position::new(x, area.y));
    }
}

/// Below the prompt: why the line was not understood, or else the prompt's keys.
pub(crate) fn hint(paint: &mut Paint<'_>, area: Rect) {
    let (text, style) = match paint.app.prompt.error() {
        Some(why) => (format!(" {why} "), paint.theme.trouble_plate()),
        None => (
            " Enter does it   Esc leaves   Up and Down recall   \"quotes\" keep blanks".to_owned(),
            paint.theme.faint(),
        ),
    };
    let text = paint.cut(&text, usize::from(area.width));
    paint.row(area, 0, &Line::from(Span::styled(text, style)));
}

fn operation(paint: &mut Paint<'_>, area: Rect, shared: bool) -> bool {
    let operations = &paint.app.operations;
    let width = usize::from(area.width);
    if let Some((op, since)) = operations.newest_waiting() {
        let seconds = paint.now.saturating_sub(since).as_secs();
        let waited = if seconds == 0 { String::new() } else { format!(" {seconds} s") };
        let others = match operations.waiting() {
            0 | 1 => String::new(),
            more => format!(", {} more wait", more - 1),
        };
        let text = format!(" {}: waiting{}{waited}{others} ", asked(op), paint.glyphs().ellipsis);
        let line = Line::from(Span::styled(paint.cut(&text, width), paint.theme.strong()));
        paint.row(area, 0, &line);
        return true;
    }
    let fresh = |last: &&Outcome| !shared || paint.now < last.fresh_until();
    let Some(last) = operations.last().filter(fresh) else { return false };
    let style = if last.good { paint.theme.strong() } else { paint.theme.trouble_plate() };
    let text = paint.cut(&format!(" {} ", last.text), width);
    paint.row(area, 0, &Line::from(Span::styled(text, style)));
    true
}
