//! What is inside a frame: one postcard value. The frames themselves, a 4-byte big-endian length and that many bytes,
//! are cut by whoever owns the socket.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// The largest frame that is read, in bytes, without its length prefix. A longer one closes the connection
/// before any of it is read into memory.
pub const MAX_FRAME: usize = 8 << 20;

/// The largest first frame (handshake) that is read, in bytes: nobody is trusted with more before they said who
/// they are.
pub const MAX_HANDSHAKE: usize = 4 << 10;

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
    /// Bytes were left over after the value.
    #[error("a {expected} frame has {left} bytes too many")]
    Trailing {
        /// What was expected.
        expected: &'static str,
        /// How many are left over.
        left: usize,
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
