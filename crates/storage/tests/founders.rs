//! How a member came into its cluster, and the cluster's secret: with whom a member started is recorded once and found by every
//! later start, each stage replaces the one before it; damaged files are refused, and none is ever half there, whenever the crash
//! comes.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::{Incarnation, NodeId};
use raftdeck_storage::fs::{DiskFs, FileSystem, MemoryFs, Survival};
use raftdeck_storage::{Founders, LogStore, MemberFiles, OpenError, Origin, OriginStage};
use scene::{CLUSTER, NODE, dir, log, open, votes};
use std::path::PathBuf;

fn path() -> PathBuf {
    dir().join("founders")
}

fn new_path() -> PathBuf {
    dir().join("founders.new")
}

fn three() -> Founders {
    (1..=3).map(|id| (NodeId(id), format!("host{id}:8080"))).collect()
}

fn alone() -> Founders {
    [(NODE, "127.0.0.1:0".to_owned())].into()
}

/// One start of a member that asks for these.
fn start(fs: &MemoryFs, asked: &Founders) -> Result<Founders, OpenError> {
    origin(fs, asked).map(|origin| origin.founders)
}

fn origin(fs: &MemoryFs, asked: &Founders) -> Result<Origin, OpenError> {
    open(fs)?.0.papers().origin(asked, true)
}

fn with_papers<T>(
    fs: &MemoryFs,
    act: impl FnOnce(MemberFiles) -> Result<T, OpenError>,
) -> Result<T, OpenError> {
    let (store, _) = open(fs)?;
    act(store.papers())
}

/// What a member records as it comes into a cluster.
fn stages() -> Vec<Origin> {
    let disks: std::collections::BTreeMap<_, _> =
        (1..=3).map(|id| (NodeId(id), Incarnation([u8::try_from(id).unwrap(); 16]))).collect();
    let origin = |stage| Origin { founders: three(), stage };
    vec![
        origin(OriginStage::Gathering),
        origin(OriginStage::Adopted(disks.clone())),
        origin(OriginStage::Founded(disks)),
    ]
}

fn power_loss(fs: &MemoryFs) {
    fs.crash(Survival::Nothing);
}

#[test]
fn the_first_start_records_and_every_later_one_finds_that() {
    for (first, later) in [(three(), alone()), (alone(), three()), (Founders::new(), three())] {
        let fs = MemoryFs::new();
        assert_eq!(start(&fs, &first).unwrap(), first);
        for asked in [&later, &first, &Founders::new()] {
            power_loss(&fs);
            assert_eq!(start(&fs, asked).unwrap(), first, "asked for {asked:?}");
        }
    }
}

#[test]
fn the_real_file_system_keeps_them_too() {
    let dir = tempfile::tempdir().unwrap();
    for asked in [three(), alone(), Founders::new()] {
        let (store, _) = LogStore::open(&DiskFs, dir.path(), NODE, CLUSTER).unwrap();
        assert_eq!(store.papers().origin(&asked, true).unwrap().founders, three());
    }
    assert!(!dir.path().join("founders.new").exists());
}

#[test]
fn a_log_without_founders_is_of_an_earlier_release_and_takes_those_asked_for_now() {
    let fs = MemoryFs::new();
    let (mut store, _) = open(&fs).unwrap();
    store.append(&[votes(3, 2)]).unwrap();
    drop(store);
    let former = with_papers(&fs, |papers| papers.origin(&three(), false)).unwrap();
    assert_eq!(former, Origin { founders: three(), stage: OriginStage::Former });
    power_loss(&fs);
    assert_eq!(start(&fs, &alone()).unwrap(), three());
    assert_eq!(open(&fs).unwrap().1.restored.hard_state, scene::hard_state(3, 2));
}

#[test]
fn a_later_start_writes_nothing() {
    let fs = MemoryFs::new();
    start(&fs, &three()).unwrap();
    let (syncs, before) = (fs.syncs(), fs.contents(&path()));
    start(&fs, &alone()).unwrap();
    assert_eq!((fs.syncs(), fs.contents(&path())), (syncs, before));
}

/// How the unsynced bytes and names may survive.
fn survivals(unsynced: usize) -> impl Iterator<Item = Survival> {
    let prefixes = (0..=unsynced).map(Survival::Prefix);
    [Survival::Process, Survival::Nothing].into_iter().chain(prefixes).chain((0..32).map(Survival::Sectors))
}

