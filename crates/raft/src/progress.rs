//! A follower as its leader tracks it (paper Figure 2, `nextIndex` and `matchIndex`). All transitions are here.

use crate::identity::Incarnation;
use crate::message::{ConflictHint, SnapshotRefusal};
use crate::mutants::{Mutant, is_active};
use crate::raft::StallReport;
use crate::sending::{Piece, Refused, Sending};
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
    /// The highest one whose answer promised to stand by the leader.
    pub(crate) promised_round: u64,
    /// It has said that its disk is stalled, and has answered no later round since.
    pub(crate) stall: Option<StallReport>,
    /// The data directory that it last answered from.
    pub(crate) incarnation: Option<Incarnation>,
    /// The leader's heartbeat round when `matched` last rose. An answer to a later one was given by a log that had, or had lost,
    /// what is confirmed.
    confirmed_round: u64,
    /// It confirmed its log through here and has lost a part of that since: until it has that again, it counts for nothing.
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

    /// It has lost a part of what it confirmed: that counts no more, and it is filled again from where its log may end.
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
        // Who refuses what it had has lost its disk. There is nowhere to go back to, and to ask again at once is to be
        // refused at once, without end.
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

    /// Whether `newest` should be sent instead of the snapshot that is being sent: that one is of no use any more, be it that
    /// the follower can make nothing of it, or nothing is lost, as the follower has nothing of it or is out of reach.
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
    /// tells what became of them.
    pub(crate) fn next_piece(&mut self, round: u64, interval: Duration, now: Timestamp) -> Option<Piece> {
        self.sending.as_mut()?.next_piece(round, self.acked_round, interval, now)
    }

    /// The follower has this snapshot's bytes before `next_offset`, it says in answer to a piece of this round.
    pub(crate) fn piece_answered(&mut self, last: LogId, next_offset: u64, round: u64) {
        if let Some(sending) = &mut self.sending {
            sending.answered(last, next_offset, round);
        }
    }

    /// The follower has the whole snapshot and can make nothing of it, it says in answer to a piece of this round. One that
    /// arrived damaged is sent again after this pause.
    pub(crate) fn snapshot_refused(
        &mut self,
        last: LogId,
        why: SnapshotRefusal,
        round: u64,
        again_at: Timestamp,
    ) -> Refused {
        self.sending.as_mut().map_or(Refused::Late, |sending| sending.refuse(last, why, round, again_at))
    }

    /// In Snapshot: why the follower can make nothing of what it is sent.
    pub(crate) fn refused_snapshot(&self) -> Option<SnapshotRefusal> {
        self.sending.as_ref().and_then(Sending::refused)
    }

    /// In Snapshot: the bytes that were sent and answered, and all there are.
    pub(crate) fn snapshot_progress(&self) -> Option<(u64, u64)> {
        self.sending.as_ref().map(Sending::progress)
    }

    /// In Snapshot: which one it is sent, if that goes on.
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
mod tests {
    use super::*;
    use crate::sending::REPEATS;

    const WINDOW: Window = Window { messages: 2, bytes: 100 };

    fn replicating(next: u64) -> Progress {
        let mut progress = Progress::new(LogIndex(next));
        progress.matched(LogIndex(next - 1), LogIndex::ZERO);
        assert_eq!(progress.state, ReplicationState::Replicate);
        progress
    }

    #[test]
    fn a_probe_waits_for_its_answer() {
        let mut progress = Progress::new(LogIndex(5));
        assert!(progress.may_send(WINDOW));
        progress.sent(LogIndex(9), 10);
        assert!(!progress.may_send(WINDOW));
        assert_eq!(progress.next, LogIndex(5));
        progress.matched(LogIndex(9), LogIndex::ZERO);
        assert_eq!((progress.matched, progress.next), (LogIndex(9), LogIndex(10)));
        assert!(progress.may_send(WINDOW));
    }

    #[test]
    fn the_window_is_bounded_in_messages_and_in_bytes() {
        let mut progress = replicating(1);
        progress.sent(LogIndex(1), 10);
        assert!(progress.may_send(WINDOW));
        progress.sent(LogIndex(2), 10);
        assert!(!progress.may_send(WINDOW), "two messages are under way");
        progress.matched(LogIndex(2), LogIndex::ZERO);
        progress.sent(LogIndex(3), 100);
        assert!(!progress.may_send(WINDOW), "a hundred bytes are under way");
    }

