//! Fuzz targets for every part of raftdeck that parses bytes: each function takes one input, gives it to one reader,
//! and panics if the reader violates its contract. No input may make it panic otherwise.
//!
//! The fuzzers in `fuzz/` call these functions with inputs that they make up, and `tests/seeds.rs` calls them with the
//! inputs in `seeds/`, which are what a fuzzer kept of a run, and whatever once broke something. No program is built from
//! this crate.

mod configs;
mod drills;
mod etcd;
mod frames;
mod queries;
mod recordings;
mod recovery;
mod relays;
mod requests;
mod scripts;

pub use configs::configs;
pub use drills::drills;
pub use etcd::etcd;
pub use frames::frames;
pub use queries::queries;
pub use recordings::recordings;
pub use recovery::recovery;
pub use relays::relays;
pub use requests::requests;
pub use scripts::scripts;

/// A fuzz target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// Every target. The folder of its seeds and the fuzzer's binary have its name.
pub const TARGETS: &[Target] = &[
    ("frames", frames),
    ("requests", requests),
    ("queries", queries),
    ("recovery", recovery),
    ("scripts", scripts),
    ("configs", configs),
    ("recordings", recordings),
    ("drills", drills),
    ("relays", relays),
    ("etcd", etcd),
];
