//! The deck: a live Raft cluster on a terminal, driven and broken by keys.
//!
//! [`app`] holds the state and the one function that changes it, [`app::update`]; [`view::view`] draws it. Both
//! are pure: they open nothing, read no clock and draw no random number. [`runtime`] is the loop around them.
//!
//! [`cli`] is the program's command line and the way in; [`plain`] runs a cluster without a screen.

pub mod actions;
pub mod app;
pub mod cli;
pub mod client_cmd;
mod config_cmd;
mod describe;
pub mod engine;
pub mod files;
pub mod inbox;
pub mod keys;
pub mod paths;
pub mod plain;
pub mod runtime;
pub mod signals;
pub mod sim_cmd;
mod simulation;
pub mod terminal;
pub mod theme;
mod tls_cmd;
pub mod up;
pub mod view;
pub mod words;
