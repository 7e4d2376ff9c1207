//! Entries that are on the disk only: who needs them, when they are read back, and what waits for them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{
    AppendEntries, AppendOutcome, AppendReply, Config, ConflictHint, EntriesToRead, HardState, LogId,
    LogIndex, Membership, Message, NodeId, Raft, ReadId, ReadMode, Restored, Role, SnapshotMeta, Term,
    TermRun, Timestamp,
};
use std::collections::VecDeque;
use support::*;

const N6: NodeId = NodeId(6);

/// Three members that keep hardly anything in memory.
fn forgetful(disks: [Restored; 3]) -> Cluster {
    let members = (1..).zip(disks).map(|(i, disk)| (forgetful_config(NodeId(i)), disk));
    Cluster::with(members.collect(), 1)
}

fn forgetful_config(id: NodeId) -> Config {
    let mut config = config(id, 3);
    config.log_cache_bytes = 0;
    config.max_append_bytes = 100;
    config
}

fn applied(cluster: &Cluster, id: NodeId) -> Vec<u64> {
    cluster.members[&id].applied.iter().map(|entry| entry.id.index.0).collect()
}

fn in_memory(cluster: &mut Cluster, id: NodeId) -> usize {
    cluster.raft(id).entries(LogIndex(1), usize::MAX).len()
}

fn wanted(cluster: &Cluster, id: NodeId) -> Vec<EntriesToRead> {
    cluster.members[&id].reads_back.iter().map(|(_, wanted)| *wanted).collect()
}

#[test]
fn what_is_applied_and_durable_leaves_the_memory_and_nothing_else_does() {
    let mut cluster = forgetful([disk(&[]), disk(&[]), disk(&[])]);
    cluster.elect(N1);
    cluster.member(N1).disk_is_held = true;
    for _ in 0..5 {
        cluster.propose(N1, "x").unwrap();
    }
    cluster.settle();
    let status = cluster.status(N1);
    assert_eq!((status.committed, status.applied, status.durable), (LogIndex(6), LogIndex(6), LogIndex(1)));
    assert_eq!(in_memory(&mut cluster, N1), 5, "they are not durable");
    cluster.member(N1).disk_is_held = false;
    cluster.settle();
    assert_eq!(in_memory(&mut cluster, N1), 0);
    cluster.partition(&[N1]);
    cluster.propose(N1, "y").unwrap();
    cluster.settle();
    assert_eq!(in_memory(&mut cluster, N1), 1, "it is not applied");
    assert_eq!(cluster.status(N1).last, id(1, 7));
}

#[test]
fn the_newest_entries_stay_as_far_as_they_fit() {
    let mut config = config(N1, 1);
    config.log_cache_bytes = 10 * (64 + 100);
    let mut cluster = Cluster::with(vec![(config, disk(&[]))], 1);
    cluster.elect(N1);
    for _ in 0..50 {
        cluster.propose(N1, &"x".repeat(100)).unwrap();
        cluster.settle();
    }
    let kept: Vec<u64> = cluster.raft(N1).entries(LogIndex(1), usize::MAX).map(|e| e.id.index.0).collect();
    assert_eq!(kept, (42..=51).collect::<Vec<_>>());
}

#[test]
fn a_follower_far_behind_gets_what_is_read_back_a_part_at_a_time() {
    let mut cluster = forgetful([disk(&[]), disk(&[]), disk(&[])]);
    cluster.elect(N1);
    cluster.partition(&[N3]);
    for i in 0..30 {
        cluster.propose(N1, &format!("command {i}")).unwrap();
        cluster.settle();
    }
    assert_eq!(in_memory(&mut cluster, N1), 0);
    cluster.heal();
    cluster.heartbeat(N1);
    cluster.heartbeat(N1);
    assert_eq!(cluster.status(N3).last, id(1, 31));
    assert_eq!(applied(&cluster, N3), (1..=31).collect::<Vec<_>>());
    assert!(cluster.members[&N1].files.ends().is_empty(), "no snapshot was needed");
}

#[test]
fn a_restarted_member_applies_what_stayed_on_its_disk_in_order() {
    let mut long = disk(&[1; 40]);
    long.hard_state.term = Term(1);
    let mut cluster = forgetful([long.clone(), long.clone(), long]);
    assert_eq!(in_memory(&mut cluster, N1), 0);
    assert_eq!(cluster.status(N1).last, id(1, 40));
    cluster.elect(N2);
    cluster.heartbeat(N2);
    for member in [N1, N2, N3] {
        assert_eq!(applied(&cluster, member), (1..=41).collect::<Vec<_>>(), "{member}");
        assert_eq!(cluster.status(member).applied, LogIndex(41));
    }
}

