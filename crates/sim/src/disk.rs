//! A process's disk: writes become durable one sync after another, all that waits by one, as the real disk thread does
//! it; snapshots are filed beside. And what begins and ends with the disk: starts, crashes, refusals.

use crate::client::MemberAnswer;
use crate::event::Event;
use crate::node::{DiskJob, Doom, Filing, Input, MemberFate, Node, Process, Requester};
use crate::outside::Outward;
use crate::platter::{Platter, describe};
use crate::rare::{RareMemory, RareState, at_start, replaced};
use crate::record::What;
use crate::rules::Story;
use crate::world::World;
use raftdeck_check::Observation;
use raftdeck_raft::{
    Boot, Config, EntriesToRead, Entry, LogId, LogIndex, NodeId, Persist, PieceReceived, Role, Sender,
    SnapshotRefusal, Ticket,
};
use raftdeck_replica::{Replica, StateImage};
use raftdeck_storage::fs::Survival;
use raftdeck_storage::{Life, LogOptions, LogStore, OpenError, Recovered, Snapshots, StorageError};
use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

/// About this many completions are kept back.
const MOST_LATE: usize = 100;

/// The longest delay before entries read back arrive.
const MOST_READ_LATE: u64 = 1_200_000;

/// This many completions are remembered, to be told once more.
const MOST_OLD: usize = 64;

const CLUSTER: &str = "simulated";

/// What an entry takes on a disk besides what it carries, about.
const WRITE: u64 = 32;

pub(crate) fn data_dir() -> &'static Path {
    Path::new("/data")
}

