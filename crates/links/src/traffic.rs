//! Everything that is on the links, and the rules that decide what happens to it.
//!
//! Links bring frames here and take those that have arrived out again; commands act on what is here. Nothing waits
//! here and no socket is touched.

use crate::lane::{Lane, Signals};
use crate::outlet::Outlet;
use crate::pair::{Origin, Pair};
use crate::queue::{Queue, QueuedFrame};
use crate::reports::Reports;
use crate::time::ClockReader;
use bytes::Bytes;
use raftdeck_model::glance::Glance;
use raftdeck_model::rulebook::MessageInTransit;
use raftdeck_model::{
    FaultId, FrameFate, LinkState, Matching, MessageId, MessageSelection, MessageState, News, Rule, Scope,
    Watch,
};
use state::{Arrival, TrafficState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};

mod state;

pub use state::LinkNews;

/// Everything that happens on the links. Used on one thread only, so the lock is never contended.
pub struct Traffic {
    state: Mutex<TrafficState>,
    pub(crate) reports: Reports,
    outlet: Outlet,
    news: Notify,
}

/// What a link's tasks need from its lane.
pub(crate) struct OpenedLane {
    /// Open, cut or refused.
    pub(crate) gate: watch::Receiver<LinkState>,
    pub(crate) signals: Arc<Signals>,
}

impl Traffic {
    pub(crate) fn new(clock: ClockReader, outlet: Outlet) -> Self {
        let state = Mutex::new(TrafficState::new(clock));
        Self { state, reports: Reports::default(), outlet, news: Notify::new() }
    }

    /// There is one more link. The rules may be about it already.
    pub(crate) fn open(&self, pair: Pair) -> OpenedLane {
        let lane = Lane::new();
        let opened = OpenedLane { gate: lane.gate.subscribe(), signals: Arc::clone(&lane.signals) };
        self.change(|state, _| drop(state.lanes.insert(pair, lane)));
        opened
    }

    /// A link is removed.
    pub(crate) fn close(&self, pair: Pair) {
        self.change(|state, _| {
            if let Some(mut lane) = state.lanes.remove(&pair) {
                state.lose(pair, lane.queue.take_all(), &self.reports);
            }
        });
    }

    /// Puts a message on a link as if its sender had sent it now. The rules apply to it. `false`: there is no such link.
    pub fn put_in(&self, pair: Pair, frame: Bytes, glance: Glance) -> bool {
        let life = self.lock().lanes.get(&pair).map(|lane| lane.life);
        if let Some(life) = life {
            self.take_in(pair, (life, None), frame, Some(glance), None);
        }
        life.is_some()
    }

    /// A frame came from a sender that the receiver has accepted, for this life of the receiver. With a ticket, the sender's task is told
    /// when it has arrived, instead of the frame being written.
    pub(crate) fn take_in(
        &self,
        pair: Pair,
        (life, origin): (u64, Origin),
        frame: Bytes,
        glance: Option<Glance>,
        ticket: Option<oneshot::Sender<()>>,
    ) {
        let mut state = self.lock();
        let now = state.clock.time();
        let Some(lane) = state.lanes.get_mut(&pair) else { return };
        lane.frames += 1;
        let passing = MessageInTransit {
            pair,
            number: lane.frames,
            glance: glance.as_ref(),
            size: frame.len(),
            now: now.now,
        };
        let fired = state.book.fire(passing);
        if !fired.is_empty() {
            // A watch rarely fires: its effects are reported before this message continues.
            drop(state);
            self.fire(fired);
            state = self.lock();
        }
        let decision = state.book.decide(passing);
        let arrival = Arrival { pair, life, origin, frame, glance, ticket, now };
        state.accept(arrival, &decision, &self.reports, &self.outlet);
        let told = state.settle();
        drop(state);
        if told {
            self.news.notify_one();
        }
    }

    fn fire(&self, fired: Vec<(FaultId, Vec<Rule>)>) {
        self.change(|state, reports| {
            for (id, rules) in fired {
                state.news.push(LinkNews::Fired(id, rules.clone()));
                if rules.is_empty() {
                    state.news.push(LinkNews::Over(id));
                }
                state.enforce(id, rules, reports);
            }
        });
    }

