//! Elections (paper §5.2, §5.4.1; thesis §9.6, §6.2).

mod support;

use raftdeck_raft::{
    ConfigError, LogIndex, Message, NodeId, Raft, Restored, Role, Status, StepDownReason, Term, Timestamp,
    Timing, TraceEvent, VoteRefusal, VoteReply, VoteRequest,
};
use std::time::Duration;
use support::*;

fn vote_request(term: u64, last: raftdeck_raft::LogId) -> VoteRequest {
    VoteRequest { term: Term(term), last, transfer: false }
}

#[test]
fn a_fresh_cluster_elects_one_leader_and_keeps_it() {
    for seed in 1..50 {
        let mut cluster =
            Cluster::with((1..=5).map(|i| (config(raftdeck_raft::NodeId(i), 5), disk(&[]))).collect(), seed);
        cluster.run_until("a leader", |c| c.leaders().len() == 1);
        let leader = cluster.leaders()[0];
        let term = cluster.status(leader).term;
        cluster.run(std::time::Duration::from_secs(3));
        assert_eq!(cluster.leaders(), [leader]);
        for id in cluster.ids() {
            let status = cluster.status(id);
            assert_eq!((status.term, status.leader), (term, Some(leader)));
            assert!(status.has_quorum);
        }
    }
}

#[test]
fn a_single_member_leads_after_its_own_fsync() {
    let mut cluster = Cluster::new(1);
    cluster.member(N1).disk_is_held = true;
    cluster.time_out(N1);
    cluster.settle();
    assert_eq!(cluster.status(N1).role, Role::Candidate, "its vote is not durable yet");
    assert!(cluster.finish_write(N1));
    assert_eq!(cluster.status(N1).role, Role::Leader);
    cluster.settle();
    assert_eq!(cluster.status(N1).committed, LogIndex(0), "its first entry is not durable yet");
    assert!(cluster.finish_write(N1));
    assert_eq!(cluster.status(N1).committed, LogIndex(1));
}

#[test]
fn a_candidate_counts_its_own_vote_only_when_that_is_durable() {
    let mut cluster = Cluster::new(3);
    // An earlier write is still under way when the campaign begins.
    cluster.member(N1).disk_is_held = true;
    cluster.deliver(N2, N1, Message::RequestVote(vote_request(1, id(0, 0))));
    cluster.now = cluster.now + Timing::FAST.election_max;
    cluster.time_out(N1);
    cluster.settle();
    assert_eq!(cluster.status(N1).role, Role::Candidate);
    assert!(cluster.finish_write(N1), "the earlier write");
    assert_eq!(cluster.status(N1).votes, []);
    assert!(cluster.finish_write(N1), "the vote");
    assert_eq!(cluster.status(N1).votes, [(N1, true)]);
}

#[test]
fn term_and_vote_are_durable_before_the_reply_leaves() {
    let mut cluster = Cluster::new(3);
    cluster.member(N2).disk_is_held = true;
    cluster.deliver(N1, N2, Message::RequestVote(vote_request(1, id(0, 0))));
    cluster.settle();
    assert!(cluster.wire.is_empty(), "nothing may be said before the vote is durable");
    assert!(cluster.finish_write(N2));
    assert_eq!(
        cluster.wire.pop_front(),
        Some((N2, N1, Message::VoteReply(VoteReply { term: Term(1), granted: true })))
    );
    assert_eq!(cluster.members[&N2].disk.hard_state.vote, Some(N1));
}

#[test]
fn a_vote_survives_a_crash_and_is_not_given_twice() {
    let mut cluster = Cluster::new(3);
    cluster.deliver(N1, N2, Message::RequestVote(vote_request(1, id(0, 0))));
    cluster.finish_write(N2);
    cluster.wire.clear();
    cluster.crash(N2);
    cluster.restart(N2);
    cluster.deliver(N3, N2, Message::RequestVote(vote_request(1, id(0, 0))));
    cluster.collect(N2);
    assert_eq!(
        cluster.wire.pop_front(),
        Some((N2, N3, Message::VoteReply(VoteReply { term: Term(1), granted: false })))
    );
}

