//! What is on the links, in virtual time and without sockets.

use super::state::FLIGHT;
use super::*;
use crate::queue::MAX_FRAMES;
use crate::time::ClusterClock;
use crate::wire::{RaftdeckWire, Wire};
use raftdeck_model::{Delay, Effect, MessageReport, Probability};
use raftdeck_protocol::{ClockRate, PeerFrame, frame};
use raftdeck_raft::{LogId, LogIndex, Message, NodeId, Term, VoteReply, VoteRequest};
use tokio::time::advance;

const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);
const LINK: Pair = (N1, N2);
const LIFE: u64 = 2;
const FIRST: FaultId = FaultId(1);
const SECOND: FaultId = FaultId(2);
const HUNDREDTH: Option<ClockRate> = ClockRate::from_millionths(10_000);

/// The links between three nodes, and everything that was reported of them.
struct Rig {
    clock: ClusterClock,
    traffic: Traffic,
    told: Arc<Mutex<Vec<News>>>,
}

impl Rig {
    fn new(rate: ClockRate) -> Self {
        let clock = ClusterClock::start(rate);
        let told = Arc::new(Mutex::new(Vec::new()));
        let teller = Arc::clone(&told);
        let outlet = Outlet::new(clock.reader(), move |update| teller.lock().unwrap().push(update.what));
        let traffic = Traffic::new(clock.reader(), outlet);
        for (from, to) in [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)] {
            traffic.open((NodeId(from), NodeId(to)));
        }
        Self { clock, traffic, told }
    }

    /// Sends a message whose term is its mark.
    fn send(&self, pair: Pair, term: u64) {
        let request = VoteRequest { term: Term(term), last: LogId::default(), transfer: false };
        self.send_message(pair, Message::RequestVote(request));
    }

    fn send_message(&self, pair: Pair, message: Message) {
        let framed = frame::encode(&PeerFrame {
            from: pair.0,
            incarnation: raftdeck_raft::Incarnation([7; 16]),
            message,
        });
        let glance = RaftdeckWire.glance(&framed);
        self.traffic.take_in(pair, (LIFE, None), framed, glance, None);
    }

    /// The marks of those that have arrived.
    fn arrived(&self, pair: Pair) -> Vec<u64> {
        std::iter::from_fn(|| self.traffic.next_frame(pair, None)).map(|frame| mark(&frame)).collect()
    }

    /// The messages reported since the last call: their marks and their states.
    fn messages(&self) -> Vec<(u64, MessageState)> {
        let messages = self.traffic.reports.take().into_iter().filter_map(|update| match update {
            News::Messages { messages, .. } => Some(messages),
            _ => None,
        });
        messages.flatten().map(|message| (message.term.0, message.state)).collect()
    }

    fn gates(&self) -> Vec<(u64, u64, LinkState)> {
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        let gates = told.into_iter().map(|update| match update {
            News::Link { from, to, state } => (from.0, to.0, state),
            other => panic!("{other:?}"),
        });
        gates.collect()
    }
}

fn mark(frame: &[u8]) -> u64 {
    RaftdeckWire.glance(frame).unwrap().term.0
}

fn on(scope: Scope, effect: Effect) -> Rule {
    Rule { scope, matching: Matching::default(), effect }
}

fn link((from, to): Pair) -> Scope {
    Scope::Links([(from, to)].into())
}

fn all() -> MessageSelection {
    MessageSelection::On(Scope::All, Matching::default())
}

fn next(count: u64, rule: Rule) -> Rule {
    Rule { matching: Matching { next: Some(count), ..rule.matching }, ..rule }
}

fn delay(millis: u64) -> Effect {
    Effect::Delay(Delay::Fixed(Duration::from_millis(millis)))
}

async fn pass(millis: u64) {
    advance(Duration::from_millis(millis)).await;
}

