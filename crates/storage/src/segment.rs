//! One file of the log: its name, its header, and its frames, read through a window that bounds memory. Only reads.
//!
//! All bytes are untrusted: every length is checked against its limit and the file's size before memory is allocated
//! for it.

use crate::error::OpenError;
use crate::frame::{FRAME_HEAD, FrameHead, FrameKind, Framing, MARKER};
use crate::fs::File;
use crate::header::{
    self, OLDEST_VERSION, PROLOGUE, Prologue, SEGMENT_HEAD, SEGMENT_MAGIC, SegmentHeader, VERSION,
};
use memchr::memmem;
use std::io;
use std::path::Path;

/// Where a frame is. Places are in the order in which their frames were written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FramePosition {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

/// The file of the segment with this number.
pub(crate) fn name(sequence: u64) -> String {
    format!("log-{sequence:010}")
}

/// Which segment a file is by its name, if it is one.
pub(crate) fn parse_name(path: &Path) -> Option<u64> {
    let text = path.file_name()?.to_str()?;
    let sequence = text.strip_prefix("log-")?.parse().ok()?;
    // Other spellings of the same number are not ours.
    (name(sequence) == text).then_some(sequence)
}

/// What stands at a place where a frame may be.
#[derive(Debug)]
pub(crate) enum FrameAt<'a> {
    /// An intact frame.
    Frame(FrameKind, &'a [u8]),
    /// The beginning of a frame of this many bytes whose body is not whole.
    Torn(u64),
    Nothing,
}

/// What stands before a segment's frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    pub(crate) header: SegmentHeader,
    /// The length that the file was made with; `None`: version 3 did not state it.
    pub(crate) made: Option<u64>,
    /// Where the frames start.
    pub(crate) start: u64,
}

