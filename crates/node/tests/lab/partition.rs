//! Real nodes under the lab: links cut, processes paused, and everything healed.

use crate::deck::{Deck, World, around, options, put};
use raftdeck_model::{ClientOutcome, FrameFate, FrameKind, FrameReport, LinkState, Order, ProcessState};
use raftdeck_raft::{NodeId, Role};

const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

#[test]
fn a_leader_that_is_cut_off_is_replaced_and_forgets_what_it_could_not_commit() {
    let (mut deck, old) = Deck::settled(3);
    let term = deck.world.term(old);
    deck.send(Order::Cut(around(old, &ALL)));
    // Sent to the leader that has not noticed yet.
    let doubtful = deck.ask(put("color", "lost"));
    let new = deck.wait("a new leader", |world| world.successor(old, term));
    deck.wait("the old leader without a quorum", |world| {
        let status = &world.statuses.get(&old)?.raft;
        (!status.has_quorum && status.role != Role::Leader).then_some(())
    });
    assert_eq!(deck.put("shape", "round"), new);
    deck.send(Order::Heal);
    deck.wait("peace", |world| world.agreed(3));
    let log = deck.equal_logs(&ALL);
    assert!(log.iter().any(|line| line.text == "put shape round"), "{log:?}");
    match deck.outcome(doubtful) {
        ClientOutcome::Failed { reason, .. } => {
            assert!(!log.iter().any(|line| line.text == "put color lost"), "{reason}: {log:?}");
        }
        // On a slow machine the old leader has stepped down before it is asked.
        ClientOutcome::Answered { node, .. } => assert_ne!(node, old),
    }
}

#[test]
fn a_paused_leader_is_replaced_and_follows_when_it_goes_on() {
    let (mut deck, old) = Deck::settled(3);
    let term = deck.world.term(old);
    deck.send(Order::Pause(old));
    let new = deck.wait("a new leader", |world| world.successor(old, term));
    assert!(matches!(deck.world.processes[&old], ProcessState::Paused { .. }));
    deck.put("color", "blue");
    deck.send(Order::Resume(old));
    deck.wait("the old leader as a follower", |world| {
        (world.is(old, Role::Follower) && world.agreed(3).is_some()).then_some(())
    });
    assert!(deck.world.term(new) > term);
    let log = deck.equal_logs(&ALL);
    assert_eq!(log.last().unwrap().text, "put color blue");
}

#[test]
fn a_cut_one_way_loses_only_the_messages_of_that_way() {
    let (mut deck, leader) = Deck::settled(3);
    let follower = ALL.into_iter().find(|&node| node != leader).unwrap();
    let seen = |kind: FrameKind, fate: FrameFate, (from, to)| {
        move |world: &World| {
            let is = |report: &&FrameReport| {
                (report.kind, report.fate, report.from, report.to) == (kind, fate, from, to)
            };
            world.frames.iter().find(is).cloned()
        }
    };
    let (there, back) = ((leader, follower), (follower, leader));
    let beat = deck.wait("a heartbeat", seen(FrameKind::Heartbeat, FrameFate::Delivered, there));
    assert!(beat.count > 0 && beat.entries == 0, "{beat:?}");
    deck.send(Order::Cut(vec![there]));
    deck.wait("a lost heartbeat", seen(FrameKind::Heartbeat, FrameFate::Lost, there));
    // The follower hears nothing, times out, and is heard.
    deck.wait("a question", seen(FrameKind::PreVote, FrameFate::Delivered, back));
    deck.send(Order::Heal);
    deck.world.frames.clear();
    deck.wait("a message", |world| {
        let delivered = |report: &&FrameReport| {
            (report.fate, report.from, report.to) == (FrameFate::Delivered, leader, follower)
        };
        world.frames.iter().find(delivered).cloned()
    });
    deck.wait("peace", |world| world.agreed(3));
}

#[test]
fn a_cluster_whose_links_are_cut_at_the_start_is_founded_all_the_same_and_gets_a_leader_when_it_is_healed() {
    let mut deck = Deck::start(options(3));
    let all: Vec<_> =
        ALL.iter().flat_map(|&from| ALL.map(|to| (from, to))).filter(|(from, to)| from != to).collect();
    deck.send(Order::Cut(all.clone()));
    let founded = deck.wait("the founding", |world| {
        let clusters: Vec<_> =
            ALL.iter().map(|node| world.statuses.get(node)?.cluster).collect::<Option<_>>()?;
        (clusters.iter().all(|cluster| *cluster == clusters[0])).then(|| clusters[0])
    });
    deck.wait("campaigns that come to nothing", |world| {
        let tries =
            |node| world.statuses.get(node).is_some_and(|status| status.raft.role == Role::PreCandidate);
        ALL.iter().any(tries).then_some(())
    });
    assert!(
        all.iter().all(|link| deck.world.links.get(link) == Some(&LinkState::Cut)),
        "{:?}",
        deck.world.links
    );
    assert!(deck.world.statuses.values().all(|status| status.raft.leader.is_none()), "{:#?}", deck.world);
    deck.send(Order::Heal);
    deck.wait("a leader", |world| world.agreed(3));
    assert!(deck.world.statuses.values().all(|status| status.cluster == Some(founded)));
    deck.put("color", "red");
}
