//! One Raft member without its I/O: the consensus core, the key-value state machine, and the clients that wait.
//!
//! Like the core it knows no clock, no socket, no file and no thread. The driver feeds it what arrived and
//! carries out what it asks for in [`Outputs`].

use raftdeck_protocol::{Read, ResponseBody, Write};
use raftdeck_raft::{
    Config, Entry, Envelope, LogIndex, Message, NodeId, Persist, RestoreError, Restored, Status, Ticket,
    Timestamp, TraceEvent,
};

/// Names a client's request until it is answered. Chosen by the driver, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestToken(pub u64);

/// What the driver must do, in any order (the order inside each list matters).
#[derive(Debug, Default)]
pub struct Outputs {
    /// Writes for the disk; see [`Persist`].
    pub persist: Vec<Persist>,
    /// Messages that may leave at once.
    pub send: Vec<Envelope>,
    /// Answers: `ResponseBody::Done` or `ResponseBody::Failed`.
    pub replies: Vec<(RequestToken, ResponseBody)>,
    /// What happened.
    pub trace: Vec<TraceEvent>,
}

/// One member without its I/O.
#[derive(Debug)]
pub struct Replica {}

#[allow(unused_variables, clippy::unused_self, clippy::needless_pass_by_value, missing_docs)]
impl Replica {
    pub fn new(config: Config, seed: u64, restored: Restored, now: Timestamp) -> Result<Self, RestoreError> {
        unimplemented!()
    }
    /// The core's state.
    pub fn status(&self, now: Timestamp) -> Status {
        unimplemented!()
    }
    /// The number of keys.
    pub fn keys(&self) -> u64 {
        unimplemented!()
    }
    /// A hash over the state machine's content.
    pub fn state_hash(&self) -> u64 {
        unimplemented!()
    }
    /// The log from `first`, at most `limit` entries.
    pub fn entries(&self, first: LogIndex, limit: usize) -> &[Entry] {
        unimplemented!()
    }
    pub fn next_deadline(&self) -> Timestamp {
        unimplemented!()
    }
    pub fn handle_message(&mut self, from: NodeId, message: Message, now: Timestamp) {
        unimplemented!()
    }
    pub fn handle_persisted(&mut self, ticket: Ticket, now: Timestamp) {
        unimplemented!()
    }
    pub fn handle_deadline(&mut self, now: Timestamp) {
        unimplemented!()
    }
    /// A client's write. Answered exactly once in [`Outputs::replies`], unless it is cancelled.
    /// NotLeader's `address` is left `None`: the driver knows addresses.
    pub fn write(&mut self, token: RequestToken, write: Write, now: Timestamp) {
        unimplemented!()
    }
    /// A client's linearizable read. Answered exactly once in [`Outputs::replies`], unless it is cancelled.
    pub fn read(&mut self, token: RequestToken, read: Read, now: Timestamp) {
        unimplemented!()
    }
    /// The client went away or gave up: no answer will be produced. A write may still be carried out.
    pub fn cancel(&mut self, token: RequestToken) {
        unimplemented!()
    }
    /// Takes everything decided since the last call.
    pub fn take_outputs(&mut self) -> Outputs {
        unimplemented!()
    }
}
