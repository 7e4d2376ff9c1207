//! The rules in force and every link's lane, and how a change of one acts on the other. Nothing waits here: `traffic` changes it and
//! reports the consequences.

use crate::lane::{Lane, lost};
use crate::outlet::Outlet;
use crate::pair::{Origin, Pair};
use crate::queue::QueuedFrame;
use crate::reports::Reports;
use crate::time::ClockReader;
use bytes::Bytes;
use raftdeck_model::glance::Glance;
use raftdeck_model::rulebook::{Decision, Rulebook, matches};
use raftdeck_model::{
    ClusterTime, Effect, FaultId, FrameKind, LinkState, Matching, MessageId, MessageReport, MessageSelection,
    MessageState, Rule,
};
use raftdeck_protocol::ClockRate;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::oneshot;

/// The least time that a message is under way while cluster time is slowed down, so that a viewer can see it move.
pub(crate) const FLIGHT: Duration = Duration::from_millis(2);

/// A frame up to this size is copied when it stays for a while, so that it does not keep a whole read buffer alive.
const SMALL: usize = 4 << 10;

/// A change in force that no command caused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkNews {
    /// A watch saw its message: these rules are in force now, under its name.
    Fired(FaultId, Vec<Rule>),
    /// The rules of this name have ended: each was limited to a number of messages, those have passed, and none is still held.
    Over(FaultId),
}

/// Rules and lanes.
pub(crate) struct TrafficState {
    pub(crate) book: Rulebook,
    pub(crate) clock: ClockReader,
    pub(crate) lanes: BTreeMap<Pair, Lane>,
    /// The name given last.
    pub(crate) newest: MessageId,
    /// The size of all frames on all links.
    pub(crate) bytes: usize,
    pub(crate) news: Vec<LinkNews>,
}

/// A frame that a link took in.
pub(crate) struct Arrival {
    pub(crate) pair: Pair,
    pub(crate) life: u64,
    pub(crate) origin: Origin,
    pub(crate) frame: Bytes,
    pub(crate) glance: Option<Glance>,
    pub(crate) ticket: Option<oneshot::Sender<()>>,
    pub(crate) now: ClusterTime,
}

impl TrafficState {
    /// No rules and no links.
    pub(crate) fn new(clock: ClockReader) -> Self {
        Self {
            book: Rulebook::default(),
            clock,
            lanes: BTreeMap::new(),
            newest: MessageId::default(),
            bytes: 0,
            news: Vec::new(),
        }
    }

    /// Carries out what the rules decided of a new frame.
    pub(crate) fn accept(
        &mut self,
        arrival: Arrival,
        decision: &Decision,
        reports: &Reports,
        outlet: &Outlet,
    ) {
        let Arrival { pair, life, origin, frame, glance, mut ticket, now } = arrival;
        let TrafficState { lanes, newest, bytes, .. } = self;
        let Some(lane) = lanes.get_mut(&pair) else { return };
        let takes = decision.delay.max(flight(now.rate));
        let is_held = !decision.held_by.is_empty();
        let waits = is_held || !takes.is_zero() || !decision.behind.is_zero();
        // What follows a ticket cannot be had twice either.
        let comes_twice = decision.twice && ticket.is_none() && may_come_twice(glance.as_ref());
        let copies = 1 + usize::from(comes_twice && !decision.lost);
        for _ in 0..copies {
            newest.0 += 1;
            let report = glance
                .filter(|_| is_held || reports.has_room(waits))
                .map(|glance| Box::new(report(*newest, pair, glance, now.now)));
            let frame =
                if waits && frame.len() <= SMALL { Bytes::copy_from_slice(&frame) } else { frame.clone() };
            let size = frame.len();
            let held_by = decision.held_by.clone();
            let ticket = ticket.take();
            let id = *newest;
            let mut parcel = QueuedFrame { id, frame, glance, report, life, origin, held_by, takes, ticket };
            if decision.lost || lane.is_full(*bytes + size, pair, outlet) {
                lost(pair, &mut parcel, now.now, reports);
                continue;
            }
            *bytes += size;
            if is_held {
                lane.hold(parcel, reports);
            } else {
                lane.send(parcel, now.now, decision.behind, reports);
            }
        }
        lane.signals.work.notify_one();
    }

