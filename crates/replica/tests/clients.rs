//! What clients are told: each exactly once, and never "done" before it is.

mod support;

use raftdeck_protocol::kv::{Action, Command, LimitError, LoggedTime};
use raftdeck_protocol::{Answer, Consistency, Failure, Read, ResponseBody, Write};
use raftdeck_raft::{AppendEntries, Entry, LogIndex, Message, Payload, Role, Term};
use raftdeck_replica::RequestToken;
use std::time::Duration;
use support::{N2, Table, id, not_leader};

#[test]
fn a_single_node_answers_a_write_only_after_its_own_fsync() {
    let mut table = Table::new(1);
    table.time_out();
    table.finish_writes();
    table.put(1, "v");
    assert_eq!(table.reply(1), None);
    table.finish_writes();
    assert_eq!(table.reply(1), Some(ResponseBody::Done { answer: Answer::Stored, at: id(1, 2) }));
    table.get(2);
    let value = Answer::Value(Some("v".into()));
    assert_eq!(table.reply(2), Some(ResponseBody::Done { answer: value, at: id(1, 2) }));
}

#[test]
fn a_write_is_answered_when_a_majority_has_it() {
    let mut table = Table::new(3);
    table.lead();
    table.put(1, "v");
    table.finish_writes();
    assert_eq!(table.reply(1), None, "only this node has it");
    table.acknowledge();
    assert_eq!(table.reply(1), Some(ResponseBody::Done { answer: Answer::Stored, at: id(1, 2) }));
    assert_eq!(table.reply(1), None, "once");
}

#[test]
fn a_read_sees_every_write_that_was_answered_before_it() {
    let mut table = Table::new(3);
    table.lead();
    table.put(1, "v");
    table.finish_writes();
    table.acknowledge();
    assert!(matches!(table.reply(1), Some(ResponseBody::Done { .. })));
    table.get(2);
    assert_eq!(table.reply(2), None, "nobody has confirmed yet that n1 still leads");
    table.acknowledge();
    let value = Answer::Value(Some("v".into()));
    assert_eq!(table.reply(2), Some(ResponseBody::Done { answer: value, at: id(1, 2) }));
}

#[test]
fn long_reads_are_answered_a_few_at_a_time() {
    const LISTS: u64 = 100;
    let mut table = Table::new(1);
    table.time_out();
    table.finish_writes();
    for key in 0..1000_u64 {
        let write = Write::Put { key: format!("{key}").into(), value: "v".into() };
        table.replica.write(RequestToken(LISTS + key), write, LoggedTime(0));
    }
    table.finish_writes();
    table.replies.clear();
    for list in 0..LISTS {
        let read = Read::List { prefix: "".into(), after: None, limit: 1000 };
        table.replica.read(RequestToken(list), read, Consistency::Linearizable, table.now);
    }
    let mut turns = 0;
    loop {
        let answered = table.replies.len();
        table.collect();
        turns += 1;
        assert!(table.replies.len() <= answered + 5, "a leader has more to do than to read");
        if !table.replica.has_more() {
            break;
        }
    }
    assert_eq!(table.replies.len() as u64, LISTS, "after {turns} turns");
}

#[test]
fn a_step_down_answers_every_waiting_request() {
    let mut table = Table::new(3);
    table.lead();
    table.put(1, "v");
    table.get(2);
    table.now = table.now + Duration::from_secs(1);
    table.time_out();
    assert_ne!(table.replica.status(table.now).role, Role::Leader);
    assert_eq!(
        table.reply(1),
        Some(ResponseBody::Failed(Failure::Unknown)),
        "its entry may still be committed"
    );
    assert_eq!(table.reply(2), Some(not_leader(None)));
}

#[test]
fn a_write_that_was_replaced_is_never_reported_as_done() {
    let mut table = Table::new(3);
    table.lead();
    table.put(1, "mine");
    let theirs = Write::Put { key: "k".into(), value: "theirs".into() };
    let theirs = Command { at: LoggedTime(0), action: Action::Write(theirs) };
    let entry = Entry { id: id(2, 2), payload: Payload::Command(raftdeck_protocol::frame::encode(&theirs)) };
    table.hear(Message::AppendEntries(AppendEntries {
        term: Term(2),
        prev: id(1, 1),
        entries: vec![entry],
        commit: LogIndex(2),
        round: 1,
    }));
    table.finish_writes();
    let reply = table.reply(1).expect("a step-down answers");
    assert!(matches!(reply, ResponseBody::Failed(_)), "{reply:?}");
    assert_eq!((table.replica.keys(), table.replica.status(table.now).applied), (1, LogIndex(2)));
    table.put(3, "later");
    assert_eq!(table.reply(3), Some(not_leader(Some(N2))));
}

#[test]
fn limits_are_refused_before_anything_is_written() {
    let mut table = Table::new(1);
    table.time_out();
    table.finish_writes();
    let last = table.replica.status(table.now).last;
    table.replica.write(RequestToken(1), Write::Delete { key: "".into() }, LoggedTime(0));
    let read = Read::List { prefix: "".into(), after: None, limit: 0 };
    table.replica.read(RequestToken(2), read, Consistency::Linearizable, table.now);
    table.collect();
    assert_eq!(table.reply(1), Some(ResponseBody::Failed(Failure::Limit(LimitError::EmptyKey))));
    assert_eq!(
        table.reply(2),
        Some(ResponseBody::Failed(Failure::Limit(LimitError::ListLimit { limit: 0 })))
    );
    assert_eq!(table.replica.status(table.now).last, last);
}

#[test]
fn a_cancelled_request_is_not_answered_but_its_write_is_carried_out() {
    let mut table = Table::new(1);
    table.time_out();
    table.finish_writes();
    table.put(1, "v");
    table.replica.cancel(RequestToken(1));
    table.finish_writes();
    assert_eq!(table.reply(1), None);
    assert_eq!(table.replica.keys(), 1);
}
