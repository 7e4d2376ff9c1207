//! Snapshots: what was saved or received is there, whole and checked, and nothing else is.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use bytes::Bytes;
use raftdeck_raft::{LogId, SnapshotMeta};
use raftdeck_storage::fs::{FileSystem, MemoryFs};
use raftdeck_storage::{LogStore, Snapshots, StorageError};
use scene::{appends, dir, entry, id, meta, open, purges, snapshot_file, snapshot_path, votes};

fn opened() -> (MemoryFs, LogStore, Snapshots) {
    let fs = MemoryFs::new();
    let (store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored.snapshot, None);
    (fs, store, recovered.snapshots)
}

/// Content in pieces of odd sizes, one of them empty and one larger than any piece of a file.
fn content() -> Vec<Bytes> {
    [("a", 1), ("b", 70_000), ("c", 0), ("d", 3 << 20), ("e", 1)]
        .map(|(text, times)| text.repeat(times).into())
        .to_vec()
}

fn save(snapshots: &mut Snapshots, meta: &SnapshotMeta) -> u64 {
    snapshots.save(meta, content().into_iter()).unwrap()
}

/// The whole file, read in pieces of this many bytes.
fn file(snapshots: &Snapshots, last: LogId, max: usize) -> Vec<u8> {
    let mut file = Vec::new();
    loop {
        let piece = snapshots.read(last, file.len() as u64, max).unwrap().unwrap();
        if piece.is_empty() {
            return file;
        }
        file.extend(piece);
    }
}

fn names(fs: &MemoryFs) -> Vec<String> {
    let names = fs.list(dir()).unwrap().into_iter();
    let names = names.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    names.filter(|name| name.starts_with("snapshot")).collect()
}

#[test]
fn what_was_saved_comes_back_now_and_after_a_restart() {
    let (fs, store, mut snapshots) = opened();
    let size = save(&mut snapshots, &meta(2, 7));
    assert_eq!(snapshots.content(id(2, 7)).unwrap().concat(), content().concat());
    assert_eq!(file(&snapshots, id(2, 7), 1000).len() as u64, size);
    drop(store);
    let (_store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored.snapshot, Some((meta(2, 7), size)));
    assert_eq!(recovered.snapshots.content(id(2, 7)).unwrap().concat(), content().concat());
}

#[test]
fn a_received_file_is_the_same_snapshot() {
    let (_fs, _store, mut sender) = opened();
    let size = save(&mut sender, &meta(2, 7));
    let bytes = file(&sender, id(2, 7), 1 << 20);
    let (fs, _store, mut receiver) = opened();
    for (number, piece) in bytes.chunks(100_000).enumerate() {
        receiver.receive(&meta(2, 7), number as u64 * 100_000, piece).unwrap();
    }
    assert_eq!(receiver.finish(&meta(2, 7)).unwrap(), Some(size));
    assert_eq!(receiver.content(id(2, 7)).unwrap().concat(), content().concat());
    assert_eq!(names(&fs), ["snapshot-2-7"]);
}

#[test]
fn snapshots_older_than_the_newest_in_use_go_except_those_in_use() {
    let (fs, store, mut snapshots) = opened();
    for index in 1..=3 {
        save(&mut snapshots, &meta(1, index));
    }
    assert_eq!(names(&fs), ["snapshot-1-1", "snapshot-1-2", "snapshot-1-3"], "nobody said what is in use");
    snapshots.remove_unused(&[id(1, 1), id(1, 3)]).unwrap();
    assert_eq!(names(&fs), ["snapshot-1-1", "snapshot-1-3"]);
    assert_eq!(snapshots.content(id(1, 1)).unwrap().concat(), content().concat());
    assert!(snapshots.read(id(1, 2), 0, 9).unwrap().is_none());
    save(&mut snapshots, &meta(1, 4));
    snapshots.remove_unused(&[id(1, 3)]).unwrap();
    assert_eq!(names(&fs), ["snapshot-1-3", "snapshot-1-4"], "nobody knows of the newest yet");
    snapshots.remove_unused(&[]).unwrap();
    assert_eq!(names(&fs), ["snapshot-1-3", "snapshot-1-4"]);
    // Nothing is in use after a restart.
    drop(store);
    let (_store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored.snapshot.unwrap().0, meta(1, 4));
    assert_eq!(names(&fs), ["snapshot-1-4"]);
}

