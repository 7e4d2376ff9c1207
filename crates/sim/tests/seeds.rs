//! A fixed set of seeds on clusters of every usual size: every promise holds.

use raftdeck_sim::{FaultKind, FaultKinds, Options, RareState, Stats, run};

/// Plays the seeds and gives what was counted.
fn play(nodes: u8, faults: &FaultKinds, seeds: std::ops::RangeInclusive<u64>) -> Stats {
    let options = Options { faults: faults.clone(), secs: 6, ..Options::new(nodes) };
    let mut stats = Stats::default();
    for seed in seeds {
        let outcome = run(seed, &options);
        if let Some(violation) = outcome.violation {
            panic!(
                "{nodes} nodes, seed {seed}: {} at {}: {}",
                violation.property, violation.at, violation.sentence
            );
        }
        stats.add(&outcome.stats);
    }
    stats
}

fn only(kind: FaultKind) -> Stats {
    play(3, &FaultKinds::of(&[kind]), 1..=3)
}

/// Two members of one seed drew the same row of timeouts, and timed out together for ever.
#[test]
fn members_of_one_seed_do_not_run_in_lock_step() {
    let outcome = run(1_001_722, &Options::new(3));
    assert_eq!(outcome.violation, None);
}

/// A disk that stood still forgot what a restarted member waited for (3 nodes, the first two). Reads back from the disk came late
/// also after the faults, and a follower that needed hundreds of them had no time (7 nodes, and the third of 3). The disks of
/// two learners were lost, and they were promoted after that (5 nodes, the first).
#[test]
fn members_come_to_rest_after_the_faults() {
    let all: [(u8, &[u64]); 3] =
        [(3, &[20_054, 20_212, 20_565]), (5, &[20_162, 20_401]), (7, &[20_008, 20_191])];
    for (nodes, seeds) in all {
        for seed in seeds {
            assert_eq!(run(*seed, &Options::new(nodes)).violation, None, "{nodes} nodes, seed {seed}");
        }
    }
}

#[test]
fn one_node_keeps_every_promise() {
    play(1, &FaultKinds::all(), 1..=10);
}

#[test]
fn three_nodes_keep_every_promise() {
    play(3, &FaultKinds::all(), 1..=20);
}

#[test]
fn five_nodes_keep_every_promise() {
    play(5, &FaultKinds::all(), 1..=20);
}

#[test]
fn seven_nodes_keep_every_promise() {
    play(7, &FaultKinds::all(), 1..=8);
}

#[test]
fn without_faults_one_leader_leads_from_first_to_last() {
    let stats = play(5, &FaultKinds::none(), 1..=3);
    assert_eq!((stats.elections, stats.restarts, stats.faults), (3, 15, [0; 13]));
}

#[test]
fn crashes_end_processes_that_start_again() {
    let stats = only(FaultKind::Crash);
    assert!(stats.restarts > 15, "{stats:?}");
}

#[test]
fn failing_disks_end_processes_too() {
    let stats = play(3, &FaultKinds::of(&[FaultKind::Disk]), 1..=12);
    assert!(stats.restarts > 36, "{stats:?}");
}

#[test]
fn a_flipped_bit_keeps_a_member_from_starting() {
    // Few bits are flipped, and not all of those are of use to anybody.
    let mut seeds = (1..=400_u64).step_by(20);
    let refuses = |first: u64| play(3, &FaultKinds::of(&[FaultKind::Disk]), first..=first + 19).refusals > 0;
    assert!(seeds.any(refuses), "nobody refused to start");
}

#[test]
fn partitions_and_pauses_cost_leaders_their_place() {
    for kind in [FaultKind::Partition, FaultKind::Pause] {
        let stats = only(kind);
        assert!(stats.elections > 4, "{kind:?}: {stats:?}");
    }
}

#[test]
fn members_come_and_go() {
    let stats = only(FaultKind::Membership);
    assert!(stats.memberships > 5, "{stats:?}");
}

#[test]
fn the_leadership_is_handed_over() {
    let stats = only(FaultKind::Transfer);
    assert!(stats.elections > 6, "{stats:?}");
}

#[test]
fn lagging_members_catch_up_by_snapshots() {
    let kinds = [FaultKind::Snapshot, FaultKind::Partition, FaultKind::Membership];
    let stats = play(3, &FaultKinds::of(&kinds), 1..=6);
    assert!(stats.snapshots_taken > 0 && stats.snapshots_installed > 0, "{stats:?}");
}

/// Trap 49. What must hold while a disk stands still is judged in `stall.rs`.
#[test]
fn a_disk_that_stands_still_costs_its_leader_the_place() {
    let stats = only(FaultKind::Stall);
    assert!(stats.elections > 4, "{stats:?}");
}

/// The members and the clients come to no harm by a disk that is lost, and nobody votes with an empty one.
#[test]
fn lost_disks_are_survived_and_members_are_taken_in_again_as_new() {
    let kinds = [FaultKind::Wipe, FaultKind::Partition, FaultKind::Network];
    let stats = [3, 5].map(|nodes| play(nodes, &FaultKinds::of(&kinds), 1..=15));
    for state in [RareState::Wiped, RareState::NewcomerAsked, RareState::StrangerIgnored] {
        let count: u64 = stats.iter().map(|stats| stats.rare.of(state)).sum();
        assert!(count > 0, "never reached: {}", state.name());
    }
}

#[test]
fn a_file_that_lost_its_end_keeps_a_member_from_starting_or_is_no_loss() {
    let mut refusals = 0;
    for first in (1..=200).step_by(20) {
        refusals += play(5, &FaultKinds::of(&[FaultKind::Disk]), first..=first + 19).refusals;
        if refusals > 1 {
            return;
        }
    }
    panic!("{refusals} starts were refused");
}
