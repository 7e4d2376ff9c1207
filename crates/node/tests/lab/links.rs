//! Rules about the messages of real nodes, and real nodes without links.

use crate::deck::{Deck, options};
use raftdeck_lab::LabOptions;
use raftdeck_model::{
    ClientOutcome, Disturbance, Effect, FrameKind, LinkState, Matching, MessageSelection, Order,
    ProcessState, Rule, Scope, Watch,
};
use raftdeck_raft::{NodeId, Role};
use std::collections::BTreeSet;
use std::time::Duration;

fn others(nodes: u64, than: NodeId) -> BTreeSet<NodeId> {
    (1..=nodes).map(NodeId).filter(|node| *node != than).collect()
}

#[test]
fn nodes_reach_each_other_without_links_when_asked_to() {
    let mut deck = Deck::start(LabOptions { direct: true, ..options(3) });
    let leader = deck.wait("a first leader", |world| world.agreed(3));
    deck.put("name", "luffy");
    assert!(deck.world.frames.is_empty(), "nothing is seen of what passes");
    deck.send(Order::Cut(vec![(NodeId(1), NodeId(2))]));
    deck.wait("a refusal", |world| {
        world.refusals.iter().any(|reason| reason.contains("--direct")).then_some(())
    });
    deck.send(Order::Kill(leader));
    deck.wait("its end", |world| {
        matches!(world.processes.get(&leader), Some(ProcessState::Killed)).then_some(())
    });
    deck.wait("the next leader", |world| world.agreed(2));
    deck.send(Order::Restart(leader));
    deck.wait("all three", |world| world.agreed(3));
    assert_eq!(deck.get("name").as_deref(), Some("luffy"));
    deck.equal_logs(&[NodeId(1), NodeId(2), NodeId(3)]);
}

#[test]
fn a_write_waits_while_its_entries_are_held_and_goes_on_when_they_are_released() {
    let (mut deck, leader) = Deck::settled(3);
    let matching = Matching { kinds: [FrameKind::AppendEntries].into(), ..Matching::default() };
    let scope = Scope::Between { from: Some([leader].into()), to: None };
    let hold = Rule { scope, matching: matching.clone(), effect: Effect::Hold };
    deck.send(Order::Disturb(Disturbance::Rules { words: "hold".to_owned(), rules: vec![hold] }));
    let id = deck.ask(crate::deck::put("name", "luffy"));
    deck.wait("one held for each", |world| (world.held.len() >= 2).then_some(()));
    let first = *deck.world.held.keys().next().expect("a held message");
    deck.send(Order::Release(MessageSelection::Message(first)));
    deck.wait("its going on", |world| (!world.held.contains_key(&first)).then_some(()));
    deck.wait("more held", |world| (world.held.len() >= 2).then_some(()));
    assert!(!deck.world.outcomes.contains_key(&id), "the write itself, or the news of it, is held again");
    assert!(deck.world.is(leader, Role::Leader), "heartbeats pass by");
    deck.send(Order::Undo(None));
    let outcome = deck.outcome(id);
    assert!(matches!(outcome, ClientOutcome::Answered { .. }), "{outcome:?}");
    deck.wait("the rest", |world| world.held.is_empty().then_some(()));
    deck.equal_logs(&[NodeId(1), NodeId(2), NodeId(3)]);
}

#[test]
fn a_refused_leader_is_noticed_at_once_and_its_connections_come_back_when_it_is_undone() {
    let mut deck = Deck::start(LabOptions { detect_crash: true, ..options(3) });
    let leader = deck.wait("a first leader", |world| world.agreed(3));
    // No election timeout ends before the deadline of the test: only the end of a connection can tell of the leader's.
    let timers = others(3, leader).into_iter().map(|node| {
        deck.send(Order::Disturb(Disturbance::Timeouts(node, Duration::from_mins(2), Duration::from_mins(4))))
    });
    for id in timers.collect::<Vec<_>>() {
        deck.answer(id).expect("longer timeouts");
    }
    let term = deck.world.term(leader);
    let refuse =
        Rule { scope: Scope::Of([leader].into()), matching: Matching::default(), effect: Effect::Refuse };
    let id =
        deck.send(Order::Disturb(Disturbance::Rules { words: "refuse".to_owned(), rules: vec![refuse] }));
    deck.answer(id).expect("a refusal of connections");
    let next = deck.wait("another leader", |world| world.successor(leader, term));
    deck.wait("all that is refused", |world| {
        let refused = |other: NodeId| {
            [(leader, other), (other, leader)].map(|link| world.links.get(&link) == Some(&LinkState::Refused))
        };
        others(3, leader).into_iter().flat_map(refused).all(|is| is).then_some(())
    });
    deck.send(Order::Heal);
    deck.wait("the old leader as a follower", |world| world.agreed(3).filter(|leader| *leader == next));
    assert!(deck.world.links.values().all(|state| *state == LinkState::Open));
    deck.put("name", "luffy");
    deck.equal_logs(&[NodeId(1), NodeId(2), NodeId(3)]);
}

#[test]
fn a_watch_cuts_a_candidate_off_when_it_asks_for_votes() {
    let (mut deck, leader) = Deck::settled(3);
    let rest: Vec<NodeId> = others(3, leader).into_iter().collect();
    let (asking, asked) = (rest[0], rest[1]);
    let links = Scope::Links([(asking, asked), (asking, leader)].into());
    let cut = Rule { scope: links.clone(), matching: Matching::default(), effect: Effect::Cut };
    let matching = Matching { kinds: [FrameKind::RequestVote].into(), next: Some(1), ..Matching::default() };
    deck.send(Order::Disturb(Disturbance::Watch(Watch { scope: links, matching, then: vec![cut] })));
    deck.send(Order::Campaign(asking));
    deck.wait("the cuts", |world| {
        let is_cut = |to| world.links.get(&(asking, to)) == Some(&LinkState::Cut);
        (is_cut(asked) && is_cut(leader)).then_some(())
    });
    deck.send(Order::Heal);
    deck.wait("open links", |world| {
        world.links.values().all(|state| *state == LinkState::Open).then_some(())
    });
    deck.wait("one leader of all", |world| world.agreed(3));
}
