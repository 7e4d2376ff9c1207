//! What passed the links, counted and told at a rate that an eye can follow.
//!
//! Frames are decoded here to see what they are. What cannot be decoded is not counted, and no frame is ever changed.

use crate::model::{FrameFate, FrameKind, FrameReport, Update};
use crate::outlet::Outlet;
use raftdeck_protocol::{PeerFrame, frame};
use raftdeck_raft::{AppendOutcome, LogIndex, Message, NodeId};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long the first frame after a silence waits for others: a heartbeat round and its answers are one update.
const GATHER: Duration = Duration::from_millis(10);

/// The least time between two updates: 30 a second.
const INTERVAL: Duration = Duration::from_millis(34);

/// The tally since the last update. Bounded by the number of links times kinds times fates.
#[derive(Default)]
pub(crate) struct Reports {
    tally: Mutex<BTreeMap<Key, FrameReport>>,
    news: Notify,
}

type Key = (NodeId, NodeId, FrameKind, FrameFate);

impl Reports {
    /// Counts one frame on the link `from -> to`.
    pub(crate) fn count(&self, from: NodeId, to: NodeId, content: &[u8], fate: FrameFate) {
        let Ok(PeerFrame { message, .. }) = frame::decode::<PeerFrame>("peer", content) else {
            tracing::debug!("a frame of {} bytes from {from} to {to} is not a Raft message", content.len());
            return;
        };
        let newest = report(from, to, &message, fate);
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally
            .entry((from, to, newest.kind, fate))
            .and_modify(|sum| {
                let (count, entries) = (sum.count + 1, sum.entries + newest.entries);
                *sum = FrameReport { count, entries, ..newest.clone() };
            })
            .or_insert(newest);
        self.news.notify_one();
    }

    /// Takes what was counted since the last time.
    pub(crate) fn take(&self) -> Vec<FrameReport> {
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *tally).into_values().collect()
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
            let frames = self.take();
            if !frames.is_empty() {
                outlet.tell(Update::Frames { frames });
                tokio::time::sleep(INTERVAL.saturating_sub(GATHER)).await;
            }
        }
    }
}

fn report(from: NodeId, to: NodeId, message: &Message, fate: FrameFate) -> FrameReport {
    let seen = glance(message);
    FrameReport {
        from,
        to,
        kind: seen.kind,
        term: message.term(),
        index: seen.index,
        granted: seen.granted,
        fate,
        count: 1,
        entries: seen.entries,
    }
}

struct Glance {
    kind: FrameKind,
    index: Option<LogIndex>,
    granted: Option<bool>,
    entries: u64,
}

fn glance(message: &Message) -> Glance {
    let plain = |kind| Glance { kind, index: None, granted: None, entries: 0 };
    match message {
        Message::PreVote(_) => plain(FrameKind::PreVote),
        Message::RequestVote(_) => plain(FrameKind::RequestVote),
        Message::PreVoteReply(reply) => {
            Glance { granted: Some(reply.granted), ..plain(FrameKind::PreVoteReply) }
        }
        Message::VoteReply(reply) => Glance { granted: Some(reply.granted), ..plain(FrameKind::VoteReply) },
        Message::AppendEntries(append) => {
            let entries = append.entries.len() as u64;
            let kind = if entries == 0 { FrameKind::Heartbeat } else { FrameKind::AppendEntries };
            let last = LogIndex(append.prev.index.0.saturating_add(entries));
            Glance { index: Some(last), entries, ..plain(kind) }
        }
        Message::AppendReply(reply) => {
            let matched = match reply.outcome {
                AppendOutcome::Matched { through } => Some(through),
                AppendOutcome::Conflict { .. } => None,
            };
            Glance { index: matched, granted: Some(matched.is_some()), ..plain(FrameKind::AppendReply) }
        }
        Message::TimeoutNow(_) => plain(FrameKind::TimeoutNow),
        Message::InstallSnapshot(install) => {
            Glance { index: Some(install.meta.last.index), ..plain(FrameKind::InstallSnapshot) }
        }
        Message::SnapshotReply(reply) => {
            // An answer to any but the last piece says neither yes nor no.
            let granted = reply.installed.then_some(true);
            Glance { index: Some(reply.last.index), granted, ..plain(FrameKind::SnapshotReply) }
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
