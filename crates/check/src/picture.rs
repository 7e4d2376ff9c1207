//! Operations in words and on a time line, for the person who has to understand a contradiction.

use crate::history::{History, HistoryRecord, Operation, OperationOutcome};
use crate::register::{Call, Register};
use bytes::Bytes;
use raftdeck_protocol::kv::Printed;
use raftdeck_protocol::{Answer, Read};
use std::fmt::Write as _;

/// Operations that ended before the contradiction and are shown too.
const BEFORE: usize = 6;

/// The width of the time line in characters.
const WIDTH: usize = 40;

/// `client 3's get color -> blue`.
pub(crate) fn describe(record: &HistoryRecord) -> String {
    let outcome = match &record.completed {
        None => "no answer".to_owned(),
        Some((OperationOutcome::Failed, _)) => "failed".to_owned(),
        Some((OperationOutcome::Unknown, _)) => "unknown".to_owned(),
        Some((OperationOutcome::Ok(answer), _)) => describe_answer(answer),
    };
    format!("client {}'s {} -> {outcome}", record.client, describe_operation(&record.operation))
}

/// The key of an operation; of a list, its prefix.
pub(crate) fn key_of(record: &HistoryRecord) -> Bytes {
    match &record.operation {
        Operation::Write(write) => write.key().clone(),
        Operation::Read(Read::Get { key }) => key.clone(),
        Operation::Read(Read::List { prefix, .. }) => prefix.clone(),
    }
}

/// `red or blue or absent`.
pub(crate) fn either<'a>(values: impl Iterator<Item = Option<&'a Bytes>>) -> String {
    values.map(describe_value).collect::<Vec<_>>().join(" or ")
}

/// The operations on the key that overlap the one that cannot be, and a few before them, one a line.
pub(crate) fn around(history: &History, register: &Register, call: usize) -> String {
    let shown = neighbours(&register.calls, call);
    let times: Vec<u64> = {
        let mut times: Vec<u64> = shown
            .iter()
            .flat_map(|c| [Some(c.invoked), c.returned])
            .flatten()
            .map(|moment| moment.at_micros)
            .collect();
        times.sort_unstable();
        times.dedup();
        times
    };
    let mut text = String::new();
    for other in shown {
        let bar = bar(other, &times);
        let mark = if other.record == register.calls[call].record { '>' } else { ' ' };
        let what = describe(&history.records[other.record]);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{mark} {bar} {what}");
    }
    text
}

fn neighbours(calls: &[Call], call: usize) -> Vec<&Call> {
    let start = calls[call].invoked;
    let end = calls[call].returned;
    let overlaps = |other: &&Call| {
        other.returned.is_none_or(|returned| returned > start) && end.is_none_or(|end| other.invoked < end)
    };
    let mut before: Vec<&Call> =
        calls.iter().filter(|other| other.returned.is_some_and(|returned| returned < start)).collect();
    before.sort_by_key(|other| other.returned);
    let mut shown = before.split_off(before.len().saturating_sub(BEFORE));
    shown.extend(calls.iter().filter(overlaps));
    shown.sort_by_key(|other| other.invoked);
    shown
}

/// From its start to its end, in places by the order of the times; open on the right if it never returned.
fn bar(call: &Call, times: &[u64]) -> String {
    let place = |at: u64| {
        let rank = times.binary_search(&at).unwrap_or(times.len());
        rank * (WIDTH - 1) / times.len().max(1)
    };
    let from = place(call.invoked.at_micros);
    let to = call.returned.map_or(WIDTH - 1, |returned| place(returned.at_micros).max(from));
    let end = if call.returned.is_some() { '|' } else { '?' };
    (0..WIDTH)
        .map(|i| match i {
            _ if i == to => end,
            _ if i == from => '|',
            _ if i > from && i < to => '-',
            _ => ' ',
        })
        .collect()
}

fn describe_operation(operation: &Operation) -> String {
    match operation {
        Operation::Write(write) => write.to_string(),
        Operation::Read(Read::Get { key }) => format!("get {}", Printed(key)),
        Operation::Read(Read::List { prefix, .. }) => format!("list {}", Printed(prefix)),
    }
}

fn describe_answer(answer: &Answer) -> String {
    match answer {
        Answer::Stored => "stored".to_owned(),
        Answer::Deleted { existed: true } => "deleted".to_owned(),
        Answer::Deleted { existed: false } => "nothing to delete".to_owned(),
        Answer::Mismatch { current } => format!("mismatch, it is {}", describe_value(current.as_ref())),
        Answer::Value(value) => describe_value(value.as_ref()),
        Answer::Page { pairs, more } => {
            format!("{} pairs{}", pairs.len(), if *more { " and more" } else { "" })
        }
        Answer::SessionOpened(id) => format!("session {}", id.0),
    }
}

fn describe_value(value: Option<&Bytes>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| format!("'{}'", Printed(value)))
}
