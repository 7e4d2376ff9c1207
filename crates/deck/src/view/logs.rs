//! The Logs view: a row for each node, a column for each index; below, the entry under the cursor as each node has it.

use crate::view::labels::{self, Tone, UNKNOWN};
use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use raftdeck_model::{Node, RaftView};
use raftdeck_raft::{LogId, LogIndex, Term};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::collections::BTreeSet;

/// Columns taken by the node's name and role.
const NAMES: u16 = 23;

/// Which entries are in sight.
struct Window {
    first: u64,
    columns: usize,
    cell: u16,
    cursor: LogIndex,
    last: LogIndex,
}

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let nodes = u16::try_from(app.world.len()).unwrap_or(u16::MAX);
    let extent = app.world.extent();
    let last = extent.last;
    let names = NAMES.min(area.width / 3);
    let digits = last.0.max(app.world.term().0).to_string().len();
    let cell = u16::try_from((digits + 2).max(6)).unwrap_or(6);
    let columns = usize::from((area.width - names).saturating_sub(1) / cell);
    paint.landed.size(Pane::Entries, columns);
    let window = Window {
        first: app.logs.leftmost(extent, columns).0,
        columns,
        cell,
        cursor: app.logs.cursor(extent),
        last,
    };
    let title = if app.logs.follows() {
        "logs, following the newest entry".to_owned()
    } else {
        format!("logs, entry {} of {last}", window.cursor)
    };
    paint.rule(area, 0, &title);
    // With enough space, there is a gap between rows.
    let detail_rows = nodes.saturating_add(2);
    let airy = area.height >= nodes.saturating_mul(2).saturating_add(4 + detail_rows);
    let step = if airy { 2 } else { 1 };
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    indices(paint, body, names, &window);
    for (n, node) in (0..).zip(app.world.nodes()) {
        let row = 1u16.saturating_add(step * n);
        if row < body.height {
            log(paint, Rect { y: body.y + row, height: 1, ..body }, names, &window, node);
        }
    }
    let used = (2 + step * nodes).min(area.height);
    legend_and_entry(paint, Rect { y: area.y + used, height: area.height - used, ..area }, &window);
}

fn indices(paint: &mut Paint<'_>, area: Rect, names: u16, window: &Window) {
    let left = Rect { width: names, ..area };
    paint.row(left, 0, &Line::styled("   index", paint.theme.faint()));
    for n in 0..window.columns {
        let index = LogIndex(window.first + n as u64);
        if index > window.last {
            break;
        }
        let place = column(area, names, window, n);
        let here = index == window.cursor && index.0 > 0;
        let conflict = conflict_at(paint, index);
        let style = match (here, conflict) {
            (true, _) => paint.theme.selected(),
            (false, true) => paint.theme.trouble_plate(),
            (false, false) => paint.theme.faint(),
        };
        let sign = if conflict { paint.glyphs().conflict } else { "" };
        let text = format!("{sign}{index}");
        let text = format!("{text:^width$}", width = usize::from(window.cell));
        paint.at(place, &Line::from(Span::styled(text, style)));
        paint.mark(Rect { height: area.height, ..place }, Target::Entry(index));
    }
}

fn column(area: Rect, names: u16, window: &Window, n: usize) -> Rect {
    let x = area.x + names + window.cell * u16::try_from(n).unwrap_or(u16::MAX / 64);
    Rect { x, y: area.y, width: window.cell, height: area.height.min(1) }
}

/// Whether a member has an entry, in its log or in its snapshot.
fn holds(status: &RaftView, index: LogIndex) -> bool {
    status.term_at(index).is_some() || status.purged >= index
}

/// Whether members disagree about the entry at an index.
fn conflict_at(paint: &Paint<'_>, index: LogIndex) -> bool {
    let terms: BTreeSet<Term> =
        paint.app.world.nodes().filter_map(|node| node.raft()?.term_at(index)).collect();
    terms.len() > 1
}

fn log(paint: &mut Paint<'_>, area: Rect, names: u16, window: &Window, node: &Node) {
    let chosen = paint.app.selected == Some(node.id);
    let mark = if chosen { paint.glyphs().selected } else { " " };
    let name = if chosen { paint.theme.selected() } else { paint.theme.strong() };
    let (glyph, word) = labels::role(paint.theme, node, &paint.app.world);
    let role = match labels::tone(node, &paint.app.world) {
        Tone::Good => paint.theme.leader_plate(),
        Tone::Trouble => paint.theme.trouble_plate(),
        Tone::Calm | Tone::Alone => paint.theme.text(),
        Tone::Gone => paint.theme.faint(),
    };
    let line = Line::from(vec![
        Span::raw(format!(" {mark} ")),
        Span::styled(node.id.to_string(), name),
        Span::raw(" "),
        Span::styled(format!("{glyph} {word}"), role),
    ]);
    let left = Rect { width: names.saturating_sub(1), ..area };
    paint.at(left, &line);
    paint.mark(left, Target::Node(node.id));
    let Some(status) = node.raft() else { return };
    if status.term_runs.is_unknown() {
        paint.at(column(area, names, window, 0), &Line::styled(UNKNOWN, paint.theme.faint()));
    }
    for n in 0..window.columns {
        let index = LogIndex(window.first + n as u64);
        let place = column(area, names, window, n);
        if let Some(term) = status.term_at(index) {
            let line = entry(paint, status, index, term, window, node.live().is_some());
            paint.at(place, &line);
        } else if status.purged >= index {
            let purged = paint.glyphs().purged.repeat(usize::from(window.cell).saturating_sub(1));
            paint.at(place, &Line::styled(purged, paint.theme.faint()));
        }
    }
}

