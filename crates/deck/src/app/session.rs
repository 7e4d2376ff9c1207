//! The session of the deck's own client is opened before a write needs it, so that a person's first write is one entry, also at a
//! leader that was cut off just before.
//!
//! Only on a cluster that belongs to the deck: a cluster that is merely watched gets no entry from it. Drills and scripts, which may
//! count entries, have their writes open it.

use crate::app::drills::DrillStage;
use crate::app::{App, Effect};
use raftdeck_model::{Ability, Order};
use raftdeck_raft::{LogIndex, NodeId, Term};

/// Asks for the session once under each leader that reaches a majority.
pub(super) fn open(app: &mut App) -> Vec<Effect> {
    let Some(leader) = leader(app).filter(|leader| app.session_under != Some(*leader)) else {
        return Vec::new();
    };
    app.session_under = Some(leader);
    app.send_quietly([Order::OpenSession])
}

fn leader(app: &App) -> Option<(NodeId, Term)> {
    let is_own =
        [Ability::Store, Ability::Processes].iter().all(|ability| app.capabilities().has(*ability).is_ok());
    let counts_entries = app.scripted.is_some()
        || matches!(app.drills.stage, DrillStage::Starting(_) | DrillStage::Playing(_));
    if !is_own || counts_entries || app.clock.is_frozen() {
        return None;
    }
    let status = app.world.leader()?.live()?;
    let reaches_majority = status.has_quorum.is(|has| *has);
    let has_committed = status.committed.is(|committed| *committed > LogIndex::ZERO);
    (reaches_majority && has_committed).then_some((status.id, status.term))
}
