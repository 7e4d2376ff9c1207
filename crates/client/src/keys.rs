//! The convenience methods for keys and values: short forms of [`Client::write`] and [`Client::read`] with the
//! default deadline.

use crate::asking::{NOT_THE_ANSWER, broken};
use crate::client::Client;
use crate::error::ClientError;
use bytes::Bytes;
use futures::stream::{BoxStream, Stream, TryStreamExt, try_unfold};
use raftdeck_protocol::kv::MAX_LIST;
use raftdeck_protocol::{Answer, Read, Write};
use raftdeck_raft::NodeId;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The outcome of a [`Client::compare_and_set`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareAndSet {
    /// The value was as expected, and is the new one now.
    Stored,
    /// It was another one, and still is.
    Mismatch {
        /// The value; `None`: there is no such key.
        current: Option<Bytes>,
    },
}

impl CompareAndSet {
    /// Whether the new value was stored.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        matches!(self, Self::Stored)
    }
}

/// Short forms of reads and writes. Keys and values are bytes: a `&'static str`, a `String`, a `Vec<u8>` or [`Bytes`]
/// will do. Each has [`Options::deadline`](crate::Options::deadline); reads are linearizable. For another deadline,
/// another consistency, or the answering node and index, use [`write`](Self::write) and
/// [`read_with`](Self::read_with).
impl Client {
    /// The value of a key; `None`: there is no such key.
    pub async fn get(&self, key: impl Into<Bytes>) -> Result<Option<Bytes>, ClientError> {
        let done = self.read(Read::Get { key: key.into() }, self.deadline()).await?;
        match done.answer {
            Answer::Value(value) => Ok(value),
            _ => Err(mixed_up(done.node)),
        }
    }

    /// Stores a value, whether or not there was one before. An error says whether it may have happened.
    pub async fn put(&self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<(), ClientError> {
        let write = Write::Put { key: key.into(), value: value.into() };
        let done = self.write(write, self.deadline()).await?;
        match done.answer {
            Answer::Stored => Ok(()),
            _ => Err(unknown(done.node)),
        }
    }

    /// Removes a key; gives whether there was one. An error says whether it may have happened.
    pub async fn delete(&self, key: impl Into<Bytes>) -> Result<bool, ClientError> {
        let done = self.write(Write::Delete { key: key.into() }, self.deadline()).await?;
        match done.answer {
            Answer::Deleted { existed } => Ok(existed),
            _ => Err(unknown(done.node)),
        }
    }

    /// Stores a value if the present one is `expected`; `None`: if there is no such key. Both in one atomic step. An
    /// error says whether it may have happened.
    ///
    /// ```no_run
    /// # async fn example(client: raftdeck_client::Client) -> Result<(), raftdeck_client::ClientError> {
    /// use raftdeck_client::CompareAndSet;
    ///
    /// // Counts up, even if other clients do so at the same time.
    /// let mut seen = client.get("counter").await?;
    /// loop {
    ///     let count: u64 = seen.as_deref().and_then(|value| str::from_utf8(value).ok()?.parse().ok()).unwrap_or(0);
    ///     match client.compare_and_set("counter", seen, (count + 1).to_string()).await? {
    ///         CompareAndSet::Stored => break,
    ///         CompareAndSet::Mismatch { current } => seen = current,
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn compare_and_set(
        &self,
        key: impl Into<Bytes>,
        expected: Option<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<CompareAndSet, ClientError> {
        let write = Write::CompareAndSet { key: key.into(), expected, value: value.into() };
        let done = self.write(write, self.deadline()).await?;
        match done.answer {
            Answer::Stored => Ok(CompareAndSet::Stored),
            Answer::Mismatch { current } => Ok(CompareAndSet::Mismatch { current }),
            _ => Err(unknown(done.node)),
        }
    }

    /// All keys that start with a prefix, and their values, in the order of the keys; an empty prefix gives all there are.
    ///
    /// A page is asked for when the one before it was taken, and each has the default deadline. Each page is linearizable, the
    /// whole is not: a key that is written behind the page that was asked for last will be there, one that is written
    /// before it will not. After an error the stream ends; dropping it ends it too.
    #[must_use]
    pub fn list(&self, prefix: impl Into<Bytes>) -> List {
        let (client, prefix) = (self.clone(), prefix.into());
        let pages = try_unfold(Some(None), move |after: Option<Option<Bytes>>| {
            let (client, prefix) = (client.clone(), prefix.clone());
            async move {
                let Some(after) = after else { return Ok(None) };
                let read = Read::List { prefix, after, limit: MAX_LIST };
                let done = client.read(read, client.deadline()).await?;
                let Answer::Page { pairs, more } = done.answer else {
                    return Err(mixed_up(done.node));
                };
                // A page that says that there is more and brings nothing would never end.
                let last = pairs.last().filter(|_| more).map(|(key, _)| Some(key.clone()));
                Ok(Some((futures::stream::iter(pairs.into_iter().map(Ok)), last)))
            }
        });
        List { pairs: Box::pin(pages.try_flatten()) }
    }
}

/// A read was answered with something else.
fn mixed_up(node: NodeId) -> ClientError {
    broken(&node.to_string(), NOT_THE_ANSWER)
}

/// So was a write, and its outcome is unknown.
fn unknown(node: NodeId) -> ClientError {
    ClientError::Unknown { why: format!("{node}: {NOT_THE_ANSWER}") }
}

/// Keys and values, page by page: see [`Client::list`]. A [`Stream`]; `futures::TryStreamExt` has what to do with one.
pub struct List {
    pairs: BoxStream<'static, Result<(Bytes, Bytes), ClientError>>,
}

impl Stream for List {
    type Item = Result<(Bytes, Bytes), ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pairs.as_mut().poll_next(context)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").finish_non_exhaustive()
    }
}
