//! The client protocol spoken by hand: one request to one node, as this role, and its answer as it came.

use super::{Node, PATIENCE, block_on, eventually};
use futures::{SinkExt, StreamExt};
use raftdeck_client::dial;
use raftdeck_protocol::handshake::Role;
use raftdeck_protocol::{
    Answer, Failure, Hello, NodeStatus, Request, RequestBody, Response, ResponseBody, frame,
};
use std::time::Duration;

/// One request and its answer. `None`: the node is not there, or says nothing for a while.
pub(crate) async fn try_ask(address: &str, role: Role, body: RequestBody) -> Option<ResponseBody> {
    let mut dialed = dial(address, &Hello::new("raftdeck", role), PATIENCE).await.ok()?;
    dialed.frames.send(frame::encode(&Request { id: 1, body })).await.ok()?;
    let answer = tokio::time::timeout(Duration::from_secs(10), dialed.frames.next()).await.ok()??.ok()?;
    let response: Response = frame::decode("response", &answer).expect("is a response");
    assert_eq!(response.id, 1);
    Some(response.body)
}

/// One request and its answer, as a client.
#[track_caller]
pub(crate) fn ask(node: &Node, body: RequestBody) -> ResponseBody {
    ask_as(node, Role::Client, body)
}

#[track_caller]
pub(crate) fn ask_as(node: &Node, role: Role, body: RequestBody) -> ResponseBody {
    block_on(try_ask(&node.addresses().client, role, body)).expect("the node answers")
}

/// A node's own state; `None`: it is not there.
pub(crate) fn status(node: &Node) -> Option<NodeStatus> {
    match block_on(try_ask(&node.addresses().client, Role::Client, RequestBody::Status))? {
        ResponseBody::Status(status) => Some(*status),
        other => panic!("not a status: {other:?}"),
    }
}

/// The answer of whoever leads now; asked again while nobody does, so only for what can be repeated.
pub(crate) fn ask_leader<'a>(nodes: impl Fn() -> Vec<&'a Node>, body: &RequestBody) -> (u64, ResponseBody) {
    eventually("a leader answers", || {
        nodes().into_iter().find_map(|node| {
            match block_on(try_ask(&node.addresses().client, Role::Client, body.clone()))? {
                ResponseBody::Failed(
                    Failure::NotLeader { .. }
                    | Failure::NotInCluster(_)
                    | Failure::Unknown
                    | Failure::Stopping,
                ) => None,
                answer => Some((node.id(), answer)),
            }
        })
    })
}

#[track_caller]
pub(crate) fn answer_of(body: ResponseBody) -> Answer {
    match body {
        ResponseBody::Done { answer, .. } => answer,
        other => panic!("it was not done: {other:?}"),
    }
}
