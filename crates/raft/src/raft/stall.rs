//! A disk that stops finishing writes (thesis §10.2.1: a leader does not need its own disk to commit). Decides what a member
//! with such a disk still does, and tells its leader. It never decides what is durable.
//!
//! The measure is the time without progress: how long the disk has not finished any write while one waits for it. A slow
//! disk with a long queue makes progress, so it is not stalled.

use super::transfer::Cause;
use super::{Leadership, Raft, RoleState};
use crate::message::{DiskStalled, Message};
use crate::mutants::{Mutant, is_active};
use crate::quorum;
use crate::trace::{StepDownReason, TraceEvent};
use crate::types::{NodeId, Timestamp};
use std::collections::BTreeSet;
use std::time::Duration;

/// A write is reported as slow after this part of [`Config::disk_stall`](crate::Config::disk_stall).
const SLOW_PART: u32 = 2;

/// After a slow write no other one is reported for this many times the limit. A stall is always reported.
const QUIET: u32 = 10;

/// What was reported about the present wait for the disk.
#[derive(Debug, Default)]
pub(super) struct DiskWatch {
    slow: bool,
    stalled: bool,
    /// How long the disk had not finished a write when that was last looked at.
    waited: Duration,
    /// No slow write is reported before.
    quiet_until: Timestamp,
}

/// What a follower has said about its own disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StallReport {
    /// The heartbeat round that it answered with this. A proper answer to this round or a later one ends the stall.
    round: u64,
    waited: Duration,
    at: Timestamp,
}

impl StallReport {
    fn is_recent(&self, now: Timestamp, limit: Duration) -> bool {
        now.since(self.at) < limit
    }

    /// Whether an answer to `round` was sent after the follower's disk had finished what it was waiting for.
    pub(crate) fn ends_with(&self, round: u64) -> bool {
        round >= self.round
    }
}

impl Raft {
    /// How long the disk has not finished a write although one waits for it; `None` if none does.
    pub(super) fn disk_wait(&self, now: Timestamp) -> Option<Duration> {
        self.durability.waiting_since().map(|since| now.since(since))
    }

    /// Whether its disk makes no progress. Such a member does not campaign, grants no pre-vote, and leads only where no
    /// other member could.
    pub(super) fn disk_is_stalled(&self) -> bool {
        self.disk_watch.stalled && !is_active(Mutant::LeaderIgnoresStall)
    }

    /// How long it has been stalled, as of its last look at the clock.
    pub(super) fn stalled_for(&self) -> Option<Duration> {
        self.disk_is_stalled().then_some(self.disk_watch.waited)
    }

    /// When [`watch_disk`](Self::watch_disk) has something to report, unless the disk finishes a write before.
    pub(super) fn disk_deadline(&self) -> Option<Timestamp> {
        let (since, limit) = (self.durability.waiting_since()?, self.config.disk_stall());
        let DiskWatch { slow, stalled, quiet_until, .. } = self.disk_watch;
        let slow_due = since + limit / SLOW_PART;
        match (stalled, slow || slow_due < quiet_until) {
            (true, _) => None,
            (false, true) => Some(since + limit),
            (false, false) => Some(slow_due),
        }
    }

    /// Reports a disk that is slow or stalled. Once it is stalled, nothing more is reported until it finishes a write.
    pub(super) fn watch_disk(&mut self, now: Timestamp) {
        let Some(waited) = self.disk_wait(now) else { return };
        let limit = self.config.disk_stall();
        self.disk_watch.waited = waited;
        if self.disk_watch.stalled {
            return;
        }
        if waited >= limit {
            self.disk_watch.stalled = true;
            self.trace(TraceEvent::DiskStalled { waited });
        } else if waited >= limit / SLOW_PART {
            self.report_slow(waited, now);
        }
    }

    fn report_slow(&mut self, waited: Duration, now: Timestamp) {
        if !self.disk_watch.slow && now >= self.disk_watch.quiet_until {
            self.disk_watch.slow = true;
            self.trace(TraceEvent::DiskSlow { waited });
        }
    }

