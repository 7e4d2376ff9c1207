//! Nodes of a driven cluster that are set apart: their timeouts, their heartbeats, PreVote and CheckQuorum.

mod deck;

use deck::{Deck, millis, seconds};
use raftdeck_model::{News, Order, Update};
use raftdeck_raft::{NodeId, Role, Timing, TraceEvent, Tuning};

const USUAL: Tuning = Tuning { timing: Timing::FAST, pre_vote: true, check_quorum: true };

fn in_force(deck: &Deck) -> Vec<String> {
    deck.world.in_force().iter().map(|fault| raftdeck_model::write::disturbance(&fault.what)).collect()
}

fn tuning(deck: &mut Deck, node: NodeId) -> Tuning {
    deck.obey(Order::Refresh).expect("whoever answers is asked");
    *deck.status(node).tuning.get().expect("a simulated node tells it")
}

/// After how long this node's timer went off, each time since then.
fn waits(told: &[Update], node: NodeId) -> Vec<std::time::Duration> {
    let waits = told.iter().filter_map(|update| match &update.what {
        News::Trace { node: of, trace: TraceEvent::TimedOut { waited } } if *of == node => Some(*waited),
        _ => None,
    });
    waits.collect()
}

#[test]
fn without_pre_vote_a_node_that_was_cut_off_comes_back_with_a_higher_term_and_unseats_the_leader() {
    for on in [true, false] {
        let (mut deck, leader) = Deck::led(3, 1);
        let (node, term) = (deck.follower(), deck.status(leader).term);
        if !on {
            deck.say(&format!("prevote off {}", node.0)).unwrap();
            assert_eq!(tuning(&mut deck, node), Tuning { pre_vote: false, ..USUAL });
            assert_eq!(tuning(&mut deck, leader), USUAL);
        }
        deck.say(&format!("isolate {}", node.0)).unwrap();
        deck.run(seconds(2));
        let risen = deck.status(node).term > term;
        assert_eq!(risen, !on, "PreVote is {on}");
        deck.say("heal").unwrap();
        assert_eq!(tuning(&mut deck, node), USUAL);
        deck.run(seconds(2));
        deck.wait("leader");
        assert_eq!(deck.status(deck.leader()).term > term, !on, "PreVote is {on}");
        assert_eq!(deck.troubles(), Vec::<&str>::new());
    }
}

