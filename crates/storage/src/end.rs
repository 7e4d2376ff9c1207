//! Where a log ends, for those who look at a data directory from outside: its files are longer than what is in them.

use crate::error::OpenError;
use crate::frame::{FRAME_HEAD, FrameKind, Framing};
use crate::fs::FileSystem;
use crate::open::access;
use crate::recover::segments;
use crate::segment::{self, Found, Reader};
use std::path::{Path, PathBuf};

/// So much is read at once.
const AHEAD: usize = 1 << 20;

/// The file that a log's next write goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEnd {
    /// The newest segment.
    pub file: PathBuf,
    /// Where the writes in it begin. Without what is before that it would be no segment.
    pub start: u64,
    /// Where the last write in it ends.
    pub end: u64,
    /// The file's size. What is behind the end is room.
    pub size: u64,
}

/// Where the log in `dir` ends; `None`: there is none. Somebody may be writing to it: then it ended there just now.
pub fn log_end(fs: &dyn FileSystem, dir: &Path) -> Result<Option<LogEnd>, OpenError> {
    if !fs.exists(dir).map_err(access("look for", dir))? {
        return Ok(None);
    }
    let Some(newest) = segments(fs, dir)?.pop() else { return Ok(None) };
    let path = dir.join(segment::name(newest));
    let file = fs.open(&path).map_err(access("open", &path))?;
    let mut reader = Reader::new(&*file, &path, AHEAD)?;
    let (header, header_end) = reader.segment_header()?;
    let framing = Framing::new(header.log, header.sequence);
    let (mut start, mut end) = (header_end, header_end);
    while let Found::Frame(FrameKind::Write, body) = reader.frame(end, framing)? {
        end += (FRAME_HEAD + body.len()) as u64;
        // The first segment alone is there before anything is written.
        if newest > 1 && start == header_end {
            start = end;
        }
    }
    let size = reader.size;
    Ok(Some(LogEnd { file: path, start, end, size }))
}
