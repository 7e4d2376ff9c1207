//! The explanation: a column at the right of a wide screen, the lower half of a small one, all of a very small one.

use crate::app::View;
use crate::explain::{Explanation, Link, explain};
use crate::view::cluster::{self, WIDE};
use crate::view::landed::{Pane, Target};
use crate::view::paint::{Paint, wrap};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// Below this size it takes the whole screen, but for the keys.
const SMALL: (u16, u16) = (60, 16);

/// The label before each part of the text, and the blanks after it.
const GUTTER: u16 = 6;

/// A row of the text, and the links on it: each with its place in the list, from which column, how wide.
#[derive(Default)]
struct Row {
    line: Line<'static>,
    links: Vec<(usize, u16, u16)>,
}

/// Divides the body of a view between the view and the explanation, if one is open and has its place beside or below the view. In
/// the Cluster view it lies over the lower part instead, so that the ring stays as it is, or in place of the feed.
pub(crate) fn split(paint: &Paint<'_>, body: Rect) -> (Rect, Option<Rect>) {
    let screen = paint.buf.area;
    if !paint.app.explain.is_open() || screen.width < SMALL.0 || screen.height < SMALL.1 {
        return (body, None);
    }
    if body.width >= WIDE && paint.app.view != View::Cluster {
        let width = cluster::beside(paint, body.width);
        let panel = Rect { x: body.right() - width, width, ..body };
        return (Rect { width: body.width - width - 1, ..body }, Some(panel));
    }
    let mut rows = needed(paint, body.width).min(body.height.saturating_sub(5)).max(body.height / 2);
    if paint.app.view == View::Cluster && !paint.app.presenter.is_on {
        rows = rows.min(body.height - cluster::ring_rows(paint, body)).max(body.height / 3);
    }
    let panel = Rect { y: body.bottom() - rows, height: rows, ..body };
    match paint.app.view {
        View::Cluster => (body, Some(panel)),
        _ => (Rect { height: body.height - rows, ..body }, Some(panel)),
    }
}

/// Draws what is open over the body, unless it has been drawn in the view already.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect, panel: Option<Rect>) {
    if !paint.app.explain.is_open() || paint.landed.rows(Pane::Explain) > 0 {
        return;
    }
    let whole = Rect { height: area.height.saturating_sub(1), ..area };
    if let Some(panel) = panel.filter(|panel| panel.x > area.x) {
        cluster::divide(paint, panel);
    }
    column(paint, panel.unwrap_or(whole));
}

/// Draws it into this area.
pub(crate) fn column(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let Some(subject) = app.explain.subject() else { return };
    let told = explain(app, subject, paint.now);
    paint.clear(area);
    paint.mark(area, Target::Pane(Pane::Explain));
    heading(paint, area, &told);
    let inner = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let shown = usize::from(inner.height);
    let rows = rows(paint, &told, inner.width, shown);
    let last = rows.len().saturating_sub(shown);
    let chosen = app.explain.link(told.links.len());
    let first = app.explain.first().unwrap_or_else(|| in_sight(&rows, chosen, shown)).min(last);
    paint.landed.size(Pane::Explain, shown.max(1));
    paint.landed.explain_shows(first, last);
    let sheet = if first < last { above_more(shown) } else { shown };
    for (row, text) in (0..inner.height).zip(rows.iter().skip(first).take(sheet)) {
        paint.row(inner, row, &text.line);
        for (place, x, width) in &text.links {
            let link = Rect { x: inner.x + x, y: inner.y + row, width: *width, height: 1 };
            paint.mark(link.intersection(inner), Target::Related(*place));
        }
    }
    if first < last && sheet < shown {
        let more = Line::styled(format!(" PgDn: {} more ", rows.len() - first - sheet), paint.theme.faint());
        paint.right(inner, inner.height.saturating_sub(1), &more);
    }
}

/// The rows of the text above the one that says that there is more; where there are few, that is not said.
fn above_more(shown: usize) -> usize {
    if shown > 3 { shown - 1 } else { shown }
}

/// The first row so that the chosen link is in sight.
fn in_sight(rows: &[Row], chosen: Option<usize>, shown: usize) -> usize {
    let has = |row: &Row| row.links.iter().any(|(place, ..)| Some(*place) == chosen);
    rows.iter().rposition(has).map_or(0, |row| (row + 1).saturating_sub(above_more(shown)))
}

/// The title, the section if there is room for it, and how to leave.
fn heading(paint: &mut Paint<'_>, area: Rect, told: &Explanation) {
    let leave = leave(paint);
    let mut right = vec![Span::styled(leave, paint.theme.faint())];
    if let Some(section) = told.section.filter(|_| section_fits(paint, told, area.width)) {
        right.insert(0, Span::styled(paint.glyphs().rule, paint.theme.faint()));
        right.insert(0, Span::styled(format!(" {section} "), paint.theme.text()));
    }
    let right = Line::from(right);
    let room = usize::from(area.width).saturating_sub(right.width() + 6);
    paint.rule(area, 0, &paint.cut(&told.title, room.max(8)));
    if room >= 8 {
        paint.right(Rect { width: area.width.saturating_sub(1), ..area }, 0, &right);
    }
}

