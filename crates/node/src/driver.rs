//! The one task that owns the replica: it takes in what arrived, asks the replica what follows, and carries that
//! out. It opens no socket and waits for no disk; what goes in and out passes bounded queues.

use crate::clients::{Asked, ConnectionId, Place};
use crate::clock::Clock;
use crate::disk::{Disk, DiskError, Durable, Gone};
use crate::narrate::narrate;
use crate::peers::Outgoing;
use crate::telemetry::Publisher;
use raftdeck_protocol::kv::{Consistency, LoggedTime};
use raftdeck_protocol::request::{MAX_LOG_LINES, describe};
use raftdeck_protocol::{Failure, LogLine, NodeStatus, RequestBody, Response, ResponseBody};
use raftdeck_raft::{LogIndex, Message, NodeId, Timestamp};
use raftdeck_replica::{Outputs, Replica, RequestToken};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// What waits to be taken in, of each kind; whoever brings more waits himself.
pub(crate) const PEER_QUEUE: usize = 256;
pub(crate) const CLIENT_QUEUE: usize = 512;

/// What one pass takes in at most. Messages go first: a flood of requests must not cost a leader its term.
const PEER_BUDGET: usize = 64;
const CLIENT_BUDGET: usize = 256;

/// Requests that wait for their answer; more are told "busy".
const MAX_WAITING: usize = 8192;

/// A stopping node waits this long for its disk.
const LAST_SYNC: Duration = Duration::from_millis(700);

/// What comes from a peer's connection.
#[derive(Debug)]
pub(crate) enum PeerInput {
    /// It connected, and its clients are served at this address.
    Address(NodeId, String),
    /// It says this.
    Message(NodeId, Message),
}

/// What comes from a client's connection.
#[derive(Debug)]
pub(crate) enum ClientInput {
    Asked(Asked),
    /// Somebody new watches.
    Watched,
    /// It closed: nobody waits for its answers any more.
    Gone(ConnectionId),
}

/// The queues into the driver.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) peers: mpsc::Receiver<PeerInput>,
    pub(crate) clients: mpsc::Receiver<ClientInput>,
}

/// Why one pass begins.
enum Wake {
    Stop,
    Durable(Durable),
    Peer(PeerInput),
    Client(ClientInput),
    Time,
    More,
}

/// A write or a read under way.
#[derive(Debug)]
struct Waiting {
    asked: Answerable,
    is_write: bool,
}

/// Where an answer goes.
#[derive(Debug)]
struct Answerable {
    connection: ConnectionId,
    id: u64,
    place: Place,
}

/// The task's state.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) replica: Replica,
    pub(crate) clock: Clock,
    pub(crate) disk: Disk,
    pub(crate) outgoing: Outgoing,
    pub(crate) publisher: Publisher,
    pub(crate) requests: Requests,
    pub(crate) fsync: Duration,
}

/// The requests under way, and where clients find the other nodes.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    waiting: HashMap<RequestToken, Waiting>,
    newest: u64,
    /// As the peers gave them in their handshakes.
    client_addresses: BTreeMap<NodeId, String>,
}

impl Driver {
    /// Drives the replica until `stop`, or until the disk fails. Everybody who waits is answered on a stop, and
    /// nobody after a failure.
    pub(crate) async fn run(mut self, mut inputs: Inputs, stop: CancellationToken) -> Result<(), DiskError> {
        self.carry_out()?;
        loop {
            match self.wait(&mut inputs, &stop).await? {
                Wake::Stop => return self.stop(inputs).await,
                Wake::Durable(durable) => self.durable(durable),
                Wake::Peer(input) => self.peer(input),
                Wake::Client(input) => self.client(input),
                Wake::Time | Wake::More => {}
            }
            self.drain(&mut inputs)?;
            let now = self.clock.now();
            if now >= self.replica.next_deadline() {
                self.replica.handle_deadline(now);
                self.publisher.stir();
            }
            self.carry_out()?;
            let Self { replica, publisher, fsync, .. } = &mut self;
            publisher.publish(|now| node_status(replica, *fsync, now));
        }
    }

    async fn wait(&mut self, inputs: &mut Inputs, stop: &CancellationToken) -> Result<Wake, DiskError> {
        let alarm = self.alarm();
        // While the disk is behind, nothing comes in that would give it more to do.
        let room = self.disk.has_room();
        Ok(tokio::select! {
            biased;
            () = stop.cancelled() => Wake::Stop,
            durable = self.disk.completed() => Wake::Durable(durable?),
            Some(input) = inputs.peers.recv(), if room => Wake::Peer(input),
            () = sleep_until(alarm) => Wake::Time,
            Some(input) = inputs.clients.recv(), if room => Wake::Client(input),
            () = yield_now(), if self.replica.has_more() => Wake::More,
        })
    }

    fn alarm(&self) -> Instant {
        let deadline = self.replica.next_deadline();
        self.clock.instant(self.publisher.due().map_or(deadline, |due| due.min(deadline)))
    }

    /// Takes in all else that waits, within the budgets: one sync and one flush will serve it all.
    fn drain(&mut self, inputs: &mut Inputs) -> Result<(), DiskError> {
        while let Some(durable) = self.disk.try_completed() {
            self.durable(durable?);
        }
        if self.disk.has_room() {
            for _ in 0..PEER_BUDGET {
                let Ok(input) = inputs.peers.try_recv() else { break };
                self.peer(input);
            }
            for _ in 0..CLIENT_BUDGET {
                let Ok(input) = inputs.clients.try_recv() else { break };
                self.client(input);
            }
        }
        Ok(())
    }

