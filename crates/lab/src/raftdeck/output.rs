//! The processes of raftdeck's own nodes: the ready line, log lines with their level, and the files of their log.
//!
//! Text without the expected form is passed on as it is.

use crate::files::data_dir::wipe;
use crate::processes::kind::{OutputLine, OutputReader, ProcessKind, ReadyLine};
use crate::raftdeck::disk_faults;
use raftdeck_model::{LogLevel, NodeAddresses};
use raftdeck_raft::NodeId;
use raftdeck_storage::fs::DiskFs;
use serde::Deserialize;
use std::io;
use std::path::Path;

/// A raftdeck node.
#[derive(Debug)]
pub(crate) struct RaftdeckProcess;

/// Reads what a raftdeck node writes.
struct RaftdeckOutput {
    node: NodeId,
}

impl OutputReader for RaftdeckOutput {
    fn said<'a>(&mut self, line: &'a str) -> OutputLine<'a> {
        OutputLine { level: LogLevel::Info, text: line.into(), ready: ready(self.node, line) }
    }

    fn logged<'a>(&mut self, line: &'a str) -> OutputLine<'a> {
        let (level, text) = parse_log_line(line);
        OutputLine { level, text: text.into(), ready: None }
    }
}

/// Reads `{"event":"ready","id":1,"raft":"…","client":"…","http":"…"}`; `None` for anything else.
fn ready(node: NodeId, line: &str) -> Option<ReadyLine> {
    let Ready { id, addresses } = Ready::parse(line)?;
    let (raft, client) = (addresses.raft.parse().ok()?, addresses.client.parse().ok()?);
    (id == node.0).then_some(ReadyLine { raft, client, addresses })
}

impl ProcessKind for RaftdeckProcess {
    fn reader(&self, node: NodeId) -> Box<dyn OutputReader> {
        Box::new(RaftdeckOutput { node })
    }

    /// That it was once ready explains nothing.
    fn last_words(&self, line: &str) -> Option<String> {
        Ready::parse(line).is_none().then(|| message_of(line).to_owned())
    }

    fn file_limit(&self, data: &Path, more: u64) -> io::Result<u64> {
        disk_faults::limit(data, more)
    }

    fn forget(&self, data: &Path) -> io::Result<()> {
        match raftdeck_storage::forget(&DiskFs, data) {
            Ok(true) => Ok(()),
            // It has no identity to keep.
            Ok(false) => wipe(data),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn lose_tail(&self, node: NodeId, data: &Path, bytes: u64) -> Result<u64, String> {
        disk_faults::lose_tail(node, data, bytes)
    }

    /// It comes back on another disk and does not vote.
    fn starts_without_data(&self) -> bool {
        true
    }
}

/// The line in which a node says that it is ready.
#[derive(Deserialize)]
struct Ready {
    id: u64,
    #[serde(flatten)]
    addresses: NodeAddresses,
}

impl Ready {
    fn parse(line: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Event {
            event: String,
            #[serde(flatten)]
            ready: Ready,
        }
        let Event { event, ready } = serde_json::from_str(line).ok()?;
        (event == "ready").then_some(ready)
    }
}

/// Splits `LEVEL target: message`, with or without a time stamp before it, into its level and the rest. A line of
/// another form, such as a panic's, is a warning as a whole.
fn parse_log_line(line: &str) -> (LogLevel, &str) {
    let line = line.trim();
    let word = |text: &str| text.split_whitespace().next().map_or(0, str::len);
    let stamp = word(line);
    let after_stamp = if is_time_stamp(&line[..stamp]) { line[stamp..].trim_start() } else { line };
    let end = word(after_stamp);
    match level(&after_stamp[..end]) {
        Some(level) => (level, after_stamp[end..].trim_start()),
        None => (LogLevel::Warn, line),
    }
}

/// The text of a log line, without its level and the module that wrote it.
fn message_of(line: &str) -> &str {
    let (_, rest) = parse_log_line(line);
    match rest.split_once(": ") {
        Some((target, message)) if target.starts_with("raftdeck_") && !target.contains(' ') => message,
        _ => rest,
    }
}

fn is_time_stamp(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.contains(':')
}

fn level(word: &str) -> Option<LogLevel> {
    Some(match word {
        "ERROR" => LogLevel::Error,
        "WARN" => LogLevel::Warn,
        "INFO" => LogLevel::Info,
        "DEBUG" => LogLevel::Debug,
        "TRACE" => LogLevel::Trace,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_line_gives_the_addresses() {
        let line = r#"{"event":"ready","id":2,"raft":"127.0.0.1:4000","client":"127.0.0.1:5000","http":"[::1]:6000"}"#;
        let ready = ready(NodeId(2), line).unwrap();
        assert_eq!((ready.raft.port(), ready.client.port()), (4000, 5000));
        assert_eq!(ready.addresses.http, "[::1]:6000");
    }

    #[test]
    fn a_message_is_a_log_line_without_level_and_target() {
        assert_eq!(message_of("ERROR raftdeck_node: D/n1 is in use: stop it"), "D/n1 is in use: stop it");
        assert_eq!(message_of("INFO raftdeck_node::narrate: follows n2"), "follows n2");
        assert_eq!(message_of("thread 'main' panicked: no"), "thread 'main' panicked: no");
    }

    #[test]
    fn what_is_no_ready_line_gives_nothing() {
        for line in [
            "",
            "listening",
            r#"{"event":"ready","id":3,"raft":"127.0.0.1:1","client":"127.0.0.1:2","http":"127.0.0.1:3"}"#,
            "{}",
            "[1]",
            r#"{"event":"steady","id":2,"raft":"127.0.0.1:1","client":"127.0.0.1:2","http":"127.0.0.1:3"}"#,
            r#"{"event":"ready","id":2,"raft":"nowhere","client":"127.0.0.1:2","http":"127.0.0.1:3"}"#,
            r#"{"event":"ready","id":"n2","raft":"127.0.0.1:1","client":"127.0.0.1:2","http":"127.0.0.1:3"}"#,
            r#"{"event":"ready","id":2,"raft":"127.0.0.1:1"}"#,
        ] {
            assert_eq!(ready(NodeId(2), line), None, "{line}");
        }
    }

    #[test]
    fn a_log_line_is_split_into_level_and_text() {
        for (line, level, text) in [
            ("INFO raftdeck_node: ready", LogLevel::Info, "raftdeck_node: ready"),
            (" WARN node::disk: fsync took 80 ms", LogLevel::Warn, "node::disk: fsync took 80 ms"),
            ("ERROR", LogLevel::Error, ""),
            ("2026-01-02T03:04:05.678Z DEBUG a: b", LogLevel::Debug, "a: b"),
            ("TRACE a: INFO b", LogLevel::Trace, "a: INFO b"),
        ] {
            assert_eq!(parse_log_line(line), (level, text), "{line}");
        }
    }

    #[test]
    fn a_line_of_another_form_is_a_warning_as_a_whole() {
        for line in
            ["thread 'main' panicked at src/main.rs:1:1:", "", "INFORMATION", "12:30 is not a level", "é"]
        {
            assert_eq!(parse_log_line(line), (LogLevel::Warn, line), "{line}");
        }
    }
}
