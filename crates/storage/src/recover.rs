//! Reads a log back and tells a torn tail from corruption. Only reads: the repair is the store's.
//!
//! All that counts is decoded and checked, one frame at a time; of the entries only the newest stay in memory.

use crate::error::OpenError;
use crate::frame::{FRAME_HEAD, FrameKind, Framing, SEAL};
use crate::fs::FileSystem;
use crate::ground::first_size;
use crate::header::SegmentHeader;
use crate::marks::Marks;
use crate::outline::{Outline, WriteMisfit};
use crate::record::{LogRecord, records};
use crate::segment::{self, Beginning, FrameAt, FramePosition, Reader};
use crate::store::LogOptions;
use raftdeck_raft::{Entry, LogIndex, Membership, Payload, Restored};
use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The bytes in one read.
const AHEAD: usize = 1 << 20;

/// A segment with others behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed {
    pub(crate) sequence: u64,
    /// Where the last frame ends.
    pub(crate) end: u64,
    /// The file's size.
    pub(crate) size: u64,
}

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    pub(crate) sequence: u64,
    /// Where the next frame goes.
    pub(crate) end: u64,
    pub(crate) size: u64,
    /// Where the last intact frame is.
    pub(crate) last_frame: Option<Range<u64>>,
    /// Whether the last frame's seal is there: it is durable.
    pub(crate) sealed: bool,
    /// Bytes that were torn, as far as they can be told from what was there before.
    pub(crate) torn: Option<Range<u64>>,
    /// What is behind the frames should be zeros.
    pub(crate) clean: bool,
}

/// What a log holds.
#[derive(Debug)]
pub(crate) struct Recovery {
    pub(crate) replay: Replay,
    pub(crate) closed: Vec<Closed>,
    pub(crate) newest: ActiveSegment,
    /// Segments before those, of which nothing is needed.
    pub(crate) left_over: Vec<u64>,
}

/// A segment that has to be read.
#[derive(Debug)]
struct SegmentToRead {
    path: PathBuf,
    beginning: Beginning,
}

impl SegmentToRead {
    fn header(&self) -> &SegmentHeader {
        &self.beginning.header
    }

    /// How its frames are made, and where they start.
    fn frames(&self) -> (Framing, FramePosition) {
        let SegmentHeader { log, sequence, .. } = *self.header();
        (Framing::new(log, sequence), FramePosition { segment: sequence, offset: self.beginning.start })
    }
}

/// Reads the log in `dir` whose identity has this checksum, and which went as far as `recorded` once.
pub(crate) fn recover(
    fs: &dyn FileSystem,
    dir: &Path,
    log: u32,
    recorded: Option<FramePosition>,
    options: &LogOptions,
) -> Result<Recovery, OpenError> {
    let missing = |sequence| Err(OpenError::MissingSegment { file: dir.join(segment::name(sequence)) });
    let mut sequences = segments(fs, dir)?;
    let recorded = recorded.unwrap_or_default();
    let Some(newest) = sequences.last() else { return missing(recorded.segment.max(1)) };
    if *newest < recorded.segment {
        return missing(newest + 1);
    }
    let mut needed = vec![read_header(fs, dir, *newest, log)?];
    let purged = needed[0].header().outline.purged().index;
    sequences.pop();
    while let Some(previous) = sequences.last()
        && let Some(first) = needed.last()
        && first.header().outline.last() > purged
        && *previous + 1 == first.header().sequence
    {
        needed.push(read_header(fs, dir, *previous, log)?);
        sequences.pop();
    }
    needed.reverse();

    let mut replay = Replay::new(needed[0].header().outline.clone(), options.cache_bytes);
    let mut closed = Vec::new();
    for pair in needed.windows(2) {
        closed.push(replay_closed(fs, &pair[0], &pair[1], &mut replay)?);
    }
    let newest = replay_newest(fs, dir, &needed[needed.len() - 1], options, &mut replay)?;
    if newest.sequence == recorded.segment && newest.end < recorded.offset {
        let file = dir.join(segment::name(newest.sequence));
        return Err(OpenError::LostTail { file, found: newest.end, recorded: recorded.offset });
    }
    if replay.outline.purged().index < replay.absent {
        return missing(needed[0].header().sequence.saturating_sub(1));
    }
    Ok(Recovery { replay, closed, newest, left_over: sequences })
}

/// The numbers of the segments in `dir`, in order.
pub(crate) fn segments(fs: &dyn FileSystem, dir: &Path) -> Result<Vec<u64>, OpenError> {
    let names =
        fs.list(dir).map_err(|cause| OpenError::Access { action: "list", path: dir.to_owned(), cause })?;
    let mut sequences: Vec<_> = names.iter().filter_map(|path| segment::parse_name(path)).collect();
    sequences.sort_unstable();
    Ok(sequences)
}

