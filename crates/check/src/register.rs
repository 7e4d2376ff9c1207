//! One key of the map on its own: what its operations did to it, and what they must have found there.
//!
//! Operations on different keys never meet, so each key can be judged alone (linearizability is local).

use crate::history::{History, HistoryRecord, Moment, Operation, OperationOutcome};
use bytes::Bytes;
use raftdeck_protocol::{Answer, Read, Write};
use std::collections::{BTreeMap, BTreeSet};

/// A value that the key had, by number; [`ABSENT`] if it does not exist.
pub(crate) type RegisterState = usize;

/// The key does not exist: what it starts with.
pub(crate) const ABSENT: RegisterState = 0;

/// What an operation does to the key, with what its answer says about the state before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RegisterAction {
    Put(RegisterState),
    /// Whether it found something, if that is known.
    Delete(Option<bool>),
    /// Stored, or unknown.
    Cas {
        expected: RegisterState,
        value: RegisterState,
        stored: bool,
    },
    /// It must have found this, and changed nothing.
    Found(RegisterState),
    /// It must have found anything else, and changed nothing: a mismatch that does not agree with itself.
    Impossible,
}

impl RegisterAction {
    /// The state after it, or nothing if its answer could not have been given in this state.
    pub(crate) fn apply(self, state: RegisterState) -> Option<RegisterState> {
        match self {
            Self::Put(value) => Some(value),
            Self::Delete(None) => Some(ABSENT),
            Self::Delete(Some(existed)) => (existed == (state != ABSENT)).then_some(ABSENT),
            Self::Cas { expected, value, .. } if state == expected => Some(value),
            Self::Cas { stored, .. } => (!stored).then_some(state),
            Self::Found(found) => (state == found).then_some(state),
            Self::Impossible => None,
        }
    }

    /// Whether it changes nothing wherever it is possible, so that it is best done as soon as it is.
    pub(crate) fn only_looks(self) -> bool {
        matches!(self, Self::Found(_) | Self::Delete(Some(false)) | Self::Impossible)
    }
}

/// An operation on this key.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Its place in the history.
    pub(crate) record: usize,
    pub(crate) act: RegisterAction,
    pub(crate) invoked: Moment,
    /// Missing: it may take effect any time later, or never.
    pub(crate) returned: Option<Moment>,
}

/// All operations on one key that may have had an effect or were answered.
#[derive(Debug)]
pub(crate) struct Register {
    pub(crate) key: Bytes,
    pub(crate) calls: Vec<Call>,
    /// The values by number.
    values: Vec<Option<Bytes>>,
    numbers: BTreeMap<Bytes, RegisterState>,
}

/// The registers in a history, in order of their keys.
pub(crate) fn registers(history: &History) -> Vec<Register> {
    keys(history).into_iter().map(|key| Register::of(key, history)).collect()
}

/// An answer that does not belong to its question, if there is one.
pub(crate) fn misfit(history: &History) -> Option<&HistoryRecord> {
    history.records.iter().find(|record| match (&record.operation, &record.completed) {
        (_, None | Some((OperationOutcome::Failed | OperationOutcome::Unknown, _))) => false,
        (Operation::Write(write), Some((OperationOutcome::Ok(answer), _))) => !matches!(
            (write, answer),
            (Write::Put { .. }, Answer::Stored)
                | (Write::Delete { .. }, Answer::Deleted { .. })
                | (Write::CompareAndSet { .. }, Answer::Stored | Answer::Mismatch { .. })
        ),
        (Operation::Read(read), Some((OperationOutcome::Ok(answer), _))) => !matches!(
            (read, answer),
            (Read::Get { .. }, Answer::Value(_)) | (Read::List { .. }, Answer::Page { .. })
        ),
    })
}

