//! The program: it starts a source of updates ([`engine`]), runs the deck over it ([`runtime`]), or prints what is told ([`plain`]), and has
//! all other commands.
//!
//! [`cli`] is the command line and the way in.

pub mod check_cmd;
pub mod cli;
pub mod client_cmd;
mod config_cmd;
mod describe;
mod driven;
pub mod engine;
pub mod files;
pub mod inbox;
pub mod paths;
pub mod plain;
pub mod runtime;
pub mod signals;
pub mod sim_cmd;
pub mod tape;
pub mod terminal;
mod tls_cmd;
pub mod up;
