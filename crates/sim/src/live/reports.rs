//! What passed the links since it was told last. Counts include every message; single messages are reported at a rate
//! that a screen can show.

use raftdeck_model::glance::Glance;
use raftdeck_model::rulebook::Pair;
use raftdeck_model::{FrameFate, FrameKind, FrameReport, Known, MessageId, MessageReport, News};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the first message after a silence waits for others, in real time: a heartbeat round and its answers are one update.
pub(super) const GATHER: Duration = Duration::from_millis(10);

/// The least time between two updates: 30 a second.
pub(super) const INTERVAL: Duration = Duration::from_millis(34);

/// The most single messages reported in one update, of those that pass immediately.
const MAX_PASSING: usize = 256;

/// The same for those that stay on a link for a while.
const MAX_WAITING: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Reports {
    frames: BTreeMap<(NodeId, NodeId, FrameKind, FrameFate), FrameReport>,
    messages: BTreeMap<MessageId, MessageReport>,
    skipped: u64,
}

impl Reports {
    /// Counts one message of this many bytes on a link.
    pub(super) fn count(&mut self, (from, to): Pair, glance: &Glance, bytes: usize, fate: FrameFate) {
        let Glance { kind, term, index, granted, entries, detail: _ } = *glance;
        let before = self.frames.get(&(from, to, kind, fate));
        let count = before.map_or(0, |sum| sum.count) + 1;
        let entries = before.map_or(0, |sum| sum.entries) + entries;
        let bytes = before.and_then(|sum| sum.bytes.copied()).unwrap_or(0) + bytes as u64;
        let bytes = Known::Is(bytes);
        let report = FrameReport { from, to, kind, term, index, granted, fate, count, entries, bytes };
        self.frames.insert((from, to, kind, fate), report);
    }

    /// Whether one more message that passes immediately, or that `waits` on its link, is reported. If not, it is only counted.
    pub(super) fn has_room(&mut self, waits: bool) -> bool {
        let has_room = self.messages.len() < if waits { MAX_WAITING } else { MAX_PASSING };
        self.skipped += u64::from(!has_room);
        has_room
    }

    /// Where a message is now.
    pub(super) fn note(&mut self, message: &MessageReport) {
        self.messages.insert(message.id, message.clone());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.messages.is_empty() && self.skipped == 0
    }

    /// Takes what there is to tell since the last time.
    pub(super) fn take(&mut self) -> Vec<News> {
        let Self { frames, messages, skipped } = std::mem::take(self);
        let (frames, messages) =
            (frames.into_values().collect::<Vec<_>>(), messages.into_values().collect::<Vec<_>>());
        let told = (!messages.is_empty() || skipped > 0).then_some(News::Messages { messages, skipped });
        told.into_iter().chain((!frames.is_empty()).then_some(News::Frames { frames })).collect()
    }
}
