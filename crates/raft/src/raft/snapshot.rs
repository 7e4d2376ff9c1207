//! Snapshots: when one is due, what may be released for it, sending it to a follower, and taking one from the leader
//! (paper §7, thesis ch. 5). Never sees what is in a snapshot: the driver moves the bytes.

use super::replication::answering;
use super::tally::Tally;
use super::{Raft, RestoreError, RoleState};
use crate::effect::{PieceReceived, PieceToSend};
use crate::identity::Sender;
use crate::log::Log;
use crate::message::{InstallSnapshot, Message, SnapshotRefusal, SnapshotReply};
use crate::mutants::{Mutant, is_active};
use crate::progress::{Progress, ReplicationState};
use crate::sending::Refused;
use crate::trace::{StepDownReason, TraceEvent};
use crate::types::{HardState, LogId, LogIndex, NodeId, SnapshotMeta, Term, Timestamp};

/// A snapshot that the leader is sending. It is told from others by the leader's term too: another leader's snapshot
/// of the same state may have other bytes.
#[derive(Debug)]
pub(super) struct IncomingSnapshot {
    term: Term,
    meta: SnapshotMeta,
    size: u64,
    /// The bytes before this were handed to the driver.
    received: u64,
    /// The highest heartbeat round of its pieces.
    round: u64,
}

impl IncomingSnapshot {
    fn is_of(&self, piece: &InstallSnapshot) -> bool {
        (self.term, &self.meta, self.size) == (piece.term, &piece.meta, piece.size)
    }

    /// Whether the leader may have gone on from this one to that of `piece`; else the piece is a late one.
    fn is_older_than(&self, piece: &InstallSnapshot) -> bool {
        (self.term, self.meta.last.index) < (piece.term, piece.meta.last.index)
    }
}

impl InstallSnapshot {
    /// Whether it could come from a correct leader.
    fn is_well_formed(&self) -> bool {
        let SnapshotMeta { last, membership, membership_index } = &self.meta;
        let end = self.offset.checked_add(self.data.len() as u64);
        last.index > LogIndex::ZERO
            && last.index < LogIndex(u64::MAX)
            && last.term <= self.term
            && *membership_index <= last.index
            && membership.is_sound()
            && end.is_some_and(|end| end <= self.size && self.done == (end == self.size))
    }
}

/// Reconciles the log on a restarted member's disk with its newest snapshot. A crash may have come
/// between making a snapshot durable and releasing or resetting the log for it; then this does it again (paper §7).
/// Also returns whether the log was replaced, which must be written to the disk.
pub(super) fn settle(
    mut log: Log,
    snapshot: Option<&SnapshotMeta>,
    hard_state: &mut HardState,
) -> Result<(Log, bool), RestoreError> {
    let (purged, last) = (log.base(), snapshot.map_or(LogId::default(), |meta| meta.last));
    if purged.index > last.index {
        return Err(match snapshot {
            None => RestoreError::NoSnapshot { purged: purged.index },
            Some(_) => RestoreError::OldSnapshot { purged: purged.index, snapshot: last.index },
        });
    }
    // Either the snapshot goes past the log's end, or the log is one that the leader replaced.
    let keeps_conflict = is_active(Mutant::StartKeepsConflict) && last.index <= log.last().index;
    let replaced = !log.contains(last) && !keeps_conflict;
    if replaced {
        log.reset(last);
    }
    if last.term > hard_state.term {
        // The leader's term and its snapshot are separate writes. A vote in that term would be durable, had there
        // been one.
        *hard_state = HardState { term: last.term, vote: None };
    }
    Ok((log, replaced))
}

/// What a member says of a snapshot that it is sent.
#[derive(Clone, Copy, Debug)]
enum ReceivedSoFar {
    /// The bytes before this.
    Through(u64),
    /// All of it; it has this many bytes.
    All(u64),
    /// Nothing: this is wrong with it.
    Nothing(SnapshotRefusal),
}

impl Raft {
    /// The newest snapshot's end; the zero id if there is none.
    pub(super) fn snapshot_last(&self) -> LogId {
        self.snapshot.as_ref().map_or(LogId::default(), |(meta, _)| meta.last)
    }

