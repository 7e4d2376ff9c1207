//! The actions of the drills. Several share a key: at each moment of a drill at most one of those can be taken, and the first in the
//! table that can counts.

use super::conditions::{
    always, answer_is_read, can_play_again, can_start_drill, drill_ended, drill_runs, has_hint, is_choosing,
    question_waits, task_waits,
};
use crate::actions::{Action, ActionId, Group};
use crate::app::View;
use crate::keys::{Key, Scope};
use crossterm::event::KeyCode;

const fn here(key: Key) -> (Key, Scope) {
    (key, Scope::In(View::Drills))
}

pub(super) const ANSWER: Action = Action {
    id: ActionId::Answer,
    group: Group::Drills,
    keys: &[here(Key::Digit)],
    short: "answer",
    long: "Drills: answer the question that waits",
    dangerous: false,
    footer: 1,
    enabled: question_waits,
};

pub(super) const CONTINUE: Action = Action {
    id: ActionId::Continue,
    group: Group::Drills,
    keys: &[here(Key::Code(KeyCode::Enter))],
    short: "go on",
    long: "Drills: go on after the answer",
    dangerous: false,
    footer: 1,
    enabled: answer_is_read,
};

pub(super) const HINT: Action = Action {
    id: ActionId::Hint,
    group: Group::Drills,
    keys: &[here(Key::Char('H'))],
    short: "hint",
    long: "Drills: the next hint for the task; it costs points",
    dangerous: false,
    footer: 1,
    enabled: has_hint,
};

pub(super) const GIVE_UP: Action = Action {
    id: ActionId::GiveUp,
    group: Group::Drills,
    keys: &[here(Key::Char('S'))],
    short: "give up",
    long: "Drills: give the task up; the drill does it, and goes on",
    dangerous: false,
    footer: 1,
    enabled: task_waits,
};

pub(super) const TO_CATALOGUE: Action = Action {
    id: ActionId::ToCatalogue,
    group: Group::Drills,
    keys: &[here(Key::Code(KeyCode::Enter)), here(Key::Code(KeyCode::Esc))],
    short: "catalogue",
    long: "Drills: leave the result, back to the catalogue",
    dangerous: false,
    footer: 1,
    enabled: drill_ended,
};

pub(super) const AGAIN: Action = Action {
    id: ActionId::Again,
    group: Group::Drills,
    keys: &[here(Key::Char('a'))],
    short: "again",
    long: "Drills: the same drill again, on a fresh cluster",
    dangerous: false,
    footer: 1,
    enabled: can_play_again,
};

pub(super) const NEXT_DRILL: Action = Action {
    id: ActionId::NextDrill,
    group: Group::Drills,
    keys: &[here(Key::Char('n'))],
    short: "next",
    long: "Drills: the next drill of the catalogue",
    dangerous: false,
    footer: 1,
    enabled: can_play_again,
};

pub(super) const STOP_DRILL: Action = Action {
    id: ActionId::StopDrill,
    group: Group::Drills,
    keys: &[here(Key::Code(KeyCode::Esc))],
    short: "stop",
    long: "Drills: stop the running drill; it heals first",
    dangerous: false,
    footer: 2,
    enabled: drill_runs,
};

pub(super) const START_DRILL: Action = Action {
    id: ActionId::StartDrill,
    group: Group::Drills,
    keys: &[here(Key::Code(KeyCode::Enter))],
    short: "start",
    long: "Drills: start the selected drill, on a fresh cluster",
    dangerous: false,
    footer: 1,
    enabled: can_start_drill,
};

pub(super) const SORT_DRILLS: Action = Action {
    id: ActionId::SortDrills,
    group: Group::Drills,
    keys: &[here(Key::Char('s'))],
    short: "sort",
    long: "Drills: list them by title, by level, by result, as they are best taken",
    dangerous: false,
    footer: 3,
    enabled: is_choosing,
};

pub(super) const DRILL_PREVIOUS: Action = Action {
    id: ActionId::DrillPrevious,
    group: Group::Drills,
    keys: &[here(Key::Code(KeyCode::Up))],
    short: "up",
    long: "Drills: the drill before; a line up in a text",
    dangerous: false,
    footer: 0,
    enabled: always,
};

pub(super) const DRILL_NEXT: Action = Action {
    id: ActionId::DrillNext,
    group: Group::Drills,
    keys: &[here(Key::Code(KeyCode::Down)), here(Key::Char('j'))],
    short: "down",
    long: "Drills: the drill after; a line down in a text",
    dangerous: false,
    footer: 0,
    enabled: always,
};

pub(super) const DRILLS: Action = Action {
    id: ActionId::Drills,
    group: Group::Drills,
    keys: &[(Key::Char('d'), Scope::Everywhere)],
    short: "drills",
    long: "open the drills",
    dangerous: false,
    footer: 9,
    enabled: always,
};
