//! Handing over the leadership (thesis §3.10), campaigns on demand, and changes of timing while running.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{
    ConfigError, LogIndex, MembershipChange, Message, NodeId, ProposeError, Role, Status, Term, TimeoutNow,
    Timing, TraceEvent, TransferError, VoteRequest,
};
use support::*;

fn led(voters: u64) -> Cluster {
    let mut cluster = Cluster::new(voters);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster
}

fn transfer(cluster: &mut Cluster, from: NodeId, to: NodeId) -> Result<(), TransferError> {
    let now = cluster.now;
    let started = cluster.raft(from).transfer_leadership(to, now);
    cluster.collect(from);
    started
}

#[test]
fn the_leadership_goes_to_whom_it_is_given_without_a_timeout() {
    let mut cluster = led(5);
    let (started, term) = (cluster.now, cluster.status(N1).term);
    transfer(&mut cluster, N1, N3).unwrap();
    cluster.settle();
    assert_eq!((cluster.leaders(), cluster.now), (vec![N3], started));
    assert_eq!(cluster.status(N3).term, term.next());
    assert!(cluster.members[&N1].trace.contains(&TraceEvent::TransferStarted { to: N3 }));
    assert!(cluster.members[&N3].trace.contains(&TraceEvent::ToldToCampaign { leader: N1 }));
    assert_eq!(cluster.status(N1).transfer, None);
    cluster.propose(N3, "x").unwrap();
    cluster.settle();
    assert_eq!(cluster.status(N3).committed, cluster.status(N3).last.index);
}

#[test]
fn the_target_gets_the_whole_log_first_and_meanwhile_nothing_is_proposed() {
    let mut cluster = led(3);
    cluster.member(N3).disk_is_held = true;
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    transfer(&mut cluster, N1, N3).unwrap();
    cluster.settle();
    assert_eq!((cluster.leaders(), cluster.status(N1).transfer), (vec![N1], Some(N3)));
    assert_eq!(cluster.propose(N1, "y"), Err(ProposeError::Busy));
    assert_eq!(transfer(&mut cluster, N1, N2), Err(TransferError::InProgress));
    cluster.member(N3).disk_is_held = false;
    cluster.settle();
    assert_eq!(cluster.leaders(), [N3]);
    assert_eq!(cluster.terms(N3), [1, 1, 2]);
}

#[test]
fn a_transfer_is_given_up_after_an_election_timeout_and_the_leader_leads_on() {
    let mut cluster = led(3);
    cluster.crash(N3);
    let started = cluster.now;
    transfer(&mut cluster, N1, N3).unwrap();
    cluster.settle();
    assert_eq!(cluster.propose(N1, "x"), Err(ProposeError::Busy));
    cluster.run_until("it is given up", |c| c.status(N1).transfer.is_none());
    assert!(cluster.now.since(started) <= Timing::FAST.election_max);
    assert!(cluster.members[&N1].trace.contains(&TraceEvent::TransferGivenUp { to: N3 }));
    assert_eq!(cluster.leaders(), [N1]);
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    assert_eq!(cluster.status(N1).committed, cluster.status(N1).last.index);
}

/// It does not come back to answer for what it took.
#[test]
fn a_leader_that_leaves_sees_all_that_it_took_committed_first() {
    let members = [N1, N2, N3].map(|id| {
        let mut config = config(id, 3);
        config.max_append_bytes = 1;
        (config, disk(&[]))
    });
    let mut cluster = Cluster::with(members.into(), 1);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster.change(N1, &[MembershipChange::Remove { node: N1 }]).unwrap();
    let mut last = None;
    // N3 gets all but the last command, which came before the removal was committed.
    while let Some((from, to, message)) = cluster.wire.pop_front() {
        if last.is_none()
            && !cluster.status(N1).membership.voters.contains(&N1)
            && !cluster.status(N1).membership.is_joint()
        {
            last = Some(cluster.propose(N1, "x").unwrap());
        }
        let brings_last = |message: &Message| {
            matches!(message, Message::AppendEntries(append)
                if append.entries.last().is_some_and(|entry| Some(entry.id) == last))
        };
        if to != N3 || !brings_last(&message) {
            cluster.deliver(from, to, message);
        }
        for id in [N1, N2, N3] {
            while cluster.finish_write(id) {}
        }
    }
    let last = last.unwrap();
    let status = cluster.status(N1);
    assert_eq!((status.role, status.transfer), (Role::Leader, Some(N2)));
    assert_eq!((status.committed.next(), cluster.status(N2).last), (last.index, last));
    cluster.run_until("n1 has left", |cluster| cluster.status(N1).role == Role::Follower);
    assert_eq!(cluster.status(N1).committed, last.index);
    cluster.run_until("another leads", |cluster| cluster.leaders().len() == 1);
}

