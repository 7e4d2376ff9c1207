//! Everything that is on the links of a driven cluster, and the rules that decide what happens to it. Time comes in as a value;
//! what arrives goes out as values.

use super::reports::Reports;
use raftdeck_model::glance::Glance;
use raftdeck_model::rulebook::{Decision, MessageInTransit, Pair, Rulebook, matches};
use raftdeck_model::{
    Effect, FaultId, FrameFate, LinkState, Matching, MessageId, MessageReport, MessageSelection,
    MessageState, Rule, Scope, Watch,
};
use raftdeck_protocol::{ClockRate, PeerFrame, frame};
use raftdeck_raft::{Message, NodeId, Sender};
use std::collections::BTreeMap;
use std::time::Duration;

/// The least time that a message is under way while cluster time is slowed down, so that eyes can see it fly.
const FLIGHT: Duration = Duration::from_millis(2);

/// The most messages on one link. What comes on top is lost, as at a router.
const MAX_MESSAGES: usize = 4096;

/// One message on a link.
#[derive(Debug)]
struct LinkMessage {
    id: MessageId,
    from: Sender,
    message: Message,
    glance: Glance,
    /// How many bytes it would have on a wire.
    size: usize,
    /// How it is reported; `None`: it is only counted.
    report: Option<Box<MessageReport>>,
    held_by: Vec<FaultId>,
    /// How long it takes once nothing holds it.
    takes: Duration,
}

/// One link.
#[derive(Debug, Default)]
struct Lane {
    under_way: BTreeMap<(Duration, MessageId), LinkMessage>,
    held: BTreeMap<MessageId, LinkMessage>,
    /// No message that keeps its place arrives before this one.
    last_due: Duration,
    /// Messages taken in since the seed was set.
    taken: u64,
    state: LinkState,
    /// It was reported that there is no room left.
    is_full: bool,
}

/// A message that has arrived: its sender, its receiver, its content.
pub(super) type Arrived = (Sender, NodeId, Message);

/// Changes of links, rules and watches that no command caused.
#[derive(Debug)]
pub(super) enum LinkNews {
    /// A link is open, cut or refused now.
    Gate(Pair, LinkState),
    /// A watch saw its message: these rules are in force now, under its name.
    Fired(FaultId, Vec<Rule>),
    /// The rules of this name have ended.
    Over(FaultId),
    /// There is no room left on this link.
    Full(Pair),
}

/// Now, and how fast time passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockMoment {
    pub(super) now: Duration,
    pub(super) rate: ClockRate,
}

impl ClockMoment {
    /// How long a message flies at least.
    fn flight(self) -> Duration {
        if self.rate == ClockRate::REAL { Duration::ZERO } else { FLIGHT }
    }
}

#[derive(Debug, Default)]
pub(super) struct Traffic {
    book: Rulebook,
    lanes: BTreeMap<Pair, Lane>,
    /// The message that was named last.
    newest: MessageId,
    pub(super) reports: Reports,
    news: Vec<LinkNews>,
    arrived: Vec<Arrived>,
}

impl Lane {
    fn len(&self) -> usize {
        self.under_way.len() + self.held.len()
    }

    fn take_held(&mut self, mut wanted: impl FnMut(&LinkMessage) -> bool) -> Vec<LinkMessage> {
        self.held.extract_if(.., |_, parcel| wanted(parcel)).map(|(_, parcel)| parcel).collect()
    }

    fn take_under_way(&mut self, mut wanted: impl FnMut(&LinkMessage) -> bool) -> Vec<LinkMessage> {
        self.under_way.extract_if(.., |_, parcel| wanted(parcel)).map(|(_, parcel)| parcel).collect()
    }

    fn hold(&mut self, mut parcel: LinkMessage, reports: &mut Reports) {
        parcel.is_now(MessageState::Held, reports);
        self.held.insert(parcel.id, parcel);
    }

    /// Sends a message on its way, behind those sent before unless others may overtake it, by this much.
    fn send(&mut self, parcel: LinkMessage, now: Duration, behind: Duration, reports: &mut Reports) {
        if self.under_way.is_empty() {
            self.last_due = Duration::ZERO;
        }
        let in_order = (now + parcel.takes).max(self.last_due);
        self.last_due = in_order;
        self.send_alone(parcel, in_order + behind, now, reports);
    }

    /// Sends a message on its way, whatever else is there.
    fn send_alone(&mut self, mut parcel: LinkMessage, due: Duration, now: Duration, reports: &mut Reports) {
        // What arrives immediately is reported on arrival.
        if due > now {
            parcel.is_now(MessageState::UnderWay { due }, reports);
        }
        self.under_way.insert((due, parcel.id), parcel);
    }
}

