//! A history that is written for porcupine and read again gets the same verdict.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use bytes::Bytes;
use proptest::prelude::*;
use raftdeck_check::{History, OpId, Operation, OperationOutcome, Verdict, check_linearizable, porcupine};
use raftdeck_protocol::{Answer, Read, Write};
use std::collections::{BTreeMap, BTreeSet};

const BUDGET: u64 = 1_000_000;

/// Reads the lines as porcupine's tests do: a line is an event or nothing, and a process has one request at a time.
fn read(text: &str) -> History {
    let mut history = History::default();
    let mut open: BTreeMap<u64, (OpId, bool)> = BTreeMap::new();
    // In this format a key that does not exist has the empty text, so each one begins with that.
    let key_of = |line: &str| Some(line.split_once(":key \"")?.1.split_once("\", :value")?.0.to_owned());
    for key in text.lines().filter_map(key_of).collect::<BTreeSet<String>>() {
        let id = history.invoke(
            u64::MAX,
            Operation::Write(Write::Put { key: key.into(), value: Bytes::new() }),
            0,
        );
        history.complete(id, OperationOutcome::Ok(Answer::Stored), 0);
    }
    for (at, line) in (1u64..).zip(text.lines()) {
        assert!(line.len() < 4096, "porcupine reads no longer line");
        let Some(rest) = line.strip_prefix("{:process ") else {
            assert!(line.starts_with(";;"), "{line}");
            continue;
        };
        let (process, rest) = rest.split_once(", :type ").unwrap();
        let (kind, rest) = rest.split_once(", :f ").unwrap();
        let (f, rest) = rest.split_once(", :key \"").unwrap();
        let (key, rest) = rest.split_once("\", :value ").unwrap();
        let value = rest.strip_suffix('}').unwrap();
        let (process, key) = (process.parse().unwrap(), Bytes::from(key.to_owned()));
        let value =
            value.strip_prefix('"').map(|value| Bytes::from(value.strip_suffix('"').unwrap().to_owned()));
        match (kind, f, value) {
            (":invoke", ":get", None) => {
                let id = history.invoke(process, Operation::Read(Read::Get { key }), at);
                assert!(open.insert(process, (id, true)).is_none(), "{line}");
            }
            (":invoke", ":put", Some(value)) => {
                let id = history.invoke(process, Operation::Write(Write::Put { key, value }), at);
                assert!(open.insert(process, (id, false)).is_none(), "{line}");
            }
            (":ok", _, Some(value)) => {
                let (id, reads) = open.remove(&process).unwrap();
                assert_eq!(reads, f == ":get", "{line}");
                let answer = if reads { Answer::Value(Some(value)) } else { Answer::Stored };
                history.complete(id, OperationOutcome::Ok(answer), at);
            }
            _ => panic!("no such event: {line}"),
        }
    }
    history
}

fn get(key: &'static str) -> Operation {
    Operation::Read(Read::Get { key: key.into() })
}

fn put(key: &'static str, value: impl Into<Bytes>) -> Operation {
    Operation::Write(Write::Put { key: key.into(), value: value.into() })
}

fn found(value: Option<&'static str>) -> OperationOutcome {
    OperationOutcome::Ok(Answer::Value(value.map(Bytes::from)))
}

/// Carried out one after the other.
fn one_by_one(operations: Vec<(u64, Operation, OperationOutcome)>) -> History {
    let mut history = History::default();
    for (at, (client, operation, outcome)) in (0u64..).zip(operations) {
        let id = history.invoke(client, operation, at * 10);
        history.complete(id, outcome, at * 10 + 5);
    }
    history
}

fn is_linearizable(history: &History) -> bool {
    match check_linearizable(history, BUDGET) {
        Verdict::Ok => true,
        Verdict::Violation { .. } => false,
        Verdict::Undecided { .. } => panic!("the budget is too small"),
    }
}

#[test]
fn the_lines_are_those_of_porcupines_test_data() {
    let stored = OperationOutcome::Ok(Answer::Stored);
    let history = one_by_one(vec![
        (0, get("k"), found(None)),
        (1, put("k", "x"), stored),
        (0, get("k"), found(Some("x"))),
    ]);
    let written = porcupine(&history);
    let lines: Vec<&str> = written.text.lines().filter(|line| !line.starts_with(";;")).collect();
    assert_eq!(
        lines,
        [
            r#"{:process 0, :type :invoke, :f :get, :key "k", :value nil}"#,
            r#"{:process 0, :type :ok, :f :get, :key "k", :value ""}"#,
            r#"{:process 1, :type :invoke, :f :put, :key "k", :value "x"}"#,
            r#"{:process 1, :type :ok, :f :put, :key "k", :value "x"}"#,
            r#"{:process 0, :type :invoke, :f :get, :key "k", :value nil}"#,
            r#"{:process 0, :type :ok, :f :get, :key "k", :value "x"}"#,
        ]
    );
    assert_eq!((written.written, written.lists_left_out), (3, 0));
}

