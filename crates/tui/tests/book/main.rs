//! The README and the book: what can be made from the program is made from it, every command is one that the program takes, most
//! are run, and every link leads somewhere.
//!
//! `UPDATE_BOOK=1 cargo test -p raftdeck-tui --test book generated` writes the generated parts (`cargo xtask book --write`).
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod blocks;
mod commands;
mod generated;
mod links;
mod pages;
mod run;
mod shell;
mod tables;

#[path = "../support/mod.rs"]
mod support;
