//! The Logs view: a row for each node, a column for each index; below, the entry under the cursor as each node has it.
//!
//! The cells are as tall as the screen permits: a tall one says what its entry is.

use crate::app::finding::{self, List};
use crate::app::selection;
use crate::view::labels::{self, Tone, UNKNOWN};
use crate::view::landed::{Pane, Target};
use crate::view::lessons;
use crate::view::log_cells;
use crate::view::paint::Paint;
use raftdeck_model::{LogRow, Node};
use raftdeck_raft::{LogId, LogIndex, Term};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use std::collections::BTreeSet;
use unicode_width::UnicodeWidthStr;

/// Columns taken by the node's name and role.
const NAMES: u16 = 23;

/// How tall a cell is, and how far apart two rows of cells are: the first that fits.
const HEIGHTS: [(u16, u16); 5] = [(3, 4), (3, 3), (2, 3), (2, 2), (1, 1)];

/// How wide a cell is that says what its entry is.
const WORDY: u16 = 15;

/// The rows below the nodes that stay on a screen with more nodes than rows: the rule, and one row.
const SUMMARY: u16 = 2;

/// From this width on the legend is beside the entry.
const WIDE: u16 = 110;

/// How wide the legend is there.
const LEGEND: u16 = 34;

/// Which entries are in sight, and the logs that have them.
struct Window<'a> {
    rows: Vec<LogRow<'a>>,
    first: u64,
    columns: usize,
    /// A cell and the gap after it.
    cell: u16,
    cell_height: u16,
    cursor: LogIndex,
    last: LogIndex,
}

impl<'a> Window<'a> {
    /// A node's log, if it has reported one.
    fn row_of(&self, node: &Node) -> Option<&LogRow<'a>> {
        self.rows.iter().find(|row| row.node.id == node.id)
    }

    /// Whether nodes disagree about the entry at an index.
    fn has_conflict(&self, index: LogIndex) -> bool {
        let terms: BTreeSet<Term> = self.rows.iter().filter_map(|row| row.term_at(index)).collect();
        terms.len() > 1
    }
}

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let nodes = u16::try_from(app.world.len()).unwrap_or(u16::MAX);
    let extent = app.logs.extent(&app.world);
    let names = NAMES.min(area.width / 3);
    // The rules, the indices, and of the entry a row for each node; the legend where it is not beside.
    let other = 3 + nodes.min(9) + u16::from(area.width < WIDE);
    let fits = |(height, step): &&(u16, u16)| {
        step.saturating_mul(nodes).saturating_sub(step - height).saturating_add(other) <= area.height
    };
    let (cell_height, step) = HEIGHTS.iter().find(fits).copied().unwrap_or((1, 1));
    // With more nodes than rows, of the entry one row, and as many nodes as fit, the selected one among them.
    let rows = usize::from(area.height.saturating_sub(2 + SUMMARY) / step).max(1);
    let in_sight = selection::in_sight(&app.world.ids(), app.selected, rows);
    let digits = u16::try_from(extent.last.0.max(app.world.term().0).to_string().len()).unwrap_or(20);
    let cell = if cell_height > 1 { WORDY } else { 6 }.max(digits + 2);
    let columns = usize::from((area.width - names).saturating_sub(1) / cell);
    paint.landed.size(Pane::Entries, columns);
    let window = Window {
        rows: app.world.log_rows().collect(),
        first: app.logs.leftmost(extent, columns).0,
        columns,
        cell,
        cell_height,
        cursor: app.logs.cursor(extent),
        last: extent.last,
    };
    let mut title = format!("{}{}", title(paint, &window), search(paint));
    if in_sight.len() < app.world.len() {
        title = format!("{title}, {} of {} nodes", in_sight.len(), app.world.len());
    }
    paint.rule(area, 0, &title);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    indices(paint, body, names, &window);
    for (n, node) in (0..).zip(app.world.nodes().skip(in_sight.start).take(in_sight.len())) {
        let row = 1u16.saturating_add(step.saturating_mul(n));
        if row < body.height {
            let height = cell_height.min(body.height - row);
            log(paint, Rect { y: body.y + row, height, ..body }, names, &window, node);
        }
    }
    let shown = u16::try_from(in_sight.len()).unwrap_or(u16::MAX);
    let used = (2 + step.saturating_mul(shown)).min(area.height);
    legend_and_entry(paint, Rect { y: area.y + used, height: area.height - used, ..area }, &window);
}

