//! What an event of the feed is about: as much of the update as its explanation needs, and no values of the store.

use raftdeck_model::{
    ChangeStep, ClientOp, ClientOutcome, ClientRequest, LinkState, News, ProcessState, StoreOutcome,
};
use raftdeck_protocol::ResponseBody;
use raftdeck_raft::{LogId, NodeId, TraceEvent};

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The cluster was started, or its nodes changed.
    Cluster,
    /// A node's process started.
    Started(NodeId),
    /// A node's process was paused.
    Paused(NodeId),
    /// A node's process was killed.
    Killed(NodeId),
    /// A node's process was stopped in an orderly way.
    Stopped(NodeId),
    /// A node's process ended by itself.
    Failed(NodeId),
    /// Something happened in a node's consensus core.
    Trace {
        /// At which node.
        node: NodeId,
        /// What.
        trace: TraceEvent,
    },
    /// Links were cut or healed together.
    Links {
        /// What they are now.
        state: LinkState,
        /// One of them.
        one: (NodeId, NodeId),
    },
    /// A client's request ended.
    Client(RequestEnd),
    /// A change of the members or of the leader went on.
    Change {
        /// Of which node.
        node: NodeId,
        /// How far it is.
        step: ChangeStep,
    },
    /// Events were lost on the way to the screen.
    Missed(NodeId),
    /// A node reports a condition that needs an operator.
    Concern(NodeId),
    /// The steady workload ended.
    Workload,
    /// A command was refused, or something failed here.
    Trouble,
}

/// How a client's request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestEnd {
    /// A write is committed, as this entry.
    Stored(LogId),
    /// A read was answered.
    Answered,
    /// It certainly did not happen.
    Refused,
    /// Nobody knows whether it happened.
    InDoubt,
}

impl EventKind {
    /// What an update is about; `None`: it makes no event.
    #[must_use]
    pub fn of(news: &News) -> Option<Self> {
        Some(match news {
            News::Cluster { .. } => Self::Cluster,
            News::Process { node, state } => match state {
                ProcessState::Starting { .. } | ProcessState::Running { .. } => Self::Started(*node),
                ProcessState::Paused { .. } => Self::Paused(*node),
                ProcessState::Killed => Self::Killed(*node),
                ProcessState::Stopped => Self::Stopped(*node),
                ProcessState::Failed { .. } => Self::Failed(*node),
                ProcessState::Unreachable { .. } => Self::Concern(*node),
            },
            News::Ready { node, .. } => Self::Started(*node),
            News::Trace { node, trace } => Self::Trace { node: *node, trace: trace.clone() },
            News::Link { from, to, state } => Self::Links { state: *state, one: (*from, *to) },
            News::Client { request, outcome, .. } => Self::Client(RequestEnd::of(request, outcome)),
            News::Change { node, step } => Self::Change { node: *node, step: *step },
            News::Missed { node, .. } => Self::Missed(*node),
            News::Notice { notice, .. } | News::NoticeOver { notice, .. } => Self::Concern(notice.about),
            News::PeerRefused { node, .. } | News::PeerAdmitted { node, .. } => Self::Concern(*node),
            News::Workload(_) => Self::Workload,
            News::Refused { .. } | News::Trouble { .. } => Self::Trouble,
            News::Status { .. }
            | News::Frames { .. }
            | News::Messages { .. }
            | News::Log { .. }
            | News::Output { .. }
            | News::Time(_)
            | News::InForce { .. }
            | News::Done { .. } => return None,
        })
    }
}

impl RequestEnd {
    fn of(request: &ClientRequest, outcome: &ClientOutcome) -> Self {
        let is_write = matches!(request.op, ClientOp::Write(_));
        match (outcome.judged(), outcome) {
            (StoreOutcome::Done(_), ClientOutcome::Answered { body: ResponseBody::Done { at, .. }, .. })
                if is_write =>
            {
                Self::Stored(*at)
            }
            (StoreOutcome::Done(_), _) => Self::Answered,
            (StoreOutcome::Refused(_), _) => Self::Refused,
            // A read changes nothing, so nothing is in doubt.
            (StoreOutcome::InDoubt(_), _) if !is_write => Self::Refused,
            (StoreOutcome::InDoubt(_), _) => Self::InDoubt,
        }
    }
}
