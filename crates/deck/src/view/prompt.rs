//! The line above the keys: the write prompt, a notice, or the outcome of the last operation.

use crate::actions::ActionId;
use crate::app::finding::{self, List};
use crate::app::operations::OperationResult;
use crate::app::prompt::Purpose;
use crate::app::scripted::{ScriptStatus, Scripted};
use crate::app::{App, palette};
use crate::explain::{cluster_trouble, quiet};
use crate::sentences::requested;
use crate::view::cluster::WIDE;
use crate::view::landed::Target;
use crate::view::paint::{Paint, wrap};
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Draws it. Says whether there was anything to draw. Whatever it says goes after a while: it is in the feed too. Where
/// the line is shared with the keys, an error replaces the prompt until the next key.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect, shared: bool) -> bool {
    let app = paint.app;
    if app.prompt.is_open() && shared && app.prompt.error().is_some() {
        hint(paint, area);
    } else if app.prompt.is_open() {
        prompt(paint, area);
    } else if let Some(notice) = app.notice.as_ref().filter(|notice| notice.stands(paint.real)) {
        let style = paint.theme.trouble_plate();
        let text = paint.cut(&format!(" {} ", notice.text), usize::from(area.width));
        paint.row(area, 0, &Line::from(Span::styled(text, style)));
    } else if let Some(said) = app.scripted.as_ref().map(Scripted::said) {
        script(paint, area, said);
    } else {
        return operation(paint, area) || (!shared && quiet_line(paint, area));
    }
    true
}

/// What is worth knowing of what is on the screen, while there is nothing else to say.
fn quiet_line(paint: &mut Paint<'_>, area: Rect) -> bool {
    let is_open = paint.app.explain.is_open() || paint.app.menu.is_some();
    let Some(said) = quiet(paint.app, paint.now).filter(|_| !is_open) else { return false };
    let strong = paint.theme.strong();
    let is_narrow = paint.buf.area.width < WIDE;
    let line = if let Some(trouble) = cluster_trouble(paint.app).filter(|_| is_narrow) {
        Line::styled(
            format!(" {}", at_word(paint, &trouble, usize::from(area.width).saturating_sub(2))),
            strong,
        )
    } else {
        let title = format!(" {} ", said.title);
        let room = usize::from(area.width).saturating_sub(title.width() + 2);
        let text = format!(" {}", at_word(paint, &said.text, room));
        Line::from(vec![Span::styled(title, strong), Span::styled(text, paint.theme.text())])
    };
    paint.row(area, 0, &line);
    paint.mark(area, Target::Quiet);
    true
}

/// As many whole words as there is room for.
fn at_word(paint: &Paint<'_>, text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let ellipsis = paint.glyphs().ellipsis;
    let first = wrap(text, room.saturating_sub(ellipsis.width() + 1)).into_iter().next().unwrap_or_default();
    paint.cut(&format!("{first} {ellipsis}"), room)
}

/// What the script is doing, or waits for.
fn script(paint: &mut Paint<'_>, area: Rect, said: ScriptStatus) {
    let (text, style) = match said {
        ScriptStatus::Doing(line) => (format!(" {line} "), paint.theme.strong()),
        ScriptStatus::Waits => {
            let key = paint.app.key_of(ActionId::GoOn);
            (format!(" the script waits: {key} goes on "), paint.theme.selected())
        }
        ScriptStatus::Failed(why) => (format!(" the script ends here: {why} "), paint.theme.trouble_plate()),
    };
    let text = paint.cut(&text, usize::from(area.width));
    paint.row(area, 0, &Line::from(Span::styled(text, style)));
}

