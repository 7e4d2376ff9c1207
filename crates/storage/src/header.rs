//! The beginnings of files: of `raft.log`, which says whose log it is and in which format, and of each segment. Pure: knows
//! slices only.
//!
//! All numbers are little-endian; the checksum is CRC-32C.
//!
//! ```text
//! raft.log  magic "raftdeck" | version u32 | crc of the 12 bytes before       the same 16 bytes in every version
//!           length u32 | crc of the body u32 | body: postcard (node, cluster)          nothing follows
//! segment   magic "raftdseg" | version u32 | crc of the 12 bytes before
//!           length u32 | crc of the body u32 | crc of the 24 bytes before u32 | body: postcard SegmentHeader, file's length u64
//! ```
//!
//! Up to version 2 the whole log followed in `raft.log`; see `legacy`. Up to version 3 memberships had no identities, see
//! `unidentified`, and a segment did not state its file's length.

use crate::outline::Outline;
use crate::record::{encode, whole};
use crc32c::crc32c;
use raftdeck_raft::NodeId;
use serde::{Deserialize, Serialize};

/// The version that this program writes.
pub(crate) const VERSION: u32 = 4;

/// The first version whose directories have an identity.
pub(crate) const IDENTIFIED: u32 = 4;

/// The first version whose segments state the length of their file.
const STATES_LENGTH: u32 = 4;

/// The bytes of that statement. Its size is constant, since where the frames start must not depend on it.
const STATED_LENGTH: usize = 8;

/// The oldest version that this program still reads.
pub(crate) const OLDEST_VERSION: u32 = 1;

/// The bytes that say what a file is and in which version, in every version.
pub(crate) const PROLOGUE: usize = 16;

/// The length and the checksum before the body in `raft.log`.
pub(crate) const IDENTITY_HEAD: usize = 8;

/// All of a segment's header but its body.
pub(crate) const SEGMENT_HEAD: usize = 28;

/// The most bytes in a cluster's name.
pub(crate) const MAX_CLUSTER: usize = 64 << 10;

/// The most bytes in the body of `raft.log`: the name, and three numbers of at most ten bytes.
const MAX_IDENTITY: usize = MAX_CLUSTER + 30;

pub(crate) const LOG_MAGIC: [u8; 8] = *b"raftdeck";
pub(crate) const SEGMENT_MAGIC: [u8; 8] = *b"raftdseg";

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) node: NodeId,
    pub(crate) cluster: String,
}

impl Identity {
    /// Tells this log from others, also in later versions.
    pub(crate) fn checksum(&self) -> u32 {
        let mut bytes = Vec::new();
        encode(self, &mut bytes);
        crc32c(&bytes)
    }
}

/// What a segment's header says: its place in the log, and all that its frames build on, so that they can be read and
/// judged without the segments before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SegmentHeader {
    /// The checksum of the identity: a segment of another log is none of this one.
    pub(crate) log: u32,
    /// Counts the segments of a log. No two have the same number, also when they are in the same file one after the other.
    pub(crate) sequence: u64,
    /// What is behind the frames is what an earlier segment has left; otherwise it is zeros.
    pub(crate) recycled: bool,
    /// Where the frames of the segment before it end.
    pub(crate) previous_end: u64,
    /// What was stored when it began: term and vote, where the log starts and ends, and the terms in it.
    pub(crate) outline: Outline,
}

/// What [`read_prologue`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Prologue {
    Version(u32),
    /// The file begins otherwise.
    Stranger,
    Damaged,
}

/// All of `raft.log`.
pub(crate) fn log(identity: &Identity) -> Vec<u8> {
    let mut body = Vec::new();
    encode(identity, &mut body);
    let mut bytes = prologue(LOG_MAGIC);
    bytes.extend(length(&body));
    bytes.extend(crc32c(&body).to_le_bytes());
    bytes.extend(body);
    bytes
}

/// The bytes before the first frame of a segment whose file has this length.
pub(crate) fn segment(header: &SegmentHeader, file_length: u64) -> Vec<u8> {
    let mut body = Vec::new();
    encode(header, &mut body);
    body.extend(file_length.to_le_bytes());
    let mut bytes = prologue(SEGMENT_MAGIC);
    bytes.extend(length(&body));
    bytes.extend(crc32c(&body).to_le_bytes());
    bytes.extend(crc32c(&bytes).to_le_bytes());
    bytes.extend(body);
    bytes
}

fn prologue(magic: [u8; 8]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(crc32c(&bytes).to_le_bytes());
    bytes
}

pub(crate) fn read_prologue(bytes: &[u8; PROLOGUE], magic: [u8; 8]) -> Prologue {
    if !bytes.starts_with(&magic) {
        return Prologue::Stranger;
    }
    if u32_at(bytes, 12) == crc32c(&bytes[..12]) {
        Prologue::Version(u32_at(bytes, 8))
    } else {
        Prologue::Damaged
    }
}

