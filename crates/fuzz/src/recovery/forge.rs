//! Files of a data directory from the parts of an input: `kind u8 | length u16, little-endian | bytes`, again and again; a
//! part that the input ends in is as long as what is left.

use super::{CLUSTER, NODE, dir};
use crc32c::{crc32c, crc32c_append};
use raftdeck_raft::SnapshotMeta;
use raftdeck_storage::fs::MemoryFs;
use std::collections::{BTreeMap, BTreeSet};

/// The length of a segment's file, as its opener expects it.
const SEGMENT: usize = 1 << 10;

/// The files, and the one that parts are added to.
#[derive(Default)]
pub(super) struct Forged {
    files: BTreeMap<String, Vec<u8>>,
    current: String,
    /// Segments that are shorter than they were made.
    short: BTreeSet<String>,
    /// What ties a frame, or a piece of a snapshot, to its file.
    salt: u32,
}

impl Forged {
    pub(super) fn read(mut data: &[u8]) -> Self {
        let mut forged = Self::default();
        while let [kind, low, high, rest @ ..] = data {
            let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
            let (bytes, behind) = rest.split_at(length);
            forged.part(*kind, bytes);
            data = behind;
        }
        forged
    }

    /// Segments have the length that they were made with, unless they were made short.
    pub(super) fn write_to(&self, fs: &MemoryFs) {
        for (name, bytes) in &self.files {
            let mut bytes = bytes.clone();
            if bytes.starts_with(b"raftdseg") && !self.short.contains(name) {
                let mut made = SEGMENT;
                while made < bytes.len() {
                    made *= 2;
                }
                bytes.resize(made, 0);
            }
            fs.put(&dir().join(name), &bytes);
        }
    }

    fn part(&mut self, kind: u8, bytes: &[u8]) {
        match kind {
            b'N' => self.begin("raft.log", sealed(*b"raftdeck", 3, &identity(), false), 0),
            b'L' => self.legacy(bytes),
            b'S' => self.segment(3, bytes),
            b'4' => self.segment(4, bytes),
            b'E' => self.end_record(bytes),
            b'm' => {
                self.short.insert(self.current.clone());
            }
            b'P' => self.snapshot(bytes),
            b'F' => self.founders(bytes),
            b'f' => self.frame(1, bytes),
            b's' => self.frame(2, &[]),
            b't' => self.frame(3, &[]),
            b'p' => self.piece(bytes),
            b'r' => self.file().extend_from_slice(bytes),
            b'z' => {
                let zeros = bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>();
                let len = self.file().len() + zeros;
                self.file().resize(len, 0);
            }
            b'x' => self.flip(bytes),
            b'c' => self.cut(bytes),
            _ => self.name(bytes),
        }
    }

    fn file(&mut self) -> &mut Vec<u8> {
        self.files.entry(self.current.clone()).or_default()
    }

    fn begin(&mut self, name: &str, bytes: Vec<u8>, salt: u32) {
        (self.current, self.salt) = (name.to_owned(), salt);
        self.files.insert(name.to_owned(), bytes);
    }

    /// Any file of a data directory, as it is so far.
    fn name(&mut self, bytes: &[u8]) {
        const NAMES: [&str; 11] = [
            "raft.log",
            "raft.log.new",
            "log-0000000001",
            "log-0000000002",
            "log.new",
            "log.spare-1",
            "founders",
            "founders.new",
            "snapshot-1-1",
            "snapshot.received",
            "log.end",
        ];
        let at = bytes.first().map_or(0, |byte| usize::from(*byte) % NAMES.len());
        NAMES[at].clone_into(&mut self.current);
    }

    /// A log of version 1 or 2, whose owner is this member, or the one that the bytes name.
    fn legacy(&mut self, bytes: &[u8]) {
        let (version, body) = match bytes {
            [] => (2, [identity(), vec![0]].concat()),
            [version] => (u32::from(*version), identity()),
            [version, body @ ..] => (u32::from(*version), body.to_vec()),
        };
        let header = sealed(*b"raftdeck", version, &body, false);
        let salt = crc32c(&header);
        self.begin("raft.log", header, salt);
    }

