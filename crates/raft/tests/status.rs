//! What a member tells of itself at any time, and what its driver hears of it: roles, timers, its disk.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use raftdeck_raft::{AppendEntries, LogIndex, Message, Role, Term, Timestamp, Timing, TraceEvent, Tuning};
use std::time::Duration;
use support::*;

const MS: Duration = Duration::from_millis(1);

/// N1 leads three members, and nothing is under way.
fn led() -> Cluster {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster
}

#[test]
fn a_leader_counts_down_to_the_loss_of_its_quorum_and_a_follower_to_its_timeout() {
    let mut cluster = led();
    let later = cluster.now + 10 * MS;
    let contact = Timing::FAST.election_max;
    assert_eq!(cluster.status(N1).election_remaining, contact);
    assert_eq!(cluster.raft(N1).status(later).election_remaining, less(contact, 10 * MS));
    let follower = cluster.status(N2);
    assert!(
        follower.election_remaining > Duration::ZERO
            && follower.election_remaining <= follower.election_timeout
    );
    let left = cluster.raft(N2).status(later).election_remaining;
    assert_eq!(left, less(follower.election_remaining, 10 * MS));
    let age = |cluster: &mut Cluster, id, at| cluster.raft(id).status(at).heartbeat_age;
    let (now, stranger) = (cluster.now, &mut Cluster::new(3));
    assert_eq!(
        (age(&mut cluster, N1, later), age(&mut cluster, N2, now)),
        (Some(Duration::ZERO), Some(Duration::ZERO))
    );
    assert_eq!((age(&mut cluster, N2, later), age(stranger, N1, later)), (Some(10 * MS), None));
}

#[test]
fn a_member_tells_that_it_leads_and_that_it_does_without_its_disk() {
    let leads = |cluster: &mut Cluster, id| (cluster.raft(id).leads(), cluster.raft(id).leads_without_disk());
    let mut cluster = led();
    assert_eq!((leads(&mut cluster, N1), leads(&mut cluster, N2)), ((true, false), (false, false)));
    let mut alone = Cluster::new(1);
    alone.elect(N1);
    alone.member(N1).disk_is_held = true;
    alone.propose(N1, "x").unwrap();
    alone.run(Duration::from_secs(2));
    assert_eq!(leads(&mut alone, N1), (true, true));
    // Where others can lead, it hands over first, and keeps what waits for that.
    cluster.member(N1).disk_is_held = true;
    cluster.propose(N1, "x").unwrap();
    cluster.wire.clear();
    cluster.now = cluster.raft(N1).next_deadline().max(cluster.now + Duration::from_millis(500));
    let now = cluster.now;
    cluster.heartbeat(N1);
    cluster.raft(N1).handle_deadline(now);
    assert!(!leads(&mut cluster, N1).1);
}

#[test]
fn each_change_of_roles_is_told_once() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.elect(N2);
    let roles: Vec<_> = cluster.members[&N1]
        .trace
        .iter()
        .filter_map(|event| match event {
            TraceEvent::RoleChanged { from, to, .. } => Some((*from, *to)),
            _ => None,
        })
        .collect();
    let way = [Role::Follower, Role::PreCandidate, Role::Candidate, Role::Leader, Role::Follower];
    let expected: Vec<_> = way.windows(2).map(|pair| (pair[0], pair[1])).collect();
    assert_eq!(roles, expected);
}

#[test]
fn a_leader_that_is_tuned_keeps_the_shorter_intervals_at_once() {
    let tuned = |timing| Tuning { timing, pre_vote: true, check_quorum: true };
    let mut cluster = led();
    let now = cluster.now;
    cluster.raft(N1).tune(tuned(Timing::DEMO), now).unwrap();
    assert!(
        cluster.raft(N1).next_deadline() <= now + Timing::FAST.heartbeat,
        "it has promised that heartbeat"
    );
    cluster.run(Timing::FAST.heartbeat);
    let now = cluster.now;
    assert!(cluster.raft(N1).next_deadline() > now + Timing::FAST.heartbeat);
    cluster.raft(N1).tune(tuned(Timing::FAST), now).unwrap();
    assert!(cluster.raft(N1).next_deadline() <= now + Timing::FAST.heartbeat);
}

/// N2 hears from its leader n1 what it has to write, and its disk is stalled.
fn with_held_disk(limit: Duration) -> Cluster {
    let members = [N1, N2, N3].map(|id| {
        let mut config = config(id, 3);
        config.disk_stall = Some(limit);
        (config, disk(&[]))
    });
    let mut cluster = Cluster::with(members.into(), 1);
    cluster.elect(N1);
    cluster.heartbeat(N1);
    cluster.member(N2).disk_is_held = true;
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    assert_eq!(cluster.status(N2).disk_wait, Some(Duration::ZERO));
    cluster
}

#[test]
fn to_look_at_the_disk_does_not_put_off_a_follower_s_timeout() {
    let mut cluster = with_held_disk(40 * MS);
    let now = cluster.now;
    let due = now + cluster.status(N2).election_remaining;
    for wait in [20, 40, 60] {
        cluster.raft(N2).handle_deadline(now + wait * MS);
        let status = cluster.raft(N2).status(now + wait * MS);
        assert_eq!((status.role, now + wait * MS + status.election_remaining), (Role::Follower, due));
    }
    assert!(cluster.status(N2).disk_stalled);
}

#[test]
fn a_pause_gives_the_disk_as_much_time_again() {
    let mut cluster = with_held_disk(40 * MS);
    cluster.now = cluster.now + 39 * MS;
    let now = cluster.now;
    cluster.raft(N2).handle_pause(now);
    assert_eq!(cluster.status(N2).disk_wait, Some(Duration::ZERO));
    cluster.raft(N2).handle_deadline(now + 39 * MS);
    assert!(!cluster.status(N2).disk_stalled);
}

#[test]
fn the_wait_for_the_disk_starts_anew_with_each_write_that_it_finishes_and_only_once() {
    let mut cluster = with_held_disk(400 * MS);
    cluster.propose(N1, "y").unwrap();
    cluster.settle();
    let first = cluster.members[&N2].writes[0].ticket;
    let at = |cluster: &Cluster, ms: u32| cluster.now + ms * MS;
    let (ten, twenty) = (at(&cluster, 10), at(&cluster, 20));
    cluster.raft(N2).handle_persisted(first, ten);
    assert_eq!(cluster.raft(N2).status(twenty).disk_wait, Some(10 * MS), "another write waits");
    cluster.raft(N2).handle_persisted(first, twenty);
    assert_eq!(cluster.raft(N2).status(twenty).disk_wait, Some(10 * MS), "that was no news");
}

/// Nothing stands before the first entry, so no term does.
#[test]
fn an_append_after_an_entry_that_cannot_be_is_ignored() {
    let mut cluster = Cluster::new(3);
    let append = |prev| {
        let (term, commit) = (Term(1), LogIndex(0));
        Message::AppendEntries(AppendEntries { term, prev, entries: vec![entry(1, 1)], commit, round: 1 })
    };
    cluster.deliver(N2, N1, append(id(1, 0)));
    assert_eq!((cluster.status(N1).term, cluster.status(N1).last), (Term(0), id(0, 0)));
    cluster.deliver(N2, N1, append(id(0, 0)));
    assert_eq!((cluster.status(N1).term, cluster.status(N1).last), (Term(1), id(1, 1)));
}

#[test]
fn time_never_runs_backwards() {
    assert_eq!(Timestamp(5) - Timestamp(3), Duration::from_micros(2));
    assert_eq!(Timestamp(3) - Timestamp(5), Duration::ZERO);
}
