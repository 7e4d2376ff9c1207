//! One seed, one run: here, in the other build profile, and on every other machine.

use raftdeck_sim::{Options, replay, run, schedule, watch};

fn options(nodes: u8) -> Options {
    Options { secs: 4, ..Options::new(nodes) }
}

/// Printed by `cargo test -p raftdeck-sim --test determinism -- --nocapture`, to be put here whenever the cluster's or
/// the simulator's behaviour changes.
const HASHES: [(u8, u64, u64); 8] = [
    (1, 1, 0x897f_5240_cd32_074b),
    (1, 2, 0x18aa_0556_98d4_afc2),
    (3, 1, 0xeb0a_aef3_9c3b_4fd1),
    (3, 2, 0x2b52_e71b_45b7_a200),
    (5, 1, 0x97c6_eaeb_eae8_a209),
    (5, 2, 0x4952_5db6_91e9_ecd7),
    (7, 1, 0x0eb1_9755_f471_f016),
    (7, 2, 0x1c0f_d42b_ccef_d814),
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
