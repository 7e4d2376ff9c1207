//! The clients' history: requests, their times, and their answers.

use raftdeck_protocol::{Answer, Read, Write};

/// What a client asked for. Reads are those that promise to be linearizable; stale reads have no place here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A change. Through a session, all attempts together are one operation.
    Write(Write),
    /// A question. A list counts as one read of each key in its range: that the keys of one page belong to one
    /// moment is not checked.
    Read(Read),
}

/// How an operation ended for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationOutcome {
    /// It was carried out, with this answer.
    Ok(Answer),
    /// It certainly did not happen and never will.
    Failed,
    /// Unknown: a write may have happened, may happen any time later, or never.
    Unknown,
}

/// Names an operation of a [`History`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub usize);

/// A moment: the time, and the order of the calls within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) at_micros: u64,
    call: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct HistoryRecord {
    pub(crate) client: u64,
    pub(crate) operation: Operation,
    pub(crate) invoked: Moment,
    /// Missing: still under way, so the outcome is unknown.
    pub(crate) completed: Option<(OperationOutcome, Moment)>,
}

/// Operations in the order in which they were begun.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub(crate) records: Vec<HistoryRecord>,
    calls: usize,
}

impl History {
    /// A client sends an operation. Times are in microseconds of one clock for all clients; of equal times the order
    /// of the calls decides.
    pub fn invoke(&mut self, client: u64, operation: Operation, at_micros: u64) -> OpId {
        let invoked = self.moment(at_micros);
        self.records.push(HistoryRecord { client, operation, invoked, completed: None });
        OpId(self.records.len() - 1)
    }

    /// Its client knows how it ended.
    ///
    /// # Panics
    /// If `id` is not of this history, was completed before, or would end before it began.
    pub fn complete(&mut self, id: OpId, outcome: OperationOutcome, at_micros: u64) {
        let moment = self.moment(at_micros);
        let record = &mut self.records[id.0];
        assert!(record.completed.is_none(), "an operation ends once");
        assert!(record.invoked < moment, "an operation ends after it began");
        record.completed = Some((outcome, moment));
    }

    /// How many operations were begun.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn moment(&mut self, at_micros: u64) -> Moment {
        self.calls += 1;
        Moment { at_micros, call: self.calls }
    }
}
