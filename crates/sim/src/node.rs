//! A virtual member: its disk, its clocks, and its process, if one runs. The process is the real replica over the real
//! log store; what stands here is what the real node's driver and disk thread hold around them.

use crate::client::MemberRequest;
use crate::clock::Clock;
use crate::identity::{FIRST_DISK, incarnation};
use crate::platter::Platter;
use crate::rare::RareMemory;
use crate::restore::DirectoryCopy;
use crate::rules::Story;
use crate::stall::Standstill;
use raftdeck_raft::{
    AppendOutcome, AppendReply, Boot, EntriesToRead, Entry, Envelope, Incarnation, LogId, LogIndex,
    Membership, MembershipChange, Message, NodeId, Persist, PieceReceived, PieceToSend, Sender, SnapshotMeta,
    SnapshotRefusal, Standing, Term, Ticket, Timestamp, Tuning,
};
use raftdeck_replica::NewestStarts;
use raftdeck_replica::{Replica, RequestToken, StateImage};
use raftdeck_storage::fs::{MemoryFs, Survival};
use raftdeck_storage::{LogStore, Snapshots};
use std::collections::{BTreeMap, VecDeque};

/// What waits for a process's next turn.
#[derive(Debug)]
pub(crate) enum Input {
    Message(Sender, Box<Message>),
    Ask {
        client: usize,
        attempt: u64,
        ask: Box<MemberRequest>,
    },
    /// A client went away.
    Cancel {
        client: usize,
        attempt: u64,
    },
    Change(Vec<MembershipChange>),
    Transfer(NodeId),
    Campaign,
    Tune(Tuning),
    TakeSnapshot,
    Durable {
        tickets: Vec<Ticket>,
        then_send: Vec<Envelope>,
    },
    Saved(SnapshotMeta, u64),
    Received(Box<StateImage>, u64),
    Discarded(LogId, SnapshotRefusal),
    /// Entries that were read back.
    ReadBack(Vec<Entry>),
    /// A connection was lost.
    Disconnected(NodeId),
}

/// Messages that may wait for a turn; what comes on top is lost, as in the real node.
pub(crate) const INBOX: usize = 256;

/// What the disk thread is to do, in order.
#[derive(Debug)]
pub(crate) enum DiskJob {
    Write(Persist),
    Read(EntriesToRead),
}

impl DiskJob {
    /// The write, if it is one.
    pub(crate) fn write(self) -> Option<Persist> {
        match self {
            Self::Write(write) => Some(write),
            Self::Read(_) => None,
        }
    }
}

/// What the thread beside the disk thread is to do with snapshots, in order.
#[derive(Debug)]
pub(crate) enum Filing {
    Save(Box<StateImage>),
    Receive(PieceReceived),
    Read(PieceToSend),
    RemoveUnused { in_use: Vec<LogId> },
}

/// The client that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requester {
    Client {
        client: usize,
        attempt: u64,
    },
    /// The operator that changes the cluster.
    Operator,
}

/// How a process is going to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doom {
    /// After this many more effects.
    pub(crate) effects: u32,
    pub(crate) survival: Survival,
    pub(crate) changes: u64,
    pub(crate) down: u64,
}

/// A member's process.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub(crate) struct Process {
    pub(crate) replica: Replica,
    pub(crate) store: LogStore,
    pub(crate) snapshots: Snapshots,
    pub(crate) inbox: Vec<Input>,
    /// A turn is coming.
    pub(crate) turn_due: bool,
    /// The earliest wake-up that is coming.
    pub(crate) wakes_at: u64,
    pub(crate) jobs: VecDeque<DiskJob>,
    /// What the disk is making durable by one sync.
    pub(crate) writing: Vec<Persist>,
    /// What it is reading instead.
    pub(crate) reading: Option<EntriesToRead>,
    pub(crate) files: VecDeque<Filing>,
    pub(crate) filing: Option<Filing>,
    /// When it expects its next turn at the latest, by its own clock.
    pub(crate) expects: Timestamp,
    pub(crate) is_saving: bool,
    /// A snapshot was requested.
    pub(crate) snapshot_asked: bool,
    /// The newest snapshot that is there or under way ends here.
    pub(crate) newest_snapshot: LogIndex,
    pub(crate) tuning: Tuning,
    pub(crate) waiting: BTreeMap<RequestToken, Requester>,
    pub(crate) newest_token: u64,
    pub(crate) doom: Option<Doom>,
    pub(crate) story: Story,
    pub(crate) memory: RareMemory,
    /// The state was last judged when this much was applied.
    pub(crate) judged: LogIndex,
    /// A leader was asked to write in this turn.
    pub(crate) took_write: bool,
    /// Completions that are not told yet, though later ones were.
    pub(crate) late: Vec<Ticket>,
    /// The newest completions of entries, told or not.
    pub(crate) old: Vec<Ticket>,
    /// As a leader: what each follower's newest answer vouched for, and in which term.
    pub(crate) vouched: BTreeMap<NodeId, (Term, LogIndex)>,
    /// What was read back and has not reached the member yet.
    pub(crate) read: Vec<Vec<Entry>>,
    /// Its election timeouts are all alike.
    pub(crate) is_timeout_fixed: bool,
    /// How often it made its log durable.
    pub(crate) syncs: u64,
    /// How long the newest write takes.
    pub(crate) sync_takes: u64,
    /// When it started, by its own clock.
    pub(crate) started: Timestamp,
    /// Entries that came back from the disk in this turn after others had taken their places, and in which term they came.
    pub(crate) replaced: Vec<(Term, LogId)>,
}

