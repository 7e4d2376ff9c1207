//! What passes the links, counted and told at a rate that an eye can follow.
//!
//! Counts tell of every message. Single messages are told of as long as a screen could make something of them: when very
//! many pass at once some are only counted, but whoever was told of a message is also told how it ended.

use crate::links::Pair;
use crate::model::{FrameFate, FrameKind, FrameReport, Update};
use crate::outlet::Outlet;
use crate::rule::{MessageId, MessageReport};
use crate::seen::Seen;
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long the first frame after a silence waits for others: a heartbeat round and its answers are one update.
const GATHER: Duration = Duration::from_millis(10);

/// The least time between two updates: 30 a second.
const INTERVAL: Duration = Duration::from_millis(34);

/// Single messages that are told of in one update, when they pass at once.
const MAX_PASSING: usize = 256;

/// The same with those that stay on a link for a while. More of them are told of only when they are held, or were told of before;
/// the links have a bound of their own on how many those can be.
const MAX_WAITING: usize = 1024;

/// What there is to tell since the last update.
#[derive(Default)]
pub(crate) struct Reports {
    tally: Mutex<Tally>,
    news: Notify,
}

#[derive(Default)]
struct Tally {
    /// Bounded by the number of links times kinds times fates.
    frames: BTreeMap<Key, FrameReport>,
    messages: BTreeMap<MessageId, MessageReport>,
    skipped: u64,
}

type Key = (NodeId, NodeId, FrameKind, FrameFate);

impl Reports {
    /// Counts one message on a link.
    pub(crate) fn count(&self, (from, to): Pair, seen: &Seen, fate: FrameFate) {
        let newest = FrameReport {
            from,
            to,
            kind: seen.kind,
            term: seen.term,
            index: seen.index,
            granted: seen.granted,
            fate,
            count: 1,
            entries: seen.entries,
        };
        self.lock()
            .frames
            .entry((from, to, newest.kind, fate))
            .and_modify(|sum| {
                let (count, entries) = (sum.count + 1, sum.entries + newest.entries);
                *sum = FrameReport { count, entries, ..newest.clone() };
            })
            .or_insert(newest);
        self.news.notify_one();
    }

    /// Whether one more message will be told of that passes at once, or that `waits` on its link. If not, it is only counted.
    pub(crate) fn has_room(&self, waits: bool) -> bool {
        let mut tally = self.lock();
        let has_room = tally.messages.len() < if waits { MAX_WAITING } else { MAX_PASSING };
        tally.skipped += u64::from(!has_room);
        has_room
    }

    /// Tells where a message is now.
    pub(crate) fn note(&self, message: &MessageReport) {
        self.lock().messages.insert(message.id, message.clone());
        self.news.notify_one();
    }

