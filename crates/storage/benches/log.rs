//! What the log costs: `cargo bench -p raftdeck-storage`. The appends with a sync measure the disk of the machine first of
//! all: `floor` is the same bytes written to the same kind of file with nothing around it, to be held against them.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark has no users, and a panic is its report")]

use bytes::Bytes;
use divan::Bencher;
use divan::counter::ItemsCount;
use raftdeck_raft::{Entry, HardState, LogId, LogIndex, NodeId, Payload, Persist, Term, Ticket};
use raftdeck_storage::fs::{DelayedFs, DiskFs, File, FileSystem, Lock, LockError, SyncDelay};
use raftdeck_storage::{LogOptions, LogStore};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

fn main() {
    divan::main();
}

const ENTRY: usize = 300;
const GROUPS: [u64; 3] = [1, 16, 256];
const OPTIONS: LogOptions = LogOptions { segment_bytes: 64 << 20, cache_bytes: 32 << 20, background: true };

/// The real file system, but that nothing is waited for: what is left is the store's own cost.
#[derive(Clone, Copy, Debug)]
struct Unsynced;

#[derive(Debug)]
struct UnsyncedFile(Box<dyn File>);

impl FileSystem for Unsynced {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        DiskFs.create_dir_all(dir)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(UnsyncedFile(DiskFs.open(path)?)))
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        DiskFs.exists(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        DiskFs.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        DiskFs.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        DiskFs.list(dir)
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn try_lock(&self, path: &Path) -> Result<Box<dyn Lock>, LockError> {
        DiskFs.try_lock(path)
    }
    fn handle(&self) -> Box<dyn FileSystem> {
        Box::new(*self)
    }
}

impl File for UnsyncedFile {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buffer)
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }
    fn set_len(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Beside the build, as the system's directory for temporary files may be in memory.
fn directory() -> TempDir {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    TempDir::new_in(target).unwrap()
}

fn empty() -> Persist {
    Persist {
        ticket: Ticket { seq: 1, last: LogId::default() },
        hard_state: None,
        reset: None,
        truncate: None,
        purge: None,
        entries: Vec::new(),
        then_send: Vec::new(),
    }
}

fn group(first: u64, count: u64, payload: &Bytes) -> Persist {
    let entry = |index| Entry {
        id: LogId { term: Term(1), index: LogIndex(index) },
        payload: Payload::Command(payload.clone()),
    };
    Persist { entries: (first..first + count).map(entry).collect(), ..empty() }
}

fn store(fs: &dyn FileSystem, dir: &Path) -> LogStore {
    let (mut store, _) = LogStore::open_with(fs, dir, NodeId(1), "bench", &OPTIONS).unwrap();
    let first = Persist { hard_state: Some(HardState { term: Term(1), vote: None }), ..empty() };
    store.append(&[first]).unwrap();
    store
}

fn payload() -> Bytes {
    Bytes::from(vec![7; ENTRY])
}

fn append(bencher: Bencher<'_, '_>, fs: &dyn FileSystem, count: u64) {
    let dir = directory();
    let mut store = store(fs, dir.path());
    let (mut next, payload) = (1, payload());
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| {
            let write = group(next, count, &payload);
            next += count;
            [write]
        })
        .bench_local_refs(|write| store.append(write).unwrap());
}

#[divan::bench(args = GROUPS, sample_count = 500, sample_size = 1)]
fn append_and_sync(bencher: Bencher<'_, '_>, count: u64) {
    append(bencher, &DiskFs, count);
}

#[divan::bench(args = GROUPS, sample_count = 500, sample_size = 1)]
fn append_without_sync(bencher: Bencher<'_, '_>, count: u64) {
    append(bencher, &Unsynced, count);
}

/// One write and one sync of as many bytes.
#[divan::bench(args = GROUPS, sample_count = 500, sample_size = 1)]
fn floor(bencher: Bencher<'_, '_>, count: u64) {
    const SIZE: usize = 32 << 20;
    let dir = directory();
    let mut file = DiskFs.open(&dir.path().join("floor")).unwrap();
    file.write_at(0, &vec![0; SIZE]).unwrap();
    file.sync_data().unwrap();
    let bytes = vec![7; usize::try_from(count).unwrap() * (ENTRY + 8) + 16];
    let mut at = 0;
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        file.write_at(at, &bytes).unwrap();
        file.sync_data().unwrap();
        at = (at + bytes.len() as u64) % (SIZE - bytes.len()) as u64;
    });
}

/// A sync that should take this many microseconds longer than one without a delay.
#[divan::bench(args = [0, 500, 2000], sample_count = 200, sample_size = 1)]
fn delayed_sync(bencher: Bencher<'_, '_>, micros: u64) {
    let dir = directory();
    let fs = DelayedFs::new(Box::new(Unsynced), SyncDelay::new(Duration::from_micros(micros)));
    let mut file = fs.open(&dir.path().join("delayed")).unwrap();
    bencher.bench_local(|| file.sync_data().unwrap());
}

/// A log of this many entries, in groups of 100.
fn filled(dir: &Path, entries: u64) -> LogStore {
    let mut store = store(&Unsynced, dir);
    let payload = payload();
    for first in (1..=entries).step_by(100) {
        store.append(&[group(first, 100, &payload)]).unwrap();
    }
    store
}

#[divan::bench(args = [1_000_000], sample_count = 5, sample_size = 1)]
fn recovery(bencher: Bencher<'_, '_>, entries: u64) {
    let dir = directory();
    drop(filled(dir.path(), entries));
    bencher.counter(ItemsCount::new(entries)).bench_local(|| {
        let (_store, recovered) =
            LogStore::open_with(&Unsynced, dir.path(), NodeId(1), "bench", &OPTIONS).unwrap();
        assert_eq!(recovered.restored.on_disk[0].first, LogIndex(1));
        recovered.restored.entries.len()
    });
}

/// A MiB of entries from anywhere in the log.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn read_back(bencher: Bencher<'_, '_>) {
    let dir = directory();
    let store = filled(dir.path(), 300_000);
    let mut first = 1;
    bencher.bench_local(|| {
        first = (first + 77_777) % 290_000 + 1;
        store.read(LogIndex(first), LogIndex(300_000), 1 << 20).unwrap().len()
    });
}
