//! Frames: a 4-byte big-endian length and that many bytes, which are one postcard value. The owner of a socket reads into
//! and writes from a buffer; this module puts frames into it and takes them out, many at a time. Opens no socket.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

/// The largest frame that is read, in bytes, without its length prefix. A longer one closes the connection
/// before any of it is read into memory.
pub const MAX_FRAME: usize = 8 << 20;

/// The largest first frame (handshake) that is read, in bytes: the limit for unauthenticated peers.
pub const MAX_HANDSHAKE: usize = 4 << 10;

/// The largest frame with which a listener answers a handshake, in bytes: a founder's note holds a whole membership.
pub const MAX_HELLO_REPLY: usize = 64 << 10;

/// The bytes of the length before a frame's content.
pub const PREFIX: usize = 4;

/// A frame that could not be made or understood.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The bytes are not a value of the expected type.
    #[error("not a valid {expected} frame ({len} bytes): {source}")]
    Malformed {
        /// What was expected.
        expected: &'static str,
        /// The frame's length in bytes.
        len: usize,
        /// What the decoder said.
        source: postcard::Error,
    },
    /// There are bytes after the value.
    #[error("a {expected} frame has {left} bytes too many")]
    Trailing {
        /// What was expected.
        expected: &'static str,
        /// How many are left over.
        left: usize,
    },
    /// It is longer than may be read.
    #[error("a frame of {len} bytes is over the limit of {max}")]
    TooLong {
        /// As its prefix says.
        len: usize,
        /// The most that is read.
        max: usize,
    },
}

/// Encodes a value as a frame's content.
///
/// # Panics
/// Never for the types of this crate: encoding into memory fails only for types that postcard cannot express.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Bytes {
    postcard::to_stdvec(value)
        .expect("invariant: the types of this crate are all expressible in postcard")
        .into()
}

/// Decodes a frame's content; all of it must be one value, which may borrow from it. `expected` names the type in errors.
pub fn decode<'de, T: Deserialize<'de>>(expected: &'static str, bytes: &'de [u8]) -> Result<T, FrameError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(|source| FrameError::Malformed {
        expected,
        len: bytes.len(),
        source,
    })?;
    if rest.is_empty() { Ok(value) } else { Err(FrameError::Trailing { expected, left: rest.len() }) }
}

/// A buffer that a value is encoded to the end of.
struct Appending<'a>(&'a mut BytesMut);

impl Flavor for Appending<'_> {
    type Output = ();

    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.put_u8(data);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Puts a whole frame, prefix and content, at the end of a buffer.
///
/// # Panics
/// As [`encode`]; and over 4 GiB, which no value of this crate's types comes to that was checked against the limits.
pub fn put<T: Serialize>(value: &T, buffer: &mut BytesMut) {
    let start = buffer.len();
    buffer.put_u32(0);
    postcard::serialize_with_flavor(value, Appending(buffer))
        .expect("invariant: the types of this crate are all expressible in postcard");
    let len = u32::try_from(buffer.len() - start - PREFIX).expect("a frame has less than 4 GiB");
    buffer[start..start + PREFIX].copy_from_slice(&len.to_be_bytes());
}

/// Takes the first frame's content off a buffer, without copying it; `None` while it is not all there. A frame of more
/// than `max` bytes is refused as soon as its prefix is there.
pub fn take(buffer: &mut BytesMut, max: usize) -> Result<Option<Bytes>, FrameError> {
    match missing(buffer, max)? {
        0 => {
            let len = length(buffer).unwrap_or_default();
            buffer.advance(PREFIX);
            Ok(Some(buffer.split_to(len).freeze()))
        }
        _ => Ok(None),
    }
}

/// How many bytes must still arrive, at the least, before [`take`] has a frame to give.
pub fn missing(buffer: &[u8], max: usize) -> Result<usize, FrameError> {
    match length(buffer) {
        None => Ok(PREFIX - buffer.len()),
        Some(len) if len > max => Err(FrameError::TooLong { len, max }),
        Some(len) => Ok((PREFIX + len).saturating_sub(buffer.len())),
    }
}

/// What the first frame's prefix says, if it is there.
fn length(buffer: &[u8]) -> Option<usize> {
    let prefix = buffer.first_chunk::<PREFIX>()?;
    usize::try_from(u32::from_be_bytes(*prefix)).ok()
}
