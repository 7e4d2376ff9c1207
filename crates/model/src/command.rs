//! The commands that a source accepts.

use crate::client::ClientRequest;
use crate::message::MessageId;
use crate::rule::{Disturbance, FaultId, Matching, Scope};
use raftdeck_protocol::{ClockRate, Write};
use raftdeck_raft::{LogIndex, NodeId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The id of a command, chosen by its sender. Senders that share a source must use different ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CommandId(pub u64);

/// A command to a source. For each, exactly one [`News::Done`](crate::News::Done) or
/// [`News::Refused`](crate::News::Refused) with its id follows: when its effect is in force and has been reported, or
/// when it certainly will not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its name.
    pub id: CommandId,
    /// What is to be done.
    pub what: Order,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// SIGKILL the node's process.
    Kill(NodeId),
    /// Start it again with its data kept. Kills it first if it runs.
    Restart(NodeId),
    /// SIGSTOP.
    Pause(NodeId),
    /// SIGCONT.
    Resume(NodeId),
    /// Cut these directed links, `(from, to)`.
    Cut(Vec<(NodeId, NodeId)>),
    /// Heal these directed links.
    Mend(Vec<(NodeId, NodeId)>),
    /// Heal every link and resume every paused process.
    Heal,
    /// Send this request to the store; the outcome comes as [`News::Client`](crate::News::Client) with the command's id. Done when
    /// the outcome has come, success or failure.
    Client(ClientRequest),
    /// Have the deck's own client open its session, if it has none: otherwise its first write does that, with an entry before its own.
    OpenSession,
    /// Hand this write to this node, once and outside any session: the leader appends one entry for it, any other node refuses it.
    /// The outcome comes as [`News::Client`](crate::News::Client).
    Propose(NodeId, Write),
    /// Ask a node for entries of its log; they come as [`News::Log`](crate::News::Log).
    FetchLog {
        /// Which node.
        node: NodeId,
        /// The first index.
        first: LogIndex,
        /// At most this many.
        limit: u32,
    },
    /// Have every node that answers report its state now, and the links what happened to messages. All of it comes as
    /// [`News::Status`](crate::News::Status) and [`News::Messages`](crate::News::Messages) before this is done.
    Refresh,
    /// Start one more node, with the next id, and make it a voter: a new process that joins as a learner, catches up and is promoted.
    /// Its progress comes as [`News::Change`](crate::News::Change).
    AddNode,
    /// The same, but it stays a learner until it is promoted: it gets the log, does not vote and counts for no majority.
    AddLearner,
    /// Make a learner a voter when it has caught up. Its progress comes as [`News::Change`](crate::News::Change).
    Promote(NodeId),
    /// Take a node out of the cluster, end its process and wipe its data: its id is not used again. It may be down. Its progress
    /// comes as [`News::Change`](crate::News::Change).
    RemoveNode(NodeId),
    /// Take a node that came back with an empty disk out of the cluster and in again as a learner with its new disk, and promote it
    /// when it has caught up. Its progress comes as [`News::Change`](crate::News::Change).
    ReplaceNode(NodeId),
    /// Have the leader transfer the leadership to this node (thesis §3.10). Its progress comes as [`News::Change`](crate::News::Change).
    Transfer(NodeId),
    /// Have this node campaign immediately, even if there is a leader. All nodes forgo leases first, permanently.
    Campaign(NodeId),
    /// Have this node time out immediately, as if it had heard from no leader. It campaigns as its own timer would have it do: with
    /// PreVote first where that is on. Nodes that hear a leader grant nothing.
    TimeOut(NodeId),
    /// Have this node's clock jump ahead by this much, once. All nodes forgo leases first, permanently.
    SkewClock(NodeId, Duration),
    /// Switch a steady workload of small writes on or off; its figures come as [`News::Workload`](crate::News::Workload).
    Workload(bool),
    /// SIGTERM: the node ends in an orderly way.
    Stop(NodeId),
    /// Pause and resume the node's process repeatedly, so that it is stopped for this percentage of the time; 0 ends that.
    Slow(NodeId, u8),
    /// Kill the node if it runs, wipe its data, and start it again: it comes back on another disk, does not vote, and has to be
    /// replaced.
    Wipe(NodeId),
    /// The same, but the disk keeps its identity, as in a system without identities: the node has lost its votes and its log, and no
    /// other node can notice. Unsafe: for teaching.
    WipeUnsafe(NodeId),
    /// Let the node write only this many more bytes to each of its files, until that is undone (Linux).
    FillDisk(NodeId, u64),
    /// Cut this many bytes off the end of a stopped node's log, as if they had never been synced.
    LoseTail(NodeId, u64),
    /// Bring something into force that can be undone: rules, a watch, timers, the nodes that the deck's own client reaches.
    Disturb(Disturbance),
    /// Undo the disturbance of this name, or the one that came into force last.
    Undo(Option<FaultId>),
    /// Release held messages, or have messages under way arrive immediately.
    Release(MessageSelection),
    /// Lose messages that are held or under way.
    Drop(MessageSelection),
    /// Cluster time passes at this rate from now on.
    SetRate(ClockRate),
    /// Run until the goal of this step, then freeze.
    Step(Step),
    /// Jump forward to this cluster time: everything up to there is reported. Only a recording can do this; another source refuses
    /// ([`SEEK_NEEDS_RECORDING`](crate::SEEK_NEEDS_RECORDING)).
    Seek(Duration),
    /// From now on random rules use this seed.
    Seed(u64),
}

/// Which messages on the links are released or dropped by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageSelection {
    /// This one.
    Message(MessageId),
    /// All on these links.
    On(Scope, Matching),
}

/// The goal of a step of frozen time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The oldest message on the links is delivered, held or not. No time passes. When there is none, time passes until the next timer.
    Message,
    /// To the next timer of any node.
    Timer,
    /// To the next change of a role.
    Role,
    /// To the next commit.
    Commit,
    /// For this much cluster time.
    For(Duration),
}