    /// What a snapshot of the state machine taken now would include: everything handed out in
    /// [`Effects::apply`](crate::Effects::apply) so far. Valid if one [may be taken](Self::may_snapshot).
    ///
    /// # Panics
    /// Never: the log holds what was applied, or starts right after it.
    #[must_use]
    pub fn snapshot_meta(&self) -> SnapshotMeta {
        let term = self.log.term(self.applied).expect("invariant: purged <= applied <= last");
        let (membership_index, membership) = self.memberships.at(self.applied);
        SnapshotMeta {
            last: LogId { term, index: self.applied },
            membership: membership.clone(),
            membership_index,
        }
    }

    /// Whether a snapshot can be taken now: it must contain the membership, else no member could start from it. A
    /// joining member knows that only once it has applied a membership.
    #[must_use]
    pub fn may_snapshot(&self) -> bool {
        self.memberships.at(self.applied).1.is_sound()
    }

    /// Whether it is time for a snapshot, by the configured limits. A snapshot costs as much as the state is large, however
    /// little of it has changed: a large one waits for as many bytes of log.
    #[must_use]
    pub fn snapshot_due(&self) -> bool {
        let last = self.snapshot_last().index;
        let entries = self.applied.0 - last.0;
        let size = self.snapshot.as_ref().map_or(0, |(_, size)| *size);
        let bytes = size.max(self.config.snapshot_bytes as u64);
        entries > 0
            && self.may_snapshot()
            && (self.config.snapshot_entries.is_some_and(|limit| entries >= limit)
                || self.tally.since(last) > bytes)
    }

    /// Snapshots that must stay readable: the newest, and those that followers are being sent. Whatever is older than the
    /// newest of them and not among them is never asked for again. What is newer may be: the disk has made it durable, which
    /// is not known here yet. So this is to be asked for after each
    /// [`handle_snapshot_saved`](Self::handle_snapshot_saved) and
    /// [`handle_snapshot_received`](Self::handle_snapshot_received), when the old ones can go, and not before: what is sent
    /// may change while a snapshot is being made durable.
    #[must_use]
    pub fn snapshots_in_use(&self) -> Vec<LogId> {
        let sending = match &self.role {
            RoleState::Leader(leadership) => {
                leadership.peers.values().filter_map(Progress::snapshot).collect()
            }
            _ => Vec::new(),
        };
        let newest = self.snapshot.iter().map(|(meta, _)| meta.last);
        let mut in_use: Vec<LogId> = newest.chain(sending).collect();
        in_use.sort_unstable();
        in_use.dedup();
        in_use
    }

    /// A snapshot of this member's state machine is durable and has this size in bytes: the log may be released up to
    /// a little before it. Ignored if a newer one is known.
    pub fn handle_snapshot_saved(&mut self, meta: SnapshotMeta, size: u64) {
        let last = meta.last;
        if last.index > self.snapshot_last().index {
            self.adopt_snapshot(meta, size);
            self.trace(TraceEvent::SnapshotTaken { last, size });
            self.release_log();
        }
        self.assert_invariants();
    }

    /// From now on this is the newest snapshot.
    fn adopt_snapshot(&mut self, meta: SnapshotMeta, size: u64) {
        self.snapshot = Some((meta, size));
    }

    /// Releases what the newest snapshot covers, except a trailing part for followers that are a little behind, and
    /// except what the disk was not given yet.
    pub(super) fn release_log(&mut self) {
        let covered =
            if is_active(Mutant::PurgeBeforeSnapshot) { self.applied } else { self.snapshot_last().index };
        let through = self.retained_after(covered).min(self.durability.written());
        if through > self.log.base().index {
            self.log.purge(through);
            self.durability.purged(self.log.base());
            self.tally.forget(through);
            self.trace(TraceEvent::Purged { through: self.log.base() });
        }
    }

    /// The trailing part before `end` that is kept begins after this index. It is bounded in entries, and in bytes as
    /// the part after a snapshot is: large entries must not make it outgrow that.
    fn retained_after(&self, end: LogIndex) -> LogIndex {
        let first = LogIndex(end.0.saturating_sub(self.config.retained_entries)).max(self.log.base().index);
        self.tally.fit(first.min(end), end, self.config.snapshot_bytes as u64)
    }

