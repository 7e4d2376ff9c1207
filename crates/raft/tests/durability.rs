//! What the disk has finished, and in which order it says so.

mod support;

use raftdeck_raft::{AppendEntries, Entry, LogIndex, Message, Persist, Term};
use support::*;

fn append(term: u64, prev: (u64, u64), entries: &[Entry]) -> Message {
    Message::AppendEntries(AppendEntries {
        term: Term(term),
        prev: id(prev.0, prev.1),
        entries: entries.to_vec(),
        commit: LogIndex(0),
        round: 1,
    })
}

/// A follower with writes under way that the test completes by hand.
fn writes_of(messages: &[Message]) -> (Cluster, Vec<Persist>) {
    let mut cluster = Cluster::new(3);
    cluster.member(N2).disk_is_held = true;
    for message in messages {
        cluster.deliver(N1, N2, message.clone());
    }
    let writes = cluster.member(N2).writes.iter().cloned().collect();
    (cluster, writes)
}

#[test]
fn a_leader_sends_before_its_own_write_is_durable_and_counts_itself_only_after() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster.member(N1).disk_is_held = true;
    cluster.cut(N1, N3);
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    assert_eq!(cluster.terms(N2), [1, 1], "n2 has it");
    assert_eq!(cluster.status(N1).committed, LogIndex(1), "one durable copy is no majority of three");
    cluster.finish_write(N1);
    assert_eq!(cluster.status(N1).committed, LogIndex(2));
}

#[test]
fn a_leader_commits_without_its_own_disk_when_a_majority_has_it() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster.member(N1).disk_is_held = true;
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    let status = cluster.status(N1);
    assert_eq!((status.committed, status.durable), (LogIndex(2), LogIndex(1)));
}

#[test]
fn truncation_lowers_what_is_durable() {
    let mut cluster = Cluster::new(3);
    cluster.deliver(N1, N2, append(1, (0, 0), &[entry(1, 1), entry(1, 2), entry(1, 3)]));
    cluster.finish_write(N2);
    assert_eq!(cluster.status(N2).durable, LogIndex(3));
    cluster.deliver(N1, N2, append(2, (1, 1), &[entry(2, 2)]));
    assert_eq!(cluster.status(N2).durable, LogIndex(1));
    cluster.finish_write(N2);
    assert_eq!(cluster.status(N2).durable, LogIndex(2));
}

#[test]
fn a_completion_from_before_a_truncation_does_not_vouch_for_an_entry_that_came_back() {
    // Entry (1, 2) is written, removed by the leader of term 2, and brought back by the leader of term 3.
    let (mut cluster, writes) = writes_of(&[
        append(1, (0, 0), &[entry(1, 1), entry(1, 2)]),
        append(2, (1, 1), &[entry(2, 2)]),
        append(3, (1, 1), &[entry(1, 2)]),
    ]);
    let now = cluster.now;
    cluster.raft(N2).handle_persisted(writes[0].ticket, now);
    assert!(cluster.status(N2).durable < LogIndex(2), "two truncations are still on their way to the disk");
    cluster.raft(N2).handle_persisted(writes[2].ticket, now);
    assert_eq!(cluster.status(N2).durable, LogIndex(2));
}

#[test]
fn completions_may_come_out_of_order() {
    let (mut cluster, writes) =
        writes_of(&[append(1, (0, 0), &[entry(1, 1)]), append(1, (1, 1), &[entry(1, 2)])]);
    let now = cluster.now;
    cluster.raft(N2).handle_persisted(writes[1].ticket, now);
    assert_eq!(cluster.status(N2).durable, LogIndex(2));
    cluster.raft(N2).handle_persisted(writes[0].ticket, now);
    assert_eq!(cluster.status(N2).durable, LogIndex(2), "the older news changes nothing");
}

#[test]
fn entries_overwritten_before_they_were_written_cost_no_truncation() {
    let mut cluster = Cluster::new(3);
    let now = cluster.now;
    let raft = cluster.raft(N2);
    raft.handle_message(N1.into(), append(1, (0, 0), &[entry(1, 1), entry(1, 2)]), now);
    raft.handle_message(N3.into(), append(2, (1, 1), &[entry(2, 2)]), now);
    let persist = raft.take_effects(now).persist.remove(0);
    assert_eq!(persist.truncate, None);
    assert_eq!(persist.entries, [entry(1, 1), entry(2, 2)]);
}

#[test]
fn a_crash_keeps_exactly_what_was_durable() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster.member(N2).disk_is_held = true;
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    assert_eq!(cluster.terms(N2), [1, 1]);
    cluster.crash(N2);
    cluster.member(N2).disk_is_held = false;
    cluster.restart(N2);
    assert_eq!(cluster.terms(N2), [1]);
    cluster.run_until("n2 has it again", |c| c.terms(N2) == [1, 1]);
}
