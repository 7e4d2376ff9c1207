//! Snapshots on disk: each a file of its own, complete and checked, or absent. Knows nothing of what they contain.

use crate::error::StorageError;
use bytes::Bytes;
use raftdeck_raft::{LogId, SnapshotMeta};

/// The snapshots in a data directory.
#[derive(Debug)]
pub struct Snapshots {}

impl Snapshots {
    /// Writes a snapshot of this content, makes it durable, and gives its size on disk in bytes: what a follower is
    /// sent. Older ones go, except those `in_use`.
    pub fn save(
        &mut self,
        _meta: &SnapshotMeta,
        _content: impl Iterator<Item = Bytes>,
        _in_use: &[LogId],
    ) -> Result<u64, StorageError> {
        Ok(0)
    }

    /// Up to `max` bytes of a snapshot's file from `offset` on; `None`: there is no such snapshot.
    pub fn read(&self, _last: LogId, _offset: u64, _max: usize) -> Result<Option<Bytes>, StorageError> {
        Ok(None)
    }

    /// Takes in a piece of another member's snapshot file. Offset 0 starts anew.
    pub fn receive(&mut self, _meta: &SnapshotMeta, _offset: u64, _data: &[u8]) -> Result<(), StorageError> {
        Ok(())
    }

    /// All pieces are in: checks them and makes the snapshot durable. Gives its size, or `None` if the bytes are
    /// damaged or are of another snapshot, and are gone.
    pub fn finish(&mut self, _meta: &SnapshotMeta, _in_use: &[LogId]) -> Result<Option<u64>, StorageError> {
        Ok(None)
    }

    /// The content of a snapshot, as it was given to [`Snapshots::save`], in pieces of any size.
    pub fn content(&self, _last: LogId) -> Result<Vec<Bytes>, StorageError> {
        Ok(Vec::new())
    }
}
