//! A data directory as a disk may give it back: the log's segments, logs of older versions, snapshots, founding members.
//!
//! Checksums guard all of it, and a fuzzer does not guess checksums. So an input is a list of parts, and each says in
//! which way its bytes go into a file: as they are, or under sums that match them. The formats are written down at
//! the top of the files in `storage` that read them, and are repeated here on purpose, to forge files independently.

mod forge;

use forge::Forged;
use raftdeck_raft::{HardState, LogId, NodeId, Persist, Restored, Term, Ticket};
use raftdeck_storage::fs::MemoryFs;
use raftdeck_storage::{Founders, LogOptions, LogStore, OpenError, Recovered, log_end};
use std::path::Path;

const NODE: NodeId = NodeId(1);
const CLUSTER: &str = "deck";

fn dir() -> &'static Path {
    Path::new("/data")
}

/// A data directory in parts; `recovery/forge.rs` says how they are written.
///
/// # Panics
/// If a directory that was opened opens otherwise the second time, takes no further write, or does not hold what it said.
pub fn recovery(data: &[u8]) {
    let fs = MemoryFs::new();
    Forged::read(data).write_to(&fs);
    let _ = log_end(&fs, dir());
    let Ok((store, first)) = opened(&fs) else { return };
    if let Some((snapshot, _)) = &first.restored.snapshot {
        first.snapshots.content(snapshot.last).expect("it was just read");
    }
    for run in &first.restored.on_disk {
        let read = store.read(run.first, run.last, 1 << 16).expect("it was just read");
        assert!(read.first().is_some_and(|entry| entry.id.index == run.first && entry.id.term == run.term));
    }
    let founders = store.papers().origin(&Founders::new(), false);
    drop(store);

    let (store, second) = opened(&fs).expect("what was opened opens again");
    assert_eq!(second.restored, first.restored, "it holds something else the second time");
    assert_eq!(second.repaired, None, "what was repaired is repaired for good");
    assert_eq!(store.papers().origin(&Founders::new(), false).ok(), founders.ok());
    votes_on(&fs, store, &first.restored);
}

fn opened(fs: &MemoryFs) -> Result<(LogStore, Recovered), OpenError> {
    // Small: segments are turned and entries are left on the disk with inputs of a few hundred bytes.
    let options = LogOptions { segment_bytes: 1 << 10, cache_bytes: 16, background: false };
    let opened = LogStore::open_with(fs, dir(), NODE, CLUSTER, &options);
    if let Err(error) = &opened {
        assert!(!error.to_string().is_empty());
    }
    opened
}

/// A member that is back votes in the next term, and still has its log after that.
fn votes_on(fs: &MemoryFs, mut store: LogStore, restored: &Restored) {
    let Some(term) = restored.hard_state.term.0.checked_add(1) else { return };
    let hard_state = HardState { term: Term(term), vote: Some(NODE) };
    let vote = Persist {
        ticket: Ticket { seq: 1, last: LogId::default() },
        hard_state: Some(hard_state),
        reset: None,
        truncate: None,
        purge: None,
        entries: Vec::new(),
        then_send: Vec::new(),
    };
    store.append(&[vote]).expect("a vote in a later term is stored");
    drop(store);
    let (_store, third) = opened(fs).expect("it opens after a write");
    assert_eq!(third.restored, Restored { hard_state, ..restored.clone() });
}
