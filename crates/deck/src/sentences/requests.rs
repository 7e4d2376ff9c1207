//! Requests of clients and their outcomes, as a person would type and read them.

use super::{Sentence, Weight};
use crate::times::span;
use raftdeck_model::{ClientName, ClientOp, ClientOutcome, ClientRequest, Known, answered_entry, write};
use raftdeck_protocol::kv::Printed;
use raftdeck_protocol::{Answer, Failure, Read, ResponseBody};
use std::fmt::Write as _;
use std::time::Duration;

pub(super) fn client(request: &ClientRequest, outcome: &ClientOutcome, took: Duration) -> Sentence {
    let asked = requested(request);
    let took = span(took);
    let (node, text) = match outcome {
        ClientOutcome::Answered { node, body: ResponseBody::Done { answer, at } } => {
            let answer = answered(answer);
            let place = match (&request.op, answered_entry(*at)) {
                (ClientOp::Write(_), Known::Is(at)) => {
                    format!("entry {} of term {}, {node}, {took}", at.index, at.term)
                }
                (ClientOp::Write(_), Known::Unknown) => format!("term {}, {node}, {took}", at.term),
                (ClientOp::Read(_), _) => format!("{node}, {took}"),
            };
            (Some(*node), format!("{asked}: {answer} ({place})"))
        }
        // Only this failure leaves open whether a write happened, so it must not be called "not done".
        ClientOutcome::Answered { node, body: ResponseBody::Failed(failure @ Failure::Unknown) } => {
            (Some(*node), format!("{asked}: {failure} ({node}, {took})"))
        }
        ClientOutcome::Answered { node, body: ResponseBody::Failed(failure) } => {
            (Some(*node), format!("{asked}: not done: {failure} ({node}, {took})"))
        }
        ClientOutcome::Answered { node, .. } => {
            (Some(*node), format!("{asked}: {node} answered a different request ({took})"))
        }
        ClientOutcome::Failed { reason, .. } => (None, format!("{asked}: {reason} ({took})")),
    };
    Sentence::new(Weight::Major, node, text)
}

/// A request as a person would type it, after the name of its client: `alice: get color stale at 3`.
#[must_use]
pub fn requested(request: &ClientRequest) -> String {
    let who = match &request.client {
        ClientName::Own => String::new(),
        ClientName::Named(name) => format!("{name}: "),
    };
    format!("{who}{}{}", asked(&request.op), write::of_whom(request))
}

/// An operation as a user would type it: `put color blue`, `get color`, `list c`.
#[must_use]
pub fn asked(op: &ClientOp) -> String {
    match op {
        ClientOp::Write(write) => write.to_string(),
        ClientOp::Read(Read::Get { key }) => format!("get {}", Printed(key)),
        ClientOp::Read(Read::List { prefix, .. }) if prefix.is_empty() => "list".to_owned(),
        ClientOp::Read(Read::List { prefix, .. }) => format!("list {}", Printed(prefix)),
    }
}

/// An answer in short: `stored`, `blue`, `no such key`.
#[must_use]
pub fn answered(answer: &Answer) -> String {
    /// The most pairs of a list that fit on a line.
    const PAIRS: usize = 8;
    match answer {
        Answer::Stored => "stored".to_owned(),
        Answer::Deleted { existed: true } => "deleted".to_owned(),
        Answer::Deleted { existed: false } => "there was no such key".to_owned(),
        Answer::Mismatch { current: Some(current) } => {
            format!("not stored, the value is {}", Printed(current))
        }
        Answer::Mismatch { current: None } => "not stored, there is no such key".to_owned(),
        Answer::Value(Some(value)) => Printed(value).to_string(),
        Answer::Value(None) => "no such key".to_owned(),
        Answer::SessionOpened(session) => format!("session {}", session.0),
        Answer::Page { pairs, .. } if pairs.is_empty() => "no keys".to_owned(),
        Answer::Page { pairs, more } => {
            let mut text = String::new();
            for (key, value) in pairs.iter().take(PAIRS) {
                let _ = write!(text, "{} = {}, ", Printed(key), Printed(value));
            }
            let text = text.trim_end_matches(", ");
            match (pairs.len().saturating_sub(PAIRS), more) {
                (0, false) => text.to_owned(),
                (0, true) => format!("{text}, and more"),
                (left, false) => format!("{text}, and {left} more"),
                (left, true) => format!("{text}, and more than {left} more"),
            }
        }
    }
}
