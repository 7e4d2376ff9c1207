//! The durable log, hard state and snapshots on disk, over a small file-system trait.
//!
//! A [`LogStore`] makes what the consensus core hands out as [`Persist`](raftdeck_raft::Persist) durable, and
//! gives it back after a crash of the process or of the machine; [`Snapshots`] does so with images of the state machine.
//! They decide nothing about consensus, start no thread, read no clock, and never repeat a sync that failed.
//!
//! # What is on the disk
//!
//! A data directory holds `LOCK`, which keeps a second process out, `raft.log`, `founders`, and `snapshot-TERM-INDEX`, named
//! after the last entry that it includes; older ones only while somebody is still being sent them. The log starts with a header
//! (magic, format version, node, cluster), and goes on with one *frame* for each [`LogStore::append`]: all that
//! one sync made durable, under one checksum, so that a crash leaves all of it or nothing. Behind the last frame
//! stands a *seal*, written once the frame is synced, which says "the frame before me is durable". The next frame
//! overwrites the seal, and its own existence says the same, since a frame is only written after the one before
//! it was synced. Checksums cover the place in the file too: a frame's image inside a client's value, or a
//! misdirected write, is no frame.
//!
//! A purge or reset is a record like any other. When it makes more than half of the log useless, and the log is not
//! small, what is kept is written to `raft.log.new`, synced, and renamed. The new file's generation goes into the
//! checksums: a frame of the old one is none in the new one.
//!
//! A snapshot is written to `snapshot.new`, or received into `snapshot.received`, checked, synced, and only then renamed
//! and its directory synced. So a crash at any moment leaves the old file or the new one, whole, and at the next start
//! the half-made ones are gone. Whoever writes a purge or reset has made the snapshot that it relies on durable before;
//! hence either the log is whole or the newest snapshot has what is missing, which [`LogStore::open`] checks. What a crash
//! between the two may leave is a snapshot that goes beyond the log's end, or one over an entry that conflicts with it:
//! that a snapshot takes the log's place is for the core to say, also then.
//!
//! `founders` says which members the cluster started with as far as this one is concerned ([`LogStore::founders`]): what a
//! log without a membership stands for must not depend on how a member is started today. It is written to
//! `founders.new`, synced, renamed, and its directory synced, once in the life of a directory; later it is only read.
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
//! The newest snapshot is read whole. Any flipped or missing bit in it is refused with file and offset: no crash explains
//! it, and the log may need it. So is any in `founders`. If that file is missing as a whole, the directory was never started,
//! or only by a release that did not write it, or somebody took the file away: these cannot be told apart.
//!
//! A last frame without a seal was perhaps never synced, or its sync failed and only the system's cache still
//! has it. It is written again and synced before anyone relies on it.

pub mod fs;

mod error;
mod format;
mod founders;
mod marks;
mod outline;
mod recover;
mod rewrite;
mod snapshot_file;
mod snapshots;
mod store;

pub use error::{OpenError, StorageError};
pub use founders::Founders;
pub use outline::Misfit;
pub use snapshots::Snapshots;
pub use store::{LogOptions, LogStore, Recovered, TornTail};
