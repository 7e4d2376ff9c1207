//! Log replication, conflict repair and commitment (paper §5.3, §5.4, Figures 7 and 8).

mod support;

use raftdeck_raft::{
    AppendEntries, AppendOutcome, AppendReply, ConflictHint, Entry, LogIndex, Message, NodeId, ProposeError,
    Role, StepDownReason, Term, TraceEvent,
};
use support::*;

fn append(term: u64, prev: (u64, u64), entries: &[Entry], commit: u64) -> Message {
    Message::AppendEntries(AppendEntries {
        term: Term(term),
        prev: id(prev.0, prev.1),
        entries: entries.to_vec(),
        commit: LogIndex(commit),
        round: 1,
    })
}

/// What `from` says last to its leader.
fn answer(cluster: &mut Cluster, from: NodeId) -> AppendOutcome {
    cluster.collect(from);
    while cluster.finish_write(from) {}
    match cluster.wire.pop_back() {
        Some((_, _, Message::AppendReply(reply))) => reply.outcome,
        other => panic!("an answer was expected, not {other:?}"),
    }
}

fn matched(through: u64) -> AppendOutcome {
    AppendOutcome::Matched { through: LogIndex(through) }
}

#[test]
fn a_write_reaches_every_log_and_every_state_machine() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    cluster.heartbeat(N1);
    for id in [N1, N2, N3] {
        assert_eq!(cluster.terms(id), [1, 1]);
        assert_eq!(cluster.members[&id].applied.len(), 2);
        assert_eq!(cluster.status(id).committed, LogIndex(2));
    }
}

#[test]
fn proposals_taken_together_share_one_message_and_one_disk_write() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    for i in 0..10 {
        cluster.raft(N1).propose(format!("{i}").into()).unwrap();
    }
    cluster.collect(N1);
    assert_eq!(cluster.member(N1).writes.len(), 1);
    assert_eq!(cluster.wire.len(), 2, "one to each follower");
}

#[test]
fn only_the_leader_takes_proposals_and_the_others_name_it() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N2);
    let refused = cluster.propose(N1, "x").unwrap_err();
    assert_eq!(refused, raftdeck_raft::ProposeError::NotLeader { leader: Some(N2) });
}

#[test]
fn an_answer_follows_fsync_also_when_nothing_new_was_written() {
    let mut cluster = Cluster::new(3);
    cluster.member(N2).disk_is_held = true;
    let message = append(1, (0, 0), &[entry(1, 1)], 0);
    cluster.deliver(N1, N2, message.clone());
    cluster.deliver(N1, N2, message);
    cluster.deliver(N1, N2, append(1, (1, 1), &[], 0));
    assert!(cluster.wire.is_empty(), "entry 1 is not durable, so no answer may vouch for it");
    while cluster.finish_write(N2) {}
    assert_eq!(cluster.wire.len(), 3);
}

#[test]
fn a_late_shorter_message_does_not_shorten_the_log() {
    let mut cluster = Cluster::new(3);
    cluster.deliver(N1, N2, append(1, (0, 0), &[entry(1, 1), entry(1, 2)], 0));
    assert_eq!(answer(&mut cluster, N2), matched(2));
    cluster.deliver(N1, N2, append(1, (0, 0), &[entry(1, 1)], 0));
    assert_eq!(answer(&mut cluster, N2), matched(1), "it vouches for what was in the message");
    assert_eq!(cluster.terms(N2), [1, 1]);
}

#[test]
fn a_heartbeat_vouches_only_for_what_it_names() {
    // n2's tail is from another leader; the new one asks about index 1 only.
    let mut cluster = Cluster::with_disks(&[disk(&[1]), disk(&[1, 2, 2]), disk(&[1])]);
    cluster.deliver(N1, N2, append(3, (1, 1), &[], 3));
    assert_eq!(answer(&mut cluster, N2), matched(1));
    assert_eq!(cluster.status(N2).committed, LogIndex(1), "entries 2 and 3 are not known to be the leader's");
}

