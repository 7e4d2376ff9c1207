//! The replicated state as bytes and back: what a snapshot holds (paper §7, thesis ch. 5; sessions: thesis §6.3). Knows
//! no file: it gives and takes pieces.
//!
//! All numbers are little-endian:
//!
//! ```text
//! version u8 | logged time u64 | number of pairs u64 | number of sessions u64 | number of names u64 | their time u64
//! pairs, in order of their keys:    key length u32 | key | value length u32 | value
//! sessions, in order of their ids:  id u64 | last used u64 | acknowledged u64 | number of answers u32
//!   answers, in order:              number u64 | term u64 | index u64 | length u32 | answer (postcard)
//! names, in order of their bytes:   name length u32 | name | last used u64 | fingerprint u128
//!                                   term u64 | index u64 | length u32 | answer (postcard)
//! hash of the state u64
//! ```
//!
//! Version 2 has no names, nor their number and time; version 1 differs from that in the hash alone ([`version1`]). Both are still
//! read.

mod version1;

use crate::names::Named;
use crate::session::{KeptAnswer, Session};
use crate::state::ReplicatedState;
use bytes::{BufMut, Bytes, BytesMut};
use raftdeck_protocol::kv::{
    LoggedTime, MAX_KEY, MAX_NAME, MAX_NAMES, MAX_SESSION_WRITES, MAX_SESSIONS, MAX_VALUE, SessionId,
};
use raftdeck_protocol::{Answer, Write, frame};
use raftdeck_raft::{LogId, LogIndex, SnapshotMeta, Term};
use std::iter;

/// The first byte. Another layout gets another number.
const VERSION: u8 = 3;

/// The last one that knew no names.
const NAMELESS: u8 = 2;

/// The size of all pieces but the last.
const PIECE: usize = 64 << 10;

/// The longest encoded answer: a value and what stands around it.
const MAX_ANSWER: usize = MAX_VALUE + 64;

/// The replicated state at one moment. Cheap to make: it shares its data with the live state.
#[derive(Clone, Debug)]
pub struct StateImage {
    pub(crate) meta: SnapshotMeta,
    pub(crate) state: ReplicatedState,
}

/// Bytes that are no image of a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot cannot be read: {0}")]
pub struct ImageError(String);

impl StateImage {
    /// What it includes.
    #[must_use]
    pub fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// The hash of the state in it.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        self.state.hash()
    }

    /// Its bytes, in pieces of 64 KiB. Equal images give equal bytes.
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> + '_ {
        let mut records = self.records();
        let mut buffer = BytesMut::new();
        iter::from_fn(move || {
            while buffer.len() < PIECE
                && let Some(record) = records.next()
            {
                record.put(&mut buffer);
            }
            let piece = buffer.split_to(buffer.len().min(PIECE)).freeze();
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// Reads an image back from its pieces, however they are cut. What it gives is, bit for bit, what was written, or
    /// it is an error.
    pub fn decode(meta: SnapshotMeta, pieces: impl Iterator<Item = Bytes>) -> Result<Self, ImageError> {
        let mut reader = Reader { pieces, current: Bytes::new() };
        let mut state = ReplicatedState::default();
        let version = reader.take(1)?[0];
        let state_hash = match version {
            VERSION | NAMELESS => ReplicatedState::hash,
            version1::VERSION => version1::hash,
            _ => {
                return Err(broken(format!(
                    "its layout is version {version}, and this release reads versions up to {VERSION}: use the release that wrote it"
                )));
            }
        };
        state.sessions.pass_time(LoggedTime(reader.number()?));
        let (pairs, sessions) = (reader.number()?, reader.number()?);
        let names = if version > NAMELESS {
            (reader.number()?, LoggedTime(reader.number()?))
        } else {
            Default::default()
        };
        read_pairs(&mut reader, &mut state, pairs)?;
        if sessions > MAX_SESSIONS as u64 {
            return Err(broken(format!("{sessions} sessions are over the limit of {MAX_SESSIONS}")));
        }
        read_sessions(&mut reader, &mut state, sessions, meta.last.index)?;
        read_names(&mut reader, &mut state, names, meta.last.index)?;
        let hash = reader.number()?;
        if reader.fill() {
            return Err(broken("there are bytes after its end".to_owned()));
        }
        if hash != state_hash(&state) {
            return Err(broken("its state does not match its hash".to_owned()));
        }
        Ok(Self { meta, state })
    }

    fn records(&self) -> impl Iterator<Item = ImageRecord<'_>> {
        let ReplicatedState { machine, sessions, names } = &self.state;
        let header = ImageRecord::Header {
            now: sessions.now(),
            pairs: machine.len(),
            sessions: sessions.len() as u64,
            names: (names.len() as u64, names.now()),
        };
        let pairs = machine.pairs().map(|(key, value)| ImageRecord::Pair(key, value));
        let sessions = sessions.iter().flat_map(|(id, session)| {
            let answers = session.answers().map(ImageRecord::Answer);
            iter::once(ImageRecord::Session(id, session)).chain(answers)
        });
        let names = names.iter().map(|(name, named)| ImageRecord::Named(name, named));
        let end = iter::once(ImageRecord::End(self.state.hash()));
        iter::once(header).chain(pairs).chain(sessions).chain(names).chain(end)
    }
}

