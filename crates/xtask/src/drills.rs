//! docs/drills-measured.md: every drill over real processes and over the simulator, side by side.

use crate::workspace::{cargo, read, root, run as carry_out, write};
use anyhow::Result;

const PAGE: &str = "docs/drills-measured.md";

const TEXT: &str = "\
# Drills, measured

Each drill of the [catalogue](drills.md) over real processes (`lab`) and over the simulator (`sim`), at fast timing, where T is 150 ms. **D** is the
time from the fault to the first heartbeat of the next leader, **gap** the longest time without an acknowledged request, and **available** the share of
requests that were answered in time. \"Not seen\": there was no election, as it must be; \"none\": the drill has no load.

The two engines run the same core. Where they differ, the difference is what processes, sockets, disks and a scheduler add.

Made on a machine with two cores by:

```sh
cargo xtask drills --repeat REPEAT
```

";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each drill runs on each engine
    #[arg(long, value_name = "N", default_value_t = 20)]
    repeat: u32,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let table = root().join("target/drills.md");
    let repeat = args.repeat.to_string();
    let program = ["run", "--release", "--package", "raftdeck-tui", "--bin", "raftdeck", "--"];
    let mut runs = cargo(&program);
    runs.args(["drill", "run", "--all", "--engine", "lab,sim", "--repeat", &repeat, "--table"]).arg(&table);
    carry_out(&mut runs)?;
    write(&root().join(PAGE), TEXT.replace("REPEAT", &repeat) + &read(&table)?)
}
