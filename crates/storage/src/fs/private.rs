//! Private files and directories: created for this user only, and opened only if they are this user's regular files.
//! A name in a folder that others can write to may be theirs: a pipe that blocks its reader forever, or a link to
//! another file.

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::geteuid;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The mode of a directory that only its user may enter.
const DIRECTORY: u32 = 0o700;

/// The mode of a file that only its user may read and write.
const FILE: u32 = 0o600;

/// What others have no business with, in a mode.
const OTHERS: u32 = 0o077;

/// Something that was open to other users.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} was open to other users of this machine (mode {mode:04o}), {}",
    path.display(),
    match failed {
        None => "and is now open to this user only".to_owned(),
        Some(cause) => format!("and stays so, because its mode cannot be changed: {cause}"),
    }
)]
pub struct Exposed {
    /// The directory or file.
    pub path: PathBuf,
    /// Its mode before.
    pub mode: u32,
    /// Why it is so still.
    pub failed: Option<io::Error>,
}

/// Makes a directory and what is missing above it. What is made here is for this user alone.
pub fn create_dir_all(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY).create(dir)
}

/// Opens a regular file of this user's as `options` say. Follows no link and does not block; a file that is created is for
/// this user alone.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options.mode(FILE).custom_flags(flags(OFlags::empty())).open(path).map_err(explained)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(not_regular());
    }
    check_owner(&metadata)?;
    Ok(file)
}

/// Opens a directory of this user's itself, for its lock. Follows no link and does not block.
pub fn open_dir(path: &Path) -> io::Result<File> {
    let directory = OpenOptions::new().read(true).custom_flags(flags(OFlags::DIRECTORY)).open(path);
    let directory = directory.map_err(explained)?;
    check_owner(&directory.metadata()?)?;
    Ok(directory)
}

/// Closes a directory and the files in it to other users, and says what was open. What is below it stays as it is; what is
/// not there, or goes meanwhile, was not open.
#[must_use]
pub fn tighten(dir: &Path) -> Vec<Exposed> {
    // The directory first: no other user can open a file in it after that.
    let mut exposed: Vec<_> = close(dir, DIRECTORY).into_iter().collect();
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    exposed.extend(entries.filter_map(|entry| close(&entry.path(), FILE)));
    exposed
}

/// Gives a path this mode if others have access to it and it is a directory for that of one, or a file for that of one.
fn close(path: &Path, to: u32) -> Option<Exposed> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let is_meant = if to == DIRECTORY { metadata.is_dir() } else { metadata.is_file() };
    let mode = metadata.mode() & 0o7777;
    if !is_meant || mode & OTHERS == 0 {
        return None;
    }
    let failed = fs::set_permissions(path, Permissions::from_mode(to)).err();
    Some(Exposed { path: path.to_owned(), mode, failed })
}

fn check_owner(metadata: &fs::Metadata) -> io::Result<()> {
    let (owner, user) = (metadata.uid(), geteuid().as_raw());
    if owner == user {
        return Ok(());
    }
    let sentence =
        format!("it belongs to the user with id {owner}, and this process runs as the one with id {user}");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, sentence))
}

fn flags(more: OFlags) -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK | more).bits().cast_signed()
}

fn explained(error: io::Error) -> io::Error {
    match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => io::Error::other("it is a symbolic link, which is not followed"),
        // A pipe without a reader.
        Some(Errno::NXIO) => not_regular(),
        _ => error,
    }
}

fn not_regular() -> io::Error {
    io::Error::other("it is not a regular file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::os::unix::fs::{chown, symlink};

    fn read() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true);
        options
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn what_is_made_is_for_this_user_alone() {
        let above = tempfile::tempdir().unwrap();
        let dir = above.path().join("one/two");
        create_dir_all(&dir).unwrap();
        open(&dir.join("file"), &mut read()).unwrap();
        assert_eq!([&dir, dir.parent().unwrap()].map(mode), [0o700; 2]);
        assert_eq!(mode(&dir.join("file")), 0o600);
    }

    #[test]
    fn a_pipe_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).unwrap();
        let error = open(&pipe, OpenOptions::new().read(true)).unwrap_err().to_string();
        assert_eq!(error, "it is not a regular file");
        open(&pipe, &mut read()).unwrap_err();
        let error = open(&pipe, OpenOptions::new().append(true)).unwrap_err().to_string();
        assert_eq!(error, "it is not a regular file");
        open_dir(&pipe).unwrap_err();
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "mine").unwrap();
        symlink(&file, &link).unwrap();
        let error = open(&link, &mut read()).unwrap_err().to_string();
        assert_eq!(error, "it is a symbolic link, which is not followed");
        let to_a_dir = dir.path().join("to-a-dir");
        symlink(dir.path(), &to_a_dir).unwrap();
        open_dir(&to_a_dir).unwrap_err();
        assert!(tighten(&link).is_empty() && fs::read(&file).unwrap() == b"mine");
    }

    #[test]
    fn another_user_s_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        if let Err(error) = chown(&file, Some(65534), None) {
            println!("skipped: only root can give a file to another user ({error})");
            return;
        }
        let error = open(&file, &mut read()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(
            error.to_string().starts_with("it belongs to the user with id 65534, and this process runs as")
        );
    }

    #[test]
    fn what_was_open_is_closed_and_told() {
        let above = tempfile::tempdir().unwrap();
        let dir = above.path().join("data");
        fs::create_dir(&dir).unwrap();
        for (name, mode) in [("open", 0o644), ("closed", 0o600), ("strange", 0o666)] {
            fs::write(dir.join(name), "").unwrap();
            fs::set_permissions(dir.join(name), Permissions::from_mode(mode)).unwrap();
        }
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        let mut told: Vec<_> = tighten(&dir).iter().map(ToString::to_string).collect();
        told.sort();
        let line = |path: &Path, mode: &str| {
            format!(
                "{} was open to other users of this machine (mode {mode}), and is now open to this user only",
                path.display()
            )
        };
        let expected =
            [line(&dir, "0755"), line(&dir.join("open"), "0644"), line(&dir.join("strange"), "0666")];
        assert_eq!(told, expected);
        assert!(tighten(&dir).is_empty());
        assert!(tighten(&dir.join("missing")).is_empty());
        assert_eq!((mode(&dir), mode(&dir.join("open"))), (0o700, 0o600));
    }
}
