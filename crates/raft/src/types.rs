//! The nouns of Raft: ids, terms, indices, entries, and the time values that are handed in.

use crate::membership::Membership;
use bytes::Bytes;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A cluster member. Ids start at 1 and are written `n1`, `n2`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct NodeId(pub u64);

/// A number; in a text format also the text of one, as that is what the keys of maps are there, and not every format (or `serde`
/// itself, in an internally tagged enum) turns it back.
impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(NumberOrText)
        } else {
            u64::deserialize(deserializer).map(Self)
        }
    }
}

struct NumberOrText;

impl Visitor<'_> for NumberOrText {
    type Value = NodeId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the number of a node")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<NodeId, E> {
        Ok(NodeId(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<NodeId, E> {
        text.parse().map(NodeId).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad` lets a table ask for a width.
        f.pad(&format!("n{}", self.0))
    }
}

/// A Raft term (paper §5.1). Terms act as a logical clock; 0 is before the first election.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Term(pub u64);

impl Term {
    /// The term after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

/// A position in the replicated log. The first entry has index 1; 0 is "before the log".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogIndex(pub u64);

impl LogIndex {
    /// Before the first entry.
    pub const ZERO: Self = Self(0);

    /// The index after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The index before this one; of 0, it is 0.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for LogIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

/// An entry's identity: two entries with the same id are the same entry (Log Matching, paper §5.3).
///
/// Ordered as logs are compared in an election: by term first, then by index (paper §5.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogId {
    /// The term in which a leader created the entry.
    pub term: Term,
    /// Its place in the log.
    pub index: LogIndex,
}

/// One entry of the replicated log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it stands and which term created it.
    pub id: LogId,
    /// What it carries.
    pub payload: Payload,
}

/// What an entry carries. Written to disk and sent to peers: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Payload {
    /// Nothing: a new leader's first entry, which lets it commit what came before (paper §8, thesis §6.4).
    Noop,
    /// A command for the state machine, opaque to this crate.
    Command(Bytes),
    /// The cluster's members from here on (thesis §4.3). Boxed: it is rare, and would make every entry thrice as large.
    Membership(Box<Membership>),
}

impl Payload {
    /// The size in bytes that counts toward windows and caps.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Noop => 0,
            Self::Command(bytes) => bytes.len(),
            Self::Membership(membership) => {
                let addresses: usize = membership.addresses.values().map(String::len).sum();
                let identities = 24 * membership.incarnations.len();
                8 * (membership.members().len() + membership.addresses.len()) + addresses + identities
            }
        }
    }
}

/// What a snapshot includes; its content is the state machine's (paper §7, thesis ch. 5).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotMeta {
    /// The last entry that it includes; the zero id: there is no snapshot.
    pub last: LogId,
    /// The membership as of that entry.
    pub membership: Membership,
    /// Where that membership stands in the log; 0: it is the one that the cluster was started with.
    pub membership_index: LogIndex,
}

/// What must survive a crash besides the log (paper Figure 2, "persistent state").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardState {
    /// The latest term this member has seen.
    pub term: Term,
    /// Its vote in that term.
    pub vote: Option<NodeId>,
}

/// Names one linearizable read until it is served or refused. Unique per attempt, chosen by the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReadId(pub u64);

/// A point in time in microseconds since an epoch that the driver chose, such as its own start. Never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The time passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Incarnation;

    #[test]
    fn a_payload_counts_what_it_has() {
        assert_eq!(Payload::Noop.size(), 0);
        assert_eq!(Payload::Command(Bytes::from_static(b"blue")).size(), 4);
        let membership = Membership {
            learners: [NodeId(4)].into(),
            addresses: [(NodeId(1), "host:1".to_owned()), (NodeId(2), "host:22".to_owned())].into(),
            incarnations: (1..=4).map(|id| (NodeId(id), Incarnation([7; 16]))).collect(),
            ..Membership::of([NodeId(1), NodeId(2), NodeId(3)].into())
        };
        assert_eq!(Payload::Membership(Box::new(membership)).size(), 8 * (4 + 2) + 6 + 7 + 4 * 24);
    }
}
