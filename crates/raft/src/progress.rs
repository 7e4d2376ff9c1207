//! A follower as its leader tracks it (paper Figure 2, `nextIndex` and `matchIndex`). All transitions are here.

use crate::identity::Incarnation;
use crate::message::{ConflictHint, SnapshotRefusal};
use crate::mutants::{Mutant, is_active};
use crate::raft::StallReport;
use crate::sending::{NextPiece, Sending};
use crate::types::{LogId, LogIndex, SnapshotMeta, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// How entries are sent to a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplicationState {
    /// One message at a time, until the logs are known to match somewhere.
    Probe,
    /// Pipelined: the next message does not wait for the last one's answer.
    Replicate,
    /// The entries it needs are gone from the log: it gets a snapshot first, piece by piece.
    Snapshot,
}

/// What bounds the messages under way to one follower.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// One follower's progress.
///
/// **Invariant:** `matched < next`. `matched` never falls, unless the follower proves that it has lost what it confirmed.
/// `inflight` is empty unless the state is Replicate. There is
/// something in `sending` exactly in the state Snapshot.
#[derive(Debug)]
pub(crate) struct Progress {
    pub(crate) matched: LogIndex,
    pub(crate) next: LogIndex,
    pub(crate) state: ReplicationState,
    /// In Probe: a message is under way, wait for its answer or the next heartbeat.
    probing: bool,
    /// In Replicate: last index and bytes of each message with entries that is not answered yet.
    inflight: VecDeque<(LogIndex, usize)>,
    inflight_bytes: usize,
    /// In Snapshot: what it is sent.
    sending: Option<Sending>,
    /// When it last answered in this term.
    pub(crate) last_heard: Option<Timestamp>,
    /// The highest heartbeat round it answered.
    pub(crate) acked_round: u64,
    /// The highest one whose answer promised to grant no votes to others.
    pub(crate) promised_round: u64,
    /// It has said that its disk is stalled, and has answered no later round since.
    pub(crate) stall: Option<StallReport>,
    /// The data directory that it last answered from.
    pub(crate) incarnation: Option<Incarnation>,
    /// The leader's heartbeat round when `matched` last rose. An answer to a later one was given by a log that had, or had lost,
    /// what is confirmed.
    confirmed_round: u64,
    /// It confirmed its log through here and has lost a part of that since: until it has that again, it does not count.
    owes: Option<LogIndex>,
}

impl Progress {
    /// What a new leader knows: nothing, so it starts at its own end (paper §5.3).
    pub(crate) fn new(next: LogIndex) -> Self {
        Self {
            matched: LogIndex::ZERO,
            next,
            state: ReplicationState::Probe,
            probing: false,
            inflight: VecDeque::new(),
            inflight_bytes: 0,
            sending: None,
            last_heard: None,
            acked_round: 0,
            promised_round: 0,
            stall: None,
            incarnation: None,
            confirmed_round: 0,
            owes: None,
        }
    }

    /// It answered in this term, a message of this heartbeat round. Says whether its disk had been stalled until now.
    pub(crate) fn heard(&mut self, round: u64, now: Timestamp) -> bool {
        self.last_heard = Some(now);
        self.acked_round = self.acked_round.max(round);
        self.stall.take_if(|stall| stall.ends_with(round)).is_some()
    }

    /// It answered from this data directory. If it had answered from another one, it has another disk: whatever it confirmed
    /// was on that. Says what that was, if it was anything.
    pub(crate) fn answers_from(&mut self, incarnation: Option<Incarnation>) -> Option<LogIndex> {
        let is_other = self.last_heard.is_some() && self.incarnation != incarnation;
        if is_other && !is_active(Mutant::FormerLifeAnswers) {
            let confirmed = Some(self.matched).filter(|matched| *matched > LogIndex::ZERO);
            *self = Self { incarnation, owes: self.owes.max(confirmed), ..Self::new(self.next) };
            return confirmed;
        }
        self.incarnation = incarnation;
        None
    }

    /// `matched` rose in this heartbeat round. Says whether it has all again that it once confirmed.
    pub(crate) fn confirmed(&mut self, round: u64) -> bool {
        self.confirmed_round = round;
        self.owes.take_if(|owes| *owes <= self.matched).is_some()
    }

    /// Whether this refusal, an answer to a message of this round, proves that its log has lost a part of what it confirmed.
    /// Only a round that began after the confirmation proves that: what was sent before may arrive, and be answered, late.
    pub(crate) fn has_lost(&self, refused: LogIndex, hint: ConflictHint, round: u64) -> bool {
        let is_shorter = hint.term.is_none() && hint.first <= self.matched;
        let lacks_it = refused <= self.matched || is_shorter;
        round > self.confirmed_round
            && self.matched > LogIndex::ZERO
            && lacks_it
            && !is_active(Mutant::WentBackCounts)
    }

    /// It has lost a part of what it confirmed. That part no longer counts, and is sent again from where its log may end.
    pub(crate) fn went_back(&mut self, refused: LogIndex, hint: ConflictHint, at_hint: LogIndex) {
        self.owes = self.owes.max(Some(self.matched));
        self.matched = LogIndex::ZERO;
        if self.state != ReplicationState::Snapshot {
            self.next = at_hint.max(hint.first).min(refused).max(LogIndex(1));
            self.enter(ReplicationState::Probe);
        }
    }

    /// What it owes.
    pub(crate) fn owes(&self) -> Option<LogIndex> {
        self.owes
    }

    /// What counts toward a majority: nothing of a follower that has lost what it confirmed.
    pub(crate) fn counted<T: Default>(&self, value: T) -> T {
        if self.owes.is_some() { T::default() } else { value }
    }

