//! The log store: makes writes durable one group at a time, and turns to the next segment when one is full.
//!
//! Never syncs twice for the same write: the first failure is the last thing a store does.

use crate::end_record::EndRecord;
use crate::error::StorageError;
use crate::frame::{FRAME_HEAD, FrameKind, Framing, MAX_BODY, SEAL, encode_body};
use crate::fs::{File, FileSystem, Lock};
use crate::ground::{Ground, Released, Spare, failed, sync_failed, write_failed};
use crate::header::{self, Identity, SegmentHeader};
use crate::marks::Marks;
use crate::outline::{Outline, WriteMisfit};
use crate::recover::Closed;
use crate::segment::{self, FramePosition};
use crate::snapshots::Snapshots;
use raftdeck_raft::mutants::{Mutant, is_active};
use raftdeck_raft::{Persist, Restored};
use std::collections::VecDeque;
use std::path::PathBuf;

/// A buffer that one large group has made larger than this is not kept.
const KEPT_BUFFER: usize = 4 << 20;

/// How a log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// The size of a full-grown segment file in bytes. The first ones of a log are smaller, and one that is made for a
    /// single large group is larger.
    pub segment_bytes: u64,
    /// Recovery hands out the newest entries up to this many bytes of payloads; those before them stay on the disk, to be had
    /// by [`LogStore::read`].
    pub cache_bytes: usize,
    /// A thread of the store's own prepares segments ahead of need and takes back those that are no longer needed.
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
    /// The file of the log.
    pub file: PathBuf,
    /// Where they started.
    pub offset: u64,
    /// How many there were.
    pub bytes: u64,
}

/// One member's durable log and hard state. Holds its directory's lock until it is dropped.
#[derive(Debug)]
pub struct LogStore {
    pub(crate) fs: Box<dyn FileSystem>,
    pub(crate) dir: PathBuf,
    pub(crate) identity: Identity,
    /// The checksum of the identity.
    pub(crate) log: u32,
    /// The segments before the newest one, without gaps.
    pub(crate) closed: VecDeque<Closed>,
    pub(crate) current: Segment,
    /// The size of the largest segment so far: the next one is no smaller, also after one that was made in a hurry.
    pub(crate) grown: u64,
    pub(crate) outline: Outline,
    pub(crate) marks: Marks,
    pub(crate) end_record: EndRecord,
    /// The frame that is being written.
    pub(crate) frame: Vec<u8>,
    pub(crate) ground: Ground,
    /// The first failure.
    pub(crate) failure: Option<StorageError>,
    // Dropped after the ground, whose thread works in the directory.
    pub(crate) _lock: Box<dyn Lock>,
}

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) sequence: u64,
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn File>,
    pub(crate) framing: Framing,
    /// Where the last frame ends; the seal stands here and the next frame will.
    pub(crate) end: u64,
    pub(crate) size: u64,
    /// The ground was told to prepare the next one.
    pub(crate) next_is_wanted: bool,
}

impl LogStore {
    /// Makes `writes` durable, in order, by one write and one sync for all of them; a crash leaves all or none.
    /// Barriers alone cost neither, as everything before them is durable already. A group that does not fit into what is
    /// left of the segment goes to the next one, which is made large enough for it.
    ///
    /// After an error nothing of `writes` counts as stored, and every later call fails.
    pub fn append(&mut self, writes: &[Persist]) -> Result<(), StorageError> {
        self.check()?;
        if writes.iter().all(Persist::is_barrier) {
            return Ok(());
        }
        let result = self.append_group(writes);
        self.failure = result.as_ref().err().cloned();
        result
    }

    /// Prepares the next segment and takes back those no longer needed, if that is due. For the owner of a store
    /// without a thread of its own, to be called when nothing waits.
    pub fn tend(&mut self) -> Result<(), StorageError> {
        self.check()?;
        let result = self.ground.tend();
        self.failure = result.as_ref().err().cloned();
        result
    }

    fn append_group(&mut self, writes: &[Persist]) -> Result<(), StorageError> {
        self.ground.check()?;
        let mut frame = std::mem::take(&mut self.frame);
        encode_body(writes, &mut frame).map_err(|bytes| StorageError::TooLarge {
            path: self.current.path.clone(),
            bytes,
            limit: MAX_BODY,
        })?;
        let length = frame.len() as u64;
        if self.current.end + length + SEAL <= self.current.size {
            let place = FramePosition { segment: self.current.sequence, offset: self.current.end };
            self.take_in(writes, place)?;
            self.current.framing.fill_head(FrameKind::Write, place.offset, &mut frame);
            self.current.write(place.offset, &frame)?;
            self.current.sync()?;
            self.current.end += length;
        } else {
            self.turn(writes, &mut frame)?;
        }
        self.current.seal()?;
        self.end_record.set(FramePosition { segment: self.current.sequence, offset: self.current.end })?;
        if frame.capacity() <= KEPT_BUFFER {
            self.frame = frame;
        }
        self.look_ahead();
        if writes.iter().any(|write| write.purge.is_some() || write.reset.is_some()) {
            self.release();
        }
        Ok(())
    }

