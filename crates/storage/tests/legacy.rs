//! Logs that older versions wrote, in one file: they are read, brought into segments, and lose nothing on the way, however
//! that is interrupted. An older program refuses the result.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::{Persist, Restored};
use raftdeck_storage::fs::{FileSystem, MemoryFs, Survival};
use raftdeck_storage::{OpenError, TornTail};
use scene::{
    carry_out, dir, end, entry, history, id, last_snapshot, log, newest, open, purges, released, segments,
    snapshot_file, snapshot_path, states_of, votes,
};

/// A log of node 1 in cluster `deck` as version 1 wrote it: the history, then its seal.
const VERSION_1: &str = "\
    726166746465636b010000003ac6a22506000000d32b740e01046465636b7264660104000000b812d8a0d11c736d02010102\
    72646601160000007c7daf287fc329c80101010104626c7565010102010001010301036f6c647264660117000000306a893e\
    e6289c4b00030102030105677265656e0102040103726564020200726466010a000000fed40f19ca4271cb01020501017802\
    03010372646601040000003e70c316e5bafaca0103060072646602000000000000000096ad54fd";

/// The same as version 2 wrote it.
const VERSION_2: &str = "\
    726166746465636b02000000034f8047070000002535f09201046465636b007264660104000000b812d8a04585e8ad020101\
    0272646601160000007c7daf28eb5ab2080101010104626c7565010102010001010301036f6c647264660117000000306a89\
    3e72b1078b00030102030105677265656e0102040103726564020200726466010a000000fed40f197a6825ba010205010178\
    0203010372646601040000003e70c3160bcce6640103060072646602000000000000000078db4853";

/// A log of version 2 whose beginning was released, and which was therefore written anew.
const RELEASED: &str = "\
    726166746465636b02000000034f804707000000d245cb7301046465636b0272646601060000006e342c7be11851fa030309\
    02030072646601060000003c919315ae4421e201030a01017a7264660200000000000000000d01e21f";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// Each old log, what is stored in it, and where its last frame ends.
fn old_logs() -> [(Vec<u8>, Restored); 3] {
    let last = |past: &[Vec<Persist>]| states_of(past).pop().unwrap();
    [
        (bytes(VERSION_1), last(&history())),
        (bytes(VERSION_2), last(&history())),
        (bytes(RELEASED), last(&released())),
    ]
}

fn holding(old: &[u8]) -> MemoryFs {
    let fs = MemoryFs::new();
    fs.put(&log(), old);
    let snapshot = last_snapshot();
    fs.put(&snapshot_path(snapshot.last), &snapshot_file(&snapshot, b""));
    fs
}

fn stored(restored: Restored) -> Restored {
    Restored { snapshot: None, ..restored }
}

#[test]
fn an_old_log_is_read_and_goes_on_in_segments() {
    for (old, state) in old_logs() {
        let fs = holding(&old);
        let (mut store, recovered) = open(&fs).unwrap();
        assert_eq!(recovered.repaired, None);
        assert_eq!(stored(recovered.restored), state);
        assert_eq!(fs.contents(&log()).unwrap()[8], 4, "older programs refuse it by its version");
        assert!(!segments(&fs).is_empty());
        let next = id(9, state.purged.index.0 + state.entries.len() as u64 + 1);
        let more = Persist { entries: vec![entry(9, next.index.0, "more")], ..votes(9, 1) };
        store.append(std::slice::from_ref(&more)).unwrap();
        drop(store);
        let (_store, recovered) = open(&fs).unwrap();
        let mut expected = state;
        carry_out(&mut expected, &more);
        assert_eq!(stored(recovered.restored), expected);
    }
}

#[test]
fn a_crash_on_the_way_loses_nothing() {
    for (old, state) in old_logs() {
        let mut cases = 0;
        for changes in 0..60 {
            for survival in
                [Survival::Process, Survival::Nothing].into_iter().chain((0..16).map(Survival::Sectors))
            {
                let fs = holding(&old);
                fs.halt_after(changes);
                drop(open(&fs));
                fs.crash(survival);
                let (_store, recovered) = open(&fs).unwrap();
                assert_eq!(stored(recovered.restored), state, "{changes} changes, {survival:?}");
                cases += 1;
            }
        }
        assert!(cases > 1000);
    }
}

#[test]
fn a_large_old_log_is_brought_over_in_many_segments() {
    let fs = holding(&bytes(VERSION_2));
    let options = scene::sized(90);
    let (_store, recovered) = scene::open_with(&fs, &options).unwrap();
    assert_eq!(stored(recovered.restored), states_of(&history()).pop().unwrap());
}

#[test]
fn the_torn_tail_of_an_old_log_is_reported_once() {
    let old = bytes(VERSION_2);
    let sound = old.len() - 16;
    let fs = holding(&[&old[..sound], b"rdf half"].concat());
    let (store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.repaired, Some(TornTail { file: log(), offset: sound as u64, bytes: 8 }));
    assert_eq!(stored(recovered.restored), states_of(&history()).pop().unwrap());
    drop(store);
    assert_eq!(open(&fs).unwrap().1.repaired, None);
}

#[test]
fn what_is_torn_behind_the_last_seal_of_an_old_log_is_reported_by_its_place() {
    let old = bytes(VERSION_2);
    let fs = holding(&[&old[..], b"rdf half"].concat());
    let recovered = open(&fs).unwrap().1;
    assert_eq!(recovered.repaired, Some(TornTail { file: log(), offset: old.len() as u64, bytes: 8 }));
    assert_eq!(stored(recovered.restored), states_of(&history()).pop().unwrap());
}

#[test]
fn a_damaged_old_log_is_refused_and_nothing_is_changed() {
    for (old, _) in old_logs() {
        for at in 0..old.len() - 16 {
            let mut damaged = old.clone();
            damaged[at] ^= 1;
            let fs = holding(&damaged);
            let error = open(&fs).unwrap_err();
            assert!(
                matches!(
                    error,
                    OpenError::Corrupt { .. } | OpenError::NotALog { .. } | OpenError::WrongCluster { .. }
                ),
                "byte {at}: {error}"
            );
            assert_eq!(fs.contents(&log()).unwrap(), damaged);
            assert!(segments(&fs).is_empty());
        }
    }
}

#[test]
fn an_old_log_without_its_snapshot_is_refused_before_anything_is_changed() {
    let fs = holding(&bytes(RELEASED));
    fs.remove(&snapshot_path(last_snapshot().last)).unwrap();
    assert!(matches!(open(&fs).unwrap_err(), OpenError::NoSnapshot { .. }));
    assert!(segments(&fs).is_empty());
}

#[test]
fn the_end_of_a_log_is_where_its_last_write_ends() {
    let fs = holding(&bytes(VERSION_2));
    assert_eq!(raftdeck_storage::log_end(&fs, dir()).unwrap(), None);
    let (mut store, _) = open(&fs).unwrap();
    let (file, before) = (newest(&fs), end(&fs));
    store.append(&[purges(1, 2)]).unwrap();
    assert_eq!((newest(&fs), end(&fs)), (file, before + 16 + 3));
}