fn keys(history: &History) -> BTreeSet<Bytes> {
    let mut keys = BTreeSet::new();
    for record in &history.records {
        match &record.operation {
            Operation::Write(write) => {
                keys.insert(write.key().clone());
            }
            Operation::Read(Read::Get { key }) => {
                keys.insert(key.clone());
            }
            Operation::Read(Read::List { .. }) => {
                if let Some((OperationOutcome::Ok(Answer::Page { pairs, .. }), _)) = &record.completed {
                    keys.extend(pairs.iter().map(|(key, _)| key.clone()));
                }
            }
        }
    }
    keys
}

impl Register {
    fn of(key: Bytes, history: &History) -> Self {
        let mut register = Self { key, calls: Vec::new(), values: vec![None], numbers: BTreeMap::new() };
        for (place, record) in history.records.iter().enumerate() {
            let outcome = record.completed.as_ref().map(|(outcome, _)| outcome);
            let Some(act) = register.act(&record.operation, outcome) else { continue };
            let returned = match &record.completed {
                Some((OperationOutcome::Ok(_), moment)) => Some(*moment),
                _ => None,
            };
            register.calls.push(Call { record: place, act, invoked: record.invoked, returned });
        }
        register
    }

    /// What an operation means for this key; `None` if it concerns other keys, or tells nothing about this one.
    fn act(&mut self, operation: &Operation, outcome: Option<&OperationOutcome>) -> Option<RegisterAction> {
        let answer = match outcome {
            Some(OperationOutcome::Failed) => return None,
            Some(OperationOutcome::Ok(answer)) => Some(answer),
            None | Some(OperationOutcome::Unknown) => None,
        };
        match operation {
            Operation::Write(write) if *write.key() == self.key => Some(self.write(write, answer)),
            Operation::Read(Read::Get { key }) if *key == self.key => match answer? {
                Answer::Value(value) => Some(RegisterAction::Found(self.number(value.as_ref()))),
                _ => None,
            },
            Operation::Read(Read::List { prefix, after, .. }) => match answer? {
                Answer::Page { pairs, more } => self.listed(prefix, after.as_ref(), pairs, *more),
                _ => None,
            },
            _ => None,
        }
    }

    fn write(&mut self, write: &Write, answer: Option<&Answer>) -> RegisterAction {
        match (write, answer) {
            (Write::Put { value, .. }, _) => RegisterAction::Put(self.number(Some(value))),
            (Write::Delete { .. }, Some(Answer::Deleted { existed })) => {
                RegisterAction::Delete(Some(*existed))
            }
            (Write::Delete { .. }, _) => RegisterAction::Delete(None),
            (Write::CompareAndSet { expected, .. }, Some(Answer::Mismatch { current })) => {
                if current == expected {
                    return RegisterAction::Impossible;
                }
                RegisterAction::Found(self.number(current.as_ref()))
            }
            (Write::CompareAndSet { expected, value, .. }, answer) => RegisterAction::Cas {
                expected: self.number(expected.as_ref()),
                value: self.number(Some(value)),
                stored: answer.is_some(),
            },
        }
    }

    /// What a page says about this key, if it is in its range.
    fn listed(
        &mut self,
        prefix: &Bytes,
        after: Option<&Bytes>,
        pairs: &[(Bytes, Bytes)],
        more: bool,
    ) -> Option<RegisterAction> {
        let starts = self.key.starts_with(prefix) && after.is_none_or(|after| self.key > *after);
        let ends = more && pairs.last().is_none_or(|(last, _)| self.key > *last);
        if !starts || ends {
            return None;
        }
        let value = pairs.iter().find(|(key, _)| *key == self.key).map(|(_, value)| value);
        Some(RegisterAction::Found(self.number(value)))
    }

    fn number(&mut self, value: Option<&Bytes>) -> RegisterState {
        let Some(value) = value else { return ABSENT };
        let next = self.values.len();
        let number = *self.numbers.entry(value.clone()).or_insert(next);
        if number == next {
            self.values.push(Some(value.clone()));
        }
        number
    }

    /// The value with this number.
    pub(crate) fn value(&self, state: RegisterState) -> Option<&Bytes> {
        self.values[state].as_ref()
    }
}
