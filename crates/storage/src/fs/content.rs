//! One file of the virtual disk: what it holds, what of that is durable, and what a crash leaves of the rest.

use super::memory::Survival;
use std::collections::VecDeque;

/// Disks write whole sectors; a sector of a write is on the disk or it is not.
const SECTOR: usize = 512;

/// The system writes the oldest changes to the disk on its own when there are more than this many: a file that is never synced
/// does not grow in memory without end.
const MOST_UNSYNCED: usize = 256;

/// One file.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// What a reader sees.
    pub(super) current: Vec<u8>,
    durable: Vec<u8>,
    /// What leads from `durable` to `current`, unless a sync failed.
    unsynced: VecDeque<Change>,
    /// A sync failed since the last crash: `current` may hold what no disk has.
    sync_failed: bool,
    /// How many handles are open: a file without a name lives as long as they do.
    pub(super) handles: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetLen(usize),
}

impl Content {
    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.current);
        self.unsynced.push_back(change);
        if self.unsynced.len() > MOST_UNSYNCED
            && let Some(oldest) = self.unsynced.pop_front()
        {
            oldest.apply(&mut self.durable);
        }
    }

    /// Writes the unsynced changes to the disk, or, if the sync `fails`, loses them. Either way the system takes its pages
    /// for clean.
    pub(super) fn sync(&mut self, fails: bool) {
        let changes = std::mem::take(&mut self.unsynced);
        if fails {
            self.sync_failed = true;
            return;
        }
        for change in &changes {
            change.apply(&mut self.durable);
        }
    }

    /// Replaces the whole content with these bytes, durably.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        *self = Self { handles: self.handles, ..Self::default() };
        (self.current, self.durable) = (bytes.to_vec(), bytes.to_vec());
    }

    /// Inverts a bit, on the disk and in what is read of it.
    pub(super) fn flip_bit(&mut self, bit: usize) {
        for image in [&mut self.current, &mut self.durable] {
            if let Some(byte) = image.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    /// How many bytes the unsynced writes hold.
    pub(super) fn unsynced(&self) -> usize {
        self.unsynced.iter().map(Change::size).sum()
    }

    /// The power fails: what survives of the unsynced changes is durable, all else is gone.
    pub(super) fn crash(&mut self, survival: Survival, id: u64) {
        let changes = std::mem::take(&mut self.unsynced);
        let sync_failed = std::mem::take(&mut self.sync_failed);
        if changes.is_empty() && !sync_failed {
            return;
        }
        match survival {
            Survival::Process | Survival::Nothing => {}
            Survival::Prefix(bytes) => self.keep_prefix(&changes, bytes),
            Survival::Sectors(seed) => self.keep_sectors(&changes, mix(seed, id)),
        }
        self.current.clone_from(&self.durable);
    }

    fn keep_prefix(&mut self, changes: &VecDeque<Change>, mut bytes: usize) {
        for change in changes {
            change.prefix(bytes).apply(&mut self.durable);
            if change.size() > bytes {
                break;
            }
            bytes -= change.size();
        }
    }

    fn keep_sectors(&mut self, changes: &VecDeque<Change>, seed: u64) {
        for (number, change) in changes.iter().enumerate() {
            let seed = mix(seed, number as u64);
            for (sector, piece) in change.sectors() {
                if chance(seed, sector as u64) {
                    piece.apply(&mut self.durable);
                }
            }
        }
        // The new length can reach the disk before the data does; what is missing then reads as zeros.
        if chance(seed, u64::MAX) && self.durable.len() < self.current.len() {
            self.durable.resize(self.current.len(), 0);
        }
    }
}

impl Change {
    /// The bytes it writes.
    fn size(&self) -> usize {
        match self {
            Self::Write { bytes, .. } => bytes.len(),
            Self::SetLen(_) => 0,
        }
    }

    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if image.len() < end {
                    image.resize(end, 0);
                }
                image[*offset..end].copy_from_slice(bytes);
            }
            Self::SetLen(len) => image.resize(*len, 0),
        }
    }

    /// The same change, torn after this many bytes.
    fn prefix(&self, size: usize) -> Self {
        match self {
            Self::Write { offset, bytes } => {
                Self::Write { offset: *offset, bytes: bytes[..size.min(bytes.len())].to_vec() }
            }
            Self::SetLen(len) => Self::SetLen(*len),
        }
    }

    /// The change cut at the borders of sectors, each piece with its sector's number.
    fn sectors(&self) -> Vec<(usize, Self)> {
        let Self::Write { offset, bytes } = self else { return vec![(0, self.clone())] };
        let mut pieces = Vec::new();
        let (mut start, mut rest) = (*offset, bytes.as_slice());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(SECTOR - start % SECTOR));
            pieces.push((start / SECTOR, Self::Write { offset: start, bytes: piece.to_vec() }));
            start += piece.len();
            rest = after;
        }
        pieces
    }
}

/// Heads or tails, the same for the same arguments.
pub(super) fn chance(seed: u64, number: u64) -> bool {
    mix(seed, number) & 1 == 1
}

/// `SplitMix64` (Steele, Lea and Flood 2014): spreads two numbers over one.
fn mix(seed: u64, number: u64) -> u64 {
    let mut z = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
