//! Every drill of the catalogue passes.

use crate::support::outcome_of;
use raftdeck_drills::{Verdict, catalogue, report};
use std::fmt::Write as _;

/// Many more seeds are run by `raftdeck drill run --all --engine sim --repeat N`.
const SEEDS: u64 = 2;

#[test]
fn every_drill_passes() {
    let mut failures = String::new();
    for drill in catalogue() {
        for seed in 1..=SEEDS {
            let (outcome, told) = outcome_of(&drill, seed);
            if outcome.verdict != Verdict::Passed {
                let text = report::text(&outcome);
                let _ = writeln!(failures, "--- {} with seed {seed}\n{}\n{text}", drill.id, told.join("\n"));
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}
