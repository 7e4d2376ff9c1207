//! Telemetry: the driver publishes, any number of watchers take what they can. Publishing never waits: a watcher
//! that is too slow misses events, is told how many, and sees only the newest status. The pace is the watchers', so it
//! goes by real time; what is told is told in the node's own.
//!
//! A watcher cannot subscribe before the node runs, so the first events are kept for the first watcher for a while.
//! Events are numbered: missed ones show as a gap.
//!
//! Under load a log grows thousands of times a second. Faster growth than can be shown is reported in larger steps,
//! so that the cost of watching is bounded.

use raftdeck_protocol::{NodeStatus, Telemetry};
use raftdeck_raft::{LogIndex, Timestamp, TraceEvent};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

/// Events kept for the slowest watcher.
const EVENTS: usize = 4096;

/// The most events of a node without a watcher that are kept for its first watcher,
const FIRST_EVENTS: usize = 1024;

/// if it comes within this time from the start: later they are no news.
const FIRST_WITHIN: Duration = Duration::from_secs(10);

/// The least time between two statuses.
const LEAST: Duration = Duration::from_micros(1_000_000 / NodeStatus::MAX_PER_SECOND as u64);

/// A status is sent at least this often, as its ages grow stale.
const MOST: Duration = Duration::from_millis(100);

/// Of the events that tell of the log's growth this many are told one by one,
const GROWTH_AT_ONCE: u32 = 32;

/// in such a span; those that follow in it are told together at its end.
const SPAN: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
struct Stamped {
    seq: u64,
    at: Timestamp,
    event: TraceEvent,
}

impl From<Stamped> for Telemetry {
    fn from(Stamped { seq, at, event }: Stamped) -> Self {
        Self::Event { seq, at_micros: at.0, event }
    }
}

/// Where watchers subscribe.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    events: broadcast::Sender<Stamped>,
    status: watch::Sender<Option<Arc<NodeStatus>>>,
    first: Arc<Mutex<Option<FirstEvents>>>,
}

/// The events since the start, for the first watcher.
#[derive(Debug)]
struct FirstEvents {
    events: broadcast::Receiver<Stamped>,
    until: Instant,
}

/// The log's growth that is told later, as if it had been one step.
#[derive(Debug, Default)]
struct Growth {
    /// [`TraceEvent::Appended`].
    appended: Option<TraceEvent>,
    committed: Option<LogIndex>,
    /// When the newest of it happened.
    at: Timestamp,
}

impl Growth {
    /// Adds a step. `false`: it does not continue what is there.
    fn take_in(&mut self, event: &TraceEvent, at: Timestamp) -> bool {
        match (event, &mut self.appended) {
            (TraceEvent::Committed { through }, _) => self.committed = Some(*through),
            (TraceEvent::Appended { .. }, none @ None) => *none = Some(event.clone()),
            (
                TraceEvent::Appended { first: next, last: newest, term },
                Some(TraceEvent::Appended { last, term: before, .. }),
            ) if *next == last.next() && term == before => *last = *newest,
            _ => return false,
        }
        self.at = at;
        true
    }
}

/// The driver's end.
#[derive(Debug)]
pub(crate) struct Publisher {
    hub: Hub,
    seq: u64,
    /// The present span's beginning, and how many log growth events happened in it.
    span: Instant,
    told: u32,
    growth: Growth,
    /// Something happened since the last look at the status.
    stirred: bool,
    looked: Instant,
    sent: Instant,
    /// What was sent last, without its ages.
    newest: Option<NodeStatus>,
}

