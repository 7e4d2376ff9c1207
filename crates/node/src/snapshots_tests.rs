//! The snapshot thread over a virtual disk: what is saved at one member and taken in at another.

use super::*;
use bytes::Bytes;
use raftdeck_protocol::kv::{LoggedTime, Write};
use raftdeck_raft::{Config, Message, Restored, SnapshotRefusal, Term, Timestamp, Timing};
use raftdeck_replica::{Replica, RequestToken};
use raftdeck_storage::LogStore;
use raftdeck_storage::fs::MemoryFs;
use std::path::Path;
use tokio::time::timeout;

const PIECE: usize = 1000;
const FOLLOWER: NodeId = NodeId(2);

/// The state of a cluster of one after these many writes.
fn image(writes: u64) -> StateImage {
    let mut now = Timestamp::default();
    let config = Config::new(NodeId(1), [NodeId(1)].into(), Timing::FAST);
    let mut replica = Replica::new(config, 1, Restored::default(), None, now).unwrap();
    let mut written = 0;
    while replica.keys() < writes {
        now = now + Duration::from_millis(400);
        replica.handle_deadline(now);
        if replica.status(now).leader.is_some() && written < writes {
            written += 1;
            let (key, value) = (Bytes::from(format!("key-{written}")), Bytes::from(vec![7; 100]));
            replica.write(RequestToken(written), Write::Put { key, value }, LoggedTime(written));
        }
        for persist in replica.take_outputs(now).persist {
            replica.handle_persisted(persist.ticket, now);
        }
        let _ = replica.take_outputs(now);
    }
    replica.image()
}

fn content(image: &StateImage) -> Vec<u8> {
    image.pieces().flatten().collect()
}

fn cabinet(node: u64) -> (Cabinet, LogStore) {
    let fs = MemoryFs::new();
    let (store, recovered) = LogStore::open(&fs, Path::new("/data"), NodeId(node), "test").unwrap();
    (Cabinet::start(recovered.snapshots).unwrap().0, store)
}

async fn next(cabinet: &mut Cabinet) -> SnapshotDone {
    timeout(Duration::from_secs(30), cabinet.completed())
        .await
        .expect("something is done")
        .expect("the disk works")
}

async fn save(cabinet: &mut Cabinet, image: StateImage) -> u64 {
    cabinet.save(image).unwrap();
    assert!(cabinet.is_saving());
    let SnapshotDone::Saved { size, .. } = next(cabinet).await else { panic!("is saved") };
    assert!(!cabinet.is_saving());
    size
}

fn piece(meta: &SnapshotMeta, offset: u64, size: u64) -> PieceToSend {
    PieceToSend { to: FOLLOWER, term: Term(1), round: 1, meta: meta.clone(), offset, max_bytes: PIECE, size }
}

/// Sends a whole snapshot from one to the other, each piece as `damage` leaves it.
async fn transfer(
    from: &mut Cabinet,
    to: &mut Cabinet,
    meta: &SnapshotMeta,
    size: u64,
    damage: impl Fn(u64, Bytes) -> Bytes,
) -> SnapshotDone {
    let mut offset = 0;
    loop {
        from.read(piece(meta, offset, size)).unwrap();
        let SnapshotDone::Filled(envelope) = next(from).await else { panic!("a piece") };
        let Message::InstallSnapshot(sent) = envelope.message else { panic!("a piece") };
        let data = damage(offset, sent.data);
        offset += data.len() as u64;
        let piece = PieceReceived { meta: sent.meta, offset: sent.offset, data, done: sent.done };
        to.receive(piece).unwrap();
        let filed = next(to).await;
        if sent.done {
            return filed;
        }
        assert!(matches!(filed, SnapshotDone::Nothing), "{filed:?}");
    }
}

#[tokio::test]
async fn a_snapshot_sent_piece_by_piece_gives_the_same_state() {
    let ((mut from, _from), (mut to, _to)) = (cabinet(1), cabinet(2));
    let image = image(100);
    let size = save(&mut from, image.clone()).await;
    assert!(size > 5 * PIECE as u64);
    let filed = transfer(&mut from, &mut to, image.meta(), size, |_, data| data).await;
    let SnapshotDone::Received { image: received, size: there } = filed else { panic!("{filed:?}") };
    assert_eq!((received.meta(), there), (image.meta(), size));
    assert_eq!(content(&received), content(&image));
    assert!(to.has_room() && to.waiting_bytes == 0);
}

