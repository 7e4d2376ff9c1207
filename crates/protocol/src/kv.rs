//! The key-value operations and their limits.

use crate::printable::is_unsafe;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The longest key, in bytes. A key has at least one byte.
pub const MAX_KEY: usize = 4 << 10;

/// The longest value, in bytes.
pub const MAX_VALUE: usize = 1 << 20;

/// The maximum number of pairs that one [`Read::List`] returns, and the default.
pub const MAX_LIST: u32 = 1000;

/// A client's session: the index of the log entry that opened it (thesis §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId(pub u64);

/// A leader's wall clock when it appended a command, in microseconds since the Unix epoch. Only from the log do
/// members know the time, so that all of them let the same sessions expire at the same entry (thesis §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LoggedTime(pub u64);

/// A session that was not used for this long, by the times in the log, expires.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(1);

/// The maximum number of sessions; beyond it the least recently used one expires.
pub const MAX_SESSIONS: usize = 10_000;

/// The most writes of one session whose answers are kept; a client has no more of them under way.
pub const MAX_SESSION_WRITES: usize = 1024;

/// The maximum number of named writes that are kept; beyond it the least recently used one is dropped.
pub const MAX_NAMES: usize = 100_000;

/// The longest name of a [`NamedWrite`], in bytes. A name has at least one byte.
pub const MAX_NAME: usize = 256;

/// What a log entry carries for the state machine. Keys and values are `B`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandOf<B> {
    /// When the leader appended it.
    pub at: LoggedTime,
    /// What to do.
    pub action: ActionOf<B>,
}

/// A command that owns its keys and values.
pub type Command = CommandOf<Bytes>;

/// What a [`Command`] does. Stored in the log: variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ActionOf<B> {
    /// A write outside any session: not idempotent.
    Write(WriteOf<B>),
    /// Open a session.
    OpenSession,
    /// A write within a session: applied once, however often it is sent.
    SessionWrite(SessionWriteOf<B>),
    /// A write that its client has given a name: applied once, however often it is sent and through any node.
    NamedWrite(NamedWriteOf<B>),
}

/// An action that owns its keys and values.
pub type Action = ActionOf<Bytes>;

/// An idempotent write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionWriteOf<B> {
    /// The node.
    pub session: SessionId,
    /// Which of its writes; the first is 1.
    pub sequence: u64,
    /// The client has the answers to all writes up to this number and will not repeat them.
    pub acknowledged: u64,
    /// What to change.
    pub write: WriteOf<B>,
}

/// A session's write that owns its keys and values.
pub type SessionWrite = SessionWriteOf<Bytes>;

/// A write with a name, for clients that keep no session: a session of one write, opened by its name. Its answer is kept
/// for [`SESSION_LIFETIME`] after the last time that it was asked for, longer where little is written, but no more than those
/// of the newest [`MAX_NAMES`], and 64 MiB of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedWriteOf<B> {
    /// Chosen by the client and used for no other write; 1 to [`MAX_NAME`] bytes.
    pub name: B,
    /// What to change.
    pub write: WriteOf<B>,
}

/// A named write that owns its name, key and value.
pub type NamedWrite = NamedWriteOf<Bytes>;

impl<B: AsRef<[u8]>> NamedWriteOf<B> {
    /// Checks the limits on the name, the key and the values.
    pub fn check(&self) -> Result<(), LimitError> {
        match self.name.as_ref().len() {
            1..=MAX_NAME => self.write.check(),
            len => Err(LimitError::Name { len }),
        }
    }
}

/// A committed change of one key. An entry of the log makes one or none, so its index names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The entry that made it.
    pub index: u64,
    /// The key.
    pub key: Bytes,
    /// The value that it has from here on; `None`: the key no longer exists.
    pub value: Option<Bytes>,
}

/// The consistency of a read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Consistency {
    /// It includes everything that was acknowledged before the read began (ReadIndex, thesis §6.4).
    #[default]
    Linearizable,
    /// The same, as long as the members' clocks run at about the same rate; costs no message (thesis §6.4.1).
    Lease,
    /// Whatever the asked node has, which may be old.
    Stale,
}

/// A change. Stored in the log: variants are only ever added at the end. Keys and values are `B`: [`Bytes`] where they are
/// kept, `&[u8]` where a command is only looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteOf<B> {
    /// Store a value under a key.
    Put {
        /// The key.
        key: B,
        /// The value.
        value: B,
    },
    /// Remove a key.
    Delete {
        /// The key.
        key: B,
    },
    /// Store a value if the current one is as expected.
    CompareAndSet {
        /// The key.
        key: B,
        /// The value it must have; `None`: the key must not exist.
        expected: Option<B>,
        /// The value to store.
        value: B,
    },
}

/// A change that owns its keys and values.
pub type Write = WriteOf<Bytes>;

impl<B: AsRef<[u8]>> WriteOf<B> {
    /// The key it changes.
    #[must_use]
    pub fn key(&self) -> &B {
        match self {
            Self::Put { key, .. } | Self::Delete { key } | Self::CompareAndSet { key, .. } => key,
        }
    }

