//! The user's store requests: those that are pending, the outcome of the last one, and the last writes of all clients.

use crate::app::writes::Writes;
use crate::sentences::{requested, sentence};
use crate::times::span;
use raftdeck_model::{ClientOp, ClientOutcome, ClientRequest, CommandId, Known, News, answered_entry};
use raftdeck_protocol::{Answer, ResponseBody};
use std::collections::BTreeMap;
use std::time::Duration;

/// The most operations under way; more are refused.
pub const MAX_WAITING: usize = 64;

/// How long a result counts as new.
const FRESH: Duration = Duration::from_secs(8);

/// The last operation's fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationResult {
    /// In words.
    pub text: String,
    /// Whether it did what was asked.
    pub good: bool,
    /// When it came.
    pub at: Duration,
}

impl OperationResult {
    /// Until when it counts as new.
    #[must_use]
    pub fn fresh_until(&self) -> Duration {
        self.at.saturating_add(FRESH)
    }
}

/// Operations under way and the last one's result.
#[derive(Clone, Debug, Default)]
pub struct Operations {
    waiting: BTreeMap<CommandId, (ClientRequest, Duration)>,
    last: Option<OperationResult>,
    writes: Writes,
}

impl Operations {
    /// Whether the limit of waiting operations is reached, so that no more may be started.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }

    /// Starts one, by the name of its command. `time`: in cluster time.
    pub fn start(&mut self, id: CommandId, request: ClientRequest, time: Duration, now: Duration) {
        self.writes.begin(id, &request, time, now);
        self.waiting.insert(id, (request, now));
    }

    /// The command of an operation was refused, at `time` in cluster time.
    pub fn refused(&mut self, id: CommandId, why: &str, time: Duration) {
        self.writes.refused(id, why, time);
        self.waiting.remove(&id);
    }

    /// The command of an operation is carried out. Its outcome comes before this, unless it was dropped where more came than could be
    /// taken. Says whether it was.
    pub fn done(&mut self, id: CommandId, time: Duration) -> bool {
        let is_lost = self.waiting.remove(&id).is_some();
        if is_lost {
            self.writes.lost(id, time);
        }
        is_lost
    }

    /// An operation ended, at `time` in cluster time. Of those that this deck did not request only the writes are kept.
    pub fn end(&mut self, update: &News, time: Duration, now: Duration) {
        let News::Client { id, request, outcome, took } = update else { return };
        self.writes.end(*id, request, outcome, (time, *took));
        if self.waiting.remove(id).is_some() {
            self.last = Some(OperationResult {
                text: words(update, request, outcome, *took),
                good: is_good(outcome),
                at: now,
            });
        }
    }

