//! A node's card in the ring or the grid, in eight sizes.

use crate::actions::ActionId;
use crate::app::timers::{BAR_STEPS, TimerBar, age_words};
use crate::view::big;
use crate::view::fault_labels;
use crate::view::labels::{self, Tone, UNKNOWN, figure};
use crate::view::landed::Target;
use crate::view::lessons;
use crate::view::paint::Paint;
use raftdeck_model::{Concern, Known, MemberStanding, Node, Phase, ProcessState, RaftView};
use raftdeck_raft::{NodeId, Role};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

/// On a card that the lesson points at.
const LOOK: &str = " look here ";

/// How large a card is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// The name in big characters, for a lecture hall.
    Huge,
    /// Everything, with space around it.
    Great,
    /// Role, log, timer.
    Full,
    /// Role and log.
    Middle,
    /// Role.
    Small,
    /// Role, the term beside the name.
    Narrow,
    /// One row, with what a large cluster must show of each node: its term, how far it lags, whether it is cut off.
    Tile,
    /// One row.
    Chip,
}

impl Size {
    /// The sizes on a ring, the largest first.
    pub(crate) const RING: [Self; 6] =
        [Self::Great, Self::Full, Self::Middle, Self::Small, Self::Narrow, Self::Chip];

    /// The sizes for a lecture hall, the largest first.
    pub(crate) const PRESENTER: [Self; 7] =
        [Self::Huge, Self::Great, Self::Full, Self::Middle, Self::Small, Self::Narrow, Self::Chip];

    /// The sizes in a grid, the largest first.
    pub(crate) const GRID: [Self; 4] = [Self::Small, Self::Narrow, Self::Tile, Self::Chip];

    /// Whether it has one row.
    pub(crate) fn is_flat(self) -> bool {
        matches!(self, Self::Tile | Self::Chip)
    }

    /// Columns and rows.
    pub(crate) fn extent(self) -> (u16, u16) {
        match self {
            Self::Huge => (36, 9),
            Self::Great => (30, 7),
            Self::Full => (22, 5),
            Self::Middle => (20, 4),
            Self::Small => (18, 3),
            Self::Narrow => (14, 3),
            Self::Tile => (15, 1),
            Self::Chip => (11, 1),
        }
    }
}

/// Draws a node's card.
pub(crate) fn draw(paint: &mut Paint<'_>, node: &Node, area: Rect, size: Size) {
    paint.clear(area);
    paint.mark(area, Target::Node(node.id));
    if size.is_flat() {
        chip(paint, node, area, size);
        return;
    }
    let inner = frame(paint, node, area, size);
    if labels::tone(node, &paint.app.world) == Tone::Good {
        // Only the leader's card is filled.
        paint.fill(inner, paint.theme.leader_plate());
    }
    let role = Rect { height: 1, ..inner };
    role_line(paint, node, role, size != Size::Narrow);
    let text = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let lines: Vec<Line<'_>> = match size {
        Size::Great => {
            vec![
                Line::default(),
                log_line(paint, node, text.width),
                vote_line(paint, node),
                timer_line(paint, node),
            ]
        }
        Size::Huge => {
            let name = Rect { x: text.x + 1, y: text.y + 2, width: text.width / 2, height: big::ROWS };
            let style = if labels::tone(node, &paint.app.world) == Tone::Good {
                paint.theme.leader_plate()
            } else {
                plate(paint, node)
            };
            big::draw(paint, name, "", &node.id.to_string(), style);
            let right = Rect { x: text.x + text.width / 2, width: text.width / 2, ..text };
            let lines = [log_line(paint, node, right.width), vote_line(paint, node), timer_line(paint, node)];
            for (row, line) in (3..).zip(&lines) {
                paint.row(right, row, line);
            }
            Vec::new()
        }
        Size::Full => vec![log_line(paint, node, text.width), timer_line(paint, node)],
        Size::Middle => vec![log_line(paint, node, text.width)],
        Size::Small | Size::Narrow | Size::Tile | Size::Chip => Vec::new(),
    };
    for (row, line) in (1..).zip(&lines) {
        paint.row(text, row, line);
    }
}

