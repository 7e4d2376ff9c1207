//! The trace's schema in `TRACE.md`: every field that a run writes is described there, and each line has what it promises.

use raftdeck_sim::{FaultKinds, Options};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const SCHEMA: &str = include_str!("../TRACE.md");

fn lines() -> Vec<Map<String, Value>> {
    let mut lines = Vec::new();
    for seed in [1, 2] {
        let options = Options { faults: FaultKinds::all(), ..Options::new(3) };
        let schedule = raftdeck_sim::schedule(seed, &options);
        raftdeck_sim::watch(seed, &options, &schedule, &mut |record| match serde_json::to_value(record)
            .expect("a record is JSON")
        {
            Value::Object(line) => lines.push(line),
            other => panic!("not an object: {other}"),
        });
    }
    lines
}

#[test]
fn every_field_of_a_trace_is_in_its_schema() {
    let described: BTreeSet<&str> = SCHEMA.split('`').skip(1).step_by(2).collect();
    let mut unknown = BTreeSet::new();
    for line in &lines() {
        let nested = ["state", "message"].iter().filter_map(|part| line.get(*part)?.as_object());
        let fields = line.keys().chain(nested.flat_map(Map::keys)).map(String::as_str);
        let values = [line.get("event"), line.get("message").and_then(|message| message.get("kind"))];
        let words = values.into_iter().flatten().filter_map(Value::as_str);
        unknown.extend(fields.chain(words).filter(|word| !described.contains(word)).map(str::to_owned));
    }
    assert!(unknown.is_empty(), "TRACE.md does not describe {unknown:?}");
}

#[test]
fn a_message_is_sent_before_it_is_received_and_its_members_state_is_beside_it() {
    let lines = lines();
    let messages: Vec<_> = lines.iter().filter(|line| line.contains_key("message")).collect();
    assert!(messages.len() > 1000, "{} messages", messages.len());
    for line in &messages {
        assert!(line.contains_key("node") && line["message"]["term"].is_u64(), "{line:?}");
    }
    let with_state = messages.iter().filter(|line| line.contains_key("state")).count();
    assert!(with_state * 10 > messages.len() * 9, "{with_state} of {} have a state", messages.len());
    let first = |event: &str| lines.iter().position(|line| line["event"] == event);
    assert!(first("sent") < first("received"));
}