/// A file that is being read, mostly from its beginning to its end.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    file: &'a dyn File,
    path: &'a Path,
    pub(crate) size: u64,
    /// The bytes of the file from `start` on.
    window: Vec<u8>,
    start: u64,
    /// This many bytes are read in one call, and more where a frame is larger.
    ahead: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a dyn File, path: &'a Path, ahead: usize) -> Result<Self, OpenError> {
        let size = file.size().map_err(|cause| access(path, cause))?;
        Ok(Self { file, path, size, window: Vec::new(), start: 0, ahead })
    }

    /// The version of a file that begins with this magic.
    pub(crate) fn version(&mut self, magic: [u8; 8]) -> Result<u32, OpenError> {
        let Some(prologue) = self.array::<PROLOGUE>(0)? else {
            return Err(self.cut_header());
        };
        let file = self.path.to_owned();
        match header::read_prologue(&prologue, magic) {
            Prologue::Stranger if magic == SEGMENT_MAGIC => {
                Err(self.corrupt(0, "it does not start like a log segment"))
            }
            Prologue::Stranger => Err(OpenError::NotALog { file }),
            Prologue::Damaged => Err(self.corrupt(0, "the header does not match its checksum")),
            Prologue::Version(found) if found > VERSION => {
                Err(OpenError::Newer { file, found, reads: VERSION })
            }
            Prologue::Version(version) if version >= OLDEST_VERSION => Ok(version),
            Prologue::Version(_) => Err(self.corrupt(8, "there is no such format version")),
        }
    }

    /// What stands before a segment's frames.
    pub(crate) fn beginning(&mut self) -> Result<Beginning, OpenError> {
        let version = self.version(SEGMENT_MAGIC)?;
        let Some(head) = self.array::<SEGMENT_HEAD>(0)? else { return Err(self.cut_header()) };
        let damaged =
            |reader: &Self| Err(reader.corrupt(PROLOGUE as u64, "the header does not match its checksum"));
        let Some((length, crc)) = header::read_segment_head(&head) else { return damaged(self) };
        let Some(body) = self.bytes(SEGMENT_HEAD as u64, length)? else { return Err(self.cut_header()) };
        let Some((header, made)) = header::read_segment(version, body, crc) else { return damaged(self) };
        Ok(Beginning { header, made, start: (SEGMENT_HEAD + length) as u64 })
    }

    fn cut_header(&self) -> OpenError {
        self.corrupt(0, format!("the file has {} bytes and ends inside its header", self.size))
    }

    /// Refuses a file that has not the length that it was made with: no crash changes that.
    pub(crate) fn check_length(&self, made: u64) -> Result<(), OpenError> {
        if self.size == made {
            return Ok(());
        }
        Err(OpenError::WrongLength { file: self.path.to_owned(), found: self.size, made })
    }

    /// What is at `offset`.
    pub(crate) fn frame(&mut self, offset: u64, framing: Framing) -> Result<FrameAt<'_>, OpenError> {
        let Some(head) = self.head(offset, framing)? else { return Ok(FrameAt::Nothing) };
        let body = self.bytes(offset + FRAME_HEAD as u64, head.length)?;
        Ok(match body.filter(|body| head.matches(body)) {
            Some(body) => FrameAt::Frame(head.kind, body),
            None => FrameAt::Torn(head.size()),
        })
    }

    fn head(&mut self, offset: u64, framing: Framing) -> Result<Option<FrameHead>, OpenError> {
        Ok(self.array::<FRAME_HEAD>(offset)?.and_then(|head| framing.head(offset, &head)))
    }

    /// The first intact frame behind `offset`, wherever it starts.
    pub(crate) fn find_frame(&mut self, offset: u64, framing: Framing) -> Result<Option<u64>, OpenError> {
        let finder = memmem::Finder::new(&MARKER);
        let mut at = offset + 1;
        while at + FRAME_HEAD as u64 <= self.size {
            let length = usize::try_from(self.size - at).map_or(self.ahead, |rest| rest.min(self.ahead));
            let length = length.max(FRAME_HEAD);
            let Some(window) = self.bytes(at, length)? else { break };
            let candidates: Vec<_> = finder.find_iter(window).map(|start| at + start as u64).collect();
            for candidate in candidates {
                if let FrameAt::Frame(..) = self.frame(candidate, framing)? {
                    return Ok(Some(candidate));
                }
            }
            // What starts in the last bytes may be cut off, and is looked at again.
            at += (length - FRAME_HEAD + 1) as u64;
        }
        Ok(None)
    }

    /// Behind the last byte from `offset` on that is not zero; `None`: all are.
    pub(crate) fn last_written(&mut self, offset: u64) -> Result<Option<u64>, OpenError> {
        let (mut at, mut last) = (offset, None);
        while at < self.size {
            let length = usize::try_from(self.size - at).map_or(self.ahead, |rest| rest.min(self.ahead));
            let Some(window) = self.bytes(at, length)? else { break };
            // To compare whole blocks is much quicker than to look at each byte.
            let clean = window.chunks(ZEROS.len()).all(|block| block == &ZEROS[..block.len()]);
            if !clean {
                last = window.iter().rposition(|byte| *byte != 0).map(|place| at + place as u64 + 1);
            }
            at += length as u64;
        }
        Ok(last)
    }

    fn array<const N: usize>(&mut self, offset: u64) -> Result<Option<[u8; N]>, OpenError> {
        Ok(self.bytes(offset, N)?.and_then(|bytes| bytes.try_into().ok()))
    }

    /// This many bytes from `offset` on; `None` if the file ends before that.
    pub(crate) fn bytes(&mut self, offset: u64, length: usize) -> Result<Option<&[u8]>, OpenError> {
        let end = offset.saturating_add(length as u64);
        if end > self.size {
            return Ok(None);
        }
        if offset < self.start || end > self.start + self.window.len() as u64 {
            let rest = usize::try_from(self.size - offset).unwrap_or(usize::MAX);
            // What one large frame took is not kept for the rest of the file.
            if self.window.len() > self.ahead {
                self.window = Vec::new();
            }
            self.window.resize(length.max(self.ahead.min(rest)), 0);
            self.start = offset;
            self.file.read_at(offset, &mut self.window).map_err(|cause| access(self.path, cause))?;
        }
        let from = usize::try_from(offset - self.start).expect("within the window");
        Ok(Some(&self.window[from..from + length]))
    }

    pub(crate) fn corrupt(&self, offset: u64, what: impl Into<String>) -> OpenError {
        OpenError::Corrupt { file: self.path.to_owned(), offset, what: what.into() }
    }
}

