//! The log store: opens a data directory, and makes writes durable one group at a time.
//!
//! Never syncs twice for the same write: the first failure is the last thing a store does.

use crate::error::{OpenError, StorageError};
use crate::format::{self, Framing, Header, Identity, Record};
use crate::founders::{self, Flaw, Founders};
use crate::fs::{File, FileSystem, Lock, LockError};
use crate::marks::Marks;
use crate::outline::{Misfit, Outline};
use crate::recover::{Opening, Reader, Recovery};
use crate::rewrite::{NewLog, OldLog, rewrite};
use crate::snapshots::Snapshots;
use raftdeck_raft::mutants::{Mutant, is_active};
use raftdeck_raft::{Entry, LogId, LogIndex, NodeId, Persist, Restored, SnapshotMeta};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LOG: &str = "raft.log";
/// A log that is still being written, for the first time or anew.
const NEW_LOG: &str = "raft.log.new";
const LOCK: &str = "LOCK";
/// Whom the member started with.
const FOUNDERS: &str = "founders";
/// The same while it is being written.
const NEW_FOUNDERS: &str = "founders.new";

/// A log of fewer bytes is not worth writing anew.
const REWRITE_FROM: u64 = 64 << 10;

/// How a log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// The size of a full-grown segment file in bytes. The first ones of a log are smaller.
    pub segment_bytes: u64,
    /// Recovery hands out the newest entries up to so many bytes of payloads; those before them stay on the disk, to be had
    /// by [`LogStore::read`].
    pub cache_bytes: usize,
    /// A thread of the store's own prepares segments ahead of need and removes those that are not needed any more.
    /// Otherwise the owner of the store calls [`LogStore::tend`], or the writes wait for it.
    pub background: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, cache_bytes: 32 << 20, background: false }
    }
}

/// What a data directory held.
#[derive(Debug)]
pub struct Recovered {
    /// Term, vote and log; all of it is durable.
    pub restored: Restored,
    /// The directory's snapshots; `restored.snapshot` is the newest.
    pub snapshots: Snapshots,
    /// What the last crash had left half written and was cut off, if anything.
    pub repaired: Option<TornTail>,
}

/// Bytes at a log's end that were never acknowledged, and were removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The log.
    pub file: PathBuf,
    /// Where they started.
    pub offset: u64,
    /// How many there were.
    pub bytes: u64,
}

/// One member's durable log and hard state. Holds its directory's lock until it is dropped.
#[derive(Debug)]
pub struct LogStore {
    fs: Box<dyn FileSystem>,
    dir: PathBuf,
    path: PathBuf,
    /// Where a new log is made.
    new_path: PathBuf,
    header: Header,
    file: Box<dyn File>,
    framing: Framing,
    outline: Outline,
    marks: Marks,
    /// Where the last frame ends; the seal stands here and the next frame will.
    end: u64,
    /// A smaller log is not written anew.
    rewrite_from: u64,
    /// The first failure.
    failure: Option<StorageError>,
    _lock: Box<dyn Lock>,
}

impl LogStore {
    /// Opens the data directory of `node` in `cluster`, creates it if it is missing, locks it, and recovers what
    /// it holds, with the default options.
    pub fn open(
        fs: &dyn FileSystem,
        dir: &Path,
        node: NodeId,
        cluster: &str,
    ) -> Result<(Self, Recovered), OpenError> {
        Self::open_with(fs, dir, node, cluster, &LogOptions::default())
    }

