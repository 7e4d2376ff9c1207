//! A log of many segments: each byte of each of them counts, none may be missing, those that are not needed go and are used
//! again, and the next one is prepared ahead.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::{Entry, LogIndex, Membership, NodeId, Payload, Persist, Restored};
use raftdeck_storage::fs::{DiskFs, FileSystem, MemoryFs, Survival};
use raftdeck_storage::{LogOptions, LogStore, OpenError, TornTail};
use scene::{
    appends, dir, entry, hard_state, id, last_snapshot, log, meta, newest, open_with, pasts, purges, segment,
    segments, sized, snapshot_file, snapshot_path, states_of, votes,
};
use std::path::PathBuf;

/// Hardly more than one group fits into these.
fn tiny() -> LogOptions {
    sized(118)
}

/// A disk with a snapshot that has all that will be released.
fn with_snapshot() -> MemoryFs {
    let fs = MemoryFs::new();
    drop(open_with(&fs, &sized(1000)).unwrap());
    fs.put(&snapshot_path(id(9, 1_000_000)), &snapshot_file(&meta(9, 1_000_000), b""));
    fs
}

/// A write of one entry with a command of this many bytes.
fn one(index: u64, bytes: usize) -> Persist {
    appends([entry(1, index, &format!("{index} {}", "x".repeat(bytes)))])
}

/// A store with entries 1 to `last`, each of about 100 bytes and in a write of its own, in segments of 1000.
fn filled(fs: &MemoryFs, last: u64) -> LogStore {
    let (mut store, _) = open_with(fs, &sized(1000)).unwrap();
    store.append(&[votes(1, 2)]).unwrap();
    for index in 1..=last {
        store.append(&[one(index, 100)]).unwrap();
    }
    store
}

fn reopened(fs: &MemoryFs, store: LogStore) -> (LogStore, Restored) {
    drop(store);
    let (store, recovered) = open_with(fs, &sized(1000)).unwrap();
    assert_eq!(recovered.repaired, None);
    (store, Restored { snapshot: None, ..recovered.restored })
}

/// All files of a log with these groups in many segments, and its last state.
fn written(past: &[Vec<Persist>]) -> (Vec<(PathBuf, Vec<u8>)>, Restored) {
    let fs = MemoryFs::new();
    let (mut store, _) = open_with(&fs, &tiny()).unwrap();
    for group in past {
        store.append(group).unwrap();
    }
    let snapshot = last_snapshot();
    fs.put(&snapshot_path(snapshot.last), &snapshot_file(&snapshot, b""));
    let files = fs.list(dir()).unwrap().into_iter().map(|path| (path.clone(), fs.contents(&path).unwrap()));
    (files.collect(), states_of(past).pop().unwrap())
}

fn holding(files: &[(PathBuf, Vec<u8>)]) -> MemoryFs {
    let fs = MemoryFs::new();
    for (path, bytes) in files {
        fs.put(path, bytes);
    }
    fs
}

#[test]
fn a_flipped_bit_in_any_segment_is_refused_or_without_effect() {
    for past in pasts() {
        let (files, last) = written(&past);
        let needed = segments(&holding(&files));
        assert!(needed.len() > 1, "several segments: {needed:?}");
        let mut refusals = 0;
        for path in &needed {
            for bit in 0..holding(&files).contents(path).unwrap().len() * 8 {
                let fs = holding(&files);
                fs.flip_bit(path, bit);
                match open_with(&fs, &tiny()) {
                    Ok((_, recovered)) => {
                        let restored = Restored { snapshot: None, ..recovered.restored };
                        assert_eq!(restored, last, "bit {bit} of {}", path.display());
                    }
                    Err(OpenError::Corrupt { file, .. }) => {
                        // Where one segment ends, its neighbour says.
                        assert!(needed.contains(&file));
                        refusals += 1;
                    }
                    Err(OpenError::Newer { .. }) => refusals += 1,
                    Err(other) => panic!("bit {bit} of {}: {other}", path.display()),
                }
            }
        }
        assert!(refusals > 1000, "{refusals}");
    }
}

