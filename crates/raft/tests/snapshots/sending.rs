//! A leader sends a snapshot piece by piece, and goes on after what was lost.

use super::*;

/// Trap 27.
#[test]
fn an_idle_leader_whose_log_is_released_sends_a_snapshot_to_a_follower_that_has_nothing() {
    let (whole, files) = disk_with_snapshot(&disk(&[1, 1, 1]), 3, 3, 3);
    let mut cluster = small(&[whole.clone(), whole, disk(&[])]);
    for member in [N1, N2] {
        cluster.member(member).files = files.clone();
        cluster.member(member).applied = files.state();
    }
    cluster.crash(N3);
    cluster.elect(N1);
    // Everything is on the disk and nobody writes: only heartbeats go out.
    cluster.snapshot(N1);
    cluster.settle();
    cluster.restart(N3);
    cluster.heartbeat(N1);
    assert!(has_all_that_n1_applied(&cluster, N3), "within the heartbeat that found it");
    assert_eq!(state(&cluster, N3), ReplicationState::Replicate);
}

#[test]
fn one_piece_at_a_time_is_under_way() {
    let mut cluster = n3_is_behind();
    cluster.time_out(N1);
    let mut pieces = 0;
    while let Some((from, to, message)) = cluster.wire.pop_front() {
        pieces += usize::from(is_piece(&message));
        cluster.deliver(from, to, message);
        for id in [N1, N2, N3] {
            while cluster.finish_write(id) || cluster.finish_job(id) {}
        }
        assert!(cluster.on_the_wire(is_piece) <= 1);
    }
    assert!(pieces > 5, "ten bytes a piece: {pieces}");
    assert!(has_all_that_n1_applied(&cluster, N3));
}

#[test]
fn after_lost_pieces_and_answers_it_goes_on_where_it_was() {
    let mut cluster = n3_is_behind();
    let mut count = 0;
    let mut offsets = Vec::new();
    // Every third message of the transfer is lost, in either direction.
    for _ in 0..100 {
        cluster.time_out(N1);
        while let Some((from, to, message)) = cluster.wire.pop_front() {
            if let Message::InstallSnapshot(piece) = &message {
                offsets.push(piece.offset);
            }
            if matches!(message, Message::InstallSnapshot(_) | Message::SnapshotReply(_)) {
                count += 1;
                if count % 3 == 0 {
                    continue;
                }
            }
            cluster.deliver(from, to, message);
            for id in [N1, N2, N3] {
                while cluster.finish_write(id) || cluster.finish_job(id) {}
            }
        }
        if has_all_that_n1_applied(&cluster, N3) {
            break;
        }
    }
    assert!(has_all_that_n1_applied(&cluster, N3));
    assert_eq!(offsets.iter().filter(|offset| **offset == 0).count(), 1, "never from the start: {offsets:?}");
    assert!(offsets.windows(2).all(|w| w[0] <= w[1]), "never back: {offsets:?}");
}

#[test]
fn a_follower_out_of_reach_costs_one_piece_and_gets_the_newest_snapshot_when_it_is_back() {
    let mut cluster = n3_is_behind();
    cluster.time_out(N1);
    // The first piece has arrived, then n3 is gone.
    while progress(&cluster, N3).is_none_or(|(offset, _)| offset == 0) {
        let (from, to, message) = cluster.wire.pop_front().unwrap();
        cluster.deliver(from, to, message);
        for id in [N1, N2, N3] {
            while cluster.finish_write(id) {}
        }
    }
    let first = cluster.status(N1).snapshot;
    cluster.partition(&[N3]);
    cluster.run(Duration::from_millis(200));
    write(&mut cluster, 3);
    let second = cluster.snapshot(N1);
    assert_eq!(cluster.raft(N1).snapshots_in_use(), [first, second], "it may come back soon");
    let before = cluster.traced(N1, |e| matches!(e, TraceEvent::SnapshotSending { .. }));
    cluster.run(Duration::from_millis(500));
    assert_eq!(cluster.raft(N1).snapshots_in_use(), [second]);
    assert_eq!(cluster.traced(N1, |e| matches!(e, TraceEvent::SnapshotSending { .. })), before + 1);
    cluster.heal();
    cluster.run_until("n3 has it", |c| has_all_that_n1_applied(c, N3));
    assert_eq!(cluster.status(N3).snapshot, second);
}

