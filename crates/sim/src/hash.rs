//! One number over everything that happened, in order: equal hashes, equal runs.

use crate::event::Event;
use raftdeck_raft::{Message, NodeId, TraceEvent};
use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

/// Takes in event after event.
#[derive(Default)]
pub(crate) struct EventHash {
    state: Box<Xxh3>,
    bytes: Vec<u8>,
}

impl EventHash {
    pub(crate) fn event(&mut self, at: u64, event: &Event) {
        let (kind, a, b) = match event {
            Event::Deliver { from, to, message } => {
                self.message(message);
                (1, from.id.0, to.0)
            }
            Event::Wake { node, life } => (2, node.0, u64::from(*life)),
            Event::Turn { node, life } => (3, node.0, u64::from(*life)),
            Event::Disk { node, life } => (4, node.0, u64::from(*life)),
            Event::ReadBack { node, life, .. } => (16, node.0, u64::from(*life)),
            Event::Files { node, life } => (14, node.0, u64::from(*life)),
            Event::Restart { node, life } => (5, node.0, u64::from(*life)),
            Event::Resume { node, pause } => (6, node.0, u64::from(*pause)),
            Event::Fault(number) => (7, *number as u64, 0),
            Event::Client { client, attempt } => (8, *client as u64, *attempt),
            Event::GiveUp { client, attempt } => (9, *client as u64, *attempt),
            Event::Ask { client, attempt, .. } => (10, *client as u64, *attempt),
            Event::Answer { client, attempt, .. } => (11, *client as u64, *attempt),
            Event::Disconnected { node, peer, .. } => (15, node.0, peer.0),
            Event::Quiet => (12, 0, 0),
            Event::Look => (13, 0, 0),
            Event::Connect { node, life } => (19, node.0, u64::from(*life)),
            Event::DiskGoesOn(node) => (18, node.0, 0),
            Event::LookAtStall(node) => (17, node.0, 0),
        };
        self.words(&[at, kind, a, b]);
    }

    fn message(&mut self, message: &Message) {
        self.value(message);
    }

    /// What a member reported.
    pub(crate) fn trace(&mut self, node: NodeId, event: &TraceEvent) {
        self.words(&[20, node.0]);
        self.value(event);
    }

    fn value(&mut self, value: &impl Serialize) {
        self.bytes.clear();
        let bytes = std::mem::take(&mut self.bytes);
        self.bytes =
            postcard::to_extend(value, bytes).expect("invariant: the core's types are all expressible");
        self.state.update(&self.bytes);
    }

    fn words(&mut self, words: &[u64]) {
        for word in words {
            self.state.update(&word.to_le_bytes());
        }
    }

    pub(crate) fn finish(&self) -> u64 {
        self.state.digest()
    }
}
