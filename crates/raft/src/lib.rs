//! The Raft consensus core.
//!
//! This crate opens no socket and no file, reads no clock, starts no thread and knows no source of randomness
//! but the seed it is given: the same calls with the same arguments give the same effects, bit for bit. What it
//! decides leaves it as values ([`Effects`]) that a driver carries out; what happens outside comes in as method
//! calls that carry the current [`Timestamp`].
//!
//! The central type is [`Raft`]. References are to Ongaro and Ousterhout, "In Search of an Understandable
//! Consensus Algorithm (Extended Version)" (*paper*) and Ongaro, "Consensus: Bridging Theory and Practice"
//! (*thesis*).

mod config;
mod effect;
mod identity;
mod log;
mod membership;
mod memberships;
mod message;
pub mod mutants;
mod progress;
mod quorum;
mod raft;
mod sending;
mod status;
mod trace;
mod types;

pub use config::{Config, ConfigError, Timing, Tuning};
pub use effect::{Effects, EntriesToRead, Persist, PieceReceived, PieceToSend, ReadReady, Ticket};
pub use identity::{Boot, ClusterId, Incarnation, Sender, Standing};
pub use log::TermRun;
pub use membership::{ChangeError, Membership, MembershipChange};
pub use message::{
    AppendEntries, AppendOutcome, AppendReply, ConflictHint, DiskStalled, Envelope, InstallSnapshot, Message,
    SnapshotRefusal, SnapshotReply, TimeoutNow, VoteReply, VoteRequest,
};
pub use progress::ReplicationState;
pub use raft::{FoundError, ProposeError, Raft, ReadError, ReadMode, RestoreError, Restored, TransferError};
pub use status::{PeerStatus, Status};
pub use trace::{Role, StepDownReason, TraceEvent, VoteRefusal};
pub use types::{Entry, HardState, LogId, LogIndex, NodeId, Payload, ReadId, SnapshotMeta, Term, Timestamp};
