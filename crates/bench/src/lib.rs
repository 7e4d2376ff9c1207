//! How fast a cluster is, measured from its users' side: through the client crate, over TCP, with every acknowledged write on the
//! disks of a majority.
//!
//! [`run`] carries out what the command line requests. It starts its own cluster through the lab, without links between the nodes and
//! without observers, or uses a running one. The *floor* can be measured with it: the least that any store must do to replicate and
//! sync the same bytes (see `floor`).
//!
//! A benchmark shares the machine with what it measures, so the load generator does as little as possible for each operation, and its
//! own cost is measured too.

#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures are counts and times of runs of minutes, far below 2^52, and rounded to three digits in the end"
)]

mod args;
mod cluster;
mod error;
mod failover;
mod figures;
mod floor;
mod load;
mod measure;
mod print;
mod processes;
mod progress;
mod recovery;
mod report;
mod start;
mod table;
mod tally;
mod times;

pub use args::BenchArgs;
pub use error::BenchError;
pub use floor::{COMMAND as FLOOR_COMMAND, run as run_floor};
pub use measure::run;
