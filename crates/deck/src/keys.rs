//! Keys as the action table names them, and the action of a key press.

use crate::actions::{ACTIONS, Action};
use crate::app::scripted::Scripted;
use crate::app::{App, View};
use crate::settings::mistake::near;
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
    /// Any of 1 to 9 with Alt.
    AltDigit,
    /// A key without a character.
    Code(KeyCode),
    /// A key without a character, with Ctrl.
    CtrlCode(KeyCode),
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
            (Self::AltDigit, KeyCode::Char(pressed)) => matches!(pressed, '1'..='9') && !ctrl && alt,
            (Self::Code(code), pressed) => code == pressed && !ctrl && !alt,
            (Self::CtrlCode(code), pressed) => code == pressed && ctrl && !alt,
            _ => false,
        }
    }
}

/// The keys that have a name: as a file has it, and as the screen shows it. The first name of several is the one that is written.
const NAMED: [(&str, &str, KeyCode); 22] = [
    ("space", "Space", KeyCode::Char(' ')),
    ("enter", "Enter", KeyCode::Enter),
    ("return", "Enter", KeyCode::Enter),
    ("esc", "Esc", KeyCode::Esc),
    ("escape", "Esc", KeyCode::Esc),
    ("tab", "Tab", KeyCode::Tab),
    ("shift-tab", "Shift-Tab", KeyCode::BackTab),
    ("backspace", "Backspace", KeyCode::Backspace),
    ("del", "Del", KeyCode::Delete),
    ("delete", "Del", KeyCode::Delete),
    ("ins", "Ins", KeyCode::Insert),
    ("insert", "Ins", KeyCode::Insert),
    ("up", "Up", KeyCode::Up),
    ("down", "Down", KeyCode::Down),
    ("left", "Left", KeyCode::Left),
    ("right", "Right", KeyCode::Right),
    ("pgup", "PgUp", KeyCode::PageUp),
    ("page-up", "PgUp", KeyCode::PageUp),
    ("pgdn", "PgDn", KeyCode::PageDown),
    ("page-down", "PgDn", KeyCode::PageDown),
    ("home", "Home", KeyCode::Home),
    ("end", "End", KeyCode::End),
];

/// What a file calls the keys 1 to 9 together.
const DIGITS: &str = "1-9";

/// The same with Alt.
const ALT_DIGITS: &str = "alt-1-9";

/// The keys without a character that Ctrl goes with: terminals report these.
const WITH_CTRL: [&str; 8] = ["left", "right", "up", "down", "home", "end", "pgup", "pgdn"];

impl Key {
    /// The key that a file calls so: a character as it is typed, `ctrl-` and a letter, `1-9`, a name such as `space`, or `f1` to `f12`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut chars = text.chars();
        if let (Some(c), None) = (chars.next(), chars.next()) {
            return if c.is_control() {
                Err("a control character is not a key".to_owned())
            } else {
                Ok(Self::Char(c))
            };
        }
        let name = text.to_lowercase();
        if name == DIGITS {
            return Ok(Self::Digit);
        }
        if name == ALT_DIGITS {
            return Ok(Self::AltDigit);
        }
        if let Some(letter) = name.strip_prefix("ctrl-") {
            return Self::with_ctrl(letter);
        }
        if let Some((.., code)) = NAMED.iter().find(|(known, ..)| *known == name) {
            return Ok(if *code == KeyCode::Char(' ') { Self::Char(' ') } else { Self::Code(*code) });
        }
        let number = name.strip_prefix('f').and_then(|number| number.parse().ok());
        if let Some(number) = number.filter(|number| (1..=12).contains(number)) {
            return Ok(Self::Code(KeyCode::F(number)));
        }
        let known: Vec<&str> =
            NAMED.iter().map(|(known, ..)| *known).chain([DIGITS, "f1", "ctrl-a"]).collect();
        Err(format!("{text} is not a key; {}", near(text, &known)))
    }

    fn with_ctrl(letter: &str) -> Result<Self, String> {
        let named = NAMED.iter().find(|(known, ..)| *known == letter && WITH_CTRL.contains(known));
        if let Some((.., code)) = named {
            return Ok(Self::CtrlCode(*code));
        }
        match letter.as_bytes() {
            b"i" => Err("a terminal sends Tab for ctrl-i: use tab".to_owned()),
            b"m" => Err("a terminal sends Enter for ctrl-m: use enter".to_owned()),
            [letter] if letter.is_ascii_lowercase() => Ok(Self::Ctrl(char::from(*letter))),
            _ => Err(format!(
                "ctrl-{letter} is not a key: ctrl takes a letter from a to z, or {}",
                WITH_CTRL.join(", ")
            )),
        }
    }

    /// What a file calls it.
    #[must_use]
    pub fn written(self) -> String {
        match self {
            Self::Char(' ') => "space".to_owned(),
            Self::Char(c) => c.to_string(),
            Self::Ctrl(c) => format!("ctrl-{c}"),
            Self::Digit => DIGITS.to_owned(),
            Self::AltDigit => ALT_DIGITS.to_owned(),
            Self::CtrlCode(code) => format!("ctrl-{}", Self::Code(code).written()),
            Self::Code(code) => match NAMED.iter().find(|(.., known)| *known == code) {
                Some((name, ..)) => (*name).to_owned(),
                None => code.to_string().to_lowercase(),
            },
        }
    }

    /// Whether one press can be both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::Digit, Self::Char('1'..='9')) | (Self::Char('1'..='9'), Self::Digit) => true,
            (one, other) => one == other,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Char(' ') => f.write_str("Space"),
            Self::Char(c) => write!(f, "{c}"),
            Self::Ctrl(c) => write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            Self::Digit => f.write_str(DIGITS),
            Self::AltDigit => write!(f, "Alt-{DIGITS}"),
            Self::CtrlCode(code) => write!(f, "Ctrl-{}", Self::Code(*code)),
            Self::Code(code) => match NAMED.iter().find(|(.., known)| known == code) {
                Some((_, shown, _)) => f.write_str(shown),
                None => write!(f, "{code}"),
            },
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
        code if ctrl && is_with_ctrl(code) => Key::CtrlCode(code),
        KeyCode::Modifier(_) | KeyCode::Media(_) | KeyCode::Null | KeyCode::CapsLock | KeyCode::NumLock => {
            return None;
        }
        code => Key::Code(code),
    };
    Some(format!("{alt}{key}"))
}

