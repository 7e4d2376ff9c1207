//! What a frame's body says: records one after the other, in postcard's encoding. Entries, which are nearly all there is,
//! are encoded and decoded by hand, as that takes a fraction of the time; a test holds both encodings together.

use crate::unidentified::Unidentified;
use bytes::Bytes;
use raftdeck_raft::{Entry, HardState, LogId, LogIndex, Membership, Payload, Persist, Term};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// One step of a write. Variants are only ever added at the end.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum LogRecord {
    Truncate(LogIndex),
    Append(Entry),
    HardState(HardState),
    Reset(LogId),
    Purge(LogId),
}

/// A [`LogRecord`] to be written, but for an entry, which encodes as that does.
#[derive(Serialize)]
enum RecordRef {
    Truncate(LogIndex),
    #[expect(dead_code, reason = "it holds the place of the entries, which are encoded by hand")]
    Append,
    HardState(HardState),
    Reset(LogId),
    Purge(LogId),
}

/// The number of [`LogRecord::Append`].
const APPEND: u8 = 1;

// The numbers of the payloads.
const NOOP: u8 = 0;
const COMMAND: u8 = 1;
/// Up to version 3: without identities.
const UNIDENTIFIED: u8 = 2;
const MEMBERSHIP: u8 = 3;

/// The bytes of a cluster's identity or a data directory's.
const ID: usize = 16;

/// The most bytes of an encoded number.
const NUMBER: usize = 10;

/// No fewer bytes than a write's records take. A variant takes one.
pub(crate) fn most_bytes(write: &Persist) -> usize {
    const HARD_STATE: usize = 1 + NUMBER + 1 + NUMBER;
    const TRUNCATE: usize = 1 + NUMBER;
    const RESET_AND_PURGE: usize = 2 * (1 + 2 * NUMBER);
    const ENTRY_WITHOUT_PAYLOAD: usize = 1 + 2 * NUMBER + 1;
    let entries =
        write.entries.iter().map(|entry| ENTRY_WITHOUT_PAYLOAD + most_payload_bytes(&entry.payload));
    HARD_STATE + TRUNCATE + RESET_AND_PURGE + entries.sum::<usize>()
}

fn most_payload_bytes(payload: &Payload) -> usize {
    match payload {
        Payload::Noop => 0,
        Payload::Command(bytes) => NUMBER + bytes.len(),
        Payload::Membership(membership) => {
            let Membership { voters, outgoing, learners, addresses, cluster: _, incarnations } =
                &**membership;
            let members = voters.len() + outgoing.len() + learners.len();
            let numbers = 6 + members + 2 * addresses.len() + incarnations.len();
            let ids = 1 + incarnations.len();
            NUMBER * numbers + ID * ids + addresses.values().map(String::len).sum::<usize>()
        }
    }
}

/// Adds a write's records, in the order in which they are carried out.
pub(crate) fn encode_write(write: &Persist, into: &mut Vec<u8>) {
    if let Some(id) = write.reset {
        encode(&RecordRef::Reset(id), into);
    }
    if let Some(from) = write.truncate {
        encode(&RecordRef::Truncate(from), into);
    }
    if let Some(id) = write.purge {
        encode(&RecordRef::Purge(id), into);
    }
    for entry in &write.entries {
        encode_entry(entry, into);
    }
    if let Some(hard_state) = write.hard_state {
        encode(&RecordRef::HardState(hard_state), into);
    }
}

fn encode_entry(entry: &Entry, into: &mut Vec<u8>) {
    into.push(APPEND);
    encode_number(entry.id.term.0, into);
    encode_number(entry.id.index.0, into);
    match &entry.payload {
        Payload::Noop => into.push(NOOP),
        Payload::Command(bytes) => {
            into.push(COMMAND);
            encode_number(bytes.len() as u64, into);
            into.extend_from_slice(bytes);
        }
        Payload::Membership(membership) => {
            into.push(MEMBERSHIP);
            encode(membership, into);
        }
    }
}

/// Seven bits a byte, the lowest first; all but the last byte have the eighth bit.
fn encode_number(mut number: u64, into: &mut Vec<u8>) {
    while number >= 0x80 {
        into.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    into.push(number.to_le_bytes()[0]);
}

/// Takes the records out of a frame's body one after the other; `None` in the place of one that is none.
pub(crate) fn records(mut body: &[u8]) -> impl Iterator<Item = Option<LogRecord>> {
    std::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let (record, rest) = take_record(body).map_or((None, &[][..]), |(record, rest)| (Some(record), rest));
        body = rest;
        Some(record)
    })
}

fn take_record(body: &[u8]) -> Option<(LogRecord, &[u8])> {
    match body.split_first() {
        Some((&APPEND, rest)) => {
            let (entry, rest) = take_entry(rest)?;
            Some((LogRecord::Append(entry), rest))
        }
        _ => postcard::take_from_bytes(body).ok(),
    }
}

fn take_entry(bytes: &[u8]) -> Option<(Entry, &[u8])> {
    let (term, bytes) = take_number(bytes)?;
    let (index, bytes) = take_number(bytes)?;
    let (kind, bytes) = bytes.split_first()?;
    let (payload, rest) = match *kind {
        NOOP => (Payload::Noop, bytes),
        COMMAND => {
            let (length, bytes) = take_number(bytes)?;
            let (command, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
            (Payload::Command(Bytes::copy_from_slice(command)), rest)
        }
        UNIDENTIFIED => {
            let (membership, rest) = postcard::take_from_bytes::<Unidentified>(bytes).ok()?;
            (Payload::Membership(Box::new(membership.into())), rest)
        }
        MEMBERSHIP => {
            let (membership, rest) = postcard::take_from_bytes(bytes).ok()?;
            (Payload::Membership(membership), rest)
        }
        _ => return None,
    };
    Some((Entry { id: LogId { term: Term(term), index: LogIndex(index) }, payload }, rest))
}

fn take_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (place, byte) in bytes.iter().enumerate().take(NUMBER) {
        let part = u64::from(byte & 0x7f);
        let shift = 7 * u32::try_from(place).ok()?;
        // The tenth byte has room for one bit.
        if shift == 63 && part > 1 {
            return None;
        }
        number |= part << shift;
        if byte & 0x80 == 0 {
            return Some((number, &bytes[place + 1..]));
        }
    }
    None
}

pub(crate) fn encode<T: Serialize>(value: &T, into: &mut Vec<u8>) {
    postcard::to_io(value, into).expect("a vector takes every byte, and these types have an encoding");
}

/// A value that takes all of the bytes.
pub(crate) fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}
