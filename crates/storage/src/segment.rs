//! One file of the log: its name, its header, and its frames, read through a window that bounds memory. Only reads.
//!
//! Takes no byte on trust: every length is bounded by its limit and by the file before memory is taken for it.

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
    /// The beginning of a frame of so many bytes whose body is not whole.
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
    /// So many bytes are read at once, and more where a frame is larger.
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
                Err(self.corrupt(0, "it does not begin as a segment of a log does"))
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

    /// So many bytes from `offset` on; `None` if the file ends before that.
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
