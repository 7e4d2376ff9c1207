//! The directory that holds the nodes' directories: the user's own, or a temporary one that leaves nothing behind.
//!
//! While a lab works in it, the lab holds a lock on a file there. So two labs never share a directory, and what a lab
//! that was killed left in the temporary directory is known to be nobody's, and removed by the next.

use crate::options::{LabError, LabOptions};
use crate::record::Record;
use raftdeck_raft::NodeId;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The locked file.
const LOCK: &str = "deck.lock";

/// What temporary directories' names begin with.
const PREFIX: &str = "raftdeck-";

/// The directory, locked.
#[derive(Debug)]
pub(crate) struct DataDir {
    place: Place,
    record: Record,
    /// The lock goes when this is closed, also by a SIGKILL.
    #[cfg_attr(not(test), expect(dead_code, reason = "held, never read"))]
    lock: File,
}

#[derive(Debug)]
enum Place {
    /// The user's, kept.
    Kept(PathBuf),
    /// The lab's own, removed when this value is dropped.
    Temporary(tempfile::TempDir),
}

impl DataDir {
    /// Makes the directory, or makes sure that it can be used for these nodes, and locks it.
    pub(crate) fn prepare(options: &LabOptions) -> Result<Self, LabError> {
        let Some(path) = &options.data_dir else {
            return Self::temporary(&std::env::temp_dir(), options.nodes).map_err(LabError::TemporaryDir);
        };
        let unusable = |source| LabError::DataDir { path: path.clone(), source };
        check_writable(path).map_err(unusable)?;
        let Some(lock) = lock(path).map_err(unusable)? else {
            let holder = fs::read_to_string(path.join(LOCK)).ok().and_then(|pid| pid.trim().parse().ok());
            return Err(LabError::InUse { path: path.clone(), holder });
        };
        let other = |found| LabError::OtherCluster { path: path.clone(), found, wanted: options.nodes };
        let recorded =
            Record::load(path).map_err(|source| LabError::Record { path: path.clone(), source })?;
        let record = match recorded {
            Some(record) if record.is_of(options.nodes) => record,
            Some(record) => return Err(other(record.nodes().len())),
            None => match nodes_with_data(path).map_err(unusable)? {
                found if found != 0 && found != usize::from(options.nodes) => return Err(other(found)),
                _ => Record::new(options.nodes),
            },
        };
        record.save(path).map_err(unusable)?;
        Ok(Self { place: Place::Kept(path.clone()), record, lock })
    }

    /// The nodes whose data is here.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// One more node, and its id. What cannot be remembered does not happen.
    pub(crate) fn add(&mut self) -> io::Result<NodeId> {
        let mut record = self.record.clone();
        let node = record.add();
        self.replace(record)?;
        Ok(node)
    }

    /// A node that is no more; its data is [`wipe`]d when its process has ended.
    pub(crate) fn remove(&mut self, node: NodeId) -> io::Result<()> {
        let mut record = self.record.clone();
        record.remove(node);
        self.replace(record)
    }

    fn replace(&mut self, record: Record) -> io::Result<()> {
        if let Some(path) = self.kept() {
            record.save(path)?;
        }
        self.record = record;
        Ok(())
    }

    fn temporary(parent: &Path, nodes: u8) -> io::Result<Self> {
        sweep(parent);
        let made = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = lock_new(made.path())?;
        Ok(Self { place: Place::Temporary(made), record: Record::new(nodes), lock })
    }

    pub(crate) fn path(&self) -> &Path {
        match &self.place {
            Place::Kept(path) => path,
            Place::Temporary(made) => made.path(),
        }
    }

    /// The directory that outlives the lab, if it is such a one.
    pub(crate) fn kept(&self) -> Option<&Path> {
        match &self.place {
            Place::Kept(path) => Some(path),
            Place::Temporary(_) => None,
        }
    }

    /// Where a node keeps its data.
    pub(crate) fn of(&self, node: NodeId) -> PathBuf {
        self.path().join(node.to_string())
    }
}

/// Removes the data of a node that is no more.
pub(crate) fn wipe(data: &Path) -> io::Result<()> {
    match fs::remove_dir_all(data) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn check_writable(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)?;
    // Permissions, a full disk and a read-only mount all show when something is written.
    tempfile::tempfile_in(path).map(|_| ())
}

/// The highest id of a node that has data here; 0 if none has.
fn nodes_with_data(path: &Path) -> io::Result<usize> {
    let mut highest = 0;
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let id = entry.file_name().to_str().and_then(|name| name.strip_prefix('n')?.parse::<usize>().ok());
        let Some(id) = id.filter(|_| entry.path().is_dir()) else { continue };
        if id > highest && fs::read_dir(entry.path())?.next().is_some() {
            highest = id;
        }
    }
    Ok(highest)
}

