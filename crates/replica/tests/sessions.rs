//! A write of a session is applied once, whoever leads when it is repeated and wherever the state came from.

mod support;

use raftdeck_protocol::kv::SESSION_LIFETIME;
use raftdeck_protocol::{Answer, Failure, ResponseBody};
use raftdeck_raft::{Entry, HardState, Restored, Role, Term};
use raftdeck_replica::{Replica, StateImage};
use std::time::Duration;
use support::{N1, N2, Table, append, id, noop};

const LIFETIME: u64 = SESSION_LIFETIME.as_secs() * 1_000_000;

fn stored(term: u64, index: u64) -> ResponseBody {
    ResponseBody::Done { answer: Answer::Stored, at: id(term, index) }
}

/// The image as a node reads it from its disk.
fn reread(replica: &Replica) -> StateImage {
    let image = replica.image();
    let pieces: Vec<_> = image.pieces().collect();
    StateImage::decode(image.meta().clone(), pieces.into_iter()).expect("it was just written")
}

/// A single node that has written `rounds` times in a session, with another one that is not used.
fn alone(rounds: u64) -> Table {
    let mut table = Table::new(1);
    table.time_out();
    table.finish_writes();
    let (_unused, used) = (table.open_session(1), table.open_session(2));
    for sequence in 1..=rounds {
        table.create(sequence, used, sequence, sequence * LIFETIME / 4);
    }
    table
}

/// A node that starts from an image, with nothing left of the log before it.
fn from_image(image: StateImage) -> Table {
    let meta = image.meta().clone();
    let restored = Restored {
        hard_state: HardState { term: meta.last.term, vote: None },
        purged: meta.last,
        snapshot: Some((meta, 1)),
        ..Restored::default()
    };
    Table::restart(1, restored, Some(image))
}

#[test]
fn a_write_repeated_after_a_change_of_leaders_is_applied_once() {
    let mut table = Table::new(3);
    table.lead();
    let session = table.open_session(1);
    table.create(1, session, 1, 2);
    let log = table.log();
    let last = log.last().expect("the write").id;
    // n2 has the write, takes over and commits it; n1's client is left in doubt.
    table.follow(2, last, vec![noop(2, 4)], 4);
    assert_eq!(table.reply(1), Some(stored(1, 3)), "it learns the fate of its own write");
    table.now = table.now + Duration::from_secs(10);
    table.lead();
    assert_eq!(table.replica.status(table.now).role, Role::Leader);
    // The client never saw that answer.
    table.create(2, session, 1, 3);
    table.acknowledge();
    assert_eq!(table.reply(2), Some(stored(1, 3)), "of the entry that applied it, not of this one");
    assert_eq!(table.replica.sessions(), 1);
}

#[test]
fn a_write_repeated_after_its_leader_gave_up_is_applied_once() {
    let mut table = Table::new(3);
    table.lead();
    let session = table.open_session(1);
    table.create(1, session, 1, 2);
    // Nobody answers n1 for so long that it steps down.
    table.now = table.now + Duration::from_secs(1);
    table.time_out();
    assert_eq!(table.reply(1), Some(ResponseBody::Failed(Failure::Unknown)));
    table.lead();
    table.create(2, session, 1, 3);
    table.acknowledge();
    assert!(matches!(table.reply(2), Some(ResponseBody::Done { answer: Answer::Stored, .. })));
    table.create(3, session, 2, 3);
    table.acknowledge();
    let Some(ResponseBody::Done { answer: Answer::Mismatch { current }, .. }) = table.reply(3) else {
        panic!("the key is there")
    };
    assert_eq!(current, Some("1".into()));
}

#[test]
fn a_write_repeated_after_a_start_from_a_snapshot_is_applied_once() {
    let mut table = alone(0);
    let session = table.open_session(5);
    table.create(1, session, 1, 6);
    let first = table.reply(1).expect("is answered");
    let mut table = from_image(reread(&table.replica));
    table.time_out();
    table.finish_writes();
    table.create(2, session, 1, 7);
    assert_eq!(table.reply(2), Some(first));
    assert_eq!(table.replica.keys(), 1);
}

#[test]
fn sessions_expire_alike_however_a_member_came_to_its_state() {
    let mut original = alone(12);
    original.finish_writes();
    assert_eq!(original.replica.sessions(), 1, "the one that was not used is forgotten");
    let log = original.log();
    for cut in 1..log.len() {
        let follower = follower_of(&log, cut);
        assert_eq!(follower.replica.state_hash(), original.replica.state_hash(), "handed out in two parts");
        let restarted = restarted_at(&log, cut);
        assert_eq!(restarted.replica.state_hash(), original.replica.state_hash(), "from an image at {cut}");
        assert_eq!(restarted.replica.sessions(), 1);
    }
}

/// A member that gets the log in two parts.
fn follower_of(log: &[Entry], cut: usize) -> Table {
    let mut table = Table::new(3);
    let (before, after) = log.split_at(cut);
    let middle = before.last().expect("not empty").id;
    table.follow(1, id(0, 0), before.to_vec(), middle.index.0);
    table.follow(1, middle, after.to_vec(), log.len() as u64);
    table
}

/// A member that starts from an image of the first part, and gets the rest.
fn restarted_at(log: &[Entry], cut: usize) -> Table {
    let mut table = Table::new(3);
    let (before, after) = log.split_at(cut);
    let middle = before.last().expect("not empty").id;
    table.follow(1, id(0, 0), before.to_vec(), middle.index.0);
    let image = reread(&table.replica);
    let restored = Restored {
        hard_state: HardState { term: Term(1), vote: Some(N1) },
        purged: middle,
        snapshot: Some((image.meta().clone(), 1)),
        ..Restored::default()
    };
    let mut table = Table::restart(3, restored, Some(image));
    table.follow(1, middle, after.to_vec(), log.len() as u64);
    table
}

#[test]
fn a_snapshot_over_a_waiting_write_leaves_its_client_in_doubt() {
    let mut table = Table::new(3);
    table.lead();
    table.put(1, "mine");
    // Another member, whose log goes on in a later term.
    let mut other = Table::new(3);
    let entries = vec![noop(1, 1), noop(2, 2), noop(2, 3)];
    other.follow(2, id(0, 0), entries, 3);
    let image = reread(&other.replica);
    assert_eq!(image.meta().last, id(2, 3));
    // n1 learns of it, and the snapshot is there before anything else is done.
    let heartbeat = append(2, id(2, 3), Vec::new(), 3);
    table.replica.handle_message(N2.into(), heartbeat, table.now);
    table.replica.handle_snapshot_received(image, 1, table.now);
    table.collect();
    assert_eq!(table.reply(1), Some(ResponseBody::Failed(Failure::Unknown)));
    assert_eq!(table.replica.state_hash(), other.replica.state_hash());
}
