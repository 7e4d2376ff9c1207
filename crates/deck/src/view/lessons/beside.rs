//! Two clusters beside each other: without the guard, and with it, after the same step of the same schedule.

use crate::app::lessons::PlayedExhibit;
use crate::view::drills::text::Text;
use crate::view::labels;
use crate::view::landed::{Pane, Target};
use crate::view::log_cells;
use crate::view::paint::Paint;
use raftdeck_model::{Node, World};
use raftdeck_raft::LogIndex;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Below this width there is no room for two.
const LEAST: u16 = 72;

/// Whether two clusters are to be shown, and have room.
pub(crate) fn fits(paint: &Paint<'_>, area: Rect) -> bool {
    let beside = paint.app.lessons.exhibit.as_deref().and_then(PlayedExhibit::beside);
    beside.is_some() && area.width >= LEAST && area.height >= 6
}

/// Draws them.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let Some(without) = app.lessons.exhibit.as_deref().and_then(PlayedExhibit::beside) else { return };
    paint.mark(area, Target::Pane(Pane::Drill));
    let half = (area.width - 1) / 2;
    let left = Rect { width: half, ..area };
    let right = Rect { x: area.x + half + 1, width: area.width - half - 1, ..area };
    for row in 0..area.height {
        let bar = Rect { x: left.right(), y: area.y + row, width: 1, height: 1 };
        paint.at(bar, &Line::styled(paint.glyphs().border.vertical_left, paint.theme.faint()));
    }
    one(paint, left, without, (" WITHOUT THE GUARD ", paint.theme.trouble_band()));
    if let Some((property, sentence)) = app.lessons.exhibit.as_deref().and_then(PlayedExhibit::violation) {
        violated(paint, left, property, sentence);
    }
    one(paint, right, &app.world, (" WITH THE GUARD ", paint.theme.leader_plate()));
}

/// At the foot of the cluster in which a property was violated.
fn violated(paint: &mut Paint<'_>, area: Rect, property: &str, sentence: &str) {
    let mut text = Text::new(area.width);
    text.plate(&format!(" VIOLATED: {property} "), paint.theme.trouble_band());
    text.wrapped(" ", sentence, paint.theme.text());
    let rows = u16::try_from(text.len()).unwrap_or(u16::MAX).min(area.height);
    let foot = Rect { y: area.bottom() - rows, height: rows, ..area };
    paint.clear(foot);
    for (row, line) in (0..rows).zip(text.lines()) {
        paint.row(foot, row, line);
    }
}

fn one(paint: &mut Paint<'_>, area: Rect, world: &World, (title, style): (&str, Style)) {
    let width = usize::from(area.width);
    paint.row(area, 0, &Line::styled(format!("{title:<width$}"), style));
    let end = world.log_end();
    let digits = u16::try_from(world.term().0.to_string().len()).unwrap_or(20);
    let cell = digits + 3;
    let columns = u64::from(area.width.saturating_sub(3) / cell);
    let first = end.0.saturating_sub(columns.saturating_sub(1)).max(1);
    let nodes = u16::try_from(world.len()).unwrap_or(u16::MAX);
    // A row of space between two nodes, where there is enough.
    let step = if area.height > nodes.saturating_mul(3) { 3 } else { 2 };
    for (row, node) in (1..area.height).step_by(step).zip(world.nodes()) {
        paint.row(area, row, &words(paint, node, world));
        let Some(log) = world.log_rows().find(|log| log.node.id == node.id) else { continue };
        let place = Rect { y: area.y + row + 1, height: 1, ..area };
        if row + 1 >= area.height {
            break;
        }
        for (n, index) in (0..).zip(first..=end.0) {
            let x = area.x + 3 + cell * n;
            if x + cell > area.right() {
                break;
            }
            log_cells::draw(paint, Rect { x, width: cell, ..place }, &log, LogIndex(index));
        }
    }
}

/// A node in a line: its role, its term, its vote.
fn words(paint: &Paint<'_>, node: &Node, world: &World) -> Line<'static> {
    let theme = paint.theme;
    let (glyph, role) = labels::role(theme, node, world);
    let is_leader = world.leader().is_some_and(|leader| leader.id == node.id) || role == "leader";
    let style = if is_leader { theme.leader_line() } else { theme.text() };
    let facts = match node.raft() {
        Some(status) => {
            let (vote, commit) = (vote_of(status.vote), labels::figure(status.committed));
            format!("term {}  vote {vote}  commit {commit}", status.term)
        }
        None => labels::UNKNOWN.to_owned(),
    };
    Line::from(vec![
        Span::styled(format!(" {} ", node.id), theme.strong()),
        Span::styled(format!("{glyph} {role:<13}"), style),
        Span::styled(facts, theme.text()),
    ])
}

fn vote_of(vote: raftdeck_model::Known<Option<raftdeck_raft::NodeId>>) -> String {
    match vote.copied() {
        None => labels::UNKNOWN.to_owned(),
        Some(None) => "none".to_owned(),
        Some(Some(node)) => node.to_string(),
    }
}