/// The length and checksum of the body of `raft.log`, if the length can be one.
pub(crate) fn read_identity_head(bytes: [u8; IDENTITY_HEAD]) -> Option<(usize, u32)> {
    let length = usize::try_from(u32_at(&bytes, 0)).ok().filter(|length| *length <= MAX_IDENTITY)?;
    Some((length, u32_at(&bytes, 4)))
}

/// The length and checksum of the body of a segment's header. The length is believed: it is under a checksum.
pub(crate) fn read_segment_head(bytes: &[u8; SEGMENT_HEAD]) -> Option<(usize, u32)> {
    if u32_at(bytes, 24) != crc32c(&bytes[..24]) {
        return None;
    }
    Some((usize::try_from(u32_at(bytes, 16)).ok()?, u32_at(bytes, 20)))
}

/// What the body of a segment's header says in this version, and the length of the file, if it matches its checksum.
pub(crate) fn read_segment(version: u32, body: &[u8], crc: u32) -> Option<(SegmentHeader, Option<u64>)> {
    if crc32c(body) != crc {
        return None;
    }
    let (body, file_length) = if version < STATES_LENGTH {
        (body, None)
    } else {
        let (body, length) = body.split_at_checked(body.len().checked_sub(STATED_LENGTH)?)?;
        (body, Some(u64::from_le_bytes(length.try_into().ok()?)))
    };
    let header: SegmentHeader = whole(body)?;
    // The first segment has the number 1, and no other's file.
    let could_be = header.sequence > u64::from(header.recycled) && header.outline.is_consistent();
    could_be.then_some((header, file_length))
}

/// The length of something that is far below 4 GiB.
pub(crate) fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("bounded by the callers' limits").to_le_bytes()
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::{HardState, LogId, LogIndex, Term};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    }

    fn outline() -> Outline {
        let mut outline = Outline::default();
        outline.set_hard_state(HardState { term: Term(3), vote: Some(NodeId(2)) }).unwrap();
        for (term, index) in [(1, 1), (3, 2), (3, 3)] {
            outline.append(LogId { term: Term(term), index: LogIndex(index) }).unwrap();
        }
        outline
    }

    /// These bytes are on users' disks: if this test fails, the format version has to go up.
    #[test]
    fn the_format_stands_still() {
        let identity = Identity { node: NodeId(1), cluster: "deck".to_owned() };
        assert_eq!(hex(&log(&identity)), "726166746465636b04000000715dc58306000000d32b740e01046465636b");
        let header = SegmentHeader {
            log: identity.checksum(),
            sequence: 300,
            recycled: true,
            previous_end: 4000,
            outline: outline(),
        };
        assert_eq!(
            hex(&segment(&header, 64 << 20)),
            "726166746473656704000000031923261c000000eeade8053445056ad3d7d073ac0201a01f0301020000030201010203\
             0000000400000000"
        );
    }

    #[test]
    fn a_header_comes_back_as_it_was_and_a_damaged_one_does_not() {
        let header =
            SegmentHeader { log: 7, sequence: 1, recycled: false, previous_end: 0, outline: outline() };
        let bytes = segment(&header, 1 << 20);
        let read = |bytes: &[u8]| {
            let head = bytes[..SEGMENT_HEAD].try_into().unwrap();
            let (length, crc) = read_segment_head(head)?;
            read_segment(u32_at(bytes, 8), bytes.get(SEGMENT_HEAD..SEGMENT_HEAD + length)?, crc)
        };
        assert_eq!(read(&bytes), Some((header, Some(1 << 20))));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&flipped), None, "bit {bit}");
        }
    }

    /// Under a sound checksum too.
    #[test]
    fn a_header_that_no_segment_can_have_is_none() {
        let read = |sequence, recycled, outline| {
            let header = SegmentHeader { log: 7, sequence, recycled, previous_end: 0, outline };
            let bytes = segment(&header, 1 << 20);
            let (length, crc) = read_segment_head(bytes[..SEGMENT_HEAD].try_into().unwrap())?;
            read_segment(VERSION, &bytes[SEGMENT_HEAD..SEGMENT_HEAD + length], crc)
        };
        assert!(read(1, false, outline()).is_some() && read(2, true, outline()).is_some());
        assert_eq!(read(0, false, outline()), None);
        assert_eq!(read(1, true, outline()), None);
        let ahead_of_its_term =
            Outline::starting(HardState::default(), LogId { term: Term(1), index: LogIndex(1) });
        assert_eq!(read(2, true, ahead_of_its_term), None);
    }
}
