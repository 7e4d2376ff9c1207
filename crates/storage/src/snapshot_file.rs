//! The bytes of a snapshot's file, written and read piece by piece. Decides nothing about names and durability.
//!
//! All numbers are little-endian; checksums are CRC-32C.
//!
//! ```text
//! head     magic "raftsnap" | version u32 | length of meta u32 | crc of meta u32 | crc of the 20 bytes before u32
//! meta     postcard SnapshotMeta
//! piece    length u32, not 0 | crc of the bytes u32 | crc of the 8 bytes before u32 | bytes
//! end      0 u32 | crc of all pieces' bytes u32 | crc of the 8 bytes before u32          nothing follows
//! ```
//!
//! The third checksum of a piece, and of the end, also covers the head, the meta and the place in the file: no piece can
//! be missing, moved or of another file. It covers the length, so that a length is believed, and memory taken for it,
//! only if it is one that was written.

use crate::fs::File;
use crate::header::u32_at;
use crate::record::{encode, whole};
use crate::unidentified::UnidentifiedMeta;
use bytes::Bytes;
use crc32c::{crc32c, crc32c_append};
use raftdeck_raft::SnapshotMeta;
use std::io;

/// The version that this program writes.
pub(crate) const VERSION: u32 = 2;

/// The version before memberships had identities, which it still reads.
const UNIDENTIFIED: u32 = 1;

/// The most bytes in the encoded meta: thousands of members with their addresses.
pub(crate) const MAX_META: usize = 1 << 20;

/// The most bytes in a file: what a received one may fill of the disk.
pub(crate) const MAX_FILE: u64 = 16 << 30;

/// The most bytes in a piece.
const MAX_PIECE: usize = 1 << 20;

/// Shorter pieces of content are put together until they have this many bytes.
const PIECE: usize = 64 << 10;

const MAGIC: [u8; 8] = *b"raftsnap";
const HEAD: usize = 24;
const PIECE_HEAD: usize = 12;

/// Why a file is not a snapshot.
#[derive(Debug)]
pub(crate) enum SnapshotFlaw {
    Io(io::Error),
    Damaged { offset: u64, what: &'static str },
    Version(u32),
}

impl From<io::Error> for SnapshotFlaw {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A snapshot that is being written.
#[derive(Debug)]
pub(crate) struct Writer {
    file: Box<dyn File>,
    salt: u32,
    content_crc: u32,
    end: u64,
    piece: Vec<u8>,
}

impl Writer {
    /// Starts with the encoded meta, of at most [`MAX_META`] bytes, in an empty file.
    pub(crate) fn new(file: Box<dyn File>, meta: &[u8]) -> io::Result<Self> {
        Self::of_version(VERSION, file, meta)
    }

    fn of_version(version: u32, mut file: Box<dyn File>, meta: &[u8]) -> io::Result<Self> {
        let mut head = MAGIC.to_vec();
        head.extend(version.to_le_bytes());
        head.extend(length(meta));
        head.extend(crc32c(meta).to_le_bytes());
        head.extend(crc32c(&head).to_le_bytes());
        head.extend(meta);
        file.write_at(0, &head)?;
        let (salt, end) = (crc32c(&head), head.len() as u64);
        Ok(Self { file, salt, content_crc: 0, end, piece: vec![0; PIECE_HEAD] })
    }

    pub(crate) fn content(&mut self, bytes: &[u8]) -> io::Result<()> {
        for bytes in bytes.chunks(MAX_PIECE - PIECE) {
            self.piece.extend(bytes);
            if self.piece.len() >= PIECE {
                self.write_piece()?;
            }
        }
        Ok(())
    }

    /// Writes the end; gives back the file and its size. What is durable is the caller's concern.
    pub(crate) fn finish(mut self) -> io::Result<(Box<dyn File>, u64)> {
        if self.piece.len() > PIECE_HEAD {
            self.write_piece()?;
        }
        let end = piece_head(self.salt, self.end, 0_u32.to_le_bytes(), self.content_crc);
        self.file.write_at(self.end, &end)?;
        Ok((self.file, self.end + PIECE_HEAD as u64))
    }

