//! Watching one node: its telemetry as a stream. Never reconnects; the caller can.

use crate::client::Options;
use crate::client_port;
use crate::dial::Dialed;
use crate::error::ClientError;
use futures::{SinkExt, Stream, StreamExt};
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{Hello, Request, RequestBody, Response, ResponseBody, Telemetry, frame};
use raftdeck_raft::NodeId;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The id of the one request on this connection.
const ID: u64 = 1;

/// One node's telemetry, as a [`Stream`]. It ends after its first error; the node's end is one.
#[derive(Debug)]
pub struct Subscription {
    dialed: Dialed,
    address: String,
    ended: bool,
}

impl Subscription {
    /// Connects to a node (by any of its addresses) and subscribes; `options.patience` bounds each attempt.
    pub async fn open(address: &str, options: &Options) -> Result<Self, ClientError> {
        let hello = Hello::new(options.cluster.clone(), Role::Client);
        let dialed = client_port::dial(address, &hello, options.patience, &options.access).await;
        let (mut dialed, _) = dialed.map_err(|error| ClientError::unreached(error, options.patience))?;
        let request = Request { id: ID, body: RequestBody::Subscribe };
        dialed
            .frames
            .send(frame::encode(&request))
            .await
            .map_err(|error| ClientError::Broken { address: address.to_owned(), why: error.to_string() })?;
        Ok(Self { dialed, address: address.to_owned(), ended: false })
    }

    /// The node that it watches.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.dialed.node
    }

    fn end(&mut self, why: String) -> ClientError {
        self.ended = true;
        ClientError::Broken { address: self.address.clone(), why }
    }
}

impl Stream for Subscription {
    type Item = Result<Telemetry, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let item = match std::task::ready!(self.dialed.frames.poll_next_unpin(context)) {
            None => Err("the node closed it".to_owned()),
            Some(Err(error)) => Err(error.to_string()),
            Some(Ok(bytes)) => match frame::decode::<Response>("response", &bytes) {
                Ok(Response { body: ResponseBody::Telemetry(telemetry), .. }) => Ok(*telemetry),
                Ok(_) => Err("the answer does not match the request".to_owned()),
                Err(error) => Err(error.to_string()),
            },
        };
        Poll::Ready(Some(item.map_err(|why| self.end(why))))
    }
}
