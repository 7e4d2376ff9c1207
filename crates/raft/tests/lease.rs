//! Reads by the leader's lease (thesis §6.4.1).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{Message, NodeId, ReadId, ReadMode, Role, Status, Timing, VoteRequest};
use std::time::Duration;
use support::*;

/// N1 leads, has committed in its term, and every answer has arrived.
fn led(voters: u64) -> Cluster {
    let mut cluster = Cluster::new(voters);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster
}

fn lease_of(cluster: &Cluster, id: NodeId) -> Duration {
    cluster.status(id).lease
}

/// Asks for a read by lease. Says whether it was granted at once.
fn read_at_once(cluster: &mut Cluster, at: NodeId, id: u64) -> bool {
    let (now, read) = (cluster.now, ReadId(id));
    cluster.raft(at).read(read, ReadMode::Lease, now).unwrap();
    cluster.collect(at);
    cluster.granted(at, read) == Some(true)
}

#[test]
fn a_read_by_lease_needs_no_message() {
    let mut cluster = led(3);
    assert!(read_at_once(&mut cluster, N1, 100));
    assert!(cluster.wire.is_empty());
    assert!(lease_of(&cluster, N1) > Duration::ZERO);
    assert_eq!(lease_of(&cluster, N2), Duration::ZERO, "a follower has none");
}

/// Trap 37.
#[test]
fn a_lease_is_shorter_than_the_least_election_timeout_and_counts_from_when_the_round_was_sent() {
    let mut cluster = led(3);
    let before = lease_of(&cluster, N1);
    cluster.time_out(N1); // a round leaves
    let sent = cluster.now;
    cluster.now = cluster.now + Duration::from_millis(40);
    cluster.settle(); // and is answered 40 ms later
    let end = cluster.now + lease_of(&cluster, N1);
    assert!(end < sent + Timing::FAST.election_min);
    assert_eq!(end, sent + Timing::FAST.election_min * 3 / 4);
    assert!(before <= Timing::FAST.election_min * 3 / 4);
}

#[test]
fn a_lease_goes_on_from_the_newest_round_that_was_answered_while_later_ones_are_not() {
    let mut cluster = led(3);
    let end = cluster.now + lease_of(&cluster, N1);
    cluster.time_out(N1); // a round leaves, and nothing arrives
    assert_eq!(cluster.now + lease_of(&cluster, N1), end);
    assert!(read_at_once(&mut cluster, N1, 100));
}

#[test]
fn without_answers_the_lease_runs_out_and_a_read_asks_the_others() {
    let mut cluster = led(3);
    cluster.partition(&[N1]);
    cluster.now = cluster.now + Timing::FAST.election_min;
    assert_eq!(lease_of(&cluster, N1), Duration::ZERO);
    assert!(!read_at_once(&mut cluster, N1, 100));
    cluster.heal();
    cluster.heartbeat(N1);
    cluster.heartbeat(N1);
    assert_eq!(cluster.granted(N1, ReadId(100)), Some(true));
}

#[test]
fn a_new_leader_has_no_lease_before_it_has_committed_in_its_term() {
    let mut cluster = led(3);
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    cluster.crash(N1);
    cluster.now = cluster.now + Timing::FAST.election_max;
    cluster.time_out(N2);
    // Answers to everything but entries.
    for _ in 0..50 {
        for id in [N2, N3] {
            while cluster.finish_write(id) {}
        }
        let Some((from, to, message)) = cluster.wire.pop_front() else { break };
        if !matches!(&message, Message::AppendEntries(append) if !append.entries.is_empty()) {
            cluster.deliver(from, to, message);
        }
    }
    assert_eq!(cluster.status(N2).role, Role::Leader);
    cluster.time_out(N2);
    for _ in 0..10 {
        let Some((from, to, message)) = cluster.wire.pop_front() else { break };
        if !matches!(&message, Message::AppendEntries(append) if !append.entries.is_empty()) {
            cluster.deliver(from, to, message);
        }
    }
    assert_eq!(lease_of(&cluster, N2), Duration::ZERO);
    assert!(!read_at_once(&mut cluster, N2, 100));
    cluster.heartbeat(N2);
    cluster.heartbeat(N2);
    assert!(lease_of(&cluster, N2) > Duration::ZERO);
}

