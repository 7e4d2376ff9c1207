//! The action that says the state of the cluster in words.

use super::conditions::has_nodes;
use crate::actions::{Action, ActionId, Group};
use crate::app::View;
use crate::keys::{Key, Scope};

pub(super) const STATUS: Action = Action {
    id: ActionId::Status,
    group: Group::Look,
    keys: &[(Key::Char('s'), Scope::Beside(View::Drills))],
    short: "status",
    long: "the state of the cluster in words",
    dangerous: false,
    footer: 0,
    enabled: has_nodes,
};