/// Two members' snapshots of one state may differ in their bytes: who has read the half of one must not get the rest of
/// the other.
#[test]
fn a_snapshot_that_is_there_already_stays_as_it_is() {
    let (fs, _store, mut snapshots) = opened();
    let size = save(&mut snapshots, &meta(3, 30));
    snapshots.receive(&meta(3, 30), 0, &sent()).unwrap();
    assert_eq!(snapshots.finish(&meta(3, 30)).unwrap(), Some(size));
    assert_eq!(snapshots.save(&meta(3, 30), std::iter::empty()).unwrap(), size);
    assert_eq!(snapshots.content(id(3, 30)).unwrap().concat(), content().concat());
    assert_eq!(names(&fs), ["snapshot-3-30"]);
}

#[test]
fn the_newest_is_the_one_that_goes_furthest() {
    let (fs, store, mut snapshots) = opened();
    save(&mut snapshots, &meta(9, 90));
    // One that was asked for earlier is done later, and takes nothing away.
    save(&mut snapshots, &meta(2, 100));
    save(&mut snapshots, &meta(10, 200));
    snapshots.remove_unused(&[id(9, 90), id(10, 200)]).unwrap();
    drop(store);
    let (_store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored.snapshot.unwrap().0, meta(10, 200));
}

#[test]
fn an_empty_snapshot_is_one_too() {
    let (_fs, _store, mut snapshots) = opened();
    let size = snapshots.save(&meta(1, 1), std::iter::empty()).unwrap();
    assert_eq!(snapshots.content(id(1, 1)).unwrap(), Vec::<Bytes>::new());
    assert_eq!(file(&snapshots, id(1, 1), 7).len() as u64, size);
}

