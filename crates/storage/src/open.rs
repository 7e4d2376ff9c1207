//! Opening a data directory: takes its lock, makes a log where there is none, brings an old one into today's format,
//! and makes durable what recovery found, and only that. Refuses damage that no crash explains, and then changes
//! nothing.

use crate::end_record::{self, EndRecord, LOG_END};
use crate::error::OpenError;
use crate::frame::{FrameKind, Framing};
use crate::fs::{File, FileSystem, Lock, LockError};
use crate::ground::{self, Ground, Released};
use crate::header::{self, IDENTIFIED, Identity, LOG_MAGIC, SegmentHeader, VERSION};
use crate::legacy::{self, SEGMENTED};
use crate::life::Life;
use crate::member_files;
use crate::member_files::FOUNDERS;
use crate::outline::Outline;
use crate::recover::{ActiveSegment, Recovery, recover, segments};
use crate::segment::{self, Beginning, FramePosition, Reader};
use crate::snapshots::{self, Snapshots};
use crate::store::{LogOptions, LogStore, Recovered, Segment, TornTail};
use raftdeck_raft::{Entry, Incarnation, LogId, NodeId, Persist, Restored, SnapshotMeta, Ticket};
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::Path;

const LOG: &str = "raft.log";
/// The same while it is being written.
const NEW_LOG: &str = "raft.log.new";
/// The first segment while it is being made.
const NEW_SEGMENT: &str = "log.new";
const LOCK: &str = "LOCK";

/// The bytes of `raft.log` that are read in one piece: all of it, unless it is an old one.
const AHEAD: usize = 1 << 20;

/// The most bytes of entries that are brought over from an old log in one piece; a larger entry goes alone.
const GROUP: usize = 1 << 20;

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

    /// Opens the data directory as [`LogStore::open`] does, and keeps its log as `options` say. For tools and tests: the
    /// directory's identity is neither read nor made.
    pub fn open_with(
        fs: &dyn FileSystem,
        dir: &Path,
        node: NodeId,
        cluster: &str,
        options: &LogOptions,
    ) -> Result<(Self, Recovered), OpenError> {
        let identity = Identity { node, cluster: cluster.to_owned() };
        let (store, recovered, _) = DirectoryOpening { fs, dir, identity, options, fresh: None }.open()?;
        Ok((store, recovered))
    }

    /// Opens the data directory of a member that is about to run: also gives the directory its identity, `fresh`, if it has
    /// none yet, and counts this start. Both are durable when this returns.
    ///
    /// # Panics
    /// Never: with an identity to give there is one.
    pub fn start_life(
        fs: &dyn FileSystem,
        dir: &Path,
        node: NodeId,
        cluster: &str,
        options: &LogOptions,
        fresh: Incarnation,
    ) -> Result<(Self, Recovered, Life), OpenError> {
        let identity = Identity { node, cluster: cluster.to_owned() };
        let opening = DirectoryOpening { fs, dir, identity, options, fresh: Some(fresh) };
        let (store, recovered, life) = opening.open()?;
        Ok((store, recovered, life.expect("invariant: with `fresh` there is one")))
    }
}

/// What a log of an old version holds.
struct OldLog {
    restored: Restored,
    torn: Option<TornTail>,
}

/// A directory that is being opened, by its lock's holder.
struct DirectoryOpening<'a> {
    fs: &'a dyn FileSystem,
    dir: &'a Path,
    identity: Identity,
    options: &'a LogOptions,
    /// The identity that the directory gets if it has none. `None`: its identity is of no concern.
    fresh: Option<Incarnation>,
}

