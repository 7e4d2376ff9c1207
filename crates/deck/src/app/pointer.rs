//! The mouse: what a click means depends on what was painted there.

use crate::actions::{Action, ActionId};
use crate::app::confirm::{self, Confirm};
use crate::app::perform::{
    WHEEL, attempt, chart_columns, scroll_feed, select, step_charts, step_log, step_message, turn_output,
};
use crate::app::subject::Subject;
use crate::app::{App, Effect, View, data, drills, entered, explain, focus, output, split, themes};
use crate::explain::quiet;
use crate::tabs::TabRequest;
use crate::view::{Pane, Target};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use raftdeck_model::Order;
use ratatui::layout::Position;
use std::time::Duration;

/// How many columns of time the wheel scrolls.
const WHEEL_COLUMNS: i64 = 3;

/// Takes a mouse event.
pub(super) fn mouse(app: &mut App, event: MouseEvent, now: Duration) -> Vec<Effect> {
    let target = app.landed.at(event.column, event.row);
    match event.kind {
        MouseEventKind::Down(MouseButton::Left) => click(app, target, now),
        MouseEventKind::Drag(MouseButton::Left) => {
            drag(app, target, Position::new(event.column, event.row));
            Vec::new()
        }
        MouseEventKind::Up(MouseButton::Left) => {
            split::let_go(app);
            Vec::new()
        }
        MouseEventKind::ScrollUp => wheel(app, target, false),
        MouseEventKind::ScrollDown => wheel(app, target, true),
        _ => Vec::new(),
    }
}

fn click(app: &mut App, target: Option<Target>, now: Duration) -> Vec<Effect> {
    app.mark_changed();
    // A click beside the question answers nothing: the second of a double click must not.
    if app.confirm.is_some() {
        return match target {
            Some(Target::Reply(reply)) => confirm::answer(app, reply, now),
            _ => Vec::new(),
        };
    }
    if app.help.is_some() {
        if target != Some(Target::Pane(Pane::Help)) {
            app.help = None;
        }
        return Vec::new();
    }
    if app.answer.take().is_some() {
        return Vec::new();
    }
    if let Some(picker) = app.picker {
        return match target {
            Some(Target::MenuRow(row)) => themes::picker_click(app, picker, Some(row)),
            Some(Target::Pane(Pane::Menu)) => Vec::new(),
            _ => themes::picker_click(app, picker, None),
        };
    }
    if let Some(menu) = &mut app.menu.clone() {
        match target {
            Some(Target::MenuRow(row)) => {
                menu.choose(row, app);
                app.menu = Some(menu.clone());
            }
            Some(Target::Pane(Pane::Menu)) => {}
            _ => app.menu = None,
        }
        return Vec::new();
    }
    match target {
        Some(Target::Fault(id)) if !app.prompt.is_open() => {
            return app.send([Order::Undo(Some(id))]);
        }
        Some(Target::Offer(place)) => return entered::take_offer(app, place, now),
        Some(Target::Quiet) => {
            if let Some(said) = quiet(app, now) {
                app.explain.open(said.subject);
            }
        }
        Some(Target::Cluster) => pick(app, Subject::Cluster, |_| {}),
        Some(Target::Related(place)) => explain::follow(app, Some(place), now),
        Some(Target::Event(number)) if !app.prompt.is_open() => {
            pick(app, Subject::Event(number), |app| focus::select_event(app, number));
        }
        Some(Target::Message(id)) => pick(app, Subject::Message(id), |app| app.messages.choose(id)),
        Some(Target::Node(id)) if app.world.node(id).is_some() => {
            pick(app, Subject::Node(id), |app| select(app, Some(id)));
        }
        Some(Target::Link(from, to)) => pick(app, Subject::Link { from, to }, |_| {}),
        Some(Target::View(view)) => app.view = view,
        Some(Target::Tab(id)) => return vec![Effect::Tab(TabRequest::Show(id))],
        Some(Target::LogTarget(place)) => output::choose(app, place),
        Some(Target::Drill(place)) => drills::select(app, place),
        // A click slips more easily than a key.
        Some(Target::Action(ActionId::Quit)) => app.confirm = Some(Confirm::Quit),
        Some(Target::Key(place)) => {
            if let Some(key) = app.landed.key(place).cloned() {
                pick(app, Subject::Key(key.clone()), |app| {
                    app.data.choose(&key, app.landed.rows(Pane::Data));
                });
            }
        }
        Some(Target::Action(id)) if !app.prompt.is_open() => {
            return Action::of(id).map(|action| attempt(app, action, None, now)).unwrap_or_default();
        }
        Some(Target::Moment(time)) => {
            let columns = chart_columns(app);
            app.charts.go_to(time, columns);
        }
        Some(Target::Divider) => split::hold(app),
        Some(Target::Entry(index)) => {
            pick(app, Subject::Entry(index), |app| {
                app.logs.go_to(index, app.world.extent(), app.landed.rows(Pane::Entries));
            });
        }
        _ => {}
    }
    Vec::new()
}

