//! What the screen draws as text, as lines without its frame: for a screen reader.

use super::{confirm, data, drills, lessons, output};
use crate::app::{App, View};
use crate::view::paint::Paint;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::time::Duration;

/// Texts are laid out in one column of this width, which hides nothing.
const WIDTH: u16 = 90;

/// The most lines that are read at once.
const HEIGHT: u16 = 60;

/// The open question and what follows from a yes.
pub(crate) fn question(app: &App, now: Duration) -> Vec<String> {
    let Some(question) = &app.confirm else { return Vec::new() };
    // The answers are keys, which are said elsewhere.
    let mut lines = drawn(app, now, |paint, area| confirm::draw(paint, area, question));
    lines.pop();
    lines
}

/// The present view, where it is a text.
pub(crate) fn view(app: &App, now: Duration) -> Vec<String> {
    drawn(app, now, |paint, area| match app.view {
        View::Drills => drills::draw(paint, area),
        View::Data => data::draw(paint, area),
        View::Output => output::draw(paint, area),
        View::Cluster | View::Logs | View::Messages | View::Charts => {}
    })
}

/// What a drill waits for from the person, or how it ended.
pub(crate) fn drill(app: &App, now: Duration) -> Vec<String> {
    drawn(app, now, drills::draw_now)
}

/// What the lesson or the exhibit says now.
pub(crate) fn lesson(app: &App, now: Duration) -> Vec<String> {
    if lessons::is_over(app) {
        return drawn(app, now, lessons::draw_result);
    }
    drawn(app, now, lessons::draw_band)
}

fn drawn(app: &App, now: Duration, draw: impl FnOnce(&mut Paint<'_>, Rect)) -> Vec<String> {
    let area = Rect::new(0, 0, WIDTH, HEIGHT);
    let mut buf = Buffer::empty(area);
    draw(&mut super::painting(app, now, &mut buf), area);
    buf.content.iter_mut().for_each(|cell| super::finish(app, cell));
    let row = |y| (0..WIDTH).map(|x| buf[(x, y)].symbol()).collect::<String>();
    (0..HEIGHT).map(|y| bare(&row(y))).filter(|line| !line.is_empty()).collect()
}

/// A line without the frame around it, and without rows of blanks or of the characters that rules are made of.
fn bare(line: &str) -> String {
    let is_frame =
        |c: char| c.is_whitespace() || "|+-=#".contains(c) || ('\u{2500}'..='\u{259f}').contains(&c);
    let words = line.trim_matches(is_frame).split_whitespace();
    words.filter(|word| !word.chars().all(is_frame)).collect::<Vec<_>>().join(" ")
}
