//! Real nodes that come and go while the cluster lives: added, removed, handed the leadership, told to campaign.

use crate::deck::{Deck, World, exists, options};
use raftdeck_lab::LabOptions;
use raftdeck_model::{ChangeStep, FrameFate, FrameKind, FrameReport, Order, ProcessState, WorkloadFigures};
use raftdeck_protocol::{Notice, NoticeKind};
use raftdeck_raft::{NodeId, Role};
use std::collections::BTreeSet;

fn n(id: u64) -> NodeId {
    NodeId(id)
}

fn voters(ids: &[u64]) -> BTreeSet<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

/// The leader, if all of these and nobody else vote, by all of their accounts, and follow it.
fn settled(world: &World, ids: &[u64]) -> Option<NodeId> {
    let all = voters(ids);
    let agrees = |node: &NodeId| {
        let status = world.statuses.get(node)?;
        let membership = &status.raft.membership;
        (membership.voters == all && !membership.is_joint() && membership.learners.is_empty()).then_some(())
    };
    all.iter().all(|node| agrees(node).is_some()).then(|| world.agreed(ids.len())).flatten()
}

fn add(deck: &mut Deck, all: &[u64]) -> NodeId {
    deck.send(Order::AddNode);
    deck.wait("one more voter", |world| settled(world, all))
}

#[test]
fn a_learner_gets_the_log_counts_for_no_majority_and_is_promoted_by_hand() {
    let (mut deck, leader) = Deck::settled(3);
    deck.put("color", "blue");
    deck.send(Order::AddLearner);
    let learns = |world: &World| {
        let status = world.statuses.get(&n(4))?;
        let is_learner = status.raft.membership.learners.contains(&n(4));
        (is_learner && world.changes.contains(&(n(4), ChangeStep::Learning))).then_some(())
    };
    deck.wait("a learner", learns);
    assert!(!deck.world.changes.contains(&(n(4), ChangeStep::Promoting)));
    // It is started again as what it is, and has the log.
    deck.send(Order::Restart(n(4)));
    deck.wait("its new start", |world| (!world.statuses.contains_key(&n(4))).then_some(()));
    deck.wait("its return", learns);
    deck.put("shape", "round");
    deck.equal_logs(&[1, 2, 3, 4].map(n));
    // Two of three voters are gone: the learner does not stand in for one of them.
    let others: Vec<NodeId> = [1, 2, 3].map(n).into_iter().filter(|node| *node != leader).collect();
    for node in &others {
        deck.send(Order::Kill(*node));
    }
    deck.wait("no leader", |world| (!world.is(leader, Role::Leader)).then_some(()));
    for node in &others {
        deck.send(Order::Restart(*node));
    }
    deck.wait("a leader", |world| [1, 2, 3].map(n).into_iter().find(|node| world.is(*node, Role::Leader)));
    deck.send(Order::Promote(n(4)));
    deck.wait("four voters", |world| settled(world, &[1, 2, 3, 4]));
    deck.wait("the end of the promotion", |world| {
        world.changes.contains(&(n(4), ChangeStep::Joined)).then_some(())
    });
    for (node, why) in [(n(4), "n4 was not promoted: it is a voter already"), (n(9), "there is no n9")] {
        deck.send(Order::Promote(node));
        deck.wait(why, |world| world.refusals.iter().any(|refusal| refusal.starts_with(why)).then_some(()));
    }
}

#[test]
fn two_nodes_are_added_at_once_and_take_part() {
    let (mut deck, _) = Deck::settled(3);
    deck.put("color", "blue");
    deck.send(Order::AddNode);
    deck.send(Order::AddNode);
    deck.wait("five voters", |world| settled(world, &[1, 2, 3, 4, 5]));
    assert_eq!(deck.world.nodes, [1, 2, 3, 4, 5].map(n));
    // The nodes know it before the leader's answer has come.
    deck.wait("both additions are over", |world| {
        let joined = |node| world.changes.contains(&(node, ChangeStep::Joined));
        (joined(n(4)) && joined(n(5))).then_some(())
    });
    // Three of five are needed now: the new ones carry the cluster when two of the old ones are gone.
    for node in [1, 2] {
        deck.send(Order::Kill(n(node)));
    }
    deck.wait("a leader of three", |world| {
        let followed = |id: u64| world.statuses.get(&n(id)).and_then(|status| status.raft.leader);
        let leader = followed(3)?;
        (leader.0 > 2 && followed(4) == Some(leader) && followed(5) == Some(leader)).then_some(())
    });
    deck.put("shape", "round");
    assert_eq!(deck.get("color").as_deref(), Some("blue"));
}

