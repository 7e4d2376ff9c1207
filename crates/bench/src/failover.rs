//! The leader is killed repeatedly while clients write: how long until the next one acknowledges a write.

use crate::args::FailoverArgs;
use crate::cluster::{Nodes, OwnCluster};
use crate::error::BenchError;
use crate::figures::{counted, micros};
use crate::print::{print, title};
use crate::progress::Progress;
use crate::start::{START_PATIENCE, first_write};
use crate::times::Times;
use bytes::Bytes;
use console::style;
use raftdeck_client::{Client, Options};
use raftdeck_model::Order;
use raftdeck_protocol::Write;
use raftdeck_raft::NodeId;
use serde::Serialize;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// A write is given up after this time; no failover takes this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// A follower that is at most this many entries behind has caught up: under load it is never fully level.
const BEHIND: u64 = 2000;

/// The least pause between two trials; the longest is twice as much. So the kill falls at any moment between two heartbeats, and a
/// restarted node has heard its leader.
const BREATH: Duration = Duration::from_millis(250);

/// What was measured.
#[derive(Debug, Serialize)]
struct FailoverReport {
    benchmark: &'static str,
    nodes: u8,
    clients: u64,
    heartbeat_ms: u64,
    election_ms: (u64, u64),
    detect_crash: bool,
    sync_delay_us: Option<u64>,
    trials: u64,
    /// From the SIGKILL to the first write that the next leader acknowledged.
    failover_ms: Times,
    /// From the start of the killed node's process until it served.
    restart_ms: Times,
    /// From the start of the cluster to its first acknowledged write.
    start_ms: f64,
    acknowledged: u64,
    failed: u64,
    unknown: u64,
}

/// What the clients have seen.
#[derive(Debug)]
struct ClientsView {
    /// The highest term in which a write was acknowledged, the node that did so, and the time of the first such write.
    term: u64,
    leader: NodeId,
    since: Option<Instant>,
    acknowledged: u64,
    failed: u64,
    unknown: u64,
}

impl Default for ClientsView {
    fn default() -> Self {
        Self { term: 0, leader: NodeId(0), since: None, acknowledged: 0, failed: 0, unknown: 0 }
    }
}

#[derive(Debug, Default)]
struct Watch {
    seen: Mutex<ClientsView>,
    new_term: Notify,
}

impl Watch {
    fn seen(&self) -> MutexGuard<'_, ClientsView> {
        // No holder of this lock can panic in the middle of a change.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One client: writes, and writes again when that is answered.
    async fn write(self: Arc<Self>, client: Client, write: Write) {
        loop {
            let outcome = client.write(write.clone(), PATIENCE).await;
            let now = Instant::now();
            let mut seen = self.seen();
            match outcome {
                Ok(done) => {
                    seen.acknowledged += 1;
                    if done.at.term.0 > seen.term {
                        (seen.term, seen.leader, seen.since) = (done.at.term.0, done.node, Some(now));
                        self.new_term.notify_one();
                    }
                }
                Err(error) if error.may_have_happened() => seen.unknown += 1,
                Err(_) => seen.failed += 1,
            }
        }
    }

    /// Waits for a write that was acknowledged in a higher term; returns when that was.
    async fn next_leader(&self, term: u64) -> Result<Instant, BenchError> {
        let higher = async {
            loop {
                {
                    let seen = self.seen();
                    if let Some(since) = seen.since.filter(|_| seen.term > term) {
                        return since;
                    }
                }
                self.new_term.notified().await;
            }
        };
        let late = |_| BenchError::Node(format!("no write was acknowledged for {} s", PATIENCE.as_secs()));
        timeout(PATIENCE, higher).await.map_err(late)
    }
}

