//! The trace as log lines: what a person who reads the node's log wants to know, in words. Decides nothing.

use raftdeck_raft::{Role, TraceEvent};

/// Logs an event at the level it deserves.
pub(crate) fn narrate(event: &TraceEvent) {
    match event {
        TraceEvent::Started { term, last, .. } => tracing::info!("starts in term {term}, log through {last}"),
        TraceEvent::RoleChanged { to: Role::Leader, term, .. } => tracing::info!("leads in term {term}"),
        TraceEvent::RoleChanged { from, to, term } => tracing::debug!("{from} becomes {to} in term {term}"),
        TraceEvent::SteppedDown { reason, term } => tracing::info!("steps down in term {term}: {reason:?}"),
        TraceEvent::LeaderChanged { leader: Some(leader), term } => {
            tracing::info!("follows {leader} in term {term}");
        }
        TraceEvent::LeaderChanged { leader: None, term } => tracing::info!("knows no leader in term {term}"),
        TraceEvent::Truncated { from, to } => {
            tracing::info!("removes entries {from} to {to}, which the leader does not have");
        }
        TraceEvent::Appended { .. } | TraceEvent::Committed { .. } => tracing::trace!("{event:?}"),
        other => tracing::debug!("{other:?}"),
    }
}
