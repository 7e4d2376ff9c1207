//! The durable log, hard state and snapshots on disk, over a small file-system trait.
//!
//! A [`LogStore`] makes what the consensus core hands out as [`Persist`](raftdeck_raft::Persist) durable, and
//! gives it back after a crash of the process or of the machine; [`Snapshots`] does so with images of the state machine.
//! They decide nothing about consensus, read no clock, and never repeat a sync that failed. The one thread is started only if
//! [`LogOptions::background`] asks for it; it touches no file that the log needs.
//!
//! # What is on the disk
//!
//! A data directory holds
//!
//! - `LOCK`, which keeps a second process out;
//! - `raft.log`, which says whose log it is and in which format. Programs from before there were segments find a version there
//!   that they refuse;
//! - `log-NNNNNNNNNN`, the log's *segments*, and `log.spare-N`, files that lie ready to become one;
//! - `log.end`, which says how far the log went when it was last written to;
//! - `identity`, which says which directory this is, of which cluster, and how often it was started;
//! - `founders` and `secret`, and `snapshot-TERM-INDEX`, named after the last entry that it includes; older ones only while they are
//!   still being sent.
//!
//! A segment starts with a header, followed by one *frame* for each [`LogStore::append`]: all that one sync made durable,
//! under one checksum, so that a crash leaves all of it or nothing. Behind the last frame stands a *seal*, written once the
//! frame is synced, which says "the frame before me is durable". The next frame overwrites the seal, and its own existence
//! says the same, since a frame is only written after the one before it was synced. Checksums cover the segment and the place
//! in it too: a frame's image inside a client's value, a misdirected write, or what an earlier segment has left in the same
//! file, is no frame. After each frame `log.end` gets the place where it ends, without a sync: a segment alone cannot tell that
//! its last frames are gone together with their seal.
//!
//! The header says how long the file is, and what was stored when the segment began: term and vote, where the log starts and ends and the terms in it,
//! and where the segment before it ends. So a segment needs none before it but for the entries in them, and to give back the
//! space of a purged log is to give up whole files: a purge costs no more than any other record. A group that does not fit into
//! what is left of a segment begins the next one, which is made larger if one group needs that.
//!
//! A segment's file has its full length, and its blocks, before anything is written into it: it was filled with zeros and synced,
//! or is that of a segment that is no longer needed. So a sync has nothing to write but the frame. The header and the first
//! frame are written and synced before the file gets the name of a segment, which is synced as well: what has such a name is
//! whole. A file that is to be used again loses its old name durably before anything is written into it. The first segments
//! of a log are small, and each is twice as large as the one before it, up to the full size.
//!
//! A snapshot is written to `snapshot.new`, or received into `snapshot.received`, checked, synced, and only then
//! renamed and its directory synced. So a crash at any moment leaves the old file or the new one, whole, and at the
//! next start the half-made ones are gone. The writer of a purge or reset has made the snapshot that it relies on
//! durable before; so either the log is whole or the newest snapshot has what is missing, which [`LogStore::open`]
//! checks. What a crash between the two may leave is a snapshot that goes beyond the log's end, or one over an entry
//! that conflicts with it: the core decides whether a snapshot replaces the log, also then.
//!
//! `founders` says how this member came into its cluster ([`MemberFiles::origin`]): with whom it was first started, and how far the
//! founding has come. The meaning of a log without a membership must not depend on how a member is
//! started today. `secret` holds the cluster's secret. Each is written to a file with `.new` behind its name, synced, renamed, and
//! its directory synced. Version 1 of `founders` is still read: such a directory was started by a release without identities.
//!
//! `identity` is made before the log, with a random [`Incarnation`](raftdeck_raft::Incarnation), and written anew, whole and
//! atomically, at each start ([`LogStore::start_life`]). So a directory whose log was taken away is told from a new one: it was
//! started before. One whose `identity` was taken away is told by its log, whose version says that there was one. Peers
//! remember the number of the newest start they met; a restored older copy of a directory is detected by its smaller number.
//!
//! # What recovery can tell
//!
//! It reads the segments that entries of the log are in, and all frames of each. Where a segment ends, and what is stored then,
//! is said by the header of the next one: anything else is corruption, and so is a missing segment; that there is a next one,
//! the last seal says, which is replaced by a *turn of the page*. In the newest segment it reads frames until one is incomplete
//! or does not match its checksum, and looks for anything valid, frame or seal, in the rest of the file.
//!
//! - Something valid is behind it: the bad frame had been synced, and may have been acknowledged. This is
//!   corruption, and is refused with file and offset ([`OpenError::Corrupt`]).
//! - Nothing valid is behind it: it is the torn last write, never acknowledged. It is no part of the log, and is reported
//!   ([`TornTail`]) as far as it can be told from what was in the file before.
//!
//! A segment's file has its length before its first frame is written. A file that is shorter or longer than its header states
//! was changed by something else than this program, and is refused with both lengths ([`OpenError::WrongLength`]). Segments of
//! version 3 do not state it; of those the newest is held against the lengths that version 3 made.
//!
//! The log must go at least as far as `log.end` says ([`OpenError::LostTail`], [`OpenError::MissingSegment`]): so an older copy of
//! the newest segment is refused, and so are zeros in the place of its frames. `log.end` itself proves nothing if it is missing
//! or torn, and is written anew.
//!
//! Every flipped bit is therefore either refused or without effect, also in the last frame, as long as its seal or `log.end`
//! reached the disk: immediately if only the process died, and within the system's write-back time (about half a
//! minute) if the power did. What cannot be told from a torn write: damage to the last frame within that time
//! after its sync and followed by a power loss, and damage to everything from some frame to the end of the newest segment
//! if `log.end` is gone too. A whole directory that was replaced by an older copy of itself shows nothing of that; the other
//! members notice it.
//!
//! Of the entries only the newest stay in memory ([`LogOptions::cache_bytes`]); the others are decoded and checked all the
//! same, and are had from the disk later ([`LogStore::read`]), where their checksums are looked at again.
//!
//! The newest snapshot is read whole. Any flipped or missing bit in it is refused with file and offset: no crash explains
//! it, and the log may need it. So is any in `founders`. If that file is missing as a whole, the directory was never started,
//! or only by a release that did not write it, or the file was removed: these cannot be told apart.
//!
//! A last frame without a seal was perhaps never synced, or its sync failed and only the system's cache still
//! has it. It is written again and synced before anyone relies on it.
//!
//! # Older versions
//!
//! Versions 1 and 2 had the whole log in `raft.log`. At its first start such a log is written into segments; it counts, and stays
//! as it is, until they are durable and today's `raft.log` takes its place. Up to version 3 a membership was written without
//! identities, and a directory had none: it gets one at its first start, and then its `raft.log` gets today's version. Segments
//! of version 3 stay in use unchanged until the next one begins.

pub mod fs;

mod end;
mod end_record;
mod error;
mod forget;
mod founders;
mod frame;
mod ground;
mod header;
mod identity;
mod legacy;
mod life;
mod marks;
mod member_files;
mod open;
mod outline;
mod read;
mod record;
mod recover;
mod segment;
mod small_file;
mod snapshot_file;
mod snapshots;
mod store;
mod unidentified;

pub use end::{LogEnd, log_end, lose_tail};
pub use error::{OpenError, StorageError};
pub use forget::forget;
pub use founders::{Founders, Origin, OriginStage};
pub use life::Life;
pub use member_files::{MemberFiles, recorded_founders};
pub use outline::WriteMisfit;
pub use snapshots::Snapshots;
pub use store::{LogOptions, LogStore, Recovered, TornTail};
