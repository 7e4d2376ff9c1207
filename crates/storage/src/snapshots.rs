//! Snapshots on disk: each a file of its own, complete and checked, or absent. Knows nothing of what they contain, and
//! decides nothing about which are needed: what is there stays, byte for byte, until it is told what is in use. The first
//! error is the last thing it does.

use crate::error::{OpenError, StorageError};
use crate::fs::{File, FileSystem};
use crate::snapshot_file::{self, MAX_FILE, MAX_META, SnapshotFlaw, Writer};
use bytes::Bytes;
use raftdeck_raft::{LogId, LogIndex, SnapshotMeta, Term};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One that is being written.
const NEW: &str = "snapshot.new";
/// One that is being received.
const RECEIVED: &str = "snapshot.received";

/// The snapshots in a data directory. Its lock, which the [`LogStore`](crate::LogStore) holds, covers them too.
#[derive(Debug)]
pub struct Snapshots {
    fs: Box<dyn FileSystem>,
    dir: PathBuf,
    /// All of them durable and sound when they came in here.
    stored: BTreeMap<LogId, Stored>,
    received: Option<Received>,
    /// The first failure.
    failure: Option<StorageError>,
}

#[derive(Debug)]
struct Stored {
    path: PathBuf,
    file: Box<dyn File>,
    size: u64,
}

/// What has come in of another member's snapshot.
#[derive(Debug)]
struct Received {
    meta: SnapshotMeta,
    file: Box<dyn File>,
    size: u64,
}

impl Snapshots {
    /// The newest snapshot in a directory, checked, and its meta and size. Changes nothing on the disk.
    pub(crate) fn open(
        fs: &dyn FileSystem,
        dir: &Path,
    ) -> Result<(Self, Option<(SnapshotMeta, u64)>), OpenError> {
        let names = fs.list(dir).map_err(access("list", dir))?;
        let newest = names.iter().filter_map(|path| parse_name(path)).max();
        let mut snapshots = Self {
            fs: fs.handle(),
            dir: dir.to_owned(),
            stored: BTreeMap::new(),
            received: None,
            failure: None,
        };
        let Some(last) = newest else { return Ok((snapshots, None)) };
        let path = dir.join(name(last));
        let file = fs.open(&path).map_err(access("open", &path))?;
        let corrupt =
            |offset, what: &str| OpenError::Corrupt { file: path.clone(), offset, what: what.to_owned() };
        let meta = snapshot_file::read(&*file, drop).map_err(|flaw| match flaw {
            SnapshotFlaw::Io(cause) => access("read", &path)(cause),
            SnapshotFlaw::Damaged { offset, what } => corrupt(offset, what),
            SnapshotFlaw::Version(found) => {
                OpenError::Newer { file: path.clone(), found, reads: snapshot_file::VERSION }
            }
        })?;
        if meta.last != last {
            return Err(corrupt(0, "it is not the snapshot that its name says"));
        }
        let size = file.size().map_err(access("read", &path))?;
        snapshots.stored.insert(last, Stored { path, file, size });
        Ok((snapshots, Some((meta, size))))
    }

