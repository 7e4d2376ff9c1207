//! Real nodes that are set apart: PreVote and CheckQuorum switched, timeouts and heartbeats of their own.

use crate::deck::{Deck, World};
use raftdeck_model::{FrameKind, Order, write};
use raftdeck_raft::{NodeId, Role, Term, Timing, Tuning};
use raftdeck_script::{ScriptLine, parse};
use std::time::Duration;

const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
const USUAL: Tuning = Tuning { timing: Timing::FAST, pre_vote: true, check_quorum: true };

/// Says a line of the grammar; what it is answered.
fn say(deck: &mut Deck, line: &str) -> Result<(), String> {
    let Ok(ScriptLine::Do(orders)) = parse(line, &deck.world.known) else { panic!("\"{line}\"") };
    orders.into_iter().try_for_each(|order| {
        let id = deck.send(order);
        deck.answer(id)
    })
}

fn in_force(deck: &Deck) -> Vec<String> {
    deck.world.known.in_force().iter().map(|fault| write::disturbance(&fault.what)).collect()
}

fn has(world: &World, node: NodeId, tuning: Tuning) -> Option<()> {
    (world.statuses.get(&node)?.raft.tuning == tuning).then_some(())
}

/// What every node works with, by what it says now.
fn wait_for(deck: &mut Deck, node: NodeId, tuning: Tuning) {
    deck.send(Order::Refresh);
    deck.wait(&format!("{node} with {tuning:?}"), |world| has(world, node, tuning));
}

fn term(world: &World, node: NodeId) -> Term {
    world.statuses[&node].raft.term
}

fn follower(deck: &mut Deck) -> (NodeId, NodeId) {
    let leader = deck.wait("peace", |world| world.agreed(3));
    (ALL.into_iter().find(|&node| node != leader).expect("there are three"), leader)
}

#[test]
fn without_pre_vote_a_node_that_was_cut_off_unseats_the_leader_also_after_a_restart() {
    let (mut deck, leader) = Deck::settled(3);
    let before = term(&deck.world, leader);
    let (node, _) = follower(&mut deck);
    assert_eq!(say(&mut deck, &format!("prevote off {}", node.0)), Ok(()));
    let off = Tuning { pre_vote: false, ..USUAL };
    wait_for(&mut deck, node, off);
    wait_for(&mut deck, leader, USUAL);
    assert_eq!(say(&mut deck, &format!("restart {}", node.0)), Ok(()));
    wait_for(&mut deck, node, off);
    assert_eq!(say(&mut deck, &format!("isolate {}", node.0)), Ok(()));
    deck.wait("a higher term", |world| (term(world, node).0 > before.0 + 1).then_some(()));
    assert_eq!(term(&deck.world, leader), before);
    assert_eq!(say(&mut deck, "heal"), Ok(()));
    wait_for(&mut deck, node, USUAL);
    deck.wait("a leader of a higher term", |world| {
        world.agreed(3).filter(|leader| term(world, *leader).0 > before.0 + 1)
    });
    assert_eq!(in_force(&deck), Vec::<String>::new());
}

#[test]
fn without_check_quorum_a_leader_that_reaches_no_majority_leads_on_until_that_is_undone() {
    let (mut deck, leader) = Deck::settled(3);
    assert_eq!(say(&mut deck, "check-quorum off"), Ok(()));
    for node in ALL {
        wait_for(&mut deck, node, Tuning { check_quorum: false, ..USUAL });
    }
    assert_eq!(say(&mut deck, &format!("isolate {}", leader.0)), Ok(()));
    deck.wait("another leader", |world| {
        ALL.into_iter().find(|&node| node != leader && world.is(node, Role::Leader))
    });
    assert!(deck.world.is(leader, Role::Leader), "it does not know");
    assert_eq!(say(&mut deck, "undo #1"), Ok(()));
    deck.wait("it steps down", |world| (!world.is(leader, Role::Leader)).then_some(()));
    assert_eq!(say(&mut deck, "heal"), Ok(()));
    deck.wait("peace", |world| world.agreed(3));
}

