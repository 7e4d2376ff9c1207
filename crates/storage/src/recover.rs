//! Reads a log back and tells a torn tail from corruption. Only reads: the repair is the store's.
//!
//! Takes no byte on trust: every length is bounded by its limit and by the file before memory is taken for it.

use crate::error::OpenError;
use crate::format::{
    self, FRAME_HEAD, FrameKind, Framing, IDENTITY_HEAD, Identity, PROLOGUE, Prologue, Record,
};
use crate::fs::File;
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
    pub(crate) entries: Vec<Entry>,
    /// Where the last intact frame is.
    pub(crate) last_frame: Option<Range<u64>>,
    /// Where the next frame goes.
    pub(crate) end: u64,
    /// Whether the last frame's seal is there: it is durable.
    pub(crate) sealed: bool,
    /// The bytes from here on are torn.
    pub(crate) torn_from: Option<u64>,
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
    pub(crate) fn header(&self) -> Result<(Identity, u64, Framing), OpenError> {
        let mut prologue = [0; PROLOGUE];
        if !self.read(0, &mut prologue)? {
            return Err(self.corrupt(0, "the file ends inside its header"));
        }
        match format::read_prologue(&prologue) {
            Prologue::NotALog => return Err(OpenError::NotALog { file: self.path.to_owned() }),
            Prologue::Damaged => return Err(self.corrupt(0, "the header does not match its checksum")),
            Prologue::Version(format::VERSION) => {}
            Prologue::Version(found) if found > format::VERSION => {
                return Err(OpenError::Newer { file: self.path.to_owned(), found, reads: format::VERSION });
            }
            Prologue::Version(_) => return Err(self.corrupt(8, "there is no such format version")),
        }
        self.identity(&prologue)
    }

    fn identity(&self, prologue: &[u8]) -> Result<(Identity, u64, Framing), OpenError> {
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
        let identity = format::read_identity(&body, crc).ok_or_else(damaged)?;
        let header = [prologue, &head, &body].concat();
        Ok((identity, header.len() as u64, Framing::new(&header)))
    }

    /// Everything behind the header, which ends at `start`.
    pub(crate) fn frames(&self, start: u64, framing: Framing) -> Result<Recovery, OpenError> {
        let mut recovery = Recovery {
            outline: Outline::default(),
            entries: Vec::new(),
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
        Ok(recovery)
    }

    /// Carries out the records of the frame at `range`.
    fn take_in(&self, body: &[u8], range: Range<u64>, recovery: &mut Recovery) -> Result<(), OpenError> {
        for record in format::records(body) {
            let record =
                record.ok_or_else(|| self.corrupt(range.start, "a record there cannot be decoded"))?;
            recovery.take_in(record).map_err(|misfit| self.corrupt(range.start, misfit.to_string()))?;
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
    fn take_in(&mut self, record: Record) -> Result<(), Misfit> {
        match record {
            Record::Truncate(from) => {
                self.outline.truncate(from)?;
                self.entries.truncate(position(from));
            }
            Record::Append(entry) => {
                self.outline.append(entry.id)?;
                self.entries.push(entry);
            }
            Record::HardState(hard_state) => self.outline.set_hard_state(hard_state)?,
        }
        Ok(())
    }
}

/// Where the entry of an index above 0 stands in a list that starts with entry 1.
fn position(index: LogIndex) -> usize {
    usize::try_from(index.0 - 1).unwrap_or(usize::MAX)
}

fn access(path: &Path, cause: io::Error) -> OpenError {
    OpenError::Access { action: "read", path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{FileSystem, MemoryFs};

    /// The header is this long.
    const START: u64 = 26;

    fn log() -> (Vec<u8>, Framing) {
        let header = format::header(&Identity { node: raftdeck_raft::NodeId(1), cluster: String::new() });
        let framing = Framing::new(&header);
        (header, framing)
    }

    fn read(log: &[u8]) -> Result<Recovery, OpenError> {
        let (fs, path) = (MemoryFs::new(), Path::new("/raft.log"));
        fs.put(path, log);
        let file = fs.open(path).unwrap();
        let reader = Reader::new(&*file, path)?;
        let (_, start, framing) = reader.header()?;
        assert_eq!(start, START);
        reader.frames(start, framing)
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
