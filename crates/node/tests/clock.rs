//! A node's clock, which its manager sets: what runs by it, and what does not. Only lower bounds on real time are
//! checked, as a busy machine makes everything late.

mod support;

use raftdeck_protocol::handshake::Role as Speaker;
use raftdeck_protocol::{ClockRate, Failure, Manage, RequestBody, ResponseBody};
use raftdeck_raft::{Role, Timing};
use std::time::{Duration, Instant};
use support::wire::{ask_as, ask_leader, status};
use support::{Cluster, Node, QUICK, STEADY, eventually, put};

fn rate(millionths: u32) -> ClockRate {
    ClockRate::from_millionths(millionths).expect("at most real time")
}

#[track_caller]
fn manage(node: &Node, what: Manage) {
    assert_eq!(ask_as(node, Speaker::Manager, RequestBody::Manage(what)), ResponseBody::Managed);
}

#[track_caller]
fn set_clock(node: &Node, rate: ClockRate, run_for: Option<Duration>) {
    manage(node, Manage::SetClock { rate, run_for });
}

/// Three that were founded together and are all gone. Whichever is started alone is moved by nothing but its own timers.
fn founded() -> Cluster {
    let mut cluster = Cluster::start(3, &[]);
    cluster.leader();
    cluster.kill_all();
    cluster
}

#[test]
fn a_frozen_node_answers_and_goes_on_for_exactly_as_long_as_it_is_told() {
    let mut cluster = founded();
    cluster.restart_with(1, &["--managed", "--clock-rate", "0"]);
    let node = cluster.node(1);
    let before = status(node).unwrap();
    assert_eq!((before.uptime_micros, before.clock_rate), (0, ClockRate::FROZEN));
    let timeout = Duration::from_micros(before.next_timer_micros);
    assert!((Timing::FAST.election_min..Timing::FAST.election_max).contains(&timeout), "{timeout:?}");
    // To a microsecond before its first timer,
    let almost = timeout.saturating_sub(Duration::from_micros(1));
    set_clock(node, ClockRate::REAL, Some(almost));
    let stands = |shows: u128| {
        move || {
            status(node).filter(|now| u128::from(now.uptime_micros) == shows && now.clock_rate.is_frozen())
        }
    };
    let now = eventually("the run ends", stands(almost.as_micros()));
    assert_eq!((now.raft.role, now.next_timer_micros), (Role::Follower, 1));
    // and then to it, slowly.
    set_clock(node, rate(1000), Some(Duration::from_micros(1)));
    let now = eventually("it times out", || status(node).filter(|now| now.raft.role == Role::PreCandidate));
    assert_eq!((u128::from(now.uptime_micros), now.clock_rate), (timeout.as_micros(), ClockRate::FROZEN));
    assert_eq!(status(node).unwrap().raft, now.raft, "nothing moves by itself");
}

#[test]
fn at_a_tenth_of_real_time_an_election_timeout_takes_ten_times_as_long() {
    let mut cluster = founded();
    let begun = Instant::now();
    cluster.restart_with(1, &["--managed", "--clock-rate", "100000"]);
    let node = cluster.node(1);
    let now = eventually("it times out", || status(node).filter(|now| now.raft.role != Role::Follower));
    let took = begun.elapsed();
    assert!(took >= Timing::FAST.election_min * 10, "{took:?}");
    let passed = Duration::from_micros(now.uptime_micros);
    assert!((Timing::FAST.election_min..=took / 10).contains(&passed), "{passed:?} in {took:?}");
}

#[test]
fn no_election_is_caused_by_a_change_of_the_rate() {
    let args = [&STEADY[..], &["--managed"]].concat();
    let cluster = Cluster::start(3, &args);
    let settled = || {
        let of: Vec<_> = cluster.running().filter_map(status).collect();
        let (leader, term) = (of.first()?.raft.leader?, of.first()?.raft.term);
        let agreed = of.len() == 3 && of.iter().all(|s| (s.raft.leader, s.raft.term) == (Some(leader), term));
        agreed.then_some((leader, term))
    };
    let before = eventually("a leader", settled);
    for millionths in [500_000, 10_000, 0, 1000, 1_000_000, 0, 100_000, 0, 1_000_000] {
        for node in cluster.running() {
            set_clock(node, rate(millionths), None);
            assert_eq!(status(node).unwrap().clock_rate, rate(millionths));
        }
    }
    ask_leader(|| cluster.running().collect(), &RequestBody::Write(put("color", "blue")));
    assert_eq!(eventually("the leader", settled), before);
}

#[test]
fn an_election_timeout_can_be_fixed_and_let_go() {
    let mut cluster = founded();
    cluster.restart_with(1, &[&QUICK[..], &["--managed", "--clock-rate", "0"]].concat());
    let node = cluster.node(1);
    let fixed = Duration::from_millis(777);
    manage(node, Manage::SetElectionTimeout(Some(fixed)));
    let now = status(node).unwrap();
    assert_eq!((now.raft.election_timeout, now.next_timer_micros), (fixed, 777_000));
    let short = Manage::SetElectionTimeout(Some(Duration::from_millis(10)));
    let refused = ask_as(node, Speaker::Manager, RequestBody::Manage(short));
    let ResponseBody::Failed(Failure::Invalid(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("10ms is under the least one, 150ms"), "{why}");
    manage(node, Manage::SetElectionTimeout(None));
    assert!(status(node).unwrap().raft.election_timeout < Duration::from_millis(300));
}