#[test]
fn a_vote_in_a_term_that_was_entered_before_is_durable_too() {
    let mut cluster = Cluster::with_disks(&[disk(&[3]), disk(&[3]), disk(&[3])]);
    cluster.deliver(N2, N1, Message::RequestVote(vote_request(3, id(3, 1))));
    assert!(cluster.wire.is_empty(), "the answer waits for the disk");
    cluster.settle();
    cluster.crash(N1);
    cluster.restart(N1);
    cluster.deliver(N3, N1, Message::RequestVote(vote_request(3, id(3, 1))));
    assert_eq!(cluster.status(N1).vote, Some(N2));
}

#[test]
fn a_step_down_within_the_same_term_keeps_the_vote() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    let term = cluster.status(N1).term;
    cluster.partition(&[N1]);
    cluster.run_until("the leader gives up", |c| c.status(N1).role != Role::Leader);
    assert!(
        cluster.members[&N1]
            .trace
            .contains(&TraceEvent::SteppedDown { reason: StepDownReason::QuorumLost, term })
    );
    assert_eq!((cluster.status(N1).term, cluster.status(N1).vote), (term, Some(N1)));
}

#[test]
fn a_vote_that_arrives_twice_counts_once() {
    let mut cluster = Cluster::new(5);
    cluster.cut(N1, N4);
    cluster.cut(N1, N5);
    cluster.cut(N1, N3);
    cluster.time_out(N1);
    for _ in 0..3 {
        cluster.deliver(N2, N1, Message::PreVoteReply(VoteReply { term: Term(1), granted: true }));
    }
    assert_eq!(cluster.status(N1).role, Role::PreCandidate, "two of five are no majority");
}

#[test]
fn a_vote_of_an_earlier_campaign_does_not_count() {
    let mut cluster = Cluster::new(3);
    for _ in 0..2 {
        let now = cluster.now;
        cluster.raft(N1).campaign_against_leader(now);
        cluster.collect(N1);
        while cluster.finish_write(N1) {}
    }
    let term = cluster.status(N1).term;
    assert_eq!((term, cluster.status(N1).role), (Term(2), Role::Candidate));
    for (term, role) in [(Term(1), Role::Candidate), (Term(2), Role::Leader)] {
        cluster.deliver(N2, N1, Message::VoteReply(VoteReply { term, granted: true }));
        assert_eq!(cluster.status(N1).role, role);
    }
}

#[test]
fn a_pre_vote_changes_nothing_durable() {
    let mut cluster = Cluster::new(3);
    cluster.wire.clear();
    cluster.time_out(N1);
    let (_, _, ask) = cluster.wire.pop_front().unwrap();
    assert_eq!(ask, Message::PreVote(vote_request(1, id(0, 0))));
    cluster.deliver(N1, N2, ask);
    let hard = |c: &Cluster, id| (c.status(id).term, c.status(id).vote);
    assert_eq!((hard(&cluster, N1), hard(&cluster, N2)), ((Term(0), None), (Term(0), None)));
    assert!(cluster.member(N1).writes.is_empty() && cluster.member(N2).writes.is_empty());
}

#[test]
fn a_member_that_was_cut_off_returns_without_raising_the_term() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    let term = cluster.status(N1).term;
    cluster.partition(&[N3]);
    cluster.run(std::time::Duration::from_secs(5));
    assert_eq!((cluster.status(N3).role, cluster.status(N3).term), (Role::PreCandidate, term));
    cluster.heal();
    cluster.run_until("n3 follows again", |c| c.status(N3).leader == Some(N1));
    assert_eq!(cluster.leaders(), [N1]);
    assert_eq!(cluster.status(N1).term, term);
}

#[test]
fn a_refused_pre_vote_teaches_a_higher_term() {
    let mut cluster = Cluster::with_disks(&[disk(&[1]), disk(&[1, 7]), disk(&[1, 7])]);
    cluster.time_out(N1);
    cluster.settle();
    assert_eq!(cluster.status(N1).term, Term(7));
    assert_eq!(cluster.status(N1).role, Role::Follower);
}

#[test]
fn a_pre_vote_for_an_earlier_campaign_does_not_count() {
    let mut cluster = Cluster::with_disks(&[disk(&[4]), disk(&[4]), disk(&[4])]);
    cluster.time_out(N1);
    cluster.deliver(N2, N1, Message::PreVoteReply(VoteReply { term: Term(4), granted: true }));
    assert_eq!((cluster.status(N1).role, cluster.status(N1).term), (Role::PreCandidate, Term(4)));
}