/// The divider, or the cursor of a view, follows the pressed mouse: over the messages, the entries and the charts' time.
fn drag(app: &mut App, target: Option<Target>, pointer: Position) {
    if app.is_covered() || split::follow(app, pointer) {
        return;
    }
    match target {
        Some(Target::Message(id)) => app.messages.choose(id),
        Some(Target::Entry(index)) => {
            app.logs.go_to(index, app.world.extent(), app.landed.rows(Pane::Entries));
        }
        Some(Target::Moment(time)) => {
            let columns = chart_columns(app);
            app.charts.go_to(time, columns);
        }
        _ => return,
    }
    app.mark_changed();
}

/// A click selects; one on what is selected already explains it, and so does any while an explanation is open.
fn pick(app: &mut App, subject: Subject, select: impl FnOnce(&mut App)) {
    let again = match subject {
        // A node is selected beside an entry or a message.
        Subject::Node(id) => app.selected == Some(id) && app.focused() != Some(Pane::Feed),
        _ => app.subject().as_ref() == Some(&subject),
    };
    select(app);
    if app.explain.is_open() {
        app.explain.follow(subject);
    } else if again || matches!(subject, Subject::Link { .. } | Subject::Cluster) {
        app.explain.open(subject);
    }
}

fn wheel(app: &mut App, target: Option<Target>, on: bool) -> Vec<Effect> {
    app.mark_changed();
    if let Some(first) = app.help {
        let to =
            if on { (first + WHEEL).min(app.landed.last_help_line()) } else { first.saturating_sub(WHEEL) };
        app.help = Some(to);
        return Vec::new();
    }
    if let Some(picker) = app.picker {
        themes::show(app, if on { picker.at() + 1 } else { picker.at().saturating_sub(1) });
        return Vec::new();
    }
    if let Some(mut menu) = app.menu.take() {
        let at = menu.at(app);
        menu.choose(if on { at + 1 } else { at.saturating_sub(1) }, app);
        app.menu = Some(menu);
        return Vec::new();
    }
    match (app.view, target) {
        (_, Some(Target::Pane(Pane::Explain) | Target::Related(_))) => {
            app.explain.scroll(WHEEL, on, app.landed.explain_lines());
        }
        (View::Cluster, Some(Target::Pane(Pane::Feed) | Target::Event(_))) => scroll_feed(app, WHEEL, on),
        (View::Logs, _) => step_log(app, if on { 1 } else { -1 }),
        (View::Messages, _) => step_message(app, 1, on),
        (View::Charts, _) => step_charts(app, if on { WHEEL_COLUMNS } else { -WHEEL_COLUMNS }),
        (View::Drills, Some(Target::Drill(_))) => drills::step(app, 1, on),
        (View::Drills, _) => drills::scroll(app, WHEEL, on),
        (View::Data, Some(Target::Pane(Pane::Value))) => data::scroll_value(app, WHEEL, on),
        (View::Data, _) => data::step(app, 1, on),
        (View::Output, _) => turn_output(app, on),
        _ => {}
    }
    Vec::new()
}