impl DirectoryOpening<'_> {
    fn open(&self) -> Result<(LogStore, Recovered, Option<Life>), OpenError> {
        let Self { fs, dir, .. } = *self;
        let path = dir.join(LOG);
        let missing = || fs.exists(&path).map_err(access("look for", &path)).map(|found| !found);
        if missing()? {
            fs.create_dir_all(dir).map_err(|cause| OpenError::CreateDir { dir: dir.to_owned(), cause })?;
        }
        let lock = take_lock(fs, dir)?;
        // Only the holder of the lock may create the log, so it is looked for again. Another member's directory is called that,
        // before one of its files is called damaged.
        let log = if missing()? { None } else { Some(self.beginning(&path)?) };
        let mut life = if self.fresh.is_some() { Life::read(fs, dir, &self.identity)? } else { None };
        let (store, recovered) = if let Some((version, opening)) = log {
            let old = (version < SEGMENTED).then(|| self.old_log(&path, &opening)).transpose()?;
            if version >= IDENTIFIED && life.is_none() && self.fresh.is_some() {
                return Err(OpenError::NoIdentity { dir: dir.to_owned() });
            }
            if let Some(old) = old {
                self.identify(&mut life)?;
                self.bring_over(old, &path, lock)?
            } else {
                let opened = self.recover(lock)?;
                self.identify(&mut life)?;
                if version < VERSION {
                    // From now on memberships are written with identities, which older programs cannot read.
                    self.name_log()?;
                    fs.sync_dir(dir).map_err(access("sync", dir))?;
                }
                opened
            }
        } else {
            if life.as_ref().is_some_and(|life| life.boot() > 0) {
                return Err(OpenError::LogGone { file: path });
            }
            self.identify(&mut life)?;
            self.start_log()?;
            self.recover(lock)?
        };
        if let Some(life) = &mut life {
            life.begin()?;
        }
        Ok((store, recovered, life))
    }

    /// Gives the directory an identity, if it needs one and has none.
    fn identify(&self, life: &mut Option<Life>) -> Result<(), OpenError> {
        if let (None, Some(fresh)) = (&life, self.fresh) {
            *life = Some(Life::make(self.fs, self.dir, &self.identity, fresh)?);
        }
        Ok(())
    }

    /// There is no log. A segment without one is what a crash has left of an earlier attempt, as long as it is the first and
    /// empty. Everything else that a log has beside it came into being after `raft.log`, which was then taken away.
    fn start_log(&self) -> Result<(), OpenError> {
        let bytes = self.identity.cluster.len();
        if bytes > header::MAX_CLUSTER {
            return Err(OpenError::ClusterName { bytes, limit: header::MAX_CLUSTER });
        }
        let mut known = self.fs.list(self.dir).map_err(access("list", self.dir))?.into_iter();
        let is_later = |sequence: &u64| *sequence != 1;
        if known.any(|path| belongs_to_a_log(&path))
            || segments(self.fs, self.dir)?.iter().any(is_later)
            || self.has_frames()?
        {
            return Err(OpenError::Headless { file: self.dir.join(LOG) });
        }
        self.first_segment(Outline::default())?;
        self.name_log()
    }

    /// Whether something was stored in the first segment.
    fn has_frames(&self) -> Result<bool, OpenError> {
        let path = self.dir.join(segment::name(1));
        if !self.fs.exists(&path).map_err(access("look for", &path))? {
            return Ok(false);
        }
        let file = self.fs.open(&path).map_err(access("open", &path))?;
        let mut reader = Reader::new(&*file, &path, AHEAD)?;
        let Beginning { header: SegmentHeader { log, sequence, .. }, made, start } = reader.beginning()?;
        if let Some(made) = made {
            reader.check_length(made)?;
        }
        Ok(reader.find_frame(start - 1, Framing::new(log, sequence))?.is_some())
    }

    /// Makes the first segment of a log that begins like this; durable when this returns.
    fn first_segment(&self, outline: Outline) -> Result<(), OpenError> {
        let new = self.dir.join(NEW_SEGMENT);
        let log = self.identity.checksum();
        let header = SegmentHeader { log, sequence: 1, recycled: false, previous_end: 0, outline };
        let least = header::segment(&header, 0).len();
        let size = usize::try_from(ground::first_size(self.options.segment_bytes)).unwrap_or(usize::MAX);
        let size = size.max(least);
        let mut bytes = header::segment(&header, size as u64);
        bytes.resize(size, 0);
        let make = || {
            let mut file = self.fs.open(&new)?;
            file.set_len(0)?;
            file.write_at(0, &bytes)?;
            file.sync_data()?;
            self.fs.rename(&new, &self.dir.join(segment::name(1)))
        };
        make().map_err(access("create", &new))?;
        self.fs.sync_dir(self.dir).map_err(access("sync", self.dir))
    }

    /// Says whose log it is. From now on its segments count.
    fn name_log(&self) -> Result<(), OpenError> {
        let new = self.dir.join(NEW_LOG);
        let bytes = header::log(&self.identity);
        let make = || {
            let mut file = self.fs.open(&new)?;
            file.set_len(0)?;
            file.write_at(0, &bytes)?;
            file.sync_data()?;
            self.fs.rename(&new, &self.dir.join(LOG))
        };
        make().map_err(access("create", &new))
    }

    /// The version of a log and what it begins with, if it is this member's.
    fn beginning(&self, path: &Path) -> Result<(u32, legacy::LogOpening), OpenError> {
        let file = self.fs.open(path).map_err(access("open", path))?;
        let mut reader = Reader::new(&*file, path, AHEAD)?;
        let version = reader.version(LOG_MAGIC)?;
        let opening = legacy::opening(&mut reader, version)?;
        self.check_identity(&opening.identity)?;
        if version >= SEGMENTED {
            reader.check_length(opening.start)?;
        }
        Ok((version, opening))
    }

    /// Reads a log that is all in one file.
    fn old_log(&self, path: &Path, opening: &legacy::LogOpening) -> Result<OldLog, OpenError> {
        let file = self.fs.open(path).map_err(access("open", path))?;
        let mut reader = Reader::new(&*file, path, AHEAD)?;
        let (restored, torn) = legacy::read(&mut reader, opening)?;
        let newest = Snapshots::open(self.fs, self.dir)?.1;
        check_fit(path, restored.purged, newest.as_ref())?;
        let torn = torn.map(|torn| tail(path, &torn));
        Ok(OldLog { restored, torn })
    }

    /// Writes an old log into segments. The old one counts, and stays as it is, until all of them are durable.
    fn bring_over(
        &self,
        old: OldLog,
        path: &Path,
        lock: Box<dyn Lock>,
    ) -> Result<(LogStore, Recovered), OpenError> {
        for sequence in segments(self.fs, self.dir)? {
            let left_over = self.dir.join(segment::name(sequence));
            self.fs.remove(&left_over).map_err(access("remove", &left_over))?;
        }
        // It refers to those segments.
        remove_left_over(self.fs, &self.dir.join(LOG_END))?;
        let failed = |cause| OpenError::BringOver { file: path.to_owned(), cause };
        let Restored { hard_state, purged, entries, .. } = old.restored;
        self.first_segment(Outline::starting(hard_state, purged))?;
        let (mut store, _) = self.recover(lock)?;
        for group in groups(entries) {
            store.append(&[group]).map_err(failed)?;
        }
        let LogStore { ground, _lock: lock, .. } = store;
        drop(ground);
        self.name_log()?;
        let (store, mut recovered) = self.recover(lock)?;
        recovered.repaired = recovered.repaired.or(old.torn);
        Ok((store, recovered))
    }

    /// Reads the segments, and makes durable what is in them.
    fn recover(&self, lock: Box<dyn Lock>) -> Result<(LogStore, Recovered), OpenError> {
        let Self { fs, dir, options, .. } = *self;
        // Also for an existing log: a crash may have come between its renaming and the sync of its name.
        fs.sync_dir(dir).map_err(access("sync", dir))?;
        let log = self.identity.checksum();
        let recorded = end_record::read(fs, dir, log)?;
        let Recovery { replay, closed, newest, left_over } = recover(fs, dir, log, recorded, options)?;
        let (mut snapshots, newest_snapshot) = Snapshots::open(fs, dir)?;
        check_fit(&dir.join(LOG), replay.outline.purged(), newest_snapshot.as_ref())?;
        let path = dir.join(segment::name(newest.sequence));
        let mut file = fs.open(&path).map_err(access("open", &path))?;
        let framing = Framing::new(log, newest.sequence);
        repair(&mut *file, framing, &newest).map_err(access("repair", &path))?;
        for name in [NEW_LOG, NEW_SEGMENT].into_iter().chain(member_files::NEW) {
            remove_left_over(fs, &dir.join(name))?;
        }
        ground::remove_left_overs(fs, dir)?;
        snapshots.remove_left_overs()?;

        let end = FramePosition { segment: newest.sequence, offset: newest.end };
        let end_record = EndRecord::open(fs, dir, log, recorded, end)?;
        let repaired = newest.torn.as_ref().map(|torn| tail(&path, torn));
        let (restored, outline, marks) = replay.finish();
        let restored = Restored { snapshot: newest_snapshot, ..restored };
        let ground = Ground::new(fs.handle(), dir, options.segment_bytes, options.background)
            .map_err(access("start a thread for", dir))?;
        ground.release(left_over.into_iter().map(|sequence| Released::unknown(dir, sequence)));
        let ActiveSegment { sequence, end, size, .. } = newest;
        let mut store = LogStore {
            fs: fs.handle(),
            dir: dir.to_owned(),
            identity: self.identity.clone(),
            log,
            grown: closed.iter().map(|segment| segment.size).fold(size, u64::max),
            closed: VecDeque::from(closed),
            current: Segment { sequence, path, file, framing, end, size, next_is_wanted: false },
            outline,
            marks,
            end_record,
            frame: Vec::new(),
            ground,
            failure: None,
            _lock: lock,
        };
        store.release();
        Ok((store, Recovered { restored, snapshots, repaired }))
    }

    fn check_identity(&self, owner: &Identity) -> Result<(), OpenError> {
        let (dir, asked) = (self.dir.to_owned(), &self.identity);
        if owner.cluster != asked.cluster {
            let (owner, cluster) = (owner.cluster.clone(), asked.cluster.clone());
            return Err(OpenError::WrongCluster { dir, owner, cluster });
        }
        if owner.node != asked.node {
            return Err(OpenError::WrongNode { dir, owner: owner.node, node: asked.node });
        }
        Ok(())
    }
}

