//! Real nodes under the lab that are stopped, slowed down, wiped, or lose what is on their disks; and what undoes it.

use crate::deck::{Deck, World};
use raftdeck_model::{Order, ProcessState};
use raftdeck_raft::{LogIndex, NodeId, Role};

const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

fn follower(leader: NodeId) -> NodeId {
    ALL.into_iter().find(|&node| node != leader).expect("there are three")
}

fn runs(node: NodeId) -> impl Fn(&World) -> Option<()> {
    move |world| matches!(world.processes.get(&node)?, ProcessState::Running { .. }).then_some(())
}

/// Hands the leadership to who neither has it nor lost anything. A leader counts on what was acknowledged to it and does
/// not send that again; the next one asks everybody what they have.
fn next_leader(deck: &mut Deck, leader: NodeId, loser: NodeId) {
    let next = ALL.into_iter().find(|&node| node != leader && node != loser).expect("there are three");
    deck.send(Order::Transfer(next));
    deck.wait("the next leader", |world| world.is(next, Role::Leader).then_some(()));
}

/// Everybody agrees and has the same log.
fn settles(deck: &mut Deck) {
    deck.wait("peace", |world| world.agreed(3));
    deck.equal_logs(&ALL);
}

#[test]
fn a_stopped_leader_is_replaced_and_comes_back() {
    let (mut deck, old) = Deck::settled(3);
    let term = deck.world.term(old);
    deck.send(Order::Stop(old));
    deck.wait("its end", |world| (world.processes[&old] == ProcessState::Stopped).then_some(()));
    deck.wait("a new leader", |world| world.successor(old, term));
    deck.send(Order::Restart(old));
    settles(&mut deck);
}

#[test]
fn a_wiped_follower_has_forgotten_everything_and_is_told_it_again_by_the_next_leader() {
    let (mut deck, leader) = Deck::settled(3);
    let wiped = follower(leader);
    deck.put("color", "blue");
    let pid = deck.world.pid(wiped);
    deck.send(Order::WipeUnsafe(wiped));
    deck.wait("a new process", |world| (world.pid(wiped) != pid).then_some(()));
    deck.wait("its start", runs(wiped));
    next_leader(&mut deck, leader, wiped);
    settles(&mut deck);
}

#[cfg(target_os = "linux")]
#[test]
fn a_follower_whose_disk_is_full_ends_and_says_so_until_there_is_room_again() {
    let (mut deck, leader) = Deck::settled(3);
    let full = follower(leader);
    deck.send(Order::FillDisk(full, 4096));
    let mut writes = 0;
    let words = loop {
        deck.put("color", &"blue".repeat(200));
        writes += 1;
        assert!(writes < 200, "there is no room for so much");
        if let Some(ProcessState::Failed { last_words, .. }) = deck.world.processes.get(&full) {
            break last_words.join("\n");
        }
    };
    assert!(words.contains("disk full"), "{words}");
    assert!(writes > 3, "there was room for something");
    // There is no more room in its next life.
    deck.send(Order::Restart(full));
    deck.wait("its start", |world| {
        matches!(world.processes[&full], ProcessState::Starting { .. }).then_some(())
    });
    deck.wait("its end", |world| matches!(world.processes[&full], ProcessState::Failed { .. }).then_some(()));
    deck.send(Order::Heal);
    deck.send(Order::Restart(full));
    settles(&mut deck);
}

#[test]
fn a_follower_that_lost_what_it_had_synced_is_told_it_again_by_the_next_leader() {
    let (mut deck, leader) = Deck::settled(3);
    let loser = follower(leader);
    for nth in 0..20 {
        deck.put("color", &format!("blue {nth}"));
    }
    settles(&mut deck);
    let last = deck.world.statuses[&loser].raft.last.index;
    deck.send(Order::Stop(loser));
    deck.wait("its end", |world| (world.processes[&loser] == ProcessState::Stopped).then_some(()));
    deck.send(Order::LoseTail(loser, 512));
    deck.send(Order::Restart(loser));
    let left = deck.wait("its start", |world| Some(world.statuses.get(&loser)?.raft.last.index));
    assert!(LogIndex::ZERO < left && left < last, "it starts with {left} of {last}");
    next_leader(&mut deck, leader, loser);
    settles(&mut deck);
}

#[test]
fn a_cluster_serves_while_a_follower_is_slow() {
    let (mut deck, leader) = Deck::settled(3);
    deck.send(Order::Slow(follower(leader), 60));
    for nth in 0..50 {
        deck.put("color", &format!("blue {nth}"));
    }
    assert!(matches!(deck.world.processes[&follower(leader)], ProcessState::Running { .. }));
    deck.send(Order::Heal);
    settles(&mut deck);
}