impl LinkMessage {
    fn is_now(&mut self, state: MessageState, reports: &mut Reports) {
        if let Some(report) = &mut self.report {
            report.state = state;
            reports.note(report);
        }
    }
}

impl Traffic {
    /// There is one more link. The rules may be about it already.
    pub(super) fn open(&mut self, pair: Pair) {
        self.lanes.insert(pair, Lane::default());
        self.set_gates();
    }

    /// There is one link less.
    pub(super) fn close(&mut self, pair: Pair, now: Duration) {
        let lane = self.lanes.remove(&pair);
        let lost = lane.map(|lane| lane.under_way.into_values().chain(lane.held.into_values()).collect());
        self.lose(pair, lost.unwrap_or_default(), now);
    }

    /// The receiver's process has ended: what was for it is lost.
    pub(super) fn bury(&mut self, node: NodeId, now: Duration) {
        let pairs: Vec<Pair> = self.lanes.keys().copied().filter(|(_, to)| *to == node).collect();
        for pair in pairs {
            let Some(lane) = self.lanes.get_mut(&pair) else { continue };
            let mut lost = lane.take_under_way(|_| true);
            lost.extend(lane.take_held(|_| true));
            self.lose(pair, lost, now);
        }
        self.settle();
    }

    /// All links.
    pub(super) fn pairs(&self) -> impl Iterator<Item = Pair> {
        self.lanes.keys().copied()
    }

    pub(super) fn has(&self, pair: Pair) -> bool {
        self.lanes.contains_key(&pair)
    }

    /// A member sends.
    pub(super) fn take_in(&mut self, from: Sender, to: NodeId, message: Message, moment: ClockMoment) {
        let (pair, glance) = ((from.id, to), Glance::of(&message));
        let Some(lane) = self.lanes.get_mut(&pair) else { return };
        lane.taken += 1;
        let size = size_of(from, &message);
        let passing =
            MessageInTransit { pair, number: lane.taken, glance: Some(&glance), size, now: moment.now };
        for (id, rules) in self.book.fire(passing) {
            self.news.push(LinkNews::Fired(id, rules.clone()));
            if rules.is_empty() {
                self.news.push(LinkNews::Over(id));
            }
            self.enforce(id, rules, moment.now);
            self.set_gates();
        }
        let decision = self.book.decide(passing);
        self.accept((from, to, message), (glance, size), &decision, moment);
        self.settle();
        self.arrive(moment.now);
    }

    fn accept(
        &mut self,
        (from, to, message): Arrived,
        (glance, size): (Glance, usize),
        decision: &Decision,
        moment: ClockMoment,
    ) {
        let (pair, now) = ((from.id, to), moment.now);
        let takes = decision.delay.max(moment.flight());
        let is_held = !decision.held_by.is_empty();
        let waits = is_held || !takes.is_zero() || !decision.behind.is_zero();
        let copies = 1 + usize::from(decision.twice && !decision.lost);
        let Self { lanes, reports, newest, news, .. } = self;
        let Some(lane) = lanes.get_mut(&pair) else { return };
        for _ in 0..copies {
            newest.0 += 1;
            let is_told = is_held || reports.has_room(waits);
            let report = is_told.then(|| Box::new(report(*newest, pair, glance, now)));
            let (message, held_by) = (message.clone(), decision.held_by.clone());
            let parcel = LinkMessage { id: *newest, from, message, glance, size, report, held_by, takes };
            let is_full = lane.len() >= MAX_MESSAGES;
            if is_full && !lane.is_full {
                news.push(LinkNews::Full(pair));
            }
            lane.is_full = is_full || (lane.is_full && lane.len() > MAX_MESSAGES / 2);
            if decision.lost || is_full {
                lost(pair, parcel, now, reports);
            } else if is_held {
                lane.hold(parcel, reports);
            } else {
                lane.send(parcel, now, decision.behind, reports);
            }
        }
    }

