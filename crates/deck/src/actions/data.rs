//! The actions of the Data view.

use super::conditions::{always, can_delete_key, has_key};
use crate::actions::{Action, ActionId, Group};
use crate::app::View;
use crate::keys::{Key, Scope};
use crossterm::event::KeyCode;

const fn here(key: Key) -> (Key, Scope) {
    (key, Scope::In(View::Data))
}

pub(super) const VALUE_FORM: Action = Action {
    id: ActionId::ValueForm,
    group: Group::Store,
    keys: &[here(Key::Char('v'))],
    short: "form",
    long: "Data: show the value as JSON, as text, in hex",
    dangerous: false,
    footer: 4,
    enabled: has_key,
};

pub(super) const DELETE_KEY: Action = Action {
    id: ActionId::DeleteKey,
    group: Group::Store,
    keys: &[here(Key::Code(KeyCode::Delete))],
    short: "delete",
    long: "Data: open the write prompt with the selected key's deletion",
    dangerous: false,
    footer: 9,
    enabled: can_delete_key,
};

pub(super) const VALUE_BACK: Action = Action {
    id: ActionId::ValueBack,
    group: Group::Look,
    keys: &[here(Key::Code(KeyCode::Left))],
    short: "value up",
    long: "Data: scroll the value back",
    dangerous: false,
    footer: 0,
    enabled: always,
};

pub(super) const VALUE_ON: Action = Action {
    id: ActionId::ValueOn,
    group: Group::Look,
    keys: &[here(Key::Code(KeyCode::Right))],
    short: "value down",
    long: "Data: scroll the value on",
    dangerous: false,
    footer: 0,
    enabled: always,
};

pub(super) const KEY_PREVIOUS: Action = Action {
    id: ActionId::KeyPrevious,
    group: Group::Look,
    keys: &[here(Key::Code(KeyCode::Up))],
    short: "key before",
    long: "Data: the key before",
    dangerous: false,
    footer: 0,
    enabled: always,
};

pub(super) const KEY_NEXT: Action = Action {
    id: ActionId::KeyNext,
    group: Group::Look,
    keys: &[here(Key::Code(KeyCode::Down)), here(Key::Char('j'))],
    short: "key after",
    long: "Data: the key after",
    dangerous: false,
    footer: 0,
    enabled: always,
};