/// The frame with the node's name; returns what is inside.
fn frame(paint: &mut Paint<'_>, node: &Node, area: Rect, size: Size) -> Rect {
    let glyphs = paint.glyphs();
    let chosen = paint.app.selected == Some(node.id);
    let (set, style) = match (node.phase(), labels::tone(node, &paint.app.world)) {
        (Phase::Running(Role::Leader), Tone::Good) => (glyphs.leader_border, paint.theme.leader_line()),
        (Phase::Running(Role::Leader), _) => (glyphs.leader_border, paint.theme.trouble_line()),
        (_, Tone::Trouble | Tone::Alone) => (glyphs.border, paint.theme.trouble_line()),
        (_, Tone::Gone) => (glyphs.dead_border, paint.theme.faint()),
        (_, Tone::Good | Tone::Calm) => (glyphs.border, paint.theme.text()),
    };
    let mut block = Block::bordered().border_set(set).border_style(style);
    if lessons::is_marked(paint, node.id) {
        block = block.title_bottom(Line::styled(LOOK, paint.theme.trouble_band()).centered());
    }
    let inner = block.inner(area);
    block.render(area.intersection(paint.buf.area), paint.buf);
    let name = if chosen {
        Line::styled(
            format!(" {} {} {} ", glyphs.selected, node.id, glyphs.selected_end),
            paint.theme.selected(),
        )
    } else {
        Line::styled(format!(" {} ", node.id), paint.theme.strong())
    };
    let mut name = Line::from(Span::styled(name.to_string(), name.style));
    if let (Size::Narrow, Some(status)) = (size, node.raft()) {
        if chosen {
            // There is no room for both marks and the term.
            let text = format!(" {} {} ", glyphs.selected, node.id);
            name = Line::from(Span::styled(text, paint.theme.selected()));
        }
        name.push_span(Span::raw(format!("t{} ", status.term)));
    }
    paint.at(Rect { x: area.x + 2, width: area.width.saturating_sub(3), height: 1, ..area }, &name);
    faults(paint, node, area);
    inner
}

/// What is in force at the node, on the lower border.
fn faults(paint: &mut Paint<'_>, node: &Node, area: Rect) {
    let Some(words) = fault_labels::of_node(&paint.app.world, node.id) else { return };
    let words = paint.cut(&format!(" {words} "), usize::from(area.width).saturating_sub(2));
    let place = Rect { x: area.x + 1, y: area.bottom() - 1, width: area.width.saturating_sub(2), height: 1 };
    paint.at(place, &Line::styled(words, paint.theme.trouble_plate()));
}

/// Role at the left, term at the right; a plate where it matters.
fn role_line(paint: &mut Paint<'_>, node: &Node, area: Rect, with_term: bool) {
    let style = plate(paint, node);
    let (glyph, word) = labels::role(paint.theme, node, &paint.app.world);
    let word = if labels::tone(node, &paint.app.world) == Tone::Good {
        word.to_uppercase()
    } else {
        word.to_owned()
    };
    let word = paint.cut(&word, usize::from(area.width).saturating_sub(3));
    paint.fill(area, style);
    paint.row(area, 0, &Line::styled(format!(" {glyph} {word}"), style));
    if let Some(status) = node.raft().filter(|_| with_term) {
        let used = u16::try_from(word.len() + 4).unwrap_or(u16::MAX).min(area.width);
        let rest = Rect { x: area.x + used, width: area.width - used, ..area };
        for text in
            [format!("term {} ", status.term), format!("t{} ", status.term), format!("t{}", status.term)]
        {
            if paint.right(rest, 0, &Line::styled(text, style)) {
                break;
            }
        }
    }
}

fn plate(paint: &Paint<'_>, node: &Node) -> Style {
    match labels::tone(node, &paint.app.world) {
        Tone::Good => paint.theme.leader_plate(),
        Tone::Trouble => paint.theme.trouble_plate(),
        Tone::Calm | Tone::Alone => paint.theme.text(),
        Tone::Gone => paint.theme.strong(),
    }
}

