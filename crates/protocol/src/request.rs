//! What clients ask and what nodes answer. Many requests may be under way on one connection; `id` matches them.

use crate::kv::{
    Action, Answer, Change, Command, Consistency, LimitError, NamedWrite, Read, SessionWrite, Write,
};
use crate::printable::Printable;
use crate::rate::{ClockFactor, ClockRate};
use crate::telemetry::{NodeStatus, Telemetry};
use bytes::Bytes;
use raftdeck_raft::{
    ChangeError, LogId, Membership, MembershipChange, NodeId, Payload, Term, TransferError, Tuning,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// A client's request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the client, returned in the answer.
    pub id: u64,
    /// What it asks.
    pub body: RequestBody,
}

/// What a client may ask. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestBody {
    /// Change something. Answered when committed and applied.
    Write(Write),
    /// A linearizable read (ReadIndex, thesis §6.4).
    Read(Read),
    /// The node's own state. Any node answers.
    Status,
    /// The node's own log, committed or not. Any node answers.
    Log {
        /// The first index.
        first: u64,
        /// At most this many entries, at most [`MAX_LOG_LINES`].
        limit: u32,
    },
    /// From now on send telemetry on this connection, as responses with this request's id.
    Subscribe,
    /// Open a session. Answered with [`Answer::SessionOpened`].
    OpenSession,
    /// Change something, once, however often it is sent.
    SessionWrite(SessionWrite),
    /// A read of the stated consistency. [`Consistency::Stale`] is answered by any node.
    ReadWith {
        /// What.
        read: Read,
        /// How new.
        consistency: Consistency,
    },
    /// Change the membership. Answered when the new one is committed.
    ChangeMembership(Vec<MembershipChange>),
    /// Hand the leadership to a voter. Answered when it leads, or does not.
    TransferLeadership {
        /// The receiving node.
        to: NodeId,
    },
    /// Only for the process that started this node.
    Manage(Manage),
    /// Change something, once, however often it is sent under this name.
    NamedWrite(NamedWrite),
    /// From now on send the committed changes of keys that start with a prefix, in the order of the log, as responses with
    /// this request's id: first [`ResponseBody::Watching`], then [`ResponseBody::Changes`]. Any node answers. It ends with the
    /// connection, or with [`Failure::Forgotten`].
    Watch {
        /// The prefix; empty for all.
        prefix: Bytes,
        /// Only changes by entries after this index; `None`: after the newest one that this node has applied.
        after: Option<u64>,
    },
    /// Where the members are reached, as far as this node knows. Any node answers.
    Members,
}

/// The interval of keep-alives of a watched node that knows the leader: an empty [`ResponseBody::Changes`].
pub const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// Requests of the process that started a node. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Manage {
    /// From now on reach this member at this Raft address, whatever the membership says.
    SetPeerAddress {
        /// The node.
        node: NodeId,
        /// Where, `HOST:PORT`.
        address: String,
    },
    /// Time out immediately, as if no leader had been heard from.
    Campaign,
    /// Change timing, PreVote and CheckQuorum.
    Tune(Tuning),
    /// Take a snapshot now.
    TakeSnapshot,
    /// From now on the node's clock runs at this rate. Nothing else changes by it: no timer starts anew.
    SetClock {
        /// The rate.
        rate: ClockRate,
        /// It is frozen when this much of the node's own time has passed; `None`: it runs on.
        run_for: Option<Duration>,
    },
    /// From now on every election timeout is this long instead of random, the one that runs now included; `None`: random
    /// again.
    SetElectionTimeout(Option<Duration>),
    /// Serve no further reads by a lease. Manual changes of clocks and elections break the assumptions that leases rest
    /// on.
    ForgoLeases,
    /// Campaign immediately, even if there is a leader. Tell every member to forgo leases first.
    CampaignAgainstLeader,
    /// From now on the syncs of the node's disk are delayed, those under way included.
    SetDisk(DiskPace),
    /// From now on the node's clock runs so fast by the time that [`Manage::SetClock`] is about, which its rate and the length of a
    /// run go by. It forgoes leases, as should all others before.
    SetClockFactor(ClockFactor),
    /// The node's clock jumps ahead by this much. It forgoes leases, as should all others before.
    SkewClock(Duration),
}

