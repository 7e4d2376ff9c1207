//! The async client of a raftdeck cluster: it finds the leader from any address, follows hints, and retries until
//! a deadline.
//!
//! [`Client`] reads and writes keys. [`Subscription`] watches one node. [`dial`] opens a connection and shakes
//! hands, for whoever wants to speak the protocol alone; nodes reach each other with it.
//!
//! A write is sent again only when it is certain that the attempt before it changed nothing. When that cannot be
//! known the caller is told so ([`ClientError::may_have_happened`]): the client never hides a doubt behind a retry.

mod address;
mod backoff;
mod client;
mod connection;
mod dial;
mod directory;
mod error;
mod subscription;
mod trail;

pub use address::{AddressError, split};
pub use backoff::Backoff;
pub use client::{Client, Done, Options};
pub use dial::{DialError, Dialed, Frames, codec, dial};
pub use error::ClientError;
pub use subscription::Subscription;
