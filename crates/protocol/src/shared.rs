//! Decoding the frames that carry the load: keys, values and commands become slices of the frame that they came in
//! instead of copies. It knows only the usual form of the usual messages and leaves all else to [`frame::decode`], so that
//! there is one judge of what is well-formed; a test holds the two together.
//!
//! A slice keeps the whole buffer alive that it points into. What is to stay for long is copied by whoever keeps it.

use crate::frame::{self, FrameError};
use crate::kv::{Consistency, Read, SessionId, SessionWrite, Write};
use crate::peer::PeerFrame;
use crate::request::{Request, RequestBody};
use bytes::Bytes;
use raftdeck_raft::{AppendEntries, Entry, Incarnation, LogId, LogIndex, Message, NodeId, Payload, Term};

/// No entry takes less than this on the wire: term, index and kind.
const LEAST_ENTRY: usize = 3;

/// A client's question, as [`frame::decode`] would read it.
pub fn request(content: &Bytes) -> Result<Request, FrameError> {
    usual_request(content).map_or_else(|| frame::decode("request", content), Ok)
}

/// A peer's message, as [`frame::decode`] would read it.
pub fn peer_frame(content: &Bytes) -> Result<PeerFrame, FrameError> {
    usual_peer_frame(content).map_or_else(|| frame::decode("peer", content), Ok)
}

/// `None`: something unusual.
fn usual_request(content: &Bytes) -> Option<Request> {
    let mut rest = Rest { content, at: 0 };
    let id = rest.number()?;
    // The kinds by their places in `RequestBody`, which the golden bytes hold still.
    let body = match rest.byte()? {
        0 => RequestBody::Write(rest.write()?),
        1 => RequestBody::Read(rest.get()?),
        6 => RequestBody::SessionWrite(SessionWrite {
            session: SessionId(rest.number()?),
            sequence: rest.number()?,
            acknowledged: rest.number()?,
            write: rest.write()?,
        }),
        7 => RequestBody::ReadWith { read: rest.get()?, consistency: rest.consistency()? },
        _ => return None,
    };
    rest.is_empty().then_some(Request { id, body })
}

fn usual_peer_frame(content: &Bytes) -> Option<PeerFrame> {
    let mut rest = Rest { content, at: 0 };
    let from = NodeId(rest.number()?);
    let incarnation = Incarnation(rest.array()?);
    // `Message::AppendEntries`.
    if rest.byte()? != 4 {
        return None;
    }
    let (term, prev) = (Term(rest.number()?), rest.log_id()?);
    let count = usize::try_from(rest.number()?).ok()?;
    if count > rest.len() / LEAST_ENTRY {
        return None;
    }
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        entries.push(rest.entry()?);
    }
    let (commit, round) = (LogIndex(rest.number()?), rest.number()?);
    let message = Message::AppendEntries(AppendEntries { term, prev, entries, commit, round });
    rest.is_empty().then_some(PeerFrame { from, incarnation, message })
}

/// What is left of a frame's content.
struct Rest<'a> {
    content: &'a Bytes,
    at: usize,
}

impl Rest<'_> {
    fn len(&self) -> usize {
        self.content.len() - self.at
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.content.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.content.get(self.at..self.at + N)?.try_into().ok()?;
        self.at += N;
        Some(bytes)
    }

    /// Seven bits to a byte, the lowest first. One that takes ten bytes is unusual.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let len = usize::try_from(self.number()?).ok()?;
        if len > self.len() {
            return None;
        }
        let bytes = self.content.slice(self.at..self.at + len);
        self.at += len;
        Some(bytes)
    }

    fn log_id(&mut self) -> Option<LogId> {
        Some(LogId { term: Term(self.number()?), index: LogIndex(self.number()?) })
    }

    fn entry(&mut self) -> Option<Entry> {
        let id = self.log_id()?;
        let payload = match self.byte()? {
            0 => Payload::Noop,
            1 => Payload::Command(self.bytes()?),
            _ => return None,
        };
        Some(Entry { id, payload })
    }

    /// A put or a delete.
    fn write(&mut self) -> Option<Write> {
        Some(match self.byte()? {
            0 => Write::Put { key: self.bytes()?, value: self.bytes()? },
            1 => Write::Delete { key: self.bytes()? },
            _ => return None,
        })
    }

    fn get(&mut self) -> Option<Read> {
        match self.byte()? {
            0 => Some(Read::Get { key: self.bytes()? }),
            _ => None,
        }
    }

    fn consistency(&mut self) -> Option<Consistency> {
        Some(match self.byte()? {
            0 => Consistency::Linearizable,
            1 => Consistency::Lease,
            2 => Consistency::Stale,
            _ => return None,
        })
    }
}
