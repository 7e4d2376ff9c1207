//! What the scenarios share: a small history of writes, and the model of what a log holds after each.
#![allow(dead_code, reason = "each test binary uses its own part")]

use bytes::Bytes;
use raftdeck_raft::{
    Entry, HardState, LogId, LogIndex, Membership, NodeId, Payload, Persist, Restored, SnapshotMeta, Term,
    Ticket,
};
use raftdeck_storage::fs::{FileSystem, MemoryFs};
use raftdeck_storage::{LogOptions, LogStore, OpenError, Recovered, log_end};
use std::path::{Path, PathBuf};

pub(crate) const NODE: NodeId = NodeId(1);
pub(crate) const CLUSTER: &str = "deck";

pub(crate) fn dir() -> &'static Path {
    Path::new("/data/n1")
}

/// The file that says whose log it is.
pub(crate) fn log() -> PathBuf {
    dir().join("raft.log")
}

/// The file of a segment.
pub(crate) fn segment(sequence: u64) -> PathBuf {
    dir().join(format!("log-{sequence:010}"))
}

/// Segments of this many bytes, prepared by whoever writes.
pub(crate) fn sized(segment_bytes: u64) -> LogOptions {
    LogOptions { segment_bytes, cache_bytes: usize::MAX, background: false }
}

/// Opens with segments that the small histories here fit into.
pub(crate) fn open(fs: &dyn FileSystem) -> Result<(LogStore, Recovered), OpenError> {
    open_with(fs, &sized(1 << 10))
}

pub(crate) fn open_with(
    fs: &dyn FileSystem,
    options: &LogOptions,
) -> Result<(LogStore, Recovered), OpenError> {
    LogStore::open_with(fs, dir(), NODE, CLUSTER, options)
}

/// The segment that is written to.
pub(crate) fn newest(fs: &dyn FileSystem) -> PathBuf {
    log_end(fs, dir()).unwrap().unwrap().file
}

/// Where the last write in it ends.
pub(crate) fn end(fs: &dyn FileSystem) -> usize {
    usize::try_from(log_end(fs, dir()).unwrap().unwrap().end).unwrap()
}

/// The segments' files.
pub(crate) fn segments(fs: &dyn FileSystem) -> Vec<PathBuf> {
    let mut names = fs.list(dir()).unwrap();
    names.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("log-"));
    names.sort();
    names
}

pub(crate) fn entry(term: u64, index: u64, command: &str) -> Entry {
    Entry { id: id(term, index), payload: Payload::Command(Bytes::copy_from_slice(command.as_bytes())) }
}

pub(crate) fn hard_state(term: u64, vote: u64) -> HardState {
    HardState { term: Term(term), vote: (vote > 0).then_some(NodeId(vote)) }
}

pub(crate) fn barrier() -> Persist {
    let ticket = Ticket { seq: 1, last: LogId::default() };
    Persist {
        ticket,
        hard_state: None,
        reset: None,
        truncate: None,
        purge: None,
        entries: Vec::new(),
        then_send: Vec::new(),
    }
}

pub(crate) fn appends(entries: impl IntoIterator<Item = Entry>) -> Persist {
    Persist { entries: entries.into_iter().collect(), ..barrier() }
}

pub(crate) fn votes(term: u64, vote: u64) -> Persist {
    Persist { hard_state: Some(hard_state(term, vote)), ..barrier() }
}

pub(crate) fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

pub(crate) fn purges(term: u64, index: u64) -> Persist {
    Persist { purge: Some(id(term, index)), ..barrier() }
}

pub(crate) fn resets(term: u64, index: u64) -> Persist {
    Persist { reset: Some(id(term, index)), ..barrier() }
}

/// What a snapshot through this entry stands for, in a cluster of three.
pub(crate) fn meta(term: u64, index: u64) -> SnapshotMeta {
    let voters = [NodeId(1), NodeId(2), NodeId(3)].into_iter().collect();
    SnapshotMeta {
        last: id(term, index),
        membership: Membership::of(voters),
        membership_index: LogIndex::ZERO,
    }
}

