//! The outcome of an operation, in the requested format. The JSON shapes are stable: fields may be added, but none is
//! removed or changes its meaning.
//!
//! ```text
//! put     {"key":"color","stored":true,"node":1,"term":2,"index":17}
//! get     {"key":"color","found":true,"value":"blue", ...}      found false, value null: no such key
//! delete  {"key":"color","deleted":true, ...}                   false: there was no such key
//! cas     {"key":"color","stored":false,"current":"blue", ...}  current only if it is not stored; null: no such key
//! list    {"prefix":"","pairs":[{"key":"color","value":"blue"}],"more":false, ...}
//! ```
//!
//! `...`: `node` answered; `term` and `index` are a write's entry, or the newest one that a read includes. Bytes that are no text
//! come as hexadecimal digits under `key_hex`, `prefix_hex`, `value_hex`, `current_hex`.

use super::text::{Escaped, for_eyes, put_bytes};
use raftdeck_client::{ClientError, Completed};
use raftdeck_deck::sentences;
use raftdeck_model::ClientOp;
use raftdeck_protocol::kv::Printed;
use raftdeck_protocol::{Answer, Read, printable};
use serde_json::{Map, Value, json};

/// The format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people and for pipes. `for_eyes`: the output is a terminal.
    Plain { for_eyes: bool },
    /// An object per line.
    Json,
    /// Only the requested data.
    Quiet,
}

/// An answer that is ready to be printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The text for the standard output.
    pub(crate) out: Vec<u8>,
    /// Notes for the standard error, whatever the format.
    pub(crate) notes: Vec<String>,
    /// The cluster answered, but there is no such key, or another value.
    pub(crate) miss: Option<String>,
    /// Whether a part of the request got no answer.
    pub(crate) incomplete: bool,
    /// The node that answered, and the term and index that the answer includes.
    pub(crate) source: Option<String>,
}

impl Reply {
    /// Adds a line, or several. A node's text in it cannot move the cursor.
    pub(crate) fn line(&mut self, text: &str) {
        self.out.extend_from_slice(printable::lines(text).as_bytes());
        self.out.push(b'\n');
    }

    /// Adds a line of JSON.
    pub(crate) fn json(&mut self, value: &Value) {
        self.out.extend_from_slice(printable::json(&value.to_string()).as_bytes());
        self.out.push(b'\n');
    }
}

/// An operation that was not carried out, or whose outcome is unknown.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The operation, and the reason.
    pub(crate) sentence: String,
    /// Whether it may have been carried out, or may still be.
    pub(crate) may_have_happened: bool,
}

impl Failure {
    /// A failure of the operation `asked`, such as `put color blue`.
    pub(crate) fn new(asked: &str, error: &ClientError) -> Self {
        Self { sentence: format!("{asked}: {error}"), may_have_happened: error.may_have_happened() }
    }

    /// `{"error":"...","may_have_happened":false}`
    pub(crate) fn json(&self) -> Value {
        json!({ "error": self.sentence, "may_have_happened": self.may_have_happened })
    }

    /// The line that is printed.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = printable::json(&self.json().to_string()).into_owned().into_bytes();
        line.push(b'\n');
        line
    }
}

/// The outcome of an operation on keys.
pub(crate) fn of_keys(op: &ClientOp, done: &Completed, form: Form) -> Reply {
    let miss = match &done.answer {
        Answer::Value(None) | Answer::Mismatch { .. } | Answer::Deleted { existed: false } => {
            Some(format!("{}: {}", sentences::asked(op), sentences::answered(&done.answer)))
        }
        _ => None,
    };
    let source = format!("{} answered, term {}, index {}", done.node, done.at.term, done.at.index);
    let mut reply = Reply { miss, source: Some(source), ..Reply::default() };
    match form {
        Form::Json => reply.json(&Value::Object(object(op, done))),
        Form::Quiet => quiet(&done.answer, &mut reply),
        Form::Plain { for_eyes } => plain(&done.answer, for_eyes, &mut reply),
    }
    reply
}

fn plain(answer: &Answer, eyes: bool, reply: &mut Reply) {
    match answer {
        // Printed unchanged, so that a stored value can be piped on.
        Answer::Value(Some(value)) if !eyes => {
            reply.out.extend_from_slice(value);
            reply.out.push(b'\n');
        }
        Answer::Value(Some(value)) => reply.line(&for_eyes(value)),
        Answer::Page { pairs, more } => {
            for (key, value) in pairs {
                reply.line(&format!("{}\t{}", Escaped(key), Escaped(value)));
            }
            if let Some((last, _)) = pairs.last().filter(|_| *more) {
                reply.notes.push(format!("there are more keys: go on with --after {}", Printed(last)));
            }
        }
        Answer::Value(None) | Answer::Mismatch { .. } | Answer::Deleted { existed: false } => {}
        other => reply.line(&sentences::answered(other)),
    }
}

/// A value byte for byte, or keys without their values.
fn quiet(answer: &Answer, reply: &mut Reply) {
    match answer {
        Answer::Value(Some(value)) => reply.out.extend_from_slice(value),
        Answer::Page { pairs, .. } => pairs.iter().for_each(|(key, _)| reply.line(&Escaped(key).to_string())),
        _ => {}
    }
}