#[test]
fn without_check_quorum_a_leader_without_a_majority_goes_on_leading() {
    let (mut deck, leader) = Deck::led(3, 2);
    deck.say("check-quorum off").unwrap();
    deck.say(&format!("isolate {}", leader.0)).unwrap();
    deck.run(seconds(3));
    assert_eq!(deck.status(leader).role, Role::Leader, "and another one leads");
    assert_ne!(deck.leader(), leader);
    deck.say("undo").unwrap();
    deck.run(seconds(2));
    assert!(deck.holds(&format!("role {} follower", leader.0)));
    let leader = deck.leader();
    deck.say("check-quorum on").unwrap();
    assert_eq!(in_force(&deck), Vec::<String>::new());
    deck.say(&format!("isolate {}", leader.0)).unwrap();
    deck.wait(&format!("role {} follower", leader.0));
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn a_node_has_timeouts_of_its_own_until_newer_ones_are_set_for_all() {
    let (mut deck, leader) = Deck::led(3, 3);
    let node = deck.follower();
    deck.say("align").unwrap();
    deck.say(&format!("timeouts {} 3s..4s", node.0)).unwrap();
    let since = deck.told.len();
    deck.obey(Order::Kill(leader)).unwrap();
    deck.wait("leader");
    assert_ne!(deck.leader(), node, "the other one waits for 225 ms");
    assert_eq!(waits(&deck.told[since..], node), []);
    deck.say("restart down").unwrap();
    let own = Timing { election_min: seconds(3), election_max: seconds(4), ..Timing::FAST };
    // It has them after a new start and after a pause too.
    deck.say(&format!("restart {}", node.0)).unwrap();
    assert_eq!(tuning(&mut deck, node).timing, own);
    deck.say(&format!("isolate {}", node.0)).unwrap();
    let since = deck.told.len();
    deck.run(seconds(9));
    let own_waits = waits(&deck.told[since..], node);
    assert!(!own_waits.is_empty() && own_waits.iter().all(|wait| *wait >= seconds(3)), "{own_waits:?}");
    deck.say("spread").unwrap();
    assert_eq!(in_force(&deck), [format!("isolate {}", node.0), "spread".to_owned()]);
    assert_eq!(tuning(&mut deck, node), USUAL);
    let since = deck.told.len();
    deck.run(seconds(2));
    let fixed = waits(&deck.told[since..], node);
    // 200 or 250 ms, by its rank, and what its turn takes.
    let is_fixed = fixed[1..].iter().all(|wait| wait.abs_diff(fixed[1]) < millis(2));
    assert!(fixed.len() > 3 && is_fixed, "{fixed:?}");
    deck.say("heal").unwrap();
    deck.run(seconds(2));
    deck.wait("leader");
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn a_leader_with_rare_heartbeats_loses_those_who_wait_for_less() {
    let (mut deck, leader) = Deck::led(3, 4);
    let why = deck.say(&format!("heartbeat {} 400ms", leader.0)).unwrap_err();
    assert!(why.contains("its least election timeout is 150ms; give it longer ones first"), "{why}");
    assert_eq!(in_force(&deck), Vec::<String>::new());
    deck.say(&format!("timeouts {} 1s..2s", leader.0)).unwrap();
    deck.say(&format!("heartbeat {} 400ms", leader.0)).unwrap();
    deck.run(seconds(1));
    deck.wait("leader");
    assert_ne!(deck.leader(), leader, "the others time out between two heartbeats");
    // What the heartbeat needs is undone, and it ends with that.
    deck.say("random").unwrap();
    assert_eq!(in_force(&deck), Vec::<String>::new());
    assert_eq!(tuning(&mut deck, leader), USUAL);
    deck.run(millis(500));
    let now = deck.leader();
    deck.say(&format!("heartbeat {} 5ms", now.0)).unwrap();
    let since = deck.told.len();
    deck.run(seconds(1));
    let beats: u64 = deck.told[since..]
        .iter()
        .filter_map(|update| match &update.what {
            News::Frames { frames } => Some(frames),
            _ => None,
        })
        .flatten()
        .filter(|frame| frame.kind == raftdeck_model::FrameKind::Heartbeat)
        .map(|frame| frame.count)
        .sum();
    assert!(beats > 300, "200 to each of the two others: {beats}");
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn what_is_set_for_all_holds_for_nodes_that_come_later_and_is_gone_with_a_node_that_goes() {
    let (mut deck, _) = Deck::led(3, 5);
    deck.say("prevote off").unwrap();
    deck.say("add").unwrap();
    let added = NodeId(4);
    deck.wait("voter 4");
    assert!(!tuning(&mut deck, added).pre_vote);
    deck.say("prevote on 4").unwrap();
    deck.say("timeouts 4 300ms..400ms").unwrap();
    assert_eq!(in_force(&deck), ["prevote off", "prevote on 4", "timeouts 4 300ms..400ms"]);
    assert!(tuning(&mut deck, added).pre_vote);
    deck.say("remove 4").unwrap();
    assert_eq!(in_force(&deck), ["prevote off"]);
    deck.say("undo").unwrap();
    assert_eq!(tuning(&mut deck, NodeId(1)), USUAL);
}

/// Says these lines one after the other; what is in force then.
fn after(lines: &[&str]) -> Vec<String> {
    let (mut deck, _) = Deck::led(3, 4);
    for line in lines {
        deck.say(line).expect("it is carried out");
    }
    in_force(&deck)
}

#[test]
fn heal_ends_timeouts_and_the_heartbeat_that_needs_them() {
    for replaced in
        [["timeouts 2 1s..2s", "heartbeat 2 400ms"], ["heartbeat 2 10ms", "timeouts 2 20ms..40ms"]]
    {
        for newer in ["timeouts 2 1500ms..3s", "heartbeat 2 15ms"] {
            assert_eq!(after(&[replaced[0], replaced[1], newer, "heal"]), Vec::<String>::new(), "{newer}");
        }
    }
}

#[test]
fn what_is_in_force_of_a_node_s_timing_can_be_brought_into_force_again_in_the_order_told() {
    for lines in [
        ["timeouts 2 1s..2s", "heartbeat 2 400ms", "timeouts 2 1500ms..3s"],
        ["timeouts 2 1s..2s", "heartbeat 2 400ms", "heartbeat 2 500ms"],
        ["timeouts 2 1s..2s", "heartbeat 2 10ms", "timeouts 2 20ms..40ms"],
        ["heartbeat 2 10ms", "timeouts 2 20ms..40ms", "heartbeat 2 15ms"],
        ["heartbeat 2 10ms", "timeouts 2 1s..2s", "heartbeat 2 400ms"],
    ] {
        let told = after(&lines);
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!(after(&told.iter().map(String::as_str).collect::<Vec<_>>()), told);
    }
}

#[test]
fn timeouts_end_with_the_heartbeat_that_they_need() {
    let lines = ["heartbeat 2 10ms", "timeouts 2 20ms..40ms", "undo 1"];
    assert_eq!(after(&lines), Vec::<String>::new());
}

#[test]
fn what_was_said_of_a_client_and_a_node_is_over_when_the_node_goes() {
    let (mut deck, _) = Deck::led(4, 9);
    let gone = deck.follower();
    let kept = deck.world.ids().into_iter().find(|node| *node != gone).unwrap();
    for line in ["alice at {gone}", "bob cut {gone}", "carol at {kept},{gone}", "carol hold {kept},{gone}"] {
        let line = line.replace("{gone}", &gone.0.to_string()).replace("{kept}", &kept.0.to_string());
        deck.say(&format!("client {line}")).unwrap();
    }
    deck.say(&format!("remove {}", gone.0)).unwrap();
    let kept = kept.0;
    assert_eq!(in_force(&deck), [format!("client carol at {kept}"), format!("client carol hold {kept}")]);
    assert!(deck.say("as alice put x 1").is_ok(), "she reaches everybody again");
}

/// After how long this node's timer goes off, in cluster time, while it hears nothing: the mean of many.
fn mean_wait(deck: &mut Deck, node: NodeId) -> std::time::Duration {
    let since = deck.told.len();
    deck.run(seconds(20));
    let count = u32::try_from(waits(&deck.told[since..], node).len()).unwrap_or(u32::MAX);
    seconds(20) / count.max(1)
}

#[test]
fn a_slow_clock_lets_timers_go_off_late_and_a_fast_one_early_by_cluster_time() {
    let (mut deck, _) = Deck::led(3, 6);
    let node = deck.follower();
    deck.say("align").unwrap();
    deck.say(&format!("isolate {}", node.0)).unwrap();
    let usual = mean_wait(&mut deck, node);
    assert!(usual.abs_diff(millis(225)) < millis(10), "{usual:?}");
    for (rate, wait) in [("50%", 450), ("4", 56), ("100%", 225)] {
        deck.say(&format!("clock {} {rate}", node.0)).unwrap();
        let is = mean_wait(&mut deck, node);
        assert!(is.abs_diff(millis(wait)) < millis(20), "{rate}: {is:?}");
        if rate == "50%" {
            deck.say(&format!("restart {}", node.0)).unwrap();
            let is = mean_wait(&mut deck, node);
            assert!(is.abs_diff(millis(wait)) < millis(20), "after a restart: {is:?}");
        }
    }
    assert_eq!(in_force(&deck), ["align".to_owned(), format!("isolate {}", node.0)]);
    deck.say("heal").unwrap();
    deck.run(seconds(2));
    deck.wait("leader");
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn a_step_to_the_next_timer_goes_by_the_clock_of_the_node_whose_timer_it_is() {
    let (mut deck, leader) = Deck::led(3, 7);
    deck.say(&format!("clock {} 1%", leader.0)).unwrap();
    deck.say("freeze").unwrap();
    deck.say("hold *").unwrap();
    let since = deck.told.len();
    let before = deck.live.now();
    for _ in 0..20 {
        deck.say("step timer").unwrap();
    }
    // The others' timers go off; a heartbeat of the leader's would come after 5 s only.
    let others: usize = deck
        .world
        .ids()
        .into_iter()
        .filter(|node| *node != leader)
        .map(|node| waits(&deck.told[since..], node).len())
        .sum();
    assert!(others >= 2, "{others}");
    assert!(deck.live.now() < before + seconds(5), "{:?}", deck.live.now());
    assert!(deck.status(leader).role == Role::Leader);
}

#[test]
fn a_short_jump_of_a_clock_fires_a_timer_early_and_a_long_one_is_taken_for_a_pause() {
    let (mut deck, leader) = Deck::led(3, 8);
    let node = deck.follower();
    deck.say(&format!("timeouts {} 1s..1100ms", node.0)).unwrap();
    deck.say("freeze").unwrap();
    deck.say(&format!("isolate {}", node.0)).unwrap();
    deck.say("step 500ms").unwrap();
    let since = deck.told.len();
    deck.say(&format!("clock {} skew 700ms", node.0)).unwrap();
    assert_eq!(waits(&deck.told[since..], node).len(), 1, "no cluster time has passed, and 1.2 s of its own");
    // The step took the cluster to where its timer is anew.
    let since = deck.told.len();
    deck.say(&format!("clock {} skew 10s", node.0)).unwrap();
    assert_eq!(waits(&deck.told[since..], node), [], "a pause: it waits for a whole timeout more");
    deck.say("run").unwrap();
    deck.say(&format!("clock {} skew 10s", leader.0)).unwrap();
    deck.run(millis(5));
    let steps_down = |update: &Update| matches!(&update.what, News::Trace { node, trace: TraceEvent::RoleChanged { from: Role::Leader, .. } } if *node == leader);
    assert!(deck.told.iter().any(steps_down), "it has not heard from a majority in 10 s");
    let (why, down) = (format!("{node} is not running, and neither is its clock"), node.0);
    deck.say(&format!("kill {down}")).unwrap();
    assert_eq!(deck.say(&format!("clock {down} skew 1s")).unwrap_err(), why);
    assert_eq!(in_force(&deck).len(), 2, "a jump is not in force");
    assert_eq!(deck.troubles(), Vec::<&str>::new());
}

#[test]
fn a_jump_of_a_clock_that_is_refused_ends_no_leases() {
    let (mut deck, leader) = Deck::led(3, 10);
    deck.run(seconds(1));
    let others: Vec<NodeId> = deck.world.ids().into_iter().filter(|node| *node != leader).collect();
    let has_lease = |deck: &mut Deck| {
        deck.obey(Order::Refresh).unwrap();
        !deck.status(leader).lease.get().expect("a simulated node tells it").is_zero()
    };
    for line in ["pause", "kill"] {
        let down = others[0].0;
        deck.say(&format!("{line} {down}")).unwrap();
        deck.say(&format!("clock {down} skew 1s")).unwrap_err();
        assert!(has_lease(&mut deck), "{line}");
    }
    deck.say(&format!("clock {} skew 1ms", others[1].0)).unwrap();
    assert!(!has_lease(&mut deck));
}
