//! A script's requests to the store. Each client has one request in progress at a time, like a session (thesis §6.3): its `get` sees
//! its `put` before it. Different clients' requests run concurrently.

use super::line_position::LinePosition;
use raftdeck_model::{ClientName, ClientOutcome, ClientRequest, CommandId};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// A request that still waits after this time is reported.
const PATIENCE: Duration = Duration::from_secs(1);

/// At most this many requests wait.
const MAX_WAITING: usize = 256;

/// The origin of a request.
#[derive(Clone, Debug)]
pub(crate) struct RequestOrigin {
    pub(crate) place: LinePosition,
    /// Whether a refusal of it is no failure.
    pub(crate) tries: bool,
    /// In words.
    pub(crate) text: String,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RequestEnd {
    /// With this outcome.
    Outcome(ClientOutcome),
    /// The source refused it, for this reason.
    Refused(String),
}

/// The last request of a client.
#[derive(Clone, Debug)]
pub(crate) struct LastRequest {
    nth: u64,
    /// In words.
    pub(crate) text: String,
    /// `None`: it has no outcome yet.
    pub(crate) ended: Option<RequestEnd>,
}

/// Requests to the store that have no outcome yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    /// Sent, by a client or to one node.
    sent: BTreeMap<CommandId, SentRequest>,
    /// Those that wait for their client, in the order of their lines.
    queue: VecDeque<PendingRequest>,
    last: BTreeMap<ClientName, LastRequest>,
    /// Counts requests.
    asked: u64,
}

#[derive(Clone, Debug)]
struct SentRequest {
    client: ClientName,
    nth: u64,
    asked: RequestOrigin,
    /// Whether the client must send nothing else meanwhile.
    is_busy: bool,
}

#[derive(Clone, Debug)]
struct PendingRequest {
    request: ClientRequest,
    nth: u64,
    asked: RequestOrigin,
    /// Since when, and whether that was reported.
    since: Duration,
    is_told: bool,
}

impl Store {
    /// Queues a request of a client until it is its turn.
    pub(crate) fn queue(&mut self, request: ClientRequest, asked: RequestOrigin, now: Duration) {
        let nth = self.note(&request.client, &asked);
        self.queue.push_back(PendingRequest { request, nth, asked, since: now, is_told: false });
    }

    /// The request to send now, under this name, from the first client whose turn it is.
    pub(crate) fn next(&mut self, id: CommandId) -> Option<ClientRequest> {
        let is_idle = |waiting: &PendingRequest| self.busy(&waiting.request.client).is_none();
        let at = self.queue.iter().position(is_idle)?;
        let PendingRequest { request, nth, asked, .. } = self.queue.remove(at)?;
        self.sent.insert(id, SentRequest { client: request.client.clone(), nth, asked, is_busy: true });
        Some(request)
    }

    /// A request was sent outside the client's queue.
    pub(crate) fn sent(&mut self, id: CommandId, client: ClientName, asked: RequestOrigin) {
        let nth = self.note(&client, &asked);
        self.sent.insert(id, SentRequest { client, nth, asked, is_busy: false });
    }

    fn note(&mut self, client: &ClientName, asked: &RequestOrigin) -> u64 {
        self.asked += 1;
        let nth = self.asked;
        self.last.insert(client.clone(), LastRequest { nth, text: asked.text.clone(), ended: None });
        nth
    }

    /// A request has ended.
    pub(crate) fn end(&mut self, id: CommandId, ended: Option<RequestEnd>) -> Option<RequestOrigin> {
        let SentRequest { client, nth, asked, .. } = self.sent.remove(&id)?;
        if let Some(last) = self.last.get_mut(&client).filter(|last| last.nth == nth) {
            last.ended = ended;
        }
        Some(asked)
    }

    /// A client's last request, if it has sent any.
    pub(crate) fn last(&self, client: &ClientName) -> Option<&LastRequest> {
        self.last.get(client)
    }

    /// How many have no outcome.
    pub(crate) fn unanswered(&self) -> usize {
        self.sent.len() + self.queue.len()
    }

    /// Whether the limit of waiting requests is reached, so that no more lines are begun.
    pub(crate) fn is_full(&self) -> bool {
        self.queue.len() >= MAX_WAITING
    }

    /// Whether nothing waits to be sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.queue.is_empty()
    }

    /// The request that a client waits for before it sends another.
    fn busy(&self, client: &ClientName) -> Option<&RequestOrigin> {
        let of_client = |sent: &&SentRequest| sent.is_busy && sent.client == *client;
        self.sent.values().find(of_client).map(|sent| &sent.asked)
    }

    /// The reports about those that wait, each once.
    pub(crate) fn tell(&mut self, now: Duration) -> Vec<String> {
        let late = |waiting: &PendingRequest| !waiting.is_told && now >= waiting.since + PATIENCE;
        let told: Vec<(usize, String)> = self
            .queue
            .iter()
            .enumerate()
            .filter(|(_, waiting)| late(waiting))
            .filter_map(|(at, waiting)| {
                let first = self.busy(&waiting.request.client)?;
                Some((at, format!("{} waits: {} has no answer yet", waiting.asked.text, first.text)))
            })
            .collect();
        let tell = |(at, text): (usize, String)| {
            self.queue[at].is_told = true;
            text
        };
        told.into_iter().map(tell).collect()
    }

    /// When the next report is due.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.queue.iter().find(|waiting| !waiting.is_told).map(|waiting| waiting.since + PATIENCE)
    }
}
