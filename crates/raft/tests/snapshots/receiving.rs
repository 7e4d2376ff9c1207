//! A follower takes pieces in, and what the snapshot makes of its log and membership.

use super::*;

#[test]
fn a_gap_or_a_repetition_is_answered_with_where_to_go_on() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    let last = id(1, 9);
    for (offset, data, expected) in [
        (4, &b"4567"[..], 0),
        (0, b"0123", 4),
        (0, b"0123", 4),
        (8, b"89ab", 4),
        (4, b"4567", 8),
        (0, b"0123", 8),
    ] {
        cluster.deliver(N1, N2, piece(1, last, offset, data, 20));
        assert_eq!(snapshot_answer(&mut cluster), (expected, false), "after the piece at {offset}");
    }
    assert_eq!(cluster.member(N2).files.jobs.len(), 2, "each piece went to the disk once");
    // A newer snapshot of the same leader takes its place; the older one is not begun again by a late piece.
    cluster.deliver(N1, N2, piece(1, id(1, 12), 0, b"new", 20));
    assert_eq!(snapshot_answer(&mut cluster), (3, false));
    cluster.deliver(N1, N2, piece(1, last, 0, b"0123", 20));
    assert_eq!(snapshot_answer(&mut cluster), (0, false));
    cluster.deliver(N1, N2, piece(1, id(1, 12), 3, b"er", 20));
    assert_eq!(snapshot_answer(&mut cluster), (5, false));
}

#[test]
fn pieces_that_contradict_themselves_are_ignored_and_those_of_an_old_leader_refused() {
    let mut cluster = small(&vec![disk(&[2]); 3]);
    let whole = |change: &dyn Fn(&mut InstallSnapshot)| {
        let Message::InstallSnapshot(mut whole) = piece(2, id(2, 9), 0, b"x", 1) else { panic!() };
        change(&mut whole);
        Message::InstallSnapshot(whole)
    };
    for wrong in [
        whole(&|p| p.meta.last = id(3, 9)),
        whole(&|p| p.meta.last = LogId::default()),
        whole(&|p| p.meta.last.index = LogIndex(u64::MAX)),
        whole(&|p| p.meta.membership = Membership::default()),
        whole(&|p| p.meta.membership_index = LogIndex(10)),
        whole(&|p| p.done = false),
        whole(&|p| p.size = 0),
        whole(&|p| p.offset = u64::MAX),
    ] {
        cluster.deliver(N1, N2, wrong);
        assert!(cluster.wire.is_empty() && cluster.member(N2).files.jobs.is_empty());
    }
    cluster.deliver(N1, N2, piece(1, id(1, 9), 0, b"x", 1));
    let Message::SnapshotReply(reply) = answer(&mut cluster) else { panic!() };
    assert_eq!((reply.term, reply.installed), (Term(2), false));
    assert!(cluster.member(N2).files.jobs.is_empty());
}

/// Trap 25.
#[test]
fn a_snapshot_at_or_below_the_commit_index_is_ignored() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    let entries: Vec<Entry> = (1..=5).map(|i| entry(1, i)).collect();
    cluster.deliver(N1, N2, append(1, (0, 0), &entries, 5));
    answer(&mut cluster);
    for last in [id(1, 3), id(1, 5)] {
        cluster.deliver(N1, N2, piece(1, last, 0, b"old", 3));
        assert_eq!(snapshot_answer(&mut cluster), (3, true), "it has all of it");
        assert!(cluster.member(N2).files.jobs.is_empty());
    }
    let now = cluster.now;
    assert!(!cluster.raft(N2).handle_snapshot_received(meta(id(1, 4)), 3, now), "the log was faster");
    let status = cluster.status(N2);
    assert_eq!((status.applied, status.last), (LogIndex(5), id(1, 5)));
    assert_eq!(status.snapshot, id(1, 4), "on the disk it is the newest all the same");
    let told = |cluster: &mut Cluster| {
        let trace = cluster.raft(N2).take_effects(now).trace;
        trace.iter().filter(|event| matches!(event, TraceEvent::SnapshotTaken { .. })).count()
    };
    assert_eq!(told(&mut cluster), 1);
    // The same again is no news, and one that ends with the commit index is not needed either.
    assert!(!cluster.raft(N2).handle_snapshot_received(meta(id(1, 4)), 3, now));
    assert_eq!(told(&mut cluster), 0);
    assert!(!cluster.raft(N2).handle_snapshot_received(meta(id(1, 5)), 3, now));
    assert_eq!((told(&mut cluster), cluster.status(N2).snapshot), (1, id(1, 5)));
}

/// So a leader asks for its progress, and the driver has begun to look at it.
#[test]
fn a_piece_without_content_behind_the_last_one_does_not_end_a_snapshot_again() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    let last = id(1, 9);
    cluster.deliver(N1, N2, piece(1, last, 0, b"0123", 4));
    assert_eq!(snapshot_answer(&mut cluster), (4, false));
    cluster.deliver(N1, N2, piece(1, last, 4, b"", 4));
    assert_eq!(snapshot_answer(&mut cluster), (4, false));
    assert_eq!(cluster.member(N2).files.jobs.len(), 1);
}

