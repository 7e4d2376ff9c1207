//! The bottom of the screen: the keys that apply now, made from the action table; each is a button.

use crate::actions::{ACTIONS, Action, ActionId, Group};
use crate::app::Focus;
use crate::keys;
use crate::view::landed::Target;
use crate::view::paint::Paint;
use crate::view::{confirm, prompt};
use raftdeck_model::Node;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws it: a line for the prompt, notices and results, and a line of keys. With one row they share it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let top = Rect { height: area.height.min(1), ..area };
    let occupied = prompt::draw(paint, top, area.height < 2);
    if area.height >= 2 {
        keys(paint, Rect { y: area.y + 1, height: 1, ..area });
    } else if !occupied {
        keys(paint, top);
    }
}

fn keys(paint: &mut Paint<'_>, area: Rect) {
    if paint.app.prompt.is_open() {
        prompt::hint(paint, area);
        return;
    }
    if let Some(question) = &paint.app.confirm {
        paint.row(area, 0, &confirm::keys(paint, question));
        return;
    }
    if paint.app.answer.is_some() {
        let line = Line::from(vec![Span::styled(" Esc", paint.theme.key()), Span::raw(" closes it")]);
        paint.row(area, 0, &line);
        return;
    }
    if paint.app.presenter.is_on || paint.app.presenter.hides_keys {
        return;
    }
    if paint.app.help.is_some() || paint.app.menu.is_some() || paint.app.picker.is_some() {
        paint.row(area, 0, &overlay_keys(paint));
        return;
    }
    let (actions, gap) = fitting(paint, area.width.saturating_sub(1));
    let mut x = area.x + 1;
    for action in actions {
        let Some(key) = paint.app.keymap().key(action, paint.app.view) else { continue };
        let able = action.can(paint.app).is_ok();
        let (key_style, word_style) = if able {
            (paint.theme.key(), paint.theme.text())
        } else {
            (paint.theme.faint(), paint.theme.faint())
        };
        let line = Line::from(vec![
            Span::styled(key.to_string(), key_style),
            Span::styled(format!(" {}", short(paint, action)), word_style),
        ]);
        let width = u16::try_from(line.width()).unwrap_or(0);
        let place = Rect { x, width, ..area };
        paint.at(place, &line);
        paint.mark(place, Target::Action(action.id));
        x += width + gap;
    }
}

/// The keys of what lies over the view; those of the view do nothing now.
fn overlay_keys(paint: &Paint<'_>) -> Line<'static> {
    let key = paint.theme.key();
    Line::from(vec![
        Span::styled(" Esc", key),
        Span::raw(" or "),
        Span::styled("q", key),
        Span::raw(" closes it   "),
        Span::styled("Up Down PgUp PgDn", key),
        Span::raw(" move"),
    ])
}

/// What a key does in the present state.
fn short(paint: &Paint<'_>, action: &Action) -> &'static str {
    match action.id {
        ActionId::OtherPane if paint.app.focus == Focus::Events => "nodes",
        ActionId::Freeze if paint.app.clock.is_frozen() => "run",
        ActionId::Pause if paint.app.selected_node().is_some_and(Node::is_paused) => "resume",
        _ => action.short,
    }
}

/// An action that shares its key is offered only while the key means it; one of the drills only while it can be taken.
fn is_offered(paint: &Paint<'_>, action: &Action) -> bool {
    let is_able = !matches!(action.group, Group::Drills | Group::Lessons) || action.can(paint.app).is_ok();
    is_able && keys::takes(paint.app, action)
}

/// An action's rank in the footer at the moment: what undoes a fault is there while one is in force.
fn rank(paint: &Paint<'_>, action: &Action) -> u8 {
    /// After what helps and quits, and the first two ways to break something.
    const IN_TROUBLE: u8 = 4;
    match action.id {
        ActionId::Heal | ActionId::Undo if action.can(paint.app).is_ok() => IN_TROUBLE,
        _ => action.footer,
    }
}

/// The footer's actions in the table's order, except those for which there is no room, and the gap between them.
fn fitting(paint: &Paint<'_>, width: u16) -> (Vec<&'static Action>, u16) {
    let view = paint.app.view;
    let mut kept: Vec<&Action> =
        ACTIONS.iter().filter(|action| action.footer > 0 && is_offered(paint, action)).collect();
    let rank = |action: &Action| rank(paint, action);
    let length = |action: &&Action| {
        let key = paint.app.keymap().key(action, view);
        key.map_or(0, |key| Span::raw(key.to_string()).width() + short(paint, action).len() + 1)
    };
    loop {
        let words: usize = kept.iter().map(length).sum();
        let fits = |gap: usize| words + gap * kept.len().saturating_sub(1) <= usize::from(width);
        if fits(2) {
            return (kept, 2);
        }
        // On a screen that cannot show all actions, a smaller gap is better than omitting one more.
        let last = kept.iter().enumerate().max_by_key(|(_, action)| rank(action)).map(|(place, _)| place);
        match last {
            Some(place) if !fits(1) || width >= 100 => kept.remove(place),
            _ => return (kept, 1),
        };
    }
}