/// One part of an image that is written at once.
enum ImageRecord<'a> {
    Header { now: LoggedTime, pairs: u64, sessions: u64, names: (u64, LoggedTime) },
    Pair(&'a [u8], &'a [u8]),
    Session(SessionId, &'a Session),
    Answer(&'a KeptAnswer),
    Named(&'a [u8], &'a Named),
    End(u64),
}

impl ImageRecord<'_> {
    fn put(self, buffer: &mut BytesMut) {
        match self {
            Self::Header { now, pairs, sessions, names: (names, names_now) } => {
                buffer.put_u8(VERSION);
                buffer.put_u64_le(now.0);
                buffer.put_u64_le(pairs);
                buffer.put_u64_le(sessions);
                buffer.put_u64_le(names);
                buffer.put_u64_le(names_now.0);
            }
            Self::Pair(key, value) => {
                put_bytes(buffer, key);
                put_bytes(buffer, value);
            }
            Self::Session(id, session) => {
                buffer.put_u64_le(id.0);
                buffer.put_u64_le(session.last_used.0);
                buffer.put_u64_le(session.acknowledged);
                put_length(buffer, session.answers().len());
            }
            Self::Answer(kept) => {
                buffer.put_u64_le(kept.sequence);
                put_kept(buffer, kept);
            }
            Self::Named(name, named) => {
                put_bytes(buffer, name);
                buffer.put_u64_le(named.last_used.0);
                buffer.put_u128_le(named.fingerprint);
                put_kept(buffer, &named.kept);
            }
            Self::End(hash) => buffer.put_u64_le(hash),
        }
    }
}

fn put_kept(buffer: &mut BytesMut, kept: &KeptAnswer) {
    buffer.put_u64_le(kept.at.term.0);
    buffer.put_u64_le(kept.at.index.0);
    put_bytes(buffer, &frame::encode(kept.answer()));
}

fn put_bytes(buffer: &mut BytesMut, bytes: &[u8]) {
    put_length(buffer, bytes.len());
    buffer.put_slice(bytes);
}

fn put_length(buffer: &mut BytesMut, length: usize) {
    buffer.put_u32_le(
        u32::try_from(length).expect("invariant: everything in the state has a bound below 4 GiB"),
    );
}

fn read_pairs<I: Iterator<Item = Bytes>>(
    reader: &mut Reader<I>,
    state: &mut ReplicatedState,
    count: u64,
) -> Result<(), ImageError> {
    let mut previous: Option<Bytes> = None;
    for _ in 0..count {
        let key = reader.bytes("a key", MAX_KEY)?;
        let value = reader.bytes("a value", MAX_VALUE)?;
        if key.is_empty() {
            return Err(broken("a key is empty".to_owned()));
        }
        if previous.as_ref().is_some_and(|previous| *previous >= key) {
            return Err(broken("its keys are not in order".to_owned()));
        }
        previous = Some(key.clone());
        state.machine.apply(&Write::Put { key, value });
    }
    Ok(())
}

