//! A snapshot on its way to one follower, piece by piece: which piece is due, and what an answer leads to. Says nothing about
//! when a snapshot is needed.

use crate::message::SnapshotRefusal;
use crate::types::{LogId, SnapshotMeta, Timestamp};
use std::time::Duration;

/// A snapshot that arrived damaged is sent again this often: if it is still damaged then, it is so on the leader's disk.
pub(crate) const REPEATS: u32 = 3;

/// A snapshot on its way to a follower. One piece at a time is under way.
#[derive(Debug)]
pub(crate) struct Sending {
    meta: SnapshotMeta,
    /// The follower has the bytes before this; the piece under way starts here.
    offset: u64,
    size: u64,
    /// When the piece under way was sent, and in which heartbeat round.
    sent: Option<(Timestamp, u64)>,
    /// How often it arrived damaged.
    damaged: u32,
    /// Nothing is sent before this.
    paused_until: Timestamp,
    /// The follower cannot use it.
    refused: Option<SnapshotRefusal>,
}

/// What a refused snapshot leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It was not the one that is being sent.
    Late,
    /// It is sent again after a pause.
    Repeated,
    /// It is no longer sent.
    Finally,
}

/// Where the next piece of a snapshot starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NextPiece {
    pub(crate) meta: SnapshotMeta,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

impl Sending {
    /// From its start.
    pub(crate) fn new(meta: SnapshotMeta, size: u64) -> Self {
        Self {
            meta,
            offset: 0,
            size,
            sent: None,
            damaged: 0,
            paused_until: Timestamp::default(),
            refused: None,
        }
    }

    /// Which snapshot it is.
    pub(crate) fn last(&self) -> LogId {
        self.meta.last
    }

    /// The bytes that were sent and answered, and all there are.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.offset, self.size)
    }

    /// Why the follower cannot use it.
    pub(crate) fn refused(&self) -> Option<SnapshotRefusal> {
        self.refused
    }

    /// Whether nothing is lost by sending another one: the follower has nothing of it, or cannot use it.
    pub(crate) fn is_worth_nothing(&self) -> bool {
        self.refused.is_some() || (self.offset == 0 && self.sent.is_none())
    }

    /// The piece to send now, in this heartbeat round, to a follower that has answered this one.
    pub(crate) fn next_piece(
        &mut self,
        round: u64,
        acked_round: u64,
        interval: Duration,
        now: Timestamp,
    ) -> Option<NextPiece> {
        let is_under_way =
            |(at, in_round): (Timestamp, u64)| now.since(at) < interval || acked_round <= in_round;
        if self.refused.is_some() || now < self.paused_until || self.sent.is_some_and(is_under_way) {
            return None;
        }
        self.sent = Some((now, round));
        Some(NextPiece { meta: self.meta.clone(), offset: self.offset, size: self.size })
    }

    /// The follower reports, in answer to a piece of this round, that it has this snapshot's bytes before `next_offset`.
    pub(crate) fn answered(&mut self, last: LogId, next_offset: u64, round: u64) {
        let back = next_offset < self.offset;
        if self.meta.last != last
            || next_offset > self.size
            || next_offset == self.offset
            || (back && self.is_late(round))
        {
            return;
        }
        self.offset = next_offset;
        if next_offset < self.size {
            self.sent = None;
        }
    }

    /// The follower reports, in answer to a piece of this round, that it has all of it and cannot use it.
    pub(crate) fn refuse(
        &mut self,
        last: LogId,
        why: SnapshotRefusal,
        round: u64,
        again_at: Timestamp,
    ) -> Refused {
        if self.meta.last != last || self.is_late(round) || self.refused.is_some() {
            return Refused::Late;
        }
        self.offset = 0;
        self.sent = None;
        if why == SnapshotRefusal::Damaged && self.damaged < REPEATS {
            self.damaged += 1;
            self.paused_until = again_at;
            return Refused::Repeated;
        }
        self.refused = Some(why);
        Refused::Finally
    }

    fn is_late(&self, round: u64) -> bool {
        self.sent.is_some_and(|(_, in_round)| round < in_round)
    }
}