/// Carries out a write on the model.
pub(crate) fn carry_out(state: &mut Restored, write: &Persist) {
    if let Some(id) = write.reset {
        state.entries.clear();
        state.purged = id;
    }
    if let Some(from) = write.truncate {
        state.entries.retain(|entry| entry.id.index < from);
    }
    if let Some(id) = write.purge.filter(|id| id.index > state.purged.index) {
        state.entries.retain(|entry| entry.id.index > id.index);
        state.purged = id;
    }
    state.entries.extend(write.entries.iter().cloned());
    state.hard_state = write.hard_state.unwrap_or(state.hard_state);
}

/// Groups of writes as a follower makes them: a vote, entries, a conflict, a group of two, a new term.
pub(crate) fn history() -> Vec<Vec<Persist>> {
    let repair = Persist {
        truncate: Some(LogIndex(3)),
        hard_state: Some(hard_state(2, 0)),
        ..appends([entry(2, 3, "green"), entry(2, 4, "red")])
    };
    vec![
        vec![votes(1, 2)],
        vec![appends([entry(1, 1, "blue"), entry(1, 2, ""), entry(1, 3, "old")])],
        vec![repair],
        vec![appends([entry(2, 5, "x")]), barrier(), votes(3, 3)],
        vec![appends([Entry { payload: Payload::Noop, ..entry(3, 6, "") }])],
    ]
}

/// Groups of writes of a member whose log is released: a purge, one beside entries, a snapshot in the log's place, and a
/// purge of everything. The snapshot [`last_snapshot`] includes all that is released.
pub(crate) fn released() -> Vec<Vec<Persist>> {
    vec![
        vec![
            votes(2, 2),
            appends([entry(1, 1, "blue"), entry(1, 2, ""), entry(2, 3, "old"), entry(2, 4, "x")]),
        ],
        vec![purges(1, 2)],
        vec![Persist {
            truncate: Some(LogIndex(4)),
            purge: Some(id(2, 3)),
            ..appends([entry(2, 4, "green")])
        }],
        vec![Persist { hard_state: Some(hard_state(3, 0)), ..resets(3, 7) }, appends([entry(3, 8, "red")])],
        vec![appends([entry(3, 9, "y")]), purges(3, 9)],
        vec![appends([entry(3, 10, "z")])],
    ]
}

/// See [`released`].
pub(crate) fn last_snapshot() -> SnapshotMeta {
    meta(3, 9)
}

/// The histories that logs are made of.
pub(crate) fn pasts() -> [Vec<Vec<Persist>>; 2] {
    [history(), released()]
}

/// What is stored before the history and after each of its groups.
pub(crate) fn states() -> Vec<Restored> {
    states_of(&history())
}

/// What is stored before these groups and after each of them.
pub(crate) fn states_of(past: &[Vec<Persist>]) -> Vec<Restored> {
    let mut states = vec![Restored::default()];
    for group in past {
        let mut state = states.last().unwrap().clone();
        for write in group {
            carry_out(&mut state, write);
        }
        states.push(state);
    }
    states
}

/// The bytes of a snapshot's file with this content.
pub(crate) fn snapshot_file(meta: &SnapshotMeta, content: &[u8]) -> Vec<u8> {
    let fs = MemoryFs::new();
    let (_store, recovered) = open(&fs).unwrap();
    let mut snapshots = recovered.snapshots;
    snapshots.save(meta, content.chunks(70_000).map(Bytes::copy_from_slice)).unwrap();
    snapshots.read(meta.last, 0, usize::MAX).unwrap().unwrap().to_vec()
}

pub(crate) fn snapshot_path(last: LogId) -> PathBuf {
    dir().join(format!("snapshot-{}-{}", last.term, last.index))
}
