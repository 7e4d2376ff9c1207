//! Which messages are routine: heartbeats and their answers, as long as they arrive as they should.

use crate::app::messages::is_long;
use raftdeck_model::{FrameKind, MessageId, MessageReport, MessageState};
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// The routine messages among those that are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routine {
    ids: BTreeSet<MessageId>,
    /// Whether the last request that arrived on a link was a heartbeat: what comes back next answers it.
    beats: BTreeMap<(NodeId, NodeId), bool>,
}

impl Routine {
    /// Takes note of a message in its present state.
    pub(crate) fn note(&mut self, report: &MessageReport) {
        let link = (report.from, report.to);
        let is_routine = match report.kind {
            FrameKind::Heartbeat | FrameKind::HeartbeatReply => true,
            FrameKind::AppendReply => {
                report.granted != Some(false) && self.beats.get(&(report.to, report.from)) == Some(&true)
            }
            _ => false,
        };
        if is_routine && !is_long(report) && !matches!(report.state, MessageState::Lost { .. }) {
            self.ids.insert(report.id);
        } else {
            self.ids.remove(&report.id);
        }
        if matches!(report.kind, FrameKind::Heartbeat | FrameKind::AppendEntries) {
            self.beats.insert(link, report.kind == FrameKind::Heartbeat);
        }
    }

    /// Whether a message is routine.
    pub(crate) fn has(&self, id: MessageId) -> bool {
        self.ids.contains(&id)
    }

    /// Forgets a message that is no longer kept.
    pub(crate) fn forget(&mut self, id: MessageId) {
        self.ids.remove(&id);
    }

    /// How many lie between these two; `None`: from the first, to the last.
    pub(crate) fn between(&self, after: Option<MessageId>, before: Option<MessageId>) -> usize {
        if after >= before && before.is_some() {
            return 0;
        }
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let to = before.map_or(Bound::Unbounded, Bound::Excluded);
        self.ids.range((from, to)).count()
    }
}
