//! `deck.toml`: the theme's name, and keys for actions.

use super::document::{Document, Value, called};
use super::keymap::{Conflict, FIXED, Keymap};
use super::mistake::{Mistake, near};
use crate::actions::{ACTIONS, Action, ActionId};
use crate::keys::Key;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::de::DeValue;

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeckFile {
    /// The theme's name.
    pub theme: Option<String>,
    /// The keys.
    pub keymap: Keymap,
}

/// What asks before it is done: `y` confirms, so it cannot be the key that asks.
const ASKING: [ActionId; 6] = [
    ActionId::Quit,
    ActionId::RemoveNode,
    ActionId::StartDrill,
    ActionId::StopDrill,
    ActionId::Again,
    ActionId::NextDrill,
];

/// The keys that a file may have at its top.
const TOP: [&str; 2] = ["theme", "keys"];

impl DeckFile {
    /// Parses the file's text. `themes` are those that it may name.
    pub fn parse(text: &str, themes: &[&str]) -> Result<Self, Mistake> {
        let document = Document(text);
        let mut file = Self::default();
        for (key, value) in &document.table()? {
            match key.get_ref().as_ref() {
                "theme" => {
                    let name = document.text(value, "theme")?;
                    if !themes.contains(&name) {
                        let what = format!("there is no theme called {name}; {}", near(name, themes));
                        return Err(document.mistake(value.span(), what));
                    }
                    file.theme = Some(name.to_owned());
                }
                "keys" => file.keymap = keymap(document, value)?,
                other => {
                    let what = format!("deck.toml has nothing called {other}; {}", near(other, &TOP));
                    return Err(document.mistake(key.span(), what));
                }
            }
        }
        Ok(file)
    }
}

/// A file's text with this theme, and otherwise as it was, comments included.
pub fn with_theme(text: &str, theme: &str) -> Result<String, Mistake> {
    let document = Document(text);
    let table = document.table()?;
    let theme = theme.replace('\\', "\\\\").replace('"', "\\\"");
    let place = table.iter().find(|(key, _)| key.get_ref() == "theme").map(|(_, value)| value.span());
    Ok(match place.and_then(|at| Some((text.get(..at.start)?, text.get(at.end..)?))) {
        Some((before, after)) => format!("{before}\"{theme}\"{after}"),
        None => format!("theme = \"{theme}\"\n{}{text}", if text.is_empty() { "" } else { "\n" }),
    })
}

fn keymap(document: Document<'_>, value: &Value<'_>) -> Result<Keymap, Mistake> {
    let DeValue::Table(table) = value.get_ref() else {
        let what = format!("keys should be a table, [keys], and is {}", called(value.get_ref()));
        return Err(document.mistake(value.span(), what));
    };
    let mut keymap = Keymap::default();
    let mut places: BTreeMap<ActionId, Range<usize>> = BTreeMap::new();
    for (name, value) in table {
        let action = action(name.get_ref()).map_err(|what| document.mistake(name.span(), what))?;
        let keys = Document::several(value).into_iter().map(|one| key(document, one, action));
        keymap.set(action, &keys.collect::<Result<Vec<Key>, Mistake>>()?);
        places.insert(action.id, name.span());
    }
    match keymap.conflict() {
        None => Ok(keymap),
        Some(conflict) => Err(document.mistake(place(&conflict, &places), told(&conflict, &places))),
    }
}

fn action(name: &str) -> Result<&'static Action, String> {
    ACTIONS.iter().find(|action| action.id.name() == name).ok_or_else(|| {
        let names: Vec<String> = ACTIONS.iter().map(|action| action.id.name()).collect();
        let known: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("{name} is not an action; {}", near(name, &known))
    })
}

fn key(document: Document<'_>, value: &Value<'_>, action: &Action) -> Result<Key, Mistake> {
    let text = match value.get_ref() {
        DeValue::Integer(number) if number.as_str().len() == 1 => number.as_str(),
        _ => document.text(value, "a key")?,
    };
    let key = Key::parse(text).map_err(|what| document.mistake(value.span(), what))?;
    if matches!(key, Key::Char('y' | 'Y')) && ASKING.contains(&action.id) {
        let what = format!("{} asks, and y confirms: take another key", action.id.name());
        return Err(document.mistake(value.span(), what));
    }
    match FIXED.iter().find(|(id, fixed)| *fixed == key && *id != action.id) {
        Some((id, _)) => {
            let what = format!("{} always means {}, and cannot be set", key.written(), id.name());
            Err(document.mistake(value.span(), what))
        }
        None => Ok(key),
    }
}

/// Of the two, the one that the file sets further down.
fn place(conflict: &Conflict, places: &BTreeMap<ActionId, Range<usize>>) -> Range<usize> {
    let (one, other) = conflict.actions;
    let of = |id| places.get(&id).cloned();
    [of(one), of(other)].into_iter().flatten().max_by_key(|place| place.start).unwrap_or_default()
}

