//! The newest committed changes, for watchers of keys. There is one ring for all: each watcher reads from it by
//! index, at its own pace, and gets an error when it falls behind the oldest change. Nothing here waits, and nothing
//! grows with the number of watchers. It begins with what this process applied first: what was before is in no ring.

use bytes::{Bytes, BytesMut};
use raftdeck_replica::Changed;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// At most this many changes are kept,
const MAX_CHANGES: usize = 65_536;

/// in at most this many bytes, all that belongs to them counted.
const MAX_BYTES: usize = 16 << 20;

/// Changes that come together share a buffer of about this size: they are forgotten together, too.
const CHUNK: usize = 64 << 10;

/// One look brings about this many bytes.
const PIECE: usize = 128 << 10;

/// What a chunk takes besides its changes.
const CHUNK_BYTES: usize = 160;

/// The newest changes.
#[derive(Debug)]
pub(crate) struct Ring {
    kept: Mutex<KeptChanges>,
    /// The newest applied entry, for tasks that wait for the next one.
    newest: watch::Sender<u64>,
    /// Whether this node knows the leader: if not, others may know of changes that it does not hear of.
    led: AtomicBool,
    /// Whether this node has heard what was committed before it started: if not, "from now on" would be from long ago.
    caught_up: AtomicBool,
}

#[derive(Debug)]
struct KeptChanges {
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
    places: Vec<ChangeSpan>,
    /// The index of the last change.
    last: u64,
}

#[derive(Debug)]
struct ChangeSpan {
    index: u64,
    key: usize,
    value: Option<usize>,
}

/// What stands next for a watcher.
#[derive(Debug)]
pub(crate) struct ChangeBatch {
    /// All changes up to `through`, and in the first chunk perhaps some before.
    pub(crate) chunks: Vec<Arc<Chunk>>,
    pub(crate) through: u64,
    /// Whether this is all that there is by now.
    pub(crate) is_last: bool,
}

/// The requested changes are no longer kept; those after this index are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forgotten {
    pub(crate) oldest: u64,
}

