//! Snapshots on the table: a member's state machine is the list of what it applied, and a snapshot is that list as
//! bytes. Its disk works on snapshots in a queue of its own, so that a test decides what is durable first.

use super::{Cluster, store};
use bytes::Bytes;
use raftdeck_raft::{
    Entry, Envelope, LogId, Message, NodeId, PieceReceived, PieceToSend, Raft, Restored, SnapshotMeta,
    SnapshotRefusal, TraceEvent,
};
use std::collections::{BTreeMap, VecDeque};

/// The snapshots of one member.
#[derive(Clone, Debug, Default)]
pub struct Files {
    durable: BTreeMap<LogId, (SnapshotMeta, Bytes)>,
    /// What has arrived of the leader's; a crash takes it.
    arriving: Option<(SnapshotMeta, Vec<u8>)>,
    /// Not done yet.
    pub jobs: VecDeque<Job>,
    /// The next snapshot that is complete is found to be damaged.
    pub damage_next: bool,
    /// What arrives cannot be decoded.
    pub decodes_nothing: bool,
}

#[derive(Clone, Debug)]
pub enum Job {
    Save { meta: SnapshotMeta, content: Bytes },
    Receive(PieceReceived),
    RemoveUnused { in_use: Vec<LogId> },
}

impl Files {
    pub fn ends(&self) -> Vec<LogId> {
        self.durable.keys().copied().collect()
    }

    fn newest(&self) -> Option<(SnapshotMeta, u64)> {
        self.durable.values().next_back().map(|(meta, content)| (meta.clone(), content.len() as u64))
    }

    fn keep(&mut self, meta: SnapshotMeta, content: Bytes) {
        self.durable.entry(meta.last).or_insert((meta, content));
    }

    fn remove_unused(&mut self, in_use: &[LogId]) {
        let newest = in_use.iter().max().copied().unwrap_or_default();
        self.durable.retain(|end, _| *end >= newest || in_use.contains(end));
    }

    /// The state machine in the newest snapshot.
    pub fn state(&self) -> Vec<Entry> {
        self.durable.values().next_back().map(|(_, content)| decode(content)).unwrap_or_default()
    }

    pub fn crash(&mut self) {
        self.arriving = None;
        self.jobs.clear();
    }
}

fn encode(applied: &[Entry]) -> Bytes {
    Bytes::from(postcard::to_stdvec(applied).unwrap())
}

fn decode(content: &Bytes) -> Vec<Entry> {
    postcard::from_bytes(content).unwrap()
}

impl Cluster {
    /// Starts to take a snapshot of what a member has applied, if it can.
    pub fn take_snapshot(&mut self, id: NodeId) {
        self.collect(id);
        if self.raft(id).may_snapshot() {
            self.begin_snapshot(id);
        }
    }

    fn begin_snapshot(&mut self, id: NodeId) {
        let meta = self.raft(id).snapshot_meta();
        let member = self.member(id);
        assert_eq!(member.applied.last().map_or(LogId::default(), |e| e.id), meta.last);
        let content = encode(&member.applied);
        member.files.jobs.push_back(Job::Save { meta, content });
    }

    /// Takes one and waits for it.
    pub fn snapshot(&mut self, id: NodeId) -> LogId {
        self.take_snapshot(id);
        while self.finish_job(id) {}
        self.collect(id);
        self.status(id).snapshot
    }

    /// Lets the disk do what is next with snapshots. Says whether there was anything.
    pub fn finish_job(&mut self, id: NodeId) -> bool {
        let now = self.now;
        let member = self.member(id);
        let Some(job) = member.files.jobs.pop_front() else { return false };
        match job {
            Job::Save { meta, content } => {
                let size = content.len() as u64;
                member.files.keep(meta.clone(), content);
                member.disk.snapshot = member.files.newest();
                self.raft(id).handle_snapshot_saved(meta, size);
                self.remove_unused(id);
            }
            Job::Receive(piece) => self.finish_piece(id, piece, now),
            Job::RemoveUnused { in_use } => member.files.remove_unused(&in_use),
        }
        self.collect(id);
        true
    }

