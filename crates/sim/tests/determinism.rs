//! One seed, one run: here, in the other build profile, and on every other machine.

use raftdeck_sim::{Options, replay, run, schedule, watch};

fn options(nodes: u8) -> Options {
    Options { secs: 4, ..Options::new(nodes) }
}

/// Printed by `cargo test -p raftdeck-sim --test determinism -- --nocapture`, to be put here whenever the cluster's or
/// the simulator's behaviour changes.
const HASHES: [(u8, u64, u64); 8] = [
    (1, 1, 0x742c_674d_01fd_e017),
    (1, 2, 0x4801_0662_faf4_6e95),
    (3, 1, 0xb8f9_1083_6d07_826c),
    (3, 2, 0x8c5f_6e18_9cc6_8547),
    (5, 1, 0xd6ca_03f6_c6ef_7d66),
    (5, 2, 0x7f48_0a96_c10e_810c),
    (7, 1, 0x1d4a_75d2_73d4_3074),
    (7, 2, 0x0a06_2aab_ebc3_c59b),
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
