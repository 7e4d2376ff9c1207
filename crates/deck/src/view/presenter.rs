//! The Cluster view for a lecture hall: the band, the ring as large as it can be, and in words what is going on.

use crate::view::paint::Paint;
use crate::view::{going_on, ring, table};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

/// The most rows of the caption.
const CAPTION: u16 = 3;

/// Draws what is below the band.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let caption_rows = if area.height >= 14 { CAPTION } else { 1 };
    let [ring, gap, caption] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(1), Constraint::Length(caption_rows)])
            .areas(area);
    if ring::fits(ring, paint.app.world.len()) {
        ring::draw_large(paint, ring);
    } else {
        table::draw(paint, ring);
    }
    let rule = paint.glyphs().rule.repeat(usize::from(gap.width));
    paint.row(gap, 0, &Line::styled(rule, paint.theme.faint()));
    let lines =
        going_on::lines(paint, usize::from(caption.width).saturating_sub(4), usize::from(caption.height));
    for (row, (line, _)) in (0..caption.height).zip(lines) {
        paint.centred(caption, row, &Line::styled(line, paint.theme.strong()));
    }
}
