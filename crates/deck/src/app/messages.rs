//! The messages on the links: every one that the lab reported, bounded, and which of them are in sight.
//!
//! What is open (held or under way) is kept apart from what has ended. So a message that has been held for long is not pushed out by
//! the thousands that passed meanwhile.

use crate::app::find::MatchPlace;
use crate::app::routine::Routine;
use crate::app::sieve::Sieve;
use raftdeck_model::{FrameKind, MessageId, MessageReport, MessageState};
use raftdeck_raft::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The most messages kept that have ended, and the most that are open.
pub const MAX_MESSAGES: usize = 4000;

/// A message that takes this long, or is held, is drawn where it is.
pub const LONG: Duration = Duration::from_millis(200);

/// A message that arrived or was lost while time is slow stays on the screen for this long.
const FLASH: Duration = Duration::from_millis(450);

/// The most messages that have just ended and are shown at the same time.
const MAX_FLASHES: usize = 64;

/// Where on its link the first held message is drawn.
const STAND: f64 = 0.62;

/// The distance between held messages.
const APART: f64 = 0.09;

/// The most held messages drawn on one link; the others are counted.
pub const MAX_STANDING: usize = 5;

/// A message and how it moves.
#[derive(Clone, Debug, PartialEq)]
struct Message {
    report: MessageReport,
    /// Since when it moves, and from which fraction of the way.
    moves: (Duration, f64),
}

/// A message that has just ended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Flash {
    report: MessageReport,
    until: Duration,
}

/// A message as it is to be drawn on its link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrawnMessage {
    /// The sender.
    pub from: NodeId,
    /// The receiving node.
    pub to: NodeId,
    /// What it is.
    pub kind: FrameKind,
    /// For an answer: yes or no.
    pub granted: Option<bool>,
    /// How far it is on its way, as a fraction.
    pub part: f64,
    /// What it does there.
    pub does: MessageMotion,
}

/// What a message does where it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageMotion {
    /// It moves.
    Moves,
    /// It is held.
    Stands,
    /// It has just arrived.
    Lands,
    /// It is lost.
    Bursts,
}

/// The messages, and the list's cursor.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    open: BTreeMap<MessageId, Message>,
    over: BTreeMap<MessageId, MessageReport>,
    flashes: Vec<Flash>,
    /// Links whose last message took long or is held.
    slow: BTreeSet<(NodeId, NodeId)>,
    /// How many messages passed that the lab did not report singly.
    pub skipped: u64,
    /// The filter that decides which are shown.
    pub sieve: Sieve,
    /// The message under the cursor; `None`: the newest, whichever that is.
    cursor: Option<MessageId>,
    /// Heartbeats and their answers that arrive as they should.
    routine: Routine,
    /// Whether time is slow: then there are few enough heartbeats to show each.
    is_slow: bool,
    /// Whether heartbeats are folded, if a person has chosen.
    folds: Option<bool>,
}

impl Messages {
    /// Takes messages; `now` is the deck's time and `time` the cluster's. Says whether anything is new that is not folded.
    pub fn tell(
        &mut self,
        told: Vec<MessageReport>,
        skipped: u64,
        slow: bool,
        now: Duration,
        time: Duration,
    ) -> bool {
        self.is_slow = slow;
        self.skipped = self.skipped.saturating_add(skipped);
        let mut any = false;
        for report in told {
            self.note_link(&report);
            self.routine.note(&report);
            any |= self.passes(&report);
            self.take(report, slow, now, time);
        }
        while self.open.len() > MAX_MESSAGES {
            self.open.pop_first();
        }
        while self.over.len() > MAX_MESSAGES {
            if let Some((id, _)) = self.over.pop_first() {
                self.routine.forget(id);
            }
        }
        any
    }

    fn take(&mut self, report: MessageReport, slow: bool, now: Duration, time: Duration) {
        let before = self.open.remove(&report.id);
        if report.state.is_over() {
            let seen = slow || before.is_some_and(|message| is_long(&message.report));
            if seen && self.flashes.len() < MAX_FLASHES {
                self.flashes.push(Flash { report: report.clone(), until: now.saturating_add(FLASH) });
            }
            self.over.insert(report.id, report);
            return;
        }
        let moves = match before {
            // A released message moves on from where it was held.
            Some(Message { report: MessageReport { state: MessageState::Held, .. }, .. }) => (time, STAND),
            Some(message) => message.moves,
            None => (report.sent, 0.0),
        };
        self.open.insert(report.id, Message { report, moves });
    }

