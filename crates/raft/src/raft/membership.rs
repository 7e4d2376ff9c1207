//! Changes of the membership: what is in force, one change at a time, in through a joint configuration and out of it
//! (thesis ch. 4; joint consensus: §4.3). Decides nothing about majorities, which are counted elsewhere.

use super::{Leadership, Raft, RoleState};
use crate::config::Config;
use crate::log::Log;
use crate::membership::{ChangeError, Membership, MembershipChange};
use crate::memberships::Memberships;
use crate::mutants::{Mutant, is_active};
use crate::progress::Progress;
use crate::trace::TraceEvent;
use crate::types::{LogId, LogIndex, NodeId, Payload, SnapshotMeta, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A learner that does not catch up with the leader in this many rounds is too slow (thesis §4.2.1).
const MAX_ROUNDS: u32 = 10;

/// A promotion is given up when nothing was heard from the learner for this many election timeouts.
const PATIENCE_UNHEARD: u32 = 5;

/// The same when it answers but makes no progress for this many: it may be unpacking a large snapshot.
const PATIENCE_STALLED: u32 = 100;

/// Heartbeats that a former member still gets, so that it learns that it left. Then it is on its own; should all of
/// them be lost, PreVote and CheckQuorum keep it from disturbing anyone (thesis §4.2.3).
const FAREWELL_ROUNDS: u64 = 3;

/// A change that this leader was asked for.
#[derive(Debug)]
pub(super) enum MembershipInProgress {
    /// These steps are taken as soon as these learners have caught up.
    CatchingUp { changes: Vec<MembershipChange>, learners: BTreeMap<NodeId, CatchUp> },
    /// Its entries are in the log; the last of them must be committed.
    Committing,
}

/// A learner's race with the end of the log, in rounds: in each it gets what the leader had when the round began. When
/// one takes less than an election timeout, the rest will not stop the cluster for longer (thesis §4.2.1).
#[derive(Debug)]
pub(super) struct CatchUp {
    /// The heartbeat round that the leader began when it was asked. The learner has to answer that one or a later one: what it
    /// confirmed before does not say that it still runs, on the same disk. A voter that is gone costs the cluster a
    /// majority.
    asked_in: u64,
    round: u32,
    began: Timestamp,
    goal: LogIndex,
    done: bool,
    /// How far it was, and since when.
    seen: (LogIndex, Option<(u64, u64)>),
    since: Timestamp,
}

impl CatchUp {
    fn new(asked_in: u64, goal: LogIndex, now: Timestamp) -> Self {
        Self { asked_in, round: 1, began: now, goal, done: false, seen: (LogIndex::ZERO, None), since: now }
    }

    /// Whether the learner has the round's entries, and has acknowledged them since the leader was asked.
    fn has_reached_goal(&self, progress: &Progress) -> bool {
        progress.matched >= self.goal && progress.acked_round >= self.asked_in
    }

    /// Whether waiting any longer is futile.
    fn is_hopeless(&mut self, progress: &Progress, timeout: Duration, now: Timestamp) -> bool {
        let seen = (progress.matched, progress.snapshot_progress());
        if self.seen != seen {
            (self.seen, self.since) = (seen, now);
        }
        let heard = progress.last_heard.unwrap_or(self.began).max(self.began);
        self.round > MAX_ROUNDS
            || progress.refused_snapshot().is_some()
            || now.since(heard) >= timeout * PATIENCE_UNHEARD
            || now.since(self.since) >= timeout * PATIENCE_STALLED
    }
}

/// What a restarted member knows of the membership, from its configuration, its snapshot, and its log after that, the
/// part that stays on the disk first.
pub(super) fn restore(
    config: &Config,
    snapshot: Option<&SnapshotMeta>,
    on_disk: Vec<(LogIndex, Membership)>,
    log: &Log,
) -> Memberships {
    let mut memberships = Memberships::new(config.membership.clone());
    if let Some(meta) = snapshot {
        memberships.reset(meta, false);
    }
    let known = snapshot.map_or(LogIndex::ZERO, |meta| meta.last.index);
    for (index, membership) in on_disk {
        // If the snapshot replaced the log, nothing in the log counts.
        if index > known && index < log.first_in_memory() {
            memberships.push(index, membership);
        }
    }
    for entry in log.between(known, log.last().index) {
        if let Payload::Membership(membership) = &entry.payload {
            memberships.push(entry.id.index, (**membership).clone());
        }
    }
    memberships
}

impl Raft {
    /// The membership in force, which may not be committed yet.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        self.memberships.latest().1
    }

    /// Whether the membership in force is committed.
    fn membership_is_committed(&self) -> bool {
        self.memberships.latest().0 <= self.committed
    }

    /// Whether a change is under way, be it this leader's or one that it found in its log.
    pub(super) fn is_changing_membership(&self) -> bool {
        let asked = matches!(&self.role, RoleState::Leader(leadership) if leadership.change.is_some());
        asked || self.membership().is_joint() || !self.membership_is_committed()
    }

    /// All nodes that a leader replicates to: the members, and those that leave by a change that is not committed
    /// yet.
    pub(super) fn receivers(&self) -> BTreeSet<NodeId> {
        let all = self.memberships.since(self.committed).flat_map(|(_, membership)| membership.members());
        all.filter(|id| *id != self.config.id).collect()
    }

    /// Starts a change of the membership at the leader. Its end comes out in [`Effects::change`](crate::Effects::change),
    /// once. If the leadership is lost before that, it comes out as [`ChangeError::NotLeader`], and the next leader may
    /// still bring the change to its end.
    pub fn change_membership(
        &mut self,
        changes: &[MembershipChange],
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        let started = self.start_change(changes, now);
        self.assert_invariants();
        started
    }

    fn start_change(&mut self, changes: &[MembershipChange], now: Timestamp) -> Result<(), ChangeError> {
        let RoleState::Leader(leadership) = &self.role else {
            return Err(ChangeError::NotLeader { leader: self.leader });
        };
        // thesis §4.1: one at a time.
        let transfers = leadership.transfer.is_some();
        if transfers || self.is_changing_membership() && !is_active(Mutant::ChangesOverlap) {
            return Err(ChangeError::InProgress);
        }
        if !self.committed_in_own_term() && !is_active(Mutant::ChangeBeforeOwnCommit) {
            return Err(ChangeError::TooEarly);
        }
        let target = self.membership().enter(changes)?;
        if self.uncommitted_bytes >= self.config.max_uncommitted_bytes || self.disk_is_stalled() {
            return Err(ChangeError::Busy);
        }
        let promoted = promoted_by(changes);
        if promoted.is_empty() {
            self.append(Payload::Membership(Box::new(target)));
            self.set_change(Some(MembershipInProgress::Committing));
            return Ok(());
        }
        // Learners are added first: they must be members to catch up.
        let is_learner = |change: &MembershipChange| matches!(change, MembershipChange::AddLearner { .. });
        let (added, rest): (Vec<_>, Vec<_>) = changes.iter().cloned().partition(is_learner);
        if !added.is_empty() {
            let with_learners = self.membership().enter(&added)?;
            self.append(Payload::Membership(Box::new(with_learners)));
        }
        self.heartbeat(now);
        let goal = self.log.last().index;
        if let RoleState::Leader(leadership) = &mut self.role {
            let asked_in = leadership.round;
            let learners =
                promoted.into_iter().map(|node| (node, CatchUp::new(asked_in, goal, now))).collect();
            leadership.change = Some(MembershipInProgress::CatchingUp { changes: rest, learners });
        }
        Ok(())
    }

    fn set_change(&mut self, change: Option<MembershipInProgress>) {
        if let RoleState::Leader(leadership) = &mut self.role {
            leadership.change = change;
        }
    }

    fn finish_change(&mut self, result: Result<LogId, ChangeError>) {
        self.set_change(None);
        self.effects.change = Some(result);
    }

    /// Takes the next step of a change, if it is due. Also of one that an earlier leader began: the
    /// configuration itself says what is left to do.
    pub(super) fn advance_membership(&mut self, now: Timestamp) {
        if !matches!(self.role, RoleState::Leader(_)) {
            return;
        }
        self.advance_promotion(now);
        let committed = self.membership_is_committed();
        if self.membership().is_joint() {
            // thesis §4.3: only when the joint configuration is committed, no old majority can decide alone.
            if committed || is_active(Mutant::LeaveBeforeJointCommit) {
                let next = self.membership().leave();
                self.append(Payload::Membership(Box::new(next)));
            }
        } else if committed {
            if let RoleState::Leader(leadership) = &self.role
                && matches!(leadership.change, Some(MembershipInProgress::Committing))
            {
                let index = self.memberships.latest().0;
                self.finish_change(Ok(LogId { term: self.hard_state.term, index }));
            }
            if !self.votes_by(self.membership()) {
                self.start_leaving(now);
            }
        }
    }

    /// Checks the learners' progress, and takes the steps that waited for them.
    fn advance_promotion(&mut self, now: Timestamp) {
        let (last, timeout) = (self.log.last().index, self.config.tuning.timing.election_max);
        let committed = self.membership_is_committed();
        let RoleState::Leader(leadership) = &mut self.role else { return };
        let Some(MembershipInProgress::CatchingUp { changes, learners }) = &mut leadership.change else {
            return;
        };
        for (learner, race) in learners.iter_mut().filter(|(_, race)| !race.done) {
            let Some(progress) = leadership.peers.get(learner) else { continue };
            if race.has_reached_goal(progress) {
                let took = now.since(race.began);
                self.effects.trace.push(TraceEvent::CaughtUp { learner: *learner, round: race.round, took });
                race.done = took < timeout;
                (race.round, race.began, race.goal) = (race.round + 1, now, last);
            }
            if !race.done && race.is_hopeless(progress, timeout, now) {
                let learner = *learner;
                self.trace(TraceEvent::PromotionGivenUp { learner });
                self.finish_change(Err(ChangeError::NotCaughtUp { node: learner }));
                return;
            }
        }
        // If learners were added first, that has to be committed: one at a time.
        if committed && learners.values().all(|race| race.done) {
            let changes = std::mem::take(changes);
            match self.membership().enter(&changes) {
                Ok(target) => {
                    self.append(Payload::Membership(Box::new(target)));
                    self.set_change(Some(MembershipInProgress::Committing));
                }
                Err(error) => self.finish_change(Err(error)),
            }
        }
    }

    /// The entry at this index was appended and brings another membership: it is in force immediately (thesis §4.1).
    pub(super) fn take_membership(&mut self, index: LogIndex, membership: Membership) {
        self.memberships.push(index, membership);
        self.membership_changed();
    }

    /// Another membership is in force.
    pub(super) fn membership_changed(&mut self) {
        let (index, membership) = self.memberships.latest();
        let membership = membership.clone();
        self.trace(TraceEvent::MembershipChanged { index, membership });
        self.strangers.clear();
        self.update_receivers();
    }

    /// Entries after `earlier` are committed, and with them the memberships that they bring.
    pub(super) fn commit_memberships(&mut self, earlier: LogIndex) {
        if self.memberships.latest().0 <= earlier {
            return;
        }
        let through = self.committed;
        let news = self.memberships.since(earlier).map(|(index, _)| *index);
        let news: Vec<LogIndex> = news.filter(|index| earlier < *index && *index <= through).collect();
        if news.is_empty() {
            return;
        }
        for index in news {
            self.trace(TraceEvent::MembershipCommitted { index });
        }
        if is_active(Mutant::ForgetMembershipsAtCommit) {
            self.memberships.compact(through);
        }
        self.update_receivers();
    }

    /// A leader replicates to all nodes in current memberships, and for a short while to those that left.
    fn update_receivers(&mut self) {
        let receivers = self.receivers();
        // The entry that adds a new member is the first that it is sent, immediately.
        let next = self.log.last().index.max(LogIndex(1));
        let current = self.memberships.latest().1;
        let RoleState::Leader(leadership) = &mut self.role else { return };
        let Leadership { peers, farewells, .. } = &mut **leadership;
        // A node that left and comes back is a new member: its disk may be another one.
        farewells.retain(|id, _| {
            let stays_away = !receivers.contains(id);
            if !stays_away {
                peers.remove(id);
            }
            stays_away
        });
        for receiver in &receivers {
            let progress = peers.entry(*receiver).or_insert_with(|| Progress::new(next));
            // What another disk answered, before the membership said which one it is, says nothing about that one.
            if progress.incarnation.is_some_and(|answered| !current.knows_as(*receiver, Some(answered))) {
                *progress = Progress::new(next);
            }
        }
        let until = leadership.round + FAREWELL_ROUNDS;
        for left in leadership.peers.keys().filter(|id| !receivers.contains(id)) {
            leadership.farewells.entry(*left).or_insert(until);
        }
    }
}

impl Leadership {
    /// Ends the farewells whose time has passed.
    pub(super) fn end_farewells(&mut self) {
        let (round, peers) = (self.round, &mut self.peers);
        self.farewells.retain(|id, until| {
            let stays = round <= *until;
            if !stays {
                peers.remove(id);
            }
            stays
        });
    }
}

fn promoted_by(changes: &[MembershipChange]) -> Vec<NodeId> {
    let promoted = |change: &MembershipChange| match change {
        MembershipChange::Promote { node } => Some(*node),
        _ => None,
    };
    changes.iter().filter_map(promoted).collect()
}
