//! The disk thread: takes every write that waits, makes them durable by one sync, and says so. Entries that are read back
//! are read between the writes, in their order. It never reorders writes, and after the first error it writes and says
//! nothing more. What had to wait for a write it sends itself.

use crate::peers::PeerSenders;
use raftdeck_raft::{EntriesToRead, Entry, Envelope, Persist, Ticket};
use raftdeck_storage::{LogStore, StorageError};
use std::io;
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Writes that may wait for the disk before the driver takes in no more work. The queue itself has no bound: what
/// the core decides must be written, but it decides nothing more than a timer's worth while no work comes in.
const ROOM: usize = 1024;

/// The same in bytes, also the most that one sync covers (one larger write excepted).
const ROOM_BYTES: usize = 32 << 20;

/// While the queue is full, requests are held back. When the disk has not finished anything for this long, they are taken in
/// anyway: writes are refused, and reads do not need the disk.
const PATIENCE: Duration = Duration::from_millis(100);

/// Completions on their way to the driver; the thread waits when it does not take them.
const COMPLETIONS: usize = 64;

/// One sync's worth of durable writes.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    /// Which writes, in order.
    pub(crate) tickets: Vec<Ticket>,
    /// Of the messages that had to wait for them, those that could not be sent yet.
    pub(crate) then_send: Vec<Envelope>,
    /// How long it took; `None` if there was nothing to write.
    pub(crate) took: Option<Duration>,
    bytes: usize,
}

/// What the thread finished.
#[derive(Debug)]
pub(crate) enum Finished {
    Durable(Durable),
    Read(Vec<Entry>),
}

/// What the thread is to do.
#[derive(Debug)]
enum DiskWork {
    Write(Persist),
    Read(EntriesToRead),
}

/// The driver's end of the disk thread.
#[derive(Debug)]
pub(crate) struct Disk {
    queue: blocking::Sender<DiskWork>,
    done: mpsc::Receiver<Result<Finished, StorageError>>,
    waiting: usize,
    waiting_bytes: usize,
    /// When the last write was finished, or the oldest one that waits was handed over; of no meaning while none waits.
    progress: Instant,
}

/// The thread is gone without having said why.
#[derive(Debug, thiserror::Error)]
#[error("the disk thread ended unexpectedly")]
pub struct DiskThreadGone;

impl Disk {
    /// Starts the thread. It ends, and releases the store, when this is dropped and its work is done.
    pub(crate) fn start(store: LogStore, post: Arc<PeerSenders>) -> io::Result<(Self, JoinHandle<()>)> {
        let (queue, work) = blocking::channel();
        let (report, done) = mpsc::channel(COMPLETIONS);
        let thread = thread::Builder::new().name("disk".to_owned());
        let thread = thread.spawn(move || serve(store, &post, &work, &report))?;
        Ok((Self { queue, done, waiting: 0, waiting_bytes: 0, progress: Instant::now() }, thread))
    }

    /// Hands a write over. Never waits.
    pub(crate) fn write(&mut self, persist: Persist) -> Result<(), DiskThreadGone> {
        if self.waiting == 0 {
            self.progress = Instant::now();
        }
        self.waiting += 1;
        self.waiting_bytes += size(&persist);
        self.queue.send(DiskWork::Write(persist)).map_err(|_| DiskThreadGone)
    }

    /// Reads entries back, after all that was handed over before. Never waits.
    pub(crate) fn read(&self, entries: EntriesToRead) -> Result<(), DiskThreadGone> {
        self.queue.send(DiskWork::Read(entries)).map_err(|_| DiskThreadGone)
    }

    /// Whether the disk keeps up well enough to take in more work.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting < ROOM && self.waiting_bytes < ROOM_BYTES
    }

    /// Whether requests are to be taken in: the disk keeps up, or has not finished anything for so long that they are better
    /// answered than held back.
    pub(crate) fn admits_requests(&self, now: Instant) -> bool {
        self.has_room() || now >= self.progress + PATIENCE
    }

    /// How long the disk has not finished anything, if it takes no more and that is too long to hold requests back.
    pub(crate) fn overdue(&self, now: Instant) -> Option<Duration> {
        let waited = now.saturating_duration_since(self.progress);
        (!self.has_room() && waited >= PATIENCE).then_some(waited)
    }

    /// When requests that are held back are admitted, at the latest.
    pub(crate) fn admits_at(&self, now: Instant) -> Option<Instant> {
        let at = self.progress + PATIENCE;
        (!self.has_room() && now < at).then_some(at)
    }

    /// Whether a completion is already there.
    #[cfg(test)]
    pub(crate) fn is_completed(&self) -> bool {
        !self.done.is_empty()
    }

    /// The next completion. Cancel-safe. After an error there is no other.
    pub(crate) async fn completed(&mut self) -> Result<Finished, DiskError> {
        let finished = self.done.recv().await.ok_or(DiskThreadGone)??;
        self.settle(&finished);
        Ok(finished)
    }

    /// A completion that is already there.
    pub(crate) fn try_completed(&mut self) -> Option<Result<Finished, StorageError>> {
        let completed = self.done.try_recv().ok()?;
        if let Ok(finished) = &completed {
            self.settle(finished);
        }
        Some(completed)
    }

    /// Hands over nothing more, and waits until all that was handed over is durable.
    pub(crate) async fn finish(self) -> Result<(), StorageError> {
        let Self { queue, mut done, .. } = self;
        drop(queue);
        while let Some(completed) = done.recv().await {
            completed?;
        }
        Ok(())
    }

    fn settle(&mut self, finished: &Finished) {
        if let Finished::Durable(durable) = finished {
            self.progress = Instant::now();
            self.waiting -= durable.tickets.len();
            self.waiting_bytes -= durable.bytes;
        }
    }
}

