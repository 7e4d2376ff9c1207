//! A member's log, line by line: how it reads, what happened, and how far the member's start is.
//!
//! The story that the events tell has gaps: etcd's log does not say what is appended and committed, which term a snapshot ends in, or for
//! which term a pre-vote is given. Such events are left out, and a judge of safety properties must take the story as one with gaps.

mod raft_line;
mod record;
mod story;

use crate::ids::MemberIds;
use crate::log::record::LogRecord;
use crate::log::story::Story;
use crate::member::MemberId;
use raftdeck_model::LogLevel;
use raftdeck_protocol::printable;
use raftdeck_raft::TraceEvent;

/// Reads the log of one process of a member, from its first line on.
#[derive(Debug, Default)]
pub struct LogReader {
    story: Story,
}

/// What one line of a member's log says.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// Its level. A line of another form, such as a panic's, is a warning as a whole.
    pub level: LogLevel,
    /// The message and its fields as people read them, with the ids of members that are nodes written as nodes (`n1`).
    pub text: String,
    /// What happened, as far as the line says it.
    pub events: Vec<TraceEvent>,
    /// How far the member's start is.
    pub stage: Option<StartStage>,
}

/// How far a member's start is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartStage {
    /// It knows its own id. A member that was added later learns here which id it has.
    Identified {
        /// Its id.
        member: MemberId,
        /// Its cluster's.
        cluster: Option<u64>,
    },
    /// It listens for its peers.
    ServesPeers {
        /// Where, `HOST:PORT`.
        address: String,
    },
    /// It answers clients. etcd 3.4 does so when it has found a leader, and not before; later versions after five seconds without one.
    ServesClients {
        /// Where, `HOST:PORT`.
        address: String,
    },
}

impl LogReader {
    /// Takes the next line.
    pub fn read(&mut self, line: &str, ids: &MemberIds) -> LogLine {
        let Some(record) = LogRecord::parse(line) else {
            let text = printable::line(line.trim_end()).into_owned();
            return LogLine { level: LogLevel::Warn, text, events: Vec::new(), stage: None };
        };
        let said = raft_line::parse(&record.message);
        LogLine {
            level: record.level,
            text: with_nodes(&record.readable(), ids),
            events: said.map_or_else(Vec::new, |said| self.story.hear(said, ids)),
            stage: stage(&record),
        }
    }
}

fn stage(record: &LogRecord) -> Option<StartStage> {
    let address = || record.field("address").map(str::to_owned);
    Some(match record.message.as_str() {
        "starting local member" | "restarting local member" => StartStage::Identified {
            member: MemberId::parse(record.field("local-member-id")?)?,
            cluster: record.field("cluster-id").and_then(|id| u64::from_str_radix(id, 16).ok()),
        },
        "serving peer traffic" => StartStage::ServesPeers { address: address()? },
        "serving client traffic insecurely; this is strongly discouraged!"
        | "serving client traffic securely" => StartStage::ServesClients { address: address()? },
        _ => return None,
    })
}

/// The text with nodes in the place of members' ids, which are written in hexadecimal, or in decimal in configurations.
fn with_nodes(text: &str, ids: &MemberIds) -> String {
    let mut named = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        named.push_str(&rest[..plain]);
        rest = &rest[plain..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        match node_of(word, ids) {
            Some(node) => named.push_str(&node.to_string()),
            None => named.push_str(word),
        }
        rest = after;
    }
    named
}

fn node_of(word: &str, ids: &MemberIds) -> Option<raftdeck_raft::NodeId> {
    /// Shorter words are numbers more often than ids, of which one in 16^4 is shorter.
    const SHORTEST: usize = 12;
    if word.len() < SHORTEST {
        return None;
    }
    let decimal = || word.parse().ok().and_then(|id| ids.node(MemberId(id)));
    MemberId::parse(word).and_then(|member| ids.node(member)).or_else(decimal)
}
