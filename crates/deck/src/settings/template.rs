//! The file with every setting and its default, to begin one's own with: made from the table of actions and the themes.

use super::keymap::FIXED;
use crate::actions::{ACTIONS, Action, Group};
use crate::keys::Key;
use crate::theme;

/// The top of the file.
const HEAD: &str = "\
# The settings of raftdeck's screen, with their defaults. Remove the # before a line to change it; what stays away is as it is here.
# The deck reads this file again when it changes. `raftdeck paths` says where it belongs.
";

/// What is said before the keys.
const KEYS: &str = "\
# A key for each action, or a list of keys; [] is none, and the action stays reachable by its words in the palette.
# A key is a character as it is typed (\"k\", \"K\", \"?\"), \"ctrl-\" and a letter, or one of: space, enter, esc, tab, shift-tab,
# backspace, del, ins, up, down, left, right, pgup, pgdn, home, end, f1 to f12, \"ctrl-\" and an arrow, home, end, pgup
# or pgdn, and \"1-9\" for any of these digits, \"alt-1-9\" with Alt.
# Two actions cannot have one key in the same view, except those that have one here.
";

/// The file. As it is, and with all its lines in force, it sets exactly the defaults.
#[must_use]
pub fn template() -> String {
    let themes = theme::sheets();
    let width = themes.iter().map(|sheet| sheet.name.len()).max().unwrap_or(0);
    let theme_rows = themes.iter().map(|sheet| format!("#   {:width$}  {}\n", sheet.name, sheet.about));
    let settings: Vec<String> = ACTIONS.iter().map(setting).collect();
    let width = settings.iter().map(String::len).max().unwrap_or(0);
    let section = |group: Group| {
        let actions = ACTIONS.iter().zip(&settings).filter(|(action, _)| action.group == group);
        let rows = actions.map(|(action, setting)| format!("# {setting:width$}  # {}\n", action.long));
        format!("\n# {}\n{}", group.name(), rows.collect::<String>())
    };
    [
        format!("{HEAD}\n# The look:\n"),
        theme_rows.collect(),
        "# or a theme of your own, the name of a file in the folder themes beside this one.\n".to_owned(),
        format!("# theme = \"{}\"\n\n{KEYS}\n[keys]\n", theme::DEFAULT),
        Group::ALL.into_iter().map(section).collect(),
    ]
    .concat()
}

/// Such as `kill = "k"`.
fn setting(action: &Action) -> String {
    let is_fixed = |key: Key| FIXED.contains(&(action.id, key));
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in action.keys.iter().filter(|(key, _)| !is_fixed(*key)) {
        let key = quoted(*key);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    match &keys[..] {
        [key] => format!("{} = {key}", action.id.name()),
        keys => format!("{} = [{}]", action.id.name(), keys.join(", ")),
    }
}

fn quoted(key: Key) -> String {
    let written = key.written();
    if written == "\"" || written == "\\" { format!("'{written}'") } else { format!("\"{written}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::DeckFile;

    /// The lines that set something, in force.
    fn in_force() -> String {
        let is_setting = |line: &str| line.split_once(" = ").is_some_and(|(name, _)| !name.contains(' '));
        let line = |line: &str| match line.strip_prefix("# ").filter(|line| is_setting(line)) {
            Some(setting) => format!("{setting}\n"),
            None => format!("{line}\n"),
        };
        template().lines().map(line).collect()
    }

    #[test]
    fn as_it_is_and_with_all_its_lines_it_sets_exactly_the_defaults() {
        assert_eq!(DeckFile::parse(&template(), &theme::names()), Ok(DeckFile::default()));
        let all = DeckFile::parse(&in_force(), &theme::names()).unwrap();
        assert_eq!(all, DeckFile { theme: Some(theme::DEFAULT.to_owned()), ..DeckFile::default() });
    }

    #[test]
    fn it_has_every_action_with_its_words_and_every_theme() {
        let text = in_force();
        for action in ACTIONS {
            let name = format!("{} = ", action.id.name());
            let line = text.lines().find(|line| line.starts_with(&name)).unwrap_or_else(|| panic!("{name}"));
            assert!(line.ends_with(&format!("# {}", action.long)), "{line}");
        }
        for sheet in theme::sheets() {
            assert!(text.contains(&format!("#   {}", sheet.name)), "{}", sheet.name);
        }
    }
}