#[test]
fn a_refusal_names_the_term_and_its_first_index() {
    let mut cluster = Cluster::with_disks(&[disk(&[1]), disk(&[1, 2, 2, 2]), disk(&[1])]);
    cluster.deliver(N1, N2, append(3, (3, 4), &[], 0));
    let hint = ConflictHint { term: Some(Term(2)), first: LogIndex(2) };
    assert_eq!(answer(&mut cluster, N2), AppendOutcome::Conflict { refused: LogIndex(4), hint });
    cluster.deliver(N1, N2, append(3, (3, 9), &[], 0));
    let hint = ConflictHint { term: None, first: LogIndex(5) };
    assert_eq!(answer(&mut cluster, N2), AppendOutcome::Conflict { refused: LogIndex(9), hint });
}

#[test]
fn backing_up_takes_one_round_per_term() {
    let long = [vec![1; 5], vec![2; 200], vec![3; 200]].concat();
    let leader = [vec![1; 5], vec![4; 300]].concat();
    let mut cluster = Cluster::with_disks(&[disk(&leader), disk(&long), disk(&leader)]);
    cluster.elect(N1);
    cluster.run_until("equal logs", |c| c.terms(N2) == c.terms(N1));
    let conflicts = cluster
        .member(N1)
        .trace
        .iter()
        .filter(|e| matches!(e, TraceEvent::Conflict { follower: N2, .. }))
        .count();
    assert!((1..=3).contains(&conflicts), "{conflicts} rounds for two conflicting terms");
}

/// Figure 7: a leader for term 8, and followers (a) to (f) that lack entries, have extra ones, or both.
#[test]
fn figure_7_every_follower_ends_with_the_leaders_log() {
    let leader: &[u64] = &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    let followers: [&[u64]; 6] = [
        &[1, 1, 1, 4, 4, 5, 5, 6, 6],
        &[1, 1, 1, 4],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        &[1, 1, 1, 4, 4, 4, 4],
        &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    let mut disks = vec![disk(leader)];
    disks.extend(followers.map(disk));
    for d in &mut disks {
        d.hard_state.term = Term(7);
    }
    let mut cluster = Cluster::with_disks(&disks);
    cluster.elect(N1);
    assert_eq!(cluster.status(N1).term, Term(8));
    cluster.run_until("equal logs", |c| c.ids().iter().all(|id| c.terms(*id) == c.terms(N1)));
    assert_eq!(cluster.terms(N1), [leader, &[8]].concat());
}

/// Figure 8: an entry of term 2 on a majority is not committed by counting; it can still be overwritten.
#[test]
fn figure_8_entries_of_earlier_terms_are_not_committed_by_counting() {
    let mut disks = [disk(&[1, 2]), disk(&[1, 2]), disk(&[1]), disk(&[1]), disk(&[1, 3])];
    for d in &mut disks {
        d.hard_state.term = Term(3);
    }
    let mut cluster = Cluster::with_disks(&disks);
    // (c): n1 leads term 4 and brings entry 2 to n3, but its own entry of term 4 is not replicated.
    cluster.partition(&[N1, N2, N3]);
    for follower in [N2, N3] {
        cluster.member(follower).disk_is_held = false;
    }
    cluster.time_out(N1);
    while let Some((from, to, message)) = cluster.wire.pop_front() {
        let message = match message {
            Message::AppendEntries(mut append) => {
                append.entries.retain(|e| e.id.term < Term(4));
                Message::AppendEntries(append)
            }
            message => message,
        };
        cluster.deliver(from, to, message);
        for id in [N1, N2, N3] {
            while cluster.finish_write(id) {}
        }
    }
    assert_eq!((cluster.status(N1).role, cluster.status(N1).term), (Role::Leader, Term(4)));
    assert_eq!(cluster.terms(N3), [1, 2], "entry 2 of term 2 is on three of five");
    assert_eq!(cluster.status(N1).committed, LogIndex(0), "and yet nothing is committed");
    // (d): n1 crashes, n5 is elected and overwrites entry 2 everywhere.
    cluster.crash(N1);
    cluster.heal();
    cluster.elect(N5);
    cluster.run_until("equal logs", |c| [N2, N3, N4].iter().all(|id| c.terms(*id) == c.terms(N5)));
    assert_eq!(cluster.terms(N2)[..2], [1, 3]);
}

#[test]
fn the_uncommitted_tail_of_an_old_leader_is_replaced() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster.partition(&[N1]);
    cluster.propose(N1, "lost").unwrap();
    cluster.settle();
    cluster.run_until("another leader", |c| c.leaders().iter().any(|l| *l != N1));
    let leader = cluster.leaders().into_iter().find(|l| *l != N1).unwrap();
    cluster.propose(leader, "kept").unwrap();
    cluster.settle();
    cluster.heal();
    cluster.run_until("equal logs", |c| c.ids().iter().all(|id| c.terms(*id) == c.terms(leader)));
    cluster.heartbeat(leader);
    let commands: Vec<_> = cluster.members[&N1].applied.iter().map(|e| e.payload.clone()).collect();
    assert!(commands.contains(&raftdeck_raft::Payload::Command("kept".into())));
    assert!(!commands.contains(&raftdeck_raft::Payload::Command("lost".into())));
}

