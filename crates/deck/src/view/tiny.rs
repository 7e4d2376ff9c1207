//! The view for a very small screen: the leader, then one word per node.

use crate::view::labels;
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws the verdict on the first row and a node on each row after it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let mut brief = labels::brief(&paint.app.world.verdict());
    if paint.app.tape().has_present() {
        brief.insert_str(0, "PAST: ");
    }
    if let Some(tab) = paint.app.tabs().shown() {
        brief.insert_str(0, &format!("{}: ", tab.name));
    }
    let text = paint.cut(&brief, usize::from(area.width));
    let style = paint.theme.strong();
    paint.row(area, 0, &Line::styled(text, style));
    let rows: Vec<Line<'_>> = paint
        .app
        .world
        .nodes()
        .map(|node| {
            let (glyph, word) = labels::role(paint.theme, node, &paint.app.world);
            let chosen = paint.app.selected == Some(node.id);
            let style = if chosen { paint.theme.selected() } else { paint.theme.text() };
            Line::from(vec![Span::styled(node.id.to_string(), style), Span::raw(format!(" {glyph} {word}"))])
        })
        .collect();
    for (row, line) in (1..area.height).zip(&rows) {
        paint.row(area, row, line);
    }
}
