//! The pictures in assets/screenshots, which an example of the program takes in a pseudo-terminal.

use crate::workspace::{cargo, run as carry_out};
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which, such as failover or logs; without a name all
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let package = ["--release", "--package", "raftdeck-tui"];
    // Both in one build: alone, each has features of its own for what they share.
    carry_out(cargo(&["build"]).args(package).args(["--bin", "raftdeck", "--example", "screenshots"]))?;
    let mut take = cargo(&["run"]);
    take.args(package).args(["--example", "screenshots", "--", "assets/screenshots"]).args(&args.names);
    carry_out(&mut take)
}