impl World<'_> {
    pub(crate) fn ask_disk(&mut self, id: NodeId, job: DiskJob) {
        if let Some(process) = &mut self.node(id).process {
            process.jobs.push_back(job);
            self.begin_job(id);
        }
    }

    /// The disk takes all writes that wait, or what is to be read before them, unless it is busy.
    fn begin_job(&mut self, id: NodeId) {
        let (low, high) = self.setup.sync;
        let took = self.rng.between(low, high);
        let took = self.paced(took);
        let more = self.rng.next();
        let at = self.now;
        let node = self.node(id);
        let (slow, life) = (if at < node.slow.1 { node.slow.0 } else { 0 }, node.life);
        let took = took + node.sync_delay;
        let Some(process) = &mut node.process else { return };
        if process.is_disk_busy() {
            return;
        }
        while let Some(job) = process.jobs.pop_front_if(|job| matches!(job, DiskJob::Write(_))) {
            process.writing.extend(job.write());
        }
        if process.writing.is_empty() {
            let Some(DiskJob::Read(entries)) = process.jobs.pop_front() else { return };
            process.reading = Some(entries);
            self.queue.at(at + took / 4 + more % (slow + 1), Event::Disk { node: id, life });
            return;
        }
        let is_free = process.writing.iter().all(Persist::is_barrier);
        let took = if is_free { 5 } else { took + more % (slow + 1) };
        process.sync_takes = took;
        self.queue.at(at + took, Event::Disk { node: id, life });
    }

    /// A sync that is under way takes no longer than this from now.
    pub(crate) fn sync_sooner(&mut self, id: NodeId, delay: u64) {
        let at = self.now + delay + 5;
        let node = self.node(id);
        let life = node.life;
        if node.process.as_ref().is_some_and(|process| process.is_disk_busy()) {
            self.queue.at(at, Event::Disk { node: id, life });
        }
    }

    pub(crate) fn disk_done(&mut self, id: NodeId, life: u32) {
        let node = self.node(id);
        if node.paused {
            // The whole process is stopped; the end of the pause comes back to this.
            return;
        }
        if self.holds_disk(id, life) {
            return;
        }
        let tends = self.rng.chance(300);
        let Some(process) = self.process(id, life) else { return };
        if let Some(entries) = process.reading.take() {
            self.read_back(id, entries);
            return;
        }
        let writes = std::mem::take(&mut process.writing);
        if let Some(more) = self.exceeds_disk(id, &writes) {
            let why = format!("its disk is full: there is no room for {more} bytes more");
            self.end(id, Survival::Process, None, 0, &why);
            return;
        }
        let Some(process) = self.process(id, life) else { return };
        // The next segment is prepared at some time or other, or in the middle of a write that needs it.
        let tended = if tends { process.store.tend() } else { Ok(()) };
        if let Err(error) = tended.and_then(|()| process.store.append(&writes)) {
            self.disk_failed(id, &writes, &error);
            return;
        }
        let count = writes.len();
        let (mut tickets, mut told, mut then_send) = (Vec::new(), Vec::new(), Vec::new());
        let platter = &mut self.node(id).platter;
        for write in writes {
            platter.write(&write);
            tickets.push(write.ticket);
            if !write.entries.is_empty() {
                told.push(write.ticket);
            }
            then_send.extend(write.then_send);
        }
        if let Some(process) = &mut self.node(id).process {
            process.syncs += 1;
            process.old.extend(told);
            let excess = process.old.len().saturating_sub(MOST_OLD);
            process.old.drain(..excess);
        }
        self.some_come_late(id, &mut tickets);
        self.show(Some(id), || What::Durable { writes: count });
        self.observe_disk(id);
        self.give(id, Input::Durable { tickets, then_send });
        self.begin_job(id);
    }

    /// How many bytes have no room on a disk that is full, if these writes do not fit.
    fn exceeds_disk(&mut self, id: NodeId, writes: &[Persist]) -> Option<u64> {
        let room = self.node(id).room.as_mut()?;
        let bytes = |write: &Persist| {
            write.entries.iter().map(|entry| entry.payload.size() as u64 + WRITE).sum::<u64>()
        };
        let more = writes.iter().map(bytes).sum::<u64>();
        let left = room.checked_sub(more);
        *room = left.unwrap_or(*room);
        left.is_none().then_some(more)
    }

    /// What is asked for must be there: the disk does all in order.
    fn read_back(&mut self, id: NodeId, EntriesToRead { first, last, max_bytes }: EntriesToRead) {
        let at = self.now;
        let Some(process) = &mut self.node(id).process else { return };
        // Others may take the place of what only this leader has.
        let is_open = process.story.role == Role::Leader && process.story.commit() < last;
        let sentence = match process.store.read(first, last, max_bytes) {
            Ok(entries) if !entries.is_empty() => {
                self.stats.reads_back += 1;
                // Mostly immediately. A member that has much to do takes them in late, after what became durable since. That is
                // a fault like any other, so it ends with them: a follower may need hundreds of reads to catch up, one after
                // the other, and how long that takes must depend on the members only.
                let is_late = self.rng.chance(if is_open { 600 } else { 100 });
                let late = self.rng.between(if is_open { MOST_READ_LATE / 2 } else { 1000 }, MOST_READ_LATE);
                if is_late && !self.quiet {
                    let node = self.node(id);
                    let life = node.life;
                    if let Some(process) = &mut node.process {
                        process.read.push(entries);
                    }
                    self.queue.at(at + late, Event::ReadBack { node: id, life, first });
                } else {
                    self.note_read_back(id, &entries);
                    self.give(id, Input::ReadBack(entries));
                }
                self.begin_job(id);
                return;
            }
            Ok(_) => format!("{id} finds nothing of its entries from {first} to {last}"),
            Err(error) => format!("{id} cannot read its entries from {first} to {last}: {error}"),
        };
        self.judge.accuse("a disk with honest crashes can be read", at, sentence);
    }

    pub(crate) fn entries_arrive(&mut self, id: NodeId, life: u32, first: LogIndex) {
        let Some(process) = self.process(id, life) else { return };
        let is_it = |entries: &mut Vec<Entry>| entries.first().is_some_and(|entry| entry.id.index == first);
        let arrived = process.read.extract_if(.., is_it).collect();
        self.all_arrive(id, arrived);
    }

    /// The worst time for entries to come is when others took their places and were committed.
    pub(crate) fn replaced_ones_come(&mut self, id: NodeId) {
        let at = self.now;
        let Node { process, clock, .. } = self.node(id);
        let Some(process) = process.as_deref_mut().filter(|process| !process.read.is_empty()) else { return };
        let status = process.replica.status(clock.now(at));
        let is_late = |entries: &mut Vec<Entry>| {
            replaced(&status, entries).any(|replaced| replaced.index <= status.committed)
        };
        let come = process.read.extract_if(.., is_late).collect();
        self.all_arrive(id, come);
    }

    /// What was read back and is late still comes now.
    pub(crate) fn late_reads_come(&mut self, id: NodeId) {
        let process = self.node(id).process.as_mut();
        let come = process.map(|process| std::mem::take(&mut process.read)).unwrap_or_default();
        self.all_arrive(id, come);
    }

    fn all_arrive(&mut self, id: NodeId, reads: Vec<Vec<Entry>>) {
        for entries in reads {
            self.note_read_back(id, &entries);
            self.give(id, Input::ReadBack(entries));
        }
    }

    /// Completions may come in any order: some are told only long after a later one, which includes them.
    fn some_come_late(&mut self, id: NodeId, tickets: &mut Vec<Ticket>) {
        if self.is_driven() {
            return;
        }
        let is_late = self.rng.chance(150);
        let node = self.node(id);
        if let Some(process) = &mut node.process
            && process.jobs.iter().any(|job| matches!(job, DiskJob::Write(_)))
            && process.late.len() < MOST_LATE
            && is_late
        {
            process.late.append(tickets);
        }
    }

    /// The worst time for a late completion is when a leader waits for its own disk. Worst of all are those of entries
    /// that were overwritten since, where the log is as long again and the disk is not.
    pub(crate) fn late_ones_come(&mut self, id: NodeId) {
        if self.is_driven() {
            return;
        }
        let now = self.rng.chance(50);
        let node = self.node(id);
        let on_disk = node.platter.last().index;
        let Some(process) = &mut node.process else { return };
        if process.story.role != Role::Leader || process.writing.is_empty() {
            return;
        }
        let mut tickets = if now { std::mem::take(&mut process.late) } else { Vec::new() };
        let last = process.story.last();
        let overwritten = |ticket: &Ticket| on_disk < ticket.last.index && ticket.last.index <= last;
        tickets.extend(process.old.extract_if(.., |ticket| overwritten(ticket)));
        if !tickets.is_empty() {
            self.note(RareState::LateCompletion);
            self.give(id, Input::Durable { tickets, then_send: Vec::new() });
        }
    }

    /// An error of the disk is final for its process.
    fn disk_failed(&mut self, id: NodeId, writes: &[Persist], error: &StorageError) {
        let at = self.now;
        if let StorageError::Misfit { .. } = error {
            self.judge.accuse("writes fit the log", at, format!("{id} cannot write: {error}"));
        }
        // What the failed write was about may be there all the same.
        let node = self.node(id);
        let mut perhaps = node.platter.clone();
        for write in writes {
            perhaps.write(write);
        }
        let down = 30_000 + self.rng.below(300_000);
        self.end(id, Survival::Process, Some(perhaps), down, &error.to_string());
    }

    pub(crate) fn file(&mut self, id: NodeId, filing: Filing) {
        if let Some(process) = &mut self.node(id).process {
            process.files.push_back(filing);
            self.begin_filing(id);
        }
    }

    fn begin_filing(&mut self, id: NodeId) {
        let (low, high) = self.setup.sync;
        let took = self.rng.between(low, high * 2);
        let took = self.paced(took);
        let at = self.now;
        let node = self.node(id);
        let life = node.life;
        let Some(process) = &mut node.process else { return };
        if process.filing.is_some() {
            return;
        }
        process.filing = process.files.pop_front();
        let took = match process.filing {
            Some(Filing::Read(_)) => 50,
            Some(Filing::Receive(PieceReceived { done: false, .. })) => 100,
            Some(_) => took,
            None => return,
        };
        self.queue.at(at + took, Event::Files { node: id, life });
    }

    pub(crate) fn files_done(&mut self, id: NodeId, life: u32) {
        if self.node(id).paused || self.holds_files(id, life) {
            return;
        }
        let Some(process) = self.process(id, life) else { return };
        let Some(filing) = process.filing.take() else { return };
        match carry_out(&mut process.snapshots, filing) {
            Ok(SnapshotWork::Input(input)) => self.give(id, *input),
            Ok(SnapshotWork::Piece(envelope)) => self.transmit(id, *envelope),
            Ok(SnapshotWork::Missing(last)) => {
                let at = self.now;
                let sentence = format!("{id} sends its snapshot through {}, which is gone", last.index);
                self.judge.accuse("a snapshot that is sent stays readable", at, sentence);
            }
            Ok(SnapshotWork::Nothing) => {}
            Err(error) => return self.disk_failed(id, &[], &error),
        }
        self.begin_filing(id);
    }

    /// A process ends as it was told to.
    pub(crate) fn crash(&mut self, id: NodeId, doom: Doom) {
        let node = self.node(id);
        let fs = node.fs.clone();
        let Some(process) = &mut node.process else { return };
        let writes = std::mem::take(&mut process.writing);
        let perhaps = (!writes.is_empty()).then(|| {
            let mut perhaps = node.platter.clone();
            for write in &writes {
                perhaps.write(write);
            }
            perhaps
        });
        // What the disk was doing gets as far as it gets.
        fs.halt_after(doom.changes);
        let filing = process.filing.take();
        if doom.changes.is_multiple_of(3) {
            let _ = process.store.tend();
        }
        if doom.changes.is_multiple_of(2) {
            let _ = process.store.append(&writes);
        }
        if let Some(filing) = filing {
            let _ = carry_out(&mut process.snapshots, filing);
        }
        if !doom.changes.is_multiple_of(2) {
            let _ = process.store.append(&writes);
        }
        self.end(id, doom.survival, perhaps, doom.down, "crash");
    }

    /// A member found its own invariant broken: its process ends.
    pub(crate) fn break_down(&mut self, id: NodeId, words: &str) {
        self.end(id, Survival::Process, None, 0, &format!("panic: {words}"));
    }

    fn end(&mut self, id: NodeId, survival: Survival, perhaps: Option<Platter>, down: u64, why: &str) {
        let at = self.now;
        let node = self.node(id);
        let Some(process) = node.process.take() else { return };
        let led_joint = process.story.role == Role::Leader && process.story.is_joint;
        node.fs.crash(survival);
        node.fs.set_capacity(None);
        node.life += 1;
        node.paused = false;
        node.pauses += 1;
        node.clock.freeze(false, at);
        node.fate = MemberFate::Down;
        node.perhaps = perhaps;
        let life = node.life;
        let asked = process.inbox.iter().filter_map(|input| match input {
            Input::Ask { client, attempt, .. } => {
                Some(Requester::Client { client: *client, attempt: *attempt })
            }
            _ => None,
        });
        let waiting: Vec<_> = process.waiting.values().copied().chain(asked).collect();
        if !self.put_out(|| Outward::Ended(id, why.to_owned())) {
            self.queue.at(at + down.max(1), Event::Restart { node: id, life });
        }
        if led_joint {
            self.note(RareState::JointLeaderLost);
        }
        for waiting in waiting {
            if let Requester::Client { client, attempt } = waiting {
                self.reply(id, (client, attempt), MemberAnswer::Lost);
            }
        }
        self.disconnect(id, None);
        self.judge.observe(at, id, &Observation::Stopped);
        self.show(Some(id), || What::Ended { why: why.to_owned() });
    }

    pub(crate) fn restart(&mut self, id: NodeId, life: u32) {
        let node = self.node(id);
        if node.life != life || node.process.is_some() || !matches!(node.fate, MemberFate::Down) {
            return;
        }
        if node.newer_start.is_some_and(|newer| node.boot.number >= newer) {
            // Started more often than its original, it would pass for a later start. It is never started again.
            node.fate = MemberFate::Lost;
            return;
        }
        match self.start(id) {
            Ok(()) => {
                self.stats.restarts += 1;
                self.connects_soon(id);
                self.show(Some(id), || What::Started);
                let at = self.now;
                let now = self.node(id).clock.now(at);
                self.in_turn = Some(id);
                self.go_on(id, now);
                self.in_turn = None;
                self.observe_disk(id);
            }
            Err(why) => self.refused(id, &why),
        }
    }

    /// Only a member with a flipped bit on its disk may refuse to start.
    fn refused(&mut self, id: NodeId, why: &str) {
        let at = self.now;
        let node = self.node(id);
        node.fate = MemberFate::Lost;
        if self.put_out(|| Outward::Ended(id, why.to_owned())) {
            return;
        }
        if self.node(id).is_flipped {
            self.stats.refusals += 1;
            self.note(RareState::RefusedStart);
            self.show(Some(id), || What::Refused { why: why.to_owned() });
        } else {
            self.judge.accuse("a disk with honest crashes can be read", at, format!("{id}: {why}"));
        }
    }

    fn start(&mut self, id: NodeId) -> Result<(), String> {
        let at = self.now;
        let seed = self.seed.wrapping_mul(31).wrapping_add(u64::from(self.node(id).life));
        let detect_crash = self.setup.detection.is_on(id, self.node(id).life);
        let config = Config { detect_crash, ..self.setup.config.clone() };
        let (segment_bytes, cache_bytes) = (self.setup.segment_bytes, config.log_cache_bytes);
        let node = self.node(id);
        let (store, recovered, life) = open(node, segment_bytes, cache_bytes)?;
        node.incarnation = life.incarnation();
        node.boot = Boot { number: life.boot(), nonce: u64::from(node.life) };
        let Recovered { restored, snapshots, repaired, .. } = recovered;
        let rare = [repaired.map(|_| RareState::TornTail), at_start(&restored)];
        let image = match &restored.snapshot {
            None => None,
            Some((meta, _)) => {
                let pieces = snapshots.content(meta.last).map_err(|error| error.to_string())?;
                let image = StateImage::decode(meta.clone(), pieces.into_iter());
                Some(image.map_err(|error| error.to_string())?)
            }
        };
        if std::mem::take(&mut node.is_altered) {
            node.platter = Platter::of(&restored);
            let (hard_state, through) = (restored.hard_state, node.platter.last().index);
            let durable = Observation::Durable { term: hard_state.term, vote: hard_state.vote, through };
            self.judge.observe(at, id, &durable);
        }
        let node = self.node(id);
        let found = [Some(&node.platter), node.perhaps.as_ref()];
        let Some(found) = found.into_iter().flatten().find(|platter| platter.allows(&restored)) else {
            let sentence = format!(
                "{id} wrote term {}, vote {:?}, a log through {:?}{}, and starts with {}",
                node.platter.hard_state.term,
                node.platter.hard_state.vote,
                node.platter.last(),
                node.perhaps.as_ref().map_or(String::new(), |p| format!(", perhaps through {:?}", p.last())),
                describe(&restored)
            );
            self.judge.accuse("durable writes survive", at, sentence);
            return Ok(());
        };
        node.platter = found.clone();
        node.perhaps = None;
        let newest_snapshot = restored.snapshot.as_ref().map_or(LogIndex::ZERO, |(meta, _)| meta.last.index);
        let incarnation = Some(node.incarnation);
        let config = Config { id, incarnation, membership: node.founders.clone(), ..config };
        let tuning = config.tuning;
        let now = node.clock.now(at);
        let replica = Replica::new(config, seed, restored, image, now).map_err(|error| error.to_string())?;
        node.life += 1;
        node.fate = MemberFate::Up;
        node.process = Some(Box::new(Process {
            story: Story::new(Sender::new(id, node.incarnation), &replica.status(now)),
            replica,
            store,
            snapshots,
            inbox: Vec::new(),
            turn_due: false,
            wakes_at: u64::MAX,
            jobs: VecDeque::new(),
            writing: Vec::new(),
            reading: None,
            files: VecDeque::new(),
            filing: None,
            expects: now,
            is_saving: false,
            snapshot_asked: false,
            newest_snapshot,
            tuning,
            waiting: BTreeMap::new(),
            newest_token: 0,
            doom: None,
            memory: RareMemory::default(),
            judged: LogIndex::ZERO,
            took_write: false,
            late: Vec::new(),
            old: Vec::new(),
            vouched: BTreeMap::new(),
            replaced: Vec::new(),
            read: Vec::new(),
            is_timeout_fixed: false,
            syncs: 0,
            sync_takes: 0,
            started: now,
        }));
        rare.into_iter().flatten().for_each(|state| self.note(state));
        Ok(())
    }
}