#[test]
fn a_follower_that_lost_messages_catches_up_by_the_next_heartbeat() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster.cut(N1, N3);
    for i in 0..20 {
        cluster.propose(N1, &format!("{i}")).unwrap();
        cluster.settle();
    }
    cluster.heal();
    cluster.heartbeat(N1);
    assert_eq!(cluster.terms(N3), cluster.terms(N1));
}

#[test]
fn answers_that_no_correct_follower_gives_change_nothing() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    let before = cluster.status(N1);
    for outcome in [
        matched(1_000_000),
        AppendOutcome::Conflict {
            refused: LogIndex(0),
            hint: ConflictHint { term: None, first: LogIndex(0) },
        },
        AppendOutcome::Conflict {
            refused: LogIndex(u64::MAX),
            hint: ConflictHint { term: Some(Term(u64::MAX)), first: LogIndex(u64::MAX) },
        },
    ] {
        let reply = AppendReply { term: before.term, round: 0, outcome, stands_by: true };
        cluster.deliver(N2, N1, Message::AppendReply(reply));
    }
    assert_eq!(cluster.status(N1).committed, before.committed);
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    assert_eq!(cluster.terms(N2), cluster.terms(N1));
}

/// What a follower vouched for in an earlier term it may have replaced since.
#[test]
fn an_answer_from_an_earlier_term_of_the_same_leader_counts_for_nothing() {
    let mut cluster = Cluster::new(3);
    for leader in [N1, N2, N1] {
        cluster.elect(leader);
    }
    cluster.partition(&[N1]);
    let id = cluster.propose(N1, "x").unwrap();
    cluster.settle();
    let before = cluster.status(N1);
    cluster.heal();
    let reply =
        AppendReply { term: Term(id.term.0 - 1), round: 1, outcome: matched(id.index.0), stands_by: true };
    cluster.deliver(N2, N1, Message::AppendReply(reply));
    let after = cluster.status(N1);
    assert_eq!((after.committed, &after.peers), (before.committed, &before.peers));
    assert!(after.committed < id.index);
}

#[test]
fn entries_with_a_gap_or_of_a_future_term_are_ignored() {
    let mut cluster = Cluster::new(3);
    cluster.deliver(N1, N2, append(1, (0, 0), &[entry(1, 2)], 0));
    cluster.deliver(N1, N2, append(1, (0, 0), &[entry(5, 1)], 0));
    cluster.deliver(N1, N2, append(1, (3, 0), &[], 0));
    cluster.settle();
    assert_eq!(cluster.terms(N2), [0_u64; 0]);
}

