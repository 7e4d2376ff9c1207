//! The newest committed changes, for whoever watches keys. There is one ring for all: each watcher reads from it by index, at
//! its own pace, and who falls behind its oldest change is told so. Nothing here waits, and nothing grows with the number of
//! watchers. It begins with what this process applied first: what was before is in no ring.

use bytes::{Bytes, BytesMut};
use raftdeck_replica::Changed;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// So many changes are kept at most,
const MAX_CHANGES: usize = 65_536;

/// in at most so many bytes, all that belongs to them counted.
const MAX_BYTES: usize = 16 << 20;

/// Changes that come together share a buffer of about this size: they are forgotten together, too.
const CHUNK: usize = 64 << 10;

/// One look brings about so many bytes.
const PIECE: usize = 256 << 10;

/// What a chunk takes besides its changes.
const CHUNK_BYTES: usize = 160;

/// The newest changes.
#[derive(Debug)]
pub(crate) struct Ring {
    kept: Mutex<Kept>,
    /// The newest entry that was applied, for whoever waits for the next one.
    newest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Kept {
    /// Each comes after the one before.
    chunks: VecDeque<Arc<Chunk>>,
    /// **Invariant:** all changes by entries after `oldest` up to `through` are in the chunks.
    oldest: u64,
    through: u64,
    changes: usize,
    bytes: usize,
}

/// Some changes that follow each other.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The keys and values, one after the other.
    content: Bytes,
    places: Vec<Place>,
    /// The index of the last change.
    last: u64,
}

#[derive(Debug)]
struct Place {
    index: u64,
    key: usize,
    value: Option<usize>,
}

/// What stands next for a watcher.
#[derive(Debug)]
pub(crate) struct Piece {
    /// All changes up to `through`, and in the first chunk perhaps some before.
    pub(crate) chunks: Vec<Arc<Chunk>>,
    pub(crate) through: u64,
    /// Whether this is all that there is by now.
    pub(crate) is_last: bool,
}

/// What was asked for is not kept any more; changes after this index are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forgotten {
    pub(crate) oldest: u64,
}

impl Ring {
    /// Nothing was applied yet after this entry.
    pub(crate) fn new(applied: u64) -> Arc<Self> {
        Arc::new(Self { kept: Mutex::new(Kept::new(applied)), newest: watch::Sender::new(applied) })
    }

    /// All entries through this one were applied, and since the last time changed this. The changes are copied: they point
    /// into buffers that are much larger.
    pub(crate) fn record(&self, changes: &[Changed], through: u64) {
        let mut kept = self.lock();
        if through == kept.through {
            return;
        }
        kept.take_in(changes);
        kept.through = through;
        drop(kept);
        self.newest.send_replace(through);
    }

    /// A snapshot took the place of all entries through this one: nobody knows what changed before.
    pub(crate) fn restart(&self, at: u64) {
        *self.lock() = Kept::new(at);
        self.newest.send_replace(at);
    }

    /// The newest entry that was applied, and how to wait for the next one.
    pub(crate) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// What changed after this index.
    pub(crate) fn after(&self, index: u64) -> Result<Piece, Forgotten> {
        let kept = self.lock();
        if index < kept.oldest {
            return Err(Forgotten { oldest: kept.oldest });
        }
        let first = kept.chunks.partition_point(|chunk| chunk.last <= index);
        let mut bytes = 0;
        let mut chunks = Vec::new();
        for chunk in kept.chunks.range(first..) {
            if bytes >= PIECE {
                break;
            }
            bytes += chunk.bytes();
            chunks.push(Arc::clone(chunk));
        }
        let is_last = first + chunks.len() == kept.chunks.len();
        let through = match chunks.last() {
            Some(last) if !is_last => last.last,
            // Who is ahead of this node waits for it.
            _ => kept.through.max(index),
        };
        Ok(Piece { chunks, through, is_last })
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing that holds this lock can panic half-way through a change.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn new(applied: u64) -> Self {
        Self { chunks: VecDeque::new(), oldest: applied, through: applied, changes: 0, bytes: 0 }
    }

    fn take_in(&mut self, mut changes: &[Changed]) {
        while !changes.is_empty() {
            let mut bytes = 0;
            let fits = |change: &&Changed| {
                let before = bytes;
                bytes += change.key().len() + change.value().map_or(0, <[u8]>::len);
                before < CHUNK
            };
            let count = changes.iter().take_while(fits).count();
            let (these, others) = changes.split_at(count);
            self.push(Chunk::new(these));
            changes = others;
        }
    }

    fn push(&mut self, chunk: Chunk) {
        self.changes += chunk.places.len();
        self.bytes += chunk.bytes();
        self.chunks.push_back(Arc::new(chunk));
        while (self.changes > MAX_CHANGES || self.bytes > MAX_BYTES)
            && let Some(oldest) = self.chunks.pop_front()
        {
            self.changes -= oldest.places.len();
            self.bytes -= oldest.bytes();
            self.oldest = oldest.last;
        }
    }
}

impl Chunk {
    fn new(changes: &[Changed]) -> Self {
        let size = |change: &Changed| change.key().len() + change.value().map_or(0, <[u8]>::len);
        let mut content = BytesMut::with_capacity(changes.iter().map(size).sum());
        let mut places = Vec::with_capacity(changes.len());
        for change in changes {
            let (key, value) = (change.key(), change.value());
            content.extend_from_slice(key);
            content.extend_from_slice(value.unwrap_or_default());
            places.push(Place { index: change.index.0, key: key.len(), value: value.map(<[u8]>::len) });
        }
        let last = places.last().map_or(0, |place| place.index);
        Self { content: content.freeze(), places, last }
    }

    fn bytes(&self) -> usize {
        CHUNK_BYTES + self.content.len() + size_of_val(&self.places[..])
    }

    /// The changes in order: index, key, value.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (u64, &[u8], Option<&[u8]>)> {
        let mut rest = &self.content[..];
        self.places.iter().map(move |place| {
            let (key, after) = rest.split_at(place.key);
            let (value, after) = after.split_at(place.value.unwrap_or(0));
            rest = after;
            (place.index, key, place.value.map(|_| value))
        })
    }

    /// A part of what [`Chunk::changes`] gave, to be kept.
    pub(crate) fn share(&self, part: &[u8]) -> Bytes {
        self.content.slice_ref(part)
    }
}