    /// Checks the limits on keys and values.
    pub fn check(&self) -> Result<(), LimitError> {
        check_key(self.key().as_ref())?;
        match self {
            Self::Put { value, .. } => check_value(value.as_ref()),
            Self::Delete { .. } => Ok(()),
            Self::CompareAndSet { expected, value, .. } => {
                expected.as_ref().map_or(Ok(()), |e| check_value(e.as_ref()))?;
                check_value(value.as_ref())
            }
        }
    }
}

/// `put color blue`, as a person would type it; bytes that are not UTF-8 are shown escaped, long values are cut.
impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { key, value } => write!(f, "put {} {}", Printed(key), Printed(value)),
            Self::Delete { key } => write!(f, "delete {}", Printed(key)),
            Self::CompareAndSet { key, expected: Some(expected), value } => {
                write!(f, "cas {} {} {}", Printed(key), Printed(expected), Printed(value))
            }
            Self::CompareAndSet { key, expected: None, value } => {
                write!(f, "create {} {}", Printed(key), Printed(value))
            }
        }
    }
}

/// A question to the state machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Read {
    /// The value of a key.
    Get {
        /// The key.
        key: Bytes,
    },
    /// The pairs whose key starts with a prefix, in the order of their keys' bytes.
    List {
        /// The prefix; empty for all.
        prefix: Bytes,
        /// Only keys greater than this one, to continue after an earlier page.
        after: Option<Bytes>,
        /// At most this many pairs, at most [`MAX_LIST`].
        limit: u32,
    },
}

impl Read {
    /// Checks the limits on keys.
    pub fn check(&self) -> Result<(), LimitError> {
        match self {
            Self::Get { key } => check_key(key),
            Self::List { prefix, after, limit } => {
                check_prefix(prefix)?;
                after.as_ref().map_or(Ok(()), |after| check_prefix(after))?;
                if *limit == 0 || *limit > MAX_LIST {
                    return Err(LimitError::ListLimit { limit: *limit });
                }
                Ok(())
            }
        }
    }
}

/// The outcome of a [`Write`] or a [`Read`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The value is stored (put, or a compare-and-set that matched).
    Stored,
    /// The key is gone.
    Deleted {
        /// Whether it existed.
        existed: bool,
    },
    /// The compare-and-set did not match; nothing changed.
    Mismatch {
        /// The value the key has.
        current: Option<Bytes>,
    },
    /// The value of the key, if it exists.
    Value(Option<Bytes>),
    /// Pairs in the order of their keys.
    Page {
        /// Key and value.
        pairs: Vec<(Bytes, Bytes)>,
        /// Whether there are more after the last.
        more: bool,
    },
    /// The session is open.
    SessionOpened(SessionId),
}

/// A key, value or limit out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum LimitError {
    /// Keys have at least one byte.
    #[error("the key is empty: a key has at least one byte")]
    EmptyKey,
    /// Over [`MAX_KEY`].
    #[error("the key has {len} bytes, over the limit of {MAX_KEY}")]
    KeyTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Over [`MAX_VALUE`].
    #[error("the value has {len} bytes, over the limit of {MAX_VALUE}")]
    ValueTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not within 1 to [`MAX_LIST`].
    #[error("a list limit of {limit} is not allowed: it is 1 to {MAX_LIST}")]
    ListLimit {
        /// As given.
        limit: u32,
    },
    /// Not within 1 to [`MAX_NAME`].
    #[error("the name of a write has {len} bytes: it has 1 to {MAX_NAME}")]
    Name {
        /// Its length in bytes.
        len: usize,
    },
}

fn check_key(key: &[u8]) -> Result<(), LimitError> {
    match key.len() {
        0 => Err(LimitError::EmptyKey),
        len if len > MAX_KEY => Err(LimitError::KeyTooLong { len }),
        _ => Ok(()),
    }
}

/// Checks the limit on the beginning of keys, which may be empty.
pub fn check_prefix(prefix: &[u8]) -> Result<(), LimitError> {
    if prefix.len() > MAX_KEY {
        return Err(LimitError::KeyTooLong { len: prefix.len() });
    }
    Ok(())
}

fn check_value(value: &[u8]) -> Result<(), LimitError> {
    if value.len() > MAX_VALUE {
        return Err(LimitError::ValueTooLong { len: value.len() });
    }
    Ok(())
}

/// Bytes as text: valid UTF-8 without control characters as it is, the rest as `\xNN`.
#[derive(Clone, Copy, Debug)]
pub struct Printed<'a>(pub &'a [u8]);

impl Printed<'_> {
    /// The most characters shown; what is longer ends in `…`.
    const MAX: usize = 64;
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let mut left = Self::MAX;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if left == 0 {
                    return f.write_char('…');
                }
                left -= 1;
                if is_unsafe(c) {
                    write!(f, "{}", c.escape_default())?;
                } else {
                    f.write_char(c)?;
                }
            }
            for byte in chunk.invalid() {
                if left == 0 {
                    return f.write_char('…');
                }
                left -= 1;
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}
