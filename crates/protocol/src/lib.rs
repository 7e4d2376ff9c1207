//! The wire protocol: every value that crosses a raftdeck socket. Opens no socket.
//!
//! A connection carries frames: a 4-byte big-endian length, then one [`postcard`] value ([`frame`]). The first
//! two frames each way are the handshake ([`handshake`]). After it, a peer's connection carries [`PeerFrame`]s in one
//! direction; a client's carries [`Request`]s and [`Response`]s, and, once it subscribed, telemetry.
//!
//! Enums on the wire only grow at the end; `tests/golden.rs` holds the bytes still.

pub mod address;
mod command;
pub mod founding;
pub mod frame;
pub mod handshake;
pub mod kv;
pub mod peer;
pub mod printable;
pub mod rate;
pub mod request;
pub mod secret;
pub mod shared;
pub mod telemetry;

pub use handshake::{
    Challenge, Confirmation, Hello, HelloReply, Nonce, Ports, Proof, RefusalReason, Role, Standing,
};
pub use kv::{Answer, Change, Consistency, Read, SessionId, Write};
pub use peer::PeerFrame;
pub use rate::{ClockFactor, ClockRate};
pub use request::{DiskPace, Failure, LogLine, Manage, Request, RequestBody, Response, ResponseBody};
pub use secret::{Secret, SecretError};
pub use telemetry::{NodeStatus, Notice, NoticeKind, RefusedPeer, Telemetry};
