//! The Output view: what the nodes and the deck's own parts wrote to their logs, newest at the bottom; beside it the targets, each with
//! the levels of it that are shown and captured.
//!
//! Both are tui-logger's: its smart widget is a list of targets and a log over one state. They are put together here and not by its
//! `TuiLoggerSmartWidget`, which can be given no look for the lines, and whose title holds a rate by the clock of the wall.
//!
//! The lines come from the state of the process, which the program fills. So this is the one view that draws more than the
//! [`App`](crate::app::App) holds; what is drawn decides nothing.

mod lines;
mod targets;

use crate::actions::ActionId;
use crate::app::finding::{self, List};
use crate::view::found;
use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use lines::LogLines;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
pub(crate) use targets::has_room as has_room_for_targets;

/// With fewer columns than this for lines, the targets are not shown.
const LEAST_FOR_LINES: u16 = 40;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let pane = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    paint.mark(pane, Target::Pane(Pane::Output));
    let [side, log] =
        Layout::horizontal([Constraint::Length(targets::columns(app, pane.width)), Constraint::Fill(1)])
            .areas(pane);
    let mut steered = app.output.handle.lock();
    steered.level(&app.output);
    targets::draw(paint, side, &mut steered);
    let drawn = LogLines::new(paint, log.width).draw(paint, log, &mut steered);
    drop(steered);
    let newer = app.output.newest().map(|line| line.number);
    let is_behind = drawn.is_some_and(|(_, last)| newer.is_some_and(|newest| newest > last));
    paint.landed.output_is_behind(is_behind);
    paint.rule(area, 0, &title(paint, is_behind));
    if drawn.is_none() {
        paint.row(log, 0, &Line::styled(format!(" {}", nothing(paint)), paint.theme.faint()));
    }
}

fn title(paint: &Paint<'_>, is_behind: bool) -> String {
    let app = paint.app;
    let of = if app.output.is_focused { app.output.selected().0.trim_start() } else { "all targets" };
    let found = finding::place(app, List::Output).map_or_else(String::new, |place| {
        format!("{} {} {place}", found::title(app.output.find_text()), paint.glyphs().dot)
    });
    let end = app.key_of(ActionId::ToEnd);
    let behind = if is_behind { format!(", newer below: {end}") } else { String::new() };
    format!("output of {of}{found}{behind}")
}

/// Why there is no line.
fn nothing(paint: &Paint<'_>) -> String {
    let output = &paint.app.output;
    let more = paint.app.key_of(ActionId::ShowMore);
    match (output.is_empty(), output.find_text().is_empty(), output.is_focused) {
        (true, ..) => "Nothing has been written yet.".to_owned(),
        (_, false, _) => "No line has that.".to_owned(),
        (_, _, true) => {
            let all = paint.app.key_of(ActionId::FocusTarget);
            format!("Nothing of this target at this level: {more} shows more, {all} all targets.")
        }
        (_, _, false) => format!("Nothing at the levels that are shown: {more} shows more."),
    }
}