fn leave(paint: &Paint<'_>) -> &'static str {
    if paint.app.explain.depth() > 0 { " Esc back " } else { " Esc " }
}

/// Whether the section fits into the heading beside the whole title.
fn section_fits(paint: &Paint<'_>, told: &Explanation, width: u16) -> bool {
    let section = told.section.map_or(0, |section| section.to_string().width() + 3);
    told.title.width() + section + leave(paint).len() + 7 <= usize::from(width)
}

/// How many rows all of it takes at this width, its heading included.
fn needed(paint: &Paint<'_>, width: u16) -> u16 {
    let Some(subject) = paint.app.explain.subject() else { return 0 };
    let told = explain(paint.app, subject, paint.now);
    u16::try_from(rows(paint, &told, width, 0).len() + 1).unwrap_or(u16::MAX)
}

/// The text and the links. The links stand below each other if they fit into so many rows with the text, else beside each other.
fn rows(paint: &Paint<'_>, told: &Explanation, width: u16, shown: usize) -> Vec<Row> {
    let (text, strong) = (paint.theme.text(), paint.theme.strong());
    let mut rows = Vec::new();
    for (label, part, style) in
        [("what", &told.what, text), ("why", &told.why, strong), ("try", &told.change, text)]
    {
        paragraph(paint, &mut rows, label, part, width, style);
    }
    if let Some(section) = told.section.filter(|_| !section_fits(paint, told, width)) {
        paragraph(paint, &mut rows, "read", &section.to_string(), width, text);
    }
    let airy = rows.len() + 3 + told.links.len() <= shown;
    let mut links = if airy && told.links.len() <= 9 {
        listed(paint, &told.links)
    } else {
        flowing(paint, &told.links, width)
    };
    if airy {
        space_out(&mut rows);
        rows.push(Row::default());
    }
    rows.append(&mut links);
    rows
}

/// An empty row between the parts of the text: before each row with a label, but the first.
fn space_out(rows: &mut Vec<Row>) {
    let starts: Vec<usize> = rows
        .iter()
        .enumerate()
        .skip(1)
        .filter(|(_, row)| row.line.spans.first().is_some_and(|span| !span.content.trim().is_empty()))
        .map(|(place, _)| place)
        .collect();
    for place in starts.into_iter().rev() {
        rows.insert(place, Row::default());
    }
}

fn paragraph(paint: &Paint<'_>, rows: &mut Vec<Row>, label: &str, text: &str, width: u16, style: Style) {
    if text.is_empty() {
        return;
    }
    let room = usize::from(width.saturating_sub(GUTTER + 1));
    for (n, line) in wrap(text, room).into_iter().enumerate() {
        let label = if n == 0 { label } else { "" };
        let line = Line::from(vec![label_span(paint, label), Span::styled(line, style)]);
        rows.push(Row { line, links: Vec::new() });
    }
}

fn label_span(paint: &Paint<'_>, label: &str) -> Span<'static> {
    let width = usize::from(GUTTER) - 1;
    Span::styled(format!(" {label:<width$}"), paint.theme.faint())
}

/// The number that follows a link, if it has one, and its words.
fn spans(paint: &Paint<'_>, place: usize, link: &Link) -> [Span<'static>; 2] {
    let is_chosen = paint.app.explain.link(usize::MAX) == Some(place);
    let (key, words) = if is_chosen {
        (paint.theme.selected(), paint.theme.selected())
    } else {
        (paint.theme.key(), paint.theme.text())
    };
    let number = if place < 9 { format!("{}", place + 1) } else { String::new() };
    let gap = if number.is_empty() { "" } else { " " };
    [Span::styled(number, key), Span::styled(format!("{gap}{}", link.text), words)]
}

/// A row a link.
fn listed(paint: &Paint<'_>, links: &[Link]) -> Vec<Row> {
    let row = |(place, link): (usize, &Link)| {
        let label = label_span(paint, if place == 0 { "see" } else { "" });
        let [number, words] = spans(paint, place, link);
        let width = u16::try_from(number.width() + words.width()).unwrap_or(u16::MAX);
        Row { line: Line::from(vec![label, number, words]), links: vec![(place, GUTTER, width)] }
    };
    links.iter().enumerate().map(row).collect()
}

/// As many links on a row as fit.
fn flowing(paint: &Paint<'_>, links: &[Link], width: u16) -> Vec<Row> {
    const GAP: u16 = 3;
    let mut rows: Vec<Row> = Vec::new();
    let mut x = u16::MAX;
    for (place, link) in links.iter().enumerate() {
        let [number, words] = spans(paint, place, link);
        let long = u16::try_from(number.width() + words.width()).unwrap_or(u16::MAX);
        if x.saturating_add(GAP).saturating_add(long) >= width || rows.is_empty() {
            let label = label_span(paint, if rows.is_empty() { "see" } else { "" });
            rows.push(Row { line: Line::from(label), links: Vec::new() });
            x = GUTTER;
        } else {
            x += GAP;
            if let Some(row) = rows.last_mut() {
                row.line.push_span(" ".repeat(usize::from(GAP)));
            }
        }
        if let Some(row) = rows.last_mut() {
            row.links.push((place, x, long));
            row.line.push_span(number);
            row.line.push_span(words);
        }
        x = x.saturating_add(long);
    }
    rows
}
