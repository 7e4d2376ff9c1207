//! The bytes of `raft.log`: the header, frames and records. Pure: knows no file, only slices and offsets.
//!
//! All numbers are little-endian; the checksum is CRC-32C.
//!
//! ```text
//! header   magic "raftdeck" | version u32 | crc of the 12 bytes before       the same 16 bytes in every version
//!          length u32 | crc of the body u32 | body: postcard (node, cluster)
//! frame    "rdf" | kind u8 | length u32 | crc of the body u32 | crc of the 12 bytes before u32 | body
//!          kind 1: a write, whose body is postcard records one after the other
//!          kind 2: a seal, whose body is empty
//! ```
//!
//! A frame's second checksum also covers the header's bytes and the frame's offset in the file. It covers the
//! length, so that a length is believed, and memory taken for it, only if it is one that was written.

use crc32c::{crc32c, crc32c_append};
use raftdeck_raft::{Entry, HardState, LogIndex, NodeId, Persist};
use serde::{Deserialize, Serialize};

/// The version that this program writes and reads.
pub(crate) const VERSION: u32 = 1;

/// The bytes that say what the file is and in which version, in every version.
pub(crate) const PROLOGUE: usize = 16;

/// The length and the checksum before the header's body.
pub(crate) const IDENTITY_HEAD: usize = 8;

/// The most bytes in a cluster's name.
pub(crate) const MAX_CLUSTER: usize = 64 << 10;

/// The bytes of a frame before its body.
pub(crate) const FRAME_HEAD: usize = 16;

/// The most bytes in a frame's body. Far above what the core hands out at once; bounds memory in recovery.
pub(crate) const MAX_BODY: usize = 256 << 20;

/// The most bytes in the header's body: the name, and two numbers of at most ten bytes.
const MAX_IDENTITY: usize = MAX_CLUSTER + 20;

const MAGIC: [u8; 8] = *b"raftdeck";
const MARKER: [u8; 3] = *b"rdf";

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) node: NodeId,
    pub(crate) cluster: String,
}

/// What [`read_prologue`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Prologue {
    Version(u32),
    NotALog,
    Damaged,
}

/// The file's first bytes, before any frame.
pub(crate) fn header(identity: &Identity) -> Vec<u8> {
    let mut header = MAGIC.to_vec();
    header.extend(VERSION.to_le_bytes());
    header.extend(crc32c(&header).to_le_bytes());
    let mut body = Vec::new();
    encode(identity, &mut body);
    header.extend(length(&body));
    header.extend(crc32c(&body).to_le_bytes());
    header.extend(body);
    header
}

pub(crate) fn read_prologue(bytes: &[u8; PROLOGUE]) -> Prologue {
    if !bytes.starts_with(&MAGIC) {
        return Prologue::NotALog;
    }
    if u32_at(bytes, 12) == crc32c(&bytes[..12]) {
        Prologue::Version(u32_at(bytes, 8))
    } else {
        Prologue::Damaged
    }
}

/// The length and checksum of the header's body, if the length can be one.
pub(crate) fn read_identity_head(bytes: [u8; IDENTITY_HEAD]) -> Option<(usize, u32)> {
    let length = usize::try_from(u32_at(&bytes, 0)).ok().filter(|length| *length <= MAX_IDENTITY)?;
    Some((length, u32_at(&bytes, 4)))
}

/// The header's body, if it matches its checksum.
pub(crate) fn read_identity(body: &[u8], crc: u32) -> Option<Identity> {
    if crc32c(body) != crc {
        return None;
    }
    match postcard::take_from_bytes(body) {
        Ok((identity, [])) => Some(identity),
        _ => None,
    }
}

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// All that one call stored.
    Write,
    /// Says that the frame before it is durable.
    Seal,
}

/// A frame without its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    pub(crate) kind: FrameKind,
    pub(crate) length: usize,
    body_crc: u32,
}

impl FrameHead {
    /// The bytes of the whole frame.
    pub(crate) fn size(&self) -> u64 {
        (FRAME_HEAD + self.length) as u64
    }

