//! What the deck knows of the cluster: every node's process and last status, and which links are cut.
//!
//! It only remembers what it was told; it asks nobody and guesses nothing.

use crate::app::rate::Rate;
use raftdeck_model::{FrameFate, FrameKind, FrameReport, LinkState, NodeAddresses, ProcessState};
use raftdeck_protocol::NodeStatus;
use raftdeck_raft::{LogIndex, NodeId, PeerStatus, Role, Status, Term};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A member as the deck knows it.
#[derive(Clone, Debug)]
pub struct Node {
    /// Which.
    pub id: NodeId,
    /// Its process; `None` until the lab says something about it.
    pub process: Option<ProcessState>,
    /// Where it listens.
    pub addresses: Option<NodeAddresses>,
    /// Its last account of itself.
    pub status: Option<Box<NodeStatus>>,
    /// When that came, in cluster time.
    pub status_at: Duration,
    /// Whether that account is from the process that runs now.
    pub current: bool,
}

/// The entries that there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The first that is in some log; those before it are only in snapshots. 0 if there is none.
    pub first: LogIndex,
    /// The last that is in some log.
    pub last: LogIndex,
}

/// What a node is, in one word, for the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its process is not ready yet, or has not said anything.
    Starting,
    /// It runs, in this role.
    Running(Role),
    /// Its process is stopped.
    Paused,
    /// Its process was killed.
    Killed,
    /// Its process was told to end, and did.
    Stopped,
    /// Its process ended by itself or never started.
    Failed,
}

impl Node {
    fn new(id: NodeId) -> Self {
        Self { id, process: None, addresses: None, status: None, status_at: Duration::ZERO, current: false }
    }

    /// What it is at the moment.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match (&self.process, self.raft()) {
            (Some(ProcessState::Killed), _) => Phase::Killed,
            (Some(ProcessState::Stopped), _) => Phase::Stopped,
            (Some(ProcessState::Failed { .. }), _) => Phase::Failed,
            (Some(ProcessState::Paused { .. }), _) => Phase::Paused,
            (Some(ProcessState::Running { .. }), Some(raft)) if self.current => Phase::Running(raft.role),
            _ => Phase::Starting,
        }
    }

    /// The consensus part of its last account, however old.
    #[must_use]
    pub fn raft(&self) -> Option<&Status> {
        self.status.as_ref().map(|status| &status.raft)
    }

    /// The same, if its process runs and said so itself.
    #[must_use]
    pub fn live(&self) -> Option<&Status> {
        matches!(self.phase(), Phase::Running(_)).then(|| self.raft()).flatten()
    }

    /// Whether its process runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.process, Some(ProcessState::Running { .. }))
    }

    /// Whether there is no process.
    #[must_use]
    pub fn is_down(&self) -> bool {
        matches!(
            self.process,
            Some(ProcessState::Killed | ProcessState::Stopped | ProcessState::Failed { .. })
        )
    }

    /// Whether its process is stopped.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        matches!(self.process, Some(ProcessState::Paused { .. }))
    }

    /// Its process id, if there is a process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self.process {
            Some(
                ProcessState::Starting { pid } | ProcessState::Running { pid } | ProcessState::Paused { pid },
            ) => Some(pid),
            _ => None,
        }
    }
}

/// The cluster as the deck knows it.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    nodes: BTreeMap<NodeId, Node>,
    cut: BTreeSet<(NodeId, NodeId)>,
    /// Who was cut off by the partition key, for as long as that stands.
    partition: Option<NodeId>,
    /// Heartbeat interval.
    pub heartbeat: Duration,
    /// Least and greatest election timeout.
    pub election: (Duration, Duration),
    /// Where the data is; `None`: it goes with the cluster.
    pub data_dir: Option<String>,
    beats: Rate,
}

