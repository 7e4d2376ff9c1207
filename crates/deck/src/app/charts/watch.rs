//! From updates to figures over time. Only what was reported is noted: time of which nothing was reported stays unknown.

use super::availability::Availability;
use super::bucket::{Bucket, Election, Figure, Gauges, Leader, Micros, NodeFigures, WorstLatency};
use super::history::History;
use raftdeck_model::{
    ClientOutcome, FrameFate, FrameReport, News, Node, StoreOutcome, Update, Verdict, WorkloadFigures, World,
};
use raftdeck_raft::{LogIndex, NodeId, ReplicationState, Role, TraceEvent};
use std::time::Duration;

/// What is remembered of the updates before, to judge the next.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    /// The time and the number of the newest update.
    last: Option<(Micros, u64)>,
    /// The commit index, if any node reported one.
    committed: Option<LogIndex>,
    /// Whether the source tells how many bytes pass.
    has_bytes: bool,
    /// The newest figures of the workload that runs, and when they came.
    load: Option<(Micros, WorkloadFigures)>,
    availability: Availability,
    /// The newest leader that was noted.
    elected: Option<Leader>,
}

/// In microseconds.
pub(super) fn micros(time: Duration) -> Micros {
    Micros::try_from(time.as_micros()).unwrap_or(Micros::MAX)
}

impl Watch {
    /// Notes an update, given what is known with it. While time is slow, the times that clients measure are not cluster time.
    pub(super) fn hear(&mut self, update: &Update, world: &World, is_slow: bool, history: &mut History) {
        if world.is_empty() {
            return;
        }
        // A stamp may be a little older than the one before.
        let at = micros(update.at).max(self.last.map_or(0, |(last, _)| last));
        self.pass(at, update, world, history);
        match &update.what {
            News::Process { .. } | News::Status { .. } | News::Cluster { .. } => {
                self.state(at, world, history);
            }
            News::Link { .. } => self.availability.serves(at, serves(world), history),
            News::Trace { node, trace } => self.trace(at, *node, trace, history),
            News::Workload(figures) => self.load(at, *figures, history),
            News::Client { outcome, took, .. } if !is_slow => request(at, outcome, *took, history),
            _ => {}
        }
    }

    /// The time since the update before has passed.
    fn pass(&mut self, at: Micros, update: &Update, world: &World, history: &mut History) {
        let committed = committed(world);
        let entries = self.committed.zip(committed).map(|(old, new)| new.0.saturating_sub(old.0));
        self.committed = self.committed.max(committed);
        let bytes = match &update.what {
            News::Frames { frames } => self.bytes(frames),
            _ => Some(0),
        };
        // Where an update is missing, so may its bytes be. Numbers that are not in order say nothing.
        let is_whole = self.last.is_none_or(|(_, seq)| update.seq <= seq.saturating_add(1));
        let bytes = bytes.filter(|_| self.has_bytes && is_whole);
        // What comes at the same time belongs to the time before, too.
        let from = self.last.map_or(at, |(last, _)| last).min(at.saturating_sub(1));
        self.last = Some((at, update.seq));
        history.spread(from, at, |bucket: &mut Bucket, seconds, part| {
            if let Some(entries) = entries {
                bucket.committed.add(count(entries) * part, seconds);
            }
            if let Some(bytes) = bytes {
                bucket.bytes.add(count(bytes) * part, seconds);
            }
        });
        self.availability.pass(at, history);
    }

    /// How many bytes were delivered; `None`: the source does not tell.
    fn bytes(&mut self, frames: &[FrameReport]) -> Option<u64> {
        let delivered = frames.iter().filter(|frame| frame.fate == FrameFate::Delivered);
        let sum = delivered
            .map(|frame| frame.bytes.copied())
            .try_fold(0_u64, |sum, bytes| Some(sum.saturating_add(bytes?)));
        if !frames.is_empty() {
            self.has_bytes = sum.is_some();
        }
        sum
    }