    /// Removes what a crash has left: files that are not whole, and snapshots older than the newest.
    pub(crate) fn remove_left_overs(&mut self) -> Result<(), OpenError> {
        for path in self.fs.list(&self.dir).map_err(access("list", &self.dir))? {
            let older = parse_name(&path).is_some_and(|last| !self.stored.contains_key(&last));
            if older || [NEW, RECEIVED].iter().any(|name| path == self.dir.join(name)) {
                self.fs.remove(&path).map_err(access("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Writes a snapshot of this content, makes it durable, and gives its size on disk in bytes: what a follower is
    /// sent. If it is there already, that one stays: a part of it may have been read.
    ///
    /// After an error the snapshot does not count as stored, and every later change fails.
    pub fn save(
        &mut self,
        meta: &SnapshotMeta,
        content: impl Iterator<Item = Bytes>,
    ) -> Result<u64, StorageError> {
        self.check()?;
        if let Some(stored) = self.stored.get(&meta.last) {
            return Ok(stored.size);
        }
        let result = self.write_new(meta, content).and_then(|(file, size)| {
            self.adopt(NEW, meta.last, file, size)?;
            Ok(size)
        });
        self.settle(result)
    }

    /// Removes those that are older than the newest one `in_use` and not in use themselves. Newer ones stay: they may have
    /// become durable after `in_use` was determined.
    pub fn remove_unused(&mut self, in_use: &[LogId]) -> Result<(), StorageError> {
        self.check()?;
        let result = self.remove_older(in_use);
        self.settle(result)
    }

    /// Up to `max` bytes of a snapshot's file from `offset` on, none from its end on; `None`: there is no such
    /// snapshot.
    pub fn read(&self, last: LogId, offset: u64, max: usize) -> Result<Option<Bytes>, StorageError> {
        let Some(stored) = self.stored.get(&last) else { return Ok(None) };
        let rest = stored.size.saturating_sub(offset);
        let mut bytes = vec![0; usize::try_from(rest).map_or(max, |rest| rest.min(max))];
        if !bytes.is_empty() {
            stored.file.read_at(offset, &mut bytes).map_err(failed("read", &stored.path))?;
        }
        Ok(Some(bytes.into()))
    }

    /// Takes in a piece of another member's snapshot file. Offset 0 starts anew. A piece that does not follow the one
    /// before it ends the reception: [`Snapshots::finish`] will find nothing.
    pub fn receive(&mut self, meta: &SnapshotMeta, offset: u64, data: &[u8]) -> Result<(), StorageError> {
        self.check()?;
        let result = self.take_in(meta, offset, data);
        self.settle(result)
    }

    fn take_in(&mut self, meta: &SnapshotMeta, offset: u64, data: &[u8]) -> Result<(), StorageError> {
        let path = self.dir.join(RECEIVED);
        if offset == 0 {
            let file = self.create(&path)?;
            self.received = Some(Received { meta: meta.clone(), file, size: 0 });
        }
        let end = offset.saturating_add(data.len() as u64);
        match &mut self.received {
            Some(received) if received.meta == *meta && received.size == offset && end <= MAX_FILE => {
                received.size = end;
                received.file.write_at(offset, data).map_err(write_failed(&path))
            }
            _ => {
                self.received = None;
                Ok(())
            }
        }
    }

    /// All pieces are in: the content, as it was given to [`Snapshots::save`] over there, before it counts for anything
    /// here. `None` if the bytes are damaged or are of another snapshot. It stays until [`Snapshots::finish`] or
    /// [`Snapshots::discard_received`].
    pub fn received(&self, meta: &SnapshotMeta) -> Result<Option<Vec<Bytes>>, StorageError> {
        self.check()?;
        let Some(received) = &self.received else { return Ok(None) };
        let mut pieces = Vec::new();
        let sound = is_sound(received, meta, |piece| pieces.push(piece));
        Ok(sound.map_err(failed("read", &self.dir.join(RECEIVED)))?.then_some(pieces))
    }

    /// The received snapshot is invalid: it is removed, and was never a snapshot of this directory.
    pub fn discard_received(&mut self) -> Result<(), StorageError> {
        self.check()?;
        self.received = None;
        let result = self.discard(&self.dir.join(RECEIVED));
        self.settle(result)
    }

    /// All pieces are in: checks them and makes the snapshot durable. Gives its size, or `None` if the bytes are
    /// damaged or are of another snapshot, and are gone. If it is there already, that one stays, as with
    /// [`Snapshots::save`].
    pub fn finish(&mut self, meta: &SnapshotMeta) -> Result<Option<u64>, StorageError> {
        self.check()?;
        let result = self.check_and_keep(meta);
        self.settle(result)
    }

    fn check_and_keep(&mut self, meta: &SnapshotMeta) -> Result<Option<u64>, StorageError> {
        let path = self.dir.join(RECEIVED);
        let sound = match self.received.take() {
            Some(received) if is_sound(&received, meta, drop).map_err(failed("read", &path))? => received,
            _ => {
                self.discard(&path)?;
                return Ok(None);
            }
        };
        if let Some(stored) = self.stored.get(&meta.last) {
            let size = stored.size;
            self.discard(&path)?;
            return Ok(Some(size));
        }
        let Received { mut file, size, .. } = sound;
        file.sync_data().map_err(sync_failed(&path))?;
        self.adopt(RECEIVED, meta.last, file, size)?;
        Ok(Some(size))
    }

    /// The content of a snapshot, as it was given to [`Snapshots::save`], in pieces of any size.
    pub fn content(&self, last: LogId) -> Result<Vec<Bytes>, StorageError> {
        let stored = self.stored.get(&last).ok_or(StorageError::NoSnapshot { last })?;
        let mut pieces = Vec::new();
        match snapshot_file::read(&*stored.file, |piece| pieces.push(piece)) {
            Ok(_) => Ok(pieces),
            Err(SnapshotFlaw::Io(cause)) => Err(failed("read", &stored.path)(cause)),
            Err(SnapshotFlaw::Damaged { offset, what }) => {
                Err(StorageError::Damaged { path: stored.path.clone(), offset, what })
            }
            Err(SnapshotFlaw::Version(_)) => {
                let what = "its version has changed since it was written";
                Err(StorageError::Damaged { path: stored.path.clone(), offset: 0, what })
            }
        }
    }

    /// Writes a whole snapshot under a name that does not count, durably.
    fn write_new(
        &mut self,
        meta: &SnapshotMeta,
        content: impl Iterator<Item = Bytes>,
    ) -> Result<(Box<dyn File>, u64), StorageError> {
        let path = self.dir.join(NEW);
        let meta = snapshot_file::encode_meta(meta);
        if meta.len() > MAX_META {
            return Err(StorageError::TooLarge { path, bytes: meta.len(), limit: MAX_META });
        }
        let file = self.create(&path)?;
        let write = || {
            let mut writer = Writer::new(file, &meta)?;
            for bytes in content {
                writer.content(&bytes)?;
            }
            writer.finish()
        };
        let (mut file, size) = write().map_err(write_failed(&path))?;
        file.sync_data().map_err(sync_failed(&path))?;
        Ok((file, size))
    }

    /// An empty file.
    fn create(&self, path: &Path) -> Result<Box<dyn File>, StorageError> {
        let mut file = self.fs.open(path).map_err(failed("create", path))?;
        file.set_len(0).map_err(write_failed(path))?;
        Ok(file)
    }

    /// Gives a durable, sound file the name under which it counts.
    fn adopt(&mut self, from: &str, last: LogId, file: Box<dyn File>, size: u64) -> Result<(), StorageError> {
        let (from, path) = (self.dir.join(from), self.dir.join(name(last)));
        self.fs.rename(&from, &path).map_err(failed("rename", &from))?;
        self.fs.sync_dir(&self.dir).map_err(sync_failed(&self.dir))?;
        self.stored.insert(last, Stored { path, file, size });
        Ok(())
    }

    fn remove_older(&mut self, in_use: &[LogId]) -> Result<(), StorageError> {
        let Some(newest) = in_use.iter().max() else { return Ok(()) };
        let older = self.stored.range(..newest).map(|(last, _)| *last);
        let unused: Vec<_> = older.filter(|last| !in_use.contains(last)).collect();
        for last in unused {
            if let Some(stored) = self.stored.remove(&last) {
                self.fs.remove(&stored.path).map_err(failed("remove", &stored.path))?;
            }
        }
        Ok(())
    }

    fn discard(&self, path: &Path) -> Result<(), StorageError> {
        if self.fs.exists(path).map_err(failed("look for", path))? {
            self.fs.remove(path).map_err(failed("remove", path))?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), StorageError> {
        match &self.failure {
            Some(first) => Err(StorageError::Poisoned { first: Box::new(first.clone()) }),
            None => Ok(()),
        }
    }

    fn settle<T>(&mut self, result: Result<T, StorageError>) -> Result<T, StorageError> {
        self.failure = result.as_ref().err().cloned();
        result
    }
}

/// Whether the file is whole, undamaged, and the snapshot that it should be. Hands out the content's pieces.
fn is_sound(received: &Received, meta: &SnapshotMeta, each: impl FnMut(Bytes)) -> io::Result<bool> {
    match snapshot_file::read(&*received.file, each) {
        Ok(inside) => Ok(received.meta == *meta && inside == *meta),
        Err(SnapshotFlaw::Io(cause)) => Err(cause),
        Err(SnapshotFlaw::Damaged { .. } | SnapshotFlaw::Version(_)) => Ok(false),
    }
}

fn name(last: LogId) -> String {
    format!("snapshot-{}-{}", last.term, last.index)
}

/// Whether a file is a snapshot by its name.
pub(crate) fn is_snapshot(path: &Path) -> bool {
    parse_name(path).is_some()
}

/// Which snapshot a file is by its name, if it is one.
fn parse_name(path: &Path) -> Option<LogId> {
    let text = path.file_name()?.to_str()?;
    let (term, index) = text.strip_prefix("snapshot-")?.split_once('-')?;
    let last = LogId { term: Term(term.parse().ok()?), index: LogIndex(index.parse().ok()?) };
    // Other spellings of the same numbers are not ours.
    (name(last) == text).then_some(last)
}

fn access(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |cause| OpenError::Access { action, path: path.to_owned(), cause }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    move |cause| StorageError::Access { action, path: path.to_owned(), cause: Arc::new(cause) }
}

fn write_failed(path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    move |cause| StorageError::Write { path: path.to_owned(), cause: Arc::new(cause) }
}

fn sync_failed(path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    move |cause| StorageError::Sync { path: path.to_owned(), cause: Arc::new(cause) }
}
