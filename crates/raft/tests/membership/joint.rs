//! Joint configurations, and leaders that leave.

use super::*;

/// Trap 32.
#[test]
fn in_a_joint_configuration_both_majorities_decide() {
    let mut cluster = led(3);
    for id in [N4, N5] {
        cluster.join(id);
    }
    carry_out(&mut cluster, N1, &[add(N4), add(N5)]);
    cluster.crash(N2);
    cluster.crash(N3);
    // Old half: n1 n2 n3; new half: n1 n4 n5, all of it alive.
    cluster.run(Timing::FAST.heartbeat);
    let promoted = cluster.change(N1, &[promote(N4), promote(N5), remove(N2), remove(N3)]);
    promoted.unwrap();
    cluster.settle();
    assert!(membership(&cluster, N1).is_joint());
    cluster.heartbeat(N1);
    assert!(
        cluster.status(N1).committed < cluster.status(N1).membership_index,
        "the old half has no majority"
    );
    cluster.restart(N2);
    cluster.run_until("it is done", |c| c.members[&N1].changes.len() == 2);
    assert_eq!(membership(&cluster, N1).voters, set([N1, N4, N5]));
}

/// Trap 31: the leader is lost when the joint configuration is appended, and when it is committed.
#[test]
fn another_leader_brings_a_change_to_its_end() {
    for committed in [false, true] {
        let mut cluster = led(5);
        cluster.change(N1, &[remove(N4), remove(N5)]).unwrap();
        if committed {
            // Only the joint configuration gets through: what follows it is lost with the leader.
            while let Some((from, to, message)) = cluster.wire.pop_front() {
                cluster.deliver(from, to, message);
                for id in cluster.alive() {
                    while cluster.finish_write(id) {}
                }
                if cluster.status(N1).committed == LogIndex(2) {
                    break;
                }
            }
            cluster.wire.clear();
        } else {
            cluster.settle_only(N2);
        }
        cluster.crash(N1);
        cluster.now = cluster.now + Timing::FAST.election_max;
        assert!(membership(&cluster, N2).is_joint());
        cluster.elect(N2);
        cluster.run_until("it is left", |c| !membership(c, N2).is_joint());
        cluster
            .run_until("and that is committed", |c| c.status(N2).committed >= c.status(N2).membership_index);
        assert_eq!(membership(&cluster, N2).voters, set([N1, N2, N3]));
        assert!(cluster.members[&N2].changes.is_empty(), "nobody asked n2 for it");
        cluster.restart(N1);
        cluster.run_until("n1 follows", |c| membership(c, N1) == membership(c, N2));
    }
}

#[test]
fn a_leader_that_is_replaced_answers_who_asked_for_a_change() {
    let mut cluster = led(3);
    cluster.partition(&[N1]);
    cluster.change(N1, &[remove(N3)]).unwrap();
    cluster.run_until("n1 gives up", |c| c.status(N1).role != Role::Leader);
    assert_eq!(cluster.members[&N1].changes, [Err(ChangeError::NotLeader { leader: None })]);
    cluster.heal();
    cluster.run_until("a new leader", |c| c.leaders().len() == 1);
    let leader = cluster.leaders()[0];
    cluster.run_until("one membership", |c| {
        c.ids().iter().all(|id| membership(c, *id) == membership(c, leader))
            && !membership(c, leader).is_joint()
    });
}

/// Trap 33.
#[test]
fn a_leader_that_removes_itself_does_not_count_itself_hands_over_and_steps_down() {
    let mut cluster = led(3);
    let term = cluster.status(N1).term;
    let started = cluster.now;
    cluster.propose(N1, "before").unwrap();
    cluster.change(N1, &[remove(N1)]).unwrap();
    cluster.settle();
    // No timer had to fire, so nobody waited for an election timeout.
    assert_eq!(cluster.now, started);
    let removed = TraceEvent::SteppedDown { reason: StepDownReason::Removed, term };
    assert!(cluster.members[&N1].trace.contains(&removed));
    assert!(matches!(cluster.members[&N1].changes[..], [Ok(_)]));
    assert_eq!(cluster.leaders().len(), 1);
    let leader = cluster.leaders()[0];
    assert!([N2, N3].contains(&leader));
    assert_eq!(membership(&cluster, leader).voters, set([N2, N3]));
    cluster.propose(leader, "after").unwrap();
    cluster.settle();
    assert_eq!(cluster.status(leader).committed, cluster.status(leader).last.index);
    // It knows that it was removed, and lets the others alone.
    assert_eq!(membership(&cluster, N1).voters, set([N2, N3]));
    cluster.run(Timing::FAST.election_max * 20);
    assert_eq!((cluster.status(N1).role, cluster.leaders()), (Role::Follower, vec![leader]));
}

#[test]
fn a_removed_leader_needs_the_new_majority_without_itself() {
    let mut cluster = led(3);
    cluster.cut(N1, N3);
    cluster.cut(N2, N3);
    cluster.change(N1, &[remove(N1)]).unwrap();
    cluster.settle();
    // Of n2 and n3 only n2 can answer: with the leader itself that would be two.
    assert_eq!(cluster.status(N1).role, Role::Leader);
    assert!(cluster.status(N1).committed < cluster.status(N1).membership_index);
    cluster.heal();
    cluster.run_until("it is done", |c| matches!(c.members[&N1].changes[..], [Ok(_)]));
}

/// thesis §4.2.2: the old half needs n1, whose log is the longest, and which is not in the configuration at its end.
#[test]
fn who_removes_itself_still_campaigns_until_that_is_committed() {
    let mut cluster = led(3);
    for id in [N4, N5, N6] {
        cluster.join(id);
    }
    carry_out(&mut cluster, N1, &[add(N4), add(N5), add(N6)]);
    cluster.heartbeat(N1);
    let changes = [promote(N4), promote(N5), promote(N6), remove(N1), remove(N2), remove(N3)];
    cluster.change(N1, &changes).unwrap();
    // n1 commits the joint configuration and appends the last one, which nobody gets.
    for _ in 0..1000 {
        if !membership(&cluster, N1).is_joint() && membership(&cluster, N1).voters.contains(&N4) {
            break;
        }
        for id in cluster.alive() {
            while cluster.finish_write(id) {}
        }
        let (from, to, message) = cluster.wire.pop_front().expect("the change goes on");
        cluster.deliver(from, to, message);
    }
    assert_eq!(membership(&cluster, N1).voters, set([N4, N5, N6]));
    while cluster.finish_write(N1) {}
    cluster.wire.clear();
    cluster.crash(N1);
    cluster.crash(N3);
    cluster.restart(N1);
    cluster.run_until("a leader of the new configuration", |c| {
        c.leaders().iter().any(|l| [N4, N5, N6].contains(l) && membership(c, *l).voters == set([N4, N5, N6]))
    });
}
