//! A complete benchmark: a cluster, a load, and its outcome.

use crate::args::{BenchArgs, LoadArgs, MixedArgs, ReadArgs, What, WriteArgs};
use crate::cluster::{Cluster, OwnCluster, data_dir};
use crate::error::BenchError;
use crate::floor::{Floor, Slice};
use crate::load::{Generator, Load, LoadOutcome};
use crate::print::print;
use crate::processes::processor_time;
use crate::progress::{OverTime, Progress};
use crate::report::{Report, Store};
use crate::tally::Tally;
use crate::{failover, recovery, start};
use bytes::Bytes;
use raftdeck_client::Client;
use raftdeck_protocol::{Consistency, NodeStatus};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// When two things are measured alternately, each turn takes this long.
const TURN: Duration = Duration::from_millis(500);

/// Carries out what the command line requests, and prints the outcome.
pub fn run(args: BenchArgs) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::system("the runtime cannot be made"))?;
    runtime.block_on(async {
        tokio::select! {
            measured = carry_out(args) => measured,
            error = interrupted() => Err(error),
        }
    })
}

/// Whatever signal ends the program early, the cluster ends in an orderly way and its data is removed.
async fn interrupted() -> BenchError {
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(|kind| {
        signal(kind)
            .map(|signal| (kind.as_raw_value(), signal))
            .map_err(BenchError::system("signals cannot be watched"))
    });
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.1.recv() => BenchError::Interrupted(interrupt.0),
        _ = terminate.1.recv() => BenchError::Interrupted(terminate.0),
        _ = hangup.1.recv() => BenchError::Interrupted(hangup.0),
    }
}

async fn carry_out(args: BenchArgs) -> Result<(), BenchError> {
    match args.what {
        What::Write(WriteArgs { load, fill, floor }) => {
            let (reads, consistency) = (0, Consistency::Linearizable);
            Plan { name: "write", reads, consistency, fill, floor }.measure(&load).await
        }
        What::Read(ReadArgs { load, consistency, floor }) => {
            let (reads, consistency) = (100, consistency.into());
            Plan { name: "read", reads, consistency, fill: true, floor }.measure(&load).await
        }
        What::Mixed(MixedArgs { load, reads, consistency }) => {
            let consistency = consistency.into();
            Plan { name: "mixed", reads, consistency, fill: true, floor: false }.measure(&load).await
        }
        What::Failover(args) => failover::run(&args).await,
        What::Start(args) => start::run(&args).await,
        What::Recovery(args) => recovery::run(&args).await,
    }
}

/// The kind of load.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    /// How many of a hundred operations are reads.
    pub(crate) reads: u8,
    pub(crate) consistency: Consistency,
    /// Whether every key is written before.
    fill: bool,
    /// Whether the floor is measured too.
    floor: bool,
}

impl Plan {
    async fn measure(&self, args: &LoadArgs) -> Result<(), BenchError> {
        let progress = Progress::new();
        let cluster = if args.cluster.is_empty() {
            progress.begin("starting", 1);
            let own = OwnCluster::start(&args.own, args.nodes.nodes)?;
            own.ready().await?;
            Cluster::Own(Box::new(own))
        } else {
            Cluster::Given(args.cluster.clone(), args.access.read()?)
        };
        let mut generator = Generator::new(self.load(args), clients(&cluster, args.connections())?);
        if self.fill {
            progress.begin("writing keys", args.keys());
            let told = |done| progress.at(done, format!("{} keys", crate::figures::whole(done)));
            let what = "the keys cannot be written";
            generator.fill(args.keys(), told).await.map_err(|source| BenchError::Store { what, source })?;
        }
        let mut measured = Measured::default();
        let nodes = match &cluster {
            // It may still be in the process of being founded, and then its nodes know no members.
            Cluster::Own(_) => usize::from(args.nodes.nodes),
            Cluster::Given(..) => {
                let statuses = cluster.statuses().await;
                let voters = statuses.values().map(|status| status.raft.membership.voters.len());
                voters.max().unwrap_or_default().max(1)
            }
        };
        let mut floor = if self.floor { Some(floor(&cluster, args, nodes)?) } else { None };
        warm_up(&mut generator, floor.as_mut(), args.warm_up, &progress).await?;
        measured.before = cluster.statuses().await;
        measured.work(&cluster, &mut generator, floor.as_mut(), args.secs, &progress).await?;
        let after = cluster.statuses().await;
        progress.end();
        if measured.tally.done() == 0 {
            let why = measured.tally.error.clone();
            return Err(BenchError::Nothing(
                why.unwrap_or_else(|| "no operation finished in time".to_owned()),
            ));
        }
        let store = Store {
            tally: measured.tally,
            took: measured.took,
            processor: measured.processor,
            own_processor: measured.own_processor,
            before: measured.before,
            after,
            over_time: measured.over_time.samples(),
            in_memory: cluster.is_in_memory(),
        };
        let report = Report::new(self, args, &store, floor.map(|_| measured.floor));
        print(&report, args.json, Report::table)
    }

