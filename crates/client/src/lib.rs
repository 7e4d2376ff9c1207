//! The async client of a raftdeck cluster: it finds the leader from any address, follows hints, and retries until
//! a deadline.
//!
//! [`Client`] reads and writes keys. [`Subscription`] watches one node. [`dial`] opens a connection and shakes
//! hands, for whoever wants to speak the protocol alone; nodes reach each other with it.
//!
//! A write whose answer is lost is sent again, in a session in which it is applied only once (thesis §6.3). When the
//! deadline passes before its fate is known, the caller is told so ([`ClientError::may_have_happened`]). What cannot be
//! repeated without harm, such as a change of the membership, is sent again only after an attempt that certainly
//! changed nothing: the client never hides a doubt behind a retry.

mod address;
mod asking;
mod backoff;
mod client;
mod connection;
mod dial;
mod directory;
mod error;
mod session;
mod subscription;
mod trail;
mod watch;

pub use address::{AddressError, split};
pub use backoff::Backoff;
pub use client::{Client, Done, Options};
pub use dial::{DialError, Dialed, Frames, codec, dial};
pub use error::ClientError;
pub use subscription::Subscription;
pub use watch::{Changes, Watch};
