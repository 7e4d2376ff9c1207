//! The program that nodes are started from, repeatedly: the same one for as long as the lab runs.
//!
//! The file at a path can change. A build or an installation during a run replaces the program, or removes it for a moment. A
//! node that is then restarted would run a different program than its peers. So on Linux the file is opened once, and every node is
//! started from the open file, even if it is renamed or removed. The program that is already running is taken as it runs. Where this
//! is not possible, a node is started only if the file is still the one that was there in the beginning.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A program, identified by its file.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its path at the start, and its name.
    path: PathBuf,
    /// `None`: it did not exist.
    file: Option<Identity>,
    #[cfg(target_os = "linux")]
    image: Option<std::os::fd::OwnedFd>,
}

/// Distinguishes a file from one that replaced it.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(file: &Metadata) -> Self {
        let modified = (file.mtime(), file.mtime_nsec());
        Self { device: file.dev(), inode: file.ino(), size: file.size(), modified }
    }
}

impl Program {
    /// The program at this path. It need not exist yet.
    pub(crate) fn at(path: &Path) -> Self {
        let file = std::fs::metadata(path).ok().as_ref().map(Identity::of);
        #[cfg(target_os = "linux")]
        let image = open(path);
        Self {
            path: without_mark(path),
            file,
            #[cfg(target_os = "linux")]
            image,
        }
    }

    /// Its name in process lists.
    pub(crate) fn name(&self) -> &Path {
        &self.path
    }

    /// The path to execute now.
    pub(crate) fn executable(&self) -> io::Result<PathBuf> {
        match self.opened() {
            Some(image) => Ok(image),
            None => self.unchanged(),
        }
    }

    /// By the id of this process, because a script's interpreter opens the file again.
    #[cfg(target_os = "linux")]
    fn opened(&self) -> Option<PathBuf> {
        use std::os::fd::AsRawFd;
        let image = self.image.as_ref()?;
        let path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), image.as_raw_fd()));
        path.exists().then_some(path)
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "Linux has one")]
    fn opened(&self) -> Option<PathBuf> {
        None
    }

    /// Its path, if the file there is still the one from the beginning.
    fn unchanged(&self) -> io::Result<PathBuf> {
        let Some(file) = &self.file else { return Ok(self.path.clone()) };
        let changed = |how: &str| {
            let path = self.path.display();
            io::Error::other(format!(
                "{path} {how} since this cluster was started, so a new node would run a different program than \
                 the others; put the program back, or restart the cluster"
            ))
        };
        match std::fs::metadata(&self.path) {
            Ok(now) if Identity::of(&now) == *file => Ok(self.path.clone()),
            Ok(_) => Err(changed("was replaced")),
            Err(_) => Err(changed("was removed")),
        }
    }
}

/// Opens the file itself, to be executed and not to be read; a program that already runs is opened as it runs, even if its path has
/// changed.
#[cfg(target_os = "linux")]
fn open(path: &Path) -> Option<std::os::fd::OwnedFd> {
    use rustix::fs::{Mode, OFlags};
    let is_this = std::env::current_exe().is_ok_and(|this| this == path);
    let path = if is_this { Path::new("/proc/self/exe") } else { path };
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// Linux marks the path of a running program whose file was removed.
fn without_mark(path: &Path) -> PathBuf {
    path.to_str()
        .and_then(|path| path.strip_suffix(" (deleted)"))
        .map_or_else(|| path.to_owned(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// A program that ends with this status.
    fn write(path: &Path, status: u8) {
        use std::os::unix::fs::PermissionsExt;
        let new = path.with_extension("new");
        std::fs::write(&new, format!("#!/bin/sh\nexit {status}\n")).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_same_program_is_started_when_its_file_is_replaced_and_when_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("program");
        write(&path, 3);
        let program = Program::at(&path);
        let status = || Command::new(program.executable().unwrap()).status().unwrap().code();
        assert_eq!(status(), Some(3));
        write(&path, 4);
        assert_eq!(status(), Some(3));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(status(), Some(3));
        assert_eq!(program.name(), path);
    }

    #[test]
    fn without_an_open_file_only_the_file_of_the_beginning_is_started() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("program");
        write(&path, 3);
        let program = Program::at(&path);
        assert_eq!(program.unchanged().unwrap(), path);
        write(&path, 4);
        let why = program.unchanged().unwrap_err().to_string();
        assert!(why.contains("was replaced since this cluster was started"), "{why}");
        std::fs::remove_file(&path).unwrap();
        assert!(program.unchanged().unwrap_err().to_string().contains("was removed"));
    }

    #[test]
    fn a_program_that_is_not_there_is_looked_for_when_it_is_started() {
        let program = Program::at(Path::new("/nonexistent/raftdeck"));
        assert_eq!(program.executable().unwrap(), Path::new("/nonexistent/raftdeck"));
        assert_eq!(without_mark(Path::new("/bin/raftdeck (deleted)")), Path::new("/bin/raftdeck"));
    }
}
