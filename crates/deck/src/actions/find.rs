//! The actions that find something, and those that choose a pane and go back from it.

use super::conditions::{always, has_list, has_nodes, has_panes, is_finding};
use crate::actions::{Action, ActionId, Group};
use crate::app::View;
use crate::keys::{Key, Scope};
use crossterm::event::KeyCode;

const fn all(key: Key) -> (Key, Scope) {
    (key, Scope::Everywhere)
}

const fn in_cluster(key: Key) -> (Key, Scope) {
    (key, Scope::In(View::Cluster))
}

pub(super) const FIND: Action = Action {
    id: ActionId::Find,
    group: Group::Look,
    keys: &[all(Key::Char('/'))],
    short: "find",
    long: "filter a list as you type: events, messages, keys, drills, lines, menus, this page; Logs: go to an entry",
    dangerous: false,
    footer: 10,
    enabled: has_list,
};

pub(super) const NEXT: Action = Action {
    id: ActionId::FindNext,
    group: Group::Look,
    keys: &[all(Key::Char('n'))],
    short: "next match",
    long: "the next match of the filter or search",
    dangerous: false,
    footer: 0,
    enabled: is_finding,
};

pub(super) const PREVIOUS: Action = Action {
    id: ActionId::FindPrevious,
    group: Group::Look,
    keys: &[all(Key::Char('N'))],
    short: "previous match",
    long: "the match before",
    dangerous: false,
    footer: 0,
    enabled: is_finding,
};

pub(super) const PREVIOUS_ROW: Action = Action {
    id: ActionId::PreviousRow,
    group: Group::Look,
    keys: &[in_cluster(Key::Code(KeyCode::Up))],
    short: "up",
    long: "Cluster: the node before; among the events, the event before",
    dangerous: false,
    footer: 0,
    enabled: has_nodes,
};

pub(super) const NEXT_ROW: Action = Action {
    id: ActionId::NextRow,
    group: Group::Look,
    keys: &[in_cluster(Key::Code(KeyCode::Down)), in_cluster(Key::Char('j'))],
    short: "down",
    long: "Cluster: the node after; among the events, the event after",
    dangerous: false,
    footer: 0,
    enabled: has_nodes,
};

pub(super) const OTHER_PANE: Action = Action {
    id: ActionId::OtherPane,
    group: Group::Look,
    keys: &[in_cluster(Key::Char('o'))],
    short: "events",
    long: "Cluster: move among the events; again: among the nodes",
    dangerous: false,
    footer: 13,
    enabled: has_nodes,
};

pub(super) const ZOOM: Action = Action {
    id: ActionId::Zoom,
    group: Group::Look,
    keys: &[all(Key::Char('Z'))],
    short: "zoom",
    long: "give the pane in which the arrows move the whole view; again: give it back",
    dangerous: false,
    footer: 0,
    enabled: has_panes,
};

pub(super) const BACK: Action = Action {
    id: ActionId::Back,
    group: Group::Look,
    keys: &[all(Key::Code(KeyCode::Esc))],
    short: "step back",
    long: "one step back: from a filter, a zoom, the events, a place that was scrolled to",
    dangerous: false,
    footer: 0,
    enabled: always,
};
