//! The settings in force, and what was wrong with those that are not.

use super::deck_file::DeckFile;
use super::keymap::Keymap;
use super::mistake::near;
use crate::theme::{self, ColourDepth, Sheet};

/// A file of settings, as the program read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsFile {
    /// Where it is, for mistakes in it.
    pub path: String,
    /// A theme's name; that of `deck.toml` does not matter.
    pub name: String,
    /// What is in it, or why it cannot be read.
    pub text: Result<String, String>,
}

/// All files of settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsFiles {
    /// `deck.toml`, if there is one.
    pub deck: Option<SettingsFile>,
    /// The user's own themes, by name.
    pub themes: Vec<SettingsFile>,
}

/// A theme that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThemeChoice {
    /// The theme: if its file has a mistake, as it was before.
    pub sheet: Sheet,
    /// What is wrong with its file.
    pub mistake: Option<String>,
    /// Whether it is the user's own.
    pub is_own: bool,
}

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preferences {
    /// How many colours the terminal has.
    pub depth: ColourDepth,
    themes: Vec<ThemeChoice>,
    /// The name of the theme in force.
    theme: String,
    /// What `deck.toml` said when it had no mistake.
    file: DeckFile,
    /// What is wrong with `deck.toml`.
    mistake: Option<String>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self::new(ColourDepth::default(), &SettingsFiles::default())
    }
}

impl Preferences {
    /// The settings that these files make.
    #[must_use]
    pub fn new(depth: ColourDepth, files: &SettingsFiles) -> Self {
        let mut preferences = Self {
            depth,
            themes: themes(&[], &[]),
            theme: theme::DEFAULT.to_owned(),
            file: DeckFile::default(),
            mistake: None,
        };
        preferences.reload(files);
        preferences
    }

    /// Takes the files as they are now. What has a mistake stays as it was. A theme that was chosen on the deck or the command line stays
    /// until the file names another one than before.
    pub fn reload(&mut self, files: &SettingsFiles) {
        self.themes = themes(&files.themes, &self.themes);
        self.mistake = None;
        match self.parsed(files) {
            Ok(file) => {
                if file.theme != self.file.theme {
                    self.theme = file.theme.clone().unwrap_or_else(|| theme::DEFAULT.to_owned());
                }
                self.file = file;
            }
            Err(mistake) => self.mistake = Some(mistake),
        }
        if self.named(&self.theme).is_none() {
            theme::DEFAULT.clone_into(&mut self.theme);
        }
    }

    fn parsed(&self, files: &SettingsFiles) -> Result<DeckFile, String> {
        let Some(SettingsFile { path, text, .. }) = &files.deck else { return Ok(DeckFile::default()) };
        let text = text.as_ref().map_err(|why| format!("{path} cannot be read: {why}"))?;
        DeckFile::parse(text, &self.names()).map_err(|mistake| format!("{path}:{mistake}"))
    }

    /// What is wrong with the files, which is why something in them is not in force: first what concerns the theme in force and `deck.toml`.
    #[must_use]
    pub fn mistakes(&self) -> Vec<&str> {
        let mut themes: Vec<&ThemeChoice> = self.themes.iter().collect();
        themes.sort_by_key(|choice| choice.sheet.name != self.theme);
        let of_themes = themes.into_iter().filter_map(|choice| choice.mistake.as_deref());
        self.mistake.as_deref().into_iter().chain(of_themes).collect()
    }

    /// The keys in force.
    #[must_use]
    pub fn keymap(&self) -> &Keymap {
        &self.file.keymap
    }

    /// The names of the themes.
    fn names(&self) -> Vec<&str> {
        self.themes.iter().map(|choice| choice.sheet.name.as_str()).collect()
    }

    /// The same with this theme, if there is one of this name.
    pub fn with_theme(mut self, name: &str) -> Result<Self, String> {
        if self.named(name).is_none() {
            return Err(format!("there is no theme called {name}; {}", near(name, &self.names())));
        }
        self.choose(name);
        Ok(self)
    }

    /// Brings the theme of this name into force, if there is one.
    pub fn choose(&mut self, name: &str) {
        if self.named(name).is_some() {
            name.clone_into(&mut self.theme);
        }
    }

    /// The themes that can be chosen: the built-in ones, then the user's own.
    #[must_use]
    pub fn themes(&self) -> &[ThemeChoice] {
        &self.themes
    }

    /// The name of the theme in force.
    #[must_use]
    pub fn theme(&self) -> &str {
        &self.theme
    }

