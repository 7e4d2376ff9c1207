//! Everything that is on the links, and the rules that decide what becomes of it.
//!
//! Links bring frames here and take those that have arrived out again; commands act on what is here. Nothing waits
//! here and no socket is touched.

use crate::lane::{Lane, Signals, lost};
use crate::link::Origin;
use crate::links::{LinkNews, Pair};
use crate::outlet::Outlet;
use crate::queue::{Parcel, Queue};
use crate::reports::Reports;
use crate::rulebook::{Decision, Passing, Rulebook, matches};
use crate::seen::{self, Glance};
use crate::time::ClockReader;
use bytes::{Bytes, BytesMut};
use raftdeck_model::{
    ClusterTime, Effect, FaultId, FrameFate, LinkState, Matching, MessageId, MessageReport, MessageState,
    News, Rule, Scope, Watch, Which,
};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::Message;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// The least time that a message is under way while cluster time is slowed down, so that eyes can see it fly.
const FLIGHT: Duration = Duration::from_millis(2);

/// A frame up to this size is copied when it stays for a while, so that it does not keep a whole read buffer alive.
const SMALL: usize = 4 << 10;

/// What happens on all links. Used on the lab's thread only, so nobody ever waits for the lock.
pub(crate) struct Traffic {
    state: Mutex<State>,
    reports: Arc<Reports>,
    outlet: Outlet,
    news: Notify,
}

struct State {
    book: Rulebook,
    clock: ClockReader,
    lanes: BTreeMap<Pair, Lane>,
    /// The last message that was named.
    newest: MessageId,
    /// Of all frames on all links.
    bytes: usize,
    news: Vec<LinkNews>,
}

/// What a link's tasks need to know of its lane.
pub(crate) struct Opened {
    /// Open or cut.
    pub(crate) gate: watch::Receiver<LinkState>,
    pub(crate) signals: Arc<Signals>,
}

impl Traffic {
    pub(crate) fn new(clock: ClockReader, reports: Arc<Reports>, outlet: Outlet) -> Self {
        let state = State {
            book: Rulebook::default(),
            clock,
            lanes: BTreeMap::new(),
            newest: MessageId::default(),
            bytes: 0,
            news: Vec::new(),
        };
        Self { state: Mutex::new(state), reports, outlet, news: Notify::new() }
    }

    /// There is one more link. The rules may be about it already.
    pub(crate) fn open(&self, pair: Pair) -> Opened {
        let lane = Lane::new();
        let opened = Opened { gate: lane.gate.subscribe(), signals: Arc::clone(&lane.signals) };
        self.change(|state, _| drop(state.lanes.insert(pair, lane)));
        opened
    }

    /// There is one link less.
    pub(crate) fn close(&self, pair: Pair) {
        self.change(|state, _| {
            if let Some(mut lane) = state.lanes.remove(&pair) {
                state.lose(pair, lane.queue.take_all(), &self.reports);
            }
        });
    }

