//! Takes out one guard of the core after another and says how many seeds it takes until the simulator notices, and
//! which promise it sees broken:
//!
//! `cargo run --release -p raftdeck-sim --features mutants --example mutants [-- NAME…]`
//!
//! Exit status 3 if a guard is missed by nobody within the allowed seeds.

use raftdeck_raft::mutants::{Mutant, activate};
use raftdeck_sim::{FaultKind, FaultKinds, Options, run};
use std::process::ExitCode;

/// Each must be caught within so many seeds.
const SEEDS: u64 = 500;

/// Small clusters and larger ones take turns.
const NODES: [u8; 5] = [3, 5, 3, 5, 1];

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |mutant: &&Mutant| names.is_empty() || names.contains(&format!("{mutant:?}"));
    let mut missed = 0;
    println!("{:<32} {:<10} {:>5}  caught by", "guard taken out", "faults", "seeds");
    for mutant in Mutant::ALL.iter().filter(wanted) {
        let (name, faults) = (format!("{mutant:?}"), faults_for(*mutant).to_string());
        if let Some((seeds, property)) = seeds_needed(*mutant) {
            println!("{name:<32} {faults:<10} {seeds:>5}  {property}");
        } else {
            missed += 1;
            println!("{name:<32} {faults:<10} {:>5}  nothing", "-");
        }
    }
    println!("{missed} missed");
    ExitCode::from(if missed > 0 { 3 } else { 0 })
}

/// Some guards matter only in rare moments, which come often where little else happens.
fn faults_for(mutant: Mutant) -> FaultKinds {
    match mutant {
        Mutant::LeaseFromAnswer => FaultKinds::of(&[FaultKind::Partition]),
        Mutant::LeaseSurvivesTransfer | Mutant::OldRoundServesRead => FaultKinds::of(&[FaultKind::Transfer]),
        _ => FaultKinds::all(),
    }
}

fn seeds_needed(mutant: Mutant) -> Option<(u64, String)> {
    activate(Some(mutant));
    let found = (1..=SEEDS).find_map(|seed| {
        let nodes = NODES[usize::try_from(seed).unwrap_or(0) % NODES.len()];
        let violation = run(seed, &Options { faults: faults_for(mutant), ..Options::new(nodes) }).violation?;
        let words = violation.sentence.lines().next().unwrap_or_default();
        Some((seed, format!("{}: {:.90}", violation.property, words)))
    });
    activate(None);
    found
}