static ZEROS: [u8; 4096] = [0; 4096];

fn access(path: &Path, cause: io::Error) -> OpenError {
    OpenError::Access { action: "read", path: path.to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{FileSystem, MemoryFs};

    fn path() -> &'static Path {
        Path::new("/data/file")
    }

    /// What is asked of a reader of this file that reads 32 bytes at once.
    fn of<T>(bytes: &[u8], ask: impl FnOnce(&mut Reader<'_>) -> T) -> T {
        let fs = MemoryFs::new();
        fs.put(path(), bytes);
        let file = fs.open(path()).unwrap();
        ask(&mut Reader::new(&*file, path(), 32).unwrap())
    }

    #[test]
    fn a_frame_is_found_wherever_it_starts_behind_the_offset_and_not_at_it() {
        let framing = Framing::new(7, 1);
        for place in 0..185 {
            let mut bytes = vec![0; 200];
            bytes[place..place + FRAME_HEAD].copy_from_slice(&framing.mark(FrameKind::Seal, place as u64));
            for offset in 0..200 {
                let found = of(&bytes, |reader| reader.find_frame(offset, framing).unwrap());
                assert_eq!(found, Some(place as u64).filter(|place| *place > offset), "{place}, {offset}");
            }
        }
    }

    #[test]
    fn what_was_written_last_is_found_wherever_it_is() {
        for last in 0..100_u64 {
            let mut bytes = vec![0; 100];
            bytes[usize::try_from(last).unwrap()] = 1;
            for offset in 0..=100 {
                let found = of(&bytes, |reader| reader.last_written(offset).unwrap());
                assert_eq!(found, Some(last + 1).filter(|_| offset <= last), "{last}, {offset}");
            }
        }
        // Whole blocks of zeros before and behind it.
        let mut bytes = vec![0; 3 * ZEROS.len()];
        bytes[ZEROS.len() + 5] = 1;
        let fs = MemoryFs::new();
        fs.put(path(), &bytes);
        let file = fs.open(path()).unwrap();
        let mut reader = Reader::new(&*file, path(), bytes.len()).unwrap();
        assert_eq!(reader.last_written(0).unwrap(), Some(ZEROS.len() as u64 + 6));
    }

    #[test]
    fn bytes_come_from_the_file_and_none_from_behind_its_end() {
        let bytes: Vec<u8> = (0..100).collect();
        of(&bytes, |reader| {
            // Forwards and backwards, within what was read at once and beyond it.
            for (offset, length) in
                [(0, 10), (10, 22), (31, 2), (5, 60), (64, 1), (0, 100), (99, 1), (100, 0), (3, 4)]
            {
                let from = usize::try_from(offset).unwrap();
                assert_eq!(reader.bytes(offset, length).unwrap(), Some(&bytes[from..from + length]));
            }
            for (offset, length) in [(100, 1), (99, 2), (0, 101), (u64::MAX, 1)] {
                assert_eq!(reader.bytes(offset, length).unwrap(), None);
            }
        });
    }

    /// Otherwise one large frame would cost its memory for the rest of the file.
    #[test]
    fn what_a_large_frame_took_is_given_back() {
        of(&[0; 5000], |reader| {
            reader.bytes(0, 4000).unwrap();
            assert_eq!(reader.window.len(), 4000);
            reader.bytes(4000, 10).unwrap();
            assert_eq!((reader.window.len(), reader.window.capacity() < 4000), (32, true));
            reader.bytes(4990, 2).unwrap();
            assert_eq!(reader.window.len(), 10);
        });
    }

    #[test]
    fn a_segment_has_one_name() {
        assert_eq!(name(7), "log-0000000007");
        let parsed = |text: &str| parse_name(&Path::new("/data").join(text));
        assert_eq!(parsed("log-0000000007"), Some(7));
        assert_eq!(parsed("log-12345678901"), Some(12_345_678_901));
        for other in
            ["log-7", "log-00000000007", "log-+000000007", "log.0000000007", "log-", "log-000000000x"]
        {
            assert_eq!(parsed(other), None, "{other}");
        }
    }
}
