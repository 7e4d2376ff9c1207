//! Sending one request: to which node, when to retry, and when not to. A request that changes something is retried
//! only if it is idempotent, or after an attempt that certainly changed nothing.

use crate::backoff::Backoff;
use crate::client::Client;
use crate::connection::{Call, Connection, Lost};
use crate::dial::DialError;
use crate::directory::{Round, Target};
use crate::error::ClientError;
use crate::session::Slot;
use crate::trail::{AttemptResult, Trail};
use raftdeck_protocol::kv::NamedWrite;
use raftdeck_protocol::{Answer, Failure, RequestBody, ResponseBody, Write};
use raftdeck_raft::{NodeId, TransferError};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The pauses between two rounds of asking all nodes.
const LEAST_PAUSE: Duration = Duration::from_millis(10);
const MOST_PAUSE: Duration = Duration::from_millis(100);

/// The time an operation has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) until: Instant,
    /// The same as it was given.
    pub(crate) after: Duration,
}

impl Limit {
    pub(crate) fn new(after: Duration) -> Self {
        Self { until: later(Instant::now(), after), after }
    }

    pub(crate) fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// `span` after `from`; if the clock cannot represent that, a year after it.
pub(crate) fn later(from: Instant, span: Duration) -> Instant {
    const YEAR: Duration = Duration::from_hours(365 * 24);
    from.checked_add(span).unwrap_or_else(|| from + YEAR)
}

/// What a cluster is asked.
#[derive(Debug)]
pub(crate) enum ClusterQuestion {
    /// A read. Changes nothing.
    Look(RequestBody),
    /// A read that any node may answer.
    LookAnywhere(RequestBody),
    /// Opens a session. An extra one does no harm: it is not used, and expires.
    OpenSession,
    /// A write within a session: applied once, however often it is sent.
    Write(Slot, Write),
    /// A write with a name: applied once, however often it is sent.
    WriteNamed(NamedWrite),
    /// Asked again only after an attempt that certainly changed nothing.
    Once(RequestBody),
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    Failed(ClientError),
    /// The session has expired, and the write did not happen in it.
    SessionExpired,
}

/// An answer that matches the request, and its node.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) body: ResponseBody,
    pub(crate) node: NodeId,
}

/// `None`: not yet.
type AttemptEnd = Option<Result<Answered, NoAnswer>>;

/// The result of one attempt at one node.
enum Attempt {
    Answered(ResponseBody, NodeId),
    /// No connection: certainly not carried out.
    Unreached(DialError),
    /// The connection broke before the request was sent.
    Unsent,
    /// Sent, and the connection broke.
    Broke,
    /// Sent, and the node does not answer at all.
    Silent,
    /// Sent, and the deadline passed.
    OutOfTime,
}

impl ClusterQuestion {
    fn body(&self) -> RequestBody {
        match self {
            Self::Look(body) | Self::LookAnywhere(body) | Self::Once(body) => body.clone(),
            Self::OpenSession => RequestBody::OpenSession,
            Self::WriteNamed(write) => RequestBody::NamedWrite(write.clone()),
            Self::Write(slot, write) => RequestBody::SessionWrite(slot.number(write.clone())),
        }
    }

    /// Whether an attempt without an answer leaves a doubt.
    fn changes(&self) -> bool {
        matches!(self, Self::Write(..) | Self::WriteNamed(_) | Self::Once(_))
    }

    pub(crate) fn is_look(&self) -> bool {
        matches!(self, Self::Look(_) | Self::LookAnywhere(_))
    }

    fn is_answered_by(&self, body: &ResponseBody) -> bool {
        match (self, body) {
            (Self::OpenSession, ResponseBody::Done { answer, .. }) => {
                matches!(answer, Answer::SessionOpened(_))
            }
            (
                Self::Look(_) | Self::LookAnywhere(_) | Self::Write(..) | Self::WriteNamed(_),
                ResponseBody::Done { answer, .. },
            ) => !matches!(answer, Answer::SessionOpened(_)),
            (Self::Once(RequestBody::ChangeMembership(_)), ResponseBody::MembershipChanged { .. })
            | (Self::Once(RequestBody::TransferLeadership { .. }), ResponseBody::Transferred { .. })
            | (Self::LookAnywhere(RequestBody::Members), ResponseBody::Members(_)) => true,
            _ => false,
        }
    }
}

impl Client {
    /// Asks one node after the other, round after round, until one answers or the deadline passes.
    pub(crate) async fn ask(&self, question: &ClusterQuestion, limit: Limit) -> Result<Answered, NoAnswer> {
        let mut trail = Trail::default();
        let mut round = Round::default();
        if let Some(end) = self.ask_leader(question, limit, &mut trail, &mut round).await {
            return end;
        }
        // Only now: it is much, and rarely needed.
        Box::pin(self.ask_around(question, limit, trail, round)).await
    }

    /// The fast path: the leader is known, and there is a connection. `None`: more is needed.
    async fn ask_leader(
        &self,
        question: &ClusterQuestion,
        limit: Limit,
        trail: &mut Trail,
        round: &mut Round,
    ) -> AttemptEnd {
        let target = self.directory().leading()?;
        let connection = target.connected()?;
        round.add(&target);
        let attempt = self.attempt_on(&target, &connection, question, limit).await;
        self.judge(&target, attempt, question, trail)
    }

