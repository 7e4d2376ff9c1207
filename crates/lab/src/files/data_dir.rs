//! The directory that holds the nodes' directories: the user's own, or a temporary one that leaves nothing behind.
//!
//! While a lab works in the user's own directory, it holds a lock on a file there, so two labs never share a directory. `temporary`
//! makes and removes a temporary one.

use crate::files::record::{DataOf, LabRecord};
use crate::files::temporary::TemporaryFolder;
use crate::setup::options::LabError;
use raftdeck_raft::NodeId;
use raftdeck_storage::fs::private;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// The locked file.
const LOCK: &str = "deck.lock";

/// What a directory is wanted for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WantedData<'a> {
    /// The user's directory; `None`: a temporary one.
    pub(crate) path: Option<&'a Path>,
    /// How many nodes are asked for.
    pub(crate) nodes: u8,
    /// What the nodes are.
    pub(crate) engine: DataOf,
    /// The program that stands by for a temporary directory.
    pub(crate) guard: Option<&'a Path>,
}

/// The directory, locked.
#[derive(Debug)]
pub(crate) struct DataDir {
    place: DataFolder,
    record: LabRecord,
}

#[derive(Debug)]
enum DataFolder {
    /// The user's, kept. The lock is released when the file is closed, also by a SIGKILL.
    Kept { path: PathBuf, _lock: File },
    /// The lab's own, removed when this value is dropped.
    Temporary(TemporaryFolder),
}

impl DataDir {
    /// Makes the directory, or makes sure that it can be used for these nodes, and locks it.
    pub(crate) fn prepare(wanted: &WantedData<'_>) -> Result<Self, LabError> {
        let WantedData { path, nodes, engine, guard } = *wanted;
        let Some(path) = path else {
            let made = TemporaryFolder::make(&std::env::temp_dir()).map_err(LabError::TemporaryDir)?;
            let made = match guard {
                Some(program) => made.guarded_by(program),
                None => made,
            };
            return Ok(Self { place: DataFolder::Temporary(made), record: LabRecord::new(nodes, engine) });
        };
        let unusable = |source| LabError::DataDir { path: path.to_owned(), source };
        check_writable(path).map_err(unusable)?;
        // Before the lock is looked at: no other user may take that.
        for exposed in private::tighten(path) {
            tracing::warn!("{exposed}");
        }
        let Some(lock) = lock(path).map_err(unusable)? else {
            return Err(LabError::InUse { path: path.to_owned(), holder: holder(path) });
        };
        let other = |found| LabError::OtherCluster { path: path.to_owned(), found, wanted: nodes };
        let recorded =
            LabRecord::load(path).map_err(|source| LabError::Record { path: path.to_owned(), source })?;
        let record = match recorded {
            Some(record) if record.engine() != engine => {
                let (path, found) = (path.to_owned(), record.engine());
                return Err(LabError::OtherEngine { path, found, wanted: engine });
            }
            Some(record) if record.is_of(nodes) => record,
            Some(record) => return Err(other(record.nodes().len())),
            None => match nodes_with_data(path).map_err(unusable)? {
                found if found != 0 && found != usize::from(nodes) => return Err(other(found)),
                _ => LabRecord::new(nodes, engine),
            },
        };
        record.save(path).map_err(unusable)?;
        Ok(Self { place: DataFolder::Kept { path: path.to_owned(), _lock: lock }, record })
    }

    /// The nodes whose data is here.
    pub(crate) fn record(&self) -> &LabRecord {
        &self.record
    }

    /// Adds a node and returns its id. If the record cannot be saved, no node is added.
    pub(crate) fn add(&mut self) -> io::Result<NodeId> {
        let mut record = self.record.clone();
        let node = record.add();
        self.replace(record)?;
        Ok(node)
    }

    /// Removes a node from the record; its data is [`wipe`]d when its process has ended.
    pub(crate) fn remove(&mut self, node: NodeId) -> io::Result<()> {
        let mut record = self.record.clone();
        record.remove(node);
        self.replace(record)
    }

    fn replace(&mut self, record: LabRecord) -> io::Result<()> {
        if let Some(path) = self.kept() {
            record.save(path)?;
        }
        self.record = record;
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        match &self.place {
            DataFolder::Kept { path, .. } => path,
            DataFolder::Temporary(made) => made.path(),
        }
    }

