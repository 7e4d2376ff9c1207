//! Watching the keys: committed changes as a stream, in the order of the log, from node to node. Keeps no changes of
//! its own: a slow reader lags behind, and gets an error when it lags too far.

use crate::backoff::Backoff;
use crate::client::Client;
use crate::client_port;
use crate::dial::{DialError, Dialed};
use crate::error::ClientError;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{SinkExt, Stream, StreamExt, stream};
use raftdeck_protocol::kv::check_prefix;
use raftdeck_protocol::request::SIGN_OF_LIFE;
use raftdeck_protocol::{Change, Failure, Request, RequestBody, Response, ResponseBody, frame};
use raftdeck_raft::NodeId;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The id of the one request on a watch's connection.
const ID: u64 = 1;

/// The pauses between two rounds of asking every node that is known.
const LEAST_PAUSE: Duration = Duration::from_millis(20);
const MOST_PAUSE: Duration = Duration::from_secs(1);

/// A watched node that knows the leader sends a keep-alive every [`SIGN_OF_LIFE`]; after this many missing ones the
/// watch leaves it.
const SIGNS_MISSED: u32 = 3;

/// One item of a [`Watch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// In the order of their indices; none: the watch has come this far, and lives.
    pub changes: Vec<Change>,
    /// All changes up to this index have been reported: a watch can be resumed from here.
    pub through: u64,
}

/// The committed changes of keys with a prefix, as a [`Stream`]: all of them, once each, in the order of the log.
///
/// The first item says where the watch begins; from then on no change is left out. It ends after its first error.
/// Dropping it closes its connection.
pub struct Watch {
    told: BoxStream<'static, Result<ChangesFrom, ClientError>>,
    node: Option<NodeId>,
}

impl Watch {
    /// Which node told the newest item; `None` before the first one.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        self.node
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Stream for Watch {
    type Item = Result<Changes, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let told = ready!(self.told.poll_next_unpin(context));
        Poll::Ready(told.map(|told| {
            let ChangesFrom { changes, node } = told?;
            self.node = Some(node);
            Ok(changes)
        }))
    }
}

impl Client {
    /// Watches the keys that start with `prefix` (empty: all), from after the entry with index `after`, or from now
    /// on. It switches nodes automatically, with jittered pauses, and resumes where it was: without duplicates and
    /// without gaps. A node that is silent for six seconds is left for another one; a node that knows the leader
    /// sends a keep-alive every two seconds, as an item without changes.
    ///
    /// It ends only with an error that a retry does not cure: [`ClientError::Forgotten`] when no node that can be
    /// reached still keeps the changes after that index, [`ClientError::BeyondLog`] when the log ends before that
    /// index, [`ClientError::Refused`] when all of them refuse the connection,
    /// [`ClientError::NotPermitted`], [`ClientError::Limit`]. While no node can be reached it waits; bound the wait for
    /// its first item where that matters.
    #[must_use]
    pub fn watch(&self, prefix: Bytes, after: Option<u64>) -> Watch {
        self.start_watch(None, prefix, after)
    }

    /// The same, of one node only (`HOST:PORT`, Raft or client address): it ends with its connection.
    #[must_use]
    pub fn watch_at(&self, address: &str, prefix: Bytes, after: Option<u64>) -> Watch {
        self.start_watch(Some(address.to_owned()), prefix, after)
    }

    fn start_watch(&self, only: Option<String>, prefix: Bytes, after: Option<u64>) -> Watch {
        let watcher = Watcher {
            client: self.clone(),
            only,
            prefix,
            through: after,
            line: None,
            last: None,
            pauses: Backoff::new(LEAST_PAUSE, MOST_PAUSE),
        };
        let told = stream::try_unfold(watcher, |mut watcher| async move {
            let told = watcher.next().await?;
            Ok(Some((told, watcher)))
        });
        Watch { told: told.boxed(), node: None }
    }
}

/// An item, and the node that sent it.
struct ChangesFrom {
    changes: Changes,
    node: NodeId,
}

/// Where a watch is.
struct Watcher {
    client: Client,
    /// No other node is asked.
    only: Option<String>,
    prefix: Bytes,
    /// All changes up to this index have been reported; `None`: no node has reported yet where it begins.
    through: Option<u64>,
    line: Option<WatchConnection>,
    /// The node that was watched last, or asked last.
    last: Option<String>,
    pauses: Backoff,
}

/// An open connection on which a node tells changes.
struct WatchConnection {
    dialed: Dialed,
    address: String,
}

/// Why a node does not serve the watch, or no longer does.
enum Silence {
    /// Another one may.
    Broken(String),
    Unreached(DialError),
    Refused(ClientError),
    Forgotten {
        oldest: u64,
    },
    /// No other will, either.
    Ended(ClientError),
}

/// The answers of one round.
#[derive(Default)]
struct WatchRound {
    /// The node that needs to resend the fewest changes.
    forgotten: Option<u64>,
    refused: Option<ClientError>,
    /// Nodes that may do better another time.
    others: usize,
}

impl Watcher {
    async fn next(&mut self) -> Result<ChangesFrom, ClientError> {
        check_prefix(&self.prefix).map_err(ClientError::Limit)?;
        let mut round = WatchRound::default();
        loop {
            let Some(line) = &mut self.line else {
                return self.open(round).await;
            };
            let why = match line.hear(self.through).await {
                Ok(told) => {
                    self.through = Some(told.changes.through);
                    self.pauses.reset();
                    return Ok(told);
                }
                Err(why) => why,
            };
            let address = line.address.clone();
            self.line = None;
            self.judge(&address, why, &mut round)?;
            sleep(self.pauses.pause()).await;
        }
    }