/// How a managed node's disk does, by real time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskPace {
    /// As fast as it can.
    #[default]
    Free,
    /// Every sync takes this much longer, at most [`MAX_SYNC_DELAY`].
    Delayed(Duration),
    /// No sync finishes.
    Stalled,
}

/// The longest delay that can be added to a sync. More than that is a stall.
pub const MAX_SYNC_DELAY: Duration = Duration::from_secs(10);

/// The most entries one [`RequestBody::Log`] returns.
pub const MAX_LOG_LINES: u32 = 512;

/// A node's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The request's id.
    pub id: u64,
    /// What it says.
    pub body: ResponseBody,
}

/// What a node may answer. On the wire: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResponseBody {
    /// A write or read was carried out.
    Done {
        /// Its outcome.
        answer: Answer,
        /// For a write its entry; for a read the newest entry that the answer includes. A node of raftdeck always knows it; of an engine
        /// that does not tell it, the index is 0.
        at: LogId,
    },
    /// It was not, or the outcome is unknown.
    Failed(Failure),
    /// To [`RequestBody::Status`].
    Status(Box<NodeStatus>),
    /// To [`RequestBody::Log`]: entries in order of index.
    Log(Vec<LogLine>),
    /// To [`RequestBody::Subscribe`], again and again.
    Telemetry(Box<Telemetry>),
    /// To [`RequestBody::ChangeMembership`]: it is committed.
    MembershipChanged {
        /// At this entry.
        at: LogId,
        /// The membership in force.
        membership: Membership,
    },
    /// To [`RequestBody::TransferLeadership`]: it leads.
    Transferred {
        /// The node.
        leader: NodeId,
        /// In this term.
        term: Term,
    },
    /// To [`RequestBody::Manage`]: done.
    Managed,
    /// To [`RequestBody::Watch`], once.
    Watching {
        /// All changes by entries after this index will be told.
        after: u64,
    },
    /// To [`RequestBody::Watch`], again and again, also without a change from time to time.
    Changes {
        /// In the order of their indices.
        changes: Vec<Change>,
        /// All changes up to this index have been reported: a watch can be resumed from here.
        through: u64,
    },
    /// To [`RequestBody::Members`]: each member whose address is known, the answering node included. An address is that of the
    /// client port, or else of the Raft port.
    Members(BTreeMap<NodeId, String>),
}

/// One entry of a node's log, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// The entry's id.
    pub id: LogId,
    /// What it carries, as text (see [`describe`]).
    pub text: String,
}

/// An entry's payload as text: `no-op`, `put color blue`, or `? (N bytes)` for what cannot be read.
#[must_use]
pub fn describe(payload: &Payload) -> String {
    match payload {
        Payload::Noop => "no-op".to_owned(),
        Payload::Command(bytes) => match crate::frame::decode::<Command>("command", bytes) {
            Ok(Command { action, .. }) => match action {
                Action::Write(write)
                | Action::SessionWrite(SessionWrite { write, .. })
                | Action::NamedWrite(NamedWrite { write, .. }) => write.to_string(),
                Action::OpenSession => "open a session".to_owned(),
            },
            Err(_) => format!("? ({} bytes)", bytes.len()),
        },
        Payload::Membership(membership) => describe_membership(membership),
    }
}

/// `members n1 n2 n3, learning n4`; of a joint configuration both halves: `members n1 n2 n3 and n1 n2 n3 n4`.
fn describe_membership(membership: &Membership) -> String {
    let list = |ids: &BTreeSet<NodeId>| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let outgoing =
        if membership.is_joint() { format!("{} and ", list(&membership.outgoing)) } else { String::new() };
    let learning = if membership.learners.is_empty() {
        String::new()
    } else {
        format!(", learning {}", list(&membership.learners))
    };
    format!("members {outgoing}{}{learning}", list(&membership.voters))
}

