//! `log.end`: how far the log went when it was last written to.
//!
//! A segment alone cannot tell that its last frames are gone together with their seal: an older copy of the file looks like a
//! log that was never longer, and so do zeros in the place of the frames. So each append writes down here where the log ends.
//!
//! The record is a lower bound. It is written after the sync of the frame that it records, and is not synced itself, so it
//! costs no wait. A power loss may leave an older record, or a torn one, which proves less and never too much. The file may
//! be missing: the next start writes it anew.
//!
//! ```text
//! magic "rdlogend" | checksum of the identity u32 | segment u64 | where its last frame ends u64 | crc of the 28 bytes before u32
//! ```
//!
//! All numbers are little-endian; the checksum is CRC-32C.

use crate::error::{OpenError, StorageError};
use crate::fs::{File, FileSystem};
use crate::ground::{is_full, write_failed};
use crate::header::u32_at;
use crate::open::access;
use crate::segment::FramePosition;
use crc32c::crc32c;
use std::path::{Path, PathBuf};

/// The name of the file.
pub(crate) const LOG_END: &str = "log.end";

const MAGIC: [u8; 8] = *b"rdlogend";
const SIZE: usize = 32;

/// The record of a log that is open.
#[derive(Debug)]
pub(crate) struct EndRecord {
    path: PathBuf,
    /// `None`: there was no room for it, which is no reason not to start.
    file: Option<Box<dyn File>>,
    log: u32,
}

impl EndRecord {
    /// The record of the log whose identity has this checksum, which ends at `end` now. Nothing is written if `recorded`,
    /// which was read, says so already.
    pub(crate) fn open(
        fs: &dyn FileSystem,
        dir: &Path,
        log: u32,
        recorded: Option<FramePosition>,
        end: FramePosition,
    ) -> Result<Self, OpenError> {
        let path = dir.join(LOG_END);
        let open = || {
            let mut file = fs.open(&path)?;
            if recorded != Some(end) {
                file.write_at(0, &encode(log, end))?;
            }
            Ok(file)
        };
        let file = match open() {
            Err(cause) if is_full(&cause) => None,
            opened => Some(opened.map_err(access("write to", &path))?),
        };
        Ok(Self { path, file, log })
    }

    /// The log ends here, durably.
    pub(crate) fn set(&mut self, end: FramePosition) -> Result<(), StorageError> {
        match &mut self.file {
            Some(file) => file.write_at(0, &encode(self.log, end)).map_err(write_failed(&self.path)),
            None => Ok(()),
        }
    }
}

/// No frame of the log in `dir` may be missing before this place; `None`: nothing is known.
pub(crate) fn read(fs: &dyn FileSystem, dir: &Path, log: u32) -> Result<Option<FramePosition>, OpenError> {
    let path = dir.join(LOG_END);
    if !fs.exists(&path).map_err(access("look for", &path))? {
        return Ok(None);
    }
    let file = fs.open(&path).map_err(access("open", &path))?;
    let mut bytes = [0; SIZE];
    if file.size().map_err(access("read", &path))? < SIZE as u64 {
        return Ok(None);
    }
    file.read_at(0, &mut bytes).map_err(access("read", &path))?;
    match decode(&bytes) {
        Some((owner, _)) if owner != log => {
            Err(OpenError::Corrupt { file: path, offset: 8, what: "it is of another log".to_owned() })
        }
        decoded => Ok(decoded.map(|(_, end)| end)),
    }
}

fn encode(log: u32, end: FramePosition) -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&log.to_le_bytes());
    bytes[12..20].copy_from_slice(&end.segment.to_le_bytes());
    bytes[20..28].copy_from_slice(&end.offset.to_le_bytes());
    let crc = crc32c(&bytes[..28]);
    bytes[28..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Whose record it is and what it says, unless a crash tore it.
fn decode(bytes: &[u8; SIZE]) -> Option<(u32, FramePosition)> {
    if !bytes.starts_with(&MAGIC) || u32_at(bytes, 28) != crc32c(&bytes[..28]) {
        return None;
    }
    let u64_at = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    Some((u32_at(bytes, 8), FramePosition { segment: u64_at(12)?, offset: u64_at(20)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These bytes are on users' disks: if this test fails, the magic has to change.
    #[test]
    fn the_format_stands_still() {
        let bytes = encode(7, FramePosition { segment: 300, offset: 4000 });
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex.concat(), "72646c6f67656e64070000002c01000000000000a00f000000000000e866ccfb");
    }

    #[test]
    fn a_record_with_a_flipped_bit_says_nothing() {
        let bytes = encode(7, FramePosition { segment: 300, offset: 4000 });
        assert_eq!(decode(&bytes), Some((7, FramePosition { segment: 300, offset: 4000 })));
        for bit in 0..SIZE * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&flipped), None, "bit {bit}");
        }
    }
}
