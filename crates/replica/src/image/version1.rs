//! How images of version 1 were hashed. Only here to check those that are on a disk from before.

use crate::state::ReplicatedState;
use raftdeck_protocol::frame;
use serde::Serialize;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The first byte of such an image.
pub(super) const VERSION: u8 = 1;

/// The hash of a state, over all that is in it.
pub(super) fn hash(state: &ReplicatedState) -> u64 {
    let pairs = state.machine.pairs().map(|(key, value)| hash_pair(key, value));
    let sessions = state.sessions.iter().map(|(id, session)| {
        let answers = session.answers().map(|kept| hash_of(&(id, kept.sequence, kept.answer(), kept.at)));
        answers.fold(hash_of(&(id, session.last_used, session.acknowledged)), u64::wrapping_add)
    });
    pairs.chain(sessions).fold(hash_of(&state.sessions.now()), u64::wrapping_add)
}

fn hash_pair(key: &[u8], value: &[u8]) -> u64 {
    let mut hasher = Xxh3::new();
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    hasher.digest()
}

fn hash_of<T: Serialize>(value: &T) -> u64 {
    xxh3_64(&frame::encode(value))
}
