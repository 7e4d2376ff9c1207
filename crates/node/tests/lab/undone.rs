//! Each thing that can be in force among real nodes, undone: first it does what it says, then the cluster is as before.

use crate::deck::{Deck, asked, put};
use raftdeck_model::{ClientOutcome, Disturbance, LinkState, Order, ProcessState, Timers};
use raftdeck_raft::{NodeId, Role};
use raftdeck_script::{ScriptLine, parse};
use std::time::Duration;

const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

/// Says a line of the grammar.
fn say(deck: &mut Deck, line: &str) {
    match parse(line, &deck.world.known) {
        Ok(ScriptLine::Do(orders)) => {
            for order in orders {
                deck.send(order);
            }
        }
        Ok(ScriptLine::Step { step, .. }) => {
            deck.send(Order::Step(step));
        }
        other => panic!("\"{line}\": {other:?}"),
    }
}

/// Says it, and waits until just this is in force.
fn begin(deck: &mut Deck, line: &str) {
    say(deck, line);
    deck.wait(line, |world| (world.known.in_force().len() == 1).then_some(()));
}

/// Undoes it, and waits until nothing is in force and all is well.
fn end(deck: &mut Deck) {
    deck.send(Order::Undo(None));
    deck.wait("nothing in force", |world| world.known.in_force().is_empty().then_some(()));
    deck.wait("peace", |world| world.agreed(3));
    deck.put("color", "blue");
    deck.equal_logs(&ALL);
}

fn follower(deck: &mut Deck) -> NodeId {
    let leader = deck.wait("peace", |world| world.agreed(3));
    ALL.into_iter().find(|&node| node != leader).expect("there are three")
}

/// It cannot do without a majority that hears it.
fn nobody_leads(deck: &mut Deck) {
    deck.wait("no leader", |world| ALL.iter().all(|&node| !world.is(node, Role::Leader)).then_some(()));
}

#[test]
fn every_rule_about_messages_is_undone() {
    let (mut deck, _) = Deck::settled(3);
    for line in
        ["cut *", "hold *", "delay * 1m", "lose * 100%", "reorder * 100% 1m", "limit * 10B/s", "bridge 1"]
    {
        begin(&mut deck, line);
        if line != "bridge 1" {
            nobody_leads(&mut deck);
        }
        end(&mut deck);
    }
    // These disturb no leader.
    for line in ["duplicate * 100%", "reorder * 100% 1ms", "delay * 1ms", "when * only TimeoutNow then cut *"]
    {
        begin(&mut deck, line);
        deck.put("shape", line);
        end(&mut deck);
    }
}

#[test]
fn what_a_watch_has_brought_about_is_undone() {
    let (mut deck, _) = Deck::settled(3);
    begin(&mut deck, "when * only Heartbeat then cut *");
    nobody_leads(&mut deck);
    let is = |wanted: LinkState| {
        move |world: &crate::deck::World| world.links.values().all(|state| *state == wanted).then_some(())
    };
    deck.wait("cut links", is(LinkState::Cut));
    end(&mut deck);
    deck.wait("open links", is(LinkState::Open));
}

