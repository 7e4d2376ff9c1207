//! Named writes: which were applied already, and their answers. Each is a session of one write (thesis §6.3), opened
//! by its name. Part of the replicated state, so every decision depends on the log alone. Applies no write itself.
//!
//! A name is held together with a fingerprint of its write, not with the write: 128 bits of XXH3 over its kind, key
//! and values. Two writes that differ by chance are told apart; a client that may write gains nothing from a
//! collision.
//!
//! A retry in an expired session gets an error; a retry under an expired name writes once more. So a leader whose
//! clock jumps must not expire a name: however far the log's time moves from one entry to the next, it counts for no
//! more than [`MAX_STEP`]. Where little is written names are kept for longer.

use crate::key::Key;
use crate::session::KeptAnswer;
use crate::sessions::is_lifetime_ago;
use crate::state::CommandOutcome;
use imbl::OrdMap;
use raftdeck_protocol::Failure;
use raftdeck_protocol::kv::{Answer, LoggedTime, MAX_NAMES, NamedWriteOf, SessionId, WriteOf};
use raftdeck_raft::mutants::{Mutant, is_active};
use raftdeck_raft::{LogId, LogIndex};
use std::sync::Arc;
use xxhash_rust::xxh3::{Xxh3, xxh3_64, xxh3_64_with_seed};

/// Over this much that is kept for all names together the one that was unused for the longest time is forgotten.
const MAX_BYTES: usize = 64 << 20;

/// The most that one entry lets names grow older, in microseconds.
pub(crate) const MAX_STEP: u64 = 60 * 1_000_000;

/// What a name takes besides its bytes and its answer.
const NAME_BYTES: usize = 192;

/// The number of the one write of such a session, and the id of the session, for what is shared with other sessions.
const ONLY: u64 = 1;
const UNNUMBERED: SessionId = SessionId(0);

/// All names that are known. A clone shares everything with the original, in O(1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    known: OrdMap<Key, Arc<Named>>,
    /// The same by the time of their last use; the entry tells apart those that were used at the same time.
    by_use: OrdMap<(LoggedTime, LogIndex), Key>,
    /// No name was last used before.
    none_before: LoggedTime,
    /// The names' own time, which stands at 0 while there are none.
    now: LoggedTime,
    /// What is kept, in bytes.
    bytes: usize,
    /// The sum of the hashes of all names, kept up to date: equal tables have equal hashes.
    hash: u64,
}

/// A write that was applied under a name.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) last_used: LoggedTime,
    /// Tells whether another write comes under the same name.
    pub(crate) fingerprint: u128,
    pub(crate) kept: KeptAnswer,
}