    #[test]
    fn a_heartbeats_answer_revives_a_full_window_and_its_bytes() {
        let mut progress = replicating(1);
        progress.sent(LogIndex(1), 60);
        progress.sent(LogIndex(2), 60);
        assert!(!progress.may_send(WINDOW));
        progress.matched(LogIndex(2), LogIndex::ZERO);
        assert!(progress.may_send(WINDOW));
        assert_eq!(progress.inflight_bytes, 0);
    }

    #[test]
    fn a_conflict_resets_the_window_and_its_bytes() {
        let mut progress = replicating(1);
        progress.sent(LogIndex(1), 60);
        progress.sent(LogIndex(2), 60);
        let hint = ConflictHint { term: None, first: LogIndex(1) };
        assert!(progress.conflict(LogIndex(2), hint, LogIndex(1)));
        assert_eq!((progress.next, progress.inflight_bytes), (LogIndex(1), 0));
        assert!(progress.may_send(WINDOW));
    }

    #[test]
    fn match_never_goes_back_and_late_refusals_are_ignored() {
        let mut progress = replicating(8);
        assert!(!progress.matched(LogIndex(3), LogIndex::ZERO));
        assert_eq!(progress.matched, LogIndex(7));
        let hint = ConflictHint { term: None, first: LogIndex(1) };
        assert!(!progress.conflict(LogIndex(7), hint, LogIndex(1)), "it matches there already");
        assert_eq!((progress.matched, progress.next), (LogIndex(7), LogIndex(8)));

        let mut probe = Progress::new(LogIndex(8));
        assert!(!probe.conflict(LogIndex(5), hint, LogIndex(1)), "not the one that was asked");
        assert_eq!(probe.next, LogIndex(8));
    }

    #[test]
    fn a_late_answer_does_not_end_a_probe() {
        let mut probe = Progress::new(LogIndex(8));
        assert!(probe.matched(LogIndex(3), LogIndex::ZERO));
        assert_eq!((probe.matched, probe.next), (LogIndex(3), LogIndex(8)));
        assert_eq!(probe.state, ReplicationState::Probe);
    }

    #[test]
    fn a_conflict_never_leads_back_to_what_matches() {
        let mut progress = replicating(8);
        progress.sent(LogIndex(9), 10);
        let hint = ConflictHint { term: None, first: LogIndex(1) };
        assert!(progress.conflict(LogIndex(9), hint, LogIndex(1)));
        assert_eq!((progress.matched, progress.next), (LogIndex(7), LogIndex(8)));
    }

    #[test]
    fn who_refuses_what_it_had_is_not_asked_again_and_again() {
        let mut progress = replicating(8);
        progress.sent(LogIndex(9), 10);
        let hint = ConflictHint { term: None, first: LogIndex(1) };
        assert!(progress.conflict(LogIndex(9), hint, LogIndex(0)));
        progress.sent(LogIndex(9), 10);
        assert!(!progress.conflict(LogIndex(7), hint, LogIndex(0)));
        assert!(!progress.may_send(WINDOW), "the next heartbeat asks again");
    }

    fn meta(index: u64) -> SnapshotMeta {
        SnapshotMeta {
            last: LogId { term: crate::types::Term(1), index: LogIndex(index) },
            ..SnapshotMeta::default()
        }
    }

    const INTERVAL: Duration = Duration::from_millis(50);

    fn at(ms: u64) -> Timestamp {
        Timestamp(ms * 1000)
    }

    /// Being sent a snapshot of ten bytes that ends with entry 20, by a leader whose log starts after 15.
    fn installing() -> Progress {
        let mut progress = Progress::new(LogIndex(5));
        progress.send_snapshot(meta(20), 10);
        progress
    }

    fn offset_of(piece: Option<Piece>) -> Option<u64> {
        piece.map(|piece| piece.offset)
    }

    #[test]
    fn one_piece_is_under_way_until_it_is_answered() {
        let mut progress = installing();
        assert_eq!(offset_of(progress.next_piece(1, INTERVAL, at(0))), Some(0));
        assert_eq!(progress.next_piece(1, INTERVAL, at(0)), None);
        progress.piece_answered(meta(20).last, 4, 1);
        assert_eq!(progress.snapshot_progress(), Some((4, 10)));
        assert_eq!(offset_of(progress.next_piece(1, INTERVAL, at(1))), Some(4));
        progress.piece_answered(meta(20).last, 4, 1);
        assert_eq!(progress.next_piece(1, INTERVAL, at(1)), None, "the same answer again is no news");
    }

