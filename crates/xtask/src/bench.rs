//! The benchmarks and their command lines, in one table.

use crate::workspace::{cargo, run as carry_out};
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which; without a name all, one after the other
    #[arg(value_enum)]
    only: Option<Benchmark>,
    /// Print the command lines and run nothing
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Benchmark {
    /// What the core costs, without anything around it
    Core,
    /// What it costs to encode and decode a command
    Protocol,
    /// What the log costs, beside the disk's own cost
    Storage,
    /// What a write costs a member, without sockets and disk
    Replica,
    /// What a link costs a frame
    Link,
    /// What the links between real nodes cost
    Links,
    /// How long a key of the deck waits for its frame, under load and a flood of log lines too
    Keys,
    /// How much memory a deck takes after eight hours
    Hours,
    /// What the screen costs at a pseudo-terminal with real nodes: keys, frames, bytes, processor time
    Screen,
    /// What a class on its phones costs the deck: a key's time with 300 phones that follow the picture, and without
    Audience,
    /// Writes of a real cluster, and by turns the floor: what the machine could do without Raft
    Writes,
}

/// Each benchmark's arguments of `cargo`.
const TABLE: &[(Benchmark, &[&str])] = &[
    (Benchmark::Core, &["bench", "--package", "raftdeck-raft"]),
    (Benchmark::Protocol, &["bench", "--package", "raftdeck-protocol"]),
    (Benchmark::Storage, &["bench", "--package", "raftdeck-storage"]),
    (Benchmark::Replica, &["bench", "--package", "raftdeck-replica"]),
    (Benchmark::Link, &["bench", "--package", "raftdeck-lab"]),
    (Benchmark::Links, &["bench", "--package", "raftdeck-node"]),
    (Benchmark::Keys, &["bench", "--package", "raftdeck-deck", "--bench", "keys"]),
    (Benchmark::Hours, &["bench", "--package", "raftdeck-deck", "--bench", "hours"]),
    (Benchmark::Screen, &["bench", "--package", "raftdeck-tui", "--bench", "screen"]),
    (Benchmark::Audience, &["bench", "--package", "raftdeck-tui", "--bench", "audience"]),
    (
        Benchmark::Writes,
        &["run", "--release", "--", "bench", "write", "--clients", "256", "--secs", "5", "--floor"],
    ),
];

pub(crate) fn run(args: &Args) -> Result<()> {
    for (_, line) in TABLE.iter().filter(|(name, _)| args.only.is_none_or(|only| only == *name)) {
        if args.list {
            println!("cargo {}", line.join(" "));
        } else {
            carry_out(&mut cargo(line))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_name_has_one_command_line() {
        let listed: Vec<Benchmark> = TABLE.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, Benchmark::value_variants());
    }
}
