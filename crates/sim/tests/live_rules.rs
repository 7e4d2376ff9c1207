//! The rules about messages hold on the virtual links: what is cut, held, lost, delayed, doubled, and let go by hand.

mod deck;

use deck::{Deck, millis, seconds};
use raftdeck_model::{
    FrameFate, LinkState, MessageReport, MessageSelection, MessageState, News, Order, Step,
};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::NodeId;
use raftdeck_sim::LiveOptions;
use std::time::Duration;

/// How many messages had this fate since then.
fn count(deck: &Deck, since: usize, fate: FrameFate) -> u64 {
    let reports = deck.told[since..].iter().filter_map(|update| match &update.what {
        News::Frames { frames } => Some(frames.iter().filter(|report| report.fate == fate)),
        _ => None,
    });
    reports.flatten().map(|report| report.count).sum()
}

fn held(deck: &Deck) -> Vec<&MessageReport> {
    deck.world.open_messages().filter(|message| message.state == MessageState::Held).collect()
}

#[test]
fn a_leader_that_is_cut_off_gives_up_and_the_others_elect_another() {
    let (mut deck, leader) = Deck::led(5, 1);
    deck.say(&format!("isolate {}", leader.0)).unwrap();
    let cut =
        deck.told.iter().filter(|update| matches!(update.what, News::Link { state: LinkState::Cut, .. }));
    assert_eq!(cut.count(), 8);
    deck.wait(&format!("role {} follower", leader.0));
    deck.wait("leader");
    let next = deck.leader();
    assert_ne!(next, leader);
    let since = deck.told.len();
    deck.run(seconds(1));
    assert!(count(&deck, since, FrameFate::Lost) > 0);
    deck.say("undo").unwrap();
    assert!(deck.world.in_force().is_empty());
    deck.wait(&format!("term {} {}..", leader.0, deck.status(next).term.0));
    deck.run(seconds(1));
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn where_connections_are_refused_messages_are_lost_as_on_a_cut_link() {
    let (mut deck, leader) = Deck::led(3, 1);
    deck.say(&format!("refuse {}", leader.0)).unwrap();
    let refused = |update: &&raftdeck_model::Update| {
        matches!(update.what, News::Link { state: LinkState::Refused, .. })
    };
    assert_eq!(deck.told.iter().filter(refused).count(), 4);
    deck.wait(&format!("role {} follower", leader.0));
    deck.wait("leader");
    assert_ne!(deck.leader(), leader);
    deck.say("heal").unwrap();
    assert_eq!(deck.world.link_state(leader, deck.leader()), LinkState::Open);
    let (one, other) = (NodeId(1), NodeId(2));
    deck.say("refuse 1-2").unwrap();
    deck.obey(Order::Mend(vec![(one, other)])).unwrap();
    let states = [(one, other), (other, one)].map(|(from, to)| deck.world.link_state(from, to));
    assert_eq!(states, [LinkState::Open, LinkState::Refused], "the other way stays as it was");
    deck.say("heal").unwrap();
    let term = deck.status(deck.leader()).term.0;
    deck.wait(&format!("term {} {term}..", leader.0));
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn what_is_held_stays_until_it_is_released_or_dropped() {
    let (mut deck, leader) = Deck::led(3, 2);
    deck.say(&format!("hold {}> only Heartbeat next 4", leader.0)).unwrap();
    deck.wait("held 4");
    let names: Vec<_> = held(&deck).iter().map(|message| message.id).collect();
    deck.obey(Order::Release(MessageSelection::Message(names[0]))).unwrap();
    assert!(deck.holds("held 3"));
    deck.obey(Order::Drop(MessageSelection::Message(names[1]))).unwrap();
    assert!(deck.holds("held 2"));
    let fate = |name| {
        let reports = deck.told.iter().rev().filter_map(|update| match &update.what {
            News::Messages { messages, .. } => messages.iter().find(|message| message.id == name),
            _ => None,
        });
        reports.map(|message| message.state).next().unwrap()
    };
    assert!(matches!(fate(names[0]), MessageState::Delivered { .. }));
    assert!(matches!(fate(names[1]), MessageState::Lost { .. }));
    let again = deck.obey(Order::Release(MessageSelection::Message(names[0]))).unwrap_err();
    assert_eq!(again, format!("message #{} is neither held nor under way: nothing to release", names[0].0));
    assert_eq!(deck.world.in_force().len(), 1, "it holds messages still");
    deck.say("release all").unwrap();
    assert!(deck.world.in_force().is_empty(), "four have passed, and none is held");
}

#[test]
fn a_delay_makes_messages_late_and_keeps_their_order() {
    let (mut deck, leader) = Deck::led(3, 3);
    deck.say(&format!("delay {}> 20ms..60ms", leader.0)).unwrap();
    deck.run(seconds(2));
    let flights: Vec<(NodeId, Duration, Duration)> = deck
        .told
        .iter()
        .filter_map(|update| match &update.what {
            News::Messages { messages, .. } => Some(messages),
            _ => None,
        })
        .flatten()
        .filter_map(|message| match message.state {
            MessageState::Delivered { at } if message.from == leader && message.sent > seconds(1) => {
                Some((message.to, message.sent, at))
            }
            _ => None,
        })
        .collect();
    assert!(flights.len() > 10, "{flights:?}");
    for (_, sent, at) in &flights {
        assert!((millis(20)..=millis(120)).contains(&at.saturating_sub(*sent)), "{sent:?} to {at:?}");
    }
}

#[test]
fn a_limit_makes_messages_wait_for_those_before_them() {
    let (mut deck, leader) = Deck::led(3, 8);
    deck.say(&format!("limit {}> 300B/s only Heartbeat", leader.0)).unwrap();
    deck.run(seconds(1));
    let late = deck.world.open_messages().filter(|message| match message.state {
        MessageState::UnderWay { due } => due > message.sent + millis(100),
        _ => false,
    });
    assert!(late.count() > 0, "{:?}", deck.world);
    deck.say("undo").unwrap();
    deck.run(millis(50));
    assert!(deck.holds("idle"), "what was late has arrived");
}

#[test]
fn what_is_held_for_a_node_is_lost_with_its_process() {
    let (mut deck, leader) = Deck::led(3, 9);
    let other = deck.follower();
    deck.say(&format!("hold {}>{}", leader.0, other.0)).unwrap();
    deck.wait("held 2..");
    deck.say(&format!("kill {}", other.0)).unwrap();
    deck.run(millis(50));
    assert!(deck.holds("held 0"));
}

#[test]
fn losses_and_copies_are_about_as_many_as_asked_for() {
    let (mut deck, _) = Deck::led(3, 4);
    let fates = |deck: &mut Deck| {
        let since = deck.told.len();
        deck.run(seconds(20));
        (count(deck, since, FrameFate::Lost), count(deck, since, FrameFate::Delivered))
    };
    deck.say("lose * 10%").unwrap();
    let (lost, delivered) = fates(&mut deck);
    assert!((5..20).contains(&(lost * 100 / (lost + delivered))), "{lost} lost, {delivered} delivered");
    deck.say("heal").unwrap();
    let (none, once) = fates(&mut deck);
    deck.say("duplicate * 100% only AppendReply").unwrap();
    let (_, twice) = fates(&mut deck);
    assert_eq!(none, 0);
    assert!((140..160).contains(&(twice * 100 / once)), "{twice} in place of {once}");
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn a_watch_fires_at_its_message_and_its_rules_hold_for_it_already() {
    let (mut deck, _) = Deck::led(3, 5);
    let other = deck.follower();
    deck.say(&format!("when {0}> only RequestVote then cut {0}>", other.0)).unwrap();
    let since = deck.told.len();
    deck.say(&format!("elect {}", other.0)).unwrap();
    deck.run(millis(50));
    let frames = deck.told[since..].iter().filter_map(|update| match &update.what {
        News::Frames { frames } => Some(frames),
        _ => None,
    });
    let fates: Vec<_> =
        frames.flatten().filter(|frame| frame.from == other).map(|frame| frame.fate).collect();
    assert!(!fates.is_empty() && fates.iter().all(|fate| *fate == FrameFate::Lost), "{fates:?}");
}

#[test]
fn messages_step_one_by_one_while_time_stands_still() {
    let mut deck = Deck::new(LiveOptions { rate: ClockRate::FROZEN, ..LiveOptions::new(3, 6) });
    assert_eq!(deck.live.next(), None);
    deck.say("elect 2").unwrap();
    let under_way = |deck: &Deck| deck.world.open_messages().len();
    assert_eq!(under_way(&deck), 2, "{:?}", deck.world);
    for _ in 0..4 {
        deck.obey(Order::Step(Step::Message)).unwrap();
    }
    assert!(deck.holds("leader 2"), "two requests and their answers");
    assert!(deck.live.now().is_zero());
    deck.obey(Order::Step(Step::Commit)).unwrap();
    assert!(deck.live.now() > Duration::ZERO && deck.holds("commit 2 1"));
    let before = deck.live.now();
    deck.obey(Order::Step(Step::For(millis(5)))).unwrap();
    assert_eq!(deck.live.now(), before + millis(5));
    deck.obey(Order::Step(Step::Timer)).unwrap();
    assert!(deck.live.now() > before + millis(5));
    deck.live.run_until(seconds(100));
    assert!(deck.live.now() < seconds(1), "time is frozen");
}

#[test]
fn a_step_runs_to_the_next_role_and_is_overtaken_by_another_rate() {
    let mut deck = Deck::new(LiveOptions { rate: ClockRate::FROZEN, ..LiveOptions::new(3, 7) });
    deck.obey(Order::Step(Step::Role)).unwrap();
    assert!(
        deck.holds("role 1 pre-candidate")
            || deck.holds("role 2 pre-candidate")
            || deck.holds("role 3 pre-candidate")
    );
    let step = deck.send(Order::Step(Step::For(seconds(9))));
    assert!(deck.answers(step).is_empty());
    deck.obey(Order::SetRate(ClockRate::REAL)).unwrap();
    assert_eq!(
        deck.answers(step),
        [Err("the step was interrupted: another command changed time".to_owned())]
    );
}
