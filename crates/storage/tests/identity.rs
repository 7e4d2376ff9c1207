//! The identity of a data directory: made once, counted up at every start, never half there whenever the crash comes, and
//! told from one that was taken away, damaged, or brought from elsewhere.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::{Boot, ClusterId, HardState, Incarnation, NodeId};
use raftdeck_storage::fs::{FileSystem, MemoryFs, Survival};
use raftdeck_storage::{Founders, Life, LogStore, OpenError, Recovered, forget};
use scene::{CLUSTER, NODE, dir, log, open, segment, segments, sized, votes};
use std::collections::BTreeMap;
use std::path::PathBuf;

const FIRST: Incarnation = Incarnation([1; 16]);
const SECOND: Incarnation = Incarnation([2; 16]);

fn path() -> PathBuf {
    dir().join("identity")
}

fn start(fs: &MemoryFs, fresh: Incarnation) -> Result<(LogStore, Recovered, Life), OpenError> {
    LogStore::start_life(fs, dir(), NODE, CLUSTER, &sized(1 << 10), fresh)
}

/// What a start finds: the directory's identity and the number of the start.
fn started(fs: &MemoryFs, fresh: Incarnation) -> (Incarnation, u64) {
    let (_, _, life) = start(fs, fresh).unwrap();
    (life.incarnation(), life.boot())
}

fn power_loss(fs: &MemoryFs) {
    fs.crash(Survival::Nothing);
}

#[test]
fn a_directory_gets_one_identity_and_counts_its_starts() {
    let fs = MemoryFs::new();
    for boot in 1..=5 {
        let fresh = if boot == 1 { FIRST } else { SECOND };
        assert_eq!(started(&fs, fresh), (FIRST, boot));
        power_loss(&fs);
    }
}

#[test]
fn what_is_kept_in_it_survives_a_power_loss() {
    let fs = MemoryFs::new();
    let met = BTreeMap::from([(SECOND, Boot { number: 3, nonce: 9 })]);
    let cluster = ClusterId([5; 16]);
    {
        let (_store, _, mut life) = start(&fs, FIRST).unwrap();
        assert_eq!((life.cluster(), life.met().len()), (None, 0));
        life.keep_cluster(cluster).unwrap();
        life.keep_met(met.clone()).unwrap();
    }
    power_loss(&fs);
    let (_store, _, mut life) = start(&fs, FIRST).unwrap();
    assert_eq!((life.cluster(), life.met()), (Some(cluster), &met));
    life.keep_cluster(cluster).unwrap();
    let other = life.keep_cluster(ClusterId([6; 16])).unwrap_err();
    assert!(matches!(other, OpenError::OtherCluster { owner, .. } if owner == cluster), "{other}");
}

#[test]
fn a_crash_at_any_step_leaves_one_identity_and_a_number_that_was_not_used() {
    for halt in 0..40 {
        let fs = MemoryFs::new();
        let mut used = 0;
        for turn in 0..3_u8 {
            fs.halt_after(halt);
            if let Ok((_, _, life)) = start(&fs, Incarnation([turn + 1; 16])) {
                assert!(life.boot() > used, "halt after {halt}, turn {turn}");
                used = life.boot();
            }
            power_loss(&fs);
        }
        let (incarnation, boot) = started(&fs, SECOND);
        assert!(boot > used, "halt after {halt}");
        power_loss(&fs);
        assert_eq!(started(&fs, FIRST), (incarnation, boot + 1), "halt after {halt}");
    }
}

/// `raft.log` of node 1 in cluster `deck` as version 3 wrote it.
const VERSION_3: &[u8] =
    b"raftdeck\x03\x00\x00\x00\xbb\xe5\xc5\x9a\x06\x00\x00\x00\xd3\x2b\x74\x0e\x01\x04deck";

