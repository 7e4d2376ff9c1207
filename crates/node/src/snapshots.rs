//! The snapshot thread: saves, reads, receives and decodes snapshots beside the disk thread, so that the log's syncs never
//! wait for a big file. Takes its jobs in order; after the first error of the disk it does nothing more.
//!
//! A log record that relies on a snapshot is written only after the core knows that the snapshot is durable, so the
//! two threads need no ordering between them.

use crate::disk::{DiskError, DiskThreadGone};
use raftdeck_raft::{Envelope, LogId, NodeId, PieceReceived, PieceToSend, SnapshotMeta, SnapshotRefusal};
use raftdeck_replica::{ImageError, StateImage};
use raftdeck_storage::{Snapshots, StorageError};
use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc as blocking;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Bytes of received pieces that wait for the disk. More must be sent again.
const ROOM_BYTES: usize = 16 << 20;

/// Completions on their way to the driver; the thread waits when it does not take them.
const COMPLETIONS: usize = 16;

/// What the thread finished.
#[derive(Debug)]
pub(crate) enum SnapshotDone {
    /// A snapshot of this member's own state is durable.
    Saved { meta: SnapshotMeta, size: u64, took: Duration },
    /// Another member's snapshot is durable, and gave this state.
    Received { image: Box<StateImage>, size: u64 },
    /// The received snapshot is invalid.
    Discarded(LogId, SnapshotRefusal),
    /// A piece is ready to be sent.
    Filled(Envelope),
    /// Nothing that the core waits for.
    Nothing,
}

#[derive(Debug)]
enum SnapshotJob {
    Save(StateImage),
    Receive(PieceReceived),
    Read(PieceToSend),
    RemoveUnused {
        in_use: Vec<LogId>,
    },
    /// To give back a big state's memory takes a while.
    Drop {
        _image: StateImage,
    },
}

#[derive(Debug)]
struct Completion {
    filed: SnapshotDone,
    /// The received bytes that no longer wait.
    received: usize,
    /// This piece was read, or was to be.
    read: Option<PieceToSend>,
}

/// The driver's end of the snapshot thread.
#[derive(Debug)]
pub(crate) struct Cabinet {
    jobs: blocking::Sender<SnapshotJob>,
    done: mpsc::Receiver<Result<Completion, StorageError>>,
    saving: bool,
    waiting_bytes: usize,
    /// Followers whose piece is being read, and what was asked for since: the newest only.
    reading: BTreeMap<NodeId, Option<PieceToSend>>,
}

impl Cabinet {
    /// Starts the thread. It ends when this is dropped and what it was given is done.
    pub(crate) fn start(snapshots: Snapshots) -> io::Result<(Self, JoinHandle<()>)> {
        let (jobs, work) = blocking::channel();
        let (report, done) = mpsc::channel(COMPLETIONS);
        let thread = thread::Builder::new().name("snapshots".to_owned());
        let thread = thread.spawn(move || serve(snapshots, &work, &report))?;
        Ok((Self { jobs, done, saving: false, waiting_bytes: 0, reading: BTreeMap::new() }, thread))
    }

    /// Whether a snapshot is being saved: one at a time.
    pub(crate) fn is_saving(&self) -> bool {
        self.saving
    }

    /// Saves a snapshot.
    pub(crate) fn save(&mut self, image: StateImage) -> Result<(), DiskThreadGone> {
        self.saving = true;
        self.hand_over(SnapshotJob::Save(image))
    }

    /// Removes older snapshots than those `in_use`, as the core sees it now. It may begin to send one that it hears of
    /// later, but never one that is older than the newest it knows: so what it asks for is there.
    pub(crate) fn remove_unused(&mut self, in_use: Vec<LogId>) -> Result<(), DiskThreadGone> {
        self.hand_over(SnapshotJob::RemoveUnused { in_use })
    }

