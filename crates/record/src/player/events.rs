//! Which recorded events are passed on, and which ones end a step.

use raftdeck_model::{CommandId, MessageReport, News, Step};
use raftdeck_raft::TraceEvent;

/// The id of every recorded [`News::Client`] when it is played: no command of the viewer has it.
pub const RECORDED_COMMAND: CommandId = CommandId(u64::MAX);

/// What is reported of a recorded event. `None`: it answered an observer, or concerned the rate of time, and says
/// nothing about the cluster.
pub(super) fn played(what: &News) -> Option<News> {
    match what {
        News::Time(_) | News::Done { .. } | News::Log { .. } => None,
        News::Refused { reason, .. } => Some(News::Trouble { reason: reason.clone() }),
        News::Client { request, outcome, took, .. } => Some(News::Client {
            id: RECORDED_COMMAND,
            request: request.clone(),
            outcome: outcome.clone(),
            took: *took,
        }),
        other => Some(other.clone()),
    }
}

/// Whether a step ends with this.
pub(super) fn ends(step: Step, what: &News) -> bool {
    let trace = match what {
        News::Trace { trace, .. } => Some(trace),
        _ => None,
    };
    match step {
        Step::Message => is_event(what),
        Step::Timer => matches!(trace, Some(TraceEvent::TimedOut { .. })),
        Step::Role => matches!(trace, Some(TraceEvent::RoleChanged { .. })),
        Step::Commit => matches!(trace, Some(TraceEvent::Committed { .. })),
        Step::For(_) => false,
    }
}

/// Whether a person would say that something happened: all but what is reported repeatedly.
fn is_event(what: &News) -> bool {
    match what {
        News::Status { .. } | News::Frames { .. } | News::Workload(_) => false,
        News::Messages { messages, .. } => messages.iter().any(|MessageReport { state, .. }| state.is_over()),
        other => played(other).is_some(),
    }
}
