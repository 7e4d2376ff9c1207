//! Scripts against a lab that is played by the test.

use super::*;
use raftdeck_lab::rule::{Disturbance, Fault, FaultId};
use raftdeck_lab::{ChangeStep, ClientOp, ProcessState};

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Three nodes, all running.
fn script(lines: &[&str]) -> Script {
    let mut script = Script::default();
    start(&mut script);
    for line in lines {
        script.add((*line).to_owned());
    }
    script
}

fn start(script: &mut Script) {
    let nodes: Vec<NodeId> = (1..=3).map(NodeId).collect();
    for &node in &nodes {
        script.hear(&Update::Process { node, state: ProcessState::Running { pid: 1 } });
    }
    script.hear(&Update::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None });
}

fn time(rate: ClockRate) -> Update {
    Update::Time(ClusterTime { rate, now: at(5) })
}

#[test]
fn a_line_waits_until_the_one_before_is_done() {
    let mut script = script(&["freeze", "step timer", "kill 1", "restart down", "elect 1"]);
    assert_eq!(script.go_on(at(0)), [Deed::Send(Command::SetRate(ClockRate::FROZEN))]);
    assert_eq!(script.go_on(at(1)), []);
    script.hear(&time(ClockRate::FROZEN));
    assert!(matches!(script.go_on(at(2))[..], [Deed::Send(Command::Step(_))]));
    script.hear(&time(ClockRate::REAL));
    assert_eq!(script.go_on(at(3)), []);
    script.hear(&time(ClockRate::FROZEN));
    assert_eq!(script.go_on(at(4)), [Deed::Send(Command::Kill(NodeId(1)))]);
    script.hear(&Update::Process { node: NodeId(1), state: ProcessState::Killed });
    assert_eq!(
        script.go_on(at(5)),
        [Deed::Send(Command::Restart(NodeId(1)))],
        "by now it is known to be down"
    );
    script.hear(&Update::Process { node: NodeId(1), state: ProcessState::Starting { pid: 2 } });
    assert_eq!(script.go_on(at(6)), [Deed::Send(Command::Campaign(NodeId(1)))]);
}

#[test]
fn a_step_that_does_not_end_fails() {
    let mut script = script(&["", "step role", "kill 1"]);
    script.go_on(at(0));
    script.hear(&time(ClockRate::REAL));
    let [Deed::Unmet(said)] = &script.go_on(at(10_000))[..] else { panic!("it is not over") };
    assert!(said.starts_with("line 2: the step is not over"), "{said}");
}

#[test]
fn a_mistake_names_its_line_and_nothing_more_is_done() {
    let mut script = script(&["", "# a comment", "klil 1", "kill 2"]);
    let [Deed::Mistake(said)] = &script.go_on(at(0))[..] else { panic!("a mistake") };
    assert_eq!(said, "line 3: \"klil\" is not known: did you mean kill?");
}

#[test]
fn a_wait_ends_when_it_is_so_or_fails_when_it_is_too_late() {
    let mut script = script(&["wait down 2 within 1s", "kill 1"]);
    assert_eq!(script.go_on(at(0)), []);
    assert_eq!(script.next_due(), Some(at(1000)));
    script.hear(&Update::Process { node: NodeId(2), state: ProcessState::Killed });
    assert_eq!(script.go_on(at(999)), [Deed::Send(Command::Kill(NodeId(1)))]);
    script.hear(&Update::Process { node: NodeId(1), state: ProcessState::Killed });
    script.add("wait leader within 1s".to_owned());
    script.go_on(at(1000));
    assert_eq!(script.go_on(at(2000)), [Deed::Unmet("line 3: waited in vain: no node leads".to_owned())]);
    script.add("expect up 2".to_owned());
    assert_eq!(script.go_on(at(2000)), [], "news may be under way");
    assert_eq!(script.go_on(at(2100)), [Deed::Unmet("line 4: not as expected: n2 is killed".to_owned())]);
}

#[test]
fn what_is_in_force_is_told_before_it_is_shown() {
    let mut script = script(&["pause 1", "rules"]);
    assert_eq!(script.go_on(at(0)), [Deed::Send(Command::Pause(NodeId(1)))]);
    let faults = vec![Fault { id: FaultId(3), what: Disturbance::Paused(NodeId(1)) }];
    script.hear(&Update::InForce { faults });
    assert_eq!(script.go_on(at(1)), [Deed::Answer("rules", vec!["pause 1  # undo #3".to_owned()])]);
}