    /// A frame came from a sender that the receiver has accepted, for this life of the receiver.
    pub(crate) fn take_in(&self, pair: Pair, (life, origin): (u64, Origin), frame: BytesMut) {
        let message = seen::message(&frame);
        let seen = message.as_ref().map(Glance::of);
        let mut state = self.lock();
        let now = state.clock.time();
        let Some(lane) = state.lanes.get_mut(&pair) else { return };
        lane.frames += 1;
        let passing =
            Passing { pair, number: lane.frames, glance: seen.as_ref(), size: frame.len(), now: now.now };
        let fired = state.book.fire(passing);
        if !fired.is_empty() {
            // A watch is rare: what it changes is told before this message goes on.
            drop(state);
            self.fire(fired);
            state = self.lock();
        }
        let decision = state.book.decide(passing);
        let arrival = Arrival { pair, life, origin, frame: frame.freeze(), seen, message, now };
        state.accept(arrival, &decision, self);
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

    /// What the receiver can have next, if it comes from this sender. It counts as delivered.
    pub(crate) fn next_frame(&self, pair: Pair, origin: Origin) -> Option<Bytes> {
        let mut state = self.lock();
        let now = state.clock.now();
        let lane = state.lanes.get_mut(&pair)?;
        lane.queue.pass(now);
        lane.queue.first_ready().filter(|ready| *ready == origin)?;
        let was_crowded = lane.queue.is_crowded();
        let mut parcel = lane.queue.take_ready()?;
        if was_crowded && !lane.queue.is_crowded() {
            lane.signals.room.notify_waiters();
        }
        state.bytes -= parcel.frame.len();
        drop(state);
        if let Some(seen) = &parcel.seen {
            self.reports.count(pair, seen, FrameFate::Delivered);
        }
        if let Some(report) = parcel.now_is(MessageState::Delivered { at: now }) {
            self.reports.note(report);
        }
        Some(parcel.frame)
    }

    /// Whether something has arrived, and when the next one does.
    pub(crate) fn outlook(&self, pair: Pair) -> Outlook {
        let mut state = self.lock();
        let now = state.clock.now();
        let Some(lane) = state.lanes.get_mut(&pair) else { return Outlook::default() };
        lane.queue.pass(now);
        let is_empty = lane.queue.len() == 0;
        Outlook { ready: lane.queue.first_ready(), next_due: lane.queue.next_due(), is_empty }
    }

    /// What has arrived first is lost, because its sender has no connection to the receiver.
    pub(crate) fn lose_next(&self, pair: Pair) {
        self.take_out(pair, |queue| queue.take_ready().into_iter().collect());
    }

    /// The receiver began another life: what was for a former one is lost.
    pub(crate) fn bury(&self, pair: Pair, life: u64) {
        self.take_out(pair, |queue| {
            let mut lost = queue.take_under_way(|parcel| parcel.life != life);
            lost.extend(queue.take_held(|parcel| parcel.life != life));
            lost
        });
    }

    fn take_out(&self, pair: Pair, take: impl FnOnce(&mut Queue) -> Vec<Parcel>) {
        let mut state = self.lock();
        let Some(lane) = state.lanes.get_mut(&pair) else { return };
        let lost = take(&mut lane.queue);
        lane.signals.room.notify_waiters();
        state.lose(pair, lost, &self.reports);
        if state.settle() {
            self.news.notify_one();
        }
    }

    /// Whether the receiver has to take something before more is read of the sender.
    pub(crate) fn is_crowded(&self, pair: Pair) -> bool {
        self.lock().lanes.get(&pair).is_some_and(|lane| lane.queue.is_crowded())
    }

    pub(crate) fn disturb(&self, id: FaultId, rules: Vec<Rule>) {
        self.change(|state, reports| state.enforce(id, rules, reports));
    }

    pub(crate) fn watch(&self, id: FaultId, watch: Watch) {
        self.lock().book.watch(id, watch);
    }

    pub(crate) fn undo(&self, id: FaultId) -> bool {
        self.change(|state, reports| {
            let slowed = state.book.slowed_by(id);
            let known = state.book.remove(id);
            state.let_go(id, reports);
            let State { book, .. } = state;
            let is_freed = |(from, to): Pair| slowed.iter().any(|scope| scope.covers(from, to));
            let freed: Vec<Pair> =
                state.lanes.keys().copied().filter(|&pair| is_freed(pair) && !book.is_slow(pair)).collect();
            state.hurry(&freed, reports);
            known
        })
    }

    /// Nothing that is under way is late any more, whatever rule has made it so.
    pub(crate) fn hurry(&self) {
        self.change(|state, reports| {
            let all: Vec<Pair> = state.lanes.keys().copied().collect();
            state.hurry(&all, reports);
        });
    }

    /// Tells at once what became of messages.
    pub(crate) fn tell_news(&self) {
        self.reports.tell(&self.outlet);
    }

    pub(crate) fn seed(&self, seed: u64) {
        let mut state = self.lock();
        state.book.seed(seed);
        state.lanes.values_mut().for_each(|lane| lane.frames = 0);
    }

    pub(crate) fn release(&self, which: &Which) -> usize {
        self.change(|state, reports| {
            let names = state.names(which);
            for &(id, pair) in &names {
                state.release(pair, id, reports);
            }
            names.len()
        })
    }

    pub(crate) fn discard(&self, which: &Which) -> usize {
        self.change(|state, reports| {
            let names = state.names(which);
            for &(id, pair) in &names {
                let lost = state.take(pair, id);
                state.lose(pair, lost, reports);
            }
            names.len()
        })
    }

    pub(crate) fn deliver_oldest(&self) -> Option<MessageId> {
        self.change(|state, _| {
            let (id, pair) = state.names(&Which::On(Scope::All, Matching::default())).first().copied()?;
            state.deliver(pair, id);
            Some(id)
        })
    }

    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.lock().lanes.values().filter_map(|lane| lane.queue.next_due()).min()
    }

