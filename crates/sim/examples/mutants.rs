//! Takes out one guard of the core after another and says how many seeds it takes until the simulator notices, and
//! which promise it sees broken:
//!
//! `cargo run --release -p raftdeck-sim --features mutants --example mutants [-- [--first-seed N] NAME…]`
//!
//! Exit status 3 if the lack of a guard is noticed by none of the allowed seeds.

use raftdeck_raft::mutants::{Mutant, activate};
use raftdeck_sim::{FaultKind, FaultKinds, Options, run};
use std::process::ExitCode;

/// Each must be caught within so many seeds. Most are by the first few, one by some thousand.
const SEEDS: u64 = 2000;

/// Small clusters and larger ones take turns.
const NODES: [u8; 5] = [3, 5, 3, 5, 1];

fn main() -> ExitCode {
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    let mut first = 1;
    if let Some(place) = names.iter().position(|name| name == "--first-seed") {
        let Some(Ok(number)) = names.get(place + 1).map(|number| number.parse()) else {
            eprintln!("--first-seed needs a number");
            return ExitCode::from(2);
        };
        first = number;
        names.drain(place..place + 2);
    }
    let wanted = |mutant: &&Mutant| names.is_empty() || names.contains(&format!("{mutant:?}"));
    let mut missed = 0;
    println!("{:<32} {:<10} {:>5}  caught by", "guard taken out", "faults", "seeds");
    for mutant in Mutant::ALL.iter().filter(wanted) {
        let (name, faults) = (format!("{mutant:?}"), faults_for(*mutant).to_string());
        if let Some((seeds, property)) = seeds_needed(*mutant, first) {
            println!("{name:<32} {faults:<10} {seeds:>5}  {property}");
        } else {
            missed += 1;
            println!("{name:<32} {faults:<10} {:>5}  nothing", "-");
        }
    }
    println!("{missed} missed");
    ExitCode::from(if missed > 0 { 3 } else { 0 })
}

/// Everything goes wrong for every guard alike, but for what is judged only where nothing else goes wrong.
fn faults_for(mutant: Mutant) -> FaultKinds {
    match mutant {
        Mutant::LeaderIgnoresStall => FaultKinds::of(&[FaultKind::Stall]),
        _ => FaultKinds::all(),
    }
}

fn seeds_needed(mutant: Mutant, first: u64) -> Option<(u64, String)> {
    activate(Some(mutant));
    let found = (first..first + SEEDS).find_map(|seed| {
        let nodes = NODES[usize::try_from(seed).unwrap_or(0) % NODES.len()];
        let violation = run(seed, &Options { faults: faults_for(mutant), ..Options::new(nodes) }).violation?;
        let words = violation.sentence.lines().next().unwrap_or_default();
        Some((seed - first + 1, format!("{}: {:.90}", violation.property, words)))
    });
    activate(None);
    found
}
