//! A client's request, carried out once: by the cluster, or by one node alone.

use crate::ask::{Unanswered, ask};
use raftdeck_client::{Access, Client, ClientError};
use raftdeck_model::{ClientOp, ClientOutcome, ClientRequest, RequestFate};
use raftdeck_protocol::{Consistency, RequestBody, ResponseBody, Role};
use raftdeck_raft::NodeId;
use std::time::Duration;

/// Carries out a request; the client finds the leader itself.
pub async fn ask_cluster(client: &Client, request: &ClientRequest, within: Duration) -> ClientOutcome {
    let asked = match request.op.clone() {
        ClientOp::Write(write) => client.write(write, within).await,
        ClientOp::Read(read) => client.read_with(read, request.consistency, within).await,
    };
    match asked {
        Ok(done) => {
            let body = ResponseBody::Done { answer: done.answer, at: done.at };
            ClientOutcome::Answered { node: done.node, body }
        }
        Err(error) => ClientOutcome::Failed { reason: error.to_string(), fate: fate(&error) },
    }
}

/// Asks this node, once, at the address of its client port.
pub async fn ask_node(
    access: &Access,
    (node, address): (NodeId, &str),
    body: RequestBody,
    within: Duration,
) -> ClientOutcome {
    let writes = matches!(body, RequestBody::Write(_));
    match ask(access, (node, address), Role::Client, body, within).await {
        Ok(body) => ClientOutcome::Answered { node, body },
        Err(Unanswered::Refused(failure)) => {
            ClientOutcome::Answered { node, body: ResponseBody::Failed(failure) }
        }
        Err(Unanswered::Lost(why)) if writes => ClientOutcome::Failed {
            reason: format!("{why}; the write may have happened"),
            fate: RequestFate::InDoubt,
        },
        Err(Unanswered::Unreached(reason) | Unanswered::Lost(reason)) => {
            ClientOutcome::Failed { reason, fate: RequestFate::NothingChanged }
        }
    }
}

/// A client's request as one node is asked for it.
#[must_use]
pub fn body_of(ClientRequest { op, consistency, .. }: &ClientRequest) -> RequestBody {
    match op.clone() {
        ClientOp::Write(write) => RequestBody::Write(write),
        ClientOp::Read(read) if *consistency == Consistency::Linearizable => RequestBody::Read(read),
        ClientOp::Read(read) => RequestBody::ReadWith { read, consistency: *consistency },
    }
}

/// Whether a request that failed may have changed something.
#[must_use]
pub fn fate(error: &ClientError) -> RequestFate {
    if error.may_have_happened() { RequestFate::InDoubt } else { RequestFate::NothingChanged }
}
