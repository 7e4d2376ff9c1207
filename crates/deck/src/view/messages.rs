//! The Messages view: the space-time diagram, the list, and the chosen message in words.

use crate::actions::ActionId;
use crate::app::finding::{self, List};
use crate::app::flights::is_answer;
use crate::app::messages::Messages;
use crate::view::found;
use crate::view::labels::{self, message_style, span};
use crate::view::landed::{Pane, Target};
use crate::view::lessons;
use crate::view::paint::Paint;
use crate::view::raster::{Raster, Stroke};
use crate::view::space_time::{Arrow, ArrowEnd, Diagram, diagram};
use raftdeck_model::{MessageId, MessageReport, MessageState, Node};
use raftdeck_raft::NodeId;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::time::Duration;

/// From this width on the list is beside the diagram.
const WIDE: u16 = 110;

/// Columns taken by the moments beside the diagram.
const MOMENTS: u16 = 11;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let messages = &paint.app.messages;
    let dot = paint.glyphs().dot;
    let filter = finding::place(paint.app, List::Messages)
        .map_or_else(String::new, |place| format!(", only {} {dot} {place}", messages.sieve.line().text()));
    let what = if messages.follows() { "following the newest" } else { "not following" };
    let (held, under_way) = (messages.held(), messages.under_way());
    let folds = if messages.folds() { ", heartbeats folded" } else { "" };
    paint.rule(
        area,
        0,
        &format!("messages, {what}{filter}{folds} {dot} {held} held {dot} {under_way} under way"),
    );
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    if messages.chosen().is_none() {
        let text = match (messages.sieve.is_open(), messages.folded(None, None)) {
            (false, _) => {
                let key = paint.app.key_of(ActionId::Find);
                format!(" No message passes the filter: {key} changes it, Esc shows all.")
            }
            (true, 0) => " No message has been sent yet.".to_owned(),
            (true, _) => {
                let key = paint.app.key_of(ActionId::FoldHeartbeats);
                format!(" Only heartbeats and their answers so far: {key} shows each.")
            }
        };
        paint.row(body, 0, &Line::styled(text, paint.theme.faint()));
        return;
    }
    if paint.app.zoomed() == Some(Pane::Messages) {
        let detail_rows = 6.min(body.height / 3);
        list(paint, Rect { height: body.height - detail_rows, ..body });
        detail(paint, Rect { y: body.bottom() - detail_rows, height: detail_rows, ..body });
        return;
    }
    if area.width >= WIDE && body.height >= 8 {
        let list_width = (area.width * 2 / 5).clamp(56, 76);
        let left = Rect { width: area.width - list_width - 1, ..body };
        let right = Rect { x: left.right() + 1, width: list_width, ..body };
        let detail_rows = 9.min(right.height / 3);
        draw_diagram(paint, left);
        list(paint, Rect { height: right.height - detail_rows, ..right });
        detail(paint, Rect { y: right.bottom() - detail_rows, height: detail_rows, ..right });
        return;
    }
    let detail_rows = if body.height >= 14 { 4 } else { 0 };
    let list_rows = match body.height {
        0..8 => body.height,
        8..14 => 3,
        _ => body.height / 4,
    };
    let top = Rect { height: body.height - list_rows - detail_rows, ..body };
    if top.height > 0 {
        draw_diagram(paint, top);
    }
    list(paint, Rect { y: top.bottom(), height: list_rows, ..body });
    detail(paint, Rect { y: body.bottom() - detail_rows, height: detail_rows, ..body });
}

