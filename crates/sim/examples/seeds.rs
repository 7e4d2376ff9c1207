//! Plays seeds and prints what broke: `cargo run --release -p raftdeck-sim --example seeds -- NODES FIRST COUNT FAULTS`.

use raftdeck_sim::{FaultKinds, Options, Stats, run, schedule, shrink};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| args.get(at).and_then(|a| a.parse().ok()).unwrap_or(default);
    let nodes = u8::try_from(number(0, 5)).unwrap_or(5);
    let (first, count) = (number(1, 1), number(2, 100));
    let faults = args.get(3).map_or(FaultKinds::all(), |text| text.parse().expect("kinds of faults"));
    let options = Options { faults, ..Options::new(nodes) };
    let mut stats = Stats::default();
    let mut broken = 0;
    #[allow(clippy::disallowed_types)]
    if std::env::var("WATCH").is_ok() {
        let plan = match shrink(first, &options, &schedule(first, &options), 400) {
            Some(found) => found.schedule,
            None => schedule(first, &options),
        };
        for planned in &plan {
            println!("  {:>9} {}", planned.at, planned.fault);
        }
        let outcome = raftdeck_sim::watch(first, &options, &plan, &mut |record| {
            let s = record.state.as_ref();
            println!(
                "{:>9} n{} t{} {} last{} d{} c{} {:?}",
                record.at,
                record.node.unwrap_or(0),
                s.map_or(0, |s| s.term),
                s.map_or("-", |s| &s.role),
                s.map_or(0, |s| s.last),
                s.map_or(0, |s| s.durable),
                s.map_or(0, |s| s.commit),
                record.what
            );
        });
        println!("{:?}", outcome.violation);
        return;
    }
    let start = std::time::Instant::now();
    for seed in first..first + count {
        let outcome = run(seed, &options);
        stats.add(&outcome.stats);
        if let Some(violation) = outcome.violation {
            broken += 1;
            if broken <= 10 {
                println!("seed {seed}: {} at {}: {}", violation.property, violation.at, violation.sentence);
            }
            if args.get(4).is_some() {
                if let Some(found) = shrink(seed, &options, &schedule(seed, &options), 400) {
                    println!("  {} runs; {} {}", found.runs, found.violation.at, found.violation.sentence);
                    for planned in found.schedule {
                        println!("  {:>9} {}", planned.at, planned.fault);
                    }
                }
            }
        }
    }
    let took = start.elapsed();
    println!(
        "{broken} of {count} broken in {took:?}, {} x real time",
        stats.virtual_micros as u128 / took.as_micros().max(1)
    );
    println!("{stats:?}");
}
