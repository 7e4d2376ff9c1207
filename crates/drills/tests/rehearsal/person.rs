//! Drills that a person plays: questions, tasks, and what counts as the fault.

use crate::support::prepared_for_a_person;
use raftdeck_drills::{Drill, Outcome, PersonInput, PersonResult, Run, RunEffect, Verdict};
use raftdeck_model::{Command, CommandId, Order, World};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::NodeId;
use raftdeck_sim::Live;
use std::time::Duration;

const PLAYED: &str = r#"
schema = 1
id = "played"
title = "Played"
description = "A person kills the leader."
[workload]
[[step]]
after = "4T"
do = "let old = leader"
[[step]]
ask = { question = "What then?", options = [{ text = "An election", right = true }, { text = "Nothing", misconception = "Time-outs." }] }
[[step]]
do = "kill $old"
verify = "down $old"
[step.act]
task = "Kill the leader."
goal = "down $old"
deadline = "40T"
hints = [{ text = "K", cost = 20 }]
[[step]]
wait = "all of leader and not leader $old"
[[step]]
do = "sleep 2T"
[[assert]]
name = "soon"
expr = "D"
bound = "..6T"
"#;

/// A person at a run.
struct Player {
    run: Run,
    cluster: Live,
    world: World,
    now: Duration,
    sent: u64,
}

impl Player {
    fn new() -> Self {
        let drill = Drill::read(PLAYED).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let (run, cluster) = prepared_for_a_person(&drill, 1);
        Self { run, cluster, world: World::default(), now: Duration::ZERO, sent: 7 << 40 }
    }

    /// Goes on until this holds of the run, or it is over.
    fn until(&mut self, holds: impl Fn(&Run, Duration) -> bool) {
        for _ in 0..100_000 {
            for update in self.cluster.take() {
                self.world.fold(&update);
                self.run.hear(&update, self.now, &self.world);
            }
            for effect in self.run.go_on(self.now, &self.world) {
                if let RunEffect::Send(command) = effect {
                    self.cluster.send(command);
                }
            }
            if self.run.is_over() || holds(&self.run, self.now) {
                return;
            }
            self.now += Duration::from_millis(2);
            self.cluster.run_until(self.now);
        }
        panic!("it goes on and on");
    }

    fn orders(&mut self, what: Order) {
        self.sent += 1;
        let command = Command { id: CommandId(self.sent), what };
        self.run.note_command(&command, self.now, &self.world);
        self.cluster.send(command);
        self.until(|_, _| true);
    }

    fn reach_the_task(&mut self, answer: usize) {
        self.until(|run, now| run.status(now).ask.is_some());
        self.run.note_input(PersonInput::Answer(answer));
        self.until(|run, now| run.status(now).ask.is_some_and(|ask| ask.chosen.is_some()));
        self.run.note_input(PersonInput::Continue);
        self.until(|run, now| run.status(now).act.is_some());
    }

    fn leader(&self) -> NodeId {
        self.world.leader().map(|leader| leader.id).expect("there is a leader")
    }

    fn outcome(mut self) -> Outcome {
        self.until(|_, _| false);
        self.run.outcome().cloned().expect("it is over")
    }
}

fn task(outcome: &Outcome) -> (bool, u32, u32, u8) {
    let task = outcome.person.iter().find_map(|result| match result {
        PersonResult::Task { took, wrong_keys, hints, points, .. } => {
            Some((took.is_some(), *wrong_keys, *hints, *points))
        }
        PersonResult::Answer { .. } => None,
    });
    task.expect("there was a task")
}

#[test]
fn a_task_that_is_done_is_the_fault_and_everything_is_measured_from_it() {
    let mut player = Player::new();
    player.reach_the_task(1);
    let leader = player.leader();
    player.orders(Order::Kill(leader));
    let outcome = player.outcome();
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.reason);
    assert!(outcome.moments.takeover().is_some_and(|takeover| takeover < Duration::from_millis(900)));
    let (is_done, wrong_keys, hints, points) = task(&outcome);
    assert!(is_done && (wrong_keys, hints) == (0, 0) && points > 90, "{points}");
    let answer = outcome.person.iter().find_map(|result| match result {
        PersonResult::Answer { is_right, misconception, .. } => Some((*is_right, misconception.clone())),
        PersonResult::Task { .. } => None,
    });
    // The options are mixed: which is right depends on the question.
    assert!(
        matches!(answer, Some((true, _))) || answer == Some((false, "Time-outs.".to_owned())),
        "{answer:?}"
    );
}

#[test]
fn time_that_is_slowed_down_is_neither_a_fault_nor_a_wrong_key_and_what_is_refused_counts_once() {
    let mut player = Player::new();
    player.reach_the_task(0);
    let slow = ClockRate::from_millionths(900_000).expect("a rate");
    player.orders(Order::SetRate(slow));
    player.orders(Order::SetRate(ClockRate::REAL));
    let status = player.run.status(player.now);
    assert_eq!(status.moments.fault, None, "to watch is no fault");
    let leader = player.leader();
    player.orders(Order::Kill(NodeId(9)));
    player.run.note_input(PersonInput::WrongKey);
    assert_eq!(player.run.status(player.now).moments.fault, None, "what was refused is no fault");
    player.run.note_input(PersonInput::Hint);
    player.until(|run, now| run.status(now).act.is_some_and(|act| !act.hints.is_empty()));
    player.orders(Order::Kill(leader));
    let outcome = player.outcome();
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.reason);
    let (is_done, wrong_keys, hints, _) = task(&outcome);
    assert_eq!((is_done, wrong_keys, hints), (true, 1, 1));
}

#[test]
fn a_task_that_is_given_up_is_done_by_the_drill_and_that_is_the_fault() {
    let mut player = Player::new();
    player.reach_the_task(0);
    let other = player.world.ids().into_iter().find(|node| *node != player.leader()).expect("a follower");
    player.orders(Order::Pause(other));
    player.orders(Order::Resume(other));
    player.run.note_input(PersonInput::GiveUp);
    let outcome = player.outcome();
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.reason);
    assert_eq!(task(&outcome).3, 0, "no points");
    assert!(outcome.moments.takeover().is_some());
}

#[test]
fn a_cluster_that_never_reports_anything_is_inconclusive() {
    let Player { mut run, .. } = Player::new();
    let world = World::default();
    assert!(run.go_on(Duration::ZERO, &world).is_empty());
    let due = run.next_due().expect("it is given up some time");
    assert!(due > Duration::from_secs(1), "it does not ask again and again");
    run.go_on(due, &world);
    let outcome = run.outcome().expect("it is over");
    assert_eq!(outcome.verdict, Verdict::Inconclusive);
    assert!(outcome.reason.contains("not reported anything"), "{}", outcome.reason);
}
