//! A follower as its leader tracks it (paper Figure 2, `nextIndex` and `matchIndex`). All transitions are here.

use crate::message::ConflictHint;
use crate::types::{LogIndex, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

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
/// **Invariant:** `matched < next`. `matched` never falls. `inflight` is empty unless the state is Replicate.
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
    /// When it last answered in this term.
    pub(crate) last_heard: Option<Timestamp>,
    /// The highest heartbeat round it answered.
    pub(crate) acked_round: u64,
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
            last_heard: None,
            acked_round: 0,
        }
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
    /// window whose answers were lost. Says whether `matched` advanced.
    pub(crate) fn matched(&mut self, through: LogIndex) -> bool {
        while let Some((last, bytes)) = self.inflight.front().copied()
            && last <= through
        {
            self.inflight.pop_front();
            self.inflight_bytes -= bytes;
        }
        let advanced = through > self.matched;
        self.matched = self.matched.max(through);
        self.next = self.next.max(self.matched.next());
        // A late answer from before the probe proves nothing about `next`.
        if self.state == ReplicationState::Probe && through.next() >= self.next {
            self.state = ReplicationState::Replicate;
            self.probing = false;
        }
        advanced
    }

    /// The follower refused `refused` as the entry before those sent. `at_hint` is where the leader's log says
    /// to look next. Says whether this was news; late refusals are not.
    pub(crate) fn conflict(&mut self, refused: LogIndex, hint: ConflictHint, at_hint: LogIndex) -> bool {
        let late = match self.state {
            ReplicationState::Probe => refused != self.next.previous(),
            ReplicationState::Replicate => refused <= self.matched || refused >= self.next,
            ReplicationState::Snapshot => true,
        };
        if late {
            return false;
        }
        let next = at_hint.max(hint.first).min(refused).max(self.matched.next());
        self.next = next;
        self.state = ReplicationState::Probe;
        self.probing = false;
        self.inflight.clear();
        self.inflight_bytes = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { messages: 2, bytes: 100 };

    fn replicating(next: u64) -> Progress {
        let mut progress = Progress::new(LogIndex(next));
        progress.matched(LogIndex(next - 1));
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
        progress.matched(LogIndex(9));
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
        progress.matched(LogIndex(2));
        progress.sent(LogIndex(3), 100);
        assert!(!progress.may_send(WINDOW), "a hundred bytes are under way");
    }

    #[test]
    fn a_heartbeats_answer_revives_a_full_window_and_its_bytes() {
        let mut progress = replicating(1);
        progress.sent(LogIndex(1), 60);
        progress.sent(LogIndex(2), 60);
        assert!(!progress.may_send(WINDOW));
        progress.matched(LogIndex(2));
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
        assert!(!progress.matched(LogIndex(3)));
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
        assert!(probe.matched(LogIndex(3)));
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
}
