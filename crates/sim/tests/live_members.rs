//! A driven cluster changes its members, hands over its leadership, and lives with what happens to disks.

mod deck;

use deck::{Deck, millis, seconds};
use raftdeck_model::{ChangeStep, MAX_NODES, News, Order, ProcessState, Update};
use raftdeck_raft::{NodeId, TraceEvent};
use raftdeck_sim::LiveOptions;

fn steps(deck: &Deck, of: u64) -> Vec<ChangeStep> {
    let steps = deck.told.iter().filter_map(|update| match &update.what {
        News::Change { node, step } if node.0 == of => Some(*step),
        _ => None,
    });
    steps.collect()
}

#[test]
fn a_node_is_added_and_removed_and_its_id_is_not_used_again() {
    let (mut deck, _) = Deck::led(3, 1);
    deck.say("add").unwrap();
    let joins = [ChangeStep::Starting, ChangeStep::Joining, ChangeStep::Promoting, ChangeStep::Joined];
    assert_eq!(steps(&deck, 4), joins);
    deck.wait("voter 4");
    deck.say("remove 4").unwrap();
    assert_eq!(steps(&deck, 4)[4..], [ChangeStep::Leaving, ChangeStep::Left]);
    assert_eq!(deck.world.len(), 3);
    deck.say("add").unwrap();
    deck.wait("voter 5");
    assert!(deck.world.node(NodeId(5)).is_some());
    deck.run(seconds(2));
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn a_learner_stays_one_until_it_is_promoted_and_only_a_learner_is() {
    let (mut deck, leader) = Deck::led(3, 8);
    deck.say("add learner").unwrap();
    assert_eq!(steps(&deck, 4), [ChangeStep::Starting, ChangeStep::Joining, ChangeStep::Learning]);
    deck.wait("learner 4");
    deck.say("put a 1").unwrap();
    let committed = deck.status(leader).committed.get().expect("a simulated node tells it").0;
    deck.wait(&format!("applied 4 {committed}.."));
    assert!(deck.holds("member 4") && deck.holds("member 1") && deck.holds("voter 1"));
    assert!(!deck.holds("voter 4") && !deck.holds("learner 1"));
    // It counts for no majority: two of three voters are gone, and the learner does not stand in for them.
    for node in deck.world.ids().into_iter().filter(|node| *node != leader && node.0 != 4) {
        deck.obey(Order::Kill(node)).unwrap();
    }
    deck.wait("leader none");
    deck.say("restart down").unwrap();
    deck.wait("leader");
    deck.say("promote 4").unwrap();
    assert_eq!(steps(&deck, 4)[3..], [ChangeStep::Promoting, ChangeStep::Joined]);
    deck.wait("voter 4");
    assert_eq!(deck.say("promote 4").unwrap_err(), "n4 was not promoted: it is a voter already");
    assert_eq!(steps(&deck, 4).last(), Some(&ChangeStep::GivenUp));
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn a_learner_that_restarts_is_a_learner_still() {
    let (mut deck, _) = Deck::led(3, 9);
    deck.say("add learner").unwrap();
    deck.wait("learner 4");
    deck.say("restart 4").unwrap();
    deck.run(seconds(2));
    assert!(deck.holds("learner 4"));
    assert_eq!(deck.status(NodeId(4)).role, raftdeck_raft::Role::Follower);
    deck.say("remove 4").unwrap();
    assert!(deck.world.node(NodeId(4)).is_none());
}

#[test]
fn a_leader_that_is_removed_leaves_the_others_with_another() {
    let (mut deck, leader) = Deck::led(3, 2);
    deck.obey(Order::RemoveNode(leader)).unwrap();
    deck.wait("leader");
    assert_eq!(deck.world.len(), 2);
    deck.say("put a 1").unwrap();
    assert!(deck.outcomes()[0].contains("Stored"));
}

#[test]
fn the_leadership_is_handed_over() {
    let (mut deck, _) = Deck::led(3, 3);
    let to = deck.follower();
    deck.obey(Order::Transfer(to)).unwrap();
    deck.wait(&format!("leader {}", to.0));
    assert_eq!(steps(&deck, to.0), [ChangeStep::HandingOver, ChangeStep::HandedOver]);
}

#[test]
fn a_node_that_times_out_asks_first_and_is_refused_by_those_who_hear_the_leader() {
    let (mut deck, leader) = Deck::led(3, 10);
    let (node, term) = (deck.follower(), deck.status(leader).term);
    let since = deck.told.len();
    deck.say(&format!("elect {} prevote", node.0)).unwrap();
    deck.run(seconds(1));
    let asked = |told: &[Update]| {
        let began = |update: &Update| match &update.what {
            News::Trace { node: of, trace: TraceEvent::ElectionStarted { pre_vote, .. } } => {
                (*of == node).then_some(*pre_vote)
            }
            _ => None,
        };
        told.iter().filter_map(began).collect::<Vec<_>>()
    };
    assert_eq!(asked(&deck.told[since..]), [true], "it asks, and comes to nothing");
    assert_eq!((deck.leader(), deck.status(leader).term), (leader, term));
    // The other way the leader falls.
    let since = deck.told.len();
    deck.say(&format!("elect {}", node.0)).unwrap();
    deck.wait(&format!("leader {}", node.0));
    assert_eq!(asked(&deck.told[since..]), [false]);
    deck.obey(Order::Kill(leader)).unwrap();
    assert_eq!(
        deck.say(&format!("elect {} prevote", leader.0)).unwrap_err(),
        format!("{leader} is not running and cannot campaign")
    );
}

#[test]
fn a_change_without_a_majority_is_given_up_after_a_minute() {
    let (mut deck, leader) = Deck::led(3, 4);
    for node in deck.world.ids().into_iter().filter(|node| *node != leader) {
        deck.obey(Order::Kill(node)).unwrap();
    }
    let why = deck.obey(Order::AddNode).unwrap_err();
    assert!(why.starts_with("n4 was not added: "), "{why}");
    assert_eq!(steps(&deck, 4).last(), Some(&ChangeStep::GivenUp));
}

#[test]
fn a_wiped_node_is_reported_and_replaced() {
    let (mut deck, _) = Deck::led(3, 5);
    let lost = deck.follower();
    assert_eq!(
        deck.obey(Order::ReplaceNode(lost)).unwrap_err(),
        format!("{lost} was not replaced: the membership lists the disk that it has")
    );
    deck.obey(Order::Wipe(lost)).unwrap();
    deck.wait(&format!("wiped {}", lost.0));
    assert!(
        deck.told
            .iter()
            .any(|update| matches!(&update.what, News::Notice { notice, .. } if notice.about == lost))
    );
    deck.obey(Order::ReplaceNode(lost)).unwrap();
    deck.wait(&format!("voter {}", lost.0));
    let replaced = [ChangeStep::Replacing, ChangeStep::Joining, ChangeStep::Promoting, ChangeStep::Joined];
    assert!(steps(&deck, lost.0).ends_with(&replaced), "{:?}", steps(&deck, lost.0));
    deck.run(seconds(1));
    assert!(
        deck.told
            .iter()
            .any(|update| matches!(&update.what, News::NoticeOver { notice, .. } if notice.about == lost))
    );
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn a_log_that_loses_its_tail_is_sound_and_gets_it_back() {
    let (mut deck, leader) = Deck::led(3, 6);
    deck.say("put a 1").unwrap();
    deck.say("put b 2").unwrap();
    let last = deck.status(leader).last_index().unwrap().0;
    let node = deck.follower();
    deck.wait(&format!("log {} {last}..", node.0));
    deck.obey(Order::Kill(node)).unwrap();
    deck.obey(Order::LoseTail(node, 1)).unwrap();
    deck.obey(Order::Restart(node)).unwrap();
    deck.wait(&format!("log {} {last}..", node.0));
}

#[test]
fn a_full_disk_ends_the_process_and_a_larger_one_lets_it_go_on() {
    let (mut deck, leader) = Deck::led(3, 7);
    let node = deck.follower();
    deck.say(&format!("full {} 100B", node.0)).unwrap();
    for value in 0..5 {
        deck.say(&format!("put a {value}")).unwrap();
    }
    deck.wait(&format!("down {}", node.0));
    let failed = deck.world.node(node).unwrap().process.clone().unwrap();
    assert!(
        matches!(&failed, ProcessState::Failed { how, .. } if how.contains("disk is full")),
        "{failed:?}"
    );
    deck.say("heal").unwrap();
    deck.obey(Order::Restart(node)).unwrap();
    let last = deck.status(leader).last_index().unwrap().0;
    deck.wait(&format!("log {} {last}..", node.0));
}

#[test]
fn a_leader_whose_disk_is_delayed_commits_late_and_at_once_when_that_is_undone() {
    let (mut deck, leader) = Deck::led(1, 12);
    deck.say("put a 1").unwrap();
    deck.say(&format!("disk {} delay 400ms", leader.0)).unwrap();
    let before = deck.live.now();
    deck.say("put a 2").unwrap();
    assert!(deck.live.now() >= before + millis(400));
    deck.say(&format!("disk {} delay 10s", leader.0)).unwrap();
    deck.send(deck::put("a", "3"));
    deck.run(millis(100));
    assert_eq!(deck.outcomes().len(), 2);
    deck.say("undo").unwrap();
    deck.run(millis(100));
    assert_eq!(deck.outcomes().len(), 3);
}

#[test]
fn a_slow_node_stays_a_member_and_a_workload_counts() {
    let (mut deck, _) = Deck::led(3, 8);
    let node = deck.follower();
    deck.say(&format!("slow {} 50%", node.0)).unwrap();
    deck.say("workload on").unwrap();
    deck.run(seconds(3));
    deck.say("workload off").unwrap();
    let figures = deck.told.iter().rev().find_map(|update| match &update.what {
        News::Workload(figures) => Some(*figures),
        _ => None,
    });
    let figures = figures.unwrap();
    assert!(!figures.running && figures.acknowledged > 100, "{figures:?}");
    assert_eq!((figures.failed, figures.unknown), (0, 0));
    assert!(deck.holds("up"), "it is slow, and not away");
}

#[test]
fn a_workload_shows_the_gap_that_a_killed_leader_leaves() {
    let (mut deck, leader) = Deck::led(3, 9);
    deck.say("workload on").unwrap();
    deck.run(seconds(1));
    deck.obey(Order::Kill(leader)).unwrap();
    deck.run(seconds(2));
    deck.say("workload off").unwrap();
    let gap = deck.told.iter().rev().find_map(|update| match &update.what {
        News::Workload(figures) => Some(figures.longest_gap_ms),
        _ => None,
    });
    assert!((100..2000).contains(&gap.unwrap()), "{gap:?}");
}

#[test]
fn the_client_reaches_only_those_that_it_is_at() {
    let (mut deck, leader) = Deck::led(3, 10);
    let others = deck.world.ids().into_iter().filter(|node| *node != leader);
    let others: Vec<String> = others.map(|node| node.0.to_string()).collect();
    deck.say(&format!("client at {}", others.join(","))).unwrap();
    deck.say("put a 1").unwrap();
    assert!(deck.outcomes()[0].contains("no leader was found within 5000 ms"), "{:?}", deck.outcomes());
    deck.say("client anywhere").unwrap();
    deck.say("put a 1").unwrap();
    assert!(deck.outcomes()[1].contains("Stored"), "{:?}", deck.outcomes());
}

#[test]
fn spread_timers_elect_the_first_node_and_aligned_ones_split_the_vote() {
    let mut deck = Deck::of(5, 11);
    deck.say("spread").unwrap();
    deck.run(seconds(2));
    deck.say("kill leader").unwrap();
    deck.wait("leader");
    let led = deck.leader();
    let first = deck.world.ids().into_iter().find(|node| !deck.world.down().contains(node));
    assert_eq!(Some(led), first);
    let timeout = deck.status(NodeId(5)).election_timeout;
    assert_eq!(timeout, millis(300));
}

#[test]
fn there_is_room_for_so_many_nodes() {
    let (mut deck, _) = Deck::led(MAX_NODES.into(), 1);
    assert_eq!(deck.say("add").unwrap_err(), "there are 15 nodes already, which is the maximum");
    let single = Deck::new(LiveOptions::new(1, 1));
    assert_eq!(single.world.len(), 1);
}

#[test]
fn a_refresh_tells_the_figures_of_a_workload_while_it_runs() {
    let (mut deck, leader) = Deck::led(3, 9);
    let told = |deck: &mut Deck| {
        let since = deck.told.len();
        deck.obey(Order::Refresh).unwrap();
        let figures = deck.told[since..].iter().filter_map(|update| match &update.what {
            News::Workload(figures) => Some(figures.gap_ms),
            _ => None,
        });
        figures.collect::<Vec<_>>()
    };
    assert!(told(&mut deck).is_empty());
    deck.say("workload on").unwrap();
    deck.obey(Order::Kill(leader)).unwrap();
    deck.run(millis(90));
    deck.say("freeze").unwrap();
    let gaps = told(&mut deck);
    assert!(gaps.len() == 1 && gaps[0] >= 60, "{gaps:?}");
    deck.say("run").unwrap();
    deck.say("workload off").unwrap();
    assert!(told(&mut deck).is_empty());
}