#[test]
fn requests_are_not_waited_for_unless_that_is_said() {
    let mut script = script(&["get a", "get b", "wait answered", "quit"]);
    let deeds = script.go_on(at(0));
    let [Deed::Send(Command::Client { id: 1, op }), Deed::Send(Command::Client { id: 2, .. })] = &deeds[..]
    else {
        panic!("{deeds:?}")
    };
    let answer = |id, op: &ClientOp| Update::Client {
        id,
        op: op.clone(),
        outcome: raftdeck_lab::ClientOutcome::Failed { reason: String::new() },
        took: at(1),
    };
    script.hear(&answer(2, op));
    assert_eq!(script.go_on(at(1)), []);
    script.hear(&answer(1, op));
    assert_eq!(script.go_on(at(2)), [Deed::Quit]);
}

#[test]
fn files_are_loaded_in_place_and_not_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(path("a"), "elect 1\n\nkill 9\nelect 2\n").unwrap();
    std::fs::write(path("b"), format!("load \"{}\"\n", path("b"))).unwrap();
    let mut script = script(&[&format!("load {}", path("a")), "elect 3"]);
    let deeds = script.go_on(at(0));
    assert_eq!(deeds[0], Deed::Send(Command::Campaign(NodeId(1))));
    assert!(
        matches!(&deeds[1], Deed::Mistake(said) if said.contains("a, line 3: there is no n9")),
        "{deeds:?}"
    );
    assert_eq!(script.next_due(), Some(at(0)), "there is more, though not of that file");
    assert_eq!(script.go_on(at(1)), [Deed::Send(Command::Campaign(NodeId(3)))]);
    script.add(format!("load {}", path("b")));
    let [Deed::Mistake(said)] = &script.go_on(at(2))[..] else { panic!("a mistake") };
    assert!(said.contains("8 files load one another"), "{said}");
    script.add(format!("load {}", path("c")));
    let [Deed::Mistake(said)] = &script.go_on(at(3))[..] else { panic!("a mistake") };
    assert!(said.contains("cannot be read"), "{said}");
}

#[test]
fn what_is_saved_can_be_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("faults").display().to_string();
    let mut script = script(&[]);
    let faults = vec![Fault { id: FaultId(3), what: Disturbance::Paused(NodeId(1)) }];
    script.hear(&Update::InForce { faults });
    script.add(format!("save {path}"));
    assert!(matches!(script.go_on(at(0))[..], [Deed::Answer("save", _)]));
    script.add(format!("load {path}"));
    assert_eq!(script.go_on(at(1)), [Deed::Send(Command::Pause(NodeId(1)))]);
}

#[test]
fn a_script_to_watch_stops_where_it_shows_the_logs() {
    let mut script = Script::to_watch("lesson", "# a comment\nlogs\nelect 1\n", 7);
    start(&mut script);
    assert!(script.line().is_none());
    script.go_on(at(0));
    assert_eq!(script.line().as_deref(), Some("lesson, line 2: logs"));
    let due = script.next_due().unwrap();
    assert!(matches!(script.go_on(due)[..], [Deed::Answer("logs", _)]));
    assert!(script.is_stopped() && !script.is_over());
    assert_eq!((script.next_due(), script.go_on(due * 2)), (None, vec![]), "however long that takes");
    script.resume();
    assert_eq!(script.go_on(due * 2), [Deed::Send(Command::Campaign(NodeId(1)))]);
    assert!(script.is_over());
}

#[test]
fn a_change_that_was_just_ordered_is_waited_for() {
    let mut script = script(&["replace 3", "wait settled within 60s", "quit"]);
    let replace = Deed::Send(Command::ReplaceNode(NodeId(3)));
    assert_eq!(script.go_on(at(0)), [replace, Deed::Send(Command::Sync(1))]);
    script.hear(&Update::Change { node: NodeId(3), step: ChangeStep::Replacing });
    assert_eq!(script.go_on(at(1)), [], "all that it begins with is told before");
    script.hear(&Update::Synced(1));
    assert_eq!(script.go_on(at(2)), [], "it is under way");
    script.hear(&Update::Change { node: NodeId(3), step: ChangeStep::Joining });
    assert_eq!(script.go_on(at(3)), []);
    script.hear(&Update::Change { node: NodeId(3), step: ChangeStep::Joined });
    assert_eq!(script.go_on(at(4)), [Deed::Quit]);
}