/// Whether a file is of a kind that is made only once a log has its name.
fn belongs_to_a_log(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    snapshots::is_snapshot(path) || [Some(FOUNDERS), Some(LOG_END)].contains(&name)
}

fn tail(file: &Path, torn: &Range<u64>) -> TornTail {
    TornTail { file: file.to_owned(), offset: torn.start, bytes: torn.end - torn.start }
}

/// Entries as writes of a moderate size.
fn groups(entries: Vec<Entry>) -> Vec<Persist> {
    let mut groups: Vec<Persist> = Vec::new();
    let mut room = 0;
    for entry in entries {
        let size = entry.payload.size();
        match groups.last_mut() {
            Some(group) if size <= room => {
                room -= size;
                group.entries.push(entry);
            }
            _ => {
                room = GROUP.saturating_sub(size);
                let ticket = Ticket { seq: 0, last: LogId::default() };
                groups.push(Persist {
                    ticket,
                    hard_state: None,
                    reset: None,
                    truncate: None,
                    purge: None,
                    entries: vec![entry],
                    then_send: Vec::new(),
                });
            }
        }
    }
    groups
}

fn take_lock(fs: &dyn FileSystem, dir: &Path) -> Result<Box<dyn Lock>, OpenError> {
    let path = dir.join(LOCK);
    fs.try_lock(&path).map_err(|error| match error {
        LockError::Held { holder } => OpenError::InUse { dir: dir.to_owned(), holder },
        LockError::Io(cause) => access("lock", &path)(cause),
    })
}

