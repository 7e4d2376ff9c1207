//! The replicated state: the map and the sessions, and what a committed command makes of them. Knows nothing of who
//! waits for the answer.

use crate::machine::Machine;
use crate::sessions::{Kept, Sessions, Verdict};
use raftdeck_protocol::kv::{Action, Command, SessionId, SessionWrite};
use raftdeck_protocol::{Answer, Failure};
use raftdeck_raft::LogId;

/// Everything that a snapshot holds. A clone shares it with the original, in O(1).
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) machine: Machine,
    pub(crate) sessions: Sessions,
}

/// What came of a command: its answer and the entry that carried it out, or why nothing was.
pub(crate) type Outcome = Result<(Answer, LogId), Failure>;

impl State {
    /// Equal states have equal hashes, however they came about.
    pub(crate) fn hash(&self) -> u64 {
        self.machine.hash().wrapping_add(self.sessions.hash())
    }

    /// Applies the committed command of the entry `at`.
    pub(crate) fn apply(&mut self, at: LogId, command: Command) -> Outcome {
        self.sessions.pass_time(command.at);
        match command.action {
            Action::Write(write) => Ok((self.machine.apply(write), at)),
            Action::OpenSession => {
                let id = SessionId(at.index.0);
                self.sessions.open(id);
                Ok((Answer::SessionOpened(id), at))
            }
            Action::SessionWrite(write) => self.apply_once(at, write),
        }
    }

    fn apply_once(&mut self, at: LogId, write: SessionWrite) -> Outcome {
        match self.sessions.judge(&write) {
            Verdict::Apply => {
                let answer = self.machine.apply(write.write);
                self.sessions.keep(write.session, write.sequence, Kept { answer: answer.clone(), at });
                Ok((answer, at))
            }
            Verdict::Repeated(Kept { answer, at }) => Ok((answer, at)),
            Verdict::Refused(failure) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests;
