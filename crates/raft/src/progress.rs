//! A follower as its leader tracks it.

use serde::{Deserialize, Serialize};

/// How entries are sent to a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplicationState {
    /// One message at a time, until the logs are known to match somewhere.
    Probe,
    /// Pipelined: the next message does not wait for the last one's answer.
    Replicate,
}