/// They have to wait for what comes before them anyway, and may be many.
#[test]
fn what_is_committed_leaves_the_memory_while_the_state_machine_waits_for_earlier_entries() {
    let mut cluster = forgetful([disk(&[1; 40]), disk(&[1; 40]), disk(&[1; 40])]);
    cluster.member(N1).reads_are_held = true;
    cluster.elect(N2);
    for _ in 0..5 {
        cluster.propose(N2, "x").unwrap();
        cluster.settle();
    }
    cluster.heartbeat(N2);
    let status = cluster.status(N1);
    assert_eq!((status.applied, status.committed), (LogIndex(0), LogIndex(46)));
    assert_eq!(in_memory(&mut cluster, N1), 0);
}

/// Trap 35, with a state machine that is behind the commit index.
#[test]
fn a_read_waits_until_the_state_machine_has_what_was_committed() {
    let mut config = forgetful_config(N1);
    config.membership = raftdeck_raft::Membership::of([N1].into());
    let mut cluster = Cluster::with(vec![(config, disk(&[1; 10]))], 1);
    cluster.time_out(N1);
    while cluster.status(N1).committed < LogIndex(11) {
        assert!(cluster.finish_write(N1));
    }
    cluster.collect(N1);
    assert_eq!((cluster.status(N1).role, cluster.status(N1).applied), (Role::Leader, LogIndex(0)));
    let now = cluster.now;
    for (read, mode) in [(1, ReadMode::Index), (2, ReadMode::Lease)] {
        cluster.raft(N1).read(ReadId(read), mode, now).unwrap();
    }
    cluster.collect(N1);
    let granted = |cluster: &Cluster| [1, 2].map(|read| cluster.granted(N1, ReadId(read)));
    while cluster.status(N1).applied < LogIndex(11) {
        assert_eq!(granted(&cluster), [None, None]);
        assert!(cluster.finish_read_back(N1));
    }
    assert_eq!(granted(&cluster), [Some(true), Some(true)]);
}

#[test]
fn a_read_that_waits_for_the_state_machine_is_refused_at_a_step_down() {
    let mut config = forgetful_config(N1);
    config.membership = raftdeck_raft::Membership::of([N1].into());
    let mut cluster = Cluster::with(vec![(config, disk(&[1; 10]))], 1);
    cluster.time_out(N1);
    while cluster.status(N1).committed < LogIndex(11) {
        assert!(cluster.finish_write(N1));
    }
    let now = cluster.now;
    cluster.raft(N1).read(ReadId(1), ReadMode::Index, now).unwrap();
    cluster.collect(N1);
    let term = cluster.status(N1).term.next();
    let append = AppendEntries { term, prev: id(0, 0), entries: vec![], commit: LogIndex(0), round: 1 };
    cluster.deliver(N2, N1, Message::AppendEntries(append));
    assert_eq!(cluster.granted(N1, ReadId(1)), Some(false));
}

#[test]
fn one_read_serves_all_who_need_the_same_and_none_is_asked_for_twice() {
    let mut cluster = forgetful([disk(&[1; 9]), disk(&[]), disk(&[])]);
    cluster.member(N1).reads_are_held = true;
    cluster.elect(N1);
    let wanted = wanted(&cluster, N1);
    let firsts: Vec<u64> = wanted.iter().map(|wanted| wanted.first.0).collect();
    assert_eq!(firsts, [1], "for both followers, which have nothing: {wanted:?}");
    cluster.collect(N1);
    assert_eq!(self::wanted(&cluster, N1).len(), 1);
    cluster.member(N1).reads_are_held = false;
    cluster.settle();
    cluster.heartbeat(N1);
    assert_eq!(applied(&cluster, N3), (1..=10).collect::<Vec<_>>());
}

/// However often a follower changes its mind about what it needs.
#[test]
fn no_more_than_32_reads_are_under_way() {
    let mut cluster = forgetful([disk(&[1; 100]), disk(&[1; 100]), disk(&[])]);
    cluster.member(N1).reads_are_held = true;
    cluster.crash(N3);
    cluster.elect(N1);
    let asked_before = wanted(&cluster, N1).len();
    let term = cluster.status(N1).term;
    for refused in (1..=100).rev().map(LogIndex) {
        let hint = ConflictHint { term: None, first: refused };
        let outcome = AppendOutcome::Conflict { refused, hint };
        let reply = AppendReply { term, round: 1, outcome, stands_by: false };
        cluster.deliver(N3, N1, Message::AppendReply(reply));
        let asked = wanted(&cluster, N1).len();
        let expected = 32.min(asked_before + 101 - usize::try_from(refused.0).unwrap());
        assert_eq!(asked, expected, "after {refused}");
    }
}

