//! The actions of explanations. The keys inside an open explanation are no actions: they follow its links and go back.

use super::conditions::has_subject;
use crate::actions::{Action, ActionId, Group};
use crate::app::View;
use crate::keys::{Key, Scope};
use crossterm::event::KeyCode;

pub(super) const EXPLAIN: Action = Action {
    id: ActionId::Explain,
    group: Group::Look,
    keys: &[
        (Key::Code(KeyCode::Enter), Scope::Beside(View::Drills)),
        (Key::Code(KeyCode::F(1)), Scope::In(View::Drills)),
    ],
    short: "explain",
    long: "explain what is selected; there Tab Enter follow a link, Esc goes back",
    dangerous: false,
    footer: 7,
    enabled: has_subject,
};
