//! The event feed, newest at the bottom; above it the last words of a node that failed.

use crate::app::events::Anchor;
use crate::app::feed::{Feed, FeedEntry};
use crate::app::finding::{self, List};
use crate::app::{App, Focus};
use crate::sentences::Weight;
use crate::view::found;
use crate::view::labels::stamp;
use crate::view::landed::{Pane, Target};
use crate::view::paint::{Paint, wrap};
use raftdeck_model::{Node, Phase, ProcessState};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use std::collections::VecDeque;
use std::time::Duration;

/// With so few rows, its heading included, what matters less goes soon.
const SMALL: u16 = 6;

/// How long something has just happened.
const FRESH: Duration = Duration::from_secs(3);

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let area = last_words(paint, area);
    let mut shown = paint.app.shown_events();
    if area.height <= SMALL && is_followed(paint.app) {
        keep_news(&paint.app.feed, &mut shown, paint.now);
    }
    let sheet = Sheet { width: area.width, rows: usize::from(area.height.saturating_sub(1)), shown: &shown };
    let mut rows = sheet.rows(paint);
    // The end of a sentence without its beginning says little.
    while rows.iter().any(|row| row.of_whole) && rows.front().is_some_and(|row| !row.of_whole) {
        rows.pop_front();
    }
    let title = title(paint, &shown, rows.back());
    paint.rule(area, 0, &title);
    let area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    paint.mark(area, Target::Pane(Pane::Feed));
    paint.landed.size(Pane::Feed, area.height.into());
    if shown.is_empty() && !paint.app.events.find.is_empty() {
        paint.row(area, 0, &Line::styled(" No event has that: Esc shows all again.", paint.theme.faint()));
    }
    let top = area.height.saturating_sub(u16::try_from(rows.len()).unwrap_or(area.height));
    for (row, shown) in (top..).zip(&rows) {
        paint.row(area, row, &shown.line);
        paint.mark(Rect { y: area.y + row, height: area.height.min(1), ..area }, Target::Event(shown.number));
    }
    let whole = |row: &&Row| row.of_whole;
    if let (Some(first), Some(last)) = (rows.iter().find(whole), rows.iter().rfind(whole)) {
        paint.landed.show_events(first.number, last.number);
    }
}

/// Whether the newest events are shown, and nobody reads in them or looks for something.
fn is_followed(app: &App) -> bool {
    app.focus == Focus::Nodes && app.events.anchor().is_none() && app.events.find.is_empty()
}

/// Keeps what is worth a row where there are few: what matters and, unless something that matters has just happened, what has.
fn keep_news(feed: &Feed, shown: &mut Vec<u64>, now: Duration) {
    let is_fresh = |entry: &FeedEntry| now.saturating_sub(entry.settles()) < FRESH;
    let matters = |entry: &FeedEntry| entry.weight >= Weight::Major;
    let entry = |number: &u64| feed.numbered(*number);
    let has_news = shown.iter().rev().map_while(entry).take_while(|e| is_fresh(e)).any(matters);
    shown.retain(|number| entry(number).is_some_and(|e| matters(e) || (is_fresh(e) && !has_news)));
}

/// What is looked for, where the cursor is, and how much is out of sight below.
fn title(paint: &Paint<'_>, shown: &[u64], last: Option<&Row>) -> String {
    let app = paint.app;
    let mark = match app.focus {
        Focus::Events => format!("{} ", paint.glyphs().selected),
        Focus::Nodes => String::new(),
    };
    let mut parts = vec![format!("{mark}events{}", found::title(&app.events.find))];
    let place = match app.focus {
        Focus::Events => Some(app.events.place(shown)),
        Focus::Nodes => finding::place(app, List::Events),
    };
    parts.extend(place.map(|place| place.to_string()));
    let below = last.map_or(0, |row| shown.len() - shown.partition_point(|number| *number <= row.number));
    if below > 0 {
        parts.push(format!("{below} newer below"));
    }
    parts.join(&format!(" {} ", paint.glyphs().dot))
}

/// A row of the feed.
struct Row {
    /// The number of its event.
    number: u64,
    line: Line<'static>,
    /// Whether all rows of its event are in sight.
    of_whole: bool,
}

/// What fits into the pane.
struct Sheet<'a> {
    width: u16,
    rows: usize,
    /// The events that pass the filter.
    shown: &'a [u64],
}

