//! How bytes of etcd's members become frames, and frames bytes: heads, streams, single messages, snapshots, and what is passed on as it
//! is.

use super::MAX_MESSAGE;
use super::body::{Body, Framing, begin_chunk, end_body, end_chunk};
use super::head::{self, MAX_HEAD};
use super::stream::{self, StreamKind, StreamReader, put_long, take_long};
use bytes::{BufMut, Bytes, BytesMut};
use std::io;
use tokio_util::codec::{Decoder, Encoder};

/// How much is read at once of what may be long.
const MOST_READ: usize = 64 << 10;

/// Cuts what one side of a connection sends into frames.
#[derive(Debug)]
pub struct EtcdDecoder(Reads);

#[derive(Debug)]
enum Reads {
    /// One head, and nothing of what follows it.
    Head {
        is_taken: bool,
    },
    /// Whatever there is.
    Raw,
    Stream(Box<StreamReader>, Body),
    /// One message that is a whole body.
    Post(Body),
    /// One message, then the rest of the body in pieces, then its end as an empty frame.
    Snapshot {
        body: Body,
        next: SnapshotPart,
    },
}

/// Which part of a snapshot's request comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SnapshotPart {
    Message,
    Database,
    Nothing,
}

impl EtcdDecoder {
    pub(super) fn head() -> Self {
        Self(Reads::Head { is_taken: false })
    }

    pub(super) fn raw() -> Self {
        Self(Reads::Raw)
    }

    /// What this member sends to that one on a stream.
    pub(super) fn stream(kind: StreamKind, framing: Framing, from: u64, to: u64) -> Self {
        Self(Reads::Stream(Box::new(StreamReader::new(kind, from, to)), Body::new(framing)))
    }

    pub(super) fn post(framing: Framing) -> Self {
        Self(Reads::Post(Body::new(framing)))
    }

    pub(super) fn snapshot(framing: Framing) -> Self {
        Self(Reads::Snapshot { body: Body::new(framing), next: SnapshotPart::Message })
    }
}

impl Decoder for EtcdDecoder {
    type Item = Bytes;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        match &mut self.0 {
            Reads::Head { is_taken: true } if buffer.len() > MAX_HEAD => {
                Err(io::Error::other("too much follows the head of a request that is not answered yet"))
            }
            Reads::Head { is_taken: true } => Ok(None),
            Reads::Head { is_taken } => {
                let head = head::take(buffer)?;
                *is_taken = head.is_some();
                Ok(head)
            }
            Reads::Raw => Ok((!buffer.is_empty()).then(|| buffer.split().freeze())),
            Reads::Stream(reader, body) => {
                if let Some(message) = reader.take(&mut body.arrived)? {
                    return Ok(Some(message));
                }
                body.take(buffer)?;
                buffer.reserve(MOST_READ);
                reader.take(&mut body.arrived)
            }
            Reads::Post(body) => {
                body.take(buffer)?;
                if body.arrived.len() > MAX_MESSAGE {
                    return Err(io::Error::other(format!("a message is longer than {MAX_MESSAGE} bytes")));
                }
                Ok((body.is_over() && !body.arrived.is_empty()).then(|| body.arrived.split().freeze()))
            }
            Reads::Snapshot { body, next } => {
                body.take(buffer)?;
                buffer.reserve(MOST_READ);
                snapshot(body, next)
            }
        }
    }
}

fn snapshot(body: &mut Body, next: &mut SnapshotPart) -> io::Result<Option<Bytes>> {
    match next {
        SnapshotPart::Message => {
            let message = take_long(&mut body.arrived, 0)?;
            if message.is_some() {
                *next = SnapshotPart::Database;
            }
            Ok(message)
        }
        SnapshotPart::Database if !body.arrived.is_empty() => Ok(Some(body.arrived.split().freeze())),
        SnapshotPart::Database if body.is_over() => {
            *next = SnapshotPart::Nothing;
            Ok(Some(Bytes::new()))
        }
        SnapshotPart::Database | SnapshotPart::Nothing => Ok(None),
    }
}

/// Puts the frames that one side of a connection receives into bytes.
#[derive(Debug)]
pub struct EtcdEncoder(Writes);

#[derive(Debug)]
enum Writes {
    /// As they are.
    Raw,
    /// Messages in a stream that is framed so. An empty one is a sign of life.
    Stream(StreamKind, Framing),
    /// A message, then pieces of a body, then an empty frame.
    Snapshot { framing: Framing, is_message_next: bool },
}

impl EtcdEncoder {
    pub(super) fn raw() -> Self {
        Self(Writes::Raw)
    }

    pub(super) fn stream(kind: StreamKind, framing: Framing) -> Self {
        Self(Writes::Stream(kind, framing))
    }

    pub(super) fn snapshot(framing: Framing) -> Self {
        Self(Writes::Snapshot { framing, is_message_next: true })
    }
}

impl Encoder<Bytes> for EtcdEncoder {
    type Error = io::Error;

    fn encode(&mut self, frame: Bytes, buffer: &mut BytesMut) -> io::Result<()> {
        match &mut self.0 {
            Writes::Raw => buffer.put_slice(&frame),
            Writes::Stream(kind, framing) => {
                let size = stream::size(*kind, &frame);
                buffer.reserve(size + 24);
                chunk(*framing, size, buffer, |buffer| stream::put(*kind, &frame, buffer));
            }
            Writes::Snapshot { framing, is_message_next } if *is_message_next => {
                *is_message_next = false;
                chunk(*framing, size_of::<u64>() + frame.len(), buffer, |buffer| put_long(&frame, buffer));
            }
            Writes::Snapshot { framing: Framing::Chunked, .. } if frame.is_empty() => end_body(buffer),
            Writes::Snapshot { framing, .. } => {
                chunk(*framing, frame.len(), buffer, |buffer| buffer.put_slice(&frame));
            }
        }
        Ok(())
    }
}

/// Writes a part of a body.
fn chunk(framing: Framing, bytes: usize, buffer: &mut BytesMut, put: impl FnOnce(&mut BytesMut)) {
    match framing {
        Framing::Chunked => {
            begin_chunk(bytes, buffer);
            put(buffer);
            end_chunk(buffer);
        }
        Framing::Length(_) | Framing::UntilClosed => put(buffer),
    }
}
