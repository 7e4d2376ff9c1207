//! What a member passes on between its driver, the core and the state, and what can be asked of it.

mod support;

use bytes::Bytes;
use raftdeck_protocol::kv::LoggedTime;
use raftdeck_protocol::{Answer, Consistency, Failure, Read, ResponseBody, Write};
use raftdeck_raft::{
    ChangeError, Config, FoundError, InstallSnapshot, LogIndex, Membership, MembershipChange, Message,
    NodeId, Restored, Role, SnapshotRefusal, Term, TermRun, Timestamp, Timing, TransferError,
};
use raftdeck_replica::{Replica, RequestToken};
use std::time::Duration;
use support::{N1, N2, Table, append, id, noop};

/// A single node that leads, which takes its first entry.
fn alone() -> Table {
    let mut table = Table::new(1);
    table.time_out();
    table.finish_writes();
    table
}

fn of(nodes: &[u64]) -> Membership {
    Membership::of(nodes.iter().copied().map(NodeId).collect())
}

fn add(node: u64) -> Vec<MembershipChange> {
    vec![MembershipChange::AddLearner { node: NodeId(node), address: "h:1".to_owned(), incarnation: None }]
}

/// Takes the outputs, and says that what they write is durable.
fn make_durable(table: &mut Table) {
    let outputs = table.replica.take_outputs(table.now);
    for write in outputs.persist {
        table.replica.handle_persisted(write.ticket, table.now);
    }
}

#[test]
fn the_state_is_counted_and_hashed_as_it_is() {
    let mut table = alone();
    let empty = table.replica.state_hash();
    table.put(1, "v");
    let other = Write::Put { key: "other".into(), value: "w".into() };
    table.replica.write(RequestToken(2), other, LoggedTime(0));
    table.finish_writes();
    let two = table.replica.state_hash();
    assert_ne!(empty, two);
    for _ in 0..3 {
        table.open_session(5);
    }
    assert_ne!(two, table.replica.state_hash());
    assert_eq!((table.replica.keys(), table.replica.sessions()), (2, 3));
    assert_eq!(table.replica.applied(), id(1, 6));
    let image = table.replica.image();
    assert_eq!((image.meta().last, image.meta().membership.clone()), (id(1, 6), of(&[1])));
    assert_eq!(image.state_hash(), table.replica.state_hash());
}

#[test]
fn a_member_is_caught_up_when_it_has_what_its_leader_has_committed() {
    let mut table = Table::new(3);
    assert!(!table.replica.leads() && !table.replica.is_caught_up());
    let stale = |table: &mut Table, token| {
        let read = Read::Get { key: "k".into() };
        table.replica.read(RequestToken(token), read, Consistency::Stale, table.now);
        table.collect();
        table.reply(token)
    };
    assert_eq!(stale(&mut table, 1), Some(ResponseBody::Failed(Failure::NotCaughtUp)));
    table.follow(5, id(0, 0), vec![noop(5, 1)], 0);
    // One that led once knows nothing of this term.
    table.replica.handle_message(NodeId(3).into(), append(4, id(0, 0), vec![], 0), table.now);
    table.finish_writes();
    assert!(!table.replica.is_caught_up());
    table.follow(5, id(5, 1), vec![], 1);
    assert!(table.replica.is_caught_up());
    let answer = Answer::Value(None);
    assert_eq!(stale(&mut table, 2), Some(ResponseBody::Done { answer, at: id(5, 1) }));
    assert!(alone().replica.leads());
}

#[test]
fn the_membership_and_its_place_are_those_in_force() {
    let mut table = alone();
    assert_eq!((table.replica.membership(), table.replica.membership_place()), (&of(&[1]), id(0, 0)));
    assert_eq!(table.replica.named_at(), Some(id(0, 0)));
    table.replica.change_membership(RequestToken(1), &add(2), table.now);
    table.finish_writes();
    let membership = table.replica.membership().clone();
    assert!(membership.contains(N2));
    assert_eq!((table.replica.membership_place(), table.replica.named_at()), (id(1, 2), Some(id(1, 2))));
    assert_eq!(table.reply(1), Some(ResponseBody::MembershipChanged { at: id(1, 2), membership }));
    assert_eq!(Table::new(0).replica.named_at(), None);
}

