//! The last writes and their fate: the deck's own, and those of scripts' clients.
//!
//! Of the deck's own it is known when they began; of all others only their end. A drill's workload is not among them.

use crate::app::data::VersionKind;
use crate::sentences::requested;
use raftdeck_model::{ClientOp, ClientOutcome, ClientRequest, CommandId, StoreOutcome};
use raftdeck_protocol::kv::Printed;
use raftdeck_protocol::{Answer, ResponseBody, Write};
use raftdeck_raft::{LogId, NodeId};
use std::collections::VecDeque;
use std::time::Duration;

/// The most writes kept.
pub const MAX_WRITES: usize = 256;

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRecord {
    id: CommandId,
    /// As a person would type it, after the name of its client; long keys and values are cut.
    pub words: String,
    /// Its key.
    pub key: bytes::Bytes,
    /// The value, or what is compared and set, as text; long ones are cut.
    pub value: String,
    /// When it was answered, in cluster time; while it waits: when it began.
    pub when: Duration,
    /// Its fate.
    pub fate: WriteFate,
}

/// The fate of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteFate {
    /// It has no answer yet; since when, in the deck's time.
    Waiting(Duration),
    /// It is committed.
    Acknowledged {
        /// Its entry.
        at: LogId,
        /// The node that answered.
        node: NodeId,
        /// How long it took.
        took: Duration,
        /// What it did.
        kind: VersionKind,
    },
    /// It may have happened; what is known, and how long that took.
    InDoubt(String, Duration),
    /// It certainly changed nothing; why, and how long that took.
    Refused(String, Duration),
}

/// The last writes, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Writes(VecDeque<WriteRecord>);

impl Writes {
    /// The writes, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &WriteRecord> {
        self.0.iter().rev()
    }

    /// When one of those that wait has waited another second.
    pub(super) fn next_change(&self, now: Duration) -> Option<Duration> {
        let second = |write: &WriteRecord| match write.fate {
            WriteFate::Waiting(since) => {
                Some(since + Duration::from_secs(now.saturating_sub(since).as_secs() + 1))
            }
            _ => None,
        };
        self.0.iter().filter_map(second).min()
    }

    /// One begins. `time`: in cluster time.
    pub(super) fn begin(&mut self, id: CommandId, request: &ClientRequest, time: Duration, now: Duration) {
        if let ClientOp::Write(write) = &request.op {
            self.push(record(id, request, write, time, WriteFate::Waiting(now)));
        }
    }

    /// One has an outcome.
    pub(super) fn end(
        &mut self,
        id: CommandId,
        request: &ClientRequest,
        outcome: &ClientOutcome,
        (time, took): (Duration, Duration),
    ) {
        let ClientOp::Write(write) = &request.op else { return };
        let fate = fate(write, outcome, took);
        match self.waiting(id) {
            Some(waiting) => (waiting.when, waiting.fate) = (time, fate),
            None => self.push(record(id, request, write, time, fate)),
        }
    }

    /// The command of one was refused.
    pub(super) fn refused(&mut self, id: CommandId, why: &str, time: Duration) {
        if let Some(waiting) = self.waiting(id) {
            (waiting.when, waiting.fate) = (time, WriteFate::Refused(why.to_owned(), Duration::ZERO));
        }
    }

    /// One has an outcome that was lost on its way to the deck.
    pub(super) fn lost(&mut self, id: CommandId, time: Duration) {
        if let Some(waiting) = self.waiting(id) {
            let why = "it ended, and its outcome was lost on its way here: read the key".to_owned();
            (waiting.when, waiting.fate) = (time, WriteFate::InDoubt(why, Duration::ZERO));
        }
    }

    fn waiting(&mut self, id: CommandId) -> Option<&mut WriteRecord> {
        let waits = |write: &&mut WriteRecord| matches!(write.fate, WriteFate::Waiting(_));
        self.0.iter_mut().rev().filter(waits).find(|write| write.id == id)
    }

    /// Adds one; of too many, the oldest that has an outcome goes. The number of those that wait has a limit of its own.
    fn push(&mut self, write: WriteRecord) {
        self.0.push_back(write);
        if self.0.len() > MAX_WRITES {
            let ended = self.0.iter().position(|write| !matches!(write.fate, WriteFate::Waiting(_)));
            self.0.remove(ended.unwrap_or(0));
        }
    }
}

fn record(
    id: CommandId,
    request: &ClientRequest,
    write: &Write,
    when: Duration,
    fate: WriteFate,
) -> WriteRecord {
    // The line of a list names the node that a write was sent to, as the prompt does.
    WriteRecord { id, words: requested(request), key: write.key().clone(), value: value(write), when, fate }
}

