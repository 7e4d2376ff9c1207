//! What committed entries truly changed. A change points into the entry that made it, so that reporting it costs
//! nothing when entries are applied; a consumer that wants to keep it copies it out.

use crate::state::CommandOutcome;
use bytes::Bytes;
use raftdeck_protocol::Answer;
use raftdeck_protocol::kv::{ActionOf, CommandOf, NamedWriteOf, SessionWriteOf, WriteOf};
use raftdeck_raft::{LogId, LogIndex};
use std::ops::Range;

/// A committed change of one key. An entry makes one or none.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The entry that made it.
    pub index: LogIndex,
    /// Its content, which may be a part of a much larger buffer.
    entry: Bytes,
    place: ChangeRange,
}

/// Where in an entry's content a change stands.
#[derive(Clone, Debug)]
pub(crate) struct ChangeRange {
    key: Range<usize>,
    /// `None`: the key is gone.
    value: Option<Range<usize>>,
}

impl Changed {
    /// # Panics
    /// If the change was not found in this entry.
    pub(crate) fn new(index: LogIndex, entry: Bytes, place: ChangeRange) -> Self {
        let is_inside = |part: &Range<usize>| part.start <= part.end && part.end <= entry.len();
        assert!(is_inside(&place.key) && place.value.as_ref().is_none_or(is_inside));
        Self { index, entry, place }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.entry[self.place.key.clone()]
    }

    /// The value that it has from here on; `None`: the key no longer exists.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.place.value.clone().map(|value| &self.entry[value])
    }
}

impl ChangeRange {
    /// The change that the entry `at` with this content made, if it made one: what was applied before, did not match, or
    /// deleted nothing, made none.
    pub(crate) fn of(
        entry: &[u8],
        command: &CommandOf<&[u8]>,
        at: LogId,
        outcome: &CommandOutcome,
    ) -> Option<Self> {
        let Ok((Answer::Stored | Answer::Deleted { existed: true }, by)) = outcome else { return None };
        if *by != at {
            return None;
        }
        let write = match &command.action {
            ActionOf::OpenSession => return None,
            ActionOf::Write(write)
            | ActionOf::SessionWrite(SessionWriteOf { write, .. })
            | ActionOf::NamedWrite(NamedWriteOf { write, .. }) => write,
        };
        let value = match write {
            WriteOf::Put { value, .. } | WriteOf::CompareAndSet { value, .. } => Some(range(entry, value)),
            WriteOf::Delete { .. } => None,
        };
        Some(Self { key: range(entry, write.key()), value })
    }
}

/// Where in `whole` a part of it stands.
fn range(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    start..start.wrapping_add(part.len())
}
