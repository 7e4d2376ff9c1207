//! What an operation has met so far, and the error that this makes when time is up. Decides nothing before that.

use crate::dial::DialError;
use crate::error::ClientError;
use raftdeck_protocol::{RefusalReason, RequestBody};
use std::time::Duration;

/// What an operation has met so far.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    last: String,
    met: Met,
    /// The newest refused handshake of this round.
    refused: Option<(String, RefusalReason)>,
    /// Attempts of this round that met anything else.
    others: usize,
}

/// The most telling thing that the newest attempts came to.
#[derive(Debug, Default, PartialEq, Eq)]
enum Met {
    #[default]
    Nobody,
    Answer,
    Busy,
    /// A read was sent and not answered.
    Silence,
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
    pub(crate) fn answered(&mut self, what: String, busy: bool) {
        self.met = if busy { Met::Busy } else { Met::Answer };
        self.passed_over(what);
    }

    /// A read was sent, and no answer came.
    pub(crate) fn unanswered(&mut self, what: String) {
        self.met = Met::Silence;
        self.passed_over(what);
    }

    /// Whether this round met nothing but refused handshakes, which another round will not change.
    pub(crate) fn all_refused(&mut self) -> Option<(String, RefusalReason)> {
        if self.others == 0 { self.refused.take() } else { None }
    }

    /// The operation's error when its time, `after`, is up.
    pub(crate) fn into_error(self, body: &RequestBody, after: Duration) -> ClientError {
        let last = if self.last.is_empty() { "nothing was tried in time".to_owned() } else { self.last };
        match self.met {
            Met::Busy => ClientError::Busy,
            Met::Silence if matches!(body, RequestBody::Read(_)) => ClientError::TimedOut { after, last },
            Met::Silence | Met::Answer => ClientError::NoLeader { after, last },
            Met::Nobody => ClientError::Unreachable { after, last },
        }
    }
}
