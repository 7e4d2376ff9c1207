//! One seed, one run: here, in the other build profile, and on every other machine.

use raftdeck_sim::{Options, replay, run, schedule, watch};

fn options(nodes: u8) -> Options {
    Options { secs: 4, ..Options::new(nodes) }
}

/// Printed by `cargo test -p raftdeck-sim --test determinism -- --nocapture`, to be put here whenever the cluster's or
/// the simulator's behaviour changes.
const HASHES: [(u8, u64, u64); 8] = [
    (1, 1, 0x17ac_0c01_433a_f303),
    (1, 2, 0xe6f7_ae7a_394a_5ed6),
    (3, 1, 0x6056_60ba_3627_a22c),
    (3, 2, 0x42aa_90f3_6e6f_7424),
    (5, 1, 0xe968_15ef_e79a_1acd),
    (5, 2, 0xfc54_69ec_7902_e655),
    (7, 1, 0x4df2_8c4e_06a2_383e),
    (7, 2, 0x0668_72f6_8ff6_3c03),
];

#[test]
fn a_seed_has_the_same_trace_hash_in_every_build_and_on_every_machine() {
    let found = HASHES.map(|(nodes, seed, _)| (nodes, seed, run(seed, &options(nodes)).trace_hash));
    for (nodes, seed, hash) in found {
        println!("    ({nodes}, {seed}, 0x{hash:016x}),");
    }
    assert_eq!(found, HASHES);
}

#[test]
fn a_seed_gives_the_same_outcome_twice_and_another_seed_another() {
    for nodes in [1, 3, 5, 7] {
        let (one, again, other) = (run(5, &options(nodes)), run(5, &options(nodes)), run(6, &options(nodes)));
        assert_eq!(one, again);
        assert_ne!(one.trace_hash, other.trace_hash);
    }
}

#[test]
fn to_watch_a_run_changes_nothing_and_shows_all_of_it() {
    let (options, mut records) = (options(3), Vec::new());
    let plan = schedule(9, &options);
    let watched = watch(9, &options, &plan, &mut |record| records.push(record.clone()));
    assert_eq!(watched, run(9, &options));
    assert!(records.iter().any(|record| record.state.as_ref().is_some_and(|state| state.role == "leader")));
    assert!(records.is_sorted_by_key(|record| record.at));
}

#[test]
fn a_schedule_can_be_replayed_in_part() {
    let options = options(3);
    let plan = schedule(11, &options);
    let outcome = replay(11, &options, &plan[..plan.len() / 2]);
    assert_eq!(outcome.violation, None);
    assert_eq!(outcome.stats.faults.iter().sum::<u64>(), (plan.len() / 2) as u64);
}
