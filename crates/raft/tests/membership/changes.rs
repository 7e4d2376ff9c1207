//! When a membership is in force, which changes are taken, and when a learner is promoted.

use super::*;

#[test]
fn a_learner_gets_the_log_and_counts_for_nothing() {
    let mut cluster = with_learner();
    cluster.heartbeat(N1);
    assert_eq!(cluster.terms(N4), cluster.terms(N1));
    assert_eq!(membership(&cluster, N4).learners, set([N4]));
    cluster.crash(N2);
    cluster.crash(N3);
    let before = cluster.status(N1).committed;
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    assert_eq!(cluster.terms(N4), cluster.terms(N1), "the learner has it");
    assert_eq!(cluster.status(N1).committed, before, "the leader and a learner are no majority of three");
}

#[test]
fn a_membership_is_in_force_as_soon_as_it_is_appended_and_out_of_it_when_it_is_removed() {
    let mut cluster = led(3);
    let before = membership(&cluster, N2);
    let mut four = before.clone();
    four.learners.insert(N4);
    cluster.deliver(N1, N2, append(1, (1, 1), &[entry_of(1, 2, four.clone())], 1));
    assert_eq!((membership(&cluster, N2), cluster.status(N2).membership_index), (four, LogIndex(2)));
    cluster.deliver(N3, N2, append(9, (1, 1), &[entry(9, 2)], 1));
    assert_eq!((membership(&cluster, N2), cluster.status(N2).membership_index), (before, LogIndex(0)));
}

#[test]
fn a_membership_survives_a_restart() {
    let mut cluster = with_learner();
    let before = membership(&cluster, N1);
    for id in [N1, N4] {
        cluster.crash(id);
        cluster.restart(id);
        assert_eq!(membership(&cluster, id), before);
        assert!(cluster.status(id).membership_index > LogIndex(0));
    }
}

#[test]
fn a_snapshot_stands_for_the_membership_as_of_what_was_applied() {
    let mut cluster = led(3);
    cluster.partition(&[N1]);
    cluster.change(N1, &[add(N4)]).unwrap();
    assert_eq!(membership(&cluster, N1).learners, set([N4]), "in force");
    let meta = cluster.raft(N1).snapshot_meta();
    assert_eq!((meta.membership.learners, meta.membership_index), (set([]), LogIndex(0)), "not committed");
    cluster.heal();
    cluster.heartbeat(N1);
    let meta = cluster.raft(N1).snapshot_meta();
    assert_eq!((meta.membership.learners, meta.membership_index), (set([N4]), LogIndex(2)));
}

/// Trap 30.
#[test]
fn one_change_at_a_time_and_none_before_the_leader_has_committed_in_its_own_term() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    for id in [N2, N3] {
        cluster.member(id).disk_is_held = true;
    }
    cluster.crash(N1);
    cluster.restart(N1);
    cluster.now = cluster.now + Timing::FAST.election_max;
    cluster.time_out(N1);
    for id in [N2, N3] {
        cluster.settle();
        cluster.finish_write(id);
    }
    cluster.settle();
    assert_eq!(cluster.status(N1).role, Role::Leader);
    assert_eq!(cluster.change(N1, &[add(N4)]), Err(ChangeError::TooEarly));
    for id in [N2, N3] {
        cluster.member(id).disk_is_held = false;
    }
    cluster.heartbeat(N1);
    cluster.partition(&[N1]);
    cluster.change(N1, &[add(N4)]).unwrap();
    assert_eq!(cluster.change(N1, &[add(N5)]), Err(ChangeError::InProgress));
    cluster.heal();
    cluster.heartbeat(N1);
    assert_eq!(cluster.change(N1, &[add(N5)]), Ok(()));
}

#[test]
fn only_the_leader_changes_the_membership_and_only_as_makes_sense() {
    let mut cluster = led(3);
    assert_eq!(cluster.change(N2, &[add(N4)]), Err(ChangeError::NotLeader { leader: Some(N1) }));
    assert_eq!(cluster.change(N1, &[]), Err(ChangeError::Empty));
    assert_eq!(cluster.change(N1, &[add(N2)]), Err(ChangeError::AlreadyMember { node: N2 }));
    assert_eq!(cluster.change(N1, &[promote(N2)]), Err(ChangeError::AlreadyVoter { node: N2 }));
    assert_eq!(cluster.change(N1, &[remove(N5)]), Err(ChangeError::NotMember { node: N5 }));
    let all = [remove(N1), remove(N2), remove(N3)];
    assert_eq!(cluster.change(N1, &all), Err(ChangeError::LastVoter));
    assert!(cluster.members[&N1].changes.is_empty(), "what was not started has no end");
}