    /// The newest that waits: what it is and since when.
    #[must_use]
    pub fn newest_waiting(&self) -> Option<(&ClientRequest, Duration)> {
        self.waiting.values().next_back().map(|(op, since)| (op, *since))
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The outcome of the last one.
    #[must_use]
    pub fn last(&self) -> Option<&OperationResult> {
        self.last.as_ref()
    }

    /// The last writes.
    #[must_use]
    pub fn writes(&self) -> &Writes {
        &self.writes
    }

    /// When the display next changes: the waiting time counts whole seconds, a result grows old.
    #[must_use]
    pub fn next_change(&self, now: Duration) -> Option<Duration> {
        let waits =
            |(_, since): (_, Duration)| since + Duration::from_secs(now.saturating_sub(since).as_secs() + 1);
        let old = self.last.as_ref().map(OperationResult::fresh_until).filter(|until| now < *until);
        self.newest_waiting().map(waits).or(old)
    }
}

fn is_good(outcome: &ClientOutcome) -> bool {
    match outcome {
        ClientOutcome::Answered { body: ResponseBody::Done { answer, .. }, .. } => {
            !matches!(answer, Answer::Mismatch { .. })
        }
        ClientOutcome::Answered { .. } | ClientOutcome::Failed { .. } => false,
    }
}

/// `put color blue: stored at index 7, term 2 by n3 in 4.0 ms`; for anything but a successful write, the feed's sentence.
fn words(update: &News, request: &ClientRequest, outcome: &ClientOutcome, took: Duration) -> String {
    match (&request.op, outcome) {
        (
            ClientOp::Write(_),
            ClientOutcome::Answered { node, body: ResponseBody::Done { answer: Answer::Stored, at } },
        ) => {
            let place = match answered_entry(*at) {
                Known::Is(at) => format!("at index {}, term {}", at.index, at.term),
                Known::Unknown => format!("in term {}", at.term),
            };
            format!("{}: stored {place} by {node} in {}", requested(request), span(took))
        }
        _ => sentence(update).map(|sentence| sentence.text).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::RequestFate;
    use raftdeck_protocol::Write;
    use raftdeck_raft::{LogId, LogIndex, NodeId, Term};

    const ID: CommandId = CommandId(1);

    fn put() -> ClientRequest {
        ClientOp::Write(Write::Put { key: "color".into(), value: "blue".into() }).into()
    }

    fn failed(reason: &str) -> ClientOutcome {
        ClientOutcome::Failed { reason: reason.to_owned(), fate: RequestFate::NothingChanged }
    }

    #[test]
    fn a_result_says_where_the_write_is_stored_and_a_failure_why() {
        let mut ops = Operations::default();
        ops.start(ID, put(), Duration::ZERO, Duration::ZERO);
        assert_eq!(ops.waiting(), 1);
        let at = LogId { term: Term(2), index: LogIndex(7) };
        let body = ResponseBody::Done { answer: Answer::Stored, at };
        let outcome = ClientOutcome::Answered { node: NodeId(3), body };
        let took = Duration::from_millis(4);
        ops.end(&News::Client { id: ID, request: put(), outcome, took }, took, took);
        let last = ops.last().unwrap();
        assert_eq!(last.text, "put color blue: stored at index 7, term 2 by n3 in 4.0 ms");
        assert!(last.good);

        let at = LogId { term: Term(2), index: LogIndex::ZERO };
        let body = ResponseBody::Done { answer: Answer::Stored, at };
        ops.start(ID, put(), Duration::ZERO, Duration::ZERO);
        let outcome = ClientOutcome::Answered { node: NodeId(3), body };
        ops.end(&News::Client { id: ID, request: put(), outcome, took }, took, took);
        let last = ops.last().unwrap();
        assert_eq!(last.text, "put color blue: stored in term 2 by n3 in 4.0 ms", "etcd tells no entry");

        ops.start(ID, put(), Duration::ZERO, Duration::ZERO);
        let outcome = failed("no leader was found in 5 s");
        ops.end(&News::Client { id: ID, request: put(), outcome, took }, took, took);
        let last = ops.last().unwrap();
        assert!(!last.good && last.text.contains("no leader was found"), "{}", last.text);
    }

    #[test]
    fn an_operation_whose_outcome_was_dropped_does_not_wait_for_ever() {
        let mut ops = Operations::default();
        ops.start(ID, put(), Duration::ZERO, Duration::ZERO);
        assert!(ops.done(ID, Duration::ZERO));
        assert!(!ops.done(ID, Duration::ZERO));
        assert_eq!(ops.waiting(), 0);
        let fate = ops.writes().newest_first().next().map(|write| &write.fate);
        assert!(matches!(fate, Some(crate::app::writes::WriteFate::InDoubt(..))), "{fate:?}");
    }

    #[test]
    fn what_waits_is_bounded_and_an_unknown_answer_is_ignored() {
        let mut ops = Operations::default();
        for id in 0..MAX_WAITING as u64 {
            assert!(!ops.is_full());
            ops.start(CommandId(id), put(), Duration::ZERO, Duration::ZERO);
        }
        assert!(ops.is_full());
        let outcome = failed("");
        ops.end(
            &News::Client { id: CommandId(999), request: put(), outcome, took: Duration::ZERO },
            Duration::ZERO,
            Duration::ZERO,
        );
        assert_eq!((ops.waiting(), ops.last()), (MAX_WAITING, None));
    }
}