pub(crate) async fn run(args: &FailoverArgs) -> Result<(), BenchError> {
    let progress = Progress::new();
    progress.begin("starting", 1);
    let begun = Instant::now();
    let own = OwnCluster::start(&args.own, args.nodes)?;
    own.ready().await?;
    let start = first_write(&own.addresses(), START_PATIENCE).await? - begun;

    let watch = Arc::new(Watch::default());
    let client = Client::new(&own.addresses(), Options::default())?;
    let mut clients = JoinSet::new();
    for number in 0..args.clients {
        let key = Bytes::from(format!("failover-{number:04}"));
        let write = Write::Put { key, value: vec![b'v'; args.value_size].into() };
        clients.spawn(Arc::clone(&watch).write(client.clone(), write));
    }
    progress.begin("killing leaders", args.trials);
    let observer = Client::new(&own.addresses(), Options::default())?;
    let (mut failovers, mut restarts) = (Vec::new(), Vec::new());
    for trial in 0..args.trials {
        settle(&own, &observer).await?;
        let (failover, restart) = one_trial(&own, &watch).await?;
        progress.at(trial + 1, micros(failover.as_secs_f64() * 1e6));
        failovers.push(failover);
        restarts.push(restart);
    }
    clients.abort_all();
    progress.end();
    drop(own);

    let timing = args.own.timing();
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let seen = watch.seen();
    let report = FailoverReport {
        benchmark: "failover",
        nodes: args.nodes,
        clients: args.clients,
        heartbeat_ms: millis(timing.heartbeat),
        election_ms: (millis(timing.election_min), millis(timing.election_max)),
        detect_crash: args.own.detect_crash,
        sync_delay_us: args.own.sync_delay_micros(),
        trials: args.trials,
        failover_ms: Times::of(&failovers),
        restart_ms: Times::of(&restarts),
        start_ms: start.as_secs_f64() * 1e3,
        acknowledged: seen.acknowledged,
        failed: seen.failed,
        unknown: seen.unknown,
    };
    print(&report, args.json, FailoverReport::table)
}

/// Waits until every node serves and every follower has caught up, and then for a short random time.
async fn settle(own: &OwnCluster, observer: &Client) -> Result<(), BenchError> {
    own.ready().await?;
    let followers = own.nodes().len() - 1;
    let level = async {
        loop {
            for address in own.addresses() {
                let Ok(status) = observer.status(&address, Duration::from_secs(1)).await else { continue };
                let (last, peers) = (status.raft.last.index.0, &status.raft.peers);
                // Only a leader has peers.
                let level = peers.iter().filter(|peer| peer.matched.0 + BEHIND >= last).count();
                if level == followers {
                    return;
                }
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let late = |_| BenchError::Node("the followers do not catch up".to_owned());
    timeout(PATIENCE, level).await.map_err(late)?;
    let chance = RandomState::new().hash_one(0) % 1024;
    sleep(BREATH + BREATH * u32::try_from(chance).unwrap_or(0) / 1024).await;
    Ok(())
}

/// Kills the leader, times the next one, and starts the killed node again.
async fn one_trial(own: &OwnCluster, watch: &Watch) -> Result<(Duration, Duration), BenchError> {
    watch.next_leader(0).await?;
    let (term, leader) = {
        let seen = watch.seen();
        (seen.term, seen.leader)
    };
    let killed = Instant::now();
    own.tell(Order::Kill(leader));
    let failover = watch.next_leader(term).await? - killed;
    let is_down = |nodes: &Nodes| nodes.get(&leader).is_some_and(|node| node.pid.is_none());
    own.wait_for("the leader is killed", is_down).await?;
    let restarted = Instant::now();
    own.tell(Order::Restart(leader));
    Ok((failover, own.ready_since(leader, restarted).await? - restarted))
}

impl FailoverReport {
    fn table(&self) -> String {
        let (min, max) = self.election_ms;
        let mut circumstances = vec![
            counted(self.nodes.into(), "node"),
            counted(self.trials, "trial"),
            counted(self.clients, "client"),
            format!("heartbeat {} ms", self.heartbeat_ms),
            format!("election timeout {min} to {max} ms"),
        ];
        if self.detect_crash {
            circumstances.push("crashes detected".to_owned());
        }
        circumstances
            .extend(self.sync_delay_us.map(|delay| format!("each sync delayed by {}", micros(delay as f64))));
        let mut text = title("failover", &circumstances) + &Times::heading();
        text += &self.failover_ms.row("SIGKILL to next write");
        text += &self.restart_ms.row("restart to ready");
        text += &Times::single_row("cluster start to write", self.start_ms);
        text.push('\n');
        text += &self.failover_ms.distribution();
        if self.failed + self.unknown > 0 {
            let failed = counted(self.failed, "write");
            let remark = format!("{failed} failed, the outcome of {} is unknown", self.unknown);
            let _ = writeln!(text, "\n  {}", style(remark).yellow());
        }
        text + "\n"
    }
}