#[test]
fn reading_outside_a_snapshot_gives_nothing_and_takes_no_memory() {
    let (_fs, _store, mut snapshots) = opened();
    let size = save(&mut snapshots, &meta(1, 1));
    assert_eq!(snapshots.read(id(1, 1), size, usize::MAX).unwrap().unwrap(), Bytes::new());
    assert_eq!(snapshots.read(id(1, 1), u64::MAX, usize::MAX).unwrap().unwrap(), Bytes::new());
    assert_eq!(snapshots.read(id(1, 1), size - 3, usize::MAX).unwrap().unwrap().len(), 3);
    assert_eq!(snapshots.read(id(2, 1), 0, 1).unwrap(), None);
    let error = snapshots.content(id(2, 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no snapshot through entry 1 of term 2; this is a bug in the node, which must stop"
    );
}

/// A snapshot file that a member receives.
fn sent() -> Vec<u8> {
    snapshot_file(&meta(3, 30), &[b's'; 5000])
}

#[test]
fn a_reception_starts_anew_at_offset_0() {
    let (_fs, _store, mut snapshots) = opened();
    snapshots.receive(&meta(9, 99), 0, &[b'x'; 9000]).unwrap();
    snapshots.receive(&meta(3, 30), 0, &sent()[..100]).unwrap();
    snapshots.receive(&meta(3, 30), 0, &sent()[..3000]).unwrap();
    snapshots.receive(&meta(3, 30), 3000, &sent()[3000..]).unwrap();
    assert_eq!(snapshots.finish(&meta(3, 30)).unwrap(), Some(sent().len() as u64));
    assert_eq!(snapshots.content(id(3, 30)).unwrap().concat(), [b's'; 5000]);
}

#[test]
fn pieces_that_do_not_follow_each_other_are_no_snapshot() {
    let starts: [&[(SnapshotMeta, usize)]; 5] = [
        &[],
        &[(meta(3, 30), 1000)],
        &[(meta(3, 30), 0), (meta(3, 30), 2000)],
        &[(meta(3, 30), 0), (meta(3, 30), 500)],
        &[(meta(3, 30), 0), (meta(3, 31), 1000)],
    ];
    let (fs, _store, mut snapshots) = opened();
    for pieces in starts {
        for (meta, start) in pieces {
            snapshots.receive(meta, *start as u64, &sent()[*start..*start + 1000]).unwrap();
        }
        snapshots.receive(&meta(3, 30), 3000, &sent()[3000..]).unwrap();
        assert_eq!(snapshots.finish(&meta(3, 30)).unwrap(), None, "{pieces:?}");
        assert_eq!(names(&fs), [""; 0]);
    }
}

/// A piece that comes later may fill a gap, and one of another snapshot may fit: what follows counts no more.
#[test]
fn a_reception_that_went_astray_is_not_made_whole() {
    let (expected, other, bytes) = (meta(3, 30), meta(3, 31), sent());
    let end = bytes.len();
    let gap =
        [(&expected, 0..1000), (&expected, 2000..3000), (&expected, 1000..2000), (&expected, 3000..end)];
    let stranger = [(&expected, 0..1000), (&other, 1000..2000), (&expected, 2000..end)];
    for pieces in [&gap[..], &stranger[..]] {
        let (_fs, _store, mut snapshots) = opened();
        for (meta, range) in pieces {
            snapshots.receive(meta, range.start as u64, &bytes[range.clone()]).unwrap();
        }
        assert_eq!(snapshots.finish(&expected).unwrap(), None, "{pieces:?}");
    }
}

#[test]
fn what_a_snapshot_stands_for_is_bounded() {
    let with_address = |bytes| {
        let mut meta = meta(3, 30);
        meta.membership.addresses = [(raftdeck_raft::NodeId(1), "x".repeat(bytes))].into();
        meta
    };
    let around = postcard::to_stdvec(&with_address(1 << 20)).unwrap().len() - (1 << 20);
    let most = (1 << 20) - around;
    let (_fs, _store, mut snapshots) = opened();
    save(&mut snapshots, &with_address(most));
    assert_eq!(snapshots.content(id(3, 30)).unwrap().concat(), content().concat());
    let (_fs, _store, mut snapshots) = opened();
    let error = snapshots.save(&with_address(most + 1), content().into_iter()).unwrap_err();
    assert!(matches!(error, StorageError::TooLarge { bytes: 1_048_577, limit: 1_048_576, .. }), "{error}");
}

#[test]
fn a_snapshot_of_another_membership_is_not_the_expected_one() {
    let (fs, _store, mut snapshots) = opened();
    let mut other = meta(3, 30);
    other.membership_index = raftdeck_raft::LogIndex(4);
    snapshots.receive(&other, 0, &sent()).unwrap();
    assert_eq!(snapshots.finish(&other).unwrap(), None);
    assert_eq!(names(&fs), [""; 0]);
}

#[test]
fn a_finished_reception_is_over() {
    let (_fs, _store, mut snapshots) = opened();
    snapshots.receive(&meta(3, 30), 0, &sent()).unwrap();
    snapshots.finish(&meta(3, 30)).unwrap().unwrap();
    assert_eq!(snapshots.finish(&meta(3, 30)).unwrap(), None);
    assert_eq!(snapshots.content(id(3, 30)).unwrap().concat(), [b's'; 5000]);
}

#[test]
fn what_was_received_can_be_looked_at_and_be_given_up_before_it_counts() {
    let (fs, _store, mut snapshots) = opened();
    snapshots.receive(&meta(3, 30), 0, &sent()[..1000]).unwrap();
    assert_eq!(snapshots.received(&meta(3, 30)).unwrap(), None, "it is not whole");
    snapshots.receive(&meta(3, 30), 1000, &sent()[1000..]).unwrap();
    assert_eq!(snapshots.received(&meta(4, 40)).unwrap(), None, "it is another one");
    assert_eq!(snapshots.received(&meta(3, 30)).unwrap().unwrap().concat(), [b's'; 5000]);
    snapshots.discard_received().unwrap();
    assert_eq!(names(&fs), [""; 0]);
    assert_eq!(snapshots.received(&meta(3, 30)).unwrap(), None);
    assert_eq!(snapshots.finish(&meta(3, 30)).unwrap(), None);
    snapshots.discard_received().unwrap();
}

#[test]
fn what_was_half_received_or_half_written_is_gone_after_a_restart() {
    let (fs, store, mut snapshots) = opened();
    snapshots.receive(&meta(3, 30), 0, &sent()[..1000]).unwrap();
    fs.put(&dir().join("snapshot.new"), b"half a snapsh");
    // Files of others are left alone.
    fs.put(&dir().join("snapshot-of-mine"), b"");
    fs.put(&dir().join("snapshot-01-2"), b"");
    drop((store, snapshots));
    let (_store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored.snapshot, None);
    assert_eq!(names(&fs), ["snapshot-01-2", "snapshot-of-mine"]);
    let mut snapshots = recovered.snapshots;
    snapshots.receive(&meta(3, 30), 1000, &sent()[1000..]).unwrap();
    assert_eq!(snapshots.finish(&meta(3, 30)).unwrap(), None);
}

#[test]
fn a_log_without_the_snapshot_that_has_its_beginning_is_refused() {
    let (fs, mut store, mut snapshots) = opened();
    store.append(&[votes(1, 1), appends([entry(1, 1, "a"), entry(1, 2, "b")])]).unwrap();
    save(&mut snapshots, &meta(1, 1));
    store.append(&[purges(1, 1)]).unwrap();
    drop(store);
    drop(open(&fs).unwrap());
    fs.remove(&snapshot_path(id(1, 1))).unwrap();
    assert_eq!(
        open(&fs).unwrap_err().to_string(),
        "/data/n1/raft.log starts after entry 1, and the newest snapshot beside it ends with entry 0: a \
         snapshot file was removed. Put it back, or leave the other members running, empty this member's data \
             directory, start it again, and run `raftdeck client member replace ID` with its id, if a majority of the members still has its disks (docs/members.md)"
    );
}

#[test]
fn a_snapshot_of_a_newer_version_is_refused_and_left_alone() {
    let mut bytes = sent();
    bytes[8..12].copy_from_slice(&7_u32.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..20]);
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    let (fs, store, mut snapshots) = opened();
    snapshots.receive(&meta(3, 30), 0, &bytes).unwrap();
    assert_eq!(snapshots.finish(&meta(3, 30)).unwrap(), None);
    drop(store);
    fs.put(&snapshot_path(id(3, 30)), &bytes);
    let error = open(&fs).unwrap_err().to_string();
    assert!(
        error.starts_with("/data/n1/snapshot-3-30 has format version 7, and this program reads version 2; "),
        "{error}"
    );
    assert_eq!(fs.contents(&snapshot_path(id(3, 30))), Some(bytes));
}

