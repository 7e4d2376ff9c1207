//! What a load came to: the figures, as one JSON object and as a table.

use crate::args::LoadArgs;
use crate::figures::{bytes, counted, digits, micros, rate, seconds, sparkline, whole};
use crate::floor::Slice;
use crate::tally::{Latencies, Tally};
use console::style;
use raftdeck_protocol::NodeStatus;
use raftdeck_raft::{NodeId, Role};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
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
}

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    benchmark: &'static str,
    nodes: usize,
    clients: u64,
    connections: u64,
    rate: Option<u64>,
    value_bytes: usize,
    keys: u64,
    sync_delay_us: Option<u64>,
    secs: f64,
    /// Operations acknowledged a second, reads and writes together.
    throughput: f64,
    writes: Option<Figures>,
    reads: Option<Figures>,
    failed: u64,
    unknown: u64,
    left_out: u64,
    error: Option<String>,
    /// By how much the term rose while it was measured.
    elections: Option<u64>,
    processes: Vec<Process>,
    servers_cpu_us_per_op: Option<f64>,
    client_cpu_us_per_op: Option<f64>,
    /// Operations a second, in each tenth of a second.
    over_time: Vec<f64>,
    floor: Option<FloorFigures>,
    /// The store's throughput, divided by the floor's.
    ratio: Option<f64>,
}

/// One kind of operation.
#[derive(Debug, Serialize)]
struct Figures {
    count: u64,
    per_second: f64,
    latency_us: LatencyFigures,
}

#[derive(Debug, Serialize)]
struct LatencyFigures {
    mean: f64,
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

/// One of them.
type Latency = fn(&LatencyFigures) -> f64;

/// One node.
#[derive(Debug, Serialize)]
struct Process {
    node: NodeId,
    leader: bool,
    cpu_us_per_op: Option<f64>,
    fsyncs_per_op: Option<f64>,
}

#[derive(Debug, Serialize)]
struct FloorFigures {
    #[serde(flatten)]
    figures: Figures,
    cpu_us_per_op: Option<f64>,
    fsyncs_per_op: f64,
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

fn fsyncs(_: &NodeStatus) -> Option<u64> {
    None
}

impl Report {
    pub(crate) fn new(benchmark: &'static str, args: &LoadArgs, store: Store, floor: Option<Slice>) -> Self {
        let done = store.tally.done() as f64;
        let per_op = |span: Duration| span.as_secs_f64() * 1e6 / done;
        let processes = store.after.iter().map(|(&node, after)| Process {
            node,
            leader: after.raft.role == Role::Leader,
            cpu_us_per_op: store.processor.get(&node).map(|span| per_op(*span)),
            fsyncs_per_op: store
                .before
                .get(&node)
                .and_then(|before| Some((fsyncs(after)?.saturating_sub(fsyncs(before)?)) as f64 / done)),
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
            benchmark,
            nodes: store.after.len(),
            clients: args.clients(),
            connections: args.connections(),
            rate: args.rate,
            value_bytes: args.value_size,
            keys: args.keys(),
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
            over_time: store.over_time,
            ratio: floor.as_ref().map(|floor| throughput / floor.figures.per_second),
            floor,
        }
    }

    pub(crate) fn table(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "\n  {}  {}", style(self.benchmark).bold(), self.setting());
        text.push('\n');
        self.latencies(&mut text);
        text.push('\n');
        self.costs(&mut text);
        self.over_time(&mut text);
        self.remarks(&mut text);
        text
    }

    fn setting(&self) -> String {
        let loop_ = match self.rate {
            Some(rate) => format!("{} a second begun", whole(rate)),
            None => counted(self.clients, "client"),
        };
        let value = bytes(self.value_bytes as u64);
        let delay = self.sync_delay_us.map(|delay| format!(", syncs + {}", micros(delay as f64)));
        format!(
            "{}, {loop_}, values of {value}, {}, {}{}",
            counted(self.nodes as u64, "node"),
            counted(self.keys, "key"),
            seconds(Duration::from_secs_f64(self.secs)),
            delay.unwrap_or_default()
        )
    }

