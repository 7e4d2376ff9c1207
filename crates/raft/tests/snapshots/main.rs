//! Snapshots: releasing the log behind them, sending them piece by piece, taking them in, and starting again from them
//! (paper §7, thesis ch. 5).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod receiving;
mod sending;
mod starting;
#[path = "../support/mod.rs"]
mod support;
mod taking;

use raftdeck_raft::{
    AppendEntries, AppendOutcome, AppendReply, Config, Entry, InstallSnapshot, LogId, LogIndex, Membership,
    MembershipChange, Message, NodeId, Payload, Raft, ReplicationState, RestoreError, Restored, Role,
    SnapshotMeta, SnapshotRefusal, SnapshotReply, Term, Timestamp, TraceEvent,
};
use std::time::Duration;
use support::*;

/// Three members that keep nothing before a snapshot and send ten bytes at a time.
fn small(disks: &[Restored]) -> Cluster {
    Cluster::with((1..).map(small_config).zip(disks.iter().cloned()).collect(), 1)
}

fn small_config(id: u64) -> Config {
    let mut config = config(NodeId(id), 3);
    config.retained_entries = 0;
    config.max_piece_bytes = 10;
    config
}

/// n1 leads, n2 follows and n3 was away for all that n1 has released.
fn n3_is_behind() -> Cluster {
    let mut cluster = small(&vec![disk(&[]); 3]);
    cluster.crash(N3);
    cluster.elect(N1);
    write(&mut cluster, 10);
    cluster.snapshot(N1);
    cluster.settle();
    assert_eq!(cluster.status(N1).purged, cluster.status(N1).committed);
    cluster.restart(N3);
    cluster
}

fn write(cluster: &mut Cluster, count: usize) {
    for i in 0..count {
        cluster.propose(N1, &format!("write {i}")).unwrap();
        cluster.settle();
    }
}

fn has_all_that_n1_applied(cluster: &Cluster, id: NodeId) -> bool {
    !cluster.members[&N1].applied.is_empty() && cluster.members[&id].applied == cluster.members[&N1].applied
}

fn state(cluster: &Cluster, peer: NodeId) -> ReplicationState {
    cluster.status(N1).peers.iter().find(|p| p.id == peer).unwrap().state
}

fn progress(cluster: &Cluster, peer: NodeId) -> Option<(u64, u64)> {
    cluster.status(N1).peers.iter().find(|p| p.id == peer).unwrap().snapshot
}

fn meta(last: LogId) -> SnapshotMeta {
    let membership = Membership::of((1..=3).map(NodeId).collect());
    SnapshotMeta { last, membership, membership_index: LogIndex(0) }
}

fn append(term: u64, prev: (u64, u64), entries: &[Entry], commit: u64) -> Message {
    Message::AppendEntries(AppendEntries {
        term: Term(term),
        prev: id(prev.0, prev.1),
        entries: entries.to_vec(),
        commit: LogIndex(commit),
        round: 1,
    })
}

fn piece(term: u64, last: LogId, offset: usize, data: &'static [u8], size: usize) -> Message {
    Message::InstallSnapshot(InstallSnapshot {
        term: Term(term),
        meta: meta(last),
        offset: offset as u64,
        data: data.into(),
        done: offset + data.len() == size,
        size: size as u64,
        round: 1,
    })
}

/// What n2 answers to n1, once its disk has done all that came before.
fn answer(cluster: &mut Cluster) -> Message {
    cluster.collect(N2);
    while cluster.finish_write(N2) {}
    let (from, to, message) = cluster.wire.pop_back().expect("an answer");
    assert_eq!((from, to), (N2, N1));
    message
}

fn snapshot_answer(cluster: &mut Cluster) -> (u64, bool) {
    match answer(cluster) {
        Message::SnapshotReply(SnapshotReply { next_offset, installed, .. }) => (next_offset, installed),
        other => panic!("an answer to a piece was expected, not {other:?}"),
    }
}

fn is_piece(message: &Message) -> bool {
    matches!(message, Message::InstallSnapshot(_))
}
