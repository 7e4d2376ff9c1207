//! What the deck heard, in order. The newest of it lies open; all before is packed, as a recording is: JSON, deflated.
//!
//! Five minutes of five nodes under a steady workload are 214,000 updates, which take 180 MiB open and 18 MiB packed; without a
//! workload they are 27,000 and take 4 MiB (`what_five_minutes_take` in `tests/tape.rs` measures it).

use super::aside::Aside;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use raftdeck_model::Update;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// So many updates are packed together.
pub(super) const SEGMENT: usize = 1024;

/// What an update takes while it lies open, as measured of a busy cluster.
const OPEN_BYTES: usize = 1024;

/// While it is packed or unpacked, room is made for this much more.
const MORE: usize = 256 << 10;

/// An update, and how the deck heard it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// When, in the deck's time.
    pub(super) now: Duration,
    /// When, in cluster time. Never less than that of the update before.
    pub(super) time: Duration,
    /// Whether it answers a command that the deck sent on its own.
    pub(super) is_quiet: bool,
    /// What else the deck took note of since the update before.
    pub(super) asides: Vec<Aside>,
    pub(super) update: Update,
}

/// Updates that are packed together.
#[derive(Clone, Debug)]
struct Segment {
    first: usize,
    packed: Vec<u8>,
}

/// The updates, oldest first, each with its number: how many were heard before it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reel {
    /// **Invariant:** without a gap, each with [`SEGMENT`] updates, and `open` follows.
    packed: VecDeque<Segment>,
    packed_bytes: usize,
    open: Vec<Kept>,
    /// The number of the first update in `open`.
    open_from: usize,
    /// The segment that was read last: whoever plays reads it again and again.
    unpacked: Option<(usize, Vec<Kept>)>,
}

impl Reel {
    /// Adds an update. Says whether that filled a segment: the next update begins another one.
    pub(super) fn push(&mut self, kept: Kept) -> bool {
        self.open.push(kept);
        if self.open.len() < SEGMENT {
            return false;
        }
        let packed = pack(&self.open);
        self.packed_bytes += packed.len();
        self.packed.push_back(Segment { first: self.open_from, packed });
        self.open_from += self.open.len();
        self.open.clear();
        true
    }

    /// The number of the oldest update that is kept.
    pub(super) fn from(&self) -> usize {
        self.packed.front().map_or(self.open_from, |segment| segment.first)
    }

    /// How many updates were added, kept or not.
    pub(super) fn len(&self) -> usize {
        self.open_from + self.open.len()
    }

    /// How much memory it takes, about.
    pub(super) fn bytes(&self) -> usize {
        let unpacked = self.unpacked.as_ref().map_or(0, |(_, updates)| updates.len());
        self.packed_bytes + (self.open.len() + unpacked) * OPEN_BYTES
    }

    /// The updates from this number on that lie together; none if it is not kept, or not there yet.
    pub(super) fn read(&mut self, number: usize) -> &[Kept] {
        if number >= self.open_from {
            return self.open.get(number - self.open_from..).unwrap_or_default();
        }
        let Some(place) = number.checked_sub(self.from()).map(|gone| gone / SEGMENT) else { return &[] };
        let Segment { first, packed } = &self.packed[place];
        if self.unpacked.as_ref().is_none_or(|(unpacked, _)| unpacked != first) {
            self.unpacked = Some((*first, unpack(packed)));
        }
        let (first, updates) = self.unpacked.as_ref().expect("it was unpacked just now");
        &updates[number - first..]
    }

    /// Forgets the segments before this number.
    pub(super) fn forget(&mut self, before: usize) {
        while let Some(oldest) = self.packed.pop_front_if(|segment| segment.first + SEGMENT <= before) {
            self.packed_bytes -= oldest.packed.len();
        }
    }

    /// Forgets what was unpacked to be read.
    pub(super) fn close(&mut self) {
        self.unpacked = None;
    }
}

fn pack(updates: &[Kept]) -> Vec<u8> {
    let text = serde_json::to_vec(updates).expect("updates can be written, or they could not be recorded");
    let mut deflate = Compress::new(Compression::fast(), false);
    let mut packed = Vec::with_capacity(text.len() / 16);
    while !matches!(
        deflate.compress_vec(&text[at(deflate.total_in())..], &mut packed, FlushCompress::Finish),
        Ok(Status::StreamEnd)
    ) {
        packed.reserve(MORE);
    }
    packed.shrink_to_fit();
    packed
}

fn unpack(packed: &[u8]) -> Vec<Kept> {
    let mut inflate = Decompress::new(false);
    let mut text = Vec::with_capacity(packed.len() * 16);
    let mut unpacked = Ok(Status::Ok);
    while !matches!(unpacked, Ok(Status::StreamEnd)) {
        text.reserve(MORE);
        let rest = &packed[at(inflate.total_in())..];
        unpacked = inflate.decompress_vec(rest, &mut text, FlushDecompress::Finish);
        assert!(unpacked.is_ok(), "it was packed here");
    }
    serde_json::from_slice(&text).expect("it was written here")
}

fn at(total: u64) -> usize {
    usize::try_from(total).expect("it is a place in memory")
}