#[tokio::test]
async fn a_damaged_snapshot_is_discarded_and_a_sound_one_taken_afterwards() {
    let ((mut from, _from), (mut to, _to)) = (cabinet(1), cabinet(2));
    let image = image(50);
    let size = save(&mut from, image.clone()).await;
    let flip = |offset, data: Bytes| {
        let mut data = data.to_vec();
        if offset == 2 * PIECE as u64 {
            data[10] ^= 1;
        }
        data.into()
    };
    let filed = transfer(&mut from, &mut to, image.meta(), size, flip).await;
    assert!(
        matches!(filed, SnapshotDone::Discarded(last, SnapshotRefusal::Damaged) if last == image.meta().last),
        "{filed:?}"
    );
    let filed = transfer(&mut from, &mut to, image.meta(), size, |_, data| data).await;
    assert!(matches!(filed, SnapshotDone::Received { .. }), "{filed:?}");
}

#[tokio::test]
async fn a_snapshot_that_this_release_cannot_read_is_not_there_at_the_next_start() {
    let (theirs, ours) = (MemoryFs::new(), MemoryFs::new());
    let open = |fs: &MemoryFs, node| LogStore::open(fs, Path::new("/data"), NodeId(node), "test").unwrap();
    let (store, recovered) = open(&theirs, 1);
    let (meta, mut snapshots) = (image(5).meta().clone(), recovered.snapshots);
    let newer_layout = Bytes::from(vec![0xff; 3 * PIECE]);
    let size = snapshots.save(&meta, std::iter::once(newer_layout)).unwrap();
    let (mut from, _from) = (Cabinet::start(snapshots).unwrap().0, store);

    let (store, recovered) = open(&ours, 2);
    let mut to = Cabinet::start(recovered.snapshots).unwrap().0;
    let filed = transfer(&mut from, &mut to, &meta, size, |_, data| data).await;
    assert!(
        matches!(filed, SnapshotDone::Discarded(last, SnapshotRefusal::Undecodable) if last == meta.last),
        "{filed:?}"
    );
    drop((to, store));
    // The thread may still hold the directory for a moment, but not its lock.
    assert_eq!(open(&ours, 2).1.restored.snapshot, None);
}

#[tokio::test]
async fn of_the_pieces_asked_for_while_one_is_read_only_the_newest_is_read_too() {
    let (mut from, _store) = cabinet(1);
    let image = image(50);
    let size = save(&mut from, image.clone()).await;
    for offset in [0, 1000, 2000, 3000] {
        from.read(piece(image.meta(), offset, size)).unwrap();
    }
    for expected in [0, 3000] {
        let SnapshotDone::Filled(envelope) = next(&mut from).await else { panic!("a piece") };
        let Message::InstallSnapshot(sent) = envelope.message else { panic!("a piece") };
        assert_eq!(sent.offset, expected);
    }
    assert!(from.reading.is_empty(), "there is nothing more to come");
}

#[tokio::test]
async fn a_snapshot_that_is_gone_is_not_sent() {
    let (mut from, _store) = cabinet(1);
    from.read(piece(image(5).meta(), 0, 1000)).unwrap();
    assert!(matches!(next(&mut from).await, SnapshotDone::Nothing));
    assert!(from.reading.is_empty());
}

/// Whether a piece of a snapshot can be read, after all that was asked for before.
async fn is_there(cabinet: &mut Cabinet, meta: &SnapshotMeta, size: u64) -> bool {
    cabinet.read(piece(meta, 0, size)).unwrap();
    loop {
        match next(cabinet).await {
            SnapshotDone::Filled(_) => return true,
            _ if cabinet.reading.is_empty() => return false,
            _ => {}
        }
    }
}

/// While this member saves a snapshot of its own it takes in one of the leader's, and becomes the leader itself.
#[tokio::test]
async fn what_is_sent_stays_readable_whatever_was_handed_over_before_and_then_goes() {
    let ((mut from, _from), (mut to, _to)) = (cabinet(1), cabinet(2));
    let (received, own) = (image(50), image(60));
    let size = save(&mut from, received.clone()).await;
    let filed = transfer(&mut from, &mut to, received.meta(), size, |_, data| data).await;
    assert!(matches!(filed, SnapshotDone::Received { .. }), "{filed:?}");
    to.save(own.clone()).unwrap();
    to.remove_unused(vec![received.meta().last]).unwrap();
    assert!(is_there(&mut to, received.meta(), size).await, "it is the newest that the core knows");
    let in_use = vec![received.meta().last, own.meta().last];
    to.remove_unused(in_use).unwrap();
    assert!(is_there(&mut to, received.meta(), size).await, "it is still being sent");
    to.remove_unused(vec![own.meta().last]).unwrap();
    assert!(!is_there(&mut to, received.meta(), size).await);
    assert!(is_there(&mut to, own.meta(), size).await);
}

#[tokio::test]
async fn pieces_beyond_the_room_are_turned_away() {
    let (mut to, _store) = cabinet(2);
    let meta = image(5).meta().clone();
    let data = Bytes::from(vec![0; ROOM_BYTES]);
    to.receive(PieceReceived { meta, offset: 0, data, done: false }).unwrap();
    assert!(!to.has_room());
    next(&mut to).await;
    assert!(to.has_room());
}
