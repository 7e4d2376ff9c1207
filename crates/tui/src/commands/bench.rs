//! `raftdeck bench`: how fast a cluster is.

use crate::errors::WrongUsage;
use clap::error::ErrorKind;
use color_eyre::eyre::Result;
use raftdeck_bench::{BenchArgs, BenchError};
use raftdeck_node::open_files;

/// Text for the help.
pub(crate) const HELP: &str = "\
Examples:
  raftdeck bench write --clients 256 --secs 5 --floor
  raftdeck bench read --consistency lease
  raftdeck bench mixed --reads 90 --rate 50000

Exit status: 0 measured, 1 failed, 2 wrong usage.";

/// The files that a benchmark has open: its clients' connections and its cluster's.
const BENCH_FILES: u64 = 256;

/// Runs the benchmark; returns the exit status.
pub(crate) fn run(args: BenchArgs) -> Result<u8> {
    open_files::allow(BENCH_FILES)?;
    match raftdeck_bench::run(args) {
        Ok(()) => Ok(0),
        Err(BenchError::Interrupted(signal)) => Ok(u8::try_from(128 + signal).unwrap_or(1)),
        Err(BenchError::Usage(why)) => Err(WrongUsage::new(ErrorKind::ValueValidation, why).into()),
        Err(error) => Err(error.into()),
    }
}
