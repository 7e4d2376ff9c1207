//! Giving back space: a log whose beginning is released shrinks, keeps what is left, and goes on, also one that an older
//! version wrote.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::{LogIndex, Persist, Restored};
use raftdeck_storage::LogStore;
use raftdeck_storage::fs::{MemoryFs, Survival};
use scene::{
    appends, dir, entry, hard_state, id, last_snapshot, log, meta, open, purges, resets, snapshot_file,
    snapshot_path, states, votes,
};

/// A disk with a snapshot that has all that will be released.
fn with_snapshot() -> MemoryFs {
    let fs = MemoryFs::new();
    fs.put(&snapshot_path(id(9, 1_000_000)), &snapshot_file(&meta(9, 1_000_000), b""));
    fs
}

fn size(fs: &MemoryFs) -> usize {
    fs.contents(&log()).unwrap().len()
}

/// A write of one entry with a command of so many bytes.
fn one(index: u64, bytes: usize) -> Persist {
    appends([entry(1, index, &format!("{index} {}", "x".repeat(bytes)))])
}

/// A store that holds entries 1 to `last`, each of about 1000 bytes and in a write of its own.
fn filled(fs: &MemoryFs, last: u64) -> LogStore {
    let (mut store, _) = open(fs).unwrap();
    store.append(&[votes(1, 2)]).unwrap();
    for index in 1..=last {
        store.append(&[one(index, 1000)]).unwrap();
    }
    store
}

fn reopened(fs: &MemoryFs, store: LogStore) -> (LogStore, Restored) {
    drop(store);
    let (store, recovered) = open(fs).unwrap();
    assert_eq!(recovered.repaired, None);
    (store, recovered.restored)
}

#[test]
fn a_purged_log_shrinks_to_what_is_left() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 200);
    assert!(size(&fs) > 200_000);
    store.append(&[purges(1, 190)]).unwrap();
    assert!(size(&fs) < 13_000, "{} bytes for ten entries", size(&fs));
    store.append(&[one(201, 1000)]).unwrap();
    let (_store, restored) = reopened(&fs, store);
    assert_eq!(restored.purged, id(1, 190));
    assert_eq!(restored.hard_state, hard_state(1, 2));
    let expected: Vec<_> = (191..=201).flat_map(|index| one(index, 1000).entries).collect();
    assert_eq!(restored.entries, expected);
}

#[test]
fn a_log_is_written_anew_only_when_more_is_given_back_than_kept() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 200);
    store.append(&[purges(1, 90)]).unwrap();
    assert!(size(&fs) > 200_000);
    let (mut store, restored) = reopened(&fs, store);
    assert_eq!((restored.purged, restored.entries.len()), (id(1, 90), 110));
    store.append(&[purges(1, 110)]).unwrap();
    assert!(size(&fs) < 95_000);
    assert_eq!(reopened(&fs, store).1.entries.len(), 90);
}

#[test]
fn a_small_log_is_not_worth_it() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 50);
    store.append(&[purges(1, 50)]).unwrap();
    assert!(size(&fs) > 50_000);
    // Unless the store is told so.
    store.rewrite_from(0);
    store.append(&[purges(1, 50)]).unwrap();
    assert!(size(&fs) < 100);
    let (_store, restored) = reopened(&fs, store);
    assert_eq!((restored.purged, restored.entries), (id(1, 50), vec![]));
}

#[test]
fn a_log_that_a_snapshot_replaces_shrinks_to_nothing() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 100);
    store.append(&[Persist { hard_state: Some(hard_state(5, 0)), ..resets(4, 5000) }]).unwrap();
    assert!(size(&fs) < 100);
    store.append(&[appends([entry(5, 5001, "next")])]).unwrap();
    let (mut store, restored) = reopened(&fs, store);
    assert_eq!((restored.purged, restored.hard_state), (id(4, 5000), hard_state(5, 0)));
    assert_eq!(restored.entries, [entry(5, 5001, "next")]);
    store.append(&[appends([entry(5, 5002, "")])]).unwrap();
}

#[test]
fn steady_writing_and_purging_keeps_the_file_small() {
    let fs = with_snapshot();
    let (mut store, _) = open(&fs).unwrap();
    store.append(&[votes(1, 2)]).unwrap();
    let mut largest = 0;
    for index in 1..=5000 {
        store.append(&[one(index, 1000)]).unwrap();
        if index % 100 == 0 {
            store.append(&[purges(1, index - 20)]).unwrap();
        }
        largest = largest.max(size(&fs));
    }
    assert!(largest < 260_000, "the log grew to {largest} bytes");
    let (_store, restored) = reopened(&fs, store);
    assert_eq!((restored.purged, restored.entries.len()), (id(1, 4980), 20));
}

#[test]
fn what_was_removed_and_written_anew_is_copied_as_it_is_now() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 100);
    // Two conflicts behind each other: the entries of term 1 and 2 there are still in the file, before the kept ones.
    for term in [2, 3] {
        let entries = (90..=100).map(|index| entry(term, index, &format!("{index} of term {term}")));
        let repair = Persist {
            truncate: Some(LogIndex(90)),
            hard_state: Some(hard_state(term, 0)),
            ..appends(entries)
        };
        store.append(&[repair]).unwrap();
    }
    // An entry that is removed and comes back, and is therefore there twice.
    let back = Persist { truncate: Some(LogIndex(100)), ..appends([entry(3, 100, "100 of term 3")]) };
    store.append(&[back]).unwrap();
    store.append(&[purges(1, 85)]).unwrap();
    assert!(size(&fs) < 10_000);
    let (_store, restored) = reopened(&fs, store);
    let old = (86..90).flat_map(|index| one(index, 1000).entries);
    let new = (90..=100).map(|index| entry(3, index, &format!("{index} of term 3")));
    assert_eq!(restored.entries, old.chain(new).collect::<Vec<_>>());
}