#[test]
fn a_crash_at_any_step_leaves_the_whole_record_or_none_and_one_that_was_relied_on_stays() {
    let mut cases = 0;
    let mut done = false;
    for changes in 0.. {
        let until = || {
            let fs = MemoryFs::new();
            fs.halt_after(changes);
            let recorded = start(&fs, &three());
            (fs, recorded)
        };
        let (fs, recorded) = until();
        for survival in survivals(fs.unsynced(&new_path()).max(fs.unsynced(&path()))) {
            let (fs, recorded) = until();
            fs.crash(survival);
            let context = format!("{survival:?} after {changes} changes");
            let whole = fs.contents(&path()).is_some();
            let found = start(&fs, &alone()).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_eq!(found, if whole { three() } else { alone() }, "{context}");
            assert!(recorded.is_err() || whole, "{context}: what a start relied on is gone");
            assert_eq!(fs.contents(&new_path()), None, "{context}: something is left over");
            // What the second start relies on stays as well, also if the first one's last step had not reached the disk.
            power_loss(&fs);
            assert_eq!(start(&fs, &Founders::new()).unwrap(), found, "{context}");
            cases += 1;
        }
        if recorded.is_ok() {
            done = true;
            break;
        }
    }
    assert!(done && cases > 300, "only {cases} cases were tried");
}

#[test]
fn a_failed_sync_is_an_error_and_the_next_start_records() {
    let fs = MemoryFs::new();
    let (store, _) = open(&fs).unwrap();
    fs.fail_sync_after(0);
    let error = store.papers().origin(&three(), true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot create /data/n1/founders.new: the virtual disk failed to sync; check that this user may read and write \
         there and that the disk is sound"
    );
    drop(store);
    power_loss(&fs);
    assert_eq!(start(&fs, &alone()).unwrap(), alone());
}

/// Puts these bytes in the record's place and starts: a refusal that names the file and changes nothing.
#[track_caller]
fn assert_refused(bytes: &[u8]) -> OpenError {
    let fs = MemoryFs::new();
    start(&fs, &three()).unwrap();
    fs.put(&path(), bytes);
    let log_before = fs.contents(&log());
    let error = start(&fs, &three()).expect_err("is refused");
    assert!(error.to_string().contains("/data/n1/founders"), "{error}");
    assert_eq!(fs.contents(&path()).as_deref(), Some(bytes));
    assert_eq!((fs.contents(&log()), fs.contents(&new_path())), (log_before, None));
    error
}

#[test]
fn every_cut_and_every_flipped_bit_is_refused_and_nothing_is_overwritten() {
    let fs = MemoryFs::new();
    start(&fs, &three()).unwrap();
    let sound = fs.contents(&path()).unwrap();
    for cut in 0..sound.len() {
        let error = assert_refused(&sound[..cut]);
        assert!(matches!(error, OpenError::Founders { .. }), "cut at {cut}: {error}");
    }
    for bit in 0..sound.len() * 8 {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = assert_refused(&bytes);
        assert!(matches!(error, OpenError::Founders { .. }), "bit {bit}: {error}");
    }
    assert_refused(&[&sound[..], &[0]].concat());
    assert_refused(&vec![b'x'; 5 << 20]);
}

#[test]
fn a_refusal_says_what_to_do() {
    assert_eq!(
        assert_refused(b"").to_string(),
        "/data/n1/founders, which holds the founding members of this node, is invalid: it does \
         not start with the expected bytes. Nothing was changed. Check the disk and keep a copy of the file. If you know for certain how this \
         directory was first started, move the file away and start with the same --cluster or --join; otherwise leave the other members running, empty this member's data \
             directory, start it again, and run `raftdeck client member replace ID` with its id, if a majority of the members still has its disks (docs/members.md)"
    );
}

#[test]
fn the_record_of_another_member_or_cluster_is_refused() {
    for (node, cluster) in [(NodeId(2), CLUSTER), (NODE, "lab")] {
        let fs = MemoryFs::new();
        let (store, _) = LogStore::open(&fs, dir(), node, cluster).unwrap();
        store.papers().origin(&three(), true).unwrap();
        let error = assert_refused(&fs.contents(&path()).unwrap());
        assert!(error.to_string().contains("it is another member's"), "{error}");
    }
}