    /// Gives the newest snapshot to followers whose next entry is gone, also when there is nothing new to send, and
    /// asks for the pieces that are due.
    pub(super) fn send_snapshots(&mut self, now: Timestamp) {
        let timing = self.config.tuning.timing;
        let idle = self.log.last().index <= self.durability.written();
        let RoleState::Leader(leadership) = &mut self.role else { return };
        let Some((newest, size)) = &self.snapshot else { return };
        for (peer, progress) in &mut leadership.peers {
            let gone = progress.state != ReplicationState::Snapshot
                && self.log.term(progress.next.previous()).is_none()
                && !(idle && is_active(Mutant::IdleLeaderSendsNoSnapshot));
            if gone || progress.should_send_instead(newest.last, timing.election_max, now) {
                progress.send_snapshot(newest.clone(), *size);
                self.effects.trace.push(TraceEvent::SnapshotSending { to: *peer, last: newest.last });
            }
            if let Some(piece) = progress.next_piece(leadership.round, timing.heartbeat, now) {
                self.effects.pieces_to_send.push(PieceToSend {
                    to: *peer,
                    term: self.hard_state.term,
                    round: leadership.round,
                    meta: piece.meta,
                    offset: piece.offset,
                    max_bytes: self.config.max_piece_bytes,
                    size: piece.size,
                });
            }
        }
    }

    pub(super) fn handle_install_snapshot(&mut self, from: NodeId, piece: InstallSnapshot, now: Timestamp) {
        let last = piece.meta.last;
        if piece.term < self.hard_state.term {
            self.answer_piece(from, 0, last, ReceivedSoFar::Through(0));
            return;
        }
        if !piece.is_well_formed() {
            return;
        }
        if !self.follow(from, piece.term, now) {
            return;
        }
        let round = piece.round;
        if last.index <= self.committed && !is_active(Mutant::InstallOldSnapshot) {
            // Nothing in it is new, and what is committed here is what the leader has (Leader Completeness).
            self.answer_piece(from, round, last, ReceivedSoFar::All(piece.size));
            return;
        }
        let next_offset = self.take_piece(piece);
        self.answer_piece(from, round, last, ReceivedSoFar::Through(next_offset));
    }

    /// Hands a piece to the driver if it is the next one. Gives the offset of the one to send next: after a gap, a
    /// repetition or a change of snapshots the leader continues from there.
    fn take_piece(&mut self, piece: InstallSnapshot) -> u64 {
        if piece.offset == 0 && self.incoming.as_ref().is_none_or(|incoming| incoming.is_older_than(&piece)) {
            self.incoming = Some(IncomingSnapshot {
                term: piece.term,
                meta: piece.meta.clone(),
                size: piece.size,
                received: 0,
                round: 0,
            });
        }
        let Some(incoming) = self.incoming.as_mut().filter(|incoming| incoming.is_of(&piece)) else {
            return 0;
        };
        incoming.round = incoming.round.max(piece.round);
        let is_complete = incoming.received == incoming.size;
        if piece.offset == incoming.received && !is_complete {
            incoming.received += piece.data.len() as u64;
            let InstallSnapshot { meta, offset, data, done, .. } = piece;
            self.effects.pieces_received.push(PieceReceived { meta, offset, data, done });
        }
        incoming.received
    }

    fn answer_piece(&mut self, leader: NodeId, round: u64, last: LogId, have: ReceivedSoFar) {
        let term = self.hard_state.term;
        let (next_offset, installed, refused) = match have {
            ReceivedSoFar::Through(offset) => (offset, false, None),
            ReceivedSoFar::All(size) => (size, true, None),
            ReceivedSoFar::Nothing(refusal) => (0, false, Some(refusal)),
        };
        let reply = SnapshotReply { term, round, last, next_offset, installed, refused };
        self.send_when_durable(leader, Message::SnapshotReply(reply));
    }

    /// All pieces of the leader's snapshot are durable and sound. `true`: the driver must replace its
    /// state machine with it now, before anything else is applied. `false`: it is no longer needed.
    pub fn handle_snapshot_received(&mut self, meta: SnapshotMeta, size: u64, _now: Timestamp) -> bool {
        let last = meta.last;
        // A leader has it all in its log, and is about to commit it itself (Leader Completeness).
        let leads = matches!(self.role, RoleState::Leader(_));
        let is_news = last.index > self.committed && !leads;
        let mut is_needed = is_news || is_active(Mutant::InstallOldSnapshot);
        if is_needed {
            self.install_snapshot(meta, size);
        } else if self.snapshot_last().index < last.index && last.index <= self.committed {
            // The log has brought everything meanwhile. On the disk it is the newest snapshot all the same.
            is_needed = self.skip_to(last.index);
            self.adopt_snapshot(meta, size);
            self.trace(TraceEvent::SnapshotTaken { last, size });
            self.release_log();
        }
        if let Some(incoming) = self.incoming.take_if(|incoming| incoming.meta.last == last)
            && incoming.term == self.hard_state.term
            && let Some(leader) = self.leader
        {
            self.answer_piece(leader, incoming.round, last, ReceivedSoFar::All(incoming.size));
        }
        self.assert_invariants();
        is_needed
    }

