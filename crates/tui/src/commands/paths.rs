//! The paths of the program's own files, and `raftdeck paths`, which prints them. Creates nothing.

use etcetera::BaseStrategy;
use serde_json::json;
use std::path::PathBuf;

/// The directory for files that can be lost without harm, such as histories: `$XDG_STATE_HOME/raftdeck`, else
/// `~/.local/state/raftdeck`. `None` if the user has no home directory.
#[must_use]
pub fn state_dir() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.state_dir().unwrap_or_else(|| base.data_dir()).join("raftdeck"))
}

/// The file with what was typed at the client's prompt.
#[must_use]
pub fn client_history() -> Option<PathBuf> {
    Some(state_dir()?.join("client-history"))
}

/// The file that what is copied is written to, where the terminal has no clipboard.
#[must_use]
pub fn clipboard() -> Option<PathBuf> {
    Some(state_dir()?.join("clipboard.txt"))
}

/// The file with how each drill went so far.
#[must_use]
pub fn drill_records() -> Option<PathBuf> {
    Some(state_dir()?.join("drills.json"))
}

/// The file with how far somebody is in each lesson.
#[must_use]
pub fn lesson_progress() -> Option<PathBuf> {
    Some(state_dir()?.join("lessons.json"))
}

/// The folder of what a person sets: `$XDG_CONFIG_HOME/raftdeck`, else `~/.config/raftdeck`.
fn config_dir() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.config_dir().join("raftdeck"))
}

/// The deck's settings: the theme and the keys.
#[must_use]
pub fn deck_settings() -> Option<PathBuf> {
    Some(config_dir()?.join("deck.toml"))
}

/// The file of the user's contexts.
#[must_use]
pub fn contexts() -> Option<PathBuf> {
    Some(config_dir()?.join("contexts.toml"))
}

/// The folder of the user's own themes.
#[must_use]
pub fn themes_dir() -> Option<PathBuf> {
    Some(config_dir()?.join("themes"))
}

/// What `raftdeck paths` prints: a line each, or one JSON object.
#[must_use]
pub fn told(as_json: bool) -> String {
    let shown = |path: Option<PathBuf>| path.map(|path| path.display().to_string());
    let all = [
        ("program", shown(std::env::current_exe().ok())),
        ("state", shown(state_dir())),
        ("client_history", shown(client_history())),
        ("drill_records", shown(drill_records())),
        ("lesson_progress", shown(lesson_progress())),
        ("deck_settings", shown(deck_settings())),
        ("themes", shown(themes_dir())),
        ("contexts", shown(contexts())),
        ("clipboard", shown(clipboard())),
        ("temporary_data", shown(Some(std::env::temp_dir()))),
    ];
    if as_json {
        let object = all.into_iter().map(|(name, path)| (name.to_owned(), json!(path))).collect();
        return format!("{}\n", serde_json::Value::Object(object));
    }
    let line = |(name, path): &(&str, Option<String>)| {
        format!(
            "{:15} {}\n",
            name.replace('_', " "),
            path.as_deref().unwrap_or("none: there is no home directory")
        )
    };
    all.iter().map(line).collect()
}