fn object(op: &ClientOp, done: &Completed) -> Map<String, Value> {
    let mut object = Map::new();
    match op {
        ClientOp::Write(write) => put_bytes(&mut object, "key", Some(write.key())),
        ClientOp::Read(Read::Get { key }) => put_bytes(&mut object, "key", Some(key)),
        ClientOp::Read(Read::List { prefix, .. }) => put_bytes(&mut object, "prefix", Some(prefix)),
    }
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    match &done.answer {
        Answer::Stored => _ = put("stored", json!(true)),
        Answer::Mismatch { current } => {
            put("stored", json!(false));
            put_bytes(&mut object, "current", current.as_deref());
        }
        Answer::Deleted { existed } => _ = put("deleted", json!(existed)),
        Answer::Value(value) => {
            put("found", json!(value.is_some()));
            put_bytes(&mut object, "value", value.as_deref());
        }
        Answer::Page { pairs, more } => {
            put("pairs", pairs.iter().map(|(key, value)| pair(key, value)).collect());
            put("more", json!(more));
        }
        Answer::SessionOpened(session) => _ = put("session", json!(session)),
    }
    object.insert("node".to_owned(), json!(done.node));
    object.insert("term".to_owned(), json!(done.at.term));
    object.insert("index".to_owned(), json!(done.at.index));
    object
}

fn pair(key: &[u8], value: &[u8]) -> Value {
    let mut pair = Map::new();
    put_bytes(&mut pair, "key", Some(key));
    put_bytes(&mut pair, "value", Some(value));
    Value::Object(pair)
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_protocol::Write;
    use raftdeck_raft::{LogId, LogIndex, NodeId, Term};

    fn reply(op: &ClientOp, answer: Answer, form: Form) -> Reply {
        let at = LogId { term: Term(2), index: LogIndex(17) };
        of_keys(op, &Completed { answer, at, node: NodeId(1) }, form)
    }

    #[test]
    fn a_write_whose_session_expired_in_doubt_is_said_to_be_in_doubt() {
        let why = "n1 is silent, and the session in which it could be retried has expired".to_owned();
        let failure = Failure::new("put color blue", &ClientError::Unknown { why });
        let json = failure.json();
        assert_eq!(json["may_have_happened"], true);
        assert!(json["error"].as_str().unwrap().contains("may or may not have happened"), "{json}");
    }

    fn out(reply: &Reply) -> &str {
        std::str::from_utf8(&reply.out).unwrap()
    }

    const PIPE: Form = Form::Plain { for_eyes: false };

    fn get() -> ClientOp {
        ClientOp::Read(Read::Get { key: "color".into() })
    }

    fn list() -> ClientOp {
        ClientOp::Read(Read::List { prefix: "c".into(), after: None, limit: 2 })
    }

    /// Each row: what was asked, what was answered, and the object for it.
    #[test]
    fn every_answer_has_its_json_shape() {
        let put = ClientOp::Write(Write::Put { key: "color".into(), value: "blue".into() });
        let delete = ClientOp::Write(Write::Delete { key: b"\xff"[..].into() });
        let page = Answer::Page { pairs: vec![("color".into(), b"\xfe"[..].into())], more: true };
        let current = |value: Option<&'static str>| Answer::Mismatch { current: value.map(Into::into) };
        for (op, answer, shape) in [
            (put.clone(), Answer::Stored, json!({ "key": "color", "stored": true })),
            (put.clone(), current(Some("red")), json!({ "key": "color", "stored": false, "current": "red" })),
            (put, current(None), json!({ "key": "color", "stored": false, "current": null })),
            (delete, Answer::Deleted { existed: false }, json!({ "key_hex": "ff", "deleted": false })),
            (
                get(),
                Answer::Value(Some("blue".into())),
                json!({ "key": "color", "found": true, "value": "blue" }),
            ),
            (get(), Answer::Value(None), json!({ "key": "color", "found": false, "value": null })),
            (
                list(),
                page,
                json!({ "prefix": "c", "pairs": [{ "key": "color", "value_hex": "fe" }], "more": true }),
            ),
        ] {
            let mut shape = shape;
            shape["node"] = json!(1);
            shape["term"] = json!(2);
            shape["index"] = json!(17);
            let reply = reply(&op, answer, Form::Json);
            assert_eq!(serde_json::from_slice::<Value>(&reply.out).unwrap(), shape);
            assert_eq!(out(&reply).lines().count(), 1);
        }
    }

    #[test]
    fn quiet_is_the_value_byte_for_byte_or_keys_alone() {
        assert_eq!(out(&reply(&get(), Answer::Value(Some("blue".into())), Form::Quiet)), "blue");
        let page =
            Answer::Page { pairs: vec![("a\tb".into(), "1".into()), ("c".into(), "2".into())], more: true };
        let told = reply(&list(), page.clone(), Form::Quiet);
        assert_eq!((out(&told), told.notes.len()), ("a\\tb\nc\n", 0));
        assert_eq!(out(&reply(&list(), Answer::Stored, Form::Quiet)), "");
        let plain = reply(&list(), page, PIPE);
        assert_eq!((out(&plain), plain.notes.len()), ("a\\tb\t1\nc\t2\n", 1));
    }

    #[test]
    fn a_miss_is_said_and_not_printed() {
        for (answer, says) in [
            (Answer::Value(None), "no such key"),
            (Answer::Deleted { existed: false }, "there was no such key"),
            (Answer::Mismatch { current: None }, "not stored"),
        ] {
            let told = reply(&get(), answer, PIPE);
            assert!(told.out.is_empty() && told.miss.unwrap().contains(says));
        }
    }

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let value = || Answer::Value(Some("\x1b[2J".into()));
        assert_eq!(out(&reply(&get(), value(), PIPE)), "\x1b[2J\n");
        assert_eq!(out(&reply(&get(), value(), Form::Plain { for_eyes: true })), "\\u{1b}[2J\n");
    }
}
