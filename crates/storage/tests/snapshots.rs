//! Snapshots: what was saved or received is there, whole and checked, and nothing else is.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use bytes::Bytes;
use raftdeck_raft::{LogId, SnapshotMeta};
use raftdeck_storage::fs::{FileSystem, MemoryFs};
use raftdeck_storage::{LogStore, Snapshots};
use scene::{dir, id, meta, open};

fn opened() -> (MemoryFs, LogStore, Snapshots) {
    let fs = MemoryFs::new();
    let (store, recovered) = open(&fs).unwrap();
    assert_eq!(recovered.restored.snapshot, None);
    (fs, store, recovered.snapshots)
}

/// Content in pieces of odd sizes, one of them empty and one larger than any piece of a file.
fn content() -> Vec<Bytes> {
    [&b"a"[..], &[b'b'; 70_000], b"", &[b'c'; 3 << 20], b"d"].map(Bytes::copy_from_slice).to_vec()
}

fn save(snapshots: &mut Snapshots, meta: &SnapshotMeta, in_use: &[LogId]) -> u64 {
    snapshots.save(meta, content().into_iter(), in_use).unwrap()
}

/// The whole file, read in pieces of so many bytes.
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
    let size = save(&mut snapshots, &meta(2, 7), &[]);
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
    let size = save(&mut sender, &meta(2, 7), &[]);
    let bytes = file(&sender, id(2, 7), 1 << 20);
    let (fs, _store, mut receiver) = opened();
    for (number, piece) in bytes.chunks(100_000).enumerate() {
        receiver.receive(&meta(2, 7), number as u64 * 100_000, piece).unwrap();
    }
    assert_eq!(receiver.finish(&meta(2, 7), &[]).unwrap(), Some(size));
    assert_eq!(receiver.content(id(2, 7)).unwrap().concat(), content().concat());
    assert_eq!(names(&fs), ["snapshot-2-7"]);
}