#[test]
fn a_pause_is_undone_and_so_is_slowness() {
    let (mut deck, _) = Deck::settled(3);
    let node = follower(&mut deck);
    begin(&mut deck, &format!("pause {node}"));
    deck.wait("a pause", |world| matches!(world.processes[&node], ProcessState::Paused { .. }).then_some(()));
    end(&mut deck);
    assert!(matches!(deck.world.processes[&node], ProcessState::Running { .. }));
    begin(&mut deck, &format!("slow {node} 90%"));
    deck.put("shape", "round");
    end(&mut deck);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_undone() {
    let (mut deck, _) = Deck::settled(3);
    let node = follower(&mut deck);
    begin(&mut deck, &format!("full {node} 1KB"));
    say(&mut deck, "undo");
    // Much more than there would have been room for.
    for _ in 0..10 {
        deck.put("color", &"blue".repeat(100));
    }
    deck.equal_logs(&ALL);
    assert!(deck.world.failures.is_empty(), "{:?}", deck.world.failures);
    begin(&mut deck, &format!("full {node} 0B"));
    deck.put("shape", "round");
    deck.wait("its end", |world| matches!(world.processes[&node], ProcessState::Failed { .. }).then_some(()));
    say(&mut deck, "undo");
    say(&mut deck, "restart down");
    deck.wait("peace", |world| world.agreed(3));
    deck.equal_logs(&ALL);
}

#[test]
fn timers_are_random_again_when_that_is_undone() {
    let (mut deck, _) = Deck::settled(3);
    let timeout = |deck: &Deck, node| asked(&deck.world, node).raft.election_timeout;
    begin(&mut deck, "align");
    let middle = Duration::from_millis(225);
    deck.wait("equal timeouts", |world| {
        ALL.iter().all(|node| world.statuses[node].raft.election_timeout == middle).then_some(())
    });
    end(&mut deck);
    deck.wait("other timeouts", |world| {
        ALL.iter().all(|node| world.statuses[node].raft.election_timeout != middle).then_some(())
    });
    assert!(ALL.iter().all(|&node| timeout(&deck, node) != middle));
    deck.send(Order::Disturb(Disturbance::Timers(Timers::Spread)));
    deck.send(Order::Heal);
    deck.wait("nothing in force", |world| world.known.in_force().is_empty().then_some(()));
}

#[test]
fn a_client_on_one_side_reaches_all_again_when_that_is_undone() {
    let (mut deck, leader) = Deck::settled(3);
    let node = follower(&mut deck);
    begin(&mut deck, &format!("client at {node}"));
    let id = deck.ask(put("color", "red"));
    let outcome = deck.outcome(id);
    assert!(matches!(outcome, ClientOutcome::Failed { .. }), "{node} does not lead: {outcome:?}");
    end(&mut deck);
    assert_eq!(deck.put("color", "blue"), leader);
}

#[test]
fn heal_undoes_everything_at_once() {
    let (mut deck, leader) = Deck::settled(3);
    let other = follower(&mut deck);
    for line in [
        "cut 1>2",
        "delay * 1m",
        "lose * 50%",
        "duplicate * 50%",
        "reorder * 50% 1m",
        "limit * 10B/s",
        "hold >1",
        "delay 2>3 1m next 3",
        "when * then hold *",
        "isolate 3",
        "wan eu,us,ap",
        "align",
        "client at 1",
    ] {
        say(&mut deck, line);
    }
    say(&mut deck, &format!("pause {leader}"));
    say(&mut deck, &format!("slow {other} 50%"));
    say(&mut deck, &format!("full {other} 64KB"));
    nobody_else_is_heard(&mut deck, leader);
    deck.send(Order::Heal);
    deck.wait("nothing in force", |world| world.known.in_force().is_empty().then_some(()));
    deck.wait("peace", |world| world.agreed(3));
    // What is on the links is told at a rate that an eye can follow, so it may come last.
    deck.wait("nothing held, all open", |world| {
        let open = world.links.values().all(|state| *state == LinkState::Open);
        (open && world.held.is_empty()).then_some(())
    });
    deck.put("color", "blue");
    deck.equal_logs(&ALL);
}

/// The others look for a leader.
fn nobody_else_is_heard(deck: &mut Deck, paused: NodeId) {
    deck.wait("no leader for the others", |world| {
        let alone = |node: &NodeId| world.statuses[node].raft.leader.is_none();
        ALL.iter().filter(|node| **node != paused).all(alone).then_some(())
    });
}

#[test]
fn heal_is_carried_out_by_a_node_that_has_been_told_too_much() {
    let (mut deck, _) = Deck::settled(3);
    let node = follower(&mut deck);
    // More than wait for a node's turn, and the last that is taken pauses it.
    for _ in 0..100 {
        deck.send(Order::Slow(node, 50));
        deck.send(Order::Pause(node));
    }
    deck.send(Order::Heal);
    deck.wait("nothing in force", |world| world.known.in_force().is_empty().then_some(()));
    deck.wait("a node that runs", |world| {
        matches!(world.processes[&node], ProcessState::Running { .. }).then_some(())
    });
    end_of_pauses(&mut deck, node);
}

/// It runs, and serves with all others.
fn end_of_pauses(deck: &mut Deck, node: NodeId) {
    deck.put("color", "blue");
    deck.equal_logs(&ALL);
    assert!(matches!(deck.world.processes[&node], ProcessState::Running { .. }));
}