fn read_sessions<I: Iterator<Item = Bytes>>(
    reader: &mut Reader<I>,
    state: &mut ReplicatedState,
    count: u64,
    last: LogIndex,
) -> Result<(), ImageError> {
    let mut previous = SessionId(0);
    for _ in 0..count {
        let (id, last_used) = (SessionId(reader.number()?), LoggedTime(reader.number()?));
        if id <= previous || id.0 > last.0 {
            return Err(broken(format!("session {} is not in its place", id.0)));
        }
        if last_used > state.sessions.now() {
            return Err(broken(format!("session {} was last used after the last entry", id.0)));
        }
        previous = id;
        let acknowledged = reader.number()?;
        let count = reader.length("a session's answers", MAX_SESSION_WRITES)?;
        let mut answers = Vec::new();
        let mut newest = acknowledged;
        for _ in 0..count {
            let number = reader.number()?;
            let (answer, at) = read_answer(reader)?;
            let in_window = number > newest && number - acknowledged <= MAX_SESSION_WRITES as u64;
            if !in_window || at.index.0 <= id.0 || at.index > last {
                return Err(broken(format!("answer {number} of session {} is not in its place", id.0)));
            }
            newest = number;
            answers.push((number, answer, at));
        }
        state.sessions.restore(id, last_used, acknowledged, answers);
    }
    Ok(())
}

fn read_names<I: Iterator<Item = Bytes>>(
    reader: &mut Reader<I>,
    state: &mut ReplicatedState,
    (count, now): (u64, LoggedTime),
    last: LogIndex,
) -> Result<(), ImageError> {
    if count > MAX_NAMES as u64 {
        return Err(broken(format!("{count} names are over the limit of {MAX_NAMES}")));
    }
    if count == 0 && now > LoggedTime(0) {
        return Err(broken("it ages names that do not exist".to_owned()));
    }
    state.names.restore_time(now);
    let mut previous = Bytes::new();
    for _ in 0..count {
        let name = reader.bytes("a name", MAX_NAME)?;
        // The first one is greater than none: an empty name is not in its place, either.
        if name <= previous {
            return Err(broken("its names are not in order".to_owned()));
        }
        let last_used = LoggedTime(reader.number()?);
        let fingerprint = reader.fingerprint()?;
        let (answer, at) = read_answer(reader)?;
        if last_used > now || at.index > last {
            return Err(broken("a name was used after the last entry".to_owned()));
        }
        if !state.names.restore(&name, last_used, fingerprint, (answer, at)) {
            return Err(broken(format!("entry {} has two names", at.index)));
        }
        previous = name;
    }
    Ok(())
}

fn read_answer<I: Iterator<Item = Bytes>>(reader: &mut Reader<I>) -> Result<(Answer, LogId), ImageError> {
    let at = LogId { term: Term(reader.number()?), index: LogIndex(reader.number()?) };
    let bytes = reader.bytes("an answer", MAX_ANSWER)?;
    let answer = frame::decode::<Answer>("answer", &bytes).map_err(|error| broken(error.to_string()))?;
    Ok((answer, at))
}

fn broken(why: String) -> ImageError {
    ImageError(why)
}

/// Reads across the pieces' ends.
struct Reader<I> {
    pieces: I,
    current: Bytes,
}

impl<I: Iterator<Item = Bytes>> Reader<I> {
    /// Whether there is at least one more byte.
    fn fill(&mut self) -> bool {
        while self.current.is_empty() {
            let Some(piece) = self.pieces.next() else { return false };
            self.current = piece;
        }
        true
    }

    /// The next `count` bytes, which may be a part of a piece: what stays in the state has to be copied.
    fn take(&mut self, count: usize) -> Result<Bytes, ImageError> {
        if count <= self.current.len() {
            return Ok(self.current.split_to(count));
        }
        let mut taken = BytesMut::with_capacity(count);
        while taken.len() < count {
            if !self.fill() {
                return Err(broken("it ends in the middle".to_owned()));
            }
            let part = self.current.split_to(self.current.len().min(count - taken.len()));
            taken.put_slice(&part);
        }
        Ok(taken.freeze())
    }

    fn number(&mut self) -> Result<u64, ImageError> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.take(8)?);
        Ok(u64::from_le_bytes(bytes))
    }

    fn fingerprint(&mut self) -> Result<u128, ImageError> {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.take(16)?);
        Ok(u128::from_le_bytes(bytes))
    }

    fn length(&mut self, what: &str, most: usize) -> Result<usize, ImageError> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.take(4)?);
        let length = u32::from_le_bytes(bytes);
        match usize::try_from(length) {
            Ok(length) if length <= most => Ok(length),
            _ => Err(broken(format!("the length of {what} is {length}, over the limit of {most}"))),
        }
    }

    fn bytes(&mut self, what: &str, most: usize) -> Result<Bytes, ImageError> {
        let length = self.length(what, most)?;
        self.take(length)
    }
}
