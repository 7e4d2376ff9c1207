//! Unauthenticated input of a socket: frames cut out of a stream, and the handshake.

use bytes::{BufMut, BytesMut};
use raftdeck_protocol::frame::{self, FrameError, MAX_HANDSHAKE, PREFIX};
use raftdeck_protocol::handshake::{Confirmation, MAGIC, VERSION, decode_hello};
use raftdeck_protocol::{Hello, HelloReply};

/// A stream that arrives in pieces: the first byte says how large they are, the second how long a frame may be.
///
/// # Panics
/// If frames depend on how they arrive, more is asked for than a frame may have, or a hello means two things.
pub fn frames(data: &[u8]) {
    let [step, limit, stream @ ..] = data else { return };
    let limit = if *limit == 0 { MAX_HANDSHAKE } else { usize::from(*limit) };
    let whole = taken(stream, stream.len().max(1), limit);
    assert_eq!(taken(stream, usize::from(*step) + 1, limit), whole, "it matters how the bytes arrive");
    for content in &whole.frames {
        assert!(content.len() <= limit);
        hello(content);
        let _ = frame::decode::<HelloReply>("handshake reply", content).map(|reply| same(&reply, content));
        let _ = frame::decode::<Confirmation>("confirmation", content).map(|said| same(&said, content));
    }
    hello(stream);
}

/// What came out of a stream.
#[derive(Debug, PartialEq)]
struct Taken {
    frames: Vec<Vec<u8>>,
    /// What is left over, if nothing was wrong.
    left: Option<Vec<u8>>,
}

fn taken(stream: &[u8], step: usize, limit: usize) -> Taken {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in stream.chunks(step) {
        buffer.put_slice(piece);
        loop {
            match frame::take(&mut buffer, limit) {
                Ok(Some(content)) => frames.push(content.to_vec()),
                Ok(None) => break,
                Err(FrameError::TooLong { len, max }) => {
                    assert!(len > limit && max == limit);
                    return Taken { frames, left: None };
                }
                Err(other) => panic!("a stream has no other flaw: {other}"),
            }
        }
        let missing = frame::missing(&buffer, limit).expect("it was just found to be sound");
        assert!((1..=limit + PREFIX).contains(&missing), "{missing} bytes are missing");
    }
    Taken { frames, left: Some(buffer.to_vec()) }
}

fn hello(content: &[u8]) {
    match decode_hello(content) {
        Ok(hello) => {
            assert!(hello.magic == MAGIC && hello.version == VERSION);
            same::<Hello>(&hello, content);
        }
        Err(reason) => assert!(!reason.to_string().is_empty()),
    }
}

/// What was read is written as something that reads the same. The bytes may differ: a number can be written in several
/// ways.
fn same<T>(value: &T, content: &[u8])
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let written = frame::encode(value);
    assert!(written.len() <= content.len(), "the usual form is the shortest");
    assert_eq!(frame::decode::<T>("again", &written).as_ref().ok(), Some(value));
}