    /// The next frame for the receiver, if it comes from this sender. It counts as delivered.
    pub(crate) fn next_frame(&self, pair: Pair, origin: Origin) -> Option<Bytes> {
        let mut state = self.lock();
        let now = state.clock.now();
        let lane = state.lanes.get_mut(&pair)?;
        lane.queue.pass(now);
        lane.queue.first_ready().filter(|ready| ready.origin == origin && ready.ticket.is_none())?;
        let parcel = state.take_ready(pair)?;
        drop(state);
        Some(self.delivered(pair, parcel, now))
    }

    /// Tells that a frame is the receiver's now.
    fn delivered(&self, pair: Pair, mut parcel: QueuedFrame, now: Duration) -> Bytes {
        if let Some(glance) = &parcel.glance {
            self.reports.count(pair, glance, parcel.frame.len(), FrameFate::Delivered);
        }
        if let Some(report) = parcel.now_is(MessageState::Delivered { at: now }) {
            self.reports.note(report);
        }
        if let Some(ticket) = parcel.ticket {
            // A task that is gone has no body to send.
            let _ = ticket.send(());
        }
        parcel.frame
    }

    /// Whether something has arrived that is to be written, and when the next frame does. What has arrived with a ticket is told.
    pub(crate) fn outlook(&self, pair: Pair) -> Outlook {
        let mut state = self.lock();
        let now = state.clock.now();
        let Some(lane) = state.lanes.get_mut(&pair) else { return Outlook::default() };
        lane.queue.pass(now);
        while state.is_ticket_ready(pair)
            && let Some(parcel) = state.take_ready(pair)
        {
            self.delivered(pair, parcel, now);
        }
        let Some(lane) = state.lanes.get(&pair) else { return Outlook::default() };
        let (ready, is_empty) = (lane.queue.first_ready(), lane.queue.len() == 0);
        Outlook {
            ready: ready.map(|frame| frame.origin),
            bytes: ready.map_or(0, |frame| frame.frame.len()),
            next_due: lane.queue.next_due(),
            is_empty,
        }
    }

    /// The first frame that has arrived is lost, because its sender has no connection to the receiver.
    pub(crate) fn lose_next(&self, pair: Pair) {
        self.take_out(pair, |queue| queue.take_ready().into_iter().collect());
    }

    /// The receiver began another life: what was for a former one is lost.
    pub(crate) fn bury(&self, pair: Pair, life: u64) {
        if let Some(lane) = self.lock().lanes.get_mut(&pair) {
            lane.life = life;
        }
        self.take_out(pair, |queue| {
            let mut lost = queue.take_under_way(|parcel| parcel.life != life);
            lost.extend(queue.take_held(|parcel| parcel.life != life));
            lost
        });
    }

    fn take_out(&self, pair: Pair, take: impl FnOnce(&mut Queue) -> Vec<QueuedFrame>) {
        let mut state = self.lock();
        let Some(lane) = state.lanes.get_mut(&pair) else { return };
        let lost = take(&mut lane.queue);
        lane.signals.room.notify_waiters();
        state.lose(pair, lost, &self.reports);
        if state.settle() {
            self.news.notify_one();
        }
    }

    /// Whether the receiver must take something before more is read from the sender.
    pub(crate) fn is_crowded(&self, pair: Pair) -> bool {
        self.lock().lanes.get(&pair).is_some_and(|lane| lane.queue.is_crowded())
    }

    /// Rules come into force under this new name. A cut, a refusal or a hold without `next` also applies to messages already under way
    /// on its links.
    pub fn disturb(&self, id: FaultId, rules: Vec<Rule>) {
        self.change(|state, reports| state.enforce(id, rules, reports));
    }

    /// A watch begins. When it fires, its rules come into force under the same name. With `next`, it fires at the last of that many
    /// messages.
    pub fn watch(&self, id: FaultId, watch: Watch) {
        self.lock().book.watch(id, watch);
    }

