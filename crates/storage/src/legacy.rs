//! Reads `raft.log` as versions 1 and 2 wrote it: the whole log in that one file. Only reads; the store writes its
//! content into segments, and continues with those.
//!
//! ```text
//! header   magic "raftdeck" | version u32 | crc of the 12 bytes before
//!          length u32 | crc of the body u32 | body: postcard (node, cluster, generation)
//! ```
//!
//! Frames follow, as in a segment; their checksums cover that of the header. The generation counts how often the log was
//! written anew, which gave back the space of a purged beginning. Version 1 has no generation.

use crate::error::OpenError;
use crate::frame::{FRAME_HEAD, Framing};
use crate::header::{self, IDENTITY_HEAD, Identity, PROLOGUE};
use crate::outline::Outline;
use crate::record::whole;
use crate::recover::Replay;
use crate::segment::{FramePosition, Reader};
use crc32c::crc32c;
use raftdeck_raft::Restored;
use std::ops::Range;

/// The first version whose log is in segments.
pub(crate) const SEGMENTED: u32 = 3;

/// Whose log it is, where its frames start and how they are made.
#[derive(Debug)]
pub(crate) struct LogOpening {
    pub(crate) identity: Identity,
    /// Where it ends.
    pub(crate) start: u64,
    framing: Framing,
}

/// The header of the file, which is of this version.
pub(crate) fn opening(reader: &mut Reader<'_>, version: u32) -> Result<LogOpening, OpenError> {
    read_opening(reader, version)?
        .ok_or_else(|| reader.corrupt(PROLOGUE as u64, "the header does not match its checksum"))
}

fn read_opening(reader: &mut Reader<'_>, version: u32) -> Result<Option<LogOpening>, OpenError> {
    let body_at = PROLOGUE + IDENTITY_HEAD;
    let head = reader.bytes(PROLOGUE as u64, IDENTITY_HEAD)?;
    let head = head.and_then(|head| header::read_identity_head(head.try_into().ok()?));
    let Some((length, crc)) = head else { return Ok(None) };
    let Some(bytes) = reader.bytes(0, body_at + length)? else { return Ok(None) };
    let body = &bytes[body_at..];
    // Version 2 alone has a number behind the identity.
    let identity =
        if version == 2 { whole::<(Identity, u64)>(body).map(|(identity, _)| identity) } else { whole(body) };
    let Some(identity) = identity.filter(|_| crc32c(body) == crc) else { return Ok(None) };
    let framing = Framing::of_one_file(crc32c(bytes));
    Ok(Some(LogOpening { identity, start: bytes.len() as u64, framing }))
}

/// All that the log holds, and the bytes at its end that were torn.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    opening: &LogOpening,
) -> Result<(Restored, Option<Range<u64>>), OpenError> {
    let mut replay = Replay::new(Outline::default(), usize::MAX);
    let from = FramePosition { segment: 0, offset: opening.start };
    let read = replay.frames(reader, opening.framing, from, u64::MAX)?;
    let behind = read.mark.map_or(read.end, |_| read.end + FRAME_HEAD as u64);
    if let Some(valid) = reader.find_frame(behind, opening.framing)? {
        let what =
            format!("a record there does not match its checksum, and a valid one follows at byte {valid}");
        return Err(reader.corrupt(behind, what));
    }
    let torn = (behind < reader.size).then_some(behind..reader.size);
    let (restored, ..) = replay.finish();
    Ok((restored, torn))
}
