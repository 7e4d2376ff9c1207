//! A slower disk: every sync takes the stated time longer, what it stores is the same, and what fails fails as before.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod scene;

use raftdeck_storage::LogStore;
use raftdeck_storage::fs::{DelayedFs, FileSystem, MemoryFs, Survival, SyncDelay};
use scene::{CLUSTER, NODE, appends, dir, entry, history, states, votes};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const DELAY: Duration = Duration::from_millis(3);

#[test]
fn a_sync_of_a_file_or_directory_takes_at_least_the_delay() {
    let fs = MemoryFs::new();
    let slow = DelayedFs::new(Box::new(fs.clone()), SyncDelay::new(DELAY));
    slow.create_dir_all(dir()).unwrap();
    let mut file = slow.open(&dir().join("file")).unwrap();
    let takes = |act: &mut dyn FnMut()| {
        let start = Instant::now();
        act();
        start.elapsed()
    };
    assert!(takes(&mut || file.sync_data().unwrap()) >= DELAY);
    assert!(takes(&mut || slow.sync_dir(dir()).unwrap()) >= DELAY);
    assert!(takes(&mut || slow.handle().sync_dir(dir()).unwrap()) >= DELAY);
}

#[test]
fn files_are_cut_and_removed_as_on_the_disk_below() {
    let fs = MemoryFs::new();
    let slow = DelayedFs::new(Box::new(fs.clone()), SyncDelay::default());
    slow.create_dir_all(dir()).unwrap();
    let path = dir().join("file");
    let mut file = slow.open(&path).unwrap();
    file.write_at(0, b"abcd").unwrap();
    file.set_len(2).unwrap();
    assert_eq!(fs.contents(&path).unwrap(), b"ab");
    slow.remove(&path).unwrap();
    assert_eq!(fs.contents(&path), None);
}

#[test]
fn a_store_on_a_slow_disk_keeps_the_same() {
    let fs = MemoryFs::new();
    let slow = DelayedFs::new(Box::new(fs.clone()), SyncDelay::new(Duration::from_micros(10)));
    let (mut store, _) = LogStore::open(&slow, dir(), NODE, CLUSTER).unwrap();
    for group in &history() {
        store.append(group).unwrap();
    }
    fs.crash(Survival::Nothing);
    let (_store, recovered) = LogStore::open(&slow, dir(), NODE, CLUSTER).unwrap();
    assert_eq!(recovered.restored, *states().last().unwrap());
}

#[test]
fn an_append_is_not_done_before_its_sync() {
    let fs = MemoryFs::new();
    let slow = DelayedFs::new(Box::new(fs.clone()), SyncDelay::new(DELAY));
    let (mut store, _) = LogStore::open(&slow, dir(), NODE, CLUSTER).unwrap();
    store.append(&[votes(1, 1)]).unwrap();
    let start = Instant::now();
    store.append(&[appends([entry(1, 1, "a")])]).unwrap();
    assert!(start.elapsed() >= DELAY);
    fs.fail_sync_after(0);
    store.append(&[appends([entry(1, 2, "b")])]).unwrap_err();
}

#[test]
fn a_stalled_sync_finishes_when_it_is_let_go_and_not_before() {
    let delay = SyncDelay::default();
    let slow = DelayedFs::new(Box::new(MemoryFs::new()), delay.clone());
    slow.create_dir_all(dir()).unwrap();
    delay.set(None);
    let (begun, begins) = mpsc::channel();
    let (done, is_done) = mpsc::channel();
    let syncing = thread::spawn(move || {
        begun.send(()).unwrap();
        slow.sync_dir(dir()).unwrap();
        done.send(()).unwrap();
    });
    begins.recv().unwrap();
    assert!(is_done.recv_timeout(Duration::from_millis(50)).is_err(), "it is stalled");
    // What was asked for before counts for the sync under way too.
    delay.set(Some(Duration::ZERO));
    is_done.recv_timeout(Duration::from_secs(20)).unwrap();
    syncing.join().unwrap();
}