impl Publisher {
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        let (events, first) = broadcast::channel(EVENTS);
        let first = Arc::new(Mutex::new(Some(FirstEvents { events: first, until: start + FIRST_WITHIN })));
        let hub = Hub { events, status: watch::Sender::new(None), first };
        let growth = Growth::default();
        Self {
            hub,
            seq: 0,
            span: start,
            told: 0,
            growth,
            stirred: true,
            looked: start,
            sent: start,
            newest: None,
        }
    }

    pub(crate) fn hub(&self) -> Hub {
        self.hub.clone()
    }

    pub(crate) fn event(&mut self, event: TraceEvent, at: Timestamp) {
        if self.is_watched() || self.hub.keeps_first() {
            return self.event_when(Instant::now(), event, at);
        }
        self.growth = Growth::default();
        self.seq += 1;
    }

    fn event_when(&mut self, now: Instant, event: TraceEvent, at: Timestamp) {
        let grows = matches!(event, TraceEvent::Appended { .. } | TraceEvent::Committed { .. });
        if grows && self.is_crowded(now) && self.growth.take_in(&event, at) {
            return;
        }
        self.tell_growth();
        self.tell(event, at);
    }

    /// Whether one more event of the log's growth is to be told later.
    fn is_crowded(&mut self, now: Instant) -> bool {
        if now >= self.span + SPAN {
            (self.span, self.told) = (now, 0);
            self.tell_growth();
        }
        self.told += 1;
        self.told > GROWTH_AT_ONCE
    }

    fn tell_growth(&mut self) {
        let Growth { appended, committed, at } = std::mem::take(&mut self.growth);
        let committed = committed.map(|through| TraceEvent::Committed { through });
        for event in appended.into_iter().chain(committed) {
            self.tell(event, at);
        }
    }

    fn tell(&mut self, event: TraceEvent, at: Timestamp) {
        self.seq += 1;
        // An error only means that the last watcher is gone.
        let _ = self.hub.events.send(Stamped { seq: self.seq, at, event });
    }

    /// Every watcher watches both, the events and the status.
    fn is_watched(&self) -> bool {
        self.hub.status.receiver_count() > 0
    }

    /// Something happened that the status may show.
    pub(crate) fn stir(&mut self) {
        self.stirred = true;
    }

    /// There is a new watcher: the next status is due immediately.
    pub(crate) fn renew(&mut self) {
        self.newest = None;
    }

    /// When [`Publisher::publish`] wants to be called; `None` while there is no watcher.
    pub(crate) fn due(&self) -> Option<Instant> {
        if !self.is_watched() {
            None
        } else if self.newest.is_none() {
            Some(self.looked)
        } else if self.stirred {
            Some((self.looked + LEAST).min(self.sent + MOST))
        } else {
            Some(self.sent + MOST)
        }
    }

    /// Publishes the status if it is due and has changed, or is growing stale. In a node whose time is frozen nothing
    /// grows stale.
    pub(crate) fn publish(&mut self, status: impl FnOnce() -> NodeStatus) {
        let now = Instant::now();
        if self.due().is_none_or(|due| now < due) {
            return;
        }
        // No status is ahead of the events.
        self.tell_growth();
        let status = status();
        self.looked = now;
        self.stirred = false;
        let ageless = without_ages(&status);
        let changed = self.newest.as_ref() != Some(&ageless);
        if changed || now >= self.sent + MOST {
            self.newest = Some(ageless);
            self.sent = now;
            if changed || self.hub.status.borrow().as_deref() != Some(&status) {
                self.hub.status.send_replace(Some(Arc::new(status)));
            }
        }
    }
}

/// What must differ for a status to be news. While time is frozen, whatever changes is news.
fn without_ages(status: &NodeStatus) -> NodeStatus {
    if status.clock_rate.is_frozen() { status.clone() } else { status.without_ages() }
}

impl Hub {
    /// Events and statuses from now on, the first watcher's events from the start on; the first status is the next one published.
    pub(crate) fn watch(&self) -> Watcher {
        // First, as events are dropped once there is no watcher and the first events are no longer kept.
        let status = self.status.subscribe();
        let first = self.lock_first().take().filter(|first| Instant::now() < first.until);
        Watcher { events: first.map_or_else(|| self.events.subscribe(), |first| first.events), status }
    }

    /// Whether events are kept for the first watcher. Releases them once there are too many, or no watcher came in time.
    fn keeps_first(&self) -> bool {
        let mut first = self.lock_first();
        let is_kept =
            |first: &mut FirstEvents| first.events.len() < FIRST_EVENTS && Instant::now() < first.until;
        let kept = first.take_if(|first| !is_kept(first));
        drop(kept);
        first.is_some()
    }

    fn lock_first(&self) -> MutexGuard<'_, Option<FirstEvents>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One watcher's end.
#[derive(Debug)]
pub(crate) struct Watcher {
    events: broadcast::Receiver<Stamped>,
    status: watch::Receiver<Option<Arc<NodeStatus>>>,
}

impl Watcher {
    /// The next frame; `None` when the node is gone. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Telemetry> {
        loop {
            tokio::select! {
                event = self.events.recv() => return match event {
                    Ok(stamped) => Some(stamped.into()),
                    Err(RecvError::Lagged(count)) => Some(Telemetry::Missed { count }),
                    Err(RecvError::Closed) => None,
                },
                changed = self.status.changed() => {
                    changed.ok()?;
                    if let Some(status) = self.status.borrow_and_update().as_deref() {
                        return Some(Telemetry::Status(Box::new(status.clone())));
                    }
                }
            }
        }
    }

