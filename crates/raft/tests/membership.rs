//! Changes of the membership (thesis ch. 4): learners, promotion, joint configurations, and leaders that leave.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{
    AppendEntries, ChangeError, Entry, LogIndex, Membership, MembershipChange, Message, NodeId, Payload,
    Role, StepDownReason, Term, Timing, TraceEvent, VoteRefusal, VoteRequest,
};
use std::collections::BTreeSet;
use support::*;

const N6: NodeId = NodeId(6);

fn add(node: NodeId) -> MembershipChange {
    MembershipChange::AddLearner { node, address: format!("{node}:1"), incarnation: None }
}

fn promote(node: NodeId) -> MembershipChange {
    MembershipChange::Promote { node }
}

fn remove(node: NodeId) -> MembershipChange {
    MembershipChange::Remove { node }
}

fn set<const N: usize>(ids: [NodeId; N]) -> BTreeSet<NodeId> {
    BTreeSet::from(ids)
}

/// N1 leads and has committed in its term.
fn led(voters: u64) -> Cluster {
    let mut cluster = Cluster::new(voters);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster
}

/// Makes a change at the leader and waits for its end.
fn carry_out(cluster: &mut Cluster, leader: NodeId, changes: &[MembershipChange]) {
    let before = cluster.members[&leader].changes.len();
    cluster.change(leader, changes).unwrap();
    cluster.settle();
    cluster.run_until("the change is done", |c| c.members[&leader].changes.len() > before);
    cluster.members[&leader].changes[before].as_ref().unwrap();
}

fn with_learner() -> Cluster {
    let mut cluster = led(3);
    cluster.join(N4);
    carry_out(&mut cluster, N1, &[add(N4)]);
    cluster
}

fn membership(cluster: &Cluster, id: NodeId) -> Membership {
    cluster.status(id).membership
}

fn entry_of(term: u64, index: u64, membership: Membership) -> Entry {
    Entry { id: id(term, index), payload: Payload::Membership(Box::new(membership)) }
}

fn append(term: u64, prev: (u64, u64), entries: &[Entry], commit: u64) -> Message {
    Message::AppendEntries(AppendEntries {
        term: Term(term),
        prev: id(prev.0, prev.1),
        entries: entries.to_vec(),
        commit: LogIndex(commit),
        round: 1,
    })
}

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

/// Trap 11.
#[test]
fn a_learner_votes_when_it_is_asked_and_never_campaigns() {
    let mut cluster = with_learner();
    cluster.partition(&[N4]);
    cluster.run(Timing::FAST.election_max * 10);
    let before = cluster.status(N4);
    assert_eq!((before.role, before.term), (Role::Follower, cluster.status(N1).term));
    let now = cluster.now;
    cluster.raft(N4).campaign(now);
    assert_eq!(cluster.status(N4).role, Role::Follower);
    // A candidate may know that it is a voter before this member does.
    let request = VoteRequest { term: Term(9), last: before.last, transfer: false };
    cluster.heal();
    cluster.deliver(N3, N4, Message::RequestVote(request));
    assert_eq!(cluster.status(N4).vote, Some(N3));
}

#[test]
fn a_member_without_a_membership_waits_and_follows_whoever_leads() {
    let mut cluster = led(3);
    cluster.join(N4);
    cluster.run(Timing::FAST.election_max * 10);
    assert_eq!((cluster.status(N4).role, cluster.status(N4).term), (Role::Follower, Term(0)));
    // It does not know whether it may: its id may have voted before, on another disk.
    let request = VoteRequest { term: Term(9), last: id(9, 9), transfer: false };
    cluster.deliver(N2, N4, Message::PreVote(request));
    cluster.deliver(N2, N4, Message::RequestVote(request));
    assert_eq!((cluster.status(N4).vote, cluster.status(N4).term), (None, Term(9)));
    let reason = VoteRefusal::NoMembership;
    let refused = |pre_vote| TraceEvent::VoteRefused { candidate: N2, term: Term(9), pre_vote, reason };
    let told = &cluster.member(N4).trace;
    assert!(told.contains(&refused(true)) && told.contains(&refused(false)), "{told:?}");
}