impl Ring {
    /// Nothing was applied yet after this entry.
    pub(crate) fn new(applied: u64) -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::new(KeptChanges::new(applied)),
            newest: watch::Sender::new(applied),
            led: AtomicBool::new(false),
            caught_up: AtomicBool::new(false),
        })
    }

    /// Whether this node knows the leader has changed.
    pub(crate) fn set_led(&self, led: bool) {
        self.led.store(led, Relaxed);
    }

    pub(crate) fn is_led(&self) -> bool {
        self.led.load(Relaxed)
    }

    /// This node has heard what was committed before it started.
    pub(crate) fn set_caught_up(&self) {
        if !self.caught_up.swap(true, Relaxed) {
            // Wakes those that wait for it; the index is unchanged.
            self.newest.send_modify(|_| {});
        }
    }

    pub(crate) fn is_caught_up(&self) -> bool {
        self.caught_up.load(Relaxed)
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

    /// A snapshot replaced all entries through this one: what changed before is unknown.
    pub(crate) fn restart(&self, at: u64) {
        *self.lock() = KeptChanges::new(at);
        self.newest.send_replace(at);
    }

    /// The newest entry that was applied, and how to wait for the next one.
    pub(crate) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// What changed after this index.
    pub(crate) fn after(&self, index: u64) -> Result<ChangeBatch, Forgotten> {
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
            // A client that is ahead of this node waits for it.
            _ => kept.through.max(index),
        };
        Ok(ChangeBatch { chunks, through, is_last })
    }

    fn lock(&self) -> MutexGuard<'_, KeptChanges> {
        // Nothing that holds this lock can panic half-way through a change.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptChanges {
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
            places.push(ChangeSpan { index: change.index.0, key: key.len(), value: value.map(<[u8]>::len) });
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use raftdeck_protocol::Write;
    use raftdeck_protocol::kv::LoggedTime;
    use raftdeck_raft::{Config, NodeId, Restored, Timestamp, Timing};
    use raftdeck_replica::{Replica, RequestToken};

    /// A single member, whose changes are given to a ring.
    pub(crate) struct ChangeSource {
        replica: Replica,
        now: Timestamp,
        pub(crate) ring: Arc<Ring>,
    }

    impl ChangeSource {
        pub(crate) fn new() -> Self {
            let config = Config::new(NodeId(1), [NodeId(1)].into(), Timing::FAST);
            let mut replica = Replica::new(config, 1, Restored::default(), None, Timestamp(0)).unwrap();
            let now = replica.next_deadline();
            replica.handle_deadline(now);
            let mut source = Self { replica, now, ring: Ring::new(0) };
            source.ring.set_led(true);
            source.carry_out();
            source.ring.set_caught_up();
            source
        }

        /// All at once.
        pub(crate) fn put(&mut self, keys: &[&str], size: usize) {
            for key in keys {
                let write =
                    Write::Put { key: Bytes::copy_from_slice(key.as_bytes()), value: vec![7; size].into() };
                self.replica.write(RequestToken(1), write, LoggedTime(1));
            }
            self.carry_out();
        }

        pub(crate) fn delete(&mut self, key: &'static str) {
            self.replica.write(RequestToken(1), Write::Delete { key: key.into() }, LoggedTime(1));
            self.carry_out();
        }

        fn carry_out(&mut self) {
            loop {
                let outputs = self.replica.take_outputs(self.now);
                self.ring.record(&outputs.changes, self.applied());
                if outputs.persist.is_empty() {
                    return;
                }
                for persist in outputs.persist {
                    self.replica.handle_persisted(persist.ticket, self.now);
                }
            }
        }

        pub(crate) fn applied(&self) -> u64 {
            self.replica.applied().index.0
        }
    }

    /// The indices and keys of all that is told after an index, and whether there is a value.
    fn told(ring: &Ring, mut after: u64) -> Vec<(u64, String, bool)> {
        let mut told = Vec::new();
        loop {
            let piece = ring.after(after).expect("is kept");
            for chunk in &piece.chunks {
                let new = chunk.changes().filter(|(index, ..)| *index > after);
                told.extend(new.map(|(index, key, value)| {
                    (index, String::from_utf8(key.to_vec()).unwrap(), value.is_some())
                }));
            }
            after = piece.through;
            if piece.is_last {
                return told;
            }
        }
    }

    #[test]
    fn what_came_after_an_index_is_told_in_order() {
        let mut source = ChangeSource::new();
        source.put(&["a", "b"], 3);
        source.delete("none");
        source.delete("a");
        source.put(&["c"], 0);
        let all = [(2, "a", true), (3, "b", true), (5, "a", false), (6, "c", true)];
        for after in 0..=6 {
            let rest = all.iter().filter(|(index, ..)| *index > after);
            let rest: Vec<_> = rest.map(|(index, key, value)| (*index, (*key).to_owned(), *value)).collect();
            assert_eq!(told(&source.ring, after), rest, "after {after}");
        }
        assert_eq!(source.ring.after(6).unwrap().through, 6);
        assert_eq!(source.ring.after(9).unwrap().through, 9, "who is ahead of this node waits for it");
    }

    #[test]
    fn the_oldest_are_forgotten_by_number_and_by_size() {
        for (size, keys) in [(0, MAX_CHANGES / 64 + 10), (64 << 10, 5)] {
            let mut source = ChangeSource::new();
            for _ in 0..keys {
                source.put(&["k"; 64], size);
            }
            let Err(Forgotten { oldest }) = source.ring.after(0) else { panic!("not all is kept") };
            assert_eq!(source.ring.after(oldest - 1).unwrap_err(), Forgotten { oldest });
            let kept = told(&source.ring, oldest);
            assert_eq!((kept[0].0, kept.last().unwrap().0), (oldest + 1, source.applied()));
            assert!(kept.is_sorted_by(|a, b| a.0 + 1 == b.0), "without a gap");
            assert!(kept.len() <= MAX_CHANGES && kept.len() * size <= MAX_BYTES);
            assert!(kept.len() > MAX_CHANGES / 2 || kept.len() * size > MAX_BYTES / 2);
        }
    }

    #[test]
    fn a_look_is_bounded() {
        let mut source = ChangeSource::new();
        source.put(&["k"; 64], 64 << 10);
        let piece = source.ring.after(0).unwrap();
        let bytes: usize = piece.chunks.iter().map(|chunk| chunk.bytes()).sum();
        assert!(!piece.is_last && bytes < 2 * PIECE, "{bytes} bytes");
        assert_eq!(told(&source.ring, 0).len(), 64);
    }

    #[test]
    fn behind_a_snapshot_it_starts_anew() {
        let mut source = ChangeSource::new();
        source.put(&["a"], 1);
        let newest = source.ring.newest();
        source.ring.restart(90);
        assert_eq!(source.ring.after(2).unwrap_err(), Forgotten { oldest: 90 });
        assert_eq!(source.ring.after(90).unwrap().through, 90);
        assert!(newest.has_changed().unwrap(), "whoever watches looks");
    }
}
