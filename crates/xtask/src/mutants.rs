//! Guards of the core are taken out, one at a time: the scenario that names a guard must fail without it, the simulator must notice
//! every one, and the recordings of the museum must show what happens without theirs.

use crate::museum;
use crate::workspace::{cargo, run as carry_out};
use anyhow::Result;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where it is to be noticed
    #[arg(long, value_enum, default_value_t = By::All)]
    by: By,
    /// In the simulator: the first seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    first_seed: u64,
    /// In the simulator: take out these guards only
    #[arg(value_name = "GUARD")]
    guards: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum By {
    /// The scenario scripts in crates/raft/tests/scenarios
    Scenarios,
    /// The simulator
    Simulator,
    /// The exhibits of the museum
    Museum,
    /// All of these, one after the other
    All,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    if matches!(args.by, By::Scenarios | By::All) {
        carry_out(&mut cargo(&[
            "test",
            "--package",
            "raftdeck-raft",
            "--features",
            "mutants",
            "--test",
            "scenarios",
        ]))?;
    }
    if matches!(args.by, By::Museum | By::All) {
        museum::run(&museum::Args::default())?;
    }
    if matches!(args.by, By::Simulator | By::All) {
        // Optimization across crates is for throughput; here it would only make the build slower.
        let mut simulate = cargo(&[
            "run",
            "--release",
            "--config",
            "profile.release.lto=false",
            "--package",
            "raftdeck-sim",
            "--features",
            "mutants",
            "--example",
            "mutants",
        ]);
        simulate.args(["--", "--first-seed", &args.first_seed.to_string()]).args(&args.guards);
        carry_out(&mut simulate)?;
    }
    Ok(())
}
