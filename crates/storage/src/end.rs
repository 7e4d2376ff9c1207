//! Where a log ends, for programs that inspect a data directory: its files are longer than their content. And cutting
//! a log's end, for programs that study lost writes.

use crate::end_record::LOG_END;
use crate::error::OpenError;
use crate::frame::{FRAME_HEAD, FrameKind, Framing};
use crate::fs::FileSystem;
use crate::open::access;
use crate::recover::segments;
use crate::segment::{self, Beginning, FrameAt, Reader};
use std::path::{Path, PathBuf};

/// The bytes in one read.
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

/// Where the log in `dir` ends; `None`: there is none. Another process may be writing to it: then it ended there just now.
pub fn log_end(fs: &dyn FileSystem, dir: &Path) -> Result<Option<LogEnd>, OpenError> {
    if !fs.exists(dir).map_err(access("look for", dir))? {
        return Ok(None);
    }
    let Some(newest) = segments(fs, dir)?.pop() else { return Ok(None) };
    let path = dir.join(segment::name(newest));
    let file = fs.open(&path).map_err(access("open", &path))?;
    let mut reader = Reader::new(&*file, &path, AHEAD)?;
    let Beginning { header, start: header_end, .. } = reader.beginning()?;
    let framing = Framing::new(header.log, header.sequence);
    let (mut start, mut end) = (header_end, header_end);
    while let FrameAt::Frame(FrameKind::Write, body) = reader.frame(end, framing)? {
        end += (FRAME_HEAD + body.len()) as u64;
        // The first segment alone is there before anything is written.
        if newest > 1 && start == header_end {
            start = end;
        }
    }
    let size = reader.size;
    Ok(Some(LogEnd { file: path, start, end, size }))
}

/// Takes this many bytes from the end of a log that no process has open, as if they had never been written. Returns how many
/// its newest segment has left; `None`: there is no log. What is left is a sound log: its files keep their lengths, and the
/// record of where it ended is removed. What makes the file a segment stays, and so do the segments before it.
pub fn lose_tail(fs: &dyn FileSystem, dir: &Path, bytes: u64) -> Result<Option<u64>, OpenError> {
    let Some(LogEnd { file: path, start, end, size }) = log_end(fs, dir)? else { return Ok(None) };
    let left = end.saturating_sub(bytes).max(start);
    let mut file = fs.open(&path).map_err(access("open", &path))?;
    let zeros = vec![0; AHEAD];
    let mut at = left;
    while at < size {
        let length = usize::try_from(size - at).map_or(AHEAD, |rest| rest.min(AHEAD));
        file.write_at(at, &zeros[..length]).map_err(access("write to", &path))?;
        at += length as u64;
    }
    file.sync_data().map_err(access("sync", &path))?;
    let record = dir.join(LOG_END);
    if fs.exists(&record).map_err(access("look for", &record))? {
        fs.remove(&record).map_err(access("remove", &record))?;
        fs.sync_dir(dir).map_err(access("sync", dir))?;
    }
    Ok(Some(left))
}
