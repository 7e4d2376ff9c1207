//! The running drill.

use super::text::Text;
use super::{WIDE, checks, now, steps};
use crate::app::drills::Playing;
use crate::times::tenths;
use crate::view::paint::Paint;
use crate::view::table;
use raftdeck_drills::{RunStatus, StageName};
use ratatui::layout::Rect;
use ratatui::text::Line;

/// From this height on the table of the nodes is below.
const WITH_TABLE: u16 = 30;

/// Draws it.
pub(super) fn draw(paint: &mut Paint<'_>, area: Rect, playing: &Playing) {
    let status = playing.status(paint.real);
    let title = title(playing, &status);
    let title = paint.cut(&title, usize::from(area.width).saturating_sub(6));
    paint.rule(area, 0, &title);
    let area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let area = nodes(paint, area);
    if area.width >= WIDE {
        columns(paint, area, playing, &status);
    } else {
        one_column(paint, area, playing, &status);
    }
}

fn title(playing: &Playing, status: &RunStatus<'_>) -> String {
    let drill = playing.run().drill();
    let dot = "drill";
    match status.stage {
        StageName::Steady => format!("{dot}: {}", drill.title),
        _ => format!(
            "{dot}: {}, {} so far",
            drill.title,
            tenths(status.now.saturating_sub(status.moments.begun))
        ),
    }
}

/// On a high screen, the nodes are below, so that a person can act without leaving the view. Returns what remains of the area.
fn nodes(paint: &mut Paint<'_>, area: Rect) -> Rect {
    let rows = u16::try_from(paint.app.world.len()).unwrap_or(u16::MAX).saturating_add(2);
    if area.height < WITH_TABLE.max(rows.saturating_mul(3)) || paint.app.world.is_empty() {
        return area;
    }
    let above = area.height - rows;
    table::draw(paint, Rect { y: area.y + above, height: rows, ..area });
    Rect { height: above, ..area }
}

fn columns(paint: &mut Paint<'_>, area: Rect, playing: &Playing, status: &RunStatus<'_>) {
    let width = area.width * 11 / 20;
    let left = Rect { width, ..area };
    let right = Rect { x: left.right() + 2, width: area.width - width - 2, ..area };
    let mut text = now::now(paint, playing, status, left.width);
    let most = usize::from(left.height).saturating_sub(text.len());
    text.append(below(steps::steps(paint, status, left.width, most)));
    super::note_scroll(paint, text.len(), left.height);
    super::show(paint, left, text.lines(), paint.app.drills.scroll);
    let mut text = checks::live(paint, playing, status.t, right.width);
    text.append(below(checks::since_fault(paint, &status.moments, Some(status.now), right.width)));
    let room = usize::from(right.height).saturating_sub(text.len());
    text.append(story(paint, playing, right.width, room));
    super::show(paint, right, text.lines(), 0);
}

fn one_column(paint: &mut Paint<'_>, area: Rect, playing: &Playing, status: &RunStatus<'_>) {
    let rows = usize::from(area.height);
    let mut text = now::now(paint, playing, status, area.width);
    let checks = below(checks::live(paint, playing, status.t, area.width));
    let since = below(checks::since_fault(paint, &status.moments, Some(status.now), area.width));
    let most = rows.saturating_sub(text.len() + checks.len() + since.len());
    text.append(below(steps::steps(paint, status, area.width, most.max(6))));
    text.append(checks);
    text.append(since);
    let room = rows.saturating_sub(text.len());
    text.append(story(paint, playing, area.width, room));
    super::note_scroll(paint, text.len(), area.height);
    super::show(paint, area, text.lines(), paint.app.drills.scroll);
}

/// The same after an empty line.
fn below(text: Text) -> Text {
    let mut below = Text::new(u16::try_from(text.width()).unwrap_or(u16::MAX));
    if text.len() > 0 {
        below.line(Line::default());
        below.append(text);
    }
    below
}

/// As many of the newest lines that the run told as there is room for.
fn story(paint: &Paint<'_>, playing: &Playing, width: u16, room: usize) -> Text {
    /// With fewer lines than these it is left out.
    const LEAST: usize = 4;
    let mut text = Text::new(width);
    if room < LEAST || playing.story().is_empty() {
        return text;
    }
    text.line(Line::default());
    text.line(Line::styled(" what it did, in seconds", paint.theme.strong()));
    let rows = room - text.len();
    let told = playing.story();
    for line in told.iter().skip(told.len().saturating_sub(rows)) {
        let line = paint.cut(line, text.width());
        text.line(Line::styled(line, paint.theme.faint()));
    }
    text
}