    /// Opens the data directory as [`LogStore::open`] does, and keeps its log as `options` say.
    pub fn open_with(
        fs: &dyn FileSystem,
        dir: &Path,
        node: NodeId,
        cluster: &str,
        _options: &LogOptions,
    ) -> Result<(Self, Recovered), OpenError> {
        let identity = Identity { node, cluster: cluster.to_owned() };
        let path = dir.join(LOG);
        let missing = || fs.exists(&path).map_err(access("look for", &path)).map(|found| !found);
        if missing()? {
            fs.create_dir_all(dir).map_err(|cause| OpenError::CreateDir { dir: dir.to_owned(), cause })?;
        }
        let lock = take_lock(fs, dir)?;
        // Only the holder of the lock may create the log, so it is looked for again.
        if missing()? {
            create_log(fs, dir, identity.clone())?;
        }
        remove_left_over(fs, &dir.join(NEW_LOG))?;
        // Also for an existing log: a crash may have come between its renaming and the sync of its name.
        fs.sync_dir(dir).map_err(access("sync", dir))?;

        let mut file = fs.open(&path).map_err(access("open", &path))?;
        let reader = Reader::new(&*file, &path)?;
        let Opening { version, header, start, framing } = reader.opening()?;
        check_identity(dir, &header.identity, &identity)?;
        let size = file.size().map_err(access("read", &path))?;
        let recovery = reader.frames(start, framing)?;
        let (mut snapshots, newest) = Snapshots::open(fs, dir)?;
        check_fit(&path, recovery.outline.purged(), newest.as_ref())?;
        repair(&mut *file, framing, &recovery).map_err(access("repair", &path))?;
        snapshots.remove_left_overs()?;

        let repaired =
            recovery.torn_from.map(|offset| TornTail { file: path.clone(), offset, bytes: size - offset });
        let Recovery { outline, entries, marks, end, .. } = recovery;
        let restored = Restored {
            hard_state: outline.hard_state(),
            snapshot: newest,
            purged: outline.purged(),
            entries,
            ..Restored::default()
        };
        let mut store = Self {
            fs: fs.handle(),
            dir: dir.to_owned(),
            path,
            new_path: dir.join(NEW_LOG),
            header,
            file,
            framing,
            outline,
            marks,
            end,
            rewrite_from: REWRITE_FROM,
            failure: None,
            _lock: lock,
        };
        if version < format::VERSION {
            // An old log cannot hold what is written from now on.
            store.rewrite()?;
        }
        Ok((store, Recovered { restored, snapshots, repaired }))
    }

    /// The founding members that this directory has recorded. If it has recorded none yet, `asked` are recorded, and are
    /// durable when this returns; what was recorded never changes. No founding member: one that joins later.
    pub fn founders(&self, asked: &Founders) -> Result<Founders, OpenError> {
        let path = self.dir.join(FOUNDERS);
        let recorded = if self.fs.exists(&path).map_err(access("look for", &path))? {
            self.read_founders(&path)?
        } else {
            self.write_founders(&path, asked)?;
            asked.clone()
        };
        // Also for an existing file: an earlier call may have failed between its renaming and here.
        self.fs.sync_dir(&self.dir).map_err(access("sync", &self.dir))?;
        Ok(recorded)
    }

    fn read_founders(&self, path: &Path) -> Result<Founders, OpenError> {
        let damaged = |what| OpenError::Founders { file: path.to_owned(), what };
        let file = self.fs.open(path).map_err(access("open", path))?;
        let size = file.size().map_err(access("read", path))?;
        let size = usize::try_from(size).ok().filter(|size| *size <= founders::MAX_FILE);
        let mut bytes = vec![0; size.ok_or_else(|| damaged("it is longer than it can be"))?];
        file.read_at(0, &mut bytes).map_err(access("read", path))?;
        founders::read(&bytes, &self.header.identity).map_err(|flaw| match flaw {
            Flaw::Damaged(what) => damaged(what),
            Flaw::Version(found) => {
                OpenError::Newer { file: path.to_owned(), found, reads: founders::VERSION }
            }
        })
    }

    /// Writes a file that is either missing or whole, whenever the crash comes.
    fn write_founders(&self, path: &Path, founders: &Founders) -> Result<(), OpenError> {
        let bytes = founders::write(&self.header.identity, founders)
            .map_err(|bytes| OpenError::TooManyFounders { bytes, limit: founders::MAX_BODY })?;
        let new = self.dir.join(NEW_FOUNDERS);
        let write = || {
            let mut file = self.fs.open(&new)?;
            file.set_len(0)?;
            file.write_at(0, &bytes)?;
            file.sync_data()?;
            self.fs.rename(&new, path)
        };
        write().map_err(access("create", &new))
    }

    /// Sets how large a log must be before a purge or reset writes it anew, to give back space; 64 KiB unless told.
    pub fn rewrite_from(&mut self, bytes: u64) {
        self.rewrite_from = bytes;
    }

