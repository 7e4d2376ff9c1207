//! The program: it starts a [`source`] of updates, runs the deck for it on a terminal ([`screen`]), or prints the updates
//! ([`plain`]), runs drills ([`drill`]), serves a class's phones ([`audience`]), and has all other [`commands`].
//!
//! [`cli`] is the command line and the entry point.

pub mod audience;
pub mod cli;
pub mod commands;
pub mod contexts;
pub mod drill;
mod errors;
pub mod files;
pub mod incoming;
pub mod lesson;
pub mod plain;
pub mod screen;
pub mod source;
mod timing_name;
