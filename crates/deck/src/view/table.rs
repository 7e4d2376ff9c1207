//! The table: a row for each node, and as many columns as fit.

use crate::app::App;
use crate::app::selection;
use crate::app::timers::age_words;
use crate::sentences::changing;
use crate::view::card;
use crate::view::labels::{self, Tone, UNKNOWN, figure};
use crate::view::landed::Target;
use crate::view::lessons;
use crate::view::paint::Paint;
use raftdeck_model::{Concern, Known, Node, Phase, RaftView, World};
use raftdeck_raft::Role;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::ops::Range;
use unicode_width::UnicodeWidthStr;

/// What a column shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Node,
    Role,
    Term,
    Vote,
    Last,
    Commit,
    Applied,
    NextMatch,
    Election,
    Heartbeat,
    State,
    Pid,
    Address,
}

impl Column {
    /// From left to right.
    const ALL: [Self; 13] = [
        Self::Node,
        Self::Role,
        Self::Term,
        Self::Vote,
        Self::Last,
        Self::Commit,
        Self::Applied,
        Self::NextMatch,
        Self::Election,
        Self::Heartbeat,
        Self::State,
        Self::Pid,
        Self::Address,
    ];

    /// The order in which they are left out when there is no room.
    const FIRST_TO_GO: [Self; 11] = [
        Self::Pid,
        Self::Address,
        Self::NextMatch,
        Self::Vote,
        Self::Applied,
        Self::Election,
        Self::Heartbeat,
        Self::State,
        Self::Last,
        Self::Commit,
        Self::Term,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Role => "role",
            Self::Term => "term",
            Self::Vote => "vote",
            Self::Last => "last",
            Self::Commit => "commit",
            Self::Applied => "applied",
            Self::NextMatch => "next/match",
            Self::Election => "election",
            Self::Heartbeat => "heard",
            Self::State => "state",
            Self::Pid => "pid",
            Self::Address => "address",
        }
    }

    /// How wide it is with what it shows most of the time, so that no figure that grows and no node that restarts moves the columns.
    fn usual_width(self) -> usize {
        match self {
            Self::Node | Self::Term | Self::Vote => 4,
            // `◇ pre-candidate`; `127.0.0.1:65535`
            Self::Role | Self::Address => 15,
            Self::Last => 5,
            Self::Commit => 6,
            Self::Applied | Self::Heartbeat | Self::Pid => 7,
            // `12345/12345 replicate`
            Self::NextMatch => 21,
            Self::Election => 8,
            Self::State => 9,
        }
    }

    /// Numbers are aligned right.
    fn right(self) -> bool {
        matches!(self, Self::Term | Self::Last | Self::Commit | Self::Applied | Self::NextMatch | Self::Pid)
    }
}

/// The mark of the selected node, and a blank.
const MARGIN: usize = 2;

/// The place of the roles in [`Column::ALL`].
const ROLE: usize = 1;

/// By how much a role may be cut: `◇ pre-candi…` is still one.
const MOST_OF_ROLE: usize = 3;

/// How many rows the remarks besides the figures take on a screen of this height.
pub(crate) fn matter_rows(app: &App, height: u16) -> u16 {
    let most = if height >= 28 { 3 } else { 1 };
    u16::try_from(labels::matters(app).len()).unwrap_or(most).min(most)
}

/// The remarks besides the figures: a row each, the selected node's first if there is no room for all.
fn matters(paint: &mut Paint<'_>, area: Rect) {
    let mut all = labels::matters(paint.app);
    let rows = usize::from(area.height);
    let more = all.len().saturating_sub(rows);
    if more > 0 {
        all.sort_by_key(|(node, _)| paint.app.selected != Some(*node));
    }
    for (row, (node, sentence)) in (0..area.height).zip(all.into_iter().take(rows)) {
        let rest =
            if more > 0 && row + 1 == area.height { format!(" (and {more} more) ") } else { String::new() };
        let room = usize::from(area.width).saturating_sub(3 + rest.len());
        let line = Line::from(vec![
            Span::styled(" ! ", paint.theme.trouble_plate()),
            Span::styled(format!(" {}", paint.cut(&sentence, room.saturating_sub(1))), paint.theme.strong()),
        ]);
        let place = Rect { y: area.y + row, height: 1, ..area };
        paint.at(place, &line);
        paint.right(area, row, &Line::styled(rest, paint.theme.faint()));
        paint.mark(place, Target::Node(node));
    }
}

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let below = matter_rows(app, paint.buf.area.height).min(area.height.saturating_sub(3));
    matters(paint, Rect { y: area.bottom() - below, height: below, ..area });
    let area = Rect { height: area.height - below, ..area };
    let nodes: Vec<&Node> = app.world.nodes().collect();
    let rows = usize::from(area.height).saturating_sub(2);
    let in_sight = selection::in_sight(&app.world.ids(), app.selected, rows);
    let first = in_sight.start;
    let title = title(paint, usize::from(area.width).saturating_sub(6), &nodes, in_sight);
    paint.rule(area, 0, &title);
    let area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let cells: Vec<Vec<Line<'static>>> = nodes.iter().map(|node| row(paint, node)).collect();
    let mut widths = widths(&cells);
    let columns = fit(&mut widths, usize::from(area.width).saturating_sub(MARGIN));
    let used: usize = columns.iter().map(|c| widths[*c]).sum();
    let gaps = columns.len().saturating_sub(1).max(1);
    let gap = (usize::from(area.width).saturating_sub(MARGIN + used) / gaps).clamp(1, 3);
    let titles = columns.iter().map(|c| {
        pad(Line::styled(Column::ALL[*c].title(), paint.theme.faint()), Column::ALL[*c], widths[*c])
    });
    paint.row(area, 0, &join(" ".into(), titles, gap));
    for (row, (node, cells)) in (1..area.height).zip(nodes.iter().zip(&cells).skip(first)) {
        let mark = if app.selected == Some(node.id) { paint.glyphs().selected } else { " " };
        let cells = columns.iter().map(|c| {
            let cell = cells[*c].clone();
            let cell = if *c == ROLE { cut(paint, cell, widths[*c]) } else { cell };
            pad(cell, Column::ALL[*c], widths[*c])
        });
        let place = Rect { y: area.y + row, height: 1, ..area };
        paint.at(place, &join(Span::styled(mark, paint.theme.strong()), cells, gap));
        paint.mark(place, Target::Node(node.id));
    }
}

