//! What is to be done at which cluster time, besides what the members do by themselves.

use super::client::RequestId;
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;

/// Something that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AgendaItem {
    /// A node's state is looked at, to be told if it is news.
    Status(NodeId),
    /// The state of all nodes is reported.
    Refresh,
    /// What passed the links is reported.
    Reports,
    /// A slow node is stopped or continues, in this rhythm.
    Slow(NodeId, u64),
    /// A request goes round once more.
    Again(RequestId),
    /// The node of this request counts as silent, if it is stopped.
    Patience(RequestId, u64),
    /// A request's deadline has passed.
    Deadline(RequestId),
    /// The workload writes.
    Load(u64),
    /// The workload's figures are reported.
    Figures(u64),
    /// The change of this number continues.
    Change(u64),
    /// The change of this number has waited long enough for the answer to this question.
    ChangeLate(u64, u64),
    /// The one node that was asked by this question has had long enough to answer.
    SingleLate(u64),
    /// The step of this number has ended.
    StepEnd(u64),
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    due: BTreeMap<(u64, u64), AgendaItem>,
    entered: u64,
}

/// Comes after all that is due at the same time.
const LAST: u64 = 1 << 63;

impl Agenda {
    pub(super) fn at(&mut self, at: u64, due: AgendaItem) {
        self.entered += 1;
        let order = if matches!(due, AgendaItem::StepEnd(_)) { self.entered | LAST } else { self.entered };
        self.due.insert((at, order), due);
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn pop(&mut self) -> Option<AgendaItem> {
        self.due.pop_first().map(|(_, due)| due)
    }
}
