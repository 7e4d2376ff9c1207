//! One line of etcd's log: zap's JSON, as all versions from 3.4 on write it with `--logger=zap`.

use raftdeck_model::LogLevel;
use raftdeck_protocol::printable;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Fields that say nothing to a reader of one node's log: when, where in etcd's sources, and the stack of a warning.
const LEFT_OUT: [&str; 6] = ["level", "ts", "caller", "logger", "msg", "stacktrace"];

/// The longest field that is shown, in characters.
const LONGEST: usize = 200;

/// A line of the log, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogRecord {
    pub(crate) level: LogLevel,
    /// The message without its fields, as etcd wrote it.
    pub(crate) message: String,
    fields: Map<String, Value>,
}

impl LogRecord {
    /// `None`: it is not of that form, as the lines of a panic are not.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let Value::Object(fields) = serde_json::from_str(line).ok()? else { return None };
        let text = |name| fields.get(name).and_then(Value::as_str);
        let level = match text("level")? {
            "debug" => LogLevel::Debug,
            "info" => LogLevel::Info,
            "warn" => LogLevel::Warn,
            "error" | "dpanic" | "panic" | "fatal" => LogLevel::Error,
            _ => return None,
        };
        Some(Self { level, message: text("msg")?.to_owned(), fields })
    }

    /// A field that is text.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// `saved snapshot snapshot-index=31`: the message and its fields, in one line.
    pub(crate) fn readable(&self) -> String {
        let mut text = self.message.trim_end().to_owned();
        for (name, value) in self.fields.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())) {
            let value = match value {
                Value::String(value) => value.clone(),
                other => other.to_string(),
            };
            // Most empty fields are settings that nobody made.
            if value.is_empty() || value == "[]" {
                continue;
            }
            let _ = match value.char_indices().nth(LONGEST) {
                Some((end, _)) => write!(text, " {name}={}…", &value[..end]),
                None => write!(text, " {name}={value}"),
            };
        }
        printable::line(&text).into_owned()
    }
}
