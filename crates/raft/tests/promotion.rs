//! How long a leader waits for a learner that is to become a voter (thesis §4.2.1), and what it goes by: rounds, silence, standing
//! still. What a promotion leads to is in `membership.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{ChangeError, MembershipChange, Message, NodeId, Timing, TraceEvent, TransferError};
use std::time::Duration;
use support::*;

const HEARTBEAT: Duration = Timing::FAST.heartbeat;
const ELECTION: Duration = Timing::FAST.election_max;

fn add(node: NodeId) -> MembershipChange {
    MembershipChange::AddLearner { node, address: String::new(), incarnation: None }
}

/// N1 leads n2 and n3, and n4 learns. The leader sends one entry a message.
fn with_learner() -> Cluster {
    let members = [N1, N2, N3].map(|id| {
        let mut config = config(id, 3);
        (config.max_append_bytes, config.retained_entries) = (1, 0);
        (config, disk(&[]))
    });
    let mut cluster = Cluster::with(members.into(), 1);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster.join(N4);
    cluster.change(N1, &[add(N4)]).unwrap();
    cluster.settle();
    cluster.heartbeat(N1);
    cluster.member(N1).changes.clear();
    cluster
}

/// The leader is asked to promote n4, which does not have these many entries yet.
fn promote(cluster: &mut Cluster, lacking: usize) {
    for _ in 0..lacking {
        cluster.propose(N1, "x").unwrap();
    }
    cluster.change(N1, &[MembershipChange::Promote { node: N4 }]).unwrap();
    deliver(cluster, 0);
}

/// Delivers everything, but only this many messages with entries to n4.
fn deliver(cluster: &mut Cluster, mut with_entries: usize) {
    loop {
        for id in cluster.alive() {
            while cluster.finish_write(id) {}
        }
        let Some((from, to, message)) = cluster.wire.pop_front() else { return };
        let brings = matches!(&message, Message::AppendEntries(append) if !append.entries.is_empty());
        if to == N4 && brings {
            let Some(left) = with_entries.checked_sub(1) else { continue };
            with_entries = left;
        }
        cluster.deliver(from, to, message);
    }
}

/// Time passes, a heartbeat's interval after the other. N4 gets this many messages with entries each time.
fn pass(cluster: &mut Cluster, duration: Duration, with_entries: usize) {
    let end = cluster.now + duration;
    while cluster.now < end {
        cluster.now = cluster.now + HEARTBEAT;
        let now = cluster.now;
        for id in cluster.alive() {
            cluster.raft(id).handle_deadline(now);
            cluster.collect(id);
        }
        deliver(cluster, with_entries);
    }
}

fn is_promoted(cluster: &Cluster) -> bool {
    cluster.status(N1).membership.voters.contains(&N4)
}

/// Each round that n4 ended, and how long it took.
fn rounds(cluster: &Cluster) -> Vec<(u32, Duration)> {
    let rounds = cluster.members[&N1].trace.iter().filter_map(|event| match event {
        TraceEvent::CaughtUp { learner: N4, round, took } => Some((*round, *took)),
        _ => None,
    });
    rounds.collect()
}

#[test]
fn a_learner_is_promoted_after_a_round_that_takes_less_than_an_election_timeout() {
    for (took, is_quick) in [(less(ELECTION, HEARTBEAT), true), (ELECTION, false)] {
        let mut cluster = with_learner();
        promote(&mut cluster, 1);
        pass(&mut cluster, less(took, HEARTBEAT), 0);
        assert!(rounds(&cluster).is_empty() && !is_promoted(&cluster));
        pass(&mut cluster, HEARTBEAT, 9);
        assert_eq!(rounds(&cluster), [(1, took)]);
        assert_eq!(is_promoted(&cluster), is_quick);
        if !is_quick {
            pass(&mut cluster, HEARTBEAT, 9);
            assert_eq!(rounds(&cluster), [(1, took), (2, HEARTBEAT)]);
            assert!(is_promoted(&cluster));
        }
    }
}

