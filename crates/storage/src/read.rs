//! Reading entries back from the log, for a follower that is behind, or to be applied after a restart. Changes nothing, and
//! believes only what its checksum confirms.

use crate::error::{OpenError, StorageError};
use crate::frame::{FRAME_HEAD, FrameKind, Framing};
use crate::fs::File;
use crate::ground::failed;
use crate::record::{LogRecord, records};
use crate::segment::{self, FrameAt, FramePosition, Reader};
use crate::store::LogStore;
use raftdeck_raft::{Entry, LogIndex};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The bytes in one read.
const AHEAD: usize = 128 << 10;

/// What is being collected.
struct ReadProgress {
    next: LogIndex,
    last: LogIndex,
    room: usize,
    entries: Vec<Entry>,
}

impl LogStore {
    /// Entries of the log from `first` on, none behind `last`: as many as have at most `max_bytes` of payloads together, and
    /// at least one. None if the log does not hold the first of them.
    pub fn read(
        &self,
        first: LogIndex,
        last: LogIndex,
        max_bytes: usize,
    ) -> Result<Vec<Entry>, StorageError> {
        let last = last.min(self.outline.last());
        let mut wanted = ReadProgress { next: first, last, room: max_bytes, entries: Vec::new() };
        if first <= self.outline.purged().index || first > last {
            return Ok(wanted.entries);
        }
        let mut place = self.marks.at(first);
        while let Some(from) = place
            && self.collect(from, &mut wanted)?
        {
            let next = from.segment + 1;
            place = (next <= self.current.sequence).then_some(FramePosition { segment: next, offset: 0 });
        }
        Ok(wanted.entries)
    }

    /// Takes what is wanted out of a segment's frames from `from` on; at offset 0 it begins with the first one. Says whether
    /// more is wanted.
    fn collect(&self, from: FramePosition, wanted: &mut ReadProgress) -> Result<bool, StorageError> {
        let (path, end) = self.extent(from.segment);
        let opened;
        let file: &dyn File = if from.segment == self.current.sequence {
            &*self.current.file
        } else {
            // A file that was taken away must not be created.
            if !self.fs.exists(&path).map_err(failed("look for", &path))? {
                return Err(StorageError::Damaged { path, offset: 0, what: "it was removed" });
            }
            opened = self.fs.open(&path).map_err(failed("open", &path))?;
            &*opened
        };
        let mut reader = Reader::new(file, &path, AHEAD).map_err(|error| unreadable(error, &path))?;
        let framing = Framing::new(self.log, from.segment);
        let mut offset = from.offset;
        if offset == 0 {
            offset = reader.beginning().map_err(|error| unreadable(error, &path))?.start;
        }
        while offset < end {
            let found = reader.frame(offset, framing).map_err(|error| unreadable(error, &path))?;
            let FrameAt::Frame(FrameKind::Write, body) = found else {
                return Err(damaged(&path, offset));
            };
            let length = (FRAME_HEAD + body.len()) as u64;
            for record in records(body) {
                // One that was removed since is told by its term. One that came back is the same in each place.
                if let Some(LogRecord::Append(entry)) = record
                    && entry.id.index == wanted.next
                    && self.outline.contains(entry.id)
                    && !wanted.take(entry)
                {
                    return Ok(false);
                }
            }
            offset += length;
        }
        Ok(true)
    }

    /// The file of a segment, and where its frames end.
    fn extent(&self, sequence: u64) -> (PathBuf, u64) {
        let closed = self.closed.iter().find(|segment| segment.sequence == sequence);
        let end = closed.map_or(self.current.end, |segment| segment.end);
        (self.dir.join(segment::name(sequence)), end)
    }
}

impl ReadProgress {
    /// Takes the next entry, if there is room for it. Says whether more are wanted.
    fn take(&mut self, entry: Entry) -> bool {
        let size = entry.payload.size();
        if size > self.room && !self.entries.is_empty() {
            return false;
        }
        self.room = self.room.saturating_sub(size);
        self.entries.push(entry);
        self.next = self.next.next();
        self.next <= self.last
    }
}

fn unreadable(error: OpenError, path: &Path) -> StorageError {
    match error {
        OpenError::Access { action, path, cause } => {
            StorageError::Access { action, path, cause: Arc::new(cause) }
        }
        OpenError::Corrupt { offset, .. } => damaged(path, offset),
        _ => damaged(path, 0),
    }
}

fn damaged(path: &Path, offset: u64) -> StorageError {
    StorageError::Damaged {
        path: path.to_owned(),
        offset,
        what: "its content was valid before and is damaged now",
    }
}