#[tokio::test(start_paused = true)]
async fn without_rules_a_message_passes_at_once_in_real_time_and_flies_in_slow_motion() {
    let rig = Rig::new(ClockRate::REAL);
    rig.send(LINK, 1);
    assert_eq!(rig.arrived(LINK), [1]);
    assert_eq!(rig.messages(), [(1, MessageState::Delivered { at: Duration::ZERO })]);
    rig.clock.set(HUNDREDTH.unwrap(), None);
    rig.send(LINK, 2);
    assert_eq!(rig.messages(), [(2, MessageState::UnderWay { due: FLIGHT })]);
    pass(199).await;
    assert!(rig.arrived(LINK).is_empty());
    pass(1).await;
    assert_eq!(rig.arrived(LINK), [2]);
    assert_eq!(rig.messages(), [(2, MessageState::Delivered { at: FLIGHT })]);
}

#[tokio::test(start_paused = true)]
async fn nothing_arrives_while_the_world_is_frozen_but_by_hand() {
    let rig = Rig::new(ClockRate::FROZEN);
    (1..=4).for_each(|term| rig.send(LINK, term));
    advance(Duration::from_hours(1)).await;
    assert!(rig.arrived(LINK).is_empty());
    assert_eq!(rig.traffic.next_due(), Some(FLIGHT));
    assert_eq!(rig.traffic.release(&MessageSelection::Message(MessageId(3))), 1);
    assert_eq!(rig.arrived(LINK), [3], "overtaking by hand");
    assert_eq!(rig.traffic.deliver_oldest(), Some(MessageId(1)));
    assert_eq!(rig.arrived(LINK), [1]);
    rig.clock.set(ClockRate::REAL, Some(FLIGHT));
    pass(50).await;
    assert_eq!(rig.arrived(LINK), [2, 4], "due at the very end of the run");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_link_keeps_the_order_and_a_reordering_one_does_not() {
    let rig = Rig::new(ClockRate::REAL);
    let jitter = Effect::Delay(Delay::Uniform(Duration::ZERO, Duration::from_millis(50)));
    rig.traffic.disturb(FIRST, vec![on(link(LINK), jitter)]);
    for term in 1..=100 {
        rig.send(LINK, term);
        pass(1).await;
    }
    pass(50).await;
    assert_eq!(rig.arrived(LINK), (1..=100).collect::<Vec<_>>());
    assert!(rig.traffic.undo(FIRST));
    let some = Effect::Reorder(Probability(300_000), Duration::from_millis(50));
    rig.traffic.disturb(SECOND, vec![on(link(LINK), some)]);
    let mut arrived = Vec::new();
    for term in 1..=100 {
        rig.send(LINK, term);
        pass(1).await;
        arrived.extend(rig.arrived(LINK));
    }
    pass(50).await;
    arrived.extend(rig.arrived(LINK));
    assert!(!arrived.is_sorted());
    arrived.sort_unstable();
    assert_eq!(arrived, (1..=100).collect::<Vec<_>>(), "each of them once");
}

#[tokio::test(start_paused = true)]
async fn when_a_delay_is_undone_what_it_delayed_arrives_at_once_and_in_order() {
    let rig = Rig::new(ClockRate::REAL);
    rig.traffic.disturb(FIRST, vec![on(link(LINK), delay(60_000))]);
    rig.traffic.disturb(SECOND, vec![on(Scope::All, delay(100))]);
    rig.send(LINK, 1);
    rig.send((N1, N3), 3);
    rig.traffic.undo(FIRST);
    assert!(rig.arrived(LINK).is_empty(), "another delay is in force still");
    rig.traffic.undo(SECOND);
    rig.send(LINK, 2);
    assert_eq!(rig.arrived(LINK), [1, 2]);
    assert_eq!(rig.arrived((N1, N3)), [3]);
}

#[tokio::test(start_paused = true)]
async fn in_a_frozen_world_undone_delays_leave_messages_in_flight() {
    let rig = Rig::new(ClockRate::FROZEN);
    rig.traffic.disturb(FIRST, vec![on(link(LINK), delay(60_000))]);
    rig.send(LINK, 1);
    rig.traffic.undo(FIRST);
    assert!(rig.arrived(LINK).is_empty());
    rig.clock.set(ClockRate::REAL, None);
    pass(2).await;
    assert_eq!(rig.arrived(LINK), [1]);
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_a_delayed_message_that_was_lost_or_whose_rule_is_over() {
    let rig = Rig::new(ClockRate::REAL);
    rig.traffic.disturb(FIRST, vec![next(2, on(link(LINK), delay(60_000)))]);
    rig.send(LINK, 1);
    assert_eq!(rig.traffic.discard(&all()), 1);
    rig.traffic.undo(FIRST);
    rig.send(LINK, 2);
    assert_eq!(rig.arrived(LINK), [2]);
    rig.traffic.disturb(SECOND, vec![next(1, on(link(LINK), delay(60_000)))]);
    rig.send(LINK, 3);
    assert!(!rig.traffic.undo(SECOND), "it is over already");
    rig.send(LINK, 4);
    assert!(rig.arrived(LINK).is_empty(), "in order, behind a message that is late");
    rig.traffic.hurry();
    assert_eq!(rig.arrived(LINK), [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn held_messages_wait_for_a_hand_or_until_nothing_holds_them() {
    let rig = Rig::new(ClockRate::REAL);
    rig.traffic.disturb(FIRST, vec![on(Scope::All, Effect::Hold)]);
    rig.traffic.disturb(SECOND, vec![on(link(LINK), Effect::Hold)]);
    (1..=5).for_each(|term| rig.send(LINK, term));
    assert_eq!(rig.messages(), [1, 2, 3, 4, 5].map(|term| (term, MessageState::Held)));
    assert_eq!(rig.traffic.release(&MessageSelection::Message(MessageId(2))), 1);
    assert_eq!(rig.arrived(LINK), [2]);
    assert_eq!(rig.traffic.discard(&MessageSelection::Message(MessageId(1))), 1);
    assert_eq!(
        rig.messages(),
        [(1, MessageState::Lost { at: Duration::ZERO }), (2, MessageState::Delivered { at: Duration::ZERO })]
    );
    assert_eq!(rig.traffic.release(&MessageSelection::Message(MessageId(1))), 0, "it is over");
    let one = Matching { next: Some(1), ..Matching::default() };
    assert_eq!(rig.traffic.release(&MessageSelection::On(link(LINK), one)), 1);
    assert_eq!(rig.arrived(LINK), [3], "the oldest");
    rig.traffic.undo(FIRST);
    assert!(rig.arrived(LINK).is_empty(), "the other rule still holds them");
    rig.traffic.undo(SECOND);
    assert_eq!(rig.arrived(LINK), [4, 5]);
}

#[tokio::test(start_paused = true)]
async fn only_what_matches_is_held_and_passes_others_by() {
    let rig = Rig::new(ClockRate::REAL);
    let matching = Matching { terms: Some(Term(2)..=Term(3)), ..Matching::default() };
    rig.traffic.disturb(FIRST, vec![Rule { matching, ..on(Scope::All, Effect::Hold) }]);
    (1..=4).for_each(|term| rig.send(LINK, term));
    assert_eq!(rig.arrived(LINK), [1, 4]);
    let third = Matching { terms: Some(Term(3)..=Term(3)), ..Matching::default() };
    assert_eq!(rig.traffic.release(&MessageSelection::On(Scope::All, third.clone())), 1);
    assert_eq!(rig.arrived(LINK), [3]);
    assert_eq!(rig.traffic.discard(&MessageSelection::On(Scope::All, third)), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cut_loses_and_a_hold_stops_what_is_under_way() {
    let rig = Rig::new(ClockRate::FROZEN);
    rig.send(LINK, 1);
    rig.send((N2, N1), 2);
    rig.traffic.disturb(FIRST, vec![on(link(LINK), Effect::Cut)]);
    rig.traffic.disturb(SECOND, vec![on(Scope::All, Effect::Hold)]);
    let lost = MessageState::Lost { at: Duration::ZERO };
    assert_eq!(rig.messages(), [(1, lost), (2, MessageState::Held)]);
    rig.send(LINK, 3);
    assert_eq!(rig.messages(), [(3, lost)]);
    rig.traffic.undo(SECOND);
    let Some((2, MessageState::UnderWay { .. })) = rig.messages().pop() else { panic!("it goes on") };
    // A cut of only the next messages does not apply to those under way.
    rig.traffic.disturb(SECOND, vec![next(1, on(Scope::All, Effect::Cut))]);
    assert_eq!(rig.messages(), []);
}

#[tokio::test(start_paused = true)]
async fn links_are_told_to_be_cut_when_that_changes_and_new_ones_too() {
    let rig = Rig::new(ClockRate::REAL);
    rig.traffic.disturb(FIRST, vec![on(Scope::Of([N2].into()), Effect::Cut)]);
    let cut = [(1, 2), (2, 1), (2, 3), (3, 2)];
    assert_eq!(rig.gates(), cut.map(|(from, to)| (from, to, LinkState::Cut)));
    rig.traffic.disturb(SECOND, vec![on(link(LINK), Effect::Cut)]);
    assert_eq!(rig.gates(), []);
    rig.traffic.open((N2, NodeId(4)));
    assert_eq!(rig.gates(), [(2, 4, LinkState::Cut)]);
    rig.traffic.undo(FIRST);
    assert_eq!(rig.gates(), [(2, 1), (2, 3), (2, 4), (3, 2)].map(|(from, to)| (from, to, LinkState::Open)));
    rig.traffic.undo(SECOND);
    assert_eq!(rig.gates(), [(1, 2, LinkState::Open)]);
    rig.traffic.disturb(FIRST, vec![on(link(LINK), Effect::Refuse)]);
    assert_eq!(rig.gates(), [(1, 2, LinkState::Refused)]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_twice_has_two_names() {
    let rig = Rig::new(ClockRate::REAL);
    rig.traffic.disturb(FIRST, vec![on(link(LINK), Effect::Duplicate(Probability(1_000_000)))]);
    rig.send(LINK, 1);
    assert_eq!(rig.arrived(LINK), [1, 1]);
    assert_eq!(rig.messages().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_watch_puts_its_rules_in_force_for_its_message_already() {
    let rig = Rig::new(ClockRate::REAL);
    let matching = Matching { terms: Some(Term(5)..=Term(5)), next: Some(1), ..Matching::default() };
    let then = vec![on(link((N2, N3)), Effect::Cut), on(link((N3, N2)), Effect::Hold)];
    rig.traffic.watch(FIRST, Watch { scope: Scope::All, matching, then: then.clone() });
    rig.send((N3, N2), 1);
    rig.send((N2, N3), 4);
    assert_eq!((rig.arrived((N2, N3)), rig.arrived((N3, N2))), (vec![4], vec![1]));
    rig.send((N2, N3), 5);
    rig.send((N3, N2), 6);
    assert_eq!((rig.arrived((N2, N3)), rig.arrived((N3, N2))), (vec![], vec![]));
    assert_eq!(rig.traffic.news().await, [LinkNews::Fired(FIRST, then)]);
    assert_eq!(rig.gates(), [(2, 3, LinkState::Cut)]);
    assert!(rig.traffic.undo(FIRST), "under the name of the watch");
    assert_eq!(rig.arrived((N3, N2)), [6]);
    assert_eq!(rig.gates(), [(2, 3, LinkState::Open)]);
}

#[tokio::test(start_paused = true)]
async fn a_rule_about_the_next_messages_is_over_when_none_is_held_any_more() {
    let rig = Rig::new(ClockRate::REAL);
    rig.traffic.disturb(FIRST, vec![next(2, on(Scope::All, Effect::Hold))]);
    (1..=3).for_each(|term| rig.send(LINK, term));
    assert_eq!(rig.arrived(LINK), [3]);
    rig.traffic.release(&MessageSelection::Message(MessageId(1)));
    let early = tokio::time::timeout(Duration::from_secs(1), rig.traffic.news()).await;
    assert!(early.is_err(), "it still holds one: {early:?}");
    rig.traffic.discard(&all());
    assert_eq!(rig.traffic.news().await, [LinkNews::Over(FIRST)]);
    assert!(!rig.traffic.undo(FIRST));
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_to_a_former_life_is_lost_held_or_not() {
    let rig = Rig::new(ClockRate::FROZEN);
    rig.traffic.disturb(FIRST, vec![on(Scope::All, Effect::Hold)]);
    rig.send(LINK, 1);
    rig.traffic.undo(FIRST);
    rig.traffic.disturb(FIRST, vec![next(1, on(Scope::All, Effect::Hold))]);
    rig.send(LINK, 2);
    rig.messages();
    rig.traffic.bury(LINK, LIFE);
    assert_eq!(rig.messages(), []);
    rig.traffic.bury(LINK, LIFE + 1);
    let lost = MessageState::Lost { at: Duration::ZERO };
    assert_eq!(rig.messages(), [(1, lost), (2, lost)]);
    assert_eq!(rig.traffic.news().await, [LinkNews::Over(FIRST)]);
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_loses_the_same_messages() {
    let run = |rig: &Rig, id| {
        rig.traffic.seed(42);
        rig.traffic.disturb(id, vec![on(link(LINK), Effect::Lose(Probability(300_000)))]);
        (1..=200).for_each(|term| rig.send(LINK, term));
        rig.traffic.undo(id);
        rig.arrived(LINK)
    };
    let rig = Rig::new(ClockRate::REAL);
    let first = run(&rig, FIRST);
    assert!((100..=180).contains(&first.len()), "{}", first.len());
    rig.send(LINK, 999);
    rig.arrived(LINK);
    assert_eq!(run(&rig, SECOND), first, "again on the same links");
    assert_eq!(run(&Rig::new(ClockRate::REAL), FIRST), first, "and in another");
}

#[tokio::test(start_paused = true)]
async fn a_full_link_loses_what_comes_on_top_and_says_so_once() {
    let rig = Rig::new(ClockRate::REAL);
    rig.traffic.disturb(FIRST, vec![on(Scope::All, Effect::Hold)]);
    let most = MAX_FRAMES as u64;
    (1..=most + 9).for_each(|term| rig.send(LINK, term));
    rig.send((N2, N1), 1);
    let told = std::mem::take(&mut *rig.told.lock().unwrap());
    assert!(matches!(&told[..], [News::Trouble { reason }] if reason.contains("from n1 to n2")), "{told:?}");
    let messages = rig.messages();
    let held = messages.iter().filter(|(_, state)| *state == MessageState::Held).count();
    assert_eq!((held, messages.len()), (MAX_FRAMES + 1, MAX_FRAMES + 10), "every one of them is told");
    rig.traffic.undo(FIRST);
    assert_eq!(rig.arrived(LINK), (1..=most).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_message_is_told_with_all_that_it_says() {
    let rig = Rig::new(ClockRate::REAL);
    pass(7).await;
    rig.send_message((N2, N1), Message::VoteReply(VoteReply { term: Term(3), granted: true }));
    let request =
        VoteRequest { term: Term(4), last: LogId { term: Term(2), index: LogIndex(9) }, transfer: false };
    rig.send_message((N2, N3), Message::RequestVote(request));
    rig.traffic.next_frame((N2, N1), None);
    rig.traffic.next_frame((N2, N3), None);
    let updates = rig.traffic.reports.take();
    let Some(News::Messages { messages, skipped: 0 }) = updates.first() else { panic!("{updates:?}") };
    let at = Duration::from_millis(7);
    let vote = MessageReport {
        id: MessageId(1),
        from: N2,
        to: N1,
        kind: raftdeck_model::FrameKind::VoteReply,
        term: Term(3),
        index: None,
        granted: Some(true),
        entries: 0,
        fields: String::new(),
        sent: at,
        state: MessageState::Delivered { at },
    };
    assert_eq!(messages[0], vote);
    assert_eq!(messages[1].fields, "last 9 in term 2");
}