/// What is looked for.
fn search(paint: &Paint<'_>) -> String {
    let dot = paint.glyphs().dot;
    let text = finding::find(paint.app, List::Entries).text();
    let place = finding::place(paint.app, List::Entries);
    place.map_or_else(String::new, |place| format!(" {dot} search: {text} {dot} {place}"))
}

fn title(paint: &Paint<'_>, window: &Window<'_>) -> String {
    let world = &paint.app.world;
    match world.leader() {
        _ if !paint.app.logs.follows() => format!("logs, entry {} of {}", window.cursor, window.last),
        Some(leader) => format!("logs, following the newest entry of {}, the leader", leader.id),
        None => "logs, following the newest entry".to_owned(),
    }
}

fn indices(paint: &mut Paint<'_>, area: Rect, names: u16, window: &Window<'_>) {
    let left = Rect { width: names, ..area };
    paint.row(left, 0, &Line::styled("   index", paint.theme.faint()));
    for n in 0..window.columns {
        let index = LogIndex(window.first + n as u64);
        if index > window.last {
            break;
        }
        let place = column(area, names, window, n);
        let here = index == window.cursor && index.0 > 0;
        let conflict = window.has_conflict(index);
        let style = match (here, conflict) {
            (true, _) => paint.theme.selected(),
            (false, true) => paint.theme.trouble_plate(),
            (false, false) => paint.theme.faint(),
        };
        let sign = if conflict { paint.glyphs().conflict } else { "" };
        let text = format!("{sign}{index}");
        let text = format!("{text:^width$}", width = usize::from(window.cell).saturating_sub(1));
        paint.row(place, 0, &Line::from(Span::styled(text, style)));
        paint.mark(place, Target::Entry(index));
    }
}

/// The cells of one index, without the gap after them.
fn column(area: Rect, names: u16, window: &Window<'_>, n: usize) -> Rect {
    let x = area.x + names + window.cell * u16::try_from(n).unwrap_or(u16::MAX / 64);
    Rect { x, width: window.cell.saturating_sub(1), ..area }
}

fn log(paint: &mut Paint<'_>, area: Rect, names: u16, window: &Window<'_>, node: &Node) {
    let row = window.row_of(node);
    name(paint, Rect { width: names.saturating_sub(1), ..area }, node, row);
    let Some(row) = row else { return };
    if row.status.term_runs.is_unknown() {
        paint.at(column(area, names, window, 0), &Line::styled(UNKNOWN, paint.theme.faint()));
    }
    for n in 0..window.columns {
        let index = LogIndex(window.first + n as u64);
        let place = Rect { height: window.cell_height.min(area.height), ..column(area, names, window, n) };
        log_cells::draw(paint, place, row, index);
    }
}

/// The node's name and role; below, if there is room, how far its log goes.
fn name(paint: &mut Paint<'_>, area: Rect, node: &Node, row: Option<&LogRow<'_>>) {
    let chosen = paint.app.selected == Some(node.id);
    let mark = if chosen { paint.glyphs().selected } else { " " };
    let name = lessons::name_style(paint, node.id);
    let (glyph, word) = labels::role(paint.theme, node, &paint.app.world);
    let role = match labels::tone(node, &paint.app.world) {
        Tone::Good => paint.theme.leader_plate(),
        Tone::Trouble => paint.theme.trouble_plate(),
        Tone::Calm | Tone::Alone => paint.theme.text(),
        Tone::Gone => paint.theme.strong(),
    };
    let is_last_known = row.is_some_and(|row| row.is_last_known);
    let short = if is_last_known && area.height == 1 { " (log as last known)" } else { "" };
    let line = Line::from(vec![
        Span::raw(format!(" {mark} ")),
        Span::styled(node.id.to_string(), name),
        Span::raw(" "),
        Span::styled(format!("{glyph} {word}"), role),
        Span::styled(short, paint.theme.faint()),
    ]);
    paint.row(area, 0, &line);
    paint.mark(area, Target::Node(node.id));
    // What is not true now is said first.
    let mut below = vec![is_last_known.then(|| "as last known".to_owned())];
    below.push(row.map(|row| format!("last {}", row.last)));
    below.push(row.map(|row| format!("commit {}", labels::figure(row.committed))));
    for (line, text) in (1..area.height).zip(below.into_iter().flatten()) {
        let text = paint.cut(&text, usize::from(area.width).saturating_sub(3));
        paint.row(area, line, &Line::styled(format!("   {text}"), paint.theme.faint()));
    }
}