/// Which nodes are in sight, if not all are; the configuration; and what is being changed.
fn title(paint: &Paint<'_>, room: usize, nodes: &[&Node], in_sight: Range<usize>) -> String {
    let (app, dot) = (paint.app, paint.glyphs().dot);
    let mut title = "nodes".to_owned();
    if let (Some(first), true) = (nodes.get(in_sight.start), in_sight.len() < nodes.len()) {
        let last = nodes[..in_sight.end].last().unwrap_or(first);
        title = format!("nodes {} to {} of {}", first.id, last.id, nodes.len());
        if in_sight.len() == 1 {
            title = format!("node {} of {}", first.id, nodes.len());
        }
    }
    let Some(configuration) = labels::configuration(&app.world, room.saturating_sub(title.len() + 3)) else {
        return title;
    };
    title.extend([" ", dot, " ", &configuration]);
    for (node, step) in app.world.changes() {
        title.extend([" ", dot, " ", &changing(node, step)]);
    }
    paint.cut(&title, room)
}

fn widths(rows: &[Vec<Line<'static>>]) -> Vec<usize> {
    let widest = |n: usize| rows.iter().map(|row| row[n].width()).max().unwrap_or(0);
    let width =
        |(n, column): (usize, &Column)| widest(n).max(column.title().width()).max(column.usual_width());
    Column::ALL.iter().enumerate().map(width).collect()
}

/// The places in [`Column::ALL`] of the columns that are shown: as many as usually fit. If they need more room than usual, the roles
/// are cut; only if that is not enough, a column goes.
fn fit(widths: &mut [usize], room: usize) -> Vec<usize> {
    let kept = |gone: usize| -> Vec<usize> {
        let is_kept = |n: &usize| !Column::FIRST_TO_GO[..gone].contains(&Column::ALL[*n]);
        (0..Column::ALL.len()).filter(is_kept).collect()
    };
    let too_many = |kept: &[usize], width: &dyn Fn(usize) -> usize| {
        kept.iter().map(|n| width(*n) + 1).sum::<usize>().saturating_sub(room + 1)
    };
    let fewest = Column::FIRST_TO_GO.len();
    let usual = |n: usize| Column::ALL[n].usual_width();
    let first = (0..fewest).find(|gone| too_many(&kept(*gone), &usual) == 0).unwrap_or(fewest);
    for gone in first..=fewest {
        let columns = kept(gone);
        let over = too_many(&columns, &|n| widths[n]);
        if over <= MOST_OF_ROLE {
            widths[ROLE] -= over;
            return columns;
        }
    }
    kept(fewest)
}

/// A cell of one span, cut to a width.
fn cut(paint: &Paint<'_>, mut cell: Line<'static>, width: usize) -> Line<'static> {
    if let Some(span) = cell.spans.first_mut().filter(|span| span.width() > width) {
        span.content = paint.cut(&span.content, width).into();
    }
    cell
}

fn pad(mut line: Line<'static>, column: Column, width: usize) -> Line<'static> {
    let space = Span::raw(" ".repeat(width.saturating_sub(line.width())));
    if column.right() {
        line.spans.insert(0, space);
    } else {
        line.push_span(space);
    }
    line
}

fn join(mark: Span<'static>, cells: impl Iterator<Item = Line<'static>>, gap: usize) -> Line<'static> {
    let mut joined = Line::from(vec![mark, Span::raw(" ")]);
    for (n, cell) in cells.enumerate() {
        if n > 0 {
            joined.push_span(Span::raw(" ".repeat(gap)));
        }
        let style = cell.style;
        joined.spans.extend(cell.spans.into_iter().map(|span| {
            let style = style.patch(span.style);
            span.style(style)
        }));
    }
    joined
}

