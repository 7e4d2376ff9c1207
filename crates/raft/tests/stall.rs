//! Disks that are slow or stalled: what is told of them and when, and to whom a leader with such a disk hands over. The stories are
//! scenarios, `disk_*.txt`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{
    AppendOutcome, AppendReply, DiskStalled, LogIndex, Message, NodeId, ProposeError, Role, Term, Timestamp,
    Timing, TraceEvent,
};
use std::time::Duration;
use support::*;

const HEARTBEAT: Duration = Timing::FAST.heartbeat;
const LIMIT: Duration = Duration::from_millis(40);
const SLOW: Duration = Duration::from_millis(20);
/// No slow write is told of for so long after one that was.
const QUIET: Duration = Duration::from_millis(400);
const MOMENT: Duration = Duration::from_micros(1);

/// This many members. N1 leads, has just sent a heartbeat, and its disk finishes nothing by itself. What it told of so far is
/// forgotten.
fn led(voters: u64, limit: impl Into<Option<Duration>>) -> Cluster {
    let limit = limit.into();
    let members = (1..=voters).map(NodeId).map(|id| {
        let mut config = config(id, voters);
        config.disk_stall = limit;
        (config, disk(&[]))
    });
    let mut cluster = Cluster::with(members.collect(), 1);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster.member(N1).disk_is_held = true;
    cluster.member(N1).trace.clear();
    cluster
}

/// N1 looks at the clock.
fn look(cluster: &mut Cluster, at: Timestamp) {
    cluster.now = at;
    cluster.raft(N1).handle_deadline(at);
    cluster.collect(N1);
}

/// N1 is given something to write, which takes so long. Nobody looks at the clock meanwhile.
fn write(cluster: &mut Cluster, takes: Duration) {
    cluster.propose(N1, "x").unwrap();
    cluster.now = cluster.now + takes;
    assert!(cluster.finish_write(N1));
}

/// What n1 told of its own disk since it was asked last.
fn told(cluster: &mut Cluster) -> Vec<TraceEvent> {
    let about_disk = |event: &TraceEvent| {
        matches!(
            event,
            TraceEvent::DiskSlow { .. } | TraceEvent::DiskStalled { .. } | TraceEvent::DiskRecovered { .. }
        )
    };
    std::mem::take(&mut cluster.member(N1).trace).into_iter().filter(about_disk).collect()
}

fn slow(waited: Duration) -> TraceEvent {
    TraceEvent::DiskSlow { waited }
}

fn stalled(waited: Duration) -> TraceEvent {
    TraceEvent::DiskStalled { waited }
}

fn recovered(waited: Duration) -> TraceEvent {
    TraceEvent::DiskRecovered { waited }
}

#[test]
fn a_disk_is_told_of_as_slow_at_half_the_limit_and_as_stalled_at_the_limit_once_each() {
    let mut cluster = led(1, LIMIT);
    let began = cluster.now;
    cluster.propose(N1, "x").unwrap();
    assert_eq!(cluster.raft(N1).next_deadline(), began + SLOW);
    look(&mut cluster, began + SLOW);
    assert_eq!(told(&mut cluster), [slow(SLOW)]);
    assert_eq!(cluster.raft(N1).next_deadline(), began + LIMIT);
    look(&mut cluster, began + LIMIT);
    assert_eq!(told(&mut cluster), [stalled(LIMIT)]);
    let status = cluster.status(N1);
    assert_eq!((status.disk_stalled, status.disk_wait), (true, Some(LIMIT)));
    assert_eq!(cluster.raft(N1).next_deadline(), began + HEARTBEAT, "there is nothing more to tell");
    look(&mut cluster, began + HEARTBEAT);
    let busy = ProposeError::DiskStalled { waited: HEARTBEAT };
    assert_eq!((told(&mut cluster), cluster.propose(N1, "y")), (vec![], Err(busy)));
    cluster.now = began + HEARTBEAT + SLOW;
    assert!(cluster.finish_write(N1));
    assert_eq!(told(&mut cluster), [recovered(HEARTBEAT + SLOW)]);
    let status = cluster.status(N1);
    assert_eq!((status.disk_stalled, status.disk_wait), (false, None));
}

