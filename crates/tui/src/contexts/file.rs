//! The file of contexts: where it is, reading it, and replacing it as a whole, for its owner alone.

use super::{Contexts, text};
use crate::commands::paths;
use crate::files;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file of contexts as it was read.
#[derive(Debug)]
pub struct ContextsFile {
    path: PathBuf,
    text: String,
    /// What it says.
    pub contexts: Contexts,
}

impl ContextsFile {
    /// Reads this file, or that of the user. One that does not exist has no contexts.
    pub fn read(path: Option<&Path>) -> Result<Self, String> {
        let of_user = || paths::contexts().ok_or("there is no home directory: name a file with --contexts");
        let path = path.map_or_else(of_user, |path| Ok(path.to_owned()))?;
        let shown = path.display().to_string();
        let bytes = if path.exists() { files::read(&shown) } else { Ok(Vec::new()) };
        let text = bytes.and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| "it is not UTF-8, so it is not TOML".to_owned())
        });
        let text = text.map_err(|why| format!("{shown} cannot be read: {why}"))?;
        // Without a folder in its name, it is in the present one.
        let whole =
            std::path::absolute(&path).map_err(|error| format!("{shown} cannot be found: {error}"))?;
        let folder = whole.parent().unwrap_or(Path::new("/"));
        let contexts = text::parse(&text, folder).map_err(|mistake| format!("{shown}:{mistake}"))?;
        Ok(Self { path, text, contexts })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces it by what `change` makes of its text: whole or not at all, readable and writable by its owner alone.
    pub fn change(self, change: impl FnOnce(&str) -> String) -> Result<(), String> {
        let cannot = |error: io::Error| format!("{} cannot be written: {error}", self.path.display());
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(cannot)?;
        }
        // A link stays one: what it leads to is replaced.
        let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let part = PathBuf::from(format!("{}.{}", target.display(), std::process::id()));
        let written = write(&part, &change(&self.text)).and_then(|()| fs::rename(&part, &target));
        written.map_err(|error| {
            // It may not have been made at all.
            let _ = fs::remove_file(&part);
            cannot(error)
        })
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_has_no_contexts_and_one_that_is_made_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raftdeck/contexts.toml");
        let file = ContextsFile::read(Some(&path)).unwrap();
        assert_eq!(file.contexts, Contexts::default());
        file.change(|_| "[contexts.a]\naddresses = 'h:1'\n".to_owned()).unwrap();
        let file = ContextsFile::read(Some(&path)).unwrap();
        assert_eq!(file.contexts.names().collect::<Vec<_>>(), ["a"]);
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "nothing is left beside it: {left:?}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_mistake_is_said_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contexts.toml");
        fs::write(&path, "\nname = 1\n").unwrap();
        let mistake = ContextsFile::read(Some(&path)).unwrap_err();
        assert!(mistake.contains("contexts.toml:2: the file has nothing called name"), "{mistake}");
    }
}