#[test]
fn a_segment_cut_anywhere_is_refused_also_behind_what_it_holds() {
    for past in pasts() {
        let (files, _) = written(&past);
        for path in segments(&holding(&files)) {
            let whole = holding(&files).contents(&path).unwrap();
            for cut in 0..whole.len() {
                let fs = holding(&files);
                fs.put(&path, &whole[..cut]);
                match open_with(&fs, &tiny()).unwrap_err() {
                    OpenError::Corrupt { file, .. } | OpenError::WrongLength { file, .. } => {
                        assert_eq!(file, path, "cut at {cut}");
                    }
                    other => panic!("{other}"),
                }
            }
        }
    }
}

#[test]
fn a_missing_segment_is_refused_by_name_also_the_last_one() {
    let fs = MemoryFs::new();
    let store = filled(&fs, 40);
    drop(store);
    let all = segments(&fs);
    assert!(all.len() > 3);
    for path in &all {
        let bytes = fs.contents(path).unwrap();
        fs.remove(path).unwrap();
        let error = open_with(&fs, &sized(1000)).unwrap_err();
        assert!(matches!(&error, OpenError::MissingSegment { file } if file == path), "{error}");
        fs.put(path, &bytes);
        fs.crash(Survival::Process);
    }
    open_with(&fs, &sized(1000)).unwrap();
}

#[test]
fn segments_without_the_file_that_names_their_owner_are_refused() {
    let fs = MemoryFs::new();
    drop(filled(&fs, 1));
    fs.remove(&log()).unwrap();
    let error = open_with(&fs, &sized(1000)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "/data/n1/raft.log is missing, and other parts of its log are present: it was removed. Put it back, \
         or leave the other members running, empty this member's data \
             directory, start it again, and run `raftdeck client member replace ID` with its id, if a majority of the members still has its disks (docs/members.md)"
    );
}

#[test]
fn another_log_s_segment_is_refused() {
    let fs = MemoryFs::new();
    drop(filled(&fs, 1));
    let other = MemoryFs::new();
    drop(LogStore::open_with(&other, dir(), raftdeck_raft::NodeId(2), "deck", &sized(1000)).unwrap());
    fs.put(&segment(1), &other.contents(&segment(1)).unwrap());
    let error = open_with(&fs, &sized(1000)).unwrap_err().to_string();
    assert!(error.contains("it is a segment of another log"), "{error}");
}

#[test]
fn a_purge_costs_nothing_but_itself_and_its_segments_go() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 200);
    assert!(segments(&fs).len() > 20);
    let syncs = fs.syncs();
    store.append(&[purges(1, 190)]).unwrap();
    assert_eq!(fs.syncs(), syncs + 1);
    store.tend().unwrap();
    assert!(segments(&fs).len() <= 3, "{:?}", segments(&fs));
    store.append(&[one(201, 100)]).unwrap();
    let (_store, restored) = reopened(&fs, store);
    assert_eq!((restored.purged, restored.hard_state), (id(1, 190), hard_state(1, 2)));
    let expected: Vec<_> = (191..=201).flat_map(|index| one(index, 100).entries).collect();
    assert_eq!(restored.entries, expected);
}

#[test]
fn a_snapshot_that_takes_the_log_s_place_frees_all_but_the_newest_segment() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 100);
    let reset = Persist { hard_state: Some(hard_state(5, 0)), ..scene::resets(4, 5000) };
    store.append(&[reset]).unwrap();
    store.tend().unwrap();
    assert_eq!(segments(&fs).len(), 1);
    store.append(&[appends([entry(5, 5001, "next")])]).unwrap();
    let (mut store, restored) = reopened(&fs, store);
    assert_eq!((restored.purged, restored.hard_state), (id(4, 5000), hard_state(5, 0)));
    assert_eq!(restored.entries, [entry(5, 5001, "next")]);
    store.append(&[appends([entry(5, 5002, "")])]).unwrap();
}