    /// Takes in what the frame at this place will store, if it fits what is stored.
    fn take_in(&mut self, writes: &[Persist], place: FramePosition) -> Result<(), StorageError> {
        for write in writes {
            self.outline.write(write).map_err(|misfit| self.misfit(misfit))?;
            self.marks.write(write, place, &self.outline);
        }
        Ok(())
    }

    /// Begins the next segment with this frame. It gets its name only when all of that is durable, so that what has the
    /// name of a segment is whole, however the crash comes.
    fn turn(&mut self, writes: &[Persist], frame: &mut [u8]) -> Result<(), StorageError> {
        let sequence = self.current.sequence + 1;
        let mut header = SegmentHeader {
            log: self.log,
            sequence,
            recycled: false,
            previous_end: self.current.end,
            outline: self.outline.clone(),
        };
        // Where the frames start does not depend on what is known only later.
        let start = header::segment(&header, 0).len() as u64;
        self.take_in(writes, FramePosition { segment: sequence, offset: start })?;
        let framing = Framing::new(self.log, sequence);
        framing.fill_head(FrameKind::Write, start, frame);
        let end = start + frame.len() as u64;

        let Spare { path: spare, file, size, recycled, .. } = self.ground.take(end + SEAL)?;
        header.recycled = recycled;
        let mut bytes = header::segment(&header, size);
        bytes.extend_from_slice(frame);
        // The place of the seal. A file that is full with this frame has its length by it, before it gets its name.
        bytes.extend([0; FRAME_HEAD]);
        let path = self.dir.join(segment::name(sequence));
        self.grown = self.grown.max(size);
        let mut next = Segment { sequence, path: spare, file, framing, end, size, next_is_wanted: false };
        next.write(0, &bytes)?;
        next.sync()?;
        self.fs.rename(&next.path, &path).map_err(failed("rename", &next.path))?;
        self.fs.sync_dir(&self.dir).map_err(sync_failed(&self.dir))?;
        next.path = path;

        let last = std::mem::replace(&mut self.current, next);
        let (path, file, closed) = last.close()?;
        self.closed.push_back(closed);
        self.ground.full(path, file);
        // Segments without an entry are no longer needed once there is another.
        self.release();
        Ok(())
    }

    /// Has the next segment prepared, in good time.
    fn look_ahead(&mut self) {
        let current = &mut self.current;
        if !current.next_is_wanted && current.end > current.size / 4 {
            current.next_is_wanted = true;
            self.ground.want(self.ground.size_after(self.grown));
        }
    }

    /// Gives up the segments before the first one that an entry of the log is in.
    pub(crate) fn release(&mut self) {
        let first = self.marks.start().map_or(self.current.sequence, |place| place.segment);
        let gone = self.closed.partition_point(|segment| segment.sequence < first);
        if gone > 0 {
            let dir = &self.dir;
            let released = self.closed.drain(..gone).map(|segment| Released {
                path: dir.join(segment::name(segment.sequence)),
                size: segment.size,
            });
            self.ground.release(released);
        }
    }

    fn check(&self) -> Result<(), StorageError> {
        match &self.failure {
            Some(first) => Err(StorageError::Poisoned { first: Box::new(first.clone()) }),
            None => Ok(()),
        }
    }

    fn misfit(&self, misfit: WriteMisfit) -> StorageError {
        StorageError::Misfit { path: self.current.path.clone(), misfit }
    }
}

impl Segment {
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.file.write_at(offset, bytes).map_err(write_failed(&self.path))
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        match self.file.sync_data() {
            Err(cause) if !is_active(Mutant::IgnoreFailedSync) => Err(sync_failed(&self.path)(cause)),
            _ => Ok(()),
        }
    }

    /// Says that the last frame is durable. That is not waited for: it only has to reach the disk after the frame.
    pub(crate) fn seal(&mut self) -> Result<(), StorageError> {
        let seal: [u8; FRAME_HEAD] = self.framing.mark(FrameKind::Seal, self.end);
        self.write(self.end, &seal)
    }

    /// Records that the log continues in the next segment, which is durable.
    fn close(mut self) -> Result<(PathBuf, Box<dyn File>, Closed), StorageError> {
        let turn = self.framing.mark(FrameKind::Turn, self.end);
        self.write(self.end, &turn)?;
        let closed = Closed { sequence: self.sequence, end: self.end, size: self.size };
        Ok((self.path, self.file, closed))
    }
}