    /// When the next message arrives.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.lanes
            .values()
            .filter_map(|lane| lane.under_way.first_key_value())
            .map(|((due, _), _)| *due)
            .min()
    }

    /// Whatever is due has arrived.
    pub(super) fn arrive(&mut self, now: Duration) {
        let mut due = Vec::new();
        for (pair, lane) in &mut self.lanes {
            while let Some(first) = lane.under_way.first_entry()
                && first.key().0 <= now
            {
                let ((at, id), parcel) = first.remove_entry();
                due.push((at, id, *pair, parcel));
            }
        }
        due.sort_unstable_by_key(|(at, id, ..)| (*at, *id));
        for (_, _, pair, parcel) in due {
            self.deliver(pair, parcel, now);
        }
    }

    fn deliver(&mut self, pair: Pair, mut parcel: LinkMessage, now: Duration) {
        self.reports.count(pair, &parcel.glance, parcel.size, FrameFate::Delivered);
        parcel.is_now(MessageState::Delivered { at: now }, &mut self.reports);
        self.arrived.push((parcel.from, pair.1, parcel.message));
    }

    /// Takes what has arrived.
    pub(super) fn take_arrived(&mut self) -> Vec<Arrived> {
        std::mem::take(&mut self.arrived)
    }

    /// Takes what happened to things in force.
    pub(super) fn take_news(&mut self) -> Vec<LinkNews> {
        std::mem::take(&mut self.news)
    }

    /// Rules come into force, under this name, which is a new one.
    pub(super) fn disturb(&mut self, id: FaultId, rules: Vec<Rule>, now: Duration) {
        self.enforce(id, rules, now);
        self.settle();
        self.set_gates();
    }

    pub(super) fn watch(&mut self, id: FaultId, watch: Watch) {
        self.book.watch(id, watch);
    }

    /// What is cut or held from now on loses or holds what is under way as well.
    fn enforce(&mut self, id: FaultId, rules: Vec<Rule>, now: Duration) {
        for rule in rules {
            if rule.matching.next.is_none() && rule.effect.sweeps() {
                self.sweep(id, &rule, now);
            }
            self.book.add(id, rule);
        }
    }

    fn sweep(&mut self, id: FaultId, rule: &Rule, now: Duration) {
        let covered: Vec<Pair> = self.pairs().filter(|(from, to)| rule.scope.covers(*from, *to)).collect();
        for pair in covered {
            let Some(lane) = self.lanes.get_mut(&pair) else { continue };
            let caught = lane.take_under_way(|parcel| matches(&rule.matching, Some(&parcel.glance)));
            if rule.effect != Effect::Hold {
                self.lose(pair, caught, now);
                continue;
            }
            for mut parcel in caught {
                parcel.held_by.push(id);
                lane.hold(parcel, &mut self.reports);
            }
        }
    }

    /// Ends the fault with this id. Messages that only it held continue; those that only it delayed arrive as if they had
    /// been sent now.
    pub(super) fn undo(&mut self, id: FaultId, moment: ClockMoment) {
        let slowed = self.book.slowed_by(id);
        self.book.remove(id);
        self.let_go(id, moment);
        let is_freed = |(from, to): Pair| slowed.iter().any(|scope| scope.covers(from, to));
        let freed: Vec<Pair> =
            self.pairs().filter(|&pair| is_freed(pair) && !self.book.is_slow(pair)).collect();
        self.hurry(&freed, moment);
        self.settle();
        self.set_gates();
        self.arrive(moment.now);
    }

    fn let_go(&mut self, id: FaultId, moment: ClockMoment) {
        let Self { lanes, reports, .. } = self;
        for lane in lanes.values_mut() {
            for mut parcel in lane.take_held(|parcel| parcel.held_by.contains(&id)) {
                parcel.held_by.retain(|holder| *holder != id);
                if parcel.held_by.is_empty() {
                    parcel.takes = parcel.takes.max(moment.flight());
                    lane.send(parcel, moment.now, Duration::ZERO, reports);
                } else {
                    lane.held.insert(parcel.id, parcel);
                }
            }
        }
    }

    /// No message under way is delayed any longer, whichever rule delayed it.
    pub(super) fn hurry_all(&mut self, moment: ClockMoment) {
        let all: Vec<Pair> = self.pairs().collect();
        self.hurry(&all, moment);
        self.arrive(moment.now);
    }

    fn hurry(&mut self, pairs: &[Pair], moment: ClockMoment) {
        let due = moment.now + moment.flight();
        for pair in pairs {
            let Some(lane) = self.lanes.get_mut(pair) else { continue };
            lane.last_due = lane.last_due.min(due);
            lane.held.values_mut().for_each(|parcel| parcel.takes = Duration::ZERO);
            let mut delayed: Vec<LinkMessage> =
                lane.under_way.extract_if(.., |(at, _), _| *at > due).map(|(_, parcel)| parcel).collect();
            delayed.sort_unstable_by_key(|parcel| parcel.id);
            for parcel in delayed {
                lane.send_alone(parcel, due, moment.now, &mut self.reports);
            }
        }
    }

    /// From now on chance is decided by this seed, and the messages of each link are numbered anew.
    pub(super) fn seed(&mut self, seed: u64) {
        self.book.seed(seed);
        self.lanes.values_mut().for_each(|lane| lane.taken = 0);
    }

    /// Messages by name, oldest first.
    fn names(&self, which: &MessageSelection) -> Vec<(MessageId, Pair)> {
        let everywhere = self.lanes.iter().flat_map(|(&pair, lane)| {
            lane.under_way.values().chain(lane.held.values()).map(move |parcel| (parcel, pair))
        });
        let is_meant = |(parcel, (from, to)): &(&LinkMessage, Pair)| match which {
            MessageSelection::Message(id) => parcel.id == *id,
            MessageSelection::On(scope, matching) => {
                scope.covers(*from, *to) && matches(matching, Some(&parcel.glance))
            }
        };
        let mut names: Vec<(MessageId, Pair)> =
            everywhere.filter(is_meant).map(|(parcel, pair)| (parcel.id, pair)).collect();
        names.sort_unstable();
        if let MessageSelection::On(_, Matching { next: Some(next), .. }) = which {
            names.truncate(usize::try_from(*next).unwrap_or(usize::MAX));
        }
        names
    }

    fn take(&mut self, pair: Pair, id: MessageId) -> Vec<LinkMessage> {
        let Some(lane) = self.lanes.get_mut(&pair) else { return Vec::new() };
        let mut taken = lane.take_held(|parcel| parcel.id == id);
        taken.extend(lane.take_under_way(|parcel| parcel.id == id));
        taken
    }

    /// Lets messages go on by hand; says how many. A held one flies if time passes; anything else arrives at once.
    pub(super) fn release(&mut self, which: &MessageSelection, moment: ClockMoment) -> usize {
        let names = self.names(which);
        for &(id, pair) in &names {
            let flies = |parcel: &LinkMessage| parcel.id == id && !moment.rate.is_frozen();
            let held = self.lanes.get_mut(&pair).and_then(|lane| lane.take_held(flies).pop());
            match (held, self.lanes.get_mut(&pair)) {
                (Some(mut parcel), Some(lane)) => {
                    parcel.held_by.clear();
                    lane.send_alone(parcel, moment.now + moment.flight(), moment.now, &mut self.reports);
                }
                _ => self.deliver_now(pair, id, moment.now),
            }
        }
        self.settle();
        self.arrive(moment.now);
        names.len()
    }

    fn deliver_now(&mut self, pair: Pair, id: MessageId, now: Duration) {
        for parcel in self.take(pair, id) {
            self.deliver(pair, parcel, now);
        }
    }

    /// Loses messages that are held or under way; says how many.
    pub(super) fn discard(&mut self, which: &MessageSelection, now: Duration) -> usize {
        let names = self.names(which);
        for &(id, pair) in &names {
            let taken = self.take(pair, id);
            self.lose(pair, taken, now);
        }
        self.settle();
        names.len()
    }

    /// Delivers the oldest message of all links immediately, held or under way. `false`: there is none.
    pub(super) fn deliver_oldest(&mut self, now: Duration) -> bool {
        let oldest = self.names(&MessageSelection::On(Scope::All, Matching::default())).first().copied();
        let Some((id, pair)) = oldest else { return false };
        self.deliver_now(pair, id, now);
        self.settle();
        true
    }

    fn lose(&mut self, pair: Pair, parcels: Vec<LinkMessage>, now: Duration) {
        for parcel in parcels {
            lost(pair, parcel, now, &mut self.reports);
        }
    }

    /// Removes rules that cover no further messages and hold none.
    fn settle(&mut self) {
        for id in self.book.exhausted() {
            let holds = |lane: &Lane| lane.held.values().any(|parcel| parcel.held_by.contains(&id));
            if !self.lanes.values().any(holds) {
                self.book.remove(id);
                self.news.push(LinkNews::Over(id));
            }
        }
    }

    /// Opens and closes gates as the rules want it.
    fn set_gates(&mut self) {
        for (&pair, lane) in &mut self.lanes {
            let state = self.book.link(pair);
            if std::mem::replace(&mut lane.state, state) != state {
                self.news.push(LinkNews::Gate(pair, state));
            }
        }
    }
}

/// How many bytes it would have on a wire.
fn size_of(from: Sender, message: &Message) -> usize {
    let incarnation = from.incarnation.unwrap_or(raftdeck_raft::Incarnation([0; 16]));
    frame::encode(&PeerFrame { from: from.id, incarnation, message: message.clone() }).len()
}

/// A message will not arrive.
fn lost(pair: Pair, mut parcel: LinkMessage, at: Duration, reports: &mut Reports) {
    reports.count(pair, &parcel.glance, parcel.size, FrameFate::Lost);
    parcel.is_now(MessageState::Lost { at }, reports);
}

fn report(id: MessageId, (from, to): Pair, glance: Glance, sent: Duration) -> MessageReport {
    let Glance { kind, term, index, granted, entries, detail } = glance;
    let (fields, state) = (detail.to_string(), MessageState::Lost { at: sent });
    MessageReport { id, from, to, kind, term, index, granted, entries, fields, sent, state }
}
