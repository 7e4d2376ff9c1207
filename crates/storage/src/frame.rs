//! The bytes of a frame: what one sync made durable, under checksums. Pure: knows slices and offsets only.
//!
//! All numbers are little-endian; the checksum is CRC-32C.
//!
//! ```text
//! frame    "rdf" | kind u8 | length u32 | crc of the body u32 | crc of the 12 bytes before u32 | body
//!          kind 1: a write, whose body is records one after the other
//!          kind 2: a seal, whose body is empty
//!          kind 3: a turn of the page, whose body is empty
//! ```
//!
//! A frame's second checksum also covers the log's identity, the segment's number and the frame's offset in its file. It
//! covers the length, so that a length is believed, and memory taken for it, only if it is one that was written. As two
//! numbers of segments never give the same checksum, what an earlier segment has left in a file is never a frame of
//! the next one.

use crate::header::{length, u32_at};
use crate::record::{encode_write, most_bytes};
use crc32c::{crc32c, crc32c_append};
use raftdeck_raft::Persist;

/// The bytes of a frame before its body.
pub(crate) const FRAME_HEAD: usize = 16;

/// The bytes of a seal, and of a turn of the page.
pub(crate) const SEAL: u64 = FRAME_HEAD as u64;

/// The most bytes in a frame's body. Far above what the core hands out in one batch; bounds memory in recovery.
pub(crate) const MAX_BODY: usize = 256 << 20;

pub(crate) const MARKER: [u8; 3] = *b"rdf";

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// All that one call stored.
    Write,
    /// Says that the frame before it is durable.
    Seal,
    /// Says that the log continues in the next segment, which is durable. It replaces the last seal.
    Turn,
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

/// Builds and reads the frames of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Framing {
    /// Ties frames to their segment.
    salt: u32,
}

impl Framing {
    /// That of a segment of the log whose identity has this checksum.
    pub(crate) fn new(log: u32, sequence: u64) -> Self {
        // Of two numbers with the same upper half the checksums differ for certain, and no log has 2^32 segments.
        Self { salt: crc32c_append(log, &sequence.to_le_bytes()) }
    }

    /// That of a log of version 1 or 2, whose header has this checksum.
    pub(crate) fn of_one_file(header: u32) -> Self {
        Self { salt: header }
    }

    /// The seal, or turn, at `offset`.
    pub(crate) fn mark(self, kind: FrameKind, offset: u64) -> [u8; FRAME_HEAD] {
        let mut frame = [0; FRAME_HEAD];
        self.fill_head(kind, offset, &mut frame);
        frame
    }