/// Whether a leader is heard is asked of candidates of later terms only. In its own term the vote decides, and a repeated
/// request is about a vote that was given.
#[test]
fn in_the_term_of_a_leader_a_vote_stays_where_it_is() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    let Status { term, last, .. } = cluster.status(N1);
    cluster.member(N2).trace.clear();
    for candidate in [N3, N1] {
        cluster.deliver(candidate, N2, Message::RequestVote(vote_request(term.0, last)));
    }
    let reason = VoteRefusal::AlreadyVoted;
    let refused = TraceEvent::VoteRefused { candidate: N3, term, pre_vote: false, reason };
    let granted = TraceEvent::VoteGranted { candidate: N1, term, pre_vote: false };
    assert_eq!(cluster.members[&N2].trace, [refused, granted]);
}

#[test]
fn a_pre_vote_is_refused_while_a_leader_is_heard() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    let Status { term, last, .. } = cluster.status(N1);
    for voter in [N1, N2] {
        cluster.deliver(N3, voter, Message::PreVote(vote_request(term.0 + 1, last)));
        let refused = cluster.members[&voter].trace.iter().rev().find_map(|event| match event {
            TraceEvent::VoteRefused { candidate: N3, pre_vote: true, reason, .. } => Some(*reason),
            _ => None,
        });
        assert_eq!(refused, Some(VoteRefusal::LeaderAlive), "{voter}");
    }
}

/// For the least election timeout after it was heard from, and not a moment longer.
#[test]
fn a_leader_that_was_not_heard_from_for_the_least_election_timeout_has_no_quorum_any_more() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    let silent = cluster.now + Timing::FAST.election_min;
    for member in [N1, N2] {
        let raft = cluster.raft(member);
        let before = raft.status(Timestamp(silent.0 - 1));
        assert!(before.has_quorum && !raft.status(silent).has_quorum, "{member}");
    }
}

#[test]
fn a_strangers_vote_counts_for_nothing_and_an_own_message_is_ignored() {
    let mut cluster = Cluster::new(3);
    cluster.time_out(N1);
    let granted = Message::PreVoteReply(VoteReply { term: Term(1), granted: true });
    for stranger in [raftdeck_raft::NodeId(8), raftdeck_raft::NodeId(9), N1] {
        cluster.deliver(stranger, N1, granted.clone());
    }
    assert_eq!(cluster.status(N1).role, Role::PreCandidate);
    let before = cluster.status(N2);
    cluster.deliver(N2, N2, Message::VoteReply(VoteReply { term: Term(99), granted: false }));
    assert_eq!(cluster.status(N2), before);
}

#[test]
fn a_late_pre_vote_reply_starts_no_campaign_at_a_leader() {
    let mut cluster = Cluster::new(5);
    cluster.elect(N1);
    let before = cluster.status(N1);
    for peer in [N2, N3, N4] {
        let reply = VoteReply { term: before.term.next(), granted: true };
        cluster.deliver(peer, N1, Message::PreVoteReply(reply));
    }
    assert_eq!((cluster.status(N1).role, cluster.status(N1).term), (Role::Leader, before.term));
}

#[test]
fn pre_votes_and_votes_compare_logs_by_term_and_then_by_length() {
    // n2 has the longer log, n1 the one with the later term.
    for pre_vote in [true, false] {
        let mut cluster = Cluster::with_disks(&[disk(&[1, 2]), disk(&[1, 1, 1]), disk(&[])]);
        let ask = |last| {
            let request = vote_request(9, last);
            if pre_vote { Message::PreVote(request) } else { Message::RequestVote(request) }
        };
        cluster.deliver(N2, N1, ask(id(1, 3)));
        cluster.collect(N1);
        let refused =
            TraceEvent::VoteRefused { candidate: N2, term: Term(9), pre_vote, reason: VoteRefusal::StaleLog };
        assert!(cluster.member(N1).trace.contains(&refused));
        cluster.deliver(N1, N2, ask(id(2, 2)));
        cluster.collect(N2);
        let granted = TraceEvent::VoteGranted { candidate: N1, term: Term(9), pre_vote };
        assert!(cluster.member(N2).trace.contains(&granted));
    }
}

