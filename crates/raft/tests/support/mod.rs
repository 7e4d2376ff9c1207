//! A cluster on a table: members, a wire and disks that do only what the test says, in a time that the test moves.

#![allow(dead_code, unreachable_pub, reason = "each scenario file uses its own part of the table")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod snapshots;

use bytes::Bytes;
use raftdeck_raft::{
    ChangeError, ClusterId, Config, Effects, EntriesToRead, Entry, Envelope, HardState, Incarnation, LogId,
    LogIndex, Membership, MembershipChange, Message, NodeId, Payload, Persist, ProposeError, Raft, ReadId,
    ReadMode, ReadReady, Restored, Role, Sender, Status, Term, TermRun, Timestamp, Timing, TraceEvent,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

pub use snapshots::*;

pub const N1: NodeId = NodeId(1);
pub const N2: NodeId = NodeId(2);
pub const N3: NodeId = NodeId(3);
pub const N4: NodeId = NodeId(4);
pub const N5: NodeId = NodeId(5);

pub struct Member {
    config: Config,
    /// `None` while crashed.
    pub raft: Option<Raft>,
    /// What a crash leaves.
    pub disk: Restored,
    /// Written, not durable yet.
    pub writes: VecDeque<Persist>,
    pub disk_is_held: bool,
    pub reads_are_held: bool,
    /// What is to be read back, after this many writes.
    pub reads_back: VecDeque<(u64, EntriesToRead)>,
    /// How often it was given what it had asked for.
    read_back: u32,
    /// Writes that came out, and those that are durable.
    writes_so_far: (u64, u64),
    /// Its snapshots.
    pub files: Files,
    pub applied: Vec<Entry>,
    pub reads: Vec<ReadReady>,
    pub trace: Vec<TraceEvent>,
    /// The outcome of changes of the membership, each once.
    pub changes: Vec<Result<LogId, ChangeError>>,
    restarts: u64,
    /// Which of its disks it has; the first is 1.
    disks: u8,
}

impl Member {
    fn start(config: Config, disk: Restored, seed: u64, now: Timestamp) -> Self {
        Self {
            raft: Some(start(&config, seed * 100 + config.id.0, &disk, now)),
            config,
            disk,
            writes: VecDeque::new(),
            disk_is_held: false,
            reads_are_held: false,
            reads_back: VecDeque::new(),
            read_back: 0,
            writes_so_far: (0, 0),
            files: Files::default(),
            applied: Vec::new(),
            reads: Vec::new(),
            trace: Vec::new(),
            changes: Vec::new(),
            restarts: 0,
            disks: 1,
        }
    }
}

pub struct Cluster {
    pub members: BTreeMap<NodeId, Member>,
    pub wire: VecDeque<(NodeId, NodeId, Message)>,
    pub cuts: BTreeSet<(NodeId, NodeId)>,
    pub now: Timestamp,
    pub seed: u64,
    next_read: u64,
    /// Steps since time last moved.
    stood: u32,
}

pub fn config(id: NodeId, voters: u64) -> Config {
    Config::new(id, (1..=voters).map(NodeId).collect(), Timing::FAST)
}

/// The identity of one of a node's disks. The first is 1.
pub fn incarnation(id: NodeId, disk: u8) -> Incarnation {
    let mut bytes = [disk; 16];
    bytes[..8].copy_from_slice(&id.0.to_be_bytes());
    Incarnation(bytes)
}

pub const CLUSTER: ClusterId = ClusterId([0xc1; 16]);

/// Gives a configuration its identity: that of its first disk, and those of all founders.
pub fn identify(config: &mut Config) {
    config.incarnation = Some(incarnation(config.id, 1));
    let membership = &mut config.membership;
    if !membership.voters.is_empty() {
        membership.cluster = Some(CLUSTER);
        membership.incarnations = membership.voters.iter().map(|id| (*id, incarnation(*id, 1))).collect();
    }
}

/// The time that is left of `whole` after `part`.
pub fn less(whole: Duration, part: Duration) -> Duration {
    whole.checked_sub(part).expect("the part is shorter")
}

pub fn entry(term: u64, index: u64) -> Entry {
    let command = Bytes::from(format!("{term}.{index}"));
    Entry { id: id(term, index), payload: Payload::Command(command) }
}

pub fn id(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: LogIndex(index) }
}

