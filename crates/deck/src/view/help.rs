//! The help page, made from the action table, over whatever is on the screen.

use crate::actions::{ACTIONS, Action, Group};
use crate::app::App;
use crate::app::finding::{self, List};
use crate::view::found;
use crate::view::landed::{Pane, Target};
use crate::view::paint::{Paint, wrap};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

/// Draws it, from its line `first` on.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect, first: usize) {
    let lines = lines(paint, usize::from(area.width.saturating_sub(6)));
    let width = lines.iter().map(Line::width).max().unwrap_or(0) + 6;
    let width = u16::try_from(width).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let page =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    paint.clear(page);
    let block = Block::bordered()
        .border_set(paint.glyphs().border)
        .title(Line::styled(format!(" {} ", title(paint)), paint.theme.strong()));
    let inner = block.inner(page);
    block.render(page, paint.buf);
    paint.mark(area, Target::Pane(Pane::Feed));
    paint.mark(page, Target::Pane(Pane::Help));
    let rows = usize::from(inner.height);
    let last = lines.len().saturating_sub(rows);
    paint.landed.size(Pane::Help, rows);
    paint.landed.help_ends(last);
    let first = first.min(last);
    let inner = Rect { x: inner.x + 2.min(inner.width), width: inner.width.saturating_sub(3), ..inner };
    for (row, line) in (0..).zip(lines.iter().skip(first).take(rows)) {
        paint.row(inner, row, line);
    }
    if first < last {
        let more = Line::styled(" Down: more ", paint.theme.strong());
        let place =
            Rect { x: page.x + 2, y: page.bottom() - 1, width: page.width.saturating_sub(3), height: 1 };
        paint.at(place, &more);
    }
}

fn title(paint: &Paint<'_>) -> String {
    let place = finding::place(paint.app, List::Help)
        .map_or_else(String::new, |place| format!(" {} {place}", paint.glyphs().dot));
    format!("keys{}{place}", found::title(finding::find(paint.app, List::Help)))
}

/// The page, in lines of this width if that is possible.
fn lines(paint: &Paint<'_>, width: usize) -> Vec<Line<'static>> {
    let theme = paint.theme;
    let find = finding::find(paint.app, List::Help);
    let keys_of = |action: &Action| paint.app.keymap().shown(action);
    let column = ACTIONS.iter().map(|action| keys_of(action).chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for group in Group::ALL {
        let actions: Vec<&Action> = ACTIONS
            .iter()
            .filter(|action| action.group == group && finding::fits_help(paint.app, action))
            .collect();
        if actions.is_empty() {
            continue;
        }
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::styled(group.name(), theme.strong()));
        for action in actions {
            let mut keys = keys_of(action);
            for text in wrap(action.long, width.saturating_sub(column + 2)) {
                let keys = std::mem::take(&mut keys);
                let mut spans = vec![Span::raw(" ".repeat(column.saturating_sub(keys.chars().count())))];
                spans.extend(found::spans(find, &keys, theme.key()));
                spans.push(Span::raw("  "));
                spans.extend(found::spans(find, &text, theme.text()));
                lines.push(Line::from(spans));
            }
        }
    }
    if !find.is_empty() {
        let none = lines.is_empty().then_some("No key does that: Esc shows all again.");
        lines.extend(none.map(|text| Line::styled(text, theme.faint())));
        return lines;
    }
    lines.push(Line::default());
    lines.push(Line::styled(glyphs(paint), theme.text()));
    lines.push(Line::styled(messages(paint), theme.text()));
    for mistake in paint.app.preferences.mistakes() {
        lines.push(Line::default());
        let told = wrap(&format!("The settings have a mistake: {mistake}"), width);
        lines.extend(told.into_iter().map(|text| Line::styled(text, theme.strong())));
    }
    lines.push(Line::styled(closing(paint.app), theme.faint()));
    lines
}

fn glyphs(paint: &Paint<'_>) -> String {
    let g = paint.glyphs();
    format!(
        "{} leader  {} follower  {} learner  {} pre-candidate  {} candidate  {} paused  {} down  {} cut",
        g.leader, g.follower, g.learner, g.pre_candidate, g.candidate, g.paused, g.dead, g.cut
    )
}

/// What is under way on the links.
fn messages(paint: &Paint<'_>) -> String {
    let g = paint.glyphs();
    format!(
        "{} heartbeat  {} entries  {} snapshot  {} hand over  {} asks for votes  {} yes  {} no  {} lost",
        g.heartbeat, g.entries, g.snapshot, g.hand_over, g.ask, g.yes, g.no, g.lost
    )
}

fn closing(app: &App) -> &'static str {
    if app.settings.mouse {
        "A click selects or presses a key below, the wheel scrolls. / filters this page, Esc closes it."
    } else {
        "/ filters this page, Esc closes it."
    }
}
