//! A snapshot is taken: what is released of the log then, and a follower whose place is near the log's beginning.

use super::*;

#[test]
fn a_snapshot_that_is_durable_releases_the_log_but_for_a_trailing_part() {
    let mut cluster = Cluster::with(
        (1..=3)
            .map(|i| {
                let mut config = small_config(i);
                config.retained_entries = 4;
                (config, disk(&[]))
            })
            .collect(),
        1,
    );
    cluster.elect(N1);
    write(&mut cluster, 10);
    cluster.take_snapshot(N1);
    let before = cluster.status(N1);
    assert_eq!((before.snapshot, before.purged), (LogId::default(), LogIndex(0)), "it is not durable yet");
    cluster.settle();
    let after = cluster.status(N1);
    assert_eq!((after.snapshot, after.purged), (id(1, 11), LogIndex(7)));
    let kept: Vec<u64> = cluster.raft(N1).entries(LogIndex(1), 100).map(|e| e.id.index.0).collect();
    assert_eq!(kept, [8, 9, 10, 11]);
    assert_eq!(cluster.member(N1).disk.purged, id(1, 7), "the disk was told");
    assert_eq!(
        cluster.traced(N1, |e| matches!(e, TraceEvent::Purged { through } if *through == id(1, 7))),
        1
    );
}

#[test]
fn the_kept_part_is_bounded_in_bytes_too() {
    let mut cluster = Cluster::with(
        (1..=3)
            .map(|i| {
                let mut config = small_config(i);
                config.retained_entries = 100;
                config.snapshot_bytes = 5_000;
                config.snapshot_entries = None;
                (config, disk(&[]))
            })
            .collect(),
        1,
    );
    cluster.elect(N1);
    for _ in 0..20 {
        cluster.propose(N1, &"x".repeat(1_000)).unwrap();
        cluster.settle();
    }
    let status = cluster.status(N1);
    assert!(status.snapshot.index > LogIndex(10), "{:?}", status.snapshot);
    assert_eq!(status.snapshot.index.0 - status.purged.0, 4, "four entries make less than 5000 bytes");
    let taken = cluster.traced(N1, |e| matches!(e, TraceEvent::SnapshotTaken { .. }));
    assert!((3..=5).contains(&taken), "{taken} snapshots for 20,000 bytes: what is kept counts once");
}

#[test]
fn writing_goes_on_while_a_snapshot_is_taken_and_an_older_one_is_ignored() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    cluster.elect(N1);
    write(&mut cluster, 3);
    cluster.member(N1).disk_is_held = true;
    cluster.take_snapshot(N1);
    cluster.member(N1).disk_is_held = false;
    let older = cluster.raft(N1).snapshot_meta();
    for i in 0..5 {
        cluster.propose(N1, &format!("{i}")).unwrap();
    }
    while cluster.finish_write(N1) {}
    cluster.settle();
    assert_eq!(cluster.status(N1).purged, older.last.index, "what was written meanwhile stays");
    let newest = cluster.snapshot(N1);
    assert_eq!(newest.index, LogIndex(9));
    cluster.raft(N1).handle_snapshot_saved(older, 7);
    assert_eq!(cluster.status(N1).snapshot, newest);
}

