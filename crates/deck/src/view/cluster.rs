//! The Cluster view: the ring, what is going on, the feed, the table and the ends of the logs share the space.
//!
//! The sizes depend on the screen and on how many nodes there are, and on nothing that happens, so that nothing jumps.

use crate::app::split::Divider;
use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use crate::view::{explain, feed, going_on, log_strip, ring, table};
use ratatui::layout::Rect;
use ratatui::text::Line;

/// From this width on the feed is beside the ring.
pub(crate) const WIDE: u16 = 104;

/// The fewest rows for a ring.
const LEAST_RING: u16 = 5;

/// The fewest rows for a ring above which the ends of the logs have room.
const RING_OVER_LOGS: u16 = 16;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    if let Some(pane) = paint.app.zoomed() {
        zoomed(paint, area, pane);
    } else if area.width >= WIDE && area.height >= 16 {
        wide(paint, area);
    } else {
        stacked(paint, area);
    }
}

/// One pane has all of it: the events, or the nodes.
fn zoomed(paint: &mut Paint<'_>, area: Rect, pane: Pane) {
    if pane == Pane::Feed {
        return feed::draw(paint, area);
    }
    let table_rows = table_rows(paint, area, ring::grid_rows(paint.app.world.len(), area.width)[0].max(10));
    let above = area.height - table_rows;
    if above >= LEAST_RING {
        ring::draw(paint, Rect { height: above, ..area });
    }
    table::draw(paint, Rect { y: area.y + above, height: table_rows, ..area });
}

fn wide(paint: &mut Paint<'_>, area: Rect) {
    let nodes = paint.app.world.len();
    let feed_width = beside(paint, area.width);
    let ring_width = area.width - feed_width - 1;
    let mut table_rows = table_rows(paint, area, ring::grid_rows(nodes, ring_width)[0].max(10));
    let mut above = area.height - table_rows;
    let mut strip_rows = 0;
    if nodes <= log_strip::MOST && above >= RING_OVER_LOGS + log_strip::rows(nodes) {
        strip_rows = log_strip::rows(nodes);
        above -= strip_rows;
    }
    // A row of space above the table, where there is enough.
    if above >= 20 {
        table_rows += 1;
        above -= 1;
    }
    let ring = Rect { width: ring_width, height: above, ..area };
    let right = Rect { x: ring.right() + 1, width: feed_width, ..ring };
    divide(paint, right);
    let going_on_rows = if above >= going_on::ROWS + 6 { going_on::ROWS } else { 0 };
    ring::draw(paint, ring);
    if paint.app.explain.is_open() {
        explain::column(paint, right);
    } else {
        going_on::draw(paint, Rect { height: going_on_rows, ..right });
        feed::draw(paint, Rect { y: right.y + going_on_rows, height: above - going_on_rows, ..right });
    }
    table::draw(paint, Rect { y: area.y + above, height: table_rows, ..area });
    log_strip::draw(paint, Rect { y: area.y + above + table_rows, height: strip_rows, ..area });
}

/// How many columns the events have beside the ring, and the explanation beside any view.
pub(crate) fn beside(paint: &Paint<'_>, width: u16) -> u16 {
    paint.app.split.columns(width, (width * 3 / 8).min(72))
}

/// Makes the column before a part of the screen the divider.
pub(crate) fn divide(paint: &mut Paint<'_>, right: Rect) {
    let area = Rect { x: right.x - 1, width: 1, ..right };
    paint.landed.divide(Divider { area, size: right.width });
}

fn stacked(paint: &mut Paint<'_>, area: Rect) {
    if paint.app.world.len() > ring::RING {
        return stacked_grid(paint, area);
    }
    let [ring, table, feed] = parts(paint, area);
    if ring.height > 0 {
        ring::draw(paint, ring);
    }
    table::draw(paint, table);
    if feed.height > 0 {
        feed::draw(paint, feed);
    }
    if ring.height > 0 && feed.height > 0 {
        paint.landed.divide(Divider { area: Rect { height: 1, ..feed }, size: feed.height });
    }
}

