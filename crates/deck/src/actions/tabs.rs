//! The actions of tabs: which cluster is in sight.

use crate::actions::{Action, ActionId, Group, Reason};
use crate::app::App;
use crate::keys::{Key, Scope};
use crossterm::event::KeyCode;

const fn all(key: Key) -> (Key, Scope) {
    (key, Scope::Everywhere)
}

pub(super) const PREVIOUS: Action = Action {
    id: ActionId::PreviousTab,
    group: Group::Look,
    keys: &[all(Key::CtrlCode(KeyCode::Left))],
    short: "previous cluster",
    long: "show the cluster of the tab before this one",
    dangerous: false,
    footer: 0,
    enabled: has_tabs,
};

pub(super) const NEXT: Action = Action {
    id: ActionId::NextTab,
    group: Group::Look,
    keys: &[all(Key::CtrlCode(KeyCode::Right))],
    short: "next cluster",
    long: "show the cluster of the tab after this one",
    dangerous: false,
    footer: 0,
    enabled: has_tabs,
};

pub(super) const NUMBER: Action = Action {
    id: ActionId::TabNumber,
    group: Group::Look,
    keys: &[all(Key::AltDigit)],
    short: "cluster by number",
    long: "show the cluster of the tab with this number",
    dangerous: false,
    footer: 0,
    enabled: has_tabs,
};

pub(super) const CLOSE: Action = Action {
    id: ActionId::CloseTab,
    group: Group::Look,
    keys: &[],
    short: "close tab",
    long: "close this tab and leave its cluster, as the words close tab at the prompt; asks first",
    dangerous: true,
    footer: 0,
    enabled: has_tabs,
};

fn has_tabs(app: &App) -> Result<(), Reason> {
    if app.tabs().is_several() {
        return Ok(());
    }
    Err(Reason(
        "there is one cluster only: attach and a context's name, at the command prompt, opens another".into(),
    ))
}
