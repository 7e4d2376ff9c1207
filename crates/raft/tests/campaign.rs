//! What a campaign counts and tells: votes and pre-votes, in a joint configuration too, and what stands in its way. Who may vote
//! for whom is in `election.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{
    AppendEntries, Entry, LogIndex, Membership, Message, NodeId, Payload, Role, Term, TraceEvent, VoteReply,
};
use std::time::Duration;
use support::*;

/// A pre-vote or a vote in the first campaign of a new cluster.
fn answer(cluster: &mut Cluster, from: NodeId, pre_vote: bool, granted: bool) {
    let term = Term(u64::from(granted || !pre_vote));
    let reply = VoteReply { term, granted };
    let message = if pre_vote { Message::PreVoteReply(reply) } else { Message::VoteReply(reply) };
    cluster.deliver(from, N1, message);
}

#[test]
fn each_answer_is_told_once_with_the_votes_it_makes_and_the_votes_that_are_needed() {
    for pre_vote in [true, false] {
        let mut cluster = Cluster::new(5);
        cluster.time_out(N1);
        if !pre_vote {
            for voter in [N2, N3] {
                answer(&mut cluster, voter, true, true);
            }
            assert!(cluster.finish_write(N1), "its own vote");
        }
        cluster.member(N1).trace.clear();
        let answers = [(N2, true), (N2, true), (N3, false), (N3, false), (N2, true), (N4, true)];
        for (from, granted) in answers {
            answer(&mut cluster, from, pre_vote, granted);
        }
        let won = if pre_vote { Role::Candidate } else { Role::Leader };
        assert_eq!(cluster.status(N1).role, won);
        let told = |event: &&TraceEvent| matches!(event, TraceEvent::VoteReceived { .. });
        let told: Vec<_> = cluster.members[&N1].trace.iter().filter(told).cloned().collect();
        let received =
            |from, granted, votes| TraceEvent::VoteReceived { from, granted, pre_vote, votes, needed: 3 };
        assert_eq!(told, [received(N2, true, 2), received(N3, false, 2), received(N4, true, 3)]);
    }
}

/// Trap 32. The old half is n1 n2 n3, the new one n1 n4 n5: three votes are more than either half needs.
#[test]
fn a_campaign_in_a_joint_configuration_is_won_with_both_majorities_only() {
    let joint = Membership { outgoing: [N1, N2, N3].into(), ..Membership::of([N1, N4, N5].into()) };
    let entry = Entry { id: id(1, 1), payload: Payload::Membership(Box::new(joint)) };
    for (one_half, voter_of_the_other) in [([N4, N5], N2), ([N2, N3], N5)] {
        let mut held = disk(&[1]);
        held.entries = vec![entry.clone()];
        let mut cluster = Cluster::with(vec![(config(N1, 3), held)], 1);
        cluster.time_out(N1);
        for (pre_vote, asked, won) in
            [(true, Role::PreCandidate, Role::Candidate), (false, Role::Candidate, Role::Leader)]
        {
            let reply = VoteReply { term: Term(2), granted: true };
            let vote = if pre_vote { Message::PreVoteReply(reply) } else { Message::VoteReply(reply) };
            for voter in one_half {
                cluster.deliver(voter, N1, vote.clone());
            }
            assert_eq!(cluster.status(N1).role, asked, "{one_half:?}");
            cluster.deliver(voter_of_the_other, N1, vote);
            assert_eq!(cluster.status(N1).role, won, "{one_half:?} {voter_of_the_other}");
            while cluster.finish_write(N1) {}
        }
    }
}

/// Its own vote would wait for the disk, and the term would rise in vain.
#[test]
fn a_member_whose_disk_stalls_while_it_asks_for_pre_votes_does_not_campaign() {
    let mut cluster = Cluster::new(3);
    cluster.member(N1).disk_is_held = true;
    let append = AppendEntries {
        term: Term(1),
        prev: id(0, 0),
        entries: vec![entry(1, 1)],
        commit: LogIndex(0),
        round: 1,
    };
    cluster.deliver(N2, N1, Message::AppendEntries(append));
    let limit = Duration::from_millis(500);
    let due = cluster.now + limit;
    cluster.now = cluster.now + less(limit, Duration::from_millis(1));
    let now = cluster.now;
    cluster.raft(N1).campaign(now);
    cluster.now = due;
    cluster.raft(N1).handle_deadline(due);
    cluster.collect(N1);
    assert!(cluster.status(N1).disk_stalled);
    let granted = VoteReply { term: Term(2), granted: true };
    cluster.deliver(N2, N1, Message::PreVoteReply(granted));
    assert_eq!((cluster.status(N1).role, cluster.status(N1).term), (Role::PreCandidate, Term(1)));
}