#[test]
fn a_lease_ends_at_a_transfer_and_stays_ended_as_the_word_to_campaign_may_come_late() {
    let mut cluster = led(3);
    let now = cluster.now;
    cluster.raft(N1).transfer_leadership(N2, now).unwrap();
    assert_eq!(lease_of(&cluster, N1), Duration::ZERO);
    cluster.collect(N1);
    // The word is on its way, and it takes its time.
    let told = |message: &Message| matches!(message, Message::TimeoutNow(_));
    let late = cluster.wire.iter().find(|(_, _, message)| told(message)).unwrap().clone();
    cluster.wire.retain(|(_, _, message)| !told(message));
    for _ in 0..8 {
        cluster.now = cluster.now + Timing::FAST.heartbeat;
        let now = cluster.now;
        cluster.raft(N1).handle_deadline(now);
        cluster.collect(N1);
        cluster.wire.retain(|(_, _, message)| !told(message));
        cluster.settle();
    }
    assert_eq!((cluster.status(N1).transfer, cluster.status(N1).role), (None, Role::Leader));
    assert_eq!(lease_of(&cluster, N1), Duration::ZERO);
    assert!(!read_at_once(&mut cluster, N1, 100));
    // n2 wins at once, while n1 has been answered by everybody just now.
    cluster.partition(&[N1]);
    cluster.deliver(N3, late.1, late.2);
    cluster.settle();
    assert_eq!(cluster.status(N2).role, Role::Leader);
    assert!(!read_at_once(&mut cluster, N1, 101));
}

#[test]
fn a_pause_ends_the_lease_until_a_round_that_began_after_it_is_answered() {
    let mut cluster = led(3);
    cluster.time_out(N1);
    let now = cluster.now;
    cluster.raft(N1).handle_pause(now);
    assert_eq!(lease_of(&cluster, N1), Duration::ZERO);
    cluster.settle();
    assert_eq!(lease_of(&cluster, N1), Duration::ZERO, "that round began before the pause");
    cluster.heartbeat(N1);
    assert!(lease_of(&cluster, N1) > Duration::ZERO);
}

#[test]
fn without_check_quorum_there_is_no_lease() {
    let mut cluster = led(3);
    let mut tuning = cluster.status(N1).tuning;
    tuning.check_quorum = false;
    let now = cluster.now;
    cluster.raft(N1).tune(tuning, now).unwrap();
    cluster.heartbeat(N1);
    assert_eq!(lease_of(&cluster, N1), Duration::ZERO);
}

#[test]
fn a_longer_election_timeout_does_not_lengthen_a_lease_in_the_same_term() {
    let mut cluster = led(3);
    let mut tuning = cluster.status(N1).tuning;
    tuning.timing = Timing::DEBUG;
    let now = cluster.now;
    cluster.raft(N1).tune(tuning, now).unwrap();
    cluster.heartbeat(N1);
    assert!(lease_of(&cluster, N1) < Timing::FAST.election_min, "the others may not know of it yet");
}

/// The lease rests on n3 alone: it must not help another member before its time.
fn resting_on_n3() -> Cluster {
    let mut cluster = led(3);
    cluster.now = cluster.now + Timing::FAST.election_min;
    cluster.cut(N1, N2);
    cluster.heartbeat(N1);
    assert!(lease_of(&cluster, N1) > Duration::ZERO);
    cluster
}

#[test]
fn a_restart_breaks_no_lease() {
    let mut cluster = resting_on_n3();
    cluster.crash(N3);
    cluster.restart(N3);
    let Status { term, last, .. } = cluster.status(N2);
    let request = VoteRequest { term: term.next(), last, transfer: false };
    cluster.deliver(N2, N3, Message::PreVote(request));
    cluster.deliver(N2, N3, Message::RequestVote(request));
    assert_eq!((cluster.status(N3).term, cluster.status(N3).vote), (term, Some(N1)));
    assert!(lease_of(&cluster, N1) > Duration::ZERO);
    cluster.now = cluster.now + Timing::FAST.election_min;
    cluster.deliver(N2, N3, Message::RequestVote(request));
    assert_eq!(cluster.status(N3).vote, Some(N2));
}

#[test]
fn who_stands_by_a_leader_keeps_to_it_when_the_check_is_switched_off() {
    let mut cluster = resting_on_n3();
    let mut tuning = cluster.status(N3).tuning;
    tuning.check_quorum = false;
    let now = cluster.now;
    cluster.raft(N3).tune(tuning, now).unwrap();
    let Status { term, last, .. } = cluster.status(N2);
    let request = VoteRequest { term: term.next(), last, transfer: false };
    cluster.deliver(N2, N3, Message::RequestVote(request));
    assert_eq!(cluster.status(N3).term, term);
    cluster.now = cluster.now + Timing::FAST.election_min;
    cluster.deliver(N2, N3, Message::RequestVote(request));
    assert_eq!(cluster.status(N3).vote, Some(N2));
}

