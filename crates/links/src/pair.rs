//! Which link, and whose messages are on it.

use raftdeck_raft::{Incarnation, NodeId};

/// A directed pair: sender, receiver.
pub type Pair = (NodeId, NodeId);

/// The sender's data directory, if its wire says so: a message is carried on a connection of the data directory that sent it.
pub type Origin = Option<Incarnation>;