    /// A segment of this member's log; the bytes are its header from the number on. From version 4 on it ends with the length of
    /// the file, which is the usual one here.
    fn segment(&mut self, version: u32, bytes: &[u8]) {
        let log = crc32c(&identity());
        let sequence = postcard::take_from_bytes::<u64>(bytes).map_or(1, |(sequence, _)| sequence);
        let mut body = [&encoded(&log)[..], bytes].concat();
        if version > 3 {
            body.extend((SEGMENT as u64).to_le_bytes());
        }
        let salt = crc32c_append(log, &sequence.to_le_bytes());
        self.begin(&format!("log-{sequence:010}"), sealed(*b"raftdseg", version, &body, true), salt);
    }

    /// Where this member's log ended once; the bytes are the segment and the place in it.
    fn end_record(&mut self, bytes: &[u8]) {
        let mut record = [&b"rdlogend"[..], &crc32c(&identity()).to_le_bytes(), bytes].concat();
        record.extend(sum(&record));
        self.begin("log.end", record, 0);
    }

    /// A snapshot; the bytes are what it says of itself.
    fn snapshot(&mut self, meta: &[u8]) {
        let last = postcard::take_from_bytes::<SnapshotMeta>(meta).map_or((1, 1), |(meta, _)| {
            let last = meta.last;
            (last.term.0, last.index.0)
        });
        let mut head = [&b"raftsnap"[..], &1_u32.to_le_bytes(), &length(meta), &sum(meta)].concat();
        head.extend(sum(&head));
        head.extend(meta);
        let salt = crc32c(&head);
        self.begin(&format!("snapshot-{}-{}", last.0, last.1), head, salt);
    }

    /// A piece of a snapshot; one without bytes is its end, with the sum of all pieces so far.
    fn piece(&mut self, bytes: &[u8]) {
        let salt = self.salt;
        let file = self.file();
        let crc = if bytes.is_empty() { content_sum(file) } else { crc32c(bytes) };
        let head = [length(bytes), crc.to_le_bytes()].concat();
        let own = crc32c_append(crc32c_append(salt, &(file.len() as u64).to_le_bytes()), &head);
        file.extend([&head[..], &own.to_le_bytes(), bytes].concat());
    }

    fn founders(&mut self, body: &[u8]) {
        let mut file = [&b"founders"[..], &1_u32.to_le_bytes(), &length(body), &sum(body)].concat();
        file.extend(sum(&file));
        file.extend(body);
        self.begin("founders", file, 0);
    }

    fn frame(&mut self, kind: u8, body: &[u8]) {
        let salt = self.salt;
        let file = self.file();
        let head = [&b"rdf"[..], &[kind], &length(body), &sum(body)].concat();
        let own = crc32c_append(crc32c_append(salt, &(file.len() as u64).to_le_bytes()), &head);
        file.extend([&head[..], &own.to_le_bytes(), body].concat());
    }

    /// Changes a byte: `offset u16 | difference u8`.
    fn flip(&mut self, bytes: &[u8]) {
        let [low, high, difference, ..] = bytes else { return };
        let at = usize::from(u16::from_le_bytes([*low, *high]));
        if let Some(byte) = self.file().get_mut(at) {
            *byte ^= difference;
        }
    }

    /// Cuts bytes off the end.
    fn cut(&mut self, bytes: &[u8]) {
        let gone = bytes.iter().map(|byte| usize::from(*byte)).sum();
        let left = self.file().len().saturating_sub(gone);
        self.file().truncate(left);
    }
}

/// The sum over what is in the pieces of a snapshot: the end's own field, read back off the file.
fn content_sum(file: &[u8]) -> u32 {
    let meta = file.get(12..16).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes);
    let mut rest = file.get(24_usize.saturating_add(meta as usize)..).unwrap_or_default();
    let mut crc = 0;
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let Some(piece) = behind.get(8..8 + length) else { break };
        crc = crc32c_append(crc, piece);
        rest = &behind[8 + length..];
    }
    crc
}

/// A header: magic, version and body, each under its sum; a segment has one more.
fn sealed(magic: [u8; 8], version: u32, body: &[u8], segment: bool) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(sum(&bytes));
    bytes.extend(length(body));
    bytes.extend(sum(body));
    if segment {
        bytes.extend(sum(&bytes));
    }
    bytes.extend(body);
    bytes
}

fn identity() -> Vec<u8> {
    encoded(&(NODE, CLUSTER))
}

fn encoded<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).expect("numbers and text have an encoding")
}

fn sum(bytes: &[u8]) -> [u8; 4] {
    crc32c(bytes).to_le_bytes()
}

fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).expect("a part has less than 64 KiB").to_le_bytes()
}