impl Cluster {
    /// Takes over the list of members and the timing.
    pub fn set_up(
        &mut self,
        nodes: &[NodeId],
        heartbeat_ms: u64,
        election_ms: (u64, u64),
        data_dir: Option<String>,
    ) {
        let members: BTreeSet<NodeId> = nodes.iter().copied().collect();
        self.nodes.retain(|id, _| members.contains(id));
        self.cut.retain(|(from, to)| members.contains(from) && members.contains(to));
        for id in members {
            self.nodes.entry(id).or_insert_with(|| Node::new(id));
        }
        self.heartbeat = Duration::from_millis(heartbeat_ms);
        self.election = (Duration::from_millis(election_ms.0), Duration::from_millis(election_ms.1));
        self.data_dir = data_dir;
        self.forget_healed_partition();
    }

    /// A process changed.
    pub fn process(&mut self, id: NodeId, state: ProcessState) {
        if let Some(node) = self.nodes.get_mut(&id) {
            if !matches!(state, ProcessState::Running { .. } | ProcessState::Paused { .. }) {
                node.current = false;
            }
            node.process = Some(state);
        }
    }

    /// A node told its addresses.
    pub fn ready(&mut self, id: NodeId, addresses: NodeAddresses) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.addresses = Some(addresses);
        }
    }

    /// A node told its state, at this cluster time. Says whether anything but its timers changed.
    pub fn status(&mut self, id: NodeId, status: Box<NodeStatus>, time: Duration) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else { return false };
        let before = node.phase();
        let same = node.status.as_ref().is_some_and(|old| {
            same_but_for_timers(&old.raft, &status.raft)
                && (&old.notices, &old.refused) == (&status.notices, &status.refused)
        });
        // A last account of a process that has just died is worth keeping, but is not of a living one.
        node.current = !node.is_down();
        node.status = Some(status);
        node.status_at = time;
        !same || node.phase() != before
    }

    /// A link changed.
    pub fn link(&mut self, from: NodeId, to: NodeId, state: LinkState) {
        if !self.nodes.contains_key(&from) || !self.nodes.contains_key(&to) {
            return;
        }
        match state {
            LinkState::Cut => self.cut.insert((from, to)),
            LinkState::Open => self.cut.remove(&(from, to)),
        };
        self.forget_healed_partition();
    }

    /// Counts the heartbeats that arrived.
    pub fn frames(&mut self, frames: &[FrameReport], now: Duration) {
        let beats = frames
            .iter()
            .filter(|f| f.kind == FrameKind::Heartbeat && f.fate == FrameFate::Delivered)
            .map(|f| f.count)
            .fold(0, u64::saturating_add);
        self.beats.add(beats, now);
    }

    /// Heartbeats that arrived in the last full second.
    #[must_use]
    pub fn beats_per_second(&self, now: Duration) -> u64 {
        self.beats.per_second(now)
    }

    /// When that figure next changes without news.
    #[must_use]
    pub fn beats_change(&self, now: Duration) -> Option<Duration> {
        self.beats.next_change(now)
    }

    /// The members in order of id.
    #[must_use]
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = &Node> + ExactSizeIterator {
        self.nodes.values()
    }

    /// The members' ids in order.
    #[must_use]
    pub fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no member is known yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// One member.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// Whether this directed link is cut.
    #[must_use]
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.cut.contains(&(from, to))
    }

    /// Whether any link is cut.
    #[must_use]
    pub fn any_cut(&self) -> bool {
        !self.cut.is_empty()
    }

    /// All links of one member, both ways.
    #[must_use]
    pub fn links_of(&self, id: NodeId) -> Vec<(NodeId, NodeId)> {
        let others = self.nodes.keys().copied().filter(|other| *other != id);
        others.flat_map(|other| [(id, other), (other, id)]).collect()
    }

    /// Whether a member is cut off from every other, both ways.
    #[must_use]
    pub fn is_isolated(&self, id: NodeId) -> bool {
        self.nodes.len() > 1 && self.links_of(id).iter().all(|link| self.cut.contains(link))
    }

    /// The members that a member can neither hear nor reach, or only one of the two.
    #[must_use]
    pub fn cut_from(&self, id: NodeId) -> Vec<NodeId> {
        let cut = |other: &NodeId| self.is_cut(id, *other) || self.is_cut(*other, id);
        self.nodes.keys().copied().filter(cut).collect()
    }

    /// Remembers whom the partition key cut off.
    pub fn set_partition(&mut self, id: NodeId) {
        self.partition = Some(id);
    }

    /// Who is cut off by the partition key.
    #[must_use]
    pub fn partition(&self) -> Option<NodeId> {
        self.partition.filter(|id| self.is_isolated(*id))
    }

    fn forget_healed_partition(&mut self) {
        if self.partition.is_some_and(|id| self.links_of(id).iter().all(|link| !self.cut.contains(link))) {
            self.partition = None;
        }
    }

    /// The leader that counts: running, of the highest term, and of two such the one with a majority.
    #[must_use]
    pub fn leader(&self) -> Option<&Node> {
        self.leaders()
            .max_by_key(|(term, node)| (*term, node.live().is_some_and(|s| s.has_quorum)))
            .map(|(_, n)| n)
    }

    /// Everyone who runs and takes itself for the leader, with its term.
    pub fn leaders(&self) -> impl Iterator<Item = (Term, &Node)> {
        self.nodes.values().filter_map(|node| {
            let status = node.live()?;
            (status.role == Role::Leader).then_some((status.term, node))
        })
    }

    /// What the leader knows of a member.
    #[must_use]
    pub fn as_leader_sees(&self, id: NodeId) -> Option<&PeerStatus> {
        self.leader()?.live()?.peers.iter().find(|peer| peer.id == id)
    }

    /// From the first index that any member still has in its log to the last that any has.
    #[must_use]
    pub fn extent(&self) -> Extent {
        let last = self.last_index();
        // Who has no entries has no first one.
        let with_entries = self.nodes.values().filter_map(Node::raft).filter(|s| s.last.index > s.purged);
        let first = with_entries.map(|s| s.purged).min().unwrap_or_default();
        Extent { first: LogIndex(first.0.saturating_add(1)).min(last), last }
    }

    /// The last index that any member has.
    #[must_use]
    pub fn last_index(&self) -> LogIndex {
        self.nodes.values().filter_map(Node::raft).map(|s| s.last.index).max().unwrap_or_default()
    }

    /// The highest commit index that any member knows.
    #[must_use]
    pub fn committed(&self) -> LogIndex {
        self.nodes.values().filter_map(Node::raft).map(|s| s.committed).max().unwrap_or_default()
    }

    /// The highest term that any member knows.
    #[must_use]
    pub fn term(&self) -> Term {
        self.nodes.values().filter_map(Node::raft).map(|s| s.term).max().unwrap_or_default()
    }
}

fn same_but_for_timers(old: &Status, new: &Status) -> bool {
    let peers = |s: &Status| {
        s.peers.iter().map(|p| (p.id, p.matched, p.next, p.state, percent(p))).collect::<Vec<_>>()
    };
    old.term == new.term
        && old.role == new.role
        && old.vote == new.vote
        && old.leader == new.leader
        && old.last == new.last
        && old.durable == new.durable
        && old.committed == new.committed
        && old.applied == new.applied
        && old.has_quorum == new.has_quorum
        && old.votes == new.votes
        && old.term_runs == new.term_runs
        && old.membership_index == new.membership_index
        && old.membership == new.membership
        && old.snapshot == new.snapshot
        && old.purged == new.purged
        && old.transfer == new.transfer
        && old.disk_stalled == new.disk_stalled
        && peers(old) == peers(new)
}

/// How much of a snapshot a follower has, in percent, while it gets one.
#[must_use]
pub fn percent(peer: &PeerStatus) -> Option<u64> {
    let (sent, size) = peer.snapshot?;
    Some(sent.min(size).saturating_mul(100).checked_div(size).unwrap_or(0))
}