#[test]
fn a_failure_is_final_and_what_was_stored_stays_readable() {
    let (fs, _store, mut snapshots) = opened();
    save(&mut snapshots, &meta(1, 1));
    fs.fail_sync_after(0);
    let error = snapshots.save(&meta(1, 2), content().into_iter()).unwrap_err();
    let first = "cannot sync /data/n1/snapshot.new: the virtual disk failed to sync; the node must stop. Check the disk, \
         and start the node again: what was acknowledged is safe";
    assert_eq!(error.to_string(), first);
    let later = format!("the store has been closed since an earlier failure: {first}");
    let mut attempts = [
        snapshots.save(&meta(1, 3), content().into_iter()).map(drop),
        snapshots.receive(&meta(1, 3), 0, b""),
        snapshots.finish(&meta(1, 3)).map(drop),
    ];
    for attempt in &mut attempts {
        assert_eq!(attempt.as_ref().unwrap_err().to_string(), later);
    }
    assert_eq!(snapshots.content(id(1, 1)).unwrap().concat(), content().concat());
}

#[test]
fn a_full_disk_keeps_the_snapshot_that_there_is() {
    let (fs, store, mut snapshots) = opened();
    save(&mut snapshots, &meta(1, 1));
    fs.set_capacity(Some(4 << 20));
    let error = snapshots.save(&meta(1, 2), content().into_iter()).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot write to /data/n1/snapshot.new: disk full (no storage space);"),
        "{error}"
    );
    fs.set_capacity(None);
    drop((store, snapshots));
    let (_store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored.snapshot.unwrap().0, meta(1, 1));
    assert_eq!(names(&fs), ["snapshot-1-1"]);
}

#[test]
fn a_snapshot_damaged_while_the_node_runs_is_not_handed_out() {
    let (fs, _store, mut snapshots) = opened();
    save(&mut snapshots, &meta(1, 1));
    fs.flip_bit(&snapshot_path(id(1, 1)), 8 * 100_000);
    let error = snapshots.content(id(1, 1)).unwrap_err().to_string();
    assert!(error.starts_with("/data/n1/snapshot-1-1 is damaged at byte "), "{error}");
    assert!(error.contains(": a piece does not match its checksum; the node must stop."), "{error}");
}
