//! Linearizable reads without a log entry: ReadIndex (thesis §6.4).

use super::{Raft, RoleState};
use crate::effect::ReadReady;
use crate::mutants::{Mutant, is_active};
use crate::types::{ReadId, Timestamp};
use std::collections::VecDeque;

/// Reads that wait for proof that their leader still led after they arrived.
#[derive(Debug, Default)]
pub(super) struct PendingReads {
    /// Not yet covered by a heartbeat round.
    fresh: Vec<ReadId>,
    /// Covered by this round, in order of rounds.
    covered: VecDeque<(u64, ReadId)>,
}

impl PendingReads {
    pub(super) fn add(&mut self, id: ReadId) {
        self.fresh.push(id);
    }

    /// All fresh reads are covered by this round, which starts now.
    pub(super) fn assign(&mut self, round: u64) {
        let round = if is_active(Mutant::OldRoundServesRead) { round - 1 } else { round };
        self.covered.extend(self.fresh.drain(..).map(|id| (round, id)));
    }

    /// Takes the reads whose round a majority has answered.
    fn take_confirmed(&mut self, round: u64) -> Vec<ReadId> {
        let confirmed = self.covered.iter().take_while(|(needed, _)| *needed <= round).count();
        self.covered.drain(..confirmed).map(|(_, id)| id).collect()
    }

    pub(super) fn into_ids(self) -> Vec<ReadId> {
        self.covered.into_iter().map(|(_, id)| id).chain(self.fresh).collect()
    }
}

impl Raft {
    /// thesis §6.4: until it has committed in its own term, a leader may not know the newest commit index.
    pub(super) fn committed_in_own_term(&self) -> bool {
        self.log.term(self.committed) == Some(self.hard_state.term)
    }

    /// Covers the reads that came since the last round by a new one: one round serves all of them. While a round
    /// is under way they wait for its end, or for the next heartbeat.
    pub(super) fn start_read_round(&mut self, now: Timestamp) {
        let ready = self.committed_in_own_term() || is_active(Mutant::ReadBeforeOwnCommit);
        let RoleState::Leader(leadership) = &mut self.role else { return };
        if ready && !leadership.reads.fresh.is_empty() && leadership.reads.covered.is_empty() {
            self.heartbeat(now);
        }
    }

    /// Grants the reads whose round a majority has answered. All entries committed before the round began have
    /// been handed out for application by now.
    pub(super) fn serve_reads(&mut self) {
        if !self.committed_in_own_term() && !is_active(Mutant::ReadBeforeOwnCommit) {
            return;
        }
        let RoleState::Leader(leadership) = &self.role else { return };
        let round = self.confirmed_round(leadership);
        let RoleState::Leader(leadership) = &mut self.role else { return };
        let confirmed = leadership.reads.take_confirmed(round);
        self.effects.reads.extend(confirmed.into_iter().map(|id| ReadReady { id, granted: true }));
    }
}