    fn note_link(&mut self, report: &MessageReport) {
        let link = (report.from, report.to);
        if is_long(report) {
            self.slow.insert(link);
        } else if report.state.is_over() {
            self.slow.remove(&link);
        }
    }

    /// Keeps where the person reads: the filter, the cursor, and whether heartbeats are folded.
    pub(super) fn keep_reader(&mut self, before: &Self) {
        (self.cursor, self.folds) = (before.cursor, before.folds);
        self.sieve = before.sieve.clone();
    }

    /// Forgets what is no longer shown: the flashes that have ended, and messages that must have arrived long ago although that was
    /// not reported.
    pub fn tidy(&mut self, now: Duration, time: Duration) {
        const LATE: Duration = Duration::from_secs(5);
        self.flashes.retain(|flash| now < flash.until);
        self.open.retain(|_, message| match message.report.state {
            MessageState::UnderWay { due } => time.saturating_sub(due) < LATE,
            _ => true,
        });
    }

    /// Whether messages of this link are drawn at their true places.
    #[must_use]
    pub fn is_slow(&self, from: NodeId, to: NodeId) -> bool {
        self.slow.contains(&(from, to))
    }

    /// Forgets the links of nodes that are gone.
    pub fn keep(&mut self, known: impl Fn(NodeId) -> bool) {
        self.slow.retain(|(from, to)| known(*from) && known(*to));
        self.open.retain(|_, message| known(message.report.from) && known(message.report.to));
    }

    /// One message.
    #[must_use]
    pub fn get(&self, id: MessageId) -> Option<&MessageReport> {
        self.open.get(&id).map(|message| &message.report).or_else(|| self.over.get(&id))
    }

    /// Whether heartbeats and their answers are folded: unless a person has chosen, while they come too fast to read. A filter that
    /// names kinds shows those kinds.
    #[must_use]
    pub fn folds(&self) -> bool {
        !self.sieve.names_kinds() && self.folds.unwrap_or(!self.is_slow)
    }

    /// Folds the heartbeats, or shows them.
    pub fn toggle_fold(&mut self) {
        self.folds = Some(!self.folds());
    }

    /// Time passes slowly from now on, or in real time.
    pub fn set_slow(&mut self, slow: bool) {
        self.is_slow = slow;
    }

    /// How many messages are folded between these two, from the first and to the last where there is none.
    #[must_use]
    pub fn folded(&self, after: Option<MessageId>, before: Option<MessageId>) -> usize {
        if self.folds() { self.routine.between(after, before) } else { 0 }
    }

    fn passes(&self, report: &MessageReport) -> bool {
        self.sieve.passes(report) && !(self.folds() && self.routine.has(report.id))
    }