/// Trap 28.
#[test]
fn an_append_answer_that_reconnects_the_logs_ends_the_snapshot() {
    let mut cluster = n3_is_behind();
    cluster.time_out(N1);
    while state(&cluster, N3) != ReplicationState::Snapshot {
        let (from, to, message) = cluster.wire.pop_front().unwrap();
        cluster.deliver(from, to, message);
        for id in [N1, N2, N3] {
            while cluster.finish_write(id) {}
        }
    }
    let (round, purged) = (1, cluster.status(N1).purged);
    let term = cluster.status(N1).term;
    let outcome = AppendOutcome::Matched { through: LogIndex(purged.0 - 1) };
    cluster.deliver(N3, N1, Message::AppendReply(AppendReply { term, round, outcome, stands_by: true }));
    assert_eq!(state(&cluster, N3), ReplicationState::Snapshot, "one entry is still missing");
    let outcome = AppendOutcome::Matched { through: purged };
    cluster.deliver(N3, N1, Message::AppendReply(AppendReply { term, round, outcome, stands_by: true }));
    assert_eq!(state(&cluster, N3), ReplicationState::Replicate);
    assert_eq!(progress(&cluster, N3), None);
}

/// Trap 28: the answer that it has everything ends it too, however few pieces were sent.
#[test]
fn a_follower_that_has_everything_says_so_at_the_first_piece() {
    let mut cluster = n3_is_behind();
    cluster.time_out(N1);
    while state(&cluster, N3) != ReplicationState::Snapshot {
        let (from, to, message) = cluster.wire.pop_front().unwrap();
        cluster.deliver(from, to, message);
        for id in [N1, N2, N3] {
            while cluster.finish_write(id) {}
        }
    }
    let status = cluster.status(N1);
    let reply = SnapshotReply {
        term: status.term,
        round: 1,
        last: status.snapshot,
        next_offset: 0,
        installed: true,
        refused: None,
    };
    cluster.deliver(N3, N1, Message::SnapshotReply(reply));
    assert_eq!(state(&cluster, N3), ReplicationState::Replicate);
}

#[test]
fn a_lost_word_of_the_installation_is_made_up_for_by_the_next_heartbeat() {
    let mut cluster = n3_is_behind();
    cluster.time_out(N1);
    while let Some((from, to, message)) = cluster.wire.pop_front() {
        if !matches!(message, Message::SnapshotReply(SnapshotReply { installed: true, .. })) {
            cluster.deliver(from, to, message);
        }
        for id in [N1, N2, N3] {
            while cluster.finish_write(id) || cluster.finish_job(id) {}
        }
    }
    assert!(has_all_that_n1_applied(&cluster, N3));
    assert_eq!(state(&cluster, N3), ReplicationState::Snapshot);
    cluster.heartbeat(N1);
    assert_eq!(state(&cluster, N3), ReplicationState::Replicate);
}

#[test]
fn a_new_leader_sends_its_own_snapshot_from_the_start() {
    let mut cluster = n3_is_behind();
    cluster.snapshot(N2);
    cluster.time_out(N1);
    while progress(&cluster, N3).is_none_or(|(offset, _)| offset == 0) {
        let (from, to, message) = cluster.wire.pop_front().unwrap();
        cluster.deliver(from, to, message);
        for id in [N1, N2, N3] {
            while cluster.finish_write(id) || cluster.finish_job(id) {}
        }
    }
    cluster.crash(N1);
    cluster.wire.clear();
    cluster.run_until("n2 leads", |c| c.leaders() == [N2]);
    cluster.run_until("n3 has everything", |c| c.members[&N3].applied.len() == c.members[&N2].applied.len());
    assert_eq!(cluster.members[&N3].applied, cluster.members[&N2].applied);
}

