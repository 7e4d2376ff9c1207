//! What is going on at this moment, in a few sentences, beside the ring.

use crate::sentences::situation;
use crate::view::landed::Target;
use crate::view::paint::{Paint, wrap};
use ratatui::layout::Rect;
use ratatui::text::Line;

/// How many rows it takes, its heading included: always the same, so that the events below do not jump.
pub(crate) const ROWS: u16 = 8;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    paint.mark(area, Target::Cluster);
    paint.rule(area, 0, "what is going on");
    let width = usize::from(area.width).saturating_sub(2);
    let room = usize::from(area.height.saturating_sub(1));
    let lines = lines(paint, width, room);
    for (row, (line, first)) in (1..).zip(lines) {
        let style = if first { paint.theme.strong() } else { paint.theme.text() };
        paint.row(area, row, &Line::styled(format!(" {line}"), style));
    }
}

/// What is going on, in this many rows at most: the first sentence, and of the others whole ones, as far as they fit. Each line with
/// whether it is of the first sentence.
pub(super) fn lines(paint: &Paint<'_>, width: usize, rows: usize) -> Vec<(String, bool)> {
    let mut lines: Vec<(String, bool)> = Vec::new();
    for (n, sentence) in situation(&paint.app.world, &paint.app.succession).iter().enumerate() {
        let wrapped = wrap(sentence, width);
        if n == 0 || lines.len() + wrapped.len() <= rows {
            lines.extend(wrapped.into_iter().map(|line| (line, n == 0)));
        }
    }
    lines
}