fn value(write: &Write) -> String {
    match write {
        Write::Put { value, .. } => Printed(value).to_string(),
        Write::Delete { .. } => String::new(),
        Write::CompareAndSet { expected: Some(expected), value, .. } => {
            format!("cas {} {}", Printed(expected), Printed(value))
        }
        Write::CompareAndSet { expected: None, value, .. } => format!("create {}", Printed(value)),
    }
}

fn fate(write: &Write, outcome: &ClientOutcome, took: Duration) -> WriteFate {
    if let ClientOutcome::Answered { node, body: ResponseBody::Done { answer, at } } = outcome {
        let kind = match (write, answer) {
            (_, Answer::Mismatch { .. }) => VersionKind::Mismatch,
            (Write::Delete { .. }, _) => VersionKind::Delete,
            (Write::Put { .. }, _) => VersionKind::Put,
            (Write::CompareAndSet { .. }, _) => VersionKind::Set,
        };
        return WriteFate::Acknowledged { at: *at, node: *node, took, kind };
    }
    match outcome.judged() {
        StoreOutcome::Refused(why) => WriteFate::Refused(why, took),
        StoreOutcome::InDoubt(why) => WriteFate::InDoubt(why, took),
        StoreOutcome::Done(_) => WriteFate::InDoubt("a different request was answered".to_owned(), took),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::RequestFate;
    use raftdeck_protocol::Failure;
    use raftdeck_raft::{LogIndex, Term};

    const MS: Duration = Duration::from_millis(1);

    fn put(value: &'static str) -> ClientRequest {
        ClientOp::Write(Write::Put { key: "color".into(), value: value.into() }).into()
    }

    fn answered(body: ResponseBody) -> ClientOutcome {
        ClientOutcome::Answered { node: NodeId(3), body }
    }

    fn stored() -> ClientOutcome {
        let at = LogId { term: Term(2), index: LogIndex(7) };
        answered(ResponseBody::Done { answer: Answer::Stored, at })
    }

    fn fates(writes: &Writes) -> Vec<(&str, &WriteFate)> {
        writes.newest_first().map(|write| (write.words.as_str(), &write.fate)).collect()
    }

    #[test]
    fn each_write_has_one_line_from_its_beginning_to_its_fate() {
        let mut writes = Writes::default();
        for (id, value) in [(1, "red"), (2, "green"), (3, "blue"), (4, "black")] {
            writes.begin(CommandId(id), &put(value), MS, MS);
        }
        writes.end(CommandId(1), &put("red"), &stored(), (MS * 5, MS * 4));
        let unknown = answered(ResponseBody::Failed(Failure::Unknown));
        writes.end(CommandId(2), &put("green"), &unknown, (MS * 6, MS));
        let reason = "no leader was found".to_owned();
        let failed = ClientOutcome::Failed { reason: reason.clone(), fate: RequestFate::NothingChanged };
        writes.end(CommandId(3), &put("blue"), &failed, (MS * 7, MS));
        let fates = fates(&writes);
        assert_eq!(fates.len(), 4);
        assert_eq!(fates[0], ("put color black", &WriteFate::Waiting(MS)));
        assert_eq!(fates[1], ("put color blue", &WriteFate::Refused(reason, MS)));
        assert!(matches!(fates[2], ("put color green", WriteFate::InDoubt(..))));
        let at = LogId { term: Term(2), index: LogIndex(7) };
        let kind = VersionKind::Put;
        let expected = WriteFate::Acknowledged { at, node: NodeId(3), took: MS * 4, kind };
        assert_eq!(fates[3], ("put color red", &expected));
        writes.refused(CommandId(4), "too many", MS);
        assert!(matches!(writes.newest_first().next().map(|w| &w.fate), Some(WriteFate::Refused(..))));
    }

    #[test]
    fn reads_are_no_writes_and_what_is_kept_is_bounded() {
        let mut writes = Writes::default();
        let read: ClientRequest = ClientOp::Read(raftdeck_protocol::Read::Get { key: "color".into() }).into();
        writes.begin(CommandId(1), &read, MS, MS);
        assert_eq!(writes.newest_first().count(), 0);
        writes.begin(CommandId(1), &put("first"), MS, MS);
        for id in 2..1000 {
            writes.end(CommandId(id), &put("later"), &stored(), (MS, MS));
        }
        assert_eq!(writes.newest_first().count(), MAX_WRITES);
        let oldest = writes.newest_first().last().map(|write| write.words.as_str());
        assert_eq!(oldest, Some("put color first"), "it still waits");
    }
}
