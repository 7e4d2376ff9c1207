//! The actions of presenter mode.

use super::conditions::always;
use crate::actions::{Action, ActionId, Group};
use crate::keys::{Key, Scope};
use crossterm::event::KeyCode;

pub(super) const PRESENT: Action = Action {
    id: ActionId::Present,
    group: Group::Deck,
    keys: &[(Key::Code(KeyCode::F(5)), Scope::Everywhere)],
    short: "present",
    long: "presenter mode: larger signs, fewer panes; a number turns the spotlight, a remote freezes and steps",
    dangerous: false,
    footer: 0,
    enabled: always,
};

pub(super) const HIDE_KEYS: Action = Action {
    id: ActionId::HideKeys,
    group: Group::Deck,
    keys: &[(Key::Code(KeyCode::F(6)), Scope::Everywhere)],
    short: "hide keys",
    long: "hide the names of all keys, or show them",
    dangerous: false,
    footer: 0,
    enabled: always,
};