#[test]
fn timeouts_of_one_node_last_until_newer_ones_are_set_for_all() {
    let (mut deck, _) = Deck::settled(3);
    let (node, leader) = follower(&mut deck);
    assert_eq!(say(&mut deck, "align"), Ok(()));
    assert_eq!(say(&mut deck, &format!("timeouts {} 20s..30s", node.0)), Ok(()));
    let own = Tuning {
        timing: Timing {
            election_min: Duration::from_secs(20),
            election_max: Duration::from_secs(30),
            ..Timing::FAST
        },
        ..USUAL
    };
    wait_for(&mut deck, node, own);
    assert_eq!(say(&mut deck, &format!("restart {}", node.0)), Ok(()));
    wait_for(&mut deck, node, own);
    let timeout = |world: &World, node| world.statuses[&node].raft.election_timeout;
    deck.wait("its own timeout", |world| (timeout(world, node) >= Duration::from_secs(20)).then_some(()));
    assert_eq!(timeout(&deck.world, leader), Duration::from_millis(225));
    deck.send(Order::Kill(leader));
    let other = ALL.into_iter().find(|other| *other != node && *other != leader).expect("there are three");
    // It may have to ask again and again: for 20 s the one with the long timeouts stands by the leader that it heard last.
    let asks = |world: &World| world.is(other, Role::PreCandidate) || world.is(other, Role::Leader);
    deck.wait("the other one times out", |world| asks(world).then_some(()));
    assert!(deck.world.is(node, Role::Follower));
    assert_eq!(say(&mut deck, "restart down"), Ok(()));
    assert_eq!(say(&mut deck, "random"), Ok(()));
    assert_eq!(in_force(&deck), Vec::<String>::new());
    wait_for(&mut deck, node, USUAL);
    let (node, leader) = follower(&mut deck);
    assert_eq!(
        say(&mut deck, &format!("timeouts {} 20ms..40ms", node.0)).unwrap_err(),
        format!(
            "the least election timeout of {node}, 20ms, is not longer than its heartbeat interval, 50ms: choose a longer one"
        )
    );
    assert_eq!(deck.wait("peace", |world| world.agreed(3)), leader);
}

#[test]
fn a_leader_with_rare_heartbeats_is_replaced_and_one_with_frequent_ones_sends_them() {
    let (mut deck, leader) = Deck::settled(3);
    let why = say(&mut deck, &format!("heartbeat {} 2s", leader.0)).unwrap_err();
    assert!(why.contains("give it longer ones first"), "{why}");
    assert_eq!(say(&mut deck, &format!("timeouts {} 10s..20s", leader.0)), Ok(()));
    assert_eq!(say(&mut deck, &format!("heartbeat {} 2s", leader.0)), Ok(()));
    deck.wait("another leader", |world| world.agreed(3).filter(|other| *other != leader));
    assert_eq!(say(&mut deck, "undo #1"), Ok(()));
    assert_eq!(in_force(&deck), Vec::<String>::new(), "the heartbeat goes with the timeouts that it needs");
    wait_for(&mut deck, leader, USUAL);
    let leader = deck.wait("peace", |world| world.agreed(3));
    assert_eq!(say(&mut deck, &format!("heartbeat {} 1ms", leader.0)), Ok(()));
    for line in ["rate 1/10", "freeze"] {
        assert_eq!(say(&mut deck, line), Ok(()));
    }
    deck.world.frames.clear();
    step(&mut deck, "step 100ms");
    deck.sync();
    let beats = deck.world.frames.iter().filter(|frame| frame.kind == FrameKind::Heartbeat);
    let count: u64 = beats.map(|frame| frame.count).sum();
    assert!(count >= 40, "one in a millisecond to each of two, and not one in 50 ms: {count}");
}

/// Lets cluster time go on.
fn step(deck: &mut Deck, line: &str) {
    let Ok(ScriptLine::Step { step, .. }) = parse(line, &deck.world.known) else { panic!("\"{line}\"") };
    let id = deck.send(Order::Step(step));
    assert_eq!(deck.answer(id), Ok(()));
}

/// How far a node's clock went while cluster time went on by so much in a frozen world.
fn gone(deck: &mut Deck, node: NodeId, line: &str) -> Duration {
    let shows = |deck: &mut Deck| {
        let id = deck.send(Order::Refresh);
        assert_eq!(deck.answer(id), Ok(()));
        Duration::from_micros(deck.world.statuses[&node].uptime_micros)
    };
    let before = shows(deck);
    step(deck, line);
    shows(deck).saturating_sub(before)
}

