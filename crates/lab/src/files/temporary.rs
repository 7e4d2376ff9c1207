//! Creates temporary folders for clusters, and removes them by one rule.
//!
//! A folder belongs to the process that holds the lock on the folder itself. The lock is the kernel's, so it ends with that process,
//! whatever ends it. It is not a file in the folder, so it cannot be removed before the folder is. A folder of this name that no
//! process has locked was left behind: by a process that was killed while it used, made or removed the folder. Making a folder
//! removes those first.
//!
//! A cluster under load leaves hundreds of megabytes, which should not stay until the next cluster. So a small guard process may
//! stand by ([`TemporaryFolder::guarded_by`]). It waits until a pipe from the process that made the folder is closed, for whatever
//! reason, and then removes the folder. The nodes cannot do this, as they are killed with that process. If the guard is killed too,
//! the folder is removed by the rule above.

use raftdeck_storage::fs::private;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The first argument of a program that is to stand by for a folder; the folder is the second argument. See [`stand_by`].
pub const STAND_BY: &str = "remove-when-abandoned";

/// How long the processes that worked in a folder may take to end after the process that made it.
const NODES_END_WITHIN: Duration = Duration::from_secs(10);

/// How often this is checked.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What the names begin with.
const PREFIX: &str = "raftdeck-cluster-";

/// The number of random characters that follow. No user would choose such a name.
const RANDOM: usize = 10;

/// Another process may take a folder that is not locked yet for one that was left behind, but not this often in a row.
const TRIES: usize = 20;

/// The names of earlier releases, with six random characters, and the file in the folder that they locked.
const FORMER: (&str, usize, &str) = ("raftdeck-", 6, "deck.lock");

/// A folder for the data of a cluster, for this user only. It is removed with this value. If the process is killed, it is removed
/// when the next folder is made in the same place.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    /// The guard process.
    guard: Option<Child>,
    /// Where folders cannot be locked, no process can take this one for an abandoned one either.
    _lock: File,
}

impl TemporaryFolder {
    /// Removes what was left behind in `parent`, and makes a new folder there.
    pub fn make(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        let mut taken = io::Error::other("each folder that was made was taken away at once");
        for _ in 0..TRIES {
            let mut builder = tempfile::Builder::new();
            builder.prefix(PREFIX).rand_bytes(RANDOM).permissions(Permissions::from_mode(0o700));
            let path = builder.tempdir_in(parent)?.keep();
            match claim(&path) {
                Ok(Some(lock)) => return Ok(Self { path, guard: None, _lock: lock }),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => taken = error,
                Err(error) => return Err(error),
            }
        }
        Err(taken)
    }

    /// The same, with a guard process that removes it if this process is killed. `program` calls [`stand_by`] if it is given
    /// [`STAND_BY`]. Without a guard the folder is only removed later, so a guard that cannot be started is not an error.
    #[must_use]
    pub fn guarded_by(mut self, program: &Path) -> Self {
        let mut command = Command::new(program);
        let Ok(folder) = std::path::absolute(&self.path) else { return self };
        command.arg(STAND_BY).arg(folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // In its own process group: signals from the terminal to this process do not reach the guard.
        self.guard = command.current_dir("/").process_group(0).spawn().ok();
        self
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        remove_all(&self.path);
        if let Some(guard) = &mut self.guard {
            // The guard sees that the folder is gone, and ends.
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }
}

/// Waits for the end of the process at the other end of the standard input. Then removes the folder that it made, if it still exists.
/// Removes nothing but such a folder.
pub fn stand_by(folder: &Path) {
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    let deadline = Instant::now() + NODES_END_WITHIN;
    while is_named(folder, PREFIX, RANDOM) && folder.exists() && Instant::now() < deadline {
        remove(folder);
        thread::sleep(LOOK_AGAIN);
    }
}

/// Locks a folder, unless another process has done so, or the folder is gone.
fn claim(path: &Path) -> io::Result<Option<File>> {
    let folder = private::open_dir(path)?;
    match folder.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    // The process that removed it held the lock until then.
    let (locked, there) = (folder.metadata()?, fs::symlink_metadata(path)?);
    Ok(((locked.dev(), locked.ino()) == (there.dev(), there.ino())).then_some(folder))
}

/// Removes what was left behind in a place. What cannot be removed, and what is not this user's, is left alone.
pub(crate) fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_ours = is_named(&path, PREFIX, RANDOM);
        let was_ours = || is_named(&path, FORMER.0, FORMER.1) && has_former_lock(&path);
        if (is_ours || was_ours()) && fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            remove(&path);
        }
    }
}

