//! One link as `traffic` keeps it: the messages on it, and the tasks that are notified of changes.

use crate::outlet::Outlet;
use crate::pair::Pair;
use crate::queue::{MAX_FRAMES, Queue, QueuedFrame};
use crate::reports::Reports;
use raftdeck_model::{FrameFate, LinkState, MessageState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// The most bytes on all links together.
const MAX_BYTES: usize = 256 << 20;

/// One link.
pub(crate) struct Lane {
    pub(crate) queue: Queue,
    /// The receiver's present life.
    pub(crate) life: u64,
    /// Frames taken in since the seed was set.
    pub(crate) frames: u64,
    /// Whether the rules lose all of it, and whether the nodes notice.
    pub(crate) gate: watch::Sender<LinkState>,
    pub(crate) signals: Arc<Signals>,
    /// Whether it was reported that there is no more room.
    full: bool,
}

/// How a link's tasks wake each other.
#[derive(Default)]
pub(crate) struct Signals {
    /// There is something new to carry.
    pub(crate) work: Notify,
    /// There is room again.
    pub(crate) room: Notify,
}

impl Lane {
    /// An open one, and empty.
    pub(crate) fn new() -> Self {
        let (gate, signals) = (watch::Sender::new(LinkState::Open), Arc::new(Signals::default()));
        Self { queue: Queue::default(), life: 0, frames: 0, gate, signals, full: false }
    }

    /// Whether there is no room for one more frame. This is reported once, until there is plenty of room again.
    pub(crate) fn is_full(&mut self, bytes: usize, (from, to): Pair, outlet: &Outlet) -> bool {
        let full = self.queue.len() >= MAX_FRAMES || bytes > MAX_BYTES;
        if full && !self.full {
            outlet.complain(format!(
                "the link from {from} to {to} is full: further messages are lost until some are released or dropped"
            ));
        }
        self.full = full || (self.full && self.queue.len() > MAX_FRAMES / 2);
        full
    }

    /// Keeps a message until it is released.
    pub(crate) fn hold(&mut self, mut parcel: QueuedFrame, reports: &Reports) {
        if let Some(report) = parcel.now_is(MessageState::Held) {
            reports.note(report);
        }
        self.queue.hold(parcel);
    }

    /// Sends a message on its way, behind those sent before. Others may overtake it by this long (`behind`).
    pub(crate) fn send(
        &mut self,
        mut parcel: QueuedFrame,
        now: Duration,
        behind: Duration,
        reports: &Reports,
    ) {
        let due = self.queue.due(parcel.takes, now, behind);
        // What arrives immediately is reported after it has arrived.
        if due > now
            && let Some(report) = parcel.now_is(MessageState::UnderWay { due })
        {
            reports.note(report);
        }
        self.queue.send(parcel, due);
    }

    /// Sends a message on its way, regardless of the others on the link.
    pub(crate) fn send_alone(&mut self, mut parcel: QueuedFrame, due: Duration, reports: &Reports) {
        if let Some(report) = parcel.now_is(MessageState::UnderWay { due }) {
            reports.note(report);
        }
        self.queue.send(parcel, due);
    }
}

/// A frame will not arrive.
pub(crate) fn lost(pair: Pair, parcel: &mut QueuedFrame, at: Duration, reports: &Reports) {
    if let Some(glance) = &parcel.glance {
        reports.count(pair, glance, parcel.frame.len(), FrameFate::Lost);
    }
    if let Some(report) = parcel.now_is(MessageState::Lost { at }) {
        reports.note(report);
    }
}
