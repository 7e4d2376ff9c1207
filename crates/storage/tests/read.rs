//! Reading entries back: what is asked for comes, wherever it lies and whatever was removed and written anew since, and
//! nothing that its checksum does not confirm.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use proptest::prelude::*;
use raftdeck_raft::{Entry, LogIndex, Persist, Restored};
use raftdeck_storage::fs::{FileSystem, MemoryFs, Survival};
use raftdeck_storage::{LogOptions, LogStore};
use scene::{
    appends, barrier, carry_out, entry, hard_state, id, meta, newest, open_with, segments, sized,
    snapshot_file, snapshot_path, votes,
};

const SMALL: LogOptions = LogOptions { segment_bytes: 1500, cache_bytes: 300, background: false };

/// Entries 1 to `last` of about 100 bytes, in segments of a dozen.
fn filled(fs: &MemoryFs, last: u64) -> (LogStore, Vec<Entry>) {
    drop(open_with(fs, &SMALL).unwrap());
    fs.put(&snapshot_path(id(9, 1000)), &snapshot_file(&meta(9, 1000), b""));
    let (mut store, _) = open_with(fs, &SMALL).unwrap();
    store.append(&[votes(1, 2)]).unwrap();
    let entries: Vec<_> = (1..=last).map(|index| entry(1, index, &format!("{index:0100}"))).collect();
    for entry in &entries {
        store.append(&[appends([entry.clone()])]).unwrap();
    }
    (store, entries)
}

fn read(store: &LogStore, first: u64, last: u64, max_bytes: usize) -> Vec<Entry> {
    store.read(LogIndex(first), LogIndex(last), max_bytes).unwrap()
}

#[test]
fn any_range_comes_back_across_segments() {
    let fs = MemoryFs::new();
    let (store, entries) = filled(&fs, 60);
    assert!(segments(&fs).len() > 4);
    for first in 1..=60 {
        for last in first..=60 {
            let range = usize::try_from(first - 1).unwrap()..usize::try_from(last).unwrap();
            assert_eq!(read(&store, first, last, usize::MAX), entries[range]);
        }
    }
    drop(store);
    let (store, recovered) = open_with(&fs, &SMALL).unwrap();
    assert_eq!(recovered.restored.entries, entries[57..]);
    assert_eq!(read(&store, 1, 60, usize::MAX), entries);
}

#[test]
fn the_bytes_asked_for_are_the_limit_and_one_entry_the_least() {
    let fs = MemoryFs::new();
    let (store, entries) = filled(&fs, 30);
    assert_eq!(read(&store, 5, 30, 0), entries[4..5]);
    assert_eq!(read(&store, 5, 30, 299), entries[4..6]);
    assert_eq!(read(&store, 5, 30, 300), entries[4..7]);
    assert_eq!(read(&store, 5, 6, 1000), entries[4..6]);
}

#[test]
fn what_the_log_does_not_hold_does_not_come() {
    let fs = MemoryFs::new();
    let (mut store, entries) = filled(&fs, 30);
    store.append(&[scene::purges(1, 9)]).unwrap();
    store.tend().unwrap();
    for (first, last) in [(0, 30), (1, 30), (9, 30), (31, 40), (12, 11)] {
        assert_eq!(read(&store, first, last, usize::MAX), []);
    }
    assert_eq!(read(&store, 10, u64::MAX, usize::MAX), entries[9..]);
}

#[test]
fn damage_is_found_where_it_is_and_nothing_of_the_frame_comes() {
    let fs = MemoryFs::new();
    let (store, entries) = filled(&fs, 60);
    let all = segments(&fs);
    let path = &all[2];
    let before = read(&store, 1, 60, usize::MAX).len();
    assert_eq!(before, 60);
    fs.flip_bit(path, 700 * 8);
    let error = store.read(LogIndex(1), LogIndex(60), usize::MAX).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{} is damaged at byte ", path.display()))
            && error.contains("its content was valid before and is damaged now; the node must stop"),
        "{error}"
    );
    // What needs nothing of that file comes as before.
    assert_eq!(read(&store, 1, 10, usize::MAX), entries[..10]);
    fs.flip_bit(path, 700 * 8);
    fs.remove(path).unwrap();
    let error = store.read(LogIndex(1), LogIndex(60), usize::MAX).unwrap_err().to_string();
    assert!(error.contains(&format!("{} is damaged at byte 0: it was removed", path.display())), "{error}");
    assert!(!fs.exists(path).unwrap());
    assert!(newest(&fs) > *path);
}