fn read_header(fs: &dyn FileSystem, dir: &Path, sequence: u64, log: u32) -> Result<SegmentToRead, OpenError> {
    let path = dir.join(segment::name(sequence));
    let file = fs.open(&path).map_err(open_failed(&path))?;
    let mut reader = Reader::new(&*file, &path, 4 << 10)?;
    let beginning = reader.beginning()?;
    let header = &beginning.header;
    if header.log != log {
        return Err(reader.corrupt(0, "it is a segment of another log"));
    }
    if header.sequence != sequence {
        return Err(reader.corrupt(0, "it is not the segment that its name says"));
    }
    if let Some(made) = beginning.made {
        reader.check_length(made)?;
    }
    Ok(SegmentToRead { path, beginning })
}

/// A segment with `next` behind it, which says where it ends and what is stored then: all of it must be there.
fn replay_closed(
    fs: &dyn FileSystem,
    this: &SegmentToRead,
    next: &SegmentToRead,
    replay: &mut Replay,
) -> Result<Closed, OpenError> {
    let file = fs.open(&this.path).map_err(open_failed(&this.path))?;
    let mut reader = Reader::new(&*file, &this.path, AHEAD)?;
    let (framing, start) = this.frames();
    let end = next.header().previous_end;
    let read = replay.frames(&mut reader, framing, start, end)?;
    if read.end != end {
        let what = format!(
            "a record there does not match its checksum, and the log goes on in {}",
            segment::name(next.header().sequence)
        );
        return Err(reader.corrupt(read.end, what));
    }
    if replay.outline != next.header().outline {
        let (file, what) = (next.path.clone(), "it does not fit the end of the segment before it".to_owned());
        return Err(OpenError::Corrupt { file, offset: 0, what });
    }
    Ok(Closed { sequence: start.segment, end, size: reader.size })
}

/// The segment that ends where the log does.
fn replay_newest(
    fs: &dyn FileSystem,
    dir: &Path,
    this: &SegmentToRead,
    options: &LogOptions,
    replay: &mut Replay,
) -> Result<ActiveSegment, OpenError> {
    let file = fs.open(&this.path).map_err(open_failed(&this.path))?;
    let mut reader = Reader::new(&*file, &this.path, AHEAD)?;
    let SegmentHeader { sequence, recycled, .. } = *this.header();
    let (framing, start) = this.frames();
    let read = replay.frames(&mut reader, framing, start, u64::MAX)?;
    if this.beginning.made.is_none() {
        reader.check_length(length_of_version_3(reader.size, start.offset, &read, options))?;
    }
    if read.mark == Some(FrameKind::Turn) {
        return Err(OpenError::MissingSegment { file: dir.join(segment::name(sequence + 1)) });
    }
    if sequence > 1 && read.last.is_none() {
        // It got its name only when that was durable.
        return Err(reader.corrupt(read.end, "its first record does not match its checksum"));
    }
    let sealed = read.mark.is_some();
    let behind = if sealed { read.end + FRAME_HEAD as u64 } else { read.end };
    // One frame is on its way to the disk at a time, and the next one, or the seal, follows its sync. So what has
    // something valid behind it was durable once, and only what has nothing may be torn.
    if let Some(valid) = reader.find_frame(behind.saturating_sub(u64::from(sealed)), framing)? {
        let what =
            format!("a record there does not match its checksum, and a valid one follows at byte {valid}");
        return Err(reader.corrupt(behind, what));
    }
    let torn = if recycled {
        // What was there before looks like anything; only a whole head is known to be new.
        read.torn.map(|size| behind..behind.saturating_add(size).min(reader.size))
    } else {
        reader.last_written(behind)?.map(|last| behind..last)
    };
    let Frames { end, last, .. } = read;
    let size = reader.size;
    Ok(ActiveSegment { sequence, end, size, last_frame: last, sealed, torn, clean: !recycled })
}

/// The length that the newest segment was made with, if version 3 made it: that of the first segment, doubled some times, or
/// just what its only group needs. What that version wrote is shorter than it was made if it has any other length.
fn length_of_version_3(size: u64, start: u64, read: &Frames, options: &LogOptions) -> u64 {
    let is_only = read.last.as_ref().is_some_and(|only| only.start == start);
    let is_full_with_it = is_only && (size == read.end || size == read.end + SEAL);
    if is_full_with_it || size == options.segment_bytes {
        return size;
    }
    let mut made = first_size(options.segment_bytes).max(1);
    while made < size {
        made = made.saturating_mul(2);
    }
    made
}

fn open_failed(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |cause| OpenError::Access { action: "open", path: path.to_owned(), cause }
}

/// The result of a walk over frames.
#[derive(Debug)]
pub(crate) struct Frames {
    /// Where the last intact one ends.
    pub(crate) end: u64,
    pub(crate) last: Option<Range<u64>>,
    /// The seal or turn that stands there.
    pub(crate) mark: Option<FrameKind>,
    /// The size of the frame there whose head is sound and whose body is not.
    pub(crate) torn: Option<u64>,
}