/// The list: the chosen message in sight, the newest at the bottom.
fn list(paint: &mut Paint<'_>, area: Rect) {
    let messages = &paint.app.messages;
    paint.mark(area, Target::Pane(Pane::Messages));
    paint.landed.size(Pane::Messages, area.height.into());
    let Some(chosen) = messages.chosen().map(|message| message.id) else { return };
    let rows = usize::from(area.height);
    // At most half of the rows are for newer ones, which puts the chosen one in the middle if there are enough of both.
    let newer: Vec<&MessageReport> = messages.on_from(chosen).take(rows / 2).collect();
    let older = messages.back_from(chosen).take(rows.saturating_sub(newer.len()));
    let mut shown: Vec<&MessageReport> = older.collect();
    shown.reverse();
    shown.extend(newer);
    let rows = with_folds(messages, &shown);
    // A fold makes room for itself at the top, unless the chosen message is there.
    let surplus = rows.len().saturating_sub(usize::from(area.height));
    let first = rows.iter().position(|row| matches!(row, ListRow::Message(m) if m.id == chosen)).unwrap_or(0);
    for (row, item) in (0..area.height).zip(rows.into_iter().skip(surplus.min(first))) {
        let place = Rect { y: area.y + row, height: 1, ..area };
        match item {
            ListRow::Message(message) => {
                let line = list_line(paint, message, message.id == chosen, area.width);
                paint.at(place, &line);
                paint.mark(place, Target::Message(message.id));
            }
            ListRow::Folded(count) => {
                let what = match count {
                    Some(1) => "a heartbeat or an answer to one".to_owned(),
                    Some(count) => format!("{count} heartbeats and answers to them"),
                    None => "heartbeats and answers to them".to_owned(),
                };
                let text = format!("        {} {what}", paint.glyphs().ellipsis);
                paint.at(place, &Line::styled(text, paint.theme.faint()));
            }
        }
    }
}

/// A row of the list.
enum ListRow<'a> {
    Message(&'a MessageReport),
    /// Messages that are folded here, and how many, unless more are coming.
    Folded(Option<usize>),
}

/// The messages, and between them what is folded.
fn with_folds<'a>(messages: &Messages, shown: &[&'a MessageReport]) -> Vec<ListRow<'a>> {
    let mut rows = Vec::new();
    for (n, message) in shown.iter().enumerate() {
        rows.push(ListRow::Message(message));
        let next = shown.get(n + 1).map(|next| next.id);
        let is_newest = next.is_none() && messages.newest().is_some_and(|newest| newest.id == message.id);
        let folded = if next.is_some() || is_newest { messages.folded(Some(message.id), next) } else { 0 };
        if folded > 0 {
            rows.push(ListRow::Folded(next.map(|_| folded)));
        }
    }
    rows
}

