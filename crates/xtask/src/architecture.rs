//! The rules of the architecture: which crate may import which, and no circles within a crate.

use crate::workspace::{cargo, run};
use anyhow::Result;

pub(crate) fn run_tests() -> Result<()> {
    run(&mut cargo(&["test", "--package", "raftdeck-tui", "--test", "architecture", "--test", "circles"]))
}
