//! One member.

use crate::config::{Config, ConfigError};
use crate::effect::{Effects, Ticket};
use crate::message::Message;
use crate::status::Status;
use crate::types::{Entry, HardState, LogId, LogIndex, NodeId, ReadId, Timestamp};
use bytes::Bytes;

/// What the disk held at start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Term and vote.
    pub hard_state: HardState,
    /// The whole log, from index 1 on, without gaps.
    pub entries: Vec<Entry>,
}

/// Why a member could not start.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RestoreError {
    /// The configuration makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log has a gap or does not start at 1.
    #[error("the log has index {found} where {expected} belongs")]
    Gap {
        /// What belongs there.
        expected: LogIndex,
        /// What is there.
        found: LogIndex,
    },
    /// An entry's term is lower than the one before it, or above the hard state's.
    #[error("the log's entry {index} has a term that cannot be there")]
    Term {
        /// Where.
        index: LogIndex,
    },
}

/// Why a proposal was not taken. In each case nothing was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Only the leader takes proposals.
    #[error("not the leader")]
    NotLeader {
        /// Who is, if known.
        leader: Option<NodeId>,
    },
    /// The cap on uncommitted bytes is reached.
    #[error("too many uncommitted bytes")]
    Busy,
}

/// Why a read was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Only the leader serves reads.
    #[error("not the leader")]
    NotLeader {
        /// Who is, if known.
        leader: Option<NodeId>,
    },
}

/// One member of a Raft cluster.
#[derive(Debug)]
pub struct Raft {
    _config: Config,
}

impl Raft {
    /// Starts a member as a follower with what its disk held.
    pub fn new(config: Config, seed: u64, restored: Restored, now: Timestamp) -> Result<Self, RestoreError> {
        let _ = (seed, restored, now);
        config.validate()?;
        Ok(Self { _config: config })
    }
    /// This member's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        unimplemented!()
    }
    /// Its state.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        let _ = now;
        unimplemented!()
    }
    /// Entries `first..`, at most `limit` of them.
    #[must_use]
    pub fn entries(&self, first: LogIndex, limit: usize) -> &[Entry] {
        let _ = (first, limit);
        unimplemented!()
    }
    /// When [`Raft::handle_deadline`] wants to be called.
    #[must_use]
    pub fn next_deadline(&self) -> Timestamp {
        unimplemented!()
    }
    /// A message arrived.
    pub fn handle_message(&mut self, from: NodeId, message: Message, now: Timestamp) {
        let _ = (from, message, now);
        unimplemented!()
    }
    /// The write with this ticket, and all before it, are durable.
    pub fn handle_persisted(&mut self, ticket: Ticket, now: Timestamp) {
        let _ = (ticket, now);
        unimplemented!()
    }
    /// The time given by [`Raft::next_deadline`] has come. Calling early is harmless.
    pub fn handle_deadline(&mut self, now: Timestamp) {
        let _ = now;
        unimplemented!()
    }
    /// Appends a command at the leader. It is committed when an entry with the returned id comes out in
    /// [`Effects::apply`].
    pub fn propose(&mut self, command: Bytes, now: Timestamp) -> Result<LogId, ProposeError> {
        let _ = (command, now);
        unimplemented!()
    }
    /// Starts a linearizable read at the leader.
    pub fn read(&mut self, id: ReadId, now: Timestamp) -> Result<(), ReadError> {
        let _ = (id, now);
        unimplemented!()
    }
    /// Takes everything decided since the last call.
    #[must_use]
    pub fn take_effects(&mut self) -> Effects {
        unimplemented!()
    }
}