/// A crash came before a file was whole: what is in its place, if anything, is what counts.
fn remove_left_over(fs: &dyn FileSystem, new: &Path) -> Result<(), OpenError> {
    if fs.exists(new).map_err(access("look for", new))? {
        fs.remove(new).map_err(access("remove", new))?;
    }
    Ok(())
}

/// What the log no longer holds must be in a snapshot.
fn check_fit(log: &Path, purged: LogId, newest: Option<&(SnapshotMeta, u64)>) -> Result<(), OpenError> {
    let snapshot = newest.map_or(LogId::default(), |(meta, _)| meta.last);
    if purged.index > snapshot.index {
        let (file, purged, snapshot) = (log.to_owned(), purged.index, snapshot.index);
        return Err(OpenError::NoSnapshot { file, purged, snapshot });
    }
    Ok(())
}

/// Makes durable what recovery found, and only that.
fn repair(file: &mut dyn File, framing: Framing, newest: &ActiveSegment) -> io::Result<()> {
    if newest.clean
        && let Some(torn) = &newest.torn
    {
        // What is behind the frames is zeros again, so that the next torn tail is told from this one.
        let mut at = torn.start;
        while at < torn.end {
            let bytes = (torn.end - at).min(AHEAD as u64);
            file.write_at(at, &vec![0; usize::try_from(bytes).map_err(io::Error::other)?])?;
            at += bytes;
        }
    }
    let unsealed = newest.last_frame.as_ref().filter(|_| !newest.sealed);
    if let Some(frame) = unsealed {
        // Its sync may have failed, after which the cache can hold it as clean though the disk never got it. To
        // write it again is to make sure that the sync below covers it.
        let size = usize::try_from(frame.end - frame.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; size];
        file.read_at(frame.start, &mut bytes)?;
        file.write_at(frame.start, &bytes)?;
    }
    if newest.torn.is_some() || unsealed.is_some() {
        file.sync_data()?;
    }
    match unsealed {
        Some(frame) => file.write_at(frame.end, &framing.mark(FrameKind::Seal, frame.end)),
        None => Ok(()),
    }
}

/// Turns the system's error into one that names what was tried, on which path.
pub(crate) fn access(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |cause| OpenError::Access { action, path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use raftdeck_raft::{LogIndex, Payload, Term};

    #[test]
    fn an_old_log_comes_over_in_groups_of_a_moderate_size_and_a_larger_entry_alone() {
        let kilobytes = [400, 400, 400, 3000, 0, 1024, 0, 1];
        let entries = kilobytes.iter().zip(1..).map(|(size, index)| Entry {
            id: LogId { term: Term(1), index: LogIndex(index) },
            payload: Payload::Command(Bytes::from(vec![0; size << 10])),
        });
        let groups = groups(entries.collect());
        let indices: Vec<Vec<_>> =
            groups.iter().map(|group| group.entries.iter().map(|entry| entry.id.index.0).collect()).collect();
        assert_eq!(indices, [vec![1, 2], vec![3], vec![4, 5], vec![6, 7], vec![8]]);
    }
}
