//! Snapshots: releasing the log behind them, sending them piece by piece, taking them in, and starting again from them
//! (paper §7, thesis ch. 5).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

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

// ---- taking one ----

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

// ---- a follower near the log's beginning ----

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
/// for ever, and gives a snapshot.
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

// ---- sending one ----

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

// ---- receiving one ----

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

// ---- starting again ----

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