    fn finish_piece(&mut self, id: NodeId, piece: PieceReceived, now: raftdeck_raft::Timestamp) {
        let member = self.member(id);
        let PieceReceived { meta, offset, data, done } = piece;
        if offset == 0 {
            member.files.arriving = Some((meta.clone(), Vec::new()));
        }
        let (arriving, bytes) = member.files.arriving.as_mut().expect("pieces come in order");
        assert_eq!((&*arriving, bytes.len() as u64), (&meta, offset), "pieces come in order");
        bytes.extend_from_slice(&data);
        if !done {
            return;
        }
        let (_, bytes) = member.files.arriving.take().unwrap();
        if std::mem::take(&mut member.files.damage_next) {
            self.raft(id).handle_snapshot_discarded(meta.last, SnapshotRefusal::Damaged);
            return;
        }
        if member.files.decodes_nothing {
            self.raft(id).handle_snapshot_discarded(meta.last, SnapshotRefusal::Undecodable);
            return;
        }
        let content = Bytes::from(bytes);
        let (size, state) = (content.len() as u64, decode(&content));
        member.files.keep(meta.clone(), content);
        member.disk.snapshot = member.files.newest();
        if self.raft(id).handle_snapshot_received(meta, size, now) {
            self.member(id).applied = state;
        }
        self.remove_unused(id);
    }

    /// Asks the disk to let go of what the member does not need any more, when it gets to that.
    fn remove_unused(&mut self, id: NodeId) {
        let in_use = self.raft(id).snapshots_in_use();
        self.member(id).files.jobs.push_back(Job::RemoveUnused { in_use });
    }

    /// Hands pieces over: to the disk what arrived, to the wire what is to be sent.
    pub fn move_pieces(&mut self, id: NodeId, received: Vec<PieceReceived>, to_send: Vec<PieceToSend>) {
        let member = self.member(id);
        member.files.jobs.extend(received.into_iter().map(Job::Receive));
        let envelopes: Vec<Envelope> = to_send.into_iter().map(|piece| fill(&member.files, piece)).collect();
        let saving = member.files.jobs.iter().any(|job| matches!(job, Job::Save { .. }));
        let due = member.raft.as_ref().is_some_and(Raft::snapshot_due);
        self.post(id, envelopes);
        if due && !saving {
            self.begin_snapshot(id);
        }
    }

    /// What this member says last, an answer to a piece.
    pub fn traced(&self, id: NodeId, what: impl Fn(&TraceEvent) -> bool) -> usize {
        self.members[&id].trace.iter().filter(|event| what(event)).count()
    }

    /// How many messages that this is true of are on the wire.
    pub fn on_the_wire(&self, what: impl Fn(&Message) -> bool) -> usize {
        self.wire.iter().filter(|(_, _, message)| what(message)).count()
    }
}

fn fill(files: &Files, piece: PieceToSend) -> Envelope {
    let (_, content) = files.durable.get(&piece.meta.last).expect("a snapshot in use is not deleted");
    let from = usize::try_from(piece.offset).unwrap();
    let to = from.saturating_add(piece.max_bytes).min(content.len());
    let data = content.slice(from..to);
    piece.fill(data)
}

/// A disk with a snapshot of this state machine, whose log starts after `purged`.
pub fn disk_with_snapshot(whole: &Restored, snapshot: u64, purged: u64, voters: u64) -> (Restored, Files) {
    let applied: Vec<Entry> =
        whole.entries.iter().take(usize::try_from(snapshot).unwrap()).cloned().collect();
    let last = applied.last().expect("a snapshot of something").id;
    let members = (1..=voters).map(NodeId).collect();
    let membership = raftdeck_raft::Membership::of(members);
    let meta = SnapshotMeta { last, membership, membership_index: raftdeck_raft::LogIndex(0) };
    let content = encode(&applied);
    let mut disk = whole.clone();
    disk.snapshot = Some((meta.clone(), content.len() as u64));
    disk.purged = whole.entries.iter().map(|e| e.id).find(|id| id.index.0 == purged).unwrap_or_default();
    disk.entries.retain(|e| e.id.index.0 > purged);
    let mut files = Files::default();
    files.keep(meta, content);
    (disk, files)
}

/// What a crash between the disk's works leaves: some of a member's writes, in their order.
pub fn store_first(disk: &mut Restored, writes: &VecDeque<raftdeck_raft::Persist>, count: usize) {
    for write in writes.iter().take(count) {
        store(disk, write);
    }
}