#[test]
fn a_learner_that_is_silent_for_less_than_five_election_timeouts_is_waited_for() {
    let mut cluster = with_learner();
    promote(&mut cluster, 1);
    cluster.cut(N1, N4);
    pass(&mut cluster, less(ELECTION * 5, HEARTBEAT * 2), 0);
    assert!(cluster.members[&N1].changes.is_empty());
    cluster.heal();
    pass(&mut cluster, HEARTBEAT * 4, 9);
    assert!(is_promoted(&cluster));
}

#[test]
fn a_learner_that_is_silent_for_five_election_timeouts_is_given_up() {
    let mut cluster = with_learner();
    promote(&mut cluster, 1);
    cluster.cut(N1, N4);
    pass(&mut cluster, ELECTION * 5, 0);
    assert_eq!(cluster.members[&N1].changes, [Err(ChangeError::NotCaughtUp { node: N4 })]);
}

/// It may be unpacking a large snapshot.
#[test]
fn a_learner_that_answers_and_gets_no_further_is_waited_for_a_hundred_election_timeouts() {
    let mut cluster = with_learner();
    promote(&mut cluster, 1);
    pass(&mut cluster, less(ELECTION * 100, HEARTBEAT), 0);
    assert!(cluster.members[&N1].changes.is_empty());
    pass(&mut cluster, HEARTBEAT, 0);
    assert_eq!(cluster.members[&N1].changes, [Err(ChangeError::NotCaughtUp { node: N4 })]);
}

#[test]
fn a_learner_that_gets_further_is_waited_for_however_long_it_takes() {
    let mut cluster = with_learner();
    promote(&mut cluster, 4);
    for _ in 0..3 {
        pass(&mut cluster, ELECTION * 60, 0);
        pass(&mut cluster, HEARTBEAT, 1);
    }
    assert!(cluster.members[&N1].changes.is_empty());
    pass(&mut cluster, HEARTBEAT * 4, 9);
    assert!(is_promoted(&cluster));
}

#[test]
fn a_learner_that_can_make_nothing_of_the_snapshot_is_given_up_at_once() {
    let mut cluster = with_learner();
    cluster.snapshot(N1);
    cluster.settle();
    cluster.join(N5);
    cluster.member(N5).files.decodes_nothing = true;
    let started = cluster.now;
    cluster.change(N1, &[add(N5), MembershipChange::Promote { node: N5 }]).unwrap();
    cluster.run_until("it is given up", |cluster| !cluster.members[&N1].changes.is_empty());
    assert_eq!(cluster.members[&N1].changes, [Err(ChangeError::NotCaughtUp { node: N5 })]);
    assert!(cluster.now.since(started) < ELECTION);
}

/// Thesis §4.1: its learner is not committed yet.
#[test]
fn nothing_else_is_changed_while_what_a_promotion_left_is_not_committed() {
    let mut cluster = with_learner();
    let tuning = raftdeck_raft::Tuning { check_quorum: false, ..cluster.status(N1).tuning };
    let now = cluster.now;
    cluster.raft(N1).tune(tuning, now).unwrap();
    cluster.crash(N2);
    cluster.crash(N3);
    cluster.change(N1, &[add(N5), MembershipChange::Promote { node: N5 }]).unwrap();
    cluster.run_until("it is given up", |cluster| !cluster.members[&N1].changes.is_empty());
    assert_eq!(cluster.members[&N1].changes, [Err(ChangeError::NotCaughtUp { node: N5 })]);
    let remove = MembershipChange::Remove { node: N5 };
    assert_eq!(cluster.change(N1, std::slice::from_ref(&remove)), Err(ChangeError::InProgress));
    let now = cluster.now;
    assert_eq!(cluster.raft(N1).transfer_leadership(N2, now), Err(TransferError::InProgress));
    cluster.restart(N2);
    cluster.heartbeat(N1);
    cluster.heartbeat(N1);
    assert_eq!(cluster.change(N1, &[remove]), Ok(()));
}
