//! The list of keys with the beginnings of their values, and above it which state of the store it shows.

use super::cell;
use crate::actions::ActionId;
use crate::app::data::value::brief;
use crate::app::data::{KeyRow, Page, trouble};
use crate::times::stamp;
use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use raftdeck_model::Ability;
use raftdeck_protocol::kv::Printed;
use raftdeck_protocol::printable::line as printable;
use raftdeck_raft::LogIndex;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Columns of the mark before a key.
const MARK: usize = 3;

/// Draws it.
pub(super) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let title = title(paint);
    paint.rule(area, 0, &paint.cut(&title, usize::from(area.width).saturating_sub(6)));
    let state = state(paint, usize::from(area.width));
    paint.row(area, 1, &state);
    let area = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    let height = usize::from(area.height);
    paint.mark(area, Target::Pane(Pane::Data));
    paint.landed.size(Pane::Data, height);
    let data = &paint.app.data;
    let rows = data.rows();
    for (y, row) in (0..).zip(rows.iter().skip(data.first(rows.len(), height)).take(height)) {
        let line = line(paint, row, area.width);
        paint.row(area, y, &line);
        let number = paint.landed.paint_key(row.key);
        paint.mark(Rect { y: area.y + y, height: 1, ..area }, Target::Key(number));
    }
    if rows.is_empty() {
        let key = |id| paint.app.key_of(id);
        let text = if data.page().is_none() {
            String::new()
        } else if data.prefix().is_empty() {
            format!(" There is no key: {} writes one.", key(ActionId::Write))
        } else {
            format!(" No key begins so: {} changes it.", key(ActionId::Find))
        };
        paint.row(area, 0, &Line::styled(text, paint.theme.faint()));
    }
}

/// `42 keys`, `64+ keys from "user/"`; then why it may be out of date.
fn title(paint: &Paint<'_>) -> String {
    let app = paint.app;
    let (prefix, page) = (app.data.prefix(), app.data.page());
    let why = trouble(app).filter(|_| page.is_some());
    let why = why.map(|why| format!(" {} {}", paint.glyphs().dot, printable(&why))).unwrap_or_default();
    let count = match page {
        None => return if prefix.is_empty() { "keys".to_owned() } else { format!("keys from \"{prefix}\"") },
        Some(page) if page.is_whole() => page.pairs.len().to_string(),
        Some(page) => whole_count(paint).unwrap_or_else(|| format!("{}+", page.pairs.len())),
    };
    let plural = if count == "1" { "" } else { "s" };
    let from = if prefix.is_empty() { String::new() } else { format!(" from \"{prefix}\"") };
    format!("{count} key{plural}{from}{why}")
}

/// How many keys there are in all, by the leader's account.
fn whole_count(paint: &Paint<'_>) -> Option<String> {
    let app = paint.app;
    let leader = app.world.leader().filter(|_| app.data.prefix().is_empty())?;
    let keys = leader.status.as_deref()?.keys.copied()?;
    Some(keys.to_string())
}

/// Which state the list shows, or why there is none yet.
fn state(paint: &Paint<'_>, width: usize) -> Line<'static> {
    let app = paint.app;
    let theme = paint.theme;
    let why = trouble(app);
    let Some(page) = app.data.page() else {
        let is_told = app.capabilities().has(Ability::Store).is_err();
        let (text, style) = match why {
            Some(why) => (format!(" nothing was read yet: {} ", printable(&why)), theme.trouble_plate()),
            None if is_told => (" The recording has named no key yet.".to_owned(), theme.faint()),
            None if app.clock.is_frozen() => (" Time is frozen: nothing is read.".to_owned(), theme.faint()),
            None => (format!(" reading{}", paint.glyphs().ellipsis), theme.faint()),
        };
        return Line::from(Span::styled(paint.cut(&text, width), style));
    };
    let is_told = app.capabilities().has(Ability::Store).is_err();
    let lead = match (is_told, why.is_some()) {
        (true, _) => "as recorded, up to",
        (false, true) => "last known:",
        (false, false) => "as of",
    };
    let (style, room) = match why {
        Some(_) => (theme.trouble_plate(), width.saturating_sub(2)),
        None => (theme.faint(), width.saturating_sub(1)),
    };
    let text = of_state(page, lead, room);
    let text = if why.is_some() { format!(" {text} ") } else { format!(" {text}") };
    Line::from(Span::styled(paint.cut(&text, width), style))
}

/// `as of entry 42, 0:08.280, by n2`, shorter where there is no room.
fn of_state(page: &Page, lead: &str, room: usize) -> String {
    let as_of = page.as_of;
    let (index, when, node) = (as_of.index, stamp(as_of.when), as_of.node);
    if index == LogIndex::ZERO {
        return format!("{lead} {when}, by {node}");
    }
    let ways = [
        format!("{lead} entry {index}, {when}, by {node}"),
        format!("{lead} entry {index}, {when}, {node}"),
        format!("{lead} {index}, {when}, {node}"),
    ];
    let shortest = format!("{lead} {index}, {when}");
    ways.into_iter().find(|way| way.len() <= room).unwrap_or(shortest)
}

fn line(paint: &Paint<'_>, row: &KeyRow<'_>, width: u16) -> Line<'static> {
    let theme = paint.theme;
    let is_selected = paint.app.data.selected() == Some(row.key);
    let mark = if is_selected { paint.glyphs().selected } else { " " };
    let room = usize::from(width).saturating_sub(MARK);
    let name = room * 11 / 20;
    let key = if is_selected { theme.selected() } else { theme.strong() };
    let text = paint.cut(&Printed(row.key).to_string(), name.saturating_sub(1));
    let gap = " ".repeat(name.saturating_sub(Span::raw(text.as_str()).width()));
    let (value, style) = match row.value {
        Some(value) => (brief(value), theme.text()),
        None => ("does not exist".to_owned(), theme.trouble_line()),
    };
    Line::from(vec![
        Span::raw(format!(" {mark} ")),
        Span::styled(text, key),
        Span::raw(gap),
        Span::styled(cell(paint, &value, room.saturating_sub(name) + 1), style),
    ])
}
