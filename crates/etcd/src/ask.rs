//! Requests of clients, sent to a member or to whichever answers.
//!
//! A write is sent again only if it certainly was not carried out: a client of etcd has no session that would let a repeated write be
//! recognised. A read is sent again until its deadline.

use crate::calls::{Answerer, answerer};
use crate::connection::CallOptions;
use crate::endpoint::Endpoint;
use crate::error::{CallError, Refusal};
use crate::etcd::Etcd;
use crate::operation::{self, WriteRequest};
use raftdeck_model::{ClientOp, ClientOutcome, ClientRequest, RequestFate};
use raftdeck_protocol::{Answer, Consistency, Failure, ResponseBody};
use raftdeck_raft::{LogId, LogIndex, NodeId};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long one member may take for a read that others could answer too.
const READ_PATIENCE: Duration = Duration::from_secs(1);

/// The pause after all members were asked in vain; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Etcd {
    /// Carries out a request.
    ///
    /// With a node in `at` only that one is asked, once. Otherwise members are asked one after another until one of them answers or the
    /// deadline passes, beginning with the one that answered last.
    ///
    /// A linearizable read and one by lease are the same here: etcd has no reads by a lease, and a linearizable one promises more. A
    /// stale read is etcd's serializable one, which any member answers from its own store.
    ///
    /// The answer's `at` has the term that the member was in and the index 0, as etcd does not say where in the log an entry is.
    pub async fn ask(&self, request: &ClientRequest, deadline: Duration) -> ClientOutcome {
        let limits = match &request.op {
            ClientOp::Write(write) => write.check(),
            ClientOp::Read(read) => read.check(),
        };
        if let Err(error) = limits {
            return ClientOutcome::Failed { reason: error.to_string(), fate: RequestFate::NothingChanged };
        }
        let until = Instant::now() + deadline;
        match request.at {
            Some(node) => self.ask_one(node, request, until).await,
            None => self.ask_any(request, until).await,
        }
    }

    async fn ask_one(&self, node: NodeId, request: &ClientRequest, until: Instant) -> ClientOutcome {
        let Some(endpoint) = self.node(node) else {
            let reason = format!("{node} is not running");
            return ClientOutcome::Failed { reason, fate: RequestFate::NothingChanged };
        };
        match carry_out(&endpoint, request, until).await {
            Ok(done) => self.answered(node, done),
            Err(error) => failed(node, request, &error),
        }
    }

    async fn ask_any(&self, request: &ClientRequest, until: Instant) -> ClientOutcome {
        let is_read = matches!(request.op, ClientOp::Read(_));
        let (mut pause, mut last) = (FIRST_PAUSE, None);
        loop {
            for (node, endpoint) in self.candidates() {
                let patience = if is_read { until.min(Instant::now() + READ_PATIENCE) } else { until };
                match carry_out(&endpoint, request, patience).await {
                    Ok(done) => {
                        self.ask_first(node);
                        return self.answered(node, done);
                    }
                    Err(error)
                        if error.passes() && (is_read || error.fate() == RequestFate::NothingChanged) =>
                    {
                        last = Some(failed(node, request, &error));
                    }
                    Err(error) => return failed(node, request, &error),
                }
                if Instant::now() >= until {
                    break;
                }
            }
            // The deadline is not waited for where no attempt is left.
            if Instant::now() + pause >= until {
                return last.unwrap_or_else(|| {
                    let reason = request.client.nobody_to_ask(false);
                    ClientOutcome::Failed { reason, fate: RequestFate::NothingChanged }
                });
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    fn answered(&self, asked: NodeId, (by, answer): (Answerer, Answer)) -> ClientOutcome {
        let node = by.member.and_then(|member| self.ids().node(member)).unwrap_or(asked);
        let at = LogId { term: by.term, index: LogIndex::ZERO };
        ClientOutcome::Answered { node, body: ResponseBody::Done { answer, at } }
    }
}

async fn carry_out(
    endpoint: &Endpoint,
    request: &ClientRequest,
    until: Instant,
) -> Result<(Answerer, Answer), CallError> {
    let left = until.saturating_duration_since(Instant::now());
    let needs_leader = CallOptions { needs_leader: true };
    match &request.op {
        ClientOp::Read(read) => {
            let serializable = request.consistency == Consistency::Stale;
            let options = CallOptions { needs_leader: !serializable };
            let answer = endpoint.call(operation::read(read, serializable), options, left).await?;
            Ok((answerer(answer.header), operation::found(read, answer)))
        }
        ClientOp::Write(write) => match operation::write(write.clone()) {
            WriteRequest::Put(put) => {
                let answer = endpoint.call(put, needs_leader, left).await?;
                Ok((answerer(answer.header), Answer::Stored))
            }
            WriteRequest::Delete(delete) => {
                let answer = endpoint.call(delete, needs_leader, left).await?;
                Ok((answerer(answer.header), operation::deleted(answer)))
            }
            WriteRequest::Transaction(transaction) => {
                let answer = endpoint.call(transaction, needs_leader, left).await?;
                Ok((answerer(answer.header), operation::compared_and_set(answer)))
            }
        },
    }
}

/// The outcome of a request that was not answered as it should.
fn failed(node: NodeId, request: &ClientRequest, error: &CallError) -> ClientOutcome {
    let is_write = matches!(request.op, ClientOp::Write(_));
    let fate = if is_write { error.fate() } else { RequestFate::NothingChanged };
    let said = match error {
        CallError::Unreached { why, .. } => format!("{node} is not reached: {why}"),
        CallError::Lost { why, .. } => format!("{node} did not answer: {why}"),
        CallError::Refused { refusal, text } => match (refusal, fate) {
            (Refusal::NoLeader, _) => {
                return refused(node, Failure::NotLeader { leader: None, address: None });
            }
            (Refusal::Busy, _) => return refused(node, Failure::Busy),
            (_, RequestFate::NothingChanged) => return refused(node, Failure::Invalid(text.clone())),
            (_, RequestFate::InDoubt) => format!("{node} says: {text}"),
        },
    };
    let reason = match fate {
        RequestFate::NothingChanged => said,
        RequestFate::InDoubt => format!("{said}; the write may have happened"),
    };
    ClientOutcome::Failed { reason, fate }
}

fn refused(node: NodeId, failure: Failure) -> ClientOutcome {
    ClientOutcome::Answered { node, body: ResponseBody::Failed(failure) }
}
