//! Authenticated input: requests, peers' messages, responses, and the commands in the log.

use bytes::Bytes;
use raftdeck_protocol::frame::{self, FrameError};
use raftdeck_protocol::kv::{Command, CommandOf};
use raftdeck_protocol::request::describe;
use raftdeck_protocol::{PeerFrame, Request, RequestBody, Response, Secret, shared};
use raftdeck_raft::Payload;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// A frame's content, read as everything that it could be.
///
/// # Panics
/// If the two readers of requests, of peers' messages or of commands disagree, or what was read is written as something else.
pub fn requests(data: &[u8]) {
    let content = Bytes::copy_from_slice(data);
    let request = agreed(shared::request(&content), frame::decode::<Request>("request", &content));
    if let Some(Request { body, .. }) = request {
        limits(&body);
    }
    let whole = agreed(shared::peer_frame(&content), frame::decode::<PeerFrame>("peer", &content));
    let outline = shared::peer_outline(&content).map(|outline| outline.message.term());
    assert_eq!(outline.ok(), whole.map(|frame| frame.message.term()), "an outline is of what is a message");
    if let Ok(response) = frame::decode::<Response>("response", &content) {
        again(&response);
    }
    command(&content);
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(token) = Secret::new(text)
    {
        assert!(token.is(text.trim()));
    }
}

/// What both readers found, which must be the same.
fn agreed<T>(one: Result<T, FrameError>, other: Result<T, FrameError>) -> Option<T>
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    match (one, other) {
        (Ok(one), Ok(other)) => {
            assert_eq!(one, other, "two readers understand two things");
            again(&one);
            Some(one)
        }
        (Err(one), Err(other)) => {
            assert_eq!(one.to_string(), other.to_string());
            None
        }
        (one, other) => panic!("two readers disagree: {one:?}, {other:?}"),
    }
}

fn again<T>(value: &T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let written = frame::encode(value);
    assert_eq!(frame::decode::<T>("again", &written).as_ref().ok(), Some(value));
}

/// What has a limit is measured without a fault.
fn limits(body: &RequestBody) {
    let refused = match body {
        RequestBody::Write(write) => write.check().err(),
        RequestBody::SessionWrite(write) => write.write.check().err(),
        RequestBody::NamedWrite(write) => write.write.check().err(),
        RequestBody::Read(read) | RequestBody::ReadWith { read, .. } => read.check().err(),
        _ => None,
    };
    assert!(refused.is_none_or(|limit| !limit.to_string().is_empty()));
}

/// A command is the same whether its bytes are borrowed or owned, and is described in one line.
fn command(content: &Bytes) {
    let owned = frame::decode::<Command>("command", content);
    let borrowed = frame::decode::<CommandOf<&[u8]>>("command", content);
    assert_eq!(owned.is_ok(), borrowed.is_ok());
    if let (Ok(owned), Ok(borrowed)) = (&owned, &borrowed) {
        assert_eq!(frame::encode(owned), frame::encode(borrowed));
        assert_eq!(owned.encode(), frame::encode(owned));
        again(owned);
    }
    assert!(!describe(&Payload::Command(content.clone())).contains(char::is_control));
}
