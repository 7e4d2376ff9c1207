//! Failures while a store is in use: the first one is final, and says what failed, on which path, and what to do.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::{LogIndex, Payload};
use raftdeck_storage::fs::{FileSystem, MemoryFs, Survival};
use raftdeck_storage::{StorageError, WriteMisfit};
use scene::{appends, barrier, dir, entry, newest, open, votes};

#[test]
fn a_failed_sync_is_final() {
    let fs = MemoryFs::new();
    let (mut store, _) = open(&fs).unwrap();
    store.append(&[votes(1, 1)]).unwrap();
    fs.fail_sync_after(0);
    let syncs = fs.syncs();
    let first = store.append(&[appends([entry(1, 1, "a")])]).unwrap_err();
    assert!(matches!(first, StorageError::Sync { .. }));
    assert_eq!(
        first.to_string(),
        "cannot sync /data/n1/log-0000000001: the virtual disk failed to sync; the node must stop. Check the disk, and start \
         the node again: what was acknowledged is safe"
    );
    for group in [vec![], vec![barrier()], vec![appends([entry(1, 1, "a")])]] {
        let later = store.append(&group).unwrap_err();
        assert_eq!(later.to_string(), format!("the store has been closed since an earlier failure: {first}"));
    }
    assert_eq!(fs.syncs(), syncs + 1, "a sync was tried again");
}

#[test]
fn a_full_disk_is_final_also_when_there_is_room_again() {
    let fs = MemoryFs::new();
    let (mut store, _) = open(&fs).unwrap();
    store.append(&[votes(1, 1)]).unwrap();
    let used: usize = fs.list(dir()).unwrap().iter().map(|path| fs.contents(path).unwrap().len()).sum();
    fs.set_capacity(Some(used + 5));
    let large = [appends([entry(1, 1, &"a".repeat(2000))])];
    let error = store.append(&large).unwrap_err();
    assert!(matches!(error, StorageError::Write { .. }));
    assert_eq!(
        error.to_string(),
        "cannot write to /data/n1/log.spare-1: disk full (no storage space); the node must stop. Check the disk and its \
         free space, and start the node again: what was acknowledged is safe"
    );
    fs.set_capacity(None);
    assert!(matches!(store.append(&[appends([entry(1, 1, "a")])]), Err(StorageError::Poisoned { .. })));
    fs.crash(Survival::Process);
    let (mut store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored.hard_state, scene::hard_state(1, 1));
    assert_eq!(recovered.restored.entries, []);
    store.append(&[appends([entry(1, 1, "a")])]).unwrap();
}

#[test]
fn a_write_that_could_not_be_recovered_is_refused_before_it_is_written() {
    let fs = MemoryFs::new();
    let (mut store, _) = open(&fs).unwrap();
    store.append(&[votes(1, 1)]).unwrap();
    let before = fs.contents(&newest(&fs));
    let error = store.append(&[appends([entry(1, 2, "a")])]).unwrap_err();
    let gap = WriteMisfit::Gap { expected: LogIndex(1), found: LogIndex(2) };
    assert!(matches!(error, StorageError::Misfit { misfit, .. } if misfit == gap));
    assert_eq!(
        error.to_string(),
        "refused to write to /data/n1/log-0000000001: entry 2 is where entry 1 belongs; this is a bug in \
         the node, which must stop"
    );
    assert_eq!(fs.contents(&newest(&fs)), before);
    assert!(matches!(store.append(&[barrier()]), Err(StorageError::Poisoned { .. })));
}

#[test]
fn a_group_over_the_limit_is_refused_before_memory_is_taken_for_it() {
    let fs = MemoryFs::new();
    let (mut store, _) = open(&fs).unwrap();
    let before = fs.contents(&newest(&fs));
    let megabyte = bytes::Bytes::from(vec![0; 1 << 20]);
    let entries = (1..=256)
        .map(|i| raftdeck_raft::Entry { payload: Payload::Command(megabyte.clone()), ..entry(1, i, "") });
    let error = store.append(&[votes(1, 1), appends(entries)]).unwrap_err();
    assert!(error.to_string().ends_with(
        "bytes to /data/n1/log-0000000001 at once: at most 268435456 are allowed; the node must stop"
    ));
    assert_eq!(fs.contents(&newest(&fs)), before);
}

#[test]
fn a_group_costs_one_sync_and_barriers_none() {
    let fs = MemoryFs::new();
    let (mut store, _) = open(&fs).unwrap();
    let syncs = fs.syncs();
    store
        .append(&[votes(1, 1), appends([entry(1, 1, "a")]), barrier(), appends([entry(1, 2, "b")])])
        .unwrap();
    assert_eq!(fs.syncs(), syncs + 1);
    let before = fs.contents(&newest(&fs));
    store.append(&[barrier(), barrier()]).unwrap();
    store.append(&[]).unwrap();
    assert_eq!(fs.syncs(), syncs + 1);
    assert_eq!(fs.contents(&newest(&fs)), before);
}

#[test]
fn a_clean_start_writes_nothing() {
    let fs = MemoryFs::new();
    let (mut store, _) = open(&fs).unwrap();
    store.append(&[votes(1, 1)]).unwrap();
    drop(store);
    let (syncs, before) = (fs.syncs(), fs.contents(&newest(&fs)));
    open(&fs).unwrap();
    assert_eq!((fs.syncs(), fs.contents(&newest(&fs))), (syncs, before));
}

#[test]
fn a_failure_to_open_names_the_step_and_the_path() {
    let fs = MemoryFs::new();
    fs.fail_sync_after(0);
    assert_eq!(
        open(&fs).unwrap_err().to_string(),
        "cannot create /data/n1/log.new: the virtual disk failed to sync; check that this user may read and write \
         there and that the disk is sound"
    );
    // Nothing half made is left in the way.
    open(&fs).unwrap();
    fs.put(dir().parent().unwrap().join("file").as_path(), b"");
    let below_a_file = dir().parent().unwrap().join("file/n1");
    let error =
        raftdeck_storage::LogStore::open(&fs, &below_a_file, scene::NODE, scene::CLUSTER).unwrap_err();
    assert!(error.to_string().starts_with("cannot create the data directory /data/file/n1: "), "{error}");
}
