//! Snapshots that are sent while others become durable: what a follower is being sent stays readable to the end, and
//! then goes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{LogId, LogIndex, NodeId, Timing};
use support::*;

/// Members that send ten bytes at a time and keep nothing before a snapshot.
fn members(count: u64) -> Cluster {
    let member = |i| {
        let mut config = config(NodeId(i), count);
        config.retained_entries = 0;
        config.max_piece_bytes = 10;
        (config, disk(&[]))
    };
    Cluster::with((1..=count).map(member).collect(), 1)
}

/// Commits this many entries while no disk works on snapshots.
fn write(cluster: &mut Cluster, leader: NodeId, count: usize) {
    for i in 0..count {
        let id = cluster.propose(leader, &format!("write {i}")).unwrap();
        while cluster.status(leader).committed < id.index {
            deliver_next(cluster);
        }
    }
    deliver_all(cluster);
}

fn deliver_next(cluster: &mut Cluster) {
    let (from, to, message) = cluster.wire.pop_front().expect("something is under way");
    cluster.deliver(from, to, message);
    for id in cluster.alive() {
        while cluster.finish_write(id) {}
    }
}

/// As [`Cluster::settle`], but no disk works on snapshots.
fn deliver_all(cluster: &mut Cluster) {
    for id in cluster.alive() {
        cluster.collect(id);
        while cluster.finish_write(id) {}
    }
    while !cluster.wire.is_empty() {
        deliver_next(cluster);
    }
}

/// Goes on until a follower has some of the leader's snapshot, and not all. Says which one it is.
fn send_some(cluster: &mut Cluster, leader: NodeId, follower: NodeId) -> LogId {
    let progress = |cluster: &Cluster| {
        let peer = cluster.status(leader).peers.into_iter().find(|peer| peer.id == follower).unwrap();
        peer.snapshot
    };
    while progress(cluster).is_none_or(|(offset, _)| offset == 0) {
        if cluster.wire.is_empty() {
            cluster.time_out(leader);
        }
        deliver_next(cluster);
    }
    let (offset, size) = progress(cluster).unwrap();
    assert!(offset < size, "it is half way");
    cluster.status(leader).snapshot
}

#[test]
fn a_snapshot_that_became_the_newest_while_another_was_under_way_is_sent_to_its_end() {
    let mut cluster = members(3);
    cluster.crash(N3);
    cluster.elect(N1);
    write(&mut cluster, N1, 5);
    // The second is begun before anybody knows of the first.
    cluster.take_snapshot(N1);
    write(&mut cluster, N1, 5);
    cluster.take_snapshot(N1);
    cluster.finish_job(N1);
    cluster.restart(N3);
    let first = send_some(&mut cluster, N1, N3);
    while cluster.finish_job(N1) {}
    let second = cluster.status(N1).snapshot;
    assert!(first < second);
    assert_eq!(cluster.members[&N1].files.ends(), [first, second]);
    cluster.run_until("n3 has all", |c| c.members[&N3].applied == c.members[&N1].applied);
    assert!(cluster.status(N3).snapshot >= first);
    // The next one takes the old ones with it.
    write(&mut cluster, N1, 1);
    let third = cluster.snapshot(N1);
    assert_eq!(cluster.members[&N1].files.ends(), [third]);
}

/// n2 gets n1's snapshot, and by the log of n3 what comes after it; while its disk is still busy with that and with a
/// snapshot of its own, it becomes the leader and sends n1's on to n4.
#[test]
fn a_received_snapshot_that_is_sent_on_stays_when_an_own_one_that_was_begun_before_is_saved() {
    let mut cluster = members(5);
    cluster.crash(N2);
    cluster.crash(N4);
    cluster.elect(N1);
    write(&mut cluster, N1, 5);
    let received = cluster.snapshot(N1);
    cluster.settle();
    cluster.restart(N2);
    let is_last = |job: &Job| matches!(job, Job::Receive(piece) if piece.done);
    while !cluster.members[&N2].files.jobs.iter().any(is_last) {
        if cluster.wire.is_empty() {
            cluster.time_out(N1);
        }
        deliver_next(&mut cluster);
    }
    assert_eq!(cluster.status(N2).committed, LogIndex(0), "its disk is not done with it");

    cluster.crash(N1);
    // It has released nothing.
    elect(&mut cluster, N3);
    write(&mut cluster, N3, 3);
    cluster.take_snapshot(N2);
    let own = cluster.raft(N2).snapshot_meta().last;
    assert!(received < own, "the log has brought it all");

    while cluster.status(N2).snapshot != received {
        assert!(cluster.finish_job(N2));
    }
    elect(&mut cluster, N2);
    cluster.restart(N4);
    assert_eq!(send_some(&mut cluster, N2, N4), received);
    while cluster.finish_job(N2) {}
    assert_eq!(cluster.members[&N2].files.ends(), [received, own]);
    cluster.run_until("n4 has all", |c| c.members[&N4].applied == c.members[&N2].applied);

    write(&mut cluster, N2, 1);
    let newest = cluster.snapshot(N2);
    assert_eq!(cluster.members[&N2].files.ends(), [newest]);
}

/// As [`Cluster::elect`], but no disk works on snapshots.
fn elect(cluster: &mut Cluster, id: NodeId) {
    for _ in 0..3 {
        cluster.now = cluster.now + Timing::FAST.election_max;
        cluster.time_out(id);
        deliver_all(cluster);
        if cluster.leaders() == [id] {
            return;
        }
    }
    panic!("{id} was to be elected");
}
