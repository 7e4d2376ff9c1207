//! What is known of a short time: figures that can be put together to that of a longer one.

use raftdeck_raft::{NodeId, Term};

/// Microseconds of cluster time.
pub(crate) type Micros = u64;

/// Something counted, and how much of the time it was counted for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Amount {
    sum: f32,
    seconds: f32,
}

impl Amount {
    /// Adds so many in so many seconds.
    pub(crate) fn add(&mut self, sum: f32, seconds: f32) {
        self.sum += sum;
        self.seconds += seconds;
    }

    /// How many a second; `None`: they were not counted.
    #[must_use]
    pub(crate) fn per_second(self) -> Option<f64> {
        (self.seconds > 0.0).then(|| f64::from(self.sum) / f64::from(self.seconds))
    }
}

/// The worst median and the worst 99th percentile of some figures, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorstLatency {
    /// The median.
    pub(crate) p50: u32,
    /// The 99th percentile.
    pub(crate) p99: u32,
}

/// Why a time counts as a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GapKind {
    /// A workload ran, and no write was acknowledged.
    NoWrite,
    /// No node led that could commit.
    NoLeader,
}

/// How far a gap's length is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GapEnd {
    /// It is over.
    Over,
    /// It lasts.
    Open,
    /// It is over, and was at least this long.
    AtLeast,
}

/// A time in which the cluster served nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Its beginning.
    pub(crate) start: Micros,
    /// Its length so far.
    pub(crate) length: Micros,
    /// Whether it is over.
    pub(crate) end: GapEnd,
    /// What was missing.
    pub(crate) kind: GapKind,
}

/// A node that leads, and its term.
pub(crate) type Leader = (NodeId, Term);

/// What happened in an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Election {
    /// When, in cluster time.
    pub(crate) at: Micros,
    /// The candidate, and the term.
    pub(crate) of: Leader,
    /// Whether it leads from here on; else it only began to ask for votes.
    pub(crate) won: bool,
}

/// A figure of which 0 is a value; `None`: it is not known. As small as the figure alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figure(Option<std::num::NonZeroU32>);

impl Figure {
    /// A value that is known.
    pub(crate) fn of(value: u64) -> Self {
        let value = u32::try_from(value).unwrap_or(u32::MAX - 1).min(u32::MAX - 1);
        Self(std::num::NonZeroU32::new(value + 1))
    }

    /// The value, if it is known.
    pub(crate) fn get(self) -> Option<u64> {
        self.0.map(|value| u64::from(value.get() - 1))
    }

    /// The greater of two; a known one is greater than an unknown one.
    pub(crate) fn worst(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }
}

/// A node's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeFigures {
    /// Which node.
    pub(crate) node: NodeId,
    /// How long its newest fsync took, in microseconds.
    pub(crate) fsync: Figure,
    /// How many entries it is behind the leader, as the leader knows.
    pub(crate) lag: Figure,
}

/// The state of the cluster at a moment, as far as it is drawn over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Gauges {
    /// The leader.
    pub(crate) leader: Option<Leader>,
    /// The nodes in order of id.
    pub(crate) nodes: Vec<NodeFigures>,
}

/// All that is known of one span of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Bucket {
    /// Which span of its tier: it begins at this number times the tier's width.
    pub(crate) slot: u64,
    /// Writes of the workload that were acknowledged.
    pub(crate) acknowledged: Amount,
    /// Entries that were committed.
    pub(crate) committed: Amount,
    /// Bytes that were delivered on the links.
    pub(crate) bytes: Amount,
    /// How long the workload's writes took.
    pub(crate) latency: Option<WorstLatency>,
    /// The longest time that a single request took, in microseconds.
    pub(crate) request: Figure,
    /// For how long it is known that the cluster served, in seconds.
    pub(crate) up: f32,
    /// For how long it is known that it did not.
    pub(crate) down: f32,
    /// The newest gap that touches this span: its beginning.
    pub(crate) down_since: Option<Micros>,
    /// The longest gap that began in this span.
    pub(crate) gap: Option<Gap>,
    /// The newest event of an election; one that was won counts more.
    pub(crate) election: Option<Election>,
    /// The leader at its end, and the worst of each node's figures.
    pub(crate) gauges: Gauges,
}