#[test]
fn over_the_cap_on_uncommitted_bytes_a_leader_is_busy_also_in_its_next_term() {
    let mut configs: Vec<_> = (1..=3).map(|i| (config(NodeId(i), 3), disk(&[]))).collect();
    for (config, _) in &mut configs {
        config.max_uncommitted_bytes = 10;
    }
    let mut cluster = Cluster::with(configs, 1);
    cluster.elect(N1);
    for id in [N2, N3] {
        cluster.crash(id);
    }
    cluster.propose(N1, "0123456789").unwrap();
    assert_eq!(cluster.propose(N1, "x"), Err(raftdeck_raft::ProposeError::Busy));
    cluster.settle();
    cluster.run_until("n1 gives up", |c| c.status(N1).role != Role::Leader);
    // It leads again before anybody has that entry.
    for id in [N2, N3] {
        cluster.restart(id);
        cluster.member(id).disk_is_held = true;
    }
    cluster.time_out(N1);
    cluster.settle();
    for id in [N2, N3] {
        assert!(cluster.finish_write(id), "the vote");
    }
    cluster.settle();
    assert_eq!(cluster.status(N1).role, Role::Leader);
    assert_eq!(cluster.propose(N1, "x"), Err(raftdeck_raft::ProposeError::Busy));
    for id in [N2, N3] {
        cluster.member(id).disk_is_held = false;
    }
    cluster.settle();
    assert!(cluster.propose(N1, "x").is_ok(), "all of it is committed now");
}

#[test]
fn the_cap_may_be_reached_and_one_command_is_always_taken() {
    let mut config = config(N1, 3);
    config.max_uncommitted_bytes = 10;
    let others = [N2, N3].map(|id| (support::config(id, 3), disk(&[])));
    let mut cluster = Cluster::with([(config, disk(&[]))].into_iter().chain(others).collect(), 1);
    cluster.elect(N1);
    cluster.partition(&[N1]);
    cluster.propose(N1, "four").unwrap();
    cluster.propose(N1, "and six").unwrap_err();
    cluster.propose(N1, "or six").unwrap();
    assert_eq!(cluster.propose(N1, "1"), Err(ProposeError::Busy));
    cluster.heal();
    cluster.heartbeat(N1);
    cluster.propose(N1, "more than ten").unwrap();
}

/// The way there takes several messages, and until then its leader is none here.
#[test]
fn entries_of_a_term_that_is_out_of_reach_wait() {
    let mut cluster = Cluster::new(3);
    let far = 1 << 40;
    cluster.deliver(N1, N2, append(far, (0, 0), &[entry(1, 1)], 1));
    let status = cluster.status(N2);
    assert!(status.term > Term(0) && status.term < Term(far));
    assert_eq!((status.leader, status.last, status.committed), (None, id(0, 0), LogIndex(0)));
}

#[test]
fn who_answers_nothing_but_a_late_message_stands_by_nobody() {
    let mut cluster = Cluster::new(3);
    for (round, stands_by) in [(0, false), (1, true)] {
        let Message::AppendEntries(mut append) = append(1, (0, 0), &[], 0) else { panic!() };
        append.round = round;
        cluster.deliver(N1, N2, Message::AppendEntries(append));
        while cluster.finish_write(N2) {}
        let Some((.., Message::AppendReply(reply))) = cluster.wire.pop_back() else { panic!() };
        assert_eq!((reply.round, reply.stands_by), (round, stands_by));
    }
}

#[test]
fn a_step_down_says_whether_a_later_term_or_another_leader_is_the_reason() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    let term = cluster.status(N1).term.0;
    cluster.deliver(N2, N1, append(term + 1, (0, 0), &[], 0));
    let now = cluster.now;
    cluster.raft(N1).campaign_against_leader(now);
    cluster.collect(N1);
    cluster.deliver(N2, N1, append(term + 2, (0, 0), &[], 0));
    let reasons = cluster.members[&N1].trace.iter().filter_map(|event| match event {
        TraceEvent::SteppedDown { reason, .. } => Some(*reason),
        _ => None,
    });
    assert_eq!(reasons.collect::<Vec<_>>(), [StepDownReason::HigherTerm, StepDownReason::OtherLeader]);
}
