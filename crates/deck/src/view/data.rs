//! The Data view: the keys and values.

use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use ratatui::layout::Rect;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    paint.rule(area, 0, "data");
    paint.mark(area, Target::Pane(Pane::Data));
    paint.landed.size(Pane::Data, area.height.into());
}
