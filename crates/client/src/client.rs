//! Reads and writes with a deadline: which node to ask, when to ask again, and when not to. The rule that keeps it
//! honest: a write goes out again only after an attempt that certainly changed nothing.

use crate::address::{self, AddressError};
use crate::backoff::Backoff;
use crate::connection::{Connection, Lost, Reply};
use crate::dial::DialError;
use crate::directory::{Directory, Round, Target};
use crate::error::ClientError;
use crate::trail::Trail;
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{
    Answer, Failure, Hello, LogLine, NodeStatus, Read, RequestBody, ResponseBody, Write,
};
use raftdeck_raft::{LogId, NodeId};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

/// The pauses between two rounds of asking everybody.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
const MOST_PAUSE: Duration = Duration::from_millis(100);

/// How a client behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The cluster it insists on; empty: any.
    pub cluster: String,
    /// How long a node may say nothing at all before another one is asked.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { cluster: String::new(), patience: Duration::from_millis(400) }
    }
}

/// An operation that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What came of it.
    pub answer: Answer,
    /// For a write its entry; for a read the newest entry that the answer includes.
    pub at: LogId,
    /// Who answered.
    pub node: NodeId,
}

/// A client of one cluster. Cheap to clone; clones share connections and what was learned.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    hello: Hello,
    patience: Duration,
    directory: Mutex<Directory>,
}

/// What one attempt at one node came to.
enum Attempt {
    Answered(ResponseBody, NodeId),
    /// No connection: certainly not carried out.
    Unreached(DialError),
    /// The connection broke before the request was sent, or the node was too quiet to be sent one.
    Unsent,
    /// Sent, and the connection broke.
    Broke,
    /// Sent, and the node says nothing at all (reads only: a write waits on).
    Silent,
    /// Sent, and the deadline passed.
    OutOfTime,
}