    #[test]
    fn a_piece_is_sent_again_after_an_interval_to_a_follower_that_answers_other_things() {
        let mut progress = installing();
        progress.next_piece(1, INTERVAL, at(0)).unwrap();
        assert_eq!(progress.next_piece(2, INTERVAL, at(60)), None, "nobody has answered anything");
        progress.heard(2, at(70));
        assert_eq!(offset_of(progress.next_piece(3, INTERVAL, at(70))), Some(0));
        progress.heard(3, at(75));
        progress.heard(4, at(75));
        assert_eq!(progress.next_piece(4, INTERVAL, at(75)), None, "the interval starts anew");
    }

    #[test]
    fn when_all_is_sent_it_asks_what_became_of_it_once_an_interval() {
        let mut progress = installing();
        progress.next_piece(1, INTERVAL, at(0)).unwrap();
        progress.piece_answered(meta(20).last, 10, 1);
        assert_eq!(progress.next_piece(1, INTERVAL, at(10)), None, "it is being installed");
        progress.heard(2, at(60));
        assert_eq!(offset_of(progress.next_piece(2, INTERVAL, at(60))), Some(10));
    }

    #[test]
    fn a_follower_that_lost_the_pieces_gets_them_from_the_start_and_a_late_answer_takes_nothing_back() {
        let mut progress = installing();
        progress.next_piece(1, INTERVAL, at(0)).unwrap();
        progress.piece_answered(meta(20).last, 4, 1);
        progress.next_piece(2, INTERVAL, at(1)).unwrap();
        progress.piece_answered(meta(20).last, 0, 1);
        assert_eq!(progress.snapshot_progress(), Some((4, 10)), "an answer to an earlier round");
        progress.piece_answered(meta(19).last, 0, 2);
        progress.piece_answered(meta(20).last, 11, 2);
        assert_eq!(progress.snapshot_progress(), Some((4, 10)), "of another snapshot, or past the end");
        progress.piece_answered(meta(20).last, 0, 2);
        assert_eq!(offset_of(progress.next_piece(2, INTERVAL, at(2))), Some(0));
    }

    /// Trap 28.
    #[test]
    fn any_answer_that_reconnects_the_logs_ends_the_snapshot() {
        let mut progress = installing();
        assert!(progress.matched(LogIndex(14), LogIndex(15)));
        assert_eq!(progress.state, ReplicationState::Snapshot, "entry 15 is gone");
        assert!(progress.matched(LogIndex(15), LogIndex(15)));
        assert_eq!((progress.state, progress.next), (ReplicationState::Replicate, LogIndex(16)));
        assert_eq!((progress.snapshot(), progress.next_piece(9, INTERVAL, at(999))), (None, None));
    }

    #[test]
    fn a_snapshot_that_connects_no_more_when_it_is_installed_is_followed_by_the_newest() {
        let mut progress = installing();
        progress.next_piece(1, INTERVAL, at(0)).unwrap();
        progress.piece_answered(meta(20).last, 4, 1);
        progress.heard(1, at(0));
        let newest = meta(40).last;
        assert!(!progress.should_send_instead(newest, INTERVAL, at(10)), "most of the old one may be there");
        progress.matched(LogIndex(20), LogIndex(35));
        assert_eq!(progress.state, ReplicationState::Snapshot);
        assert!(progress.should_send_instead(newest, INTERVAL, at(10)));
        assert!(!progress.should_send_instead(meta(20).last, INTERVAL, at(10)), "it is being sent already");
    }

    #[test]
    fn a_follower_out_of_reach_gets_the_newest_snapshot() {
        let mut progress = installing();
        progress.heard(1, at(0));
        progress.next_piece(1, INTERVAL, at(0)).unwrap();
        progress.piece_answered(meta(20).last, 4, 1);
        let patience = Duration::from_millis(300);
        assert!(!progress.should_send_instead(meta(40).last, patience, at(299)));
        assert!(progress.should_send_instead(meta(40).last, patience, at(300)));
    }

    /// Trap 22.
    #[test]
    fn a_snapshot_empties_the_window_and_its_bytes() {
        let mut progress = replicating(1);
        progress.sent(LogIndex(1), 60);
        progress.send_snapshot(meta(20), 10);
        assert!(!progress.may_send(WINDOW), "entries come after the snapshot");
        progress.matched(LogIndex(20), LogIndex(15));
        assert_eq!(progress.inflight_bytes, 0);
        assert!(progress.may_send(WINDOW));
    }

    #[test]
    fn refusals_do_not_end_a_snapshot() {
        let mut progress = installing();
        let hint = ConflictHint { term: None, first: LogIndex(1) };
        assert!(!progress.conflict(LogIndex(4), hint, LogIndex(1)));
        assert_eq!(progress.state, ReplicationState::Snapshot);
    }