fn list_line(paint: &Paint<'_>, message: &MessageReport, chosen: bool, width: u16) -> Line<'static> {
    let glyphs = paint.glyphs();
    let mark = if chosen { glyphs.selected } else { " " };
    let [right, ..] = glyphs.arrows;
    let style = message_style(paint.theme, message.kind);
    let over = message.state.is_over();
    let base = if chosen {
        paint.theme.selected()
    } else if over {
        paint.theme.text()
    } else {
        paint.theme.strong()
    };
    let time = if width >= 62 { format!(" {:>10}", moment(message.sent)) } else { String::new() };
    let what = format!("{:<16}", format!("{}{}", message.kind.name(), said(paint, message)));
    let index = message.index.map_or_else(String::new, |index| format!(" i{index}"));
    let figures = format!(" t{}{index}", message.term);
    let link = format!("{}{right}{}", message.from, message.to);
    let state = state_words(paint, message);
    let mut spans = vec![
        Span::styled(format!("{mark}{:>6}", format!("#{}", message.id.0)), base),
        Span::styled(time, paint.theme.faint()),
        Span::styled(format!(" {link:<7} "), paint.theme.text()),
    ];
    let what_style = if over { style.patch(paint.theme.text()) } else { style };
    spans.extend(found::spans(paint.app.messages.sieve.text(), &what, what_style));
    spans.push(Span::styled(format!("{figures:<10} "), paint.theme.text()));
    spans.push(Span::styled(state, state_style(paint, message.state)));
    Line::from(spans)
}

/// ` yes`, ` no`, or nothing.
fn said(paint: &Paint<'_>, message: &MessageReport) -> String {
    match message.granted {
        Some(true) => format!(" {}", paint.glyphs().yes),
        Some(false) => format!(" {}", paint.glyphs().no),
        None => String::new(),
    }
}

fn state_words(paint: &Paint<'_>, message: &MessageReport) -> String {
    let glyphs = paint.glyphs();
    match message.state {
        MessageState::Held => format!("{} held", glyphs.paused),
        MessageState::UnderWay { due } => {
            format!("{} in {}", glyphs.ellipsis, span(due.saturating_sub(paint.time)))
        }
        MessageState::Delivered { at } => took(at.saturating_sub(message.sent)),
        MessageState::Lost { .. } => format!("{} lost", glyphs.lost),
    }
}

fn state_style(paint: &Paint<'_>, state: MessageState) -> Style {
    match state {
        MessageState::Held => paint.theme.selected(),
        MessageState::Lost { .. } => paint.theme.trouble_plate(),
        MessageState::UnderWay { .. } => paint.theme.strong(),
        MessageState::Delivered { .. } => paint.theme.faint(),
    }
}

/// The chosen message in words.
fn detail(paint: &mut Paint<'_>, area: Rect) {
    let Some(message) = paint.app.messages.chosen() else { return };
    if area.height == 0 {
        return;
    }
    let answer = match message.granted {
        Some(true) => ", yes",
        Some(false) => ", no",
        None => "",
    };
    paint.rule(area, 0, &format!("#{} from {} to {}", message.id.0, message.from, message.to));
    let fields = if message.fields.is_empty() { String::new() } else { format!(": {}", message.fields) };
    let index = message.index.map_or_else(String::new, |index| format!(", index {index}"));
    let entries = match message.entries {
        0 => String::new(),
        1 => ", 1 entry".to_owned(),
        more => format!(", {more} entries"),
    };
    let what = format!("{} of term {}{index}{entries}{answer}{fields}", message.kind.name(), message.term);
    let sent = format!("Sent at {}", moment(message.sent));
    let fate = match message.state {
        MessageState::Held => format!(
            "held: {} delivers it, {} drops it",
            paint.app.key_of(ActionId::ReleaseMessage),
            paint.app.key_of(ActionId::DropMessage)
        ),
        MessageState::UnderWay { due } => {
            format!("on its way, there in {}", span(due.saturating_sub(paint.time)))
        }
        MessageState::Delivered { at } => format!("arrived {}", took(at.saturating_sub(message.sent))),
        MessageState::Lost { .. } => "lost".to_owned(),
    };
    let room = usize::from(area.width).saturating_sub(2);
    let mut lines = crate::view::paint::wrap(&what, room);
    lines.truncate(usize::from(area.height.saturating_sub(2)).max(1));
    lines.push(format!("{sent}, {fate}."));
    for (row, text) in (1..).zip(lines) {
        let text = format!(" {}", paint.cut(&text, room));
        let found = found::spans(paint.app.messages.sieve.text(), &text, paint.theme.text());
        paint.row(area, row, &Line::from(found));
    }
}

/// How long a message took, in steps of a tenth of a millisecond.
fn took(time: Duration) -> String {
    if time < Duration::from_micros(100) { "at once".to_owned() } else { format!("after {}", span(time)) }
}

/// Minutes, and seconds with a tenth of a millisecond.
fn moment(at: Duration) -> String {
    format!("{}:{:02}.{:04}", at.as_secs() / 60, at.as_secs() % 60, at.subsec_micros() / 100)
}

fn draw_diagram(paint: &mut Paint<'_>, area: Rect) {
    let ids = paint.app.world.ids();
    let lanes = Lanes::new(area, &ids);
    names(paint, area, &lanes);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let rows = usize::from(body.height);
    if rows == 0 {
        return;
    }
    let messages = &paint.app.messages;
    let Some(chosen) = messages.chosen().map(|message| message.id) else { return };
    let mut sight: Vec<&MessageReport> = messages.back_from(chosen).take(rows * 3).collect();
    sight.reverse();
    sight.extend(messages.on_from(chosen).take(rows * 2));
    let place = |id: NodeId| ids.iter().position(|other| *other == id);
    let columns = |message: &MessageReport| place(message.from).zip(place(message.to));
    let whole = diagram(sight.iter().copied(), columns, paint.time);
    let Some(here) = whole.arrows.iter().find(|arrow| arrow.id == chosen).copied() else { return };
    let last = whole.rows.len().saturating_sub(rows);
    let first = if messages.follows() {
        last
    } else {
        // Shows the chosen message, all of it if it fits, and some of what was before it.
        let end = (here.ends + 1).saturating_sub(rows);
        here.sent.saturating_sub(rows * 2 / 3).max(end).min(here.sent).min(last)
    };
    let sheet = Sheet { body, lanes, first, chosen };
    sheet.draw(paint, &whole, &sight);
}

/// Where the nodes' columns are.
struct Lanes {
    xs: Vec<u16>,
    /// How far apart they are.
    step: u16,
}

impl Lanes {
    fn new(area: Rect, ids: &[NodeId]) -> Self {
        let left = area.x + MOMENTS.min(area.width / 4);
        let width = area.right().saturating_sub(left);
        let count = u16::try_from(ids.len()).unwrap_or(u16::MAX).max(1);
        let step = width / count;
        Self { xs: (0..count).map(|n| left + step * n + step / 2).collect(), step }
    }

    fn x(&self, column: usize) -> u16 {
        self.xs.get(column).copied().unwrap_or(0)
    }
}

/// The headings of the lanes: the node and its role, or only its number. Where not even that has room, the selected node has a
/// heading, and of the others those that leave a gap.
fn names(paint: &mut Paint<'_>, area: Rect, lanes: &Lanes) {
    let app = paint.app;
    let width = |text: &str| u16::try_from(text.chars().count()).unwrap_or(0);
    let long = app.world.ids().iter().map(|id| width(&id.to_string())).max().unwrap_or(0) + 2;
    let mut taken: Vec<Rect> = Vec::new();
    let chosen_first = |(_, node): &(usize, &Node)| app.selected != Some(node.id);
    let mut nodes: Vec<(usize, &Node)> = app.world.nodes().enumerate().collect();
    nodes.sort_by_key(chosen_first);
    for (column, node) in nodes {
        let (glyph, _) = labels::role(paint.theme, node, &app.world);
        let text = match lanes.step {
            step if step > long => format!("{} {glyph}", node.id),
            step if step >= long - 1 => node.id.to_string(),
            _ => node.id.0.to_string(),
        };
        let x = lanes.x(column).saturating_sub(width(&text) / 2).max(area.x);
        let place = Rect { x, y: area.y, width: width(&text).min(area.right().saturating_sub(x)), height: 1 };
        let with_gap = Rect { x: x.saturating_sub(1), width: place.width + 2, ..place };
        if taken.iter().any(|other| other.intersects(with_gap)) {
            continue;
        }
        let style = lessons::name_style(paint, node.id);
        paint.at(place, &Line::styled(text, style));
        paint.mark(place, Target::Node(node.id));
        taken.push(place);
    }
}

/// A part of the diagram on the screen.
struct Sheet {
    body: Rect,
    lanes: Lanes,
    /// The first row in sight.
    first: usize,
    chosen: MessageId,
}

impl Sheet {
    fn draw(&self, paint: &mut Paint<'_>, whole: &Diagram, sight: &[&MessageReport]) {
        let faint = paint.theme.faint();
        let lane = if paint.glyphs().braille { "│" } else { "|" };
        for row in 0..self.body.height {
            for x in &self.lanes.xs {
                paint.at(self.cell(*x, row), &Line::styled(lane, faint));
            }
        }
        self.moments(paint, whole);
        let mut raster = Raster::new(self.body, paint.glyphs().braille);
        for arrow in whole.arrows.iter().filter(|arrow| arrow.sent != arrow.ends) {
            self.slant(paint, &mut raster, arrow);
        }
        raster.paint(paint.buf);
        for arrow in &whole.arrows {
            let Some(message) = sight.iter().find(|message| message.id == arrow.id) else { continue };
            if arrow.sent == arrow.ends {
                self.level(paint, arrow, message);
            } else {
                self.ends(paint, arrow, message);
            }
        }
    }

    fn cell(&self, x: u16, row: u16) -> Rect {
        Rect { x, y: self.body.y + row, width: 1, height: 1 }.intersection(self.body)
    }

    fn row(&self, row: usize) -> Option<u16> {
        let row = row.checked_sub(self.first)?;
        u16::try_from(row).ok().filter(|row| *row < self.body.height)
    }

    fn moments(&self, paint: &mut Paint<'_>, whole: &Diagram) {
        let mut before = None;
        for (row, at) in whole.rows.iter().enumerate().skip(self.first) {
            let Some(y) = self.row(row) else { return };
            let text = match at {
                Some(at) => moment(*at),
                None => paint.glyphs().ellipsis.to_owned(),
            };
            if before.as_ref() != Some(&text) {
                let width = usize::from(MOMENTS.min(self.body.width / 4).saturating_sub(1));
                let line = Line::styled(format!("{text:>width$}"), paint.theme.faint());
                let place = Rect {
                    y: self.body.y + y,
                    height: 1,
                    width: u16::try_from(width).unwrap_or(0),
                    ..self.body
                };
                paint.at(place, &line);
            }
            before = Some(text);
        }
    }

    fn style(&self, paint: &Paint<'_>, arrow: &Arrow, message: &MessageReport) -> Style {
        match (arrow.id == self.chosen, arrow.end) {
            (true, _) => paint.theme.selected(),
            (_, ArrowEnd::Lost) => paint.theme.trouble_plate(),
            _ => message_style(paint.theme, message.kind),
        }
    }

    /// Where a slanted arrow begins and ends, in cells; rows out of sight have positions out of sight.
    fn line(&self, arrow: &Arrow) -> ((f64, f64), (f64, f64)) {
        let row = |row: usize| {
            let place = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
            f64::from(self.body.y) + place(row) - place(self.first) + 0.5
        };
        let (from, to) = (f64::from(self.lanes.x(arrow.from)), f64::from(self.lanes.x(arrow.to)));
        let side = if to > from { 1.0 } else { -1.0 };
        let (start, target) = ((from + 0.5 + side, row(arrow.sent)), (to + 0.5 - side, row(arrow.ends)));
        let end = (start.0 + (target.0 - start.0) * arrow.part, start.1 + (target.1 - start.1) * arrow.part);
        (start, end)
    }

    fn slant(&self, paint: &Paint<'_>, raster: &mut Raster, arrow: &Arrow) {
        let (start, end) = self.line(arrow);
        let chosen = arrow.id == self.chosen;
        let style = if chosen { paint.theme.leader_line() } else { paint.theme.text() };
        raster.line(start, end, Stroke { on: 1, off: 0, style, rank: if chosen { 2 } else { 1 } });
    }

    /// The head and the name of a slanted arrow.
    fn ends(&self, paint: &mut Paint<'_>, arrow: &Arrow, message: &MessageReport) {
        let (start, end) = self.line(arrow);
        let style = self.style(paint, arrow, message);
        let head = match arrow.end {
            ArrowEnd::Moving => labels::message_glyph(paint.theme, message.kind, message.granted),
            _ => head(paint, arrow),
        };
        let inside = |y: f64| y >= f64::from(self.body.y) && y < f64::from(self.body.bottom());
        if inside(end.1) {
            let place =
                Rect { x: to_cell(end.0), y: to_cell(end.1), width: 1, height: 1 }.intersection(self.body);
            paint.clear(place);
            paint.at(place, &Line::styled(head, style));
        }
        let (x, room) = self.label_place(arrow, message, (start.0, end.0));
        let part = if (end.0 - start.0).abs() < 1e-9 { 0.5 } else { (x - start.0) / (end.0 - start.0) };
        let y = start.1 + (end.1 - start.1) * part;
        if inside(y) {
            self.label(paint, arrow, message, (x, to_cell(y)), room);
        }
    }

    /// Where along an arrow its name is drawn, and how much room it has. It is between two lanes, at the end of the arrow where
    /// others are least likely: requests spread out and replies come together.
    fn label_place(&self, arrow: &Arrow, message: &MessageReport, (start, end): (f64, f64)) -> (f64, f64) {
        let at_receiver = arrow.end == ArrowEnd::Arrived && !is_answer(message.kind);
        let (near, far) = if at_receiver { (arrow.to, arrow.from) } else { (arrow.from, arrow.to) };
        let beside = if far > near { near + 1 } else { near.saturating_sub(1) };
        let lane = |column| f64::from(self.lanes.x(column)) + 0.5;
        let (left, right) = (lane(near).min(lane(beside)), lane(near).max(lane(beside)));
        let (left, right) = (left.max(start.min(end)), right.min(start.max(end)));
        (f64::midpoint(left, right), (right - left).max(0.0))
    }

    /// A level arrow, on one row.
    fn level(&self, paint: &mut Paint<'_>, arrow: &Arrow, message: &MessageReport) {
        let Some(row) = self.row(arrow.sent) else { return };
        let ((start, _), (end, _)) = self.line(arrow);
        let (left, right) = (to_cell(start.min(end)), to_cell(start.max(end)));
        let rule = paint.glyphs().rule;
        let chosen = arrow.id == self.chosen;
        let style = if chosen { paint.theme.leader_line() } else { paint.theme.faint() };
        let width = right.saturating_sub(left) + 1;
        let line = Rect { x: left, y: self.body.y + row, width, height: 1 }.intersection(self.body);
        paint.at(line, &Line::styled(rule.repeat(usize::from(line.width)), style));
        paint.mark(line, Target::Message(arrow.id));
        let sign = match arrow.end {
            ArrowEnd::Held => paint.glyphs().paused,
            ArrowEnd::Lost => paint.glyphs().lost,
            ArrowEnd::Arrived | ArrowEnd::Moving => head(paint, arrow),
        };
        let style = self.style(paint, arrow, message);
        let x = if arrow.to > arrow.from { right } else { left };
        paint.clear(self.cell(x, row));
        paint.at(self.cell(x, row), &Line::styled(sign, style));
        let (x, room) = self.label_place(arrow, message, (start, end));
        self.label(paint, arrow, message, (x, self.body.y + row), room);
    }

    fn label(
        &self,
        paint: &mut Paint<'_>,
        arrow: &Arrow,
        message: &MessageReport,
        at: (f64, u16),
        room: f64,
    ) {
        let full = format!("{}{} t{}", message.kind.name(), said(paint, message), message.term);
        let glyph = labels::message_glyph(paint.theme, message.kind, message.granted);
        let fits = |text: &str| f64::from(u32::try_from(text.chars().count()).unwrap_or(0)) + 2.0 <= room;
        let text = [full, format!("{}{}", short(message), said(paint, message)), glyph.to_owned()]
            .into_iter()
            .find(|text| fits(text));
        let Some(text) = text else { return };
        let width = u16::try_from(text.chars().count()).unwrap_or(0);
        let x = to_cell(at.0 - f64::from(width) / 2.0 + 0.25);
        let place = Rect { x, y: at.1, width, height: 1 }.intersection(self.body);
        let style = self.style(paint, arrow, message);
        // What lies below must not show through.
        paint.clear(place);
        paint.at(place, &Line::styled(text, style));
        paint.mark(place, Target::Message(arrow.id));
    }
}

fn head(paint: &Paint<'_>, arrow: &Arrow) -> &'static str {
    let [right, left, ..] = paint.glyphs().arrows;
    if arrow.to > arrow.from { right } else { left }
}

/// A kind in as few characters as distinguish it.
fn short(message: &MessageReport) -> &'static str {
    use raftdeck_model::FrameKind as K;
    match message.kind {
        K::PreVote => "pre?",
        K::PreVoteReply => "pre",
        K::RequestVote => "vote?",
        K::VoteReply => "vote",
        K::Heartbeat => "beat",
        K::AppendEntries => "append",
        K::AppendReply => "ack",
        K::TimeoutNow => "go!",
        K::InstallSnapshot => "snap",
        K::SnapshotReply => "snap ack",
        K::DiskStalled => "disk!",
        K::HeartbeatReply => "beat ack",
        K::Propose => "propose",
        K::ReadIndex => "read?",
        K::ReadIndexReply => "read",
        K::TransferLeader => "move!",
    }
}

fn to_cell(value: f64) -> u16 {
    u16::try_from(crate::view::raster::to_u32(value)).unwrap_or(u16::MAX)
}
