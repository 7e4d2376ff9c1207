//! Crashes between the steps of a snapshot, and starting again from one.

use super::*;

fn start(restored: Restored) -> Result<Raft, RestoreError> {
    Raft::new(small_config(2), 7, restored, Timestamp(0))
}

/// Trap 29: whatever of its work the disk had finished, in order, when the power went.
#[test]
fn a_crash_at_every_boundary_of_an_installation_loses_nothing() {
    for boundary in 0..200 {
        let mut cluster = n3_is_behind();
        let mut done = 0;
        cluster.time_out(N1);
        let mut stopped = false;
        while let Some((from, to, message)) = cluster.wire.pop_front() {
            cluster.deliver(from, to, message);
            for id in [N1, N2] {
                while cluster.finish_write(id) || cluster.finish_job(id) {}
            }
            while done < boundary && (cluster.finish_write(N3) || cluster.finish_job(N3)) {
                done += 1;
            }
            stopped = stopped || done == boundary;
        }
        cluster.crash(N3);
        cluster.restart(N3);
        let status = cluster.status(N3);
        assert_eq!(status.applied.0, cluster.members[&N3].applied.len() as u64, "boundary {boundary}");
        cluster.run_until("n3 has everything", |c| has_all_that_n1_applied(c, N3));
        if !stopped {
            assert!(boundary > 10, "the installation has many steps: {boundary}");
            return;
        }
    }
    panic!("the installation never ended");
}

/// Trap 29: the same for the member that takes the snapshot.
#[test]
fn a_crash_at_every_boundary_of_taking_a_snapshot_loses_nothing() {
    for boundary in 0..3 {
        let mut cluster = small(&vec![disk(&[]); 3]);
        cluster.elect(N1);
        write(&mut cluster, 5);
        cluster.member(N1).disk_is_held = true;
        cluster.take_snapshot(N1);
        if boundary > 0 {
            cluster.finish_job(N1);
            assert!(cluster.member(N1).writes.front().unwrap().purge.is_some());
        }
        if boundary > 1 {
            cluster.finish_write(N1);
        }
        cluster.crash(N1);
        cluster.member(N1).disk_is_held = false;
        cluster.restart(N1);
        cluster.collect(N1);
        assert_eq!(cluster.status(N1).last.index, LogIndex(6));
        assert_eq!(cluster.status(N1).snapshot.index, LogIndex(if boundary == 0 { 0 } else { 6 }));
        cluster.settle();
        assert_eq!(
            cluster.members[&N1].disk.purged,
            cluster.status(N1).snapshot,
            "released at the latest now"
        );
        cluster.run_until("all is applied", |c| {
            c.leaders().len() == 1 && c.ids().iter().all(|id| c.members[id].applied.len() >= 6)
        });
    }
}

#[test]
fn a_snapshot_newer_than_the_whole_log_replaces_it_at_the_start() {
    let mut restored = disk(&[1, 1]);
    restored.snapshot = Some((meta(id(1, 9)), 3));
    let mut raft = start(restored).unwrap();
    let status = raft.status(Timestamp(0));
    assert_eq!((status.last, status.committed, status.applied), (id(1, 9), LogIndex(9), LogIndex(9)));
    let effects = raft.take_effects(Timestamp(0));
    assert_eq!(effects.persist[0].reset, Some(id(1, 9)), "the disk is told");
    assert!(matches!(&effects.trace[0], TraceEvent::Started { purged, .. } if *purged == id(1, 9)));
}

#[test]
fn a_snapshot_over_a_conflicting_entry_replaces_the_log_at_the_start() {
    let mut restored = disk(&[1, 2, 2, 2]);
    restored.hard_state.term = Term(3);
    restored.snapshot = Some((meta(id(3, 3)), 3));
    let mut raft = start(restored).unwrap();
    assert_eq!(raft.status(Timestamp(0)).last, id(3, 3));
    assert_eq!(raft.take_effects(Timestamp(0)).persist[0].reset, Some(id(3, 3)));
}

