//! Whole clusters in real time: nodes as child processes, a link for each directed pair, faults, and one stream of
//! updates that tells all of it.
//!
//! The lab knows a node only by what crosses its sockets, its exit status and its files. Everything it has to tell
//! is an [`Update`]; everything it can be told is a [`Command`].

pub mod model;

pub use model::{
    ClientOp, ClientOutcome, Command, FrameFate, FrameKind, FrameReport, LinkState, LogLevel, NodeAddresses,
    ProcessState, Update,
};