    /// Whether the thread keeps up well enough to take in more pieces.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting_bytes < ROOM_BYTES
    }

    /// Takes in a piece; after the last one the whole is checked and decoded.
    pub(crate) fn receive(&mut self, piece: PieceReceived) -> Result<(), DiskThreadGone> {
        self.waiting_bytes += piece.data.len();
        self.hand_over(SnapshotJob::Receive(piece))
    }

    /// Reads a piece for a follower. While one is being read for it, only the newest of further ones is kept: the core asks
    /// again and again while it gets no answer.
    pub(crate) fn read(&mut self, piece: PieceToSend) -> Result<(), DiskThreadGone> {
        if let Some(next) = self.reading.get_mut(&piece.to) {
            *next = Some(piece);
            return Ok(());
        }
        self.reading.insert(piece.to, None);
        self.hand_over(SnapshotJob::Read(piece))
    }

    /// Releases a state image that is no longer needed.
    pub(crate) fn discard(&mut self, image: StateImage) -> Result<(), DiskThreadGone> {
        self.hand_over(SnapshotJob::Drop { _image: image })
    }

    /// Whether a completion is already there.
    #[cfg(test)]
    pub(crate) fn is_completed(&self) -> bool {
        !self.done.is_empty()
    }

    /// What is finished next. Cancel-safe. After an error there is no other.
    pub(crate) async fn completed(&mut self) -> Result<SnapshotDone, DiskError> {
        let completion = self.done.recv().await.ok_or(DiskThreadGone)??;
        Ok(self.settle(completion)?)
    }

    fn settle(
        &mut self,
        Completion { filed, received, read }: Completion,
    ) -> Result<SnapshotDone, DiskThreadGone> {
        self.waiting_bytes -= received;
        if let SnapshotDone::Saved { .. } = filed {
            self.saving = false;
        }
        if let Some(read) = read
            && let Some(next) = self.reading.remove(&read.to).flatten()
            && !is_same(&read, &next)
        {
            self.read(next)?;
        }
        Ok(filed)
    }

    fn hand_over(&self, job: SnapshotJob) -> Result<(), DiskThreadGone> {
        self.jobs.send(job).map_err(|_| DiskThreadGone)
    }
}

/// Whether both mean the same bytes, said by the same leadership.
fn is_same(one: &PieceToSend, other: &PieceToSend) -> bool {
    (one.meta.last, one.offset, one.term) == (other.meta.last, other.offset, other.term)
}

fn serve(
    mut snapshots: Snapshots,
    work: &blocking::Receiver<SnapshotJob>,
    report: &mpsc::Sender<Result<Completion, StorageError>>,
) {
    while let Ok(job) = work.recv() {
        let result = job.carry_out(&mut snapshots);
        let failed = result.is_err();
        if report.blocking_send(result).is_err() || failed {
            return;
        }
    }
}

impl SnapshotJob {
    fn carry_out(self, snapshots: &mut Snapshots) -> Result<Completion, StorageError> {
        let mut completion = Completion { filed: SnapshotDone::Nothing, received: 0, read: None };
        completion.filed = match self {
            Self::Save(image) => save(snapshots, &image)?,
            Self::Receive(piece) => {
                completion.received = piece.data.len();
                receive(snapshots, &piece)?
            }
            Self::Read(piece) => {
                completion.read = Some(piece.clone());
                // While this waited behind another piece, the core has gone on to send something else.
                snapshots
                    .read(piece.meta.last, piece.offset, piece.max_bytes)?
                    .map_or(SnapshotDone::Nothing, |data| SnapshotDone::Filled(piece.fill(data)))
            }
            Self::RemoveUnused { in_use } => {
                snapshots.remove_unused(&in_use)?;
                SnapshotDone::Nothing
            }
            Self::Drop { .. } => SnapshotDone::Nothing,
        };
        Ok(completion)
    }
}

fn save(snapshots: &mut Snapshots, image: &StateImage) -> Result<SnapshotDone, StorageError> {
    let start = Instant::now();
    let size = snapshots.save(image.meta(), image.pieces())?;
    Ok(SnapshotDone::Saved { meta: image.meta().clone(), size, took: start.elapsed() })
}

fn receive(snapshots: &mut Snapshots, piece: &PieceReceived) -> Result<SnapshotDone, StorageError> {
    let PieceReceived { meta, offset, data, done } = piece;
    snapshots.receive(meta, *offset, data)?;
    if !done {
        return Ok(SnapshotDone::Nothing);
    }
    // Decoded before it counts: what cannot be read must not be found as the newest snapshot at the next start.
    let decoded = match snapshots.received(meta)? {
        Some(content) => StateImage::decode(meta.clone(), content.into_iter()).map_err(|error| {
            tracing::error!("the leader's snapshot through {} cannot be decoded: {error}", meta.last.index);
            SnapshotRefusal::Undecodable
        }),
        None => Err(SnapshotRefusal::Damaged),
    };
    let image = match decoded {
        Ok(image) => image,
        Err(why) => {
            snapshots.discard_received()?;
            return Ok(SnapshotDone::Discarded(meta.last, why));
        }
    };
    Ok(match snapshots.finish(meta)? {
        Some(size) => SnapshotDone::Received { image: Box::new(image), size },
        None => SnapshotDone::Discarded(meta.last, SnapshotRefusal::Damaged),
    })
}

/// The state that a snapshot holds.
pub(crate) fn read_back(
    snapshots: &Snapshots,
    meta: &SnapshotMeta,
) -> Result<Result<StateImage, ImageError>, StorageError> {
    let content = snapshots.content(meta.last)?;
    Ok(StateImage::decode(meta.clone(), content.into_iter()))
}

#[cfg(test)]
#[path = "snapshots_tests.rs"]
mod tests;
