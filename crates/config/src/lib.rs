//! One command line from four sources. The command line takes precedence over the environment, the environment over a
//! file, and a file over the defaults.
//!
//! A [`Program`] is a clap command and what the file and the environment call its parts. Every option has a variable
//! (`--data-dir` is `RAFTDECK_DATA_DIR`) and a key in the file's table of its command (`data-dir` in `[node]`). Their
//! values are added to the command line, and clap parses that: so each value has one parser, conflicts and
//! requirements are declared once, and all sources give the same errors. This crate reads no file but the one that it
//! is told to, and writes none.

mod error;
mod file;
mod names;
mod settle;
mod show;

pub use error::{ConfigError, FileError, Near};
pub use file::{File, FileEntry, Given, KnownOption, MAX_FILE, OptionKind, OptionShape};
pub use names::{CONFIG, Program, StandIn};
pub use settle::{Environment, Refusal, Source};
pub use show::{Row, Section, as_json, as_table};
