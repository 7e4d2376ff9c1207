//! A node with a long log is killed and started again: how long until it is ready, and how much memory that takes.
//!
//! The node is alone in its cluster, so that only its own log matters. The log was written a moment ago, so it is read from the
//! system's cache, as after a crash of the process, not of the machine.

use crate::args::RecoveryArgs;
use crate::cluster::OwnCluster;
use crate::error::BenchError;
use crate::figures::{bytes, counted, whole};
use crate::load::{Generator, Load};
use crate::print::{print, title};
use crate::processes::peak_memory;
use crate::progress::Progress;
use crate::start::{START_PATIENCE, first_write};
use crate::times::Times;
use bytes::Bytes;
use console::style;
use raftdeck_client::{Client, Options};
use raftdeck_model::Order;
use raftdeck_protocol::Consistency;
use raftdeck_raft::NodeId;
use serde::Serialize;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const NODE: NodeId = NodeId(1);

/// What was measured.
#[derive(Debug, Serialize)]
struct RecoveryReport {
    benchmark: &'static str,
    /// In the log on this node's disk, from its beginning.
    entries: u64,
    /// In the newest snapshot.
    snapshot_entries: u64,
    value_bytes: usize,
    keys: u64,
    data_bytes: u64,
    trials: u64,
    /// From the start of the process until it served.
    ready_ms: Times,
    /// Until its first acknowledged write, with an election of its own in between.
    first_write_ms: Times,
    /// The most memory resident until it served, of all trials.
    peak_memory_bytes: Option<u64>,
    /// The same, until its first acknowledged write.
    peak_memory_at_first_write_bytes: Option<u64>,
}

pub(crate) async fn run(args: &RecoveryArgs) -> Result<(), BenchError> {
    let progress = Progress::new();
    progress.begin("starting", 1);
    let all_in_the_log = ["node", "--snapshot-bytes", "1000000000000"];
    let node = if args.own.snapshot_entries.is_none() { &all_in_the_log[..] } else { &all_in_the_log[..1] };
    let own = OwnCluster::start_with(&args.own, 1, node)?;
    own.ready().await?;
    fill(args, &own, &progress).await?;
    let address = own.addresses().first().cloned().unwrap_or_default();
    let client = Client::new(std::slice::from_ref(&address), Options::default())?;
    let told = client.status(&address, START_PATIENCE).await;
    let what = "the node does not report its state";
    let status = told.map_err(|source| BenchError::Store { what, source })?.raft;
    let data_bytes = size_of(own.dir());

    progress.begin("recovering", args.trials);
    let (mut readies, mut writes, mut memory, mut later_memory) = (Vec::new(), Vec::new(), None, None);
    for trial in 0..args.trials {
        own.tell(Order::Kill(NODE));
        own.wait_for("the node is killed", |nodes| nodes.values().all(|node| node.pid.is_none())).await?;
        let begun = Instant::now();
        own.tell(Order::Restart(NODE));
        readies.push(own.ready_since(NODE, begun).await? - begun);
        let peak = || own.nodes().get(&NODE).and_then(|node| peak_memory(node.pid?));
        memory = memory.max(peak());
        writes.push(first_write(&own.addresses(), START_PATIENCE).await? - begun);
        later_memory = later_memory.max(peak());
        progress.at(trial + 1, String::new());
    }
    progress.end();
    drop(own);
    let report = RecoveryReport {
        benchmark: "recovery",
        entries: status.last.index.0 - status.purged.0,
        snapshot_entries: status.snapshot.index.0,
        value_bytes: args.value_size,
        keys: args.keys,
        data_bytes,
        trials: args.trials,
        ready_ms: Times::of(&readies),
        first_write_ms: Times::of(&writes),
        peak_memory_bytes: memory,
        peak_memory_at_first_write_bytes: later_memory,
    };
    print(&report, args.json, RecoveryReport::table)
}

async fn fill(args: &RecoveryArgs, own: &OwnCluster, progress: &Progress) -> Result<(), BenchError> {
    let load = Load {
        clients: 1,
        rate: None,
        reads: 0,
        consistency: Consistency::Linearizable,
        keys: args.keys,
        value: Bytes::from(vec![b'v'; args.value_size]),
        timeout: Duration::from_secs(30),
    };
    let client = Client::new(&own.addresses(), Options::default())?;
    progress.begin("writing", args.entries);
    let told = |done| progress.at(done, counted(done, "entry").replace("entrys", "entries"));
    let filled = Generator::new(load, vec![client]).fill(args.entries, told).await;
    filled.map_err(|source| BenchError::Store { what: "the log cannot be filled", source })
}

/// The size of the files below a directory in bytes; those that vanish meanwhile do not count.
fn size_of(dir: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size_of(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

impl RecoveryReport {
    fn table(&self) -> String {
        let mut circumstances = vec![format!("{} log entries", whole(self.entries))];
        if self.snapshot_entries > 0 {
            circumstances.push(format!("a snapshot of {}", whole(self.snapshot_entries)));
        }
        circumstances.push(format!("{}-byte values", self.value_bytes));
        circumstances.push(format!("{} of data", bytes(self.data_bytes)));
        circumstances.push(counted(self.trials, "trial"));
        let mut text = title("recovery", &circumstances) + &Times::heading();
        text += &self.ready_ms.row("start to ready");
        text += &self.first_write_ms.row("start to first write");
        text.push('\n');
        let rows = [
            ("peak memory, ready", self.peak_memory_bytes),
            ("peak memory, first write", self.peak_memory_at_first_write_bytes),
        ];
        for (name, peak) in rows {
            let peak = peak.map_or_else(|| "n/a".to_owned(), bytes);
            let _ = writeln!(text, "  {}{peak:>12}", style(format!("{name:<24}")).dim());
        }
        text + "\n"
    }
}