    /// How many are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.open.values().filter(|message| message.report.state == MessageState::Held).count()
    }

    /// How many are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.open.len() - self.held()
    }

    /// Those that pass the sieve, newest first, from this one on (included).
    pub fn back_from(&self, id: MessageId) -> impl Iterator<Item = &MessageReport> {
        let open = self.open.range(..=id).rev().map(|(_, message)| &message.report);
        let over = self.over.range(..=id).rev().map(|(_, report)| report);
        merged(open, over, |one, other| one > other).filter(|report| self.passes(report))
    }

    /// Those that pass the sieve, oldest first, after this one.
    pub fn on_from(&self, id: MessageId) -> impl Iterator<Item = &MessageReport> {
        let after = (std::ops::Bound::Excluded(id), std::ops::Bound::Unbounded);
        let open = self.open.range(after).map(|(_, message)| &message.report);
        let over = self.over.range(after).map(|(_, report)| report);
        merged(open, over, |one, other| one < other).filter(|report| self.passes(report))
    }

    /// The newest that passes the sieve.
    #[must_use]
    pub fn newest(&self) -> Option<&MessageReport> {
        self.back_from(MessageId(u64::MAX)).next()
    }

    /// The message under the cursor.
    #[must_use]
    pub fn chosen(&self) -> Option<&MessageReport> {
        match self.cursor {
            Some(cursor) => self.back_from(cursor).next().or_else(|| self.on_from(cursor).next()),
            None => self.newest(),
        }
    }

    /// Whether the cursor stays with the newest.
    #[must_use]
    pub fn follows(&self) -> bool {
        self.cursor.is_none()
    }

    /// Moves the cursor by this many messages, to newer ones or back.
    pub fn step(&mut self, by: usize, newer: bool) {
        let Some(chosen) = self.chosen().map(|report| report.id) else { return };
        let next = if newer {
            let later = self.on_from(chosen).take(by).last().map(|report| report.id);
            later.filter(|id| self.newest().is_some_and(|newest| newest.id != *id))
        } else {
            self.back_from(chosen).take(by.saturating_add(1)).last().map(|report| report.id)
        };
        self.cursor = next;
    }

    /// Moves the cursor to this message.
    pub fn choose(&mut self, id: MessageId) {
        self.cursor = Some(id);
    }

    /// Moves the cursor to the oldest.
    pub fn to_start(&mut self) {
        let oldest = self.on_from(MessageId(0)).next().map(|report| report.id);
        self.cursor = oldest;
    }

    /// Moves the cursor to the newest, and keeps it there.
    pub fn to_end(&mut self) {
        self.cursor = None;
    }

    /// Moves the cursor to the next message that is shown, or the one before, round the end.
    pub fn turn(&mut self, on: bool) {
        let Some(chosen) = self.chosen().map(|report| report.id) else { return };
        let next = if on { self.on_from(chosen).next() } else { self.back_from(chosen).nth(1) };
        let next = next.map(|report| report.id);
        match (next, on) {
            (Some(_), _) => self.cursor = next,
            (None, true) => self.to_start(),
            (None, false) => self.to_end(),
        }
    }

    /// Where the cursor is among those that are shown.
    #[must_use]
    pub fn place(&self) -> MatchPlace {
        let Some(chosen) = self.chosen().map(|report| report.id) else {
            return MatchPlace { at: None, of: 0 };
        };
        let before = self.back_from(chosen).count();
        MatchPlace { at: before.checked_sub(1), of: before + self.on_from(chosen).count() }
    }

    /// Moves the cursor to the next message that is held or under way; after the last, to the first.
    pub fn to_open(&mut self) {
        let passes = |message: &&Message| self.passes(&message.report);
        let after = self.chosen().map_or(MessageId(0), |report| report.id);
        let next = self.open.values().filter(passes).map(|message| message.report.id);
        let mut all = next.clone();
        self.cursor = next.into_iter().find(|id| *id > after).or_else(|| all.next()).or(self.cursor);
    }

    /// The messages on the links, to be drawn at `time` (the cluster's) and `now` (the deck's). While time is not slow, only those
    /// that are held or take long.
    #[must_use]
    pub fn shown(&self, slow: bool, now: Duration, time: Duration) -> Vec<DrawnMessage> {
        let mut standing: BTreeMap<(NodeId, NodeId), usize> = BTreeMap::new();
        let mut shown = Vec::new();
        for message in self.open.values() {
            let report = &message.report;
            let place = match report.state {
                MessageState::Held => {
                    let before = standing.entry((report.from, report.to)).or_default();
                    *before += 1;
                    (*before <= MAX_STANDING).then(|| (queue_place(*before), MessageMotion::Stands))
                }
                MessageState::UnderWay { due } if slow || is_long(report) => {
                    Some((way(message.moves, due, time), MessageMotion::Moves))
                }
                _ => None,
            };
            shown.extend(place.map(|(part, does)| drawn(report, part, does)));
        }
        let flashes = self.flashes.iter().filter(|flash| now < flash.until);
        shown.extend(flashes.map(|flash| match flash.report.state {
            MessageState::Lost { .. } => drawn(&flash.report, 0.5, MessageMotion::Bursts),
            _ => drawn(&flash.report, 0.96, MessageMotion::Lands),
        }));
        shown
    }

    /// How many are held on a link.
    #[must_use]
    pub fn held_on(&self, from: NodeId, to: NodeId) -> usize {
        let here = |report: &MessageReport| {
            (report.from, report.to) == (from, to) && report.state == MessageState::Held
        };
        self.open.values().filter(|message| here(&message.report)).count()
    }

    /// When the picture next changes without any input, if a picture is drawn each `step`.
    #[must_use]
    pub fn next_change(&self, frozen: bool, slow: bool, now: Duration, step: Duration) -> Option<Duration> {
        let moves = |message: &Message| {
            matches!(message.report.state, MessageState::UnderWay { .. })
                && (slow || is_long(&message.report))
        };
        let moving = !frozen && self.open.values().any(moves);
        let flash = self.flashes.iter().map(|flash| flash.until).filter(|until| now < *until).min();
        moving.then(|| now.saturating_add(step)).into_iter().chain(flash).min()
    }
}

fn drawn(report: &MessageReport, part: f64, does: MessageMotion) -> DrawnMessage {
    let MessageReport { from, to, kind, granted, .. } = *report;
    DrawnMessage { from, to, kind, granted, part, does }
}

