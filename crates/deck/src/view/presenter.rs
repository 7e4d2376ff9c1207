//! The Cluster view for a lecture hall: the band, the ring as large as it can be, and in words what is going on.

use crate::sentences::situation;
use crate::view::paint::{Paint, wrap};
use crate::view::{ring, table};
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
    // The sentence that matters now; what does not fit is left out by whole lines.
    let sentences = situation(&paint.app.world, &paint.app.succession);
    let Some(first) = sentences.first() else { return };
    let mut lines = wrap(first, usize::from(caption.width).saturating_sub(4));
    for other in &sentences[1..] {
        let more = wrap(other, usize::from(caption.width).saturating_sub(4));
        if lines.len() + more.len() <= usize::from(caption.height) {
            lines.extend(more);
        }
    }
    for (row, line) in (0..caption.height).zip(lines) {
        paint.centred(caption, row, &Line::styled(line, paint.theme.strong()));
    }
}
