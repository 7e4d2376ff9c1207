//! What a person sets: the theme, and a key for each action. Texts come in, and mistakes in them are said with file and line;
//! reading the files is the program's.

pub(crate) mod document;
pub mod mistake;
mod preferences;

pub use preferences::{Preferences, SettingsFile, SettingsFiles, ThemeChoice};