    /// The theme in force.
    #[must_use]
    pub fn sheet(&self) -> Sheet {
        self.named(&self.theme).cloned().unwrap_or_default()
    }

    /// The theme of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Sheet> {
        self.themes.iter().map(|choice| &choice.sheet).find(|sheet| sheet.name == name)
    }
}

/// The built-in themes, and the user's own; one of the same name is in place of the built-in one. Where a file has a mistake, the theme
/// is as it was `before`.
fn themes(files: &[SettingsFile], before: &[ThemeChoice]) -> Vec<ThemeChoice> {
    let shipped = theme::sheets().iter().cloned();
    let mut choices: Vec<ThemeChoice> =
        shipped.map(|sheet| ThemeChoice { sheet, mistake: None, is_own: false }).collect();
    for file in files {
        let parsed =
            file.text.clone().map_err(|why| format!("{} cannot be read: {why}", file.path)).and_then(
                |text| Sheet::parse(&file.name, &text).map_err(|mistake| format!("{}:{mistake}", file.path)),
            );
        let choice = match parsed {
            Ok(sheet) => ThemeChoice { sheet, mistake: None, is_own: true },
            Err(mistake) => {
                let old = before.iter().find(|choice| choice.sheet.name == file.name);
                let mut sheet = old.map(|old| old.sheet.clone()).unwrap_or_default();
                file.name.clone_into(&mut sheet.name);
                ThemeChoice { sheet, mistake: Some(mistake), is_own: true }
            }
        };
        match choices.iter_mut().find(|other| other.sheet.name == file.name) {
            Some(other) => *other = choice,
            None => choices.push(choice),
        }
    }
    choices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::{Action, ActionId};

    fn file(name: &str, text: &str) -> SettingsFile {
        SettingsFile { path: format!("/etc/{name}.toml"), name: name.to_owned(), text: Ok(text.to_owned()) }
    }

    fn files(deck: &str, mine: &str) -> SettingsFiles {
        SettingsFiles { deck: Some(file("deck", deck)), themes: vec![file("mine", mine)] }
    }

    fn kills(preferences: &Preferences) -> String {
        preferences.keymap().shown(Action::of(ActionId::Kill).unwrap())
    }

    #[test]
    fn with_a_mistake_the_old_setting_is_kept_and_the_mistake_is_known_until_it_is_mended() {
        let good = files("theme = 'mine'\n[keys]\nkill = 'f8'", "key = { fg = 'blue' }");
        let mut preferences = Preferences::new(ColourDepth::True, &good);
        assert_eq!((preferences.theme(), kills(&preferences).as_str()), ("mine", "F8"));
        let look = preferences.sheet();
        preferences.reload(&files("theme = 'mine'\n[keys]\nkil = 'f9'", "kye = {}"));
        assert_eq!((preferences.theme(), kills(&preferences).as_str()), ("mine", "F8"));
        assert_eq!(preferences.sheet(), look);
        let says = [
            "/etc/deck.toml:3: kil is not an action; did you mean kill?",
            "/etc/mine.toml:1: a theme has nothing called kye; did you mean key?",
        ];
        assert_eq!(preferences.mistakes(), says);
        preferences.reload(&good);
        assert_eq!(preferences.mistakes(), Vec::<&str>::new());
    }

    #[test]
    fn what_was_chosen_stays_until_the_file_names_another() {
        let mut preferences = Preferences::new(ColourDepth::True, &files("theme = 'dark'", ""));
        preferences.choose("light");
        preferences.reload(&files("theme = 'dark'\n[keys]\nkill = 'f8'", ""));
        assert_eq!(preferences.theme(), "light");
        preferences.reload(&files("theme = 'high-contrast'", ""));
        assert_eq!(preferences.theme(), "high-contrast");
        preferences.reload(&SettingsFiles::default());
        assert_eq!(preferences.theme(), "terminal");
    }

    #[test]
    fn a_theme_that_is_gone_is_not_in_force() {
        let mut preferences = Preferences::new(ColourDepth::True, &files("theme = 'mine'", ""));
        assert_eq!(preferences.theme(), "mine");
        preferences.reload(&SettingsFiles { themes: Vec::new(), ..files("theme = 'mine'", "") });
        assert_eq!(preferences.theme(), "terminal");
        assert!(preferences.mistakes()[0].contains("there is no theme called mine"));
        assert!(Preferences::default().with_theme("drak").unwrap_err().ends_with("did you mean dark?"));
    }
}
