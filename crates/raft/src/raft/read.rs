//! Linearizable reads without a log entry: ReadIndex (thesis §6.4).

use super::{Raft, RoleState};
use crate::effect::ReadReady;
use crate::mutants::{Mutant, is_active};
use crate::types::{LogIndex, ReadId, Timestamp};
use std::collections::VecDeque;

/// Reads that wait for proof that their leader still led after they arrived.
#[derive(Debug, Default)]
pub(super) struct PendingReads {
    /// Not yet covered by a heartbeat round.
    fresh: Vec<ReadId>,
    /// Covered by this round, in order of rounds.
    covered: VecDeque<(u64, ReadId)>,
    /// Proven, to be granted when the state machine has applied through this index. In order of indices.
    confirmed: VecDeque<(LogIndex, ReadId)>,
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

    /// The fresh reads are taken for covered by the round that is under way, which began before them.
    fn join(&mut self) {
        if let Some((round, _)) = self.covered.back() {
            let round = *round;
            self.covered.extend(self.fresh.drain(..).map(|id| (round, id)));
        }
    }

    /// It is certain that this member led when the read arrived, and had committed all that was committed then.
    pub(super) fn confirm(&mut self, id: ReadId, committed: LogIndex) {
        self.confirmed.push_back((committed, id));
    }

    /// A majority has answered this round.
    fn confirm_round(&mut self, round: u64, committed: LogIndex) {
        while let Some((_, id)) = self.covered.pop_front_if(|(needed, _)| *needed <= round) {
            self.confirm(id, committed);
        }
    }

    /// Takes the next read that the state machine is ready for.
    fn next_granted(&mut self, applied: LogIndex) -> Option<ReadId> {
        let early = is_active(Mutant::ReadBeforeApplied);
        self.confirmed.pop_front_if(|(needed, _)| *needed <= applied || early).map(|(_, id)| id)
    }

    pub(super) fn into_ids(self) -> Vec<ReadId> {
        let proven = self.confirmed.into_iter().map(|(_, id)| id);
        proven.chain(self.covered.into_iter().map(|(_, id)| id)).chain(self.fresh).collect()
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
        if is_active(Mutant::ReadJoinsRound) {
            leadership.reads.join();
        }
        if ready && !leadership.reads.fresh.is_empty() && leadership.reads.covered.is_empty() {
            self.heartbeat(now);
        }
    }

    /// Grants the reads whose round a majority has answered, once all entries committed by then have been handed out for
    /// application: those may have to be read back from the disk first (thesis §6.4, step 4).
    pub(super) fn serve_reads(&mut self) {
        let RoleState::Leader(leadership) = &self.role else { return };
        if leadership.reads.covered.is_empty() && leadership.reads.confirmed.is_empty() {
            return;
        }
        let ready = self.committed_in_own_term() || is_active(Mutant::ReadBeforeOwnCommit);
        let round = if ready { self.confirmed_round(leadership) } else { 0 };
        let (committed, applied) = (self.committed, self.applied);
        let RoleState::Leader(leadership) = &mut self.role else { return };
        leadership.reads.confirm_round(round, committed);
        while let Some(id) = leadership.reads.next_granted(applied) {
            self.effects.reads.push(ReadReady { id, granted: true });
        }
    }
}
