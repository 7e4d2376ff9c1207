//! The Drills view: the catalogue, the running drill, its result; and the line that the other views show of it.

mod catalogue;
mod checks;
mod now;
mod result;
mod running;
mod steps;
mod strip;
pub(in crate::view) mod text;

pub(crate) use strip::{strip, strip_rows};

use crate::app::drills::DrillStage;
use crate::app::lessons::ShelfKind;
use crate::view::landed::{Pane, Target};
use crate::view::lessons;
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::text::Line;
use text::Text;

/// From this width on there are two columns.
const WIDE: u16 = 100;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    paint.mark(area, Target::Pane(Pane::Drill));
    match &app.drills.stage {
        DrillStage::Choosing => {
            lessons::draw_tabs(paint, area);
            let area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
            if app.lessons.shelf.kind() == ShelfKind::Drills {
                catalogue::draw(paint, area);
            } else {
                lessons::draw_shelf(paint, area);
            }
        }
        DrillStage::Starting(drill) => {
            let mut text = Text::new(area.width);
            text.plate(&format!(" STARTING  {} ", drill.title), paint.theme.selected());
            text.blank();
            text.wrapped(" ", "Its cluster is being started; the one before is stopped.", paint.theme.text());
            show(paint, area, text.lines(), 0);
        }
        DrillStage::Playing(playing) => running::draw(paint, area, playing),
        DrillStage::Ended(outcome) => result::draw(paint, area, outcome),
    }
}

/// Draws of the running drill only what it waits for from the person, and of one that has ended how.
pub(crate) fn draw_now(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    match &app.drills.stage {
        DrillStage::Choosing | DrillStage::Starting(_) => {}
        DrillStage::Playing(playing) => {
            let text = now::now(paint, playing, &playing.status(paint.real), area.width);
            show(paint, area, text.lines(), 0);
        }
        DrillStage::Ended(outcome) => result::draw(paint, area, outcome),
    }
}

/// Shows lines from this one on, and says if there are more below.
fn show(paint: &mut Paint<'_>, area: Rect, lines: &[Line<'static>], first: usize) {
    let rows = usize::from(area.height);
    let last = lines.len().saturating_sub(rows);
    let first = first.min(last);
    for (row, line) in (0..).zip(lines.iter().skip(first).take(rows)) {
        paint.row(area, row, line);
    }
    if first < last && area.height > 0 {
        let more = Line::styled(" Down: more ", paint.theme.selected());
        paint.right(area, area.height - 1, &more);
    }
}

/// Notes how far the text can be scrolled, and how many rows of it are shown.
fn note_scroll(paint: &mut Paint<'_>, lines: usize, rows: u16) {
    let last = lines.saturating_sub(rows.into());
    let known = paint.landed.last_drill_line();
    paint.landed.drill_ends(known.max(last));
    paint.landed.size(Pane::Drill, rows.into());
}