#[test]
fn only_what_is_complete_is_found_to_be_of_no_use() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    let (last, why) = (id(1, 9), SnapshotRefusal::Damaged);
    let discard = |cluster: &mut Cluster, last| {
        cluster.raft(N2).handle_snapshot_discarded(last, why);
        cluster.settle_only(N2);
        cluster.collect(N2);
    };
    cluster.deliver(N1, N2, piece(1, last, 0, b"0123", 8));
    assert_eq!(snapshot_answer(&mut cluster), (4, false));
    discard(&mut cluster, last);
    cluster.deliver(N1, N2, piece(1, last, 4, b"4567", 8));
    assert_eq!(snapshot_answer(&mut cluster), (8, false), "what had arrived is still there");
    discard(&mut cluster, id(1, 8));
    cluster.deliver(N1, N2, piece(1, last, 8, b"", 8));
    assert_eq!(snapshot_answer(&mut cluster), (8, false), "that was another one");
}

/// Trap 25.
#[test]
fn a_snapshot_inside_a_matching_log_keeps_what_comes_after_it() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    let entries: Vec<Entry> = (1..=5).map(|i| entry(1, i)).collect();
    cluster.deliver(N1, N2, append(1, (0, 0), &entries, 1));
    answer(&mut cluster);
    let now = cluster.now;
    assert!(cluster.raft(N2).handle_snapshot_received(meta(id(1, 3)), 3, now));
    let effects = cluster.raft(N2).take_effects(now);
    assert!(effects.trace.contains(&TraceEvent::SnapshotInstalled { last: id(1, 3), kept_log: true }));
    assert_eq!(effects.persist[0].reset, None);
    assert_eq!(effects.persist[0].purge, Some(id(1, 3)));
    let status = cluster.status(N2);
    assert_eq!((status.applied, status.committed), (LogIndex(3), LogIndex(3)));
    assert_eq!((status.purged, status.last), (LogIndex(3), id(1, 5)));
}

/// Traps 25 and 26: the discarded part held a membership that was never committed.
#[test]
fn a_snapshot_over_a_conflicting_entry_discards_the_log_and_its_membership() {
    let mut conflicting = disk(&[1, 2, 2, 2]);
    conflicting.hard_state.term = Term(3);
    let mut cluster = small(&vec![conflicting; 3]);
    let now = cluster.now;
    let mut meta = meta(id(3, 3));
    meta.membership.learners.insert(NodeId(9));
    meta.membership_index = LogIndex(2);
    assert!(cluster.raft(N2).handle_snapshot_received(meta.clone(), 3, now));
    cluster.member(N2).disk.snapshot = Some((meta.clone(), 3));
    let effects = cluster.raft(N2).take_effects(now);
    assert_eq!(effects.persist[0].reset, Some(id(3, 3)));
    assert!(effects.trace.contains(&TraceEvent::SnapshotInstalled { last: id(3, 3), kept_log: false }));
    let status = cluster.status(N2);
    assert_eq!((status.last, status.purged, status.durable), (id(3, 3), LogIndex(3), LogIndex(3)));
    assert_eq!(status.membership, meta.membership);
    assert_eq!(cluster.raft(N2).snapshot_meta(), meta);
}

/// Trap 26: a membership is in force as soon as it is appended, so it must go with the entry that brought it.
#[test]
fn a_snapshot_takes_back_a_membership_that_was_not_committed() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    let mut other = Membership::of([N1, N2].into());
    other.learners.insert(N5);
    let change = Entry { id: id(1, 2), payload: Payload::Membership(Box::new(other.clone())) };
    cluster.deliver(N1, N2, append(1, (0, 0), &[entry(1, 1), change], 1));
    assert_eq!(cluster.status(N2).membership, other);
    cluster.deliver(N3, N2, append(2, (2, 9), &[], 0));
    let now = cluster.now;
    assert!(cluster.raft(N2).handle_snapshot_received(meta(id(2, 6)), 3, now));
    let status = cluster.status(N2);
    assert_eq!((status.membership, status.membership_index), (meta(id(2, 6)).membership, LogIndex(0)));
}

/// A membership behind the snapshot's end stays in force when that part of the log is kept.
#[test]
fn a_snapshot_inside_a_matching_log_leaves_a_later_membership_in_force() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    let mut later = Membership::of([N1, N2, N3].into());
    later.learners.insert(N5);
    let change = Entry { id: id(1, 4), payload: Payload::Membership(Box::new(later.clone())) };
    let entries = [entry(1, 1), entry(1, 2), entry(1, 3), change];
    cluster.deliver(N1, N2, append(1, (0, 0), &entries, 1));
    let now = cluster.now;
    assert!(cluster.raft(N2).handle_snapshot_received(meta(id(1, 3)), 3, now));
    let status = cluster.status(N2);
    assert_eq!((status.membership, status.membership_index), (later, LogIndex(4)));
    assert_eq!(cluster.raft(N2).snapshot_meta().membership, meta(id(1, 3)).membership);
}