    fn durable(&mut self, durable: Durable) {
        let now = self.clock.now();
        self.fsync = durable.took.unwrap_or(self.fsync);
        for envelope in durable.then_send {
            self.outgoing.send(envelope);
        }
        for ticket in durable.tickets {
            self.replica.handle_persisted(ticket, now);
        }
        self.publisher.stir();
    }

    fn peer(&mut self, input: PeerInput) {
        match input {
            PeerInput::Address(id, address) => {
                self.requests.client_addresses.insert(id, address);
            }
            PeerInput::Message(from, message) => {
                self.replica.handle_message(from, message, self.clock.now());
                self.publisher.stir();
            }
        }
    }

    fn client(&mut self, input: ClientInput) {
        match input {
            ClientInput::Asked(asked) => self.asked(asked),
            ClientInput::Watched => self.publisher.renew(),
            ClientInput::Gone(connection) => {
                for token in self.requests.of(connection) {
                    self.requests.waiting.remove(&token);
                    self.replica.cancel(token);
                }
            }
        }
    }

    fn asked(&mut self, Asked { connection, id, body, place }: Asked) {
        let asked = Answerable { connection, id, place };
        match body {
            RequestBody::Write(write) => {
                if let Some(token) = self.requests.enter(asked, true) {
                    self.replica.write(token, write, LoggedTime::default());
                    self.publisher.stir();
                }
            }
            RequestBody::Read(read) => {
                if let Some(token) = self.requests.enter(asked, false) {
                    self.replica.read(token, read, Consistency::Linearizable, self.clock.now());
                }
            }
            RequestBody::Status => {
                let status = node_status(&self.replica, self.fsync, self.clock.now());
                asked.answer(ResponseBody::Status(Box::new(status)));
            }
            RequestBody::Log { first, limit } => asked.answer(self.log(first, limit)),
            // Taken care of where the connection is.
            RequestBody::Subscribe => {}
            _ => asked.answer(ResponseBody::Failed(Failure::NotManaged)),
        }
    }

    fn log(&self, first: u64, limit: u32) -> ResponseBody {
        let limit = usize::try_from(limit.min(MAX_LOG_LINES)).unwrap_or(usize::MAX);
        let entries = self.replica.entries(LogIndex(first.max(1)), limit);
        let lines = entries.iter().map(|entry| LogLine { id: entry.id, text: describe(&entry.payload) });
        ResponseBody::Log(lines.collect())
    }

    fn carry_out(&mut self) -> Result<(), Gone> {
        let now = self.clock.now();
        let Outputs { persist, send, replies, trace, .. } = self.replica.take_outputs(now);
        for persist in persist {
            self.disk.write(persist)?;
        }
        for envelope in send {
            self.outgoing.send(envelope);
        }
        for (token, body) in replies {
            self.requests.answer(token, body);
        }
        for event in trace {
            narrate(&event);
            self.publisher.event(event, now);
            self.publisher.stir();
        }
        Ok(())
    }

    /// Answers everybody, then lets the disk finish what it was given.
    async fn stop(mut self, mut inputs: Inputs) -> Result<(), DiskError> {
        self.requests.give_up();
        inputs.clients.close();
        while let Ok(input) = inputs.clients.try_recv() {
            if let ClientInput::Asked(Asked { connection, id, place, .. }) = input {
                let asked = Answerable { connection, id, place };
                asked.answer(ResponseBody::Failed(Failure::Stopping));
            }
        }
        let Ok(finished) = timeout(LAST_SYNC, self.disk.finish()).await else {
            tracing::warn!("the disk is slow: stopping without its last answer");
            return Ok(());
        };
        Ok(finished?)
    }
}

fn node_status(replica: &Replica, fsync: Duration, now: Timestamp) -> NodeStatus {
    NodeStatus {
        raft: replica.status(now),
        keys: replica.keys(),
        state_hash: replica.state_hash(),
        uptime_micros: now.0,
        fsync_micros: u64::try_from(fsync.as_micros()).unwrap_or(u64::MAX),
        sessions: replica.sessions(),
    }
}

impl Answerable {
    fn answer(self, body: ResponseBody) {
        self.place.send(Response { id: self.id, body });
    }
}

impl Requests {
    /// Knows this node's own client address from the start.
    pub(crate) fn new(id: NodeId, client_address: String) -> Self {
        Self { client_addresses: BTreeMap::from([(id, client_address)]), ..Self::default() }
    }

    /// Gives a request its token; `None`: too many wait, and it was told so.
    fn enter(&mut self, asked: Answerable, is_write: bool) -> Option<RequestToken> {
        if self.waiting.len() >= MAX_WAITING {
            asked.answer(ResponseBody::Failed(Failure::Busy));
            return None;
        }
        self.newest += 1;
        let token = RequestToken(self.newest);
        self.waiting.insert(token, Waiting { asked, is_write });
        Some(token)
    }

    fn answer(&mut self, token: RequestToken, mut body: ResponseBody) {
        let Some(waiting) = self.waiting.remove(&token) else { return };
        if let ResponseBody::Failed(Failure::NotLeader { leader: Some(leader), address }) = &mut body {
            *address = self.client_addresses.get(leader).cloned();
        }
        waiting.asked.answer(body);
    }

    fn of(&self, connection: ConnectionId) -> Vec<RequestToken> {
        let theirs = |waiting: &Waiting| waiting.asked.connection == connection;
        self.waiting.iter().filter(|(_, waiting)| theirs(waiting)).map(|(token, _)| *token).collect()
    }

    /// The node stops: reads will not be answered, writes may still be carried out by the others.
    fn give_up(&mut self) {
        for (_, waiting) in self.waiting.drain() {
            let failure = if waiting.is_write { Failure::Unknown } else { Failure::Stopping };
            waiting.asked.answer(ResponseBody::Failed(failure));
        }
    }
}

#[cfg(test)]
#[path = "driver_tests.rs"]
mod tests;
