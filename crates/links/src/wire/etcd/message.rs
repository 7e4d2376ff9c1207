//! `raftpb.Message`, read field by field from its bytes: entries are counted and never decoded.

use bytes::{BufMut, Bytes, BytesMut};
use raftdeck_model::FrameKind;
use raftdeck_model::glance::{Detail, Glance};
use raftdeck_raft::{ConflictHint, LogId, LogIndex, Term};

/// The types of messages that members send each other, as in `raft.proto`.
mod kind {
    pub(super) const PROPOSE: u64 = 2;
    pub(super) const APPEND: u64 = 3;
    pub(super) const APPEND_REPLY: u64 = 4;
    pub(super) const VOTE: u64 = 5;
    pub(super) const VOTE_REPLY: u64 = 6;
    pub(super) const SNAPSHOT: u64 = 7;
    pub(super) const HEARTBEAT: u64 = 8;
    pub(super) const HEARTBEAT_REPLY: u64 = 9;
    pub(super) const TRANSFER_LEADER: u64 = 13;
    pub(super) const TIMEOUT_NOW: u64 = 14;
    pub(super) const READ_INDEX: u64 = 15;
    pub(super) const READ_INDEX_REPLY: u64 = 16;
    pub(super) const PRE_VOTE: u64 = 17;
    pub(super) const PRE_VOTE_REPLY: u64 = 18;
}

/// The fields of a message, as in `raft.proto`.
mod field {
    pub(super) const TYPE: u64 = 1;
    pub(super) const TO: u64 = 2;
    pub(super) const FROM: u64 = 3;
    pub(super) const TERM: u64 = 4;
    pub(super) const LOG_TERM: u64 = 5;
    pub(super) const INDEX: u64 = 6;
    pub(super) const ENTRIES: u64 = 7;
    pub(super) const COMMIT: u64 = 8;
    pub(super) const SNAPSHOT: u64 = 9;
    pub(super) const REJECT: u64 = 10;
    pub(super) const REJECT_HINT: u64 = 11;
    pub(super) const CONTEXT: u64 = 12;
    /// Of an entry.
    pub(super) const ENTRY_INDEX: u64 = 3;
    /// Of a snapshot.
    pub(super) const METADATA: u64 = 2;
    /// Of its metadata.
    pub(super) const COVERED_INDEX: u64 = 2;
    pub(super) const COVERED_TERM: u64 = 3;
}

/// What the context of a vote says when a leader has ordered it.
const BY_ORDER: &[u8] = b"CampaignTransfer";

/// A sign of life on a stream of kind `message`: a heartbeat from nobody to nobody.
pub(super) const SIGN_OF_LIFE: [u8; 2] = [0x08, 0x08];

/// One field.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a kind that no field here has.
    Other,
}

/// The fields of a message in protocol buffers. An item is `None` where the bytes are no such message; it is the last one.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Value::Number(self.number()?),
            1 => self.bytes(8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(self.number()?).ok()?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => self.bytes(4).map(|_| Value::Other)?,
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for (at, byte) in self.0.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.0 = &self.0[at + 1..];
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }
}

/// What a message says, without the content of its entries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outline<'a> {
    kind: u64,
    to: u64,
    from: u64,
    pub(super) term: u64,
    log_term: u64,
    index: u64,
    entries: u64,
    last_entry: Option<&'a [u8]>,
    commit: u64,
    snapshot: &'a [u8],
    rejects: bool,
    hint: u64,
    context: &'a [u8],
}

impl<'a> Outline<'a> {
    /// `None`: these bytes are no message.
    pub(super) fn read(frame: &'a [u8]) -> Option<Self> {
        let mut outline = Self::default();
        for read in Fields(frame) {
            match read? {
                (field::TYPE, Value::Number(value)) => outline.kind = value,
                (field::TO, Value::Number(value)) => outline.to = value,
                (field::FROM, Value::Number(value)) => outline.from = value,
                (field::TERM, Value::Number(value)) => outline.term = value,
                (field::LOG_TERM, Value::Number(value)) => outline.log_term = value,
                (field::INDEX, Value::Number(value)) => outline.index = value,
                (field::ENTRIES, Value::Bytes(entry)) => {
                    outline.entries += 1;
                    outline.last_entry = Some(entry);
                }
                (field::COMMIT, Value::Number(value)) => outline.commit = value,
                (field::SNAPSHOT, Value::Bytes(snapshot)) => outline.snapshot = snapshot,
                (field::REJECT, Value::Number(value)) => outline.rejects = value != 0,
                (field::REJECT_HINT, Value::Number(value)) => outline.hint = value,
                (field::CONTEXT, Value::Bytes(context)) => outline.context = context,
                _ => {}
            }
        }
        Some(outline)
    }

    /// Whether it is a sign of life between two members, and no message.
    pub(super) fn is_sign_of_life(&self) -> bool {
        (self.kind, self.from, self.to) == (kind::HEARTBEAT, 0, 0)
    }

    /// The index of the last entry, or that of the message if it has none.
    pub(super) fn last_index(&self) -> Option<u64> {
        match self.last_entry {
            Some(entry) => number_in(entry, field::ENTRY_INDEX),
            None => Some(self.index),
        }
    }

    fn position(&self) -> LogId {
        LogId { term: Term(self.log_term), index: LogIndex(self.index) }
    }