/// The founders are in no entry of the log. Whoever came later knows nobody before the first membership in it, and a snapshot
/// without members would be of no use to anybody.
#[test]
fn who_joined_takes_no_snapshot_before_it_knows_who_belongs_to_the_cluster() {
    let mut config = config(N2, 0);
    (config.snapshot_entries, config.retained_entries) = (Some(1), 0);
    let mut cluster = Cluster::new(1);
    cluster.join_as(N2, config);
    cluster.deliver(N1, N2, append(1, (0, 0), &[entry(1, 1), entry(1, 2)], 2));
    assert_eq!(cluster.status(N2).applied, LogIndex(2));
    assert!(!cluster.raft(N2).may_snapshot() && !cluster.raft(N2).snapshot_due());
    let members = Membership::of(set([N1, N2]));
    cluster.deliver(N1, N2, append(1, (1, 2), &[entry_of(1, 3, members.clone())], 2));
    assert!(!cluster.raft(N2).may_snapshot(), "it is in force, but the snapshot would end before it");
    cluster.deliver(N1, N2, append(1, (1, 3), &[], 3));
    assert!(cluster.raft(N2).may_snapshot());
    cluster.settle();
    assert_eq!(cluster.status(N2).snapshot, id(1, 3), "it was due");
    assert_eq!(cluster.raft(N2).snapshot_meta().membership, members);
}

#[test]
fn who_joined_and_leads_brings_in_others_whatever_was_asked_of_it_while_it_caught_up() {
    let mut one_by_one = config(N1, 1);
    one_by_one.max_append_bytes = 1;
    let mut cluster = Cluster::with(vec![(one_by_one, disk(&[]))], 1);
    cluster.elect(N1);
    let mut config = config(N2, 0);
    config.retained_entries = 0;
    cluster.join_as(N2, config);
    cluster.change(N1, &[add(N2), promote(N2), remove(N1)]).unwrap();
    while cluster.status(N2).applied < LogIndex(1) {
        if cluster.wire.is_empty() {
            cluster.time_out(N1);
        }
        let (from, to, message) = cluster.wire.pop_front().unwrap();
        cluster.deliver(from, to, message);
        while cluster.finish_write(N1) || cluster.finish_write(N2) {}
    }
    assert_eq!(cluster.status(N2).applied, LogIndex(1), "the first entry tells of no member");
    cluster.take_snapshot(N2);
    cluster.run_until("n2 leads alone", |c| c.leaders() == [N2] && membership(c, N2).voters == set([N2]));
    cluster.join(N3);
    carry_out(&mut cluster, N2, &[add(N3), promote(N3)]);
    cluster.run_until("n3 has all", |c| c.members[&N3].applied == c.members[&N2].applied);
}

/// Trap 34: n3 knows nothing of n4 and n5, which are all that is left.
#[test]
fn a_member_that_is_several_changes_behind_is_led_by_members_it_does_not_know() {
    let mut cluster = led(3);
    cluster.crash(N3);
    for id in [N4, N5] {
        cluster.join(id);
        carry_out(&mut cluster, N1, &[add(id), promote(id)]);
    }
    carry_out(&mut cluster, N1, &[remove(N2)]);
    cluster.crash(N1);
    cluster.crash(N2);
    cluster.restart(N3);
    assert_eq!(membership(&cluster, N3).voters, set([N1, N2, N3]));
    cluster.run_until("a leader that n3 follows", |c| {
        c.leaders().iter().any(|l| [N4, N5].contains(l) && c.status(N3).leader == Some(*l))
    });
    cluster.run_until("n3 has caught up", |c| membership(c, N3).voters == set([N1, N3, N4, N5]));
}

