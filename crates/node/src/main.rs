//! `raftdeck-node`: a headless node. All it does is in the library, which `raftdeck node` uses as well.

use clap::Parser;
use raftdeck_node::NodeArgs;
use std::process::ExitCode;

/// One node of a Raft cluster: a replicated key-value store with an HTTP door.
#[derive(Debug, Parser)]
#[command(name = "raftdeck-node", version, after_help = NodeArgs::EXAMPLES)]
struct Cli {
    #[command(flatten)]
    node: NodeArgs,
}

fn main() -> ExitCode {
    raftdeck_node::run(&Cli::parse().node)
}