impl Sheet<'_> {
    /// The rows in sight: those of the anchor's event, and as many of the others around it as fit.
    fn rows(&self, paint: &Paint<'_>) -> VecDeque<Row> {
        let mut sight = VecDeque::new();
        let Some(last) = self.shown.len().checked_sub(1) else { return sight };
        let anchor = paint.app.events.anchor();
        let place = anchor
            .map_or(last, |anchor| self.shown.partition_point(|number| *number < anchor.number()).min(last));
        sight.extend(self.event(paint, place));
        // The rows before it that come into sight first; then those after it, and then the rest before it.
        let before = match anchor {
            None | Some(Anchor::Bottom(_)) => self.rows,
            Some(Anchor::Top(_)) => 0,
            Some(Anchor::Middle(_)) => self.rows.div_ceil(2),
        };
        let (mut first, mut next) = (place, place + 1);
        let until = before.max(sight.len());
        self.back(paint, &mut sight, &mut first, until);
        while next <= last && sight.len() < self.rows {
            sight.extend(self.event(paint, next));
            next += 1;
        }
        self.cut_end(&mut sight);
        self.back(paint, &mut sight, &mut first, self.rows);
        sight
    }

    /// Puts earlier events before the rows until there are this many.
    fn back(&self, paint: &Paint<'_>, sight: &mut VecDeque<Row>, first: &mut usize, until: usize) {
        while *first > 0 && sight.len() < until {
            *first -= 1;
            for row in self.event(paint, *first).into_iter().rev() {
                sight.push_front(row);
            }
        }
        if let Some(over) = sight.len().checked_sub(until).filter(|over| *over > 0) {
            let cut = sight[over - 1].number;
            sight.drain(..over);
            sight.iter_mut().filter(|row| row.number == cut).for_each(|row| row.of_whole = false);
        }
    }

    fn cut_end(&self, sight: &mut VecDeque<Row>) {
        if let Some(cut) = sight.get(self.rows).map(|row| row.number) {
            sight.truncate(self.rows);
            sight.iter_mut().filter(|row| row.number == cut).for_each(|row| row.of_whole = false);
        }
    }

    fn event(&self, paint: &Paint<'_>, place: usize) -> Vec<Row> {
        let number = self.shown[place];
        let Some(entry) = paint.app.feed.numbered(number) else { return Vec::new() };
        let app = paint.app;
        let is_selected = app.focus == Focus::Events && app.events.cursor(self.shown) == Some(number);
        let lines = lines(paint, entry, self.width, is_selected);
        lines.into_iter().map(|line| Row { number, line, of_whole: true }).collect()
    }
}

fn lines(paint: &Paint<'_>, entry: &FeedEntry, width: u16, is_selected: bool) -> Vec<Line<'static>> {
    let stamp = stamp(entry.time);
    // On a narrow feed the words need the space more; among the events, the mark needs some.
    let lead = match (width < 42, paint.app.focus) {
        (true, Focus::Nodes) => String::new(),
        (true, Focus::Events) => "  ".to_owned(),
        (false, _) => format!("{stamp:>10}  "),
    };
    let indent = lead.len();
    let style = match (is_selected, entry.weight) {
        (true, _) => paint.theme.selected(),
        (false, Weight::Major) => paint.theme.strong(),
        (false, _) => paint.theme.text(),
    };
    let room = usize::from(width).saturating_sub(indent + 1);
    let texts = wrap(&paint.visible(&entry.text()), room);
    let mut lines = Vec::new();
    for (n, text) in texts.into_iter().enumerate() {
        let mut spans = Vec::new();
        if n > 0 {
            spans.push(Span::raw(" ".repeat(indent)));
        } else if is_selected {
            spans.push(Span::styled(paint.glyphs().selected, paint.theme.strong()));
            spans.push(Span::styled(lead.chars().skip(1).collect::<String>(), paint.theme.faint()));
        } else {
            spans.push(Span::styled(lead.clone(), paint.theme.faint()));
        }
        spans.extend(found::spans(&paint.app.events.find, &text, style));
        lines.push(Line::from(spans));
    }
    lines
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
    paint.rule(area, 0, &format!("{} failed: {}", node.id, paint.visible(how)));
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
        let mut lines = wrap(&paint.visible(line), width);
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