#[test]
fn over_the_cap_on_uncommitted_bytes_the_leader_is_busy_for_changes_too() {
    let mut config = config(N1, 3);
    config.max_uncommitted_bytes = 10;
    let mut cluster = Cluster::with(
        vec![(config, disk(&[])), (support::config(N2, 3), disk(&[])), (support::config(N3, 3), disk(&[]))],
        1,
    );
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster.partition(&[N1]);
    cluster.propose(N1, "0123456789").unwrap();
    assert_eq!(cluster.change(N1, &[add(N4)]), Err(ChangeError::Busy));
}

#[test]
fn a_learner_is_promoted_when_it_has_caught_up() {
    let mut cluster = with_learner();
    for i in 0..50 {
        cluster.propose(N1, &format!("w{i}")).unwrap();
    }
    carry_out(&mut cluster, N1, &[promote(N4)]);
    let after = membership(&cluster, N1);
    assert_eq!((&after.voters, after.is_joint()), (&set([N1, N2, N3, N4]), false));
    assert!(after.learners.is_empty());
    let caught_up = |event: &TraceEvent| matches!(event, TraceEvent::CaughtUp { learner: N4, round: 1, .. });
    assert!(cluster.members[&N1].trace.iter().any(caught_up));
    cluster.heartbeat(N1);
    assert!(cluster.ids().iter().all(|id| membership(&cluster, *id) == after));
    // It counts from now on.
    cluster.crash(N3);
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    cluster.heartbeat(N1);
    assert_eq!(cluster.status(N1).committed, cluster.status(N1).last.index);
    cluster.elect(N4);
}

#[test]
fn a_node_can_take_the_place_of_another_in_one_change() {
    let mut cluster = led(3);
    cluster.join(N4);
    carry_out(&mut cluster, N1, &[add(N4), promote(N4), remove(N3)]);
    assert_eq!(membership(&cluster, N1).voters, set([N1, N2, N4]));
    cluster.heartbeat(N1);
    assert_eq!(membership(&cluster, N3).voters, set([N1, N2, N4]), "who left knows that it did");
    cluster.run(Timing::FAST.election_max * 10);
    assert_eq!((cluster.leaders(), cluster.status(N3).role), (vec![N1], Role::Follower));
    let peers: Vec<NodeId> = cluster.status(N1).peers.iter().map(|peer| peer.id).collect();
    assert_eq!(peers, [N2, N4], "nothing more is sent to who left");
}

#[test]
fn a_learner_that_cannot_be_reached_is_not_promoted() {
    let mut cluster = led(3);
    carry_out(&mut cluster, N1, &[add(N4)]);
    cluster.change(N1, &[promote(N4)]).unwrap();
    assert_eq!(cluster.change(N1, &[add(N5)]), Err(ChangeError::InProgress));
    cluster.run_until("it is given up", |c| c.members[&N1].changes.len() == 2);
    assert_eq!(cluster.members[&N1].changes[1], Err(ChangeError::NotCaughtUp { node: N4 }));
    assert!(cluster.members[&N1].trace.contains(&TraceEvent::PromotionGivenUp { learner: N4 }));
    assert_eq!(membership(&cluster, N1).learners, set([N4]));
    carry_out(&mut cluster, N1, &[remove(N4)]);
}

/// What it confirmed while it ran does not make it a voter: with a second member lost, nobody could lead any more.
#[test]
fn a_learner_that_has_died_since_it_caught_up_is_not_promoted() {
    let mut cluster = with_learner();
    cluster.heartbeat(N1);
    let peer = cluster.status(N1).peers.into_iter().find(|peer| peer.id == N4).unwrap();
    assert_eq!(peer.matched, cluster.status(N1).last.index, "it has everything");
    cluster.crash(N4);
    cluster.change(N1, &[promote(N4)]).unwrap();
    cluster.run_until("it is given up", |c| c.members[&N1].changes.len() == 2);
    assert_eq!(cluster.members[&N1].changes[1], Err(ChangeError::NotCaughtUp { node: N4 }));
    assert_eq!(membership(&cluster, N1).voters, set([N1, N2, N3]));
}

#[test]
fn a_learner_that_is_always_behind_is_not_promoted() {
    let mut cluster = with_learner();
    cluster.member(N4).disk_is_held = true;
    cluster.propose(N1, "w").unwrap();
    cluster.change(N1, &[promote(N4)]).unwrap();
    // Its disk takes one step for many of the leader's, and each round takes longer than an election timeout.
    for i in 0..1000 {
        if cluster.members[&N1].changes.len() == 2 {
            break;
        }
        cluster.propose(N1, &format!("w{i}")).unwrap();
        cluster.run(Timing::FAST.election_max / 2);
        if i % 3 == 2 {
            while cluster.finish_write(N4) {}
        }
    }
    assert_eq!(cluster.members[&N1].changes[1..], [Err(ChangeError::NotCaughtUp { node: N4 })]);
    let rounds =
        cluster.members[&N1].trace.iter().filter(|e| matches!(e, TraceEvent::CaughtUp { .. })).count();
    assert_eq!(rounds, 10, "ten rounds, thesis §4.2.1");
    assert_eq!(cluster.leaders(), [N1]);
}
