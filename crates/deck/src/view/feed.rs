//! The event feed, newest at the bottom; above it the last words of a node that failed.

use crate::app::feed::FeedEntry;
use crate::sentences::Weight;
use crate::view::labels::stamp;
use crate::view::landed::{Pane, Target};
use crate::view::paint::{Paint, wrap};
use raftdeck_model::{Node, Phase, ProcessState};
use raftdeck_protocol::printable::is_unsafe;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let area = last_words(paint, area);
    let back = paint.app.feed.back();
    let title = if back == 0 { "events".to_owned() } else { format!("events, {back} newer below") };
    paint.rule(area, 0, &title);
    let area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    paint.mark(area, Target::Pane(Pane::Feed));
    paint.landed.size(Pane::Feed, area.height.into());
    let mut row = area.height;
    let entries = paint.app.feed.entries().iter().rev().skip(back);
    for entry in entries {
        let lines = lines(paint, entry, area.width);
        for line in lines.into_iter().rev() {
            if row == 0 {
                return;
            }
            row -= 1;
            paint.row(area, row, &line);
        }
    }
}

fn lines(paint: &Paint<'_>, entry: &FeedEntry, width: u16) -> Vec<Line<'static>> {
    let stamp = stamp(entry.time);
    // On a narrow feed the words need the space more.
    let stamp = if width < 42 { String::new() } else { format!("{stamp:>9}  ") };
    let indent = stamp.len();
    let major = entry.weight == Weight::Major;
    let style = if major { paint.theme.strong() } else { paint.theme.text() };
    let room = usize::from(width).saturating_sub(indent + 1);
    let texts = wrap(&entry.text(), room);
    let lead = |n: usize| if n == 0 { stamp.clone() } else { " ".repeat(indent) };
    texts
        .into_iter()
        .enumerate()
        .map(|(n, text)| {
            Line::from(vec![Span::styled(lead(n), paint.theme.faint()), Span::styled(text, style)])
        })
        .collect()
}

/// Shows the last words of a node that failed; returns what remains of the area.
fn last_words(paint: &mut Paint<'_>, area: Rect) -> Rect {
    let app = paint.app;
    let failed = |node: &&Node| node.phase() == Phase::Failed;
    let node = app.selected_node().filter(failed).or_else(|| app.world.nodes().find(failed));
    let Some((node, Some(ProcessState::Failed { how, last_words }))) =
        node.map(|node| (node, node.process.as_ref()))
    else {
        return area;
    };
    // On a small screen they are shown only for the selected node, and leave one event.
    let asked = app.selected == Some(node.id);
    let room = usize::from(if asked {
        (area.height / 2).max(area.height.min(5).saturating_sub(2))
    } else {
        area.height / 2
    });
    if room < if asked { 2 } else { 3 } {
        return area;
    }
    let style = paint.theme.text();
    let width = usize::from(area.width).saturating_sub(2);
    let texts = newest(paint, last_words, width, room - 1);
    paint.rule(area, 0, &format!("{} failed: {}", node.id, clean(how)));
    for (row, text) in (1..).zip(&texts) {
        paint.row(area, row, &Line::styled(format!(" {text}"), style));
    }
    let used = u16::try_from(texts.len() + 1).unwrap_or(area.height).min(area.height);
    Rect { y: area.y + used, height: area.height - used, ..area }
}

/// As many of the last lines as fit; of the last one the beginning, which names the problem.
fn newest(paint: &Paint<'_>, last_words: &[String], width: usize, room: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for line in last_words.iter().rev() {
        let mut lines = wrap(&clean(line), width);
        if !texts.is_empty() && texts.len() + lines.len() > room {
            break;
        }
        if lines.len() > room && room > 0 {
            lines[room - 1] = paint.cut(&lines[room - 1..].join(" "), width);
        }
        lines.truncate(room);
        lines.append(&mut texts);
        texts = lines;
    }
    texts
}

fn clean(line: &str) -> String {
    line.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect()
}