#[test]
fn entries_larger_than_a_frame_of_the_new_log_are_kept() {
    let fs = with_snapshot();
    let (mut store, _) = open(&fs).unwrap();
    store.append(&[votes(1, 2)]).unwrap();
    let sizes = [9 << 20, 10, 3 << 20, 700_000, 700_000, 5];
    for (index, bytes) in (1..).zip(sizes) {
        store.append(&[one(index, bytes)]).unwrap();
    }
    store.append(&[purges(1, 1)]).unwrap();
    assert!(size(&fs) < 5 << 20);
    let (_store, restored) = reopened(&fs, store);
    let expected: Vec<_> =
        (2..).zip(&sizes[1..]).flat_map(|(index, bytes)| one(index, *bytes).entries).collect();
    assert!(restored.entries == expected);
}

#[test]
fn a_write_that_contradicts_what_was_released_is_refused() {
    let refused = [
        (Persist { truncate: Some(LogIndex(50)), ..purges(1, 50) }, "cannot be truncated from index 50 on"),
        (purges(1, 101), "cannot be purged through entry 101 of term 1"),
        (purges(2, 60), "cannot be purged through entry 60 of term 2"),
        (resets(1, 49), "cannot start anew after entry 49 of term 1: entries through 50 are gone"),
        (resets(2, 200), "entry 200 has term 2, above the current term 1"),
    ];
    for (write, why) in refused {
        let fs = with_snapshot();
        let mut store = filled(&fs, 100);
        store.append(&[purges(1, 50)]).unwrap();
        let error = store.append(&[write]).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert_eq!(reopened(&fs, store).1.purged, id(1, 50));
    }
}

#[test]
fn frames_of_the_old_log_are_none_in_the_new_one() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 100);
    let old = fs.contents(&log()).unwrap();
    store.append(&[purges(1, 95)]).unwrap();
    drop(store);
    // The disk forgets the last sectors of the new file, and what was there before shows.
    let new = fs.contents(&log()).unwrap();
    let mut mixed = new[..new.len() - 16].to_vec();
    mixed.extend(&old[mixed.len()..]);
    fs.put(&log(), &mixed);
    let (_store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored.entries.len(), 5);
    assert_eq!(recovered.repaired.unwrap().bytes, (mixed.len() - new.len() + 16) as u64);
}

#[test]
fn damage_in_what_would_be_copied_is_found_and_nothing_is_lost() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 100);
    fs.flip_bit(&log(), (size(&fs) - 500) * 8);
    let error = store.append(&[purges(1, 90)]).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot give back space of /data/n1/raft.log: /data/n1/raft.log is damaged"),
        "{error}"
    );
    store.append(&[one(101, 10)]).unwrap_err();
    assert!(size(&fs) > 100_000);
}

#[test]
fn a_failed_sync_of_the_new_log_is_final_and_leaves_the_old_one() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 100);
    fs.fail_sync_after(1);
    let error = store.append(&[purges(1, 90)]).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "cannot give back space of /data/n1/raft.log: cannot sync /data/n1/raft.log.new: the virtual disk failed"
        ),
        "{error}"
    );
    store.append(&[one(101, 10)]).unwrap_err();
    fs.crash(Survival::Process);
    let (_store, recovered) = open(&fs).unwrap();
    // The purge itself had been stored.
    assert_eq!((recovered.restored.purged, recovered.restored.entries.len()), (id(1, 90), 10));
    assert_eq!(fs.contents(&dir().join("raft.log.new")), None);
}

/// A log of node 1 in cluster `deck` as version 1 wrote it: the history, then its seal.
const VERSION_1: &str = "\
    726166746465636b010000003ac6a22506000000d32b740e01046465636b7264660104000000b812d8a0d11c736d02010102\
    72646601160000007c7daf287fc329c80101010104626c7565010102010001010301036f6c647264660117000000306a893e\
    e6289c4b00030102030105677265656e0102040103726564020200726466010a000000fed40f19ca4271cb01020501017802\
    03010372646601040000003e70c316e5bafaca0103060072646602000000000000000096ad54fd";

fn version_1() -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&VERSION_1[at..at + 2], 16).unwrap();
    (0..VERSION_1.len()).step_by(2).map(digits).collect()
}

#[test]
fn a_log_of_version_1_is_read_and_goes_on_as_version_2() {
    let fs = MemoryFs::new();
    fs.put(&log(), &version_1());
    let (mut store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored, *states().last().unwrap());
    assert_eq!(fs.contents(&log()).unwrap()[8], 2);
    let mut snapshots = recovered.snapshots;
    snapshots.save(&last_snapshot(), std::iter::empty(), &[]).unwrap();
    store.append(&[purges(2, 4)]).unwrap();
    let (_store, restored) = reopened(&fs, store);
    assert_eq!((restored.purged, restored.entries.len()), (id(2, 4), 2));
}

#[test]
fn a_crash_while_a_log_of_version_1_is_read_loses_nothing() {
    for changes in 0..20 {
        for survival in
            [Survival::Process, Survival::Nothing].into_iter().chain((0..16).map(Survival::Sectors))
        {
            let fs = MemoryFs::new();
            fs.put(&log(), &version_1());
            fs.halt_after(changes);
            drop(open(&fs));
            fs.crash(survival);
            let (_store, recovered) = open(&fs).unwrap();
            assert_eq!(recovered.restored, *states().last().unwrap(), "{changes} changes, {survival:?}");
        }
    }
}
