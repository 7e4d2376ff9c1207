//! Bodies of HTTP messages: what arrives of one, whichever way it is framed, and chunks of one.

use super::head::Head;
use bytes::{Buf, BufMut, BytesMut};
use std::io;

/// The longest line that begins a chunk, or follows the last one.
const MAX_LINE: usize = 256;

/// How a body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// In chunks, each of which begins with its size.
    Chunked,
    /// So many bytes.
    Length(u64),
    /// Up to the end of the connection.
    UntilClosed,
}

impl Framing {
    /// Of the body that follows this head.
    pub(super) fn of(head: &Head<'_>) -> Self {
        let length = head.header("content-length").and_then(|length| length.parse().ok());
        match (head.header("transfer-encoding"), length) {
            (Some(encoding), _) if encoding.eq_ignore_ascii_case("chunked") => Self::Chunked,
            (_, Some(length)) => Self::Length(length),
            (_, None) => Self::UntilClosed,
        }
    }
}

/// Where in a body the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the line that begins a chunk.
    ChunkSize,
    /// In a chunk, with this much to follow.
    Chunk(u64),
    /// Behind a chunk.
    ChunkEnd,
    /// In the lines behind the last chunk.
    Trailer,
    /// In what has no chunks, with this much to follow.
    Plain(u64),
    /// Behind it.
    Over,
}

/// A body that arrives in pieces.
#[derive(Debug)]
pub(super) struct Body {
    place: Place,
    /// What has arrived of it, without the framing, and has not been taken.
    pub(super) arrived: BytesMut,
}

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        let place = match framing {
            Framing::Chunked => Place::ChunkSize,
            Framing::Length(0) => Place::Over,
            Framing::Length(length) => Place::Plain(length),
            Framing::UntilClosed => Place::Plain(u64::MAX),
        };
        Self { place, arrived: BytesMut::new() }
    }

    /// Whether nothing of it is to follow.
    pub(super) fn is_over(&self) -> bool {
        self.place == Place::Over
    }

    /// Takes all that is there of it from the front.
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> io::Result<()> {
        loop {
            self.place = match self.place {
                Place::ChunkSize => match take_line(buffer)? {
                    Some(line) => chunk_size(&line)?,
                    None => return Ok(()),
                },
                Place::Chunk(left) => match self.take_some(buffer, left) {
                    0 => Place::ChunkEnd,
                    left => {
                        self.place = Place::Chunk(left);
                        return Ok(());
                    }
                },
                Place::ChunkEnd => match take_line(buffer)? {
                    Some(line) if line.is_empty() => Place::ChunkSize,
                    Some(_) => return Err(io::Error::other("a chunk is longer than its size says")),
                    None => return Ok(()),
                },
                Place::Trailer => match take_line(buffer)? {
                    Some(line) if line.is_empty() => Place::Over,
                    Some(_) => Place::Trailer,
                    None => return Ok(()),
                },
                Place::Plain(left) => match self.take_some(buffer, left) {
                    0 => Place::Over,
                    left => {
                        self.place = Place::Plain(left);
                        return Ok(());
                    }
                },
                Place::Over if buffer.is_empty() => return Ok(()),
                Place::Over => return Err(io::Error::other("more bytes follow the end of an HTTP body")),
            }
        }
    }

    /// Takes at most this much; says how much is still to follow.
    fn take_some(&mut self, buffer: &mut BytesMut, left: u64) -> u64 {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        self.arrived.extend_from_slice(&buffer[..here]);
        buffer.advance(here);
        left - here as u64
    }
}

/// A line without its end. `None`: it is not all there.
fn take_line(buffer: &mut BytesMut) -> io::Result<Option<BytesMut>> {
    match buffer.iter().take(MAX_LINE).position(|byte| *byte == b'\n') {
        Some(end) => {
            let mut line = buffer.split_to(end + 1);
            line.truncate(line.strip_suffix(b"\r\n").map_or(end, <[u8]>::len));
            Ok(Some(line))
        }
        None if buffer.len() >= MAX_LINE => {
            Err(io::Error::other(format!("a line between chunks is longer than {MAX_LINE} bytes")))
        }
        None => Ok(None),
    }
}

fn chunk_size(line: &[u8]) -> io::Result<Place> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let size = std::str::from_utf8(digits).ok().filter(|_| is_hex);
    match size.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
        Some(0) => Ok(Place::Trailer),
        Some(size) => Ok(Place::Chunk(size)),
        None => Err(io::Error::other("a chunk does not begin with its size")),
    }
}

/// Writes the line that begins a chunk of this size.
pub(super) fn begin_chunk(bytes: usize, buffer: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - bytes.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        buffer.put_u8(DIGITS[(bytes >> (digit * 4)) & 0xf]);
    }
    buffer.put_slice(b"\r\n");
}

/// Writes what ends a chunk.
pub(super) fn end_chunk(buffer: &mut BytesMut) {
    buffer.put_slice(b"\r\n");
}

/// Writes what ends a body in chunks.
pub(super) fn end_body(buffer: &mut BytesMut) {
    buffer.put_slice(b"0\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKS: &[u8] = b"5\r\nhello\r\n1A;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nTrailer: 1\r\n\r\n";
    const SAID: &str = "helloabcdefghijklmnopqrstuvwxyz";

    #[test]
    fn chunks_cut_anywhere_are_one_body() {
        for cut in 0..=CHUNKS.len() {
            let mut body = Body::new(Framing::Chunked);
            let mut buffer = BytesMut::from(&CHUNKS[..cut]);
            body.take(&mut buffer).unwrap();
            assert!(!body.is_over() || cut == CHUNKS.len());
            buffer.extend_from_slice(&CHUNKS[cut..]);
            body.take(&mut buffer).unwrap();
            assert_eq!(body.arrived, SAID, "cut at {cut}");
            assert!(body.is_over() && buffer.is_empty());
        }
    }

    #[test]
    fn a_body_of_known_length_ends_there() {
        let mut body = Body::new(Framing::Length(5));
        body.take(&mut BytesMut::from("hel")).unwrap();
        assert!(!body.is_over());
        body.take(&mut BytesMut::from("lo")).unwrap();
        assert!(body.is_over());
        assert_eq!(body.arrived, "hello");
        assert!(body.take(&mut BytesMut::from("x")).is_err());
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for wrong in ["\r\n", "g\r\n", "-1\r\n", "+1\r\n", "11111111111111111\r\n", "1\r\nab\r\n"] {
            let taken = Body::new(Framing::Chunked).take(&mut BytesMut::from(wrong));
            assert!(taken.is_err(), "{wrong:?}");
        }
        assert!(Body::new(Framing::Chunked).take(&mut BytesMut::from(&[b'0'; MAX_LINE][..])).is_err());
    }

    #[test]
    fn a_chunk_that_was_written_is_read() {
        for size in [1, 15, 16, 255, 256, 4096, 70_000] {
            let mut buffer = BytesMut::new();
            begin_chunk(size, &mut buffer);
            buffer.put_bytes(7, size);
            end_chunk(&mut buffer);
            end_body(&mut buffer);
            let mut body = Body::new(Framing::Chunked);
            body.take(&mut buffer).unwrap();
            assert!(body.is_over());
            assert_eq!(body.arrived.len(), size);
        }
    }
}