    async fn ask_around(
        &self,
        question: &ClusterQuestion,
        limit: Limit,
        mut trail: Trail,
        first: Round,
    ) -> Result<Answered, NoAnswer> {
        let mut pauses = Backoff::new(LEAST_PAUSE, MOST_PAUSE);
        let mut round = Some(first);
        loop {
            if let Some(end) = self.ask_round(question, limit, &mut trail, round.take()).await {
                return end;
            }
            if let Some(refused) = trail.all_refused() {
                return Err(NoAnswer::Failed(refused));
            }
            let pause = pauses.pause();
            if Instant::now() + pause >= limit.until {
                return Err(NoAnswer::Failed(trail.into_error(question, limit.after)));
            }
            sleep(pause).await;
        }
    }

    /// Asks each node at most once. `None`: none of them had the answer.
    async fn ask_round(
        &self,
        question: &ClusterQuestion,
        limit: Limit,
        trail: &mut Trail,
        begun: Option<Round>,
    ) -> AttemptEnd {
        let mut round = begun.unwrap_or_else(|| {
            trail.begin_round();
            Round::default()
        });
        while Instant::now() < limit.until {
            let target = self.directory().choose(&mut round)?;
            let attempt = self.attempt(&target, question, limit).await;
            let end = self.judge(&target, attempt, question, trail);
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
        question: &ClusterQuestion,
        trail: &mut Trail,
    ) -> AttemptEnd {
        if !matches!(attempt, Attempt::Answered(..)) {
            self.directory().forget_leader(target);
        }
        let address = target.address();
        match attempt {
            Attempt::Answered(ResponseBody::Failed(failure), node) => {
                self.judge_failure(target, node, failure, question, trail)
            }
            Attempt::Answered(body, node) if question.is_answered_by(&body) => {
                if matches!(body, ResponseBody::Done { .. })
                    && !matches!(question, ClusterQuestion::LookAnywhere(_))
                {
                    self.directory().set_leader(target);
                }
                Some(Ok(Answered { body, node }))
            }
            Attempt::Answered(_, node) if question.changes() => {
                doubt(question, trail, format!("{node} gave an answer that does not match the request"))
            }
            Attempt::Answered(other, _) => Some(failed(misplaced(address, &other))),
            Attempt::Unreached(error) => {
                trail.unreached(address, error);
                None
            }
            Attempt::Unsent => {
                trail.passed_over(format!("{address} was not asked: it does not answer"));
                None
            }
            Attempt::Broke => {
                doubt(question, trail, format!("the connection to {address} broke while it was under way"))
            }
            Attempt::Silent => doubt(question, trail, format!("{address} is silent")),
            Attempt::OutOfTime => doubt(question, trail, format!("{address} did not answer in time")),
        }
    }

    fn judge_failure(
        &self,
        target: &Arc<Target>,
        node: NodeId,
        failure: Failure,
        question: &ClusterQuestion,
        trail: &mut Trail,
    ) -> AttemptEnd {
        let says = format!("{node} says: {failure}");
        let met = match failure {
            Failure::NotLeader { leader, address } => {
                self.directory().follow(leader, address.as_deref());
                AttemptResult::Answer
            }
            Failure::Unknown => {
                self.directory().forget_leader(target);
                let why = format!("{node} lost its leadership or was stopped while it was under way");
                return doubt(question, trail, why);
            }
            // It may be taken into a cluster, or its cluster be founded, at any moment.
            Failure::Stopping | Failure::NotInCluster(_) => {
                self.directory().forget_leader(target);
                AttemptResult::Answer
            }
            Failure::Busy => AttemptResult::Busy,
            // Another node may lead soon.
            Failure::DiskStalled { waited } => {
                self.directory().forget_leader(target);
                AttemptResult::DiskStalled(waited)
            }
            Failure::NotCaughtUp => AttemptResult::NotCaughtUp(node),
            // The condition is temporary, and nothing was changed.
            Failure::Change(error) if error.passes() => AttemptResult::Change(error),
            Failure::Transfer(error @ TransferError::InProgress) => AttemptResult::Transfer(error),
            Failure::SessionExpired if matches!(question, ClusterQuestion::Write(..)) => {
                let expired = trail.doubt().map(|why| ClientError::Unknown {
                    why: format!("{why}, and the session in which it could be retried has expired"),
                });
                return Some(expired.map_or(Err(NoAnswer::SessionExpired), failed));
            }
            Failure::Limit(limit) => return Some(failed(ClientError::Limit(limit))),
            Failure::Change(error) => return Some(failed(ClientError::Change(error))),
            Failure::Transfer(error) => return Some(failed(ClientError::Transfer(error))),
            Failure::TransferGivenUp => return Some(failed(ClientError::TransferGivenUp)),
            // Had an earlier attempt been carried out, the name would be this write's.
            Failure::NameInUse => return Some(failed(ClientError::NameInUse)),
            Failure::SessionExpired
            | Failure::NotManaged
            | Failure::Invalid(_)
            | Failure::Forgotten { .. }
            | Failure::BeyondLog { .. }
            | Failure::NotPermitted => {
                let rejected = match failure {
                    Failure::NotPermitted => ClientError::NotPermitted,
                    other => ClientError::Rejected { node, why: other.to_string() },
                };
                return Some(failed(trail.doubt().map_or(rejected, |why| ClientError::Unknown { why })));
            }
        };
        trail.answered(says, met);
        None
    }

    async fn attempt(&self, target: &Target, question: &ClusterQuestion, limit: Limit) -> Attempt {
        let patience = self.patience();
        let connection = match target.connect(self.hello(), self.access(), patience.min(limit.left())).await {
            Ok(connection) => connection,
            Err(error) => return Attempt::Unreached(error),
        };
        self.attempt_on(target, &connection, question, limit).await
    }

    async fn attempt_on(
        &self,
        target: &Target,
        connection: &Connection,
        question: &ClusterQuestion,
        limit: Limit,
    ) -> Attempt {
        let call = match connection.try_call(question.body()) {
            Ok(Some(call)) => call,
            Ok(None) => {
                let call = timeout(self.patience().min(limit.left()), connection.call(question.body()));
                let Ok(Ok(call)) = call.await else { return Attempt::Unsent };
                call
            }
            Err(_) => return Attempt::Unsent,
        };
        let waits_on = matches!(question, ClusterQuestion::Once(_));
        self.await_reply(target, connection, call, waits_on, limit).await
    }

    /// Waits for the answer of a node for as long as the node sends anything, or to the deadline.
    async fn await_reply(
        &self,
        target: &Target,
        connection: &Connection,
        call: Call,
        waits_on: bool,
        limit: Limit,
    ) -> Attempt {
        let patience = self.patience();
        let mut since = Instant::now();
        loop {
            match call.reply_by(limit.until.min(later(since, patience))).await {
                Some(Ok(body)) => {
                    target.mark_heard();
                    return Attempt::Answered(body, connection.node());
                }
                Some(Err(Lost::BeforeSending)) => return Attempt::Unsent,
                Some(Err(Lost::AfterSending)) => return Attempt::Broke,
                None => since = Instant::now(),
            }
            if Instant::now() >= limit.until {
                return Attempt::OutOfTime;
            }
            if !connection.heard_within(patience) && !connection.probe(patience.min(limit.left())).await {
                target.mark_silent();
                if !waits_on && connection.is_open() {
                    return Attempt::Silent;
                }
            }
        }
    }

    /// Asks this node and no other.
    pub(crate) async fn ask_one(
        &self,
        address: &str,
        body: RequestBody,
        deadline: Duration,
    ) -> Result<Answered, ClientError> {
        crate::address::split(address).map_err(|error| broken(address, &error.to_string()))?;
        let target = self.directory().at(address);
        let asked = async {
            let connection = target
                .connect(self.hello(), self.access(), deadline)
                .await
                .map_err(|error| ClientError::unreached(error, deadline))?;
            let node = connection.node();
            match answer_of(address, &connection, body).await? {
                ResponseBody::Failed(Failure::NotCaughtUp) => Err(ClientError::NotCaughtUp { node }),
                body => Ok(Answered { body, node }),
            }
        };
        within(address, deadline, asked).await
    }
}

/// An attempt was sent, and its outcome is unknown.
fn doubt(question: &ClusterQuestion, trail: &mut Trail, why: String) -> AttemptEnd {
    if !question.changes() {
        trail.unanswered(why);
        return None;
    }
    if matches!(question, ClusterQuestion::Once(_)) {
        return Some(failed(ClientError::Unknown { why }));
    }
    trail.doubted(why);
    None
}

fn failed(error: ClientError) -> Result<Answered, NoAnswer> {
    Err(NoAnswer::Failed(error))
}

/// The answer to one request on one connection.
pub(crate) async fn answer_of(
    address: &str,
    connection: &Connection,
    body: RequestBody,
) -> Result<ResponseBody, ClientError> {
    let closed = |_| broken(address, "it closed before the answer came");
    connection.call(body).await.map_err(closed)?.reply().await.map_err(closed)
}

/// The outcome if it comes in time.
pub(crate) async fn within<T>(
    address: &str,
    deadline: Duration,
    asked: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    tokio::time::timeout(deadline, asked).await.unwrap_or_else(|_| {
        Err(ClientError::TimedOut { after: deadline, last: format!("{address} did not answer in time") })
    })
}

pub(crate) const NOT_THE_ANSWER: &str = "the answer does not match the request";

pub(crate) fn broken(address: &str, why: &str) -> ClientError {
    ClientError::Broken { address: address.to_owned(), why: why.to_owned() }
}

/// The error for an unexpected answer.
pub(crate) fn misplaced(address: &str, body: &ResponseBody) -> ClientError {
    match body {
        ResponseBody::Failed(Failure::Busy) => ClientError::Busy,
        ResponseBody::Failed(failure) => broken(address, &failure.to_string()),
        _ => broken(address, NOT_THE_ANSWER),
    }
}
