//! Clusters are started, one after the other: how long until each serves and acknowledges its first write.

use crate::args::StartArgs;
use crate::cluster::OwnCluster;
use crate::error::BenchError;
use crate::figures::{counted, micros};
use crate::print::{print, title};
use crate::progress::Progress;
use crate::times::Times;
use raftdeck_client::{Client, ClientError, Options};
use raftdeck_protocol::Write;
use serde::Serialize;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long a cluster may take.
pub(crate) const START_PATIENCE: Duration = Duration::from_secs(30);

/// This many clients try a write at the same time. Each waits a little between its attempts, so a single one could be late by such a
/// wait.
const IMPATIENT: u64 = 8;

/// The results.
#[derive(Debug, Serialize)]
struct StartReport {
    benchmark: &'static str,
    nodes: u8,
    trials: u64,
    heartbeat_ms: u64,
    election_ms: (u64, u64),
    sync_delay_us: Option<u64>,
    /// From the start of the processes until all of them served.
    ready_ms: Times,
    /// Until the first acknowledged write.
    first_write_ms: Times,
}

pub(crate) async fn run(args: &StartArgs) -> Result<(), BenchError> {
    let progress = Progress::new();
    progress.begin("starting", args.trials);
    let (mut readies, mut writes) = (Vec::new(), Vec::new());
    for trial in 0..args.trials {
        let begun = Instant::now();
        let own = OwnCluster::start(&args.own, args.nodes.nodes)?;
        own.ready().await?;
        let written = first_write(&own.addresses(), START_PATIENCE).await?;
        let ready = own.nodes().values().filter_map(|node| node.ready).max().unwrap_or(written);
        readies.push(ready - begun);
        writes.push(written - begun);
        progress.at(trial + 1, micros((written - begun).as_secs_f64() * 1e6));
    }
    progress.end();
    let timing = args.own.timing();
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let report = StartReport {
        benchmark: "start",
        nodes: args.nodes.nodes,
        trials: args.trials,
        heartbeat_ms: millis(timing.heartbeat),
        election_ms: (millis(timing.election_min), millis(timing.election_max)),
        sync_delay_us: args.own.sync_delay_micros(),
        ready_ms: Times::of(&readies),
        first_write_ms: Times::of(&writes),
    };
    print(&report, args.json, StartReport::table)
}

/// When the first write was acknowledged.
pub(crate) async fn first_write(addresses: &[String], patience: Duration) -> Result<Instant, BenchError> {
    let mut asking = JoinSet::new();
    for number in 0..IMPATIENT {
        let client = Client::new(addresses, Options::default())?;
        let write = Write::Put { key: format!("first-{number}").into(), value: "v".into() };
        asking.spawn(async move {
            client.write(write, patience).await?;
            Ok::<_, ClientError>(Instant::now())
        });
    }
    let mut failed = None;
    while let Some(asked) = asking.join_next().await {
        match asked {
            Ok(Ok(written)) => return Ok(written),
            Ok(Err(error)) => failed = Some(error),
            Err(_) => {}
        }
    }
    Err(failed.map_or_else(
        || BenchError::Nothing("no write was tried".to_owned()),
        |source| BenchError::Store { what: "the first write failed", source },
    ))
}

impl StartReport {
    fn table(&self) -> String {
        let (min, max) = self.election_ms;
        let circumstances = [
            counted(self.nodes.into(), "node"),
            counted(self.trials, "trial"),
            format!("heartbeat {} ms", self.heartbeat_ms),
            format!("election timeout {min} to {max} ms"),
        ];
        let mut text = title("start", &circumstances) + &Times::heading();
        text += &self.ready_ms.row("start to all serving");
        text += &self.first_write_ms.row("start to first write");
        text + "\n" + &self.first_write_ms.distribution() + "\n"
    }
}