#[test]
fn a_write_that_took_half_the_limit_is_told_of_though_nobody_looked_at_the_clock() {
    let mut cluster = led(1, LIMIT);
    write(&mut cluster, less(SLOW, MOMENT));
    assert_eq!(told(&mut cluster), []);
    write(&mut cluster, SLOW);
    assert_eq!(told(&mut cluster), [slow(SLOW), recovered(SLOW)]);
}

#[test]
fn after_a_slow_write_no_other_is_told_of_for_ten_times_the_limit_but_a_stall_is() {
    let mut cluster = led(1, LIMIT);
    write(&mut cluster, SLOW);
    let ended = cluster.now;
    told(&mut cluster);
    write(&mut cluster, less(LIMIT, MOMENT));
    assert_eq!(told(&mut cluster), []);
    let began = cluster.now;
    look(&mut cluster, began);
    cluster.propose(N1, "x").unwrap();
    assert_eq!(cluster.raft(N1).next_deadline(), began + LIMIT);
    look(&mut cluster, began + less(LIMIT, MOMENT));
    assert_eq!(told(&mut cluster), []);
    look(&mut cluster, began + LIMIT);
    cluster.finish_write(N1);
    assert_eq!(told(&mut cluster), [stalled(LIMIT), recovered(LIMIT)]);
    write(&mut cluster, SLOW);
    assert_eq!(told(&mut cluster), []);
    look(&mut cluster, ended + less(QUIET, SLOW));
    cluster.propose(N1, "x").unwrap();
    assert_eq!(cluster.raft(N1).next_deadline(), ended + QUIET);
    look(&mut cluster, ended + QUIET);
    assert_eq!(told(&mut cluster), [slow(SLOW)]);
}

#[test]
fn a_stall_does_not_keep_slow_writes_from_being_told_of() {
    let mut cluster = led(1, LIMIT);
    let began = cluster.now;
    cluster.propose(N1, "x").unwrap();
    look(&mut cluster, began + SLOW);
    look(&mut cluster, began + LIMIT);
    assert!(cluster.finish_write(N1));
    assert_eq!(told(&mut cluster), [slow(SLOW), stalled(LIMIT), recovered(LIMIT)]);
    write(&mut cluster, SLOW);
    assert_eq!(told(&mut cluster), [slow(SLOW), recovered(SLOW)]);
}

/// Timing was changed meanwhile, and the limit with it.
#[test]
fn a_disk_that_was_told_of_as_stalled_is_not_told_of_as_slow() {
    let mut cluster = led(1, None);
    let began = cluster.now;
    cluster.propose(N1, "x").unwrap();
    look(&mut cluster, began + Duration::from_millis(500));
    let mut tuning = cluster.status(N1).tuning;
    tuning.timing = Timing::DEBUG;
    cluster.raft(N1).tune(tuning, began).unwrap();
    look(&mut cluster, began + Duration::from_millis(1_500));
    assert_eq!(told(&mut cluster), [stalled(Duration::from_millis(500))]);
}

/// N1's disk stalls so long after all others answered it for the last time. Says to whom it hands over.
fn hands_over(cluster: &mut Cluster, stalls_after: Duration) -> Option<NodeId> {
    let began = cluster.now;
    cluster.partition(&[N1]);
    cluster.propose(N1, "x").unwrap();
    look(cluster, began + stalls_after);
    assert!(cluster.status(N1).disk_stalled);
    cluster.status(N1).transfer
}

#[test]
fn a_leader_hands_over_to_members_that_answered_within_the_least_election_timeout() {
    let least = Timing::FAST.election_min;
    assert_eq!(hands_over(&mut led(3, less(least, MOMENT)), less(least, MOMENT)), Some(N2));
    assert_eq!(hands_over(&mut led(3, least), least), None);
}

#[test]
fn a_leader_does_not_hand_over_twice() {
    let mut cluster = led(3, LIMIT);
    let began = cluster.now;
    assert_eq!(hands_over(&mut cluster, LIMIT), Some(N2));
    look(&mut cluster, began + HEARTBEAT);
    let starts = |event: &&TraceEvent| matches!(event, TraceEvent::TransferStarted { .. });
    assert_eq!(cluster.members[&N1].trace.iter().filter(starts).count(), 1);
}

