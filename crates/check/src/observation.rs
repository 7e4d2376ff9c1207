//! Observations of a member from outside: its trace, its disk, its state, its end.

use raftdeck_protocol::NodeStatus;
use raftdeck_raft::{LogIndex, NodeId, Status, Term, TraceEvent};

/// Something that was seen at one member.
///
/// Of one step of a member (its calls up to one `take_effects`) first comes [`Observation::Durable`], if anything
/// became durable, then its [`Observation::Trace`]s in order, then [`Observation::State`]. A step of one member comes
/// before every step of another that it caused.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// It reported a transition.
    Trace(TraceEvent),
    /// Its disk, as its core knows it: what a crash would leave at least.
    Durable {
        /// The term on the disk.
        term: Term,
        /// The vote in that term on the disk.
        vote: Option<NodeId>,
        /// The log that it has now is on the disk through here ([`Status::durable`]).
        through: LogIndex,
    },
    /// Its state machine.
    State {
        /// The last entry applied.
        applied: LogIndex,
        /// A hash over everything that the entries made of it.
        state_hash: u64,
    },
    /// All of its core's state at one moment.
    Status(Box<Status>),
    /// It crashed or stopped: only its disk is left.
    Stopped,
    /// While it did not run its disk was replaced by an empty one: it has forgotten its votes and its log.
    DiskReplaced,
    /// Some of its trace was lost on the way here. Its log is unknown until it tells of a whole one.
    Missed,
}

/// What a status frame says, for members whose trace comes by telemetry.
#[must_use]
pub fn observations_of(status: &NodeStatus) -> Vec<Observation> {
    let state = Observation::State { applied: status.raft.applied, state_hash: status.state_hash };
    vec![Observation::Status(Box::new(status.raft.clone())), state]
}
