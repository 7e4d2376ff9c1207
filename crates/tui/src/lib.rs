//! The deck: a live Raft cluster on a terminal, driven and broken by keys.

pub mod cli;
pub mod client_cmd;
pub mod inbox;
pub mod plain;
pub mod runtime;
pub mod signals;
pub mod stand_in;
pub mod terminal;
pub mod up;
pub mod words;
