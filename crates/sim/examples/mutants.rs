//! Takes out one guard of the core after another and says how many seeds it takes until the simulator notices, and
//! which promise it sees broken:
//!
//! `cargo run --release -p raftdeck-sim --features mutants --example mutants [-- NAME…]`
//!
//! Exit status 3 if a guard is missed by nobody within the allowed seeds.

use raftdeck_raft::mutants::{Mutant, activate};
use raftdeck_sim::{Options, run};
use std::process::ExitCode;

/// Each must be caught within so many seeds.
const SEEDS: u64 = 500;

/// Small clusters and larger ones take turns.
const NODES: [u8; 5] = [3, 5, 3, 5, 1];

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |mutant: &&Mutant| names.is_empty() || names.contains(&format!("{mutant:?}"));
    let mut missed = 0;
    println!("{:<32} {:>5}  caught by", "guard taken out", "seeds");
    for mutant in Mutant::ALL.iter().filter(wanted) {
        match seeds_needed(*mutant) {
            Some((seeds, property)) => println!("{:<32} {seeds:>5}  {property}", format!("{mutant:?}")),
            None => {
                missed += 1;
                println!("{:<32} {:>5}  nothing", format!("{mutant:?}"), "-");
            }
        }
    }
    println!("{missed} missed");
    ExitCode::from(if missed > 0 { 3 } else { 0 })
}

fn seeds_needed(mutant: Mutant) -> Option<(u64, String)> {
    activate(Some(mutant));
    let found = (1..=SEEDS).find_map(|seed| {
        let nodes = NODES[usize::try_from(seed).unwrap_or(0) % NODES.len()];
        let violation = run(seed, &Options::new(nodes)).violation?;
        let words = violation.sentence.lines().next().unwrap_or_default();
        Some((seed, format!("{}: {:.90}", violation.property, words)))
    });
    activate(None);
    found
}
