//! The actions of the terminal's manners: what is copied, and to whom the mouse belongs.

use super::conditions::always;
use crate::actions::{Action, ActionId, Group, Reason};
use crate::app::{App, copy};
use crate::keys::{Key, Scope};
use std::borrow::Cow;

const fn all(key: Key) -> (Key, Scope) {
    (key, Scope::Everywhere)
}

pub(super) const COPY: Action = Action {
    id: ActionId::Copy,
    group: Group::Deck,
    keys: &[all(Key::Char('y'))],
    short: "copy",
    long: "copy what is selected: a message, an entry, else the node's HTTP address",
    dangerous: false,
    footer: 26,
    enabled: can_copy,
};

pub(super) const COPY_CURL: Action = Action {
    id: ActionId::CopyCurl,
    group: Group::Deck,
    keys: &[all(Key::Char('Y'))],
    short: "copy curl",
    long: "copy a curl line that asks the selected node for its health",
    dangerous: false,
    footer: 0,
    enabled: has_http,
};

pub(super) const MOUSE: Action = Action {
    id: ActionId::Mouse,
    group: Group::Deck,
    keys: &[all(Key::Char('M'))],
    short: "mouse",
    long: "give the mouse to the terminal, so that it selects text; again: take it back",
    dangerous: false,
    footer: 0,
    enabled: always,
};

fn reason(why: Option<Cow<'static, str>>) -> Result<(), Reason> {
    why.map_or(Ok(()), |why| Err(Reason(why)))
}

fn can_copy(app: &App) -> Result<(), Reason> {
    reason(copy::selected(app).err())
}

fn has_http(app: &App) -> Result<(), Reason> {
    reason(copy::curl(app).err())
}