    /// An event that is already there.
    pub(crate) fn try_event(&mut self) -> Option<Telemetry> {
        match self.events.try_recv() {
            Ok(stamped) => Some(stamped.into()),
            Err(TryRecvError::Lagged(count)) => Some(Telemetry::Missed { count }),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::Term;

    fn committed(through: u64) -> TraceEvent {
        TraceEvent::Committed { through: LogIndex(through) }
    }

    #[tokio::test]
    async fn a_watcher_that_is_too_slow_is_told_how_much_it_missed() {
        let mut publisher = Publisher::new();
        let mut slow = publisher.hub().watch();
        let kept = EVENTS as u64;
        for nth in 1..=kept + 10 {
            publisher.event(TraceEvent::Paused, Timestamp(nth));
        }
        assert_eq!(slow.next().await, Some(Telemetry::Missed { count: 10 }));
        for nth in 11..=kept + 10 {
            let event = Telemetry::Event { seq: nth, at_micros: nth, event: TraceEvent::Paused };
            assert_eq!(slow.next().await, Some(event));
        }
        assert_eq!(slow.try_event(), None);
    }

    #[tokio::test]
    async fn growth_that_nobody_can_follow_is_told_in_greater_steps() {
        let mut publisher = Publisher::new();
        let mut watcher = publisher.hub().watch();
        let appended = |first, last| TraceEvent::Appended {
            first: LogIndex(first),
            last: LogIndex(last),
            term: Term(1),
        };
        let now = Instant::now();
        let steps = 10 * u64::from(GROWTH_AT_ONCE);
        for nth in 1..=steps {
            publisher.event_when(now, appended(nth, nth), Timestamp(nth));
            publisher.event_when(now, committed(nth - 1), Timestamp(nth));
        }
        let mut told = |publisher: &mut Publisher| {
            publisher.tell_growth();
            std::iter::from_fn(|| watcher.try_event()).collect::<Vec<_>>()
        };
        let events = told(&mut publisher);
        let alone = u64::from(GROWTH_AT_ONCE);
        assert_eq!(events.len() as u64, alone + 2);
        let next = |seq, event| Telemetry::Event { seq, at_micros: steps, event };
        let rest = [next(alone + 1, appended(alone / 2 + 1, steps)), next(alone + 2, committed(steps - 1))];
        assert_eq!(events[GROWTH_AT_ONCE as usize..], rest);
        // Anything else comes in its place among it.
        publisher.event_when(now, committed(steps), Timestamp(steps));
        publisher.event_when(now, TraceEvent::Paused, Timestamp(steps));
        let seq = alone + 3;
        assert_eq!(told(&mut publisher), [next(seq, committed(steps)), next(seq + 1, TraceEvent::Paused)]);
        publisher.event_when(now + SPAN * 2, committed(steps + 1), Timestamp(steps));
        assert!(watcher.try_event().is_some(), "a quiet log's growth is told at once");
    }

    fn numbers(watcher: &mut Watcher) -> Vec<u64> {
        let seq = |telemetry| match telemetry {
            Telemetry::Event { seq, .. } => seq,
            other => panic!("{other:?}"),
        };
        std::iter::from_fn(|| watcher.try_event()).map(seq).collect()
    }

    #[tokio::test]
    async fn the_first_watcher_is_told_what_happened_before_it_came() {
        let mut publisher = Publisher::new();
        publisher.event(TraceEvent::Paused, Timestamp(1));
        let (mut first, mut second) = (publisher.hub().watch(), publisher.hub().watch());
        publisher.event(TraceEvent::Paused, Timestamp(2));
        assert_eq!((numbers(&mut first), numbers(&mut second)), (vec![1, 2], vec![2]));
        drop((first, second));
        publisher.event(TraceEvent::Paused, Timestamp(3));
        let mut again = publisher.hub().watch();
        publisher.event(TraceEvent::Paused, Timestamp(4));
        assert_eq!(numbers(&mut again), [4], "a gap in the numbers shows what nobody was told");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_events_are_kept_in_bounds() {
        let mut publisher = Publisher::new();
        let kept = FIRST_EVENTS as u64;
        for nth in 1..=kept + 1 {
            publisher.event(TraceEvent::Paused, Timestamp(nth));
        }
        let mut late = publisher.hub().watch();
        publisher.event(TraceEvent::Paused, Timestamp(0));
        assert_eq!(numbers(&mut late), [kept + 2], "there were too many");

        let mut publisher = Publisher::new();
        publisher.event(TraceEvent::Paused, Timestamp(1));
        tokio::time::advance(FIRST_WITHIN).await;
        let mut late = publisher.hub().watch();
        publisher.event(TraceEvent::Paused, Timestamp(2));
        assert_eq!(numbers(&mut late), [2], "it came too late");
    }

    #[tokio::test]
    async fn no_status_is_made_while_nobody_watches() {
        let mut publisher = Publisher::new();
        assert_eq!(publisher.due(), None);
        publisher.publish(|| unreachable!("nobody would see it"));
        let _watcher = publisher.hub().watch();
        assert!(publisher.due().is_some_and(|due| due <= Instant::now()));
    }
}
