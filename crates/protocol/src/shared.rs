//! Decoding the frames that carry the load: keys, values and commands become slices of the frame that they came in
//! instead of copies. It knows only the usual form of the usual messages and leaves all else to [`frame::decode`], so that
//! there is one judge of what is well-formed; a test holds the two together.
//!
//! A slice keeps the whole buffer alive that it points into. Code that keeps a slice for long copies it.
//! A relay keeps nothing: [`peer_outline`] reads a message without its payloads.

use crate::frame::{self, FrameError};
use crate::kv::{Consistency, Read, SessionId, SessionWrite, Write};
use crate::peer::PeerFrame;
use crate::request::{Request, RequestBody};
use bytes::Bytes;
use raftdeck_raft::{
    AppendEntries, Entry, Incarnation, InstallSnapshot, LogId, LogIndex, Message, NodeId, Payload,
    SnapshotMeta, Term,
};
use serde::Deserialize;

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

/// A peer's message without its payloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerOutline {
    /// What it says. An AppendEntries has no entries here, and a piece of a snapshot no data.
    pub message: Message,
    /// How many entries the message carries.
    pub entries: u64,
    /// How many bytes of a snapshot it carries.
    pub data: u64,
}

/// A peer's message as [`frame::decode`] would read it, but for its payloads, which are skipped: nothing is copied and, in the usual
/// form of the usual messages, nothing is allocated. Malformed input is the same error as there.
pub fn peer_outline(content: &[u8]) -> Result<PeerOutline, FrameError> {
    match usual_outline(content) {
        Some(outline) => Ok(outline),
        None => frame::decode::<PeerFrame>("peer", content).map(|frame| without_payloads(frame.message)),
    }
}

fn without_payloads(mut message: Message) -> PeerOutline {
    let (mut entries, mut data) = (0, 0);
    match &mut message {
        Message::AppendEntries(append) => entries = std::mem::take(&mut append.entries).len() as u64,
        Message::InstallSnapshot(piece) => data = std::mem::take(&mut piece.data).len() as u64,
        _ => {}
    }
    PeerOutline { message, entries, data }
}

/// `None`: something unusual.
fn usual_request(content: &Bytes) -> Option<Request> {
    let mut rest = FrameRest { content, at: 0 };
    let id = rest.number()?;
    // The kinds by their places in `RequestBody`, which the golden bytes hold still.
    let body = match rest.byte()? {
        0 => RequestBody::Write(rest.write(content)?),
        1 => RequestBody::Read(rest.get(content)?),
        6 => RequestBody::SessionWrite(SessionWrite {
            session: SessionId(rest.number()?),
            sequence: rest.number()?,
            acknowledged: rest.number()?,
            write: rest.write(content)?,
        }),
        7 => RequestBody::ReadWith { read: rest.get(content)?, consistency: rest.consistency()? },
        _ => return None,
    };
    rest.is_empty().then_some(Request { id, body })
}

/// The kinds by their places in `Message`, which the golden bytes hold still.
const APPEND_ENTRIES: u8 = 4;
const INSTALL_SNAPSHOT: u8 = 7;

fn usual_peer_frame(content: &Bytes) -> Option<PeerFrame> {
    let mut rest = FrameRest { content, at: 0 };
    let (from, incarnation) = rest.sender()?;
    if rest.byte()? != APPEND_ENTRIES {
        return None;
    }
    let (mut append, count) = rest.append_head()?;
    append.entries.reserve_exact(count);
    for _ in 0..count {
        let (id, command) = rest.entry()?;
        let payload = command.map_or(Payload::Noop, |command| Payload::Command(content.slice_ref(command)));
        append.entries.push(Entry { id, payload });
    }
    rest.append_tail(&mut append)?;
    Some(PeerFrame { from, incarnation, message: Message::AppendEntries(append) })
}

fn usual_outline(content: &[u8]) -> Option<PeerOutline> {
    let mut rest = FrameRest { content, at: 0 };
    rest.sender()?;
    match rest.byte()? {
        APPEND_ENTRIES => {
            let (mut append, count) = rest.append_head()?;
            for _ in 0..count {
                rest.entry()?;
            }
            rest.append_tail(&mut append)?;
            Some(PeerOutline { message: Message::AppendEntries(append), entries: count as u64, data: 0 })
        }
        INSTALL_SNAPSHOT => usual_piece(rest.left()),
        _ => None,
    }
}

fn usual_piece(content: &[u8]) -> Option<PeerOutline> {
    /// [`InstallSnapshot`] with its data where it is in the frame.
    #[derive(Deserialize)]
    struct Piece<'a> {
        term: Term,
        meta: SnapshotMeta,
        offset: u64,
        data: &'a [u8],
        done: bool,
        size: u64,
        round: u64,
    }
    let Piece { term, meta, offset, data, done, size, round } = frame::decode("peer", content).ok()?;
    let piece = InstallSnapshot { term, meta, offset, data: Bytes::new(), done, size, round };
    Some(PeerOutline { message: Message::InstallSnapshot(piece), entries: 0, data: data.len() as u64 })
}

/// What is left of a frame's content.
struct FrameRest<'a> {
    content: &'a [u8],
    at: usize,
}

impl<'a> FrameRest<'a> {
    fn left(&self) -> &'a [u8] {
        &self.content[self.at..]
    }

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

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let bytes = self.left().get(..len)?;
        self.at += len;
        Some(bytes)
    }

    /// Who sent a message, and on which data directory.
    fn sender(&mut self) -> Option<(NodeId, Incarnation)> {
        Some((NodeId(self.number()?), Incarnation(self.array()?)))
    }

    fn log_id(&mut self) -> Option<LogId> {
        Some(LogId { term: Term(self.number()?), index: LogIndex(self.number()?) })
    }

    /// An AppendEntries up to its entries, and how many of them follow.
    fn append_head(&mut self) -> Option<(AppendEntries, usize)> {
        let (term, prev) = (Term(self.number()?), self.log_id()?);
        let count = usize::try_from(self.number()?).ok()?;
        let append = AppendEntries { term, prev, entries: Vec::new(), commit: LogIndex::ZERO, round: 0 };
        (count <= self.len() / LEAST_ENTRY).then_some((append, count))
    }

    /// What follows the entries, which must be all.
    fn append_tail(&mut self, append: &mut AppendEntries) -> Option<()> {
        append.commit = LogIndex(self.number()?);
        append.round = self.number()?;
        self.is_empty().then_some(())
    }

    /// An entry, with its command if it has one.
    fn entry(&mut self) -> Option<(LogId, Option<&'a [u8]>)> {
        let id = self.log_id()?;
        match self.byte()? {
            0 => Some((id, None)),
            1 => Some((id, Some(self.bytes()?))),
            _ => None,
        }
    }

    /// A put or a delete, whose key and value are slices of `content`, which this is a rest of.
    fn write(&mut self, content: &Bytes) -> Option<Write> {
        Some(match self.byte()? {
            0 => Write::Put { key: self.bytes_of(content)?, value: self.bytes_of(content)? },
            1 => Write::Delete { key: self.bytes_of(content)? },
            _ => return None,
        })
    }

    fn get(&mut self, content: &Bytes) -> Option<Read> {
        match self.byte()? {
            0 => Some(Read::Get { key: self.bytes_of(content)? }),
            _ => None,
        }
    }

    /// The same as [`FrameRest::bytes`], as a slice of `content`, which this is a rest of.
    fn bytes_of(&mut self, content: &Bytes) -> Option<Bytes> {
        self.bytes().map(|bytes| content.slice_ref(bytes))
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