#[test]
fn a_lost_word_to_campaign_is_said_again() {
    let mut cluster = led(3);
    transfer(&mut cluster, N1, N2).unwrap();
    cluster.wire.retain(|(_, _, message)| !matches!(message, Message::TimeoutNow(_)));
    cluster.settle();
    assert_eq!(cluster.leaders(), [N1]);
    cluster.heartbeat(N1);
    assert_eq!(cluster.leaders(), [N2]);
}

#[test]
fn only_a_leader_hands_over_and_only_to_a_voter_and_not_during_a_change() {
    let mut cluster = led(3);
    assert_eq!(transfer(&mut cluster, N2, N3), Err(TransferError::NotLeader { leader: Some(N1) }));
    assert_eq!(transfer(&mut cluster, N1, N4), Err(TransferError::NotAVoter { node: N4 }));
    assert_eq!(transfer(&mut cluster, N1, N1), Ok(()));
    assert_eq!(cluster.status(N1).transfer, None, "it leads already");
    cluster.join(N4);
    cluster
        .change(N1, &[MembershipChange::AddLearner { node: N4, address: String::new(), incarnation: None }])
        .unwrap();
    assert_eq!(transfer(&mut cluster, N1, N2), Err(TransferError::InProgress));
    cluster.settle();
    assert_eq!(transfer(&mut cluster, N1, N4), Err(TransferError::NotAVoter { node: N4 }), "a learner");
    assert_eq!(transfer(&mut cluster, N1, N2), Ok(()));
    let change = cluster.change(N1, &[MembershipChange::Remove { node: N4 }]);
    assert_eq!(change, Err(raftdeck_raft::ChangeError::InProgress));
}

/// Trap 12.
#[test]
fn a_word_to_campaign_is_obeyed_only_in_its_own_term_and_only_by_a_voter() {
    let mut cluster = led(3);
    cluster.join(N4);
    cluster
        .change(N1, &[MembershipChange::AddLearner { node: N4, address: String::new(), incarnation: None }])
        .unwrap();
    cluster.settle();
    let Status { term, .. } = cluster.status(N1);
    for (to, told) in [(N2, Term(term.0 - 1)), (N2, term.next()), (N4, term), (N1, term)] {
        cluster.deliver(N3, to, Message::TimeoutNow(TimeoutNow { term: told }));
        assert!(matches!(cluster.status(to).role, Role::Follower | Role::Leader), "{to} in {told}");
        assert_eq!(cluster.status(to).term, term);
    }
    cluster.deliver(N1, N2, Message::TimeoutNow(TimeoutNow { term }));
    assert_eq!((cluster.status(N2).role, cluster.status(N2).term), (Role::Candidate, term.next()));
}

#[test]
fn voters_stand_by_their_leader_unless_it_is_the_leader_who_asks() {
    let mut cluster = led(3);
    let Status { term, last, .. } = cluster.status(N1);
    let ask = |transfer| Message::RequestVote(VoteRequest { term: term.next(), last, transfer });
    cluster.deliver(N3, N2, ask(false));
    assert_eq!(cluster.status(N2).term, term);
    cluster.deliver(N3, N2, ask(true));
    assert_eq!((cluster.status(N2).term, cluster.status(N2).vote), (term.next(), Some(N3)));
}

#[test]
fn a_campaign_on_demand_is_an_election_timeout() {
    for pre_vote in [true, false] {
        let members = (1..=3).map(|i| {
            let mut config = config(NodeId(i), 3);
            config.tuning.pre_vote = pre_vote;
            (config, disk(&[]))
        });
        let mut cluster = Cluster::with(members.collect(), 1);
        let now = cluster.now;
        cluster.raft(N2).campaign(now);
        cluster.collect(N2);
        let role = if pre_vote { Role::PreCandidate } else { Role::Candidate };
        assert_eq!(cluster.status(N2).role, role);
        cluster.settle();
        assert_eq!((cluster.leaders(), cluster.now), (vec![N2], now));
        let before = cluster.status(N2);
        cluster.raft(N2).campaign(now);
        assert_eq!(cluster.status(N2), before, "a leader has nothing to campaign for");
    }
}