/// The entry that brought it in is released before it hears of anything.
#[test]
fn a_member_that_joins_learns_who_belongs_to_the_cluster_from_the_snapshot() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    cluster.elect(N1);
    write(&mut cluster, 3);
    cluster.join(N4);
    cluster.partition(&[N4]);
    let add = MembershipChange::AddLearner { node: N4, address: "n4:1".into(), incarnation: None };
    cluster.change(N1, &[add]).unwrap();
    cluster.settle();
    write(&mut cluster, 3);
    cluster.snapshot(N1);
    cluster.settle();
    let leader = cluster.status(N1);
    assert!(leader.purged > leader.membership_index);
    let place = cluster.raft(N1).membership_place();
    assert!(place.index >= leader.purged, "the entry is gone, and with it its term: {place:?}");
    cluster.heal();
    cluster.run_until("n4 has everything", |c| has_all_that_n1_applied(c, N4));
    let status = cluster.status(N4);
    assert_eq!((&status.membership, status.membership_index), (&leader.membership, leader.membership_index));
    cluster.crash(N4);
    cluster.restart(N4);
    assert_eq!(cluster.status(N4).membership, leader.membership, "also after a restart");
    let promote = MembershipChange::Promote { node: N4 };
    cluster.change(N1, &[promote]).unwrap();
    cluster.run_until("n4 is a voter", |c| c.status(N4).membership.is_voter(N4));
}

/// What was decided but not carried out when the snapshot came is in the snapshot: it is not applied on top of it.
#[test]
fn entries_that_a_snapshot_covers_are_not_applied_after_it() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    let now = cluster.now;
    let raft = cluster.raft(N2);
    raft.handle_message(N1.into(), append(1, (0, 0), &[entry(1, 1), entry(1, 2)], 2), now);
    assert!(raft.handle_snapshot_received(meta(id(1, 7)), 3, now));
    raft.handle_message(N1.into(), append(1, (1, 7), &[entry(1, 8)], 8), now);
    let applied: Vec<LogId> = raft.take_effects(now).apply.iter().map(|e| e.id).collect();
    assert_eq!(applied, [id(1, 8)]);
}

/// Trap 29: the word that it is installed leaves when the log on the disk has been reset.
#[test]
fn the_installation_is_confirmed_when_the_disk_has_reset_the_log() {
    let mut cluster = n3_is_behind();
    cluster.time_out(N1);
    while let Some((from, to, message)) = cluster.wire.pop_front() {
        cluster.deliver(from, to, message);
        for id in [N1, N2, N3] {
            let installed =
                |c: &Cluster| c.traced(N3, |e| matches!(e, TraceEvent::SnapshotInstalled { .. })) > 0;
            while !(id == N3 && installed(&cluster)) && (cluster.finish_write(id) || cluster.finish_job(id)) {
            }
        }
    }
    let is_word = |m: &Message| matches!(m, Message::SnapshotReply(SnapshotReply { installed: true, .. }));
    assert_eq!(cluster.on_the_wire(is_word), 0);
    let write = cluster.member(N3).writes.front().unwrap().clone();
    assert_eq!(write.reset, Some(cluster.status(N1).snapshot));
    cluster.finish_write(N3);
    assert_eq!(cluster.on_the_wire(is_word), 1);
}

/// A completion from before the reset says nothing about the log after it.
#[test]
fn a_completion_from_before_a_reset_counts_for_nothing() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    cluster.member(N2).disk_is_held = true;
    let entries: Vec<Entry> = (1..=9).map(|i| entry(1, i)).collect();
    cluster.deliver(N1, N2, append(1, (0, 0), &entries, 0));
    let early = cluster.member(N2).writes[0].ticket;
    cluster.deliver(N1, N2, append(2, (0, 0), &[], 0));
    let now = cluster.now;
    assert!(cluster.raft(N2).handle_snapshot_received(meta(id(2, 5)), 3, now));
    let again: Vec<Entry> = (6..=9).map(|i| entry(2, i)).collect();
    cluster.deliver(N1, N2, append(2, (2, 5), &again, 0));
    cluster.raft(N2).handle_persisted(early, now);
    assert_eq!(cluster.status(N2).durable, LogIndex(5));
    let late = cluster.member(N2).writes.back().unwrap().ticket;
    cluster.raft(N2).handle_persisted(late, now);
    assert_eq!(cluster.status(N2).durable, LogIndex(9));
}

#[test]
fn a_completion_for_entries_that_were_released_meanwhile_counts() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    cluster.member(N2).disk_is_held = true;
    cluster.deliver(N1, N2, append(1, (0, 0), &[entry(1, 1), entry(1, 2)], 0));
    cluster.deliver(N1, N2, append(1, (1, 2), &[entry(1, 3)], 3));
    cluster.snapshot(N2);
    assert_eq!((cluster.status(N2).purged, cluster.status(N2).durable), (LogIndex(3), LogIndex(0)));
    cluster.finish_write(N2);
    assert_eq!(cluster.status(N2).durable, LogIndex(2));
    cluster.finish_write(N2);
    assert_eq!(cluster.status(N2).durable, LogIndex(3));
}
