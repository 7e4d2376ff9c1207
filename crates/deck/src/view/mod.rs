//! Drawing. [`view`] is pure: it reads the state and the time it is given, and touches nothing but the frame. With one exception: the
//! lines of the Output view are read from tui-logger, whose log is the process's (`output`).
//!
//! What is dropped first when the screen is small, in this order: the ring's cards get smaller (great, full, middle,
//! small, narrow, a chip of one row); the feed shrinks to three lines; the table loses columns (address, process id,
//! next / match, vote, …); the ring goes; the feed goes; the line of what is in force and the second header line go;
//! the table's rows scroll; at last one line remains that says who leads.

mod answer;
mod big;
mod card;
mod charts;
mod cluster;
mod confirm;
mod data;
mod drills;
mod explain;
pub(crate) mod fault_labels;
mod feed;
mod footer;
mod found;
mod going_on;
mod header;
mod help;
mod in_force;
pub(crate) mod labels;
mod landed;
mod lessons;
mod links;
mod log_cells;
mod log_strip;
mod logs;
mod menu;
mod messages;
mod output;
mod paint;
mod palette;
mod presenter;
mod prompt;
pub mod qr;
mod raster;
pub(crate) mod read;
pub(crate) mod ring;
mod space_time;
mod table;
mod tabs;
mod themes;
mod tiny;

pub(crate) use labels::{span, stamp};
pub use landed::{Landed, Link, Pane, Target};
pub(crate) use output::has_room_for_targets;

use crate::app::lessons::LessonCover;
use crate::app::{App, View};
use paint::Paint;
use raftdeck_protocol::printable::is_unsafe;
use ratatui::Frame;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Constraint, Layout, Rect};
use std::time::Duration;

/// Below this, only a line remains.
const LEAST: (u16, u16) = (24, 6);

/// Draws the deck as of `now` and says where things landed.
#[must_use = "give it to App::set_landed, or the mouse finds nothing"]
pub fn view(app: &App, now: Duration, frame: &mut Frame<'_>) -> Landed {
    let area = frame.area();
    let mut paint = painting(app, now, frame.buffer_mut());
    for node in app.world.nodes() {
        paint.landed.painted(node.id, app.timers(node, now));
    }
    if area.width < LEAST.0 || area.height < LEAST.1 {
        tiny::draw(&mut paint, area);
        if let Some(question) = &app.confirm {
            confirm::brief(&mut paint, area, question);
        }
    } else {
        whole(&mut paint, area);
    }
    let Paint { mut landed, cursor, buf, .. } = paint;
    buf.content.iter_mut().for_each(|cell| finish(app, cell));
    landed.refer(links::find(buf));
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
    landed
}

/// Draws the part that moves over the last frame that [`view`] drew, which is in the buffer. Everything else is as it was.
pub fn move_on(app: &App, now: Duration, buf: &mut Buffer) {
    let Some(part) = app.landed.moving() else { return };
    let mut paint = painting(app, now, buf);
    for id in app.world.ids() {
        app.landed.timers(id).into_iter().for_each(|timers| paint.landed.painted(id, timers));
    }
    ring::draw_again(&mut paint, part);
    for position in part.area.intersection(buf.area).positions() {
        if let Some(cell) = buf.cell_mut(position) {
            finish(app, cell);
        }
    }
}

fn painting<'a>(app: &'a App, now: Duration, buf: &'a mut Buffer) -> Paint<'a> {
    let real = now;
    let now = app.shown_at(real);
    let time = app.clock.at(now);
    Paint { app, theme: app.theme, real, now, time, buf, landed: Landed::default(), cursor: None }
}

/// Whatever the text's origin, no cell holds characters that a terminal would interpret, reorder or hide.
fn finish(app: &App, cell: &mut Cell) {
    let is_plain = matches!(cell.symbol().as_bytes(), [b' '..=b'~']);
    if !is_plain && cell.symbol().contains(is_unsafe) {
        cell.set_symbol("\u{fffd}");
    }
    if app.settings.ascii && !cell.symbol().is_ascii() {
        cell.set_symbol(closest(cell.symbol()));
    }
    app.theme.finish(cell);
}

/// What comes closest to a character in one of ASCII.
fn closest(symbol: &str) -> &'static str {
    match symbol {
        "§" => "S",
        "–" | "—" | "−" => "-",
        "“" | "”" | "„" => "\"",
        "‘" | "’" => "'",
        "…" | "±" => "~",
        _ => "?",
    }
}

fn whole(paint: &mut Paint<'_>, area: Rect) {
    if paint.app.lessons.cover == Some(LessonCover::Blank) {
        return;
    }
    let presents = paint.app.presenter.is_on;
    let header_rows = if presents { header::rows_presenting(area.height) } else { header::rows(area.height) };
    // Without the names of keys, there is only the line for answers.
    let has_keys = area.height >= 14 && !presents && !paint.app.presenter.hides_keys;
    let footer_rows = if has_keys { 2 } else { 1 };
    let in_force_rows = in_force::rows(paint, area.height);
    let band_rows = lessons::band_rows(paint, area);
    let tab_rows = tabs::rows(paint, area.height);
    let [tabs, header, tour, strip, in_force, body, band, footer] = Layout::vertical([
        Constraint::Length(tab_rows),
        Constraint::Length(header_rows),
        Constraint::Length(lessons::tour_rows(paint.app)),
        Constraint::Length(drills::strip_rows(paint.app)),
        Constraint::Length(in_force_rows),
        Constraint::Fill(1),
        Constraint::Length(band_rows),
        Constraint::Length(footer_rows),
    ])
    .areas(area);
    tabs::draw(paint, tabs);
    header::draw(paint, header);
    lessons::draw_tour(paint, tour);
    drills::strip(paint, strip);
    in_force::draw(paint, in_force);
    let (body, panel) = explain::split(paint, body);
    lessons::draw_band(paint, band);
    match paint.app.view {
        _ if lessons::beside_fits(paint, body) => lessons::draw_beside(paint, body),
        _ if lessons::is_over(paint.app) => lessons::draw_result(paint, body),
        View::Drills => drills::draw(paint, body),
        _ if paint.app.world.is_empty() => cluster::waiting(paint, body),
        View::Cluster if presents => presenter::draw(paint, body),
        View::Cluster => cluster::draw(paint, body),
        View::Logs => logs::draw(paint, body),
        View::Messages => messages::draw(paint, body),
        View::Charts => charts::draw(paint, body),
        View::Data => data::draw(paint, body),
        View::Output => output::draw(paint, body),
    }
    explain::draw(paint, area, panel);
    footer::draw(paint, footer);
    match paint.app.lessons.cover {
        Some(LessonCover::Code) => {
            lessons::draw_code(paint, Rect { height: body.height + band.height, ..body });
        }
        Some(LessonCover::Contents(at)) => lessons::draw_contents(paint, body, at),
        Some(LessonCover::Blank) | None => {}
    }
    palette::draw(paint, body);
    if let Some(menu) = &paint.app.menu {
        menu::draw(paint, body, menu);
    }
    if let Some(picker) = paint.app.picker {
        themes::draw(paint, body, picker);
    }
    if let Some(answer) = &paint.app.answer {
        answer::draw(paint, body, answer);
    }
    if let Some(first) = paint.app.help {
        // The page leaves the line in sight that is being typed.
        let used = if paint.app.prompt.is_open() { footer_rows } else { 0 };
        help::draw(paint, Rect { height: area.height - used, ..area }, first);
    }
    if let Some(question) = &paint.app.confirm {
        confirm::draw(paint, body, question);
    }
}
