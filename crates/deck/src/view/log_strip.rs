//! The ends of all logs, a row for each node: the Logs view in small.

use crate::view::landed::Target;
use crate::view::lessons;
use crate::view::log_cells;
use crate::view::paint::Paint;
use raftdeck_raft::LogIndex;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Columns taken by the nodes' names.
const NAMES: u16 = 8;

/// The most nodes for which it is drawn.
pub(crate) const MOST: usize = 9;

/// How many rows it takes for this many nodes.
pub(crate) fn rows(nodes: usize) -> u16 {
    u16::try_from(nodes + 1).unwrap_or(u16::MAX)
}

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let world = &paint.app.world;
    let end = world.log_end();
    paint.rule(area, 0, &format!("logs: the term of each entry, up to entry {end}"));
    let digits = u16::try_from(world.term().0.to_string().len()).unwrap_or(20);
    // An edge on each side, and a mark.
    let cell = digits + 3;
    let columns = u64::from(area.width.saturating_sub(NAMES + 1) / cell);
    let first = end.0.saturating_sub(columns.saturating_sub(1)).max(1);
    for (row, log) in (1..area.height).zip(world.log_rows()) {
        let place = Rect { y: area.y + row, height: 1, ..area };
        let style = lessons::name_style(paint, log.node.id);
        let name = Line::from(vec![Span::raw("   "), Span::styled(log.node.id.to_string(), style)]);
        paint.at(Rect { width: NAMES, ..place }, &name);
        paint.mark(place, Target::Node(log.node.id));
        if log.last.0 < first {
            let text = format!("{} its last entry is {}", paint.glyphs().ellipsis, log.last);
            let rest = Rect { x: area.x + NAMES, width: area.width.saturating_sub(NAMES), ..place };
            paint.at(rest, &Line::styled(text, paint.theme.faint()));
        }
        for (n, index) in (0..).zip(first..=end.0) {
            let x = area.x + NAMES + cell * n;
            if x + cell > area.right() {
                break;
            }
            log_cells::draw(paint, Rect { x, width: cell, ..place }, &log, LogIndex(index));
        }
    }
}
