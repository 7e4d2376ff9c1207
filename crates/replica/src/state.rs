//! The replicated state: the map, the sessions and the names of writes, and what a committed command makes of them.
//! Knows nothing about waiting clients.

use crate::machine::Machine;
use crate::names::Names;
use crate::sessions::Sessions;
use raftdeck_protocol::kv::{ActionOf, CommandOf, SessionId};
use raftdeck_protocol::{Answer, Failure};
use raftdeck_raft::LogId;

/// Everything that a snapshot holds. A clone shares it with the original, in O(1).
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplicatedState {
    pub(crate) machine: Machine,
    pub(crate) sessions: Sessions,
    pub(crate) names: Names,
}

/// The outcome of a command: its answer and the entry that carried it out, or why nothing was.
pub(crate) type CommandOutcome = Result<(Answer, LogId), Failure>;

impl ReplicatedState {
    /// Equal states have equal hashes, however they came about.
    pub(crate) fn hash(&self) -> u64 {
        self.machine.hash().wrapping_add(self.sessions.hash()).wrapping_add(self.names.hash())
    }

    /// Applies the committed command of the entry `at`.
    pub(crate) fn apply<B: AsRef<[u8]>>(&mut self, at: LogId, command: &CommandOf<B>) -> CommandOutcome {
        let Self { machine, sessions, names } = self;
        let before = sessions.now();
        sessions.pass_time(command.at);
        names.pass_time(sessions.now().0 - before.0);
        match &command.action {
            ActionOf::Write(write) => Ok((machine.apply(write), at)),
            ActionOf::OpenSession => {
                let id = SessionId(at.index.0);
                sessions.open(id);
                Ok((Answer::SessionOpened(id), at))
            }
            ActionOf::SessionWrite(write) => sessions.write(write, at, || machine.apply(&write.write)),
            ActionOf::NamedWrite(write) => names.write(write, at, || machine.apply(&write.write)),
        }
    }
}

#[cfg(test)]
mod tests;