    pub(crate) fn matches(&self, body: &[u8]) -> bool {
        crc32c(body) == self.body_crc
    }
}

/// Builds and reads the frames of one file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    /// Ties frames to this file: the checksum of its header.
    salt: u32,
}

impl Framing {
    pub(crate) fn new(header: &[u8]) -> Self {
        Self { salt: crc32c(header) }
    }

    /// The frame that stores `writes` at `offset`, or the bytes it may need, which are over [`MAX_BODY`].
    pub(crate) fn write(self, offset: u64, writes: &[Persist]) -> Result<Vec<u8>, usize> {
        let bound = writes.iter().map(most_bytes).sum();
        if bound > MAX_BODY {
            return Err(bound);
        }
        let mut frame = Vec::with_capacity(FRAME_HEAD + bound);
        frame.resize(FRAME_HEAD, 0);
        for write in writes {
            encode_write(write, &mut frame);
        }
        self.fill_head(FrameKind::Write, offset, &mut frame);
        Ok(frame)
    }

    /// The seal at `offset`.
    pub(crate) fn seal(self, offset: u64) -> Vec<u8> {
        let mut frame = vec![0; FRAME_HEAD];
        self.fill_head(FrameKind::Seal, offset, &mut frame);
        frame
    }

    /// Reads a frame's head at `offset`, if it is one that was written there.
    pub(crate) fn head(self, offset: u64, bytes: &[u8; FRAME_HEAD]) -> Option<FrameHead> {
        if !is_marked(bytes) || u32_at(bytes, 12) != self.head_crc(offset, bytes) {
            return None;
        }
        let length = usize::try_from(u32_at(bytes, 4)).ok()?;
        let kind = match bytes[3] {
            1 if length <= MAX_BODY => FrameKind::Write,
            2 if length == 0 => FrameKind::Seal,
            _ => return None,
        };
        Some(FrameHead { kind, length, body_crc: u32_at(bytes, 8) })
    }

    /// Writes the head of a frame whose body is in place.
    pub(crate) fn fill_head(self, kind: FrameKind, offset: u64, frame: &mut [u8]) {
        let (head, body) = frame.split_at_mut(FRAME_HEAD);
        head[..3].copy_from_slice(&MARKER);
        head[3] = match kind {
            FrameKind::Write => 1,
            FrameKind::Seal => 2,
        };
        head[4..8].copy_from_slice(&length(body));
        head[8..12].copy_from_slice(&crc32c(body).to_le_bytes());
        let crc = self.head_crc(offset, head);
        head[12..].copy_from_slice(&crc.to_le_bytes());
    }

    fn head_crc(self, offset: u64, head: &[u8]) -> u32 {
        crc32c_append(crc32c_append(self.salt, &offset.to_le_bytes()), &head[..12])
    }
}

/// Whether a frame may start with these bytes: the quick look before the checksums.
pub(crate) fn is_marked(bytes: &[u8]) -> bool {
    bytes.starts_with(&MARKER)
}

/// One step of a write. Variants are only ever added at the end.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum Record {
    Truncate(LogIndex),
    Append(Entry),
    HardState(HardState),
}

/// A [`Record`] to be written, which encodes as that does.
#[derive(Serialize)]
enum RecordRef<'a> {
    Truncate(LogIndex),
    Append(&'a Entry),
    HardState(HardState),
}

/// No fewer bytes than a write's records take: an encoded number has at most ten bytes, a variant one.
fn most_bytes(write: &Persist) -> usize {
    const HARD_STATE_AND_TRUNCATE: usize = (1 + 10 + 1 + 10) + (1 + 10);
    const ENTRY_WITHOUT_PAYLOAD: usize = 1 + 10 + 10 + 1 + 10;
    let entries = write.entries.iter().map(|entry| ENTRY_WITHOUT_PAYLOAD + entry.payload.size());
    HARD_STATE_AND_TRUNCATE + entries.sum::<usize>()
}