    /// The directory that outlives the lab, if this is one.
    pub(crate) fn kept(&self) -> Option<&Path> {
        match &self.place {
            DataFolder::Kept { path, .. } => Some(path),
            DataFolder::Temporary(_) => None,
        }
    }

    /// Where a node keeps its data.
    pub(crate) fn of(&self, node: NodeId) -> PathBuf {
        self.path().join(node.to_string())
    }
}

/// Removes the data of a removed node.
pub(crate) fn wipe(data: &Path) -> io::Result<()> {
    match fs::remove_dir_all(data) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn check_writable(path: &Path) -> io::Result<()> {
    private::create_dir_all(path)?;
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

/// Locks a directory that others may want too; `None` if another process has locked it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let options = &mut OpenOptions::new();
    let options = options.create(true).truncate(false).read(true).write(true);
    let mut file = private::open(&path.join(LOCK), options)?;
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

/// The process that has locked the directory, if the file says so.
fn holder(path: &Path) -> Option<u32> {
    let mut text = String::new();
    let file = private::open(&path.join(LOCK), OpenOptions::new().read(true)).ok()?;
    file.take(21).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPORARY: WantedData<'_> =
        WantedData { path: None, nodes: 3, engine: DataOf::Raftdeck, guard: None };

    fn at(path: &Path) -> WantedData<'_> {
        WantedData { path: Some(path), ..TEMPORARY }
    }

    #[test]
    fn a_temporary_directory_goes_with_its_value() {
        let made = DataDir::prepare(&TEMPORARY).unwrap();
        let path = made.path().to_owned();
        assert!(path.is_dir());
        drop(made);
        assert!(!path.exists());
    }

    #[test]
    fn a_directory_that_is_a_file_is_refused_by_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = DataDir::prepare(&at(file.path())).unwrap_err();
        assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
    }

    #[test]
    fn the_data_of_another_number_of_nodes_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let with = |nodes| WantedData { nodes, ..at(dir.path()) };
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
    fn the_data_of_another_engine_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::prepare(&WantedData { engine: DataOf::Etcd, ..at(dir.path()) }).unwrap());
        let error = DataDir::prepare(&at(dir.path())).unwrap_err().to_string();
        assert!(error.contains("is that of etcd members, not of raftdeck nodes"), "{error}");
    }

    #[test]
    fn nodes_that_were_added_and_removed_are_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let with = |nodes| WantedData { nodes, ..at(dir.path()) };
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
        let options = at(dir.path());
        let first = DataDir::prepare(&options).unwrap();
        let error = DataDir::prepare(&options).unwrap_err().to_string();
        assert!(error.contains(&format!("of process {}", std::process::id())), "{error}");
        drop(first);
        DataDir::prepare(&options).unwrap();
    }

    #[test]
    fn a_pipe_or_a_link_in_the_place_of_its_lock_is_refused_at_once() {
        use rustix::fs::{CWD, Mode, mkfifoat};
        let dir = tempfile::tempdir().unwrap();
        let with = at(dir.path());
        mkfifoat(CWD, dir.path().join(LOCK), Mode::RUSR | Mode::WUSR).unwrap();
        let error = DataDir::prepare(&with).unwrap_err().to_string();
        assert!(error.contains("it is not a regular file"), "{error}");
        fs::remove_file(dir.path().join(LOCK)).unwrap();
        fs::write(dir.path().join("mine"), "mine").unwrap();
        std::os::unix::fs::symlink(dir.path().join("mine"), dir.path().join(LOCK)).unwrap();
        let error = DataDir::prepare(&with).unwrap_err().to_string();
        assert!(error.contains("it is a symbolic link"), "{error}");
        assert_eq!(fs::read(dir.path().join("mine")).unwrap(), b"mine");
    }

    #[test]
    fn a_directory_that_is_open_to_others_is_closed_to_them() {
        use std::os::unix::fs::PermissionsExt;
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("data");
        let with = at(&path);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        drop(DataDir::prepare(&with).unwrap());
        let files = ["deck.lock", "deck.json"].map(|name| path.join(name));
        assert_eq!((mode(&path), files.each_ref().map(|file| mode(file))), (0o700, [0o600; 2]));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        for file in &files {
            fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
        }
        drop(DataDir::prepare(&with).unwrap());
        assert_eq!((mode(&path), files.each_ref().map(|file| mode(file))), (0o700, [0o600; 2]));
    }
}