#[test]
fn a_campaign_on_demand_breaks_no_lease() {
    for pre_vote in [true, false] {
        let mut cluster = resting_on_n3();
        let mut tuning = cluster.status(N3).tuning;
        tuning.pre_vote = pre_vote;
        let now = cluster.now;
        cluster.raft(N3).tune(tuning, now).unwrap();
        cluster.raft(N3).campaign(now);
        cluster.cut(N1, N3);
        cluster.settle();
        assert!(lease_of(&cluster, N1) > Duration::ZERO);
        assert_eq!(cluster.leaders(), [N1], "n2 is for it, n3 itself stands by n1");
        cluster.run_until("another leader", |c| c.leaders().iter().any(|l| *l != N1));
        assert_eq!(lease_of(&cluster, N1), Duration::ZERO);
    }
}

#[test]
fn a_higher_term_does_not_free_who_stands_by_a_leader() {
    let mut cluster = resting_on_n3();
    let Status { term, last, .. } = cluster.status(N2);
    let refusal = raftdeck_raft::VoteReply { term: term.next(), granted: false };
    cluster.deliver(N2, N3, Message::VoteReply(refusal));
    let request = VoteRequest { term: raftdeck_raft::Term(term.0 + 2), last, transfer: false };
    cluster.deliver(N2, N3, Message::RequestVote(request));
    assert_eq!(cluster.status(N3).vote, None);
    assert!(lease_of(&cluster, N1) > Duration::ZERO);
}

/// The candidate's refusal of something older may overtake its request.
#[test]
fn nor_does_it_for_the_candidate_that_brought_it() {
    let mut cluster = resting_on_n3();
    let Status { term, last, .. } = cluster.status(N2);
    let refusal = raftdeck_raft::VoteReply { term: term.next(), granted: false };
    cluster.deliver(N2, N3, Message::VoteReply(refusal));
    let request = VoteRequest { term: term.next(), last, transfer: false };
    cluster.deliver(N2, N3, Message::RequestVote(request));
    assert_eq!((cluster.status(N3).term, cluster.status(N3).vote), (term.next(), None));
    assert!(lease_of(&cluster, N1) > Duration::ZERO);
    cluster.now = cluster.now + Timing::FAST.election_min;
    cluster.deliver(N2, N3, Message::RequestVote(request));
    assert_eq!(cluster.status(N3).vote, Some(N2), "its promise is over");
}

#[test]
fn who_forgoes_leases_reads_by_rounds() {
    let mut cluster = led(3);
    cluster.raft(N1).forgo_leases();
    assert_eq!(lease_of(&cluster, N1), Duration::ZERO);
    assert!(!read_at_once(&mut cluster, N1, 100));
    cluster.settle();
    assert_eq!(cluster.granted(N1, ReadId(100)), Some(true));
}

#[test]
fn an_order_to_campaign_asks_nobody_first_and_is_obeyed_by_those_who_stand_by_a_leader() {
    let mut cluster = led(3);
    let (term, now) = (cluster.status(N1).term, cluster.now);
    cluster.raft(N1).campaign_against_leader(now);
    assert_eq!(cluster.leaders(), [N1], "who leads has nothing to win");
    cluster.raft(N2).campaign_against_leader(now);
    assert_eq!((cluster.status(N2).role, cluster.status(N2).term), (Role::Candidate, term.next()));
    cluster.collect(N2);
    cluster.settle();
    assert_eq!(cluster.leaders(), [N2]);
}

/// Never two members that can read: whoever has the lease, nobody else leads a later term.
#[test]
fn a_lease_excludes_every_later_leader() {
    for seed in 1..60 {
        let members = (1..=5).map(|i| (config(NodeId(i), 5), disk(&[]))).collect();
        let mut cluster = Cluster::with(members, seed);
        cluster.run_until("a leader", |c| c.leaders().len() == 1);
        let leader = cluster.leaders()[0];
        cluster.run(Duration::from_millis(seed * 7 % 100));
        for other in cluster.ids() {
            if (other.0 + seed) % 3 != 0 && other != leader {
                cluster.cut(leader, other);
            }
        }
        for i in 0..200 {
            let now = cluster.now;
            let someone = NodeId(1 + (seed + i) % 5);
            if i % 7 == 0 {
                cluster.raft(someone).campaign(now);
            }
            if i % 31 == 30 {
                cluster.crash(someone);
                cluster.restart(someone);
            }
            cluster.step(Duration::from_millis(5));
            let newest = cluster.ids().into_iter().filter(|id| cluster.status(*id).role == Role::Leader);
            let newest = newest.map(|id| cluster.status(id).term).max();
            for id in cluster.ids() {
                let status = cluster.status(id);
                assert!(status.lease.is_zero() || Some(status.term) == newest, "{id}, seed {seed}, step {i}");
            }
        }
    }
}
