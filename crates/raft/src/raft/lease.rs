//! Reads by the leader's lease (thesis §6.4.1). A follower that answered a round grants no votes for at least the
//! minimum election timeout after the round was *sent*, so no other node can lead, or commit anything, before that
//! has passed for a majority. This holds as long as clocks run at about the same rate, CheckQuorum is on at all
//! members, and all have the same timing.

use super::{Leadership, Raft, RoleState};
use crate::mutants::{Mutant, is_active};
use crate::types::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// The most rounds that are remembered. An answer to an older round no longer extends the lease.
const REMEMBERED_ROUNDS: usize = 64;

/// When rounds were sent.
#[derive(Debug)]
pub(super) struct Lease {
    /// Round and time, in order, at most [`REMEMBERED_ROUNDS`].
    sent: VecDeque<(u64, Timestamp)>,
    /// A member was told to campaign: that may take effect at any time, however late.
    given_up: bool,
    /// The least that the least election timeout has been in this term: followers may still go by it.
    pub(super) least: Duration,
}

impl Lease {
    pub(super) fn new(round: u64, now: Timestamp, least: Duration) -> Self {
        Self { sent: VecDeque::from([(round, now)]), given_up: false, least }
    }

    pub(super) fn round_sent(&mut self, round: u64, now: Timestamp) {
        if self.sent.len() == REMEMBERED_ROUNDS {
            self.sent.pop_front();
        }
        self.sent.push_back((round, now));
    }

    /// There is no lease for the rest of the term.
    pub(super) fn give_up(&mut self) {
        self.given_up = !is_active(Mutant::LeaseSurvivesTransfer) && !is_active(Mutant::LeaseAfterTransfer);
    }

    /// Rounds sent until now no longer count.
    pub(super) fn forget_rounds(&mut self) {
        self.sent.clear();
    }

    /// When this round was sent; of one that is not remembered, the last one before it.
    fn sent_at(&self, round: u64) -> Option<Timestamp> {
        self.sent.iter().rev().find(|(sent, _)| *sent <= round).map(|(_, at)| *at)
    }
}

impl Raft {
    /// Until when this leader may serve reads without asking.
    pub(super) fn lease_end(&self) -> Option<Timestamp> {
        let RoleState::Leader(leadership) = &self.role else { return None };
        let hands_over = leadership.transfer.is_some() && !is_active(Mutant::LeaseSurvivesTransfer);
        // Where crashes are detected, no member stands by a leader that it has lost its connection to: there is no lease.
        let has_none = self.forgoes_leases || self.config.detect_crash || !self.config.tuning.check_quorum;
        if has_none || leadership.lease.given_up || hands_over {
            return None;
        }
        let start = if is_active(Mutant::LeaseFromAnswer) {
            self.quorum_contact(leadership)
        } else {
            leadership.lease.sent_at(self.promised_round(leadership))?
        };
        // A quarter less, as a follower's clock may run faster.
        Some(start + leadership.lease.least * 3 / 4)
    }

    /// How long this leader may still serve reads by its lease.
    pub(super) fn lease(&self, now: Timestamp) -> Duration {
        let ready = self.committed_in_own_term();
        self.lease_end().filter(|_| ready).map_or(Duration::ZERO, |end| end.since(now))
    }

    /// The newest round that a majority stands by its leader for, itself included. An answer may come from a member
    /// that promises nothing: one that detects crashes, or has CheckQuorum off.
    fn promised_round(&self, leadership: &Leadership) -> u64 {
        self.reached(leadership, leadership.round, |progress| progress.counted(progress.promised_round))
            .unwrap_or(0)
    }

    /// Whether this member refuses votes while it hears a leader, for the minimum election timeout (thesis §6.4.1).
    pub(super) fn promises(&self) -> bool {
        self.config.tuning.check_quorum && !self.config.detect_crash
    }

    /// The newest round that a majority has answered, itself included.
    pub(super) fn confirmed_round(&self, leadership: &Leadership) -> u64 {
        self.reached(leadership, leadership.round, |progress| progress.counted(progress.acked_round))
            .unwrap_or(0)
    }
}
