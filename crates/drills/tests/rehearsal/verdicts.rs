//! Each verdict for its reason, and the heal whatever happened.

use crate::support::{outcome_of, prepared, prepared_in_real_time, prepared_with, run_late, run_to_end};
use raftdeck_drills::{CheckState, Drill, Outcome, Verdict, rehearse};
use raftdeck_model::{Ability, Capabilities, Command, CommandId, Insight, Order, World};
use raftdeck_raft::NodeId;
use std::time::Duration;

/// A drill that passes.
const GOOD: &str = r#"
schema = 1
id = "good"
title = "Good"
description = "The leader is killed."
[workload]
[[step]]
after = "4T"
do = """
let old = leader
kill $old
"""
verify = "down $old"
[[step]]
wait = "all of leader and not leader $old"
[[step]]
do = "sleep 2T"
[[assert]]
name = "soon"
expr = "D"
bound = "..6T"
"#;

fn drill(good: &str, instead: &str) -> Drill {
    assert!(GOOD.contains(good), "{good}");
    Drill::read(&GOOD.replacen(good, instead, 1)).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn run(good: &str, instead: &str) -> Outcome {
    outcome_of(&drill(good, instead), 1).0
}

fn is_healed(outcome: &Outcome) -> bool {
    outcome.left.is_empty()
}

#[test]
fn a_drill_passes_if_everything_that_must_hold_did() {
    let outcome = run("soon", "soon");
    assert_eq!((outcome.verdict, outcome.verdict.exit_status()), (Verdict::Passed, 0), "{}", outcome.reason);
    assert!(outcome.moments.takeover().is_some() && outcome.moments.healed.is_some());
    assert!(outcome.score.total.is_some_and(|total| total == 100) && is_healed(&outcome));
}

#[test]
fn a_bound_that_does_not_hold_fails_it() {
    let outcome = run("..6T", "..1ms");
    assert_eq!((outcome.verdict, outcome.verdict.exit_status()), (Verdict::Failed, 3));
    assert!(outcome.reason.contains("soon: D is"), "{}", outcome.reason);
}

#[test]
fn a_bound_that_should_hold_costs_points_only() {
    let outcome = run("\"..6T\"", "\"..1ms\"\nseverity = \"should\"");
    assert_eq!(outcome.verdict, Verdict::Passed);
    assert!(outcome.score.total.is_some_and(|total| total < 100), "{:?}", outcome.score);
}

#[test]
fn what_was_not_seen_is_within_no_bound() {
    let outcome =
        run("kill $old\n\"\"\"\nverify = \"down $old\"", "cut 1-2\n\"\"\"\nverify = \"in-force 1\"");
    assert_eq!(outcome.verdict, Verdict::Failed, "{}", outcome.reason);
    assert!(is_healed(&outcome), "{:?}", outcome.left);
}

#[test]
fn a_cluster_that_is_never_steady_is_inconclusive() {
    let outcome = run(
        "[workload]",
        "[[steady]]\nname = \"no leader\"\nexpr = \"leader none\"\nwithin = \"4T\"\n[workload]",
    );
    assert_eq!((outcome.verdict, outcome.verdict.exit_status()), (Verdict::Inconclusive, 4));
    assert!(outcome.reason.contains("did not become steady: no leader"), "{}", outcome.reason);
    assert_eq!((outcome.moments.fault, outcome.score.total), (None, None));
}

#[test]
fn a_fault_that_did_not_take_is_inconclusive_and_never_passed() {
    let outcome = run("kill $old", "say nothing is killed");
    assert_eq!(outcome.verdict, Verdict::Inconclusive);
    assert!(outcome.reason.contains("the fault did not take: down $old does not hold"), "{}", outcome.reason);
    let outcome = run("kill $old", "kill $old\nresume $old");
    assert_eq!(outcome.verdict, Verdict::Inconclusive);
    assert!(outcome.reason.contains("refused") && is_healed(&outcome), "{}", outcome.reason);
}

#[test]
fn what_was_waited_for_in_vain_fails_it_and_it_heals() {
    let outcome = run("all of leader and not leader $old", "leader $old");
    assert_eq!(outcome.verdict, Verdict::Failed);
    assert!(outcome.reason.contains("waited for in vain") && is_healed(&outcome), "{}", outcome.reason);
    let outcome = run("sleep 2T", "expect leader $old");
    assert_eq!(outcome.verdict, Verdict::Failed);
    assert!(outcome.reason.contains("step 3, line 1: not as expected"), "{}", outcome.reason);
}

/// The run is called 200 ms late, once, while the leader is down.
fn on_a_busy_machine(drill: &Drill) -> Outcome {
    let (mut run, mut cluster) = prepared_in_real_time(drill, 1);
    let mut lateness = vec![Duration::from_millis(200)];
    run_late(&mut run, &mut cluster, &mut World::default(), |_, world| {
        if world.down().is_empty() { Duration::ZERO } else { lateness.pop().unwrap_or_default() }
    });
    run.outcome().cloned().expect("it is over")
}

#[test]
fn on_a_machine_that_is_too_busy_times_are_not_judged_and_all_else_is() {
    let outcome = on_a_busy_machine(&drill("..6T", "..1ms"));
    assert_eq!(outcome.verdict, Verdict::Inconclusive, "{}", outcome.reason);
    assert!(outcome.reason.contains("too busy to judge times") && outcome.worst_lateness.as_millis() >= 190);
    let in_time = on_a_busy_machine(&drill("soon", "soon"));
    assert_eq!(in_time.verdict, Verdict::Passed, "{}", in_time.reason);
    let not_a_time = on_a_busy_machine(&drill("\"D\"\nbound = \"..6T\"", "\"leaders\"\nbound = \"7\""));
    assert_eq!(not_a_time.verdict, Verdict::Failed, "{}", not_a_time.reason);
}

#[test]
fn a_probe_that_breaks_fails_it() {
    let probe = "[[probe]]\nname = \"the old leader leads\"\nexpr = \"not down $old\"\nmode = \"continuous\"\n[[assert]]";
    let outcome = run("[[assert]]", probe);
    assert_eq!(outcome.verdict, Verdict::Failed);
    assert!(outcome.reason.starts_with("the old leader leads: at "), "{}", outcome.reason);
    let start = probe.replace("continuous", "start").replace("not down $old", "up");
    assert_eq!(run("[[assert]]", &start).verdict, Verdict::Passed);
}

#[test]
fn its_own_condition_aborts_it_and_it_heals() {
    let outcome =
        run("[[assert]]", "[[abort]]\nexpr = \"down $old\"\nreason = \"the leader is down\"\n[[assert]]");
    assert_eq!((outcome.verdict, outcome.verdict.exit_status()), (Verdict::Aborted, 5));
    assert_eq!(outcome.reason, "the leader is down");
    let states: Vec<&CheckState> = outcome.checks.iter().map(|check| &check.state).collect();
    assert!(
        matches!(states[0], CheckState::Unknown(_)),
        "an assertion of an aborted run is not judged: {states:?}"
    );
    assert!(states[1..].iter().all(|state| **state == CheckState::Holds), "properties are: {states:?}");
    assert!(is_healed(&outcome), "{:?}", outcome.left);
}

#[test]
fn a_budget_that_is_used_up_aborts_it() {
    let outcome = run("[workload]", "[budget]\ncluster = \"5T\"\n[workload]");
    assert_eq!(outcome.verdict, Verdict::Aborted);
    assert!(outcome.reason.contains("budget of 5T") && is_healed(&outcome), "{}", outcome.reason);
}

#[test]
fn an_interrupted_drill_heals_what_it_began_and_nothing_else() {
    let (mut run, mut cluster) = prepared(&drill("soon", "soon"), 1);
    let cut = Order::Cut(vec![(NodeId(1), NodeId(2))]);
    cluster.send(Command { id: CommandId(7 << 40), what: cut });
    let mut world = World::default();
    run_to_end(&mut run, &mut cluster, &mut world, |run, world| {
        if !world.down().is_empty() {
            run.abort("it was interrupted");
        }
    });
    let outcome = run.outcome().expect("it is over");
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Aborted, "it was interrupted"));
    assert!(is_healed(outcome) && world.down().is_empty(), "{:?}", outcome.left);
    assert!(world.is_cut(NodeId(1), NodeId(2)), "what was in force before stays");
}

