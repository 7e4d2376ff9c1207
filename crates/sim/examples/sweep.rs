//! Plays many seeds at several sizes and says what was found, how often each rare state was reached, and how fast it went. The
//! same as `raftdeck sim run`, without the program around it: quick to build, and what a profiler should look at.
//!
//! `cargo run --release -p raftdeck-sim --example sweep -- [NODES] [FIRST] [SEEDS] [JOBS] [FAULTS]`
#![expect(
    clippy::disallowed_types,
    reason = "how fast the runs are is told by the wall clock, which decides nothing in them"
)]

use raftdeck_sim::{FaultKinds, Options, RareState, Stats, run};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

fn main() -> ExitCode {
    let given: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let of = |place: usize, default| given.get(place).copied().unwrap_or(default);
    let nodes = u8::try_from(of(0, 5)).unwrap_or(5);
    let (first, seeds, jobs) = (of(1, 1), of(2, 100), of(3, 1));
    let faults = std::env::args().nth(5).map_or_else(|| Ok(FaultKinds::all()), |kinds| kinds.parse());
    let faults = match faults {
        Ok(faults) => faults,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let options = Options { faults, ..Options::new(nodes) };
    let (next, start) = (AtomicU64::new(0), Instant::now());
    let found = Mutex::new((Stats::default(), 0, vec![0_u64; RareState::ALL.len()]));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(seed) = Some(next.fetch_add(1, Relaxed)).filter(|seed| *seed < seeds) {
                    let outcome = run(first + seed, &options);
                    let mut found = found.lock().expect("no run panics");
                    found.0.add(&outcome.stats);
                    for (runs, (_, count)) in found.2.iter_mut().zip(outcome.stats.rare.iter()) {
                        *runs += u64::from(count > 0);
                    }
                    if let Some(violation) = outcome.violation {
                        found.1 += 1;
                        let (property, sentence) = (violation.property, violation.sentence);
                        println!("seed {} at {}: {property}: {sentence}", outcome.seed, violation.at);
                    }
                }
            });
        }
    });
    let (stats, broken, runs) = found.into_inner().expect("no run panics");
    let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX).max(1);
    println!(
        "{nodes} nodes, {seeds} seeds from {first}: {broken} broken, {} faults, {} events, {} times real time",
        stats.faults.iter().sum::<u64>(),
        stats.events,
        stats.virtual_micros / micros
    );
    println!("   times     runs");
    for ((state, count), runs) in stats.rare.iter().zip(runs) {
        println!("{count:>8} {runs:>8}  {}", state.name());
    }
    ExitCode::from(if broken > 0 { 3 } else { 0 })
}