impl Names {
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// In order of the names' bytes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &Named)> {
        self.known.iter().map(|(name, named)| (name.as_slice(), &**named))
    }

    /// No names: 0.
    pub(crate) fn hash(&self) -> u64 {
        if self.known.is_empty() { 0 } else { self.hash.wrapping_add(xxh3_64(&self.now.0.to_le_bytes())) }
    }

    pub(crate) fn now(&self) -> LoggedTime {
        self.now
    }

    /// The log's time moved on by this many microseconds: forgets the names that were unused for too long.
    pub(crate) fn pass_time(&mut self, step: u64) {
        if self.known.is_empty() {
            return;
        }
        self.now.0 += step.min(MAX_STEP);
        if !is_lifetime_ago(self.now, self.none_before) {
            return;
        }
        self.none_before = self.now;
        while let Some(((last_used, _), name)) = self.by_use.get_min() {
            if !is_lifetime_ago(self.now, *last_used) {
                self.none_before = *last_used;
                return;
            }
            let name = name.clone();
            self.forget(&name);
        }
        *self = Self::default();
    }

    /// A write arrived from the log as the entry `at`: it is applied, unless it was before or its name is another write's.
    /// The name counts as used.
    pub(crate) fn write<B: AsRef<[u8]>>(
        &mut self,
        NamedWriteOf { name, write }: &NamedWriteOf<B>,
        at: LogId,
        apply: impl FnOnce() -> Answer,
    ) -> CommandOutcome {
        let name = Key::from(name.as_ref());
        let fingerprint = fingerprint(write);
        if let Some(known) = self.known.get(&name)
            && !is_active(Mutant::NamedWriteAppliesTwice)
        {
            if known.fingerprint != fingerprint {
                return Err(Failure::NameInUse);
            }
            let named = Named { last_used: self.now, ..Named::clone(known) };
            let outcome = Ok((named.kept.answer().clone(), named.kept.at));
            self.put(name, named);
            return outcome;
        }
        let answer = apply();
        self.put(name, Named { last_used: self.now, fingerprint, kept: KeptAnswer::new(ONLY, &answer, at) });
        self.keep_bounds();
        Ok((answer, at))
    }

    /// Puts back the time as an image has it. There are no names yet.
    pub(crate) fn restore_time(&mut self, now: LoggedTime) {
        self.now = now;
    }

    /// Puts back a name as an image has it. `false`: its entry applied another name's write.
    pub(crate) fn restore(
        &mut self,
        name: &[u8],
        last_used: LoggedTime,
        fingerprint: u128,
        (answer, at): (Answer, LogId),
    ) -> bool {
        let is_free = !self.by_use.contains_key(&(last_used, at.index));
        self.put(name.into(), Named { last_used, fingerprint, kept: KeptAnswer::new(ONLY, &answer, at) });
        self.keep_bounds();
        is_free
    }

    /// A name is known, or known anew.
    fn put(&mut self, name: Key, named: Named) {
        self.forget(&name);
        self.bytes += named.size(&name);
        self.hash = self.hash.wrapping_add(named.hash(&name));
        self.none_before = self.none_before.min(named.last_used);
        self.by_use.insert((named.last_used, named.kept.at.index), name.clone());
        self.known.insert(name, Arc::new(named));
    }

    fn keep_bounds(&mut self) {
        while self.known.len() > MAX_NAMES || self.bytes > MAX_BYTES {
            let Some((_, name)) = self.by_use.get_min() else { return };
            let name = name.clone();
            self.forget(&name);
        }
    }

    fn forget(&mut self, name: &Key) {
        let Some(named) = self.known.remove(name) else { return };
        self.by_use.remove(&(named.last_used, named.kept.at.index));
        self.bytes -= named.size(name);
        self.hash = self.hash.wrapping_sub(named.hash(name));
    }
}

impl Named {
    fn size(&self, name: &Key) -> usize {
        NAME_BYTES + name.as_slice().len() + self.kept.size()
    }

    fn hash(&self, name: &Key) -> u64 {
        let Self { last_used, fingerprint, kept } = self;
        let name_hash = xxh3_64(name.as_slice());
        let answer = xxh3_64_with_seed(&kept.hash(UNNUMBERED).to_le_bytes(), name_hash);
        let write = xxh3_64_with_seed(&fingerprint.to_le_bytes(), answer);
        xxh3_64_with_seed(&last_used.0.to_le_bytes(), write)
    }
}

/// Equal writes have equal ones.
fn fingerprint<B: AsRef<[u8]>>(write: &WriteOf<B>) -> u128 {
    let (kind, parts) = match write {
        WriteOf::Put { key, value } => (0, [Some(key), Some(value), None]),
        WriteOf::Delete { key } => (1, [Some(key), None, None]),
        WriteOf::CompareAndSet { key, expected: None, value } => (2, [Some(key), Some(value), None]),
        WriteOf::CompareAndSet { key, expected: Some(expected), value } => {
            (3, [Some(key), Some(expected), Some(value)])
        }
    };
    let mut hasher = Xxh3::new();
    hasher.update(&[kind]);
    for part in parts.into_iter().flatten().map(AsRef::as_ref) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.digest128()
}
