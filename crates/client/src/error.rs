//! Why an operation has no answer, and whether a write may have happened nevertheless.

use crate::address::AddressError;
use crate::dial::DialError;
use raftdeck_protocol::kv::LimitError;
use raftdeck_protocol::{Failure, RefusalReason};
use raftdeck_raft::{ChangeError, NodeId, TransferError};
use std::time::Duration;

/// Why [`Client::connect`](crate::Client::connect) found no node. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// The addresses are invalid: a retry cannot succeed.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// None of the addresses led to a node that accepts this client.
    #[error("no node could be reached: {tried}")]
    Unreachable {
        /// The addresses, and what each attempt met.
        tried: String,
    },
}

/// Why an operation has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Nodes answered, but none of them led before the deadline. Nothing was changed.
    #[error("no leader was found within {} ms (last: {last}); nothing was changed", after.as_millis())]
    NoLeader {
        /// How long it was looked for.
        after: Duration,
        /// What the last attempt met.
        last: String,
    },
    /// No node could be reached before the deadline. Nothing was changed.
    #[error("no node could be reached within {} ms: {tried}; nothing was changed", after.as_millis())]
    Unreachable {
        /// How long it was tried.
        after: Duration,
        /// The addresses, and what the last attempt at each of them met.
        tried: String,
    },
    /// A write was sent, and could not be retried before the deadline or within its session: the outcome is unknown:
    /// it may have happened, or may happen later.
    #[error("the write may or may not have happened: {why}; read the key to find out")]
    Unknown {
        /// What came in between.
        why: String,
    },
    /// A membership change was requested and its outcome is unknown: it may have happened, or may happen later.
    #[error("the membership may or may not have changed: {why}; look at the cluster's members to find out")]
    MembershipUnknown {
        /// What came in between.
        why: String,
    },
    /// A transfer was asked for and its outcome is unknown.
    #[error("the leadership may or may not have gone to {to}: {why}; look at the nodes' states to find out")]
    TransferUnknown {
        /// The intended leader.
        to: NodeId,
        /// What came in between.
        why: String,
    },
    /// The membership was not changed.
    #[error("the membership was not changed: {0}")]
    Change(ChangeError),
    /// The transfer was not started.
    #[error("the leadership was not handed over: {0}")]
    Transfer(TransferError),
    /// The transfer was started and did not happen in time.
    #[error("{}", Failure::TransferGivenUp)]
    TransferGivenUp,
    /// A node rejected the request; nothing was changed.
    #[error("{node} refuses the request: {why}")]
    Rejected {
        /// Which node.
        node: NodeId,
        /// Its reason.
        why: String,
    },
    /// A read was not answered before the deadline.
    #[error("the read was not answered within {} ms: {last}", after.as_millis())]
    TimedOut {
        /// How long it was waited for.
        after: Duration,
        /// What the last attempt met.
        last: String,
    },
    /// The leader was overloaded until the deadline, or the one node that was asked is overloaded now. Nothing was
    /// changed.
    #[error("{}", Failure::Busy)]
    Busy,
    /// The leader's disk did not finish its writes until the deadline, and no other node took over. Nothing was
    /// changed.
    #[error("{}", Failure::DiskStalled { waited: *waited })]
    DiskStalled {
        /// How long it had not finished one when it was asked last.
        waited: Duration,
    },
    /// Outside the limits: a retry cannot succeed. Nothing was changed.
    #[error(transparent)]
    Limit(LimitError),
    /// Authentication failed: the token is unknown, a certificate is invalid, or one of the sides does not use TLS.
    /// Nothing was changed.
    #[error("{why}")]
    Untrusted {
        /// What the last attempt met.
        why: String,
    },
    /// Every node refused the connection. Nothing was changed.
    #[error("{address} refuses the connection: {reason}")]
    Refused {
        /// The last that did.
        address: String,
        /// Its reason.
        reason: RefusalReason,
    },
    /// The name was given to another write before. Nothing was changed.
    #[error("{}", Failure::NameInUse)]
    NameInUse,
    /// No node that can be reached still keeps the changes that a watch was to continue with. List the keys, and
    /// watch from that answer's index.
    #[error("{}", Failure::Forgotten { oldest: *oldest })]
    Forgotten {
        /// Changes by entries after this index are kept.
        oldest: u64,
    },
    /// The log ends before the index after which a watch was to continue: that index is of another cluster, or of one that was
    /// started anew. List the keys, and watch from that answer's index.
    #[error("{}", Failure::BeyondLog { newest: *newest })]
    BeyondLog {
        /// Where the log ends.
        newest: u64,
    },
    /// A stale read reached only nodes that have just started and do not know the commit index yet.
    #[error("{node} says: {}", Failure::NotCaughtUp)]
    NotCaughtUp {
        /// The last that said so.
        node: NodeId,
    },
    /// The token does not permit this. Nothing was changed.
    #[error("{}", Failure::NotPermitted)]
    NotPermitted,
    /// The connection broke, or the node sent an unexpected answer.
    #[error("the connection to {address} broke: {why}")]
    Broken {
        /// Which node's.
        address: String,
        /// How.
        why: String,
    },
}

impl ClientError {
    /// Whether the failed operation may have been carried out, or may be later.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::MembershipUnknown { .. } | Self::TransferUnknown { .. })
    }

    /// There is no connection, after this time.
    pub(crate) fn unreached(error: DialError, after: Duration) -> Self {
        Self::refused(error).unwrap_or_else(|other| Self::Unreachable { after, tried: other.to_string() })
    }

    /// Not worth a retry: one of the sides refuses the other.
    pub(crate) fn refused(error: DialError) -> Result<Self, DialError> {
        match error {
            DialError::Refused { address, reason, ports: _ } => Ok(Self::Refused { address, reason }),
            DialError::Distrusted { .. }
            | DialError::NoTls { .. }
            | DialError::Untrusted { .. }
            | DialError::Unaccepted { .. } => Ok(Self::Untrusted { why: error.to_string() }),
            other => Err(other),
        }
    }
}
