//! The durable log and hard state on disk, over a small file-system trait.
//!
//! A [`LogStore`] makes what the consensus core hands out as [`Persist`](raftdeck_raft::Persist) durable, and
//! gives it back after a crash of the process or of the machine. It decides nothing about consensus, starts no
//! thread, reads no clock, and never repeats a sync that failed.
//!
//! # What is on the disk
//!
//! A data directory holds `LOCK`, which keeps a second process out, and `raft.log`. The log starts with a header
//! (magic, format version, node, cluster), and goes on with one *frame* for each [`LogStore::append`]: all that
//! one sync made durable, under one checksum, so that a crash leaves all of it or nothing. Behind the last frame
//! stands a *seal*, written once the frame is synced, which says "the frame before me is durable". The next frame
//! overwrites the seal, and its own existence says the same, since a frame is only written after the one before
//! it was synced. Checksums cover the place in the file too: a frame's image inside a client's value, or a
//! misdirected write, is no frame.
//!
//! # What recovery can tell
//!
//! It reads frames until one is incomplete or does not match its checksum, and looks for anything valid, frame or
//! seal, in the rest of the file.
//!
//! - Something valid is behind it: the bad frame had been synced, and may have been acknowledged. This is
//!   corruption, and is refused with file and offset ([`OpenError::Corrupt`]).
//! - Nothing valid is behind it: it is the torn last write, never acknowledged. It is cut off and reported
//!   ([`TornTail`]).
//!
//! Every flipped bit is therefore either refused or without effect, also in the last frame, as long as its seal
//! reached the disk: at once if only the process died, and within the system's write-back time (about half a
//! minute) if the power did. What cannot be told from a torn write: damage to the last frame within that time
//! after its sync and followed by a power loss, and damage to everything from some frame to the end of the file,
//! its loss included.
//!
//! A last frame without a seal was perhaps never synced, or its sync failed and only the system's cache still
//! has it. It is written again and synced before anyone relies on it.

pub mod fs;

mod error;
mod format;
mod marks;
mod outline;
mod recover;
mod rewrite;
mod snapshot_file;
mod snapshots;
mod store;

pub use error::{OpenError, StorageError};
pub use outline::Misfit;
pub use snapshots::Snapshots;
pub use store::{LogStore, Recovered, TornTail};
