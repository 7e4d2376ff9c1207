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

/// A leader sent entries and lost them to the next leader in the same turn in which older ones came back from the disk.
#[test]
fn what_a_former_leader_sent_is_judged_by_the_log_of_its_own_term() {
    assert_eq!(run(4_002_565, &Options::new(5)).violation, None);
}

/// Two members of one seed drew the same row of timeouts, and timed out together forever.
#[test]
fn members_of_one_seed_do_not_run_in_lock_step() {
    let outcome = run(1_001_722, &Options::new(3));
    assert_eq!(outcome.violation, None);
}

/// A disk that was stalled forgot what a restarted member waited for (3 nodes, the first two). Reads back from the disk came late
/// also after the faults, and a follower that needed hundreds of them had no time (7 nodes, and the third of 3). The disks of
/// two learners were lost, and they were promoted after that (5 nodes, the first). Members that started after the faults did so
/// without pre-votes, and one of them, removed, deposed every leader (7 nodes, the last).
#[test]
fn members_come_to_rest_after_the_faults() {
    let all: [(u8, &[u64]); 3] =
        [(3, &[20_054, 20_212, 20_565]), (5, &[20_162, 20_401]), (7, &[20_008, 20_191, 6_007_364])];
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
    assert_eq!((stats.elections, stats.restarts, stats.faults), (3, 15, [0; 14]));
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

/// Few files are damaged, and not all of that is of use to anybody.
#[test]
fn a_flipped_bit_or_a_file_that_lost_its_end_keeps_a_member_from_starting_or_is_no_loss() {
    let mut refusals = 0;
    for first in (1..=200).step_by(20) {
        let damaged = |nodes| play(nodes, &FaultKinds::of(&[FaultKind::Disk]), first..=first + 19).refusals;
        refusals += damaged(3) + damaged(5);
        if refusals > 3 {
            return;
        }
    }
    panic!("{refusals} starts were refused");
}

/// Trap 49 too: what must hold while a disk is stalled is judged in `stall.rs`.
#[test]
fn partitions_pauses_stalled_disks_and_transfers_cost_leaders_their_place() {
    for kind in [FaultKind::Partition, FaultKind::Pause, FaultKind::Stall, FaultKind::Transfer] {
        let stats = only(kind);
        assert!(stats.elections > 3, "no more than the first of each seed: {kind:?}: {stats:?}");
    }
}

#[test]
fn members_come_and_go() {
    let stats = only(FaultKind::Membership);
    assert!(stats.memberships > 5, "{stats:?}");
}

#[test]
fn lagging_members_catch_up_by_snapshots() {
    let kinds = [FaultKind::Snapshot, FaultKind::Partition, FaultKind::Membership];
    let stats = play(3, &FaultKinds::of(&kinds), 1..=6);
    assert!(stats.snapshots_taken > 0 && stats.snapshots_installed > 0, "{stats:?}");
}

/// That each of these was reached, when these kinds of faults were tried alone.
fn reach(kinds: &[FaultKind], states: &[RareState]) {
    let played = [3, 5].map(|nodes| play(nodes, &FaultKinds::of(kinds), 1..=15));
    for state in states {
        let count: u64 = played.iter().map(|run| run.rare.of(*state)).sum();
        assert!(count > 0, "never reached: {}", state.name());
    }
}

/// The members and the clients come to no harm by a disk that is lost, and nobody votes with an empty one.
#[test]
fn lost_disks_are_survived_and_members_are_taken_in_again_as_new() {
    reach(
        &[FaultKind::Wipe, FaultKind::Partition, FaultKind::Network],
        &[RareState::Wiped, RareState::NewcomerAsked, RareState::StrangerIgnored, RareState::OtherDiskAsked],
    );
}

/// Trap 52. A copy that is older than what the others met is refused by them, and one that only lacks what others have is filled
/// again, also if its leader thinks that it has everything (trap 47).
#[test]
fn directories_that_are_put_back_are_refused_or_filled_again() {
    reach(
        &[FaultKind::Restore, FaultKind::Crash],
        &[RareState::OlderCopy, RareState::CopyBehind, RareState::WentBack],
    );
}
