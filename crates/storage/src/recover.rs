//! Reads a log back and tells a torn tail from corruption. Only reads: the repair is the store's.
//!
//! Takes no byte on trust: every length is bounded by its limit and by the file before memory is taken for it.

use crate::error::OpenError;
use crate::format::{
    self, FRAME_HEAD, FrameKind, Framing, Header, IDENTITY_HEAD, PROLOGUE, Prologue, Record,
};
use crate::fs::File;
use crate::marks::Marks;
use crate::outline::{Misfit, Outline};
use raftdeck_raft::{Entry, LogIndex};
use std::io;
use std::ops::Range;
use std::path::Path;

/// How much is read at once when a valid frame is searched.
const WINDOW: usize = 64 << 10;

/// What a log holds.
#[derive(Debug)]
pub(crate) struct Recovery {
    pub(crate) outline: Outline,
    /// Those that were not purged.
    pub(crate) entries: Vec<Entry>,
    pub(crate) marks: Marks,
    /// Where the last intact frame is.
    pub(crate) last_frame: Option<Range<u64>>,
    /// Where the next frame goes.
    pub(crate) end: u64,
    /// Whether the last frame's seal is there: it is durable.
    pub(crate) sealed: bool,
    /// The bytes from here on are torn.
    pub(crate) torn_from: Option<u64>,
}

/// What a log's header says, and what follows from it.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) version: u32,
    pub(crate) header: Header,
    /// Where the frames start.
    pub(crate) start: u64,
    pub(crate) framing: Framing,
}