fn legend_and_entry(paint: &mut Paint<'_>, area: Rect, window: &Window<'_>) {
    let app = paint.app;
    let (have, of) = (window.rows.iter().filter(|row| row.has(window.cursor)).count(), app.world.len());
    let title = if window.cursor == LogIndex::ZERO {
        "no entries yet".to_owned()
    } else {
        let is_unknown = |node: &Node| node.raft().is_some_and(|status| status.term_runs.is_unknown());
        let least = if app.world.nodes().any(is_unknown) { "at least " } else { "" };
        format!("entry {}, on {least}{have} of {of} nodes", window.cursor)
    };
    paint.rule(area, 0, &title);
    let beside = area.width >= WIDE && area.height > 6;
    let entry = if beside { Rect { width: area.width - LEGEND, ..area } } else { area };
    let mut row = 1;
    for node in app.world.nodes() {
        let line = holding(paint, node, window);
        paint.row(entry, row, &line);
        row += 1;
    }
    let signs = legend(paint);
    if beside {
        let legend = Rect { x: entry.right(), width: LEGEND, ..area };
        for (row, (sign, words)) in (1..).zip(signs) {
            let line = Line::from(vec![
                Span::styled(format!("{sign:>4}  "), paint.theme.strong()),
                Span::styled(words, paint.theme.faint()),
            ]);
            paint.row(legend, row, &line);
        }
    } else if area.height > row {
        let words = as_many(signs, usize::from(area.width));
        paint.row(area, area.height - 1, &Line::styled(words, paint.theme.faint()));
    }
}

/// As many of the signs as fit on a line, each whole.
fn as_many(signs: Vec<(String, &'static str)>, width: usize) -> String {
    let mut line = String::new();
    for (sign, words) in signs {
        let gap = if line.is_empty() { " " } else { "  " };
        let more = format!("{gap}{sign} {words}");
        if line.width() + more.width() > width {
            break;
        }
        line.push_str(&more);
    }
    line
}

/// The signs of the cells, the most needed first.
fn legend(paint: &Paint<'_>) -> Vec<(String, &'static str)> {
    let g = paint.glyphs();
    let [solid, hollow] = [g.committed, g.uncommitted].map(|[open, close]| format!("{open}t{close}"));
    let mut signs = vec![
        (solid, "term t, committed"),
        (hollow, "not committed"),
        ("t~".to_owned(), "not on disk yet"),
        (g.conflict.to_owned(), "logs differ"),
    ];
    let has_snapshot =
        |node: &Node| node.raft().is_some_and(|s| s.snapshot.is(|snapshot| snapshot.index > LogIndex::ZERO));
    if paint.app.world.nodes().any(has_snapshot) {
        signs.push(("ts".to_owned(), "its snapshot ends here"));
        signs.push((g.purged.repeat(2), "only in its snapshot"));
    }
    signs
}

/// What a node has under the cursor, in words.
fn holding(paint: &Paint<'_>, node: &Node, window: &Window<'_>) -> Line<'static> {
    let index = window.cursor;
    let name = Span::styled(format!("   {:<5}", node.id), paint.theme.strong());
    let style = if node.live().is_some() { paint.theme.text() } else { paint.theme.faint() };
    if let Some(status) = node.raft().filter(|s| index > LogIndex::ZERO && s.purged >= index) {
        let end = status.snapshot.get().map(|snapshot| format!(", which ends with entry {}", snapshot.index));
        let text = format!("only in its snapshot{}", end.unwrap_or_default());
        return Line::from(vec![name, Span::styled(text, style)]);
    }
    let Some((row, term)) = window.row_of(node).and_then(|row| Some((row, row.term_at(index)?))) else {
        let is_unknown = node.raft().is_some_and(|status| status.term_runs.is_unknown());
        let nothing = if is_unknown { UNKNOWN } else { paint.glyphs().none };
        return Line::from(vec![name, Span::styled(nothing, paint.theme.faint())]);
    };
    let id = LogId { term, index };
    let text = paint.visible(paint.app.logs.text(id).unwrap_or(paint.glyphs().ellipsis)).into_owned();
    let state = match (row.committed.copied(), row.status.durable.copied()) {
        (Some(committed), _) if index <= committed => "committed",
        (_, Some(durable)) if index > durable && row.status.last_index() >= Some(index) => {
            "not on its disk yet"
        }
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
