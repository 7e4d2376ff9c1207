//! The store on the real file system: who may use a data directory, and what each refusal says.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_raft::{NodeId, Restored};
use raftdeck_storage::fs::{DiskFs, FileSystem};
use raftdeck_storage::{LogEnd, LogStore, OpenError, Recovered, log_end};
use scene::{CLUSTER, NODE, appends, entry, history, meta, purges, states, votes};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn open(dir: &Path) -> Result<(LogStore, Recovered), OpenError> {
    LogStore::open(&DiskFs, dir, NODE, CLUSTER)
}

/// A directory that holds the history.
fn written() -> TempDir {
    let dir = TempDir::new().unwrap();
    let (mut store, _) = open(dir.path()).unwrap();
    for group in &history() {
        store.append(group).unwrap();
    }
    dir
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let above = TempDir::new().unwrap();
    let dir = above.path().join("made/on/the/way");
    let (mut store, recovered) = open(&dir).unwrap();
    assert_eq!(recovered.restored, Restored::default());
    for (group, state) in history().iter().zip(&states()[1..]) {
        store.append(group).unwrap();
        drop(store);
        let (reopened, recovered) = open(&dir).unwrap();
        assert_eq!(&recovered.restored, state);
        assert_eq!(recovered.repaired, None);
        store = reopened;
    }
}

#[test]
fn a_released_log_and_its_snapshot_are_there_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let (mut store, recovered) = open(dir.path()).unwrap();
    let mut snapshots = recovered.snapshots;
    store.append(&[votes(1, 2)]).unwrap();
    for index in 1..=100 {
        store.append(&[appends([entry(1, index, &"x".repeat(1000))])]).unwrap();
    }
    for index in [50, 90] {
        snapshots.save(&meta(1, index), [vec![b's'; 200_000].into()].into_iter()).unwrap();
    }
    store.append(&[purges(1, 90)]).unwrap();
    drop(store);
    // What a killed process leaves.
    fs::write(dir.path().join("raft.log.new"), b"half").unwrap();
    fs::write(dir.path().join("log.new"), b"half").unwrap();
    fs::write(dir.path().join("log.spare-7"), b"half").unwrap();
    fs::write(dir.path().join("snapshot.received"), b"half").unwrap();

    let (_store, recovered) = open(dir.path()).unwrap();
    let (meta_of_newest, size) = recovered.restored.snapshot.unwrap();
    assert_eq!(meta_of_newest, meta(1, 90));
    assert_eq!(recovered.restored.purged, meta_of_newest.last);
    assert_eq!(recovered.restored.entries.len(), 10);
    let content = recovered.snapshots.content(meta_of_newest.last).unwrap().concat();
    assert_eq!(content, vec![b's'; 200_000]);
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["LOCK", "log-0000000001", "log.end", "raft.log", "snapshot-1-90"]);
    assert_eq!(fs::metadata(dir.path().join("snapshot-1-90")).unwrap().len(), size);
}

#[test]
fn a_torn_tail_is_cut_off_and_reported_once() {
    let dir = written();
    let LogEnd { file, end, .. } = log_end(&DiskFs, dir.path()).unwrap().unwrap();
    let bytes = fs::read(&file).unwrap();
    let behind = usize::try_from(end).unwrap() + 16;
    let mut torn = bytes.clone();
    torn[behind..behind + 16].copy_from_slice(b"rdf half a frame");
    fs::write(&file, torn).unwrap();
    let (store, recovered) = open(dir.path()).unwrap();
    assert_eq!(recovered.restored, *states().last().unwrap());
    let tail = recovered.repaired.unwrap();
    assert_eq!((tail.file, tail.offset, tail.bytes), (file.clone(), behind as u64, 16));
    drop(store);
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert_eq!(open(dir.path()).unwrap().1.repaired, None);
}

#[test]
fn a_directory_in_use_is_refused_by_the_holder_s_process_id() {
    let dir = written();
    let (store, _) = open(dir.path()).unwrap();
    let expected = format!(
        "data directory {} is in use by process {}; stop that one first, or give this node a directory of its own with --data-dir",
        dir.path().display(),
        std::process::id()
    );
    assert_eq!(open(dir.path()).unwrap_err().to_string(), expected);
    // The attempt did not cost the holder its lock or its name.
    assert_eq!(open(dir.path()).unwrap_err().to_string(), expected);
    drop(store);
    open(dir.path()).unwrap();
}

#[test]
fn a_lock_file_that_names_nobody_still_locks() {
    let dir = written();
    let (_store, _) = open(dir.path()).unwrap();
    fs::write(dir.path().join("LOCK"), b"\xff not a number").unwrap();
    let error = open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("is in use by another process;"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_made_is_refused_by_name() {
    let above = TempDir::new().unwrap();
    fs::write(above.path().join("file"), b"").unwrap();
    let dir = above.path().join("file/n1");
    assert_eq!(
        open(&dir).unwrap_err().to_string(),
        format!(
            "cannot create the data directory {}: Not a directory (os error 20); choose another directory, or let this \
             user write there",
            dir.display()
        )
    );
    // A directory in which not even root can create a file.
    let error = open(Path::new("/proc/self")).unwrap_err().to_string();
    assert!(error.starts_with("cannot lock /proc/self/LOCK: "), "{error}");
    let error = open(Path::new("/proc/raftdeck")).unwrap_err().to_string();
    assert!(error.starts_with("cannot create the data directory /proc/raftdeck: "), "{error}");
}

#[test]
fn a_log_that_cannot_be_opened_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("raft.log")).unwrap();
    let error = open(dir.path()).unwrap_err().to_string();
    let log = dir.path().join("raft.log");
    assert!(error.starts_with(&format!("cannot open {}: Is a directory", log.display())), "{error}");
}