    const SHORTER: ConflictHint = ConflictHint { term: None, first: LogIndex(3) };

    /// Trap 47.
    #[test]
    fn only_an_answer_to_a_round_after_the_confirmation_proves_that_it_was_lost() {
        let mut progress = replicating(8);
        progress.confirmed(5);
        assert!(!progress.has_lost(LogIndex(7), SHORTER, 4));
        assert!(!progress.has_lost(LogIndex(7), SHORTER, 5), "it may have been sent before");
        assert!(progress.has_lost(LogIndex(7), SHORTER, 6), "it refuses what it had confirmed");
        assert!(progress.has_lost(LogIndex(9), SHORTER, 6), "its log ends before what it had confirmed");
        let other_term = ConflictHint { term: Some(crate::types::Term(1)), first: LogIndex(3) };
        assert!(!progress.has_lost(LogIndex(9), other_term, 6), "it may have what it confirmed");
        assert!(!Progress::new(LogIndex(8)).has_lost(LogIndex(7), SHORTER, 6), "it never confirmed anything");
    }

    #[test]
    fn who_went_back_counts_for_nothing_until_it_has_again_what_it_had_confirmed() {
        let mut progress = replicating(8);
        progress.confirmed(1);
        progress.went_back(LogIndex(7), SHORTER, LogIndex::ZERO);
        assert_eq!(
            (progress.matched, progress.next, progress.owes()),
            (LogIndex(0), LogIndex(3), Some(LogIndex(7)))
        );
        assert!(progress.matched(LogIndex(6), LogIndex::ZERO));
        assert!(!progress.confirmed(2));
        assert_eq!((progress.counted(progress.matched), progress.matched), (LogIndex::ZERO, LogIndex(6)));
        assert!(progress.matched(LogIndex(7), LogIndex::ZERO));
        assert!(progress.confirmed(2));
        assert_eq!((progress.counted(progress.matched), progress.owes()), (LogIndex(7), None));
    }

    #[test]
    fn what_was_confirmed_on_another_disk_does_not_count() {
        let disk = |number| Some(Incarnation([number; 16]));
        let mut progress = replicating(8);
        assert_eq!(progress.answers_from(disk(1)), None);
        progress.heard(1, at(0));
        assert_eq!(progress.answers_from(disk(1)), None);
        assert_eq!(progress.answers_from(disk(2)), Some(LogIndex(7)));
        assert_eq!((progress.matched, progress.owes()), (LogIndex::ZERO, Some(LogIndex(7))));
    }

    /// Trap 53.
    #[test]
    fn a_snapshot_that_cannot_be_decoded_is_not_sent_again_and_a_newer_one_is() {
        let mut progress = installing();
        progress.next_piece(1, INTERVAL, at(0)).unwrap();
        let undecodable = SnapshotRefusal::Undecodable;
        assert_eq!(progress.snapshot_refused(meta(20).last, undecodable, 0, at(100)), Refused::Late);
        assert_eq!(progress.snapshot_refused(meta(20).last, undecodable, 1, at(100)), Refused::Finally);
        progress.heard(99, at(100));
        assert_eq!(progress.next_piece(100, INTERVAL, at(99_999)), None);
        assert_eq!((progress.refused_snapshot(), progress.snapshot()), (Some(undecodable), None));
        let patience = Duration::from_secs(999);
        assert!(!progress.should_send_instead(meta(20).last, patience, at(100)));
        assert!(progress.should_send_instead(meta(21).last, patience, at(100)));
        progress.send_snapshot(meta(21), 10);
        assert_eq!(offset_of(progress.next_piece(100, INTERVAL, at(100))), Some(0));
    }

    #[test]
    fn a_damaged_snapshot_is_sent_again_after_a_pause_and_not_for_ever() {
        let mut progress = installing();
        for time in 0..u64::from(REPEATS) {
            assert_eq!(offset_of(progress.next_piece(1, INTERVAL, at(100 * time))), Some(0));
            let again_at = at(100 * (time + 1));
            let refused = progress.snapshot_refused(meta(20).last, SnapshotRefusal::Damaged, 1, again_at);
            assert_eq!(refused, Refused::Repeated);
            assert_eq!(progress.next_piece(1, INTERVAL, at(100 * time + 99)), None);
        }
        assert_eq!(offset_of(progress.next_piece(1, INTERVAL, at(9000))), Some(0));
        let refused = progress.snapshot_refused(meta(20).last, SnapshotRefusal::Damaged, 1, at(9001));
        assert_eq!(refused, Refused::Finally);
    }
}
