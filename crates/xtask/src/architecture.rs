//! The walls of the house: which room may import which, and no circles within a room.

use crate::workspace::{cargo, run};
use anyhow::Result;

pub(crate) fn run_tests() -> Result<()> {
    run(&mut cargo(&["test", "--package", "raftdeck-tui", "--test", "architecture", "--test", "circles"]))
}
