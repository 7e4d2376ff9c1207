//! Real nodes under the lab: elections, the death of leaders, and what survives it.

use crate::deck::{Deck, World, exists, options};
use raftdeck_model::{Order, ProcessState};
use raftdeck_raft::{NodeId, Role, TraceEvent};

const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

#[test]
fn three_nodes_agree_on_one_leader() {
    let (deck, leader) = Deck::settled(3);
    for node in ALL.into_iter().filter(|&node| node != leader) {
        assert!(deck.world.is(node, Role::Follower), "{:#?}", deck.world);
    }
}

#[test]
fn one_node_leads_itself() {
    let (mut deck, leader) = Deck::settled(1);
    assert_eq!((leader, deck.put("color", "blue")), (NodeId(1), NodeId(1)));
    assert_eq!(deck.get("color").as_deref(), Some("blue"));
}

#[test]
fn nine_nodes_agree_on_one_leader() {
    Deck::settled(9);
}

#[test]
fn a_dead_leader_is_replaced_and_comes_back_as_a_follower_with_the_same_log() {
    let (mut deck, first) = Deck::settled(3);
    deck.put("color", "red");
    let (term, pid) = (deck.world.term(first), deck.world.pid(first).unwrap());
    deck.send(Order::Kill(first));
    deck.wait("the death", |world| (world.processes[&first] == ProcessState::Killed).then_some(()));
    assert!(!exists(pid));
    let second = deck.wait("a new leader", |world| world.successor(first, term));
    assert_eq!(deck.put("color", "blue"), second);
    deck.send(Order::Restart(first));
    deck.wait("the return", |world| {
        (world.is(first, Role::Follower) && world.agreed(3).is_some()).then_some(())
    });
    let log = deck.equal_logs(&ALL);
    assert_eq!(log.last().unwrap().text, "put color blue");
    assert_eq!(deck.get("color").as_deref(), Some("blue"));
}

#[test]
fn each_life_of_a_node_is_told_from_its_first_event_on() {
    let (mut deck, _) = Deck::settled(3);
    let from_the_start = |world: &World, node: NodeId| {
        let first = world.traces.get(&node)?.first()?;
        let is_told = matches!(first, TraceEvent::Started { .. }) || world.missed.contains_key(&node);
        assert!(is_told, "{node}: the first event told is {first:?}");
        Some(())
    };
    for node in ALL {
        deck.wait("its first event", |world| from_the_start(world, node));
    }
    for node in ALL {
        deck.send(Order::Kill(node));
        deck.wait("its end", |world| (world.processes[&node] == ProcessState::Killed).then_some(()));
        deck.send(Order::Restart(node));
        deck.wait("its first event", |world| from_the_start(world, node));
    }
}

#[test]
fn a_write_survives_the_death_of_all() {
    let (mut deck, _) = Deck::settled(3);
    deck.put("color", "green");
    for node in ALL {
        deck.send(Order::Kill(node));
    }
    deck.wait("the end", |world| world.statuses.is_empty().then_some(()));
    for node in ALL {
        deck.send(Order::Restart(node));
    }
    deck.wait("a leader", |world| world.agreed(3));
    assert_eq!(deck.get("color").as_deref(), Some("green"));
}

#[test]
fn a_named_directory_keeps_the_data_for_the_next_lab() {
    let dir = tempfile::tempdir().unwrap();
    let at_home =
        || Deck::start(raftdeck_lab::LabOptions { data_dir: Some(dir.path().into()), ..options(3) });
    let mut deck = at_home();
    deck.wait("a leader", |world| world.agreed(3));
    deck.put("color", "violet");
    deck.stop();
    let mut deck = at_home();
    deck.wait("a leader", |world| world.agreed(3));
    assert_eq!(deck.get("color").as_deref(), Some("violet"));
}