#[test]
fn a_removed_leader_is_replaced_and_nothing_of_it_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut deck = Deck::start(LabOptions { data_dir: Some(dir.path().into()), ..options(3) });
    let leader = deck.wait("a leader", |world| world.agreed(3));
    let pid = deck.world.pid(leader).unwrap();
    deck.put("color", "blue");
    deck.send(Order::RemoveNode(leader));
    let rest: Vec<u64> = (1..=3).filter(|id| n(*id) != leader).collect();
    deck.wait("its end", |world| (!world.nodes.contains(&leader)).then_some(()));
    deck.wait("a leader of two", |world| settled(world, &rest));
    assert!(!exists(pid), "its process is gone");
    assert!(!dir.path().join(leader.to_string()).exists(), "its data is gone");
    deck.put("color", "red");
    deck.send(Order::Restart(leader));
    deck.wait("a refusal", |world| {
        world.refusals.iter().any(|why| why.contains(&format!("there is no {leader}"))).then_some(())
    });
}

#[test]
fn a_node_that_is_down_can_be_removed() {
    let (mut deck, leader) = Deck::settled(3);
    let dead = (1..=3).map(n).find(|node| *node != leader).unwrap();
    deck.send(Order::Kill(dead));
    deck.wait("its death", |world| (world.processes[&dead] == ProcessState::Killed).then_some(()));
    deck.send(Order::RemoveNode(dead));
    let rest: Vec<u64> = (1..=3).filter(|id| n(*id) != dead).collect();
    deck.wait("a cluster of two", |world| settled(world, &rest));
    deck.wait("its end", |world| (!world.nodes.contains(&dead)).then_some(()));
}

#[test]
fn the_last_voter_stays() {
    let (mut deck, leader) = Deck::settled(1);
    deck.send(Order::RemoveNode(leader));
    deck.wait("a refusal", |world| {
        world.refusals.iter().any(|why| why.contains("n1 was not removed: the last voter")).then_some(())
    });
    assert!(deck.world.changes.contains(&(leader, ChangeStep::GivenUp)));
    deck.put("color", "blue");
}

#[test]
fn the_leadership_is_handed_to_whom_it_shall_be() {
    let (mut deck, _) = Deck::settled(3);
    for _ in 0..2 {
        for node in [1, 2, 3].map(n) {
            deck.send(Order::Transfer(node));
            deck.wait("the new leader", |world| {
                (world.agreed(3) == Some(node) && world.is(node, Role::Leader)).then_some(())
            });
        }
    }
}

#[test]
fn who_is_told_to_campaign_leads_though_another_did() {
    let (mut deck, leader) = Deck::settled(3);
    let other = (1..=3).map(n).find(|node| *node != leader).unwrap();
    deck.send(Order::Campaign(other));
    deck.wait("it leads", |world| (settled(world, &[1, 2, 3]) == Some(other)).then_some(()));
}

#[test]
fn a_node_that_times_out_asks_first_and_the_leader_stays() {
    let (mut deck, leader) = Deck::settled(3);
    let term = deck.world.statuses[&leader].raft.term;
    let other = (1..=3).map(n).find(|node| *node != leader).unwrap();
    deck.world.frames.clear();
    let id = deck.send(Order::TimeOut(other));
    assert_eq!(deck.answer(id), Ok(()));
    deck.wait("refused pre-votes", |world| {
        let refusals = world.frames.iter().filter(|frame| {
            (frame.kind, frame.to, frame.granted) == (FrameKind::PreVoteReply, other, Some(false))
        });
        (refusals.map(|frame| frame.count).sum::<u64>() >= 2).then_some(())
    });
    deck.wait("peace", |world| (settled(world, &[1, 2, 3]) == Some(leader)).then_some(()));
    assert_eq!(deck.world.statuses[&leader].raft.term, term);
}