#[test]
fn steady_writing_and_purging_uses_the_same_files_again() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 20);
    let (mut most, mut made) = (0, 0);
    for index in 21..=3000 {
        let files = fs.list(dir()).unwrap().len();
        store.append(&[one(index, 100)]).unwrap();
        // A new name beside the old ones, and not one of them in another's place.
        made += usize::from(fs.list(dir()).unwrap().len() > files);
        if index % 30 == 0 {
            store.append(&[purges(1, index - 20)]).unwrap();
        }
        store.tend().unwrap();
        most = most.max(fs.list(dir()).unwrap().len());
    }
    assert!(most < 14, "{most} files");
    assert!(made < 20, "{made} files were made for hundreds of segments");
    let (_store, restored) = reopened(&fs, store);
    assert_eq!((restored.purged, restored.entries.len()), (id(1, 2980), 20));
}

/// What was there before looks like anything, so the frame's own head says how much of it is torn.
#[test]
fn a_torn_frame_in_a_file_that_is_used_again_is_reported_by_its_length() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 20);
    let mut index = 20;
    // Until there is something behind the seal: what an earlier segment has left.
    let is_used_again = || fs.contents(&newest(&fs)).unwrap()[scene::end(&fs) + 16..].iter().any(|b| *b != 0);
    while !is_used_again() {
        index += 1;
        store.append(&[one(index, 100)]).unwrap();
        store.append(&[purges(1, index - 5)]).unwrap();
        store.tend().unwrap();
        assert!(index < 200, "no file was used again");
    }
    let record = dir().join("log.end");
    let (path, from) = (newest(&fs), scene::end(&fs));
    let (before, recorded) = (fs.contents(&path).unwrap(), fs.contents(&record).unwrap());
    store.append(&[one(index + 1, 20)]).unwrap();
    drop(store);
    let (mut torn, to) = (fs.contents(&path).unwrap(), scene::end(&fs));
    assert_eq!(newest(&fs), path, "it is in the same segment");
    torn[to - 1] ^= 1;
    torn[to..].copy_from_slice(&before[to..]);
    fs.put(&path, &torn);
    fs.put(&record, &recorded);
    fs.crash(Survival::Process);
    let (_store, recovered) = open_with(&fs, &sized(1000)).unwrap();
    let tail = TornTail { file: path, offset: from as u64, bytes: (to - from) as u64 };
    assert_eq!(recovered.repaired, Some(tail));
    assert_eq!(recovered.restored.entries.last().unwrap().id, id(1, index));
}

#[test]
fn what_was_prepared_ahead_costs_a_turn_one_sync() {
    let fs = MemoryFs::new();
    let mut store = filled(&fs, 2);
    let mut turns = 0;
    for index in 3..50 {
        store.tend().unwrap();
        let (before, syncs) = (newest(&fs), fs.syncs());
        store.append(&[one(index, 100)]).unwrap();
        assert_eq!(fs.syncs(), syncs + 1);
        turns += usize::from(newest(&fs) != before);
    }
    assert!(turns > 3);
}

#[test]
fn segments_grow_up_to_their_full_size_and_have_it_before_they_are_written_to() {
    let fs = MemoryFs::new();
    let (mut store, _) = open_with(&fs, &sized(8 << 20)).unwrap();
    store.append(&[votes(1, 2)]).unwrap();
    let mut sizes = vec![fs.contents(&newest(&fs)).unwrap().len() >> 20];
    for index in 1..=400 {
        store.append(&[one(index, 50_000)]).unwrap();
        store.tend().unwrap();
        let size = fs.contents(&newest(&fs)).unwrap().len() >> 20;
        if sizes.last() != Some(&size) {
            sizes.push(size);
        }
    }
    assert_eq!(sizes, [1, 2, 4, 8]);
}

