//! The results of a load: the figures, in the form of the JSON output. Their layout for people is in `table`.

use crate::args::LoadArgs;
use crate::floor::Slice;
use crate::measure::Plan;
use crate::tally::{Latencies, Tally};
use raftdeck_protocol::{Consistency, NodeStatus};
use raftdeck_raft::{NodeId, Role};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What was measured of the store.
pub(crate) struct Store {
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
    pub(crate) processor: BTreeMap<NodeId, Duration>,
    pub(crate) own_processor: Option<Duration>,
    pub(crate) before: BTreeMap<NodeId, NodeStatus>,
    pub(crate) after: BTreeMap<NodeId, NodeStatus>,
    pub(crate) over_time: Vec<f64>,
    pub(crate) in_memory: bool,
}

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) benchmark: &'static str,
    pub(crate) nodes: usize,
    pub(crate) clients: u64,
    pub(crate) connections: u64,
    pub(crate) rate: Option<u64>,
    pub(crate) value_bytes: usize,
    pub(crate) keys: u64,
    pub(crate) read_percent: u8,
    /// The consistency of the reads.
    pub(crate) consistency: Option<Consistency>,
    pub(crate) sync_delay_us: Option<u64>,
    pub(crate) secs: f64,
    /// Operations acknowledged a second, reads and writes together.
    pub(crate) throughput: f64,
    pub(crate) writes: Option<Figures>,
    pub(crate) reads: Option<Figures>,
    pub(crate) failed: u64,
    pub(crate) unknown: u64,
    pub(crate) left_out: u64,
    pub(crate) error: Option<String>,
    /// By how much the term rose during the measurement.
    pub(crate) elections: Option<u64>,
    pub(crate) processes: Vec<Process>,
    pub(crate) servers_cpu_us_per_op: Option<f64>,
    pub(crate) client_cpu_us_per_op: Option<f64>,
    /// Operations a second, in each tenth of a second.
    pub(crate) over_time: Vec<u64>,
    /// Whether no sync reached a disk.
    pub(crate) in_memory: bool,
    pub(crate) floor: Option<FloorFigures>,
    /// The store's throughput, divided by the floor's.
    pub(crate) ratio: Option<f64>,
}

/// One kind of operation.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) count: u64,
    pub(crate) per_second: f64,
    pub(crate) latency_us: LatencyFigures,
}

#[derive(Debug, Serialize)]
pub(crate) struct LatencyFigures {
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

/// One of them.
pub(crate) type Latency = fn(&LatencyFigures) -> f64;

/// One node.
#[derive(Debug, Serialize)]
pub(crate) struct Process {
    pub(crate) node: NodeId,
    pub(crate) leader: bool,
    pub(crate) cpu_us_per_op: Option<f64>,
    pub(crate) fsyncs_per_op: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct FloorFigures {
    #[serde(flatten)]
    pub(crate) figures: Figures,
    pub(crate) cpu_us_per_op: Option<f64>,
    pub(crate) fsyncs_per_op: f64,
}

fn figures(latencies: &Latencies, took: Duration) -> Option<Figures> {
    let micros = |span: Duration| span.as_secs_f64() * 1e6;
    let latency_us = LatencyFigures {
        mean: micros(latencies.mean()),
        p50: micros(latencies.quantile(0.5)),
        p99: micros(latencies.quantile(0.99)),
        p999: micros(latencies.quantile(0.999)),
        max: micros(latencies.max()),
    };
    let count = latencies.count();
    (count > 0).then(|| Figures { count, per_second: count as f64 / took.as_secs_f64(), latency_us })
}

impl Report {
    pub(crate) fn new(plan: &Plan, args: &LoadArgs, store: &Store, floor: Option<Slice>) -> Self {
        let done = store.tally.done() as f64;
        let per_op = |span: Duration| span.as_secs_f64() * 1e6 / done;
        let processes = store.after.iter().map(|(&node, after)| Process {
            node,
            leader: after.raft.role == Role::Leader,
            cpu_us_per_op: store.processor.get(&node).map(|span| per_op(*span)),
            fsyncs_per_op: store
                .before
                .get(&node)
                .map(|before| after.fsyncs.saturating_sub(before.fsyncs) as f64 / done),
        });
        let term = |statuses: &BTreeMap<NodeId, NodeStatus>| statuses.values().map(|s| s.raft.term.0).max();
        let throughput = done / store.took.as_secs_f64();
        let floor = floor.and_then(|slice| {
            let figures = figures(&slice.latencies, slice.took)?;
            let count = figures.count as f64;
            let cpu_us_per_op = slice.processor.map(|span| span.as_secs_f64() * 1e6 / count);
            Some(FloorFigures { figures, cpu_us_per_op, fsyncs_per_op: slice.syncs as f64 / count })
        });
        Self {
            benchmark: plan.name,
            nodes: store.after.len(),
            clients: args.clients(),
            connections: args.connections(),
            rate: args.rate,
            value_bytes: args.value_size,
            keys: args.keys(),
            read_percent: plan.reads,
            consistency: (plan.reads > 0).then_some(plan.consistency),
            sync_delay_us: args.own.sync_delay_micros(),
            secs: store.took.as_secs_f64(),
            throughput,
            writes: figures(&store.tally.writes, store.took),
            reads: figures(&store.tally.reads, store.took),
            failed: store.tally.failed,
            unknown: store.tally.unknown,
            left_out: store.tally.left_out,
            error: store.tally.error.clone(),
            elections: term(&store.after)
                .zip(term(&store.before))
                .map(|(after, before)| after.saturating_sub(before)),
            servers_cpu_us_per_op: (!store.processor.is_empty())
                .then(|| per_op(store.processor.values().sum())),
            client_cpu_us_per_op: store.own_processor.map(per_op),
            processes: processes.collect(),
            over_time: store.over_time.iter().map(|rate| rate.round() as u64).collect(),
            in_memory: store.in_memory,
            ratio: floor.as_ref().map(|floor| throughput / floor.figures.per_second),
            floor,
        }
    }
}