    /// The last entry that its snapshot covers.
    fn covered(&self) -> Option<LogId> {
        let metadata = bytes_in(self.snapshot, field::METADATA)?;
        let index = LogIndex(number_in(metadata, field::COVERED_INDEX)?);
        Some(LogId { term: Term(number_in(metadata, field::COVERED_TERM)?), index })
    }
}

/// The number in this field; one that is left out is 0.
fn number_in(bytes: &[u8], wanted: u64) -> Option<u64> {
    let mut found = 0;
    for read in Fields(bytes) {
        if let (number, Value::Number(value)) = read?
            && number == wanted
        {
            found = value;
        }
    }
    Some(found)
}

fn bytes_in(bytes: &[u8], wanted: u64) -> Option<&[u8]> {
    let mut found: &[u8] = &[];
    for read in Fields(bytes) {
        if let (number, Value::Bytes(value)) = read?
            && number == wanted
        {
            found = value;
        }
    }
    Some(found)
}

/// What a message is about. `None`: it is none that members are known to send.
pub(super) fn glance(frame: &[u8]) -> Option<Glance> {
    let outline = Outline::read(frame)?;
    let plain = |kind| Glance::new(kind, Term(outline.term));
    let reply = |kind| Glance { granted: Some(!outline.rejects), ..plain(kind) };
    let candidate = |kind| {
        let transfer = outline.context == BY_ORDER;
        Glance { detail: Detail::Candidate { last: outline.position(), transfer }, ..plain(kind) }
    };
    let index = Some(LogIndex(outline.index));
    let entries = outline.entries;
    Some(match outline.kind {
        kind::PROPOSE => Glance { entries, ..plain(FrameKind::Propose) },
        kind::APPEND => {
            let detail = Detail::Append { prev: outline.position(), commit: LogIndex(outline.commit) };
            let index = Some(LogIndex(outline.index.saturating_add(entries)));
            Glance { index, entries, detail, ..plain(FrameKind::AppendEntries) }
        }
        kind::APPEND_REPLY if outline.rejects => {
            let hint = ConflictHint { term: None, first: LogIndex(outline.hint.saturating_add(1)) };
            let detail = Detail::Conflict { refused: LogIndex(outline.index), hint };
            Glance { detail, ..reply(FrameKind::AppendReply) }
        }
        kind::APPEND_REPLY => Glance { index, ..reply(FrameKind::AppendReply) },
        kind::VOTE => candidate(FrameKind::RequestVote),
        kind::VOTE_REPLY => reply(FrameKind::VoteReply),
        kind::SNAPSHOT => {
            let covered = outline.covered()?;
            let detail = Detail::Snapshot(covered);
            Glance { index: Some(covered.index), detail, ..plain(FrameKind::InstallSnapshot) }
        }
        kind::HEARTBEAT => {
            Glance { detail: Detail::Commit(LogIndex(outline.commit)), ..plain(FrameKind::Heartbeat) }
        }
        kind::HEARTBEAT_REPLY => plain(FrameKind::HeartbeatReply),
        kind::TRANSFER_LEADER => plain(FrameKind::TransferLeader),
        kind::TIMEOUT_NOW => plain(FrameKind::TimeoutNow),
        kind::READ_INDEX => plain(FrameKind::ReadIndex),
        kind::READ_INDEX_REPLY => Glance { index, ..plain(FrameKind::ReadIndexReply) },
        kind::PRE_VOTE => candidate(FrameKind::PreVote),
        kind::PRE_VOTE_REPLY => reply(FrameKind::PreVoteReply),
        _ => return None,
    })
}

fn put_number(buffer: &mut BytesMut, field: u64, value: u64) {
    put_varint(buffer, field << 3);
    put_varint(buffer, value);
}

fn put_varint(buffer: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        buffer.put_u8(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    buffer.put_u8(u8::try_from(value).unwrap_or_default());
}

/// "Campaign now."
pub(super) fn timeout_now(from: u64, to: u64, term: u64) -> Bytes {
    let mut message = BytesMut::new();
    put_number(&mut message, field::TYPE, kind::TIMEOUT_NOW);
    put_number(&mut message, field::TO, to);
    put_number(&mut message, field::FROM, from);
    put_number(&mut message, field::TERM, term);
    message.freeze()
}

/// An AppendEntries without its entries and its commit index.
#[derive(Clone, Copy, Debug)]
pub(super) struct AppendHead {
    pub(super) from: u64,
    pub(super) to: u64,
    /// Its term, and that of the entry before.
    pub(super) term: u64,
    /// The index of the entry before.
    pub(super) index: u64,
}

/// A whole AppendEntries. Each entry is as its sender has encoded it.
pub(super) fn append<'a>(
    head: &AppendHead,
    entries: impl Iterator<Item = &'a [u8]>,
    commit: u64,
    capacity: usize,
) -> Bytes {
    let mut message = BytesMut::with_capacity(capacity);
    put_number(&mut message, field::TYPE, kind::APPEND);
    put_number(&mut message, field::TO, head.to);
    put_number(&mut message, field::FROM, head.from);
    put_number(&mut message, field::TERM, head.term);
    put_number(&mut message, field::LOG_TERM, head.term);
    put_number(&mut message, field::INDEX, head.index);
    for entry in entries {
        put_varint(&mut message, field::ENTRIES << 3 | 2);
        put_varint(&mut message, entry.len() as u64);
        message.put_slice(entry);
    }
    put_number(&mut message, field::COMMIT, commit);
    message.freeze()
}

#[cfg(test)]
mod tests;