#[test]
fn a_segment_made_in_a_hurry_is_small_and_the_next_one_is_as_large_as_ever() {
    let fs = MemoryFs::new();
    let options = sized(4 << 20);
    let (mut store, _) = open_with(&fs, &options).unwrap();
    store.append(&[votes(1, 2)]).unwrap();
    let mut sizes = vec![0];
    for index in 1..=300 {
        store.append(&[one(index, 50_000)]).unwrap();
        // Nobody has time in the middle.
        if !(150..250).contains(&index) {
            store.tend().unwrap();
        }
        let size = fs.contents(&newest(&fs)).unwrap().len() >> 20;
        if sizes.last() != Some(&size) {
            sizes.push(size);
        }
    }
    assert_eq!(sizes, [0, 1, 2, 4, 1, 4]);
}

#[test]
fn a_group_larger_than_a_segment_has_one_for_itself() {
    let fs = MemoryFs::new();
    let mut store = filled(&fs, 3);
    store.append(&[one(4, 100_000)]).unwrap();
    assert!(fs.contents(&newest(&fs)).unwrap().len() > 100_000);
    store.append(&[one(5, 10)]).unwrap();
    assert_eq!(fs.contents(&newest(&fs)).unwrap().len(), 1000);
    assert_eq!(reopened(&fs, store).1.entries.len(), 5);
}

#[test]
fn a_full_disk_is_no_concern_as_long_as_the_segment_has_room() {
    let fs = MemoryFs::new();
    let mut store = filled(&fs, 1);
    let used: usize = fs.list(dir()).unwrap().iter().map(|path| fs.contents(path).unwrap().len()).sum();
    fs.set_capacity(Some(used + 10));
    let mut index = 2;
    let error = loop {
        if let Err(error) = store.append(&[one(index, 100)]) {
            break error.to_string();
        }
        store.tend().unwrap();
        index += 1;
    };
    assert!(index > 4, "there was room for some");
    assert!(
        error.starts_with("cannot write to /data/n1/log.spare-") && error.contains("disk full"),
        "{error}"
    );
    fs.set_capacity(None);
    fs.crash(Survival::Process);
    let (_store, recovered) = open_with(&fs, &sized(1000)).unwrap();
    assert_eq!(recovered.restored.entries.len() as u64, index - 1);
    assert!(!fs.list(dir()).unwrap().iter().any(|path| path.to_string_lossy().contains("spare")));
}

#[test]
fn a_failed_sync_of_what_is_prepared_is_final() {
    let fs = MemoryFs::new();
    let mut store = filled(&fs, 3);
    fs.fail_sync_after(0);
    let error = store.tend().unwrap_err().to_string();
    assert!(error.starts_with("cannot sync /data/n1/log.spare-"), "{error}");
    store.append(&[one(4, 1)]).unwrap_err();
}

#[test]
fn a_thread_prepares_and_takes_back_and_ends_with_the_store() {
    let dir = tempfile::TempDir::new().unwrap();
    let options = LogOptions { segment_bytes: 20_000, background: true, ..LogOptions::default() };
    let open = || LogStore::open_with(&DiskFs, dir.path(), scene::NODE, scene::CLUSTER, &options).unwrap();
    let (mut store, recovered) = open();
    let mut snapshots = recovered.snapshots;
    store.append(&[votes(1, 2)]).unwrap();
    for index in 1..=2000 {
        store.append(&[one(index, 100)]).unwrap();
        if index % 500 == 0 {
            snapshots.save(&meta(1, index), std::iter::empty()).unwrap();
            store.append(&[purges(1, index - 10)]).unwrap();
        }
    }
    // What the thread does not get to, the next start does.
    drop(store);
    let (mut store, recovered) = open();
    assert_eq!((recovered.restored.purged, recovered.restored.entries.len()), (id(1, 1990), 10));
    store.append(&[one(2001, 100)]).unwrap();
    drop(store);
    let names = std::fs::read_dir(dir.path()).unwrap().count();
    assert!(names < 20, "{names} files");
}