#[test]
fn an_operation_in_doubt_stays_open_and_its_client_goes_on_as_another_process() {
    let stored = || OperationOutcome::Ok(Answer::Stored);
    let history = one_by_one(vec![
        (4, put("k", "a"), stored()),
        (4, put("k", "b"), OperationOutcome::Unknown),
        (4, put("k", "c"), OperationOutcome::Failed),
        (4, get("k"), OperationOutcome::Unknown),
        (4, get("k"), found(Some("b"))),
    ]);
    let text = porcupine(&history).text;
    assert_eq!(text.matches(":invoke").count(), 3, "{text}");
    assert_eq!(text.matches(":ok").count(), 2, "{text}");
    assert!(text.contains("{:process 1, :type :ok, :f :get, :key \"k\", :value \"b\"}"), "{text}");
    assert!(is_linearizable(&history) && is_linearizable(&read(&text)), "{text}");
}

#[test]
fn what_cannot_be_is_still_found() {
    let stored = || OperationOutcome::Ok(Answer::Stored);
    let deleted = OperationOutcome::Ok(Answer::Deleted { existed: true });
    let delete = Operation::Write(Write::Delete { key: "k".into() });
    let create =
        Operation::Write(Write::CompareAndSet { key: "k".into(), expected: None, value: "z".into() });
    let mismatch = |current: Option<&'static str>| {
        OperationOutcome::Ok(Answer::Mismatch { current: current.map(Bytes::from) })
    };
    for (history, expected) in [
        (
            vec![(0, put("k", "a"), stored()), (1, put("k", "b"), stored()), (0, get("k"), found(Some("a")))],
            false,
        ),
        (
            vec![
                (0, put("k", "a"), stored()),
                (1, delete.clone(), deleted.clone()),
                (0, get("k"), found(None)),
            ],
            true,
        ),
        (vec![(0, put("k", "a"), stored()), (1, delete, deleted), (0, get("k"), found(Some("a")))], false),
        (vec![(0, put("k", "a"), stored()), (1, create.clone(), mismatch(Some("a")))], true),
        (vec![(0, put("k", "a"), stored()), (1, create.clone(), mismatch(Some("b")))], false),
        (vec![(0, create, stored()), (1, get("k"), found(Some("z")))], true),
    ] {
        let history = one_by_one(history);
        let text = porcupine(&history).text;
        assert_eq!(
            (is_linearizable(&history), is_linearizable(&read(&text))),
            (expected, expected),
            "{text}"
        );
    }
}

#[test]
fn hostile_and_long_bytes_stay_one_line_and_apart() {
    let stored = || OperationOutcome::Ok(Answer::Stored);
    let mut operations = Vec::new();
    let values = [
        "\"}\n{:process 7".to_owned(),
        "%22".to_owned(),
        "\\".to_owned(),
        "x".repeat(5000),
        "x".repeat(5001),
    ];
    for value in &values {
        operations.push((0, put("k", value.clone()), stored()));
        operations.push((1, get("k"), OperationOutcome::Ok(Answer::Value(Some(value.clone().into())))));
    }
    let text = porcupine(&one_by_one(operations)).text;
    assert_eq!(text.lines().count(), 1 + values.len() * 4, "{text}");
    assert!(is_linearizable(&read(&text)));
    let wrong = one_by_one(vec![
        (0, put("k", "x".repeat(5000)), stored()),
        (1, get("k"), OperationOutcome::Ok(Answer::Value(Some("x".repeat(5001).into())))),
    ]);
    assert!(!is_linearizable(&read(&porcupine(&wrong).text)));
}

#[test]
fn lists_are_left_out_and_counted() {
    let list = Operation::Read(Read::List { prefix: Bytes::new(), after: None, limit: 10 });
    let page = OperationOutcome::Ok(Answer::Page { pairs: Vec::new(), more: false });
    let written = porcupine(&one_by_one(vec![(0, list, page)]));
    assert_eq!((written.written, written.lists_left_out), (0, 1));
    assert!(written.text.contains(";; 1 lists are left out"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Puts and gets of two clients at the same time, some answered wrongly: another form, and the same verdict.
    #[test]
    fn the_same_verdict(steps in prop::collection::vec((0u64..3, 0u8..4, 0u8..3, 0u64..30), 1..14)) {
        let mut history = History::default();
        let (mut now, mut state) = (0, None::<Bytes>);
        let mut open: BTreeMap<u64, (OpId, OperationOutcome)> = BTreeMap::new();
        for (client, what, value, skip) in steps {
            now += skip;
            if let Some((id, outcome)) = open.remove(&client) {
                history.complete(id, outcome, now);
            }
            let value = Bytes::from(value.to_string());
            let (operation, outcome) = match what {
                0 | 1 => {
                    state = Some(value.clone());
                    let outcome = if what == 0 { OperationOutcome::Ok(Answer::Stored) } else { OperationOutcome::Unknown };
                    (Operation::Write(Write::Put { key: "k".into(), value }), outcome)
                }
                2 => (get("k"), OperationOutcome::Ok(Answer::Value(state.clone()))),
                _ => (get("k"), OperationOutcome::Ok(Answer::Value(Some(value)))),
            };
            open.insert(client, (history.invoke(client, operation, now), outcome));
        }
        for (id, outcome) in open.into_values() {
            history.complete(id, outcome, now + 1);
        }
        let text = porcupine(&history).text;
        prop_assert_eq!(is_linearizable(&history), is_linearizable(&read(&text)), "{}", text);
    }
}
