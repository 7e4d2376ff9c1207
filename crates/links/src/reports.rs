//! Counts what passes the links, and reports it at a rate that an eye can follow.
//!
//! Counts include every message. Single messages are reported at a rate that a screen can show: when many pass at the same time, some
//! are only counted. The end of every reported message is reported too.

use crate::outlet::Outlet;
use crate::pair::Pair;
use raftdeck_model::glance::Glance;
use raftdeck_model::{FrameFate, FrameKind, FrameReport, Known, MessageId, MessageReport, News};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long the first frame after a silence waits for others: a heartbeat round and its answers are one update.
const GATHER: Duration = Duration::from_millis(10);

/// The least time between two updates: 30 a second.
const INTERVAL: Duration = Duration::from_millis(34);

/// The most single messages in one update, of those that pass without delay.
const MAX_PASSING: usize = 256;

/// The same for those that stay on a link for a while. Beyond it, messages are reported only if they are held or were reported
/// before; the links bound how many those can be.
const MAX_WAITING: usize = 1024;

/// What has not been reported since the last update.
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
    /// Counts one message of this many bytes on a link.
    pub(crate) fn count(&self, (from, to): Pair, seen: &Glance, bytes: usize, fate: FrameFate) {
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
            bytes: Known::Is(bytes as u64),
        };
        self.lock()
            .frames
            .entry((from, to, newest.kind, fate))
            .and_modify(|sum| {
                let (count, entries) = (sum.count + 1, sum.entries + newest.entries);
                let bytes = sum.bytes.map(|sum| sum + bytes as u64);
                *sum = FrameReport { count, entries, bytes, ..newest.clone() };
            })
            .or_insert(newest);
        self.news.notify_one();
    }

    /// Whether one more message can be reported: one that passes without delay, or one that `waits` on its link. If not, it is only
    /// counted.
    pub(crate) fn has_room(&self, waits: bool) -> bool {
        let mut tally = self.lock();
        let has_room = tally.messages.len() < if waits { MAX_WAITING } else { MAX_PASSING };
        tally.skipped += u64::from(!has_room);
        has_room
    }

    /// Reports where a message is now.
    pub(crate) fn note(&self, message: &MessageReport) {
        self.lock().messages.insert(message.id, message.clone());
        self.news.notify_one();
    }

    /// Takes what has not been reported yet.
    pub(crate) fn take(&self) -> Vec<News> {
        let Tally { frames, messages, skipped } = std::mem::take(&mut *self.lock());
        let frames: Vec<_> = frames.into_values().collect();
        let messages: Vec<_> = messages.into_values().collect();
        let told = (!messages.is_empty() || skipped > 0).then_some(News::Messages { messages, skipped });
        told.into_iter().chain((!frames.is_empty()).then_some(News::Frames { frames })).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when something was counted since the last call.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Reports what passed since the last time; says whether that was anything.
    pub(crate) fn tell(&self, outlet: &Outlet) -> bool {
        let updates = self.take();
        let any = !updates.is_empty();
        for update in updates {
            outlet.tell(update);
        }
        any
    }

    /// Reports what passed, as long as it is polled. Sleeps while nothing passes.
    pub(crate) async fn tell_all(&self, outlet: &Outlet) {
        loop {
            self.news().await;
            tokio::time::sleep(GATHER).await;
            if self.tell(outlet) {
                tokio::time::sleep(INTERVAL.saturating_sub(GATHER)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::ClusterClock;
    use raftdeck_model::MessageState;
    use raftdeck_protocol::ClockRate;
    use raftdeck_raft::{LogIndex, Term};

    const PAIR: Pair = (NodeId(1), NodeId(2));

    fn append(last: u64, entries: u64) -> Glance {
        Glance { index: Some(LogIndex(last)), entries, ..Glance::new(FrameKind::AppendEntries, Term(3)) }
    }

    fn message(id: u64, state: MessageState) -> MessageReport {
        MessageReport {
            id: MessageId(id),
            from: PAIR.0,
            to: PAIR.1,
            kind: FrameKind::AppendEntries,
            term: Term(3),
            index: None,
            granted: None,
            entries: 1,
            fields: String::new(),
            sent: Duration::ZERO,
            state,
        }
    }

    #[test]
    fn frames_of_one_kind_and_fate_are_one_report_that_shows_the_newest() {
        let reports = Reports::default();
        reports.count(PAIR, &append(2, 2), 100, FrameFate::Delivered);
        reports.count(PAIR, &append(7, 5), 150, FrameFate::Delivered);
        reports.count(PAIR, &append(8, 1), 70, FrameFate::Lost);
        let taken = reports.take();
        let [News::Frames { frames }] = &taken[..] else { panic!("{taken:?}") };
        let summary: Vec<_> = frames.iter().map(|r| (r.fate, r.count, r.entries, r.index)).collect();
        assert_eq!(
            summary,
            [(FrameFate::Delivered, 2, 7, Some(LogIndex(7))), (FrameFate::Lost, 1, 1, Some(LogIndex(8)))]
        );
        assert_eq!(frames.iter().filter_map(|r| r.bytes.copied()).collect::<Vec<_>>(), [250, 70]);
        assert!(reports.take().is_empty(), "nothing is told twice");
    }

    #[test]
    fn several_changes_of_a_message_are_one_and_too_many_messages_are_only_counted() {
        let reports = Reports::default();
        let at = Duration::ZERO;
        assert!(reports.has_room(false));
        reports.note(&message(2, MessageState::Held));
        reports.note(&message(1, MessageState::Held));
        reports.note(&message(2, MessageState::Delivered { at }));
        let taken = reports.take();
        let [News::Messages { messages, skipped: 0 }] = &taken[..] else { panic!("{taken:?}") };
        let told: Vec<_> = messages.iter().map(|message| (message.id.0, message.state)).collect();
        assert_eq!(told, [(1, MessageState::Held), (2, MessageState::Delivered { at })]);
        for id in 0..MAX_PASSING as u64 {
            reports.note(&message(id, MessageState::Delivered { at }));
        }
        assert!(!reports.has_room(false) && !reports.has_room(false));
        assert!(reports.has_room(true), "what waits has more room");
        // A message that was reported has its end reported too.
        reports.note(&message(5000, MessageState::Lost { at }));
        let taken = reports.take();
        let [News::Messages { messages, skipped: 2 }] = &taken[..] else { panic!("{taken:?}") };
        assert_eq!(messages.len(), MAX_PASSING + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_of_frames_is_told_in_at_most_thirty_updates_and_in_full() {
        let reports = std::sync::Arc::new(Reports::default());
        let (sender, mut updates) = tokio::sync::mpsc::unbounded_channel();
        let clock = ClusterClock::start(ClockRate::REAL).reader();
        let outlet = Outlet::new(clock, move |update| sender.send(update.what).unwrap());
        let telling = std::sync::Arc::clone(&reports);
        let teller = tokio::spawn(async move { telling.tell_all(&outlet).await });
        for _ in 0..1000 {
            reports.count(PAIR, &append(1, 1), 70, FrameFate::Delivered);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(INTERVAL).await;
        teller.abort();
        let (mut told, mut counted) = (0, 0);
        while let Ok(News::Frames { frames }) = updates.try_recv() {
            told += 1;
            counted += frames.iter().map(|report| report.count).sum::<u64>();
        }
        assert_eq!(counted, 1000);
        assert!((20..=31).contains(&told), "{told} updates in a second");
    }
}