    /// Makes `writes` durable, in order, by one write and one sync for all of them; a crash leaves all or none.
    /// Barriers alone cost neither, as everything before them is durable already. When a purge or reset leaves more
    /// than half of the file useless, what is kept is written to a new file, which takes the old one's place.
    ///
    /// After an error nothing of `writes` counts as stored, and every later call fails.
    pub fn append(&mut self, writes: &[Persist]) -> Result<(), StorageError> {
        if let Some(first) = &self.failure {
            return Err(StorageError::Poisoned { first: Box::new(first.clone()) });
        }
        if writes.iter().all(Persist::is_barrier) {
            return Ok(());
        }
        let result = self.append_frame(writes).and_then(|()| self.give_back(writes));
        self.failure = result.as_ref().err().cloned();
        result
    }

    /// Prepares the next segment and removes what is not needed any more, if that is due. For the owner of a store without
    /// a thread of its own, to be called when nothing waits.
    pub fn tend(&mut self) -> Result<(), StorageError> {
        Ok(())
    }

    /// Entries of the log from `first` on, none behind `last`: as many as have at most `max_bytes` of payloads together, and
    /// at least one. Whoever asks for entries that the log does not hold gets those that it does, from `first` on.
    pub fn read(
        &self,
        first: LogIndex,
        last: LogIndex,
        max_bytes: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        let mut entries = Vec::<Entry>::new();
        let Some(mut offset) = self.marks.at(first).filter(|_| first > self.outline.purged().index) else {
            return Ok(entries);
        };
        let last = last.min(self.outline.last());
        let reader = Reader::new(&*self.file, &self.path).map_err(|error| self.unreadable(offset, error))?;
        let (mut next, mut bytes) = (first, 0);
        while offset < self.end && next <= last {
            let frame = reader.records_at(offset, self.framing);
            let (records, behind) = frame.map_err(|error| self.unreadable(offset, error))?;
            offset = behind;
            for record in records {
                // One that was removed since is told by its term.
                let Record::Append(entry) = record else { continue };
                if entry.id.index != next || next > last || !self.outline.contains(entry.id) {
                    continue;
                }
                bytes += entry.payload.size();
                if bytes > max_bytes && !entries.is_empty() {
                    return Ok(entries);
                }
                next = next.next();
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    fn unreadable(&self, offset: u64, error: OpenError) -> StorageError {
        let path = self.path.clone();
        match error {
            OpenError::Access { action, path, cause } => {
                StorageError::Access { action, path, cause: Arc::new(cause) }
            }
            _ => StorageError::Damaged { path, offset, what: "a record there cannot be read back" },
        }
    }

    fn append_frame(&mut self, writes: &[Persist]) -> Result<(), StorageError> {
        for write in writes {
            self.outline.write(write).map_err(|misfit| self.misfit(misfit))?;
            self.marks.write(write, self.end, &self.outline);
        }
        let frame = self.framing.write(self.end, writes).map_err(|bytes| StorageError::TooLarge {
            path: self.path.clone(),
            bytes,
            limit: format::MAX_BODY,
        })?;
        self.write_at(self.end, &frame)?;
        match self.file.sync_data() {
            Err(cause) if !is_active(Mutant::IgnoreFailedSync) => {
                return Err(StorageError::Sync { path: self.path.clone(), cause: Arc::new(cause) });
            }
            _ => {}
        }
        self.end += frame.len() as u64;
        // The seal is not waited for: it only has to reach the disk after the frame.
        self.write_at(self.end, &self.framing.seal(self.end))
    }

    /// Writes the log anew if these writes have made enough of it useless.
    fn give_back(&mut self, writes: &[Persist]) -> Result<(), StorageError> {
        if !writes.iter().any(|write| write.purge.is_some() || write.reset.is_some()) {
            return Ok(());
        }
        let useless = self.marks.start().unwrap_or(self.end);
        // More than half: what is copied is never more than what is given back.
        if self.end < self.rewrite_from || useless <= self.end / 2 {
            return Ok(());
        }
        self.rewrite()
            .map_err(|cause| StorageError::Rewrite { path: self.path.clone(), cause: Arc::new(cause) })
    }

    fn rewrite(&mut self) -> Result<(), OpenError> {
        let old = OldLog {
            file: &*self.file,
            path: &self.path,
            framing: self.framing,
            outline: &self.outline,
            start: self.marks.start().unwrap_or(self.end),
            end: self.end,
        };
        self.header.generation += 1;
        let NewLog { file, framing, marks, end } = rewrite(&*self.fs, &old, &self.new_path, &self.header)?;
        (self.file, self.framing, self.marks, self.end) = (file, framing, marks, end);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.file
            .write_at(offset, bytes)
            .map_err(|cause| StorageError::Write { path: self.path.clone(), cause: Arc::new(cause) })
    }

    fn misfit(&self, misfit: Misfit) -> StorageError {
        StorageError::Misfit { path: self.path.clone(), misfit }
    }
}

fn take_lock(fs: &dyn FileSystem, dir: &Path) -> Result<Box<dyn Lock>, OpenError> {
    let path = dir.join(LOCK);
    fs.try_lock(&path).map_err(|error| match error {
        LockError::Held { holder } => OpenError::InUse { dir: dir.to_owned(), holder },
        LockError::Io(cause) => access("lock", &path)(cause),
    })
}

/// Creates a log that is either missing or has its whole header, whenever the crash comes.
fn create_log(fs: &dyn FileSystem, dir: &Path, identity: Identity) -> Result<(), OpenError> {
    let bytes = identity.cluster.len();
    if bytes > format::MAX_CLUSTER {
        return Err(OpenError::ClusterName { bytes, limit: format::MAX_CLUSTER });
    }
    let new = dir.join(NEW_LOG);
    let header = format::header(&Header { identity, generation: 0 });
    let write = || {
        let mut file = fs.open(&new)?;
        file.set_len(0)?;
        file.write_at(0, &header)?;
        file.sync_data()?;
        fs.rename(&new, &dir.join(LOG))
    };
    write().map_err(access("create", &new))
}

/// A crash came before a new log was whole: the old one is in its place, and is the one that counts.
fn remove_left_over(fs: &dyn FileSystem, new: &Path) -> Result<(), OpenError> {
    if fs.exists(new).map_err(access("look for", new))? {
        fs.remove(new).map_err(access("remove", new))?;
    }
    Ok(())
}

fn check_identity(dir: &Path, owner: &Identity, asked: &Identity) -> Result<(), OpenError> {
    let dir = dir.to_owned();
    if owner.cluster != asked.cluster {
        let (owner, cluster) = (owner.cluster.clone(), asked.cluster.clone());
        return Err(OpenError::WrongCluster { dir, owner, cluster });
    }
    if owner.node != asked.node {
        return Err(OpenError::WrongNode { dir, owner: owner.node, node: asked.node });
    }
    Ok(())
}

/// What the log does not hold any more must be in a snapshot.
fn check_fit(log: &Path, purged: LogId, newest: Option<&(SnapshotMeta, u64)>) -> Result<(), OpenError> {
    let snapshot = newest.map_or(LogId::default(), |(meta, _)| meta.last);
    if purged.index > snapshot.index {
        let (file, purged, snapshot) = (log.to_owned(), purged.index, snapshot.index);
        return Err(OpenError::NoSnapshot { file, purged, snapshot });
    }
    Ok(())
}

/// Makes durable what recovery found, and only that.
fn repair(file: &mut dyn File, framing: Framing, recovery: &Recovery) -> io::Result<()> {
    if let Some(torn_from) = recovery.torn_from {
        file.set_len(torn_from)?;
    }
    let unsealed = recovery.last_frame.as_ref().filter(|_| !recovery.sealed);
    if let Some(frame) = unsealed {
        // Its sync may have failed, after which the cache can hold it as clean though the disk never got it. To
        // write it again is to make sure that the sync below is about it.
        let size = usize::try_from(frame.end - frame.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        file.read_at(frame.start, &mut bytes)?;
        file.write_at(frame.start, &bytes)?;
    }
    if recovery.torn_from.is_some() || unsealed.is_some() {
        file.sync_data()?;
    }
    match unsealed {
        Some(frame) => file.write_at(frame.end, &framing.seal(frame.end)),
        None => Ok(()),
    }
}

/// Turns the system's error into one that names what was tried, on which path.
fn access(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |cause| OpenError::Access { action, path: path.to_owned(), cause }
}
