//! Snapshot files with missing, flipped and foreign bytes: each is refused, whether it lies in the directory or is received.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_storage::OpenError;
use raftdeck_storage::Snapshots;
use raftdeck_storage::fs::{FileSystem, MemoryFs};
use scene::{dir, last_snapshot, open, snapshot_file, snapshot_path};

/// Content that makes a file of two pieces.
fn content() -> Vec<u8> {
    ["a".repeat(70_000).as_bytes(), b"the end"].concat()
}

fn file() -> Vec<u8> {
    snapshot_file(&last_snapshot(), b"blue and green")
}

/// A disk with an empty log and a snapshot file of these bytes.
fn beside_a_log(bytes: &[u8]) -> MemoryFs {
    let fs = MemoryFs::new();
    drop(open(&fs).unwrap());
    fs.put(&snapshot_path(last_snapshot().last), bytes);
    fs
}

fn refused(bytes: &[u8]) -> OpenError {
    let fs = beside_a_log(bytes);
    let error = open(&fs).unwrap_err();
    assert_eq!(fs.contents(&snapshot_path(last_snapshot().last)).as_deref(), Some(bytes));
    error
}

/// What comes of a file that another member sent.
fn received(bytes: &[u8]) -> Option<u64> {
    let fs = MemoryFs::new();
    let (_store, recovered) = open(&fs).unwrap();
    let mut snapshots: Snapshots = recovered.snapshots;
    snapshots.receive(&last_snapshot(), 0, bytes).unwrap();
    let result = snapshots.finish(&last_snapshot()).unwrap();
    let left: Vec<_> = fs.list(dir()).unwrap();
    assert_eq!(left.contains(&snapshot_path(last_snapshot().last)), result.is_some());
    assert!(!left.contains(&dir().join("snapshot.received")));
    result
}

#[test]
fn a_file_as_it_was_written_is_taken() {
    open(&beside_a_log(&file())).unwrap();
    assert_eq!(received(&file()), Some(file().len() as u64));
}

#[test]
fn any_flipped_bit_is_refused() {
    for bit in 0..file().len() * 8 {
        let mut bytes = file();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let error = refused(&bytes);
        assert!(matches!(error, OpenError::Corrupt { .. }), "bit {bit}: {error}");
        assert_eq!(received(&bytes), None, "bit {bit}");
    }
}

#[test]
fn a_file_cut_at_any_byte_and_one_with_bytes_behind_it_are_refused() {
    for cut in 0..file().len() {
        assert!(matches!(refused(&file()[..cut]), OpenError::Corrupt { .. }), "cut at {cut}");
        assert_eq!(received(&file()[..cut]), None, "cut at {cut}");
    }
    let longer = [&file()[..], b"x"].concat();
    assert!(matches!(refused(&longer), OpenError::Corrupt { .. }));
    assert_eq!(received(&longer), None);
}

#[test]
fn a_file_without_its_last_piece_or_with_another_s_is_refused() {
    let two = snapshot_file(&last_snapshot(), &content());
    let other = snapshot_file(&last_snapshot(), &content().iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(two.len(), other.len());
    let last = two.len() - 12 - 12 - 7;
    for wrong in [[&two[..last], &two[two.len() - 12..]].concat(), [&two[..last], &other[last..]].concat()] {
        assert!(matches!(refused(&wrong), OpenError::Corrupt { .. }));
        assert_eq!(received(&wrong), None);
    }
}

#[test]
fn damage_is_refused_by_file_and_offset() {
    let mut bytes = snapshot_file(&last_snapshot(), &content());
    let last = bytes.len() - 12 - 1;
    bytes[last] ^= 1;
    assert_eq!(
        refused(&bytes).to_string(),
        format!(
            "/data/n1/snapshot-3-9 is damaged at byte {}: a piece does not match its checksum. This member can no \
             longer vouch for what it has acknowledged, so it does not start. Check the disk, keep a copy of the \
             file, and leave the other members running, empty this member's data \
             directory, start it again, and run `raftdeck client member replace ID` with its id, if a majority of the members still has its disks (docs/members.md)",
            last - 6
        )
    );
}

#[test]
fn a_sound_file_under_another_s_name_is_refused() {
    let error = refused(&snapshot_file(&scene::meta(3, 8), b""));
    assert!(error.to_string().contains("it is not the snapshot that its name says"), "{error}");
    assert_eq!(received(&snapshot_file(&scene::meta(3, 8), b"")), None);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_no_snapshot(
        keep in 0_usize..80,
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
    ) {
        let mut image = file()[..keep.min(file().len())].to_vec();
        image.extend(bytes);
        proptest::prop_assume!(image != file());
        refused(&image);
        assert_eq!(received(&image), None);
    }
}
