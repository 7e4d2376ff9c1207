//! The async client of a raftdeck cluster: it finds the leader from any address, follows hints, and retries until
//! a deadline.
//!
//! [`Client`] reads and writes keys. [`Watch`] tells what changes. [`Subscription`] watches one node's state.
//! [`dial`] opens a connection and shakes hands, for programs that use the protocol directly; nodes connect to each
//! other with it.
//!
//! # First steps
//!
//! Three nodes run on this machine (`raftdeck up --base-port 8080` starts some):
//!
//! ```no_run
//! use futures::TryStreamExt;
//! use raftdeck_client::{Client, Options};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let addresses = ["127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:8082"];
//! let client = Client::connect(&addresses, Options::default()).await?;
//!
//! client.put("color", "blue").await?;
//! assert_eq!(client.get("color").await?.as_deref(), Some(&b"blue"[..]));
//!
//! let mut pairs = client.list("co");
//! while let Some((key, value)) = pairs.try_next().await? {
//!     println!("{key:?} is {value:?}");
//! }
//! client.delete("color").await?;
//! # Ok(())
//! # }
//! ```
//!
//! One address is enough if that node runs when the client starts; give more if it may not. Any of a node's addresses
//! will do, be it for peers, clients or HTTP: the peer and HTTP ports report where the client port is. [`Client::connect`]
//! also learns where the other members are, so that the client continues when the named node is gone. [`Client::members`]
//! does so again, and returns their addresses. A client needs a tokio runtime with time and I/O, of either flavour.
//! `examples/embed_client.rs` goes further, and the example of `raftdeck_node` starts a cluster to talk to.
//!
//! # Writes that fail
//!
//! A write whose answer is lost is sent again, in a session in which it is applied only once (thesis §6.3). When the
//! deadline passes before its outcome is known, the error says so. Requests that are not idempotent, such as a
//! membership change, are retried only after an attempt that certainly changed nothing: the client never hides a
//! doubt behind a retry. [`ClientError::may_have_happened`] is the one question to ask:
//!
//! | error | may have happened | what it is, and what helps |
//! | --- | --- | --- |
//! | [`NoLeader`](ClientError::NoLeader) | no | nodes answered, none led until the deadline: try again later |
//! | [`Unreachable`](ClientError::Unreachable) | no | no connection was made: the message has the error of each
//! address |
//! | [`Refused`](ClientError::Refused) | no | every node refused this client, as for a wrong cluster: do not retry |
//! | [`Untrusted`](ClientError::Untrusted) | no | authentication failed, or one of the sides does not use TLS: do not
//! retry |
//! | [`Busy`](ClientError::Busy) | no | overloaded until the deadline: try again, slower |
//! | [`DiskStalled`](ClientError::DiskStalled) | no | the leader's disk finished no write until the deadline: look at that node |
//! | [`Limit`](ClientError::Limit) | no | a key or a value is too long or empty: do not retry |
//! | [`Rejected`](ClientError::Rejected) | no | a node rejected the request |
//! | [`TimedOut`](ClientError::TimedOut) | no: a read | it was asked and not answered: try again |
//! | [`Broken`](ClientError::Broken) | no: a read, or asked of one node alone | the connection ended, or the answer made no sense |
//! | [`Unknown`](ClientError::Unknown) | **yes**, or may later | a write was sent, and its outcome is unknown: read
//! the key |
//! | [`MembershipUnknown`](ClientError::MembershipUnknown) | **yes**, or may later | the same for a membership
//! change: look at the members |
//! | [`TransferUnknown`](ClientError::TransferUnknown) | **yes**, or may later | the same for a transfer: look at the
//! leader |
//! | [`NameInUse`](ClientError::NameInUse) | no | the name was another write's: choose a new one for each |
//! | [`NotPermitted`](ClientError::NotPermitted) | no | the token does not permit it |
//! | [`Forgotten`](ClientError::Forgotten) | no: a watch | the changes are no longer kept: list, and watch from there
//! |
//! | [`BeyondLog`](ClientError::BeyondLog) | no: a watch | the log ends before that index: list, and watch from there |
//! | [`NotCaughtUp`](ClientError::NotCaughtUp) | no: a stale read | the node has just started: try again, or ask another one |
//! | [`Change`](ClientError::Change), [`Transfer`](ClientError::Transfer) | no | it is not possible now: the reason
//! says when it is |
//! | [`TransferGivenUp`](ClientError::TransferGivenUp) | no | the other node did not catch up in time: try again |
//!
//! ```no_run
//! # async fn example(client: raftdeck_client::Client) {
//! match client.put("order/17", "paid").await {
//!     Ok(()) => {}
//!     Err(error) if error.may_have_happened() => eprintln!("look whether order 17 is paid: {error}"),
//!     Err(error) => eprintln!("order 17 is not paid: {error}"),
//! }
//! # }
//! ```
//!
//! # Sessions
//!
//! A client opens one session, at its first write, and all its clones share it. The cluster keeps a session's answers
//! until the client acknowledges them, and the session itself until it is unused for a long time or there are too
//! many newer ones. An expired session is replaced silently, unless a write was in doubt in it: then the error is
//! [`ClientError::Unknown`].
//!
//! A program that must repeat a write after its own restart has lost its session: it gives the write a name
//! ([`Client::write_named`]), under which it is applied once, however often and by whichever client it is sent.
//!
//! # Watching
//!
//! [`Client::watch`] is a stream of the committed changes of all keys with a prefix, in the order of the log. It
//! switches nodes automatically, without gaps and without duplicates. Each item says how far it goes; another watch can
//! resume there, also in another process:
//!
//! ```no_run
//! # async fn example(client: raftdeck_client::Client) -> Result<(), raftdeck_client::ClientError> {
//! use futures::TryStreamExt;
//!
//! let mut watch = client.watch("user/".into(), None);
//! while let Some(told) = watch.try_next().await? {
//!     for change in told.changes {
//!         println!("{:?} is {:?} from entry {} on", change.key, change.value, change.index);
//!     }
//!     // Kept somewhere, this is the `after` of the next watch.
//!     let _resume_after = Some(told.through);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Deadlines and cancellation
//!
//! Each operation has one deadline for everything: finding the leader, connecting, asking, asking again. The short
//! forms ([`Client::get`] and its like) take it from [`Options::deadline`]; the others are given one. A node that is
//! silent for [`Options::patience`] is skipped long before the deadline; one that is alive but slow is waited for.
//!
//! Dropping a future cancels it. A write that was not sent yet never will be; one that was sent may happen, and is
//! never sent again. The connection stays open, and other operations on it, of clones too, continue. A membership
//! change or a transfer continues at the leader.
//!
//! # Connections
//!
//! There is at most one connection to each address, shared by all clones and all operations under way; it is opened when it
//! is first needed and again when it broke, and closes with the last clone. Requests that are made at the same time travel
//! together. [`Client::manage`], [`Watch`] and [`Subscription`] have connections of their own.
//!
//! When a round of asking every node brought nothing, the next one comes after a pause that grows from 10 to 100 ms and is partly random
//! ([`Backoff`]), so that many clients do not come back at the same moment.

