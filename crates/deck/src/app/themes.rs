//! The settings as they change while the deck runs: the theme picker, and files that were edited.
//!
//! Moving through the picker shows each theme at once. Enter keeps one, Esc brings back the one before.

use crate::app::notice::Notice;
use crate::app::reduce::closes;
use crate::app::{App, Effect};
use crate::settings::SettingsFiles;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::time::Duration;

/// The theme picker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThemePicker {
    /// The place of the theme that is shown.
    at: usize,
}

impl ThemePicker {
    /// The place of the theme that is shown.
    #[must_use]
    pub fn at(self) -> usize {
        self.at
    }
}

/// Opens the picker at the theme in force.
pub(super) fn open(app: &mut App) {
    let themes = app.preferences.themes();
    let at = themes.iter().position(|choice| choice.sheet.name == app.preferences.theme());
    app.picker = Some(ThemePicker { at: at.unwrap_or(0) });
}

/// Takes a key while the picker is open.
pub(super) fn picker_key(app: &mut App, picker: ThemePicker, event: KeyEvent) -> Vec<Effect> {
    if closes(event) {
        close(app);
        return Vec::new();
    }
    if event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return Vec::new();
    }
    match event.code {
        KeyCode::Enter => return keep_shown(app, picker),
        KeyCode::Up | KeyCode::Char('k') => show(app, picker.at.saturating_sub(1)),
        KeyCode::Down | KeyCode::Char('j') => show(app, picker.at + 1),
        KeyCode::Home | KeyCode::Char('g') => show(app, 0),
        KeyCode::End | KeyCode::Char('G') => show(app, usize::MAX),
        _ => {}
    }
    Vec::new()
}

/// Takes a click while the picker is open: on a row it shows that theme, on the one that is shown it keeps it.
pub(super) fn picker_click(app: &mut App, picker: ThemePicker, row: Option<usize>) -> Vec<Effect> {
    match row {
        Some(row) if row == picker.at => return keep_shown(app, picker),
        Some(row) => show(app, row),
        None => close(app),
    }
    Vec::new()
}

/// Shows the theme at this place, or the nearest there is, without keeping it.
pub(super) fn show(app: &mut App, place: usize) {
    let at = place.min(app.preferences.themes().len().saturating_sub(1));
    app.picker = Some(ThemePicker { at });
    app.restyle();
}

fn close(app: &mut App) {
    app.picker = None;
    app.restyle();
}

fn keep_shown(app: &mut App, picker: ThemePicker) -> Vec<Effect> {
    let name = app.preferences.themes().get(picker.at).map(|choice| choice.sheet.name.clone());
    name.map(|name| keep(app, &name)).unwrap_or_default()
}

/// Brings the theme of this name into force, and has it written into the settings.
pub(super) fn keep(app: &mut App, name: &str) -> Vec<Effect> {
    app.preferences.choose(name);
    close(app);
    vec![Effect::KeepTheme(name.to_owned())]
}

/// The theme was written into the settings, into this file, or was not; why.
pub(super) fn kept(app: &mut App, result: Result<String, String>, now: Duration) {
    let text = match result {
        Ok(file) => format!("theme {} is kept in {file}", app.preferences.theme()),
        Err(why) => format!("theme {} is not kept: {why}", app.preferences.theme()),
    };
    app.notice = Some(Notice::new(text, now));
    app.mark_changed();
}

/// Takes the settings' files as they are now. What is wrong in them is said, and what was in force before stays.
pub(super) fn reload(app: &mut App, files: &SettingsFiles, now: Duration) {
    let before = app.preferences.clone();
    app.preferences.reload(files);
    app.restyle();
    let after = &app.preferences;
    if after.mistakes() != before.mistakes() {
        say_mistakes(app, now);
    }
    let after = &app.preferences;
    let acts = after.keymap() != before.keymap() || after.sheet() != before.sheet();
    if acts && after.mistakes().is_empty() {
        app.notice = Some(Notice::new("the settings changed and are in force", now));
    }
}

/// Says what is wrong in the settings, if anything is.
pub(super) fn say_mistakes(app: &mut App, now: Duration) {
    let mistakes = app.preferences.mistakes();
    let more = match mistakes.len() {
        0 | 1 => String::new(),
        many => format!(" (and {} more)", many - 1),
    };
    if let Some(first) = mistakes.first() {
        app.notice = Some(Notice::staying(format!("{first}{more}"), now));
    }
}