/// A log file that is being read.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    file: &'a dyn File,
    path: &'a Path,
    size: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a dyn File, path: &'a Path) -> Result<Self, OpenError> {
        let size = file.size().map_err(|cause| access(path, cause))?;
        Ok(Self { file, path, size })
    }

    /// The header: whose log it is, where the frames start and how they are made.
    pub(crate) fn opening(&self) -> Result<Opening, OpenError> {
        let mut prologue = [0; PROLOGUE];
        if !self.read(0, &mut prologue)? {
            return Err(self.corrupt(0, "the file ends inside its header"));
        }
        match format::read_prologue(&prologue) {
            Prologue::NotALog => Err(OpenError::NotALog { file: self.path.to_owned() }),
            Prologue::Damaged => Err(self.corrupt(0, "the header does not match its checksum")),
            Prologue::Version(found) if found > format::VERSION => {
                Err(OpenError::Newer { file: self.path.to_owned(), found, reads: format::VERSION })
            }
            Prologue::Version(version) if version >= format::OLDEST_VERSION => {
                self.header_behind(&prologue, version)
            }
            Prologue::Version(_) => Err(self.corrupt(8, "there is no such format version")),
        }
    }

    fn header_behind(&self, prologue: &[u8], version: u32) -> Result<Opening, OpenError> {
        let damaged = || self.corrupt(PROLOGUE as u64, "the header does not match its checksum");
        let mut head = [0; IDENTITY_HEAD];
        if !self.read(PROLOGUE as u64, &mut head)? {
            return Err(damaged());
        }
        let (length, crc) = format::read_identity_head(head).ok_or_else(damaged)?;
        let mut body = vec![0; length];
        if !self.read((PROLOGUE + IDENTITY_HEAD) as u64, &mut body)? {
            return Err(damaged());
        }
        let header = format::read_header(version, &body, crc).ok_or_else(damaged)?;
        let bytes = [prologue, &head, &body].concat();
        Ok(Opening { version, header, start: bytes.len() as u64, framing: Framing::new(&bytes) })
    }

    /// Everything behind the header, which ends at `start`.
    pub(crate) fn frames(&self, start: u64, framing: Framing) -> Result<Recovery, OpenError> {
        let mut recovery = Recovery {
            outline: Outline::default(),
            entries: Vec::new(),
            marks: Marks::default(),
            last_frame: None,
            end: start,
            sealed: false,
            torn_from: None,
        };
        let mut read_to = start;
        while let Some((kind, body)) = self.frame(read_to, framing)? {
            let range = read_to..read_to + (FRAME_HEAD + body.len()) as u64;
            read_to = range.end;
            if kind == FrameKind::Seal {
                recovery.sealed = true;
                break;
            }
            self.take_in(&body, range, &mut recovery)?;
        }
        if read_to < self.size {
            // One frame is on its way to the disk at a time, and the next one, or the seal, follows its sync. So
            // what has something valid behind it was durable once, and only what has nothing may be torn.
            if let Some(valid) = self.find_frame(read_to, framing)? {
                let what = format!(
                    "a record there does not match its checksum, and a sound one follows at byte {valid}"
                );
                return Err(self.corrupt(read_to, what));
            }
            recovery.torn_from = Some(read_to);
        }
        // What was purged meanwhile has left room.
        recovery.entries.shrink_to_fit();
        Ok(recovery)
    }

    /// The records of the frame at `offset`, which is known to be there, and where the next one starts.
    pub(crate) fn records_at(&self, offset: u64, framing: Framing) -> Result<(Vec<Record>, u64), OpenError> {
        let Some((FrameKind::Write, body)) = self.frame(offset, framing)? else {
            return Err(self.corrupt(offset, "a record there, which was sound, is so no more"));
        };
        let records = format::records(&body).collect::<Option<Vec<_>>>();
        let records = records.ok_or_else(|| self.corrupt(offset, "a record there cannot be decoded"))?;
        Ok((records, offset + (FRAME_HEAD + body.len()) as u64))
    }

    /// Carries out the records of the frame at `range`.
    fn take_in(&self, body: &[u8], range: Range<u64>, recovery: &mut Recovery) -> Result<(), OpenError> {
        for record in format::records(body) {
            let record =
                record.ok_or_else(|| self.corrupt(range.start, "a record there cannot be decoded"))?;
            recovery
                .take_in(record, range.start)
                .map_err(|misfit| self.corrupt(range.start, misfit.to_string()))?;
        }
        recovery.outline.check_terms().map_err(|misfit| self.corrupt(range.start, misfit.to_string()))?;
        recovery.end = range.end;
        recovery.last_frame = Some(range);
        Ok(())
    }

    /// The frame at `offset`, if there is an intact one.
    fn frame(&self, offset: u64, framing: Framing) -> Result<Option<(FrameKind, Vec<u8>)>, OpenError> {
        let mut head = [0; FRAME_HEAD];
        if !self.read(offset, &mut head)? {
            return Ok(None);
        }
        // The length is believed, as it is under the checksum, and still bounded by the file.
        let Some(head) = framing.head(offset, &head).filter(|head| head.size() <= self.size - offset) else {
            return Ok(None);
        };
        let mut body = vec![0; head.length];
        let complete = self.read(offset + FRAME_HEAD as u64, &mut body)?;
        Ok((complete && head.matches(&body)).then_some((head.kind, body)))
    }

    /// The first intact frame or seal behind `offset`, wherever it starts.
    fn find_frame(&self, offset: u64, framing: Framing) -> Result<Option<u64>, OpenError> {
        let mut at = offset + 1;
        let mut window = vec![0; WINDOW];
        while at + FRAME_HEAD as u64 <= self.size {
            let length = usize::try_from(self.size - at).map_or(WINDOW, |rest| rest.min(WINDOW));
            let window = &mut window[..length];
            self.read(at, window)?;
            let starts = length - FRAME_HEAD + 1;
            for start in (0..starts).filter(|start| format::is_marked(&window[*start..])) {
                let candidate = at + start as u64;
                if self.frame(candidate, framing)?.is_some() {
                    return Ok(Some(candidate));
                }
            }
            at += starts as u64;
        }
        Ok(None)
    }

    /// Fills `buffer` from `offset` on; `false` if the file ends before that.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<bool, OpenError> {
        if self.size.saturating_sub(offset) < buffer.len() as u64 {
            return Ok(false);
        }
        self.file.read_at(offset, buffer).map_err(|cause| access(self.path, cause))?;
        Ok(true)
    }

    fn corrupt(&self, offset: u64, what: impl Into<String>) -> OpenError {
        OpenError::Corrupt { file: self.path.to_owned(), offset, what: what.into() }
    }
}

impl Recovery {
    /// Carries out a record of the frame at `frame`.
    fn take_in(&mut self, record: Record, frame: u64) -> Result<(), Misfit> {
        match record {
            Record::Truncate(from) => {
                self.outline.truncate(from)?;
                self.entries.truncate(self.position(from));
                self.marks.truncate(from);
            }
            Record::Append(entry) => {
                self.outline.append(entry.id)?;
                self.marks.append(entry.id.index, frame);
                self.entries.push(entry);
            }
            Record::HardState(hard_state) => self.outline.set_hard_state(hard_state)?,
            Record::Reset(id) => {
                self.outline.reset(id)?;
                self.entries.clear();
                self.marks.reset();
            }
            Record::Purge(id) => {
                let gone = self.position(id.index.next()).min(self.entries.len());
                self.outline.purge(id)?;
                self.entries.drain(..gone);
                self.marks.purge(self.outline.purged().index, self.outline.last());
            }
        }
        Ok(())
    }