    /// The log has everything through `index`, but the state machine has not: what is read back from the disk, a part at
    /// a time, may take longer than the snapshot did. Says whether that was so.
    fn skip_to(&mut self, index: LogIndex) -> bool {
        if index <= self.applied {
            return false;
        }
        self.effects.apply.clear();
        self.applied = index;
        self.tally = Tally::new(index, self.config.snapshot_bytes);
        self.memberships.compact(index);
        true
    }

    /// Everything through the snapshot's end is committed and applied by it (paper §7, Figure 13, steps 6 to 8).
    fn install_snapshot(&mut self, meta: SnapshotMeta, size: u64) {
        let last = meta.last;
        let keeps_conflict = is_active(Mutant::SnapshotKeepsConflict) && last.index <= self.log.last().index;
        let kept_log = self.log.contains(last) || keeps_conflict;
        if !kept_log {
            let leads = matches!(self.role, RoleState::Leader(_));
            assert!(!leads, "Leader Completeness: a leader has everything that is committed");
            self.log.reset(last);
            self.durability.reset(last);
        }
        // It covers what was not carried out yet, too.
        self.effects.apply.clear();
        self.committed = last.index;
        self.applied = last.index;
        self.tally = Tally::new(last.index, self.config.snapshot_bytes);
        self.uncommitted_bytes =
            self.log.between(self.committed, self.log.last().index).map(|e| e.payload.size()).sum();
        if !is_active(Mutant::SnapshotKeepsMembership) {
            // Also one that was not committed: it was in the part of the log that is gone.
            self.memberships.reset(&meta, kept_log);
            self.membership_changed();
        }
        self.adopt_snapshot(meta, size);
        self.trace(TraceEvent::SnapshotInstalled { last, kept_log });
        self.release_log();
    }

    /// The complete snapshot is invalid: the leader is told why.
    pub fn handle_snapshot_discarded(&mut self, last: LogId, why: SnapshotRefusal) {
        let complete = |incoming: &mut IncomingSnapshot| {
            incoming.meta.last == last && incoming.received == incoming.size
        };
        if let Some(incoming) = self.incoming.take_if(complete)
            && incoming.term == self.hard_state.term
            && let Some(leader) = self.leader
        {
            self.answer_piece(leader, incoming.round, last, ReceivedSoFar::Nothing(why));
        }
    }

    pub(super) fn handle_snapshot_reply(&mut self, sender: Sender, reply: SnapshotReply, now: Timestamp) {
        if reply.term > self.hard_state.term {
            self.step_down(self.within_reach(reply.term), StepDownReason::HigherTerm, now);
            return;
        }
        let base = self.log.base();
        let again_at = now + self.config.tuning.timing.election_max;
        let follower = sender.id;
        if reply.term < self.hard_state.term {
            return;
        }
        let answering = answering(&mut self.role, &mut self.effects, sender, reply.round);
        let Some((progress, round)) = answering else { return };
        let has_recovered = progress.heard(reply.round, now);
        if let Some(reason) = reply.refused {
            let sending = progress.sending();
            let refused = sending.map(|sending| sending.refuse(reply.last, reason, reply.round, again_at));
            if refused == Some(Refused::Finally) {
                self.trace(TraceEvent::SnapshotRefused { follower, last: reply.last, reason });
            }
        } else if !reply.installed {
            if let Some(sending) = progress.sending() {
                sending.answered(reply.last, reply.next_offset, reply.round);
            }
        } else if (reply.last.index < base.index || self.log.contains(reply.last))
            && progress.matched(reply.last.index, base.index)
        {
            if progress.confirmed(round) {
                self.trace(TraceEvent::Refilled { follower, through: reply.last.index });
            }
            self.advance_commit();
        }
        if has_recovered {
            self.trace(TraceEvent::FollowerDiskRecovered { follower });
        }
    }
}