    /// Ends what came into force under this name. What only it held continues, and what only it delayed arrives as if it had been
    /// sent now. `false`: the links have nothing of this name.
    pub fn undo(&self, id: FaultId) -> bool {
        self.change(|state, reports| {
            let slowed = state.book.slowed_by(id);
            let known = state.book.remove(id);
            state.let_go(id, reports);
            let TrafficState { book, .. } = state;
            let is_freed = |(from, to): Pair| slowed.iter().any(|scope| scope.covers(from, to));
            let freed: Vec<Pair> =
                state.lanes.keys().copied().filter(|&pair| is_freed(pair) && !book.is_slow(pair)).collect();
            state.hurry(&freed, reports);
            known
        })
    }

    /// Delayed messages arrive as if they had been sent now, whichever rule delayed them.
    pub fn hurry(&self) {
        self.change(|state, reports| {
            let all: Vec<Pair> = state.lanes.keys().copied().collect();
            state.hurry(&all, reports);
        });
    }

    /// Reports immediately what happened to messages.
    pub fn tell_news(&self) {
        self.reports.tell(&self.outlet);
    }

    /// Reports what passes the links, at most 30 times a second, as long as this is polled. Never returns.
    pub async fn tell_all(&self) {
        self.reports.tell_all(&self.outlet).await;
    }

    /// From now on random choices use this seed, and the frames of each link are numbered anew.
    pub fn seed(&self, seed: u64) {
        let mut state = self.lock();
        state.book.seed(seed);
        state.lanes.values_mut().for_each(|lane| lane.frames = 0);
    }

    /// Releases messages by hand; says how many. In a frozen world they arrive immediately.
    pub fn release(&self, which: &MessageSelection) -> usize {
        self.change(|state, reports| {
            let names = state.names(which);
            for &(id, pair) in &names {
                state.release(pair, id, reports);
            }
            names.len()
        })
    }

    /// Loses messages that are held or under way; says how many.
    pub fn discard(&self, which: &MessageSelection) -> usize {
        self.change(|state, reports| {
            let names = state.names(which);
            for &(id, pair) in &names {
                let lost = state.take(pair, id);
                state.lose(pair, lost, reports);
            }
            names.len()
        })
    }

    /// Delivers the oldest message of all links immediately, held or under way. `None`: there is none.
    pub fn deliver_oldest(&self) -> Option<MessageId> {
        self.change(|state, _| {
            let (id, pair) =
                state.names(&MessageSelection::On(Scope::All, Matching::default())).first().copied()?;
            state.deliver(pair, id);
            Some(id)
        })
    }

    /// When the next message arrives, in cluster time. `None`: none is under way.
    pub fn next_due(&self) -> Option<Duration> {
        self.lock().lanes.values().filter_map(|lane| lane.queue.next_due()).min()
    }

    /// Changes in force that no command caused. Waits until there is one. Cancel-safe.
    pub async fn news(&self) -> Vec<LinkNews> {
        loop {
            let news = std::mem::take(&mut self.lock().news);
            if !news.is_empty() {
                return news;
            }
            self.news.notified().await;
        }
    }

    /// Changes what is in force or on the links, and reports the consequences.
    fn change<T>(&self, act: impl FnOnce(&mut TrafficState, &Reports) -> T) -> T {
        let mut state = self.lock();
        let outcome = act(&mut state, &self.reports);
        state.settle();
        let gates = state.set_gates();
        state.lanes.values().for_each(|lane| {
            lane.signals.work.notify_one();
            lane.signals.room.notify_waiters();
        });
        let has_news = !state.news.is_empty();
        drop(state);
        for ((from, to), state) in gates {
            self.outlet.tell(News::Link { from, to, state });
        }
        if has_news {
            self.news.notify_one();
        }
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, TrafficState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a link has and expects.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outlook {
    /// Something has arrived and waits for the receiver's socket; the sender of its first frame.
    pub(crate) ready: Option<Origin>,
    /// The size of its first frame.
    pub(crate) bytes: usize,
    /// When the next frame arrives.
    pub(crate) next_due: Option<Duration>,
    /// There is nothing on it, not even held.
    pub(crate) is_empty: bool,
}

#[cfg(test)]
mod tests;