/// A log with these terms, and a hard state in the last of them.
pub fn disk(terms: &[u64]) -> Restored {
    let hard_state = HardState { term: Term(terms.last().copied().unwrap_or(0)), vote: None };
    let entries = terms.iter().zip(1..).map(|(term, index)| entry(*term, index)).collect();
    Restored { hard_state, entries, ..Restored::default() }
}

impl Cluster {
    pub fn new(voters: u64) -> Self {
        Self::with_disks(&vec![disk(&[]); usize::try_from(voters).unwrap()])
    }

    pub fn with_disks(disks: &[Restored]) -> Self {
        let voters = disks.len() as u64;
        let configs = (1..).map(|i| config(NodeId(i), voters));
        Self::with(configs.zip(disks.iter().cloned()).collect(), 1)
    }

    pub fn with(members: Vec<(Config, Restored)>, seed: u64) -> Self {
        let now = Timestamp(1_000_000);
        let members = members
            .into_iter()
            .map(|(config, disk)| (config.id, Member::start(config, disk, seed, now)))
            .collect();
        // Who starts again stands by the leader there may be for a little while; that is over now.
        let now = now + Timing::FAST.election_min;
        Self { members, wire: VecDeque::new(), cuts: BTreeSet::new(), now, seed, next_read: 0, stood: 0 }
    }

    /// A node with an empty disk that no cluster knows yet.
    pub fn join(&mut self, id: NodeId) {
        self.join_as(id, config(id, 0));
    }

    pub fn join_as(&mut self, id: NodeId, config: Config) {
        self.members.insert(id, Member::start(config, Restored::default(), self.seed, self.now));
    }

    /// From the next start on.
    pub fn reconfigure(&mut self, id: NodeId, change: impl Fn(&mut Config)) {
        change(&mut self.member(id).config);
    }

    pub fn change(&mut self, at: NodeId, changes: &[MembershipChange]) -> Result<(), ChangeError> {
        let now = self.now;
        let started = self.raft(at).change_membership(changes, now);
        self.collect(at);
        started
    }

    pub fn member(&mut self, id: NodeId) -> &mut Member {
        self.members.get_mut(&id).unwrap()
    }

    pub fn raft(&mut self, id: NodeId) -> &mut Raft {
        self.member(id).raft.as_mut().expect("the member is up")
    }

    pub fn status(&self, id: NodeId) -> Status {
        self.members[&id].raft.as_ref().expect("the member is up").status(self.now)
    }

    pub fn ids(&self) -> Vec<NodeId> {
        self.members.keys().copied().collect()
    }

    pub fn alive(&self) -> Vec<NodeId> {
        self.members.iter().filter(|(_, m)| m.raft.is_some()).map(|(id, _)| *id).collect()
    }

    /// Those that take themselves for leaders.
    pub fn leaders(&self) -> Vec<NodeId> {
        self.alive().into_iter().filter(|id| self.status(*id).role == Role::Leader).collect()
    }

    /// The log as terms.
    pub fn terms(&self, id: NodeId) -> Vec<u64> {
        let raft = self.members[&id].raft.as_ref().expect("the member is up");
        raft.entries(LogIndex(1), usize::MAX).map(|e| e.id.term.0).collect()
    }

    /// Carries out what a member decided: messages to the wire, writes to its disk queue.
    pub fn collect(&mut self, id: NodeId) {
        let now = self.now;
        let member = self.member(id);
        let Some(raft) = &mut member.raft else { return };
        let effects = raft.take_effects(now);
        let Effects {
            persist,
            send,
            apply,
            reads,
            trace,
            pieces_received,
            pieces_to_send,
            entries_to_read,
            change,
        } = effects;
        member.writes_so_far.0 += persist.len() as u64;
        member.writes.extend(persist);
        let after = member.writes_so_far.0;
        member.reads_back.extend(entries_to_read.into_iter().map(|entries| (after, entries)));
        member.applied.extend(apply);
        member.reads.extend(reads);
        member.trace.extend(trace);
        member.changes.extend(change);
        self.post(id, send);
        self.move_pieces(id, pieces_received, pieces_to_send);
    }