#[test]
fn a_working_leader_is_not_deposed_by_a_candidate_with_a_higher_term() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    let term = cluster.status(N1).term;
    for voter in [N1, N2] {
        cluster.deliver(N3, voter, Message::RequestVote(vote_request(term.0 + 5, id(9, 99))));
    }
    cluster.settle();
    assert_eq!((cluster.leaders(), cluster.status(N1).term), (vec![N1], term));
}

/// Five members; the leader n1 still reaches n2, the bridge, which reaches all the others.
#[test]
fn a_leader_without_a_majority_stops_suppressing_elections() {
    let mut cluster = Cluster::new(5);
    cluster.elect(N1);
    for peer in [N3, N4, N5] {
        cluster.cut(N1, peer);
    }
    cluster.run_until("a leader that a majority can reach", |c| {
        c.leaders().iter().any(|l| *l != N1 && c.status(*l).has_quorum)
    });
}

#[test]
fn a_leader_that_nobody_answers_lets_itself_be_replaced_before_it_gives_up() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    let term = cluster.status(N1).term;
    cluster.now = cluster.now + Timing::FAST.election_min;
    assert_eq!((cluster.leaders(), cluster.status(N1).has_quorum), (vec![N1], false));
    let last = cluster.status(N1).last;
    cluster.deliver(N2, N1, Message::RequestVote(vote_request(term.0 + 1, last)));
    let now = cluster.status(N1);
    assert_eq!((now.role, now.term, now.vote), (Role::Follower, Term(term.0 + 1), Some(N2)));
}

#[test]
fn members_that_reach_each_other_but_no_leader_do_not_refuse_each_other_for_ever() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.crash(N1);
    cluster.cut(N2, N3);
    cluster.time_out(N2);
    assert_eq!((cluster.status(N2).role, cluster.status(N2).leader), (Role::PreCandidate, None));
    cluster.heal();
    cluster.run_until("the two that are left elect one of them", |c| c.leaders().len() == 1);
}

#[test]
fn without_pre_vote_a_timed_out_member_raises_its_term() {
    let mut configs: Vec<_> = (1..=3).map(|i| (config(raftdeck_raft::NodeId(i), 3), disk(&[]))).collect();
    for (config, _) in &mut configs {
        config.tuning.pre_vote = false;
        config.tuning.check_quorum = false;
    }
    let mut cluster = Cluster::with(configs, 1);
    cluster.elect(N1);
    let term = cluster.status(N1).term;
    cluster.partition(&[N3]);
    cluster.run(Timing::FAST.election_max * 4);
    assert!(cluster.status(N3).term > term);
    assert_eq!(cluster.leaders(), [N1], "nothing makes a leader without CheckQuorum give up");
    cluster.heal();
    cluster.run_until("one leader in a later term", |c| {
        c.leaders().len() == 1 && c.status(c.leaders()[0]).term > term
    });
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    use raftdeck_raft::{ConfigError, NodeId, Raft, RestoreError, Restored, Timestamp};
    let refuse = |change: fn(&mut raftdeck_raft::Config)| {
        let mut config = config(N1, 3);
        change(&mut config);
        match Raft::new(config, 1, Restored::default(), Timestamp(0)) {
            Err(RestoreError::Config(error)) => error,
            other => panic!("it was to be refused, not {other:?}"),
        }
    };
    assert_eq!(refuse(|c| c.id = NodeId(9)), ConfigError::NotAVoter { id: NodeId(9) });
    assert_eq!(refuse(|c| c.id = NodeId(0)), ConfigError::ZeroId);
    assert!(matches!(
        refuse(|c| c.tuning.timing.heartbeat = c.tuning.timing.election_min),
        ConfigError::Heartbeat { .. }
    ));
    assert!(matches!(
        refuse(|c| c.tuning.timing.election_max = c.tuning.timing.election_min),
        ConfigError::ElectionRange { .. }
    ));
}