#[test]
fn a_clock_runs_at_its_rate_of_cluster_time_in_steps_too_until_that_is_undone() {
    let (mut deck, _) = Deck::settled(3);
    let (node, leader) = follower(&mut deck);
    assert_eq!(say(&mut deck, "freeze"), Ok(()));
    assert_eq!(say(&mut deck, &format!("clock {} 50%", node.0)), Ok(()));
    assert_eq!(gone(&mut deck, node, "step 10ms"), Duration::from_millis(5));
    assert_eq!(gone(&mut deck, leader, "step 10ms"), Duration::from_millis(10));
    assert_eq!(say(&mut deck, &format!("clock {} 2.5", node.0)), Ok(()));
    assert_eq!(gone(&mut deck, node, "step 10ms"), Duration::from_millis(25));
    assert_eq!(in_force(&deck), [format!("clock {} 250%", node.0)]);
    // What a step to the next timer goes by: its own timeout, by cluster time.
    let status = &deck.world.statuses[&node];
    let (own, left) = (status.raft.election_remaining, u128::from(status.next_timer_micros));
    assert_eq!(left, (own * 2 / 5).as_nanos().div_ceil(1000), "{own:?}");
    assert_eq!(say(&mut deck, &format!("restart {}", node.0)), Ok(()));
    deck.wait("its return", |world| world.statuses.contains_key(&node).then_some(()));
    assert_eq!(gone(&mut deck, node, "step 10ms"), Duration::from_millis(25), "a new life of it");
    assert_eq!(say(&mut deck, "heal"), Ok(()));
    assert_eq!(gone(&mut deck, node, "step 10ms"), Duration::from_millis(10));
    assert_eq!(say(&mut deck, "run"), Ok(()));
    deck.wait("peace", |world| world.agreed(3));
}

#[test]
fn a_clock_that_jumps_ahead_lets_a_leader_step_down_and_what_does_not_run_has_none() {
    let (mut deck, leader) = Deck::settled(3);
    let before = term(&deck.world, leader);
    assert_eq!(say(&mut deck, &format!("clock {} skew 10s", leader.0)), Ok(()));
    deck.wait("a new term", |world| world.agreed(3).filter(|leader| term(world, *leader) > before));
    assert_eq!(in_force(&deck), Vec::<String>::new(), "a jump cannot be undone");
    assert_eq!(say(&mut deck, "kill 2"), Ok(()));
    assert_eq!(say(&mut deck, "clock 2 skew 1s").unwrap_err(), "n2 is not running, and neither is its clock");
}

#[test]
fn timings_that_need_each_other_are_told_in_an_order_that_can_be_said_again_and_all_healed() {
    let (mut deck, _) = Deck::settled(3);
    for line in ["timeouts 2 1s..2s", "heartbeat 2 400ms", "timeouts 2 1500ms..3s"] {
        assert_eq!(say(&mut deck, line), Ok(()));
    }
    assert_eq!(in_force(&deck), ["timeouts 2 1500ms..3s", "heartbeat 2 400ms"]);
    for line in ["timeouts 1 1s..2s", "heartbeat 1 10ms", "timeouts 1 20ms..40ms", "heal"] {
        assert_eq!(say(&mut deck, line), Ok(()), "{line}");
    }
    assert_eq!(in_force(&deck), Vec::<String>::new());
    wait_for(&mut deck, NodeId(2), USUAL);
}

#[test]
fn a_jump_of_a_clock_that_is_refused_names_the_node_and_ends_no_leases() {
    let (mut deck, leader) = Deck::settled(3);
    let (node, _) = follower(&mut deck);
    let has_lease =
        |world: &World, has: bool| (world.statuses.get(&leader)?.raft.lease.is_zero() != has).then_some(());
    deck.wait("a lease", |world| has_lease(world, true));
    assert_eq!(say(&mut deck, &format!("pause {}", node.0)), Ok(()));
    let why = say(&mut deck, &format!("clock {} skew 1s", node.0)).unwrap_err();
    assert_eq!(why, format!("the clock of {node} cannot be set: it does not answer"));
    let id = deck.send(Order::Refresh);
    assert_eq!(deck.answer(id), Ok(()));
    deck.wait("a lease that goes on", |world| has_lease(world, true));
    assert_eq!(say(&mut deck, &format!("resume {}", node.0)), Ok(()));
    assert_eq!(say(&mut deck, &format!("clock {} skew 1ms", node.0)), Ok(()));
    deck.send(Order::Refresh);
    deck.wait("no lease", |world| has_lease(world, false));
}

#[test]
fn a_refresh_tells_the_figures_of_a_workload_as_they_are_now() {
    let (mut deck, _) = Deck::settled(3);
    assert_eq!(say(&mut deck, "workload on"), Ok(()));
    for _ in 0..20 {
        deck.world.workload = None;
        let id = deck.send(Order::Refresh);
        assert_eq!(deck.answer(id), Ok(()));
        assert!(deck.world.workload.is_some_and(|figures| figures.running), "told before it is answered");
    }
    assert_eq!(say(&mut deck, "workload off"), Ok(()));
    let id = deck.send(Order::Refresh);
    assert_eq!(deck.answer(id), Ok(()), "with nothing to tell");
}