#[test]
fn what_cannot_be_read_is_told_by_place_or_by_what_the_system_says() {
    let fs = MemoryFs::new();
    let (store, _) = filled(&fs, 60);
    let path = &segments(&fs)[2];
    // In the middle of a header, which is read on the way from one segment to the next.
    fs.flip_bit(path, 20 * 8);
    let error = store.read(LogIndex(1), LogIndex(60), usize::MAX).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{} is damaged at byte 16: ", path.display())), "{error}");
    fs.crash(Survival::Process);
    let error = store.read(LogIndex(60), LogIndex(60), usize::MAX).unwrap_err().to_string();
    let expected = format!("cannot read {}: the virtual disk crashed", newest(&fs).display());
    assert!(error.starts_with(&expected), "{error}");
}

#[test]
fn a_group_larger_than_what_is_read_at_once_comes_back() {
    let fs = MemoryFs::new();
    let (mut store, _) = open_with(&fs, &sized(1000)).unwrap();
    let large = "x".repeat(1 << 20);
    store.append(&[votes(1, 1), appends((1..=3).map(|index| entry(1, index, &large)))]).unwrap();
    assert_eq!(read(&store, 2, 3, usize::MAX), [entry(1, 2, &large), entry(1, 3, &large)]);
}

/// What a follower's log goes through.
#[derive(Clone, Debug)]
enum Step {
    /// Removes the last entries, and appends this many of a new term.
    Write {
        remove: u64,
        sizes: Vec<usize>,
    },
    Purge {
        keep: u64,
    },
    Restart,
    Tend,
}

fn step() -> impl Strategy<Value = Step> {
    let sizes = proptest::collection::vec(0_usize..400, 0..12);
    prop_oneof![
        6 => (prop_oneof![3 => Just(0), 1 => 1_u64..20], sizes)
            .prop_map(|(remove, sizes)| Step::Write { remove, sizes }),
        1 => (0_u64..30).prop_map(|keep| Step::Purge { keep }),
        1 => Just(Step::Restart),
        1 => Just(Step::Tend),
    ]
}

/// The write that a step means after `state`, if it is one.
fn write(step: &Step, state: &Restored) -> Option<Persist> {
    let purged = state.purged.index.0;
    let last = purged + state.entries.len() as u64;
    match step {
        Step::Write { remove, sizes } => {
            let term = state.hard_state.term.0 + 1;
            let from = last.saturating_sub(*remove).max(purged) + 1;
            let entries =
                (from..).zip(sizes).map(|(index, size)| entry(term, index, &index.to_string().repeat(*size)));
            Some(Persist {
                hard_state: Some(hard_state(term, 0)),
                truncate: (from <= last).then_some(LogIndex(from)),
                ..appends(entries)
            })
        }
        Step::Purge { keep } => {
            let through = LogIndex(last.saturating_sub(*keep).min(1000));
            let id = state.entries.iter().find(|entry| entry.id.index == through)?.id;
            Some(Persist { purge: Some(id), ..barrier() })
        }
        Step::Restart | Step::Tend => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn after_any_history_the_log_is_read_as_it_is_now(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let fs = MemoryFs::new();
        drop(open_with(&fs, &SMALL).unwrap());
        fs.put(&snapshot_path(id(0, 1000)), &snapshot_file(&meta(0, 1000), b""));
        let (mut store, _) = open_with(&fs, &SMALL).unwrap();
        let mut state = Restored::default();
        for step in &steps {
            match write(step, &state) {
                Some(write) => {
                    store.append(std::slice::from_ref(&write)).unwrap();
                    carry_out(&mut state, &write);
                }
                None if matches!(step, Step::Tend) => store.tend().unwrap(),
                None => {
                    drop(store);
                    let recovered;
                    (store, recovered) = open_with(&fs, &SMALL).unwrap();
                    let restored = recovered.restored;
                    // What is handed out and what is said to be on the disk are together the log.
                    let on_disk = restored.on_disk.iter().flat_map(|run| {
                        (run.first.0..=run.last.0).map(|index| (run.term.0, index))
                    });
                    let ids = restored.entries.iter().map(|entry| (entry.id.term.0, entry.id.index.0));
                    let expected = state.entries.iter().map(|entry| (entry.id.term.0, entry.id.index.0));
                    prop_assert!(on_disk.chain(ids).eq(expected));
                    prop_assert_eq!(restored.purged, state.purged);
                }
            }
            let first = state.purged.index.0 + 1;
            let entries = read(&store, first, u64::MAX, usize::MAX);
            prop_assert_eq!(&entries, &state.entries);
            let middle = entries.len() / 2;
            let from = read(&store, first + middle as u64, u64::MAX, 500);
            prop_assert_eq!(&from[..], &entries[middle..middle + from.len()]);
            prop_assert!(!from.is_empty() || entries.is_empty());
        }
    }
}