impl Client {
    /// A client that starts with these addresses (`HOST:PORT`, names allowed, Raft or client port). Connects when
    /// it is first used; needs a tokio runtime from then on.
    pub fn new(addresses: &[String], options: Options) -> Result<Self, AddressError> {
        if addresses.is_empty() {
            return Err(AddressError::None);
        }
        for given in addresses {
            address::split(given)?;
        }
        let shared = Shared {
            hello: Hello::new(options.cluster, Role::Client),
            patience: options.patience,
            directory: Mutex::new(Directory::new(addresses)),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The caller knows better who leads: ask there first, even if it said nothing a moment ago.
    pub fn set_leader_hint(&self, address: &str) -> Result<(), AddressError> {
        address::split(address)?;
        let mut directory = self.directory();
        let target = directory.at(address);
        target.mark_heard();
        directory.set_leader(&target);
        Ok(())
    }

    /// Changes something. An error says whether it may have happened.
    pub async fn write(&self, write: Write, deadline: Duration) -> Result<Done, ClientError> {
        write.check().map_err(ClientError::Limit)?;
        self.ask(&RequestBody::Write(write), deadline).await
    }

    /// A linearizable read.
    pub async fn read(&self, read: Read, deadline: Duration) -> Result<Done, ClientError> {
        read.check().map_err(ClientError::Limit)?;
        self.ask(&RequestBody::Read(read), deadline).await
    }

    /// One node's own state.
    pub async fn status(&self, address: &str, deadline: Duration) -> Result<NodeStatus, ClientError> {
        match self.ask_one(address, RequestBody::Status, deadline).await? {
            ResponseBody::Status(status) => Ok(*status),
            other => Err(misplaced(address, &other)),
        }
    }

    /// One node's own log from `first`, at most `limit` entries, committed or not.
    pub async fn log(
        &self,
        address: &str,
        first: u64,
        limit: u32,
        deadline: Duration,
    ) -> Result<Vec<LogLine>, ClientError> {
        match self.ask_one(address, RequestBody::Log { first, limit }, deadline).await? {
            ResponseBody::Log(lines) => Ok(lines),
            other => Err(misplaced(address, &other)),
        }
    }

    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.shared.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks one node after the other, round after round, until one answers or the deadline passes.
    async fn ask(&self, body: &RequestBody, deadline: Duration) -> Result<Done, ClientError> {
        let until = Instant::now() + deadline;
        let mut trail = Trail::default();
        let mut pauses = Backoff::new(LEAST_PAUSE, MOST_PAUSE);
        loop {
            if let Some(end) = self.ask_round(body, until, &mut trail).await {
                return end;
            }
            if let Some((address, reason)) = trail.all_refused() {
                return Err(ClientError::Refused { address, reason });
            }
            let pause = pauses.pause();
            if Instant::now() + pause >= until {
                return Err(trail.into_error(body, deadline));
            }
            sleep(pause).await;
        }
    }

    /// Asks each node at most once. `None`: none of them had the answer, and nothing was changed.
    async fn ask_round(
        &self,
        body: &RequestBody,
        until: Instant,
        trail: &mut Trail,
    ) -> Option<Result<Done, ClientError>> {
        let mut round = Round::default();
        trail.begin_round();
        while Instant::now() < until {
            let target = self.directory().choose(&mut round)?;
            let attempt = self.attempt(&target, body, until).await;
            let end = self.judge(&target, attempt, body, trail);
            if end.is_some() {
                return end;
            }
        }
        None
    }

    /// What an attempt means: an end, or another try.
    fn judge(
        &self,
        target: &Arc<Target>,
        attempt: Attempt,
        body: &RequestBody,
        trail: &mut Trail,
    ) -> Option<Result<Done, ClientError>> {
        let is_write = matches!(body, RequestBody::Write(_));
        let unknown = |why: String| Some(Err(ClientError::Unknown { why }));
        if !matches!(attempt, Attempt::Answered(..)) {
            self.directory().forget_leader(target);
        }
        match attempt {
            Attempt::Answered(ResponseBody::Done { answer, at }, node) => {
                self.directory().set_leader(target);
                return Some(Ok(Done { answer, at, node }));
            }
            Attempt::Answered(ResponseBody::Failed(failure), node) => {
                return self.judge_failure(target, node, failure, is_write, trail);
            }
            Attempt::Answered(_, node) if is_write => {
                return unknown(format!("{node} gave an answer that does not belong to a write"));
            }
            Attempt::Answered(other, _) => return Some(Err(misplaced(target.address(), &other))),
            Attempt::Unreached(error) => trail.unreached(error),
            Attempt::Unsent => trail.passed_over(format!("{} was not asked: it is silent", target.address())),
            Attempt::Broke if is_write => {
                return unknown(format!(
                    "the connection to {} broke while it was under way",
                    target.address()
                ));
            }
            Attempt::OutOfTime if is_write => {
                return unknown(format!("{} did not answer in time", target.address()));
            }
            Attempt::Broke => trail.unanswered(format!("the connection to {} broke", target.address())),
            Attempt::Silent => trail.unanswered(format!("{} is silent", target.address())),
            Attempt::OutOfTime => trail.unanswered(format!("{} did not answer in time", target.address())),
        }
        None
    }

    fn judge_failure(
        &self,
        target: &Arc<Target>,
        node: NodeId,
        failure: Failure,
        is_write: bool,
        trail: &mut Trail,
    ) -> Option<Result<Done, ClientError>> {
        trail.answered(format!("{node} says: {failure}"), failure == Failure::Busy);
        match failure {
            Failure::NotLeader { leader, address } => self.directory().follow(leader, address.as_deref()),
            Failure::Unknown if is_write => {
                let why = format!("{node} lost its leadership or was stopped while it was under way");
                return Some(Err(ClientError::Unknown { why }));
            }
            Failure::Unknown | Failure::Stopping => self.directory().forget_leader(target),
            Failure::Busy => {}
            Failure::Limit(limit) => return Some(Err(ClientError::Limit(limit))),
            Failure::SessionExpired
            | Failure::Change(_)
            | Failure::Transfer(_)
            | Failure::TransferGivenUp
            | Failure::NotManaged
            | Failure::Invalid(_) => {}
        }
        None
    }

    async fn attempt(&self, target: &Target, body: &RequestBody, until: Instant) -> Attempt {
        let patience = self.shared.patience;
        let connection = match target.connect(&self.shared.hello, patience.min(left(until))).await {
            Ok(connection) => connection,
            Err(error) => return Attempt::Unreached(error),
        };
        // A paused node still accepts bytes. A read can be asked elsewhere, but a write that was handed to it is
        // in doubt for good, so ask a node that has been quiet for a while for a sign of life first.
        let is_write = matches!(body, RequestBody::Write(_));
        if is_write
            && !connection.heard_within(patience)
            && !connection.probe(patience.min(left(until))).await
        {
            target.mark_silent();
            return Attempt::Unsent;
        }
        let call = tokio::time::timeout(patience.min(left(until)), connection.call(body.clone()));
        let Ok(Ok(reply)) = call.await else { return Attempt::Unsent };
        self.await_reply(target, &connection, reply, is_write, until).await
    }

    /// Waits for the answer of a node for as long as the node gives signs of life; for a write, to the deadline.
    async fn await_reply(
        &self,
        target: &Target,
        connection: &Connection,
        mut reply: oneshot::Receiver<Reply>,
        is_write: bool,
        until: Instant,
    ) -> Attempt {
        let patience = self.shared.patience;
        loop {
            tokio::select! {
                biased;
                answer = &mut reply => return match answer {
                    Ok(Ok(body)) => {
                        target.mark_heard();
                        Attempt::Answered(body, connection.node())
                    }
                    Ok(Err(Lost::BeforeSending)) => Attempt::Unsent,
                    Ok(Err(Lost::AfterSending)) | Err(_) => Attempt::Broke,
                },
                () = sleep_until(until.min(Instant::now() + patience)) => {}
            }
            if Instant::now() >= until {
                return Attempt::OutOfTime;
            }
            if !connection.heard_within(patience) && !connection.probe(patience.min(left(until))).await {
                target.mark_silent();
                if !is_write && connection.is_open() {
                    return Attempt::Silent;
                }
            }
        }
    }

    /// Asks this node and no other. Nothing that is asked this way changes anything.
    async fn ask_one(
        &self,
        address: &str,
        body: RequestBody,
        deadline: Duration,
    ) -> Result<ResponseBody, ClientError> {
        let broken = |why: &str| ClientError::Broken { address: address.to_owned(), why: why.to_owned() };
        address::split(address).map_err(|error| broken(&error.to_string()))?;
        let target = self.directory().at(address);
        let asked = async {
            let connection = match target.connect(&self.shared.hello, deadline).await {
                Ok(connection) => connection,
                Err(DialError::Refused { address, reason }) => {
                    return Err(ClientError::Refused { address, reason });
                }
                Err(error) => {
                    return Err(ClientError::Unreachable { after: deadline, last: error.to_string() });
                }
            };
            let closed = |_| broken("it closed before the answer came");
            let reply = connection.call(body).await.map_err(closed)?;
            reply.await.unwrap_or(Err(Lost::AfterSending)).map_err(closed)
        };
        match tokio::time::timeout(deadline, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(ClientError::TimedOut {
                after: deadline,
                last: format!("{address} did not answer in time"),
            }),
        }
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

fn misplaced(address: &str, body: &ResponseBody) -> ClientError {
    let why = match body {
        ResponseBody::Failed(failure) => failure.to_string(),
        _ => "the answer does not belong to the question".to_owned(),
    };
    ClientError::Broken { address: address.to_owned(), why }
}