    /// Reads a frame's head at `offset`, if it is one that was written there.
    pub(crate) fn head(self, offset: u64, bytes: &[u8; FRAME_HEAD]) -> Option<FrameHead> {
        if !bytes.starts_with(&MARKER) || u32_at(bytes, 12) != self.head_crc(offset, bytes) {
            return None;
        }
        let length = usize::try_from(u32_at(bytes, 4)).ok()?;
        let kind = match bytes[3] {
            1 if length <= MAX_BODY => FrameKind::Write,
            2 if length == 0 => FrameKind::Seal,
            3 if length == 0 => FrameKind::Turn,
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
            FrameKind::Turn => 3,
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

/// Puts the frame that stores `writes` into `frame`, but for its head, which depends on where it goes. If it may need more
/// than [`MAX_BODY`] bytes, nothing is done but to say how many.
pub(crate) fn encode_body(writes: &[Persist], frame: &mut Vec<u8>) -> Result<(), usize> {
    let bound = writes.iter().map(most_bytes).sum();
    if bound > MAX_BODY {
        return Err(bound);
    }
    frame.clear();
    frame.reserve(FRAME_HEAD + bound);
    frame.resize(FRAME_HEAD, 0);
    for write in writes {
        encode_write(write, frame);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{LogRecord, records};
    use crate::unidentified::Unidentified;
    use bytes::Bytes;
    use raftdeck_raft::{
        ClusterId, Entry, HardState, Incarnation, LogId, LogIndex, Membership, NodeId, Payload, Persist,
        Term, Ticket,
    };
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

    fn framed(framing: Framing, offset: u64, write: &Persist) -> Vec<u8> {
        let mut frame = Vec::new();
        encode_body(std::slice::from_ref(write), &mut frame).unwrap();
        framing.fill_head(FrameKind::Write, offset, &mut frame);
        frame
    }

    /// These bytes are on users' disks: if this test fails, the format version has to go up.
    #[test]
    fn the_format_stands_still() {
        let framing = Framing::new(0x1234_5678, 9);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(
            hex(&framed(framing, 30, &write())),
            "726466011900000060223f6d4bf1f1460302030005040204010205000102060104626c756502020103"
        );
        assert_eq!(hex(&framing.mark(FrameKind::Seal, 30)), "72646602000000000000000091a85e7b");
        assert_eq!(hex(&framing.mark(FrameKind::Turn, 30)), "726466030000000000000000d97e608f");
    }

    #[test]
    fn a_frame_is_valid_only_at_its_place_and_in_its_segment() {
        let framing = Framing::new(7, 100);
        let frame = framed(framing, 100, &write());
        let head: &[u8; FRAME_HEAD] = frame[..FRAME_HEAD].try_into().unwrap();
        let read = framing.head(100, head).unwrap();
        assert!(read.matches(&frame[FRAME_HEAD..]));
        assert_eq!(read.size(), frame.len() as u64);
        assert_eq!(framing.head(101, head), None);
        assert_eq!(Framing::new(8, 100).head(100, head), None);
        for sequence in (0..100_000).filter(|sequence| *sequence != 100) {
            assert_eq!(Framing::new(7, sequence).head(100, head), None, "segment {sequence}");
        }
    }

    /// Under a sound checksum too.
    #[test]
    fn a_mark_with_a_body_and_a_frame_over_the_limit_are_none() {
        let framing = Framing::new(7, 100);
        let head = |kind: u8, length: usize| {
            let mut head = [0; FRAME_HEAD];
            head[..3].copy_from_slice(&MARKER);
            head[3] = kind;
            head[4..8].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
            let crc = framing.head_crc(30, &head);
            head[12..].copy_from_slice(&crc.to_le_bytes());
            framing.head(30, &head).map(|head| head.kind)
        };
        assert_eq!(head(1, MAX_BODY), Some(FrameKind::Write));
        assert_eq!(head(1, MAX_BODY + 1), None);
        for (kind, mark) in [(2, FrameKind::Seal), (3, FrameKind::Turn)] {
            assert_eq!((head(kind, 0), head(kind, 1)), (Some(mark), None));
        }
        assert_eq!((head(0, 0), head(4, 0)), (None, None));
    }

    #[test]
    fn records_come_back_in_the_order_in_which_a_write_is_carried_out() {
        let write = write();
        let frame = framed(Framing::new(0, 0), 0, &write);
        let (reset, purge) = (write.reset.unwrap(), write.purge.unwrap());
        let mut expected =
            vec![LogRecord::Reset(reset), LogRecord::Truncate(LogIndex(5)), LogRecord::Purge(purge)];
        expected.extend(write.entries.iter().cloned().map(LogRecord::Append));
        expected.push(LogRecord::HardState(write.hard_state.unwrap()));
        assert_eq!(records(&frame[FRAME_HEAD..]).collect::<Option<Vec<_>>>(), Some(expected));
    }

    /// Every kind of entry, with small and with the largest numbers.
    fn entries() -> Vec<Entry> {
        let nodes = |from: u64| (from..=from + 4).map(NodeId).collect::<BTreeSet<_>>();
        let most = u64::MAX;
        let (voters, outgoing, learners) = (nodes(most - 9), nodes(most - 8), nodes(most - 4));
        let addresses = voters.iter().map(|node| (*node, "an address".to_owned())).collect();
        let incarnations = voters.iter().map(|node| (*node, Incarnation([0xff; 16]))).collect();
        let cluster = Some(ClusterId([0xff; 16]));
        let membership =
            Box::new(Membership { voters, outgoing, learners, addresses, cluster, incarnations });
        let long = Bytes::from(vec![7; 300]);
        let payloads = [
            Payload::Noop,
            Payload::Command(Bytes::new()),
            Payload::Command(long),
            Payload::Membership(membership),
        ];
        let numbers = [0, 1, 127, 128, 300, 1 << 35, most];
        payloads
            .iter()
            .flat_map(|payload| {
                numbers.map(|number| Entry {
                    id: LogId { term: Term(number), index: LogIndex(most - number) },
                    payload: payload.clone(),
                })
            })
            .collect()
    }

    /// A record as postcard writes it: with the payloads that there are on disks.
    #[derive(serde::Serialize, serde::Deserialize)]
    enum StoredRecord {
        Truncate(LogIndex),
        Append(LogId, StoredPayload),
        HardState(HardState),
        Reset(LogId),
        Purge(LogId),
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    enum StoredPayload {
        Noop,
        Command(Bytes),
        Unidentified(Unidentified),
        Membership(Box<Membership>),
    }

    impl From<StoredRecord> for LogRecord {
        fn from(stored: StoredRecord) -> Self {
            match stored {
                StoredRecord::Truncate(from) => Self::Truncate(from),
                StoredRecord::HardState(state) => Self::HardState(state),
                StoredRecord::Reset(id) => Self::Reset(id),
                StoredRecord::Purge(id) => Self::Purge(id),
                StoredRecord::Append(id, payload) => {
                    let payload = match payload {
                        StoredPayload::Noop => Payload::Noop,
                        StoredPayload::Command(bytes) => Payload::Command(bytes),
                        StoredPayload::Unidentified(old) => Payload::Membership(Box::new(old.into())),
                        StoredPayload::Membership(membership) => Payload::Membership(membership),
                    };
                    Self::Append(Entry { id, payload })
                }
            }
        }
    }

    fn stored(Entry { id, payload }: Entry) -> StoredRecord {
        let payload = match payload {
            Payload::Noop => StoredPayload::Noop,
            Payload::Command(bytes) => StoredPayload::Command(bytes),
            Payload::Membership(membership) => StoredPayload::Membership(membership),
        };
        StoredRecord::Append(id, payload)
    }

    #[test]
    fn a_membership_of_an_older_version_is_read_without_identities() {
        let old = Unidentified {
            voters: [NodeId(1), NodeId(2)].into(),
            outgoing: BTreeSet::new(),
            learners: [NodeId(3)].into(),
            addresses: [(NodeId(3), "h:3".to_owned())].into(),
        };
        let id = LogId { term: Term(2), index: LogIndex(9) };
        let bytes =
            postcard::to_stdvec(&StoredRecord::Append(id, StoredPayload::Unidentified(old.clone()))).unwrap();
        let payload = Payload::Membership(Box::new(old.into()));
        assert_eq!(records(&bytes).next(), Some(Some(LogRecord::Append(Entry { id, payload }))));
    }

    #[test]
    fn entries_are_encoded_and_decoded_as_postcard_does() {
        for entry in entries() {
            let write = Persist {
                hard_state: None,
                reset: None,
                truncate: None,
                purge: None,
                entries: vec![entry.clone()],
                ..write()
            };
            let mut encoded = Vec::new();
            encode_write(&write, &mut encoded);
            let record = LogRecord::Append(entry.clone());
            assert_eq!(encoded, postcard::to_stdvec(&stored(entry)).unwrap());
            for length in 0..encoded.len() {
                assert_eq!(records(&encoded[..length]).collect::<Option<Vec<_>>>().unwrap_or_default(), []);
            }
            encoded.push(9);
            assert_eq!(records(&encoded).next(), Some(Some(record)));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_decoded_as_postcard_does(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..40),
        ) {
            for start in [&[][..], &[1], &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]] {
                let bytes = [start, &bytes].concat();
                let (expected, _) = postcard::take_from_bytes::<StoredRecord>(&bytes)
                    .map_or((None, &[][..]), |(stored, rest)| (Some(stored.into()), rest));
                proptest::prop_assert_eq!(records(&bytes).next(), Some(expected));
            }
        }
    }

    /// Memberships that have many of one thing and nothing else.
    fn one_sided() -> impl Iterator<Item = Entry> {
        let nodes = || (u64::MAX - 300..u64::MAX).map(NodeId);
        let none = || Membership::of(BTreeSet::new());
        [
            Membership { voters: nodes().collect(), ..none() },
            Membership { outgoing: nodes().collect(), ..none() },
            Membership { learners: nodes().collect(), ..none() },
            Membership { addresses: nodes().map(|node| (node, String::new())).collect(), ..none() },
            Membership { addresses: [(NodeId(1), "x".repeat(9000))].into(), ..none() },
            Membership { incarnations: nodes().map(|node| (node, Incarnation([7; 16]))).collect(), ..none() },
        ]
        .into_iter()
        .map(|membership| Entry {
            id: LogId { term: Term(u64::MAX), index: LogIndex(u64::MAX) },
            payload: Payload::Membership(Box::new(membership)),
        })
    }

    /// Nor is the bound far above: a group is refused by it.
    #[test]
    fn a_write_never_needs_more_than_its_bound() {
        let most = u64::MAX;
        let id = LogId { term: Term(most), index: LogIndex(most) };
        let mut write = write();
        write.truncate = Some(LogIndex(most));
        write.hard_state = Some(HardState { term: Term(most), vote: Some(NodeId(most)) });
        (write.reset, write.purge) = (Some(id), Some(id));
        let single = entries().into_iter().chain(one_sided()).map(|entry| vec![entry]);
        for entries in single.chain([Vec::new(), entries()]) {
            write.entries = entries;
            let mut encoded = Vec::new();
            encode_write(&write, &mut encoded);
            let bound = most_bytes(&write);
            assert!(encoded.len() <= bound, "{} bytes, {bound} at most", encoded.len());
            assert!(bound <= 2 * encoded.len() + 200, "{} bytes, {bound} at most", encoded.len());
        }
    }
}
