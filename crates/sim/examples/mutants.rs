//! Takes out one guard of the core after another and says how many seeds it takes until the simulator notices, and
//! which promise it sees broken:
//!
//! `cargo run --release -p raftdeck-sim --features mutants --example mutants [-- [--first-seed N] NAME…]`
//!
//! Some guards no run reaches, or hardly any; those are held by tests of the core, which are named instead. Exit status 3 if any other guard
//! is missed by nobody within the allowed seeds.

use raftdeck_raft::mutants::{Mutant, activate};
use raftdeck_sim::{FaultKind, FaultKinds, Options, run};
use std::process::ExitCode;

/// Each must be caught within so many seeds. Most are by the first few, some by one of a thousand.
const SEEDS: u64 = 2000;

/// So many are tried for those that tests of the core hold.
const SEEDS_IN_VAIN: u64 = 300;

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
    let (mut missed, mut elsewhere) = (0, 0);
    println!("{:<32} {:<10} {:>5}  caught by", "guard taken out", "faults", "seeds");
    for mutant in Mutant::ALL.iter().filter(wanted) {
        let (name, faults) = (format!("{mutant:?}"), faults_for(*mutant).to_string());
        match (seeds_needed(*mutant, first), held_by(*mutant)) {
            (Some((seeds, property)), _) => println!("{name:<32} {faults:<10} {seeds:>5}  {property}"),
            (None, Some(test)) => {
                elsewhere += 1;
                println!("{name:<32} {faults:<10} {:>5}  no run; the core's test {test}", "-");
            }
            (None, None) => {
                missed += 1;
                println!("{name:<32} {faults:<10} {:>5}  nothing", "-");
            }
        }
    }
    println!("{missed} missed, {elsewhere} held by tests of the core only");
    ExitCode::from(if missed > 0 { 3 } else { 0 })
}

/// Everything goes wrong for every guard alike, but for what is judged only where nothing else goes wrong.
fn faults_for(mutant: Mutant) -> FaultKinds {
    match mutant {
        Mutant::LeaderIgnoresStall => FaultKinds::of(&[FaultKind::Stall]),
        _ => FaultKinds::all(),
    }
}

/// The test of the core that holds a guard which the simulator does not reach, by file and name. Each of these tests is run
/// without its guard by `cargo test -p raftdeck-raft --features mutants`, and must fail then.
fn held_by(mutant: Mutant) -> Option<&'static str> {
    match mutant {
        // No fault takes back what a disk has confirmed: a disk that is replaced gets another identity, and a file that
        // ends too early is refused at the start.
        Mutant::WentBackCounts => Some("scenarios.rs: replication_follower_went_back"),
        // It takes entries of the same indices that were overwritten and committed while they were being read.
        Mutant::ReadBackByIndex => Some(
            "read_back.rs: what_was_overwritten_meanwhile_is_recognised_when_it_comes_back_from_the_disk",
        ),
        // Hardly any run keeps an answer of a former life back until it would count, and no promise need be broken by it then.
        Mutant::FormerLifeAnswers => Some("scenarios.rs: identity_former_life_does_not_answer"),
        // A term that a stranger teaches costs an election. That disturbs, and breaks no promise.
        Mutant::StrangersAnswer => {
            Some("identity.rs: answers_of_strangers_and_of_former_lives_are_ignored_and_told_of_once")
        }
        _ => None,
    }
}

fn seeds_needed(mutant: Mutant, first: u64) -> Option<(u64, String)> {
    activate(Some(mutant));
    let seeds = held_by(mutant).map_or(SEEDS, |_| SEEDS_IN_VAIN);
    let found = (first..first + seeds).find_map(|seed| {
        let nodes = NODES[usize::try_from(seed).unwrap_or(0) % NODES.len()];
        let violation = run(seed, &Options { faults: faults_for(mutant), ..Options::new(nodes) }).violation?;
        let words = violation.sentence.lines().next().unwrap_or_default();
        Some((seed - first + 1, format!("{}: {:.90}", violation.property, words)))
    });
    activate(None);
    found
}
