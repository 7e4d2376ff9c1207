//! The Charts view: how fast and how available the cluster is, over time.
//!
//! On a wide screen all charts stand in two columns. On a narrow one they stand below each other, and of those that do not fit the
//! last ones of [`Panel::ORDER`] go: availability comes first, then throughput, latency, replication lag, fsync times, links.
//! Everything is drawn from one column of figures for each column of the screen.

mod plots;
mod scale;
mod sheet;
mod strip;

use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::text::Line;
use sheet::Sheet;

/// From this size on there are two columns.
const TWO: (u16, u16) = (100, 18);

/// From this height on there is room for a higher strip.
const TALL: u16 = 26;

/// Between the two columns.
const BETWEEN: u16 = 2;

/// A chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Panel {
    Availability,
    Throughput,
    Latency,
    Lag,
    Fsync,
    Bytes,
}

impl Panel {
    const ORDER: [Self; 6] =
        [Self::Availability, Self::Throughput, Self::Latency, Self::Lag, Self::Fsync, Self::Bytes];

    const COLUMNS: [[Self; 3]; 2] =
        [[Self::Availability, Self::Throughput, Self::Latency], [Self::Lag, Self::Fsync, Self::Bytes]];

    /// The least useful height, its title included.
    fn least(self, nodes: u16) -> u16 {
        match self {
            Self::Availability | Self::Bytes => 3,
            Self::Throughput => 4,
            Self::Latency => 5,
            Self::Lag | Self::Fsync => 1 + nodes.clamp(1, 3),
        }
    }

    /// By how much a chart of this height is to grow, where all have this room; `None`: it needs no more height.
    fn grows(self, height: u16, nodes: u16, room: u16) -> Option<u16> {
        match self {
            Self::Availability => (height < if room < TALL { 4 } else { 5 }).then_some(1),
            Self::Throughput | Self::Latency | Self::Bytes => Some(1),
            Self::Lag | Self::Fsync if height <= nodes => Some(1),
            // Each node has as many rows as the others.
            Self::Lag | Self::Fsync => (height <= nodes.saturating_mul(3)).then_some(nodes.max(1)),
        }
    }

    fn draw(self, paint: &mut Paint<'_>, area: Rect, sheet: &Sheet) {
        match self {
            Self::Availability => strip::draw(paint, area, sheet),
            Self::Throughput => plots::throughput(paint, area, sheet),
            Self::Latency => plots::latency(paint, area, sheet),
            Self::Lag => plots::lag(paint, area, sheet),
            Self::Fsync => plots::fsync(paint, area, sheet),
            Self::Bytes => plots::bytes(paint, area, sheet),
        }
    }
}

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    paint.mark(area, Target::Pane(Pane::Charts));
    let two = area.width >= TWO.0 && area.height >= TWO.1;
    let width = if two { (area.width - BETWEEN) / 2 } else { area.width };
    let sheet = Sheet::new(paint, strip::columns(width));
    paint.landed.size(Pane::Charts, sheet.columns.len());
    let charted = paint.app.charts.charted(sheet.window, paint.now);
    paint.landed.charts(charted);
    let left = Rect { width, ..area };
    if two {
        let right = Rect { x: area.right() - width, ..left };
        stack(paint, left, &sheet, &Panel::COLUMNS[0]);
        stack(paint, right, &sheet, &Panel::COLUMNS[1]);
    } else {
        stack(paint, left, &sheet, &Panel::ORDER);
    }
    if sheet.columns.iter().all(Option::is_none) {
        let text = " Nothing has been reported yet.";
        paint.row(area, 1, &Line::styled(text, paint.theme.faint()));
    }
}

/// Draws charts below each other, and below them the axis of time.
fn stack(paint: &mut Paint<'_>, area: Rect, sheet: &Sheet, panels: &[Panel]) {
    let has_axis = area.height >= 7;
    let room = area.height - u16::from(has_axis);
    let nodes = u16::try_from(paint.app.world.len()).unwrap_or(u16::MAX);
    let mut y = area.y;
    for (panel, height) in share(room, nodes, panels) {
        panel.draw(paint, Rect { y, height, ..area }, sheet);
        y += height;
    }
    if has_axis {
        sheet.axis(paint, Rect { y, height: 1, ..area });
    }
    let plot = sheet::plot(area);
    for column in 0..plot.width.min(sheet.window.columns) {
        if let Some((from, _)) = sheet.window.span(column) {
            let place = Rect { x: plot.x + column, width: 1, ..plot };
            paint.mark(place, Target::Moment(from));
        }
    }
}

/// Which charts there is room for, and how much each gets: first the least that each needs, then a row at a time for each that can use
/// more.
fn share(room: u16, nodes: u16, panels: &[Panel]) -> Vec<(Panel, u16)> {
    let mut left = room;
    let mut shown: Vec<(Panel, u16)> = Vec::new();
    for panel in panels {
        let least = panel.least(nodes);
        if least > left {
            break;
        }
        left -= least;
        shown.push((*panel, least));
    }
    while left > 0 {
        let before = left;
        for (panel, height) in &mut shown {
            if let Some(more) = panel.grows(*height, nodes, room).filter(|more| *more <= left) {
                *height += more;
                left -= more;
            }
        }
        if left == before {
            break;
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(room: u16, nodes: u16) -> Vec<Panel> {
        share(room, nodes, &Panel::ORDER).into_iter().map(|(panel, _)| panel).collect()
    }

    #[test]
    fn charts_go_in_the_stated_order_and_fill_the_room() {
        assert_eq!(names(3, 3), [Panel::Availability]);
        assert_eq!(names(7, 3), Panel::ORDER[..2]);
        assert_eq!(names(19, 3), Panel::ORDER[..4]);
        assert_eq!(names(40, 3), Panel::ORDER);
        for room in 3..40 {
            let shown = share(room, 3, &Panel::ORDER);
            let sum: u16 = shown.iter().map(|(_, height)| height).sum();
            assert!(sum == room || shown.len() == 1, "{room}: {shown:?}");
            assert!(shown.iter().all(|(panel, height)| *height >= panel.least(3)));
        }
    }
}
