//! What a source reports of its nodes.

use serde::{Deserialize, Serialize};

/// Something that a source reports of its nodes. raftdeck's own nodes report all of it; another engine, or a cluster that is watched from
/// outside, may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Insight {
    /// Every change of each node's log, commit index and vote, from its start. By these it is judged whether logs match and whether what
    /// is committed stays.
    Changes,
    /// Elections as they happen: campaigns, new leaders, and the followers that hear of them.
    Elections,
    /// The index of the last entry of each node's log.
    LogEnds,
    /// The terms of the entries in each node's log.
    LogTerms,
    /// How far each node has applied its log.
    Applied,
    /// Whom each node voted for, and who has voted for a candidate.
    Votes,
    /// The snapshots that nodes take and install.
    Snapshots,
    /// The committed membership.
    Members,
    /// A hash of each node's state machine, with the index of the last applied entry.
    StateHashes,
    /// The messages between the nodes.
    Messages,
    /// A node that is back with an empty disk.
    EmptyDisks,
    /// Whether the process of a node runs.
    Processes,
}
