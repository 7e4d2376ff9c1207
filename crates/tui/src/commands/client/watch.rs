//! `raftdeck client watch`: changes, as they are committed, until Ctrl-C.
//!
//! ```text
//! {"index":17,"change":"put","key":"color","value":"blue"}
//! {"index":19,"change":"delete","key":"color","value":null}
//! ```
//!
//! `put` is any operation that stored a value. Bytes that are not text come as `key_hex` and `value_hex`.

use super::cluster::Cluster;
use super::manner::Manner;
use super::output::{print, say};
use super::reply::{Failure, Form};
use super::text::{Escaped, put_bytes};
use crate::incoming::signals;
use bytes::Bytes;
use color_eyre::eyre::Result;
use futures::StreamExt;
use raftdeck_client::Changes;
use raftdeck_protocol::kv::Printed;
use raftdeck_protocol::{Change, printable};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io;
use std::time::Duration;
use tokio::time::{interval, sleep};

/// How soon a closed output is noticed.
const EVERY: Duration = Duration::from_millis(200);

/// What is watched.
#[derive(Clone, Debug)]
pub(crate) struct WatchTarget {
    /// Only keys that start with this.
    pub(crate) prefix: Bytes,
    /// Only changes after this index; `None`: from now on.
    pub(crate) after: Option<u64>,
}

/// How a watch ended.
#[derive(Debug)]
pub(crate) enum WatchEnd {
    /// It was interrupted, or the output was closed.
    Stopped,
    Failed(Failure),
}

impl WatchTarget {
    /// The command as it is written, for messages.
    fn asked(&self) -> String {
        let mut asked = "watch".to_owned();
        if !self.prefix.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(asked, " {}", Printed(&self.prefix));
        }
        asked
    }

    /// Prints changes until `stop`, the end of the output, or an error that does not pass. A node must answer within the deadline;
    /// from then on it waits without a limit.
    pub(crate) async fn print(
        self,
        cluster: &Cluster,
        manner: Manner,
        stop: impl Future<Output = ()>,
    ) -> Result<WatchEnd> {
        let mut watch = cluster.client.watch(self.prefix.clone(), self.after);
        let mut teller = None;
        let mut ticks = interval(EVERY);
        let (mut stop, mut deadline) = (std::pin::pin!(stop), std::pin::pin!(sleep(manner.deadline())));
        loop {
            let told = tokio::select! {
                biased;
                () = &mut stop => return Ok(WatchEnd::Stopped),
                told = watch.next() => told,
                _ = ticks.tick() => {
                    if signals::is_closed(&io::stdout()) {
                        return Ok(WatchEnd::Stopped);
                    }
                    continue;
                }
                () = &mut deadline, if teller.is_none() => return Ok(WatchEnd::Failed(self.nobody(manner))),
            };
            let Changes { changes, through } = match told {
                Some(Ok(told)) => told,
                Some(Err(error)) => return Ok(WatchEnd::Failed(Failure::new(&self.asked(), &error))),
                None => return Ok(WatchEnd::Stopped),
            };
            if teller != watch.node() {
                teller = watch.node();
                if let Some(node) = teller.filter(|_| manner.verbose) {
                    say(&format!("{node} tells what changes after index {through}"));
                }
            }
            if !changes.is_empty() {
                print(lines(&changes, manner.form()).as_bytes())?;
                if signals::is_closed(&io::stdout()) {
                    return Ok(WatchEnd::Stopped);
                }
            }
        }
    }

    fn nobody(&self, manner: Manner) -> Failure {
        let sentence = format!("{}: no node answered within {} s", self.asked(), manner.deadline().as_secs());
        Failure { sentence, may_have_happened: false }
    }
}

fn lines(changes: &[Change], form: Form) -> String {
    let mut text = String::new();
    for Change { index, key, value } in changes {
        let name = if value.is_some() { "put" } else { "delete" };
        // Writing to a string cannot fail.
        let _ = match form {
            Form::Json => {
                let object = object(*index, name, key, value.as_deref()).to_string();
                writeln!(text, "{}", printable::json(&object))
            }
            Form::Quiet => writeln!(text, "{}", Escaped(key)),
            Form::Plain { .. } => match value {
                Some(value) => writeln!(text, "{index}\t{name}\t{}\t{}", Escaped(key), Escaped(value)),
                None => writeln!(text, "{index}\t{name}\t{}", Escaped(key)),
            },
        };
    }
    text
}

fn object(index: u64, name: &str, key: &[u8], value: Option<&[u8]>) -> Value {
    let mut object = Map::new();
    object.insert("index".to_owned(), json!(index));
    object.insert("change".to_owned(), json!(name));
    put_bytes(&mut object, "key", Some(key));
    put_bytes(&mut object, "value", value);
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_a_line_per_change() {
        let changes = [
            Change { index: 17, key: "a\tb".into(), value: Some("two\nlines".into()) },
            Change { index: 19, key: b"\xff"[..].into(), value: None },
        ];
        let plain = lines(&changes, Form::Plain { for_eyes: false });
        assert_eq!(plain, "17\tput\ta\\tb\ttwo\\nlines\n19\tdelete\t\\xff\n");
        assert_eq!(lines(&changes, Form::Quiet), "a\\tb\n\\xff\n");
        let json: Vec<Value> =
            lines(&changes, Form::Json).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            json,
            [
                json!({ "index": 17, "change": "put", "key": "a\tb", "value": "two\nlines" }),
                json!({ "index": 19, "change": "delete", "key_hex": "ff", "value": null })
            ]
        );
    }
}