#[test]
fn what_was_overwritten_meanwhile_is_recognised_when_it_comes_back_from_the_disk() {
    let mut cluster = forgetful([disk(&[1; 9]), disk(&[]), disk(&[])]);
    cluster.member(N1).reads_are_held = true;
    cluster.elect(N1);
    let stale = cluster.members[&N1].reads_back[0].1;
    let stale = read_back(&cluster.members[&N1].disk, stale);
    // Another leader's entries take their place before they come.
    let (term, entries) = (Term(5), vec![entry(5, 1), entry(5, 2)]);
    let append = AppendEntries { term, prev: id(0, 0), entries, commit: LogIndex(2), round: 1 };
    // Both come before what they lead to is carried out: the entries that are committed now are those that are read back,
    // by their indices.
    let now = cluster.now;
    cluster.raft(N1).handle_message(N2.into(), Message::AppendEntries(append), now);
    cluster.raft(N1).handle_entries_read(stale);
    cluster.collect(N1);
    assert_eq!(cluster.terms(N1), [5, 5]);
    let applied: Vec<_> = cluster.members[&N1].applied.iter().map(|entry| entry.id).collect();
    assert_eq!(applied, [id(5, 1), id(5, 2)]);
}

/// A restarted leader reads its log back for a follower that has nothing, and loses the end of it to another leader before it
/// comes. The state machine needs the beginning of the same entries.
#[test]
fn only_what_is_still_in_the_log_is_applied_of_what_was_read_back() {
    let mut cluster = forgetful([disk(&[1; 9]), disk(&[]), disk(&[])]);
    cluster.member(N1).reads_are_held = true;
    cluster.elect(N1);
    let wanted = cluster.members[&N1].reads_back[0].1;
    let stale = read_back(&cluster.members[&N1].disk, EntriesToRead { max_bytes: usize::MAX, ..wanted });
    assert_eq!((stale.len(), stale[8].id), (9, id(1, 9)), "all of it was asked for");
    // As long as before, and committed: the same through 5, and then another leader's.
    let (term, entries) = (Term(5), (6..=9).map(|index| entry(5, index)).collect());
    let append = AppendEntries { term, prev: id(1, 5), entries, commit: LogIndex(9), round: 1 };
    cluster.deliver(N2, N1, Message::AppendEntries(append));
    assert!(applied(&cluster, N1).is_empty(), "the beginning is on the disk only");
    cluster.raft(N1).handle_entries_read(stale);
    cluster.collect(N1);
    let terms: Vec<u64> = cluster.members[&N1].applied.iter().map(|entry| entry.id.term.0).collect();
    assert_eq!(terms, [1, 1, 1, 1, 1, 5, 5, 5, 5]);
}

#[test]
fn entries_that_nobody_asked_for_are_ignored() {
    let mut cluster = forgetful([disk(&[1; 9]), disk(&[1; 9]), disk(&[1; 9])]);
    cluster.raft(N1).handle_entries_read(vec![entry(1, 1)]);
    cluster.raft(N1).handle_entries_read(vec![]);
    cluster.collect(N1);
    assert!(applied(&cluster, N1).is_empty());
}

#[test]
fn a_member_knows_the_memberships_that_stayed_on_its_disk() {
    let mut cluster = forgetful([disk(&[]), disk(&[]), disk(&[])]);
    cluster.elect(N1);
    cluster.join(N4);
    let change =
        raftdeck_raft::MembershipChange::AddLearner { node: N4, address: String::new(), incarnation: None };
    cluster.change(N1, &[change]).unwrap();
    cluster.settle();
    for _ in 0..5 {
        cluster.propose(N1, "x").unwrap();
    }
    cluster.settle();
    cluster.crash(N2);
    cluster.restart(N2);
    assert_eq!(in_memory(&mut cluster, N2), 0);
    assert!(cluster.status(N2).membership.learners.contains(&N4));
    assert_eq!(
        cluster.raft(N2).snapshot_meta().membership.learners.len(),
        0,
        "as of what is applied: nothing"
    );
    cluster.heartbeat(N1);
    cluster.heartbeat(N1);
    assert_eq!(cluster.raft(N2).snapshot_meta().membership.learners.len(), 1);
}