/// The rows of the ring, if it is on the screen and not beside the events.
pub(crate) fn ring_rows(paint: &Paint<'_>, area: Rect) -> u16 {
    let has_ring = paint.app.zoomed().is_none() && paint.app.world.len() <= ring::RING;
    if has_ring { parts(paint, area)[0].height } else { 0 }
}

/// The ring, the table and the events, below each other.
fn parts(paint: &Paint<'_>, area: Rect) -> [Rect; 3] {
    let table_rows = table_rows(paint, area, 0);
    let above = area.height - table_rows;
    let feed_rows = match above {
        0..3 => 0,
        3..8 => above,
        8..13 => 3,
        13..14 => 4,
        14..20 => 5,
        _ => above / 3,
    };
    let has_room =
        |rows: u16| rows >= LEAST_RING && ring::fits(Rect { height: rows, ..area }, paint.app.world.len());
    let set = paint.app.split.rows(above.saturating_sub(LEAST_RING), feed_rows);
    let feed_rows = [set, feed_rows].into_iter().find(|rows| has_room(above - rows)).unwrap_or(above);
    let ring_rows = above - feed_rows;
    let ring = Rect { height: ring_rows, ..area };
    let table = Rect { y: ring.bottom(), height: area.height - ring_rows - feed_rows, ..area };
    [ring, table, Rect { y: table.bottom(), height: feed_rows, ..area }]
}

/// The grid, of the table as many rows as remain, and three rows of events. A screen too small for the grid has the table alone.
fn stacked_grid(paint: &mut Paint<'_>, area: Rect) {
    /// A heading each, and a row.
    const LEAST_TABLE: u16 = 3;
    let feed_rows = if area.height >= 15 { 3 } else { 0 };
    let rest = area.height.saturating_sub(feed_rows);
    let fits = |rows: &u16| rows.saturating_add(LEAST_TABLE) <= rest;
    let grid_rows = ring::grid_rows(paint.app.world.len(), area.width).into_iter().find(fits).unwrap_or(0);
    let grid = Rect { height: grid_rows, ..area };
    let table = Rect { y: grid.bottom(), height: rest - grid_rows, ..area };
    if grid_rows > 0 {
        ring::draw(paint, grid);
    }
    table::draw(paint, table);
    feed::draw(paint, Rect { y: table.bottom(), height: feed_rows, ..area });
}

/// The rows of the table: one for each node. Past nine nodes it leaves this many rows to the grid, and scrolls.
fn table_rows(paint: &Paint<'_>, area: Rect, grid: u16) -> u16 {
    let nodes = paint.app.world.len();
    let matters = table::matter_rows(paint.app, paint.buf.area.height);
    let wanted = u16::try_from(nodes).unwrap_or(u16::MAX).saturating_add(2).saturating_add(matters);
    if nodes <= ring::RING {
        return wanted.min(area.height);
    }
    wanted.min(area.height.saturating_sub(grid)).max(3 + matters).min(area.height)
}

/// What is shown before anything is known.
pub(crate) fn waiting(paint: &mut Paint<'_>, area: Rect) {
    paint.mark(area, Target::Pane(Pane::Feed));
    let (what, hint) = match paint.app.drills.failure {
        Some(_) => ("There is no cluster: that of the last drill could not be started.", "d says why."),
        None => ("The cluster is starting.", "Its nodes will appear here."),
    };
    let lines = [
        Line::styled("raftdeck", paint.theme.strong()),
        Line::default(),
        Line::styled(what, paint.theme.text()),
        Line::styled(hint, paint.theme.faint()),
    ];
    let top = area.height.saturating_sub(5) / 2;
    for (row, line) in (top..).zip(&lines) {
        paint.centred(area, row, line);
    }
}
