//! The Cluster view: the ring, the feed and the table share the space.

use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use crate::view::{feed, ring, table};
use ratatui::layout::Rect;
use ratatui::text::Line;

/// From this width on the feed is beside the ring.
const WIDE: u16 = 104;

/// The fewest rows for a ring.
const LEAST_RING: u16 = 5;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let nodes = u16::try_from(paint.app.world.len()).unwrap_or(u16::MAX);
    let matters = table::matter_rows(paint.app, paint.buf.area.height);
    let table_rows = nodes.saturating_add(2).saturating_add(matters).min(area.height);
    let above = area.height - table_rows;
    if area.width >= WIDE && above >= 10 {
        let table_rows = table_rows + u16::from(above >= 20);
        let above = area.height - table_rows;
        let feed_width = (area.width * 3 / 8).min(72);
        let ring = Rect { width: area.width - feed_width - 1, height: above, ..area };
        let feed = Rect { x: ring.right() + 1, width: feed_width, ..ring };
        ring::draw(paint, ring);
        feed::draw(paint, feed);
        table::draw(paint, Rect { y: area.y + above, height: table_rows, ..area });
        return;
    }
    let feed_rows = match above {
        0..3 => 0,
        3..8 => above,
        8..10 => 3,
        10..14 => 4,
        14..20 => 5,
        _ => above / 3,
    };
    let (ring_rows, feed_rows) =
        if above - feed_rows >= LEAST_RING { (above - feed_rows, feed_rows) } else { (0, above) };
    let ring = Rect { height: ring_rows, ..area };
    let table = Rect { y: ring.bottom(), height: area.height - ring_rows - feed_rows, ..area };
    let feed = Rect { y: table.bottom(), height: feed_rows, ..area };
    if ring_rows > 0 {
        ring::draw(paint, ring);
    }
    table::draw(paint, table);
    if feed_rows > 0 {
        feed::draw(paint, feed);
    }
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
        paint.row(area, row, &line.clone().centered());
    }
}
