//! Linearizable reads (thesis §6.4).

mod support;

use raftdeck_raft::{LogIndex, Message, ReadError, ReadId, ReadMode, Role, Timing};
use support::*;

#[test]
fn a_read_is_granted_after_a_majority_answered() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    let read = cluster.read(N1);
    assert_eq!(cluster.granted(N1, read), None);
    cluster.settle();
    assert_eq!(cluster.granted(N1, read), Some(true));
}

#[test]
fn reads_that_wait_share_one_round() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    let now = cluster.now;
    for i in 100..150 {
        cluster.raft(N1).read(ReadId(i), ReadMode::Index, now).unwrap();
    }
    cluster.collect(N1);
    assert_eq!(cluster.wire.len(), 2, "one heartbeat to each follower");
    cluster.settle();
    assert_eq!(cluster.members[&N1].reads.iter().filter(|r| r.granted).count(), 50);
}

#[test]
fn a_read_that_came_during_a_round_gets_its_own_as_soon_as_that_ends() {
    let mut cluster = Cluster::new(2);
    cluster.elect(N1);
    let first = cluster.read(N1);
    let second = cluster.read(N1);
    let (from, to, heartbeat) = cluster.wire.pop_front().unwrap();
    assert!(cluster.wire.is_empty(), "one round at a time");
    cluster.deliver(from, to, heartbeat);
    let (from, to, answer) = cluster.wire.pop_front().unwrap();
    cluster.deliver(from, to, answer);
    assert_eq!(cluster.granted(N1, first), Some(true));
    assert_eq!(cluster.granted(N1, second), None);
    // Nothing else has to happen first, least of all the next heartbeat's time.
    assert_eq!(cluster.wire.len(), 1, "the next round is under way");
    cluster.settle();
    assert_eq!(cluster.granted(N1, second), Some(true));
}

#[test]
fn a_read_waits_for_a_commit_in_the_leaders_own_term() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.propose(N1, "x").unwrap();
    cluster.settle();
    cluster.crash(N1);
    // Everything that carries entries is lost: the next leader is answered, but its first entry goes nowhere.
    let lossy = |cluster: &mut Cluster| {
        for _ in 0..100 {
            for id in [N2, N3] {
                while cluster.finish_write(id) {}
            }
            let Some((from, to, message)) = cluster.wire.pop_front() else { return };
            if !matches!(&message, Message::AppendEntries(append) if !append.entries.is_empty()) {
                cluster.deliver(from, to, message);
            }
        }
    };
    cluster.now = cluster.now + Timing::FAST.election_max;
    cluster.time_out(N2);
    lossy(&mut cluster);
    assert_eq!(cluster.status(N2).role, Role::Leader);
    let read = cluster.read(N2);
    for _ in 0..3 {
        cluster.time_out(N2);
        lossy(&mut cluster);
    }
    assert_eq!(cluster.granted(N2, read), None, "it may not know yet that \"x\" is committed");
    cluster.heartbeat(N2);
    cluster.heartbeat(N2);
    assert_eq!(cluster.granted(N2, read), Some(true));
    assert_eq!(cluster.status(N2).committed, LogIndex(3));
}

#[test]
fn a_leader_without_a_majority_grants_nothing_and_refuses_when_it_gives_up() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.partition(&[N1]);
    let read = cluster.read(N1);
    cluster.settle();
    assert_eq!(cluster.granted(N1, read), None);
    cluster.run_until("n1 gives up", |c| c.status(N1).role != Role::Leader);
    assert_eq!(cluster.granted(N1, read), Some(false));
}

#[test]
fn answers_to_an_earlier_round_do_not_serve_a_later_read() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N1);
    cluster.time_out(N1); // a heartbeat before the read
    let read = cluster.read(N1);
    // Only the answers to that earlier heartbeat come back.
    cluster.wire.truncate(2);
    cluster.settle();
    assert_eq!(cluster.granted(N1, read), None);
    cluster.heartbeat(N1);
    assert_eq!(cluster.granted(N1, read), Some(true));
}

#[test]
fn a_follower_refuses_reads_and_names_the_leader() {
    let mut cluster = Cluster::new(3);
    cluster.elect(N2);
    let now = cluster.now;
    assert_eq!(
        cluster.raft(N1).read(ReadId(1), ReadMode::Index, now),
        Err(ReadError::NotLeader { leader: Some(N2) })
    );
}
