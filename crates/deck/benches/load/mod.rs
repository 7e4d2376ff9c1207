//! What a lab of five nodes tells under load.

use crate::fixture::{self, n};
use raftdeck_model::{
    FrameFate, FrameKind, FrameReport, Known, LogLevel, MessageId, MessageReport, MessageState, News,
};
use raftdeck_raft::{LogIndex, Term, TraceEvent};
use std::time::Duration;

/// Time between two frames.
pub(crate) const FRAME: Duration = Duration::from_millis(33);
pub(crate) const NODES: u64 = 5;
const LEADER: u64 = 2;
/// Lines in a frame's time at 10,000 a second.
const LINES: u64 = 330;
/// Writes in a frame's time at 50,000 a second.
const WRITES: u64 = 1650;

#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) writes: bool,
    pub(crate) flood: bool,
}

/// What a lab tells in a frame's time.
pub(crate) fn batch(load: Load, frame: u64) -> Vec<News> {
    let index = 42 + if load.writes { frame * WRITES } else { 0 };
    let mut batch: Vec<News> = (1..=NODES).map(|id| status(id, index)).collect();
    if load.writes {
        batch.extend((0..100).map(|step| committed(1 + step % NODES, index + step)));
        batch.push(News::Frames { frames: (1..=NODES).map(frames).collect() });
        let messages = (0..200).map(|step| message(frame * 200 + step, index)).collect();
        batch.push(News::Messages { messages, skipped: 4 * WRITES });
    }
    if load.flood {
        batch.extend((0..LINES).map(line));
    }
    batch
}

fn status(id: u64, index: u64) -> News {
    let log = [(1, index)];
    let status = match id {
        LEADER => fixture::leader(id, NODES, &log, index),
        _ => fixture::follower(id, NODES, LEADER, &log, index),
    };
    News::Status { node: n(id), status: Box::new(fixture::node_status(status).into()) }
}

fn committed(id: u64, index: u64) -> News {
    News::Trace { node: n(id), trace: TraceEvent::Committed { through: LogIndex(index) } }
}

fn frames(to: u64) -> FrameReport {
    FrameReport {
        from: n(LEADER),
        to: n(to),
        kind: FrameKind::AppendEntries,
        term: Term(1),
        index: None,
        granted: None,
        fate: FrameFate::Delivered,
        count: 300,
        entries: WRITES,
        bytes: Known::Is(64 * WRITES),
    }
}

fn message(id: u64, index: u64) -> MessageReport {
    MessageReport {
        id: MessageId(id),
        from: n(LEADER),
        to: n(1 + id % NODES),
        kind: FrameKind::AppendEntries,
        term: Term(1),
        index: Some(LogIndex(index)),
        granted: None,
        entries: 8,
        fields: format!("prev {index} in term 1, commit {index}"),
        sent: Duration::ZERO,
        state: MessageState::Delivered { at: Duration::ZERO },
    }
}

fn line(number: u64) -> News {
    News::Output {
        node: n(1 + number % NODES),
        level: if number.is_multiple_of(3) { LogLevel::Debug } else { LogLevel::Info },
        line: format!(
            "raftdeck_node::narrate: line {number} of a flood, with \u{1b}[31mcolours\u{1b}[0m in it"
        ),
    }
}