#[test]
fn a_directory_of_an_older_release_gets_an_identity_at_its_first_start_however_that_is_interrupted() {
    for halt in 0..40 {
        let fs = MemoryFs::new();
        open(&fs).unwrap().0.append(&[votes(3, 2)]).unwrap();
        fs.put(&log(), VERSION_3);
        fs.halt_after(halt);
        let _ = start(&fs, FIRST);
        power_loss(&fs);
        let (_, recovered, life) = start(&fs, FIRST).unwrap();
        assert_eq!(recovered.restored.hard_state, scene::hard_state(3, 2), "halt after {halt}");
        assert_eq!(life.incarnation(), FIRST);
        assert_eq!(fs.contents(&log()).unwrap()[8], 4, "older programs refuse it by its version");
    }
}

#[test]
fn a_log_that_was_taken_away_is_noticed() {
    let fs = MemoryFs::new();
    assert_eq!(started(&fs, FIRST), (FIRST, 1));
    fs.remove(&log()).unwrap();
    for file in segments(&fs) {
        fs.remove(&file).unwrap();
    }
    let error = start(&fs, SECOND).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/data/n1/raft.log is missing, although this data directory was used before: its log was removed, and \
         with it the votes and entries that this member acknowledged. Put it back, or leave the other members running, empty \
         this member's data directory, start it again, and run `raftdeck client member replace ID` with its id, if a majority of the members still has its disks (docs/members.md)"
    );
    assert!(!fs.exists(&segment(1)).unwrap(), "nothing was changed");
}

#[test]
fn an_identity_that_was_taken_away_is_noticed() {
    let fs = MemoryFs::new();
    assert_eq!(started(&fs, FIRST), (FIRST, 1));
    fs.remove(&path()).unwrap();
    let error = start(&fs, SECOND).unwrap_err();
    assert!(matches!(error, OpenError::NoIdentity { .. }), "{error}");
    assert!(error.to_string().contains("`raftdeck client member replace ID`"), "{error}");
    assert!(!fs.exists(&path()).unwrap(), "nothing was changed");
}

#[test]
fn a_damaged_identity_is_refused_and_left_alone() {
    let fs = MemoryFs::new();
    assert_eq!(started(&fs, FIRST), (FIRST, 1));
    let sound = fs.contents(&path()).unwrap();
    for bit in 0..sound.len() * 8 {
        fs.put(&path(), &sound);
        fs.flip_bit(&path(), bit);
        let damaged = fs.contents(&path()).unwrap();
        let error = start(&fs, SECOND).unwrap_err();
        assert!(matches!(error, OpenError::Identity { .. } | OpenError::Newer { .. }), "bit {bit}: {error}");
        assert_eq!(fs.contents(&path()).unwrap(), damaged, "bit {bit}");
    }
}

#[test]
fn the_identity_of_another_node_is_refused() {
    let fs = MemoryFs::new();
    let other = std::path::Path::new("/data/n2");
    drop(LogStore::start_life(&fs, other, NodeId(2), CLUSTER, &sized(1 << 10), SECOND).unwrap());
    assert_eq!(started(&fs, FIRST), (FIRST, 1));
    fs.put(&path(), &fs.contents(&other.join("identity")).unwrap());
    let error = start(&fs, FIRST).unwrap_err();
    assert!(error.to_string().contains("it belongs to another node's directory"), "{error}");
}

#[test]
fn a_directory_that_was_made_to_forget_is_the_same_one_with_an_empty_log() {
    let fs = MemoryFs::new();
    let founders = Founders::from([(NODE, "a:1".to_owned())]);
    {
        let (mut store, _, _) = start(&fs, FIRST).unwrap();
        store.papers().origin(&founders, true).unwrap();
        store.append(&[votes(3, 1)]).unwrap();
    }
    assert!(forget(&fs, dir()).unwrap());
    let (store, recovered, life) = start(&fs, SECOND).unwrap();
    assert_eq!(life.incarnation(), FIRST);
    assert_eq!(recovered.restored.hard_state, HardState::default());
    assert_eq!(store.papers().origin(&Founders::new(), true).unwrap().founders, founders);
}
