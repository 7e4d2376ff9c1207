//! Where the screen is divided between the cluster and the events, or the explanation in their place.

use crate::app::App;
use ratatui::layout::{Position, Rect};

/// What the pointer set, in cells; without it the screen's size decides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Split {
    columns: Option<u16>,
    rows: Option<u16>,
    is_held: bool,
}

/// A line between two parts of the screen that can be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Divider {
    /// Where it is: a column or a row.
    pub(crate) area: Rect,
    /// The size of the part that it is the edge of: the columns right of it, or the rows from it on.
    pub(crate) size: u16,
}

impl Divider {
    fn is_upright(self) -> bool {
        self.area.height > 1
    }
}

impl Split {
    /// How many columns of these the part beside the cluster has: as set, or else `usual`, within what leaves room for both.
    pub(crate) fn columns(self, of: u16, usual: u16) -> u16 {
        const LEAST: u16 = 30;
        self.columns.unwrap_or(usual).clamp(LEAST.min(of / 2), of.saturating_sub(2 * LEAST).max(of / 2))
    }

    /// How many rows the part below the cluster has: as set, or else `usual`, at most `most`.
    pub(crate) fn rows(self, most: u16, usual: u16) -> u16 {
        self.rows.map_or(usual, |rows| rows.clamp(2.min(most), most))
    }
}

/// The pointer takes hold of the divider.
pub(super) fn hold(app: &mut App) {
    app.split.is_held = true;
}

/// The pointer lets go.
pub(super) fn let_go(app: &mut App) {
    app.split.is_held = false;
}

/// Moves the divider after the pointer, if it is held; says whether it is.
pub(super) fn follow(app: &mut App, pointer: Position) -> bool {
    let Some(divider) = app.landed.divider().filter(|_| app.split.is_held) else { return false };
    let moved = |from: u16, to: u16| divider.size.saturating_add(from).saturating_sub(to).max(1);
    if divider.is_upright() {
        app.split.columns = Some(moved(divider.area.x, pointer.x));
    } else {
        app.split.rows = Some(moved(divider.area.y, pointer.y));
    }
    app.mark_changed();
    true
}