/// What a start finds of memberships: one at the end of the snapshot, or one in a log that the snapshot took the place of.
fn started(snapshot: LogId, on_disk: TermRun, memberships_on_disk: &[(u64, NodeId)]) -> Membership {
    let of = |learner| {
        let mut membership = Membership::of([N1, N2, N3].into());
        membership.learners.insert(learner);
        membership
    };
    let meta = SnapshotMeta { last: snapshot, membership: of(N4), membership_index: snapshot.index };
    let restored = Restored {
        hard_state: HardState { term: Term(9), vote: None },
        snapshot: Some((meta, 100)),
        on_disk: vec![on_disk],
        memberships_on_disk: memberships_on_disk.iter().map(|(at, who)| (LogIndex(*at), of(*who))).collect(),
        ..Restored::default()
    };
    Raft::new(forgetful_config(N1), 1, restored, Timestamp(0)).unwrap().membership().clone()
}

#[test]
fn of_the_memberships_on_the_disk_those_count_that_come_after_the_snapshot_in_the_log_that_it_belongs_to() {
    let on_disk = TermRun { term: Term(1), first: LogIndex(1), last: LogIndex(9) };
    let learners = |snapshot, memberships: &[(u64, NodeId)]| started(snapshot, on_disk, memberships).learners;
    assert_eq!(learners(id(1, 7), &[(7, N4)]), [N4].into());
    assert_eq!(learners(id(1, 7), &[(6, N6), (7, N4), (8, N5)]), [N5].into());
    assert_eq!(learners(id(1, 7), &[(9, N5)]), [N5].into());
    // The log has another entry there, of an earlier term: all of it is gone.
    for conflicting in 6..=9 {
        assert_eq!(learners(id(5, 7), &[(conflicting, N5)]), [N4].into(), "{conflicting}");
    }
}

#[test]
fn a_snapshot_may_overtake_a_state_machine_that_reads_back() {
    let mut cluster = forgetful([disk(&[1; 40]), disk(&[1; 40]), disk(&[1; 40])]);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    let meta = {
        cluster.snapshot(N1);
        let end = cluster.status(N1).snapshot;
        assert_eq!(end, id(2, 41));
        cluster.raft(N1).snapshot_meta()
    };
    // N2 starts anew, hears what is committed, and has nothing of it applied when a snapshot of it is there.
    cluster.crash(N2);
    cluster.restart(N2);
    let append =
        AppendEntries { term: Term(2), prev: id(2, 41), entries: vec![], commit: LogIndex(41), round: 9 };
    cluster.deliver(N1, N2, Message::AppendEntries(append));
    assert_eq!((cluster.status(N2).committed, cluster.status(N2).applied), (LogIndex(41), LogIndex(0)));
    let stale = cluster.members[&N2].reads_back[0].1;
    let stale = read_back(&cluster.members[&N2].disk, stale);
    let now = cluster.now;
    assert!(cluster.raft(N2).handle_snapshot_received(meta, 100, now), "its state machine takes it over");
    cluster.raft(N2).handle_entries_read(stale);
    cluster.member(N2).reads_back = VecDeque::new();
    cluster.collect(N2);
    let status = cluster.status(N2);
    assert_eq!((status.applied, status.snapshot), (LogIndex(41), id(2, 41)));
    assert!(cluster.members[&N2].applied.is_empty(), "what it holds is not applied again");
}

#[test]
fn very_many_committed_entries_come_out_a_part_at_a_time() {
    let mut cluster = Cluster::with_disks(&[disk(&vec![1; 10_000])]);
    cluster.time_out(N1);
    while cluster.status(N1).committed < LogIndex(10_001) {
        assert!(cluster.finish_write(N1));
    }
    let mut parts = vec![cluster.members[&N1].applied.len()];
    while cluster.raft(N1).has_more() {
        cluster.collect(N1);
        parts.push(cluster.members[&N1].applied.len());
    }
    assert_eq!(parts, [4096, 8192, 10_001]);
}

/// Each of these guards is missed by a test here when it is missing.
#[cfg(feature = "mutants")]
#[test]
fn a_test_fails_without_the_guard_that_it_is_about() {
    use raftdeck_raft::mutants::{Mutant, activate};

    let about: [fn(); 2] = [
        what_was_overwritten_meanwhile_is_recognised_when_it_comes_back_from_the_disk,
        only_what_is_still_in_the_log_is_applied_of_what_was_read_back,
    ];
    for (place, test) in about.into_iter().enumerate() {
        activate(Some(Mutant::ReadBackByIndex));
        let passed = std::panic::catch_unwind(test).is_ok();
        activate(None);
        assert!(!passed, "test {place} notices it");
    }
}