#[test]
fn a_lost_acknowledged_write_is_a_violation_that_freezes_the_world() {
    let text = GOOD.replacen("kill $old", "wipe-unsafe 1..3", 1).replacen("down $old", "up", 1);
    let drill = Drill::read(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let (mut run, mut cluster) = prepared(&drill, 1);
    let mut world = World::default();
    run_to_end(&mut run, &mut cluster, &mut world, |_, _| {});
    let outcome = run.outcome().expect("it is over");
    assert_eq!(outcome.verdict, Verdict::Failed, "{}", outcome.reason);
    let violation = outcome.violation.as_ref().expect("acknowledged writes are lost");
    assert!(outcome.reason.contains(&violation.property), "{}", outcome.reason);
    assert!(outcome.checks.iter().any(|check| matches!(check.state, CheckState::Broken(_))));
    assert!(world.time().rate.is_frozen(), "the world is the evidence");
}

#[test]
fn what_the_cluster_cannot_do_is_inconclusive_before_anything_is_done() {
    let capabilities = Capabilities::all().without(Ability::Processes, "its processes are not ours");
    let (mut run, mut cluster) = prepared_with(&drill("soon", "soon"), capabilities);
    let mut told = Vec::new();
    rehearse(&mut run, &mut cluster, |line| told.push(line));
    let outcome = run.outcome().expect("it is over at once");
    assert_eq!(outcome.verdict, Verdict::Inconclusive);
    assert_eq!(outcome.reason, "kill $old is not possible here: its processes are not ours");
    assert!(told.is_empty() && outcome.moments.ended == Duration::ZERO, "{told:?}");
}

#[test]
fn what_is_not_reported_is_not_judged_and_a_drill_passes_by_the_rest() {
    let why = "it reports no changes of its log";
    let capabilities = Capabilities::all().untold(Insight::Changes, why);
    let (mut run, mut cluster) = prepared_with(&drill("soon", "soon"), capabilities);
    rehearse(&mut run, &mut cluster, |_| {});
    let outcome = run.outcome().expect("it came to its end");
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.reason);
    assert!(
        outcome.reason.ends_with("not judged here: logs match, what is committed stays"),
        "{}",
        outcome.reason
    );
    let state = |name: &str| &outcome.checks.iter().find(|check| check.name == name).expect("a check").state;
    assert_eq!(*state("logs match"), CheckState::Unknown(why.to_owned()));
    assert_eq!(*state("one leader in a term"), CheckState::Holds);
    assert_eq!(outcome.score.total, Some(100), "what cannot be judged costs nothing");
}
