//! Crashes at every step of a member's life with snapshots: saved, received, and the log behind them released, its
//! segments taken back and used again. What recovery finds fits together and is what was acknowledged, or that and the step under way.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use bytes::Bytes;
use raftdeck_raft::{Persist, Restored, SnapshotMeta};
use raftdeck_storage::fs::{FileSystem, MemoryFs, Survival};
use raftdeck_storage::{LogStore, OpenError, Recovered, Snapshots, StorageError};
use scene::{
    appends, carry_out, dir, entry, hard_state, id, meta, open_with, purges, resets, segments, sized,
    snapshot_file, votes,
};
use std::path::PathBuf;
use std::sync::LazyLock;

fn open(fs: &MemoryFs) -> Result<(LogStore, Recovered), OpenError> {
    open_with(fs, &sized(1800))
}

/// One thing that the disk is asked for.
#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Persist>),
    Tend,
    Save(SnapshotMeta),
    Receive(SnapshotMeta, usize, Vec<u8>),
    Finish(SnapshotMeta),
    RemoveUnused(SnapshotMeta),
}

/// A leader's or follower's own snapshot and purge, another one whose purge frees segments, which are used again, then a snapshot from a leader,
/// in three pieces, which takes the log's place.
static LIFE: LazyLock<Vec<Step>> = LazyLock::new(|| {
    let filler = "x".repeat(600);
    let entries = |from, to| appends((from..=to).map(|index| entry(1, index, &filler)));
    let mut steps = vec![
        Step::Append(vec![votes(1, 2), entries(1, 2)]),
        Step::Append(vec![entries(3, 4)]),
        Step::Append(vec![entries(5, 6)]),
        Step::Append(vec![entries(7, 8)]),
        Step::Save(meta(1, 3)),
        Step::Append(vec![purges(1, 2)]),
        Step::Save(meta(1, 8)),
        Step::RemoveUnused(meta(1, 8)),
        Step::Append(vec![purges(1, 7)]),
        Step::Tend,
        Step::Append(vec![entries(9, 10), votes(2, 3)]),
        Step::Append(vec![entries(11, 12)]),
        Step::Tend,
    ];
    let leader_s = snapshot_file(&meta(3, 20), b"what the leader has");
    for (number, piece) in leader_s.chunks(leader_s.len() / 3 + 1).enumerate() {
        steps.push(Step::Receive(meta(3, 20), number * (leader_s.len() / 3 + 1), piece.to_vec()));
    }
    steps.push(Step::Finish(meta(3, 20)));
    steps.push(Step::RemoveUnused(meta(3, 20)));
    steps.push(Step::Append(vec![Persist { hard_state: Some(hard_state(3, 0)), ..resets(3, 20) }]));
    steps.push(Step::Tend);
    steps.push(Step::Append(vec![appends([entry(3, 21, "on")])]));
    steps
});

fn take(step: &Step, store: &mut LogStore, snapshots: &mut Snapshots) -> Result<(), StorageError> {
    match step {
        Step::Append(group) => store.append(group),
        Step::Tend => store.tend(),
        Step::Save(meta) => snapshots.save(meta, content(meta)).map(drop),
        Step::Receive(meta, offset, data) => snapshots.receive(meta, *offset as u64, data),
        Step::Finish(meta) => snapshots.finish(meta).map(|size| assert!(size.is_some())),
        Step::RemoveUnused(newest) => snapshots.remove_unused(&[newest.last]),
    }
}

fn content(meta: &SnapshotMeta) -> impl Iterator<Item = Bytes> + use<> {
    std::iter::once(format!("all through {}", meta.last.index).into())
}

/// What a recovery finds before the first step and after each.
fn states() -> Vec<Restored> {
    let mut states = vec![Restored::default()];
    for step in LIFE.iter() {
        let mut state = states.last().unwrap().clone();
        match step {
            Step::Append(group) => group.iter().for_each(|write| carry_out(&mut state, write)),
            Step::Save(meta) => {
                let content: Vec<_> = content(meta).collect();
                let size = snapshot_file(meta, &content.concat()).len() as u64;
                state.snapshot = Some((meta.clone(), size));
            }
            Step::Tend | Step::Receive(..) | Step::RemoveUnused(_) => {}
            Step::Finish(meta) => {
                let size = snapshot_file(meta, b"what the leader has").len() as u64;
                state.snapshot = Some((meta.clone(), size));
            }
        }
        states.push(state);
    }
    states
}

/// Lives until the machine stops after this many changes; gives back how many steps were acknowledged, or `None` if all
/// were, with changes to spare.
fn live_until(fs: &MemoryFs, changes: u64) -> Option<usize> {
    fs.halt_after(changes);
    let Ok((mut store, recovered)) = open(fs) else { return Some(0) };
    let mut snapshots = recovered.snapshots;
    LIFE.iter().position(|step| take(step, &mut store, &mut snapshots).is_err())
}