#[test]
fn another_member_s_directory_is_refused() {
    let dir = written();
    let error = LogStore::open(&DiskFs, dir.path(), NodeId(2), CLUSTER).unwrap_err().to_string();
    let expected = format!(
        "data directory {} belongs to node n1, not to n2; give each node a directory of its own, or start this one as n1",
        dir.path().display()
    );
    assert_eq!(error, expected);
    open(dir.path()).unwrap();
}

#[test]
fn another_cluster_s_directory_is_refused() {
    let dir = written();
    let error = LogStore::open(&DiskFs, dir.path(), NODE, "lab").unwrap_err().to_string();
    let expected = format!(
        "data directory {} belongs to cluster \"deck\", not to \"lab\"; give each cluster directories of its own, or \
         start this node with the cluster it was created for",
        dir.path().display()
    );
    assert_eq!(error, expected);
}

#[test]
fn a_cluster_name_that_does_not_fit_is_refused() {
    let dir = TempDir::new().unwrap();
    LogStore::open(&DiskFs, &dir.path().join("a"), NODE, &"x".repeat(65536)).unwrap();
    LogStore::open(&DiskFs, &dir.path().join("a"), NODE, &"x".repeat(65536)).unwrap();
    let error = LogStore::open(&DiskFs, &dir.path().join("b"), NODE, &"x".repeat(65537)).unwrap_err();
    assert_eq!(error.to_string(), "the cluster's name has 65537 bytes; shorten it to at most 65536");
}

#[test]
fn a_newer_format_version_is_refused_and_left_alone() {
    let dir = written();
    let log = dir.path().join("raft.log");
    let mut bytes = fs::read(&log).unwrap();
    bytes[8..12].copy_from_slice(&7_u32.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..12]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    // A later version may lay out everything behind the first 16 bytes as it likes.
    bytes.truncate(16);
    fs::write(&log, &bytes).unwrap();
    assert_eq!(
        open(dir.path()).unwrap_err().to_string(),
        format!(
            "{} has format version 7, and this program reads version 4; start it with the newer program that wrote it, \
             or give this one another data directory",
            log.display()
        )
    );
    assert_eq!(fs::read(&log).unwrap(), bytes);
}

#[test]
fn a_format_version_that_never_was_is_refused() {
    let dir = written();
    let log = dir.path().join("raft.log");
    for file in [log_end(&DiskFs, dir.path()).unwrap().unwrap().file, log] {
        let mut bytes = fs::read(&file).unwrap();
        bytes[8..12].copy_from_slice(&0_u32.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..12]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        fs::write(&file, &bytes).unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        let expected = format!("{} is damaged at byte 8: there is no such format version", file.display());
        assert!(error.starts_with(&expected), "{error}");
    }
}

#[test]
fn a_file_that_is_no_log_is_refused() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("raft.log");
    fs::write(&log, b"somebody's notes about rafts").unwrap();
    assert_eq!(
        open(dir.path()).unwrap_err().to_string(),
        format!(
            "{} is not a raftdeck log, or its first bytes are damaged; choose another data directory, or leave the other members running, empty this member's data \
             directory, start it again, and run `raftdeck client member replace ID` with its id, if a majority of the members still has its disks (docs/members.md)",
            log.display()
        )
    );
    fs::write(&log, b"").unwrap();
    let error = open(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("is damaged at byte 0: the file has 0 bytes and ends inside its header."),
        "{error}"
    );
}

#[test]
fn a_file_is_cut_and_extended_with_zeros() {
    let dir = TempDir::new().unwrap();
    let mut file = DiskFs.open(&dir.path().join("file")).unwrap();
    file.write_at(0, b"abcd").unwrap();
    file.set_len(2).unwrap();
    assert_eq!(file.size().unwrap(), 2);
    file.set_len(4).unwrap();
    let mut bytes = [9; 4];
    file.read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"ab\0\0");
}

#[test]
fn whether_a_file_exists_is_not_guessed() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    assert!(DiskFs.exists(&dir.path().join("file")).unwrap());
    assert!(!DiskFs.exists(&dir.path().join("none")).unwrap());
    assert!(!DiskFs.exists(&dir.path().join("file/below")).unwrap());
    DiskFs.exists(&dir.path().join("x".repeat(5000))).unwrap_err();
}

#[test]
fn a_relative_directory_works() {
    // Tests run in the package's directory; the way from there to any other one goes through the root.
    let above = TempDir::new().unwrap();
    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    let up: PathBuf = here.components().skip(1).map(|_| "..").collect();
    let dir = up.join(above.path().canonicalize().unwrap().strip_prefix("/").unwrap()).join("n1");
    assert!(dir.is_relative());
    open(&dir).unwrap();
    assert!(above.path().join("n1").is_dir());
}