    /// Asks one node after the other, round after round, until one reports changes.
    async fn open(&mut self, mut round: WatchRound) -> Result<ChangesFrom, ClientError> {
        loop {
            for address in self.addresses() {
                let opened = self.open_at(&address).await;
                self.last = Some(address.clone());
                match opened {
                    Ok((line, told)) => {
                        self.through = Some(told.changes.through);
                        self.line = Some(line);
                        return Ok(told);
                    }
                    Err(why) => self.judge(&address, why, &mut round)?,
                }
            }
            if let Some(oldest) = round.forgotten {
                return Err(ClientError::Forgotten { oldest });
            }
            if let (Some(refused), 0) = (round.refused, round.others) {
                return Err(refused);
            }
            round = WatchRound::default();
            sleep(self.pauses.pause()).await;
        }
    }

    /// The nodes to ask, the last one after all others.
    fn addresses(&self) -> Vec<String> {
        if let Some(only) = &self.only {
            return vec![only.clone()];
        }
        let mut addresses = self.client.directory().addresses();
        let last = addresses.iter().position(|address| Some(address) == self.last.as_ref());
        addresses.rotate_left(last.map_or(0, |last| last + 1));
        addresses
    }

    async fn open_at(&self, address: &str) -> Result<(WatchConnection, ChangesFrom), Silence> {
        let dialed = {
            let (hello, access) = self.client.meant_for(address);
            client_port::dial(address, &hello, self.client.patience(), &access).await
        };
        let (mut dialed, _) = dialed.map_err(|error| match ClientError::refused(error) {
            Ok(refused) => Silence::Refused(refused),
            Err(other) => Silence::Unreached(other),
        })?;
        let body = RequestBody::Watch { prefix: self.prefix.clone(), after: self.through };
        let asked = dialed.frames.send(frame::encode(&Request { id: ID, body })).await;
        asked.map_err(|error| Silence::Broken(error.to_string()))?;
        let mut line = WatchConnection { dialed, address: address.to_owned() };
        match line.response().await? {
            ResponseBody::Watching { after } if self.through.is_none_or(|through| through == after) => {
                let told = line.told(Vec::new(), after);
                Ok((line, told))
            }
            _ => Err(misplaced()),
        }
    }

    /// Whether to go on without this node.
    fn judge(&self, address: &str, why: Silence, round: &mut WatchRound) -> Result<(), ClientError> {
        let is_only = self.only.is_some();
        match why {
            Silence::Ended(error) => return Err(error),
            Silence::Forgotten { oldest } => {
                round.forgotten = Some(round.forgotten.map_or(oldest, |least| least.min(oldest)));
            }
            Silence::Refused(refused) => round.refused = Some(refused),
            Silence::Broken(why) if is_only => {
                return Err(ClientError::Broken { address: address.to_owned(), why });
            }
            Silence::Unreached(error) if is_only => {
                return Err(ClientError::unreached(error, self.client.patience()));
            }
            Silence::Broken(why) => {
                tracing::debug!("the watch disconnects from {address}: {why}");
                round.others += 1;
            }
            Silence::Unreached(error) => {
                tracing::debug!("the watch skips {address}: {error}");
                round.others += 1;
            }
        }
        Ok(())
    }
}

impl WatchConnection {
    async fn hear(&mut self, through: Option<u64>) -> Result<ChangesFrom, Silence> {
        let before = through.unwrap_or(0);
        match self.response().await? {
            ResponseBody::Changes { changes, through } => {
                let in_order = changes.is_sorted_by(|a, b| a.index < b.index);
                let begins_after = changes.first().is_none_or(|first| first.index > before);
                let ends_before = changes.last().is_none_or(|last| last.index <= through);
                if !in_order || !begins_after || !ends_before || through < before {
                    return Err(misplaced());
                }
                Ok(self.told(changes, through))
            }
            _ => Err(misplaced()),
        }
    }

    fn told(&self, changes: Vec<Change>, through: u64) -> ChangesFrom {
        ChangesFrom { changes: Changes { changes, through }, node: self.dialed.node }
    }

    /// What the node says next, if it says anything.
    async fn response(&mut self) -> Result<ResponseBody, Silence> {
        let broken = |why: String| Silence::Broken(why);
        let Ok(heard) = timeout(SIGN_OF_LIFE * SIGNS_MISSED, self.dialed.frames.next()).await else {
            return Err(broken("it does not answer".to_owned()));
        };
        let bytes = match heard {
            None => return Err(broken("it closed the connection".to_owned())),
            Some(Err(error)) => return Err(broken(error.to_string())),
            Some(Ok(bytes)) => bytes,
        };
        let response = frame::decode::<Response>("response", &bytes);
        match response.map_err(|error| broken(error.to_string()))?.body {
            ResponseBody::Failed(Failure::Forgotten { oldest }) => Err(Silence::Forgotten { oldest }),
            // The node has asked the leader.
            ResponseBody::Failed(Failure::BeyondLog { newest }) => {
                Err(Silence::Ended(ClientError::BeyondLog { newest }))
            }
            ResponseBody::Failed(Failure::NotPermitted) => Err(Silence::Ended(ClientError::NotPermitted)),
            ResponseBody::Failed(Failure::Limit(limit)) => Err(Silence::Ended(ClientError::Limit(limit))),
            ResponseBody::Failed(failure) => Err(broken(failure.to_string())),
            other => Ok(other),
        }
    }
}

fn misplaced() -> Silence {
    Silence::Broken("the answer does not match the request".to_owned())
}
