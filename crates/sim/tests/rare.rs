//! The default workloads reach every rare state. A guard in a state that is never reached is not tested.

use raftdeck_sim::{Options, Stats, run};

/// Each state must be reached within this many seeds of each size.
const SEEDS: u64 = 80;

#[test]
fn the_default_workloads_reach_every_rare_state() {
    let mut stats = Stats::default();
    let missing = |stats: &Stats| {
        let never = stats.rare.iter().filter(|(_, count)| *count == 0);
        never.map(|(state, _)| state.name()).collect::<Vec<_>>()
    };
    for seed in 1..=SEEDS {
        for nodes in [3, 5] {
            let outcome = run(seed, &Options::new(nodes));
            assert_eq!(outcome.violation, None, "{nodes} nodes, seed {seed}");
            stats.add(&outcome.stats);
        }
        if missing(&stats).is_empty() {
            return;
        }
    }
    panic!("not reached within {SEEDS} seeds of 3 and of 5 nodes: {:?}", missing(&stats));
}