fn prompt(paint: &mut Paint<'_>, area: Rect) {
    let prompt = &paint.app.prompt;
    paint.clear(area);
    let list = finding::typed_on(paint.app);
    let name = match list {
        Some(list) if list.is_filtered() => "filter",
        Some(_) => "go to",
        None => prompt.purpose().name(),
    };
    let label = format!(" {name} > ");
    let usage = match prompt.purpose() {
        Purpose::Write => palette::REQUESTS,
        Purpose::Command => "a command, node, view or drill by some of its letters, such as kl",
        Purpose::Find => list.map_or("", List::usage),
        Purpose::Hands => "how many hands for each answer, in their order: 3 12 1",
    };
    paint.row(area, 0, &Line::from(Span::styled(label.clone(), paint.theme.selected())));
    let indent = u16::try_from(label.len() + 1).unwrap_or(0).min(area.width);
    let field = Rect { x: area.x + indent, width: area.width - indent, ..area };
    let room = usize::from(field.width);
    // The line scrolls so that the cursor is in sight, with some of the text before it.
    let before: usize = prompt.line()[..prompt.cursor()].iter().map(|c| c.width().unwrap_or(0)).sum();
    let mut hidden = 0;
    let mut start = 0;
    while before - hidden >= room.max(1) {
        hidden += prompt.line()[start].width().unwrap_or(0);
        start += 1;
    }
    let shown: String = prompt.line()[start..].iter().collect();
    if prompt.line().is_empty() {
        paint.row(field, 0, &Line::styled(usage, paint.theme.faint()));
    } else {
        paint.row(field, 0, &Line::raw(shown));
    }
    let x = field.x + u16::try_from(before - hidden).unwrap_or(0);
    if x < area.right() {
        paint.cursor = Some(Position::new(x, area.y));
    }
}

fn keys_of(app: &App) -> String {
    let keys = match app.prompt.purpose() {
        Purpose::Write => "Enter does it   Esc leaves   Up and Down recall   \"quotes\" keep blanks",
        Purpose::Hands => "Enter counts them   Esc leaves",
        Purpose::Command => "Enter does it   Tab Down choose   Esc leaves   Up recalls   help WORD explains",
        Purpose::Find => {
            let place = finding::typed_on(app).and_then(|list| finding::place(app, list));
            let found = place.map_or_else(String::new, |place| format!("{place}   "));
            let (next, previous) = (app.key_of(ActionId::FindNext), app.key_of(ActionId::FindPrevious));
            return format!(
                " {found}Enter keeps it: {next} {previous} go from match to match   Esc: as before"
            );
        }
    };
    format!(" {keys}")
}

/// Below the prompt: why the line was not understood, or else the prompt's keys.
pub(crate) fn hint(paint: &mut Paint<'_>, area: Rect) {
    let (text, style) = match paint.app.prompt.error() {
        Some(why) => (format!(" {why} "), paint.theme.trouble_plate()),
        None => (keys_of(paint.app), paint.theme.faint()),
    };
    let text = paint.cut(&text, usize::from(area.width));
    paint.row(area, 0, &Line::from(Span::styled(text, style)));
}

fn operation(paint: &mut Paint<'_>, area: Rect) -> bool {
    let operations = &paint.app.operations;
    let width = usize::from(area.width);
    if let Some((request, since)) = operations.newest_waiting() {
        let seconds = paint.now.saturating_sub(since).as_secs();
        let waited = if seconds == 0 { String::new() } else { format!(" {seconds} s") };
        let others = match operations.waiting() {
            0 | 1 => String::new(),
            more => format!(", {} more wait", more - 1),
        };
        let text = format!(" {}: waiting{}{waited}{others} ", requested(request), paint.glyphs().ellipsis);
        let line = Line::from(Span::styled(paint.cut(&text, width), paint.theme.strong()));
        paint.row(area, 0, &line);
        return true;
    }
    let fresh = |last: &&OperationResult| paint.now < last.fresh_until();
    let Some(last) = operations.last().filter(fresh) else { return false };
    let style = if last.good { paint.theme.strong() } else { paint.theme.trouble_plate() };
    let text = paint.cut(&format!(" {} ", last.text), width);
    paint.row(area, 0, &Line::from(Span::styled(text, style)));
    true
}