#[test]
fn damaged_pieces_are_sent_again_from_the_start() {
    let mut cluster = n3_is_behind();
    cluster.member(N3).files.damage_next = true;
    cluster.run_until("n3 has it", |c| has_all_that_n1_applied(c, N3));
    assert_eq!(cluster.traced(N3, |e| matches!(e, TraceEvent::SnapshotInstalled { .. })), 1);
}

/// Pieces of snapshots on the wire to n3.
fn pieces_to_n3(cluster: &Cluster) -> usize {
    let is_piece = |(_, to, message): &&(NodeId, NodeId, Message)| {
        *to == N3 && matches!(message, Message::InstallSnapshot(_))
    };
    cluster.wire.iter().filter(is_piece).count()
}

#[test]
fn a_snapshot_that_a_follower_cannot_decode_is_sent_once_and_the_next_one_is_tried() {
    let mut cluster = n3_is_behind();
    cluster.member(N3).files.decodes_nothing = true;
    let refused = |cluster: &Cluster| cluster.traced(N1, |e| matches!(e, TraceEvent::SnapshotRefused { .. }));
    cluster.run_until("n3 refuses it", |c| refused(c) == 1);
    for _ in 0..20 {
        cluster.time_out(N1);
        assert_eq!(pieces_to_n3(&cluster), 0, "it is not sent again");
        cluster.settle();
    }
    let peer = |cluster: &Cluster| cluster.status(N1).peers.iter().find(|p| p.id == N3).unwrap().clone();
    assert_eq!(peer(&cluster).refused_snapshot, Some(SnapshotRefusal::Undecodable));
    // A newer one may be of a release that both know, or n3 of a newer release by now.
    cluster.member(N3).files.decodes_nothing = false;
    cluster.propose(N1, "y").unwrap();
    cluster.settle();
    cluster.take_snapshot(N1);
    cluster.run_until("n3 has it", |c| has_all_that_n1_applied(c, N3));
    assert_eq!((refused(&cluster), peer(&cluster).refused_snapshot), (1, None));
}

#[test]
fn a_follower_that_restarts_half_way_gets_it_from_the_start() {
    let mut cluster = n3_is_behind();
    cluster.time_out(N1);
    while progress(&cluster, N3).is_none_or(|(offset, _)| offset < 30) {
        let (from, to, message) = cluster.wire.pop_front().unwrap();
        cluster.deliver(from, to, message);
        for id in [N1, N2, N3] {
            while cluster.finish_write(id) || cluster.finish_job(id) {}
        }
    }
    cluster.crash(N3);
    cluster.restart(N3);
    cluster.run_until("n3 has it", |c| has_all_that_n1_applied(c, N3));
}

#[test]
fn a_word_of_another_term_confirms_nothing_and_a_later_one_ends_the_leadership() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    cluster.elect(N1);
    cluster.elect(N2);
    cluster.elect(N1);
    let term = cluster.status(N1).term;
    cluster.partition(&[N1]);
    let last = cluster.propose(N1, "x").unwrap();
    cluster.settle();
    let committed = cluster.status(N1).committed;
    let installed = |term| {
        Message::SnapshotReply(SnapshotReply {
            term,
            round: 1,
            last,
            next_offset: 9,
            installed: true,
            refused: None,
        })
    };
    cluster.heal();
    cluster.deliver(N2, N1, installed(Term(term.0 - 1)));
    assert_eq!((cluster.status(N1).committed, cluster.status(N1).role), (committed, Role::Leader));
    cluster.deliver(N2, N1, installed(Term(term.0 + 1)));
    assert_eq!((cluster.status(N1).role, cluster.status(N1).term), (Role::Follower, Term(term.0 + 1)));
    assert_eq!(cluster.status(N1).committed, committed);
}
