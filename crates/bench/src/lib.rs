//! How fast a cluster is, measured where its users are: through the client crate, over TCP, every acknowledged write on
//! the disks of a majority.
//!
//! [`run`] carries out what the command line asks for. A cluster of its own is started through the lab, with nothing
//! between the nodes and nobody watching them; a cluster that runs already is only asked. Beside it the *floor* can be
//! measured: the least that any store must do to replicate and sync the same bytes (see `floor`).
//!
//! A benchmark shares the machine with what it measures, so the load generator does as little as it can for each
//! operation, and what it does is measured too.

mod args;
mod cluster;
mod error;
mod figures;
mod floor;
mod load;
mod measure;
mod processes;
mod progress;
mod report;
mod tally;

pub use args::BenchArgs;
pub use error::BenchError;
pub use floor::{FloorArgs, run as run_floor};
pub use measure::run;