fn row(paint: &Paint<'_>, node: &Node) -> Vec<Line<'static>> {
    let living = node.live().is_some();
    let style = if living { paint.theme.text() } else { paint.theme.faint() };
    Column::ALL.iter().map(|column| cell(paint, node, *column, style)).collect()
}

fn cell(paint: &Paint<'_>, node: &Node, column: Column, style: Style) -> Line<'static> {
    let nothing = || Line::styled(paint.glyphs().none, paint.theme.faint());
    let unknown = || Line::styled(UNKNOWN, paint.theme.faint());
    let shown = |text: Option<String>| text.map_or_else(nothing, |text| Line::styled(text, style));
    let known = |text: Known<Option<String>>| text.get().map_or_else(unknown, |text| shown(text.clone()));
    // A node that has not reported anything yet has nothing to show.
    let raft = |figure: &dyn Fn(&RaftView) -> Known<Option<String>>| {
        known(node.raft().map_or(Known::Is(None), figure))
    };
    let timers = paint.timers(node);
    match column {
        Column::Node => name(paint, node),
        Column::Role => role(paint, node),
        Column::Term => shown(node.raft().map(|s| s.term.to_string())),
        Column::Vote => raft(&|s| s.vote.map(|vote| vote.map(|vote| vote.to_string()))),
        Column::Last => raft(&|s| s.last.map(|last| Some(last.index.to_string()))),
        Column::Commit => raft(&|s| s.committed.map(|index| Some(index.to_string()))),
        Column::Applied => raft(&|s| s.applied.map(|index| Some(index.to_string()))),
        Column::NextMatch => known(next_match(&paint.app.world, node)),
        // It does not campaign.
        Column::Election if has_empty_disk(&paint.app.world, node) => nothing(),
        Column::Election => match timers.election {
            Known::Unknown => unknown(),
            Known::Is(left) => left.map_or_else(nothing, |left| card::bar(paint, left)),
        },
        Column::Heartbeat => known(timers.heartbeat.map(|age| age.map(age_words))),
        Column::State => state(paint, node),
        Column::Pid => shown(node.pid().map(|pid| pid.to_string())),
        Column::Address => shown(node.addresses.as_ref().map(|a| a.client.clone())),
    }
}

fn name(paint: &Paint<'_>, node: &Node) -> Line<'static> {
    Line::from(Span::styled(node.id.to_string(), lessons::name_style(paint, node.id)))
}

fn role(paint: &Paint<'_>, node: &Node) -> Line<'static> {
    let (glyph, word) = labels::role(paint.theme, node, &paint.app.world);
    let text = format!("{glyph} {word}");
    let style = match (node.phase(), labels::tone(node, &paint.app.world)) {
        (Phase::Running(Role::Leader), Tone::Good) => paint.theme.leader_plate(),
        (_, Tone::Trouble) => paint.theme.trouble_plate(),
        (_, Tone::Gone) => paint.theme.strong(),
        _ => paint.theme.text(),
    };
    Line::from(Span::styled(text, style))
}

fn state(paint: &Paint<'_>, node: &Node) -> Line<'static> {
    let text = labels::state(node, &paint.app.world);
    let style = match &*text {
        "no quorum" | "no leader" | "cut off" | "disk stalled" | "empty disk" | "removed" | "refused" => {
            paint.theme.trouble_plate()
        }
        "running" => paint.theme.text(),
        _ => paint.theme.strong(),
    };
    Line::from(Span::styled(text, style))
}

fn has_empty_disk(world: &World, node: &Node) -> bool {
    matches!(world.concern(node.id), Some(Concern::EmptyDisk { .. }))
}

/// How far the leader is with a follower; unknown, if its source reports no follower.
fn next_match(world: &World, node: &Node) -> Known<Option<String>> {
    let Some(peer) = world.as_leader_sees(node.id) else {
        let leader = world.leader().filter(|leader| leader.id != node.id).and_then(Node::live);
        return match leader {
            Some(leader) if leader.peers.is_unknown() => Known::Unknown,
            _ => Known::Is(None),
        };
    };
    let progress = || format!("{}/{}", figure(peer.next), figure(peer.matched));
    Known::Is(Some(match labels::gets_snapshot(node, world) {
        // What the leader knows is about the disk that the node had before.
        _ if has_empty_disk(world, node) => "not counted".to_owned(),
        Some(percent) => format!("snapshot {percent}%"),
        None if peer.disk_stalled.some().is_some() => format!("{} stalled", progress()),
        None => match peer.state {
            Known::Is(state) => format!("{} {}", progress(), labels::sending(state)),
            Known::Unknown => progress(),
        },
    }))
}
