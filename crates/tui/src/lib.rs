//! The program: it starts a [`source`] of updates, runs the deck for it on a terminal ([`screen`]), or prints the updates
//! ([`plain`]), and has all other [`commands`].
//!
//! [`cli`] is the command line and the entry point.

pub mod cli;
pub mod commands;
mod errors;
pub mod files;
pub mod incoming;
pub mod plain;
pub mod screen;
pub mod source;
