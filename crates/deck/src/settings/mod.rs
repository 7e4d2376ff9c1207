//! What a person sets: the theme, and a key for each action. Texts come in, and mistakes in them are said with file and line;
//! reading the files is the program's.

mod deck_file;
pub(crate) mod document;
pub mod keymap;
pub mod mistake;
mod preferences;
mod template;

pub use deck_file::{DeckFile, with_theme};
pub use keymap::Keymap;
pub use preferences::{Preferences, SettingsFile, SettingsFiles, ThemeChoice};
pub use template::template;