/// Why the disk can no longer be used.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// Reading or writing failed, or what was read is damaged.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Its thread panicked, which is a defect.
    #[error(transparent)]
    Gone(#[from] DiskThreadGone),
}

fn serve(
    mut store: LogStore,
    post: &PeerSenders,
    work: &blocking::Receiver<DiskWork>,
    report: &mpsc::Sender<Result<Finished, StorageError>>,
) {
    let mut batch = Vec::new();
    // What came behind the writes that go together.
    let mut held = None;
    while let Some(first) = held.take().or_else(|| work.recv().ok()) {
        let result = match first {
            DiskWork::Read(EntriesToRead { first, last, max_bytes }) => {
                store.read(first, last, max_bytes).map(Finished::Read)
            }
            DiskWork::Write(first) => {
                let mut durable = Durable { bytes: size(&first), ..Durable::default() };
                batch.push(first);
                while durable.bytes < ROOM_BYTES && held.is_none() {
                    match work.try_recv() {
                        Ok(DiskWork::Write(next)) => {
                            durable.bytes += size(&next);
                            batch.push(next);
                        }
                        Ok(other) => held = Some(other),
                        Err(_) => break,
                    }
                }
                write(&mut store, post, &mut batch, durable).map(Finished::Durable)
            }
        };
        let failed = result.is_err();
        if report.blocking_send(result).is_err() || failed {
            return;
        }
    }
}

fn write(
    store: &mut LogStore,
    post: &PeerSenders,
    batch: &mut Vec<Persist>,
    mut durable: Durable,
) -> Result<Durable, StorageError> {
    let start = Instant::now();
    store.append(batch)?;
    durable.took = batch.iter().any(|persist| !persist.is_barrier()).then(|| start.elapsed());
    for persist in batch.drain(..) {
        durable.tickets.push(persist.ticket);
        durable.then_send.extend(persist.then_send);
    }
    // From here: the way through the driver would take each follower's answer as long as half a sync.
    durable.then_send = post.send(std::mem::take(&mut durable.then_send));
    Ok(durable)
}

fn size(persist: &Persist) -> usize {
    persist.entries.iter().map(|entry| entry.payload.size()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Book;
    use crate::peers::{Outgoing, Sender};
    use raftdeck_raft::{HardState, LogId, LogIndex, NodeId, Payload, Term};
    use raftdeck_storage::fs::MemoryFs;
    use std::path::Path;
    use tokio::time::timeout;

    fn post() -> Arc<PeerSenders> {
        let me = Sender {
            id: NodeId(1),
            incarnation: raftdeck_raft::Incarnation([1; 16]),
            client_address: String::new(),
            raft_address: String::new(),
            trust: crate::trust::Trust::new(NodeId(1), "test".to_owned(), crate::tokens::Tokens::default()),
            memory: crate::memory::StartMemory::default(),
            tls: None,
        };
        Outgoing::new(me, Book::default()).post()
    }

    fn write(seq: u64) -> Persist {
        let id = LogId { term: Term(1), index: LogIndex(seq) };
        Persist {
            ticket: Ticket { seq, last: id },
            hard_state: Some(HardState { term: Term(1), vote: None }),
            reset: None,
            truncate: None,
            purge: None,
            entries: vec![Entry { id, payload: Payload::Command(vec![0; 100].into()) }],
            then_send: Vec::new(),
        }
    }

    #[tokio::test]
    async fn entries_are_read_back_after_the_writes_that_were_asked_for_before() {
        let (store, _) = LogStore::open(&MemoryFs::new(), Path::new("/data"), NodeId(1), "test").unwrap();
        let (mut disk, thread) = Disk::start(store, post()).unwrap();
        for seq in 1..=20 {
            disk.write(write(seq)).unwrap();
            let (first, last) = (LogIndex(seq.saturating_sub(2).max(1)), LogIndex(seq));
            disk.read(EntriesToRead { first, last, max_bytes: 1 << 20 }).unwrap();
        }
        let (mut durable, mut reads) = (0, 0);
        while reads < 20 {
            let completed = timeout(Duration::from_mins(1), disk.completed()).await;
            match completed.expect("the thread works").unwrap() {
                Finished::Durable(group) => durable = group.tickets.last().unwrap().seq,
                Finished::Read(entries) => {
                    reads += 1;
                    assert_eq!(durable, reads, "in the order in which it was asked");
                    assert_eq!(entries.last().unwrap().id.index, LogIndex(reads));
                    assert_eq!(entries.len() as u64, reads.min(3));
                }
            }
        }
        assert!(disk.has_room());
        disk.finish().await.unwrap();
        thread.join().unwrap();
    }
}
