//! Which keys an action has: those of the table, unless a person set others.

use crate::actions::{ACTIONS, Action, ActionId, Group};
use crate::app::View;
use crate::keys::{Key, Scope};
use std::collections::BTreeMap;

/// A key and the views in which it applies.
pub type Binding = (Key, Scope);

/// What is set whatever a person sets: the way out of a deck that hangs on to the terminal.
pub const FIXED: [(ActionId, Key); 2] =
    [(ActionId::Quit, Key::Ctrl('c')), (ActionId::Suspend, Key::Ctrl('z'))];

/// The keys in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keymap {
    /// Only what differs from the table.
    own: BTreeMap<ActionId, Vec<Binding>>,
}

/// Two actions on one key in one view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The key.
    pub key: Key,
    /// The actions.
    pub actions: (ActionId, ActionId),
    /// A view in which they meet.
    pub view: View,
}

impl Keymap {
    /// Gives an action these keys instead of its own. A key of its own applies where it did; another one wherever any of its own did.
    pub fn set(&mut self, action: &Action, keys: &[Key]) {
        let mut bindings = Vec::new();
        for key in keys {
            let own = action.keys.iter().filter(|(known, _)| known == key);
            if own.clone().count() > 0 {
                bindings.extend(own.copied());
            } else if action.keys.is_empty() {
                bindings.push((*key, Scope::Everywhere));
            } else {
                bindings.extend(action.keys.iter().map(|(_, scope)| (*key, *scope)));
            }
        }
        for (_, key) in FIXED.iter().filter(|(id, key)| *id == action.id && !keys.contains(key)) {
            bindings.push((*key, Scope::Everywhere));
        }
        if bindings == action.keys {
            self.own.remove(&action.id);
        } else {
            self.own.insert(action.id, bindings);
        }
    }

    /// The keys of an action, and the views in which they apply.
    #[must_use]
    pub fn keys<'a>(&'a self, action: &'a Action) -> &'a [Binding] {
        self.own.get(&action.id).map_or(action.keys, Vec::as_slice)
    }

    /// The first key of an action that applies in a view.
    #[must_use]
    pub fn key(&self, action: &Action, view: View) -> Option<Key> {
        self.keys(action).iter().find(|(_, scope)| scope.holds(view)).map(|(key, _)| *key)
    }

    /// The keys of an action, each once.
    #[must_use]
    pub fn distinct(&self, action: &Action) -> Vec<Key> {
        let mut keys = Vec::new();
        for (key, _) in self.keys(action) {
            if !keys.contains(key) {
                keys.push(*key);
            }
        }
        keys
    }

    /// The keys of an action, as the help shows them.
    #[must_use]
    pub fn shown(&self, action: &Action) -> String {
        self.distinct(action).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// What an action is called in a sentence that says how to take it: by its key in this view, else by its words in the palette.
    #[must_use]
    pub fn called(&self, id: ActionId, view: View) -> String {
        let Some(action) = Action::of(id) else { return String::new() };
        let anywhere = || self.keys(action).first().map(|(key, _)| *key);
        let key = self.key(action, view).or_else(anywhere);
        key.map_or_else(|| format!(":{}", action.short), |key| key.to_string())
    }

    /// The first two actions that have a key in common in a view, although the table does not give them one there.
    #[must_use]
    pub fn conflict(&self) -> Option<Conflict> {
        View::ALL.into_iter().find_map(|view| {
            let mut pairs = ACTIONS
                .iter()
                .enumerate()
                .flat_map(|(place, one)| ACTIONS.iter().skip(place + 1).map(move |other| (one, other)));
            pairs.find_map(|(one, other)| {
                if !self.own.contains_key(&one.id) && !self.own.contains_key(&other.id) {
                    return None;
                }
                // While a lesson is played, its keys come first; else they mean nothing.
                if (one.group == Group::Lessons) != (other.group == Group::Lessons) {
                    return None;
                }
                let key = common(self.keys(one), self.keys(other), view)?;
                let is_meant = common(one.keys, other.keys, view).is_some();
                (!is_meant).then_some(Conflict { key, actions: (one.id, other.id), view })
            })
        })
    }
}

/// A key that both have in this view.
fn common(one: &[Binding], other: &[Binding], view: View) -> Option<Key> {
    let here = |bindings: &'_ [Binding]| -> Vec<Key> {
        bindings.iter().filter(|(_, scope)| scope.holds(view)).map(|(key, _)| *key).collect()
    };
    let others = here(other);
    let shared = |key: Key| {
        let other = others.iter().copied().find(|other| key.overlaps(*other))?;
        // Of all digits and one of them, the one is meant.
        Some(if key == Key::Digit { other } else { key })
    };
    here(one).into_iter().find_map(shared)
}