/// The end of a change says not of which, so another one waits until it has been told.
#[test]
fn a_change_or_transfer_is_refused_until_the_end_of_the_one_before_it_has_been_told() {
    let mut table = alone();
    table.replica.change_membership(RequestToken(1), &add(2), table.now);
    make_durable(&mut table);
    table.replica.change_membership(RequestToken(2), &add(3), table.now);
    table.finish_writes();
    let in_progress = ResponseBody::Failed(Failure::Change(ChangeError::InProgress));
    assert_eq!(table.reply(2), Some(in_progress));
    assert!(matches!(table.reply(1), Some(ResponseBody::MembershipChanged { .. })));
    table.replica.change_membership(RequestToken(3), &add(3), table.now);
    table.finish_writes();
    assert!(matches!(table.reply(3), Some(ResponseBody::MembershipChanged { .. })));

    let mut table = Table::new(3);
    table.lead();
    table.replica.transfer_leadership(RequestToken(1), N1, table.now);
    table.replica.transfer_leadership(RequestToken(2), N2, table.now);
    table.replica.transfer_leadership(RequestToken(3), N1, table.now);
    table.collect();
    assert_eq!(table.reply(1), Some(ResponseBody::Transferred { leader: N1, term: Term(1) }));
    let in_progress = ResponseBody::Failed(Failure::Transfer(TransferError::InProgress));
    assert_eq!(table.reply(3), Some(in_progress));
    assert_eq!(table.reply(2), None, "it is under way");
}

#[test]
fn a_snapshot_is_due_taken_and_released_with_the_log_before_it() {
    let config = |snapshot_entries| Config {
        snapshot_entries,
        retained_entries: 1,
        ..Config::new(N1, [N1].into(), Timing::FAST)
    };
    for (snapshot_entries, due) in [(Some(3), true), (None, false)] {
        let mut table = Table::with(config(snapshot_entries), Restored::default(), None);
        table.time_out();
        table.finish_writes();
        assert!(!table.replica.snapshot_due());
        for token in 0..4 {
            table.put(token, "v");
        }
        table.finish_writes();
        assert_eq!((table.replica.may_snapshot(), table.replica.snapshot_due()), (true, due));
        let meta = table.replica.image().meta().clone();
        assert_eq!(table.replica.snapshots_in_use(), []);
        table.replica.handle_snapshot_saved(meta.clone(), 100);
        assert_eq!(table.replica.snapshots_in_use(), [meta.last]);
        assert_eq!(table.replica.status(table.now).snapshot, meta.last);
        assert!(!table.replica.snapshot_due());
    }
    // Nobody has told it who belongs to the cluster.
    assert!(!Table::new(0).replica.may_snapshot());
}

/// n2 leads, and sends a snapshot that n1 has all pieces of; also what it is of.
fn receiving(leader: &Table) -> (Table, InstallSnapshot) {
    let meta = leader.replica.image().meta().clone();
    let data = Bytes::from_static(b"the driver knows what is in it");
    let size = data.len() as u64;
    let piece = InstallSnapshot { term: Term(1), meta, offset: 0, data, done: true, size, round: 1 };
    let mut table = Table::new(3);
    table.replica.handle_message(N2.into(), Message::InstallSnapshot(piece.clone()), table.now);
    let outputs = table.replica.take_outputs(table.now);
    assert_eq!(outputs.pieces_received.len(), 1);
    for write in outputs.persist {
        table.replica.handle_persisted(write.ticket, table.now);
    }
    (table, piece)
}

#[test]
fn a_received_snapshot_takes_the_place_of_the_state_or_is_refused() {
    let mut leader = alone();
    leader.put(1, "v");
    leader.finish_writes();
    let (mut table, piece) = receiving(&leader);
    table.replica.handle_snapshot_received(leader.replica.image(), piece.size, table.now);
    table.finish_writes();
    assert_eq!((table.replica.keys(), table.replica.applied()), (1, leader.replica.applied()));
    assert_eq!(table.replica.state_hash(), leader.replica.state_hash());

    let (mut table, piece) = receiving(&leader);
    table.replica.handle_snapshot_discarded(piece.meta.last, SnapshotRefusal::Undecodable);
    let outputs = table.replica.take_outputs(table.now);
    let refusals = outputs.send.iter().filter_map(|envelope| match &envelope.message {
        Message::SnapshotReply(reply) => reply.refused,
        _ => None,
    });
    assert_eq!(refusals.collect::<Vec<_>>(), [SnapshotRefusal::Undecodable]);
    assert_eq!(table.replica.keys(), 0);
}