/// Whether a person can see it on its way at real time.
pub(crate) fn is_long(report: &MessageReport) -> bool {
    match report.state {
        MessageState::Held => true,
        MessageState::UnderWay { due: end } | MessageState::Delivered { at: end } => {
            end.saturating_sub(report.sent) >= LONG
        }
        MessageState::Lost { .. } => false,
    }
}

/// The first held one is foremost.
fn queue_place(place: usize) -> f64 {
    let behind = u32::try_from(place.saturating_sub(1)).unwrap_or(0);
    (STAND - APART * f64::from(behind)).max(0.1)
}

/// The fraction of its way that a message has covered.
fn way((since, from): (Duration, f64), due: Duration, time: Duration) -> f64 {
    let whole = due.saturating_sub(since).as_secs_f64();
    let part = if whole <= 0.0 { 1.0 } else { time.saturating_sub(since).as_secs_f64() / whole };
    (from + (1.0 - from) * part).clamp(0.0, 1.0)
}

/// Merges two ordered series into one; `first` says which id comes first.
fn merged<'a>(
    one: impl Iterator<Item = &'a MessageReport>,
    other: impl Iterator<Item = &'a MessageReport>,
    first: fn(MessageId, MessageId) -> bool,
) -> impl Iterator<Item = &'a MessageReport> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(a), Some(b)) if first(a.id, b.id) => one.next(),
        (_, Some(_)) => other.next(),
        (Some(_), None) => one.next(),
        (None, None) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::Term;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn message(id: u64, state: MessageState) -> MessageReport {
        MessageReport {
            id: MessageId(id),
            from: NodeId(1),
            to: NodeId(2),
            kind: FrameKind::RequestVote,
            term: Term(3),
            index: None,
            granted: None,
            entries: 0,
            fields: String::new(),
            sent: ms(10),
            state,
        }
    }

    fn under_way(id: u64, due: u64) -> MessageReport {
        message(id, MessageState::UnderWay { due: ms(due) })
    }

    fn arrived(id: u64) -> MessageReport {
        message(id, MessageState::Delivered { at: ms(10) })
    }

    fn tell(messages: &mut Messages, told: Vec<MessageReport>) {
        messages.tell(told, 0, true, ms(0), ms(10));
    }

    #[test]
    fn a_message_moves_with_cluster_time_and_one_let_go_goes_from_where_it_stood() {
        let mut messages = Messages::default();
        tell(&mut messages, vec![under_way(1, 20)]);
        let part =
            |messages: &Messages, time| messages.shown(true, ms(0), time).first().map(|shown| shown.part);
        assert_eq!(part(&messages, ms(10)), Some(0.0));
        assert_eq!(part(&messages, ms(15)), Some(0.5));
        assert_eq!(part(&messages, ms(90)), Some(1.0));
        assert_eq!(messages.shown(false, ms(0), ms(15)), [], "too fast for the eye at real time");
        tell(&mut messages, vec![message(1, MessageState::Held)]);
        assert_eq!(part(&messages, ms(15)), Some(STAND));
        messages.tell(vec![under_way(1, 40)], 0, true, ms(0), ms(30));
        assert_eq!(part(&messages, ms(30)), Some(STAND));
        assert_eq!(part(&messages, ms(40)), Some(1.0));
    }

    #[test]
    fn what_ends_while_time_is_slow_is_seen_to_end() {
        let mut messages = Messages::default();
        tell(&mut messages, vec![message(1, MessageState::Lost { at: ms(10) }), arrived(2)]);
        let does = |messages: &Messages, now| {
            messages.shown(true, now, ms(10)).iter().map(|shown| shown.does).collect::<Vec<_>>()
        };
        assert_eq!(does(&messages, ms(0)), [MessageMotion::Bursts, MessageMotion::Lands]);
        assert_eq!(messages.next_change(true, true, ms(0), ms(66)), Some(FLASH));
        assert_eq!(does(&messages, FLASH), []);
        assert_eq!(messages.next_change(true, true, FLASH, ms(66)), None, "a frozen world is still");
    }

    #[test]
    fn held_messages_stand_in_a_queue_and_survive_a_flood() {
        let mut messages = Messages::default();
        tell(&mut messages, (1..=9).map(|id| message(id, MessageState::Held)).collect());
        let shown = messages.shown(false, ms(0), ms(10));
        assert_eq!((shown.len(), messages.held_on(NodeId(1), NodeId(2))), (MAX_STANDING, 9));
        assert!(shown.windows(2).all(|pair| pair[0].part > pair[1].part), "the oldest stands foremost");
        tell(&mut messages, (10..20_000).map(arrived).collect());
        assert_eq!((messages.held(), messages.over.len()), (9, MAX_MESSAGES));
        assert!(messages.get(MessageId(1)).is_some());
    }

    #[test]
    fn the_cursor_stays_with_its_message_and_at_the_end_follows() {
        let mut messages = Messages::default();
        tell(&mut messages, (1..=5).map(arrived).collect());
        let chosen = |messages: &Messages| messages.chosen().map(|report| report.id.0);
        assert_eq!(chosen(&messages), Some(5));
        messages.step(2, false);
        assert_eq!((chosen(&messages), messages.follows()), (Some(3), false));
        tell(&mut messages, vec![arrived(6)]);
        assert_eq!(chosen(&messages), Some(3));
        messages.step(100, false);
        assert_eq!(chosen(&messages), Some(1));
        messages.step(100, true);
        assert_eq!((chosen(&messages), messages.follows()), (Some(6), true));
        tell(&mut messages, vec![message(7, MessageState::Held), arrived(8)]);
        messages.to_open();
        assert_eq!(chosen(&messages), Some(7));
        messages.to_start();
        assert_eq!(chosen(&messages), Some(1));
    }

    #[test]
    fn heartbeats_are_folded_in_real_time_unless_they_are_lost_or_take_long() {
        let beat = |id, state| MessageReport { kind: FrameKind::Heartbeat, ..message(id, state) };
        let answer = |id| MessageReport {
            kind: FrameKind::AppendReply,
            from: NodeId(2),
            to: NodeId(1),
            granted: Some(true),
            ..arrived(id)
        };
        let at = MessageState::Delivered { at: ms(10) };
        let mut messages = Messages::default();
        let mut real = |told| messages.tell(told, 0, false, ms(0), ms(10));
        assert!(!real(vec![beat(1, at), answer(2)]), "the screen stays as it is");
        assert!(real(vec![MessageReport { kind: FrameKind::AppendEntries, ..arrived(3) }, answer(4)]));
        assert!(real(vec![
            beat(5, at),
            beat(6, MessageState::Held),
            beat(7, MessageState::Lost { at: ms(10) })
        ]));
        let ids = |messages: &Messages| {
            messages.on_from(MessageId(0)).map(|report| report.id.0).collect::<Vec<_>>()
        };
        assert_eq!(ids(&messages), [3, 4, 6, 7], "the answer to entries is no heartbeat's");
        assert_eq!(messages.folded(None, Some(MessageId(3))), 2);
        assert_eq!(messages.folded(Some(MessageId(4)), Some(MessageId(6))), 1);
        messages.set_slow(true);
        assert_eq!(ids(&messages), [1, 2, 3, 4, 5, 6, 7]);
        messages.toggle_fold();
        assert_eq!(ids(&messages), [3, 4, 6, 7]);
        messages.sieve = Sieve::parse("heartbeats");
        assert_eq!(ids(&messages), [1, 2, 4, 5, 6, 7]);
    }

    #[test]
    fn those_that_pass_the_filter_are_counted_and_gone_through_round_the_end() {
        let mut messages = Messages::default();
        tell(&mut messages, (1..=5).map(arrived).collect());
        tell(&mut messages, vec![message(6, MessageState::Held)]);
        messages.sieve = Sieve::parse("#2 #4 #6");
        let place = |messages: &Messages| messages.place().to_string();
        assert_eq!(place(&messages), "3 of 3");
        messages.turn(true);
        assert_eq!((place(&messages), messages.follows()), ("1 of 3".to_owned(), false));
        messages.turn(true);
        assert_eq!(messages.chosen().map(|report| report.id.0), Some(4));
        messages.turn(false);
        messages.turn(false);
        assert!(messages.follows(), "before the oldest is the newest");
        messages.sieve = Sieve::parse("nonsense");
        messages.turn(true);
        assert_eq!(place(&messages), "no match");
    }

    #[test]
    fn links_are_slow_while_their_last_message_took_long() {
        let mut messages = Messages::default();
        tell(&mut messages, vec![under_way(1, 900)]);
        assert!(messages.is_slow(NodeId(1), NodeId(2)) && !messages.is_slow(NodeId(2), NodeId(1)));
        tell(&mut messages, vec![arrived(2)]);
        assert!(!messages.is_slow(NodeId(1), NodeId(2)));
    }

    #[test]
    fn a_message_whose_arrival_was_never_told_is_forgotten() {
        let mut messages = Messages::default();
        tell(&mut messages, vec![under_way(1, 20), message(2, MessageState::Held)]);
        messages.tidy(ms(0), ms(20));
        assert_eq!(messages.under_way(), 1);
        messages.tidy(ms(0), ms(6000));
        assert_eq!((messages.under_way(), messages.held()), (0, 1));
    }
}
