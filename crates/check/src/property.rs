//! The properties that must always hold, and the report of a violation.

use raftdeck_raft::NodeId;
use std::fmt;

/// A promise that the members keep together or alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// At most one election is won in a term (paper Figure 3).
    ElectionSafety,
    /// A leader never removes or overwrites entries of its log (paper Figure 3).
    LeaderAppendOnly,
    /// Two logs with an entry of the same index and term are the same up to it (paper Figure 3).
    LogMatching,
    /// An entry that was committed in a term is in the logs of the leaders of all later terms (paper Figure 3).
    LeaderCompleteness,
    /// No two members ever commit different entries at an index (paper Figure 3).
    StateMachineSafety,
    /// A committed entry is never removed.
    CommittedForEver,
    /// Equal applied indices, equal state machines.
    EqualStates,
    /// What was durable is there after a crash: the term and the log.
    Durability,
    /// One vote a term, also through a crash.
    OneVoteATerm,
    /// What a member promises to others is durable first: votes and entries that count toward a majority.
    DurableBeforeCounted,
    /// Within one life of a member its term, commit index and applied index never fall, nor does a leader's match index.
    Monotony,
    /// `purged <= snapshot <= applied <= committed <= last`, and a log without gaps.
    CursorOrder,
}

impl Property {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::ElectionSafety,
        Self::LeaderAppendOnly,
        Self::LogMatching,
        Self::LeaderCompleteness,
        Self::StateMachineSafety,
        Self::CommittedForEver,
        Self::EqualStates,
        Self::Durability,
        Self::OneVoteATerm,
        Self::DurableBeforeCounted,
        Self::Monotony,
        Self::CursorOrder,
    ];
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::ElectionSafety => "Election Safety",
            Self::LeaderAppendOnly => "Leader Append-Only",
            Self::LogMatching => "Log Matching",
            Self::LeaderCompleteness => "Leader Completeness",
            Self::StateMachineSafety => "State Machine Safety",
            Self::CommittedForEver => "commits are permanent",
            Self::EqualStates => "equal states",
            Self::Durability => "durability",
            Self::OneVoteATerm => "one vote a term",
            Self::DurableBeforeCounted => "durable before counted",
            Self::Monotony => "monotony",
            Self::CursorOrder => "cursor order",
        })
    }
}

/// A promise that was broken. The story before it is no longer worth following.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{property} broken at {node}, {at_micros} us: {sentence}")]
pub struct Violation {
    /// Which promise.
    pub property: Property,
    /// The member whose observation showed it.
    pub node: NodeId,
    /// When, as given with the observation.
    pub at_micros: u64,
    /// What happened, for people.
    pub sentence: String,
}

/// A violated property, and how, before the member and the time are known.
pub(crate) type Broken = (Property, String);

pub(crate) fn broken<T>(property: Property, sentence: String) -> Result<T, Broken> {
    Err((property, sentence))
}
