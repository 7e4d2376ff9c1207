//! The actions about settings.

use super::conditions::always;
use crate::actions::{Action, ActionId, Group};
use crate::keys::{Key, Scope};

pub(super) const THEMES: Action = Action {
    id: ActionId::Themes,
    group: Group::Deck,
    keys: &[(Key::Char('T'), Scope::Everywhere)],
    short: "themes",
    long: "choose a theme; each is shown as you move",
    dangerous: false,
    footer: 0,
    enabled: always,
};