    /// Throughput and latencies, a column for each kind of operation and one for the floor.
    fn latencies(&self, text: &mut String) {
        let mut columns: Vec<(&str, &Figures)> = Vec::new();
        columns.extend(self.writes.as_ref().map(|figures| ("writes", figures)));
        columns.extend(self.reads.as_ref().map(|figures| ("reads", figures)));
        let first = columns.first().map(|(_, figures)| *figures);
        columns.extend(self.floor.as_ref().map(|floor| ("floor", &floor.figures)));
        let mut row = |name: &str, cell: &dyn Fn(&Figures) -> String, value: &dyn Fn(&Figures) -> f64| {
            let _ = write!(text, "  {}", style(format!("{name:<14}")).dim());
            for (_, figures) in &columns {
                let _ = write!(text, "{:>15}", cell(figures));
            }
            if let (Some(first), Some(floor)) = (first, &self.floor) {
                let _ = write!(text, "{:>12}", digits(value(first) / value(&floor.figures)));
            }
            text.push('\n');
        };
        row("throughput", &|f| rate(f.per_second), &|f| f.per_second);
        let latency = |of: Latency| move |figures: &Figures| of(&figures.latency_us);
        let rows: [(&str, Latency); 4] = [
            ("latency p50", |l| l.p50),
            ("        p99", |l| l.p99),
            ("        p99.9", |l| l.p999),
            ("        max", |l| l.max),
        ];
        for (name, of) in rows {
            row(name, &|figures| micros(latency(of)(figures)), &latency(of));
        }
        let titles = columns.iter().fold(String::new(), |line, (title, _)| format!("{line}{title:>15}"));
        let ratio = if self.floor.is_some() { format!("{:>12}", "ratio") } else { String::new() };
        let heading = format!("  {:<14}{titles}{ratio}\n", "");
        text.insert_str(text.find("\n\n").map_or(0, |at| at + 2), &style(heading).bold().to_string());
    }

    fn costs(&self, text: &mut String) {
        let heading = format!("  {:<14}{:>15}{:>15}\n", "per operation", "CPU", "fsyncs");
        text.push_str(&style(heading).bold().to_string());
        let cpu = |value: Option<f64>| value.map_or_else(|| "n/a".to_owned(), micros);
        let count = |value: Option<f64>| value.map_or_else(|| "n/a".to_owned(), digits);
        let mut row = |name: &str, cpu: String, fsyncs: String| {
            let _ = writeln!(text, "  {}{cpu:>15}{fsyncs:>15}", style(format!("{name:<14}")).dim());
        };
        for process in &self.processes {
            let name = format!("{}{}", process.node, if process.leader { " leader" } else { "" });
            row(&name, cpu(process.cpu_us_per_op), count(process.fsyncs_per_op));
        }
        row("all nodes", cpu(self.servers_cpu_us_per_op), String::new());
        row("the clients", cpu(self.client_cpu_us_per_op), String::new());
        if let Some(floor) = &self.floor {
            row("the floor", cpu(floor.cpu_us_per_op), digits(floor.fsyncs_per_op));
        }
    }

    /// A stall is seen here even if the quantiles hide it.
    fn over_time(&self, text: &mut String) {
        if self.over_time.len() < 2 {
            return;
        }
        let least = self.over_time.iter().copied().fold(f64::INFINITY, f64::min);
        let line = style(sparkline(&self.over_time, 44)).cyan();
        let _ = writeln!(
            text,
            "\n  {}  {line}  {}",
            style(format!("{:<14}", "over time")).dim(),
            style(format!("least {}", rate(least))).dim()
        );
    }

    fn remarks(&self, text: &mut String) {
        let mut remarks = Vec::new();
        if self.failed > 0 {
            remarks.push(format!("{} failed and changed nothing", counted(self.failed, "operation")));
        }
        if self.unknown > 0 {
            remarks.push(format!(
                "of {} nobody knows whether they happened",
                counted(self.unknown, "operation")
            ));
        }
        if self.left_out > 0 {
            remarks.push(format!("{} were due and never begun: the store fell behind", whole(self.left_out)));
        }
        remarks.extend(self.error.as_ref().map(|error| format!("for example: {error}")));
        if let Some(elections) = self.elections.filter(|count| *count > 0) {
            remarks.push(format!("{} while it was measured", counted(elections, "election")));
        }
        if !remarks.is_empty() {
            text.push('\n');
        }
        for remark in remarks {
            let _ = writeln!(text, "  {}", style(remark).yellow());
        }
    }
}
