//! The selected key's value: on one line, or in a pane that scrolls.

use crate::app::data::value::{MOST_SHOWN, Piece, brief, shown, size};
use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use raftdeck_protocol::kv::Printed;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws it.
pub(super) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let data = &paint.app.data;
    let Some(key) = data.selected() else {
        paint.rule(area, 0, "value");
        return;
    };
    let (name, dot) = (Printed(key).to_string(), paint.glyphs().dot);
    let width = usize::from(area.width).saturating_sub(1);
    let Some(value) = data.selected_value() else {
        titled(paint, area, &name, &format!(" {dot} does not exist"));
        return;
    };
    let shown = shown(value, data.form, width.saturating_sub(1));
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let height = usize::from(body.height);
    let last = shown.lines.len().saturating_sub(height);
    let first = data.scroll.min(last);
    let part = if shown.is_whole { String::new() } else { format!(", the first {} shown", size(MOST_SHOWN)) };
    let place = match last {
        0 => String::new(),
        _ => format!(" {dot} lines {}-{} of {}", first + 1, first + height, shown.lines.len()),
    };
    let rest = format!(" {dot} {}, {}{part}{place}", shown.form.name(), size(value.len()));
    titled(paint, area, &name, &rest);
    paint.mark(body, Target::Pane(Pane::Value));
    paint.landed.value_ends(last);
    for (row, pieces) in (0..).zip(shown.lines.iter().skip(first).take(height)) {
        let line = pieces_of(paint, pieces);
        paint.row(body, row, &line);
    }
}

/// A rule with the key's name, which is cut where the rest needs the room.
fn titled(paint: &mut Paint<'_>, area: Rect, name: &str, rest: &str) {
    let room = usize::from(area.width).saturating_sub(6);
    let least = room.min(8);
    let name = paint.cut(name, room.saturating_sub(Span::raw(rest).width()).max(least));
    let title = paint.cut(&format!("{name}{rest}"), room);
    paint.rule(area, 0, &title);
}

fn pieces_of(paint: &Paint<'_>, pieces: &[Piece]) -> Line<'static> {
    let span = |piece: &Piece| {
        let style = if piece.is_escape { paint.theme.faint() } else { paint.theme.text() };
        Span::styled(piece.text.clone(), style)
    };
    std::iter::once(Span::raw(" ")).chain(pieces.iter().map(span)).collect()
}

/// Draws it on one line, after the key.
pub(super) fn line(paint: &mut Paint<'_>, area: Rect) {
    let data = &paint.app.data;
    let Some(key) = data.selected() else { return };
    let width = usize::from(area.width).saturating_sub(1);
    let name = paint.cut(&format!(" {}", Printed(key)), width / 2);
    let (text, style) = match data.selected_value() {
        Some(value) => (brief(value), paint.theme.text()),
        None => ("does not exist".to_owned(), paint.theme.trouble_line()),
    };
    let room = width.saturating_sub(Span::raw(name.as_str()).width() + 2);
    let line = Line::from(vec![
        Span::styled(name, paint.theme.strong()),
        Span::styled(": ", paint.theme.faint()),
        Span::styled(paint.cut(&text, room), style),
    ]);
    paint.row(area, 0, &line);
}