#[test]
fn a_snapshot_inside_a_matching_log_keeps_it_at_the_start() {
    let (restored, _) = disk_with_snapshot(&disk(&[1, 1, 2, 2]), 3, 2, 3);
    let mut raft = start(restored).unwrap();
    let status = raft.status(Timestamp(0));
    assert_eq!((status.last, status.applied, status.committed), (id(2, 4), LogIndex(3), LogIndex(3)));
    assert!(raft.take_effects(Timestamp(0)).apply.is_empty(), "entry 4 is not known to be committed");
}

/// The leader's snapshot may have become durable before its term was.
#[test]
fn a_snapshot_of_a_later_term_brings_its_term() {
    let mut restored = disk(&[1, 1]);
    restored.hard_state.vote = Some(N1);
    restored.snapshot = Some((meta(id(4, 9)), 3));
    let mut raft = start(restored).unwrap();
    let status = raft.status(Timestamp(0));
    assert_eq!((status.term, status.vote), (Term(4), None));
    let hard_state = raft.take_effects(Timestamp(0)).persist[0].hard_state.unwrap();
    assert_eq!(hard_state.term, Term(4));
}

/// Else it could vote twice in that term.
#[test]
fn a_snapshot_of_the_current_term_leaves_the_vote() {
    let (mut restored, _) = disk_with_snapshot(&disk(&[1, 1, 2, 2]), 3, 2, 3);
    restored.hard_state.vote = Some(N2);
    assert_eq!(restored.snapshot.as_ref().unwrap().0.last.term, restored.hard_state.term);
    assert_eq!(start(restored).unwrap().status(Timestamp(0)).vote, Some(N2));
}

#[test]
fn a_log_without_its_beginning_and_without_a_snapshot_of_it_is_refused() {
    let (with, _) = disk_with_snapshot(&disk(&[1, 1, 1, 1]), 3, 3, 3);
    let mut without = with.clone();
    without.snapshot = None;
    let refused = start(without).unwrap_err();
    assert_eq!(refused, RestoreError::NoSnapshot { purged: LogIndex(3) });
    assert!(
        refused.to_string().starts_with("the log starts after entry 3 and there is no snapshot"),
        "{refused}"
    );
    let mut older = with;
    older.snapshot = Some((meta(id(1, 2)), 3));
    let refused = start(older).unwrap_err();
    assert_eq!(refused, RestoreError::OldSnapshot { purged: LogIndex(3), snapshot: LogIndex(2) });
    assert!(refused.to_string().contains("the newest snapshot ends with entry 2"), "{refused}");
}

#[test]
fn a_cluster_that_starts_from_snapshots_goes_on() {
    let (whole, files) = disk_with_snapshot(&disk(&[1, 1, 2, 2]), 3, 3, 3);
    let mut cluster = small(&vec![whole; 3]);
    for member in [N1, N2, N3] {
        cluster.member(member).files = files.clone();
        cluster.member(member).applied = files.state();
    }
    cluster.elect(N1);
    write(&mut cluster, 1);
    cluster.heartbeat(N1);
    for member in [N1, N2, N3] {
        assert_eq!(cluster.members[&member].applied.len(), 6);
        assert_eq!(cluster.status(member).role == Role::Leader, member == N1);
    }
}

/// It may have been on its way to the disk when its receiver was elected.
#[test]
fn a_leader_lets_no_snapshot_take_the_place_of_what_it_is_about_to_commit() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.partition(&[N1]);
    let last = cluster.propose(N1, "x").unwrap();
    cluster.settle();
    let mut meta = cluster.raft(N1).snapshot_meta();
    meta.last = last;
    let now = cluster.now;
    assert!(!cluster.raft(N1).handle_snapshot_received(meta, 100, now));
    let status = cluster.status(N1);
    assert_eq!(
        (status.committed, status.applied, status.snapshot),
        (LogIndex(1), LogIndex(1), LogId::default())
    );
    cluster.heal();
    cluster.heartbeat(N1);
    cluster.heartbeat(N1);
    assert_eq!(cluster.status(N1).applied, last.index);
}
