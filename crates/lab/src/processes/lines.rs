//! What a node writes: its output cut into lines, the ready line, and log lines with their level.
//!
//! A node's output is untrusted: long lines are cut, control characters are made visible, and text without the expected
//! form is passed on as it is.

use raftdeck_model::{LogLevel, NodeAddresses};
use raftdeck_protocol::printable::visible;
use serde::Deserialize;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest line that is passed on, in bytes. The rest of a longer one is left out.
const MAX_LINE: usize = 4 << 10;

/// Bytes read at a time.
const CHUNK: usize = 4 << 10;

/// A pipe that is read line by line.
pub(crate) struct PipeLines<R> {
    pipe: R,
    chunk: Box<[u8]>,
    splitter: Splitter,
    ended: bool,
}

impl<R: AsyncRead + Unpin> PipeLines<R> {
    pub(crate) fn new(pipe: R) -> Self {
        Self { pipe, chunk: vec![0; CHUNK].into(), splitter: Splitter::default(), ended: false }
    }

    /// Whether all holders of the other end have closed it.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// The lines that the next read completes: possibly none. A read error counts as the end. Nothing is lost when
    /// the call is cancelled.
    pub(crate) async fn next(&mut self) -> Vec<String> {
        let read = self.pipe.read(&mut self.chunk).await.unwrap_or(0);
        if read == 0 {
            self.ended = true;
            return self.splitter.rest().into_iter().collect();
        }
        self.splitter.split(&self.chunk[..read])
    }
}

/// Cuts bytes into lines of text.
#[derive(Default)]
struct Splitter {
    /// The line so far, at most [`MAX_LINE`] bytes of it.
    begun: Vec<u8>,
    /// Whether a part of it was left out.
    cut: bool,
}

impl Splitter {
    fn split(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut parts = bytes.split(|&byte| byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = MAX_LINE - self.begun.len();
            self.cut |= part.len() > room;
            self.begun.extend_from_slice(&part[..part.len().min(room)]);
            if parts.peek().is_some() {
                lines.push(self.line());
            }
        }
        lines
    }

    /// The last line, if it did not end in a line break.
    fn rest(&mut self) -> Option<String> {
        (!self.begun.is_empty()).then(|| self.line())
    }

    fn line(&mut self) -> String {
        let begun = std::mem::take(&mut self.begun);
        // A terminal must never obey what a node wrote.
        let mut line = visible(String::from_utf8_lossy(&begun).trim_end()).into_owned();
        if std::mem::take(&mut self.cut) {
            line.push('…');
        }
        line
    }
}

/// The addresses at which a node listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadyLine {
    /// Which node says so.
    pub(crate) id: u64,
    /// For its peers.
    pub(crate) raft: SocketAddr,
    /// For clients.
    pub(crate) client: SocketAddr,
    /// The addresses of both and of HTTP, as text.
    pub(crate) addresses: NodeAddresses,
}

impl ReadyLine {
    /// Reads `{"event":"ready","id":1,"raft":"…","client":"…","http":"…"}`; `None` for anything else.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Ready {
            event: String,
            id: u64,
            #[serde(flatten)]
            addresses: NodeAddresses,
        }
        let Ready { event, id, addresses } = serde_json::from_str(line).ok()?;
        if event != "ready" {
            return None;
        }
        let (raft, client) = (addresses.raft.parse().ok()?, addresses.client.parse().ok()?);
        Some(Self { id, raft, client, addresses })
    }
}

/// Splits `LEVEL target: message`, with or without a time stamp before it, into its level and the rest. A line of
/// another form, such as a panic's, is a warning as a whole.
pub(crate) fn parse_log_line(line: &str) -> (LogLevel, &str) {
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
pub(crate) fn message_of(line: &str) -> &str {
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
        let ready = ReadyLine::parse(line).unwrap();
        assert_eq!((ready.id, ready.raft.port(), ready.client.port()), (2, 4000, 5000));
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
            "{}",
            "[1]",
            r#"{"event":"steady","id":2,"raft":"127.0.0.1:1","client":"127.0.0.1:2","http":"127.0.0.1:3"}"#,
            r#"{"event":"ready","id":2,"raft":"nowhere","client":"127.0.0.1:2","http":"127.0.0.1:3"}"#,
            r#"{"event":"ready","id":"n2","raft":"127.0.0.1:1","client":"127.0.0.1:2","http":"127.0.0.1:3"}"#,
            r#"{"event":"ready","id":2,"raft":"127.0.0.1:1"}"#,
        ] {
            assert_eq!(ReadyLine::parse(line), None, "{line}");
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

    #[tokio::test]
    async fn lines_survive_any_cut_of_the_bytes() {
        let written = "one\nzwölf\r\n\nlast".as_bytes();
        for at in 0..=written.len() {
            let mut splitter = Splitter::default();
            let mut lines = splitter.split(&written[..at]);
            lines.extend(splitter.split(&written[at..]));
            lines.extend(splitter.rest());
            assert_eq!(lines, ["one", "zwölf", "", "last"], "cut at {at}");
        }
    }

    #[tokio::test]
    async fn an_endless_line_is_cut_and_the_next_one_is_whole() {
        let mut written = vec![b'x'; 3 * MAX_LINE];
        written.extend_from_slice(b"\nnext\n");
        let mut lines = PipeLines::new(&written[..]);
        let mut got = Vec::new();
        while !lines.ended() {
            got.extend(lines.next().await);
        }
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].chars().count(), MAX_LINE + 1);
        assert!(got[0].ends_with('…'));
        assert_eq!(got[1], "next");
    }

    #[test]
    fn control_characters_and_bytes_that_are_no_text_are_made_visible() {
        let lines = Splitter::default().split(b"\x1b[31mred\x07 \xff\n");
        assert_eq!(lines, ["␛[31mred␇ \u{fffd}"]);
    }
}
