//! Where a log ends: what takes its tail away takes all of it, and `log.end` is true after each start, as far as the disk allows.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::Restored;
use raftdeck_storage::fs::{FileSystem, MemoryFs, Survival};
use raftdeck_storage::{LogEnd, LogOptions, OpenError, log_end, lose_tail};
use scene::{appends, dir, entry, history, log, open, open_with, segment, sized, states, votes};
use std::path::PathBuf;

fn record() -> PathBuf {
    dir().join("log.end")
}

/// A disk that holds the history.
fn written() -> MemoryFs {
    let fs = MemoryFs::new();
    let (mut store, _) = open(&fs).unwrap();
    for group in &history() {
        store.append(group).unwrap();
    }
    fs
}

#[test]
fn the_first_segment_can_lose_everything() {
    let fs = written();
    let LogEnd { start, end, .. } = log_end(&fs, dir()).unwrap().unwrap();
    assert!(start < end);
    assert_eq!(lose_tail(&fs, dir(), u64::MAX).unwrap(), Some(start));
    let LogEnd { file, end, .. } = log_end(&fs, dir()).unwrap().unwrap();
    assert_eq!((file, end), (segment(1), start));
    let (_store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored, Restored::default());
}

/// A segment of two MiB that begins with a frame of 200 KiB; then come one of 1200 and one of 300.
fn long() -> MemoryFs {
    let fs = MemoryFs::new();
    let (mut store, _) = open_with(&fs, &LONG).unwrap();
    let one = |index, kilobytes: usize| appends([entry(1, index, &"x".repeat(kilobytes << 10))]);
    store.append(&[votes(1, 2)]).unwrap();
    store.append(&[one(1, 900)]).unwrap();
    store.tend().unwrap();
    for (index, kilobytes) in [(2, 200), (3, 1200), (4, 300)] {
        store.append(&[one(index, kilobytes)]).unwrap();
    }
    fs
}

const LONG: LogOptions = LogOptions { segment_bytes: 4 << 20, cache_bytes: usize::MAX, background: false };

#[test]
fn a_later_segment_keeps_what_made_it_one_and_the_rest_can_go_however_long() {
    let fs = long();
    let LogEnd { file, start, end, size } = log_end(&fs, dir()).unwrap().unwrap();
    assert_eq!((file, size), (segment(2), 2 << 20));
    assert!(end - start > 1500 << 10);
    assert_eq!(lose_tail(&fs, dir(), u64::MAX).unwrap(), Some(start));
    let (_store, recovered) = open_with(&fs, &LONG).unwrap();
    assert_eq!(recovered.restored.entries.len(), 2);
}

#[test]
fn a_bad_frame_is_told_from_a_torn_one_however_far_behind_it_the_next_one_is() {
    let fs = long();
    let LogEnd { file, start, .. } = log_end(&fs, dir()).unwrap().unwrap();
    let bad = usize::try_from(start).unwrap() + 100;
    fs.flip_bit(&file, bad * 8);
    let error = open_with(&fs, &LONG).unwrap_err();
    assert!(
        matches!(&error, OpenError::Corrupt { file: named, offset, .. } if (named, offset) == (&file, &start))
    );
}

#[test]
fn a_start_writes_down_anew_how_far_the_log_goes() {
    let fs = written();
    let newest = fs.contents(&record()).unwrap();
    fs.remove(&record()).unwrap();
    drop(open(&fs).unwrap());
    assert_eq!(fs.contents(&record()).unwrap(), newest);
    // An older one, as a power loss may leave it.
    let older = MemoryFs::new();
    open(&older).unwrap().0.append(&history()[0]).unwrap();
    fs.put(&record(), &older.contents(&record()).unwrap());
    drop(open(&fs).unwrap());
    assert_eq!(fs.contents(&record()).unwrap(), newest);
}

#[test]
fn a_full_disk_takes_no_record_and_keeps_no_member_from_its_start() {
    let fs = written();
    fs.remove(&record()).unwrap();
    let used: usize = fs.list(dir()).unwrap().iter().map(|path| fs.contents(path).unwrap().len()).sum();
    fs.set_capacity(Some(used));
    let (mut store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored, *states().last().unwrap());
    store.append(&[votes(4, 1)]).unwrap();
}

#[test]
fn any_other_failure_to_write_the_record_is_refused_by_name() {
    let fs = written();
    fs.remove(&record()).unwrap();
    let mut refusals = Vec::new();
    for changes in 0.. {
        fs.crash(Survival::Process);
        fs.halt_after(changes);
        match open(&fs) {
            Ok(_) => break,
            Err(error) => refusals.push(error.to_string()),
        }
    }
    let is_about_it =
        |error: &String| error.starts_with("cannot write to /data/n1/log.end: the virtual machine");
    assert!(refusals.iter().any(is_about_it), "{refusals:?}");
}

/// Without `log.end` it is the last mark in a segment which says that there is another.
#[test]
fn a_missing_newest_segment_is_noticed_by_the_one_before_it() {
    let fs = MemoryFs::new();
    let (mut store, _) = open_with(&fs, &sized(300)).unwrap();
    store.append(&[votes(1, 2)]).unwrap();
    for index in 1..=8 {
        store.append(&[appends([entry(1, index, "of about forty bytes, and a few more")])]).unwrap();
    }
    drop(store);
    let LogEnd { file, .. } = log_end(&fs, dir()).unwrap().unwrap();
    assert!(file > segment(2));
    fs.remove(&file).unwrap();
    fs.remove(&record()).unwrap();
    let error = open_with(&fs, &sized(300)).unwrap_err();
    assert!(matches!(&error, OpenError::MissingSegment { file: missing } if *missing == file), "{error}");
}

/// Also if nothing but the frame itself says so.
#[test]
fn a_first_segment_with_one_frame_and_nothing_beside_it_belongs_to_a_log_that_was_taken_away() {
    let fs = MemoryFs::new();
    open(&fs).unwrap().0.append(&[votes(1, 2)]).unwrap();
    let LogEnd { file, start, end, .. } = log_end(&fs, dir()).unwrap().unwrap();
    let mut bytes = fs.contents(&file).unwrap();
    // Its seal never reached the disk.
    bytes[usize::try_from(end).unwrap()..].fill(0);
    assert!(start < end);
    for gone in [log(), record()] {
        fs.remove(&gone).unwrap();
    }
    fs.put(&file, &bytes);
    fs.crash(Survival::Process);
    assert!(matches!(open(&fs).unwrap_err(), OpenError::Headless { .. }));
}
