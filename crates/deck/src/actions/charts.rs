//! The actions of the Charts view.

use super::conditions::{always, can_zoom_in, can_zoom_out};
use crate::actions::{Action, ActionId, Group};
use crate::app::View;
use crate::keys::{Key, Scope};
use crossterm::event::KeyCode;

const fn here(key: Key) -> (Key, Scope) {
    (key, Scope::In(View::Charts))
}

pub(super) const MOMENT_BACK: Action = Action {
    id: ActionId::MomentBack,
    group: Group::Look,
    keys: &[here(Key::Code(KeyCode::Left))],
    short: "older",
    long: "Charts: the cursor a column back in time",
    dangerous: false,
    footer: 6,
    enabled: always,
};

pub(super) const MOMENT_ON: Action = Action {
    id: ActionId::MomentOn,
    group: Group::Look,
    keys: &[here(Key::Code(KeyCode::Right))],
    short: "newer",
    long: "Charts: the cursor a column forward in time",
    dangerous: false,
    footer: 6,
    enabled: always,
};

pub(super) const ZOOM_OUT: Action = Action {
    id: ActionId::ZoomOut,
    group: Group::Look,
    keys: &[here(Key::Char('<'))],
    short: "more time",
    long: "Charts: show more time, each column is longer",
    dangerous: false,
    footer: 8,
    enabled: can_zoom_out,
};

pub(super) const ZOOM_IN: Action = Action {
    id: ActionId::ZoomIn,
    group: Group::Look,
    keys: &[here(Key::Char('>'))],
    short: "less time",
    long: "Charts: show less time, each column is shorter",
    dangerous: false,
    footer: 8,
    enabled: can_zoom_in,
};