    /// Having answered this round, it stands by its leader.
    pub(crate) fn promised(&mut self, round: u64) {
        self.promised_round = self.promised_round.max(round);
    }

    /// Whether a message with entries may be sent now.
    pub(crate) fn may_send(&self, window: Window) -> bool {
        match self.state {
            ReplicationState::Probe => !self.probing,
            ReplicationState::Replicate => {
                self.inflight.len() < window.messages && self.inflight_bytes < window.bytes
            }
            ReplicationState::Snapshot => false,
        }
    }

    /// Entries through `last`, `bytes` in all, were sent from `next` on.
    pub(crate) fn sent(&mut self, last: LogIndex, bytes: usize) {
        match self.state {
            // `next` stays: until the answer it is not known whether the entries have a place there.
            ReplicationState::Probe => self.probing = true,
            ReplicationState::Replicate => {
                self.next = last.next();
                self.inflight.push_back((last, bytes));
                self.inflight_bytes += bytes;
            }
            ReplicationState::Snapshot => {}
        }
    }

    /// The logs agree through `through`. Also the answer to a heartbeat: it ends a probe and empties a full
    /// window whose answers were lost. The leader's own log starts after `base`. Says whether `matched` advanced.
    pub(crate) fn matched(&mut self, through: LogIndex, base: LogIndex) -> bool {
        while let Some((last, bytes)) = self.inflight.front().copied()
            && last <= through
        {
            self.inflight.pop_front();
            self.inflight_bytes -= bytes;
        }
        let advanced = through > self.matched;
        self.matched = if is_active(Mutant::MatchGoesBack) { through } else { self.matched.max(through) };
        self.next = self.next.max(self.matched.next());
        let connected = match self.state {
            // A late answer from before the probe proves nothing about `next`.
            ReplicationState::Probe => through.next() >= self.next,
            ReplicationState::Replicate => false,
            // Whatever brought the follower here: what it needs next is in the log.
            ReplicationState::Snapshot => {
                self.matched >= base && (!is_active(Mutant::StuckInSnapshot) || self.snapshot_is_sent())
            }
        };
        if connected {
            self.enter(ReplicationState::Replicate);
        }
        advanced
    }

    /// The follower refused `refused` as the entry before those sent. `at_hint` is where the leader's log says
    /// to look next. Says whether this was news; late refusals are not.
    pub(crate) fn conflict(&mut self, refused: LogIndex, hint: ConflictHint, at_hint: LogIndex) -> bool {
        let late = match self.state {
            ReplicationState::Probe => refused != self.next.previous(),
            ReplicationState::Replicate => refused >= self.next,
            ReplicationState::Snapshot => true,
        };
        // A follower that refuses what it had confirmed has lost its disk. There is no earlier index to go back to, and an
        // immediate retry would be refused immediately, in an endless loop.
        if late || refused <= self.matched {
            return false;
        }
        let next = at_hint.max(hint.first).min(refused).max(self.matched.next());
        self.next = next;
        self.enter(ReplicationState::Probe);
        true
    }

    /// What the follower needs next is gone from the log: it gets this snapshot, from its start. Also if it was
    /// being sent another one.
    pub(crate) fn send_snapshot(&mut self, meta: SnapshotMeta, size: u64) {
        self.enter(ReplicationState::Snapshot);
        self.sending = Some(Sending::new(meta, size));
    }

    /// Whether `newest` should be sent instead of the snapshot that is being sent: that one is obsolete, because the
    /// follower refuses it, or nothing is lost, as the follower has nothing of it or is out of reach.
    pub(crate) fn should_send_instead(&self, newest: LogId, patience: Duration, now: Timestamp) -> bool {
        let Some(sending) = &self.sending else { return false };
        let installed = sending.last().index <= self.matched;
        let unheard = self.last_heard.is_none_or(|heard| now.since(heard) >= patience);
        sending.last().index < newest.index && (installed || unheard || sending.is_worth_nothing())
    }

    /// The piece to send now, in this heartbeat round, if one is due: the next one when the last one was answered,
    /// or the same again when it or its answer was lost. That is so when a whole `interval` has passed and the
    /// follower has answered a later round: one that is out of reach costs nothing, and on a slow link, which keeps
    /// the order, nothing is sent twice. When all were sent, the last one is repeated without content: the answer
    /// tells what happened to them.
    pub(crate) fn next_piece(&mut self, round: u64, interval: Duration, now: Timestamp) -> Option<NextPiece> {
        self.sending.as_mut()?.next_piece(round, self.acked_round, interval, now)
    }

    /// In Snapshot: what is on its way, to be told what the follower answers.
    pub(crate) fn sending(&mut self) -> Option<&mut Sending> {
        self.sending.as_mut()
    }

    /// In Snapshot: why the follower can make nothing of what it is sent.
    pub(crate) fn refused_snapshot(&self) -> Option<SnapshotRefusal> {
        self.sending.as_ref().and_then(Sending::refused)
    }

    /// In Snapshot: the bytes that were sent and answered, and all there are.
    pub(crate) fn snapshot_progress(&self) -> Option<(u64, u64)> {
        self.sending.as_ref().map(Sending::progress)
    }

    /// In Snapshot: the snapshot that it is being sent, unless it refused it.
    pub(crate) fn snapshot(&self) -> Option<LogId> {
        self.sending.as_ref().filter(|sending| sending.refused().is_none()).map(Sending::last)
    }

    fn snapshot_is_sent(&self) -> bool {
        self.snapshot_progress().is_some_and(|(sent, size)| sent == size)
    }

    /// Every change of state starts with nothing under way.
    fn enter(&mut self, state: ReplicationState) {
        self.state = state;
        self.probing = false;
        self.sending = None;
        self.inflight.clear();
        if !is_active(Mutant::WindowKeepsBytes) {
            self.inflight_bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests;
