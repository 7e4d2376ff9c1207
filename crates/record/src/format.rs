//! What the file of a recording looks like: its beginning, and blocks.
//!
//! ```text
//! magic "RDECKREC"   version, 4 bytes   then blocks
//! block: number of its kind, 1 byte   length of its body, 4 bytes   checksum, 4 bytes   body
//! ```
//!
//! Numbers are big-endian. The checksum is CRC-32C over the block's place (0, 1, … in 8 bytes), kind, length and body, so a block that was
//! moved, repeated or left out is noticed. A body is compressed (deflate); inflated it is lines of JSON:
//!
//! | kind | lines |
//! | --- | --- |
//! | 1 header | one [`Header`]; the first block |
//! | 2 updates | [`Update`](raftdeck_model::Update)s, in the order in which they were told |
//! | 3 key frame | `{"at": …}`, then updates that make the world of this moment out of an empty one |
//! | 4 end | none: the recorder finished |
//!
//! The schema only grows. A reader ignores blocks, updates and fields that it does not know. What it cannot ignore gets a new
//! version.

use crc32c::{crc32c, crc32c_append};
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// How every recording begins.
pub const MAGIC: [u8; 8] = *b"RDECKREC";

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// The most bytes of a block's body when it is inflated.
pub const MAX_INFLATED: usize = 32 << 20;

/// The same when it is compressed: what cannot be compressed grows by a little.
const MAX_BODY: usize = MAX_INFLATED + (MAX_INFLATED >> 8);

const HEAD: usize = 9;

/// What a recording says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Header {
    /// When it began, in milliseconds since 1970.
    pub began_unix_ms: u64,
    /// The version of the program that made it.
    pub program: String,
    /// What was recorded: `lab`, `sim`, …
    pub engine: String,
    /// The seed that decided all chance, if one did.
    pub seed: Option<u64>,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    Header,
    Updates,
    KeyFrame,
    End,
    /// Of a later program: to be passed over.
    Unknown,
}

impl BlockKind {
    fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Header => 1,
            Self::Updates => 2,
            Self::KeyFrame => 3,
            Self::End => 4,
        }
    }

    fn of(number: u8) -> Self {
        let known = [Self::Header, Self::Updates, Self::KeyFrame, Self::End];
        known.into_iter().find(|kind| kind.number() == number).unwrap_or(Self::Unknown)
    }
}

/// Covers everything of a block but itself.
fn checksum(place: u64, kind: u8, length: [u8; 4], body: &[u8]) -> u32 {
    let head = crc32c_append(crc32c(&place.to_be_bytes()), &[kind]);
    crc32c_append(crc32c_append(head, &length), body)
}

/// Writes blocks one after the other.
#[derive(Debug)]
pub(crate) struct BlockWriter<W> {
    to: W,
    place: u64,
    /// A block was written in part: nothing behind it could be read.
    is_broken: bool,
}

impl<W: Write> BlockWriter<W> {
    /// Writes the file's beginning.
    pub(crate) fn new(mut to: W) -> io::Result<Self> {
        to.write_all(&MAGIC)?;
        to.write_all(&VERSION.to_be_bytes())?;
        Ok(Self { to, place: 0, is_broken: false })
    }

    /// Writes one block and flushes.
    ///
    /// # Panics
    /// If there are more than [`MAX_INFLATED`] bytes of lines.
    pub(crate) fn write(&mut self, kind: BlockKind, lines: &[u8]) -> io::Result<()> {
        assert!(lines.len() <= MAX_INFLATED, "a block is read only if it is not larger");
        if self.is_broken {
            return Err(io::Error::other("the recording ends at an earlier error: nothing can be added"));
        }
        let mut body = Vec::new();
        DeflateEncoder::new(lines, Compression::default()).read_to_end(&mut body)?;
        let length = u32::try_from(body.len()).map_err(io::Error::other)?.to_be_bytes();
        let checksum = checksum(self.place, kind.number(), length, &body);
        let mut block = Vec::with_capacity(HEAD + body.len());
        block.push(kind.number());
        block.extend(length);
        block.extend(checksum.to_be_bytes());
        block.append(&mut body);
        self.is_broken = true;
        self.to.write_all(&block)?;
        self.to.flush()?;
        self.is_broken = false;
        self.place += 1;
        Ok(())
    }

    pub(crate) fn into_inner(self) -> W {
        self.to
    }
}

/// What comes next in a file.
#[derive(Debug)]
pub(crate) enum NextBlock {
    Block(BlockKind, Vec<u8>),
    /// The file ends before a block begins.
    Over,
    /// The file ends in the middle of a block.
    Cut,
    /// What comes is no block, or not the one that was written here.
    Damaged,
}

/// Reads blocks one after the other.
#[derive(Debug)]
pub(crate) struct BlockReader<R> {
    from: R,
    place: u64,
    /// Where the next block begins, in bytes.
    pub(crate) offset: u64,
}

impl<R: Read> BlockReader<R> {
    /// Reads the file's beginning. Gives back the version too, if it begins as a recording.
    pub(crate) fn new(mut from: R) -> io::Result<Option<(Self, u32)>> {
        let beginning = up_to(&mut from, MAGIC.len() + size_of::<u32>())?;
        let version = beginning.strip_prefix(&MAGIC).and_then(|rest| rest.try_into().ok());
        let offset = beginning.len() as u64;
        Ok(version.map(|version| (Self { from, place: 0, offset }, u32::from_be_bytes(version))))
    }

    /// Reads one block. After anything but a block there is no more.
    pub(crate) fn next(&mut self) -> io::Result<NextBlock> {
        let head = up_to(&mut self.from, HEAD)?;
        let &[kind, l0, l1, l2, l3, c0, c1, c2, c3] = &head[..] else {
            return Ok(if head.is_empty() { NextBlock::Over } else { NextBlock::Cut });
        };
        let length = [l0, l1, l2, l3];
        let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if size > MAX_BODY {
            return Ok(NextBlock::Damaged);
        }
        let body = up_to(&mut self.from, size)?;
        if body.len() < size {
            return Ok(NextBlock::Cut);
        }
        if checksum(self.place, kind, length, &body) != u32::from_be_bytes([c0, c1, c2, c3]) {
            return Ok(NextBlock::Damaged);
        }
        self.place += 1;
        self.offset += (HEAD + size) as u64;
        let kind = BlockKind::of(kind);
        // What is passed over is not looked into.
        let lines = if kind == BlockKind::Unknown { Some(Vec::new()) } else { inflate(&body) };
        Ok(lines.map_or(NextBlock::Damaged, |lines| NextBlock::Block(kind, lines)))
    }
}

/// This many bytes, or fewer if there are no more. Takes no more memory than there are bytes.
fn up_to(from: &mut impl Read, count: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(count as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `None`: it is no deflated stream, or too large.
fn inflate(body: &[u8]) -> Option<Vec<u8>> {
    let mut lines = Vec::new();
    let bounded = DeflateDecoder::new(body).take(MAX_INFLATED as u64 + 1).read_to_end(&mut lines);
    (bounded.is_ok() && lines.len() <= MAX_INFLATED).then_some(lines)
}
