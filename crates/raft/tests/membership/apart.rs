//! Members that know little or nothing of the others: learners, newcomers, those that lag behind, those that were removed.

use super::*;

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

/// The founders are in no entry of the log. A member that joined later knows no other before the first membership in it, and a
/// snapshot without members could not be used by any member.
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