    fn post(&mut self, from: NodeId, envelopes: Vec<Envelope>) {
        self.wire.extend(envelopes.into_iter().map(|e| (from, e.to, e.message)));
    }

    /// Makes the oldest write durable and sends what waited for it, or reads back what was asked for before it. Says whether
    /// there was anything to do.
    pub fn finish_write(&mut self, id: NodeId) -> bool {
        let now = self.now;
        if !self.member(id).reads_are_held && self.finish_read_back(id) {
            return true;
        }
        let member = self.member(id);
        let Some(write) = member.writes.pop_front() else { return false };
        member.writes_so_far.1 += 1;
        store(&mut member.disk, &write);
        self.post(id, write.then_send);
        self.raft(id).handle_persisted(write.ticket, now);
        self.collect(id);
        true
    }

    /// Gives a member the entries that it asked for first, if all writes before that are durable. Says whether there were
    /// any.
    pub fn finish_read_back(&mut self, id: NodeId) -> bool {
        let member = self.member(id);
        let done = member.writes_so_far.1;
        let Some((_, wanted)) = member.reads_back.pop_front_if(|(after, _)| *after <= done) else {
            return false;
        };
        member.read_back += 1;
        assert!(member.read_back < 10_000, "{id} makes nothing of what it reads back: {wanted:?}");
        let entries = read_back(&member.disk, wanted);
        assert!(!entries.is_empty(), "what is asked for is there: {wanted:?}");
        self.raft(id).handle_entries_read(entries);
        self.collect(id);
        true
    }

    /// The connection between two members is lost, and both know.
    pub fn disconnect(&mut self, a: NodeId, b: NodeId) {
        let now = self.now;
        for (id, peer) in [(a, b), (b, a)] {
            if let Some(raft) = self.members.get_mut(&id).and_then(|member| member.raft.as_mut()) {
                raft.handle_disconnected(peer, now);
                self.collect(id);
            }
        }
    }

    /// Its disk is lost: it starts on an empty one, of which nobody has heard, and belongs to no cluster.
    pub fn wipe(&mut self, id: NodeId) {
        if self.members[&id].raft.is_some() {
            self.crash(id);
        }
        self.wire.retain(|(from, ..)| *from != id);
        let member = self.member(id);
        member.disks += 1;
        member.disk = Restored::default();
        member.files = Files::default();
        member.trace.clear();
        member.config.membership = Membership::default();
        member.config.incarnation = member.config.incarnation.map(|_| incarnation(id, member.disks));
        self.restart(id);
    }

    /// Its disk loses all entries after this one, as one that is restored from an older copy.
    pub fn lose_after(&mut self, id: NodeId, last: LogIndex) {
        if self.members[&id].raft.is_some() {
            self.crash(id);
        }
        self.member(id).disk.entries.retain(|entry| entry.id.index <= last);
        self.restart(id);
    }

    /// The identity of the disk it has now.
    pub fn incarnation(&self, id: NodeId) -> Option<Incarnation> {
        self.members[&id].config.incarnation
    }

    /// Hands a message over, unless its link is cut or its receiver is down.
    pub fn deliver(&mut self, from: NodeId, to: NodeId, message: Message) {
        let incarnation = self.members.get(&from).and_then(|member| member.config.incarnation);
        self.deliver_from(Sender { id: from, incarnation }, to, message);
    }

    /// The same for a message of a sender that may have another disk by now.
    pub fn deliver_from(&mut self, sender: Sender, to: NodeId, message: Message) {
        let from = sender.id;
        let now = self.now;
        if self.cuts.contains(&(from, to)) {
            return;
        }
        if let Some(raft) = self.members.get_mut(&to).and_then(|m| m.raft.as_mut()) {
            raft.handle_message(sender, message, now);
            self.collect(to);
        }
    }