#[test]
fn a_snapshot_is_due_after_so_many_entries() {
    let mut cluster = Cluster::with(
        (1..=3)
            .map(|i| {
                let mut config = small_config(i);
                config.snapshot_entries = Some(5);
                (config, disk(&[]))
            })
            .collect(),
        1,
    );
    cluster.elect(N1);
    assert!(!cluster.raft(N1).snapshot_due());
    write(&mut cluster, 12);
    let ends: Vec<LogId> = cluster
        .member(N1)
        .trace
        .iter()
        .filter_map(|e| match e {
            TraceEvent::SnapshotTaken { last, .. } => Some(*last),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [id(1, 5), id(1, 10)]);
}

/// What was not given to the disk is not released, even if a snapshot covers it: the disk would be left with a gap.
#[test]
fn without_a_new_entry_no_snapshot_is_due_and_none_is_told_of_twice() {
    let config = |id| Config { snapshot_entries: Some(0), ..small_config(id) };
    let mut cluster = Cluster::with((1..=3).map(|id| (config(id), disk(&[]))).collect(), 1);
    assert!(!cluster.raft(N1).snapshot_due());
    cluster.elect(N1);
    write(&mut cluster, 3);
    cluster.snapshot(N1);
    assert!(!cluster.raft(N1).snapshot_due());
    let taken = |cluster: &Cluster| {
        let trace = &cluster.members[&N1].trace;
        trace.iter().filter(|event| matches!(event, TraceEvent::SnapshotTaken { .. })).count()
    };
    let before = taken(&cluster);
    let (meta, size) = cluster.members[&N1].disk.snapshot.clone().unwrap();
    cluster.raft(N1).handle_snapshot_saved(meta, size);
    cluster.collect(N1);
    assert_eq!((taken(&cluster), before > 0), (before, true));
}

#[test]
fn what_the_disk_does_not_have_yet_is_not_released() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    let now = cluster.now;
    let raft = cluster.raft(N2);
    raft.handle_message(N1.into(), append(1, (0, 0), &[entry(1, 1), entry(1, 2)], 2), now);
    // Applied in the driver's eyes, and saved, before anything was taken out.
    let meta = raft.snapshot_meta();
    raft.handle_snapshot_saved(meta, 1);
    assert_eq!(raft.status(now).purged, LogIndex(0));
    let effects = raft.take_effects(now);
    assert_eq!((effects.persist[0].purge, effects.persist[0].entries.len()), (None, 2));
}

/// Trap 21: what was released is committed, so it agrees with the leader whatever it was.
#[test]
fn a_late_message_from_before_the_logs_beginning_is_answered_from_there() {
    let mut cluster = small(&vec![disk(&[]); 3]);
    let entries: Vec<Entry> = (1..=4).map(|i| entry(1, i)).collect();
    cluster.deliver(N1, N2, append(1, (0, 0), &entries, 4));
    answer(&mut cluster);
    cluster.snapshot(N2);
    while cluster.finish_write(N2) {}
    assert_eq!(cluster.status(N2).purged, LogIndex(4));
    for (prev, sent) in [((0, 0), &entries[..2]), ((1, 2), &entries[2..]), ((1, 3), &[])] {
        cluster.deliver(N1, N2, append(1, prev, sent, 4));
        let Message::AppendReply(AppendReply { outcome, .. }) = answer(&mut cluster) else { panic!() };
        assert_eq!(outcome, AppendOutcome::Matched { through: LogIndex(4) });
    }
    let more = [entry(1, 4), entry(1, 5)];
    cluster.deliver(N1, N2, append(1, (1, 3), &more, 4));
    let Message::AppendReply(AppendReply { outcome, .. }) = answer(&mut cluster) else { panic!() };
    assert_eq!(outcome, AppendOutcome::Matched { through: LogIndex(5) });
    assert_eq!(cluster.status(N2).last, id(1, 5));
}

/// Trap 21: the leader takes the term of a released entry for unknown, not for 0, which the follower would refuse
/// forever, and gives a snapshot.
#[test]
fn a_follower_whose_place_was_released_gets_a_snapshot() {
    let mut cluster = n3_is_behind();
    cluster.heartbeat(N1);
    assert!(has_all_that_n1_applied(&cluster, N3));
    assert_eq!(cluster.status(N3).snapshot, cluster.status(N1).snapshot);
    write(&mut cluster, 2);
    cluster.heartbeat(N1);
    assert!(has_all_that_n1_applied(&cluster, N3), "the log goes on after it");
}

/// The leader has released all entries of the conflicting term but the last: that one is enough to go on from.
#[test]
fn a_conflict_is_repaired_from_the_base_without_a_snapshot() {
    let (leader, files) = disk_with_snapshot(&disk(&[1, 1, 1, 3, 3]), 3, 3, 3);
    let follower = disk(&[1, 1, 1, 1, 1, 1]);
    let mut cluster = small(&[leader.clone(), follower, leader]);
    for member in [N1, N3] {
        cluster.member(member).files = files.clone();
        cluster.member(member).applied = files.state();
    }
    cluster.elect(N1);
    cluster.run_until("n2 follows", |c| c.status(N2).last == c.status(N1).last);
    assert_eq!(cluster.traced(N1, |e| matches!(e, TraceEvent::SnapshotSending { .. })), 0);
    assert_eq!(cluster.terms(N2), [1, 1, 1, 3, 3, 4]);
}