fn is_with_ctrl(code: KeyCode) -> bool {
    NAMED.iter().any(|(name, _, known)| *known == code && WITH_CTRL.contains(name))
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
    /// In every view but these.
    Without(&'static [View]),
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
            Self::Without(others) => !others.contains(&view),
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
    let Some(key) = app.keymap().key(action, app.view()) else { return false };
    chosen(app, |other| other == key).is_some_and(|taken| taken.id == action.id)
}

/// Whether Enter goes on with a script that waits.
#[must_use]
pub fn is_for_script(app: &App) -> bool {
    app.scripted.as_ref().is_some_and(Scripted::waits)
}

/// Of the actions that have this key in the present view, the first that can be taken now; if none can, the last one, which says why.
fn chosen(app: &App, is_key: impl Fn(Key) -> bool) -> Option<&'static Action> {
    let is_bound = |action: &&Action| {
        let keys = app.keymap().keys(action);
        keys.iter().any(|(key, scope)| scope.holds(app.view()) && is_key(*key))
    };
    let bound = || ACTIONS.iter().filter(is_bound).filter(|action| action.is_there(app));
    bound().find(|action| action.can(app).is_ok()).or_else(|| bound().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_table_is_read_as_it_is_written_and_as_it_is_shown() {
        for (key, _) in ACTIONS.iter().flat_map(|action| action.keys) {
            assert_eq!(Key::parse(&key.written()), Ok(*key));
            assert_eq!(Key::parse(&key.to_string()), Ok(*key));
        }
        for (text, key) in [
            ("K", Key::Char('K')),
            ("-", Key::Char('-')),
            ("ctrl-K", Key::Ctrl('k')),
            ("F5", Key::Code(KeyCode::F(5))),
            ("page-up", Key::Code(KeyCode::PageUp)),
            ("é", Key::Char('é')),
        ] {
            assert_eq!(Key::parse(text), Ok(key), "{text}");
        }
        assert_eq!(Key::Code(KeyCode::F(5)).written(), "f5");
    }

    #[test]
    fn what_is_no_key_is_said_with_the_nearest() {
        for (text, says) in [
            ("spcae", "spcae is not a key; did you mean space?"),
            ("f13", "f13 is not a key"),
            ("ctrl-i", "a terminal sends Tab for ctrl-i"),
            ("ctrl-kk", "ctrl-kk is not a key: ctrl takes a letter"),
            ("", " is not a key"),
            ("\t", "a control character"),
        ] {
            let error = Key::parse(text).unwrap_err();
            assert!(error.starts_with(says), "{text}: {error}");
        }
    }
}