    /// Until nothing moves: finishes writes of disks that are not held, delivers what is on the wire.
    pub fn settle(&mut self) {
        for _ in 0..100_000 {
            for id in self.alive() {
                self.collect(id);
                while !self.member(id).disk_is_held && (self.finish_write(id) || self.finish_job(id)) {}
            }
            let Some((from, to, message)) = self.wire.pop_front() else { return };
            self.deliver(from, to, message);
        }
        panic!("the cluster never comes to rest");
    }

    /// As [`Self::settle`], but only what is to or from `id` arrives; the rest is lost.
    pub fn settle_only(&mut self, id: NodeId) {
        let others: Vec<NodeId> = self.ids().into_iter().filter(|other| *other != id).collect();
        for member in self.alive() {
            self.collect(member);
            while self.finish_write(member) {}
        }
        while let Some((from, to, message)) = self.wire.pop_front() {
            if to == id || (from == id && others.contains(&to)) {
                self.deliver(from, to, message);
                while self.finish_write(to) {}
            }
        }
    }

    /// Moves time to the next deadline of anyone, at most by `limit`, lets it act, and settles.
    ///
    /// # Panics
    /// If deadlines are due again and again without any time between.
    pub fn step(&mut self, limit: Duration) -> Duration {
        let target = self.now + limit;
        let due = self.alive().into_iter().map(|id| self.raft(id).next_deadline()).min();
        let earlier = self.now;
        self.now = due.map_or(target, |due| due.clamp(self.now, target));
        let now = self.now;
        for id in self.alive() {
            self.raft(id).handle_deadline(now);
        }
        self.settle();
        self.stood = if now > earlier { 0 } else { self.stood + 1 };
        assert!(self.stood < 1_000, "time stands still: somebody's deadline is due at once, again and again");
        now.since(earlier)
    }

    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            let left = end.since(self.now);
            self.step(left);
        }
    }

    pub fn run_until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let end = self.now + Duration::from_secs(10);
        while !holds(self) {
            assert!(self.now < end, "within ten seconds: {what}");
            self.step(Duration::from_millis(10));
        }
    }

    /// Lets this member time out now, and nobody else. Its messages stay on the wire.
    pub fn time_out(&mut self, id: NodeId) {
        self.now = self.now.max(self.raft(id).next_deadline());
        let now = self.now;
        self.raft(id).handle_deadline(now);
        self.collect(id);
    }

    /// Makes this member the leader by the ordinary way. It may need to learn a higher term first.
    pub fn elect(&mut self, id: NodeId) {
        for _ in 0..3 {
            // The others must no longer stand by an earlier leader.
            self.now = self.now + Timing::FAST.election_max;
            self.time_out(id);
            self.settle();
            if self.status(id).role == Role::Leader {
                return;
            }
        }
        panic!("{id} was to be elected");
    }

    /// Keeps the cluster alive: the leader's heartbeats go round once.
    pub fn heartbeat(&mut self, leader: NodeId) {
        self.time_out(leader);
        self.settle();
    }

    pub fn propose(&mut self, at: NodeId, command: &str) -> Result<LogId, ProposeError> {
        let proposed = self.raft(at).propose(Bytes::copy_from_slice(command.as_bytes()));
        self.collect(at);
        proposed
    }

    pub fn read(&mut self, at: NodeId) -> ReadId {
        self.next_read += 1;
        let read = ReadId(self.next_read);
        let now = self.now;
        self.raft(at).read(read, ReadMode::Index, now).unwrap();
        self.collect(at);
        read
    }

    /// What happened to a read: `None` while it waits.
    pub fn granted(&self, at: NodeId, read: ReadId) -> Option<bool> {
        self.members[&at].reads.iter().find(|r| r.id == read).map(|r| r.granted)
    }

    /// Power off: what was not durable is gone.
    pub fn crash(&mut self, id: NodeId) {
        let member = self.member(id);
        member.raft = None;
        member.writes.clear();
        member.reads_back.clear();
        member.writes_so_far = (0, 0);
        member.files.crash();
        member.applied.clear();
    }

    pub fn restart(&mut self, id: NodeId) {
        let (now, seed) = (self.now, self.seed);
        let member = self.member(id);
        assert!(member.raft.is_none(), "only what is down can be started");
        member.restarts += 1;
        let seed = seed * 100 + id.0 + member.restarts * 7919;
        member.applied = member.files.state();
        member.raft = Some(start(&member.config, seed, &member.disk, now));
    }

    pub fn cut(&mut self, a: NodeId, b: NodeId) {
        self.cuts.extend([(a, b), (b, a)]);
    }

    /// Cuts all links between the two groups.
    pub fn partition(&mut self, group: &[NodeId]) {
        for a in self.ids() {
            for b in self.ids() {
                if group.contains(&a) != group.contains(&b) {
                    self.cut(a, b);
                }
            }
        }
    }

    pub fn heal(&mut self) {
        self.cuts.clear();
    }
}