fn told(conflict: &Conflict, places: &BTreeMap<ActionId, Range<usize>>) -> String {
    let Conflict { key, actions: (one, other), view } = conflict;
    let key = key.written();
    let rest = [one, other].into_iter().find(|id| !places.contains_key(id));
    let way_out = rest.map_or_else(String::new, |id| format!("; give {} another key too", id.name()));
    format!(
        "{key} is the key of both {} and {} in the view {}{way_out}",
        one.name(),
        other.name(),
        view.name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::View;
    use crate::theme;

    fn parsed(text: &str) -> Result<DeckFile, String> {
        DeckFile::parse(text, &theme::names()).map_err(|mistake| mistake.to_string())
    }

    fn keys(text: &str, id: ActionId, view: View) -> Option<Key> {
        parsed(text).unwrap().keymap.key(Action::of(id).unwrap(), view)
    }

    #[test]
    fn an_action_gets_the_keys_that_are_set_and_all_others_keep_theirs() {
        let text = "theme = 'dark'\n[keys]\nkill = 'f8'\nwrite = ['ctrl-w', 'w']\nheal = []\nspeed = 1";
        assert!(parsed(text).unwrap_err().starts_with("6: speed is not an action;"));
        let text = "theme = 'dark'\n[keys]\nkill = 'f8'\nwrite = ['ctrl-w', 'w']\nheal = []";
        assert_eq!(parsed(text).unwrap().theme.as_deref(), Some("dark"));
        let key = |id| keys(text, id, View::Logs);
        assert_eq!(key(ActionId::Kill).unwrap().written(), "f8");
        assert_eq!(key(ActionId::Write), Some(Key::Ctrl('w')));
        assert_eq!(key(ActionId::Heal), None);
        assert_eq!(key(ActionId::Undo), Some(Key::Char('u')));
    }

    #[test]
    fn a_key_of_its_own_applies_where_it_did_and_another_wherever_any_did() {
        let text = "[keys]\nselect-previous = ['[', 'up']";
        assert_eq!(keys(text, ActionId::SelectPrevious, View::Messages), Some(Key::Char('[')));
        let shared = "[keys]\nselect-previous = ['up', 'left']";
        assert_eq!(parsed(shared).unwrap(), DeckFile::default(), "the table's own keys are no change");
        let drills = "[keys]\ncontinue = 'f9'\nto-catalogue = ['f9', 'esc']";
        assert!(parsed(drills).is_ok(), "the table lets these two share a key");
    }

    #[test]
    fn the_way_out_stays() {
        let map = parsed("[keys]\nquit = 'Q'").unwrap().keymap;
        assert_eq!(map.shown(Action::of(ActionId::Quit).unwrap()), "Q Ctrl-C");
    }

    #[test]
    fn a_mistake_has_its_line_and_what_to_do() {
        for (text, says) in [
            ("theme = 'drak'", "1: there is no theme called drak; did you mean dark?"),
            ("theme = 1", "1: theme should be a string, and is a number"),
            ("themes = 'dark'", "1: deck.toml has nothing called themes; did you mean theme?"),
            ("keys = 1", "1: keys should be a table, [keys], and is a number"),
            ("[keys]\nkil = 'k'", "2: kil is not an action; did you mean kill?"),
            ("[keys]\nkill = 'spcae'", "2: spcae is not a key; did you mean space?"),
            ("[keys]\nkill = true", "2: a key should be a string, and is true or false"),
            ("[keys]\nkill = 'ctrl-c'", "2: ctrl-c always means quit, and cannot be set"),
            (
                "[keys]\n\nkill = 'h'",
                "3: h is the key of both kill and heal in the view Cluster; give heal another key too",
            ),
            (
                "[keys]\nheal = 'f1'\nkill = 'f1'",
                "3: f1 is the key of both kill and heal in the view Cluster",
            ),
            ("[keys]\nkill = 5", "2: 5 is the key of both kill and select-number in the view Cluster"),
            ("[keys]\nquit = 'y'", "2: quit asks, and y confirms: take another key"),
            ("[keys\n", "1: this is not valid TOML"),
        ] {
            let mistake = parsed(text).unwrap_err();
            assert!(mistake.starts_with(says), "{text}: {mistake}");
        }
    }

    #[test]
    fn a_theme_is_set_and_all_else_stays() {
        let text = "# mine\ntheme = 'dark' # at night\n[keys]\nkill = 'f8'\n";
        let set = with_theme(text, "light").unwrap();
        assert_eq!(set, "# mine\ntheme = \"light\" # at night\n[keys]\nkill = 'f8'\n");
        assert_eq!(with_theme("", "light").unwrap(), "theme = \"light\"\n");
        let added = with_theme("# mine\n[keys]\nkill = 'f8'\n", "light").unwrap();
        assert_eq!(parsed(&added).unwrap().theme.as_deref(), Some("light"));
        assert!(with_theme("[keys", "light").is_err());
        let quoted = with_theme("", "my \"own\"\\").unwrap();
        assert_eq!(
            DeckFile::parse(&quoted, &["my \"own\"\\"]).unwrap().theme.as_deref(),
            Some("my \"own\"\\")
        );
    }

    /// People's files have these names.
    #[test]
    fn the_names_of_the_actions_stay() {
        let names: Vec<String> = ACTIONS.iter().map(|action| action.id.name()).collect();
        insta::assert_snapshot!(names.join("\n"));
    }
}