fn encode_write(write: &Persist, into: &mut Vec<u8>) {
    if let Some(from) = write.truncate {
        encode(&RecordRef::Truncate(from), into);
    }
    for entry in &write.entries {
        encode(&RecordRef::Append(entry), into);
    }
    if let Some(hard_state) = write.hard_state {
        encode(&RecordRef::HardState(hard_state), into);
    }
}

/// Takes the records out of a frame's body one after the other; `None` in the place of one that is none.
pub(crate) fn records(mut body: &[u8]) -> impl Iterator<Item = Option<Record>> {
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let (record, rest) =
            postcard::take_from_bytes(body).map_or((None, &[][..]), |(r, rest)| (Some(r), rest));
        body = rest;
        Some(record)
    })
}

fn encode<T: Serialize>(value: &T, into: &mut Vec<u8>) {
    postcard::to_io(value, into).expect("a vector takes every byte, and these types have an encoding");
}

/// The length of something that the callers' limits keep below 4 GiB.
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("within MAX_IDENTITY or MAX_BODY").to_le_bytes()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use raftdeck_raft::{LogId, Payload, Term, Ticket};

    fn write() -> Persist {
        let id = |index| LogId { term: Term(2), index: LogIndex(index) };
        Persist {
            ticket: Ticket { seq: 1, last: id(6) },
            hard_state: Some(HardState { term: Term(2), vote: Some(NodeId(3)) }),
            reset: None,
            truncate: Some(LogIndex(5)),
            purge: None,
            entries: vec![
                Entry { id: id(5), payload: Payload::Noop },
                Entry { id: id(6), payload: Payload::Command(Bytes::from_static(b"blue")) },
            ],
            then_send: Vec::new(),
        }
    }

    fn identity() -> Identity {
        Identity { node: NodeId(1), cluster: "deck".to_owned() }
    }

    /// These bytes are on users' disks: if this test fails, the format version has to go up.
    #[test]
    fn the_format_stands_still() {
        let header = header(&identity());
        let framing = Framing::new(&header);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex(&header), "726166746465636b010000003ac6a22506000000d32b740e01046465636b");
        assert_eq!(
            hex(&framing.write(30, &[write()]).unwrap()),
            "726466011300000006f498c49c3540680005010205000102060104626c756502020103"
        );
        assert_eq!(hex(&framing.seal(30)), "7264660200000000000000001f09e7f4");
    }

    #[test]
    fn a_frame_is_valid_only_at_its_place_and_in_its_file() {
        let framing = Framing::new(&header(&identity()));
        let other = Framing::new(&header(&Identity { node: NodeId(2), ..identity() }));
        let frame = framing.write(100, &[write()]).unwrap();
        let head: &[u8; FRAME_HEAD] = frame[..FRAME_HEAD].try_into().unwrap();
        assert!(framing.head(100, head).unwrap().matches(&frame[FRAME_HEAD..]));
        assert_eq!(framing.head(101, head), None);
        assert_eq!(other.head(100, head), None);
    }

    #[test]
    fn records_come_back_in_the_order_truncate_entries_hard_state() {
        let write = write();
        let frame = Framing::new(b"").write(0, std::slice::from_ref(&write)).unwrap();
        let mut expected = vec![Record::Truncate(LogIndex(5))];
        expected.extend(write.entries.iter().cloned().map(Record::Append));
        expected.push(Record::HardState(write.hard_state.unwrap()));
        assert_eq!(records(&frame[FRAME_HEAD..]).collect::<Option<Vec<_>>>(), Some(expected));
    }

    #[test]
    fn a_write_never_needs_more_than_its_bound() {
        let most = u64::MAX;
        let id = LogId { term: Term(most), index: LogIndex(most) };
        let mut write = write();
        write.truncate = Some(LogIndex(most));
        write.hard_state = Some(HardState { term: Term(most), vote: Some(NodeId(most)) });
        write.entries = vec![Entry { id, payload: Payload::Command(Bytes::from_static(b"blue")) }];
        let mut encoded = Vec::new();
        encode_write(&write, &mut encoded);
        assert!(encoded.len() <= most_bytes(&write));
    }
}