    /// Takes what there is to tell since the last time.
    pub(crate) fn take(&self) -> Vec<Update> {
        let Tally { frames, messages, skipped } = std::mem::take(&mut *self.lock());
        let frames: Vec<_> = frames.into_values().collect();
        let messages: Vec<_> = messages.into_values().collect();
        let told = (!messages.is_empty() || skipped > 0).then_some(Update::Messages { messages, skipped });
        told.into_iter().chain((!frames.is_empty()).then_some(Update::Frames { frames })).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when something was counted that nobody waited for yet.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Tells what passed, as long as the lab runs. Sleeps while nothing passes.
    pub(crate) async fn tell_all(&self, outlet: &Outlet) {
        loop {
            self.news().await;
            tokio::time::sleep(GATHER).await;
            let updates = self.take();
            if !updates.is_empty() {
                updates.into_iter().for_each(|update| outlet.tell(update));
                tokio::time::sleep(INTERVAL.saturating_sub(GATHER)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use raftdeck_raft::{
        AppendEntries, AppendReply, ConflictHint, Entry, InstallSnapshot, LogId, Payload, SnapshotMeta,
        SnapshotReply, Term, TimeoutNow, VoteReply, VoteRequest,
    };

    const FROM: NodeId = NodeId(1);
    const TO: NodeId = NodeId(2);

    fn frame(message: Message) -> Bytes {
        frame::encode(&PeerFrame { from: FROM, message })
    }

    fn id(index: u64) -> LogId {
        LogId { term: Term(3), index: LogIndex(index) }
    }

    fn append(prev: u64, entries: u64) -> Bytes {
        let entries = (1..=entries).map(|n| Entry { id: id(prev + n), payload: Payload::Noop }).collect();
        let message =
            AppendEntries { term: Term(3), prev: id(prev), entries, commit: LogIndex::ZERO, round: 1 };
        frame(Message::AppendEntries(message))
    }

    fn seen(content: &[u8]) -> FrameReport {
        let reports = Reports::default();
        reports.count(FROM, TO, content, FrameFate::Delivered);
        let mut taken = reports.take();
        assert_eq!(taken.len(), 1);
        taken.remove(0)
    }

    fn piece(index: u64) -> Bytes {
        let meta = SnapshotMeta { last: id(index), ..SnapshotMeta::default() };
        let data = Bytes::from_static(b"piece");
        frame(Message::InstallSnapshot(InstallSnapshot {
            term: Term(3),
            meta,
            offset: 5,
            data,
            done: false,
            size: 20,
            round: 1,
        }))
    }

    fn piece_reply(installed: bool) -> Bytes {
        frame(Message::SnapshotReply(SnapshotReply {
            term: Term(3),
            round: 1,
            last: id(30),
            next_offset: 10,
            installed,
        }))
    }

    #[test]
    fn each_kind_is_told_apart() {
        let request = VoteRequest { term: Term(3), last: id(7), transfer: false };
        let vote = |granted| VoteReply { term: Term(3), granted };
        let reply = |outcome| frame(Message::AppendReply(AppendReply { term: Term(3), round: 1, outcome }));
        let hint = ConflictHint { term: None, first: LogIndex(2) };
        let conflict = AppendOutcome::Conflict { refused: LogIndex(5), hint };
        let matched = AppendOutcome::Matched { through: LogIndex(9) };
        for (content, kind, index, granted, entries) in [
            (frame(Message::PreVote(request)), FrameKind::PreVote, None, None, 0),
            (frame(Message::PreVoteReply(vote(true))), FrameKind::PreVoteReply, None, Some(true), 0),
            (frame(Message::RequestVote(request)), FrameKind::RequestVote, None, None, 0),
            (frame(Message::VoteReply(vote(false))), FrameKind::VoteReply, None, Some(false), 0),
            (append(4, 0), FrameKind::Heartbeat, Some(LogIndex(4)), None, 0),
            (append(4, 3), FrameKind::AppendEntries, Some(LogIndex(7)), None, 3),
            (reply(matched), FrameKind::AppendReply, Some(LogIndex(9)), Some(true), 0),
            (reply(conflict), FrameKind::AppendReply, None, Some(false), 0),
            (frame(Message::TimeoutNow(TimeoutNow { term: Term(3) })), FrameKind::TimeoutNow, None, None, 0),
            (piece(30), FrameKind::InstallSnapshot, Some(LogIndex(30)), None, 0),
            (piece_reply(false), FrameKind::SnapshotReply, Some(LogIndex(30)), None, 0),
            (piece_reply(true), FrameKind::SnapshotReply, Some(LogIndex(30)), Some(true), 0),
        ] {
            let report = seen(&content);
            assert_eq!((report.from, report.to, report.term, report.count), (FROM, TO, Term(3), 1));
            assert_eq!((report.kind, report.index), (kind, index));
            assert_eq!((report.granted, report.entries), (granted, entries));
        }
    }

    #[test]
    fn frames_of_one_kind_and_fate_are_one_report_that_shows_the_newest() {
        let reports = Reports::default();
        reports.count(FROM, TO, &append(0, 2), FrameFate::Delivered);
        reports.count(FROM, TO, &append(2, 5), FrameFate::Delivered);
        reports.count(FROM, TO, &append(7, 1), FrameFate::Lost);
        reports.count(FROM, TO, b"not a message", FrameFate::Lost);
        let taken = reports.take();
        let summary: Vec<_> = taken.iter().map(|r| (r.fate, r.count, r.entries, r.index)).collect();
        assert_eq!(
            summary,
            [(FrameFate::Delivered, 2, 7, Some(LogIndex(7))), (FrameFate::Lost, 1, 1, Some(LogIndex(8)))]
        );
        assert!(reports.take().is_empty(), "nothing is told twice");
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_of_frames_is_told_in_at_most_thirty_updates_and_in_full() {
        let reports = std::sync::Arc::new(Reports::default());
        let (sender, mut updates) = tokio::sync::mpsc::unbounded_channel();
        let outlet = Outlet::new(move |update| sender.send(update).unwrap());
        let telling = std::sync::Arc::clone(&reports);
        let teller = tokio::spawn(async move { telling.tell_all(&outlet).await });
        for _ in 0..1000 {
            reports.count(FROM, TO, &append(0, 1), FrameFate::Delivered);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(INTERVAL).await;
        teller.abort();
        let (mut told, mut counted) = (0, 0);
        while let Ok(Update::Frames { frames }) = updates.try_recv() {
            told += 1;
            counted += frames.iter().map(|report| report.count).sum::<u64>();
        }
        assert_eq!(counted, 1000);
        assert!((20..=31).contains(&told), "{told} updates in a second");
    }
}