/// Why a request was not carried out. Says whether a write may have happened: only [`Failure::Unknown`] leaves
/// it open; all others mean that this attempt changed nothing and never will.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// Ask the leader.
    NotLeader {
        /// The leader, if known.
        leader: Option<NodeId>,
        /// Its client address, if known.
        address: Option<String>,
    },
    /// Leadership was lost, or time ran out, while the write was under way: it may still happen, or not.
    Unknown,
    /// Too many pending requests; try again later.
    Busy,
    /// Outside the limits; do not try again.
    Limit(LimitError),
    /// The node is shutting down.
    Stopping,
    /// The session is not known: it was unused for too long. This attempt changed nothing; an earlier one may have.
    SessionExpired,
    /// The membership was not changed.
    Change(ChangeError),
    /// The transfer was not started.
    Transfer(TransferError),
    /// The transfer did not happen in time; the old leader stays leader.
    TransferGivenUp,
    /// Only the process that started this node may send this, and this node has no manager.
    NotManaged,
    /// The request is invalid: a sentence.
    Invalid(String),
    /// The changes after the requested index are no longer kept. List the keys, and watch from that answer's index.
    Forgotten {
        /// Changes by entries after this index are kept.
        oldest: u64,
    },
    /// The name was given to another write before, which this attempt did not repeat.
    NameInUse,
    /// The request is not permitted.
    NotPermitted,
    /// The leader's disk does not finish its writes, so it accepts no more; try again later.
    DiskStalled {
        /// How long it has not finished one.
        waited: Duration,
    },
    /// The node has just started and does not know the commit index yet: its state may lack acknowledged writes.
    NotCaughtUp,
    /// The leader's log ends before the index after which changes were asked for. List the keys, and watch from that answer's index.
    BeyondLog {
        /// Where it ends.
        newest: u64,
    },
    /// The node is not in a working cluster: a sentence that says why, and what to do.
    NotInCluster(String),
}

impl Failure {
    /// Whether a retry, perhaps at another node, may give another answer. Only for idempotent requests.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::NotLeader { .. }
            | Self::Unknown
            | Self::Busy
            | Self::DiskStalled { .. }
            | Self::Stopping
            | Self::NotInCluster(_) => true,
            Self::Change(why) => why.passes(),
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLeader { leader: Some(leader), .. } => {
                write!(f, "this node is not the leader: {leader} is")
            }
            Self::NotLeader { leader: None, .. } => {
                write!(f, "this node is not the leader and does not know one")
            }
            Self::Unknown => write!(
                f,
                "the leader changed or time ran out while the write was under way: it may have happened; read the key to find out"
            ),
            Self::Busy => write!(f, "busy: too many pending writes, try again"),
            Self::Limit(limit) => limit.fmt(f),
            Self::Stopping => write!(f, "the node is shutting down"),
            Self::SessionExpired => write!(f, "the session was unused for too long and has expired"),
            Self::Change(error) => error.fmt(f),
            Self::Transfer(error) => error.fmt(f),
            Self::TransferGivenUp => {
                write!(f, "the leadership was not transferred in time: the old leader stays")
            }
            Self::NotManaged => write!(f, "only the process that manages this node may send this request"),
            Self::Invalid(why) | Self::NotInCluster(why) => Printable(why).fmt(f),
            Self::Forgotten { oldest } => write!(
                f,
                "only changes after index {oldest} are kept: list the keys, and watch from the index of that answer"
            ),
            Self::NameInUse => {
                write!(f, "this name was given to another write before: choose a new name for each")
            }
            Self::NotPermitted => write!(f, "this requires the manager's token"),
            Self::DiskStalled { waited } => write!(
                f,
                "the disk has not finished a write for {} ms: no writes are accepted until it has, try again",
                waited.as_millis()
            ),
            Self::NotCaughtUp => write!(
                f,
                "this node has just started and does not know the commit index yet: try again, or ask another node"
            ),
            Self::BeyondLog { newest } => write!(
                f,
                "the log ends at index {newest}, before the requested index: list the keys, and watch from the index of that answer"
            ),
        }
    }
}
