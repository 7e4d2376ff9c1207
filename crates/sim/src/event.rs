//! What happens when: a queue of events in virtual time. Events of the same time happen in the order of their entry.

use crate::client::{MemberAnswer, MemberRequest};
use raftdeck_raft::{LogIndex, Message, NodeId, Sender};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that happens. Lives tell an event for a process that is gone from one for its successor.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message arrives.
    Deliver { from: Sender, to: NodeId, message: Box<Message> },
    /// A timer may be due.
    Wake { node: NodeId, life: u32 },
    /// The process has a turn.
    Turn { node: NodeId, life: u32 },
    /// The disk is done with what it was doing.
    Disk { node: NodeId, life: u32 },
    /// Entries that were read back reach their member.
    ReadBack { node: NodeId, life: u32, first: LogIndex },
    /// So is the thread that keeps the snapshots.
    Files { node: NodeId, life: u32 },
    /// A process that ended starts again.
    Restart { node: NodeId, life: u32 },
    /// A pause ends.
    Resume { node: NodeId, pause: u32 },
    /// The fault with this number in the schedule.
    Fault(usize),
    /// A client continues: its next operation, or its next attempt.
    Client { client: usize, attempt: u64 },
    /// A client has waited long enough.
    GiveUp { client: usize, attempt: u64 },
    /// A client's request arrives.
    Ask { node: NodeId, client: usize, attempt: u64, ask: Box<MemberRequest> },
    /// An answer arrives at its client.
    Answer { client: usize, attempt: u64, answer: Box<MemberAnswer> },
    /// From now on there are no more faults.
    Quiet,
    /// A member learns that its connection to a peer is lost.
    Disconnected { node: NodeId, life: u32, peer: NodeId },
    /// A node that was started connects to the others.
    Connect { node: NodeId, life: u32 },
    /// A disk that was stalled continues.
    DiskGoesOn(NodeId),
    /// Is the cluster led, although this member's disk is stalled?
    LookAtStall(NodeId),
    /// Has everything come to rest?
    Look,
}

#[derive(Debug)]
struct QueuedEvent {
    at: u64,
    number: u64,
    event: Event,
}

impl PartialEq for QueuedEvent {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for QueuedEvent {}

impl PartialOrd for QueuedEvent {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for QueuedEvent {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// The future.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    due: BinaryHeap<Reverse<QueuedEvent>>,
    entered: u64,
}

impl Queue {
    pub(crate) fn at(&mut self, at: u64, event: Event) {
        self.entered += 1;
        self.due.push(Reverse(QueuedEvent { at, number: self.entered, event }));
    }

    /// When the next event happens.
    pub(crate) fn next(&self) -> Option<u64> {
        self.due.peek().map(|Reverse(due)| due.at)
    }

    /// Has all events of this kind happen now, in their order; whether anything is due now.
    pub(crate) fn hurry(&mut self, now: u64, is_meant: impl Fn(&Event) -> bool) -> bool {
        let mut all: Vec<QueuedEvent> =
            std::mem::take(&mut self.due).into_iter().map(|Reverse(due)| due).collect();
        all.sort_unstable();
        // In the order in which they would have happened.
        for due in all {
            let at = if due.at > now && is_meant(&due.event) { now } else { due.at };
            self.at(at, due.event);
        }
        self.next().is_some_and(|at| at <= now)
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, Event)> {
        self.due.pop().map(|Reverse(due)| (due.at, due.event))
    }
}
