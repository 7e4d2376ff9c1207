//! The files of settings: reading them, noticing that one changed, and writing the theme's name.
//!
//! On Linux the kernel says when a file changed, and nothing wakes the program before. Elsewhere they are looked at once a second.

use crate::commands::paths;
use crate::files;
use crate::incoming::inbox::Inbox;
use raftdeck_deck::settings::{SettingsFile, SettingsFiles, with_theme};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

/// The files as they are now.
#[must_use]
pub fn read() -> SettingsFiles {
    let deck = paths::deck_settings().and_then(|path| file(&path));
    let themes = paths::themes_dir().map(|folder| own_themes(&folder)).unwrap_or_default();
    SettingsFiles { deck, themes }
}

/// Those of a folder, by name.
fn own_themes(folder: &Path) -> Vec<SettingsFile> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths: BTreeSet<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let is_theme = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "toml");
    paths.iter().filter(is_theme).filter_map(|path| file(path)).collect()
}

/// `None`: there is none.
fn file(path: &Path) -> Option<SettingsFile> {
    let is_file = fs::metadata(path).ok()?.is_file();
    let shown = path.display().to_string();
    let name = path.file_stem()?.to_string_lossy().into_owned();
    // A pipe would be waited for.
    let bytes = if is_file { files::read(&shown) } else { Err("it is not a regular file".to_owned()) };
    let text = bytes.and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| "it is not UTF-8, so it is not TOML".to_owned())
    });
    Some(SettingsFile { path: shown, name, text })
}

/// Writes the theme's name into `deck.toml`, and leaves all else in it as it is. Returns the file, or why it could not be written.
pub fn keep_theme(name: &str) -> Result<String, String> {
    let path = paths::deck_settings().ok_or("there is no home directory")?;
    keep_theme_in(&path, name)
}

fn keep_theme_in(path: &Path, name: &str) -> Result<String, String> {
    let shown = path.display().to_string();
    let text = file(path).map_or(Ok(String::new()), |file| file.text);
    let text = text.map_err(|why| format!("{shown} cannot be read: {why}"))?;
    let text = with_theme(&text, name).map_err(|mistake| format!("{shown}:{mistake}"))?;
    let cannot = |error: io::Error| format!("{shown} cannot be written: {error}");
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    // A link stays one: what it leads to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    files::replace(&target, &text).map_err(cannot)?;
    Ok(shown)
}

/// Has the inbox told whenever a file of settings changes, compared with `known`. The thread ends with the process, or when the deck ends.
pub fn watch(inbox: &Arc<Inbox>, known: SettingsFiles) -> io::Result<()> {
    let inbox = Arc::clone(inbox);
    thread::Builder::new().name("settings".to_owned()).spawn(move || {
        let mut known = known;
        loop {
            // Looked at after the watch is set up, so that no change falls between.
            let wait = changes::watch(&places());
            let now = read();
            if now != known {
                known = now.clone();
                if !inbox.settings(now) {
                    return;
                }
            }
            wait.wait();
        }
    })?;
    Ok(())
}

/// The folders in which something may change: those of the files, those to which links lead, and, for a folder that does not exist yet, the
/// nearest above it that does.
fn places() -> BTreeSet<PathBuf> {
    let settings = paths::deck_settings();
    let mut places = BTreeSet::new();
    let folders = [settings.as_deref().and_then(Path::parent).map(Path::to_owned), paths::themes_dir()];
    for folder in folders.into_iter().flatten() {
        places.extend(folder.ancestors().find(|folder| folder.is_dir()).map(Path::to_owned));
    }
    let links = settings.into_iter().filter_map(|path| fs::canonicalize(path).ok());
    places.extend(links.filter_map(|path| Some(path.parent()?.to_owned())));
    places
}

#[cfg(target_os = "linux")]
mod changes {
    //! Waits for the kernel to say that something in a folder changed.

    use rustix::fd::OwnedFd;
    use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};
    use std::collections::BTreeSet;
    use std::mem::MaybeUninit;
    use std::path::PathBuf;
    use std::thread;
    use std::time::Duration;

    /// Where the kernel does not say it, the files are looked at after this.
    const PATIENCE: Duration = Duration::from_secs(1);

    /// Begins to watch these folders.
    pub(super) fn watch(folders: &BTreeSet<PathBuf>) -> Wait {
        let Ok(notices) = inotify::init(CreateFlags::CLOEXEC) else { return Wait(None) };
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF;
        let watched = folders.iter().filter(|folder| inotify::add_watch(&notices, *folder, flags).is_ok());
        Wait((watched.count() > 0).then_some(notices))
    }

    /// The way by which the kernel says it; `None`: it does not.
    pub(super) struct Wait(Option<OwnedFd>);

    impl Wait {
        /// Waits for a change.
        pub(super) fn wait(self) {
            let Some(notices) = self.0 else { return thread::sleep(PATIENCE) };
            let mut bytes = [MaybeUninit::uninit(); 4096];
            if Reader::new(&notices, &mut bytes).next().is_err() {
                thread::sleep(PATIENCE);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod changes {
    //! Looks again after a second.

    use std::collections::BTreeSet;
    use std::path::PathBuf;
    use std::thread;
    use std::time::Duration;

    pub(super) fn watch(_folders: &BTreeSet<PathBuf>) -> Wait {
        Wait
    }

    pub(super) struct Wait;

    impl Wait {
        pub(super) fn wait(self) {
            thread::sleep(Duration::from_secs(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_theme_is_written_and_all_else_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raftdeck/deck.toml");
        keep_theme_in(&path, "dark").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "theme = \"dark\"\n");
        fs::write(&path, "theme = 'dark' # at night\n[keys]\nkill = 'f8'\n").unwrap();
        keep_theme_in(&path, "light").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "theme = \"light\" # at night\n[keys]\nkill = 'f8'\n");
        fs::write(&path, "[keys").unwrap();
        assert!(keep_theme_in(&path, "dark").unwrap_err().contains("deck.toml:1: this is not valid TOML"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "[keys", "a file with a mistake is left alone");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("deck.toml"), folder.path().join("kept.toml"));
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        keep_theme_in(&path, "dark").unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "theme = \"dark\"\n");
    }

    #[test]
    fn themes_are_the_toml_files_of_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.toml", "a.toml", "notes.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names: Vec<String> = own_themes(folder.path()).into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(own_themes(&folder.path().join("none")), []);
    }
}
