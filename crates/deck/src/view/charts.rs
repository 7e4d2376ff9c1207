//! The Charts view: figures over time.

use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use ratatui::layout::Rect;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    paint.rule(area, 0, "charts");
    paint.mark(area, Target::Pane(Pane::Charts));
    paint.landed.size(Pane::Charts, area.height.into());
}
