//! The output of a world that is driven from outside: its members' messages and answers, in order, for the driver.
//! The batch simulation has its own network and clients, and does not use this.

use crate::client::MemberAnswer;
use crate::world::World;
use raftdeck_raft::{Message, NodeId, Sender, Timestamp, TraceEvent};
use raftdeck_replica::Replica;

/// Something that leaves the members.
#[derive(Debug)]
pub(crate) enum Outward {
    /// A member tells of this.
    Told(NodeId, TraceEvent),
    /// A member sends this.
    Sent { from: Sender, to: NodeId, message: Message },
    /// The request with this number is answered.
    Answered { request: u64, node: NodeId, answer: MemberAnswer },
    /// A process has ended without being told to, and why.
    Ended(NodeId, String),
    /// A member had a turn: its state may be another.
    Stirred(NodeId),
}

/// What has left the members and was not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Outside(Vec<Outward>);

impl World<'_> {
    /// Passes on the members' output, if there is a consumer.
    pub(crate) fn put_out(&mut self, outward: impl FnOnce() -> Outward) -> bool {
        if let Some(outside) = &mut self.outside {
            outside.0.push(outward());
        }
        self.is_driven()
    }

    /// Whether it is driven from outside: then its disks cause no random faults, and no process restarts automatically.
    pub(crate) fn is_driven(&self) -> bool {
        self.outside.is_some()
    }

    /// Takes what has left the members since the last time.
    pub(crate) fn take_outward(&mut self) -> Vec<Outward> {
        self.outside.as_mut().map(|outside| std::mem::take(&mut outside.0)).unwrap_or_default()
    }

    /// Has a member do something now, if it runs and is not stopped, with all that follows from it.
    pub(crate) fn act(&mut self, id: NodeId, act: impl FnOnce(&mut Replica, Timestamp)) -> bool {
        let at = self.now;
        let node = self.node(id);
        let now = node.clock.now(at);
        let Some(process) = node.process.as_mut().filter(|_| !node.paused) else { return false };
        act(&mut process.replica, now);
        self.in_turn = Some(id);
        self.go_on(id, now);
        self.in_turn = None;
        true
    }
}
