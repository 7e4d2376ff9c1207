//! What a script asks of the store. Its client has one request under way at a time, like a session (thesis §6.3): a `get` sees the
//! `put` before it.

use super::place::Place;
use raftdeck_model::{ClientOp, CommandId};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A line that is still waiting after so long is worth a word.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a request was asked by.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) place: Place,
    /// That it is refused fails nothing.
    pub(crate) tries: bool,
    /// In words.
    pub(crate) text: String,
}

/// Requests to the store that have no outcome yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    /// Sent, by the client or to one node.
    sent: BTreeMap<CommandId, Asked>,
    /// The client's.
    busy: Option<CommandId>,
    /// Those that wait for it, since when, and whether that was said.
    queue: VecDeque<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    op: ClientOp,
    asked: Asked,
    since: Duration,
    is_told: bool,
}

impl Store {
    /// The client is to ask this, when it is its turn.
    pub(crate) fn queue(&mut self, op: ClientOp, asked: Asked, now: Duration) {
        self.queue.push_back(Waiting { op, asked, since: now, is_told: false });
    }

    /// What the client asks now, under this name.
    pub(crate) fn next(&mut self, id: CommandId) -> Option<ClientOp> {
        if self.busy.is_some() {
            return None;
        }
        let Waiting { op, asked, .. } = self.queue.pop_front()?;
        self.busy = Some(id);
        self.sent.insert(id, asked);
        Some(op)
    }

    /// Something was asked beside the client.
    pub(crate) fn sent(&mut self, id: CommandId, asked: Asked) {
        self.sent.insert(id, asked);
    }

    /// A request has an outcome, or was refused.
    pub(crate) fn end(&mut self, id: CommandId) -> Option<Asked> {
        if self.busy == Some(id) {
            self.busy = None;
        }
        self.sent.remove(&id)
    }

    /// How many have no outcome.
    pub(crate) fn unanswered(&self) -> usize {
        self.sent.len() + self.queue.len()
    }

    /// Whether nothing waits to be sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.queue.is_empty()
    }

    /// What is to be said of those that wait, each once.
    pub(crate) fn tell(&mut self, now: Duration) -> Vec<String> {
        let Some(first) = self.busy.and_then(|busy| self.sent.get(&busy)) else { return Vec::new() };
        let late = |waiting: &&mut Waiting| !waiting.is_told && now >= waiting.since + PATIENCE;
        let tell = |waiting: &mut Waiting| {
            waiting.is_told = true;
            format!("{} waits: {} has no answer yet", waiting.asked.text, first.text)
        };
        self.queue.iter_mut().filter(late).map(tell).collect()
    }

    /// When there is next something to be said.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.queue.iter().find(|waiting| !waiting.is_told).map(|waiting| waiting.since + PATIENCE)
    }
}