#[test]
fn a_record_of_a_later_version_is_refused_as_such() {
    let fs = MemoryFs::new();
    start(&fs, &three()).unwrap();
    let mut bytes = fs.contents(&path()).unwrap();
    bytes[8..12].copy_from_slice(&3_u32.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..20]);
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    assert!(matches!(assert_refused(&bytes), OpenError::Newer { found: 3, reads: 2, .. }));
}

#[test]
fn more_founding_members_than_fit_are_refused_before_anything_is_written() {
    let fs = MemoryFs::new();
    let (store, _) = open(&fs).unwrap();
    let papers = store.papers();
    let error = papers.origin(&[(NODE, "x".repeat(5 << 20))].into(), true).unwrap_err();
    assert!(matches!(error, OpenError::TooManyFounders { .. }), "{error}");
    assert!(!fs.exists(&path()).unwrap() && !fs.exists(&new_path()).unwrap());
    assert_eq!(papers.origin(&three(), true).unwrap().founders, three());
}

#[test]
fn each_stage_replaces_the_one_before_it_and_is_found_again() {
    let fs = MemoryFs::new();
    for stage in stages() {
        origin(&fs, &three()).unwrap();
        with_papers(&fs, |papers| papers.keep_origin(&stage)).unwrap();
        power_loss(&fs);
        assert_eq!(origin(&fs, &alone()).unwrap(), stage);
    }
}

#[test]
fn a_crash_between_two_stages_leaves_one_of_them_and_one_that_was_relied_on_stays() {
    let stages = stages();
    let mut cases = 0;
    for pair in stages.windows(2) {
        let [before, after] = pair else { unreachable!("two at a time") };
        for changes in 0.. {
            let until = || {
                let fs = MemoryFs::new();
                with_papers(&fs, |papers| papers.keep_origin(before)).unwrap();
                let (store, _) = open(&fs).unwrap();
                fs.halt_after(changes);
                let kept = store.papers().keep_origin(after);
                (fs, kept)
            };
            for survival in survivals(fs_unsynced(&until().0)) {
                let (fs, kept) = until();
                fs.crash(survival);
                let found = origin(&fs, &alone()).unwrap();
                assert!(found == *after || found == *before && kept.is_err(), "{survival:?} after {changes}");
                assert_eq!(fs.contents(&new_path()), None, "something is left over");
                cases += 1;
            }
            if until().1.is_ok() {
                break;
            }
        }
    }
    assert!(cases > 300, "only {cases} cases were tried");
}

fn fs_unsynced(fs: &MemoryFs) -> usize {
    fs.unsynced(&new_path()).max(fs.unsynced(&path()))
}

#[test]
fn the_secret_is_found_again_and_a_damaged_or_foreign_one_is_refused_with_what_to_do() {
    let secret = dir().join("secret");
    let fs = MemoryFs::new();
    assert_eq!(with_papers(&fs, |papers| papers.secret()).unwrap(), None);
    with_papers(&fs, |papers| papers.keep_secret("0123456789abcdef")).unwrap();
    power_loss(&fs);
    assert_eq!(with_papers(&fs, |papers| papers.secret()).unwrap().as_deref(), Some("0123456789abcdef"));
    let sound = fs.contents(&secret).unwrap();
    for bit in 0..sound.len() * 8 {
        let mut bytes = sound.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs.put(&secret, &bytes);
        let error = with_papers(&fs, |papers| papers.secret()).unwrap_err();
        assert!(
            error.to_string().starts_with("/data/n1/secret, which holds the cluster's secret"),
            "{error}"
        );
        assert!(error.to_string().ends_with("move the file away: the other members send the secret again"));
    }
    let other = MemoryFs::new();
    let papers = LogStore::open(&other, dir(), NodeId(2), CLUSTER).unwrap().0.papers();
    papers.keep_secret("0123456789abcdef").unwrap();
    fs.put(&secret, &other.contents(&secret).unwrap());
    let error = with_papers(&fs, |papers| papers.secret()).unwrap_err();
    assert!(error.to_string().contains("it is another member's"), "{error}");
}
