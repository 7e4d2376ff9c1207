//! Crashes that are noticed by the loss of a connection, before any election timeout (`Config::detect_crash`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{Message, NodeId, ReadId, ReadMode, Role, Status, Term, Timing, TraceEvent, VoteRequest};
use std::time::Duration;
use support::*;

/// This many members of which those detect crashes; N1 leads, and has heard from all.
fn led(voters: u64, detectors: &[NodeId]) -> Cluster {
    let members = (1..=voters).map(NodeId).map(|id| {
        let mut config = config(id, voters);
        config.detect_crash = detectors.contains(&id);
        (config, disk(&[]))
    });
    let mut cluster = Cluster::with(members.collect(), 1);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster
}

/// N1 is gone, and these notice at the same moment.
fn lose_leader(cluster: &mut Cluster, who: &[NodeId]) {
    cluster.crash(N1);
    for id in who {
        let now = cluster.now;
        cluster.raft(*id).handle_disconnected(N1, now);
        cluster.collect(*id);
    }
}

#[test]
fn who_notices_the_crash_leads_without_any_waiting() {
    for voters in [3, 5] {
        for noticed in [&[N2][..], &[N3, N2]] {
            let mut cluster = led(voters, &[N1, N2, N3, N4, N5]);
            let before = cluster.now;
            lose_leader(&mut cluster, noticed);
            cluster.settle();
            if noticed.len() == 1 {
                assert!(
                    cluster.leaders().is_empty(),
                    "the others still hear from the leader, for all they know"
                );
                lose_leader_for_the_rest(&mut cluster, noticed, voters);
            } else if voters == 5 {
                lose_leader_for_the_rest(&mut cluster, noticed, voters);
            }
            assert_eq!(cluster.leaders().len(), 1, "{voters} voters, {noticed:?}");
            assert_eq!(cluster.now, before, "no time has passed");
        }
    }
}

fn lose_leader_for_the_rest(cluster: &mut Cluster, noticed: &[NodeId], voters: u64) {
    let now = cluster.now;
    for id in (2..=voters).map(NodeId).filter(|id| !noticed.contains(id)) {
        cluster.raft(id).handle_disconnected(N1, now);
        cluster.collect(id);
    }
    cluster.settle();
}

/// In whichever order their messages cross.
#[test]
fn members_that_notice_at_the_same_moment_do_not_split_their_votes() {
    for voters in [3, 4, 5, 7] {
        for seed in 0..50_usize {
            let all: Vec<NodeId> = (1..=voters).map(NodeId).collect();
            let mut cluster = led(voters, &all);
            let followers: Vec<NodeId> =
                (0..all.len() - 1).map(|i| all[1 + (i + seed) % (all.len() - 1)]).collect();
            lose_leader(&mut cluster, &followers);
            let mut step = seed;
            while !cluster.wire.is_empty() {
                step = step.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Links keep their order; which link is next is chance.
                let pick = (step >> 33) % cluster.wire.len();
                let (from, to, _) = cluster.wire[pick];
                let first = cluster.wire.iter().position(|(f, t, _)| (*f, *t) == (from, to)).unwrap();
                let (from, to, message) = cluster.wire.remove(first).unwrap();
                cluster.deliver(from, to, message);
                for id in cluster.alive() {
                    while cluster.finish_write(id) {}
                }
            }
            if cluster.leaders().is_empty() {
                // Not impossible, but then soon.
                cluster.run(Timing::FAST.election_min / 3);
            }
            assert_eq!(cluster.leaders().len(), 1, "{voters} voters, seed {seed}");
            assert!(cluster.status(cluster.leaders()[0]).term <= Term(3));
        }
    }
}

#[test]
fn the_longer_log_goes_first() {
    let mut cluster = led(3, &[N1, N2, N3]);
    cluster.cut(N1, N2);
    cluster.propose(N1, "only at n3").unwrap();
    cluster.settle();
    cluster.heal();
    lose_leader(&mut cluster, &[N2, N3]);
    cluster.settle();
    assert_eq!(cluster.leaders(), [N3]);
}

/// Else each would have the other's pre-vote, and then they would split the votes.
#[test]
fn of_two_that_ask_at_once_the_one_with_the_longer_log_goes_first_and_of_equals_the_one_with_the_lower_id() {
    for (rival, is_longer, goes_first) in
        [(N2, false, true), (N2, true, true), (N4, false, false), (N4, true, true)]
    {
        let mut cluster = led(5, &[N1, N2, N3, N4, N5]);
        lose_leader(&mut cluster, &[N3]);
        let Status { term, mut last, .. } = cluster.status(N3);
        last.index.0 += u64::from(is_longer);
        let request = VoteRequest { term: term.next(), last, transfer: false };
        cluster.deliver(rival, N3, Message::PreVote(request));
        let role = if goes_first { Role::Follower } else { Role::PreCandidate };
        assert_eq!(cluster.status(N3).role, role, "{rival}, longer: {is_longer}");
    }
}

#[test]
fn who_is_refused_tries_again_soon_and_for_a_while_only() {
    let mut cluster = led(3, &[N1, N2, N3]);
    let min = Timing::FAST.election_min;
    let began = cluster.now;
    lose_leader(&mut cluster, &[N2]);
    let due = cluster.raft(N2).next_deadline().since(began);
    assert!(due >= min / 10 && due < min / 4, "{due:?}");
    // N3 has the whole patience of a follower that noticed nothing.
    cluster.partition(&[N2]);
    while cluster.now < began + min {
        cluster.step(min);
    }
    let now = cluster.now;
    cluster.run_until("it times out once more", |c| c.raft(N2).next_deadline() > now);
    cluster.time_out(N2);
    let now = cluster.now;
    assert!(cluster.raft(N2).next_deadline().since(now) >= min, "it waits like anybody else");
}