fn open(node: &Node, segment_bytes: u64, cache_bytes: usize) -> Result<(LogStore, Recovered, Life), String> {
    let options = LogOptions { segment_bytes, cache_bytes, background: false };
    let fresh = node.incarnation;
    let opened: Result<_, OpenError> =
        LogStore::start_life(&node.fs, data_dir(), node.id, CLUSTER, &options, fresh);
    opened.map_err(|error| error.to_string())
}

/// The outcome of work on snapshots.
enum SnapshotWork {
    Input(Box<Input>),
    Piece(Box<raftdeck_raft::Envelope>),
    /// There is no such snapshot to read from.
    Missing(LogId),
    Nothing,
}

fn carry_out(snapshots: &mut Snapshots, filing: Filing) -> Result<SnapshotWork, StorageError> {
    let input = match filing {
        Filing::Save(image) => {
            let size = snapshots.save(image.meta(), image.pieces())?;
            Input::Saved(image.meta().clone(), size)
        }
        Filing::Receive(PieceReceived { meta, offset, data, done }) => {
            snapshots.receive(&meta, offset, &data)?;
            if !done {
                return Ok(SnapshotWork::Nothing);
            }
            let last = meta.last;
            let decoded = match snapshots.received(&meta)? {
                Some(content) => StateImage::decode(meta.clone(), content.into_iter())
                    .map_err(|_| SnapshotRefusal::Undecodable),
                None => Err(SnapshotRefusal::Damaged),
            };
            let image = match decoded {
                Ok(image) => image,
                Err(why) => {
                    snapshots.discard_received()?;
                    return Ok(SnapshotWork::Input(Box::new(Input::Discarded(last, why))));
                }
            };
            match snapshots.finish(&meta)? {
                Some(size) => Input::Received(Box::new(image), size),
                None => Input::Discarded(last, SnapshotRefusal::Damaged),
            }
        }
        Filing::Read(piece) => {
            let last = piece.meta.last;
            let bytes = snapshots.read(last, piece.offset, piece.max_bytes)?;
            return Ok(bytes.map_or(SnapshotWork::Missing(last), |bytes| {
                SnapshotWork::Piece(Box::new(piece.fill(bytes)))
            }));
        }
        Filing::RemoveUnused { in_use } => {
            snapshots.remove_unused(&in_use)?;
            return Ok(SnapshotWork::Nothing);
        }
    };
    Ok(SnapshotWork::Input(Box::new(input)))
}
