//! One request to one node, on its own connection: for requests that concern that node alone, or that only the lab
//! may send. Never retries; the caller decides what an answer, or none, means.

use futures::{SinkExt, StreamExt};
use raftdeck_client::Access;
use raftdeck_protocol::{Failure, Hello, Request, RequestBody, Response, ResponseBody, Role, frame};
use raftdeck_raft::NodeId;
use std::time::Duration;
use tokio::time::timeout;

/// The id of the one request on a connection.
const ID: u64 = 1;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// The node said no.
    Refused(Failure),
    /// No connection was established: the request was certainly not sent. In words.
    Unreached(String),
    /// It did not answer, in words. Whether it did what was asked is unknown.
    Lost(String),
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(failure) => failure.fmt(f),
            Self::Unreached(why) | Self::Lost(why) => f.write_str(why),
        }
    }
}

/// Asks the node that serves clients at an address. Another node that listens there is not asked.
pub async fn ask(
    access: &Access,
    (node, address): (NodeId, &str),
    role: Role,
    body: RequestBody,
    within: Duration,
) -> Result<ResponseBody, Unanswered> {
    match timeout(within, ask_patiently(access, (node, address), role, body, within)).await {
        Ok(answer) => answer,
        Err(_) => Err(Unanswered::Lost(format!("{node} does not answer"))),
    }
}

async fn ask_patiently(
    access: &Access,
    (node, address): (NodeId, &str),
    role: Role,
    body: RequestBody,
    within: Duration,
) -> Result<ResponseBody, Unanswered> {
    let lost = |why: String| Unanswered::Lost(why);
    let hello = Hello { expects: Some(node), ..Hello::new("", role) };
    let mut dialed = access
        .dial(address, &hello, within)
        .await
        .map_err(|error| Unanswered::Unreached(error.to_string()))?;
    let request = frame::encode(&Request { id: ID, body });
    dialed.frames.send(request).await.map_err(|error| lost(error.to_string()))?;
    let answer = match dialed.frames.next().await {
        Some(Ok(bytes)) => {
            frame::decode::<Response>("response", &bytes).map_err(|error| lost(error.to_string()))?
        }
        Some(Err(error)) => return Err(lost(error.to_string())),
        None => return Err(lost(format!("{address} closed the connection before it answered"))),
    };
    match answer.body {
        ResponseBody::Failed(failure) => Err(Unanswered::Refused(failure)),
        body => Ok(body),
    }
}