    /// A node's state may have changed.
    fn state(&mut self, at: Micros, world: &World, history: &mut History) {
        let leader = world.leader();
        let leads = leader.and_then(|node| Some((node.id, node.live()?.term)));
        history.set(at, Gauges { leader: leads, nodes: figures(world, leader) });
        if let Some(leader) = leads {
            self.elected(at, leader, history);
        }
        self.availability.serves(at, serves(world), history);
    }

    fn trace(&mut self, at: Micros, node: NodeId, trace: &TraceEvent, history: &mut History) {
        match trace {
            TraceEvent::RoleChanged { to: Role::Leader, term, .. } => {
                self.elected(at, (node, *term), history);
            }
            TraceEvent::ElectionStarted { term, pre_vote: false } => {
                history.note_election(Election { at, of: (node, *term), won: false });
            }
            _ => {}
        }
    }

    /// A leader is noted once, whether its trace or its status says so first.
    fn elected(&mut self, at: Micros, leader: Leader, history: &mut History) {
        if self.elected.is_none_or(|(_, term)| term < leader.1) {
            self.elected = Some(leader);
            history.note_election(Election { at, of: leader, won: true });
        }
    }

    fn load(&mut self, at: Micros, figures: WorkloadFigures, history: &mut History) {
        let before = self.load.take();
        if figures.running {
            self.load = Some((at, figures));
        }
        self.availability.load(at, &figures, before.map(|(at, _)| at), history);
        let Some((from, before)) = before else { return };
        let writes = figures.acknowledged.saturating_sub(before.acknowledged);
        let short = |micros: u64| u32::try_from(micros).unwrap_or(u32::MAX);
        let latency = figures
            .latency
            .map(|latency| WorstLatency { p50: short(latency.p50_micros), p99: short(latency.p99_micros) });
        history.spread(from, at, |bucket, seconds, part| {
            bucket.acknowledged.add(count(writes) * part, seconds);
            if let Some(latency) = latency {
                bucket.note_latency(latency);
            }
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "what is drawn has a few hundred steps")]
fn count(count: u64) -> f32 {
    count as f32
}

/// A request of a client was carried out.
fn request(at: Micros, outcome: &ClientOutcome, took: Duration, history: &mut History) {
    if matches!(outcome.judged(), StoreOutcome::Done(_)) {
        let took = Figure::of(micros(took));
        history.note(at, |bucket| bucket.request = bucket.request.worst(took));
    }
}

/// Whether something can commit now; `None`: the nodes are still starting, or do not answer.
fn serves(world: &World) -> Option<bool> {
    match world.verdict() {
        Verdict::Starting { .. } | Verdict::Unknown { .. } => None,
        Verdict::Leads { .. } => Some(true),
        Verdict::NoQuorum { .. }
        | Verdict::Electing { .. }
        | Verdict::NoMajority { .. }
        | Verdict::AllDown => Some(false),
    }
}

fn committed(world: &World) -> Option<LogIndex> {
    world.nodes().filter_map(Node::raft).filter_map(|raft| raft.committed.copied()).max()
}

fn figures(world: &World, leader: Option<&Node>) -> Vec<NodeFigures> {
    let leads = leader.and_then(Node::live).filter(|raft| !raft.lacks_quorum());
    let lag = |node: NodeId| {
        let leads = leads?;
        let peer = leads.peers.items().iter().find(|peer| peer.id == node)?;
        let matched = *peer.matched.get()?;
        // A new leader has to find out first how far a follower is.
        let is_unsure = matched == LogIndex::ZERO && peer.state == ReplicationState::Probe;
        leads.last_index().filter(|_| !is_unsure).map(|last| last.0.saturating_sub(matched.0))
    };
    let of = |node: &Node| NodeFigures {
        node: node.id,
        fsync: fsync(node).map_or_else(Figure::default, Figure::of),
        lag: lag(node.id).map_or_else(Figure::default, Figure::of),
    };
    world.nodes().map(of).collect()
}

/// How long a running node's newest fsync took, if it has made one.
fn fsync(node: &Node) -> Option<u64> {
    node.live()?;
    let status = node.status.as_ref()?;
    status.fsync_micros.copied().filter(|_| status.fsyncs != 0)
}
