//! What a member tells of the changes that it applies: what truly changed, in order, each once.

mod support;

use bytes::Bytes;
use raftdeck_protocol::kv::{LoggedTime, NamedWrite, SessionWrite};
use raftdeck_protocol::{Answer, Consistency, Read, ResponseBody, Write};
use raftdeck_replica::{Changed, RequestToken};
use support::{Table, id, noop};

const AT: LoggedTime = LoggedTime(1);
const TOKEN: RequestToken = RequestToken(1);

fn put(value: &'static str) -> Write {
    Write::Put { key: "k".into(), value: value.into() }
}

fn delete(key: &'static str) -> Write {
    Write::Delete { key: key.into() }
}

fn cas(expected: &'static str, value: &'static str) -> Write {
    Write::CompareAndSet { key: "k".into(), expected: Some(expected.into()), value: value.into() }
}

/// Index, key and value, as text.
fn told(changes: &[Changed]) -> Vec<(u64, String, Option<String>)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("keys and values here are text");
    changes.iter().map(|change| (change.index.0, text(change.key()), change.value().map(text))).collect()
}

/// A single node that leads, which takes its first entry.
fn alone() -> Table {
    let mut table = Table::new(1);
    table.time_out();
    table.finish_writes();
    table
}

#[test]
fn what_changed_something_is_told_and_nothing_else() {
    let mut table = alone();
    let session = table.open_session(1);
    let in_session = |sequence, write| SessionWrite { session, sequence, acknowledged: 0, write };
    let named = |write| NamedWrite { name: "n".into(), write };
    let replica = &mut table.replica;
    replica.write(TOKEN, put("1"), AT);
    replica.write(TOKEN, cas("no", "2"), AT);
    replica.write(TOKEN, cas("1", "2"), AT);
    replica.write(TOKEN, delete("none"), AT);
    for _ in 0..2 {
        replica.session_write(TOKEN, in_session(1, put("")), AT);
        replica.named_write(TOKEN, named(put("4")), AT);
    }
    replica.named_write(TOKEN, named(put("5")), AT);
    replica.write(TOKEN, delete("k"), AT);
    replica.open_session(TOKEN, AT);
    table.finish_writes();
    let changed = |index, value: Option<&str>| (index, "k".to_owned(), value.map(ToOwned::to_owned));
    assert_eq!(
        told(&table.changes),
        [
            changed(3, Some("1")),
            changed(5, Some("2")),
            changed(7, Some("")),
            changed(8, Some("4")),
            changed(12, None)
        ]
    );
}

#[test]
fn a_follower_tells_the_same_however_it_got_its_entries() {
    let mut leader = alone();
    for value in ["1", "2", "3"] {
        leader.replica.write(TOKEN, put(value), AT);
    }
    leader.replica.write(TOKEN, delete("k"), AT);
    leader.finish_writes();
    let log = leader.log();
    for cut in 1..log.len() {
        let mut follower = Table::new(3);
        let (before, after) = log.split_at(cut);
        let middle = before.last().expect("not empty").id;
        follower.follow(1, id(0, 0), before.to_vec(), 1);
        follower.follow(1, middle, after.to_vec(), log.len() as u64);
        assert_eq!(told(&follower.changes), told(&leader.changes));
    }
}

#[test]
fn nothing_is_told_before_it_is_committed() {
    let mut table = Table::new(3);
    table.lead();
    table.put(1, "mine");
    table.finish_writes();
    assert_eq!(told(&table.changes), []);
    // Another leader has other entries.
    table.follow(2, id(1, 1), vec![noop(2, 2)], 2);
    assert_eq!(told(&table.changes), []);
}

#[test]
fn the_changes_make_the_state_again() {
    let mut table = alone();
    let (mut chance, mut pairs) = (1_u64, std::collections::BTreeMap::new());
    for _ in 0..500 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let draw = |shift: u32, below: u64| (chance >> shift) % below;
        let (key, value) = (format!("k{}", draw(33, 5)), format!("{}", draw(40, 3)));
        let (key, value) = (key.into(), value.into());
        let write = match draw(50, 3) {
            0 => Write::Put { key, value },
            1 => Write::Delete { key },
            _ => Write::CompareAndSet { key, expected: Some(format!("{}", draw(45, 3)).into()), value },
        };
        let name = format!("{}", draw(55, 200)).into();
        table.replica.named_write(TOKEN, NamedWrite { name, write }, AT);
    }
    table.finish_writes();
    for (_, key, value) in told(&table.changes) {
        match value {
            Some(value) => pairs.insert(key, value),
            None => pairs.remove(&key),
        };
    }
    let read = Read::List { prefix: "".into(), after: None, limit: 100 };
    table.replica.read(RequestToken(2), read, Consistency::Stale, table.now);
    table.collect();
    let Some(ResponseBody::Done { answer: Answer::Page { pairs: kept, .. }, .. }) = table.reply(2) else {
        panic!("a list gives a page")
    };
    let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    assert!(kept.into_iter().map(|(key, value)| (text(key), text(value))).eq(pairs));
}
