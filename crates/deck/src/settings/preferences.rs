//! The settings in force, and what was wrong with those that are not.

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
        Self { depth, themes: themes(&files.themes, &[]), theme: theme::DEFAULT.to_owned() }
    }

    /// The same with this theme, if there is one of this name.
    pub fn with_theme(mut self, name: &str) -> Result<Self, String> {
        if self.named(name).is_none() {
            let known: Vec<&str> = self.themes.iter().map(|choice| choice.sheet.name.as_str()).collect();
            return Err(format!("there is no theme called {name}; {}", near(name, &known)));
        }
        name.clone_into(&mut self.theme);
        Ok(self)
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

    fn named(&self, name: &str) -> Option<&Sheet> {
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
