//! Real nodes whose disks stand still while they run (trap 49): who leads, what is kept, and who is answered.

use crate::deck::{Deck, asked, options, put};
use raftdeck_lab::LabOptions;
use raftdeck_model::{ChangeStep, ClientOutcome, Disturbance, Order};
use raftdeck_protocol::DiskPace;
use raftdeck_raft::{NodeId, Role};
use std::time::{Duration, Instant};

const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

fn set_disk(deck: &Deck, node: NodeId, pace: DiskPace) {
    deck.send(Order::Disturb(Disturbance::Disk(node, pace)));
}

/// With the usual timing a disk is stalled after 500 ms, and the hand-over takes an election timeout at most. On a busy machine
/// everything takes longer, so what is measured is only kept far from the time-outs of clients.
const IN_TIME: Duration = Duration::from_secs(15);

#[test]
fn a_leader_with_a_stalled_disk_is_replaced_and_nothing_that_was_acknowledged_is_lost() {
    let (mut deck, old) = Deck::settled(3);
    deck.put("color", "red");
    let term = deck.world.term(old);
    set_disk(&deck, old, DiskPace::Stalled);
    let since = Instant::now();
    let mut acknowledged = 0;
    let mut reads = 0;
    // Writes and reads go on throughout: before the stall is noticed, during the hand-over, and after it.
    let new = loop {
        acknowledged += 1;
        deck.put("count", &acknowledged.to_string());
        assert_eq!(
            deck.get("count"),
            Some(acknowledged.to_string()),
            "each read is answered, and is the newest"
        );
        reads += 1;
        deck.take_in_news();
        if let Some(new) = deck.world.successor(old, term) {
            break new;
        }
        assert!(since.elapsed() < IN_TIME, "nobody has taken over: {:#?}", deck.world);
    };
    assert!(reads > 1, "reads were answered while the disk was stalled");
    deck.wait("it abstains", |world| {
        let status = &world.statuses.get(&old)?.raft;
        (status.role == Role::Follower && status.disk_stalled).then_some(())
    });
    // It is the next leader that knows of its follower's disk.
    deck.wait("its new leader knows", |world| {
        let peers = &world.statuses.get(&new)?.raft.peers;
        peers.iter().find(|peer| peer.id == old)?.disk_stalled.map(drop)
    });
    assert_eq!(deck.put("color", "blue"), new);

    deck.send(Order::Heal);
    deck.wait("the return", |world| {
        let status = &world.statuses.get(&old)?.raft;
        (!status.disk_stalled && status.role == Role::Follower && world.agreed(3).is_some()).then_some(())
    });
    assert!(deck.world.known.in_force().is_empty(), "the ledger is empty: {:?}", deck.world.known.in_force());
    let log = deck.equal_logs(&ALL);
    let last = format!("put count {acknowledged}");
    assert!(log.iter().any(|line| line.text == last), "{last} is in {log:#?}");
    assert_eq!(deck.get("count"), Some(acknowledged.to_string()));
}

#[test]
fn a_single_node_with_a_stalled_disk_answers_reads_and_says_why_it_takes_no_writes() {
    let (mut deck, only) = Deck::settled(1);
    deck.put("color", "red");
    set_disk(&deck, only, DiskPace::Stalled);
    let waiting = deck.ask(put("color", "blue"));
    deck.wait("the stall", |world| world.statuses.get(&only)?.raft.disk_stalled.then_some(()));
    let refused = deck.ask(put("color", "green"));
    assert_eq!(deck.get("color").as_deref(), Some("red"), "reads go on");
    match deck.outcome(refused) {
        ClientOutcome::Failed { reason, .. } => {
            assert!(reason.contains("the disk has not finished a write for"), "{reason}");
        }
        other @ ClientOutcome::Answered { .. } => panic!("{other:?}"),
    }
    // It was taken before the stall, and nobody can say whether it will be written.
    let fate = deck.outcome(waiting);
    assert!(matches!(fate, ClientOutcome::Failed { .. }), "{fate:?}");
    assert_eq!(asked(&deck.world, only).raft.role, Role::Leader);

    set_disk(&deck, only, DiskPace::Free);
    deck.wait("its disk recovers", |world| (!world.statuses.get(&only)?.raft.disk_stalled).then_some(()));
    assert_eq!(deck.put("color", "violet"), only);
    assert_eq!(deck.get("color").as_deref(), Some("violet"));
}

#[test]
fn a_follower_with_a_slow_disk_is_seen_to_be_slow_and_its_delay_is_undone() {
    let (mut deck, leader) = Deck::settled(3);
    let slow = ALL.into_iter().find(|&node| node != leader).expect("there are three");
    set_disk(&deck, slow, DiskPace::Delayed(Duration::from_millis(60)));
    deck.wait("it is in force", |world| (!world.known.in_force().is_empty()).then_some(()));
    deck.put("color", "blue");
    deck.wait("a slow sync", |world| (world.statuses.get(&slow)?.fsync_micros >= 60_000).then_some(()));
    deck.send(Order::Undo(None));
    deck.wait("it is undone", |world| world.known.in_force().is_empty().then_some(()));
    deck.put("color", "green");
    deck.equal_logs(&ALL);
}

#[test]
fn a_node_that_joins_with_a_stalled_disk_becomes_a_member_when_its_disk_goes_on() {
    let (mut deck, _) = Deck::settled(3);
    deck.send(Order::AddNode);
    let new = NodeId(4);
    deck.wait("the new node", |world| world.addresses.get(&new).map(drop));
    set_disk(&deck, new, DiskPace::Stalled);
    // It is handed the cluster's identity and secret now, and cannot write them down. All the same it says what it suffers from.
    deck.wait("its leader knows", |world| {
        let leader = world.known.leader()?.id;
        let peers = &world.statuses.get(&leader)?.raft.peers;
        peers.iter().find(|peer| peer.id == new)?.disk_stalled.map(drop)
    });
    deck.send(Order::Heal);
    deck.wait("its membership", |world| {
        let mut steps = world.changes.iter().filter(|(node, _)| *node == new).map(|(_, step)| *step);
        (steps.next_back() == Some(ChangeStep::Joined)).then_some(())
    });
    assert!(deck.world.known.in_force().is_empty(), "{:?}", deck.world.known.in_force());
    deck.put("color", "red");
    deck.equal_logs(&[ALL.as_slice(), &[new]].concat());
}

#[test]
fn the_limit_that_a_deck_is_given_is_its_nodes_limit() {
    let limit = Duration::from_millis(100);
    let mut deck = Deck::start(LabOptions { disk_stall: Some(limit), ..options(1) });
    let only = deck.wait("a leader", |world| world.agreed(1));
    // Slow for a limit of 100 ms, and not for the usual one of 500 ms.
    set_disk(&deck, only, DiskPace::Delayed(Duration::from_millis(350)));
    deck.ask(put("color", "blue"));
    deck.wait("the stall", |world| world.statuses.get(&only)?.raft.disk_stalled.then_some(()));
}