fn start(config: &Config, seed: u64, disk: &Restored, now: Timestamp) -> Raft {
    Raft::new(config.clone(), seed, leave_on_disk(disk.clone(), config.log_cache_bytes), now).unwrap()
}

/// What a start reads of a disk if only the newest entries fit into memory.
fn leave_on_disk(mut disk: Restored, cache_bytes: usize) -> Restored {
    let mut bytes = 0;
    let fits = |entry: &&Entry| {
        bytes += entry.payload.size();
        bytes <= cache_bytes
    };
    let left = disk.entries.len() - disk.entries.iter().rev().take_while(fits).count();
    for Entry { id: LogId { term, index }, payload } in disk.entries.drain(..left) {
        match disk.on_disk.last_mut() {
            Some(run) if run.term == term => run.last = index,
            _ => disk.on_disk.push(TermRun { term, first: index, last: index }),
        }
        if let Payload::Membership(membership) = payload {
            disk.memberships_on_disk.push((index, *membership));
        }
    }
    disk
}

/// What a correct disk finds of what is asked for.
pub fn read_back(disk: &Restored, wanted: EntriesToRead) -> Vec<Entry> {
    let EntriesToRead { first, last, max_bytes } = wanted;
    let wanted = disk.entries.iter().filter(|entry| first <= entry.id.index && entry.id.index <= last);
    let mut bytes = 0;
    let fits = |(place, entry): &(usize, &Entry)| {
        bytes += entry.payload.size();
        *place == 0 || bytes <= max_bytes
    };
    wanted.enumerate().take_while(fits).map(|(_, entry)| entry.clone()).collect()
}

/// What a correct disk makes of a write.
pub fn store(disk: &mut Restored, write: &Persist) {
    let snapshot = disk.snapshot.as_ref().map_or(LogIndex::ZERO, |(meta, _)| meta.last.index);
    if let Some(last) = write.reset {
        assert!(last.index <= snapshot, "a snapshot is durable before the log is given up for it");
        disk.entries.clear();
        disk.purged = last;
    }
    if let Some(from) = write.truncate {
        disk.entries.retain(|e| e.id.index < from);
    }
    if let Some(through) = write.purge {
        assert!(through.index <= snapshot, "a snapshot is durable before the log is released for it");
        let end = disk.entries.last().map_or(disk.purged, |e| e.id);
        assert!(through.index <= end.index, "only what is there is released");
        disk.entries.retain(|e| e.id.index > through.index);
        disk.purged = disk.purged.max(through);
    }
    disk.entries.extend(write.entries.iter().cloned());
    let indices = disk.entries.iter().map(|e| e.id.index.0);
    assert!(indices.eq(disk.purged.index.0 + 1..=disk.purged.index.0 + disk.entries.len() as u64), "no gaps");
    if let Some(hard_state) = write.hard_state {
        disk.hard_state = hard_state;
    }
}