#[test]
fn the_hurry_ends_with_the_least_election_timeout() {
    let min = Timing::FAST.election_min;
    let short = min / 4;
    for (late, is_over) in [(less(min, Duration::from_micros(1)), false), (min, true)] {
        let mut cluster = led(3, &[N1, N2, N3]);
        lose_leader(&mut cluster, &[N2]);
        let now = cluster.now + late;
        cluster.raft(N2).campaign(now);
        let timeout = cluster.status(N2).election_timeout;
        assert_eq!(timeout >= short, is_over, "{timeout:?} after {late:?}");
    }
}

#[test]
fn only_the_leaders_connection_counts_and_only_where_it_is_asked_for() {
    let mut cluster = led(3, &[N2]);
    let campaigns = |cluster: &Cluster, id: NodeId| {
        let told = &cluster.members[&id].trace;
        told.iter().filter(|event| matches!(event, TraceEvent::ElectionStarted { .. })).count()
    };
    let before = [N1, N2, N3].map(|id| campaigns(&cluster, id));
    let now = cluster.now;
    cluster.raft(N2).handle_disconnected(N3, now);
    cluster.raft(N3).handle_disconnected(N1, now);
    cluster.raft(N1).handle_disconnected(N2, now);
    cluster.settle();
    assert_eq!([N1, N2, N3].map(|id| campaigns(&cluster, id)), before);
    cluster.raft(N2).handle_disconnected(N1, now);
    cluster.raft(N2).handle_disconnected(N1, now);
    cluster.collect(N2);
    assert_eq!(campaigns(&cluster, N2), before[1] + 1, "once");
    assert!(matches!(cluster.wire[0].2, Message::PreVote(_)), "nothing durable changes before others agree");
}

#[test]
fn a_broken_connection_alone_deposes_nobody() {
    let mut cluster = led(3, &[N1, N2, N3]);
    let term = cluster.status(N1).term;
    cluster.disconnect(N1, N2);
    cluster.settle();
    assert_eq!(cluster.status(N2).role, Role::PreCandidate);
    cluster.heartbeat(N1);
    assert_eq!((cluster.leaders(), cluster.status(N1).term), (vec![N1], term));
    assert_eq!(cluster.status(N2).leader, Some(N1));
}

#[test]
fn a_learner_that_loses_its_leader_does_not_campaign() {
    let mut cluster = led(1, &[N1]);
    let mut config = config(N2, 0);
    config.detect_crash = true;
    cluster.join_as(N2, config);
    let learner =
        raftdeck_raft::MembershipChange::AddLearner { node: N2, address: String::new(), incarnation: None };
    cluster.change(N1, &[learner]).unwrap();
    cluster.settle();
    assert_eq!(cluster.status(N2).leader, Some(N1));
    let now = cluster.now;
    cluster.raft(N2).handle_disconnected(N1, now);
    assert_eq!((cluster.status(N2).role, cluster.status(N2).leader), (Role::Follower, None));
}

fn lease(cluster: &mut Cluster, at: NodeId) -> Duration {
    cluster.heartbeat(at);
    cluster.status(at).lease
}

/// Trap 37.
#[test]
fn no_lease_rests_on_members_that_do_not_stand_by_their_leader() {
    assert!(lease(&mut led(3, &[]), N1) > Duration::ZERO);
    assert!(lease(&mut led(3, &[N2]), N1) > Duration::ZERO, "n3 is enough");
    assert_eq!(lease(&mut led(3, &[N2, N3]), N1), Duration::ZERO);
    assert_eq!(
        lease(&mut led(3, &[N1]), N1),
        Duration::ZERO,
        "who detects crashes serves no read by a lease"
    );
    assert!(lease(&mut led(5, &[N2, N3]), N1) > Duration::ZERO);
    assert_eq!(lease(&mut led(5, &[N2, N3, N4]), N1), Duration::ZERO);
}

#[test]
fn a_read_by_lease_asks_the_others_where_crashes_are_detected() {
    let mut cluster = led(3, &[N1, N2, N3]);
    let now = cluster.now;
    cluster.raft(N1).read(ReadId(1), ReadMode::Lease, now).unwrap();
    cluster.collect(N1);
    assert_eq!(cluster.granted(N1, ReadId(1)), None);
    cluster.settle();
    assert_eq!(cluster.granted(N1, ReadId(1)), Some(true));
}

/// It stood by its leader before it was started anew with detection on, and a lease rests on that.
#[test]
fn a_promise_of_an_earlier_life_is_kept() {
    let mut cluster = led(3, &[]);
    assert!(lease(&mut cluster, N1) > Duration::ZERO);
    for id in [N2, N3] {
        cluster.crash(id);
        cluster.reconfigure(id, |config| config.detect_crash = true);
        cluster.restart(id);
    }
    // They hear from the leader again, and then its connection is lost.
    cluster.settle();
    cluster.now = cluster.now + Duration::from_millis(1);
    let end = cluster.now + cluster.status(N1).lease;
    cluster.heartbeat(N1);
    for id in [N2, N3] {
        let now = cluster.now;
        cluster.raft(id).handle_disconnected(N1, now);
        cluster.collect(id);
    }
    cluster.cut(N1, N2);
    cluster.cut(N1, N3);
    cluster.settle();
    while cluster.now < end {
        assert!(!cluster.leaders().contains(&N2) && !cluster.leaders().contains(&N3));
        let left = end.since(cluster.now);
        cluster.step(left);
    }
}