/// Removes a folder that no process has locked. The lock is held until it is gone.
fn remove(path: &Path) {
    if let Ok(folder) = private::open_dir(path)
        && folder.try_lock().is_ok()
    {
        remove_all(path);
    }
}

/// Removes a folder. A node that is being killed may still create one last file in it.
fn remove_all(path: &Path) {
    for _ in 0..TRIES {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            // What cannot be removed now is left to the next cluster.
            Ok(()) | Err(_) => return,
        }
    }
}

/// Whether a folder of an earlier release was left behind: its lock file exists, and no process holds the lock.
fn has_former_lock(path: &Path) -> bool {
    let lock = private::open(&path.join(FORMER.2), OpenOptions::new().read(true));
    lock.is_ok_and(|lock| lock.try_lock().is_ok())
}

fn is_named(path: &Path, prefix: &str, random: usize) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == random && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::os::unix::fs::{chown, symlink};

    fn names(parent: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(parent)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// What a killed process leaves: the folder, and no lock.
    fn left_behind(parent: &Path) -> PathBuf {
        let made = TemporaryFolder::make(parent).unwrap();
        let TemporaryFolder { path, .. } = &made;
        let (path, aside) = (path.clone(), parent.join("aside"));
        fs::rename(&path, &aside).unwrap();
        drop(made);
        fs::create_dir(aside.join("n1")).unwrap();
        fs::rename(&aside, &path).unwrap();
        path
    }

    #[test]
    fn a_folder_is_for_its_user_alone_and_goes_with_its_value() {
        let parent = tempfile::tempdir().unwrap();
        let made = TemporaryFolder::make(parent.path()).unwrap();
        assert_eq!(fs::metadata(made.path()).unwrap().mode() & 0o7777, 0o700);
        drop(made);
        assert!(names(parent.path()).is_empty());
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let at_work = TemporaryFolder::make(parent.path()).unwrap();
        let left = left_behind(parent.path());
        // Killed between the making of the folder and its lock, or in the middle of its removal: it is empty.
        let empty = parent.path().join("raftdeck-cluster-abcdefghij");
        fs::create_dir(&empty).unwrap();
        let strangers = ["raftdeck-notes", "raftdeck-cluster-notes", "raftdeck-abc123", "other"];
        for stranger in strangers {
            fs::create_dir(parent.path().join(stranger)).unwrap();
        }
        let next = TemporaryFolder::make(parent.path()).unwrap();
        assert!(!left.exists() && !empty.exists());
        assert!(at_work.path().exists() && next.path().exists());
        assert!(strangers.iter().all(|stranger| parent.path().join(stranger).exists()));
    }

    #[test]
    fn a_folder_of_an_earlier_release_goes_unless_its_lock_is_held() {
        let parent = tempfile::tempdir().unwrap();
        let [held, lost] = ["raftdeck-aaaaaa", "raftdeck-bbbbbb"].map(|name| parent.path().join(name));
        for folder in [&held, &lost] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("deck.lock"), "").unwrap();
        }
        let lock = File::open(held.join("deck.lock")).unwrap();
        lock.lock().unwrap();
        sweep(parent.path());
        assert_eq!(names(parent.path()), ["raftdeck-aaaaaa"]);
    }

    /// What another user puts into a shared folder causes no delay, and nothing is removed through it.
    #[test]
    fn pipes_links_and_other_users_folders_are_left_alone_at_once() {
        let (parent, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(elsewhere.path().join("deck.lock"), "mine").unwrap();
        let at = |name: &str| parent.path().join(name);
        let pipe = |path: &Path| mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR).unwrap();
        pipe(&at("raftdeck-cluster-aaaaaaaaaa"));
        symlink(elsewhere.path(), at("raftdeck-cluster-bbbbbbbbbb")).unwrap();
        fs::create_dir(at("raftdeck-cccccc")).unwrap();
        pipe(&at("raftdeck-cccccc/deck.lock"));
        symlink(elsewhere.path(), at("raftdeck-dddddd")).unwrap();
        fs::create_dir(at("raftdeck-eeeeee")).unwrap();
        symlink(elsewhere.path().join("deck.lock"), at("raftdeck-eeeeee/deck.lock")).unwrap();
        let theirs = at("raftdeck-cluster-ffffffffff");
        fs::create_dir(&theirs).unwrap();
        let is_root = chown(&theirs, Some(65534), None).is_ok();
        if !is_root {
            println!("skipped: only root can give a folder to another user");
            fs::remove_dir(&theirs).unwrap();
        }
        let before = names(parent.path());
        drop(TemporaryFolder::make(parent.path()).unwrap());
        assert_eq!(names(parent.path()), before);
        assert_eq!(fs::read(elsewhere.path().join("deck.lock")).unwrap(), b"mine");
    }
}