/// Locks a directory that others may want too; `None` if somebody else has it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let mut file =
        File::options().create(true).truncate(false).read(true).write(true).open(path.join(LOCK))?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            writeln!(file, "{}", std::process::id())?;
            Ok(Some(file))
        }
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Locks a directory that nobody else knows yet. The file gets its name when it is locked: before that, another
/// lab's [`sweep`] must not take it for one that was left behind.
fn lock_new(path: &Path) -> io::Result<File> {
    let file = tempfile::NamedTempFile::new_in(path)?;
    file.as_file().lock()?;
    Ok(file.persist(path.join(LOCK))?)
}

/// Removes what labs that were killed left behind. Whatever cannot be removed is none of this lab's business.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let lock = is_ours.then(|| File::open(entry.path().join(LOCK)).ok()).flatten();
        if lock.is_some_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> LabOptions {
        LabOptions::new("raftdeck", &["node"], 3)
    }

    #[test]
    fn a_temporary_directory_goes_with_its_value() {
        let made = DataDir::prepare(&options()).unwrap();
        let path = made.path().to_owned();
        assert!(path.is_dir());
        drop(made);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_that_is_a_file_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let data_dir = Some(file.path().to_owned());
        let error = DataDir::prepare(&LabOptions { data_dir, ..options() }).unwrap_err();
        assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
    }

    #[test]
    fn the_data_of_another_number_of_nodes_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let with = |nodes| LabOptions { nodes, data_dir: Some(dir.path().to_owned()), ..options() };
        for id in 1..=3 {
            let node = dir.path().join(format!("n{id}"));
            std::fs::create_dir(&node).unwrap();
            std::fs::write(node.join("log"), "x").unwrap();
        }
        std::fs::create_dir(dir.path().join("n5")).unwrap();
        std::fs::write(dir.path().join("notes"), "x").unwrap();
        DataDir::prepare(&with(3)).unwrap();
        for nodes in [1, 5] {
            let error = DataDir::prepare(&with(nodes)).unwrap_err();
            assert!(error.to_string().contains("is that of 3 nodes"), "{error}");
        }
    }

    #[test]
    fn nodes_that_were_added_and_removed_are_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let with = |nodes| LabOptions { nodes, data_dir: Some(dir.path().to_owned()), ..options() };
        let mut first = DataDir::prepare(&with(3)).unwrap();
        assert_eq!(first.add().unwrap(), NodeId(4));
        assert_eq!(first.add().unwrap(), NodeId(5));
        first.remove(NodeId(2)).unwrap();
        drop(first);
        for nodes in [3, 4] {
            let again = DataDir::prepare(&with(nodes)).unwrap();
            assert_eq!(again.record().nodes(), [1, 3, 4, 5].map(NodeId));
        }
        let error = DataDir::prepare(&with(5)).unwrap_err().to_string();
        assert!(error.contains("is that of 4 nodes, not 5"), "{error}");
        std::fs::write(dir.path().join("deck.json"), "{").unwrap();
        let error = DataDir::prepare(&with(3)).unwrap_err().to_string();
        assert!(error.contains("deck.json in it is damaged"), "{error}");
    }

    #[test]
    fn a_directory_in_which_another_lab_works_is_refused_by_its_process() {
        let dir = tempfile::tempdir().unwrap();
        let options = LabOptions { data_dir: Some(dir.path().to_owned()), ..options() };
        let first = DataDir::prepare(&options).unwrap();
        let error = DataDir::prepare(&options).unwrap_err().to_string();
        assert!(error.contains(&format!("of process {}", std::process::id())), "{error}");
        drop(first);
        DataDir::prepare(&options).unwrap();
    }

    #[test]
    fn what_a_killed_lab_left_is_removed_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let at_work = DataDir::temporary(parent.path(), 3).unwrap();
        let killed = DataDir::temporary(parent.path(), 3).unwrap();
        let Place::Temporary(left) = killed.place else { panic!("it is temporary") };
        let left = left.keep();
        drop(killed.lock);
        let strangers = ["raftdeck-notes", "other"].map(|name| parent.path().join(name));
        for stranger in &strangers {
            fs::create_dir(stranger).unwrap();
        }
        let _next = DataDir::temporary(parent.path(), 3).unwrap();
        assert!(!left.exists());
        assert!(at_work.path().exists() && strangers.iter().all(|stranger| stranger.exists()));
    }
}