#[test]
fn a_restarted_node_finds_those_that_were_added_after_it_through_links() {
    let (mut deck, _) = Deck::settled(3);
    add(&mut deck, &[1, 2, 3, 4]);
    deck.send(Order::Transfer(n(4)));
    deck.wait("n4 leads", |world| (settled(world, &[1, 2, 3, 4]) == Some(n(4))).then_some(()));
    deck.send(Order::Restart(n(1)));
    deck.wait("its new start", |world| (!world.statuses.contains_key(&n(1))).then_some(()));
    deck.wait("its return", |world| settled(world, &[1, 2, 3, 4]));
    // What n1 sends to n4 goes over the link that the lab holds: when it is cut, all of it is lost there.
    deck.world.frames.clear();
    deck.send(Order::Cut(vec![(n(1), n(4))]));
    deck.wait("lost answers", |world| {
        let lost = |frame: &FrameReport| (frame.from, frame.to, frame.fate) == (n(1), n(4), FrameFate::Lost);
        world.frames.iter().any(lost).then_some(())
    });
}

#[test]
fn added_and_removed_nodes_are_as_they_were_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let at_home = || Deck::start(LabOptions { data_dir: Some(dir.path().into()), ..options(3) });
    let mut deck = at_home();
    deck.wait("a leader", |world| world.agreed(3));
    deck.put("color", "violet");
    add(&mut deck, &[1, 2, 3, 4]);
    deck.send(Order::RemoveNode(n(2)));
    deck.wait("three voters", |world| settled(world, &[1, 3, 4]));
    deck.wait("the end of n2", |world| (!world.nodes.contains(&n(2))).then_some(()));
    deck.put("shape", "round");
    deck.stop();
    let mut deck = at_home();
    deck.wait("the same three voters", |world| settled(world, &[1, 3, 4]));
    assert_eq!(deck.world.nodes, [1, 3, 4].map(n));
    assert_eq!(deck.get("color").as_deref(), Some("violet"));
    assert_eq!(deck.get("shape").as_deref(), Some("round"));
    add(&mut deck, &[1, 3, 4, 5]);
}

#[test]
fn a_new_node_catches_up_by_snapshot_under_a_steady_load() {
    let mut deck = Deck::start(LabOptions { snapshot_entries: Some(50), ..options(3) });
    deck.wait("a leader", |world| world.agreed(3));
    deck.send(Order::Workload(true));
    let purged = |world: &World| world.statuses.values().all(|status| status.raft.purged.0 > 100);
    deck.wait("shortened logs", |world| purged(world).then_some(()));
    deck.send(Order::AddNode);
    deck.wait("a voter that began with a snapshot", |world| {
        let raft = &world.statuses.get(&n(4))?.raft;
        (raft.membership.is_voter(n(4)) && !raft.membership.is_joint() && raft.snapshot.index.0 > 100)
            .then_some(())
    });
    deck.send(Order::Workload(false));
    let WorkloadFigures { acknowledged, failed, unknown, .. } =
        deck.wait("the last figures", |world| world.workload.filter(|figures| !figures.running));
    assert!(acknowledged > 100, "{acknowledged}");
    assert_eq!((failed, unknown), (0, 0), "nothing is lost when a node joins");
}

#[test]
fn no_more_than_fifteen_nodes() {
    let mut deck = Deck::start(options(15));
    deck.send(Order::AddNode);
    deck.wait("a refusal", |world| {
        world.refusals.iter().any(|why| why.contains("15 nodes already")).then_some(())
    });
}

/// Empties a node's disk, and waits until the leader knows.
fn wipe(deck: &mut Deck, node: NodeId) {
    deck.send(Order::Wipe(node));
    deck.wait("a report of its empty disk", |world| {
        let is_about =
            |notice: &Notice| notice.about == node && matches!(notice.kind, NoticeKind::EmptyDisk { .. });
        world.notices.iter().any(|(by, notice)| *by != node && is_about(notice)).then_some(())
    });
}

fn refusal(deck: &mut Deck, words: &str) {
    deck.wait(words, |world| world.refusals.iter().any(|why| why.contains(words)).then_some(()));
}

