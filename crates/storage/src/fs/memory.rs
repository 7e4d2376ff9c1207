//! A virtual disk in memory that keeps apart what is durable and what is only written, and can lose the latter.
//!
//! It uses no randomness and no clock: the same calls give the same disk. It is meant to be at least as adverse as a
//! real disk: writes tear at any byte, sectors of unsynced writes reach the disk in any order, and after a failed
//! sync the lost data stays readable until the machine goes down.

use super::content::{Change, Content, chance};
use super::{File, FileSystem, Lock, LockError};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much of what was written but not synced is still there after [`MemoryFs::crash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// All: only the process died, the system's cache lives on and nothing became durable by it.
    Process,
    /// Nothing.
    Nothing,
    /// Of each file's unsynced writes, in the order of writing, only this many of the first bytes.
    Prefix(usize),
    /// Some sectors and not others, chosen by this seed; likewise some changes of names.
    Sectors(u64),
}

/// A virtual disk. Clones are handles to the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryFs {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    /// Counts the crashes: handles from before a crash are dead.
    life: u64,
    files: BTreeMap<u64, Content>,
    next_file: u64,
    directories: BTreeSet<PathBuf>,
    /// Names as they are now and as they would be after a power loss.
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    /// What leads from `durable_names` to `names`, in order.
    unsynced_names: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
    capacity: Option<usize>,
    failing_sync: Option<u64>,
    syncs: u64,
    /// How many more changes the machine carries out before it stops.
    changes_left: Option<u64>,
}

/// A change of a directory, which reaches the disk whole or not at all.
#[derive(Clone, Debug)]
enum NameChange {
    Create { path: PathBuf, id: u64 },
    Remove { path: PathBuf },
    Rename { from: PathBuf, to: PathBuf, id: u64 },
}

impl MemoryFs {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another disk with everything that a reader sees on this one now, all of it durable: a backup.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut disk = self.disk().clone();
        disk.names.clone_into(&mut disk.durable_names);
        disk.unsynced_names.clear();
        disk.capacity = None;
        for file in disk.files.values_mut() {
            let bytes = std::mem::take(&mut file.current);
            file.put(&bytes);
        }
        let copy = Self { disk: Arc::new(Mutex::new(disk)) };
        copy.crash(Survival::Process);
        copy
    }

    /// The process that used the disk is gone, and with it its handles and locks: every handle opened before
    /// fails from now on. A halt and a failing sync that were asked for are over. Unless only the process died, what was not
    /// durable is lost as `survival` says, and what survived is durable.
    pub fn crash(&self, survival: Survival) {
        let mut disk = self.disk();
        disk.life += 1;
        disk.changes_left = None;
        disk.failing_sync = None;
        disk.locks.clear();
        for file in disk.files.values_mut() {
            file.handles = 0;
        }
        if survival != Survival::Process {
            disk.lose_names(survival);
        }
        disk.drop_unreachable();
        if survival != Survival::Process {
            for (id, file) in &mut disk.files {
                file.crash(survival, *id);
            }
        }
    }

    /// After `successes` more syncs of files that succeed, one fails, and what it should have made durable is
    /// never written, though it stays readable until the next crash that is more than the process's.
    pub fn fail_sync_after(&self, successes: u64) {
        let mut disk = self.disk();
        disk.failing_sync = Some(disk.syncs + successes);
    }

    /// The machine stops after this many more changes (writes, cuts, syncs, new names): everything after them fails
    /// and has no effect, until [`MemoryFs::crash`] says what is left.
    pub fn halt_after(&self, changes: u64) {
        self.disk().changes_left = Some(changes);
    }

    /// Bounds the bytes in all files together; a write over it fails half done. `None` removes the bound.
    pub fn set_capacity(&self, bytes: Option<usize>) {
        self.disk().capacity = bytes;
    }

    /// How many syncs of files have succeeded or failed so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.disk().syncs
    }

    /// Inverts a bit of a file, counted from the lowest bit of its first byte. Nothing happens past its end.
    pub fn flip_bit(&self, path: &Path, bit: usize) {
        let mut disk = self.disk();
        if let Some(file) = disk.file_mut(path) {
            file.flip_bit(bit);
        }
    }

    /// What a reader of the file sees, or `None` if there is no such file.
    #[must_use]
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        self.disk().file_mut(path).map(|file| file.current.clone())
    }

    /// Replaces or creates a file, durably, and the directory it is in.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut disk = self.disk();
        if let Some(dir) = path.parent() {
            disk.create_dir(dir);
        }
        let id = disk.create(path);
        disk.durable_names.insert(path.to_owned(), id);
        disk.unsynced_names.retain(|change| !change.is_of(path));
        disk.files.entry(id).or_default().put(bytes);
    }

    /// How many bytes the file's unsynced writes hold: the useful range of [`Survival::Prefix`].
    #[must_use]
    pub fn unsynced(&self, path: &Path) -> usize {
        let mut disk = self.disk();
        disk.file_mut(path).map_or(0, |file| file.unsynced())
    }

    /// The disk, for a change of it.
    fn change(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let mut disk = self.disk();
        match &mut disk.changes_left {
            Some(0) => return Err(io::Error::other("the virtual machine has stopped")),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(disk)
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        // A test that panicked elsewhere leaves a disk that is still a disk.
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn file_mut(&mut self, path: &Path) -> Option<&mut Content> {
        let id = self.names.get(path)?;
        self.files.get_mut(id)
    }

    /// The id of the file of this name, which is created if it is missing.
    fn create(&mut self, path: &Path) -> u64 {
        if let Some(id) = self.names.get(path) {
            return *id;
        }
        let id = self.next_file;
        self.next_file += 1;
        self.files.insert(id, Content::default());
        self.change_name(NameChange::Create { path: path.to_owned(), id });
        id
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.unsynced_names.push(change);
    }

    /// The power fails: of the changes of names some are on the disk, each wholly.
    fn lose_names(&mut self, survival: Survival) {
        for (number, change) in std::mem::take(&mut self.unsynced_names).iter().enumerate() {
            if matches!(survival, Survival::Sectors(seed) if chance(seed, number as u64)) {
                change.apply(&mut self.durable_names);
            }
        }
        self.names = self.durable_names.clone();
    }

    /// Forgets the files that can no longer be reached, not even after a crash.
    fn drop_unreachable(&mut self) {
        let Self { files, names, durable_names, unsynced_names, .. } = self;
        let may_return = |id: &u64| unsynced_names.iter().any(|change| change.gives(*id));
        let named = |id: &u64| names.values().chain(durable_names.values()).any(|named| named == id);
        files.retain(|id, file| file.handles > 0 || named(id) || may_return(id));
    }

    fn create_dir(&mut self, dir: &Path) {
        self.directories.extend(dir.ancestors().map(Path::to_owned));
    }

    fn require_dir(&self, dir: Option<&Path>) -> io::Result<()> {
        match dir {
            Some(dir) if !self.directories.contains(dir) => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(()),
        }
    }

    /// How many more bytes fit.
    fn room(&self) -> usize {
        let Some(capacity) = self.capacity else { return usize::MAX };
        let named = self.names.values().filter_map(|id| self.files.get(id));
        capacity.saturating_sub(named.map(|file| file.current.len()).sum())
    }
}

impl FileSystem for MemoryFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.change()?;
        if dir.ancestors().any(|level| disk.names.contains_key(level)) {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        disk.create_dir(dir);
        Ok(())
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut disk = self.change()?;
        disk.require_dir(path.parent())?;
        let id = disk.create(path);
        disk.files.entry(id).or_default().handles += 1;
        Ok(Box::new(MemoryFile { fs: self.clone(), life: disk.life, id }))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let disk = self.disk();
        Ok(disk.names.contains_key(path) || disk.directories.contains(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.change()?;
        disk.require_dir(to.parent())?;
        let id = *disk.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        disk.change_name(NameChange::Rename { from: from.to_owned(), to: to.to_owned(), id });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.change()?;
        if !disk.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        disk.change_name(NameChange::Remove { path: path.to_owned() });
        disk.drop_unreachable();
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let disk = self.disk();
        disk.require_dir(Some(dir))?;
        Ok(disk.names.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.change()?;
        disk.require_dir(Some(dir))?;
        let Disk { durable_names, unsynced_names, .. } = &mut *disk;
        unsynced_names.retain(|change| {
            let inside = change.path().parent() == Some(dir);
            if inside {
                change.apply(durable_names);
            }
            !inside
        });
        disk.drop_unreachable();
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        let mut disk = self.change()?;
        disk.require_dir(path.parent())?;
        disk.create(path);
        if !disk.locks.insert(path.to_owned()) {
            return Err(LockError::Held { holder: "another process".to_owned() });
        }
        Ok(Box::new(MemoryLock { fs: self.clone(), life: disk.life, path: path.to_owned() }))
    }

    fn handle(&self) -> Box<dyn FileSystem> {
        Box::new(self.clone())
    }
}

impl NameChange {
    /// The name that it changes; for a renamed file, the new one.
    fn path(&self) -> &Path {
        match self {
            Self::Create { path, .. } | Self::Remove { path } | Self::Rename { to: path, .. } => path,
        }
    }

    fn is_of(&self, name: &Path) -> bool {
        self.path() == name || matches!(self, Self::Rename { from, .. } if from == name)
    }

    /// Whether this file has a name by it.
    fn gives(&self, file: u64) -> bool {
        matches!(self, Self::Create { id, .. } | Self::Rename { id, .. } if *id == file)
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Create { path, id } => {
                names.insert(path.clone(), *id);
            }
            Self::Remove { path } => {
                names.remove(path);
            }
            Self::Rename { from, to, id } => {
                names.remove(from);
                names.insert(to.clone(), *id);
            }
        }
    }
}

#[derive(Debug)]
struct MemoryLock {
    fs: MemoryFs,
    life: u64,
    path: PathBuf,
}

impl Lock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        let mut disk = self.fs.disk();
        // After a crash another process may hold the lock.
        if disk.life == self.life {
            disk.locks.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct MemoryFile {
    fs: MemoryFs,
    life: u64,
    id: u64,
}

impl MemoryFile {
    /// Runs `read` on the file, unless the disk crashed since it was opened.
    fn read<T>(&self, read: impl FnOnce(&Content) -> io::Result<T>) -> io::Result<T> {
        let mut disk = self.fs.disk();
        read(self.content(&mut disk)?)
    }

    fn content<'a>(&self, disk: &'a mut Disk) -> io::Result<&'a mut Content> {
        let lost = || io::Error::other("the virtual disk crashed since the file was opened");
        if disk.life != self.life {
            return Err(lost());
        }
        disk.files.get_mut(&self.id).ok_or_else(lost)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let mut disk = self.fs.disk();
        // A crash has closed all handles from before it.
        if disk.life != self.life {
            return;
        }
        if let Some(file) = disk.files.get_mut(&self.id) {
            file.handles -= 1;
            if file.handles == 0 {
                disk.drop_unreachable();
            }
        }
    }
}

impl File for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        self.read(|file| Ok(file.current.len() as u64))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read(|file| {
            let start = position(offset)?;
            let bytes = file.current.get(start..start.saturating_add(buffer.len()));
            buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let offset = position(offset)?;
        let mut disk = self.fs.change()?;
        let room = disk.room();
        let file = self.content(&mut disk)?;
        // What the write needs beyond the room is its end.
        let growth = (offset + bytes.len()).saturating_sub(file.current.len());
        let excess = growth.saturating_sub(room).min(bytes.len());
        file.change(Change::Write { offset, bytes: bytes[..bytes.len() - excess].to_vec() });
        if excess > 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let change = Change::SetLen(position(len)?);
        let mut disk = self.fs.change()?;
        self.content(&mut disk)?.change(change);
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let mut disk = self.fs.change()?;
        let fails = disk.failing_sync == Some(disk.syncs);
        disk.syncs += 1;
        self.content(&mut disk)?.sync(fails);
        if fails { Err(io::Error::other("the virtual disk failed to sync")) } else { Ok(()) }
    }
}

/// An offset as memory counts; the virtual disk ends at 1 GiB.
fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).ok().filter(|o| *o <= 1 << 30).ok_or_else(|| io::ErrorKind::FileTooLarge.into())
}