/// N2 says that its disk is stalled, in answer to this round of its leader.
fn report(cluster: &mut Cluster, term: Term, round: u64) {
    let waited = Duration::from_secs(1);
    cluster.deliver(N2, N1, Message::DiskStalled(DiskStalled { term, round, waited }));
}

fn reported(cluster: &Cluster) -> Option<Duration> {
    cluster.status(N1).peers[0].disk_stalled
}

/// The newest round of the leader, which all have answered.
fn round(cluster: &mut Cluster) -> u64 {
    cluster.time_out(N1);
    let round = cluster.wire.iter().find_map(|(.., message)| match message {
        Message::AppendEntries(append) => Some(append.round),
        _ => None,
    });
    cluster.settle();
    round.unwrap()
}

#[test]
fn a_leader_does_not_hand_over_to_a_member_whose_disk_is_stalled() {
    let mut cluster = led(5, LIMIT);
    let next = round(&mut cluster) + 1;
    let term = cluster.status(N1).term;
    let began = cluster.now;
    cluster.partition(&[N1]);
    look(&mut cluster, began + HEARTBEAT);
    cluster.heal();
    report(&mut cluster, term, next);
    assert_eq!(reported(&cluster), Some(Duration::from_secs(1)));
    assert_eq!(hands_over(&mut cluster, LIMIT), Some(N3));
}

#[test]
fn a_stall_is_known_as_long_as_it_was_reported_within_an_election_timeout() {
    let mut cluster = led(3, LIMIT);
    let next = round(&mut cluster) + 1;
    let term = cluster.status(N1).term;
    cluster.time_out(N1);
    report(&mut cluster, term, next);
    let reported_at = cluster.now;
    let election = Timing::FAST.election_max;
    let waited = Duration::from_secs(1);
    cluster.now = reported_at + less(election, MOMENT);
    assert_eq!(reported(&cluster), Some(waited + less(election, MOMENT)));
    cluster.now = reported_at + election;
    assert_eq!(reported(&cluster), None);
}

#[test]
fn a_report_counts_that_answers_a_round_which_was_not_answered_properly() {
    let mut cluster = led(3, LIMIT);
    let answered = round(&mut cluster);
    let term = cluster.status(N1).term;
    report(&mut cluster, term, answered);
    assert_eq!(reported(&cluster), None, "its disk has finished something since");
    cluster.time_out(N1);
    report(&mut cluster, term, answered + 2);
    assert_eq!(reported(&cluster), None, "there was no such round");
    report(&mut cluster, Term(term.0 - 1), answered + 1);
    assert_eq!(reported(&cluster), None, "that was another leader");
    assert_eq!(cluster.status(N1).role, Role::Leader);
    report(&mut cluster, term, answered + 1);
    report(&mut cluster, term, answered + 1);
    assert_eq!(reported(&cluster), Some(Duration::from_secs(1)));
    let news = TraceEvent::FollowerDiskStalled { follower: N2, waited: Duration::from_secs(1) };
    assert_eq!(cluster.members[&N1].trace.iter().filter(|event| **event == news).count(), 1);
}

#[test]
fn a_stall_ends_with_an_answer_to_the_round_that_it_was_reported_in_and_not_to_an_earlier_one() {
    let mut cluster = led(3, LIMIT);
    let answered = round(&mut cluster);
    let term = cluster.status(N1).term;
    cluster.time_out(N1);
    report(&mut cluster, term, answered + 1);
    for (round, ends) in [(answered, false), (answered + 1, true)] {
        let outcome = AppendOutcome::Matched { through: LogIndex(1) };
        let reply = AppendReply { term, round, outcome, stands_by: true };
        cluster.deliver(N2, N1, Message::AppendReply(reply));
        assert_eq!(reported(&cluster).is_none(), ends);
        let news = TraceEvent::FollowerDiskRecovered { follower: N2 };
        assert_eq!(cluster.members[&N1].trace.contains(&news), ends);
    }
}