    /// The disk finished a write, after `waited`.
    pub(super) fn disk_progressed(&mut self, waited: Duration, now: Timestamp) {
        let limit = self.config.disk_stall();
        if waited >= limit / SLOW_PART && !self.disk_watch.stalled {
            // The clock was not checked meanwhile.
            self.report_slow(waited, now);
        }
        let DiskWatch { slow, stalled, quiet_until, .. } = self.disk_watch;
        let quiet_until = if slow && !stalled { now + limit * QUIET } else { quiet_until };
        self.disk_watch = DiskWatch { quiet_until, ..DiskWatch::default() };
        if slow || stalled {
            self.trace(TraceEvent::DiskRecovered { waited });
        }
    }

    /// A leader with a stalled disk hands over to the follower that is closest to it, or steps down. If the others
    /// cannot elect a leader without this member's vote, which waits for its disk too, it stays leader. It then accepts no
    /// writes, but answers reads, which need no disk.
    pub(super) fn yield_leadership(&mut self, now: Timestamp) {
        let RoleState::Leader(leadership) = &self.role else { return };
        if !self.disk_is_stalled() || leadership.transfer.is_some() {
            return;
        }
        let able = self.able_successors(leadership, now);
        if !quorum::is_majority(self.membership(), self.config.id, &able) {
            return;
        }
        let voters = &self.membership().voters;
        let matched = |id: &NodeId| leadership.peers.get(id).map(|progress| progress.matched);
        // Of equals the one with the least id.
        match able.iter().rev().filter(|id| voters.contains(id)).max_by_key(|id| matched(id)).copied() {
            Some(to) => self.start_transfer(to, Cause::DiskStalled, now),
            None => self.step_down(self.hard_state.term, StepDownReason::DiskStalled, now),
        }
    }

    /// The other voters that have answered within the least election timeout, and whose disks are not stalled.
    fn able_successors(&self, leadership: &Leadership, now: Timestamp) -> BTreeSet<NodeId> {
        let least = self.config.tuning.timing.election_min;
        let is_able = |id: &NodeId| {
            leadership.peers.get(id).is_some_and(|progress| {
                progress.last_heard.is_some_and(|heard| now.since(heard) < least)
                    && progress.stall.is_none_or(|stall| !stall.is_recent(now, least))
            })
        };
        self.other_voters().into_iter().filter(is_able).collect()
    }

    /// A follower with a stalled disk cannot answer its leader. It says so, which promises nothing and needs no disk.
    pub(super) fn say_stalled(&mut self, leader: NodeId, round: u64, now: Timestamp) -> bool {
        let Some(waited) = self.disk_wait(now).filter(|_| self.disk_is_stalled()) else { return false };
        let term = self.hard_state.term;
        self.send(leader, Message::DiskStalled(DiskStalled { term, round, waited }));
        true
    }

    /// A follower's disk is stalled. That is no answer to a heartbeat: a majority of stalled followers is no majority.
    pub(super) fn handle_disk_stalled(&mut self, from: NodeId, report: DiskStalled, now: Timestamp) {
        // Its term may not be on its disk yet, so it teaches nothing.
        if report.term != self.hard_state.term {
            return;
        }
        let RoleState::Leader(leadership) = &mut self.role else { return };
        let DiskStalled { round, waited, .. } = report;
        let Some(progress) = leadership.peers.get_mut(&from) else { return };
        if round > leadership.round || round <= progress.acked_round {
            return;
        }
        let is_news = progress.stall.is_none();
        progress.stall = Some(StallReport { round, waited, at: now });
        if is_news {
            self.trace(TraceEvent::FollowerDiskStalled { follower: from, waited });
        }
    }

    /// How long the follower's disk has not finished a write, as far as its leader knows: `None` also if it has not said so
    /// for an election timeout.
    pub(super) fn reported_stall(&self, report: Option<StallReport>, now: Timestamp) -> Option<Duration> {
        let report = report.filter(|report| report.is_recent(now, self.config.tuning.timing.election_max))?;
        Some(report.waited.saturating_add(now.since(report.at)))
    }
}
