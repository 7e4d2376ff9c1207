//! Which link, who dials it, and whose messages are on it.

use raftdeck_raft::{Incarnation, NodeId};
use std::fmt;

/// A directed pair: sender, receiver.
pub type Pair = (NodeId, NodeId);

/// The sender's data directory, if its wire says so: a message is carried on a connection of the data directory that sent it.
pub type Origin = Option<Incarnation>;

/// Whom a listener of the links is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entrance {
    /// The first of the pair, which dials the second here.
    Pair(Pair),
    /// All other nodes, which dial this one here. The first frame of a connection says which of them it is.
    Member(NodeId),
}

impl Entrance {
    /// The node that is dialed here.
    #[must_use]
    pub fn listener(self) -> NodeId {
        match self {
            Self::Pair((_, to)) | Self::Member(to) => to,
        }
    }

    /// The node that is dialed here by all others.
    pub(crate) fn member(self) -> Option<NodeId> {
        match self {
            Self::Pair(_) => None,
            Self::Member(node) => Some(node),
        }
    }

    /// The node that dials here, if there is only one.
    #[must_use]
    pub fn dialer(self) -> Option<NodeId> {
        match self {
            Self::Pair((from, _)) => Some(from),
            Self::Member(_) => None,
        }
    }
}

impl fmt::Display for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pair((from, to)) => write!(f, "from {from} to {to}"),
            Self::Member(to) => write!(f, "to {to}"),
        }
    }
}
