//! What is on one link at the moment: messages under way, held ones, and those that have arrived and wait until the receiver's
//! socket takes them. Pure: time comes in as a value.

use crate::pair::Origin;
use bytes::Bytes;
use raftdeck_model::glance::Glance;
use raftdeck_model::{FaultId, MessageId, MessageReport, MessageState};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::sync::oneshot;

/// The most frames on one link. Further frames are lost, as at a router.
pub(crate) const MAX_FRAMES: usize = 4096;

/// The most bytes that may have arrived and wait for the receiver's socket before the link stops reading from its sender. One more
/// frame may exceed this.
const MAX_READY: usize = 256 << 10;

/// One frame on a link.
#[derive(Debug)]
pub(crate) struct QueuedFrame {
    /// Its name; what is no message has one too, but it is not reported.
    pub(crate) id: MessageId,
    /// The frame, untouched.
    pub(crate) frame: Bytes,
    /// What it is; `None`: no message.
    pub(crate) glance: Option<Glance>,
    /// The report of this message; `None`: it is not reported.
    pub(crate) report: Option<Box<MessageReport>>,
    /// The receiver's life that it was sent to.
    pub(crate) life: u64,
    /// The sender's data directory: the frame travels on a connection of that one alone.
    pub(crate) origin: Origin,
    /// What holds it.
    pub(crate) held_by: Vec<FaultId>,
    /// How long it takes once nothing holds it.
    pub(crate) takes: Duration,
    /// The message is not written by the carrier: the task that brought it hears here that it has arrived, or, if this is dropped,
    /// that it is lost.
    pub(crate) ticket: Option<oneshot::Sender<()>>,
}

/// One link's frames.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    under_way: BTreeMap<(Duration, MessageId), QueuedFrame>,
    held: BTreeMap<MessageId, QueuedFrame>,
    ready: VecDeque<QueuedFrame>,
    ready_bytes: usize,
    /// No message that keeps its place arrives before this one.
    last_due: Duration,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.under_way.len() + self.held.len() + self.ready.len()
    }

    /// Whether the receiver's socket has to take something before more is read.
    pub(crate) fn is_crowded(&self) -> bool {
        self.ready_bytes >= MAX_READY
    }

    /// When a frame that is sent now arrives: after all that were sent before. If others may overtake it, it is later by this long
    /// (`behind`).
    pub(crate) fn due(&mut self, takes: Duration, now: Duration, behind: Duration) -> Duration {
        if self.under_way.is_empty() {
            // Nothing is under way: what it would have to wait for has arrived or was lost.
            self.last_due = Duration::ZERO;
        }
        let in_order = (now + takes).max(self.last_due);
        self.last_due = in_order;
        in_order + behind
    }

    /// Sends a frame on its way.
    pub(crate) fn send(&mut self, parcel: QueuedFrame, due: Duration) {
        self.under_way.insert((due, parcel.id), parcel);
    }

    /// Keeps a frame until it is released.
    pub(crate) fn hold(&mut self, parcel: QueuedFrame) {
        self.held.insert(parcel.id, parcel);
    }

    /// It has arrived, and waits for the receiver's socket.
    pub(crate) fn deliver(&mut self, parcel: QueuedFrame) {
        self.ready_bytes += parcel.frame.len();
        self.ready.push_back(parcel);
    }

    /// All that is due has arrived.
    pub(crate) fn pass(&mut self, now: Duration) {
        while let Some(first) = self.under_way.first_entry()
            && first.key().0 <= now
        {
            let parcel = first.remove();
            self.deliver(parcel);
        }
    }

    /// When the next frame arrives.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.under_way.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes what the receiver's socket can have next.
    pub(crate) fn take_ready(&mut self) -> Option<QueuedFrame> {
        let parcel = self.ready.pop_front()?;
        self.ready_bytes -= parcel.frame.len();
        Some(parcel)
    }

    /// The next frame for the receiver's socket.
    pub(crate) fn first_ready(&self) -> Option<&QueuedFrame> {
        self.ready.front()
    }

    /// Takes the held frames that match, in order of age.
    pub(crate) fn take_held(&mut self, mut wanted: impl FnMut(&QueuedFrame) -> bool) -> Vec<QueuedFrame> {
        self.held.extract_if(.., |_, parcel| wanted(parcel)).map(|(_, parcel)| parcel).collect()
    }

    /// Takes the frames under way that match, in order of arrival, and before them those that have arrived and that the socket has
    /// not taken.
    pub(crate) fn take_under_way(
        &mut self,
        mut wanted: impl FnMut(&QueuedFrame) -> bool,
    ) -> Vec<QueuedFrame> {
        let mut taken = self.take_arrived(&mut wanted);
        taken.extend(self.under_way.extract_if(.., |_, parcel| wanted(parcel)).map(|(_, parcel)| parcel));
        taken
    }

    /// Rules no longer delay messages: takes the frames that would arrive after `then`, in order of age. Frames sent from now on do
    /// not wait for them, and held frames take no time once they are released.
    pub(crate) fn take_late(&mut self, then: Duration) -> Vec<QueuedFrame> {
        self.last_due = self.last_due.min(then);
        self.held.values_mut().for_each(|parcel| parcel.takes = Duration::ZERO);
        let late = self.under_way.extract_if(.., |(due, _), _| *due > then);
        let mut late: Vec<QueuedFrame> = late.map(|(_, parcel)| parcel).collect();
        late.sort_unstable_by_key(|parcel| parcel.id);
        late
    }

    /// Takes everything.
    pub(crate) fn take_all(&mut self) -> Vec<QueuedFrame> {
        let mut taken = self.take_under_way(|_| true);
        taken.extend(self.take_held(|_| true));
        taken
    }

    fn take_arrived(&mut self, wanted: &mut impl FnMut(&QueuedFrame) -> bool) -> Vec<QueuedFrame> {
        let mut taken = Vec::new();
        for parcel in std::mem::take(&mut self.ready) {
            if wanted(&parcel) {
                self.ready_bytes -= parcel.frame.len();
                taken.push(parcel);
            } else {
                self.ready.push_back(parcel);
            }
        }
        taken
    }

    /// All that are held or under way, read-only.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &QueuedFrame> {
        self.under_way.values().chain(self.held.values())
    }

    /// All that are held.
    pub(crate) fn held(&self) -> impl Iterator<Item = &QueuedFrame> {
        self.held.values()
    }
}

impl QueuedFrame {
    /// Sets its state. `None`: it is not reported.
    pub(crate) fn now_is(&mut self, state: MessageState) -> Option<&MessageReport> {
        let report = self.report.as_mut()?;
        report.state = state;
        Some(report)
    }
}
