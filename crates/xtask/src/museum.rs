//! The recordings of the museum of bugs: made from the exhibits, by the simulator with one guard taken out, or seen to be up to date.

use crate::workspace::{cargo, root, run as carry_out, write};
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Write the recordings and their marks anew, instead of comparing them
    #[arg(long)]
    write: bool,
    /// Print what happens in each step
    #[arg(long)]
    tell: bool,
    /// These exhibits only; all by default
    #[arg(value_name = "EXHIBIT")]
    exhibits: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let museum = root().join("crates/drills/src/museum");
    if args.write {
        make_missing(&museum)?;
    }
    let mut play = cargo(&[
        "run",
        "--quiet",
        "--package",
        "raftdeck-drills",
        "--features",
        "mutants",
        "--example",
        "museum",
        "--",
    ]);
    play.args(args.write.then_some("--write")).args(args.tell.then_some("--tell"));
    play.args(args.exhibits.iter().map(|id| museum.join(format!("{id}.toml"))));
    carry_out(&mut play)
}

/// The crate contains its recordings. So that one can be made for a new exhibit, it must be there already.
fn make_missing(museum: &Path) -> Result<()> {
    let entries = fs::read_dir(museum).with_context(|| format!("cannot read {}", museum.display()))?;
    for entry in entries {
        let file = entry?.path();
        let Some(id) = file.file_stem().filter(|_| file.extension().is_some_and(|end| end == "toml")) else {
            continue;
        };
        let id = id.to_string_lossy();
        for name in [format!("{id}.json"), format!("{id}.raftdeck"), format!("{id}-guarded.raftdeck")] {
            let recording = museum.join("recordings").join(name);
            if !recording.exists() {
                write(&recording, "")?;
            }
        }
    }
    Ok(())
}