#[test]
fn what_stayed_on_the_disk_is_applied_when_it_has_been_read() {
    let mut before = alone();
    before.put(1, "v");
    before.finish_writes();
    let mut log = before.log();
    let newest = log.pop().expect("the write");
    let hard_state = raftdeck_raft::HardState { term: Term(1), vote: Some(N1) };
    let on_disk = vec![TermRun { term: Term(1), first: LogIndex(1), last: LogIndex(1) }];
    let restored = Restored { hard_state, on_disk, entries: vec![newest], ..Restored::default() };
    let mut table = Table::restart(1, restored, None);
    table.time_out();
    let outputs = table.replica.take_outputs(table.now);
    for write in outputs.persist {
        table.replica.handle_persisted(write.ticket, table.now);
    }
    table.finish_writes();
    assert_eq!(table.replica.applied(), id(0, 0), "the first entry is on the disk");
    table.replica.handle_entries_read(log);
    table.finish_writes();
    assert_eq!((table.replica.keys(), table.replica.applied()), (1, id(2, 3)));
}

#[test]
fn a_member_is_founded_once() {
    let mut table = Table::new(0);
    table.replica.found(of(&[1, 2, 3]), table.now).unwrap();
    assert_eq!(table.replica.membership(), &of(&[1, 2, 3]));
    let error = table.replica.found(of(&[1, 2]), table.now).unwrap_err();
    assert_eq!(error, FoundError::AlreadyMember { id: N1 });
}

#[test]
fn who_is_told_to_campaigns_at_once() {
    let role = |table: &Table| table.replica.status(table.now).role;
    let mut table = Table::new(3);
    table.replica.campaign(table.now);
    assert_eq!(role(&table), Role::PreCandidate);
    let mut table = Table::new(3);
    table.follow(1, id(0, 0), vec![], 0);
    table.replica.campaign_against_leader(table.now);
    assert_eq!((role(&table), table.term()), (Role::Candidate, Term(2)));
    let config = Config { detect_crash: true, ..Config::new(N1, [N1, N2, NodeId(3)].into(), Timing::FAST) };
    let mut table = Table::with(config, Restored::default(), None);
    table.follow(1, id(0, 0), vec![], 0);
    table.replica.handle_disconnected(N2, table.now);
    assert_eq!(role(&table), Role::PreCandidate);
}

#[test]
fn a_lease_ends_with_a_pause_and_when_it_is_forgone() {
    let has_lease = |replica: &Replica, now| replica.status(now).lease > Duration::ZERO;
    for end in [Replica::forgo_leases, |replica: &mut Replica| replica.handle_pause(Timestamp(1))] {
        let mut table = Table::new(3);
        table.lead();
        assert!(has_lease(&table.replica, table.now));
        end(&mut table.replica);
        assert!(!has_lease(&table.replica, table.now));
    }
}

#[test]
fn tuning_is_taken_if_it_makes_sense() {
    let mut table = Table::new(3);
    let tuning = table.replica.status(table.now).tuning;
    let slow = raftdeck_raft::Tuning { timing: Timing::DEMO, ..tuning };
    table.replica.tune(slow, table.now).unwrap();
    assert_eq!(table.replica.status(table.now).tuning, slow);
    let mut senseless = slow;
    senseless.timing.heartbeat = Duration::ZERO;
    table.replica.tune(senseless, table.now).unwrap_err();
    let timeout = Duration::from_millis(7777);
    table.replica.set_election_timeout(Some(timeout), table.now).unwrap();
    assert_eq!(table.replica.status(table.now).election_timeout, timeout);
    table.replica.set_election_timeout(Some(Duration::ZERO), table.now).unwrap_err();
}
