//! The floor, a baseline: the least work that a store must do before it may acknowledge a write, and nothing else.
//!
//! One leader process has a fixed number of writes in flight, which it generates itself. It sends all of them as one batch to its
//! followers, appends them to its file and syncs it; a follower appends a batch, syncs, and acknowledges it. When a majority, itself
//! included, has it on disk, the batch is done and the next one begins. Files are preallocated and filled beforehand, and a batch is
//! one write and one `fdatasync`. One thread uses the sockets and files, and waits for them. There is no Raft, no client, no state
//! machine, no checksum and no recovery.

mod beside;
mod disk;
mod follower;
mod leader;

pub(crate) use beside::{Floor, Slice};

use clap::{Args, Parser, Subcommand};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The size of an entry besides its value: about that of the store's own entries.
const ENTRY_OVERHEAD: usize = 44;

/// The command that is one process of the floor.
pub const COMMAND: &str = "bench-floor";

/// `raftdeck bench-floor ...`
#[derive(Debug, Parser)]
struct FloorArgs {
    #[command(subcommand)]
    part: FloorRole,
}

#[derive(Debug, Subcommand)]
enum FloorRole {
    /// Makes up writes, replicates and syncs them; runs when told to on its standard input
    Leader {
        #[arg(long)]
        in_flight: usize,
        #[arg(long)]
        value_size: usize,
        #[arg(long)]
        follower: Vec<SocketAddr>,
        #[command(flatten)]
        disk: DiskArgs,
    },
    /// Syncs what it is sent, and says so
    Follower {
        #[command(flatten)]
        disk: DiskArgs,
    },
}

#[derive(Args, Debug)]
struct DiskArgs {
    #[arg(long)]
    file: PathBuf,
    #[arg(long, default_value_t = 0)]
    sync_delay_micros: u64,
}

impl DiskArgs {
    fn open(&self) -> io::Result<disk::Disk> {
        disk::Disk::create(&self.file, Duration::from_micros(self.sync_delay_micros))
    }
}

/// A batch on its way to a follower: this, then its bytes.
struct Header {
    /// The index of the batch's last entry; the acknowledgement has the same.
    last: u64,
    bytes: u32,
}

impl Header {
    const SIZE: usize = 12;

    fn encode(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.last.to_be_bytes());
        bytes[8..].copy_from_slice(&self.bytes.to_be_bytes());
        bytes
    }

    fn decode(bytes: [u8; Self::SIZE]) -> Self {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        // A number of four bytes fits.
        Self { last: number(&bytes[..8]), bytes: number(&bytes[8..]) as u32 }
    }
}

/// What a follower prints when it listens.
#[derive(Serialize, Deserialize)]
struct Listening {
    address: SocketAddr,
}

/// What the leader prints after a run.
#[derive(Debug, Serialize, Deserialize)]
struct FloorRun {
    micros: u64,
    /// Its own.
    syncs: u64,
    /// Latencies in nanoseconds, and how many operations had each.
    latencies: Vec<(u64, u64)>,
}

/// Runs one process of the floor, with the command and its arguments, until its standard input ends.
#[must_use]
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let ran = match FloorArgs::parse_from(args).part {
        FloorRole::Leader { in_flight, value_size, follower, disk } => disk
            .open()
            .and_then(|disk| leader::run(in_flight.max(1), value_size + ENTRY_OVERHEAD, &follower, disk)),
        FloorRole::Follower { disk } => disk.open().and_then(follower::run),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{COMMAND}: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_as_it_was() {
        let header = Header::decode(Header { last: 1 << 40, bytes: 77 }.encode());
        assert_eq!((header.last, header.bytes), (1 << 40, 77));
    }
}
