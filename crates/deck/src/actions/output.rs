//! The actions of the Output view. They are those of tui-logger's smart widget, on keys that mean nothing else on the deck.

use super::conditions::{always, because};
use crate::actions::{Action, ActionId, Group, Reason};
use crate::app::{App, View};
use crate::keys::{Key, Scope};
use crate::view::{Pane, Target, has_room_for_targets};
use crossterm::event::KeyCode;
use tui_logger::LevelFilter;

const fn here(key: Key) -> (Key, Scope) {
    (key, Scope::In(View::Output))
}

pub(super) const TARGET_PREVIOUS: Action = Action {
    id: ActionId::TargetPrevious,
    group: Group::Look,
    keys: &[here(Key::Code(KeyCode::Up))],
    short: "up",
    long: "Output: the target before, and its node",
    dangerous: false,
    footer: 0,
    enabled: always,
};

pub(super) const TARGET_NEXT: Action = Action {
    id: ActionId::TargetNext,
    group: Group::Look,
    keys: &[here(Key::Code(KeyCode::Down)), here(Key::Char('j'))],
    short: "down",
    long: "Output: the target after, and its node",
    dangerous: false,
    footer: 0,
    enabled: always,
};

pub(super) const FOCUS_TARGET: Action = Action {
    id: ActionId::FocusTarget,
    group: Group::Look,
    keys: &[here(Key::Char('o'))],
    short: "one/all",
    long: "Output: only the selected target, or all",
    dangerous: false,
    footer: 6,
    enabled: always,
};

pub(super) const SHOW_LESS: Action = Action {
    id: ActionId::ShowLess,
    group: Group::Look,
    keys: &[here(Key::Code(KeyCode::Left))],
    short: "less",
    long: "Output: show one level less of the target",
    dangerous: false,
    footer: 6,
    enabled: can_show_less,
};

pub(super) const SHOW_MORE: Action = Action {
    id: ActionId::ShowMore,
    group: Group::Look,
    keys: &[here(Key::Code(KeyCode::Right)), here(Key::Char('l'))],
    short: "more",
    long: "Output: show one level more of the target",
    dangerous: false,
    footer: 6,
    enabled: can_show_more,
};

pub(super) const CAPTURE_LESS: Action = Action {
    id: ActionId::CaptureLess,
    group: Group::Look,
    keys: &[here(Key::Char('['))],
    short: "capture less",
    long: "Output: from now on, keep one level less of what the target writes",
    dangerous: false,
    footer: 7,
    enabled: can_capture_less,
};

pub(super) const CAPTURE_MORE: Action = Action {
    id: ActionId::CaptureMore,
    group: Group::Look,
    keys: &[here(Key::Char(']'))],
    short: "capture more",
    long: "Output: from now on, keep one level more of what the target writes",
    dangerous: false,
    footer: 7,
    enabled: can_capture_more,
};

pub(super) const SHOW_TARGETS: Action = Action {
    id: ActionId::ShowTargets,
    group: Group::Look,
    keys: &[here(Key::Char('c'))],
    short: "targets",
    long: "Output: show or hide the list of targets",
    dangerous: false,
    footer: 7,
    enabled: can_show_targets,
};

fn can_show_less(app: &App) -> Result<(), Reason> {
    let (name, levels) = app.output.selected();
    if levels.shown == LevelFilter::Off {
        return because(format!("nothing of {} is shown already", name.trim_start()));
    }
    Ok(())
}

fn can_show_more(app: &App) -> Result<(), Reason> {
    let (name, levels) = app.output.selected();
    let name = name.trim_start();
    match levels.captured {
        captured if levels.shown < captured => Ok(()),
        LevelFilter::Trace => because(format!("every level of {name} is shown already")),
        LevelFilter::Off => {
            let key = app.key_of(ActionId::CaptureMore);
            because(format!("nothing of {name} is captured: {key} captures more"))
        }
        captured => {
            let key = app.key_of(ActionId::CaptureMore);
            because(format!("{name} is captured up to {captured}: {key} captures more"))
        }
    }
}

fn can_capture_less(app: &App) -> Result<(), Reason> {
    let (name, levels) = app.output.selected();
    if levels.captured == LevelFilter::Off {
        return because(format!("nothing of {} is captured already", name.trim_start()));
    }
    Ok(())
}

fn can_capture_more(app: &App) -> Result<(), Reason> {
    let (name, levels) = app.output.selected();
    if levels.captured == LevelFilter::Trace {
        return because(format!("every level of {} is captured already", name.trim_start()));
    }
    Ok(())
}

fn can_show_targets(app: &App) -> Result<(), Reason> {
    let width = app.landed.find(Target::Pane(Pane::Output)).map(|area| area.width);
    if width.is_some_and(|width| !has_room_for_targets(app, width)) {
        return because("there is no room for the targets beside the lines");
    }
    Ok(())
}