    /// Where the entry of this index stands, or would, in `entries`.
    fn position(&self, index: LogIndex) -> usize {
        usize::try_from(index.0.saturating_sub(self.outline.purged().index.0 + 1)).unwrap_or(usize::MAX)
    }
}

fn access(path: &Path, cause: io::Error) -> OpenError {
    OpenError::Access { action: "read", path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Identity;
    use crate::fs::{FileSystem, MemoryFs};

    /// The header is this long.
    const START: u64 = 27;

    fn log() -> (Vec<u8>, Framing) {
        let identity = Identity { node: raftdeck_raft::NodeId(1), cluster: String::new() };
        let header = format::header(&Header { identity, generation: 0 });
        let framing = Framing::new(&header);
        (header, framing)
    }

    fn read(log: &[u8]) -> Result<Recovery, OpenError> {
        let (fs, path) = (MemoryFs::new(), Path::new("/raft.log"));
        fs.put(path, log);
        let file = fs.open(path).unwrap();
        let reader = Reader::new(&*file, path)?;
        let opening = reader.opening()?;
        assert_eq!(opening.start, START);
        reader.frames(opening.start, opening.framing)
    }

    /// A log with these frames, each sound by its checksum.
    fn with_frames(bodies: &[&[u8]]) -> Vec<u8> {
        let (mut log, framing) = log();
        for body in bodies {
            let mut frame = [&[0; FRAME_HEAD], *body].concat();
            framing.fill_head(FrameKind::Write, log.len() as u64, &mut frame);
            log.extend(frame);
        }
        log
    }

    fn refused(bodies: &[&[u8]]) -> (u64, String) {
        match read(&with_frames(bodies)) {
            Err(OpenError::Corrupt { offset, what, .. }) => (offset, what),
            other => panic!("not refused as corrupt: {other:?}"),
        }
    }

    // Postcard: the variant's number, then the fields. A hard state of term 1 without a vote, and no-ops.
    const TERM_1: &[u8] = &[2, 1, 0];
    const ENTRY_1: &[u8] = &[1, 1, 1, 0];
    const ENTRY_3: &[u8] = &[1, 1, 3, 0];

    #[test]
    fn sound_frames_with_a_gap_are_refused_at_the_frame() {
        let gap = "entry 3 stands where entry 2 belongs".to_owned();
        assert_eq!(refused(&[TERM_1, ENTRY_1, ENTRY_3]), (START + 19 + 20, gap));
    }

    #[test]
    fn entries_above_the_hard_state_s_term_are_refused() {
        assert_eq!(refused(&[ENTRY_1]), (START, "entry 1 has term 1, above the current term 0".to_owned()));
        read(&with_frames(&[&[ENTRY_1, TERM_1].concat()])).unwrap();
    }

    #[test]
    fn records_that_cannot_be_decoded_are_refused() {
        let what = "a record there cannot be decoded".to_owned();
        for body in [&[9][..], &[1, 1], &[0xff; 40], &[1, 1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f]] {
            assert_eq!(refused(&[body]), (START, what.clone()), "{body:?}");
            assert_eq!(refused(&[&[TERM_1, body].concat()]), (START, what.clone()), "{body:?}");
        }
        assert_eq!(refused(&[&[0, 0]]), (START, "the log cannot be truncated from index 0 on".to_owned()));
    }

    #[test]
    fn a_length_beyond_the_file_is_a_torn_frame() {
        let mut log = with_frames(&[TERM_1, &vec![0; 100_000]]);
        log.truncate(log.len() - 99_999);
        let recovery = read(&log).unwrap();
        assert_eq!((recovery.end, recovery.torn_from), (START + 19, Some(START + 19)));
    }

    #[test]
    fn a_sound_frame_is_found_however_it_lies_to_the_window_of_the_search() {
        for size in (WINDOW - 2 * FRAME_HEAD..WINDOW + 2 * FRAME_HEAD).chain([3 * WINDOW]) {
            let (mut log, framing) = log();
            log.extend(vec![b'r'; size]);
            let sound = log.len() as u64;
            log.extend(framing.seal(sound));
            let error = read(&log).unwrap_err().to_string();
            assert!(error.contains(&format!("a sound one follows at byte {sound}.")), "{error}");
        }
    }
}
