//! Why an operation has no answer, and whether a write may have happened all the same.

use raftdeck_protocol::kv::LimitError;
use raftdeck_protocol::{Failure, RefusalReason};
use std::time::Duration;

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
    #[error("no node could be reached within {} ms (last: {last}); nothing was changed", after.as_millis())]
    Unreachable {
        /// How long it was tried.
        after: Duration,
        /// What the last attempt met.
        last: String,
    },
    /// A write was sent and its fate is not known: it may have happened, or may yet.
    #[error("the write may or may not have happened: {why}; read the key to find out")]
    Unknown {
        /// What came in between.
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
    /// The leader was too busy to take it until the deadline. Nothing was changed.
    #[error("{}", Failure::Busy)]
    Busy,
    /// Outside the limits: trying again is of no use. Nothing was changed.
    #[error(transparent)]
    Limit(LimitError),
    /// Every node refused the connection. Nothing was changed.
    #[error("{address} refuses the connection: {reason}")]
    Refused {
        /// The last that did.
        address: String,
        /// Its reason.
        reason: RefusalReason,
    },
    /// The connection broke, or the node said something that does not belong here.
    #[error("the connection to {address} broke: {why}")]
    Broken {
        /// Which node's.
        address: String,
        /// How.
        why: String,
    },
}

impl ClientError {
    /// Whether a write that ended in this error may have been carried out, or may yet be.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
}