impl Process {
    pub(crate) fn token(&mut self, waiting: Requester) -> RequestToken {
        self.newest_token += 1;
        let token = RequestToken(self.newest_token);
        self.waiting.insert(token, waiting);
        token
    }

    /// Whether this answer vouches for less than an earlier one of the same follower and term.
    pub(crate) fn is_late(&mut self, from: NodeId, message: &Message) -> bool {
        let Message::AppendReply(AppendReply { term, outcome: AppendOutcome::Matched { through }, .. }) =
            message
        else {
            return false;
        };
        let newest = self.vouched.entry(from).or_default();
        if (*term, *through) < *newest {
            return *term == newest.0;
        }
        *newest = (*term, *through);
        false
    }

    /// What is known of each follower's log, as a leader. One that lost what it confirmed does not count (trap 47).
    pub(crate) fn matches(&self, now: Timestamp) -> BTreeMap<NodeId, LogIndex> {
        let peers = self.replica.status(now).peers.into_iter();
        peers.filter(|peer| peer.owes.is_none()).map(|peer| (peer.id, peer.matched)).collect()
    }

    /// Whether its disk does something.
    pub(crate) fn is_disk_busy(&self) -> bool {
        !self.writing.is_empty() || self.reading.is_some()
    }

    /// The lowest entry that a write which is not durable yet is going to remove.
    pub(crate) fn lowest_removal(&self) -> Option<LogIndex> {
        let jobs = self.jobs.iter().filter_map(|job| match job {
            DiskJob::Write(write) => Some(write),
            DiskJob::Read(_) => None,
        });
        let writes = self.writing.iter().chain(jobs);
        writes.filter_map(|write| write.reset.map_or(write.truncate, |_| Some(LogIndex(1)))).min()
    }
}

/// How a member fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemberFate {
    /// It never ran, and was not asked to join.
    Absent,
    Up,
    Down,
    /// Its disk is damaged and it refused to start: gone for good.
    Lost,
}

/// A virtual member.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) fs: MemoryFs,
    /// How many disks it had before this one.
    pub(crate) disks: u32,
    /// The identity of its disk.
    pub(crate) incarnation: Incarnation,
    /// The newest start of that disk.
    pub(crate) boot: Boot,
    /// The starts of others that it has met. Durable.
    pub(crate) met: NewestStarts,
    /// The newest copy of its directory.
    pub(crate) copy: Option<DirectoryCopy>,
    /// It runs on a copy that all refuse. All others have met a start of the original with this number or a later one.
    pub(crate) newer_start: Option<u64>,
    pub(crate) clock: Clock,
    pub(crate) fate: MemberFate,
    /// Counts starts and ends.
    pub(crate) life: u32,
    pub(crate) paused: bool,
    /// Counts the pauses.
    pub(crate) pauses: u32,
    pub(crate) process: Option<Box<Process>>,
    /// The membership that it starts with.
    pub(crate) founders: Membership,
    pub(crate) platter: Platter,
    /// After a crash in the middle of a write: what is there if the write survived.
    pub(crate) perhaps: Option<Platter>,
    /// A bit of its disk was flipped.
    pub(crate) is_flipped: bool,
    /// Syncs take up to this long, until then.
    pub(crate) slow: (u64, u64),
    /// Whether its disk is stalled.
    pub(crate) standstill: Standstill,
    /// Every sync takes this much longer.
    pub(crate) sync_delay: u64,
    /// Its disk has room for this many bytes of writes; `None`: for all.
    pub(crate) room: Option<u64>,
    /// While it did not run its files were altered from outside: what it finds at its start is what is there.
    pub(crate) is_altered: bool,
}

impl Node {
    /// While it does not run: its disk is replaced by an empty one, with a new identity and no memory of others.
    pub(crate) fn lose_disk(&mut self, seed: u64) {
        self.disks += 1;
        self.incarnation = incarnation(seed, self.id, self.disks);
        self.fs = MemoryFs::new();
        self.founders = Membership::default();
        self.boot = Boot { number: 0, nonce: 0 };
        self.met = NewestStarts::default();
        (self.copy, self.newer_start) = (None, None);
        self.platter = Platter::default();
        self.perhaps = None;
        self.is_flipped = false;
    }

    /// What it shows of itself to others.
    pub(crate) fn standing(&self) -> Standing {
        Standing { incarnation: self.incarnation, boot: self.boot, cluster: None, named_at: None }
    }

    pub(crate) fn new(seed: u64, id: NodeId, founders: Membership, clock: Clock, fate: MemberFate) -> Self {
        Self {
            id,
            fs: MemoryFs::new(),
            disks: FIRST_DISK,
            incarnation: incarnation(seed, id, FIRST_DISK),
            boot: Boot { number: 0, nonce: 0 },
            met: NewestStarts::default(),
            copy: None,
            newer_start: None,
            clock,
            fate,
            life: 0,
            paused: false,
            pauses: 0,
            process: None,
            founders,
            platter: Platter::default(),
            perhaps: None,
            is_flipped: false,
            slow: (0, 0),
            standstill: Standstill::default(),
            sync_delay: 0,
            room: None,
            is_altered: false,
        }
    }
}