/// Old figures of a node that is gone are faint.
fn figure_style(paint: &Paint<'_>, node: &Node) -> Style {
    if node.live().is_some() { paint.theme.text() } else { paint.theme.faint() }
}

/// The log's end and the commit index, in as many words as fit.
fn log_line(paint: &Paint<'_>, node: &Node, width: u16) -> Line<'static> {
    let Some(status) = node.raft() else { return Line::styled("no news yet", paint.theme.faint()) };
    let (last, committed) = (figure(status.last.map(|last| last.index)), figure(status.committed));
    let texts = [
        format!("log {last}  commit {committed}"),
        format!("log {last} commit {committed}"),
        format!("commit {committed} of {last}"),
        format!("commit {committed}/{last}"),
    ];
    let fits = |text: &&String| text.len() <= usize::from(width);
    let text = texts.iter().find(fits).cloned().unwrap_or_else(|| format!("{committed} of {last}"));
    Line::styled(text, figure_style(paint, node))
}

fn vote_line(paint: &Paint<'_>, node: &Node) -> Line<'static> {
    let Some(status) = node.raft() else { return Line::default() };
    let vote = match status.vote {
        Known::Is(Some(id)) if id == node.id => "voted for itself".to_owned(),
        Known::Is(Some(id)) => format!("voted for {id}"),
        Known::Is(None) => "has not voted".to_owned(),
        Known::Unknown => "vote unknown".to_owned(),
    };
    Line::styled(vote, figure_style(paint, node))
}

/// What a node is waiting for.
fn timer_line(paint: &Paint<'_>, node: &Node) -> Line<'static> {
    let faint = paint.theme.faint();
    let text = match (node.phase(), &node.process) {
        (Phase::Failed, Some(ProcessState::Failed { how, .. })) => how.clone(),
        (Phase::Unreachable, Some(ProcessState::Unreachable { why })) => why.clone(),
        (Phase::Killed | Phase::Stopped, _) => hint(paint, ActionId::Restart, "restarts it"),
        (Phase::Paused, _) => hint(paint, ActionId::Pause, "resumes it"),
        (Phase::Running(_), _) => {
            let Some(status) = node.live() else { return Line::default() };
            return living_line(paint, node, status);
        }
        _ => match node.pid() {
            Some(pid) => format!("process {pid}"),
            None => String::new(),
        },
    };
    Line::styled(text, faint)
}

/// `r restarts it`.
fn hint(paint: &Paint<'_>, id: ActionId, words: &str) -> String {
    paint.key(id).map_or_else(String::new, |key| format!("{key} {words}"))
}

fn living_line(paint: &Paint<'_>, node: &Node, status: &RaftView) -> Line<'static> {
    let text = paint.theme.text();
    match status.role {
        Role::Leader => {
            let reach = paint.app.world.reach(node.id, status.term);
            let style = if reach.is_enough { text } else { paint.theme.strong() };
            Line::styled(labels::reached_words(reach), style)
        }
        Role::Candidate | Role::PreCandidate => {
            let granted = |votes: &Vec<(NodeId, bool)>| {
                votes.iter().filter(|(id, yes)| *yes && *id != node.id).count() + 1
            };
            let yes = figure(status.votes.map(granted));
            let what = if status.role == Role::Candidate { "votes" } else { "pre-votes" };
            Line::styled(format!("{yes} of {} {what}", paint.app.world.majority()), paint.theme.strong())
        }
        Role::Follower if let Some(percent) = labels::gets_snapshot(node, &paint.app.world) => {
            Line::styled(format!("snapshot {percent}%"), paint.theme.strong())
        }
        Role::Follower if matches!(paint.app.world.concern(node.id), Some(Concern::EmptyDisk { .. })) => {
            Line::styled("empty disk", paint.theme.strong())
        }
        Role::Follower if paint.app.world.standing(node.id) == MemberStanding::Outside => {
            Line::styled("no member", text)
        }
        Role::Follower => {
            let timers = paint.timers(node);
            let heard = match timers.heartbeat {
                _ if labels::lost(status) => "no leader".to_owned(),
                Known::Is(Some(age)) => age_words(age),
                Known::Is(None) => "no leader".to_owned(),
                Known::Unknown if timers.election.is_unknown() => "timers unknown".to_owned(),
                Known::Unknown => UNKNOWN.to_owned(),
            };
            let mut line = match timers.election {
                Known::Is(left) => bar(paint, left.unwrap_or(TimerBar::EMPTY)),
                Known::Unknown => Line::default(),
            };
            if !line.spans.is_empty() {
                line.push_span(Span::raw(" "));
            }
            line.push_span(Span::styled(heard, text));
            line
        }
    }
}

/// An election timer running down. Between the least and the most that can be left, it may go off at any moment.
pub(crate) fn bar(paint: &Paint<'_>, TimerBar { certain, possible }: TimerBar) -> Line<'static> {
    let glyphs = paint.glyphs();
    let steps = |glyph: &str, count: u8| glyph.repeat(usize::from(count));
    let style = if certain <= 2 { paint.theme.trouble_line() } else { paint.theme.text() };
    let mut line = Line::from(Span::styled(steps(glyphs.bar_full, certain), style));
    if possible > certain {
        line.push_span(Span::styled(steps(glyphs.bar_maybe, possible - certain), style));
    }
    line.push_span(Span::styled(
        steps(glyphs.bar_empty, BAR_STEPS.saturating_sub(possible)),
        paint.theme.faint(),
    ));
    line
}

fn chip(paint: &mut Paint<'_>, node: &Node, area: Rect, size: Size) {
    let (glyph, _) = labels::role(paint.theme, node, &paint.app.world);
    let chosen = paint.app.selected == Some(node.id);
    let style = match labels::tone(node, &paint.app.world) {
        Tone::Good | Tone::Trouble => plate(paint, node),
        Tone::Calm | Tone::Alone => paint.theme.strong(),
        Tone::Gone => paint.theme.faint(),
    };
    paint.fill(area, style);
    let term = node.raft().map(|status| format!(" t{}", status.term)).unwrap_or_default();
    let name = if chosen || lessons::is_marked(paint, node.id) {
        lessons::name_style(paint, node.id)
    } else {
        style
    };
    let mark = if chosen { paint.glyphs().selected } else { " " };
    let line = Line::from(vec![
        Span::styled(format!("{mark}{glyph} "), style),
        Span::styled(node.id.to_string(), name),
        Span::styled(term, style),
    ]);
    paint.at(area, &line);
    if size == Size::Tile {
        let used = u16::try_from(line.width()).unwrap_or(area.width).min(area.width);
        let rest = Rect { x: area.x + used, width: area.width - used, ..area };
        for remark in remarks(paint, node) {
            if paint.right(rest, 0, &Line::styled(remark, style)) {
                break;
            }
        }
    }
}

/// How many entries a node lags behind its leader, and whether it is cut off from it: in full, and shorter.
fn remarks(paint: &Paint<'_>, node: &Node) -> Vec<String> {
    let world = &paint.app.world;
    let leader = world.leader().filter(|leader| leader.id != node.id);
    let last = leader.and_then(Node::live).and_then(RaftView::last_index);
    let matched = world.as_leader_sees(node.id).and_then(|peer| peer.matched.copied());
    let lag = last.zip(matched).map_or(0, |(last, matched)| last.0.saturating_sub(matched.0));
    let lag = if lag > 0 { format!(" -{lag}") } else { String::new() };
    let from_leader =
        leader.is_some_and(|leader| world.is_cut(leader.id, node.id) || world.is_cut(node.id, leader.id));
    let is_cut = from_leader || world.is_isolated(node.id);
    let cut = if is_cut { format!(" {}", paint.glyphs().cut) } else { String::new() };
    vec![format!("{lag}{cut}"), cut, lag]
}