    /// Rules come into force. A cut, a refusal or a hold without `next` also applies to messages already under way on its links.
    pub(crate) fn enforce(&mut self, id: FaultId, rules: Vec<Rule>, reports: &Reports) {
        for rule in rules {
            if rule.matching.next.is_none() && rule.effect.sweeps() {
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
            let caught = lane.queue.take_under_way(|parcel| matches(&rule.matching, parcel.glance.as_ref()));
            if rule.effect == Effect::Hold {
                for mut parcel in caught {
                    parcel.held_by.push(id);
                    lane.hold(parcel, reports);
                }
            } else {
                self.lose(pair, caught, reports);
            }
        }
    }

    /// Releases what only this holds.
    pub(crate) fn let_go(&mut self, id: FaultId, reports: &Reports) {
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

    /// Delayed messages under way on these links arrive as if they had been sent now.
    pub(crate) fn hurry(&mut self, pairs: &[Pair], reports: &Reports) {
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
    pub(crate) fn names(&self, which: &MessageSelection) -> Vec<(MessageId, Pair)> {
        let everywhere =
            self.lanes.iter().flat_map(|(&pair, lane)| lane.queue.waiting().map(move |p| (p, pair)));
        let mut names: Vec<(MessageId, Pair)> = match which {
            MessageSelection::Message(id) => {
                everywhere.filter(|(parcel, _)| parcel.id == *id).map(name).collect()
            }
            MessageSelection::On(scope, matching) => everywhere
                .filter(|(parcel, (from, to))| {
                    scope.covers(*from, *to) && matches(matching, parcel.glance.as_ref())
                })
                .map(name)
                .collect(),
        };
        names.sort_unstable();
        if let MessageSelection::On(_, Matching { next: Some(next), .. }) = which {
            names.truncate(usize::try_from(*next).unwrap_or(usize::MAX));
        }
        names
    }

    pub(crate) fn take(&mut self, pair: Pair, id: MessageId) -> Vec<QueuedFrame> {
        let Some(lane) = self.lanes.get_mut(&pair) else { return Vec::new() };
        let mut taken = lane.queue.take_held(|parcel| parcel.id == id);
        taken.extend(lane.queue.take_under_way(|parcel| parcel.id == id));
        taken
    }

    /// A held message is under way for a moment if time passes; any other arrives immediately.
    pub(crate) fn release(&mut self, pair: Pair, id: MessageId, reports: &Reports) {
        let time = self.clock.time();
        let Some(lane) = self.lanes.get_mut(&pair) else { return };
        let flies = |parcel: &QueuedFrame| parcel.id == id && !time.rate.is_frozen();
        match lane.queue.take_held(flies).pop() {
            Some(mut parcel) => {
                parcel.held_by.clear();
                lane.send_alone(parcel, time.now + flight(time.rate), reports);
            }
            None => self.deliver(pair, id),
        }
    }

    pub(crate) fn deliver(&mut self, pair: Pair, id: MessageId) {
        for parcel in self.take(pair, id) {
            if let Some(lane) = self.lanes.get_mut(&pair) {
                lane.queue.deliver(parcel);
            }
        }
    }

    /// Takes what the receiver's socket can have next.
    pub(crate) fn take_ready(&mut self, pair: Pair) -> Option<QueuedFrame> {
        let lane = self.lanes.get_mut(&pair)?;
        let was_crowded = lane.queue.is_crowded();
        let parcel = lane.queue.take_ready()?;
        if was_crowded && !lane.queue.is_crowded() {
            lane.signals.room.notify_waiters();
        }
        self.bytes -= parcel.frame.len();
        Some(parcel)
    }

    /// Whether what has arrived next is not to be written.
    pub(crate) fn is_ticket_ready(&self, pair: Pair) -> bool {
        let first = self.lanes.get(&pair).and_then(|lane| lane.queue.first_ready());
        first.is_some_and(|parcel| parcel.ticket.is_some())
    }

    pub(crate) fn lose(&mut self, pair: Pair, parcels: Vec<QueuedFrame>, reports: &Reports) {
        let now = self.clock.now();
        for mut parcel in parcels {
            self.bytes -= parcel.frame.len();
            lost(pair, &mut parcel, now, reports);
        }
    }

    /// Removes rules that apply to no further messages and hold none. Says whether there is news.
    pub(crate) fn settle(&mut self) -> bool {
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
    pub(crate) fn set_gates(&mut self) -> Vec<(Pair, LinkState)> {
        let Self { book, lanes, .. } = self;
        let mut changed = Vec::new();
        for (&pair, lane) in lanes {
            let state = book.link(pair);
            let differs = lane.gate.send_if_modified(|now| std::mem::replace(now, state) != state);
            changed.extend(differs.then_some((pair, state)));
        }
        changed
    }
}

/// A proposal that came twice would be two writes: Raft guards its own messages against that, but not what clients have it propose.
fn may_come_twice(glance: Option<&Glance>) -> bool {
    glance.is_none_or(|glance| glance.kind != FrameKind::Propose)
}

fn flight(rate: ClockRate) -> Duration {
    if rate == ClockRate::REAL { Duration::ZERO } else { FLIGHT }
}

fn name((parcel, pair): (&QueuedFrame, Pair)) -> (MessageId, Pair) {
    (parcel.id, pair)
}

/// A message that was sent just now; it counts as lost until it gets another state.
fn report(id: MessageId, (from, to): Pair, glance: Glance, sent: Duration) -> MessageReport {
    let Glance { kind, term, index, granted, entries, detail } = glance;
    let (fields, state) = (detail.to_string(), MessageState::Lost { at: sent });
    MessageReport { id, from, to, kind, term, index, granted, entries, fields, sent, state }
}
