//! What an operation has met so far, and the error that this makes when time is up. Decides nothing before that.

use crate::asking::Question;
use crate::dial::DialError;
use crate::error::ClientError;
use raftdeck_protocol::RefusalReason;
use raftdeck_raft::{ChangeError, TransferError};
use std::time::Duration;

/// What an operation has met so far.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    last: String,
    met: Met,
    /// An attempt was sent and not answered: what came in between.
    doubt: Option<String>,
    /// The newest refused handshake of this round.
    refused: Option<(String, RefusalReason)>,
    /// Attempts of this round that met anything else.
    others: usize,
}

/// The most telling thing that the newest attempts came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Met {
    #[default]
    Nobody,
    Answer,
    Busy,
    /// It was sent and not answered, which leaves no doubt: it changes nothing.
    Silence,
    Change(ChangeError),
    Transfer(TransferError),
}

impl Trail {
    pub(crate) fn begin_round(&mut self) {
        self.refused = None;
        self.others = 0;
    }

    /// No connection came about.
    pub(crate) fn unreached(&mut self, error: DialError) {
        self.last = error.to_string();
        match error {
            DialError::Refused { address, reason } => self.refused = Some((address, reason)),
            _ => self.others += 1,
        }
    }

    /// Nothing was sent.
    pub(crate) fn passed_over(&mut self, what: String) {
        self.others += 1;
        self.last = what;
    }

    /// A node said no.
    pub(crate) fn answered(&mut self, what: String, met: Met) {
        self.met = met;
        self.passed_over(what);
    }

    /// A question that changes nothing was sent, and no answer came.
    pub(crate) fn unanswered(&mut self, what: String) {
        self.met = Met::Silence;
        self.passed_over(what);
    }

    /// A write was sent, and no answer came.
    pub(crate) fn doubted(&mut self, why: String) {
        self.doubt = Some(why.clone());
        self.passed_over(why);
    }

    /// Why it may have happened, if it may.
    pub(crate) fn doubt(&self) -> Option<String> {
        self.doubt.clone()
    }

    /// Whether this round met nothing but refused handshakes, which another round will not change.
    pub(crate) fn all_refused(&mut self) -> Option<(String, RefusalReason)> {
        if self.others == 0 && self.doubt.is_none() { self.refused.take() } else { None }
    }

    /// The operation's error when its time, `after`, is up.
    pub(crate) fn into_error(self, question: &Question, after: Duration) -> ClientError {
        if let Some(why) = self.doubt {
            return ClientError::Unknown { why };
        }
        let last = if self.last.is_empty() { "nothing was tried in time".to_owned() } else { self.last };
        match self.met {
            Met::Busy => ClientError::Busy,
            Met::Change(error) => ClientError::Change(error),
            Met::Transfer(error) => ClientError::Transfer(error),
            Met::Silence if question.is_look() => ClientError::TimedOut { after, last },
            Met::Silence | Met::Answer => ClientError::NoLeader { after, last },
            Met::Nobody => ClientError::Unreachable { after, last },
        }
    }
}