impl Bucket {
    /// Adds the time that follows.
    pub(crate) fn merge(&mut self, later: &Self) {
        for (sum, more) in [
            (&mut self.acknowledged, later.acknowledged),
            (&mut self.committed, later.committed),
            (&mut self.bytes, later.bytes),
        ] {
            sum.add(more.sum, more.seconds);
        }
        if let Some(latency) = later.latency {
            self.note_latency(latency);
        }
        self.request = self.request.worst(later.request);
        self.up += later.up;
        self.down += later.down;
        self.down_since = later.down_since.or(self.down_since);
        if let Some(gap) = later.gap {
            self.note_gap(gap);
        }
        if let Some(election) = later.election {
            self.note_election(election);
        }
        self.gauges.leader = later.gauges.leader;
        for figures in &later.gauges.nodes {
            self.note_node(*figures);
        }
    }

    /// Forgets what was counted.
    pub(crate) fn forget_rates(&mut self) {
        (self.acknowledged, self.committed, self.bytes) = Default::default();
    }

    /// Takes the worse of the latencies.
    pub(crate) fn note_latency(&mut self, new: WorstLatency) {
        let old = self.latency.unwrap_or(new);
        self.latency = Some(WorstLatency { p50: old.p50.max(new.p50), p99: old.p99.max(new.p99) });
    }

    /// Takes the longer of two gaps, or what is newly known of the same one.
    pub(crate) fn note_gap(&mut self, gap: Gap) {
        if self.gap.is_none_or(|old| old.start == gap.start || old.length < gap.length) {
            self.gap = Some(gap);
        }
    }

    /// Takes the newer of two events of elections; a victory is not hidden by a later campaign.
    pub(crate) fn note_election(&mut self, election: Election) {
        if self.election.is_none_or(|old| election.won || !old.won) {
            self.election = Some(election);
        }
    }

    /// Takes the worse of a node's figures.
    pub(crate) fn note_node(&mut self, new: NodeFigures) {
        let nodes = &mut self.gauges.nodes;
        match nodes.binary_search_by_key(&new.node, |figures| figures.node) {
            Ok(place) => {
                let old = &mut nodes[place];
                *old = NodeFigures {
                    fsync: old.fsync.worst(new.fsync),
                    lag: old.lag.worst(new.lag),
                    node: new.node,
                };
            }
            Err(place) => nodes.insert(place, new),
        }
    }

    /// A node's figures.
    #[must_use]
    pub(crate) fn node(&self, id: NodeId) -> Option<NodeFigures> {
        let nodes = &self.gauges.nodes;
        nodes.binary_search_by_key(&id, |figures| figures.node).ok().map(|place| nodes[place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_counted_is_not_zero() {
        let mut amount = Amount::default();
        assert_eq!(amount.per_second(), None);
        amount.add(0.0, 0.5);
        assert_eq!(amount.per_second(), Some(0.0));
        amount.add(10.0, 0.5);
        assert_eq!(amount.per_second(), Some(10.0));
    }

    #[test]
    fn zero_is_a_figure_and_the_worst_is_the_greatest_that_is_known() {
        assert_eq!((Figure::default().get(), Figure::of(0).get()), (None, Some(0)));
        assert_eq!(Figure::of(0).worst(Figure::default()), Figure::of(0));
        assert_eq!(Figure::of(7).worst(Figure::of(3)), Figure::of(7));
        assert!(Figure::of(u64::MAX).get().is_some_and(|value| value > 4_000_000_000));
    }

    #[test]
    fn a_longer_time_has_the_worst_of_its_parts_and_the_state_of_its_end() {
        let figures = |node, fsync| NodeFigures {
            node: NodeId(node),
            fsync: Figure::of(fsync),
            lag: Figure::default(),
        };
        let mut first = Bucket { latency: Some(WorstLatency { p50: 9, p99: 10 }), ..Bucket::default() };
        first.gauges = Gauges { leader: Some((NodeId(1), Term(1))), nodes: vec![figures(1, 900)] };
        let mut later = Bucket { latency: Some(WorstLatency { p50: 3, p99: 30 }), ..Bucket::default() };
        later.gauges = Gauges { leader: None, nodes: vec![figures(1, 100), figures(2, 7)] };
        first.merge(&later);
        assert_eq!(first.latency, Some(WorstLatency { p50: 9, p99: 30 }));
        assert_eq!(first.gauges.leader, None);
        assert_eq!(first.node(NodeId(1)), Some(figures(1, 900)));
        assert_eq!(first.node(NodeId(2)), Some(figures(2, 7)));
        assert_eq!(first.node(NodeId(3)), None);
    }
}