/// The README's example is compiled with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod access;
mod address;
mod asking;
mod backoff;
mod client;
mod client_port;
mod connection;
mod dial;
mod directory;
mod error;
mod keys;
mod local_user;
mod proof;
mod replace;
mod session;
mod subscription;
mod tls;
mod trail;
mod transport;
mod watch;

pub use access::{Access, AccessError, AccessFiles, TOKEN_VARIABLE, TokenError, exposed, token};
pub use address::{AddressError, split};
pub use backoff::Backoff;
pub use bytes::Bytes;
pub use client::{Changed, Client, Completed, Leader, Options, Transferred};
pub use dial::{DialError, Dialed, Frames, codec, dial};
pub use error::{ClientError, ConnectError};
pub use keys::{CompareAndSet, List};
pub use local_user::LocalUsers;
pub use proof::{nonce, prove};
pub use raftdeck_protocol::kv::{MAX_KEY, MAX_LIST, MAX_VALUE};
pub use raftdeck_protocol::{Answer, Change, Consistency, NodeStatus, Read, Secret, Write};
pub use raftdeck_raft::{LogId, LogIndex, Membership, MembershipChange, NodeId, Term};
pub use replace::ReplaceStep;
pub use subscription::Subscription;
pub use tls::{Tls, TlsError, TlsFiles, tls_failure};
pub use transport::{Transport, prepare};
pub use watch::{Changes, Watch};
