//! Keys as the action table names them, and the action of a key press.

use crate::actions::{ACTIONS, Action};
use crate::app::{App, View};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::fmt;

/// A key an action is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character as typed, shift included.
    Char(char),
    /// A character with Ctrl.
    Ctrl(char),
    /// Any of 1 to 9.
    Digit,
    /// A key without a character.
    Code(KeyCode),
}

impl Key {
    /// Whether a key event is a press of this key.
    #[must_use]
    pub fn matches(self, event: &KeyEvent) -> bool {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        match (self, event.code) {
            (Self::Char(c), KeyCode::Char(pressed)) => c == pressed && !ctrl && !alt,
            (Self::Ctrl(c), KeyCode::Char(pressed)) => ctrl && !alt && pressed.eq_ignore_ascii_case(&c),
            (Self::Digit, KeyCode::Char(pressed)) => matches!(pressed, '1'..='9') && !ctrl && !alt,
            (Self::Code(code), pressed) => code == pressed && !ctrl && !alt,
            _ => false,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(' ') => f.write_str("Space"),
            Self::Char(c) => write!(f, "{c}"),
            Self::Ctrl(c) => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            Self::Digit => write!(f, "1-9"),
            Self::Code(code) => f.write_str(match code {
                KeyCode::BackTab => "Shift-Tab",
                KeyCode::PageUp => "PgUp",
                KeyCode::PageDown => "PgDn",
                other => return write!(f, "{other}"),
            }),
        }
    }
}

/// The name of a pressed key, if it has one to be told by.
#[must_use]
pub fn name(event: &KeyEvent) -> Option<String> {
    let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
    let alt = if event.modifiers.contains(KeyModifiers::ALT) { "Alt-" } else { "" };
    let key = match event.code {
        KeyCode::Char(c) if ctrl => Key::Ctrl(c),
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Modifier(_) | KeyCode::Media(_) | KeyCode::Null | KeyCode::CapsLock | KeyCode::NumLock => {
            return None;
        }
        code => Key::Code(code),
    };
    Some(format!("{alt}{key}"))
}

/// Where a binding applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In every view.
    Everywhere,
    /// In this view.
    In(View),
    /// In every view but this.
    Beside(View),
    /// In every view but these two.
    Neither(View, View),
    /// In these two views.
    Either(View, View),
}

impl Scope {
    /// Whether it applies in this view.
    #[must_use]
    pub fn holds(self, view: View) -> bool {
        match self {
            Self::Everywhere => true,
            Self::In(one) => one == view,
            Self::Beside(other) => other != view,
            Self::Neither(one, other) => one != view && other != view,
            Self::Either(one, other) => one == view || other == view,
        }
    }
}

/// The action of a key press now, as `chosen` says.
#[must_use]
pub fn meant(app: &App, event: &KeyEvent) -> Option<&'static Action> {
    chosen(app, |key| key.matches(event))
}

/// Whether pressing the key of an action takes that action now, rather than another one with the same key.
#[must_use]
pub fn takes(app: &App, action: &Action) -> bool {
    let Some(key) = action.key(app.view()) else { return false };
    chosen(app, |other| other == key).is_some_and(|taken| taken.id == action.id)
}

/// Of the actions that have this key in the present view, the first that can be taken now; if none can, the last one, which says why.
fn chosen(app: &App, is_key: impl Fn(Key) -> bool) -> Option<&'static Action> {
    let is_bound =
        |action: &&Action| action.keys.iter().any(|(key, scope)| scope.holds(app.view()) && is_key(*key));
    let bound = || ACTIONS.iter().filter(is_bound);
    bound().find(|action| action.can(app).is_ok()).or_else(|| bound().last())
}
