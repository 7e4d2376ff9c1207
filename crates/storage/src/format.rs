//! The bytes of `raft.log`: the header, frames and records. Pure: knows no file, only slices and offsets.
//!
//! All numbers are little-endian; the checksum is CRC-32C.
//!
//! ```text
//! header   magic "raftdeck" | version u32 | crc of the 12 bytes before       the same 16 bytes in every version
//!          length u32 | crc of the body u32 | body: postcard (node, cluster, generation)
//! frame    "rdf" | kind u8 | length u32 | crc of the body u32 | crc of the 12 bytes before u32 | body
//!          kind 1: a write, whose body is postcard records one after the other
//!          kind 2: a seal, whose body is empty
//! ```
//!
//! The generation counts how often the log was written anew, which gives back the space of a purged beginning. Such a
//! log starts with a reset to the entry before its first. Version 1 has no generation and neither resets nor purges.
//!
//! A frame's second checksum also covers the header's bytes and the frame's offset in the file. It covers the
//! length, so that a length is believed, and memory taken for it, only if it is one that was written.

use crc32c::{crc32c, crc32c_append};
use raftdeck_raft::{Entry, HardState, LogId, LogIndex, Membership, NodeId, Payload, Persist};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version that this program writes.
pub(crate) const VERSION: u32 = 2;

/// The oldest version that it still reads.
pub(crate) const OLDEST_VERSION: u32 = 1;

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

/// The most bytes in the header's body: the name, and three numbers of at most ten bytes.
const MAX_IDENTITY: usize = MAX_CLUSTER + 30;

const MAGIC: [u8; 8] = *b"raftdeck";
const MARKER: [u8; 3] = *b"rdf";

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) node: NodeId,
    pub(crate) cluster: String,
}

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) identity: Identity,
    /// How often the log was written anew. Frames of one generation are no frames in another.
    pub(crate) generation: u64,
}

/// What [`read_prologue`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Prologue {
    Version(u32),
    NotALog,
    Damaged,
}

/// The file's first bytes, before any frame.
pub(crate) fn header(header: &Header) -> Vec<u8> {
    let mut body = Vec::new();
    encode(header, &mut body);
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(crc32c(&bytes).to_le_bytes());
    bytes.extend(length(&body));
    bytes.extend(crc32c(&body).to_le_bytes());
    bytes.extend(body);
    bytes
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

/// The header's body in this version, if it matches its checksum.
pub(crate) fn read_header(version: u32, body: &[u8], crc: u32) -> Option<Header> {
    if crc32c(body) != crc {
        return None;
    }
    if version == 1 {
        return whole(body).map(|identity| Header { identity, generation: 0 });
    }
    whole(body)
}

/// A value that takes all of the bytes.
pub(crate) fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
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
    Reset(LogId),
    Purge(LogId),
}

/// A [`Record`] to be written, which encodes as that does.
#[derive(Serialize)]
enum RecordRef<'a> {
    Truncate(LogIndex),
    Append(&'a Entry),
    HardState(HardState),
    Reset(LogId),
    Purge(LogId),
}

/// The most bytes of an encoded number.
const NUMBER: usize = 10;

/// No fewer bytes than a write's records take. A variant takes one.
fn most_bytes(write: &Persist) -> usize {
    const HARD_STATE: usize = 1 + NUMBER + 1 + NUMBER;
    const TRUNCATE: usize = 1 + NUMBER;
    const RESET_AND_PURGE: usize = 2 * (1 + 2 * NUMBER);
    const ENTRY_WITHOUT_PAYLOAD: usize = 1 + 2 * NUMBER + 1;
    let entries =
        write.entries.iter().map(|entry| ENTRY_WITHOUT_PAYLOAD + most_payload_bytes(&entry.payload));
    HARD_STATE + TRUNCATE + RESET_AND_PURGE + entries.sum::<usize>()
}

fn most_payload_bytes(payload: &Payload) -> usize {
    match payload {
        Payload::Noop => 0,
        Payload::Command(bytes) => NUMBER + bytes.len(),
        Payload::Membership(membership) => {
            let Membership { voters, outgoing, learners, addresses } = &**membership;
            let numbers = 4 + voters.len() + outgoing.len() + learners.len() + 2 * addresses.len();
            NUMBER * numbers + addresses.values().map(String::len).sum::<usize>()
        }
    }
}