#[test]
fn a_campaign_on_demand_does_not_depose_a_leader_that_a_majority_hears() {
    let mut cluster = led(3);
    let (now, term) = (cluster.now, cluster.status(N1).term);
    cluster.raft(N2).campaign(now);
    cluster.settle();
    cluster.heartbeat(N1);
    assert_eq!((cluster.leaders(), cluster.status(N2).leader), (vec![N1], Some(N1)));
    assert_eq!(cluster.status(N2).term, term);
}

#[test]
fn timing_and_checks_change_while_it_runs() {
    let mut cluster = led(3);
    let mut tuning = cluster.status(N1).tuning;
    tuning.timing = Timing::DEBUG;
    tuning.pre_vote = false;
    for id in cluster.ids() {
        let now = cluster.now;
        cluster.raft(id).tune(tuning, now).unwrap();
        cluster.collect(id);
        assert_eq!(cluster.status(id).tuning, tuning);
        assert!(cluster.members[&id].trace.contains(&TraceEvent::Tuned { tuning }));
    }
    cluster.crash(N1);
    let started = cluster.now;
    cluster.run_until("another leader", |c| c.leaders().len() == 1);
    assert!(cluster.now.since(started) >= Timing::DEBUG.election_min);
    let asked = |event: &TraceEvent| matches!(event, TraceEvent::ElectionStarted { pre_vote: true, .. });
    let since = |id| {
        let trace = &cluster.members[&id].trace;
        let tuned = trace.iter().position(|e| matches!(e, TraceEvent::Tuned { .. })).unwrap();
        trace[tuned..].iter().any(asked)
    };
    assert!(!since(N2) && !since(N3), "nobody asks before it campaigns any more");
}

#[test]
fn a_tuning_that_makes_no_sense_changes_nothing() {
    let mut cluster = led(3);
    let before = cluster.status(N1);
    let mut tuning = before.tuning;
    tuning.timing.heartbeat = tuning.timing.election_min;
    let now = cluster.now;
    assert!(matches!(cluster.raft(N1).tune(tuning, now), Err(ConfigError::Heartbeat { .. })));
    assert_eq!(cluster.status(N1), before);
}

#[test]
fn without_check_quorum_a_leader_goes_on_alone_and_with_it_again_gives_up() {
    let mut cluster = led(3);
    let mut tuning = cluster.status(N1).tuning;
    tuning.check_quorum = false;
    let now = cluster.now;
    cluster.raft(N1).tune(tuning, now).unwrap();
    cluster.partition(&[N1]);
    cluster.run(Timing::FAST.election_max * 4);
    assert_eq!(cluster.status(N1).role, Role::Leader);
    tuning.check_quorum = true;
    let now = cluster.now;
    cluster.raft(N1).tune(tuning, now).unwrap();
    cluster.run(Timing::FAST.heartbeat);
    assert_eq!(cluster.status(N1).role, Role::Follower);
}

#[test]
fn a_follower_that_was_stopped_gives_its_leader_another_timeout() {
    let mut cluster = led(3);
    cluster.now = cluster.now + Timing::FAST.election_max;
    let now = cluster.now;
    cluster.raft(N2).handle_pause(now);
    assert!(cluster.raft(N2).next_deadline() >= now + Timing::FAST.election_min);
    cluster.raft(N2).handle_deadline(now);
    assert_eq!(cluster.status(N2).role, Role::Follower);
    cluster.collect(N2);
    assert!(cluster.members[&N2].trace.contains(&TraceEvent::Paused));
}

#[test]
fn entries_of_several_terms_are_told_one_run_at_a_time() {
    let mut cluster = Cluster::with_disks(&[disk(&[1, 1, 2, 4, 4]), disk(&[]), disk(&[1])]);
    cluster.elect(N1);
    cluster.run_until("n2 has it", |c| c.terms(N2) == [1, 1, 2, 4, 4, 5]);
    let told: Vec<(u64, u64, u64)> = (cluster.members[&N2].trace.iter())
        .filter_map(|event| match event {
            TraceEvent::Appended { first, last, term } => Some((term.0, first.0, last.0)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [(1, 1, 2), (2, 3, 3), (4, 4, 5), (5, 6, 6)]);
    assert_eq!(cluster.status(N2).last.index, LogIndex(6));
}