#[test]
fn a_fixed_election_timeout_holds_for_the_running_timer_and_all_that_follow() {
    let mut cluster = Cluster::new(3);
    let fixed = Duration::from_millis(290);
    let now = cluster.now;
    let left = cluster.status(N2).election_remaining;
    let before = cluster.status(N2).election_timeout;
    cluster.raft(N2).set_election_timeout(Some(fixed), now).unwrap();
    assert_eq!(cluster.status(N2).election_timeout, fixed);
    assert_eq!(
        cluster.status(N2).election_remaining,
        (left + fixed).checked_sub(before).unwrap(),
        "it began when it began"
    );
    for _ in 0..5 {
        cluster.time_out(N2);
        assert_eq!(cluster.status(N2).election_timeout, fixed);
        assert_eq!(cluster.raft(N2).next_deadline(), cluster.now + fixed);
    }
    let now = cluster.now;
    cluster.raft(N2).set_election_timeout(None, now).unwrap();
    let mut random = std::collections::BTreeSet::new();
    for _ in 0..5 {
        random.insert(cluster.status(N2).election_timeout);
        cluster.time_out(N2);
    }
    assert_eq!(random.len(), 5, "random again");
    assert!(
        random.iter().all(|timeout| (Timing::FAST.election_min..Timing::FAST.election_max).contains(timeout))
    );
}

#[test]
fn a_running_timer_that_is_over_by_a_fixed_timeout_goes_off_at_once() {
    let mut cluster = Cluster::new(3);
    cluster.time_out(N1);
    let began = cluster.now;
    let least = Timing::FAST.election_min;
    cluster.now = began + least;
    let now = cluster.now;
    assert!(cluster.raft(N1).next_deadline() > now, "its random timeout is not over");
    cluster.member(N1).trace.clear();
    cluster.raft(N1).set_election_timeout(Some(least), now).unwrap();
    cluster.collect(N1);
    assert_eq!(cluster.members[&N1].trace.first(), Some(&TraceEvent::TimedOut { waited: least }));
}

#[test]
fn a_fixed_election_timeout_under_what_leases_rest_on_is_refused() {
    let mut cluster = Cluster::new(3);
    let least = Timing::FAST.election_min;
    for timeout in [Duration::ZERO, Duration::from_millis(149)] {
        let before = cluster.status(N1).election_timeout;
        let refused = cluster.raft(N1).set_election_timeout(Some(timeout), Timestamp(0));
        assert_eq!(refused, Err(ConfigError::ShortTimeout { timeout, least }));
        assert_eq!(cluster.status(N1).election_timeout, before);
    }
    // Nor does it stay under a least timeout that is raised later.
    let now = cluster.now;
    cluster.raft(N1).set_election_timeout(Some(least), now).unwrap();
    let tuning = raftdeck_raft::Tuning { timing: Timing::DEBUG, pre_vote: true, check_quorum: true };
    cluster.raft(N1).tune(tuning, now).unwrap();
    assert_eq!(cluster.status(N1).election_timeout, Timing::DEBUG.election_min);
}

#[test]
fn aligned_election_timeouts_split_the_vote_and_spread_ones_do_not() {
    let mut cluster = Cluster::new(2);
    for (id, millis) in [(N1, 200), (N2, 200)] {
        cluster.raft(id).set_election_timeout(Some(Duration::from_millis(millis)), Timestamp(0)).unwrap();
    }
    cluster.run(Duration::from_secs(5));
    assert_eq!(cluster.leaders(), [], "both ask at the same moment, and each has its own vote");
    let now = cluster.now;
    cluster.raft(N2).set_election_timeout(Some(Duration::from_millis(400)), now).unwrap();
    cluster.run_until("a leader", |c| c.leaders() == [N1]);
}

/// Else two members that are started at the same moment could time out together, split the votes, and go on so forever.
#[test]
fn members_that_are_given_the_same_seed_draw_different_timeouts() {
    let rows: Vec<Vec<_>> = (1..=7)
        .map(|member| {
            let mut raft =
                Raft::new(config(NodeId(member), 7), 41, Restored::default(), Timestamp(0)).unwrap();
            let drawn = (1..20).map(|nth| {
                raft.handle_deadline(Timestamp(nth * 1_000_000));
                raft.status(Timestamp(nth * 1_000_000)).election_timeout
            });
            drawn.collect()
        })
        .collect();
    for (nth, row) in rows.iter().enumerate() {
        for other in &rows[nth + 1..] {
            assert!(row.iter().zip(other).all(|(one, another)| one != another), "{row:?} {other:?}");
        }
    }
}