fn encode_write(write: &Persist, into: &mut Vec<u8>) {
    if let Some(id) = write.reset {
        encode(&RecordRef::Reset(id), into);
    }
    if let Some(from) = write.truncate {
        encode(&RecordRef::Truncate(from), into);
    }
    if let Some(id) = write.purge {
        encode(&RecordRef::Purge(id), into);
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

pub(crate) fn encode<T: Serialize>(value: &T, into: &mut Vec<u8>) {
    postcard::to_io(value, into).expect("a vector takes every byte, and these types have an encoding");
}

/// The length of something that the callers' limits keep below 4 GiB.
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("within MAX_IDENTITY or MAX_BODY").to_le_bytes()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use raftdeck_raft::{Term, Ticket};
    use std::collections::BTreeSet;

    fn write() -> Persist {
        let id = |index| LogId { term: Term(2), index: LogIndex(index) };
        Persist {
            ticket: Ticket { seq: 1, last: id(6) },
            hard_state: Some(HardState { term: Term(2), vote: Some(NodeId(3)) }),
            reset: Some(id(3)),
            truncate: Some(LogIndex(5)),
            purge: Some(id(4)),
            entries: vec![
                Entry { id: id(5), payload: Payload::Noop },
                Entry { id: id(6), payload: Payload::Command(Bytes::from_static(b"blue")) },
            ],
            then_send: Vec::new(),
        }
    }

    fn first() -> Header {
        let identity = Identity { node: NodeId(1), cluster: "deck".to_owned() };
        Header { identity, generation: 0 }
    }

    /// These bytes are on users' disks: if this test fails, the format version has to go up.
    #[test]
    fn the_format_stands_still() {
        let header = header(&first());
        let framing = Framing::new(&header);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(hex(&header), "726166746465636b02000000034f8047070000002535f09201046465636b00");
        assert_eq!(
            hex(&framing.write(30, &[write()]).unwrap()),
            "726466011900000060223f6dec3e903e0302030005040204010205000102060104626c756502020103"
        );
        assert_eq!(hex(&framing.seal(30)), "72646602000000000000000036673f03");
    }

    #[test]
    fn a_frame_is_valid_only_at_its_place_and_in_its_file() {
        let framing = Framing::new(&header(&first()));
        let mut stranger = first();
        stranger.identity.node = NodeId(2);
        let frame = framing.write(100, &[write()]).unwrap();
        let head: &[u8; FRAME_HEAD] = frame[..FRAME_HEAD].try_into().unwrap();
        assert!(framing.head(100, head).unwrap().matches(&frame[FRAME_HEAD..]));
        assert_eq!(framing.head(101, head), None);
        for other in [stranger, Header { generation: 1, ..first() }] {
            assert_eq!(Framing::new(&header(&other)).head(100, head), None);
        }
    }

    #[test]
    fn records_come_back_in_the_order_in_which_a_write_is_carried_out() {
        let write = write();
        let frame = Framing::new(b"").write(0, std::slice::from_ref(&write)).unwrap();
        let (reset, purge) = (write.reset.unwrap(), write.purge.unwrap());
        let mut expected = vec![Record::Reset(reset), Record::Truncate(LogIndex(5)), Record::Purge(purge)];
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
        (write.reset, write.purge) = (Some(id), Some(id));
        let nodes = |from: u64| (from..=from + 4).map(NodeId).collect::<BTreeSet<_>>();
        let (voters, outgoing, learners) = (nodes(most - 9), nodes(most - 8), nodes(most - 4));
        let addresses = voters.iter().map(|node| (*node, "an address".to_owned())).collect();
        let membership = Membership { voters, outgoing, learners, addresses };
        let payloads = [
            Payload::Noop,
            Payload::Command(Bytes::from_static(b"blue")),
            Payload::Membership(Box::new(membership)),
        ];
        write.entries = payloads.map(|payload| Entry { id, payload }).to_vec();
        let mut encoded = Vec::new();
        encode_write(&write, &mut encoded);
        assert!(encoded.len() <= most_bytes(&write));
    }
}