/// How many bytes of any one file are not durable.
fn unsynced(fs: &MemoryFs) -> usize {
    let names = fs.list(dir()).unwrap_or_default();
    names.iter().map(|path| fs.unsynced(path)).max().unwrap_or(0)
}

fn survivals(unsynced: usize) -> impl Iterator<Item = Survival> {
    // Every byte of what is small, and a choice of the rest.
    let prefixes = (0..=unsynced).filter(|bytes| *bytes < 60 || bytes % 101 == 0).map(Survival::Prefix);
    [Survival::Process, Survival::Nothing].into_iter().chain(prefixes).chain((0..24).map(Survival::Sectors))
}

/// Opens, and checks what holds after every crash.
fn recover(fs: &MemoryFs, why: &str) -> Restored {
    let (store, recovered) = open(fs).unwrap_or_else(|error| panic!("{why}: {error}"));
    let restored = recovered.restored;
    let snapshot = restored.snapshot.as_ref().map_or(id(0, 0), |(meta, _)| meta.last);
    assert!(restored.purged.index <= snapshot.index, "{why}: {restored:?}");
    if let Some((meta, size)) = &restored.snapshot {
        let content = recovered.snapshots.content(meta.last).unwrap();
        assert!(!content.is_empty(), "{why}");
        let bytes = recovered.snapshots.read(meta.last, 0, usize::MAX).unwrap().unwrap();
        assert_eq!(bytes.len() as u64, *size, "{why}");
    }
    drop(store);
    // Nothing is left of what was half done.
    let names = fs.list(dir()).unwrap();
    let files = if snapshot == id(0, 0) { 3 } else { 4 };
    let is_spare = |path: &&PathBuf| path.to_string_lossy().contains("log.spare-");
    let spares = names.iter().filter(is_spare).count();
    assert_eq!(names.len() - spares, files + segments(fs).len(), "{why}: {names:?}");
    assert_eq!(spares, 0, "{why}");
    restored
}

#[test]
fn a_life_without_a_crash_goes_as_the_model_says() {
    let fs = MemoryFs::new();
    let (mut store, recovered) = open(&fs).unwrap();
    let mut snapshots = recovered.snapshots;
    let mut counts = Vec::new();
    for (step, state) in LIFE.iter().zip(&states()[1..]) {
        take(step, &mut store, &mut snapshots).unwrap();
        counts.push(segments(&fs).len());
        // A copy of the disk, as the store holds the lock of this one.
        let copy = MemoryFs::new();
        for path in fs.list(dir()).unwrap() {
            copy.put(&path, &fs.contents(&path).unwrap());
        }
        let (_store, recovered) = open(&copy).unwrap();
        assert_eq!(recovered.restored, *state, "{step:?}");
    }
    assert!(counts.windows(2).filter(|pair| pair[1] < pair[0]).count() > 1, "segments go: {counts:?}");
}

#[test]
fn a_crash_at_any_step_leaves_a_snapshot_and_a_log_that_fit_together() {
    let states = states();
    let mut cases = 0;
    for changes in 0.. {
        let fs = MemoryFs::new();
        let Some(acknowledged) = live_until(&fs, changes) else { break };
        for survival in survivals(unsynced(&fs)) {
            let fs = MemoryFs::new();
            live_until(&fs, changes);
            fs.crash(survival);
            let why = format!("{survival:?} after {changes} changes, in step {acknowledged}");
            let restored = recover(&fs, &why);
            let allowed = &states[acknowledged..=acknowledged + 1];
            assert!(allowed.contains(&restored), "{why}: {restored:?}");
            // What was handed out is durable.
            fs.crash(Survival::Nothing);
            assert_eq!(recover(&fs, &why), restored, "{why}");
            cases += 1;
        }
    }
    assert!(cases > 3000, "only {cases} cases were tried");
}

#[test]
fn a_second_crash_in_the_recovery_changes_nothing() {
    let states = states();
    for changes in 0.. {
        let fs = MemoryFs::new();
        let Some(acknowledged) = live_until(&fs, changes) else { break };
        for (first, more) in (0..3).flat_map(|seed| (0..12).map(move |more| (Survival::Sectors(seed), more)))
        {
            let halted = || {
                let fs = MemoryFs::new();
                live_until(&fs, changes);
                fs.crash(first);
                fs.halt_after(more);
                let handed_out = open(&fs).map(|(_, recovered)| recovered.restored).ok();
                (fs, handed_out)
            };
            for second in [Survival::Process, Survival::Nothing, Survival::Sectors(1)] {
                let (fs, handed_out) = halted();
                fs.crash(second);
                let why = format!("{first:?} after {changes} changes, {second:?} after {more} more");
                let restored = recover(&fs, &why);
                assert!(states[acknowledged..=acknowledged + 1].contains(&restored), "{why}: {restored:?}");
                assert!(handed_out.is_none_or(|state| state == restored), "{why}");
            }
        }
    }
}