    fn load(&self, args: &LoadArgs) -> Load {
        Load {
            clients: args.clients(),
            rate: args.rate,
            reads: self.reads,
            consistency: self.consistency,
            keys: args.keys(),
            value: Bytes::from(vec![b'v'; args.value_size]),
            timeout: args.timeout,
        }
    }
}

/// Clients with a connection and a session each.
fn clients(cluster: &Cluster, connections: u64) -> Result<Vec<Client>, BenchError> {
    let addresses = cluster.addresses();
    (0..connections).map(|_| Ok(Client::new(&addresses, cluster.options())?)).collect()
}

fn floor(cluster: &Cluster, args: &LoadArgs, nodes: usize) -> Result<Floor, BenchError> {
    let delay = args.own.sync_delay.unwrap_or_default();
    let start = |dir: &Path| Floor::start(dir, nodes, args.clients(), args.value_size, delay);
    match cluster {
        Cluster::Own(own) => start(own.dir()),
        Cluster::Given(..) => {
            let dir = data_dir(None)?;
            start(dir.path())
        }
    }
}

/// The same load as the measurement; nothing of it counts.
async fn warm_up(
    generator: &mut Generator,
    floor: Option<&mut Floor>,
    span: Duration,
    progress: &Progress,
) -> Result<(), BenchError> {
    if span.is_zero() {
        return Ok(());
    }
    progress.begin("warming up", millis(span));
    store_turn(generator, span, &OverTime::default(), progress, 0).await;
    if let Some(floor) = floor {
        floor.run(span.min(TURN))?;
    }
    Ok(())
}

/// Runs the load for this long, and observes it.
async fn store_turn(
    generator: &mut Generator,
    span: Duration,
    over_time: &OverTime,
    progress: &Progress,
    from: u64,
) -> LoadOutcome {
    let mut follower = None;
    let watch = |shared| follower = Some(over_time.follow(shared, progress.line(), from));
    let outcome = generator.run(span, watch).await;
    if let Some(follower) = follower {
        follower.abort();
    }
    outcome
}

/// The measurements of the store and of the floor.
#[derive(Default)]
struct Measured {
    tally: Tally,
    took: Duration,
    /// Of each node, while the load ran.
    processor: BTreeMap<NodeId, Duration>,
    /// Of this program, in the same time.
    own_processor: Option<Duration>,
    before: BTreeMap<NodeId, NodeStatus>,
    over_time: OverTime,
    floor: Slice,
}

impl Measured {
    /// Runs the store for `secs`, and if there is a floor, alternates between the two.
    async fn work(
        &mut self,
        cluster: &Cluster,
        generator: &mut Generator,
        mut floor: Option<&mut Floor>,
        secs: Duration,
        progress: &Progress,
    ) -> Result<(), BenchError> {
        let turn = if floor.is_some() { TURN.min(secs) } else { secs };
        let whole = if floor.is_some() { secs * 2 } else { secs };
        progress.begin("measuring", millis(whole));
        self.floor.processor = Some(Duration::ZERO);
        self.own_processor = Some(Duration::ZERO);
        let (mut left, mut so_far) = (secs, Duration::ZERO);
        while !left.is_zero() {
            let span = turn.min(left);
            left -= span;
            self.store(cluster, generator, span, progress, millis(so_far)).await;
            so_far += span;
            if let Some(floor) = &mut floor {
                progress.at(millis(so_far), "the floor".to_owned());
                self.floor.add(&floor.run(span)?);
                so_far += span;
            }
        }
        Ok(())
    }

    async fn store(
        &mut self,
        cluster: &Cluster,
        generator: &mut Generator,
        span: Duration,
        progress: &Progress,
        from: u64,
    ) {
        let own = || processor_time(std::process::id());
        let (nodes_before, own_before) = (cluster.processor_times(), own());
        let outcome = store_turn(generator, span, &self.over_time, progress, from).await;
        let (nodes_after, own_after) = (cluster.processor_times(), own());
        for (node, after) in nodes_after {
            // A node that did not exist before is a new process.
            let before = nodes_before.get(&node).copied().unwrap_or_default();
            *self.processor.entry(node).or_default() += after.saturating_sub(before);
        }
        let used = own_after.zip(own_before).map(|(after, before)| after.saturating_sub(before));
        self.own_processor = self.own_processor.zip(used).map(|(sum, used)| sum + used);
        self.tally.add(&outcome.tally);
        self.took += outcome.took;
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