    pub(crate) async fn news(&self) -> Vec<LinkNews> {
        loop {
            let news = std::mem::take(&mut self.lock().news);
            if !news.is_empty() {
                return news;
            }
            self.news.notified().await;
        }
    }

    /// Changes what is in force or on the links, and tells all that follows from it.
    fn change<T>(&self, act: impl FnOnce(&mut State, &Reports) -> T) -> T {
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

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a link can look forward to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outlook {
    /// Something has arrived and waits for the receiver's socket; who sent the first of it.
    pub(crate) ready: Option<Origin>,
    /// When the next frame arrives.
    pub(crate) next_due: Option<Duration>,
    /// There is nothing on it, not even held.
    pub(crate) is_empty: bool,
}

/// A frame that a link took in.
struct Arrival {
    pair: Pair,
    life: u64,
    origin: Origin,
    frame: Bytes,
    seen: Option<Glance>,
    message: Option<Message>,
    now: ClusterTime,
}

impl State {
    /// Carries out what the rules decided of a new frame.
    fn accept(&mut self, arrival: Arrival, decision: &Decision, traffic: &Traffic) {
        let Arrival { pair, life, origin, frame, seen, message, now } = arrival;
        let State { lanes, newest, bytes, .. } = self;
        let Some(lane) = lanes.get_mut(&pair) else { return };
        let takes = decision.delay.max(flight(now.rate));
        let is_held = !decision.held_by.is_empty();
        let waits = is_held || !takes.is_zero() || !decision.behind.is_zero();
        let copies = 1 + usize::from(decision.twice && !decision.lost);
        for _ in 0..copies {
            newest.0 += 1;
            let report =
                message.as_ref().filter(|_| is_held || traffic.reports.has_room(waits)).map(|message| {
                    let (sent, state) = (now.now, MessageState::Lost { at: now.now });
                    Box::new(report(*newest, pair, message, sent, state))
                });
            let frame =
                if waits && frame.len() <= SMALL { Bytes::copy_from_slice(&frame) } else { frame.clone() };
            let size = frame.len();
            let held_by = decision.held_by.clone();
            let mut parcel = Parcel { id: *newest, frame, seen, report, life, origin, held_by, takes };
            if decision.lost || lane.is_full(*bytes + size, pair, &traffic.outlet) {
                lost(pair, &mut parcel, now.now, &traffic.reports);
                continue;
            }
            *bytes += size;
            if is_held {
                lane.hold(parcel, &traffic.reports);
            } else {
                lane.send(parcel, now.now, decision.behind, &traffic.reports);
            }
        }
        lane.signals.work.notify_one();
    }

    /// Rules come into force. What is cut or held from now on loses or holds what is under way as well.
    fn enforce(&mut self, id: FaultId, rules: Vec<Rule>, reports: &Reports) {
        for rule in rules {
            let sweeps = rule.matching.next.is_none() && matches!(rule.effect, Effect::Cut | Effect::Hold);
            if sweeps {
                self.sweep(id, &rule, reports);
            }
            self.book.add(id, rule);
        }
    }

    fn sweep(&mut self, id: FaultId, rule: &Rule, reports: &Reports) {
        let covered: Vec<Pair> =
            self.lanes.keys().copied().filter(|(from, to)| rule.scope.covers(*from, *to)).collect();
        for pair in covered {
            let Some(lane) = self.lanes.get_mut(&pair) else { continue };
            let caught = lane.queue.take_under_way(|parcel| matches(&rule.matching, parcel.seen.as_ref()));
            if rule.effect == Effect::Cut {
                self.lose(pair, caught, reports);
            } else {
                for mut parcel in caught {
                    parcel.held_by.push(id);
                    lane.hold(parcel, reports);
                }
            }
        }
    }

    /// What only this holds goes on.
    fn let_go(&mut self, id: FaultId, reports: &Reports) {
        let time = self.clock.time();
        for lane in self.lanes.values_mut() {
            for mut parcel in lane.queue.take_held(|parcel| parcel.held_by.contains(&id)) {
                parcel.held_by.retain(|holder| *holder != id);
                if parcel.held_by.is_empty() {
                    parcel.takes = parcel.takes.max(flight(time.rate));
                    lane.send(parcel, time.now, Duration::ZERO, reports);
                } else {
                    lane.queue.hold(parcel);
                }
            }
        }
    }

    /// What is under way on these links, and late, arrives as if it had been sent now.
    fn hurry(&mut self, pairs: &[Pair], reports: &Reports) {
        let time = self.clock.time();
        let due = time.now + flight(time.rate);
        for pair in pairs {
            let Some(lane) = self.lanes.get_mut(pair) else { continue };
            for parcel in lane.queue.take_late(due) {
                lane.send_alone(parcel, due, reports);
            }
        }
    }

    /// Messages by name, oldest first.
    fn names(&self, which: &Which) -> Vec<(MessageId, Pair)> {
        let everywhere =
            self.lanes.iter().flat_map(|(&pair, lane)| lane.queue.waiting().map(move |p| (p, pair)));
        let mut names: Vec<(MessageId, Pair)> = match which {
            Which::Message(id) => everywhere.filter(|(parcel, _)| parcel.id == *id).map(name).collect(),
            Which::On(scope, matching) => everywhere
                .filter(|(parcel, (from, to))| {
                    scope.covers(*from, *to) && matches(matching, parcel.seen.as_ref())
                })
                .map(name)
                .collect(),
        };
        names.sort_unstable();
        if let Which::On(_, Matching { next: Some(next), .. }) = which {
            names.truncate(usize::try_from(*next).unwrap_or(usize::MAX));
        }
        names
    }

    fn take(&mut self, pair: Pair, id: MessageId) -> Vec<Parcel> {
        let Some(lane) = self.lanes.get_mut(&pair) else { return Vec::new() };
        let mut taken = lane.queue.take_held(|parcel| parcel.id == id);
        taken.extend(lane.queue.take_under_way(|parcel| parcel.id == id));
        taken
    }

    /// A held message flies if time passes; anything else arrives at once.
    fn release(&mut self, pair: Pair, id: MessageId, reports: &Reports) {
        let time = self.clock.time();
        let Some(lane) = self.lanes.get_mut(&pair) else { return };
        let flies = |parcel: &Parcel| parcel.id == id && !time.rate.is_frozen();
        match lane.queue.take_held(flies).pop() {
            Some(mut parcel) => {
                parcel.held_by.clear();
                lane.send_alone(parcel, time.now + flight(time.rate), reports);
            }
            None => self.deliver(pair, id),
        }
    }

    fn deliver(&mut self, pair: Pair, id: MessageId) {
        for parcel in self.take(pair, id) {
            if let Some(lane) = self.lanes.get_mut(&pair) {
                lane.queue.deliver(parcel);
            }
        }
    }

    fn lose(&mut self, pair: Pair, parcels: Vec<Parcel>, reports: &Reports) {
        let now = self.clock.now();
        for mut parcel in parcels {
            self.bytes -= parcel.frame.len();
            lost(pair, &mut parcel, now, reports);
        }
    }

    /// Puts away rules that are about no more messages and hold none. Says whether there is news.
    fn settle(&mut self) -> bool {
        for id in self.book.exhausted() {
            let holds = |lane: &Lane| lane.queue.held().any(|parcel| parcel.held_by.contains(&id));
            if !self.lanes.values().any(holds) {
                self.book.remove(id);
                self.news.push(LinkNews::Over(id));
            }
        }
        !self.news.is_empty()
    }

    /// Opens and closes gates as the rules want it; says which changed.
    fn set_gates(&mut self) -> Vec<(Pair, LinkState)> {
        let Self { book, lanes, .. } = self;
        let mut changed = Vec::new();
        for (&pair, lane) in lanes {
            let state = LinkState::from(book.is_cut(pair));
            let differs = lane.gate.send_if_modified(|now| std::mem::replace(now, state) != state);
            changed.extend(differs.then_some((pair, state)));
        }
        changed
    }
}

fn flight(rate: ClockRate) -> Duration {
    if rate == ClockRate::REAL { Duration::ZERO } else { FLIGHT }
}

fn name((parcel, pair): (&Parcel, Pair)) -> (MessageId, Pair) {
    (parcel.id, pair)
}

fn report(
    id: MessageId,
    (from, to): Pair,
    message: &Message,
    sent: Duration,
    state: MessageState,
) -> MessageReport {
    let Glance { kind, term, index, granted, entries, detail } = Glance::of(message);
    let fields = detail.to_string();
    MessageReport { id, from, to, kind, term, index, granted, entries, fields, sent, state }
}

#[cfg(test)]
mod tests;
