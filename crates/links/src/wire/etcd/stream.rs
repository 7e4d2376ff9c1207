//! The two kinds of streams: what their frames mean, as messages that stand alone.
//!
//! On a stream of kind `msgapp` an AppendEntries that goes on where the one before has ended is written without its fields (`rafthttp`,
//! `msgappv2_codec.go`). Here it becomes a whole message again. What is sent on is always a whole message, on either kind of stream.

use super::MAX_MESSAGE;
use super::message::{self, AppendHead, Outline, SIGN_OF_LIFE};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::io;

/// The size of a length.
const LENGTH: usize = size_of::<u64>();

/// What begins a frame of a stream of kind `msgapp`.
mod tag {
    pub(super) const SIGN_OF_LIFE: u8 = 0;
    pub(super) const ENTRIES: u8 = 1;
    pub(super) const MESSAGE: u8 = 2;
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// All messages but the next kind.
    Message,
    /// AppendEntries, in a short form.
    MsgApp,
}

/// Cuts a stream into messages.
#[derive(Debug)]
pub(super) struct StreamReader {
    kind: StreamKind,
    /// Of a stream of kind `msgapp`: what its next frame goes on from.
    head: AppendHead,
    /// The frame that is not all there yet.
    unfinished: Option<Entries>,
}

/// How much of a frame with entries has been looked at.
#[derive(Clone, Copy, Debug)]
struct Entries {
    count: u64,
    /// How many of them are there.
    seen: u64,
    /// Where the next one begins.
    at: usize,
}

impl StreamReader {
    /// What this member sends to that one.
    pub(super) fn new(kind: StreamKind, from: u64, to: u64) -> Self {
        Self { kind, head: AppendHead { from, to, term: 0, index: 0 }, unfinished: None }
    }

    /// Takes the next message from the front. Signs of life are skipped. `None`: it is not all there.
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        match self.kind {
            StreamKind::Message => take_message(buffer),
            StreamKind::MsgApp => self.take_append(buffer),
        }
    }

    fn take_append(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        loop {
            match buffer.first() {
                None => return Ok(None),
                Some(&tag::SIGN_OF_LIFE) => buffer.advance(1),
                Some(&tag::ENTRIES) => return self.take_entries(buffer),
                Some(&tag::MESSAGE) => {
                    let Some(message) = take_long(buffer, 1)? else { return Ok(None) };
                    self.go_on_from(&message)?;
                    return Ok(Some(message));
                }
                Some(other) => {
                    return Err(io::Error::other(format!(
                        "frames of type {other} are unknown in a stream of msgapp"
                    )));
                }
            }
        }
    }

    /// What the next frame leaves out, it has in common with this message.
    fn go_on_from(&mut self, message: &[u8]) -> io::Result<()> {
        let position = Outline::read(message).and_then(|outline| Some((outline.term, outline.last_index()?)));
        let (term, index) =
            position.ok_or_else(|| io::Error::other("a message of the stream cannot be read"))?;
        (self.head.term, self.head.index) = (term, index);
        Ok(())
    }

    fn take_entries(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
        let mut entries = match self.unfinished {
            Some(entries) => entries,
            None => match length_at(buffer, 1)? {
                Some(count) => Entries { count, seen: 0, at: 1 + LENGTH },
                None => return Ok(None),
            },
        };
        while entries.seen < entries.count
            && let Some(length) = length_at(buffer, entries.at)?
            && let Some(end) =
                entries.at.checked_add(LENGTH + usize::try_from(length).map_err(io::Error::other)?)
        {
            if end > MAX_MESSAGE {
                return Err(too_long(end as u64));
            }
            if end > buffer.len() {
                break;
            }
            entries = Entries { seen: entries.seen + 1, at: end, ..entries };
        }
        let is_whole = entries.seen == entries.count;
        let (true, Some(commit)) = (is_whole, number_at(buffer, entries.at)) else {
            self.unfinished = Some(entries);
            return Ok(None);
        };
        self.unfinished = None;
        let frame = buffer.split_to(entries.at + LENGTH);
        let message =
            message::append(&self.head, entries_of(&frame[1 + LENGTH..entries.at]), commit, frame.len() + 64);
        self.head.index = self.head.index.saturating_add(entries.count);
        Ok(Some(message))
    }
}

/// The entries in a frame, each of which has its length before it.
fn entries_of(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = bytes.split_first_chunk::<LENGTH>()?;
        let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
        let (entry, rest) = rest.split_at_checked(length)?;
        bytes = rest;
        Some(entry)
    })
}

fn take_message(buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
    while let Some(message) = take_long(buffer, 0)? {
        if !Outline::read(&message).is_some_and(|outline| outline.is_sign_of_life()) {
            return Ok(Some(message));
        }
    }
    Ok(None)
}

/// Takes a message that has its length before it, and before that this many bytes.
pub(super) fn take_long(buffer: &mut BytesMut, before: usize) -> io::Result<Option<Bytes>> {
    let Some(length) = length_at(buffer, before)? else { return Ok(None) };
    let (start, length) = (before + LENGTH, usize::try_from(length).map_err(io::Error::other)?);
    if buffer.len() < start + length {
        return Ok(None);
    }
    buffer.advance(start);
    Ok(Some(buffer.split_to(length).freeze()))
}

fn number_at(buffer: &[u8], at: usize) -> Option<u64> {
    buffer.get(at..)?.first_chunk::<LENGTH>().map(|number| u64::from_be_bytes(*number))
}

/// The same, if it may be the length of a message, or a number of entries, which have lengths of their own.
fn length_at(buffer: &[u8], at: usize) -> io::Result<Option<u64>> {
    match number_at(buffer, at) {
        Some(length) if length > MAX_MESSAGE as u64 => Err(too_long(length)),
        length => Ok(length),
    }
}

fn too_long(length: u64) -> io::Error {
    io::Error::other(format!("a message of {length} bytes is longer than {MAX_MESSAGE} bytes"))
}

/// The size of what [`put`] writes.
pub(super) fn size(kind: StreamKind, message: &[u8]) -> usize {
    match (kind, message.is_empty()) {
        (StreamKind::Message, true) => LENGTH + SIGN_OF_LIFE.len(),
        (StreamKind::Message, false) => LENGTH + message.len(),
        (StreamKind::MsgApp, true) => 1,
        (StreamKind::MsgApp, false) => 1 + LENGTH + message.len(),
    }
}

/// Writes a message to a stream; an empty one is a sign of life.
pub(super) fn put(kind: StreamKind, message: &[u8], buffer: &mut BytesMut) {
    match (kind, message.is_empty()) {
        (StreamKind::Message, true) => put_long(&SIGN_OF_LIFE, buffer),
        (StreamKind::Message, false) => put_long(message, buffer),
        (StreamKind::MsgApp, true) => buffer.put_u8(tag::SIGN_OF_LIFE),
        (StreamKind::MsgApp, false) => {
            buffer.put_u8(tag::MESSAGE);
            put_long(message, buffer);
        }
    }
}

/// Writes a message with its length before it.
pub(super) fn put_long(message: &[u8], buffer: &mut BytesMut) {
    buffer.put_u64(message.len() as u64);
    buffer.put_slice(message);
}
