//! The program: it starts a [`source`] of updates, runs the deck over it on a terminal ([`screen`]), or prints what is told
//! ([`plain`]), and has all other [`commands`].
//!
//! [`cli`] is the command line and the way in.

pub mod cli;
pub mod commands;
mod errors;
pub mod files;
pub mod incoming;
pub mod plain;
pub mod screen;
pub mod source;
