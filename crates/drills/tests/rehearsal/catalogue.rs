//! Every drill of the catalogue passes.

use crate::support::{in_parallel, outcome_of};
use raftdeck_drills::{Verdict, catalogue, report};

#[test]
fn every_drill_passes() {
    // Many more seeds are run by `raftdeck drill run --all --engine sim --repeat N`.
    let failures = in_parallel(&catalogue(), |drill| {
        let (outcome, told) = outcome_of(drill, 1);
        let text = || format!("{}\n{}\n{}", drill.id, told.join("\n"), report::text(&outcome));
        (outcome.verdict != Verdict::Passed).then(text)
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
