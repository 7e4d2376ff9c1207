//! One event of a run, for people and tools: what `raftdeck sim run --trace FILE` writes, an object a line.
//! `TRACE.md` beside this crate's manifest is its schema.

use crate::message::MessageRecord;
use raftdeck_raft::{Membership, NodeId, Role, Status, TraceEvent};
use serde::Serialize;

/// One event, and how its member stood right after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TraceRecord {
    /// Virtual microseconds since the start.
    pub at: u64,
    /// Whose event it is; missing for those of clients and of the whole cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<u64>,
    /// How the member stood; missing if its process does not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<MemberState>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// How a member stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MemberState {
    /// Its term.
    pub term: u64,
    /// Its vote in this term.
    pub vote: Option<u64>,
    /// `follower`, `pre-candidate`, `candidate` or `leader`.
    pub role: String,
    /// The index of its log's last entry.
    pub last: u64,
    /// Its log starts after this index.
    pub purged: u64,
    /// Its log is durable through here.
    pub durable: u64,
    /// Its commit index.
    pub commit: u64,
    /// The members that vote; in a joint configuration those of the new half.
    pub voters: Vec<u64>,
    /// In a joint configuration the voters of the old half.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outgoing: Vec<u64>,
    /// The members that only learn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub learners: Vec<u64>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The member sent a message.
    Sent {
        /// The receiving node.
        to: u64,
        /// Whether the network loses it.
        lost: bool,
        /// What it says.
        message: MessageRecord,
    },
    /// A message arrived at the member.
    Received {
        /// The sending node.
        from: u64,
        /// What it says.
        message: MessageRecord,
    },
    /// The member reported a transition.
    Told {
        /// Which, as its core tells it.
        what: TraceEvent,
    },
    /// The member's writes became durable.
    Durable {
        /// How many.
        writes: usize,
    },
    /// The member's process began.
    Started,
    /// The member's process ended.
    Ended {
        /// Why.
        why: String,
    },
    /// The member refused to start.
    Refused {
        /// Why.
        why: String,
    },
    /// Something goes wrong.
    Fault {
        /// What, in words.
        what: String,
    },
    /// From here on there are no more faults.
    Quiet,
    /// A client asks a member.
    Asked {
        /// Which client.
        client: usize,
        /// The node.
        of: u64,
        /// What.
        what: String,
    },
    /// A client knows how its operation ended.
    Answered {
        /// Which client.
        client: usize,
        /// How.
        how: String,
    },
}

impl TraceRecord {
    pub(crate) fn new(at: u64, node: Option<NodeId>, status: Option<&Status>, what: What) -> Self {
        Self { at, node: node.map(|id| id.0), state: status.map(MemberState::of), what }
    }
}

impl MemberState {
    fn of(status: &Status) -> Self {
        let Membership { voters, outgoing, learners, .. } = &status.membership;
        let ids = |nodes: &std::collections::BTreeSet<NodeId>| nodes.iter().map(|id| id.0).collect();
        Self {
            term: status.term.0,
            vote: status.vote.map(|id| id.0),
            role: name(status.role),
            last: status.last.index.0,
            purged: status.purged.0,
            durable: status.durable.0,
            commit: status.committed.0,
            voters: ids(voters),
            outgoing: ids(outgoing),
            learners: ids(learners),
        }
    }
}

fn name(role: Role) -> String {
    role.to_string()
}
