//! Writes a log anew without what is of no use any more, and so gives its space back. The old file stays as it is, and in
//! its place, until the new one is whole and durable. Costs what is kept, and holds one frame of it at a time.

use crate::error::OpenError;
use crate::format::{self, Framing, Header, Record};
use crate::fs::{File, FileSystem};
use crate::marks::Marks;
use crate::outline::Outline;
use crate::recover::Reader;
use raftdeck_raft::{Entry, LogId, Persist, Ticket};
use std::io;
use std::path::Path;

/// The most bytes of entries in a frame of the new log; a larger entry has one for itself.
const FRAME_BYTES: usize = 1 << 20;

/// The log that there is.
#[derive(Debug)]
pub(crate) struct OldLog<'a> {
    pub(crate) file: &'a dyn File,
    pub(crate) path: &'a Path,
    pub(crate) framing: Framing,
    pub(crate) outline: &'a Outline,
    /// Every entry that is kept is in this frame or behind it.
    pub(crate) start: u64,
    /// Where the last frame ends.
    pub(crate) end: u64,
}

/// The log in its place.
#[derive(Debug)]
pub(crate) struct NewLog {
    pub(crate) file: Box<dyn File>,
    pub(crate) framing: Framing,
    pub(crate) marks: Marks,
    pub(crate) end: u64,
}

/// Writes the log under the name `new`, makes it durable, and gives it the old one's name.
pub(crate) fn rewrite(
    fs: &dyn FileSystem,
    old: &OldLog<'_>,
    new: &Path,
    header: &Header,
) -> Result<NewLog, OpenError> {
    let failed = |action| move |cause| OpenError::Access { action, path: new.to_owned(), cause };
    let mut writer = Writer::create(fs, new, header).map_err(failed("create"))?;
    let base = LogId::default() != old.outline.purged();
    let hard_state = Some(old.outline.hard_state());
    let base = Persist { reset: base.then(|| old.outline.purged()), hard_state, ..empty() };
    writer.frame(&base).map_err(failed("write to"))?;
    copy_entries(old, |batch| writer.frame(&batch).map_err(failed("write to")))?;
    let new_log = writer.finish().map_err(failed("sync"))?;
    fs.rename(new, old.path).map_err(failed("rename"))?;
    let dir = old.path.parent().unwrap_or(Path::new(""));
    fs.sync_dir(dir).map_err(|cause| OpenError::Access { action: "sync", path: dir.to_owned(), cause })?;
    Ok(new_log)
}

/// Hands out the old log's entries in order, a batch at a time.
fn copy_entries(
    old: &OldLog<'_>,
    mut write: impl FnMut(Persist) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let reader = Reader::new(old.file, old.path)?;
    let mut batch = empty();
    let mut bytes = 0;
    let mut next = old.outline.purged().index.next();
    let mut offset = old.start;
    while offset < old.end {
        let (records, behind) = reader.records_at(offset, old.framing)?;
        offset = behind;
        for entry in records.into_iter().filter_map(entry_of) {
            // An entry that was removed since is told by its term. One that came back is there twice; the later counts.
            if entry.id.index > next || !old.outline.contains(entry.id) {
                continue;
            }
            if entry.id.index < next {
                let repeated = Persist { truncate: Some(entry.id.index), ..empty() };
                write(std::mem::replace(&mut batch, repeated))?;
                bytes = 0;
            }
            next = entry.id.index.next();
            let size = entry.payload.size();
            if bytes + size > FRAME_BYTES && !batch.entries.is_empty() {
                write(std::mem::replace(&mut batch, empty()))?;
                bytes = 0;
            }
            bytes += size;
            batch.entries.push(entry);
        }
    }
    if !batch.entries.is_empty() {
        write(batch)?;
    }
    assert_eq!(next, old.outline.last().next(), "every entry of the log is behind its first mark");
    Ok(())
}

fn entry_of(record: Record) -> Option<Entry> {
    match record {
        Record::Append(entry) => Some(entry),
        _ => None,
    }
}

/// A log that is being written.
struct Writer {
    file: Box<dyn File>,
    framing: Framing,
    marks: Marks,
    end: u64,
}

impl Writer {
    fn create(fs: &dyn FileSystem, path: &Path, header: &Header) -> io::Result<Self> {
        let mut file = fs.open(path)?;
        // A crash may have left one half done.
        file.set_len(0)?;
        let bytes = format::header(header);
        file.write_at(0, &bytes)?;
        Ok(Self { file, framing: Framing::new(&bytes), marks: Marks::default(), end: bytes.len() as u64 })
    }

    fn frame(&mut self, write: &Persist) -> io::Result<()> {
        let frame = self.framing.write(self.end, std::slice::from_ref(write)).map_err(|bytes| {
            io::Error::other(format!("a frame of {bytes} bytes is larger than any that was written"))
        })?;
        self.file.write_at(self.end, &frame)?;
        if let Some(from) = write.truncate {
            self.marks.truncate(from);
        }
        if let Some(entry) = write.entries.first() {
            self.marks.append(entry.id.index, self.end);
        }
        self.end += frame.len() as u64;
        Ok(())
    }

    fn finish(mut self) -> io::Result<NewLog> {
        self.file.write_at(self.end, &self.framing.seal(self.end))?;
        self.file.sync_data()?;
        Ok(NewLog { file: self.file, framing: self.framing, marks: self.marks, end: self.end })
    }
}

/// A write of nothing, to be filled.
fn empty() -> Persist {
    Persist {
        ticket: Ticket { seq: 0, last: LogId::default() },
        hard_state: None,
        reset: None,
        truncate: None,
        purge: None,
        entries: Vec::new(),
        then_send: Vec::new(),
    }
}
