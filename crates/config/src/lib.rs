//! One command line from four sources: what stands on it goes before the environment, that before a file, that before the
//! defaults.
//!
//! A [`Program`] is a clap command and what the file and the environment call its parts. Every option has a variable
//! (`--data-dir` is `RAFTDECK_DATA_DIR`) and a key in the file's table of its command (`data-dir` in `[node]`). What they say
//! is put onto the command line, and clap reads that: so there is one parser for each value, one rule for what excludes and
//! needs what, and one set of sentences. This crate reads no file but the one that it is told to, and writes none.

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
