//! Messages between nodes before they are a cluster, and when one is added to a cluster. Values only:
//! `raftdeck_replica::founding` decides what follows from them.
//!
//! After a handshake as a founder the dialing node sends [`FounderRequest`]s, and gets one
//! [`FounderReply`] for each.

use crate::secret::Secret;
use raftdeck_raft::{ClusterId, Incarnation, LogIndex, NodeId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The members that found a cluster, each with its disk. A disk that has adopted one never adopts another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FoundingRecord(pub BTreeMap<NodeId, Incarnation>);

/// What a node says of itself to a node that dials it as a founder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// Its id.
    pub id: NodeId,
    /// Its data directory.
    pub incarnation: Incarnation,
    /// How far it has come.
    pub stage: NoteStage,
    /// Whether it holds the cluster's secret, or a token in its place.
    pub has_secret: bool,
}

/// How far a node has come. What it says here is durable there. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum NoteStage {
    /// It belongs to no cluster, and waits for all members that it was started with.
    Gathering {
        /// The ids of those members, its own included.
        with: BTreeSet<NodeId>,
    },
    /// It takes part in this founding, and never in another one.
    Adopted(FoundingRecord),
    /// It belongs to a cluster.
    Member {
        /// Which; `None`: the cluster is of an earlier release and has no identity yet.
        cluster: Option<ClusterId>,
        /// The members as it knows them, each with its disk where that is known.
        members: BTreeMap<NodeId, Option<Incarnation>>,
        /// Where that stands in the log, committed. A greater one is newer.
        index: LogIndex,
    },
    /// It was started to join a cluster, and no member of it has sent it anything yet.
    Joining {
        /// The cluster that has invited it.
        cluster: Option<ClusterId>,
    },
}

/// What is asked on a founder's connection. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FounderRequest {
    /// What are you?
    Note,
    /// You belong to this cluster: keep its identity and its secret.
    Invite(Invitation),
}

/// What a member hands to a node that belongs to its cluster and has no secret yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The member's id.
    pub from: NodeId,
    /// Where it can be dialed, for a node that was told no addresses.
    pub address: String,
    /// The cluster.
    pub cluster: ClusterId,
    /// Its secret; `None`: the cluster has a peer token.
    pub secret: Option<Secret>,
}

/// The answer to a [`FounderRequest`]. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FounderReply {
    /// To [`FounderRequest::Note`].
    Note(Note),
    /// To [`FounderRequest::Invite`]: it has been kept.
    Kept,
    /// To [`FounderRequest::Invite`]: it has not, and why.
    NotKept(String),
}

impl Note {
    /// Whether the node belongs to a cluster, and knows its members.
    #[must_use]
    pub fn is_member(&self) -> bool {
        matches!(self.stage, NoteStage::Member { .. })
    }
}