#[test]
fn only_the_newest_entries_are_handed_out_and_the_rest_is_read() {
    let fs = MemoryFs::new();
    let mut store = filled(&fs, 100);
    store.append(&[Persist { truncate: Some(LogIndex(96)), ..votes(2, 2) }]).unwrap();
    store.append(&[appends((96..=120).map(|index| entry(2, index, &"y".repeat(100))))]).unwrap();
    drop(store);
    let options = LogOptions { cache_bytes: 1000, ..sized(1000) };
    let (store, recovered) = open_with(&fs, &options).unwrap();
    let restored = recovered.restored;
    assert_eq!(restored.entries.first().unwrap().id, id(2, 111));
    assert_eq!(restored.entries.len(), 10);
    let runs: Vec<_> = restored.on_disk.iter().map(|run| (run.term.0, run.first.0, run.last.0)).collect();
    assert_eq!(runs, [(1, 1, 95), (2, 96, 110)]);
    let read = store.read(LogIndex(1), LogIndex(110), usize::MAX).unwrap();
    assert_eq!(read.len(), 110);
    assert_eq!(
        (read[0].clone(), read[94].id, read[95].id),
        (one(1, 100).entries[0].clone(), id(1, 95), id(2, 96))
    );
}

#[test]
fn what_a_purge_removes_leaves_room_for_newer_entries() {
    let fs = with_snapshot();
    let mut store = filled(&fs, 10);
    let size = one(10, 100).entries[0].payload.size();
    store.append(&[purges(1, 5)]).unwrap();
    store.append(&[one(11, 100)]).unwrap();
    store.append(&[one(12, 100)]).unwrap();
    drop(store);
    // Those with a number of one digit are a byte shorter.
    let options = LogOptions { cache_bytes: 7 * size - 4, ..sized(1000) };
    let (_store, recovered) = open_with(&fs, &options).unwrap();
    let expected: Vec<_> = (6..=12).flat_map(|index| one(index, 100).entries).collect();
    assert_eq!(recovered.restored.entries, expected);
}

#[test]
fn the_memberships_among_what_stays_on_the_disk_are_told_with_their_places() {
    let fs = with_snapshot();
    let (mut store, _) = open_with(&fs, &sized(1000)).unwrap();
    let of = |node| Membership::of([NodeId(node)].into());
    let joins =
        |index, node| Entry { payload: Payload::Membership(Box::new(of(node))), ..entry(1, index, "") };
    let plain = |index| entry(1, index, "plain");
    store.append(&[votes(1, 2)]).unwrap();
    let first = [plain(1), joins(2, 12), plain(3), joins(4, 14), plain(5), joins(6, 16), plain(7)];
    store.append(&[appends(first)]).unwrap();
    let anew = appends([plain(6), joins(7, 17), plain(8)]);
    store.append(&[Persist { truncate: Some(LogIndex(6)), ..anew }]).unwrap();
    let told = |cache_bytes| {
        let (store, recovered) = open_with(&fs, &LogOptions { cache_bytes, ..sized(1000) }).unwrap();
        let restored = recovered.restored;
        let on_disk: Vec<_> = restored.memberships_on_disk;
        assert!(on_disk.iter().all(|(index, membership)| *membership == of(index.0 + 10)));
        let places: Vec<_> = on_disk.iter().map(|(index, _)| index.0).collect();
        (store, restored.entries[0].id.index.0, places)
    };
    drop(store);
    let (_, first, places) = told(0);
    assert_eq!((first, places), (8, vec![2, 4, 7]));
    let both = joins(7, 17).payload.size() + plain(8).payload.size();
    let (mut store, first, places) = told(both);
    assert_eq!((first, places), (7, vec![2, 4]));
    store.append(&[purges(1, 2)]).unwrap();
    drop(store);
    let (_, first, places) = told(0);
    assert_eq!((first, places), (8, vec![4, 7]));
}

#[test]
fn a_write_that_contradicts_what_was_released_is_refused() {
    let refused = [
        (Persist { truncate: Some(LogIndex(50)), ..purges(1, 50) }, "cannot be truncated from index 50 on"),
        (purges(1, 101), "cannot be purged through entry 101 of term 1"),
        (purges(2, 60), "cannot be purged through entry 60 of term 2"),
        (scene::resets(1, 49), "cannot start anew after entry 49 of term 1: entries through 50 are gone"),
        (scene::resets(2, 200), "entry 200 has term 2, above the current term 1"),
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