    fn write_piece(&mut self) -> io::Result<()> {
        let (head, bytes) = self.piece.split_at_mut(PIECE_HEAD);
        head.copy_from_slice(&piece_head(self.salt, self.end, length(bytes), crc32c(bytes)));
        self.content_crc = crc32c_append(self.content_crc, bytes);
        self.file.write_at(self.end, &self.piece)?;
        self.end += self.piece.len() as u64;
        self.piece.truncate(PIECE_HEAD);
        Ok(())
    }
}

/// The meta as [`Writer::new`] takes it.
pub(crate) fn encode_meta(meta: &SnapshotMeta) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(meta, &mut bytes);
    bytes
}

/// Reads a whole file, hands out the content's pieces, each checked, and gives back the meta. Only when this returns
/// without a flaw is the content complete.
pub(crate) fn read(file: &dyn File, mut each: impl FnMut(Bytes)) -> Result<SnapshotMeta, SnapshotFlaw> {
    let size = file.size()?;
    let (meta, salt, mut offset) = read_meta(file, size)?;
    let mut content_crc = 0;
    loop {
        let mut head = [0; PIECE_HEAD];
        fill(file, size, offset, &mut head)?;
        let piece_length = u32_at(&head, 0);
        if head != piece_head(salt, offset, piece_length.to_le_bytes(), u32_at(&head, 4)) {
            return Err(SnapshotFlaw::Damaged { offset, what: "a piece's head does not match its checksum" });
        }
        let bytes_at = offset + PIECE_HEAD as u64;
        if piece_length == 0 {
            if bytes_at == size && u32_at(&head, 4) == content_crc {
                return Ok(meta);
            }
            return Err(SnapshotFlaw::Damaged { offset, what: "the end does not match what is before it" });
        }
        let bytes = read_checked(file, size, bytes_at, piece_length, MAX_PIECE, u32_at(&head, 4))?;
        content_crc = crc32c_append(content_crc, &bytes);
        offset = bytes_at + bytes.len() as u64;
        each(bytes.into());
    }
}

/// The meta, the salt and where the first piece is.
fn read_meta(file: &dyn File, size: u64) -> Result<(SnapshotMeta, u32, u64), SnapshotFlaw> {
    let mut head = [0; HEAD];
    fill(file, size, 0, &mut head)?;
    let damaged = |what| SnapshotFlaw::Damaged { offset: 0, what };
    if !head.starts_with(&MAGIC) {
        return Err(damaged("it does not start like a snapshot"));
    }
    if u32_at(&head, 20) != crc32c(&head[..20]) {
        return Err(damaged("the head does not match its checksum"));
    }
    let decode = match u32_at(&head, 8) {
        VERSION => whole::<SnapshotMeta>,
        UNIDENTIFIED => |bytes: &[u8]| whole::<UnidentifiedMeta>(bytes).map(SnapshotMeta::from),
        version => return Err(SnapshotFlaw::Version(version)),
    };
    let bytes = read_checked(file, size, HEAD as u64, u32_at(&head, 12), MAX_META, u32_at(&head, 16))?;
    let meta = decode(&bytes).ok_or_else(|| damaged("its metadata cannot be decoded"))?;
    Ok((meta, crc32c_append(crc32c(&head), &bytes), (HEAD + bytes.len()) as u64))
}

fn read_checked(
    file: &dyn File,
    size: u64,
    offset: u64,
    length: u32,
    limit: usize,
    crc: u32,
) -> Result<Vec<u8>, SnapshotFlaw> {
    let fits = u64::from(length) <= size.saturating_sub(offset);
    let length = usize::try_from(length).ok().filter(|length| fits && *length <= limit);
    let Some(length) = length else {
        return Err(SnapshotFlaw::Damaged { offset, what: "a piece is too long" });
    };
    let mut bytes = vec![0; length];
    fill(file, size, offset, &mut bytes)?;
    if crc32c(&bytes) != crc {
        return Err(SnapshotFlaw::Damaged { offset, what: "a piece does not match its checksum" });
    }
    Ok(bytes)
}

fn fill(file: &dyn File, size: u64, offset: u64, buffer: &mut [u8]) -> Result<(), SnapshotFlaw> {
    if size.saturating_sub(offset) < buffer.len() as u64 {
        return Err(SnapshotFlaw::Damaged { offset, what: "the file ends inside a piece" });
    }
    Ok(file.read_at(offset, buffer)?)
}

fn piece_head(salt: u32, offset: u64, length: [u8; 4], crc: u32) -> [u8; PIECE_HEAD] {
    let mut head = [0; PIECE_HEAD];
    head[..4].copy_from_slice(&length);
    head[4..8].copy_from_slice(&crc.to_le_bytes());
    let own = crc32c_append(crc32c_append(salt, &offset.to_le_bytes()), &head[..8]);
    head[8..].copy_from_slice(&own.to_le_bytes());
    head
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("within MAX_META or MAX_PIECE").to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{FileSystem, MemoryFs};
    use crate::unidentified::Unidentified;
    use raftdeck_raft::{LogId, LogIndex, Membership, NodeId, Term};
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn a_snapshot_from_before_memberships_had_identities_is_read() {
        let old = UnidentifiedMeta {
            last: LogId { term: Term(2), index: LogIndex(30) },
            membership: Unidentified {
                voters: [NodeId(1), NodeId(2)].into(),
                outgoing: BTreeSet::new(),
                learners: [NodeId(3)].into(),
                addresses: [(NodeId(3), "h:3".to_owned())].into(),
            },
            membership_index: LogIndex(9),
        };
        let (fs, path) = (MemoryFs::new(), Path::new("/data/snapshot"));
        fs.create_dir_all(Path::new("/data")).unwrap();
        let mut meta = Vec::new();
        encode(&old, &mut meta);
        let mut writer = Writer::of_version(UNIDENTIFIED, fs.open(path).unwrap(), &meta).unwrap();
        writer.content(b"content").unwrap();
        writer.finish().unwrap();
        let mut content = Vec::new();
        let read = read(&*fs.open(path).unwrap(), |piece| content.extend(piece)).unwrap();
        assert_eq!(content, b"content");
        let membership = Membership {
            learners: [NodeId(3)].into(),
            addresses: [(NodeId(3), "h:3".to_owned())].into(),
            ..Membership::of([NodeId(1), NodeId(2)].into())
        };
        assert_eq!(read, SnapshotMeta { last: old.last, membership, membership_index: LogIndex(9) });
    }

    #[test]
    fn a_length_over_its_limit_or_over_the_file_takes_no_memory() {
        let (fs, path) = (MemoryFs::new(), Path::new("/data/snapshot"));
        fs.put(path, &[7; 100]);
        let file = fs.open(path).unwrap();
        let read = |offset, length, limit| match read_checked(
            &*file,
            100,
            offset,
            length,
            limit,
            crc32c(&[7; 20]),
        ) {
            Ok(bytes) => Ok(bytes.len()),
            Err(SnapshotFlaw::Damaged { what, .. }) => Err(what),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!((read(0, 20, 20), read(80, 20, 30)), (Ok(20), Ok(20)));
        let too_long = Err("a piece is too long");
        assert_eq!((read(0, 20, 19), read(81, 20, 30)), (too_long, too_long));
        assert_eq!(read(0, 21, 30), Err("a piece does not match its checksum"));
    }
}
