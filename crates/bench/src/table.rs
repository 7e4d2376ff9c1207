//! The results of a load, as a table that fits into 80 columns. Pure.

use crate::figures::{counted, digits, micros, rate, seconds, sparkline, whole};
use crate::print::{rule, title};
use crate::report::{Figures, Latency, Report};
use console::style;
use raftdeck_protocol::Consistency;
use std::fmt::Write as _;
use std::time::Duration;

const NAME: usize = 14;
const COLUMN: usize = 15;
const RATIO: usize = 11;

/// The maximum length of the line over time, in characters.
const OVER_TIME: usize = 40;

impl Report {
    pub(crate) fn table(&self) -> String {
        let mut text = title(self.benchmark, &self.circumstances());
        self.speed(&mut text);
        self.over_time(&mut text);
        self.cost(&mut text);
        self.remarks(&mut text);
        text.push('\n');
        text
    }

    fn circumstances(&self) -> Vec<String> {
        let mut list = vec![counted(self.nodes as u64, "node")];
        list.push(match self.rate {
            Some(rate) => format!("{} a second begun", whole(rate)),
            None => counted(self.clients, "client"),
        });
        list.push(format!("{}-byte values", self.value_bytes));
        list.push(counted(self.keys, "key"));
        if !(self.read_percent == 0 || self.read_percent == 100) {
            list.push(format!("{} % reads", self.read_percent));
        }
        list.extend(self.consistency.map(|consistency| {
            let name = match consistency {
                Consistency::Linearizable => "linearizable",
                Consistency::Lease => "lease",
                Consistency::Stale => "stale",
            };
            format!("{name} reads")
        }));
        list.extend(self.sync_delay_us.map(|delay| format!("each sync delayed by {}", micros(delay as f64))));
        list.push(seconds(Duration::from_secs_f64(self.secs)));
        list
    }

    /// Throughput and latencies, a column for each kind of operation and one for the floor.
    fn speed(&self, text: &mut String) {
        let mut columns: Vec<(&str, &Figures)> = Vec::new();
        columns.extend(self.writes.as_ref().map(|figures| ("writes", figures)));
        columns.extend(self.reads.as_ref().map(|figures| ("reads", figures)));
        let first = columns.first().map(|(_, figures)| *figures);
        columns.extend(self.floor.as_ref().map(|floor| ("floor", &floor.figures)));

        let titles = columns.iter().fold(String::new(), |line, (title, _)| format!("{line}{title:>COLUMN$}"));
        let ratio = if self.floor.is_some() { format!("{:>RATIO$}", "ratio") } else { String::new() };
        let heading = format!("{:<NAME$}{titles}{ratio}", "");
        let _ = write!(text, "  {}\n{}", style(&heading).bold(), rule(heading.len()));
        let mut row = |name: &str, cell: &dyn Fn(&Figures) -> String, value: &dyn Fn(&Figures) -> f64| {
            let _ = write!(text, "  {}", style(format!("{name:<NAME$}")).dim());
            for (_, figures) in &columns {
                let _ = write!(text, "{:>COLUMN$}", cell(figures));
            }
            if let (Some(first), Some(floor)) = (first, &self.floor) {
                let _ = write!(text, "{:>RATIO$}", digits(value(first) / value(&floor.figures)));
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
    }

    /// A stall is seen here even if the quantiles hide it.
    fn over_time(&self, text: &mut String) {
        if self.over_time.len() < 2 {
            return;
        }
        let samples: Vec<f64> = self.over_time.iter().map(|rate| *rate as f64).collect();
        let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
        let name = style(format!("{:<NAME$}", "over time")).dim();
        let line = style(sparkline(&samples, OVER_TIME)).cyan();
        let _ = writeln!(text, "  {name}  {line}  {}", style(format!("least {}", rate(least))).dim());
    }

    /// What each process spent on one operation.
    fn cost(&self, text: &mut String) {
        let heading = format!("{:<NAME$}{:>COLUMN$}{:>COLUMN$}", "per operation", "CPU", "fsyncs");
        let _ = write!(text, "\n  {}\n{}", style(&heading).bold(), rule(heading.len()));
        let cpu = |value: Option<f64>| value.map_or_else(|| "n/a".to_owned(), micros);
        let count = |value: Option<f64>| value.map_or_else(|| "n/a".to_owned(), digits);
        let mut row = |name: &str, cpu: String, fsyncs: String| {
            let line = format!("  {}{cpu:>COLUMN$}{fsyncs:>COLUMN$}", style(format!("{name:<NAME$}")).dim());
            let _ = writeln!(text, "{}", line.trim_end());
        };
        for process in &self.processes {
            let name = format!("{}{}", process.node, if process.leader { " leader" } else { "" });
            row(&name, cpu(process.cpu_us_per_op), count(process.fsyncs_per_op));
        }
        let fsyncs: Option<f64> = self.processes.iter().map(|process| process.fsyncs_per_op).sum();
        row("all nodes", cpu(self.servers_cpu_us_per_op), count(fsyncs));
        row("the clients", cpu(self.client_cpu_us_per_op), String::new());
        if let Some(floor) = &self.floor {
            row("the floor", cpu(floor.cpu_us_per_op), digits(floor.fsyncs_per_op));
        }
    }

    fn remarks(&self, text: &mut String) {
        let mut remarks = Vec::new();
        if self.failed > 0 {
            remarks.push(format!("{} failed and changed nothing", counted(self.failed, "operation")));
        }
        if self.unknown > 0 {
            remarks.push(format!("the outcome of {} is unknown", counted(self.unknown, "operation")));
        }
        if self.left_out > 0 {
            remarks
                .push(format!("{} were due and never started: the store fell behind", whole(self.left_out)));
        }
        remarks.extend(self.error.as_ref().map(|error| format!("for example: {error}")));
        if let Some(elections) = self.elections.filter(|count| *count > 0) {
            remarks.push(format!("{} while it was measured", counted(elections, "new term")));
        }
        if self.in_memory {
            remarks.push("the data was in memory (tmpfs): no sync reached a disk; see --data-dir".to_owned());
        }
        if !remarks.is_empty() {
            text.push('\n');
        }
        for remark in remarks {
            let _ = writeln!(text, "  {}", style(remark).yellow());
        }
    }
}
