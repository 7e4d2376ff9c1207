//! Handing over the leadership (thesis §3.10): on request, because the leader left the cluster (§4.2.2), or because its disk
//! is stalled.

use super::{Raft, RoleState, TransferError};
use crate::message::{Message, TimeoutNow};
use crate::mutants::{Mutant, is_active};
use crate::trace::{StepDownReason, TraceEvent};
use crate::types::{LogIndex, NodeId, Timestamp};

/// A hand-over under way. Meanwhile the leader takes no proposals, so that the target can catch up.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) to: NodeId,
    /// Given up then.
    pub(super) deadline: Timestamp,
    cause: Cause,
    /// The target was told in this round; it is told again in the next, as messages get lost.
    told: Option<u64>,
}

/// Why a leader hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It was asked to. If the target does not take over in time, it stays leader.
    Asked,
    /// It is no longer a member: however this ends, it steps down.
    Leaving,
    /// Its disk is stalled. If that is still so at the end, it steps down.
    DiskStalled,
}

impl Raft {
    /// Hands the leadership to `to`: takes no proposals until it leads, or until the least election timeout has passed
    /// (thesis §3.10). The trace reports how it ends. To itself: does nothing.
    pub fn transfer_leadership(&mut self, to: NodeId, now: Timestamp) -> Result<(), TransferError> {
        let RoleState::Leader(leadership) = &self.role else {
            return Err(TransferError::NotLeader { leader: self.leader });
        };
        if !self.membership().voters.contains(&to) {
            return Err(TransferError::NotAVoter { node: to });
        }
        if leadership.transfer.is_some() || self.is_changing_membership() {
            return Err(TransferError::InProgress);
        }
        if to != self.config.id {
            self.start_transfer(to, Cause::Asked, now);
        }
        self.assert_invariants();
        Ok(())
    }

    pub(super) fn start_transfer(&mut self, to: NodeId, cause: Cause, now: Timestamp) {
        let deadline = now + self.config.tuning.timing.election_min;
        let RoleState::Leader(leadership) = &mut self.role else { return };
        leadership.transfer = Some(Transfer { to, deadline, cause, told: None });
        self.trace(TraceEvent::TransferStarted { to });
    }

    /// Its removal is committed: the leader hands over to the voter that is closest to it, so that the cluster need not
    /// wait for an election timeout (thesis §4.2.2).
    pub(super) fn start_leaving(&mut self, now: Timestamp) {
        let voters = &self.membership().voters;
        let RoleState::Leader(leadership) = &self.role else { return };
        if leadership.transfer.is_some() {
            return;
        }
        let matched = |id: &NodeId| leadership.peers.get(id).map_or(LogIndex::ZERO, |p| p.matched);
        // Of equals the one with the least id.
        let best = voters.iter().rev().max_by_key(|id| matched(id)).copied();
        match best {
            Some(to) => self.start_transfer(to, Cause::Leaving, now),
            None => self.leave_office(now),
        }
    }

    /// Takes the next step of a hand-over: "campaign now" when the target has the whole log, or giving up.
    pub(super) fn advance_transfer(&mut self, now: Timestamp) {
        let (last, committed, is_stalled) = (self.log.last().index, self.committed, self.disk_is_stalled());
        let RoleState::Leader(leadership) = &mut self.role else { return };
        let Some(transfer) = &mut leadership.transfer else { return };
        let (to, cause) = (transfer.to, transfer.cause);
        let leaving = cause == Cause::Leaving;
        let needless = cause == Cause::DiskStalled && !is_stalled && transfer.told.is_none();
        let caught_up = leadership.peers.get(&to).is_some_and(|progress| progress.matched == last);
        // A leaving leader does not come back to answer the writes it accepted, so it waits until they are committed.
        let ready = caught_up && (!leaving || committed == last);
        if now >= transfer.deadline || needless {
            leadership.transfer = None;
            self.trace(TraceEvent::TransferGivenUp { to });
            match cause {
                Cause::Leaving => self.leave_office(now),
                Cause::DiskStalled if is_stalled => {
                    self.step_down(self.hard_state.term, StepDownReason::DiskStalled, now);
                }
                Cause::DiskStalled | Cause::Asked => {}
            }
        } else if ready && transfer.told != Some(leadership.round) {
            transfer.told = Some(leadership.round);
            // The target may win from now on, also when this message arrives late, after a hand-over given up.
            leadership.lease.give_up();
            let term = self.hard_state.term;
            self.send(to, Message::TimeoutNow(TimeoutNow { term }));
            if leaving {
                self.leave_office(now);
            }
        }
    }

    /// Steps down for good, after a last word on what is committed: the others have to know that it left.
    fn leave_office(&mut self, now: Timestamp) {
        self.heartbeat(now);
        self.step_down(self.hard_state.term, StepDownReason::Removed, now);
    }

    /// The leader asks this member to campaign immediately. It need not ask anyone first, and its voters need not stand by
    /// the leader, which knows. A late request, from a leader that was replaced since, is no reason for anything.
    pub(super) fn handle_timeout_now(&mut self, from: NodeId, request: TimeoutNow, now: Timestamp) {
        let current = request.term == self.hard_state.term || is_active(Mutant::TimeoutNowOfAnyTerm);
        let free = matches!(self.role, RoleState::Follower | RoleState::PreCandidate(_));
        if current && free && self.votes_by(self.membership()) && !self.disk_is_stalled() {
            self.trace(TraceEvent::ToldToCampaign { leader: from });
            // The leader itself releases this member from standing by it.
            self.stands_by_until = now;
            self.become_candidate(now, true);
        }
    }
}
