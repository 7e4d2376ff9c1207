//! A history as lines that porcupine's own tests read, so that another checker can judge it:
//! `{:process 0, :type :invoke, :f :get, :key "k", :value nil}`.
//!
//! That format knows `get`, `put` and `append` of texts, one request at a time of each process, and a key that does not exist is an
//! empty text. So each operation is written as one that allows at least the same orders:
//!
//! - a delete is a put of the empty text; whether it found something is not in the file;
//! - a compare-and-set that was carried out is a put, and one that found another value is a get of that value;
//! - an operation in doubt stays open: it has no `:ok`, and its client goes on as another process;
//! - what certainly did not happen, and a read without an answer, is left out, as it tells nothing;
//! - a list is left out, and counted in a comment at the beginning.

use crate::history::{History, HistoryRecord, Moment, Operation, OperationOutcome};
use bytes::Bytes;
use raftdeck_protocol::{Answer, Read, Write};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Texts that are longer are written as a number: the reader's lines have at most 4096 bytes.
const LONGEST: usize = 1000;

/// A history as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PorcupineText {
    /// Its lines.
    pub text: String,
    /// How many operations are in it.
    pub written: usize,
    /// How many lists are not, as the format has none.
    pub lists_left_out: usize,
}

/// Writes a history, its events in the order of time.
#[must_use]
pub fn porcupine(history: &History) -> PorcupineText {
    let mut texts = Texts::default();
    let mut events: Vec<(Moment, usize, Option<String>)> = Vec::new();
    let mut forms = BTreeMap::new();
    let mut lists_left_out = 0;
    for (number, record) in history.records.iter().enumerate() {
        if matches!(record.operation, Operation::Read(Read::List { .. })) {
            lists_left_out += 1;
            continue;
        }
        let Some(form) = form(record, &mut texts) else { continue };
        events.push((record.invoked, number, None));
        if let (Some(answer), Some((_, moment))) = (&form.answer, &record.completed) {
            events.push((*moment, number, Some(answer.clone())));
        }
        forms.insert(number, form);
    }
    events.sort_by_key(|(moment, ..)| *moment);
    let mut text =
        String::from(";; a history of get and put; a key that does not exist is \"\", a delete puts that\n");
    if lists_left_out > 0 {
        let _ = writeln!(text, ";; {lists_left_out} lists are left out");
    }
    let mut processes = Processes::default();
    for (_, number, answer) in events {
        let Some(Form { f, key, value, .. }) = forms.get(&number) else { continue };
        let client = history.records[number].client;
        // Writing into a string cannot fail.
        let _ = match answer {
            None => {
                let process = processes.begin(client, number);
                let value = value.as_ref().map_or("nil".to_owned(), |value| format!("\"{value}\""));
                writeln!(
                    text,
                    "{{:process {process}, :type :invoke, :f {f}, :key \"{key}\", :value {value}}}"
                )
            }
            Some(answer) => {
                let process = processes.end(number);
                writeln!(
                    text,
                    "{{:process {process}, :type :ok, :f {f}, :key \"{key}\", :value \"{answer}\"}}"
                )
            }
        };
    }
    PorcupineText { text, written: forms.len(), lists_left_out }
}

/// What an operation is in the file.
struct Form {
    f: &'static str,
    key: String,
    /// What is written; `None`: it reads.
    value: Option<String>,
    /// What it returned; `None`: it stays open.
    answer: Option<String>,
}

/// An operation as the format has it; `None`: it tells nothing.
fn form(record: &HistoryRecord, texts: &mut Texts) -> Option<Form> {
    let answer = match &record.completed {
        Some((OperationOutcome::Failed, _)) => return None,
        Some((OperationOutcome::Ok(answer), _)) => Some(answer),
        Some((OperationOutcome::Unknown, _)) | None => None,
    };
    let (key, value) = match &record.operation {
        Operation::Read(Read::Get { key }) => {
            let Some(Answer::Value(found)) = answer else { return None };
            return Some(Form::get(texts, key, found.as_ref()));
        }
        Operation::Read(Read::List { .. }) => return None,
        Operation::Write(Write::Put { key, value }) => (key, texts.of(value)),
        Operation::Write(Write::Delete { key }) => (key, String::new()),
        Operation::Write(Write::CompareAndSet { key, value, .. }) => {
            if let Some(Answer::Mismatch { current }) = answer {
                return Some(Form::get(texts, key, current.as_ref()));
            }
            (key, texts.of(value))
        }
    };
    let answer = answer.map(|_| value.clone());
    Some(Form { f: ":put", key: texts.of(key), value: Some(value), answer })
}

impl Form {
    fn get(texts: &mut Texts, key: &Bytes, found: Option<&Bytes>) -> Self {
        let answer = Some(found.map_or_else(String::new, |found| texts.of(found)));
        Self { f: ":get", key: texts.of(key), value: None, answer }
    }
}

/// Bytes as texts: equal ones are equal, and others are not.
#[derive(Debug, Default)]
struct Texts {
    long: BTreeMap<Bytes, usize>,
}

impl Texts {
    fn of(&mut self, bytes: &Bytes) -> String {
        let plain =
            |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !matches!(byte, b'"' | b'\\' | b'%');
        let mut text = String::with_capacity(bytes.len());
        for byte in bytes {
            if plain(*byte) {
                text.push(char::from(*byte));
            } else {
                let _ = write!(text, "%{byte:02x}");
            }
            if text.len() > LONGEST {
                let next = self.long.len();
                let number = *self.long.entry(bytes.clone()).or_insert(next);
                // No byte is written like this.
                return format!("%long-{number}");
            }
        }
        text
    }
}

/// The processes, which have one request at a time: a client that does not wait for an answer is several of them.
#[derive(Debug, Default)]
struct Processes {
    /// Those of each client that wait for nothing.
    idle: BTreeMap<u64, Vec<usize>>,
    count: usize,
    /// The client and the process of each operation under way.
    open: BTreeMap<usize, (u64, usize)>,
}

impl Processes {
    fn begin(&mut self, client: u64, operation: usize) -> usize {
        let idle = self.idle.entry(client).or_default().pop();
        let process = idle.unwrap_or_else(|| {
            self.count += 1;
            self.count - 1
        });
        self.open.insert(operation, (client, process));
        process
    }

    fn end(&mut self, operation: usize) -> usize {
        let Some((client, process)) = self.open.remove(&operation) else { return self.count };
        self.idle.entry(client).or_default().push(process);
        process
    }
}