/// The state after the records, one after the other.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) outline: Outline,
    pub(crate) marks: Marks,
    /// Those in the log, with their places.
    memberships: VecDeque<(LogIndex, Membership)>,
    /// The newest entries, up to `cache_bytes` and at least one, without gaps.
    entries: VecDeque<Entry>,
    bytes: usize,
    cache_bytes: usize,
    /// The log's entries through this one are in none of the segments that are read.
    absent: LogIndex,
}

impl Replay {
    /// Begins with what is said to be stored.
    pub(crate) fn new(outline: Outline, cache_bytes: usize) -> Self {
        let absent = if outline.last() > outline.purged().index { outline.last() } else { LogIndex::ZERO };
        Self {
            outline,
            marks: Marks::default(),
            memberships: VecDeque::new(),
            entries: VecDeque::new(),
            bytes: 0,
            cache_bytes,
            absent,
        }
    }

    /// Carries out the frames of a file from `from` on, as long as they are intact and begin before `until`.
    pub(crate) fn frames(
        &mut self,
        reader: &mut Reader<'_>,
        framing: Framing,
        from: FramePosition,
        until: u64,
    ) -> Result<Frames, OpenError> {
        let mut frames = Frames { end: from.offset, last: None, mark: None, torn: None };
        while frames.end < until {
            let start = frames.end;
            let body = match reader.frame(start, framing)? {
                FrameAt::Frame(FrameKind::Write, body) => body,
                FrameAt::Frame(mark, _) => {
                    frames.mark = Some(mark);
                    break;
                }
                FrameAt::Torn(size) => {
                    frames.torn = Some(size);
                    break;
                }
                FrameAt::Nothing => break,
            };
            let end = start + (FRAME_HEAD + body.len()) as u64;
            self.frame(body, FramePosition { offset: start, ..from })
                .map_err(|what| reader.corrupt(start, what))?;
            frames.end = end;
            frames.last = Some(start..end);
        }
        Ok(frames)
    }

    fn frame(&mut self, body: &[u8], place: FramePosition) -> Result<(), String> {
        for record in records(body) {
            let record = record.ok_or("a record there cannot be decoded")?;
            self.take_in(record, place).map_err(|misfit| misfit.to_string())?;
        }
        self.outline.check_terms().map_err(|misfit| misfit.to_string())
    }

    /// Carries out a record of the frame at `place`.
    fn take_in(&mut self, record: LogRecord, place: FramePosition) -> Result<(), WriteMisfit> {
        match record {
            LogRecord::Truncate(from) => {
                self.outline.truncate(from)?;
                self.marks.truncate(from);
                self.absent = self.absent.min(from.previous());
                while self.memberships.back().is_some_and(|(index, _)| *index >= from) {
                    self.memberships.pop_back();
                }
                while let Some(entry) = self.entries.pop_back_if(|entry| entry.id.index >= from) {
                    self.bytes -= entry.payload.size();
                }
            }
            LogRecord::Append(entry) => {
                self.outline.append(entry.id)?;
                self.marks.append(entry.id.index, place);
                self.append(entry);
            }
            LogRecord::HardState(hard_state) => self.outline.set_hard_state(hard_state)?,
            LogRecord::Reset(id) => {
                self.outline.reset(id)?;
                self.marks.reset();
                self.absent = LogIndex::ZERO;
                self.memberships.clear();
                self.entries.clear();
                self.bytes = 0;
            }
            LogRecord::Purge(id) => {
                self.outline.purge(id)?;
                let through = self.outline.purged().index;
                self.marks.purge(through, self.outline.last());
                while self.memberships.front().is_some_and(|(index, _)| *index <= through) {
                    self.memberships.pop_front();
                }
                while let Some(entry) = self.entries.pop_front_if(|entry| entry.id.index <= through) {
                    self.bytes -= entry.payload.size();
                }
            }
        }
        Ok(())
    }

    fn append(&mut self, entry: Entry) {
        if let Payload::Membership(membership) = &entry.payload {
            self.memberships.push_back((entry.id.index, (**membership).clone()));
        }
        self.bytes += entry.payload.size();
        self.entries.push_back(entry);
        while self.bytes > self.cache_bytes && self.entries.len() > 1 {
            self.bytes -= self.entries.pop_front().map_or(0, |entry| entry.payload.size());
        }
    }

    /// What the core starts with, except the snapshot, and what the store continues with.
    pub(crate) fn finish(self) -> (Restored, Outline, Marks) {
        let Self { outline, marks, memberships, entries, .. } = self;
        let first = entries.front().map_or(outline.last().next(), |entry| entry.id.index);
        let restored = Restored {
            hard_state: outline.hard_state(),
            snapshot: None,
            purged: outline.purged(),
            on_disk: outline.runs_before(first),
            memberships_on_disk: memberships.into_iter().take_while(|(index, _)| *index < first).collect(),
            entries: entries.into(),
        };
        (restored, outline, marks)
    }
}