#[test]
fn a_wiped_node_is_a_voter_again_after_its_replacement() {
    let (mut deck, leader) = Deck::settled(3);
    let wiped = (1..=3).map(n).find(|node| *node != leader).unwrap();
    let other = (1..=3).map(n).find(|node| ![leader, wiped].contains(node)).unwrap();
    deck.put("color", "blue");
    wipe(&mut deck, wiped);
    deck.send(Order::ReplaceNode(wiped));
    deck.wait("its return", |world| world.changes.contains(&(wiped, ChangeStep::Joined)).then_some(()));
    let steps: Vec<ChangeStep> = deck.world.changes.iter().map(|(_, step)| *step).collect();
    let all = [ChangeStep::Replacing, ChangeStep::Joining, ChangeStep::Promoting, ChangeStep::Joined];
    assert_eq!(steps, all);
    deck.wait("three voters", |world| settled(world, &[1, 2, 3]));
    // The others reach it through their links still, and not at the address that the membership has of it now.
    deck.world.frames.clear();
    deck.send(Order::Cut(vec![(other, wiped), (wiped, other)]));
    deck.send(Order::Campaign(other));
    deck.wait("lost requests", |world| {
        let lost =
            |frame: &FrameReport| (frame.from, frame.to, frame.fate) == (other, wiped, FrameFate::Lost);
        world.frames.iter().any(lost).then_some(())
    });
    deck.send(Order::Heal);
    deck.wait("peace", |world| settled(world, &[1, 2, 3]));
    // It counts: with it there is a majority of three.
    deck.send(Order::Transfer(wiped));
    deck.wait("its leadership", |world| (settled(world, &[1, 2, 3]) == Some(wiped)).then_some(()));
    deck.send(Order::Kill(other));
    deck.put("shape", "round");
    assert_eq!(deck.get("color").as_deref(), Some("blue"));
}

#[test]
fn a_replaced_node_is_reached_through_its_links_after_a_restart_of_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let at_home = || Deck::start(LabOptions { data_dir: Some(dir.path().into()), ..options(3) });
    let mut deck = at_home();
    let leader = deck.wait("a leader", |world| world.agreed(3));
    let wiped = (1..=3).map(n).find(|node| *node != leader).unwrap();
    wipe(&mut deck, wiped);
    // In one breath with the order before: it is about the disk that is there then.
    deck.send(Order::Wipe(wiped));
    deck.send(Order::ReplaceNode(wiped));
    deck.wait("its return", |world| world.changes.contains(&(wiped, ChangeStep::Joined)).then_some(()));
    deck.put("color", "blue");
    deck.stop();
    // All have other ports now.
    let mut deck = at_home();
    let leads = deck.wait("three voters", |world| settled(world, &[1, 2, 3]));
    // Followers say nothing to each other.
    let other = if leads == wiped { leader } else { wiped };
    for (from, to) in [(leads, other), (other, leads)] {
        deck.world.frames.clear();
        deck.send(Order::Cut(vec![(from, to)]));
        deck.wait("lost messages", |world| {
            let lost =
                |frame: &FrameReport| (frame.from, frame.to, frame.fate) == (from, to, FrameFate::Lost);
            world.frames.iter().any(lost).then_some(())
        });
        deck.send(Order::Heal);
    }
    assert_eq!(deck.get("color").as_deref(), Some("blue"));
}

#[test]
fn what_cannot_be_replaced_is_refused_with_a_reason_and_stays_as_it_is() {
    let (mut deck, leader) = Deck::settled(3);
    let other = (1..=3).map(n).find(|node| *node != leader).unwrap();
    deck.send(Order::ReplaceNode(other));
    refusal(&mut deck, &format!("{other} was not replaced: the membership lists the disk that it has"));
    deck.send(Order::ReplaceNode(n(9)));
    refusal(&mut deck, "there is no n9 in this cluster");
    deck.send(Order::Kill(other));
    deck.send(Order::ReplaceNode(other));
    refusal(&mut deck, &format!("{other} was not replaced: it is not running; restart it"));
    assert!(
        deck.world
            .changes
            .iter()
            .all(|(_, step)| { matches!(step, ChangeStep::Replacing | ChangeStep::GivenUp) })
    );
    deck.send(Order::Restart(other));
    deck.wait("three voters", |world| settled(world, &[1, 2, 3]));
}