/// A committed entry is solid, an uncommitted one hollow; one that is not on the disk yet is marked.
fn entry(
    paint: &Paint<'_>,
    status: &RaftView,
    index: LogIndex,
    term: Term,
    window: &Window,
    live: bool,
) -> Line<'static> {
    let glyphs = paint.glyphs();
    let width = usize::from(window.cell).saturating_sub(3);
    let committed = status.committed >= index;
    let label = if status.durable < index {
        format!("{term}~")
    } else if status.snapshot.is(|snapshot| snapshot.index == index) {
        format!("{term}s")
    } else if status.committed.is_unknown() {
        format!("{term}{UNKNOWN}")
    } else {
        term.to_string()
    };
    let label = format!("{label:^width$}");
    let [open, close] = if committed { glyphs.committed } else { glyphs.uncommitted };
    let plate = if committed { paint.theme.term_plate(term) } else { Style::new() };
    let dead = if live { Style::new() } else { paint.theme.faint() };
    let edge = paint.theme.term_line(term).patch(dead);
    // Without colour, the edges of a solid entry show its background.
    let edge = if committed && !glyphs.braille { paint.theme.term_plate(term).patch(dead) } else { edge };
    Line::from(vec![
        Span::styled(open, edge),
        Span::styled(label, plate.patch(dead)),
        Span::styled(close, edge),
    ])
}

fn legend_and_entry(paint: &mut Paint<'_>, area: Rect, window: &Window) {
    let app = paint.app;
    let g = paint.glyphs();
    let holders = app.world.nodes().filter(|n| n.raft().is_some_and(|s| holds(s, window.cursor)));
    let (have, of) = (holders.count(), app.world.len());
    let title = if window.cursor == LogIndex::ZERO {
        "no entries yet".to_owned()
    } else {
        let is_unknown = |node: &Node| node.raft().is_some_and(|status| status.term_runs.is_unknown());
        let least = if app.world.nodes().any(is_unknown) { "at least " } else { "" };
        format!("entry {}, on {least}{have} of {of} nodes", window.cursor)
    };
    paint.rule(area, 0, &title);
    let mut row = 1;
    for node in app.world.nodes() {
        let line = holding(paint, node, window.cursor);
        paint.row(area, row, &line);
        row += 1;
    }
    let [solid, hollow] = [g.committed, g.uncommitted].map(|[open, close]| format!("{open}t{close}"));
    let snapshots = app
        .world
        .nodes()
        .any(|n| n.raft().is_some_and(|s| s.snapshot.is(|snapshot| snapshot.index > LogIndex::ZERO)));
    let legend = if snapshots {
        format!(
            " {solid} committed {hollow} not t~ not on disk {} differ ts snapshot ends {} only in it",
            g.conflict,
            g.purged.repeat(2)
        )
    } else {
        format!(
            " term: {solid} committed  {hollow} not committed  t~ not on disk yet  {} logs differ",
            g.conflict
        )
    };
    if area.height > row {
        paint.row(area, area.height - 1, &Line::styled(legend, paint.theme.faint()));
    }
}

/// What a node has at an index, in words.
fn holding(paint: &Paint<'_>, node: &Node, index: LogIndex) -> Line<'static> {
    let name = Span::styled(format!("   {:<5}", node.id), paint.theme.strong());
    let style = if node.live().is_some() { paint.theme.text() } else { paint.theme.faint() };
    if let Some(status) = node.raft().filter(|s| index > LogIndex::ZERO && s.purged >= index) {
        let end = status.snapshot.get().map(|snapshot| format!(", which ends with entry {}", snapshot.index));
        let text = format!("only in its snapshot{}", end.unwrap_or_default());
        return Line::from(vec![name, Span::styled(text, style)]);
    }
    let Some((status, term)) = node.raft().and_then(|s| Some((s, s.term_at(index)?))) else {
        let is_unknown = node.raft().is_some_and(|status| status.term_runs.is_unknown());
        let nothing = if is_unknown { UNKNOWN } else { paint.glyphs().none };
        return Line::from(vec![name, Span::styled(nothing, paint.theme.faint())]);
    };
    let id = LogId { term, index };
    let text = paint.app.logs.text(id).unwrap_or(paint.glyphs().ellipsis).to_owned();
    let state = match (status.committed.copied(), status.durable.copied()) {
        (Some(committed), _) if index <= committed => "committed",
        (_, Some(durable)) if index > durable => "not on its disk yet",
        (Some(_), _) => "not committed",
        (None, _) => "in the log",
    };
    Line::from(vec![
        name,
        Span::styled(format!("term {term:<5}"), style),
        Span::styled(format!("{state:<21}"), style),
        Span::styled(text, style.patch(paint.theme.strong())),
    ])
}