/// thesis §4.2.3.
#[test]
fn a_member_that_missed_its_removal_disturbs_nobody() {
    let mut cluster = led(4);
    cluster.partition(&[N4]);
    carry_out(&mut cluster, N1, &[remove(N4)]);
    cluster.run(Timing::FAST.election_max * 10);
    let term = cluster.status(N1).term;
    cluster.heal();
    cluster.run(Timing::FAST.election_max * 20);
    assert_eq!((cluster.leaders(), cluster.status(N1).term), (vec![N1], term));
}

#[test]
fn a_single_voter_with_learners_works_and_grows() {
    let mut cluster = led(1);
    for id in [N2, N3] {
        cluster.join(id);
    }
    carry_out(&mut cluster, N1, &[add(N2)]);
    cluster.run(Timing::FAST.election_max * 5);
    assert_eq!(cluster.leaders(), [N1]);
    cluster.crash(N2);
    cluster.propose(N1, "alone").unwrap();
    cluster.settle();
    assert_eq!(cluster.status(N1).committed, cluster.status(N1).last.index);
    let read = cluster.read(N1);
    cluster.settle();
    assert_eq!(cluster.granted(N1, read), Some(true));
    cluster.run(Timing::FAST.election_max * 5);
    assert_eq!(cluster.leaders(), [N1], "a learner that is away is no reason to step down");
    cluster.restart(N2);
    carry_out(&mut cluster, N1, &[promote(N2)]);
    carry_out(&mut cluster, N1, &[add(N3), promote(N3)]);
    carry_out(&mut cluster, N1, &[remove(N2), remove(N3)]);
    assert_eq!(membership(&cluster, N1).voters, set([N1]));
}

#[test]
fn a_removed_node_comes_back_as_a_new_one() {
    let mut cluster = led(3);
    carry_out(&mut cluster, N1, &[remove(N3)]);
    cluster.run(Timing::FAST.election_max);
    carry_out(&mut cluster, N1, &[add(N3), promote(N3)]);
    cluster.heartbeat(N1);
    assert_eq!(membership(&cluster, N3).voters, set([N1, N2, N3]));
    cluster.elect(N3);
}

/// What it had before says nothing about the disk with which it comes back.
#[test]
fn a_removed_node_that_comes_back_at_once_with_an_empty_disk_gets_the_whole_log() {
    let mut cluster = with_learner();
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    carry_out(&mut cluster, N1, &[remove(N4)]);
    assert!(cluster.status(N1).peers.iter().any(|peer| peer.id == N4), "it is still told that it left");
    cluster.crash(N4);
    cluster.join(N4);
    carry_out(&mut cluster, N1, &[add(N4)]);
    cluster.heartbeat(N1);
    cluster.heartbeat(N1);
    assert_eq!(cluster.terms(N4), cluster.terms(N1));
    carry_out(&mut cluster, N1, &[promote(N4)]);
}

#[test]
fn a_membership_that_makes_no_sense_is_not_taken() {
    let mut cluster = led(3);
    let nobody = entry_of(1, 2, Membership::default());
    cluster.deliver(N1, N2, append(1, (1, 1), &[nobody], 1));
    assert_eq!(cluster.terms(N2), [1]);
}

#[test]
fn the_trace_tells_when_a_membership_is_in_force_and_when_it_is_committed() {
    let mut cluster = led(3);
    carry_out(&mut cluster, N1, &[remove(N3)]);
    cluster.heartbeat(N1);
    for id in [N1, N2, N3] {
        let told: Vec<(LogIndex, bool)> = (cluster.members[&id].trace.iter())
            .filter_map(|event| match event {
                TraceEvent::MembershipChanged { index, .. } => Some((*index, false)),
                TraceEvent::MembershipCommitted { index } => Some((*index, true)),
                _ => None,
            })
            .collect();
        let (joint, last) = (LogIndex(2), LogIndex(3));
        for index in [joint, last] {
            let place = |committed| told.iter().position(|event| *event == (index, committed)).unwrap();
            assert!(place(false) < place(true), "{id}: {told:?}");
        }
        assert_eq!(told.len(), 4, "{id}: {told:?}");
    }
}
